//! The request as an upstream gets it: address, headers, body.

use std::cell::RefCell;
use std::fmt::Write;
use std::sync::Arc;

use actix_web::http::header::{self, HeaderMap, HeaderName, HeaderValue};
use actix_web::http::{Method, Uri};
use actors::settings_cache::Offer;
use actors::usage_ledger::PendingReceipt;
use actors::vocabulary::{Channel, Family, Protocol};
use bytes::Bytes;
use sha2::{Digest, Sha256};

use super::verdict::Miss;
use super::wire::Outgoing;
use crate::admission::Inbound;
use crate::capacity::INLINE_BYTES;
use crate::routing::RecentItems;
use crate::translation::hub::{self, CannotCarry, LeftOut};
use crate::translation::{Ask, Circumstances, Converted, Speech, adapt, convert, native};

/// The version Anthropic's API asks for when the client named none.
const ANTHROPIC_VERSION: HeaderValue = HeaderValue::from_static("2023-06-01");

/// The channel's address for a path. `None` when it is none.
pub(super) fn address(channel: &Channel, path: &str, query: &str) -> Option<Uri> {
    let mark = if query.is_empty() { "" } else { "?" };
    format!("{}/{path}{mark}{query}", channel.base_url).parse().ok()
}

/// The request for one offer, and how its answer will be told.
pub(super) struct Ready {
    pub(super) outgoing: Outgoing,
    pub(super) speech: Speech,
    pub(super) left_out: LeftOut,
    /// How many times it is to be sent: a channel whose protocol knows one choice is asked for each.
    pub(super) choices: usize,
}

/// Prepares the request for one offer.
///
/// # Errors
/// [`Miss::Unusable`] when the channel's address or headers cannot be used, [`Miss::CannotCarry`] when its protocol has
/// no place for something that was asked, [`Miss::Overloaded`] when there is no capacity to make it.
pub(super) async fn ready(inbound: &mut Inbound, offer: &Offer, items: &Arc<RecentItems>) -> Result<Ready, Miss> {
    let mut headers = inbound.headers.clone();
    let (body, query, speech, left_out, choices) = if offer.native {
        let (protocol, ask) = (offer.protocol, &inbound.ask);
        let speech = Speech::native(protocol, &ask.model, &offer.upstream_model, !ask.include_usage);
        let (body, left_out) = spliced(inbound, offer).await?;
        (body, inbound.query.as_str(), speech, left_out, 1)
    } else {
        let Converted { body, mut left_out, choices, conversion } = converted(inbound, offer, items).await?;
        keep_common(&mut headers, &mut left_out);
        (body, "", Speech::Converted(Box::new(conversion)), left_out, choices)
    };
    own_idempotency(&mut headers, inbound, offer);
    own_trace(&mut headers, &inbound.caller.pending);
    let uri = address(&offer.channel, offer.protocol.path(), query).ok_or(Miss::Unusable)?;
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    let accept = if inbound.ask.stream && choices == 1 { "text/event-stream" } else { "application/json" };
    headers.insert(header::ACCEPT, HeaderValue::from_static(accept));
    dress(&mut headers, &offer.channel).ok_or(Miss::Unusable)?;
    Ok(Ready { outgoing: Outgoing { method: Method::POST, uri, headers, body }, speech, left_out, choices })
}

/// The body on a same-protocol route: the very bytes, or a copy in which a few of them changed.
async fn spliced(inbound: &mut Inbound, offer: &Offer) -> Result<(Bytes, LeftOut), Miss> {
    let (protocol, model) = (offer.protocol, offer.upstream_model.clone());
    let adapts = protocol == Protocol::ChatCompletions && offer.channel.adapt_reasoning && hub::reasons(&model);
    let splice = move |ask: &Ask, body: &Bytes| {
        let mut left_out = LeftOut::default();
        let edits = if adapts { adapt::edits(body, &model, &mut left_out) } else { Vec::new() };
        (native::request_body(protocol, ask, body, &model, edits), left_out)
    };
    let (ask, body) = (&inbound.ask, &inbound.body);
    if body.len() <= INLINE_BYTES || !(adapts || native::changes(protocol, ask, &offer.upstream_model)) {
        return Ok(splice(ask, body));
    }
    inbound.footprint.hold_copy(body.len()).await.map_err(Miss::Overloaded)?;
    let (ask, body) = (ask.clone(), body.clone());
    inbound.footprint.work(inbound.body.len(), move || splice(&ask, &body)).await.map_err(Miss::Overloaded)
}

/// The converted request. Where it refers to what this instance does not know, the others' memory is asked before it is refused:
/// for the responses it goes on from, then for the items it refers to.
async fn converted(inbound: &mut Inbound, offer: &Offer, items: &Arc<RecentItems>) -> Result<Converted, Miss> {
    let (mut worked, mut unknown) = convert_once(inbound, offer, items).await?;
    for _ in 0..2 {
        if worked.is_ok() || unknown.is_empty() || !items.recall(inbound.caller.key.owner.id, unknown).await {
            break;
        }
        (worked, unknown) = convert_once(inbound, offer, items).await?;
    }
    let converted = worked.map_err(Miss::CannotCarry)?;
    inbound.footprint.hold_copy(converted.body.len()).await.map_err(Miss::Overloaded)?;
    Ok(converted)
}

/// A conversion, and the items it asked for in vain.
type Tried = (Result<Converted, CannotCarry>, Vec<String>);

async fn convert_once(inbound: &Inbound, offer: &Offer, items: &Arc<RecentItems>) -> Result<Tried, Miss> {
    let caller = &inbound.caller;
    let (client, owner, request_id) = (caller.protocol, caller.key.owner.id, Arc::clone(&caller.request_id));
    let (created, include_usage, stream) = (caller.pending.ts() / 1_000, inbound.ask.include_usage, inbound.ask.stream);
    let (upstream, model, asked) = (offer.protocol, offer.upstream_model.clone(), inbound.ask.model.clone());
    let (body, items) = (inbound.body.clone(), Arc::clone(items));
    let converting = move || {
        let (model, asked, request_id) = (&*model, &*asked, &*request_id);
        let way = Circumstances { client, upstream, model, asked, request_id, created, include_usage, stream };
        let unknown = RefCell::new(Vec::new());
        let converted = convert(&body, &way, &|id: &str| {
            let known = items.get(owner, id);
            if known.is_none() {
                unknown.borrow_mut().push(id.to_owned());
            }
            known
        });
        (converted, unknown.into_inner())
    };
    // Several times dearer than reading it.
    let weight = inbound.body.len().saturating_mul(4);
    inbound.footprint.work(weight, converting).await.map_err(Miss::Overloaded)
}

/// Makes a client's `idempotency-key` its own: all users share the channel's key, and two of them may choose the same
/// value. It stays the same for the same user, key, value and request; a channel that is asked for another model, or in
/// another protocol, gets another body, so another value, too.
fn own_idempotency(headers: &mut HeaderMap, inbound: &Inbound, offer: &Offer) {
    const NAME: HeaderName = HeaderName::from_static("idempotency-key");
    let Some(value) = headers.get(&NAME) else { return };
    let key = &inbound.caller.key;
    let mut digest = Sha256::new();
    digest.update(key.owner.id.0.to_be_bytes());
    digest.update(key.id.0.to_be_bytes());
    digest.update(offer.protocol.path());
    digest.update([0]);
    digest.update(offer.upstream_model.as_bytes());
    digest.update([0]);
    digest.update(value.as_bytes());
    let own = digest.finalize().iter().fold(String::with_capacity(64), |mut hex, byte| {
        let _a_string_takes_all = write!(hex, "{byte:02x}");
        hex
    });
    if let Ok(own) = HeaderValue::from_str(&own) {
        headers.insert(NAME, own);
    }
}

/// Tells the upstream which span its work belongs to, where traces are recorded. Nothing of a trace comes from the client's
/// headers themselves, which are not among those that go upstream.
fn own_trace(headers: &mut HeaderMap, pending: &PendingReceipt) {
    let Some((parent, state)) = pending.trace_to_upstream() else { return };
    if let Ok(parent) = HeaderValue::from_str(&parent.to_string()) {
        headers.insert(HeaderName::from_static("traceparent"), parent);
    }
    if let Some(state) = state.and_then(|state| HeaderValue::from_str(state).ok()) {
        headers.insert(HeaderName::from_static("tracestate"), state);
    }
}

/// Leaves of the client's headers those that mean the same to every provider. Betas switch features of one.
fn keep_common(headers: &mut HeaderMap, left_out: &mut LeftOut) {
    const COMMON: [&str; 4] = ["idempotency-key", "session-id", "session_id", "user-agent"];
    let foreign: Vec<HeaderName> = headers.keys().filter(|name| !COMMON.contains(&name.as_str())).cloned().collect();
    for name in foreign {
        headers.remove(&name).for_each(drop);
        if name.as_str().ends_with("-beta") {
            left_out.note(name.as_str());
        }
    }
}

/// A request of the gateway's own.
pub(super) fn own(channel: &Channel, method: Method, path: &str, body: Bytes) -> Option<Outgoing> {
    let mut headers = HeaderMap::new();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    headers.insert(header::ACCEPT, HeaderValue::from_static("application/json"));
    dress(&mut headers, channel)?;
    Some(Outgoing { method, uri: address(channel, path, "")?, headers, body })
}

/// Adds the channel's key and its own headers, which win over the client's.
fn dress(headers: &mut HeaderMap, channel: &Channel) -> Option<()> {
    headers.insert(header::ACCEPT_ENCODING, HeaderValue::from_static("identity"));
    let key = channel.api_key.expose();
    match channel.family {
        Family::Claude => {
            headers.insert(HeaderName::from_static("x-api-key"), HeaderValue::from_str(key).ok()?);
            let version = HeaderName::from_static("anthropic-version");
            if !headers.contains_key(&version) {
                headers.insert(version, ANTHROPIC_VERSION);
            }
        }
        Family::OpenAi => {
            headers.insert(header::AUTHORIZATION, HeaderValue::from_str(&format!("Bearer {key}")).ok()?).for_each(drop)
        }
    }
    for (name, value) in &channel.headers {
        headers.insert(HeaderName::from_bytes(name.as_bytes()).ok()?, HeaderValue::from_str(value).ok()?);
    }
    Some(())
}

/// Whether a client's request header may go upstream (contract §2, Fidelity).
pub fn may_go_upstream(name: &str) -> bool {
    const STARTS: [&str; 4] = ["anthropic-", "openai-", "x-stainless-", "x-claude-code-"];
    const NAMES: [&str; 4] = ["idempotency-key", "session-id", "session_id", "user-agent"];
    const NEVER: [&str; 2] = ["openai-organization", "openai-project"];
    !NEVER.contains(&name) && (NAMES.contains(&name) || STARTS.iter().any(|start| name.starts_with(start)))
}

/// Whether an upstream's response header comes back, and under which name: its request id and rate limits.
pub fn comes_back(name: &str, protocol: Protocol) -> Option<String> {
    let request_id = matches!((protocol.family(), name), (Family::Claude, "request-id") | (_, "x-request-id"));
    let limits = name.starts_with("anthropic-ratelimit-") || name.starts_with("x-ratelimit-");
    (request_id || limits).then(|| format!("x-upstream-{}", name.strip_prefix("x-").unwrap_or(name)))
}
