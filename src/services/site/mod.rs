//! The site's settings: read, changed in part, and the few that anybody may see.

mod checks;
mod public;
mod texts;

use std::borrow::Cow;
use std::collections::BTreeMap;

use actors::ports::Changed;
use actors::vocabulary::Settings;
use actors::vocabulary::settings::{Kind, SettingInfo};
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::ser::{Error as _, SerializeMap};
use serde::{Deserialize, Serialize, Serializer};
use serde_json::value::RawValue;

pub use checks::is_web;
pub use public::{Announcement, Site, announcement, site};
pub use texts::{SettingText, announced, texts};

use super::error::refusals;
use super::values::check;
use super::{Actor, Deed, Served, ServiceError, Services};
use crate::store::{catalogue, settings};

/// Settings whose value is the id of a channel.
const NAMING_CHANNELS: [&str; 2] = ["claudeFallbackChannelId", "openaiFallbackChannelId"];

refusals! {
    /// There is no such setting.
    UNKNOWN_SETTING = Invalid, "unknown_setting", "There is no setting named {field}", "没有名为 {field} 的设置";
}

/// All settings, flat.
#[derive(Clone, Debug)]
pub struct AllSettings(Settings);

impl Serialize for AllSettings {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(Settings::ALL.len()))?;
        for info in Settings::ALL {
            let json = to_json(info.kind, self.0.get(info.key).flatten());
            map.serialize_entry(info.key, &RawValue::from_string(json).map_err(S::Error::custom)?)?;
        }
        map.end()
    }
}

impl JsonSchema for AllSettings {
    fn schema_name() -> Cow<'static, str> {
        "Settings".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        schema_of(|kind| match kind {
            Kind::Text => json_schema!({ "type": "string" }),
            Kind::Number => json_schema!({ "type": "number" }),
            Kind::Switch => json_schema!({ "type": "boolean" }),
            Kind::OptionalNumber => json_schema!({ "type": ["number", "null"] }),
            Kind::OptionalText => json_schema!({ "type": ["string", "null"] }),
        })
    }
}

/// Some settings to change: absent = unchanged, null = back to the default.
#[derive(Debug, Serialize, Deserialize)]
#[serde(transparent)]
pub struct SettingsPatch(BTreeMap<String, Box<RawValue>>);

impl JsonSchema for SettingsPatch {
    fn schema_name() -> Cow<'static, str> {
        "SettingsPatch".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        schema_of(|kind| match kind {
            Kind::Text | Kind::OptionalText => json_schema!({ "type": ["string", "null"] }),
            Kind::Number | Kind::OptionalNumber => json_schema!({ "type": ["number", "null"] }),
            Kind::Switch => json_schema!({ "type": ["boolean", "null"] }),
        })
    }
}

/// All settings as the database has them.
///
/// # Errors
/// When the database fails.
pub async fn read(services: &Services) -> Served<AllSettings> {
    let mut all = settings::load(&services.db).await?;
    all.announcement_html = all.announcement_html.map(|html| checks::harmless(&html));
    Ok(AllSettings(all))
}

/// Changes some settings, all or nothing.
///
/// # Errors
/// `unknown_setting` or `invalid_request`, naming the setting.
pub async fn update(services: &Services, actor: &Actor, patch: SettingsPatch) -> Served<AllSettings> {
    let old = settings::load(&services.db).await?;
    let (new, given) = applied(services, &old, &patch).await?;
    let rows: Vec<(&str, Option<String>)> = given
        .iter()
        .map(|(info, reset)| (info.key, if *reset { None } else { Some(new.get(info.key).flatten().unwrap_or_default()) }))
        .collect();
    let deed = Deed::new("settings.update", None).before(&some(&old, &rows)).after(&some(&new, &rows));
    let trail = services.trail(&actor.by(), deed, Some(Changed::Catalogue));
    settings::write_all(&services.db, &rows, services.now(), &trail).await?;
    services.news.changed(Changed::Catalogue).await;
    Ok(AllSettings(new))
}

/// The settings with the patch applied and checked, and which were given, and whether they go back to their default.
async fn applied(
    services: &Services,
    old: &Settings,
    patch: &SettingsPatch,
) -> Served<(Settings, Vec<(&'static SettingInfo, bool)>)> {
    let defaults = catalogue::default_settings(&services.db);
    let mut new = old.clone();
    let mut given = Vec::with_capacity(patch.0.len());
    for (key, value) in &patch.0 {
        let info = known(key)?;
        match from_json(info, value.get())? {
            None => put(&mut new, info, &defaults.get(info.key).flatten().unwrap_or_default())?,
            Some(text) => put(&mut new, info, &checks::cleaned(info.key, text))?,
        }
        given.push((info, value.get() == "null"));
    }
    checks::whole(services, old, &new).await?;
    Ok((new, given))
}

/// What a configuration file changes: the settings as they become, and those that differ, each with its text or (back
/// to the default) none. Channels have no ids in files, so the settings that name one are refused.
pub(super) async fn planned(
    services: &Services,
    old: &Settings,
    patch: SettingsPatch,
) -> Served<(Settings, Vec<(&'static str, Option<String>)>)> {
    if let Some(key) = patch.0.keys().find(|key| NAMING_CHANNELS.contains(&key.as_str())) {
        return Err(check::bad(key, "fallbackChannels names the channel in a file"));
    }
    let (new, given) = applied(services, old, &patch).await?;
    let defaults = catalogue::default_settings(&services.db);
    let differs = given.iter().map(|(info, _)| info.key).filter(|key| new.get(key) != old.get(key));
    let text = |key: &str| new.get(key).filter(|value| defaults.get(key).as_ref() != Some(value)).map(Option::unwrap_or_default);
    let changed = differs.map(|key| (key, text(key))).collect();
    Ok((new, changed))
}

impl SettingsPatch {
    /// All settings but those that name a channel, for a configuration file.
    pub(super) fn of(settings: &Settings) -> Self {
        let all = Settings::ALL.iter().filter(|info| !NAMING_CHANNELS.contains(&info.key));
        let json = |info: &SettingInfo| RawValue::from_string(to_json(info.kind, settings.get(info.key).flatten())).ok();
        Self(all.filter_map(|info| Some((info.key.to_owned(), json(info)?))).collect())
    }
}

fn known(key: &str) -> Served<&'static SettingInfo> {
    Settings::ALL.iter().find(|info| info.key == key).ok_or_else(|| ServiceError::field(&UNKNOWN_SETTING, key))
}

fn put(settings: &mut Settings, info: &SettingInfo, text: &str) -> Served<()> {
    match settings.set(info.key, text) {
        Some(Ok(())) => Ok(()),
        Some(Err(wrong)) => Err(check::bad(info.key, wrong)),
        None => Err(ServiceError::field(&UNKNOWN_SETTING, info.key)),
    }
}

/// A setting's text out of its JSON; `None` for null.
fn from_json(info: &SettingInfo, json: &str) -> Served<Option<String>> {
    let json = json.trim();
    let first = json.as_bytes().first().copied().unwrap_or_default();
    match info.kind {
        _ if json == "null" => Ok(None),
        Kind::Text | Kind::OptionalText if first == b'"' => {
            let text: String = serde_json::from_str(json).map_err(|error| check::bad(info.key, error))?;
            if text.contains('\0') { Err(check::bad(info.key, "NUL is not allowed")) } else { Ok(Some(text)) }
        }
        Kind::Number | Kind::OptionalNumber if first == b'-' || first.is_ascii_digit() => Ok(Some(json.to_owned())),
        Kind::Switch if json == "true" || json == "false" => Ok(Some(json.to_owned())),
        Kind::Text | Kind::OptionalText => Err(check::bad(info.key, "a text")),
        Kind::Number | Kind::OptionalNumber => Err(check::bad(info.key, "a number")),
        Kind::Switch => Err(check::bad(info.key, "true or false")),
    }
}

fn to_json(kind: Kind, text: Option<String>) -> String {
    match (kind, text) {
        (_, None) => "null".to_owned(),
        (Kind::Text | Kind::OptionalText, Some(text)) => serde_json::Value::String(text).to_string(),
        (_, Some(text)) => text,
    }
}

/// The changed settings alone, for the audit log.
fn some(settings: &Settings, rows: &[(&str, Option<String>)]) -> BTreeMap<String, Option<String>> {
    rows.iter().map(|(key, _)| ((*key).to_owned(), settings.get(key).flatten())).collect()
}

fn schema_of(schema: impl Fn(Kind) -> Schema) -> Schema {
    let mut properties = serde_json::Map::new();
    for info in Settings::ALL {
        let mut field = schema(info.kind);
        field.insert("description".to_owned(), info.effect.trim().into());
        properties.insert(info.key.to_owned(), field.into());
    }
    json_schema!({ "type": "object", "properties": properties })
}
