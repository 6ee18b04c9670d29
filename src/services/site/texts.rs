//! Settings as texts: what forms show, and what they send back.

use actors::vocabulary::Settings;
use actors::vocabulary::settings::Kind;
use serde::Serialize;
use serde_json::value::RawValue;

use super::{SettingsPatch, checks, known};
use crate::services::{Served, ServiceError, Services};
use crate::store::{catalogue, settings};

/// A setting's text and that of its default; empty where it has none.
#[derive(Clone, Debug, Serialize)]
pub struct SettingText {
    /// The flat key.
    pub key: &'static str,
    /// What is in force.
    pub value: String,
    /// What would be, had nobody set it.
    pub default: String,
}

/// All settings as the database has them.
///
/// # Errors
/// When the database fails.
pub async fn texts(services: &Services) -> Served<Vec<SettingText>> {
    let stored = settings::load(&services.db).await?;
    let defaults = catalogue::default_settings(&services.db);
    let text = |settings: &Settings, key| settings.get(key).flatten().unwrap_or_default();
    let both = |key: &'static str| SettingText { key, value: text(&stored, key), default: text(&defaults, key) };
    Ok(Settings::ALL.iter().map(|info| both(info.key)).collect())
}

/// The announcement's HTML as visitors will get it.
pub fn announced(html: &str) -> String {
    checks::harmless(html)
}

impl SettingsPatch {
    /// The change that sets these texts. None is the default, and so is its very text: what becomes of the default
    /// later becomes of such a setting, too.
    ///
    /// # Errors
    /// `unknown_setting`.
    pub fn of_texts<'a>(services: &Services, texts: impl IntoIterator<Item = (&'a str, Option<String>)>) -> Served<Self> {
        let defaults = catalogue::default_settings(&services.db);
        let json = |(key, text): (&str, Option<String>)| {
            let kind = known(key)?.kind;
            let text = text.filter(|text| defaults.get(key).flatten().as_ref() != Some(text));
            let json = text.map_or_else(|| "null".to_owned(), |text| as_json(kind, text));
            Ok((key.to_owned(), RawValue::from_string(json).map_err(ServiceError::ill)?))
        };
        texts.into_iter().map(json).collect::<Served<_>>().map(Self)
    }
}

/// What cannot be of its kind is left a text: the check of the whole change names it.
fn as_json(kind: Kind, text: String) -> String {
    let bare = match kind {
        Kind::Text | Kind::OptionalText => false,
        Kind::Switch => matches!(text.as_str(), "true" | "false"),
        Kind::Number | Kind::OptionalNumber => serde_json::from_str::<serde_json::Number>(&text).is_ok(),
    };
    if bare { text } else { serde_json::Value::String(text).to_string() }
}
