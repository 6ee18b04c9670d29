//! What strangers read first: the front page, and how programs use this gateway.

use actix_web::HttpResponse;
use actix_web::http::StatusCode;
use minijinja::context;

use super::snippets;
use crate::console::visit::Visit;
use crate::services::catalogue::{SquareModel, model_square};
use crate::services::{Served, accounts};

/// Models that examples ask for where the site shows none of its own.
const CLAUDE_MODEL: &str = "claude-sonnet-4-5";
const OPENAI_MODEL: &str = "gpt-5-mini";
const EMBEDDING_MODEL: &str = "text-embedding-3-small";

/// `GET /`: the front page; whoever is the first here makes the first account.
pub(super) async fn front(visit: Visit) -> HttpResponse {
    show_front(&visit).await.unwrap_or_else(|error| visit.failure(&error))
}

/// `GET /docs`
pub(super) async fn docs(visit: Visit) -> HttpResponse {
    show_docs(&visit).await.unwrap_or_else(|error| visit.failure(&error))
}

async fn show_front(visit: &Visit) -> Served<HttpResponse> {
    if visit.actor.is_none() && accounts::opening(visit.services(), visit.client().local).await?.first {
        return Ok(visit.to("/register").finish());
    }
    let models = &model_square(visit.services()).await?.models;
    let values = context! {
        base => snippets::base_url(visit),
        key => snippets::KEY,
        many => models.len(),
        names => models.iter().map(|model| model.model.clone()).take(12).collect::<Vec<_>>(),
        claude => chat_model(models, "claude").unwrap_or(CLAUDE_MODEL),
        openai => chat_model(models, "openai").unwrap_or(OPENAI_MODEL),
    };
    Ok(visit.page(StatusCode::OK, "landing/front.html", values))
}

async fn show_docs(visit: &Visit) -> Served<HttpResponse> {
    let models = &model_square(visit.services()).await?.models;
    let embedding = models.iter().find(|model| embeds(model)).map(|model| model.model.as_str());
    let values = context! {
        base => snippets::base_url(visit),
        key => snippets::KEY,
        claude => chat_model(models, "claude").unwrap_or(CLAUDE_MODEL),
        openai => chat_model(models, "openai").unwrap_or(OPENAI_MODEL),
        embedding => embedding.unwrap_or(EMBEDDING_MODEL),
        most_bytes => visit.services().settings.settings().max_request_bytes >> 20,
    };
    Ok(visit.page(StatusCode::OK, "docs/page.html", values))
}

/// The first model of this provider that holds conversations.
fn chat_model<'m>(models: &'m [SquareModel], provider: &str) -> Option<&'m str> {
    models.iter().find(|model| model.provider == provider && !embeds(model)).map(|model| model.model.as_str())
}

fn embeds(model: &SquareModel) -> bool {
    model.model.contains("embed")
}
