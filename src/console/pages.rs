//! Sign-in and status.

use actix_web::http::StatusCode;
use actix_web::web::{Data, Form};
use actix_web::{HttpRequest, HttpResponse};
use minijinja::{Value, context};
use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;

use super::Console;
use super::render::{language, page, redirect};
use crate::services::accounts::{self, Credentials, Visitor};
use crate::services::values::Secret;
use crate::services::{Kind, ServiceError, system};
use crate::session::{self, COOKIE, Client, no_session_cookie, session_cookie};

/// `GET /`: wherever the visitor belongs.
pub(super) async fn home() -> HttpResponse {
    redirect("/status").finish()
}

/// `GET /sign-in`
pub(super) async fn sign_in_form(request: HttpRequest, console: Data<Console>) -> HttpResponse {
    match session::actor(&request, &console.doorstep).await {
        Ok(Some(_)) => redirect("/status").finish(),
        Ok(None) => form(&request, &console, StatusCode::OK, "", None),
        Err(error) => form(&request, &console, status_of(&error), "", Some(error)),
    }
}

/// What the form sends.
#[derive(Deserialize)]
pub(super) struct SignInForm {
    account: String,
    password: String,
}

/// `POST /sign-in`
pub(super) async fn sign_in(request: HttpRequest, console: Data<Console>, sent: Option<Form<SignInForm>>) -> HttpResponse {
    let Some(Form(SignInForm { account, password })) = sent else {
        return form(&request, &console, StatusCode::BAD_REQUEST, "", None);
    };
    if let Err(error) = session::actor(&request, &console.doorstep).await {
        return form(&request, &console, status_of(&error), &account, Some(error));
    }
    let client = Client::of(&request, &console.doorstep.proxies);
    let visitor = Visitor {
        ip: client.ip,
        user_agent: client.user_agent.clone(),
        session: request.cookie(COOKIE).map(|cookie| SecretString::from(cookie.value())),
    };
    let credentials = Credentials { account: account.clone(), password: Secret::from(password.as_str()) };
    match accounts::sign_in(&console.doorstep.services, &visitor, credentials).await {
        Ok(signed_in) => redirect("/status").cookie(session_cookie(signed_in.token.expose_secret(), &client)).finish(),
        Err(error) => form(&request, &console, status_of(&error), &account, Some(error)),
    }
}

/// `POST /sign-out`
pub(super) async fn sign_out(request: HttpRequest, console: Data<Console>) -> HttpResponse {
    let signed_out = match session::actor(&request, &console.doorstep).await {
        Ok(actor) => accounts::sign_out(&console.doorstep.services, actor.as_ref()).await,
        Err(error) => Err(error),
    };
    match signed_out {
        Ok(()) => redirect("/sign-in").cookie(no_session_cookie(&Client::of(&request, &console.doorstep.proxies))).finish(),
        Err(error) => form(&request, &console, status_of(&error), "", Some(error)),
    }
}

/// `GET /status`: how the gateway does, and what the account has left.
pub(super) async fn status(request: HttpRequest, console: Data<Console>) -> HttpResponse {
    let services = &console.doorstep.services;
    let actor = match session::actor(&request, &console.doorstep).await {
        Ok(Some(actor)) => actor,
        Ok(None) => return redirect("/sign-in").finish(),
        Err(error) => return form(&request, &console, status_of(&error), "", Some(error)),
    };
    let health = system::health(services, &*console.system.0).await;
    let readiness = system::readiness(services, &*console.system.0).await;
    let money = match accounts::me(services, &actor).await {
        Ok(me) => context! { balance => format!("{}", me.balance_usd.0), used => format!("{}", me.used_usd.0) },
        Err(_) => context! {},
    };
    let figures = if actor.is_admin() { figures(&console).await } else { Value::from(()) };
    let values = context! {
        site => services.settings.settings().site_name,
        name => actor.name,
        role => actor.role.as_str(),
        ok => health.ok,
        database => health.db,
        relays => readiness.ready,
        version => health.version,
        money,
        figures,
    };
    page(&request, StatusCode::OK, "status.html", values)
}

async fn figures(console: &Console) -> Value {
    let figures = console.system.0.figures().await;
    context! {
        in_flight => figures.in_flight,
        backlog => figures.unwritten_receipts,
        users => figures.active_users,
        restarts => figures.actor_restarts,
        memory => figures.memory_bytes.map(|bytes| bytes >> 20),
    }
}

fn form(
    request: &HttpRequest,
    console: &Console,
    status: StatusCode,
    account: &str,
    error: Option<ServiceError>,
) -> HttpResponse {
    let problem = error.map(|error| error.message(language(request)));
    let site = console.doorstep.services.settings.settings().site_name;
    page(request, status, "sign_in.html", context! { site, account, problem })
}

fn status_of(error: &ServiceError) -> StatusCode {
    match error.refusal.kind {
        Kind::Unauthorised => StatusCode::UNAUTHORIZED,
        Kind::Forbidden => StatusCode::FORBIDDEN,
        Kind::TooMany => StatusCode::TOO_MANY_REQUESTS,
        Kind::Ill => StatusCode::SERVICE_UNAVAILABLE,
        _ => StatusCode::UNPROCESSABLE_ENTITY,
    }
}
