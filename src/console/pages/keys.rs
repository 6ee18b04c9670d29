//! One's own keys: list, make, change, rotate, switch off, remove.

use actix_web::HttpResponse;
use actix_web::http::StatusCode;
use actix_web::web::{self, Path, ServiceConfig};
use minijinja::{Value, context};

use super::{id, snippets};
use crate::console::fields::{Fields, Problem};
use crate::console::lists;
use crate::console::render::shown;
use crate::console::visit::{SignedIn, Visit, status_of};
use crate::services::keys::{self, IssuedKey, KeyChange, KeyListFilter, KeyView, NewKey};
use crate::services::values::Patch;
use crate::services::{Actor, Served, ServiceError};

/// Registers the pages.
pub(super) fn routes(config: &mut ServiceConfig) {
    config
        .route("/console/keys", web::get().to(list))
        .route("/console/keys", web::post().to(create))
        .route("/console/keys/new", web::get().to(new))
        .route("/console/keys/{id}", web::get().to(edit))
        .route("/console/keys/{id}", web::post().to(update))
        .route("/console/keys/{id}/status", web::post().to(switch))
        .route("/console/keys/{id}/rotate", web::get().to(ask_rotate))
        .route("/console/keys/{id}/rotate", web::post().to(rotate))
        .route("/console/keys/{id}/remove", web::get().to(ask_remove))
        .route("/console/keys/{id}/remove", web::post().to(remove));
}

/// `GET /console/keys`
async fn list(SignedIn { visit, actor }: SignedIn) -> HttpResponse {
    let filter = KeyListFilter { user_id: Some(actor.id.0), status: visit.asked("status") };
    let asked = lists::asked(&visit);
    match keys::list(visit.services(), &actor, &asked, filter).await {
        Ok(page) => {
            let filtered = visit.asked("status").is_some() || asked.query.is_some();
            let values =
                context! { list => lists::view(&asked, &page), page => shown(&page), filtered, now => visit.services().now() };
            visit.page(StatusCode::OK, "keys/list.html", values)
        }
        Err(error) => visit.failure(&error),
    }
}

/// `GET /console/keys/new`
async fn new(SignedIn { visit, .. }: SignedIn) -> HttpResponse {
    form(&visit, None, &Fields::default(), None)
}

/// `POST /console/keys`
async fn create(SignedIn { visit, actor }: SignedIn, fields: Fields) -> HttpResponse {
    let made = match wish(&visit, &fields) {
        Ok(wish) => keys::create(visit.services(), &actor, new_key(&fields, wish)).await,
        Err(error) => Err(error),
    };
    match made {
        Ok(issued) => show_once(&visit, &issued, false),
        Err(error) => form(&visit, None, &fields, Some(&error)),
    }
}

/// `GET /console/keys/{id}`
async fn edit(SignedIn { visit, actor }: SignedIn, path: Path<String>) -> HttpResponse {
    match own(&visit, &actor, id(&path)).await {
        Ok(key) => form(&visit, Some(&key), &Fields::default(), None),
        Err(error) => visit.failure(&error),
    }
}

/// `POST /console/keys/{id}`
async fn update(SignedIn { visit, actor }: SignedIn, path: Path<String>, fields: Fields) -> HttpResponse {
    let key = match own(&visit, &actor, id(&path)).await {
        Ok(key) => key,
        Err(error) => return visit.failure(&error),
    };
    let changed = match wish(&visit, &fields) {
        Ok(wish) => keys::update(visit.services(), &actor, key.id, wish).await,
        Err(error) => Err(error),
    };
    match changed {
        Ok(_) => visit.to("/console/keys?done=saved").finish(),
        Err(error) => form(&visit, Some(&key), &fields, Some(&error)),
    }
}

/// `POST /console/keys/{id}/status {status}`
async fn switch(SignedIn { visit, actor }: SignedIn, path: Path<String>, fields: Fields) -> HttpResponse {
    let wish = KeyChange { status: fields.optional("status"), ..KeyChange::default() };
    let done = match own(&visit, &actor, id(&path)).await {
        Ok(key) => keys::update(visit.services(), &actor, key.id, wish).await,
        Err(error) => Err(error),
    };
    match done {
        Ok(key) if key.status == "active" => visit.to("/console/keys?done=enabled").finish(),
        Ok(_) => visit.to("/console/keys?done=disabled").finish(),
        Err(error) => visit.failure(&error),
    }
}

/// `GET /console/keys/{id}/rotate`
async fn ask_rotate(signed_in: SignedIn, path: Path<String>) -> HttpResponse {
    ask(signed_in, path, "keys/rotate.html").await
}

/// `POST /console/keys/{id}/rotate`
async fn rotate(SignedIn { visit, actor }: SignedIn, path: Path<String>) -> HttpResponse {
    let rotated = match own(&visit, &actor, id(&path)).await {
        Ok(key) => keys::rotate(visit.services(), &actor, key.id).await,
        Err(error) => Err(error),
    };
    match rotated {
        Ok(issued) => show_once(&visit, &issued, true),
        Err(error) => visit.failure(&error),
    }
}

/// `GET /console/keys/{id}/remove`
async fn ask_remove(signed_in: SignedIn, path: Path<String>) -> HttpResponse {
    ask(signed_in, path, "keys/remove.html").await
}

/// `POST /console/keys/{id}/remove`
async fn remove(SignedIn { visit, actor }: SignedIn, path: Path<String>) -> HttpResponse {
    let removed = match own(&visit, &actor, id(&path)).await {
        Ok(key) => keys::remove(visit.services(), &actor, key.id).await,
        Err(error) => Err(error),
    };
    match removed {
        Ok(()) => visit.to("/console/keys?done=removed").finish(),
        Err(error) => visit.failure(&error),
    }
}

/// One's own key: an admin's reach into others' is not for these pages.
async fn own(visit: &Visit, actor: &Actor, id: i64) -> Served<KeyView> {
    let key = keys::one(visit.services(), actor, id).await?;
    if key.user_id == actor.id.0 { Ok(key) } else { Err(ServiceError::new(&crate::services::error::NOT_FOUND)) }
}

async fn ask(SignedIn { visit, actor }: SignedIn, path: Path<String>, template: &str) -> HttpResponse {
    match own(&visit, &actor, id(&path)).await {
        Ok(key) => visit.page(StatusCode::OK, template, context! { key => shown(&key) }),
        Err(error) => visit.failure(&error),
    }
}

fn form(visit: &Visit, key: Option<&KeyView>, fields: &Fields, error: Option<&ServiceError>) -> HttpResponse {
    let values = context! {
        key => key.map(shown),
        typed => error.map_or_else(|| Value::from(()), |_| fields.typed()),
        problem => error.map(|error| shown(&Problem::of(visit, error))),
    };
    visit.page(error.map_or(StatusCode::OK, status_of), "keys/form.html", values)
}

fn show_once(visit: &Visit, issued: &IssuedKey, rotated: bool) -> HttpResponse {
    let base = snippets::base_url(visit);
    let values = context! {
        key => shown(&issued.view),
        secret => issued.key.as_str(),
        rotated,
        base => base.as_str(),
        snippets => shown(&snippets::with_key(&base, &issued.key)),
    };
    visit.page(StatusCode::OK, "keys/issued.html", values)
}

fn wish(visit: &Visit, fields: &Fields) -> Served<KeyChange> {
    let timezone = visit.services().settings.settings().timezone;
    Ok(KeyChange {
        name: Patch::Value(fields.text("name").to_owned()),
        quota: fields.integer("quota")?,
        budget_usd: fields.usd("budgetUsd")?,
        expires_at: fields.moment("expiresAt", &timezone)?,
        models: fields.list("models"),
        allowed_ips: fields.list("allowedIps"),
        rate_limit_rpm: fields.integer("rateLimitRpm")?,
        rate_limit_tpm: fields.integer("rateLimitTpm")?,
        max_concurrency: fields.integer("maxConcurrency")?,
        ..KeyChange::default()
    })
}

fn new_key(fields: &Fields, wish: KeyChange) -> NewKey {
    NewKey {
        name: fields.text("name").to_owned(),
        quota: wish.quota,
        budget_usd: wish.budget_usd,
        expires_at: wish.expires_at,
        models: wish.models,
        allowed_ips: wish.allowed_ips,
        rate_limit_rpm: wish.rate_limit_rpm,
        rate_limit_tpm: wish.rate_limit_tpm,
        max_concurrency: wish.max_concurrency,
        ..NewKey::default()
    }
}
