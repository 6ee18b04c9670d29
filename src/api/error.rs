//! The one place where a refusal becomes an HTTP answer.

use actix_web::http::header::{CACHE_CONTROL, RETRY_AFTER};
use actix_web::{HttpRequest, HttpResponse};
use schemars::JsonSchema;
use serde::Serialize;

use crate::services::ServiceError;
use crate::session::{language, status};

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
