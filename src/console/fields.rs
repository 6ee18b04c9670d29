//! The fields of a submitted form, and what is wrong with them.

use std::collections::BTreeMap;

use actix_web::dev::Payload;
use actix_web::error::InternalError;
use actix_web::{FromRequest, HttpRequest, web};
use futures_util::StreamExt;
use futures_util::future::LocalBoxFuture;
use minijinja::Value;
use serde::Serialize;
use tokio::time::{Instant, timeout_at};
use url::form_urlencoded;

use super::format;
use super::render::shown;
use super::visit::{BODY_DEADLINE, Visit};
use crate::services::error::{BAD_FIELD, BODY_TOO_LARGE, BODY_TOO_SLOW};
use crate::services::values::{Patch, Usd, check, storable};
use crate::services::{Served, ServiceError};

/// Fields whose names have one of these in them are not shown again.
const SECRETS: [&str; 5] = ["password", "apikey", "secret", "headers", "setupcode"];
/// The largest form.
const MOST_BYTES: usize = 256 * 1024;

/// A submitted form: each field's values, as they were typed; a file's is its text.
#[derive(Clone, Debug, Default)]
pub(super) struct Fields(BTreeMap<String, Vec<String>>);

impl Fields {
    /// What was typed into a field; nothing where the form had none.
    pub(super) fn text(&self, name: &str) -> &str {
        self.first(name).unwrap_or_default()
    }

    fn first(&self, name: &str) -> Option<&str> {
        self.0.get(name)?.first().map(String::as_str)
    }

    /// Adds what was typed into a field, or chosen.
    pub(super) fn add(&mut self, name: String, value: String) {
        self.0.entry(name).or_default().push(value);
    }

    /// The same, if a database can keep every text of it.
    pub(super) fn storable(self) -> Served<Self> {
        let pairs = self.0.iter().flat_map(|(name, values)| values.iter().map(|value| (name.as_str(), value.as_str())));
        storable::pairs(pairs)?;
        Ok(self)
    }

    /// Everything chosen of a field that may be chosen several times.
    pub(super) fn all(&self, name: &str) -> &[String] {
        self.0.get(name).map(Vec::as_slice).unwrap_or_default()
    }

    /// Whether the form had a field of this name.
    pub(super) fn has(&self, name: &str) -> bool {
        self.0.contains_key(name)
    }

    /// Whether a box is ticked.
    pub(super) fn ticked(&self, name: &str) -> bool {
        self.filled(name).is_some()
    }

    /// Whether something was typed into it.
    pub(super) fn filled(&self, name: &str) -> Option<&str> {
        Some(self.text(name)).filter(|text| !text.trim().is_empty())
    }

    /// Left out = unchanged, empty = the default, else what was typed, read by `read`.
    fn patch<T>(&self, name: &str, read: impl FnOnce(&str) -> Served<T>) -> Served<Patch<T>> {
        match self.first(name).map(str::trim) {
            None => Ok(Patch::Absent),
            Some("") => Ok(Patch::Null),
            Some(text) => read(text).map(Patch::Value),
        }
    }

    /// A text that may be empty.
    pub(super) fn optional(&self, name: &str) -> Patch<String> {
        self.first(name).map_or(Patch::Absent, |text| match text.trim() {
            "" => Patch::Null,
            text => Patch::Value(text.to_owned()),
        })
    }

    /// A text that was changed since the form was made: what it was then stands in `was-…`. A form that lay open undoes
    /// nothing that somebody else did meanwhile.
    pub(super) fn changed(&self, name: &str) -> Patch<String> {
        if self.first(&format!("was-{name}")) == self.first(name) { Patch::Absent } else { self.optional(name) }
    }

    /// A box that was ticked or cleared since the form was made, as [`changed`](Self::changed).
    pub(super) fn turned(&self, name: &str) -> Patch<bool> {
        let ticked = self.ticked(name);
        if self.ticked(&format!("was-{name}")) == ticked { Patch::Absent } else { Patch::Value(ticked) }
    }

    /// A whole number; group separators are taken as they are shown.
    pub(super) fn integer(&self, name: &str) -> Served<Patch<i64>> {
        self.patch(name, |text| text.replace([',', ' '], "").parse().map_err(|_| check::bad(name, "a whole number")))
    }

    /// An amount in dollars.
    pub(super) fn usd(&self, name: &str) -> Served<Patch<Usd>> {
        self.patch(name, |text| {
            let amount = text.trim_start_matches('$').replace(',', "").parse().map(Usd);
            amount.map_err(|_| check::bad(name, "an amount such as 12.50"))
        })
    }

    /// One entry a line, or between commas.
    pub(super) fn list(&self, name: &str) -> Patch<Vec<String>> {
        self.first(name).map_or(Patch::Absent, |text| {
            let entries = text.split([',', '，', '\n', '\r', ' ']).map(str::trim).filter(|entry| !entry.is_empty());
            Patch::Value(entries.map(str::to_owned).collect())
        })
    }

    /// A moment by the site's clock.
    pub(super) fn moment(&self, name: &str, timezone: &str) -> Served<Patch<i64>> {
        self.patch(name, |text| {
            format::read_moment(text, &format::zone(timezone)).ok_or_else(|| check::bad(name, "a date and time"))
        })
    }

    /// What was typed, for the form to be shown again: each field's first value, but no secret's.
    pub(super) fn typed(&self) -> Value {
        let showable = self.0.iter().filter(|(name, _)| !SECRETS.iter().any(|secret| name.to_lowercase().contains(secret)));
        shown(&showable.map(|(name, values)| (name, values.first())).collect::<BTreeMap<_, _>>())
    }
}

impl FromRequest for Fields {
    type Error = actix_web::Error;
    type Future = LocalBoxFuture<'static, Result<Self, Self::Error>>;

    fn from_request(request: &HttpRequest, payload: &mut Payload) -> Self::Future {
        let (request, body) = (request.clone(), payload.take());
        Box::pin(async move {
            match read(body).await {
                Ok(fields) => Ok(fields),
                Err(error) => Err(unreadable(&request, &error).await),
            }
        })
    }
}

/// The page that says why a form could not be read.
pub(super) async fn unreadable(request: &HttpRequest, error: &ServiceError) -> actix_web::Error {
    match Visit::extract(request).await {
        Ok(visit) => InternalError::from_response("a form that cannot be read", visit.failure(error)).into(),
        Err(refused) => refused,
    }
}

/// Reads a form without files.
pub(super) async fn read(mut body: Payload) -> Served<Fields> {
    let by = Instant::now() + BODY_DEADLINE;
    let mut bytes = web::BytesMut::new();
    while let Some(chunk) = timeout_at(by, body.next()).await.map_err(|_late| ServiceError::new(&BODY_TOO_SLOW))? {
        let chunk = chunk.map_err(|_| ServiceError::new(&BODY_TOO_SLOW))?;
        if bytes.len() + chunk.len() > MOST_BYTES {
            return Err(ServiceError::new(&BODY_TOO_LARGE).with("max", MOST_BYTES));
        }
        bytes.extend_from_slice(&chunk);
    }
    let mut fields = Fields::default();
    for (name, value) in form_urlencoded::parse(&bytes).into_owned() {
        fields.add(name, value);
    }
    fields.storable()
}

/// What is wrong, and with which field of the form.
#[derive(Clone, Debug, Serialize)]
pub(super) struct Problem {
    /// The field, by its name in the form.
    pub(super) field: Option<String>,
    /// The sentence.
    pub(super) message: String,
}

impl Problem {
    /// The refusal in the visitor's words: with the label of the field, and what would be right.
    pub(super) fn of(visit: &Visit, error: &ServiceError) -> Self {
        let Some(field) = &error.field else {
            return Self { field: None, message: error.message(visit.language) };
        };
        let (hint, label) = (format!("wrong-{field}"), format!("field-{field}"));
        let message = if std::ptr::eq(error.refusal, &BAD_FIELD) && visit.can_say(&hint) {
            visit.say(&hint)
        } else if visit.can_say(&label) {
            error.message_about(visit.language, &visit.say(&label))
        } else {
            error.message(visit.language)
        };
        Self { field: Some(field.clone()), message }
    }
}
