//! Keys: list, make, change, rotate, switch off, remove. `/console/keys` has one's own, `/admin/keys` everybody's.

mod form;

use actix_web::HttpResponse;
use actix_web::http::StatusCode;
use actix_web::web::{self, Path, ServiceConfig};
use minijinja::context;

use super::{id, people, snippets};
use crate::console::fields::{Fields, Problem};
use crate::console::lists;
use crate::console::once::{self, Told};
use crate::console::render::shown;
use crate::console::visit::{InArea, SignedIn, Visit, status_of};
use crate::services::error::NOT_FOUND;
use crate::services::keys::{self, IssuedKey, KeyChange, KeyListFilter, KeyView};
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
        .route("/console/keys/{id}/remove", web::post().to(remove))
        .route("/admin/keys", web::get().to(list))
        .route("/admin/keys", web::post().to(create))
        .route("/admin/keys/new", web::get().to(new))
        .route("/admin/keys/{id}", web::get().to(edit))
        .route("/admin/keys/{id}", web::post().to(update))
        .route("/admin/keys/{id}/status", web::post().to(switch))
        .route("/admin/keys/{id}/rotate", web::get().to(ask_rotate))
        .route("/admin/keys/{id}/rotate", web::post().to(rotate))
        .route("/admin/keys/{id}/remove", web::get().to(ask_remove))
        .route("/admin/keys/{id}/remove", web::post().to(remove));
}

/// `GET …/keys`
async fn list(InArea(signed_in): InArea) -> HttpResponse {
    rows(&signed_in).await.unwrap_or_else(|error| signed_in.visit.failure(&error))
}

async fn rows(SignedIn { visit, actor }: &SignedIn) -> Served<HttpResponse> {
    let asked = lists::asked(visit);
    let named = if visit.of_all() { visit.asked("user") } else { None };
    let user_id = match &named {
        Some(name) => Some(people::id_of(visit, name).await?),
        None => (!visit.of_all()).then_some(actor.id.0),
    };
    let filter = KeyListFilter { user_id, status: visit.asked("status") };
    let filtered = named.is_some() || filter.status.is_some() || asked.query.is_some();
    let page = keys::list(visit.services(), actor, &asked, filter).await?;
    let common = context! { list => lists::view(&asked, &page), page => shown(&page), filtered, now => visit.services().now() };
    let for_admins = if visit.of_all() {
        form::choices(visit, None).await?
    } else {
        context! {}
    };
    Ok(visit.page(StatusCode::OK, "keys/list.html", context! { ..common, ..for_admins }))
}

/// `GET …/keys/new`
async fn new(InArea(signed_in): InArea) -> HttpResponse {
    form::page(&signed_in, None, &Fields::default(), None).await
}

/// `POST …/keys`
async fn create(InArea(signed_in): InArea, fields: Fields) -> HttpResponse {
    let make = async |SignedIn { visit, actor }: &SignedIn, fields: &Fields| {
        let wish = form::new_key(visit, fields).await?;
        shown_once(visit, &keys::create(visit.services(), actor, wish).await?, false)
    };
    let again = async |signed_in: &SignedIn, fields: &Fields, error: &ServiceError| {
        form::page(signed_in, None, fields, Some(error)).await
    };
    once::act(signed_in, fields, make, again).await
}

/// `GET …/keys/{id}`
async fn edit(InArea(signed_in): InArea, path: Path<String>) -> HttpResponse {
    match reach(&signed_in.visit, &signed_in.actor, id(&path)).await {
        Ok(key) => form::page(&signed_in, Some(&key), &Fields::default(), None).await,
        Err(error) => signed_in.visit.failure(&error),
    }
}

/// `POST …/keys/{id}`
async fn update(InArea(signed_in): InArea, path: Path<String>, fields: Fields) -> HttpResponse {
    let SignedIn { visit, actor } = &signed_in;
    let key = match reach(visit, actor, id(&path)).await {
        Ok(key) => key,
        Err(error) => return visit.failure(&error),
    };
    let changed = match form::change(visit, &fields) {
        Ok(wish) => keys::update(visit.services(), actor, key.id, wish).await,
        Err(error) => Err(error),
    };
    match changed {
        Ok(_) => back(visit, "saved"),
        Err(error) => form::page(&signed_in, Some(&key), &fields, Some(&error)).await,
    }
}

/// `POST …/keys/{id}/status {status}`
async fn switch(InArea(signed_in): InArea, path: Path<String>, fields: Fields) -> HttpResponse {
    let SignedIn { visit, actor } = &signed_in;
    let wish = KeyChange { status: Patch::Value(fields.text("status").to_owned()), ..KeyChange::default() };
    let done = match reach(visit, actor, id(&path)).await {
        Ok(key) => keys::update(visit.services(), actor, key.id, wish).await,
        Err(error) => Err(error),
    };
    match done {
        Ok(key) if key.status == "active" => back(visit, "enabled"),
        Ok(_) => back(visit, "disabled"),
        Err(error) => visit.failure(&error),
    }
}

/// `GET …/keys/{id}/rotate`
async fn ask_rotate(InArea(signed_in): InArea, path: Path<String>) -> HttpResponse {
    ask(&signed_in, id(&path), "keys/rotate.html", None).await
}

/// `POST …/keys/{id}/rotate`
async fn rotate(InArea(signed_in): InArea, path: Path<String>, fields: Fields) -> HttpResponse {
    let id = id(&path);
    let make = async move |SignedIn { visit, actor }: &SignedIn, _: &Fields| {
        let key = reach(visit, actor, id).await?;
        shown_once(visit, &keys::rotate(visit.services(), actor, key.id).await?, true)
    };
    let again = async move |signed_in: &SignedIn, _: &Fields, error: &ServiceError| {
        ask(signed_in, id, "keys/rotate.html", Some(error)).await
    };
    once::act(signed_in, fields, make, again).await
}

/// `GET …/keys/{id}/remove`
async fn ask_remove(InArea(signed_in): InArea, path: Path<String>) -> HttpResponse {
    ask(&signed_in, id(&path), "keys/remove.html", None).await
}

/// `POST …/keys/{id}/remove`
async fn remove(InArea(signed_in): InArea, path: Path<String>) -> HttpResponse {
    let SignedIn { visit, actor } = &signed_in;
    let removed = match reach(visit, actor, id(&path)).await {
        Ok(key) => keys::remove(visit.services(), actor, key.id).await,
        Err(error) => Err(error),
    };
    match removed {
        Ok(()) => back(visit, "removed"),
        Err(error) => ask(&signed_in, id(&path), "keys/remove.html", Some(&error)).await,
    }
}

/// The key, if this page is for it: an admin's reach into others' keys is for the admin's pages alone.
async fn reach(visit: &Visit, actor: &Actor, id: i64) -> Served<KeyView> {
    let key = keys::one(visit.services(), actor, id).await?;
    if visit.of_all() || key.user_id == actor.id.0 { Ok(key) } else { Err(ServiceError::new(&NOT_FOUND)) }
}

/// Asks whether it shall be done, or says why it was not.
async fn ask(SignedIn { visit, actor }: &SignedIn, id: i64, template: &str, error: Option<&ServiceError>) -> HttpResponse {
    let key = match reach(visit, actor, id).await {
        Ok(key) => key,
        Err(error) => return visit.failure(&error),
    };
    let problem = error.map(|error| shown(&Problem::of(visit, error)));
    visit.page(error.map_or(StatusCode::OK, status_of), template, context! { key => shown(&key), problem })
}

fn back(visit: &Visit, done: &str) -> HttpResponse {
    visit.to(&format!("{}/keys?done={done}", visit.area())).finish()
}

fn shown_once(visit: &Visit, issued: &IssuedKey, rotated: bool) -> Served<Told> {
    let base = snippets::base_url(visit);
    let values = context! {
        key => shown(&issued.view),
        secret => issued.key.as_str(),
        rotated,
        base => base.as_str(),
        snippets => shown(&snippets::with_key(&base, &issued.key)),
    };
    Told::page(visit, "keys/issued.html", values)
}
