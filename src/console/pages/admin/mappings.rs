//! Mappings: what is asked of channels for the names clients use.

use std::collections::BTreeSet;

use actix_web::HttpResponse;
use actix_web::http::StatusCode;
use actix_web::web::{self, Path, ServiceConfig};
use minijinja::context;

use super::several;
use crate::console::fields::Fields;
use crate::console::lists;
use crate::console::once::{self, Told};
use crate::console::pages::id;
use crate::console::render::shown;
use crate::console::visit::{Admin, SignedIn, Visit};
use crate::services::catalogue::Reach;
use crate::services::catalogue::mappings::{self, Mapping, MappingPatch, MappingQuery, NewMapping};
use crate::services::values::{Patch, check};
use crate::services::{Actor, Served, ServiceError};

const LIST: &str = "/admin/mappings";

/// Registers the pages.
pub(super) fn routes(config: &mut ServiceConfig) {
    config
        .route("/admin/mappings", web::get().to(list))
        .route("/admin/mappings", web::post().to(create))
        .route("/admin/mappings/new", web::get().to(new))
        .route("/admin/mappings/several", web::post().to(act))
        .route("/admin/mappings/{id}", web::get().to(edit))
        .route("/admin/mappings/{id}", web::post().to(update))
        .route("/admin/mappings/{id}/remove", web::get().to(ask_remove));
}

/// `GET /admin/mappings`
async fn list(Admin(SignedIn { visit, .. }): Admin) -> HttpResponse {
    rows(&visit).await.unwrap_or_else(|error| visit.failure(&error))
}

async fn rows(visit: &Visit) -> Served<HttpResponse> {
    let asked = lists::asked_by(visit, "upstreamModel");
    let query = MappingQuery {
        provider: visit.asked("provider"),
        enabled: visit.asked("enabled").and_then(|word| word.parse().ok()),
        channel_id: visit.asked("channel").and_then(|id| id.parse().ok()),
    };
    let filtered = query.provider.is_some() || query.enabled.is_some() || query.channel_id.is_some() || asked.query.is_some();
    let page = mappings::list(visit.services(), &asked, query).await?;
    let reach = Reach::load(visit.services()).await?;
    let values = context! {
        list => lists::view(&asked, &page),
        page => shown(&page),
        channels => shown(&reach.channels()),
        filtered,
        done => several::done(visit),
    };
    Ok(visit.page(StatusCode::OK, "mappings/list.html", values))
}

/// `GET /admin/mappings/new`
async fn new(Admin(SignedIn { visit, .. }): Admin) -> HttpResponse {
    form(&visit, None, &Fields::default(), None).await
}

/// `POST /admin/mappings`
async fn create(Admin(signed_in): Admin, fields: Fields) -> HttpResponse {
    let make = async |SignedIn { visit, actor }: &SignedIn, fields: &Fields| {
        mappings::create(visit.services(), actor, wish(fields)?).await?;
        Ok(Told::At(several::way_back(fields, LIST, "added", 1)))
    };
    let again = async |SignedIn { visit, .. }: &SignedIn, fields: &Fields, error: &ServiceError| {
        form(visit, None, fields, Some(error)).await
    };
    once::act(signed_in, fields, make, again).await
}

/// `GET /admin/mappings/{id}`
async fn edit(Admin(SignedIn { visit, .. }): Admin, path: Path<String>) -> HttpResponse {
    match mappings::one(visit.services(), id(&path)).await {
        Ok(mapping) => form(&visit, Some(&mapping), &Fields::default(), None).await,
        Err(error) => visit.failure(&error),
    }
}

/// `POST /admin/mappings/{id}`
async fn update(Admin(SignedIn { visit, actor }): Admin, path: Path<String>, fields: Fields) -> HttpResponse {
    let mapping = match mappings::one(visit.services(), id(&path)).await {
        Ok(mapping) => mapping,
        Err(error) => return visit.failure(&error),
    };
    let changed = match change(&fields) {
        Ok(change) => mappings::update(visit.services(), &actor, mapping.id, change).await,
        Err(error) => Err(error),
    };
    match changed {
        Ok(_) => several::back(&visit, &fields, LIST, "saved", 1),
        Err(error) => form(&visit, Some(&mapping), &fields, Some(&error)).await,
    }
}

fn wish(fields: &Fields) -> Served<NewMapping> {
    Ok(NewMapping {
        provider: fields.text("provider").to_owned(),
        target_provider: fields.filled("targetProvider").map(str::to_owned),
        inbound_models: fields.list("inboundModels").value().unwrap_or_default(),
        upstream_model: fields.text("upstreamModel").to_owned(),
        channel_ids: Some(channels(fields)?),
        enabled: Some(fields.ticked("enabled")),
    })
}

fn change(fields: &Fields) -> Served<MappingPatch> {
    Ok(MappingPatch {
        provider: Some(fields.text("provider").to_owned()),
        target_provider: fields.filled("targetProvider").map_or(Patch::Null, |word| Patch::Value(word.to_owned())),
        inbound_models: Some(fields.list("inboundModels").value().unwrap_or_default()),
        upstream_model: Some(fields.text("upstreamModel").to_owned()),
        channel_ids: Patch::Value(channels(fields)?),
        enabled: fields.turned("enabled"),
    })
}

/// The channels that are ticked. None means all, so what cannot be read is not passed over.
fn channels(fields: &Fields) -> Served<Vec<i64>> {
    fields.all("channelIds").iter().map(|id| id.parse().map_err(|_| check::bad("channelIds", "a channel"))).collect()
}

async fn form(visit: &Visit, mapping: Option<&Mapping>, fields: &Fields, error: Option<&ServiceError>) -> HttpResponse {
    let reach = match Reach::load(visit.services()).await {
        Ok(reach) => reach,
        Err(error) => return visit.failure(&error),
    };
    let values = context! {
        mapping => mapping.map(shown),
        channels => shown(&reach.channels()),
        suggestions => shown(&reach.upstream_models()),
        back => several::came_from(visit, fields, LIST),
        ticked => error.map_or_else(|| shown(&mapping.map(|mapping| &mapping.channel_ids)), |_| shown(&channels(fields).unwrap_or_default())),
    };
    visit.form("mappings/form.html", values, fields, error)
}

/// `GET /admin/mappings/{id}/remove`
async fn ask_remove(Admin(SignedIn { visit, .. }): Admin, path: Path<String>) -> HttpResponse {
    match mappings::one(visit.services(), id(&path)).await {
        Ok(mapping) => question(&visit, &[mapping], &Fields::default()),
        Err(error) => visit.failure(&error),
    }
}

fn question(visit: &Visit, mappings: &[Mapping], fields: &Fields) -> HttpResponse {
    let values = context! { mappings => shown(&mappings), back => several::came_from(visit, fields, LIST) };
    visit.page(StatusCode::OK, "mappings/remove.html", values)
}

/// `POST /admin/mappings/several {id…, act}`: does the same to all that were chosen. Deleting asks once.
async fn act(Admin(signed_in): Admin, fields: Fields) -> HttpResponse {
    to_several(&signed_in, &fields).await.unwrap_or_else(|error| signed_in.visit.failure(&error))
}

async fn to_several(SignedIn { visit, actor }: &SignedIn, fields: &Fields) -> Served<HttpResponse> {
    let chosen = several::chosen(fields)?;
    if chosen.is_empty() {
        return Ok(several::back(visit, fields, LIST, "none", 0));
    }
    let enabled = match fields.text("act") {
        "remove" => return remove(visit, actor, fields, &chosen).await,
        "enable" => true,
        "disable" => false,
        _ => return Err(several::no_such_act()),
    };
    let patch = MappingPatch { enabled: Patch::Value(enabled), ..MappingPatch::default() };
    let changed = several::each(&chosen, async |id| mappings::update(visit.services(), actor, id, patch.clone()).await).await?;
    Ok(several::back(visit, fields, LIST, if enabled { "enabled" } else { "disabled" }, changed.len()))
}

async fn remove(visit: &Visit, actor: &Actor, fields: &Fields, chosen: &BTreeSet<i64>) -> Served<HttpResponse> {
    let services = visit.services();
    if fields.ticked("sure") {
        let removed = several::each(chosen, async |id| mappings::delete(services, actor, id).await).await?;
        return Ok(several::back(visit, fields, LIST, "removed", removed.len()));
    }
    let found = several::each(chosen, async |id| mappings::one(services, id).await).await?;
    Ok(question(visit, &found, fields))
}
