//! Requests of the gateway's own: is a channel there, and which models does it list?

use std::time::{Duration, Instant};

use actix_web::http::Method;
use actors::vocabulary::{Channel, Family, OpenAiProtocol, Protocol};
use bytes::Bytes;
use serde_json::json;

use super::attempt::error_body;
use super::request;
use super::wire::Wire;

/// Longest wait for a probe's answer.
const PROBE_DEADLINE: Duration = Duration::from_secs(30);
/// Most of an upstream's own error message repeated.
const MOST_MESSAGE_CHARS: usize = 300;
/// Models taken from a provider's list.
const MOST_MODELS: usize = 5_000;

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
            let reachable = (200..300).contains(&status);
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
    let outgoing = request::own(channel, Method::GET, "models", Bytes::new())
        .ok_or("the channel's address, key or headers cannot be used")?;
    let response = wire.send(&outgoing, PROBE_DEADLINE).await.answered.map_err(|error| format!("no answer: {error}"))?;
    let status = response.status().as_u16();
    let body = error_body(response).await;
    if !(200..300).contains(&status) {
        return Err(complaint(status, &body, channel));
    }
    let list: List = serde_json::from_slice(&body).map_err(|_| "the answer is no list of models".to_owned())?;
    Ok(list.data.into_iter().map(|entry| entry.id).take(MOST_MODELS).collect())
}

/// The upstream's status and message; its key never appears, even if the upstream repeats it.
fn complaint(status: u16, body: &[u8], channel: &Channel) -> String {
    #[derive(serde::Deserialize)]
    struct Wrapped {
        error: Inner,
    }
    #[derive(serde::Deserialize)]
    struct Inner {
        message: String,
    }
    let message = serde_json::from_slice::<Wrapped>(body).map(|wrapped| wrapped.error.message).unwrap_or_default();
    let message: String = message.replace(channel.api_key.expose(), "…").chars().take(MOST_MESSAGE_CHARS).collect();
    if message.is_empty() {
        format!("answered with status {status}")
    } else {
        format!("answered with status {status}: {message}")
    }
}
