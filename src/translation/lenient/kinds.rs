//! The kinds of fields, each read from whatever stands there.

use std::borrow::Cow;
use std::fmt;
use std::marker::PhantomData;

use serde::de::value::{MapAccessDeserializer, SeqAccessDeserializer};
use serde::de::{Deserialize, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};

use serde_json::Value;

use super::lose;

/// Most that a figure of usage may be. Beyond it is nonsense that would be billed.
const MOST_FIGURE: f64 = 1e9;
/// Most that a number of a block, choice or call may be.
const MOST_INDEX: f64 = 1e6;

/// What a field is wanted as.
trait Kind<'de>: Sized {
    /// What is read.
    type Of;

    fn of_text(_text: Cow<'de, str>) -> Option<Self::Of> {
        None
    }

    fn of_number(_number: f64) -> Option<Self::Of> {
        None
    }

    fn of_integer(number: i64) -> Option<Self::Of> {
        #[expect(clippy::cast_precision_loss, reason = "beyond 2^53 it is out of every bound")]
        Self::of_number(number as f64)
    }

    fn of_list<A: SeqAccess<'de>>(items: A) -> Result<Option<Self::Of>, A::Error> {
        pass_over(items)
    }

    fn of_object<A: MapAccess<'de>>(fields: A) -> Result<Option<Self::Of>, A::Error> {
        pass_over_fields(fields)
    }
}

/// Whether nothing stands there, of which some languages write an empty list or object.
fn pass_over<'de, T, A: SeqAccess<'de>>(mut items: A) -> Result<Option<T>, A::Error> {
    while items.next_element::<IgnoredAny>()?.is_some() {
        lose();
    }
    Ok(None)
}

fn pass_over_fields<'de, T, A: MapAccess<'de>>(mut fields: A) -> Result<Option<T>, A::Error> {
    while fields.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {
        lose();
    }
    Ok(None)
}

struct Wanted<K>(PhantomData<K>);

impl<'de, K: Kind<'de>> Visitor<'de> for Wanted<K> {
    type Value = Option<K::Of>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("anything")
    }

    fn visit_unit<E>(self) -> Result<Self::Value, E> {
        Ok(None)
    }

    fn visit_bool<E>(self, value: bool) -> Result<Self::Value, E> {
        if value {
            lose();
        }
        Ok(None)
    }

    fn visit_i64<E>(self, value: i64) -> Result<Self::Value, E> {
        Ok(kept(K::of_integer(value)))
    }

    fn visit_u64<E>(self, value: u64) -> Result<Self::Value, E> {
        Ok(kept(K::of_integer(i64::try_from(value).unwrap_or(i64::MAX))))
    }

    fn visit_f64<E>(self, value: f64) -> Result<Self::Value, E> {
        Ok(kept(K::of_number(value)))
    }

    fn visit_str<E>(self, value: &str) -> Result<Self::Value, E> {
        Ok(of_text::<K>(Cow::Owned(value.to_owned())))
    }

    fn visit_string<E>(self, value: String) -> Result<Self::Value, E> {
        Ok(of_text::<K>(Cow::Owned(value)))
    }

    fn visit_borrowed_str<E>(self, value: &'de str) -> Result<Self::Value, E> {
        Ok(of_text::<K>(Cow::Borrowed(value)))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, items: A) -> Result<Self::Value, A::Error> {
        K::of_list(items)
    }

    fn visit_map<A: MapAccess<'de>>(self, fields: A) -> Result<Self::Value, A::Error> {
        K::of_object(fields)
    }
}

fn of_text<'de, K: Kind<'de>>(text: Cow<'de, str>) -> Option<K::Of> {
    let is_empty = text.is_empty();
    let read = K::of_text(text);
    if read.is_none() && !is_empty {
        lose();
    }
    read
}

fn kept<T>(read: Option<T>) -> Option<T> {
    if read.is_none() {
        lose();
    }
    read
}

fn wanted<'de, K: Kind<'de>, D: Deserializer<'de>>(json: D) -> Result<Option<K::Of>, D::Error> {
    json.deserialize_any(Wanted::<K>(PhantomData))
}

struct Text;

impl<'de> Kind<'de> for Text {
    type Of = Cow<'de, str>;

    fn of_text(text: Cow<'de, str>) -> Option<Self::Of> {
        Some(text)
    }

    fn of_number(number: f64) -> Option<Self::Of> {
        Some(Cow::Owned(number.to_string()))
    }

    fn of_integer(number: i64) -> Option<Self::Of> {
        Some(Cow::Owned(number.to_string()))
    }
}

/// Text; a number is told as its digits.
///
/// # Errors
/// When it is no JSON.
pub fn cow<'de, D: Deserializer<'de>>(json: D) -> Result<Option<Cow<'de, str>>, D::Error> {
    wanted::<Text, D>(json)
}

/// [`cow`], owned.
///
/// # Errors
/// When it is no JSON.
pub fn text<'de, D: Deserializer<'de>>(json: D) -> Result<Option<String>, D::Error> {
    Ok(cow(json)?.map(Cow::into_owned))
}

struct Strict;

impl<'de> Kind<'de> for Strict {
    type Of = Cow<'de, str>;

    fn of_text(text: Cow<'de, str>) -> Option<Self::Of> {
        Some(text)
    }
}

/// What is a string or nothing: the name of a type, and what is said, of which a number would be no part.
///
/// # Errors
/// When it is no JSON.
pub fn string<'de, D: Deserializer<'de>>(json: D) -> Result<Option<Cow<'de, str>>, D::Error> {
    wanted::<Strict, D>(json)
}

/// The same, owned.
///
/// # Errors
/// When it is no JSON.
pub fn owned_string<'de, D: Deserializer<'de>>(json: D) -> Result<Option<String>, D::Error> {
    Ok(string(json)?.map(Cow::into_owned))
}

struct Number;

impl<'de> Kind<'de> for Number {
    type Of = f64;

    fn of_text(text: Cow<'de, str>) -> Option<f64> {
        text.trim().parse().ok()
    }

    fn of_number(number: f64) -> Option<f64> {
        Some(number)
    }
}

/// A number of tokens: a whole one within its bounds, also where it is written with a fraction of zero or as text.
///
/// # Errors
/// When it is no JSON.
pub fn figure<'de, D: Deserializer<'de>>(json: D) -> Result<Option<i64>, D::Error> {
    Ok(wanted::<Number, D>(json)?.and_then(|number| whole(number, MOST_FIGURE)))
}

/// A figure of usage as a provider wrote it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Amount {
    /// It named none: nothing, or what is no figure at all.
    #[default]
    Unnamed,
    /// A whole number within its bounds, also where it is written with a fraction of zero or as text.
    Tokens(i64),
    /// What nobody can have used, as it was written.
    Absurd(String),
}

/// Longest piece of a figure that is quoted.
const QUOTED: usize = 24;

struct Amounts;

impl Amounts {
    fn of(number: f64, written: &str) -> Option<Amount> {
        Some(match whole(number, MOST_FIGURE) {
            Some(tokens) => Amount::Tokens(tokens),
            None => Amount::Absurd(written.chars().filter(char::is_ascii_graphic).take(QUOTED).collect()),
        })
    }
}

impl<'de> Kind<'de> for Amounts {
    type Of = Amount;

    fn of_text(text: Cow<'de, str>) -> Option<Amount> {
        let text = text.trim();
        if text.is_empty() { None } else { Self::of(text.parse().unwrap_or(f64::NAN), text) }
    }

    fn of_number(number: f64) -> Option<Amount> {
        Self::of(number, &number.to_string())
    }

    fn of_integer(number: i64) -> Option<Amount> {
        #[expect(clippy::cast_precision_loss, reason = "beyond 2^53 it is out of every bound")]
        Self::of(number as f64, &number.to_string())
    }
}

impl<'de> Deserialize<'de> for Amount {
    fn deserialize<D: Deserializer<'de>>(json: D) -> Result<Self, D::Error> {
        Ok(wanted::<Amounts, D>(json)?.unwrap_or_default())
    }
}

/// The number of a block, choice or call.
///
/// # Errors
/// When it is no JSON.
pub fn index<'de, D: Deserializer<'de>>(json: D) -> Result<Option<usize>, D::Error> {
    Ok(wanted::<Number, D>(json)?.and_then(|number| usize::try_from(whole(number, MOST_INDEX)?).ok()))
}

/// A time in Unix seconds; a fraction of one is of no interest.
///
/// # Errors
/// When it is no JSON.
pub fn seconds<'de, D: Deserializer<'de>>(json: D) -> Result<Option<i64>, D::Error> {
    #[expect(clippy::cast_possible_truncation, reason = "seconds since 1970 fit; a cast saturates where they do not")]
    Ok(wanted::<Number, D>(json)?.filter(|number| number.is_finite()).map(|number| number as i64))
}

#[expect(clippy::cast_possible_truncation, reason = "looked at before")]
fn whole(number: f64, most: f64) -> Option<i64> {
    kept((number.fract() == 0.0 && (0.0..=most).contains(&number)).then_some(number as i64))
}

struct Object<T>(PhantomData<T>);

impl<'de, T: Deserialize<'de>> Kind<'de> for Object<T> {
    type Of = T;

    fn of_object<A: MapAccess<'de>>(fields: A) -> Result<Option<T>, A::Error> {
        T::deserialize(MapAccessDeserializer::new(fields)).map(Some)
    }
}

/// An object.
///
/// # Errors
/// When it is no JSON, or its own fields are read strictly.
pub fn object<'de, T: Deserialize<'de>, D: Deserializer<'de>>(json: D) -> Result<Option<T>, D::Error> {
    wanted::<Object<T>, D>(json)
}

/// One of a list's items.
struct Item<T>(Option<T>);

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Item<T> {
    fn deserialize<D: Deserializer<'de>>(json: D) -> Result<Self, D::Error> {
        object(json).map(Self)
    }
}

struct List<T>(PhantomData<T>);

impl<'de, T: Deserialize<'de>> Kind<'de> for List<T> {
    type Of = Vec<T>;

    fn of_list<A: SeqAccess<'de>>(items: A) -> Result<Option<Self::Of>, A::Error> {
        let items = Vec::<Item<T>>::deserialize(SeqAccessDeserializer::new(items))?;
        Ok(Some(items.into_iter().filter_map(|item| item.0).collect()))
    }
}

/// A list of objects; what is none among them is passed over.
///
/// # Errors
/// When it is no JSON, or an object's own fields are read strictly.
pub fn list<'de, T: Deserialize<'de>, D: Deserializer<'de>>(json: D) -> Result<Option<Vec<T>>, D::Error> {
    wanted::<List<T>, D>(json)
}

struct Present;

impl<'de> Kind<'de> for Present {
    type Of = ();

    fn of_text(text: Cow<'de, str>) -> Option<()> {
        (!text.is_empty()).then_some(())
    }

    fn of_number(number: f64) -> Option<()> {
        (number != 0.0).then_some(())
    }

    fn of_list<A: SeqAccess<'de>>(mut items: A) -> Result<Option<()>, A::Error> {
        let mut any = None;
        while items.next_element::<IgnoredAny>()?.is_some() {
            any = Some(());
        }
        Ok(any)
    }

    fn of_object<A: MapAccess<'de>>(mut fields: A) -> Result<Option<()>, A::Error> {
        let mut any = None;
        while fields.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {
            any = Some(());
        }
        Ok(any)
    }
}

struct AnyList;

impl<'de> Kind<'de> for AnyList {
    type Of = ();

    fn of_list<A: SeqAccess<'de>>(mut items: A) -> Result<Option<()>, A::Error> {
        while items.next_element::<IgnoredAny>()?.is_some() {}
        Ok(Some(()))
    }
}

/// Whether a list stands there, be it an empty one.
///
/// # Errors
/// When it is no JSON.
pub fn is_list<'de, D: Deserializer<'de>>(json: D) -> Result<bool, D::Error> {
    Ok(wanted::<AnyList, D>(json)?.is_some())
}

/// Whether something stands there: neither null nor false nor empty.
///
/// # Errors
/// When it is no JSON.
pub fn present<'de, D: Deserializer<'de>>(json: D) -> Result<bool, D::Error> {
    Ok(wanted::<Present, D>(json)?.is_some())
}

/// Text, or parts that have some, as they stand.
///
/// # Errors
/// When it is no JSON.
pub fn words<'de, D: Deserializer<'de>>(json: D) -> Result<Value, D::Error> {
    let value = Value::deserialize(json)?;
    let says_nothing = match &value {
        Value::Bool(value) => *value,
        Value::Object(part) => !part.is_empty() && !part.contains_key("text"),
        _ => false,
    };
    if says_nothing {
        lose();
    }
    Ok(value)
}

/// Text; of anything else, the JSON that it is: arguments that are an object.
///
/// # Errors
/// When it is no JSON.
pub fn words_or_json<'de, D: Deserializer<'de>>(json: D) -> Result<Option<String>, D::Error> {
    Ok(match Value::deserialize(json)? {
        Value::Null => None,
        Value::String(text) => Some(text),
        other => Some(other.to_string()),
    })
}
