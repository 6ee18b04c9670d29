//! Imports prices from a file: what it would change is looked through first, and exactly what was chosen is written.

use actix_web::HttpResponse;
use actix_web::http::StatusCode;
use actix_web::web::{self, ServiceConfig};
use minijinja::{Value, context};
use serde::Serialize;

use super::{prices, several};
use crate::console::fields::{Fields, Problem};
use crate::console::render::shown;
use crate::console::upload::Upload;
use crate::console::visit::{Admin, SignedIn, Visit};
use crate::services::catalogue::prices::{NewPrice, Price};
use crate::services::catalogue::{self, ImportBody, ImportDiff, ImportOptions, PreviewFilter, Reach, Skipped};
use crate::services::error::{ILL, MISSING_FIELD};
use crate::services::{Served, ServiceError};

/// Registers the pages.
pub(super) fn routes(config: &mut ServiceConfig) {
    config
        .route("/admin/prices/import", web::get().to(ask))
        .route("/admin/prices/import", web::post().to(preview))
        .route("/admin/prices/import/apply", web::post().to(apply));
}

/// One price that the import would write.
#[derive(Serialize)]
struct Row<'a> {
    after: &'a Price,
    before: Option<&'a Price>,
    /// What the form sends when it is chosen: a row of our own format.
    value: String,
}

/// `GET /admin/prices/import`
async fn ask(Admin(SignedIn { visit, .. }): Admin) -> HttpResponse {
    form(&visit, &Fields::default(), None)
}

/// `POST /admin/prices/import {priceList, or rows of one that was read before, or release}`: shows what it would change.
async fn preview(Admin(SignedIn { visit, .. }): Admin, Upload(fields): Upload) -> HttpResponse {
    match looked_through(&visit, &fields).await {
        Ok(page) => page,
        Err(error) if std::ptr::eq(error.refusal, &ILL) => visit.failure(&error),
        Err(error) => form(&visit, &fields, Some(&error)),
    }
}

async fn looked_through(visit: &Visit, fields: &Fields) -> Served<HttpResponse> {
    let filter = PreviewFilter { provider: fields.filled("provider").map(str::to_owned), known_only: fields.ticked("known") };
    let text = fields.filled("priceList").or_else(|| fields.filled("rows"));
    let preview = if text.is_none() && fields.ticked("release") {
        catalogue::preview_list(visit.services(), &filter).await?
    } else {
        let text = text.ok_or_else(|| ServiceError::field(&MISSING_FIELD, "priceList"))?;
        let body = ImportBody::of(text.trim_start_matches('\u{feff}').to_owned())?;
        catalogue::preview(visit.services(), &body, &filter).await?
    };
    let reach = Reach::load(visit.services()).await?;
    // What was passed over when the file was read is remembered by the form while its filters change.
    let passed_over: Vec<Skipped> = match fields.filled("passedOver") {
        Some(noted) => serde_json::from_str(noted).unwrap_or_default(),
        None => preview.passed_over.clone(),
    };
    let values = context! {
        changed => shown(&changed(&preview.diff)?),
        added => shown(&added(&preview.diff)?),
        unchanged => preview.diff.unchanged,
        left_out => preview.left_out,
        skipped => passed_over.iter().map(|group| group.count).sum::<usize>(),
        passed_over => shown(&passed_over),
        noted => text_of(&passed_over)?,
        rows => text_of(&preview.rows)?,
        read => preview.rows.len(),
        channels => shown(&reach.channels()),
        typed => fields.typed(),
    };
    Ok(visit.page(StatusCode::OK, "prices/preview.html", values))
}

fn changed(diff: &ImportDiff) -> Served<Vec<Row<'_>>> {
    let row = |(before, after)| Ok(Row { after, before: Some(before), value: text_of(&NewPrice::from(after))? });
    diff.changed.iter().map(|change| (&change.before, &change.after)).map(row).collect()
}

fn added(diff: &ImportDiff) -> Served<Vec<Row<'_>>> {
    diff.added.iter().map(|after| Ok(Row { after, before: None, value: text_of(&NewPrice::from(after))? })).collect()
}

fn text_of(rows: &impl Serialize) -> Served<String> {
    serde_json::to_string(rows).map_err(ServiceError::ill)
}

/// `POST /admin/prices/import/apply {row…}`: writes the rows that were chosen, all or none.
async fn apply(Admin(SignedIn { visit, actor }): Admin, Upload(fields): Upload) -> HttpResponse {
    let chosen = fields.all("row");
    if chosen.is_empty() {
        return form(&visit, &fields, Some(&ServiceError::field(&MISSING_FIELD, "row")));
    }
    let written = match ImportBody::of(format!("[{}]", chosen.join(","))) {
        Ok(body) => catalogue::import(visit.services(), &actor, body, ImportOptions { dry_run: Some(false) }).await,
        Err(error) => Err(error),
    };
    match written {
        Ok(diff) => several::back(&visit, &fields, prices::LIST, "imported", diff.added.len() + diff.changed.len()),
        Err(error) => form(&visit, &fields, Some(&error)),
    }
}

fn form(visit: &Visit, fields: &Fields, error: Option<&ServiceError>) -> HttpResponse {
    // Whatever is wrong with a row is wrong with the file it came from.
    let at_file = |problem: Problem| match problem.field.as_deref() {
        Some("row") => problem,
        _ => Problem { field: Some("priceList".to_owned()), ..problem },
    };
    let values = context! {
        problem => error.map(|error| shown(&at_file(Problem::of(visit, error)))),
        release => release(),
    };
    visit.form("prices/import.html", values, fields, error)
}

/// The price list of this release, for the button that imports it: its day and where its figures are from.
pub(super) fn release() -> Option<Value> {
    let list = catalogue::price_list().ok()?;
    let sources: Vec<String> = list.sources.into_iter().map(|source| source.name).collect();
    Some(context! { day => list.as_of, sources => sources.join("; ") })
}
