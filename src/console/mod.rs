//! The door for people: pages rendered on the server.
//!
//! A sign-in page and a status page. Pages work without scripts, load nothing from elsewhere and say so in
//! their Content-Security-Policy.

mod pages;
mod render;

use actix_web::HttpResponse;
use actix_web::http::header::{CACHE_CONTROL, CONTENT_TYPE, ETAG};
use actix_web::web::{self, Data, ServiceConfig};

use crate::services::system::SystemHandle;
use crate::session::Doorstep;

/// The stylesheet, embedded.
const STYLES: &str = include_str!("../../static/app.css");

/// What the pages work with.
#[derive(Clone)]
pub struct Console {
    /// Services, and who stands at the door.
    pub doorstep: Doorstep,
    /// Signs of life.
    pub system: SystemHandle,
}

/// Registers the pages.
pub fn routes(config: &mut ServiceConfig, console: &Console) {
    config
        .app_data(Data::new(console.clone()))
        .service(web::resource("/").route(web::get().to(pages::home)).route(web::head().to(HttpResponse::Ok)))
        .service(web::resource("/sign-in").route(web::get().to(pages::sign_in_form)).route(web::post().to(pages::sign_in)))
        .service(web::resource("/sign-out").route(web::post().to(pages::sign_out)))
        .service(web::resource("/status").route(web::get().to(pages::status)))
        .service(web::resource("/assets/app.css").route(web::get().to(styles)));
}

/// The stylesheet; its tag is the version, so that a new binary brings new styles.
async fn styles() -> HttpResponse {
    HttpResponse::Ok()
        .insert_header((CONTENT_TYPE, "text/css; charset=utf-8"))
        .insert_header((CACHE_CONTROL, "no-cache"))
        .insert_header((ETAG, concat!("\"", env!("CARGO_PKG_VERSION"), "\"")))
        .body(STYLES)
}
