//! Users, for admins: list, one user's figures, money and limits, forms.

mod detail;
mod forms;
mod money;

use actix_web::HttpResponse;
use actix_web::http::StatusCode;
use actix_web::web::{self, ServiceConfig};
use actors::vocabulary::UserId;
use minijinja::{Value, context};

use crate::console::fields::Fields;
use crate::console::lists;
use crate::console::render::shown;
use crate::console::visit::{Admin, SignedIn, Visit};
use crate::services::users::{self, UserListFilter};
use crate::services::{Served, ServiceError};

/// Registers the pages.
pub(super) fn routes(config: &mut ServiceConfig) {
    config
        .route("/admin/users", web::get().to(list))
        .route("/admin/users", web::post().to(forms::create))
        .route("/admin/users/new", web::get().to(forms::new))
        .route("/admin/users/{id}", web::get().to(detail::page))
        .route("/admin/users/{id}/edit", web::get().to(forms::edit))
        .route("/admin/users/{id}/edit", web::post().to(forms::update))
        .route("/admin/users/{id}/password", web::get().to(forms::password_form))
        .route("/admin/users/{id}/password", web::post().to(forms::password))
        .route("/admin/users/{id}/status", web::post().to(forms::switch))
        .route("/admin/users/{id}/remove", web::get().to(forms::ask_remove))
        .route("/admin/users/{id}/remove", web::post().to(forms::remove))
        .route("/admin/users/{id}/balance", web::get().to(money::balance_form))
        .route("/admin/users/{id}/balance", web::post().to(money::balance))
        .route("/admin/users/{id}/limits", web::get().to(money::limits_form))
        .route("/admin/users/{id}/limits", web::post().to(money::limits))
        .route("/admin/users/{id}/sessions", web::post().to(forms::end_sessions))
        .route("/admin/users/{id}/sessions/{session}", web::post().to(forms::end_session))
        .route("/admin/users/{id}/ledger", web::get().to(detail::ledger));
}

/// `GET /admin/users`
async fn list(Admin(SignedIn { visit, .. }): Admin) -> HttpResponse {
    rows(&visit).await.unwrap_or_else(|error| visit.failure(&error))
}

async fn rows(visit: &Visit) -> Served<HttpResponse> {
    let asked = lists::asked(visit);
    let filter = UserListFilter { role: visit.asked("role"), status: visit.asked("status") };
    let filtered = filter.role.is_some() || filter.status.is_some() || asked.query.is_some();
    let page = users::list(visit.services(), &asked, filter).await?;
    let values = context! { list => lists::view(&asked, &page), page => shown(&page), filtered };
    Ok(visit.page(StatusCode::OK, "users/list.html", values))
}

/// A form about the user `id`, perhaps again with what is wrong with it.
async fn form(visit: &Visit, template: &str, id: i64, fields: &Fields, error: Option<&ServiceError>) -> HttpResponse {
    match users::get(visit.services(), UserId(id)).await {
        Ok(user) => filled(visit, template, context! { user => shown(&user) }, fields, error),
        Err(error) => visit.failure(&error),
    }
}

/// A form with the values it starts from.
fn filled(visit: &Visit, template: &str, values: Value, fields: &Fields, error: Option<&ServiceError>) -> HttpResponse {
    visit.form(template, context! { defaults => defaults(visit), ..values }, fields, error)
}

/// The site's limits, for users who have none of their own.
fn defaults(visit: &Visit) -> Value {
    let settings = visit.services().settings.settings();
    context! {
        rpm => settings.default_rate_limit_rpm,
        tpm => settings.default_rate_limit_tpm,
        concurrency => settings.default_max_concurrency,
        quota => settings.default_quota_usd.to_string(),
    }
}

/// Back to the user's page, with what was done.
fn done(visit: &Visit, id: i64, word: &str) -> HttpResponse {
    visit.to(&address(id, word)).finish()
}

/// The user's page, with what was done.
fn address(id: i64, word: &str) -> String {
    format!("/admin/users/{id}?done={word}")
}
