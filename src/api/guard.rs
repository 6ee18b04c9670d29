//! The permission in the handler's signature: `Guarded<Admin>` cannot be had by anybody less.

use actix_web::HttpRequest;
use actix_web::cookie::time::Duration;
use actix_web::cookie::{Cookie, SameSite};
use actix_web::http::header::AUTHORIZATION;
use actix_web::web::Data;
use actors::vocabulary::Role;

use super::client::Client;
use super::{ApiContext, origin};
use crate::services::error::NOT_SIGNED_IN;
use crate::services::{Actor, Served, ServiceError, credentials};

/// The session cookie's name.
pub const COOKIE: &str = "api_proxy_session";
/// How long browsers keep the cookie. The session behind it ends earlier; the server decides.
const COOKIE_DAYS: i64 = 365;

/// Who may use a route.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Permission {
    /// Anybody, signed in or not.
    #[default]
    Anyone,
    /// Any active account.
    SignedIn,
    /// Admins and super admins.
    Admin,
    /// Super admins.
    SuperAdmin,
}

/// A level of permission as a type.
pub trait Policy: 'static {
    /// The same as a value.
    const PERMISSION: Permission;
    /// What the handler learns about the caller.
    type Who;
    /// Lets the caller in, or not.
    ///
    /// # Errors
    /// `not_signed_in` or `forbidden`.
    fn admit(actor: Option<Actor>) -> Served<Self::Who>;
}

/// Anybody; the handler learns who it is if they are signed in.
#[derive(Debug)]
pub struct Anyone;
/// Any active account.
#[derive(Debug)]
pub struct SignedIn;
/// Admins and super admins.
#[derive(Debug)]
pub struct Admin;
/// Super admins.
#[derive(Debug)]
pub struct SuperAdmin;

impl Policy for Anyone {
    const PERMISSION: Permission = Permission::Anyone;
    type Who = Option<Actor>;
    fn admit(actor: Option<Actor>) -> Served<Option<Actor>> {
        Ok(actor)
    }
}

macro_rules! policies {
    ($($policy:ident: $role:ident),+) => {$(
        impl Policy for $policy {
            const PERMISSION: Permission = Permission::$policy;
            type Who = Actor;
            fn admit(actor: Option<Actor>) -> Served<Actor> {
                let actor = actor.ok_or_else(|| ServiceError::new(&NOT_SIGNED_IN))?;
                actor.require(Role::$role)?;
                Ok(actor)
            }
        }
    )+};
}

policies!(SignedIn: User, Admin: Admin, SuperAdmin: SuperAdmin);

/// Proof that the caller passed the policy.
#[derive(Debug)]
pub struct Guarded<P: Policy> {
    /// The caller.
    pub who: P::Who,
}

impl<P: Policy> Guarded<P> {
    /// Finds out who calls and whether that is enough.
    ///
    /// # Errors
    /// `not_signed_in`, `forbidden`, `cross_site`, or an ill database.
    pub async fn check(request: &HttpRequest) -> Served<Self> {
        let context = request.app_data::<Data<ApiContext>>().ok_or_else(|| ServiceError::ill("the door is not wired"))?;
        let client = Client::of(request, &context.proxies);
        let actor = match bearer(request) {
            Some(token) => {
                let actor = credentials::by_token(&context.services, token, client.ip).await?;
                Some(actor.ok_or_else(|| ServiceError::new(&NOT_SIGNED_IN))?)
            }
            None => {
                origin::check(request, context)?;
                match request.cookie(COOKIE) {
                    Some(cookie) => credentials::by_session(&context.services, cookie.value(), client.ip).await?,
                    None => None,
                }
            }
        };
        P::admit(actor).map(|who| Self { who })
    }
}

fn bearer(request: &HttpRequest) -> Option<&str> {
    let (scheme, token) = request.headers().get(AUTHORIZATION)?.to_str().ok()?.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| token.trim())
}

/// The cookie that carries a fresh session.
pub fn session_cookie(token: &str, client: &Client) -> Cookie<'static> {
    cookie(token, client).max_age(Duration::days(COOKIE_DAYS)).finish()
}

/// The cookie that ends it.
pub fn no_session_cookie(client: &Client) -> Cookie<'static> {
    cookie("", client).max_age(Duration::ZERO).finish()
}

fn cookie(token: &str, client: &Client) -> actix_web::cookie::CookieBuilder<'static> {
    Cookie::build(COOKIE, token.to_owned()).path("/").http_only(true).same_site(SameSite::Lax).secure(client.secure)
}
