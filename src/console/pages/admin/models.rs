//! The model catalogue: list, add, change, switch, show and hide, take over what channels serve, delete.

use std::collections::BTreeSet;

use actix_web::HttpResponse;
use actix_web::http::StatusCode;
use actix_web::web::{self, Path, ServiceConfig};
use minijinja::context;
use serde::Serialize;

use super::{price_import, several};
use crate::console::fields::{Fields, Problem};
use crate::console::lists;
use crate::console::pages::id;
use crate::console::render::shown;
use crate::console::visit::{Admin, SignedIn, Visit, status_of};
use crate::services::catalogue::Reach;
use crate::services::catalogue::missing::{self, Dismissal};
use crate::services::catalogue::models::{self, Model, ModelPatch, ModelQuery, NewModel};
use crate::services::catalogue::reach::ModelReach;
use crate::services::error::{MISSING_FIELD, NOT_FOUND};
use crate::services::values::Patch;
use crate::services::{Served, ServiceError};

const LIST: &str = "/admin/models";

/// Registers the pages.
pub(super) fn routes(config: &mut ServiceConfig) {
    config
        .route("/admin/models", web::get().to(list))
        .route("/admin/models", web::post().to(create))
        .route("/admin/models/new", web::get().to(new))
        .route("/admin/models/discover", web::get().to(discover))
        .route("/admin/models/discover", web::post().to(take_over))
        .route("/admin/models/several", web::post().to(act))
        .route("/admin/models/dismiss", web::post().to(dismiss))
        .route("/admin/models/{id}", web::get().to(edit))
        .route("/admin/models/{id}", web::post().to(update))
        .route("/admin/models/{id}/remove", web::get().to(ask_remove));
}

/// A model with who serves it.
#[derive(Serialize)]
struct Row<'a> {
    #[serde(flatten)]
    model: &'a Model,
    reach: ModelReach,
}

/// `GET /admin/models`
async fn list(Admin(SignedIn { visit, .. }): Admin) -> HttpResponse {
    rows(&visit).await.unwrap_or_else(|error| visit.failure(&error))
}

async fn rows(visit: &Visit) -> Served<HttpResponse> {
    let asked = lists::asked_by(visit, "model");
    let switch = |name| visit.asked(name).and_then(|word| word.parse().ok());
    let query = ModelQuery { provider: visit.asked("provider"), visible: switch("visible"), enabled: switch("enabled") };
    let filtered = query.provider.is_some() || query.visible.is_some() || query.enabled.is_some() || asked.query.is_some();
    let page = models::list(visit.services(), &asked, query).await?;
    let reach = Reach::load(visit.services()).await?;
    let missing = missing::list(visit.services()).await?;
    let rows: Vec<Row<'_>> = page.rows.iter().map(|model| Row { model, reach: reach.of_model(model) }).collect();
    let values = context! {
        list => lists::view(&asked, &page),
        rows => shown(&rows),
        total => page.total,
        candidates => reach.candidates().len(),
        missing => shown(&missing),
        idle => shown(&reach.idle_channels()),
        release => price_import::release(),
        filtered,
        done => several::done(visit),
    };
    Ok(visit.page(StatusCode::OK, "models/list.html", values))
}

/// `GET /admin/models/new`
async fn new(Admin(SignedIn { visit, .. }): Admin) -> HttpResponse {
    form(&visit, None, &Fields::default(), None)
}

/// `POST /admin/models`
async fn create(Admin(SignedIn { visit, actor }): Admin, fields: Fields) -> HttpResponse {
    let wish = NewModel {
        provider: fields.text("provider").to_owned(),
        model: fields.text("model").to_owned(),
        display_name: fields.filled("displayName").map(str::to_owned),
        visible: Some(fields.ticked("visible")),
        enabled: Some(fields.ticked("enabled")),
    };
    match models::create(visit.services(), &actor, wish).await {
        Ok(_) => several::back(&visit, &fields, LIST, "added", 1),
        Err(error) => form(&visit, None, &fields, Some(&error)),
    }
}

/// `GET /admin/models/{id}`
async fn edit(Admin(SignedIn { visit, .. }): Admin, path: Path<String>) -> HttpResponse {
    match models::one(visit.services(), id(&path)).await {
        Ok(model) => form(&visit, Some(&model), &Fields::default(), None),
        Err(error) => visit.failure(&error),
    }
}

/// `POST /admin/models/{id}`
async fn update(Admin(SignedIn { visit, actor }): Admin, path: Path<String>, fields: Fields) -> HttpResponse {
    let model = match models::one(visit.services(), id(&path)).await {
        Ok(model) => model,
        Err(error) => return visit.failure(&error),
    };
    let patch = ModelPatch {
        provider: Some(fields.text("provider").to_owned()),
        model: Some(fields.text("model").to_owned()),
        display_name: fields.optional("displayName"),
        visible: fields.turned("visible"),
        enabled: fields.turned("enabled"),
    };
    match models::update(visit.services(), &actor, model.id, patch).await {
        Ok(_) => several::back(&visit, &fields, LIST, "saved", 1),
        Err(error) => form(&visit, Some(&model), &fields, Some(&error)),
    }
}

fn form(visit: &Visit, model: Option<&Model>, fields: &Fields, error: Option<&ServiceError>) -> HttpResponse {
    let values = context! {
        model => model.map(shown),
        back => several::came_from(visit, fields, LIST),
    };
    visit.form("models/form.html", values, fields, error)
}

/// `POST /admin/models/dismiss {provider, model}`
async fn dismiss(Admin(SignedIn { visit, actor }): Admin, fields: Fields) -> HttpResponse {
    let of = Dismissal { provider: fields.text("provider").to_owned(), model: fields.text("model").to_owned() };
    match missing::dismiss(visit.services(), &actor, &of).await {
        // A name that is gone was dismissed before: pressed twice, or by two admins.
        Err(error) if !std::ptr::eq(error.refusal, &NOT_FOUND) => visit.failure(&error),
        _ => several::back(&visit, &fields, LIST, "dismissed", 1),
    }
}

/// `GET /admin/models/{id}/remove`
async fn ask_remove(Admin(SignedIn { visit, .. }): Admin, path: Path<String>) -> HttpResponse {
    match models::one(visit.services(), id(&path)).await {
        Ok(model) => question(&visit, &[model], &Fields::default()),
        Err(error) => visit.failure(&error),
    }
}

fn question(visit: &Visit, models: &[Model], fields: &Fields) -> HttpResponse {
    let values = context! { models => shown(&models), back => several::came_from(visit, fields, LIST) };
    visit.page(StatusCode::OK, "models/remove.html", values)
}

/// `POST /admin/models/several {id…, act}`: does the same to all that were chosen. Deleting asks once.
async fn act(Admin(signed_in): Admin, fields: Fields) -> HttpResponse {
    to_several(&signed_in, &fields).await.unwrap_or_else(|error| signed_in.visit.failure(&error))
}

async fn to_several(SignedIn { visit, actor }: &SignedIn, fields: &Fields) -> Served<HttpResponse> {
    let (services, chosen) = (visit.services(), several::chosen(fields)?);
    if chosen.is_empty() {
        return Ok(several::back(visit, fields, LIST, "none", 0));
    }
    let mut patch = ModelPatch::default();
    let what = match fields.text("act") {
        "remove" => return remove(visit, actor, fields, &chosen).await,
        "enable" => (patch.enabled = Patch::Value(true), "enabled").1,
        "disable" => (patch.enabled = Patch::Value(false), "disabled").1,
        "show" => (patch.visible = Patch::Value(true), "shown").1,
        "hide" => (patch.visible = Patch::Value(false), "hidden").1,
        _ => return Err(several::no_such_act()),
    };
    let changed = several::each(&chosen, async |id| models::update(services, actor, id, patch.clone()).await).await?;
    Ok(several::back(visit, fields, LIST, what, changed.len()))
}

async fn remove(visit: &Visit, actor: &crate::services::Actor, fields: &Fields, chosen: &BTreeSet<i64>) -> Served<HttpResponse> {
    let services = visit.services();
    if fields.ticked("sure") {
        let removed = several::each(chosen, async |id| models::delete(services, actor, id).await).await?;
        return Ok(several::back(visit, fields, LIST, "removed", removed.len()));
    }
    let found = several::each(chosen, async |id| models::one(services, id).await).await?;
    Ok(question(visit, &found, fields))
}

/// `GET /admin/models/discover`
async fn discover(Admin(SignedIn { visit, .. }): Admin) -> HttpResponse {
    candidates(&visit, None).await
}

/// `POST /admin/models/discover {pick…}`
async fn take_over(Admin(SignedIn { visit, actor }): Admin, fields: Fields) -> HttpResponse {
    let picked = fields.all("pick").iter().filter_map(|pick| pick.split_once(' '));
    let wish = |(provider, model): (&str, &str)| NewModel {
        visible: Some(fields.ticked("visible")),
        ..NewModel::named(provider, model)
    };
    let wishes: Vec<NewModel> = picked.map(wish).collect();
    if wishes.is_empty() {
        return candidates(&visit, Some((&fields, &ServiceError::field(&MISSING_FIELD, "pick")))).await;
    }
    match models::create_all(visit.services(), &actor, wishes).await {
        Ok(added) => several::back(&visit, &fields, LIST, "added", added),
        Err(error) => candidates(&visit, Some((&fields, &error))).await,
    }
}

/// What can be taken over; again with what was ticked and what is wrong with it.
async fn candidates(visit: &Visit, refused: Option<(&Fields, &ServiceError)>) -> HttpResponse {
    let error = refused.map(|(_, error)| error);
    let reach = match Reach::load(visit.services()).await {
        Ok(reach) => reach,
        Err(error) => return visit.failure(&error),
    };
    let values = context! {
        candidates => shown(&reach.candidates()),
        open_channels => shown(&reach.open_channels()),
        picked => refused.map(|(fields, _)| shown(&fields.all("pick"))),
        visible => refused.is_none_or(|(fields, _)| fields.ticked("visible")),
        problem => error.map(|error| shown(&Problem::of(visit, error))),
    };
    visit.page(error.map_or(StatusCode::OK, status_of), "models/discover.html", values)
}
