//! Channels: how each does, making and changing them, trying them.

mod detail;
mod form;
mod models;
mod testing;
mod wish;

use actix_web::HttpResponse;
use actix_web::http::StatusCode;
use actix_web::http::header::{HeaderName, HeaderValue};
use actix_web::web::{self, Data, Path, ServiceConfig};
use actors::vocabulary::ChannelId;
use minijinja::{Value, context};

use crate::console::fields::Fields;
use crate::console::lists;
use crate::console::pages::id;
use crate::console::render::shown;
use crate::console::visit::{Admin, SignedIn, Visit};
use crate::services::Served;
use crate::services::catalogue::Reach;
use crate::services::channels::{self, Channel, ChannelOverview, ChannelPatch, ChannelQuery, Grade, UpstreamsHandle};
use crate::services::values::{ListQuery, Patch, check};

/// Models in the filter; where channels name more, the search finds them.
const MOST_MODELS: usize = 200;
/// Channels without models that are told of above the list.
const MOST_IDLE: usize = 3;
/// Seconds after which the page of states may load itself again.
const PACES: [i64; 3] = [10, 30, 60];

/// Registers the pages.
pub(super) fn routes(config: &mut ServiceConfig) {
    config
        .route("/admin/channels", web::get().to(list))
        .route("/admin/channels", web::post().to(form::create))
        .route("/admin/channels/new", web::get().to(form::new))
        .route("/admin/channels/test", web::get().to(testing::ask))
        .route("/admin/channels/test", web::post().to(testing::all))
        .route("/admin/channels/{id}", web::get().to(detail::page))
        .route("/admin/channels/{id}/edit", web::get().to(form::edit))
        .route("/admin/channels/{id}/edit", web::post().to(form::update))
        .route("/admin/channels/{id}/models", web::get().to(models::page))
        .route("/admin/channels/{id}/models", web::post().to(models::add))
        .route("/admin/channels/{id}/status", web::post().to(switch))
        .route("/admin/channels/{id}/circuit", web::post().to(detail::close_circuit))
        .route("/admin/channels/{id}/test", web::post().to(testing::one))
        .route("/admin/channels/{id}/remove", web::get().to(ask_remove))
        .route("/admin/channels/{id}/remove", web::post().to(remove))
        .route("/admin/channel-status", web::get().to(states));
}

/// `GET /admin/channels`
async fn list(Admin(SignedIn { visit, .. }): Admin, upstreams: Data<UpstreamsHandle>) -> HttpResponse {
    let page = match Reach::load(visit.services()).await {
        Ok(reach) => {
            let idle: Vec<_> = reach.idle_channels().into_iter().take(MOST_IDLE).collect();
            overview(&visit, &upstreams, "channels/list.html", context! { idle => shown(&idle) }).await
        }
        Err(error) => Err(error),
    };
    page.unwrap_or_else(|error| visit.failure(&error))
}

/// `GET /admin/channel-status`
async fn states(Admin(SignedIn { visit, .. }): Admin, upstreams: Data<UpstreamsHandle>) -> HttpResponse {
    let page = overview(&visit, &upstreams, "channels/status.html", context! {}).await;
    let mut page = page.unwrap_or_else(|error| visit.failure(&error));
    let pace = visit.asked("every").and_then(|pace| pace.parse().ok()).filter(|pace| PACES.contains(pace));
    if let Some(pace) = pace {
        page.headers_mut().insert(HeaderName::from_static("refresh"), HeaderValue::from(pace));
    }
    page
}

async fn overview(visit: &Visit, upstreams: &UpstreamsHandle, template: &str, more: Value) -> Served<HttpResponse> {
    let asked = lists::asked(visit);
    let by_name = || ListQuery { sort: Some("name".to_owned()), sort_dir: Some("asc".to_owned()), ..asked.clone() };
    let asked = if asked.sort.is_some() { asked } else { by_name() };
    let query = ChannelQuery { kind: visit.asked("type"), enabled: switched(visit), model: visit.asked("model") };
    let grade = visit.asked("grade").as_deref().and_then(grade);
    let filtered =
        asked.query.is_some() || query.kind.is_some() || query.enabled.is_some() || query.model.is_some() || grade.is_some();
    let ChannelOverview { page, counts, mut models } =
        channels::overview(visit.services(), &*upstreams.0, &asked, query, grade).await?;
    if models.len() > MOST_MODELS {
        models.clear();
    }
    let values = context! {
        list => lists::view(&asked, &page),
        page => shown(&page),
        counts => shown(&counts),
        models => shown(&models),
        paces => shown(&PACES),
        now => visit.services().now(),
        filtered,
        ..more
    };
    Ok(visit.page(StatusCode::OK, template, values))
}

/// Whether channels that are on, or off, are asked for.
fn switched(visit: &Visit) -> Option<bool> {
    match visit.asked("enabled")?.as_str() {
        "yes" => Some(true),
        "no" => Some(false),
        _ => None,
    }
}

fn grade(word: &str) -> Option<Grade> {
    match word {
        "ok" => Some(Grade::Ok),
        "warn" => Some(Grade::Warn),
        "bad" => Some(Grade::Bad),
        "off" => Some(Grade::Off),
        _ => None,
    }
}

/// `POST /admin/channels/{id}/status {status, back}`
async fn switch(Admin(SignedIn { visit, actor }): Admin, path: Path<String>, fields: Fields) -> HttpResponse {
    let enabled = match fields.text("status") {
        "active" => true,
        "disabled" => false,
        _ => return visit.failure(&check::bad("status", "active or disabled")),
    };
    let patch = ChannelPatch { enabled: Patch::Value(enabled), ..ChannelPatch::default() };
    let done = if enabled { "enabled" } else { "disabled" };
    match channels::update(visit.services(), &actor, channel_id(&path), patch).await {
        Ok(channel) => visit.to(&back(&channel, &fields, done)).finish(),
        Err(error) => visit.failure(&error),
    }
}

/// Where a button of a channel leads back to: its page, if it stands there, else the list.
fn back(channel: &Channel, fields: &Fields, done: &str) -> String {
    if fields.text("back") == "channel" {
        format!("/admin/channels/{}?done={done}", channel.id)
    } else {
        format!("/admin/channels?done={done}")
    }
}

/// `GET /admin/channels/{id}/remove`
async fn ask_remove(Admin(SignedIn { visit, .. }): Admin, path: Path<String>) -> HttpResponse {
    match channels::one(visit.services(), channel_id(&path)).await {
        Ok(channel) => visit.page(StatusCode::OK, "channels/remove.html", context! { channel => shown(&channel) }),
        Err(error) => visit.failure(&error),
    }
}

/// `POST /admin/channels/{id}/remove`
async fn remove(Admin(SignedIn { visit, actor }): Admin, path: Path<String>) -> HttpResponse {
    match channels::delete(visit.services(), &actor, channel_id(&path)).await {
        Ok(()) => visit.to("/admin/channels?done=removed").finish(),
        Err(error) => visit.failure(&error),
    }
}

fn channel_id(path: &Path<String>) -> ChannelId {
    ChannelId(id(path))
}
