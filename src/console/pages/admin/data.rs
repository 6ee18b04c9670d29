//! Data out and in: tables as files, the configuration as a file, the log before a date.

use actix_web::http::StatusCode;
use actix_web::http::header::CONTENT_DISPOSITION;
use actix_web::web::{self, ServiceConfig};
use actix_web::{HttpRequest, HttpResponse};
use minijinja::{Value, context};

use crate::console::fields::{Fields, Problem};
use crate::console::format;
use crate::console::render::shown;
use crate::console::upload::Upload;
use crate::console::visit::{Admin, SignedIn, Visit, status_of};
use crate::services::archive::{self, ArchiveQuery};
use crate::services::configuration::{self, ConfigDocument, ConfigImportOptions, ImportReport};
use crate::services::export::{self, ExportQuery};
use crate::services::reports::LogQuery;
use crate::services::values::check;
use crate::services::{Actor, Served, ServiceError};
use crate::session::download;

/// The tables that can be exported, and whether a range narrows them.
const TABLES: [(&str, bool); 7] = [
    ("request_logs", true),
    ("usage", true),
    ("ledger", true),
    ("audit", true),
    ("users", false),
    ("keys", false),
    ("gift_cards", false),
];

/// Registers the pages.
pub(super) fn routes(config: &mut ServiceConfig) {
    config
        .route("/admin/data", web::get().to(page))
        .route("/admin/data/export", web::get().to(table))
        .route("/admin/data/config", web::get().to(config_file))
        .route("/admin/data/config", web::post().to(preview_import))
        .route("/admin/data/config/import", web::post().to(import))
        .route("/admin/data/archive", web::get().to(archive_file))
        .route("/admin/data/archive/remove", web::get().to(ask_remove))
        .route("/admin/data/archive/remove", web::post().to(remove));
}

/// `GET /admin/data?before=`: with a date, what there is of the log before it.
async fn page(Admin(signed_in): Admin) -> HttpResponse {
    let before = signed_in.visit.asked("before");
    let found = match &before {
        Some(before) => Some(archive::preview(signed_in.visit.services(), &signed_in.actor, &query(before)).await),
        None => None,
    };
    let (preview, error) = match found {
        Some(Ok(preview)) => (shown(&preview), None),
        Some(Err(error)) => (Value::from(()), Some(error)),
        None => (Value::from(()), None),
    };
    show(&signed_in.visit, context! { before, preview }, error.as_ref())
}

/// `GET /admin/data/export?file=request_logs.csv&from=&to=`, days by the site's clock, both included.
async fn table(Admin(SignedIn { visit, actor }): Admin, request: HttpRequest) -> HttpResponse {
    let file = visit.asked("file").unwrap_or_default();
    let (table, format) = file.split_once('.').unwrap_or((file.as_str(), "csv"));
    let wish = ExportQuery { table: table.to_owned(), format: Some(format.to_owned()) };
    let exported = match range(&visit) {
        Ok(range) => export::export(visit.services(), &actor, wish, range).await,
        Err(error) => Err(error),
    };
    match exported {
        Ok(file) => download::send(file, &request),
        Err(error) => show(&visit, Value::default(), Some(&error)),
    }
}

/// `GET /admin/data/config`
async fn config_file(Admin(SignedIn { visit, actor }): Admin) -> HttpResponse {
    let exported = configuration::export(visit.services(), &actor).await;
    let text = exported.and_then(|document| serde_json::to_string_pretty(&document).map_err(ServiceError::ill));
    let zone = format::zone(&visit.services().settings.settings().timezone);
    let day = format::moment(visit.services().now(), &zone, "%Y-%m-%d");
    match text {
        Ok(text) => visit
            .response(StatusCode::OK)
            .content_type("application/json")
            .insert_header((CONTENT_DISPOSITION, format!("attachment; filename=\"api-proxy-{day}.json\"")))
            .body(text),
        Err(error) => visit.failure(&error),
    }
}

/// `POST /admin/data/config {configFile}`: what importing it would change.
async fn preview_import(Admin(SignedIn { visit, actor }): Admin, Upload(fields): Upload) -> HttpResponse {
    let text = fields.text("configFile");
    let planned = async {
        if text.trim().is_empty() {
            return Err(check::bad("configFile", "choose a file"));
        }
        let options = ConfigImportOptions { dry_run: Some(true) };
        let report = configuration::import(visit.services(), &actor, ConfigDocument::read(text)?, options).await?;
        Ok((report, configuration::sealed(visit.services(), &actor, text)?))
    };
    match planned.await {
        Ok((report, kept)) => report_page(&visit, &report, Some(kept)),
        Err(error) => show(&visit, Value::default(), Some(&error)),
    }
}

/// `POST /admin/data/config/import {kept}`: imports what was previewed.
async fn import(Admin(SignedIn { visit, actor }): Admin, Upload(fields): Upload) -> HttpResponse {
    let services = visit.services();
    let imported = match configuration::opened(services, &actor, fields.text("kept")) {
        Ok(document) => configuration::import(services, &actor, document, ConfigImportOptions::default()).await,
        Err(error) => Err(error),
    };
    match imported {
        Ok(report) => report_page(&visit, &report, None),
        Err(error) => show(&visit, Value::default(), Some(&error)),
    }
}

/// `GET /admin/data/archive?before=`: the log before a date as a file.
async fn archive_file(Admin(SignedIn { visit, actor }): Admin, request: HttpRequest) -> HttpResponse {
    match archive::download(visit.services(), &actor, &asked(&visit)).await {
        Ok(file) => download::send(file, &request),
        Err(error) => show(&visit, Value::default(), Some(&error)),
    }
}

/// `GET /admin/data/archive/remove?before=`: asks once.
async fn ask_remove(Admin(SignedIn { visit, actor }): Admin) -> HttpResponse {
    let asked = asked(&visit);
    match archive::preview(visit.services(), &actor, &asked).await {
        Ok(preview) => {
            visit.page(StatusCode::OK, "data/remove.html", context! { before => asked.before, preview => shown(&preview) })
        }
        Err(error) => show(&visit, Value::default(), Some(&error)),
    }
}

/// `POST /admin/data/archive/remove {before}`
async fn remove(Admin(SignedIn { visit, actor }): Admin, fields: Fields) -> HttpResponse {
    let before = fields.text("before");
    match removed(&visit, &actor, before).await {
        Ok(values) => show(&visit, values, None),
        Err(error) => show(&visit, context! { before }, Some(&error)),
    }
}

async fn removed(visit: &Visit, actor: &Actor, before: &str) -> Served<Value> {
    let removed = archive::delete(visit.services(), actor, &query(before)).await?;
    let preview = archive::preview(visit.services(), actor, &query(before)).await?;
    Ok(context! { before, removed => shown(&removed), preview => shown(&preview) })
}

fn query(before: &str) -> ArchiveQuery {
    ArchiveQuery { before: before.to_owned() }
}

fn asked(visit: &Visit) -> ArchiveQuery {
    query(&visit.asked("before").unwrap_or_default())
}

/// The days in the address; a day that is none is refused rather than left out.
fn range(visit: &Visit) -> Served<LogQuery> {
    let zone = format::zone(&visit.services().settings.settings().timezone);
    let moment = |name: &str, time: &str| match visit.asked(name) {
        None => Ok(None),
        Some(day) => format::read_moment(&format!("{day}T{time}"), &zone).map(Some).ok_or_else(|| check::bad(name, "a day")),
    };
    let to = moment("to", "23:59:59.999")?.map(|last| last + 1);
    Ok(LogQuery { from: moment("from", "00:00")?, to, ..LogQuery::default() })
}

fn show(visit: &Visit, values: Value, error: Option<&ServiceError>) -> HttpResponse {
    let zone = format::zone(&visit.services().settings.settings().timezone);
    let yesterday = format::moment(visit.services().now() - 86_400_000, &zone, "%Y-%m-%d");
    let problem = error.map(|error| shown(&Problem::of(visit, error)));
    let values = context! { tables => shown(&TABLES), yesterday, problem, ..values };
    visit.page(error.map_or(StatusCode::OK, status_of), "data/page.html", values)
}

fn report_page(visit: &Visit, report: &ImportReport, kept: Option<String>) -> HttpResponse {
    let parts = [&report.channels, &report.models, &report.mappings, &report.prices];
    let unchanged = report.settings.is_empty() && parts.into_iter().all(|counts| counts.is_unchanged());
    visit.page(StatusCode::OK, "data/import.html", context! { report => shown(report), kept, unchanged })
}
