//! The models of a channel's provider: what adding each would do, and adding those that are chosen.

use std::collections::{BTreeMap, HashSet};

use actix_web::HttpResponse;
use actix_web::http::StatusCode;
use actix_web::web::{Data, Path};
use minijinja::{Value, context};
use serde::Serialize;

use super::super::several;
use super::channel_id;
use crate::console::fields::{Fields, Problem};
use crate::console::render::shown;
use crate::console::upload::Upload;
use crate::console::visit::{Admin, SignedIn, Visit, status_of};
use crate::services::channels::{
    self, AddModels, AddState, ChannelModel, ChannelModels, ModelToAdd, UpstreamsHandle, invalid_price,
};
use crate::services::error::MISSING_FIELD;
use crate::services::values::{Patch, Usd};
use crate::services::{Kind, Served, ServiceError};

/// A model without a known price, with what was typed for it.
#[derive(Clone, Copy, Serialize)]
struct Unpriced<'a> {
    model: &'a str,
    input: &'a str,
    output: &'a str,
}

/// `GET /admin/channels/{id}/models`
pub(super) async fn page(
    Admin(SignedIn { visit, .. }): Admin,
    path: Path<String>,
    upstreams: Data<UpstreamsHandle>,
) -> HttpResponse {
    look(&visit, &path, &upstreams, None).await.unwrap_or_else(|error| visit.failure(&error))
}

/// `POST /admin/channels/{id}/models {pick…, unpriced…, inputPricePerMTok…, outputPricePerMTok…, visible}`
pub(super) async fn add(
    Admin(SignedIn { visit, actor }): Admin,
    path: Path<String>,
    upstreams: Data<UpstreamsHandle>,
    Upload(fields): Upload,
) -> HttpResponse {
    let added = match chosen(&fields) {
        Ok(models) => {
            let (count, visible) = (models.len(), Some(fields.ticked("visible")));
            let wish = AddModels { models: Some(models), visible };
            channels::add_models(visit.services(), &*upstreams.0, &actor, channel_id(&path), wish).await.map(|_| count)
        }
        Err(error) => Err(error),
    };
    match added {
        Ok(count) => several::back(&visit, &fields, "/admin/models", "taken", count),
        Err(error) if [Kind::Invalid, Kind::Conflict].contains(&error.refusal.kind) => {
            let again = look(&visit, &path, &upstreams, Some((&fields, &error))).await;
            again.unwrap_or_else(|error| visit.failure(&error))
        }
        Err(error) => visit.failure(&error),
    }
}

/// Those that are ticked, and those without a known price for which one was typed.
fn chosen(fields: &Fields) -> Served<Vec<ModelToAdd>> {
    let ticked = fields.all("pick").iter().map(|model| ModelToAdd { model: model.clone(), ..ModelToAdd::default() });
    let mut models: Vec<ModelToAdd> = ticked.collect();
    for row in typed_prices(fields).into_iter().filter(|row| !row.input.is_empty() || !row.output.is_empty()) {
        models.push(ModelToAdd {
            model: row.model.to_owned(),
            input_price_per_m_tok: price(&row, row.input)?,
            output_price_per_m_tok: price(&row, row.output)?,
            ..ModelToAdd::default()
        });
    }
    if models.is_empty() { Err(ServiceError::field(&MISSING_FIELD, "pick")) } else { Ok(models) }
}

fn price(row: &Unpriced<'_>, typed: &str) -> Served<Option<Usd>> {
    let mut one = Fields::default();
    one.add("price".to_owned(), typed.to_owned());
    match one.usd("price") {
        Ok(Patch::Value(usd)) => Ok(Some(usd)),
        Ok(_) => Ok(None),
        Err(_) => Err(invalid_price(row.model)),
    }
}

/// The rows of the table in which prices are typed, as they were sent: a name and two prices each.
fn typed_prices(fields: &Fields) -> Vec<Unpriced<'_>> {
    let typed = |name: &str, row: usize| fields.all(name).get(row).map_or("", |text| text.trim());
    let (input, output) = (|row| typed("inputPricePerMTok", row), |row| typed("outputPricePerMTok", row));
    let names = fields.all("unpriced").iter().enumerate();
    names.map(|(row, model)| Unpriced { model, input: input(row), output: output(row) }).collect()
}

/// The page; again with what was chosen and typed, and what is wrong with it.
async fn look(
    visit: &Visit,
    path: &Path<String>,
    upstreams: &UpstreamsHandle,
    refused: Option<(&Fields, &ServiceError)>,
) -> Served<HttpResponse> {
    let channel = channels::one(visit.services(), channel_id(path)).await?;
    let found = match channels::channel_models(visit.services(), &*upstreams.0, channel_id(path)).await {
        Ok(found) => values(&found, refused.map(|(fields, _)| fields)),
        // The provider's own fault, or a key that cannot be read: the page says so and offers to ask again.
        Err(error) if [Kind::BadGateway, Kind::Conflict].contains(&error.refusal.kind) => {
            context! { failed => Problem::of(visit, &error).message }
        }
        Err(error) => return Err(error),
    };
    let error = refused.map(|(_, error)| error);
    let page = context! {
        channel => shown(&channel),
        visible => refused.is_none_or(|(fields, _)| fields.ticked("visible")),
        problem => error.map(|error| shown(&Problem::of(visit, error))),
        ..found
    };
    Ok(visit.page(error.map_or(StatusCode::OK, status_of), "channels/models.html", page))
}

fn values(found: &ChannelModels, typed: Option<&Fields>) -> Value {
    let of = |state: AddState| found.models.iter().filter(move |model| model.state == state);
    let names: HashSet<&str> = found.models.iter().map(|model| model.model.as_str()).collect();
    let rows = typed.map(typed_prices).unwrap_or_default();
    let by_name: BTreeMap<&str, Unpriced<'_>> = rows.iter().map(|row| (row.model, *row)).collect();
    let row = |model| by_name.get(model).copied().unwrap_or(Unpriced { model, input: "", output: "" });
    let mut unpriced: Vec<Unpriced<'_>> = of(AddState::Unpriced).map(|model| row(&model.model)).collect();
    // What was typed stays, also for a model that the provider lists no more.
    unpriced.extend(rows.iter().filter(|row| !names.contains(row.model)));
    context! {
        day => &found.prices_as_of,
        listed => found.models.len(),
        more => found.more,
        ready => shown(&of(AddState::Ready).collect::<Vec<&ChannelModel>>()),
        there => shown(&of(AddState::There).map(|model| &model.model).collect::<Vec<_>>()),
        unpriced => shown(&unpriced),
        picked => typed.map(|fields| shown(&fields.all("pick"))),
    }
}
