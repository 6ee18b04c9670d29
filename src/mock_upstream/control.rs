//! The control routes under `/_mock/`, for tests and people in another process.

use std::collections::BTreeMap;

use actix_web::http::StatusCode;
use actix_web::{HttpRequest, HttpResponse, HttpResponseBuilder};
use serde_json::Value;

use super::directive::Directive;
use super::recorder::Seen;
use super::script::{Script, Step};
use super::wire::list;

/// Answers a control request.
pub(super) fn answer(request: &HttpRequest, what: &str, body: &[u8], script: &Script) -> HttpResponse {
    match (request.method().as_str(), what) {
        ("POST", "script") => match steps(body) {
            Ok(steps) => {
                script.push_all(steps);
                send(StatusCode::OK, wire!({ "queued": (script.queued()) }))
            }
            Err(reason) => send(StatusCode::BAD_REQUEST, wire!({ "error": (reason.to_string()) })),
        },
        ("DELETE", "script") => {
            script.clear();
            send(StatusCode::OK, wire!({ "queued": 0 }))
        }
        ("GET", "requests") => send(StatusCode::OK, requests(script)),
        ("DELETE", "requests") => {
            script.forget_requests();
            send(StatusCode::OK, wire!({ "count": 0 }))
        }
        _ => send(StatusCode::NOT_FOUND, wire!({ "error": "no such control route" })),
    }
}

fn send(status: StatusCode, body: String) -> HttpResponse {
    HttpResponseBuilder::new(status).content_type("application/json").body(body)
}

/// A list of steps, or a single one.
fn steps(body: &[u8]) -> Result<Vec<Step>, serde_json::Error> {
    let first = body.iter().find(|byte| !byte.is_ascii_whitespace());
    let directives = match first {
        Some(b'[') => serde_json::from_slice::<Vec<Directive>>(body)?,
        _ => vec![serde_json::from_slice::<Directive>(body)?],
    };
    Ok(directives.into_iter().map(Directive::into_step).collect())
}

fn requests(script: &Script) -> String {
    wire!({
        "count": (script.count()),
        "inFlight": (script.in_flight()),
        "maxInFlight": (script.max_in_flight()),
        "dropped": (script.dropped()),
        "requests": (raw list(script.requests().iter().map(request))),
    })
}

/// A request as JSON; its body as JSON if it is that, else as text.
fn request(seen: &Seen) -> String {
    let headers: BTreeMap<&str, &str> = seen.headers.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
    let body =
        serde_json::from_slice(&seen.body).unwrap_or_else(|_| Value::String(String::from_utf8_lossy(&seen.body).into_owned()));
    wire!({
        "order": (seen.order),
        "method": (seen.method),
        "path": (seen.path),
        "query": (seen.query),
        "headers": (headers),
        "body": (body),
    })
}
