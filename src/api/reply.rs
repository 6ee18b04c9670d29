//! Outputs of handlers.

use actix_web::cookie::Cookie;
use actix_web::http::StatusCode;
use actix_web::http::header::CACHE_CONTROL;
use actix_web::{HttpRequest, HttpResponse};
use schemars::JsonSchema;
use serde::Serialize;

use super::door::Respond;
use super::openapi::Operation;

/// A JSON answer with status `STATUS`.
#[derive(Debug)]
pub struct Reply<T, const STATUS: u16 = 200> {
    body: T,
    cookie: Option<Cookie<'static>>,
}

/// A JSON answer with status 201.
pub type Created<T> = Reply<T, 201>;

impl<T, const STATUS: u16> Reply<T, STATUS> {
    /// An answer.
    pub fn new(body: T) -> Self {
        Self { body, cookie: None }
    }

    /// The same, setting a cookie.
    #[must_use]
    pub fn with_cookie(self, cookie: Cookie<'static>) -> Self {
        Self { cookie: Some(cookie), ..self }
    }
}

impl<T: Serialize + JsonSchema + 'static, const STATUS: u16> Respond for Reply<T, STATUS> {
    fn respond(self, _: &HttpRequest) -> HttpResponse {
        let mut answer = HttpResponse::build(StatusCode::from_u16(STATUS).unwrap_or(StatusCode::OK));
        answer.insert_header((CACHE_CONTROL, "no-store"));
        if let Some(cookie) = self.cookie {
            answer.cookie(cookie);
        }
        answer.json(self.body)
    }

    fn describe(operation: &mut Operation<'_>) {
        operation.status = STATUS;
        operation.answer = Some(operation.output.subschema_for::<T>());
    }
}
