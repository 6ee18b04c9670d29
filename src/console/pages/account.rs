//! One's own account: profile, password, sessions.

use actix_web::HttpResponse;
use actix_web::http::StatusCode;
use actix_web::web::{self, Path, ServiceConfig};
use minijinja::{Value, context};

use super::id;
use crate::console::fields::{Fields, Problem};
use crate::console::render::shown;
use crate::console::visit::{SignedIn, status_of};
use crate::services::accounts::{self, NewPassword, ProfileChange};
use crate::services::values::{Patch, Secret};
use crate::services::{Served, ServiceError};

/// Registers the pages.
pub(super) fn routes(config: &mut ServiceConfig) {
    config
        .route("/console/account", web::get().to(page))
        .route("/console/account", web::post().to(profile))
        .route("/console/account/password", web::post().to(password))
        .route("/console/account/sessions", web::post().to(end_others))
        .route("/console/account/sessions/{id}", web::post().to(end_one));
}

/// `GET /console/account`
async fn page(signed_in: SignedIn) -> HttpResponse {
    show(&signed_in, &Fields::default(), None).await
}

/// `POST /console/account`: the profile.
async fn profile(signed_in: SignedIn, fields: Fields) -> HttpResponse {
    let SignedIn { visit, actor } = &signed_in;
    let change = ProfileChange {
        display_name: fields.optional("displayName"),
        email: Patch::Value(fields.text("email").to_owned()),
        ..ProfileChange::default()
    };
    let done = accounts::update_me(visit.services(), actor, change).await.map(drop);
    settle(&signed_in, &fields, done, "saved").await
}

/// `POST /console/account/password`
async fn password(signed_in: SignedIn, fields: Fields) -> HttpResponse {
    let SignedIn { visit, actor } = &signed_in;
    let wish = NewPassword {
        current_password: Secret::from(fields.text("currentPassword")),
        new_password: Secret::from(fields.text("newPassword")),
        end_tokens: fields.ticked("endTokens"),
    };
    let done = accounts::change_password(visit.services(), actor, wish).await;
    settle(&signed_in, &fields, done, "password").await
}

/// `POST /console/account/sessions`: ends all but this one.
async fn end_others(signed_in: SignedIn) -> HttpResponse {
    let done = accounts::end_other_sessions(signed_in.visit.services(), &signed_in.actor).await;
    settle(&signed_in, &Fields::default(), done, "sessions").await
}

/// `POST /console/account/sessions/{id}`: ends one.
async fn end_one(signed_in: SignedIn, path: Path<String>) -> HttpResponse {
    let done = accounts::end_session(signed_in.visit.services(), &signed_in.actor, id(&path)).await;
    settle(&signed_in, &Fields::default(), done, "session").await
}

async fn settle(signed_in: &SignedIn, fields: &Fields, done: Served<()>, word: &str) -> HttpResponse {
    match done {
        Ok(()) => signed_in.visit.to(&format!("/console/account?done={word}")).finish(),
        Err(error) => show(signed_in, fields, Some(error)).await,
    }
}

async fn show(signed_in: &SignedIn, fields: &Fields, error: Option<ServiceError>) -> HttpResponse {
    let visit = &signed_in.visit;
    let (me, sessions) = match read(signed_in).await {
        Ok(found) => found,
        Err(error) => return visit.failure(&error),
    };
    let typed = if fields.has("email") || fields.has("displayName") { fields.typed() } else { Value::from(()) };
    let values = context! {
        account => me,
        sessions,
        typed,
        end_tokens => !fields.has("newPassword") || fields.ticked("endTokens"),
        problem => error.as_ref().map(|error| shown(&Problem::of(visit, error))),
    };
    visit.page(error.as_ref().map_or(StatusCode::OK, status_of), "account.html", values)
}

async fn read(SignedIn { visit, actor }: &SignedIn) -> Served<(Value, Value)> {
    let me = accounts::me(visit.services(), actor).await?;
    let sessions = accounts::sessions(visit.services(), actor).await?;
    Ok((shown(&me), shown(&sessions)))
}
