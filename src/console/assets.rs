//! Styles, scripts, icons and fonts: bundled by `build.rs`, embedded, never changed under one address.

use actix_web::HttpResponse;
use actix_web::http::header::{CACHE_CONTROL, CONTENT_TYPE, HeaderName, HeaderValue, X_CONTENT_TYPE_OPTIONS};
use actix_web::web::{Bytes, Path};

/// The files by name; none when the binary was built without npm.
const FILES: &[(&str, &[u8])] = include!(concat!(env!("OUT_DIR"), "/front_end.rs"));
/// Stands in every address, so that browsers may keep what they have.
const VERSION: &str = env!("FRONT_END_VERSION");

/// Whether there is anything to load.
pub(super) fn are_built() -> bool {
    !FILES.is_empty()
}

/// Where `name` is served.
pub(super) fn address(name: &str) -> String {
    format!("/assets/{VERSION}/{name}")
}

/// `GET /assets/{version}/{name}`
pub(super) async fn serve(asked: Path<(String, String)>) -> HttpResponse {
    let (version, name) = asked.into_inner();
    let Some(bytes) = find(&name) else {
        return HttpResponse::NotFound().content_type("text/plain; charset=utf-8").body("No such file.");
    };
    // Whoever asks for another version gets this one, but must not keep it under that address.
    let keep = if version == VERSION && !cfg!(debug_assertions) { "public, max-age=31536000, immutable" } else { "no-cache" };
    let nosniff: (HeaderName, HeaderValue) = (X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    HttpResponse::Ok()
        .insert_header((CONTENT_TYPE, kind(&name)))
        .insert_header((CACHE_CONTROL, keep))
        .insert_header(nosniff)
        .body(bytes)
}

fn find(name: &str) -> Option<Bytes> {
    let (name, bytes) = FILES.iter().find(|(known, _)| *known == name)?;
    Some(in_development(name).unwrap_or(Bytes::from_static(bytes)))
}

/// The file as `npm run watch` left it on disk.
#[cfg(debug_assertions)]
fn in_development(name: &str) -> Option<Bytes> {
    let home = std::path::Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/static/dist"));
    std::fs::read(home.join(name)).ok().map(Bytes::from)
}

#[cfg(not(debug_assertions))]
fn in_development(_: &str) -> Option<Bytes> {
    None
}

fn kind(name: &str) -> &'static str {
    match name.rsplit('.').next() {
        Some("css") => "text/css; charset=utf-8",
        Some("js") => "text/javascript; charset=utf-8",
        Some("svg") => "image/svg+xml",
        Some("woff2") => "font/woff2",
        _ => "application/octet-stream",
    }
}
