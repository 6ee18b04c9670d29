//! Styles, scripts, icons and fonts: made by `build.rs`, embedded, never changed under one address.

use actix_web::HttpResponse;
use actix_web::http::header::{CACHE_CONTROL, CONTENT_TYPE, HeaderName, HeaderValue, X_CONTENT_TYPE_OPTIONS};
use actix_web::web::{Bytes, Data, Path};

use super::Console;

/// What the build made.
static BUILT: FrontEnd = include!(concat!(env!("OUT_DIR"), "/front_end.rs"));
/// What it would have made without npm: in development builds, so that tests see both.
#[cfg(debug_assertions)]
const WITHOUT_NPM: Option<&FrontEnd> = Some(&include!(concat!(env!("OUT_DIR"), "/front_end_without_npm.rs")));
#[cfg(not(debug_assertions))]
const WITHOUT_NPM: Option<&FrontEnd> = None;

/// The files that pages load.
#[derive(Debug)]
pub struct FrontEnd {
    /// Whether icons, font and chart library are among them; else pages do with words and the server's own charts.
    pub with_npm: bool,
    /// Stands in every address, so that browsers may keep what they have.
    version: &'static str,
    files: &'static [(&'static str, &'static [u8])],
}

impl FrontEnd {
    /// What the build made; in a development build, if that is wanted, what it would have made without npm.
    pub fn embedded(without_npm: bool) -> &'static Self {
        WITHOUT_NPM.filter(|_| without_npm).unwrap_or(&BUILT)
    }

    /// The sentence about it on the system page and in the start line.
    pub const fn description(&self) -> &'static str {
        if self.with_npm { "built with npm" } else { "built without npm: no icons, no chart library" }
    }

    /// Where `name` is served.
    pub(super) fn address(&self, name: &str) -> String {
        format!("/assets/{}/{name}", self.version)
    }

    fn find(&self, name: &str) -> Option<Bytes> {
        let (name, bytes) = self.files.iter().find(|(known, _)| *known == name)?;
        let bundled = self.with_npm.then(|| in_development(name)).flatten();
        Some(bundled.unwrap_or(Bytes::from_static(bytes)))
    }
}

/// `GET /assets/{version}/{name}`
pub(super) async fn serve(console: Data<Console>, asked: Path<(String, String)>) -> HttpResponse {
    let (version, name) = asked.into_inner();
    let Some(bytes) = console.front_end.find(&name) else {
        return HttpResponse::NotFound().content_type("text/plain; charset=utf-8").body("No such file.");
    };
    // Whoever asks for another version gets this one, but must not keep it under that address.
    let is_current = version == console.front_end.version;
    let keep = if is_current && !cfg!(debug_assertions) { "public, max-age=31536000, immutable" } else { "no-cache" };
    let nosniff: (HeaderName, HeaderValue) = (X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    HttpResponse::Ok()
        .insert_header((CONTENT_TYPE, kind(&name)))
        .insert_header((CACHE_CONTROL, keep))
        .insert_header(nosniff)
        .body(bytes)
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
