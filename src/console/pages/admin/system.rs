//! How the gateway does, for admins.

use actix_web::HttpResponse;
use actix_web::http::StatusCode;
use minijinja::{Value, context};

use crate::console::format;
use crate::console::render::shown;
use crate::console::visit::{Admin, SignedIn};
use crate::services::growth::Growth;
use crate::services::{books, system};

/// `GET /admin/system`
pub(super) async fn page(Admin(SignedIn { visit, .. }): Admin) -> HttpResponse {
    let parts = &*visit.console.system.0;
    let readiness = system::readiness(visit.services(), parts).await;
    let info = system::info(visit.services(), parts).await;
    let aside = match info.figures.books.set_aside {
        0 => Vec::new(),
        _ => books::set_aside(parts).await.unwrap_or_default(),
    };
    let minutes = info.uptime_sec / 60;
    let values = context! {
        relays => readiness.ready,
        memory => info.figures.memory_bytes.map(|bytes| bytes >> 20),
        latency => info.database_latency_us.map(in_milliseconds),
        aside => shown(&aside),
        journal_disk => info.figures.books.journal_disk_free_bytes.map(bytes),
        database_disk => info.figures.books.database_disk_free_bytes.map(bytes),
        size => info.database_bytes.map(size),
        growth => info.growth.as_ref().map(growth),
        uptime => context! { days => minutes / 1_440, hours => minutes / 60 % 24, minutes => minutes % 60 },
        info => shown(&info),
    };
    visit.page(StatusCode::OK, "admin/system.html", values)
}

fn growth(growth: &Growth) -> Value {
    context! {
        each => growth.bytes_per_request.map(|bytes| format!("{} B", format::grouped(bytes))),
        day => growth.bytes_per_day.map(size),
        levels_off => growth.levels_off_at_bytes.map(size),
        unused => size(growth.unused_bytes),
    }
}

fn bytes(count: u64) -> String {
    size(i64::try_from(count).unwrap_or(i64::MAX))
}

/// Bytes in the unit that people say them in.
fn size(bytes: i64) -> String {
    match bytes >> 20 {
        0..10 => format!("{} KiB", format::grouped(bytes >> 10)),
        mebibytes => format!("{} MiB", format::grouped(mebibytes)),
    }
}

/// Microseconds as milliseconds with two decimals.
fn in_milliseconds(us: i64) -> String {
    format!("{}.{:02} ms", format::grouped(us / 1_000), us % 1_000 / 10)
}
