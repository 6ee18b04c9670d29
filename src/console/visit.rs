//! One visit to a page: who asks, in which language and colours, and how the page goes out.

use std::collections::BTreeMap;
use std::time::Duration;

use actix_web::cookie::{Cookie, SameSite, time};
use actix_web::dev::Payload;
use actix_web::error::InternalError;
use actix_web::http::StatusCode;
use actix_web::http::header;
use actix_web::web::Data;
use actix_web::{FromRequest, HttpRequest, HttpResponse, HttpResponseBuilder};
use futures_util::future::LocalBoxFuture;
use minijinja::{Value, context};
use url::{Url, form_urlencoded};

use super::Console;
use super::fields::{Fields, Problem};
use super::render::shown;
use super::{notices, once, texts};
use crate::services::site;
use crate::services::values::storable;
use crate::services::{Actor, Kind, Language, Served, ServiceError, Services};
use crate::session::{self, Client};

/// Nothing from elsewhere, no inline script or style, no framing, forms only to ourselves.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; font-src 'self'; \
     connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'";
/// The cookies that remember what a browser was set to.
pub(super) const LANGUAGE_COOKIE: &str = "language";
pub(super) const THEME_COOKIE: &str = "theme";
/// The longest that a form may take to arrive.
pub(super) const BODY_DEADLINE: Duration = Duration::from_secs(30);

/// Somebody opens a page: perhaps a stranger.
#[derive(Clone)]
pub(super) struct Visit {
    pub(super) console: Data<Console>,
    pub(super) request: HttpRequest,
    pub(super) language: Language,
    pub(super) actor: Option<Actor>,
}

/// Somebody who is signed in.
pub(super) struct SignedIn {
    pub(super) visit: Visit,
    pub(super) actor: Actor,
}

/// Somebody who may be in the area of the page: anybody signed in at `/console`, admins at `/admin`.
pub(super) struct InArea(pub(super) SignedIn);

/// An admin.
pub(super) struct Admin(pub(super) SignedIn);

impl Visit {
    async fn begin(request: HttpRequest) -> Result<Self, HttpResponse> {
        let Some(console) = request.app_data::<Data<Console>>().cloned() else {
            return Err(HttpResponse::InternalServerError().finish());
        };
        let chosen = request.cookie(LANGUAGE_COOKIE).and_then(|cookie| Language::of_tag(cookie.value()));
        let language = chosen.unwrap_or_else(|| session::language(&request));
        let visit = Self { console, request, language, actor: None };
        let actor = match visit.readable() {
            Ok(()) => session::actor(&visit.request, &visit.console.doorstep).await,
            Err(error) => Err(error),
        };
        match actor {
            Ok(actor) => Ok(Self { actor, ..visit }),
            Err(error) => Err(visit.failure(&error)),
        }
    }

    /// Passes an address all of whose parameters a database can be asked for.
    fn readable(&self) -> Served<()> {
        let query = self.query();
        storable::pairs(query.iter().map(|(name, value)| (name.as_str(), value.as_str())))
    }

    pub(super) fn services(&self) -> &Services {
        &self.console.doorstep.services
    }

    pub(super) fn client(&self) -> Client {
        Client::of(&self.request, &self.console.doorstep.proxies)
    }

    /// Whether the page is an admin's: of everybody's things.
    pub(super) fn of_all(&self) -> bool {
        self.request.path().starts_with("/admin")
    }

    /// `/admin` or `/console`.
    pub(super) fn area(&self) -> &'static str {
        if self.of_all() { "/admin" } else { "/console" }
    }

    /// The parameter of this name in the address, if it says anything.
    pub(super) fn asked(&self, name: &str) -> Option<String> {
        let found = self.query().into_iter().find(|(key, value)| key == name && !value.trim().is_empty());
        found.map(|(_, value)| value)
    }

    /// The text of this name.
    pub(super) fn say(&self, key: &str) -> String {
        self.console.renderer.voice(self.language).say(key)
    }

    /// Whether there is a text of this name.
    pub(super) fn can_say(&self, key: &str) -> bool {
        self.console.renderer.voice(self.language).texts.has(key)
    }

    fn query(&self) -> Vec<(String, String)> {
        form_urlencoded::parse(self.request.query_string().as_bytes()).into_owned().collect()
    }

    /// The page made from `template`.
    pub(super) fn page(&self, status: StatusCode, template: &str, values: Value) -> HttpResponse {
        match self.html(template, values) {
            Ok(html) => self.response(status).content_type("text/html; charset=utf-8").body(html),
            Err(error) => {
                tracing::error!(template, error = format!("{error:#}"), "a page could not be rendered");
                HttpResponse::InternalServerError().body("The page could not be rendered.")
            }
        }
    }

    /// A page with a form: as it starts, or again as it was typed, with what is wrong with it. What `values` says of
    /// `typed` and `problem` itself is taken.
    pub(super) fn form(&self, template: &str, values: Value, fields: &Fields, error: Option<&ServiceError>) -> HttpResponse {
        let again = context! {
            typed => error.map_or_else(|| Value::from(()), |_| fields.typed()),
            problem => error.map(|error| shown(&Problem::of(self, error))),
        };
        self.page(error.map_or(StatusCode::OK, status_of), template, context! { ..values, ..again })
    }

    /// The text made from `template`.
    pub(super) fn html(&self, template: &str, values: Value) -> Result<String, minijinja::Error> {
        let settings = self.services().settings.settings();
        let theme = self.request.cookie(THEME_COOKIE).map(|cookie| cookie.value().to_owned());
        let query = self.query();
        let me = self.actor.as_ref().map(|actor| {
            context! { id => actor.id.0, name => actor.name.as_str(), role => actor.role.as_str(), admin => actor.is_admin() }
        });
        let common = context! {
            notices => notices::of(self, &settings),
            site => settings.site_name,
            logo => settings.site_logo_url,
            timezone => settings.timezone,
            registration => settings.registration_enabled,
            language => texts::tag(self.language),
            theme => theme.filter(|theme| ["light", "dark"].contains(&theme.as_str())),
            area => self.area(),
            of_all => self.of_all(),
            path => self.request.path(),
            query => shown(&query),
            args => shown(&query.into_iter().rev().collect::<BTreeMap<_, _>>()),
            ticket => once::counter(self),
            me,
        };
        self.console.renderer.voice(self.language).render(template, context! { ..values, ..common })
    }

    /// The page that says what went wrong.
    pub(super) fn failure(&self, error: &ServiceError) -> HttpResponse {
        if error.refusal.kind == Kind::Ill {
            tracing::error!(cause = error.cause, path = self.request.path(), "a page failed");
        }
        let problem = Problem::of(self, error);
        self.page(status_of(error), "failure.html", context! { problem => shown(&problem), status => status_of(error).as_u16() })
    }

    /// A response that browsers treat with care.
    pub(super) fn response(&self, status: StatusCode) -> HttpResponseBuilder {
        let mut response = HttpResponse::build(status);
        response
            .insert_header((header::CONTENT_SECURITY_POLICY, self.policy()))
            .insert_header((header::X_CONTENT_TYPE_OPTIONS, "nosniff"))
            .insert_header((header::REFERRER_POLICY, "same-origin"))
            .insert_header((header::CACHE_CONTROL, "no-store"))
            .insert_header((header::VARY, "Accept-Language, Cookie"));
        response
    }

    /// [`POLICY`]; pictures may come from where the site's logo is, too.
    fn policy(&self) -> String {
        let logo = self.services().settings.settings().site_logo_url;
        match logo.as_deref().and_then(picture_origin) {
            Some(origin) => POLICY.replace("img-src 'self'", &format!("img-src 'self' {origin}")),
            None => POLICY.to_owned(),
        }
    }

    /// Sends the browser on, within this site.
    pub(super) fn to(&self, address: &str) -> HttpResponseBuilder {
        let mut response = self.response(StatusCode::SEE_OTHER);
        response.insert_header((header::LOCATION, if is_on_this_site(address) { address } else { "/" }));
        response
    }

    /// A cookie that keeps a choice for a year.
    pub(super) fn choice(&self, name: &'static str, value: &str) -> Cookie<'static> {
        let cookie = Cookie::build(name, value.to_owned()).path("/").same_site(SameSite::Lax);
        cookie.secure(self.client().secure).max_age(time::Duration::days(365)).finish()
    }
}

impl FromRequest for Visit {
    type Error = actix_web::Error;
    type Future = LocalBoxFuture<'static, Result<Self, Self::Error>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        let request = request.clone();
        Box::pin(async move { Self::begin(request).await.map_err(turned_away) })
    }
}

impl FromRequest for SignedIn {
    type Error = actix_web::Error;
    type Future = LocalBoxFuture<'static, Result<Self, Self::Error>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        let request = request.clone();
        Box::pin(async move {
            let visit = Visit::begin(request).await.map_err(turned_away)?;
            match visit.actor.clone() {
                Some(actor) => Ok(Self { visit, actor }),
                None => Err(turned_away(visit.to(&sign_in_address(&visit.request)).finish())),
            }
        })
    }
}

impl FromRequest for Admin {
    type Error = actix_web::Error;
    type Future = LocalBoxFuture<'static, Result<Self, Self::Error>>;

    fn from_request(request: &HttpRequest, payload: &mut Payload) -> Self::Future {
        let signed_in = SignedIn::from_request(request, payload);
        Box::pin(async move {
            let signed_in = signed_in.await?;
            match signed_in.actor.require(actors::vocabulary::Role::Admin) {
                Ok(()) => Ok(Self(signed_in)),
                Err(error) => Err(turned_away(signed_in.visit.failure(&error))),
            }
        })
    }
}

impl FromRequest for InArea {
    type Error = actix_web::Error;
    type Future = LocalBoxFuture<'static, Result<Self, Self::Error>>;

    fn from_request(request: &HttpRequest, payload: &mut Payload) -> Self::Future {
        if request.path().starts_with("/admin") {
            let admin = Admin::from_request(request, payload);
            return Box::pin(async move { admin.await.map(|Admin(signed_in)| Self(signed_in)) });
        }
        let signed_in = SignedIn::from_request(request, payload);
        Box::pin(async move { signed_in.await.map(Self) })
    }
}

/// The origin of a picture elsewhere.
fn picture_origin(address: &str) -> Option<String> {
    let url = Url::parse(address).ok()?;
    site::is_web(&url).then(|| url.origin().ascii_serialization())
}

/// Where a stranger goes first; a page that only reads is come back to.
fn sign_in_address(request: &HttpRequest) -> String {
    if !request.method().is_safe() || request.uri() == "/console" {
        return "/sign-in".to_owned();
    }
    let next = form_urlencoded::Serializer::new(String::new()).append_pair("next", &request.uri().to_string()).finish();
    format!("/sign-in?{next}")
}

/// An address on this site to come back to: never one elsewhere.
pub(super) fn way_back(wanted: Option<&str>) -> &str {
    let of_a_page = |address: &&str| address.starts_with("/console") || address.starts_with("/admin");
    wanted.filter(of_a_page).filter(|address| is_on_this_site(address)).unwrap_or("/console")
}

/// Whether browsers, and whatever stands between, take an address for one on this site: it begins with one `/`, and has
/// nothing in it that one of them reads as the start of a host, written out or encoded.
pub(super) fn is_on_this_site(address: &str) -> bool {
    let path = address.split(['?', '#']).next().unwrap_or_default().to_ascii_lowercase();
    let forbidden = |encoded: &str| {
        let byte = encoded.get(..2).and_then(|digits| u8::from_str_radix(digits, 16).ok());
        byte.is_none_or(|byte| byte < 0x20 || byte == 0x7f || b"/\\.".contains(&byte))
    };
    address.starts_with('/')
        && !address[1..].starts_with('/')
        && address.bytes().all(|byte| byte.is_ascii_graphic() && byte != b'\\')
        && !path.split('/').any(|segment| [".", ".."].contains(&segment))
        && !path.split('%').skip(1).any(forbidden)
}

/// The status of a refusal on a page: a form that is wrong is shown again, so it was understood.
pub(super) fn status_of(error: &ServiceError) -> StatusCode {
    match error.refusal.kind {
        Kind::Invalid => StatusCode::UNPROCESSABLE_ENTITY,
        kind => session::status(kind),
    }
}

fn turned_away(response: HttpResponse) -> actix_web::Error {
    InternalError::from_response("turned away", response).into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_an_address_on_this_site_is_come_back_to() {
        for own in
            ["/console", "/admin/logs?query=a%2Fb%5C%00&from=//x", "/console/keys/7#/x", "/console/%E5%AF%86", "/admin//users"]
        {
            assert_eq!(way_back(Some(own)), own);
        }
        for elsewhere in [
            "//evil.example",
            "/\\evil.example",
            "\\\\evil.example",
            "https://evil.example/console",
            "foo:/\\evil.example",
            "/",
            "",
            "/console\0",
            "/console\x01",
            "/console\x7f",
            "/console\t//evil.example",
            "/console\r\nx: y",
            "/console\\..",
            "/console/ключ",
            "/console/%2f%2Fevil.example",
            "/console/%5cevil.example",
            "/console/%00",
            "/console/%0d%0a",
            "/console/%7F",
            "/console/%",
            "/console/..//evil.example",
            "/console/%2e%2E/x",
            "/console/é",
            " /console",
            "/evil",
            "console",
        ] {
            assert_eq!(way_back(Some(elsewhere)), "/console", "{elsewhere:?}");
        }
        assert!(is_on_this_site("/") && is_on_this_site("/docs?x") && !is_on_this_site("//") && !is_on_this_site(""));
    }

    #[test]
    fn a_logo_adds_its_origin_to_the_policy_and_nothing_else() {
        assert_eq!(picture_origin("https://cdn.example:8443/a/logo.svg?x=1").as_deref(), Some("https://cdn.example:8443"));
        assert_eq!(picture_origin("http://[::1]/logo.svg").as_deref(), Some("http://[::1]"));
        for forged in
            ["https://x;sandbox/", "https://x,sandbox/", "https://*/", "https://'self'/", "data:image/png,x", "/logo.svg"]
        {
            assert_eq!(picture_origin(forged), None, "{forged}");
        }
    }
}
