//! Admin tokens: list, make, remove.

use actix_web::HttpResponse;
use actix_web::http::StatusCode;
use actix_web::web::{self, Path, ServiceConfig};
use minijinja::context;

use crate::console::fields::Fields;
use crate::console::once::{self, Told};
use crate::console::pages::{id, snippets};
use crate::console::render::shown;
use crate::console::visit::{Admin, SignedIn, Visit};
use crate::services::admin_tokens::{self, NewAdminToken};
use crate::services::error::NOT_FOUND;
use crate::services::{Served, ServiceError};

/// Registers the pages.
pub(super) fn routes(config: &mut ServiceConfig) {
    config
        .route("/admin/tokens", web::get().to(list))
        .route("/admin/tokens", web::post().to(create))
        .route("/admin/tokens/new", web::get().to(new))
        .route("/admin/tokens/{id}/remove", web::get().to(ask_remove))
        .route("/admin/tokens/{id}/remove", web::post().to(remove));
}

/// `GET /admin/tokens`
async fn list(Admin(SignedIn { visit, actor }): Admin) -> HttpResponse {
    match admin_tokens::list(visit.services(), &actor).await {
        Ok(tokens) => {
            let values = context! { tokens => shown(&tokens), now => visit.services().now() };
            visit.page(StatusCode::OK, "tokens/list.html", values)
        }
        Err(error) => visit.failure(&error),
    }
}

/// `GET /admin/tokens/new`
async fn new(Admin(SignedIn { visit, .. }): Admin) -> HttpResponse {
    form(&visit, &Fields::default(), None)
}

/// `POST /admin/tokens`
async fn create(Admin(signed_in): Admin, fields: Fields) -> HttpResponse {
    let again = async |signed_in: &SignedIn, fields: &Fields, error: &ServiceError| form(&signed_in.visit, fields, Some(error));
    once::act(signed_in, fields, make, again).await
}

/// Makes a token and shows it, this once.
async fn make(SignedIn { visit, actor }: &SignedIn, fields: &Fields) -> Served<Told> {
    let issued = admin_tokens::create(visit.services(), actor, wish(visit, fields)?).await?;
    let base = snippets::base_url(visit);
    let values = context! { token => shown(&issued.view), secret => issued.token.as_str(), base };
    Told::page(visit, "tokens/issued.html", values)
}

/// `GET /admin/tokens/{id}/remove`
async fn ask_remove(Admin(SignedIn { visit, actor }): Admin, path: Path<String>) -> HttpResponse {
    let found = admin_tokens::list(visit.services(), &actor).await;
    match found.map(|tokens| tokens.into_iter().find(|token| token.id == id(&path))) {
        Ok(Some(token)) => visit.page(StatusCode::OK, "tokens/remove.html", context! { token => shown(&token) }),
        Ok(None) => visit.failure(&ServiceError::new(&NOT_FOUND)),
        Err(error) => visit.failure(&error),
    }
}

/// `POST /admin/tokens/{id}/remove`
async fn remove(Admin(SignedIn { visit, actor }): Admin, path: Path<String>) -> HttpResponse {
    match admin_tokens::remove(visit.services(), &actor, id(&path)).await {
        Ok(()) => visit.to("/admin/tokens?done=removed").finish(),
        Err(error) => visit.failure(&error),
    }
}

fn wish(visit: &Visit, fields: &Fields) -> Served<NewAdminToken> {
    let timezone = visit.services().settings.settings().timezone;
    Ok(NewAdminToken { name: fields.text("name").to_owned(), expires_at: fields.moment("expiresAt", &timezone)?.value() })
}

fn form(visit: &Visit, fields: &Fields, error: Option<&ServiceError>) -> HttpResponse {
    visit.form("tokens/form.html", context! {}, fields, error)
}
