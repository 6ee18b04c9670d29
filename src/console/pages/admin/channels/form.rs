//! The form of a channel: to make one, to change one, and to try what it holds before anything is stored.

use std::collections::HashSet;

use actix_web::HttpResponse;
use actix_web::http::StatusCode;
use actix_web::web::{Data, Path};
use minijinja::{Value, context};

use super::{channel_id, wish};
use crate::console::fields::{Fields, Problem};
use crate::console::render::shown;
use crate::console::visit::{Admin, SignedIn, Visit, status_of};
use crate::services::channels::{self, Channel, Draft, UpstreamsHandle};
use crate::services::{Kind, Served, ServiceError};

/// `GET /admin/channels/new?from=`
pub(super) async fn new(Admin(SignedIn { visit, .. }): Admin) -> HttpResponse {
    let Some(from) = visit.asked("from").and_then(|id| id.parse().ok()) else {
        return Form::new(&visit, None).show();
    };
    match channels::one(visit.services(), actors::vocabulary::ChannelId(from)).await {
        Ok(model) => Form { values: Some(&model), ..Form::new(&visit, None) }.show(),
        Err(error) => visit.failure(&error),
    }
}

/// `GET /admin/channels/{id}/edit`
pub(super) async fn edit(Admin(SignedIn { visit, .. }): Admin, path: Path<String>) -> HttpResponse {
    match channels::one(visit.services(), channel_id(&path)).await {
        Ok(channel) => Form::new(&visit, Some(&channel)).show(),
        Err(error) => visit.failure(&error),
    }
}

/// `POST /admin/channels {…, act}`
pub(super) async fn create(
    Admin(SignedIn { visit, actor }): Admin,
    fields: Fields,
    upstreams: Data<UpstreamsHandle>,
) -> HttpResponse {
    let form = Form { typed: Some(&fields), ..Form::new(&visit, None) };
    if let Some(act) = fields.filled("act") {
        let draft = wish::new(&fields).map(|new| Draft::New(Box::new(wish::named(new))));
        return form.tried(act, draft, &upstreams).await;
    }
    let made = match wish::new(&fields) {
        Ok(new) => channels::create(visit.services(), &actor, new).await,
        Err(error) => Err(error),
    };
    match made {
        Ok(_) => visit.to("/admin/channels?done=created").finish(),
        Err(error) => form.refused(&error),
    }
}

/// `POST /admin/channels/{id}/edit {…, act}`
pub(super) async fn update(
    Admin(SignedIn { visit, actor }): Admin,
    path: Path<String>,
    fields: Fields,
    upstreams: Data<UpstreamsHandle>,
) -> HttpResponse {
    let id = channel_id(&path);
    let channel = match channels::one(visit.services(), id).await {
        Ok(channel) => channel,
        Err(error) => return visit.failure(&error),
    };
    let form = Form { typed: Some(&fields), ..Form::new(&visit, Some(&channel)) };
    if let Some(act) = fields.filled("act") {
        let draft = wish::patch(&fields).map(|patch| Draft::Changed(id, Box::new(patch)));
        return form.tried(act, draft, &upstreams).await;
    }
    let changed = match wish::patch(&fields) {
        Ok(patch) => channels::update(visit.services(), &actor, id, patch).await,
        Err(error) => Err(error),
    };
    match changed {
        Ok(channel) => visit.to(&super::back(&channel, &fields, "saved")).finish(),
        Err(error) => form.refused(&error),
    }
}

/// The form as it is about to be shown.
struct Form<'a> {
    visit: &'a Visit,
    /// The stored channel that it changes.
    channel: Option<&'a Channel>,
    /// What stands in the fields at first.
    values: Option<&'a Channel>,
    typed: Option<&'a Fields>,
}

impl<'a> Form<'a> {
    fn new(visit: &'a Visit, channel: Option<&'a Channel>) -> Self {
        Self { visit, channel, values: channel, typed: None }
    }

    fn show(&self) -> HttpResponse {
        self.page(StatusCode::OK, Value::from(()))
    }

    fn refused(&self, error: &ServiceError) -> HttpResponse {
        self.page(status_of(error), context! { problem => shown(&Problem::of(self.visit, error)) })
    }

    /// Does what a button beside "save" asks for, and shows the form again with what came of it.
    async fn tried(&self, act: &str, draft: Served<Draft>, upstreams: &UpstreamsHandle) -> HttpResponse {
        let outcome = match draft {
            _ if act == "take" => Ok(Value::from(())),
            Ok(draft) => self.outcome(act, draft, upstreams).await,
            Err(error) => Err(error),
        };
        match outcome {
            Ok(outcome) => self.page(StatusCode::OK, outcome),
            Err(error) if error.refusal.kind == Kind::BadGateway => {
                self.page(StatusCode::OK, context! { failed => Problem::of(self.visit, &error).message })
            }
            Err(error) => self.refused(&error),
        }
    }

    async fn outcome(&self, act: &str, draft: Draft, upstreams: &UpstreamsHandle) -> Served<Value> {
        let services = self.visit.services();
        if act == "test" {
            return Ok(context! { tested => shown(&channels::test_draft(services, &*upstreams.0, draft).await?) });
        }
        let listed = channels::draft_models(services, &*upstreams.0, draft).await?.models;
        let known: HashSet<String> = self.typed.map(wish::models).unwrap_or_default().into_iter().collect();
        let candidates: Vec<&String> = listed.iter().filter(|model| !known.contains(*model)).collect();
        Ok(context! { listed => listed.len(), candidates => shown(&candidates) })
    }

    fn page(&self, status: StatusCode, outcome: Value) -> HttpResponse {
        let values = context! {
            channel => self.channel.map(shown),
            values => self.values.map(shown),
            typed => self.typed.map_or_else(|| Value::from(()), Fields::typed),
            typed_models => self.typed.map(|fields| wish::models(fields).join("\n")),
            secrets_typed => self.typed.is_some_and(|fields| fields.filled("apiKey").is_some() || fields.filled("headers").is_some()),
            ..outcome
        };
        self.visit.page(status, "channels/form.html", values)
    }
}
