//! Templates into pages: one environment per language, with the filters and functions that templates use.

use std::sync::Arc;

use actors::vocabulary::Nanos;
use fluent_bundle::{FluentArgs, FluentValue};
use minijinja::value::{Kwargs, Serde};
use minijinja::{Environment, Error, ErrorKind, State, Value};
use serde::{Deserialize, Serialize};
use url::form_urlencoded;

use super::assets::FrontEnd;
use super::format;
use super::on_disk::OnDisk;
use super::texts::Texts;
use crate::services::Language;

/// What services answered, as templates read it.
pub(super) fn shown(answer: &impl Serialize) -> Value {
    Value::from(Serde(answer))
}

/// The key under which a serialised amount of money holds its text.
const MONEY: &str = "$serde_json::private::RawValue";

/// Both languages' environments.
#[derive(Clone)]
pub(super) struct Renderer {
    front_end: &'static FrontEnd,
    embedded: Voices,
    on_disk: Arc<OnDisk>,
}

/// Both languages.
#[derive(Clone)]
pub(super) struct Voices {
    english: Arc<Voice>,
    chinese: Arc<Voice>,
}

/// Texts and templates of one language.
pub(super) struct Voice {
    /// What pages say.
    pub(super) texts: Arc<Texts>,
    templates: Environment<'static>,
}

impl Renderer {
    /// Reads what is embedded.
    pub(super) fn new(front_end: &'static FrontEnd) -> Self {
        Self { front_end, embedded: Voices::read(front_end), on_disk: Arc::default() }
    }

    /// The texts and templates of a language; in development as they are on disk now.
    pub(super) fn voice(&self, language: Language) -> Arc<Voice> {
        let voices = self.on_disk.voices(self.front_end);
        let voices = voices.as_ref().unwrap_or(&self.embedded);
        match language {
            Language::En => Arc::clone(&voices.english),
            Language::Zh => Arc::clone(&voices.chinese),
        }
    }
}

impl Voices {
    /// What is embedded; in development what is on disk.
    pub(super) fn read(front_end: &'static FrontEnd) -> Self {
        let voice = |language| Arc::new(Voice::of(language, front_end));
        Self { english: voice(Language::En), chinese: voice(Language::Zh) }
    }
}

impl Voice {
    fn of(language: Language, front_end: &'static FrontEnd) -> Self {
        let texts = Arc::new(Texts::of(language));
        Self { templates: environment(&texts, front_end), texts }
    }

    /// Renders a template.
    ///
    /// # Errors
    /// Those of the template.
    pub(super) fn render(&self, template: &str, values: Value) -> Result<String, Error> {
        self.templates.get_template(template)?.render(values)
    }

    /// The text of this name, without parameters.
    pub(super) fn say(&self, key: &str) -> String {
        self.texts.say(key, &FluentArgs::new())
    }
}

fn environment(texts: &Arc<Texts>, front_end: &'static FrontEnd) -> Environment<'static> {
    let mut environment = load();
    environment.set_undefined_behavior(minijinja::UndefinedBehavior::Chainable);
    let texts = Arc::clone(texts);
    environment.add_function("t", move |key: &str, arguments: Kwargs| said(&texts, key, &arguments));
    environment.add_function("asset", |name: &str| front_end.address(name));
    environment.add_global("with_npm", front_end.with_npm);
    environment.add_function("with", with);
    environment.add_filter("number", |value: Value| i64::try_from(value).map_or_else(|_| none(), format::grouped));
    environment.add_filter("usd", |value: Value, decimals: Option<u32>| {
        money(&value).map_or_else(none, |amount| format::dollars(amount, decimals.unwrap_or(2)))
    });
    environment.add_filter("price", |value: Value| money(&value).map_or_else(none, format::price));
    environment.add_filter("plain", |value: Value| money(&value).map_or_else(String::new, |amount| amount.to_string()));
    environment.add_filter("duration", |value: Value| i64::try_from(value).map_or_else(|_| none(), format::duration));
    environment.add_filter("percent", |value: Value| f64::try_from(value).map_or_else(|_| none(), format::percent));
    environment.add_filter("moment", moment);
    environment.add_filter("browser", |value: Value| value.as_str().map_or_else(none, format::browser));
    // A JSON text inside a script element: nothing in it may end the element.
    environment.add_filter("safe_json", |json: &str| Value::from_safe_string(json.replace('<', "\\u003c")));
    environment
}

#[expect(clippy::expect_used, reason = "in what minijinja_embed generates: templates that do not parse fail the build's tests")]
fn load() -> Environment<'static> {
    let mut environment = Environment::new();
    minijinja_embed::load_templates!(&mut environment);
    if cfg!(debug_assertions) {
        let on_disk = std::path::Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/templates"));
        if on_disk.is_dir() {
            environment.clear_templates();
            environment.set_loader(minijinja::path_loader(on_disk));
        }
    }
    environment
}

fn none() -> String {
    format::NONE.to_owned()
}

/// `t(…, name=value)`: the text of that name, filled in.
fn said(texts: &Texts, key: &str, arguments: &Kwargs) -> Result<String, Error> {
    let mut filled = FluentArgs::new();
    for name in arguments.args() {
        let value: Value = arguments.get(name)?;
        let number = if value.is_number() { i64::try_from(value.clone()).ok() } else { None };
        let value = number.map_or_else(|| FluentValue::from(value.to_string()), FluentValue::from);
        filled.set(name.to_owned(), value);
    }
    Ok(texts.say(key, &filled))
}

/// `with(page=2)`: the address of this page with that parameter instead of its own; none removes it.
fn with(state: &State<'_, '_>, changes: Kwargs) -> Result<String, Error> {
    let path = state.lookup("path").map(|path| path.to_string()).unwrap_or_default();
    let query: Vec<(String, String)> = match state.lookup("query") {
        Some(query) => Deserialize::deserialize(query)?,
        None => Vec::new(),
    };
    let mut wanted = form_urlencoded::Serializer::new(String::new());
    let mut any = false;
    for (name, value) in query.iter().filter(|(name, _)| !changes.has(name)) {
        wanted.append_pair(name, value);
        any = true;
    }
    for name in changes.args() {
        let value: Value = changes.get(name)?;
        if !value.is_none() && !value.is_undefined() {
            wanted.append_pair(name, &value.to_string());
            any = true;
        }
    }
    Ok(if any { format!("{path}?{}", wanted.finish()) } else { path })
}

/// `ts|moment("%H:%M:%S")`: by the site's clock.
fn moment(state: &State<'_, '_>, value: Value, pattern: Option<&str>) -> Result<String, Error> {
    let Ok(ms) = i64::try_from(value) else { return Ok(none()) };
    let zone = state
        .lookup("timezone")
        .map(|zone| zone.to_string())
        .ok_or_else(|| Error::new(ErrorKind::UndefinedError, "the page does not say in which time zone it shows times"))?;
    Ok(format::moment(ms, &format::zone(&zone), pattern.unwrap_or("%Y-%m-%d %H:%M:%S")))
}

/// An amount as services serialise it: the text of a number.
fn money(value: &Value) -> Option<Nanos> {
    let text = value.get_attr(MONEY).ok().filter(|text| !text.is_undefined()).unwrap_or_else(|| value.clone());
    text.to_string().parse().ok()
}
