//! Requests of the gateway's own: is a channel there, and which models does it list?

use std::time::{Duration, Instant};

use actix_web::http::Method;
use actors::vocabulary::{Channel, Family, OpenAiProtocol, Protocol};
use bytes::Bytes;
use serde_json::json;

use super::attempt::{body_within, error_body};
use super::form::is_events;
use super::request;
use super::wire::Wire;
use super::words::own_words;
use crate::translation::UsageTap;

/// Longest wait for a probe's answer.
const PROBE_DEADLINE: Duration = Duration::from_secs(30);
/// Models taken from a provider's list.
const MOST_MODELS: usize = 5_000;
/// Largest list of models, in bytes: one of 500 with a paragraph on each has about one megabyte.
const MOST_LIST_BYTES: usize = 8 << 20;
/// Longest wait for the whole of it, once it has begun.
const LIST_DEADLINE: Duration = Duration::from_secs(20);

/// What a probe found.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Probed {
    /// Whether a good answer came.
    pub reachable: bool,
    /// Milliseconds to the answer.
    pub latency_ms: Option<i64>,
    /// The upstream's status.
    pub status: Option<u16>,
    /// What went wrong, without secrets.
    pub error: Option<String>,
}

/// Sends one tiny request to a channel.
pub async fn probe(wire: &Wire, channel: &Channel, model: &str) -> Probed {
    let protocol = match (channel.family, channel.open_ai_protocol) {
        (Family::Claude, _) => Protocol::Messages,
        (Family::OpenAi, OpenAiProtocol::Responses) => Protocol::Responses,
        (Family::OpenAi, _) => Protocol::ChatCompletions,
    };
    let question = [json!({"role": "user", "content": "ping"})];
    let body = match protocol {
        Protocol::Messages => json!({"model": model, "max_tokens": 1, "messages": question}),
        Protocol::Responses => json!({"model": model, "input": "ping", "store": false}),
        _ => json!({"model": model, "messages": question}),
    };
    let Some(outgoing) = request::own(channel, Method::POST, protocol.path(), body.to_string().into()) else {
        return Probed { error: Some("the channel's address, key or headers cannot be used".to_owned()), ..Probed::default() };
    };
    let asked = Instant::now();
    let sent = wire.send(&outgoing, PROBE_DEADLINE).await.answered;
    let latency_ms = i64::try_from(asked.elapsed().as_millis()).ok();
    match sent {
        Err(error) => Probed { error: Some(format!("no answer: {error}")), ..Probed::default() },
        Ok(response) => {
            let status = response.status().as_u16();
            let body = error_body(response).await;
            // A page or an error with status 200 is no answer here either.
            let reachable = (200..300).contains(&status) && (UsageTap::new(protocol).whole(&body) || is_events(&body));
            let error = (!reachable).then(|| complaint(status, &body, channel));
            Probed { reachable, latency_ms, status: Some(status), error }
        }
    }
}

/// The models a provider lists.
///
/// # Errors
/// One sentence without secrets.
pub async fn list_models(wire: &Wire, channel: &Channel) -> Result<Vec<String>, String> {
    #[derive(serde::Deserialize)]
    struct List {
        data: Vec<Entry>,
    }
    #[derive(serde::Deserialize)]
    struct Entry {
        id: String,
    }
    // Anthropic's pages have 20 models unless more are asked for.
    let path = match channel.family {
        Family::Claude => "models?limit=1000",
        Family::OpenAi => "models",
    };
    let outgoing =
        request::own(channel, Method::GET, path, Bytes::new()).ok_or("the channel's address, key or headers cannot be used")?;
    let response = wire.send(&outgoing, PROBE_DEADLINE).await.answered.map_err(|error| format!("no answer: {error}"))?;
    let status = response.status().as_u16();
    let body = body_within(response, MOST_LIST_BYTES, LIST_DEADLINE).await;
    if !(200..300).contains(&status) {
        return Err(complaint(status, &body, channel));
    }
    let list: List = serde_json::from_slice(&body).map_err(|_| "the answer is no list of models".to_owned())?;
    Ok(list.data.into_iter().map(|entry| entry.id).take(MOST_MODELS).collect())
}

/// The upstream's status and message; its key never appears, even if the upstream repeats it.
fn complaint(status: u16, body: &[u8], channel: &Channel) -> String {
    match own_words(body, channel) {
        Some(words) => format!("answered with status {status}: {words}"),
        None if (200..300).contains(&status) => format!("answered with status {status} and something that is no answer"),
        None => format!("answered with status {status}"),
    }
}
