//! Forms that send a file.

use actix_multipart::{Multipart, MultipartError};
use actix_web::dev::Payload;
use actix_web::error::PayloadError;
use actix_web::http::header::CONTENT_TYPE;
use actix_web::{FromRequest, HttpRequest};
use futures_util::StreamExt;
use futures_util::future::LocalBoxFuture;
use tokio::time::{Instant, timeout_at};

use super::fields::{self, Fields};
use super::visit::BODY_DEADLINE;
use crate::services::error::{BODY_TOO_LARGE, BODY_TOO_SLOW};
use crate::services::values::check;
use crate::services::{Served, ServiceError};

/// The largest of these forms, counted as it comes: a list of prices has about 2 MB.
const MOST_BYTES: usize = 8 * 1024 * 1024;
/// Fields of such a form: an import has one for each price that is chosen.
const MOST_PARTS: usize = 10_000;

/// The fields of a form that may send a file, whose text is its field's value.
pub(super) struct Upload(pub(super) Fields);

impl FromRequest for Upload {
    type Error = actix_web::Error;
    type Future = LocalBoxFuture<'static, Result<Self, Self::Error>>;

    fn from_request(request: &HttpRequest, payload: &mut Payload) -> Self::Future {
        let (request, body) = (request.clone(), payload.take());
        Box::pin(async move {
            let is_multipart = request.headers().get(CONTENT_TYPE).is_some_and(|kind| kind.as_bytes().starts_with(b"multipart/"));
            let read = if is_multipart { read(&request, body).await } else { fields::read(body).await };
            match read {
                Ok(fields) => Ok(Self(fields)),
                Err(error) => Err(fields::unreadable(&request, &error).await),
            }
        })
    }
}

async fn read(request: &HttpRequest, body: Payload) -> Served<Fields> {
    let by = Instant::now() + BODY_DEADLINE;
    let late = |_| ServiceError::new(&BODY_TOO_SLOW);
    let mut parts = Multipart::new(request.headers(), bounded(body));
    let (mut fields, mut count) = (Fields::default(), 0);
    while let Some(part) = timeout_at(by, parts.next()).await.map_err(late)? {
        let mut part = part.map_err(|error| broken(&error))?;
        count += 1;
        if count > MOST_PARTS {
            return Err(check::bad("form", format!("at most {MOST_PARTS} fields")));
        }
        let name = part.name().unwrap_or_default().to_owned();
        let mut bytes = Vec::new();
        while let Some(chunk) = timeout_at(by, part.next()).await.map_err(late)? {
            bytes.extend_from_slice(&chunk.map_err(|error| broken(&error))?);
        }
        let text = String::from_utf8(bytes).map_err(|_| check::bad(&name, "a text"))?;
        fields.add(name, text);
    }
    fields.storable()
}

/// The body up to its limit: names and empty parts count like everything else.
fn bounded(body: Payload) -> impl futures_util::Stream<Item = Result<actix_web::web::Bytes, PayloadError>> {
    let mut taken = 0;
    body.map(move |chunk| {
        let chunk = chunk?;
        taken += chunk.len();
        if taken > MOST_BYTES { Err(PayloadError::Overflow) } else { Ok(chunk) }
    })
}

fn broken(error: &MultipartError) -> ServiceError {
    match error {
        MultipartError::Payload(PayloadError::Overflow) => ServiceError::new(&BODY_TOO_LARGE).with("max", MOST_BYTES),
        _ => check::bad("form", "multipart/form-data"),
    }
}
