//! Who is asking, by key alone.

use std::net::IpAddr;
use std::sync::Arc;

use actors::settings_cache::Snapshot;
use actors::usage_ledger::{PendingReceipt, Who};
use actors::vocabulary::{KeyDigest, KeyRecord, KeyStatus, ReceiptId, UserStatus};
use sha2::{Digest, Sha256};

use super::{Caller, Desk, Head, Refused, Stopped, day_start};

/// Longest key looked at.
const MOST_KEY_BYTES: usize = 512;
/// Characters of an unknown key that are told back, and of how many at least.
const SHOWN_CHARS: usize = 4;
const SHOWN_FROM_CHARS: usize = 16;
/// What clients are told during maintenance when the admin wrote nothing.
const MAINTENANCE: &str = "The service is under maintenance. Please try again later.";

/// Recognises the sender of a POST: key, its state, maintenance.
///
/// # Errors
/// Why the request goes no further; a known key's receipt is still open.
pub async fn recognise(desk: &Desk, head: &Head<'_>) -> Result<Caller, Stopped<Refused>> {
    let key = identify(desk, head.credential, head.address).await.map_err(|why| Stopped { why, pending: None })?;
    let snapshot = desk.cellar.cache.reader().keep();
    let now = desk.clock.now_ms();
    let ts = now - i64::try_from(head.arrived.elapsed().as_millis()).unwrap_or(0);
    let day_start = day_start(now, &snapshot.settings.timezone);
    let client_ip = head.address.map(|address| address.to_string());
    let who = Who {
        id: ReceiptId(desk.ids.next(now)),
        request_id: head.request_id,
        client_request_id: head.client_request_id,
        key: &key,
        protocol: head.protocol,
        ts,
        day_start,
        client_ip: client_ip.as_deref(),
    };
    let mut pending = PendingReceipt::open(&desk.cellar.bookkeeper, &who, head.arrived);
    if let Some(trace) = &head.trace {
        pending.traced(trace.clone());
    }
    if let Err(why) = usable(&key, head.address, now).and_then(|()| open_for_business(&snapshot)).and_then(|()| recordable(desk))
    {
        return Err(Stopped::with(why, pending));
    }
    Ok(Caller { key, snapshot, protocol: head.protocol, request_id: head.request_id.into(), day_start, pending })
}

/// The key behind a credential, if it may be used now, from there.
///
/// # Errors
/// Why not, or that storage is ill.
pub async fn identify_usable(desk: &Desk, credential: Option<&str>, address: Option<IpAddr>) -> Result<Arc<KeyRecord>, Refused> {
    let key = identify(desk, credential, address).await?;
    usable(&key, address, desk.clock.now_ms())?;
    Ok(key)
}

/// The key behind a credential, whatever its state.
async fn identify(desk: &Desk, credential: Option<&str>, address: Option<IpAddr>) -> Result<Arc<KeyRecord>, Refused> {
    let credential = credential.map(str::trim).filter(|key| !key.is_empty()).ok_or(Refused::NoKey)?;
    if credential.len() > MOST_KEY_BYTES {
        return Err(unknown(credential));
    }
    let digest = KeyDigest(Sha256::digest(credential.as_bytes()).into());
    if let Some(known) = desk.cellar.cache.cached_key(&digest) {
        return Ok(known);
    }
    // Good keys share an address with bad ones (an office, a proxy): a closed address is told so only when the
    // key is not known, or when too many such look-ups are under way.
    let now = desk.clock.monotonic_ms();
    let closed_for = desk.throttle.closed_for(address, now);
    let _look_up = match closed_for.map(|retry_ms| (retry_ms, desk.throttle.look_up())) {
        Some((retry_ms, None)) => return Err(Refused::Guessing { retry_ms }),
        Some((_, permit)) => permit,
        None => None,
    };
    match desk.cellar.cache.key(digest).await {
        Ok(Some(known)) => Ok(known),
        Ok(None) => {
            desk.throttle.guessed(address, now).await;
            Err(closed_for.map_or_else(|| unknown(credential), |retry_ms| Refused::Guessing { retry_ms }))
        }
        Err(ill) => {
            tracing::warn!(%ill, "a key could not be looked up");
            Err(Refused::StorageIll)
        }
    }
}

/// A key that is not known, shown by so little of its beginning that it stays a secret.
fn unknown(credential: &str) -> Refused {
    let is_long = credential.chars().count() >= SHOWN_FROM_CHARS;
    let shown: String = if is_long { credential.chars().take(SHOWN_CHARS).collect() } else { String::new() };
    Refused::UnknownKey { shown: shown.chars().filter(|c| c.is_ascii_graphic()).collect::<String>() + "…" }
}

/// Whether the key may be used now, from there.
fn usable(key: &KeyRecord, address: Option<IpAddr>, now_ms: i64) -> Result<(), Refused> {
    if key.status == KeyStatus::Disabled {
        return Err(Refused::Forbidden("this API key is disabled"));
    }
    if key.expires_at.is_some_and(|expiry| expiry <= now_ms) {
        return Err(Refused::Forbidden("this API key has expired"));
    }
    if key.owner.status != UserStatus::Active {
        return Err(Refused::Forbidden("the account behind this API key is not active"));
    }
    let from = address.map(|address| address.to_canonical());
    if !key.allowed_ips.allows(|network| from.is_some_and(|from| network.contains(&from))) {
        return Err(Refused::Forbidden("this API key may not be used from this address"));
    }
    Ok(())
}

/// Whether a receipt could be written: nobody is asked for an answer that nobody could record.
///
/// # Errors
/// That none could.
pub fn recordable(desk: &Desk) -> Result<(), Refused> {
    if desk.cellar.ledger.can_record() { Ok(()) } else { Err(Refused::Unrecordable) }
}

fn open_for_business(snapshot: &Snapshot) -> Result<(), Refused> {
    if !snapshot.settings.maintenance_mode {
        return Ok(());
    }
    let message = snapshot.settings.maintenance_message.clone().filter(|message| !message.trim().is_empty());
    Err(Refused::Maintenance(message.unwrap_or_else(|| MAINTENANCE.to_owned())))
}
