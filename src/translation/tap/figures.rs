//! The figures of a usage object: read one by one, and believed up to a bound.

use std::fmt;
use std::marker::PhantomData;

use serde::de::value::MapAccessDeserializer;
use serde::de::{Deserialize, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde_json::value::RawValue;

/// The largest figure that is believed: a thousand times the longest context there is. What is above, below zero or no
/// whole number says that the provider's counting is broken, and none of its figures is a bill.
pub(super) const MOST_TOKENS: i64 = 1_000_000_000;
/// Longest piece of a figure that is quoted.
const QUOTED: usize = 24;

/// An object, or whatever else a provider writes in its place, which is then as good as nothing.
pub(super) struct Lenient<T>(pub(super) Option<T>);

impl<T> Default for Lenient<T> {
    fn default() -> Self {
        Self(None)
    }
}

impl<T> Lenient<T> {
    pub(super) fn get(&self) -> Option<&T> {
        self.0.as_ref()
    }
}

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Lenient<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(AnyValue(PhantomData))
    }
}

struct AnyValue<T>(PhantomData<T>);

/// The values that are no object.
macro_rules! nothing {
    ($($visit:ident: $of:ty),+) => {$(
        fn $visit<E>(self, _: $of) -> Result<Self::Value, E> {
            Ok(Lenient(None))
        }
    )+};
}

impl<'de, T: Deserialize<'de>> Visitor<'de> for AnyValue<T> {
    type Value = Lenient<T>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("anything")
    }

    nothing!(visit_bool: bool, visit_i64: i64, visit_u64: u64, visit_f64: f64, visit_str: &str);

    fn visit_unit<E>(self) -> Result<Self::Value, E> {
        Ok(Lenient(None))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Self::Value, A::Error> {
        while list.next_element::<IgnoredAny>()?.is_some() {}
        Ok(Lenient(None))
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Self::Value, A::Error> {
        T::deserialize(MapAccessDeserializer::new(map)).map(|value| Lenient(Some(value)))
    }
}

/// A figure as it stands in the provider's bytes: a number may be too large for any type of ours.
type RawFigure<'a> = Option<&'a RawValue>;

/// All three vendors' usage objects in one.
#[derive(serde::Deserialize)]
pub(super) struct RawUsage<'a> {
    #[serde(borrow)]
    input_tokens: RawFigure<'a>,
    #[serde(borrow)]
    output_tokens: RawFigure<'a>,
    #[serde(borrow)]
    cache_read_input_tokens: RawFigure<'a>,
    #[serde(borrow)]
    cache_creation_input_tokens: RawFigure<'a>,
    #[serde(borrow, default)]
    cache_creation: Lenient<CacheCreation<'a>>,
    #[serde(borrow)]
    prompt_tokens: RawFigure<'a>,
    #[serde(borrow)]
    completion_tokens: RawFigure<'a>,
    #[serde(borrow, default)]
    prompt_tokens_details: Lenient<Details<'a>>,
    #[serde(borrow, default)]
    input_tokens_details: Lenient<Details<'a>>,
    #[serde(borrow, default)]
    completion_tokens_details: Lenient<Details<'a>>,
    #[serde(borrow, default)]
    output_tokens_details: Lenient<Details<'a>>,
}

#[derive(serde::Deserialize)]
struct CacheCreation<'a> {
    #[serde(borrow)]
    ephemeral_5m_input_tokens: RawFigure<'a>,
    #[serde(borrow)]
    ephemeral_1h_input_tokens: RawFigure<'a>,
}

#[derive(serde::Deserialize)]
struct Details<'a> {
    #[serde(borrow)]
    cached_tokens: RawFigure<'a>,
    #[serde(borrow)]
    cache_write_tokens: RawFigure<'a>,
    #[serde(borrow)]
    reasoning_tokens: RawFigure<'a>,
    #[serde(borrow)]
    thinking_tokens: RawFigure<'a>,
}

/// The figures that were named and can be believed.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Figures {
    pub(super) input: Option<i64>,
    pub(super) output: Option<i64>,
    /// Cached input, inside `input` (OpenAI) or beside it (Anthropic).
    pub(super) cache_read: Option<i64>,
    /// All that was written to a cache, where that is not told by its lifetime.
    pub(super) cache_creation: Option<i64>,
    pub(super) cache_creation_5m: Option<i64>,
    pub(super) cache_creation_1h: Option<i64>,
    pub(super) splits_creation: bool,
    pub(super) reasoning: Option<i64>,
}

impl RawUsage<'_> {
    /// The figures of Anthropic's object.
    ///
    /// # Errors
    /// The first figure that nobody can believe.
    pub(super) fn messages(&self) -> Result<Figures, String> {
        let split = self.cache_creation.get();
        let thinking = self.output_tokens_details.get().and_then(|details| details.thinking_tokens);
        Ok(Figures {
            input: figure("input_tokens", self.input_tokens)?,
            output: figure("output_tokens", self.output_tokens)?,
            cache_read: figure("cache_read_input_tokens", self.cache_read_input_tokens)?,
            cache_creation: figure("cache_creation_input_tokens", self.cache_creation_input_tokens)?,
            cache_creation_5m: figure("ephemeral_5m_input_tokens", split.and_then(|split| split.ephemeral_5m_input_tokens))?,
            cache_creation_1h: figure("ephemeral_1h_input_tokens", split.and_then(|split| split.ephemeral_1h_input_tokens))?,
            splits_creation: split.is_some(),
            reasoning: figure("thinking_tokens", thinking)?,
        })
    }

    /// The figures of OpenAI's object, whose names differ between its two protocols.
    ///
    /// # Errors
    /// The first figure that nobody can believe.
    pub(super) fn openai(&self) -> Result<Figures, String> {
        let input_details = self.prompt_tokens_details.get().or(self.input_tokens_details.get());
        let output_details = self.completion_tokens_details.get().or(self.output_tokens_details.get());
        let (prompt, input) = (figure("prompt_tokens", self.prompt_tokens)?, figure("input_tokens", self.input_tokens)?);
        let completion = figure("completion_tokens", self.completion_tokens)?;
        Ok(Figures {
            input: prompt.or(input),
            output: completion.or(figure("output_tokens", self.output_tokens)?),
            cache_read: figure("cached_tokens", input_details.and_then(|details| details.cached_tokens))?,
            cache_creation: figure("cache_write_tokens", input_details.and_then(|details| details.cache_write_tokens))?,
            reasoning: figure("reasoning_tokens", output_details.and_then(|details| details.reasoning_tokens))?,
            ..Figures::default()
        })
    }
}

/// One figure: a whole number, also with a zero fraction (`100.0`) or as text (`"100"`). What is no figure at all (null, a
/// list, an object, true) was not named.
fn figure(name: &str, raw: RawFigure<'_>) -> Result<Option<i64>, String> {
    let Some(raw) = raw.map(|raw| raw.get().trim()) else { return Ok(None) };
    let text = raw.strip_prefix('"').and_then(|text| text.strip_suffix('"')).unwrap_or(raw).trim();
    if text.is_empty() || (text.len() == raw.len() && text.starts_with(['{', '[', 't', 'f', 'n'])) {
        return Ok(None);
    }
    let whole = |number: f64| (number.fract() == 0.0 && (0.0..=MOST_TOKENS as f64).contains(&number)).then_some(number as i64);
    let number = text.parse::<i64>().ok().or_else(|| text.parse::<f64>().ok().and_then(whole));
    match number.filter(|number| (0..=MOST_TOKENS).contains(number)) {
        Some(number) => Ok(Some(number)),
        None => {
            let quoted: String = text.chars().filter(char::is_ascii_graphic).take(QUOTED).collect();
            Err(format!("{name} {quoted}"))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(json: &str) -> Result<Option<i64>, String> {
        let usage = format!(r#"{{"output_tokens":{json}}}"#);
        serde_json::from_str::<RawUsage<'_>>(&usage).unwrap().openai().map(|figures| figures.output)
    }

    #[test]
    fn whole_numbers_are_read_however_they_are_written() {
        for (json, number) in [("0", 0), ("-0", 0), ("7", 7), ("100.0", 100), ("1e2", 100), (r#""100""#, 100), (r#"" 5 ""#, 5)] {
            assert_eq!(read(json), Ok(Some(number)), "{json}");
        }
        assert_eq!(read("1000000000"), Ok(Some(MOST_TOKENS)));
    }

    #[test]
    fn what_is_no_figure_was_not_named() {
        for json in ["null", "[]", "[5]", "{}", "true", "false", r#""""#] {
            assert_eq!(read(json), Ok(None), "{json}");
        }
    }

    #[test]
    fn what_nobody_can_have_used_is_not_believed() {
        let endless = format!("1{}", "0".repeat(400));
        let absurd = [
            "-1",
            "1000000001",
            "9007199254740992",
            "9223372036854775807",
            "9223372036854775808",
            "1e300",
            "1.5",
            "1e400",
            &endless,
        ];
        for json in absurd.into_iter().chain([r#""NaN""#, r#""inf""#, r#""many""#, r#""-1""#, r#""1e300""#]) {
            assert!(read(json).is_err(), "{json}");
        }
        assert_eq!(read(r#""<b>\u0000 many tokens, so many tokens""#), Err(r"output_tokens <b>\u0000manytokens,soma".to_owned()));
    }

    #[test]
    fn an_object_that_is_none_costs_itself_alone() {
        let usage = r#"{"prompt_tokens":3,"prompt_tokens_details":[],"completion_tokens_details":"none","completion_tokens":4}"#;
        let figures = serde_json::from_str::<RawUsage<'_>>(usage).unwrap().openai().unwrap();
        assert_eq!((figures.input, figures.output, figures.reasoning), (Some(3), Some(4), None));
        assert!(serde_json::from_str::<Lenient<RawUsage<'_>>>("[1,[2]]").unwrap().get().is_none());
    }
}
