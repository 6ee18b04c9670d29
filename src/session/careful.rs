//! What every answer tells browsers and proxies unless it says otherwise itself.

use actix_web::http::header::{CACHE_CONTROL, X_CONTENT_TYPE_OPTIONS};
use actix_web::middleware::DefaultHeaders;

/// No guessing of content types, no keeping: almost every answer is somebody's own. Assets, which never change under one
/// address, say themselves how long they may be kept.
pub fn careful_headers() -> DefaultHeaders {
    DefaultHeaders::new().add((X_CONTENT_TYPE_OPTIONS, "nosniff")).add((CACHE_CONTROL, "no-store"))
}
