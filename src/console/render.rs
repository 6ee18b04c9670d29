//! Templates into pages.

use actix_web::http::StatusCode;
use actix_web::http::header::{self, ACCEPT_LANGUAGE};
use actix_web::{HttpRequest, HttpResponse, HttpResponseBuilder};
use minijinja::{Environment, Value, context};

use crate::services::Language;

/// Nothing from elsewhere, no inline script or style, no framing, forms only to ourselves.
const POLICY: &str =
    "default-src 'none'; style-src 'self'; img-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'";

thread_local! {
    /// The templates, embedded by `build.rs`; one environment per worker.
    static TEMPLATES: Environment<'static> = environment();
}

#[expect(clippy::expect_used, reason = "in what minijinja_embed generates: templates that do not parse fail the build's tests")]
fn environment() -> Environment<'static> {
    let mut environment = Environment::new();
    minijinja_embed::load_templates!(&mut environment);
    environment
}

/// The page's language, by `Accept-Language`.
pub(super) fn language(request: &HttpRequest) -> Language {
    let header = request.headers().get(ACCEPT_LANGUAGE).and_then(|value| value.to_str().ok());
    header.map(Language::accepted).unwrap_or_default()
}

/// Renders a page.
pub(super) fn page(request: &HttpRequest, status: StatusCode, template: &str, values: Value) -> HttpResponse {
    let zh = language(request) == Language::Zh;
    let rendered = TEMPLATES.with(|templates| templates.get_template(template)?.render(context! { zh, ..values }));
    match rendered {
        Ok(html) => guarded(&mut HttpResponse::build(status)).content_type("text/html; charset=utf-8").body(html),
        Err(error) => {
            tracing::error!(template, %error, "a page could not be rendered");
            HttpResponse::InternalServerError().body("The page could not be rendered.")
        }
    }
}

/// Sends the browser on.
pub(super) fn redirect(to: &'static str) -> HttpResponseBuilder {
    let mut response = HttpResponse::SeeOther();
    response.insert_header((header::LOCATION, to)).insert_header((header::CACHE_CONTROL, "no-store"));
    response
}

fn guarded(response: &mut HttpResponseBuilder) -> &mut HttpResponseBuilder {
    response
        .insert_header((header::CONTENT_SECURITY_POLICY, POLICY))
        .insert_header((header::X_CONTENT_TYPE_OPTIONS, "nosniff"))
        .insert_header((header::REFERRER_POLICY, "same-origin"))
        .insert_header((header::CACHE_CONTROL, "no-store"))
}
