//! The one place where a refusal becomes an HTTP answer.

use actix_web::http::StatusCode;
use actix_web::http::header::{ACCEPT_LANGUAGE, CACHE_CONTROL, RETRY_AFTER};
use actix_web::{HttpRequest, HttpResponse};
use schemars::JsonSchema;
use serde::Serialize;

use crate::services::{Kind, Language, ServiceError};

/// The body of every error.
#[derive(Debug, Serialize, JsonSchema)]
pub struct ErrorBody {
    /// What went wrong, in the caller's language.
    pub error: String,
    /// The same as a machine word.
    pub code: &'static str,
    /// The field at fault, where one is.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub field: Option<String>,
}

/// The answer to a request that was refused; logs what is our own fault.
pub fn refuse(request: &HttpRequest, error: ServiceError) -> HttpResponse {
    if let Some(cause) = &error.cause {
        tracing::error!(path = request.match_pattern().unwrap_or_default(), code = error.refusal.code, cause, "a request failed");
    }
    let mut answer = HttpResponse::build(status(error.refusal.kind));
    if let Some(seconds) = error.retry_after {
        answer.insert_header((RETRY_AFTER, seconds));
    }
    answer.insert_header((CACHE_CONTROL, "no-store"));
    answer.json(ErrorBody { error: error.message(language(request)), code: error.refusal.code, field: error.field })
}

/// The caller's language.
pub fn language(request: &HttpRequest) -> Language {
    let header = request.headers().get(ACCEPT_LANGUAGE).and_then(|value| value.to_str().ok());
    header.map(Language::accepted).unwrap_or_default()
}

fn status(kind: Kind) -> StatusCode {
    match kind {
        Kind::Invalid => StatusCode::BAD_REQUEST,
        Kind::Unauthorised => StatusCode::UNAUTHORIZED,
        Kind::Forbidden => StatusCode::FORBIDDEN,
        Kind::NotFound => StatusCode::NOT_FOUND,
        Kind::WrongMethod => StatusCode::METHOD_NOT_ALLOWED,
        Kind::Conflict => StatusCode::CONFLICT,
        Kind::Gone => StatusCode::GONE,
        Kind::TooLarge => StatusCode::PAYLOAD_TOO_LARGE,
        Kind::TooSlow => StatusCode::REQUEST_TIMEOUT,
        Kind::TooMany => StatusCode::TOO_MANY_REQUESTS,
        Kind::BadGateway => StatusCode::BAD_GATEWAY,
        Kind::Ill => StatusCode::SERVICE_UNAVAILABLE,
    }
}
