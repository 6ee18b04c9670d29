//! Forms of an account: make, change, a new password, switch on and off, remove.

use actix_web::HttpResponse;
use actix_web::web::Path;
use actors::vocabulary::UserId;
use minijinja::context;

use super::{done, filled, form};
use crate::console::fields::Fields;
use crate::console::pages::id;
use crate::console::visit::{Admin, SignedIn};
use crate::services::Served;
use crate::services::users::{self, NewUser, UserChange};
use crate::services::values::{Patch, Secret};

/// `GET /admin/users/new`
pub(super) async fn new(Admin(SignedIn { visit, .. }): Admin) -> HttpResponse {
    filled(&visit, "users/form.html", context! {}, &Fields::default(), None)
}

/// `POST /admin/users`
pub(super) async fn create(Admin(SignedIn { visit, actor }): Admin, fields: Fields) -> HttpResponse {
    let made = match wish(&fields) {
        Ok(wish) => users::create(visit.services(), &actor, wish).await,
        Err(error) => Err(error),
    };
    match made {
        Ok(user) => done(&visit, user.id, "created"),
        Err(error) => filled(&visit, "users/form.html", context! {}, &fields, Some(&error)),
    }
}

/// `GET /admin/users/{id}/edit`
pub(super) async fn edit(Admin(SignedIn { visit, .. }): Admin, path: Path<String>) -> HttpResponse {
    form(&visit, "users/form.html", id(&path), &Fields::default(), None).await
}

/// `POST /admin/users/{id}/edit`
pub(super) async fn update(Admin(SignedIn { visit, actor }): Admin, path: Path<String>, fields: Fields) -> HttpResponse {
    let id = id(&path);
    let change = UserChange {
        username: Patch::Value(fields.text("username").to_owned()),
        display_name: fields.optional("displayName"),
        email: Patch::Value(fields.text("email").to_owned()),
        role: fields.changed("role"),
        status: fields.changed("status"),
        password: Patch::Absent,
    };
    match users::update(visit.services(), &actor, UserId(id), change).await {
        Ok(_) => done(&visit, id, "saved"),
        Err(error) => form(&visit, "users/form.html", id, &fields, Some(&error)).await,
    }
}

/// `GET /admin/users/{id}/password`
pub(super) async fn password_form(Admin(SignedIn { visit, .. }): Admin, path: Path<String>) -> HttpResponse {
    form(&visit, "users/password.html", id(&path), &Fields::default(), None).await
}

/// `POST /admin/users/{id}/password`
pub(super) async fn password(Admin(SignedIn { visit, actor }): Admin, path: Path<String>, fields: Fields) -> HttpResponse {
    let id = id(&path);
    let change = UserChange { password: Patch::Value(Secret::from(fields.text("password"))), ..UserChange::default() };
    match users::update(visit.services(), &actor, UserId(id), change).await {
        Ok(_) => done(&visit, id, "password"),
        Err(error) => form(&visit, "users/password.html", id, &fields, Some(&error)).await,
    }
}

/// `POST /admin/users/{id}/status {status}`
pub(super) async fn switch(Admin(SignedIn { visit, actor }): Admin, path: Path<String>, fields: Fields) -> HttpResponse {
    let id = id(&path);
    let change = UserChange { status: Patch::Value(fields.text("status").to_owned()), ..UserChange::default() };
    match users::update(visit.services(), &actor, UserId(id), change).await {
        Ok(user) => done(&visit, id, if user.status == "active" { "enabled" } else { "disabled" }),
        Err(error) => visit.failure(&error),
    }
}

/// `POST /admin/users/{id}/sessions`: ends all of them.
pub(super) async fn end_sessions(Admin(SignedIn { visit, actor }): Admin, path: Path<String>) -> HttpResponse {
    let id = id(&path);
    match users::end_sessions(visit.services(), &actor, UserId(id)).await {
        Ok(()) => done(&visit, id, "sessions"),
        Err(error) => visit.failure(&error),
    }
}

/// `POST /admin/users/{id}/sessions/{session}`: ends one.
pub(super) async fn end_session(Admin(SignedIn { visit, actor }): Admin, path: Path<(String, String)>) -> HttpResponse {
    let (user, session) = path.into_inner();
    let (user, session) = (id(&user), id(&session));
    match users::end_session(visit.services(), &actor, UserId(user), session).await {
        Ok(()) => done(&visit, user, "session"),
        Err(error) => visit.failure(&error),
    }
}

/// `GET /admin/users/{id}/remove`
pub(super) async fn ask_remove(Admin(SignedIn { visit, .. }): Admin, path: Path<String>) -> HttpResponse {
    form(&visit, "users/remove.html", id(&path), &Fields::default(), None).await
}

/// `POST /admin/users/{id}/remove`
pub(super) async fn remove(Admin(SignedIn { visit, actor }): Admin, path: Path<String>) -> HttpResponse {
    let id = id(&path);
    match users::remove(visit.services(), &actor, UserId(id)).await {
        Ok(()) => visit.to("/admin/users?done=removed").finish(),
        Err(error) => form(&visit, "users/remove.html", id, &Fields::default(), Some(&error)).await,
    }
}

fn wish(fields: &Fields) -> Served<NewUser> {
    let filled = |name: &str| fields.filled(name).map(str::to_owned);
    Ok(NewUser {
        username: fields.text("username").to_owned(),
        display_name: filled("displayName"),
        email: fields.text("email").to_owned(),
        password: Secret::from(fields.text("password")),
        role: filled("role"),
        status: filled("status"),
        quota_usd: fields.usd("quotaUsd")?.value(),
        rate_limit_rpm: fields.integer("rateLimitRpm")?,
        rate_limit_tpm: fields.integer("rateLimitTpm")?,
        max_concurrency: fields.integer("maxConcurrency")?,
    })
}
