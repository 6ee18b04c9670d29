//! Who stands at a door: the client as its connection shows it, the session it carries, whether its page is ours.
//!
//! Shared by the two doors that people sign in at, `api` and `console`.

mod careful;
mod client;
pub mod download;
pub mod live;
mod origin;
pub mod site;

use actix_web::HttpRequest;
use actix_web::cookie::time::Duration;
use actix_web::cookie::{Cookie, CookieBuilder, SameSite};
use actix_web::http::StatusCode;
use actix_web::http::header::{ACCEPT_LANGUAGE, AUTHORIZATION};

use crate::config::TrustedProxies;
use crate::services::error::NOT_SIGNED_IN;
use crate::services::{Actor, Kind, Language, Served, ServiceError, Services, credentials};

pub use careful::careful_headers;
pub use client::Client;

/// The session cookie's name.
pub const COOKIE: &str = "api_proxy_session";
/// How long browsers keep the cookie. The session behind it ends earlier; the server decides.
const COOKIE_DAYS: i64 = 365;

/// What a door needs to know who stands at it.
#[derive(Clone)]
pub struct Doorstep {
    /// The services behind the door.
    pub services: Services,
    /// Whose forwarding headers are believed.
    pub proxies: TrustedProxies,
}

/// Who calls: by admin token, else by session; `None` for a stranger. Changes that another site's page sent
/// are refused.
///
/// # Errors
/// `not_signed_in` for a token that is none, `cross_site`, or an ill database.
pub async fn actor(request: &HttpRequest, doorstep: &Doorstep) -> Served<Option<Actor>> {
    let client = Client::of(request, &doorstep.proxies);
    if let Some(token) = bearer(request) {
        let actor = credentials::by_token(&doorstep.services, token, client.ip).await?;
        return actor.map(Some).ok_or_else(|| ServiceError::new(&NOT_SIGNED_IN));
    }
    origin::check(request, doorstep)?;
    match request.cookie(COOKIE) {
        Some(cookie) => credentials::by_session(&doorstep.services, cookie.value(), client.ip).await,
        None => Ok(None),
    }
}

fn bearer(request: &HttpRequest) -> Option<&str> {
    let (scheme, token) = request.headers().get(AUTHORIZATION)?.to_str().ok()?.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| token.trim())
}

/// The caller's language by its `Accept-Language`.
pub fn language(request: &HttpRequest) -> Language {
    let header = request.headers().get(ACCEPT_LANGUAGE).and_then(|value| value.to_str().ok());
    header.map(Language::accepted).unwrap_or_default()
}

/// The HTTP status of a refusal.
pub fn status(kind: Kind) -> StatusCode {
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

/// The cookie that carries a fresh session.
pub fn session_cookie(token: &str, client: &Client) -> Cookie<'static> {
    cookie(token, client).max_age(Duration::days(COOKIE_DAYS)).finish()
}

/// The cookie that ends it.
pub fn no_session_cookie(client: &Client) -> Cookie<'static> {
    cookie("", client).max_age(Duration::ZERO).finish()
}

fn cookie(token: &str, client: &Client) -> CookieBuilder<'static> {
    Cookie::build(COOKIE, token.to_owned()).path("/").http_only(true).same_site(SameSite::Lax).secure(client.secure)
}
