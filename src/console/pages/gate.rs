//! Signing in, registering, signing out.

use actix_web::HttpResponse;
use actix_web::http::StatusCode;
use minijinja::context;
use secrecy::{ExposeSecret, SecretString};

use crate::console::fields::{Fields, Problem};
use crate::console::render::shown;
use crate::console::visit::{LANGUAGE_COOKIE, THEME_COOKIE, Visit, status_of, way_back};
use crate::services::accounts::{self, Credentials, Registration, SignIn, Visitor};
use crate::services::values::Secret;
use crate::services::{Served, ServiceError};
use crate::session::{COOKIE, no_session_cookie, session_cookie};

/// `GET /sign-in`
pub(super) async fn sign_in_form(visit: Visit) -> HttpResponse {
    let next = visit.asked("next");
    if visit.actor.is_some() {
        return visit.to(way_back(next.as_deref())).finish();
    }
    let values = context! { next => way_back(next.as_deref()) };
    visit.page(StatusCode::OK, "gate/sign_in.html", values)
}

/// `POST /sign-in`
pub(super) async fn sign_in(visit: Visit, fields: Fields) -> HttpResponse {
    let credentials = Credentials { account: fields.text("account").to_owned(), password: Secret::from(fields.text("password")) };
    let next = way_back(fields.filled("next"));
    match accounts::sign_in(visit.services(), &visitor(&visit), credentials).await {
        Ok(signed_in) => welcome(&visit, &signed_in, next),
        Err(error) => {
            let values = context! { next, typed => fields.typed(), problem => shown(&Problem::of(&visit, &error)) };
            visit.page(status_of(&error), "gate/sign_in.html", values)
        }
    }
}

/// `GET /register`
pub(super) async fn register_form(visit: Visit) -> HttpResponse {
    if visit.actor.is_some() {
        return visit.to("/console").finish();
    }
    registration(&visit, &Fields::default(), None).await
}

/// `POST /register`
pub(super) async fn register(visit: Visit, fields: Fields) -> HttpResponse {
    let wish = Registration {
        username: fields.text("username").to_owned(),
        display_name: fields.filled("displayName").map(str::to_owned),
        email: fields.text("email").to_owned(),
        password: Secret::from(fields.text("password")),
        setup_code: fields.filled("setupCode").map(Secret::from),
    };
    match accounts::register(visit.services(), &visitor(&visit), wish).await {
        Ok(signed_in) => welcome(&visit, &signed_in, "/console"),
        Err(error) => registration(&visit, &fields, Some(error)).await,
    }
}

/// `POST /sign-out`
pub(super) async fn sign_out(visit: Visit) -> HttpResponse {
    let signed_out: Served<()> = accounts::sign_out(visit.services(), visit.actor.as_ref()).await;
    match signed_out {
        Ok(()) => visit.to("/sign-in").cookie(no_session_cookie(&visit.client())).finish(),
        Err(error) => visit.failure(&error),
    }
}

async fn registration(visit: &Visit, fields: &Fields, error: Option<ServiceError>) -> HttpResponse {
    let opening = match accounts::opening(visit.services(), visit.client().local).await {
        Ok(opening) => opening,
        Err(error) => return visit.failure(&error),
    };
    let status = error.as_ref().map_or(StatusCode::OK, status_of);
    let values = context! {
        open => opening.open,
        first => opening.first,
        needs_code => opening.needs_code,
        typed => fields.typed(),
        problem => error.map(|error| shown(&Problem::of(visit, &error))),
    };
    visit.page(status, "gate/register.html", values)
}

/// Lets somebody in: with the session, and with the language and colours they chose elsewhere.
fn welcome(visit: &Visit, signed_in: &SignIn, next: &str) -> HttpResponse {
    let mut response = visit.to(next);
    response.cookie(session_cookie(signed_in.token.expose_secret(), &visit.client()));
    for (name, chosen) in [(LANGUAGE_COOKIE, &signed_in.user.language), (THEME_COOKIE, &signed_in.user.theme)] {
        if let Some(chosen) = chosen {
            response.cookie(visit.choice(name, chosen));
        }
    }
    response.finish()
}

fn visitor(visit: &Visit) -> Visitor {
    let client = visit.client();
    let session = visit.request.cookie(COOKIE).map(|cookie| SecretString::from(cookie.value()));
    Visitor { ip: client.ip, user_agent: client.user_agent, session, local: client.local }
}
