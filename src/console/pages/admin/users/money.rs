//! Forms of a user's money and limits.

use actix_web::HttpResponse;
use actix_web::web::Path;
use actors::vocabulary::UserId;

use super::{address, done, form};
use crate::console::fields::Fields;
use crate::console::once::{self, Told};
use crate::console::pages::id;
use crate::console::visit::{Admin, SignedIn};
use crate::services::error::MISSING_FIELD;
use crate::services::users::{self, QuotaChange};
use crate::services::values::Patch;
use crate::services::{Served, ServiceError};

/// The field that holds the amount, whichever of the two it is.
const AMOUNT: &str = "adjustUsd";

/// `GET /admin/users/{id}/balance`
pub(super) async fn balance_form(Admin(SignedIn { visit, .. }): Admin, path: Path<String>) -> HttpResponse {
    form(&visit, "users/balance.html", id(&path), &Fields::default(), None).await
}

/// `POST /admin/users/{id}/balance`: by an amount, or to a total; the total that the form showed must still be there.
pub(super) async fn balance(Admin(signed_in): Admin, path: Path<String>, fields: Fields) -> HttpResponse {
    let id = id(&path);
    let make = async move |SignedIn { visit, actor }: &SignedIn, fields: &Fields| {
        users::change_quota(visit.services(), actor, UserId(id), money(fields)?).await.map_err(at_amount)?;
        Ok(Told::At(address(id, "balance")))
    };
    let again = async move |SignedIn { visit, .. }: &SignedIn, fields: &Fields, error: &ServiceError| {
        form(visit, "users/balance.html", id, fields, Some(error)).await
    };
    once::act(signed_in, fields, make, again).await
}

/// `GET /admin/users/{id}/limits`
pub(super) async fn limits_form(Admin(SignedIn { visit, .. }): Admin, path: Path<String>) -> HttpResponse {
    form(&visit, "users/limits.html", id(&path), &Fields::default(), None).await
}

/// `POST /admin/users/{id}/limits`
pub(super) async fn limits(Admin(SignedIn { visit, actor }): Admin, path: Path<String>, fields: Fields) -> HttpResponse {
    let id = id(&path);
    let changed = match wished_limits(&fields) {
        Ok(wish) => users::change_quota(visit.services(), &actor, UserId(id), wish).await,
        Err(error) => Err(error),
    };
    match changed {
        Ok(_) => done(&visit, id, "limits"),
        Err(error) => form(&visit, "users/limits.html", id, &fields, Some(&error)).await,
    }
}

fn money(fields: &Fields) -> Served<QuotaChange> {
    let Some(amount) = fields.usd(AMOUNT)?.value() else {
        return Err(ServiceError::field(&MISSING_FIELD, AMOUNT));
    };
    let change = QuotaChange {
        reason: Some(fields.text("reason").to_owned()),
        expected_quota_usd: fields.usd("expectedQuotaUsd")?.value(),
        ..QuotaChange::default()
    };
    Ok(match fields.text("mode") {
        "set" => QuotaChange { quota_usd: Patch::Value(amount), ..change },
        _ => QuotaChange { adjust_usd: Some(amount), ..change },
    })
}

fn wished_limits(fields: &Fields) -> Served<QuotaChange> {
    Ok(QuotaChange {
        rate_limit_rpm: fields.integer("rateLimitRpm")?,
        rate_limit_tpm: fields.integer("rateLimitTpm")?,
        max_concurrency: fields.integer("maxConcurrency")?,
        ..QuotaChange::default()
    })
}

/// A refusal of the total is shown at the one field for amounts.
fn at_amount(mut error: ServiceError) -> ServiceError {
    if error.field.as_deref() == Some("quotaUsd") {
        error.field = Some(AMOUNT.to_owned());
    }
    error
}
