//! Models that clients asked for and that nobody serves: what somebody may want to add or to map.

use std::sync::Arc;

use actors::settings_cache::Snapshot;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{model_name, prices::family_of, provider};
use crate::services::error::NOT_FOUND;
use crate::services::{Actor, Deed, Served, ServiceError, Services};
use crate::store::{catalogue, missing_models};

/// How long a name stays listed after its last request, and how long a dismissed name stays hidden.
pub const KEPT_MS: i64 = 30 * 86_400_000;
/// Most names in one list.
const MOST: usize = 200;

/// A name that was asked for in vain.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct MissingModel {
    /// `claude` or `openai`: whose protocol its clients speak.
    pub provider: String,
    /// The name.
    pub model: String,
    /// Requests that were refused.
    pub requests: i64,
    /// Keys that asked.
    pub keys: i64,
    /// Epoch milliseconds of the first request.
    pub first_asked_at: i64,
    /// Epoch milliseconds of the last one.
    pub last_asked_at: i64,
}

/// Names that were asked for in vain.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, JsonSchema)]
pub struct MissingModels {
    /// Of the last 30 days, those first that most keys ask for; at most 200.
    pub rows: Vec<MissingModel>,
    /// How many there are.
    pub total: usize,
}

/// A name to hide for 30 days.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
pub struct Dismissal {
    /// `claude` or `openai`.
    pub provider: String,
    /// The name.
    pub model: String,
}

/// The names that were asked for in vain and would be refused now.
///
/// # Errors
/// When the database fails.
pub async fn list(services: &Services) -> Served<MissingModels> {
    let asked = missing_models::all(&services.db, services.now() - KEPT_MS).await?;
    if asked.is_empty() {
        return Ok(MissingModels::default());
    }
    // The snapshot that requests are judged by; it need not be read again, nor every channel's key opened.
    let in_force = match services.settings.snapshot() {
        Some(snapshot) => snapshot,
        None => Arc::new(Snapshot::new(catalogue::load(&services.db, &services.sealer).await?)),
    };
    let mut rows = Vec::new();
    for row in asked {
        if in_force.lacks(family_of("provider", &row.provider)?, &row.model) {
            rows.push(MissingModel {
                provider: row.provider,
                model: row.model,
                requests: row.requests,
                keys: row.keys,
                first_asked_at: row.first_at,
                last_asked_at: row.last_at,
            });
        }
    }
    let total = rows.len();
    rows.truncate(MOST);
    Ok(MissingModels { rows, total })
}

/// Hides a name for 30 days.
///
/// # Errors
/// `invalid_request`; `not_found` where nobody asked for it.
pub async fn dismiss(services: &Services, actor: &Actor, of: &Dismissal) -> Served<()> {
    let (provider, model) = (provider("provider", &of.provider)?, model_name("model", &of.model)?);
    let deed = Deed::new("model.dismiss", None).after(&serde_json::json!({ "provider": provider, "model": model }));
    let trail = services.trail(&actor.by(), deed, None);
    let there = missing_models::dismiss(&services.db, &provider, &model, services.now(), &trail).await?;
    if there { Ok(()) } else { Err(ServiceError::new(&NOT_FOUND)) }
}
