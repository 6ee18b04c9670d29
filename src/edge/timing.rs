//! `Server-Timing`: where a request's time went until its answer's head, told to admins alone. Others would learn how others
//! load the gateway and how far away its providers are.

use std::fmt::Write;

use actix_web::HttpResponse;
use actix_web::http::header::{HeaderName, HeaderValue};
use actors::usage_ledger::Spent;

/// Tells it, where it may be told.
pub(super) fn tell(response: &mut HttpResponse, spent: Option<Spent>) {
    const NAME: HeaderName = HeaderName::from_static("server-timing");
    if let Some(value) = spent.and_then(|spent| HeaderValue::from_str(&stages(&spent)).ok()) {
        response.headers_mut().insert(NAME, value);
    }
}

/// Each stage with its milliseconds, and all of them.
fn stages(spent: &Spent) -> String {
    let Spent { read, admit, queue, route, upstream, total } = *spent;
    let own = admit + route;
    let all = [
        ("read", read),
        ("admit", admit),
        ("queue", queue),
        ("route", route),
        ("upstream", upstream),
        ("own", own),
        ("total", total),
    ];
    let mut text = String::with_capacity(128);
    for (name, took) in all {
        let mark = if text.is_empty() { "" } else { ", " };
        let _a_string_takes_all = write!(text, "{mark}{name};dur={:.3}", took.as_secs_f64() * 1e3);
    }
    text
}
