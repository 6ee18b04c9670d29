//! The model catalogue.

use actors::ports::Changed;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{model_name, provider};
use crate::services::error::{NOT_FOUND, TAKEN};
use crate::services::values::{ListQuery, Page, Patch, check};
use crate::services::{Actor, Deed, Served, ServiceError, Services};
use crate::store::StoreError;
use crate::store::models::{self, ModelFilter, ModelRow};

/// Models that are added in one step.
const MOST_AT_ONCE: usize = 2_000;

/// A model of the catalogue.
#[derive(Clone, Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Model {
    /// Its id.
    pub id: i64,
    /// `claude` or `openai`.
    pub provider: String,
    /// The name it is called by.
    pub model: String,
    /// Its name for people.
    pub display_name: String,
    /// Whether lists show it. Hidden models are callable.
    pub visible: bool,
    /// Whether it can be called.
    pub enabled: bool,
    /// Epoch milliseconds.
    pub created_at: i64,
    /// Epoch milliseconds.
    pub updated_at: i64,
}

impl From<ModelRow> for Model {
    fn from(row: ModelRow) -> Self {
        Self {
            id: row.id,
            provider: row.provider,
            model: row.model,
            display_name: row.display_name,
            visible: row.visible,
            enabled: row.enabled,
            created_at: row.created_at,
            updated_at: row.updated_at,
        }
    }
}

/// A new model.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct NewModel {
    /// `claude` or `openai`.
    pub provider: String,
    /// The name it is called by.
    pub model: String,
    /// Its name for people; absent = as `model`.
    pub display_name: Option<String>,
    /// Whether lists show it (default true).
    pub visible: Option<bool>,
    /// Whether it can be called (default true).
    pub enabled: Option<bool>,
}

impl NewModel {
    /// A model with nothing said of it but its name.
    pub fn named(provider: &str, model: &str) -> Self {
        let (provider, model) = (provider.to_owned(), model.to_owned());
        Self { provider, model, display_name: None, visible: None, enabled: None }
    }
}

/// Changes to a model.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct ModelPatch {
    /// `claude` or `openai`.
    pub provider: Option<String>,
    /// The name it is called by.
    pub model: Option<String>,
    /// Its name for people; null = as `model`.
    pub display_name: Patch<String>,
    /// Whether lists show it; null = true.
    pub visible: Patch<bool>,
    /// Whether it can be called; null = true.
    pub enabled: Patch<bool>,
}

/// Which models are wanted.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct ModelQuery {
    /// `claude` or `openai`.
    pub provider: Option<String>,
    /// Shown or hidden.
    pub visible: Option<bool>,
    /// On or off.
    pub enabled: Option<bool>,
}

/// One page of the catalogue.
///
/// # Errors
/// `invalid_request`.
pub async fn list(services: &Services, asked: &ListQuery, query: ModelQuery) -> Served<Page<Model>> {
    let filter = ModelFilter { provider: query.provider, visible: query.visible, enabled: query.enabled };
    let found = models::list(&services.db, &filter, &asked.window(models::SORTS)?).await?;
    Ok(Page::new(asked, found, Model::from))
}

/// Adds a model.
///
/// # Errors
/// `invalid_request`, `conflict`.
pub async fn create(services: &Services, actor: &Actor, new: NewModel) -> Served<Model> {
    let row = checked(services, new)?;
    let made = Model::from(row.clone());
    let trail = services.trail(&actor.by(), Deed::new("model.create", row.id).after(&made), Some(Changed::Catalogue));
    models::insert(&services.db, &row, &trail).await.map_err(taken)?;
    services.news.changed(Changed::Catalogue).await;
    Ok(made)
}

/// Adds many models at once; those that are there already stay as they are. Returns how many are new.
///
/// # Errors
/// `invalid_request`; then nothing is added.
pub async fn create_all(services: &Services, actor: &Actor, new: Vec<NewModel>) -> Served<u64> {
    if new.len() > MOST_AT_ONCE {
        return Err(check::bad("model", format!("at most {MOST_AT_ONCE} at once")));
    }
    let rows = new.into_iter().map(|new| checked(services, new)).collect::<Served<Vec<_>>>()?;
    let names: Vec<&str> = rows.iter().map(|row| row.model.as_str()).collect();
    let trail = services.trail(&actor.by(), Deed::new("model.add", None).after(&names), Some(Changed::Catalogue));
    let added = models::add(&services.db, &rows, &trail).await.map_err(taken)?;
    services.news.changed(Changed::Catalogue).await;
    Ok(added)
}

/// One model.
///
/// # Errors
/// `not_found`.
pub async fn one(services: &Services, id: i64) -> Served<Model> {
    find(services, id).await.map(Model::from)
}

/// Changes a model.
///
/// # Errors
/// `invalid_request`, `not_found`, `conflict`.
pub async fn update(services: &Services, actor: &Actor, id: i64, patch: ModelPatch) -> Served<Model> {
    let old = find(services, id).await?;
    let mut row = old.clone();
    if let Some(word) = patch.provider {
        row.provider = provider("provider", &word)?;
    }
    if let Some(name) = patch.model {
        row.model = model_name("model", &name)?;
    }
    match patch.display_name {
        Patch::Absent => {}
        Patch::Null => row.display_name.clone_from(&row.model),
        Patch::Value(name) => row.display_name = display_name(Some(&name), &row.model)?,
    }
    row.visible = patch.visible.over(row.visible, true);
    row.enabled = patch.enabled.over(row.enabled, true);
    row.updated_at = services.now();
    let made = Model::from(row.clone());
    let deed = Deed::new("model.update", id).before(&Model::from(old)).after(&made);
    let trail = services.trail(&actor.by(), deed, Some(Changed::Catalogue));
    if !models::update(&services.db, &row, &trail).await.map_err(taken)? {
        return Err(ServiceError::new(&NOT_FOUND));
    }
    services.news.changed(Changed::Catalogue).await;
    Ok(made)
}

/// Deletes a model from the catalogue.
///
/// # Errors
/// `not_found`.
pub async fn delete(services: &Services, actor: &Actor, id: i64) -> Served<()> {
    let old = Model::from(find(services, id).await?);
    let trail = services.trail(&actor.by(), Deed::new("model.delete", id).before(&old), Some(Changed::Catalogue));
    if !models::delete(&services.db, id, &trail).await? {
        return Err(ServiceError::new(&NOT_FOUND));
    }
    services.news.changed(Changed::Catalogue).await;
    Ok(())
}

/// A new row, checked.
pub(in crate::services) fn checked(services: &Services, new: NewModel) -> Served<ModelRow> {
    let now = services.now();
    let model = model_name("model", &new.model)?;
    Ok(ModelRow {
        id: services.id(),
        provider: provider("provider", &new.provider)?,
        display_name: display_name(new.display_name.as_deref(), &model)?,
        model,
        visible: new.visible.unwrap_or(true),
        enabled: new.enabled.unwrap_or(true),
        created_at: now,
        updated_at: now,
    })
}

async fn find(services: &Services, id: i64) -> Served<ModelRow> {
    models::find(&services.db, id).await?.ok_or_else(|| ServiceError::new(&NOT_FOUND))
}

fn display_name(given: Option<&str>, model: &str) -> Served<String> {
    given
        .filter(|name| !name.trim().is_empty())
        .map_or_else(|| Ok(model.to_owned()), |name| check::name("displayName", name, 200))
}

fn taken(error: StoreError) -> ServiceError {
    match error {
        StoreError::Duplicate => ServiceError::field(&TAKEN, "model"),
        other => other.into(),
    }
}
