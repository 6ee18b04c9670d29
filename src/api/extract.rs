//! Inputs of handlers: the JSON body, the query string, the ids in the path.

use std::time::Duration;

use actix_web::HttpRequest;
use actix_web::dev::Payload;
use actix_web::http::header::CONTENT_LENGTH;
use bytes::BytesMut;
use futures_util::StreamExt;
use schemars::JsonSchema;
use serde::de::DeserializeOwned;
use tokio::time::{Instant, timeout_at};

use super::door::Extract;
use super::openapi::Operation;
use crate::services::error::{BAD_FIELD, BODY_TOO_LARGE, BODY_TOO_SLOW, MISSING_FIELD, NOT_FOUND, NOT_JSON};
use crate::services::values::storable;
use crate::services::{Served, ServiceError};

/// Largest body of this door, in bytes.
const MAX_BODY: usize = 1 << 20;
/// Longest silence while a body is read, and longest time for all of it.
const BODY_DEADLINES: (Duration, Duration) = (Duration::from_secs(10), Duration::from_secs(300));

/// A JSON body. An empty body counts as `{}`.
#[derive(Debug)]
pub struct Body<T>(pub T);

impl<T: DeserializeOwned + JsonSchema + 'static> Extract for Body<T> {
    async fn extract(request: &HttpRequest, payload: &mut Payload) -> Served<Self> {
        let body = read(request, payload, MAX_BODY).await?;
        let text = if body.is_empty() { b"{}".as_slice() } else { &body };
        parse_json(text).map(Self)
    }

    fn describe(operation: &mut Operation<'_>) {
        operation.body = Some(operation.input.subschema_for::<T>());
    }
}

/// A JSON body of up to `LIMIT` bytes, for the few routes that take more than 1 MiB.
#[derive(Debug)]
pub struct LargeBody<T, const LIMIT: usize>(pub T);

impl<T: DeserializeOwned + JsonSchema + 'static, const LIMIT: usize> Extract for LargeBody<T, LIMIT> {
    async fn extract(request: &HttpRequest, payload: &mut Payload) -> Served<Self> {
        parse_json(&read(request, payload, LIMIT).await?).map(Self)
    }

    fn describe(operation: &mut Operation<'_>) {
        Body::<T>::describe(operation);
    }
}

/// Fields of the query string. A handler may take several of them; each sees the whole string.
#[derive(Debug)]
pub struct Query<T>(pub T);

impl<T: DeserializeOwned + JsonSchema + 'static> Extract for Query<T> {
    async fn extract(request: &HttpRequest, _: &mut Payload) -> Served<Self> {
        let pairs: Vec<_> =
            url::form_urlencoded::parse(request.query_string().as_bytes()).filter(|(_, value)| !value.is_empty()).collect();
        storable::pairs(pairs.iter().map(|(name, value)| (name.as_ref(), value.as_ref())))?;
        let text = url::form_urlencoded::Serializer::new(String::new()).extend_pairs(pairs).finish();
        let pairs = actix_web::web::Query::<T>::from_query(&text);
        pairs
            .map(|query| Self(query.into_inner()))
            .map_err(|error| ServiceError::field(&BAD_FIELD, "query").with("detail", error))
    }

    fn describe(operation: &mut Operation<'_>) {
        let schema = operation.input.root_schema_for::<T>();
        operation.query.push(schema);
    }
}

/// The `{id}` in the path. What is no number is not found.
#[derive(Clone, Copy, Debug)]
pub struct Id<T>(pub T);

impl<T: From<i64> + 'static> Extract for Id<T> {
    async fn extract(request: &HttpRequest, _: &mut Payload) -> Served<Self> {
        let id = request.match_info().get("id").and_then(|id| id.parse::<i64>().ok());
        id.map(|id| Self(id.into())).ok_or_else(|| ServiceError::new(&NOT_FOUND))
    }

    fn describe(_: &mut Operation<'_>) {}
}

async fn read(request: &HttpRequest, payload: &mut Payload, limit: usize) -> Served<BytesMut> {
    let too_large = || ServiceError::new(&BODY_TOO_LARGE).with("max", limit);
    let announced = request.headers().get(CONTENT_LENGTH).and_then(|value| value.to_str().ok()?.parse::<usize>().ok());
    if announced.is_some_and(|length| length > limit) {
        return Err(too_large());
    }
    let mut body = BytesMut::with_capacity(announced.unwrap_or(0));
    let by = Instant::now() + BODY_DEADLINES.1;
    loop {
        let until = by.min(Instant::now() + BODY_DEADLINES.0);
        let next = timeout_at(until, payload.next()).await.map_err(|_late| ServiceError::new(&BODY_TOO_SLOW))?;
        let Some(chunk) = next else { break };
        let chunk = chunk.map_err(|error| ServiceError::new(&NOT_JSON).with("detail", error))?;
        if body.len() + chunk.len() > limit {
            return Err(too_large());
        }
        body.extend_from_slice(&chunk);
    }
    Ok(body)
}

fn parse_json<T: DeserializeOwned>(text: &[u8]) -> Served<T> {
    storable::json(text)?;
    let mut reader = serde_json::Deserializer::from_slice(text);
    let parsed = serde_path_to_error::deserialize(&mut reader).map_err(|error| {
        let path = error.path().to_string();
        explain(&path, error.inner())
    })?;
    reader.end().map_err(|error| ServiceError::new(&NOT_JSON).with("detail", error))?;
    Ok(parsed)
}

/// Turns a parser's complaint into one that names the field.
fn explain(path: &str, error: &serde_json::Error) -> ServiceError {
    if !error.is_data() {
        return ServiceError::new(&NOT_JSON).with("detail", error);
    }
    let text = error.to_string();
    let detail = text.split(" at line ").next().unwrap_or(&text);
    let missing = detail.strip_prefix("missing field `").and_then(|rest| rest.strip_suffix('`'));
    match (missing, path) {
        (Some(field), ".") => ServiceError::field(&MISSING_FIELD, field),
        (Some(field), _) => ServiceError::field(&MISSING_FIELD, &format!("{path}.{field}")),
        (None, ".") => ServiceError::new(&NOT_JSON).with("detail", detail),
        (None, _) => ServiceError::field(&BAD_FIELD, path).with("detail", detail),
    }
}

#[cfg(test)]
mod tests {
    use serde::Deserialize;

    use super::*;
    use crate::services::Language;

    #[derive(Debug, Deserialize)]
    #[expect(dead_code, reason = "only parsed")]
    struct Sample {
        name: String,
        count: Option<i64>,
    }

    fn complaint(text: &str) -> String {
        parse_json::<Sample>(text.as_bytes()).unwrap_err().message(Language::En)
    }

    #[test]
    fn a_wrong_body_is_told_which_field_is_wrong() {
        assert_eq!(complaint("{}"), "name is required");
        assert_eq!(complaint(r#"{"name":"x","count":"y"}"#), "count is not valid: invalid type: string \"y\", expected i64");
        assert!(complaint("[").starts_with("The body is not valid JSON"));
        assert!(complaint(r#"{"name":"x"} y"#).starts_with("The body is not valid JSON"));
        assert!(complaint("3").starts_with("The body is not valid JSON"));
    }
}
