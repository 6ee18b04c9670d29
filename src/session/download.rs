//! A file sent in chunks, at either door.

use actix_web::http::header::{CACHE_CONTROL, CONTENT_DISPOSITION, CONTENT_TYPE, X_CONTENT_TYPE_OPTIONS};
use actix_web::{HttpRequest, HttpResponse};
use futures_util::StreamExt;

use crate::services::export::Download;

/// Sends it. An error on the way breaks the connection, so that nobody takes a part for the whole.
pub fn send(file: Download, request: &HttpRequest) -> HttpResponse {
    let path = request.path().to_owned();
    let parts = file.parts.map(move |part| {
        part.map_err(|error| {
            tracing::error!(path, cause = error.cause, "a download broke off");
            std::io::Error::other(error.to_string())
        })
    });
    HttpResponse::Ok()
        .insert_header((CONTENT_TYPE, file.content_type))
        .insert_header((CONTENT_DISPOSITION, format!("attachment; filename=\"{}\"", file.file_name)))
        .insert_header((CACHE_CONTROL, "no-store"))
        .insert_header((X_CONTENT_TYPE_OPTIONS, "nosniff"))
        .streaming(parts)
}
