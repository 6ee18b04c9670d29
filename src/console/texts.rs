//! What pages say, in every language: Project Fluent catalogues, a folder each, from `texts/`.

use fluent_bundle::types::FluentNumber;
use fluent_bundle::{FluentArgs, FluentResource, FluentValue, concurrent};
use unic_langid::LanguageIdentifier;

use super::format;
use crate::services::Language;

/// The files of every catalogue.
macro_rules! catalogue {
    ($tag:literal) => {
        catalogue!($tag:
            "account", "audit", "balance", "catalogue", "causes", "channels", "data", "docs", "everywhere", "fields", "gate",
            "gift_cards", "keys", "landing", "logs", "mappings", "models", "navigation", "notices", "overview", "prices",
            "public", "rankings", "settings", "square", "system", "tokens", "users",
        )
    };
    ($tag:literal: $($file:literal),+ $(,)?) => {
        &[$(($file, include_str!(concat!("../../texts/", $tag, "/", $file, ".ftl")))),+]
    };
}

/// The catalogues, embedded.
const ENGLISH: &[(&str, &str)] = catalogue!("en");
const CHINESE: &[(&str, &str)] = catalogue!("zh-CN");

/// One language's texts.
pub(super) struct Texts(concurrent::FluentBundle<FluentResource>);

impl Texts {
    /// The embedded catalogue; in development the one on disk.
    pub(super) fn of(language: Language) -> Self {
        let embedded = match language {
            Language::En => ENGLISH,
            Language::Zh => CHINESE,
        };
        // Only plural rules hang on it; ours parse.
        let mut texts = Self::none(tag(language).parse().unwrap_or_default());
        for (file, source) in embedded {
            let on_disk = in_development(tag(language), file);
            texts.add(on_disk.as_deref().unwrap_or(source));
        }
        texts
    }

    fn none(language: LanguageIdentifier) -> Self {
        let mut bundle = concurrent::FluentBundle::new_concurrent(vec![language]);
        // The marks that isolate directions are of use beside right-to-left scripts only, and get copied along.
        bundle.set_use_isolating(false);
        bundle.set_formatter(Some(|value, _| match value {
            FluentValue::Number(FluentNumber { value, .. }) => Some(format::grouped(*value as i64)),
            _ => None,
        }));
        Self(bundle)
    }

    fn add(&mut self, source: &str) {
        let resource = match FluentResource::try_new(source.to_owned()) {
            Ok(resource) => resource,
            Err((resource, errors)) => {
                tracing::error!(?errors, "a catalogue of texts has mistakes");
                resource
            }
        };
        if let Err(errors) = self.0.add_resource(resource) {
            tracing::error!(?errors, "a catalogue of texts names something twice");
        }
    }

    /// Whether there is a text of this name.
    pub(super) fn has(&self, key: &str) -> bool {
        self.0.has_message(key)
    }

    /// The text of this name; the name itself, and a line in the log, where there is none.
    pub(super) fn say(&self, key: &str, arguments: &FluentArgs<'_>) -> String {
        let Some(pattern) = self.0.get_message(key).and_then(|message| message.value()) else {
            tracing::error!(key, "a text is missing");
            return key.to_owned();
        };
        let mut errors = Vec::new();
        let said = self.0.format_pattern(pattern, Some(arguments), &mut errors);
        if !errors.is_empty() {
            tracing::error!(key, ?errors, "a text could not be filled in");
        }
        said.into_owned()
    }
}

/// The language's tag, for `lang` and the catalogue's folder.
pub(super) fn tag(language: Language) -> &'static str {
    match language {
        Language::En => "en",
        Language::Zh => "zh-CN",
    }
}

#[cfg(debug_assertions)]
fn in_development(tag: &str, file: &str) -> Option<String> {
    std::fs::read_to_string(format!("{}/texts/{tag}/{file}.ftl", env!("CARGO_MANIFEST_DIR"))).ok()
}

#[cfg(not(debug_assertions))]
fn in_development(_: &str, _: &str) -> Option<String> {
    None
}
