//! Who may ask for what: keys, models, limits, money.
//!
//! Mints [`Caller`] (by key alone, before a byte of body is read) and [`Admitted`] (with a hold).

mod admit;
mod day;
mod recognise;
mod throttle;

use std::fmt;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Instant;

use actix_web::http::header::HeaderMap;
use actors::ports::Clock;
use actors::settings_cache::{NoOffer, Offer, Snapshot};
use actors::system::Cellar;
use actors::usage_ledger::PendingReceipt;
use actors::user_gate::Refusal;
use actors::vocabulary::{IdMaker, KeyRecord, Protocol, Trace};
use bytes::Bytes;

pub use admit::{admit, look};
pub use day::day_start;
pub use recognise::{identify_usable, recognise, recordable};
pub use throttle::KeyGuesses;

use crate::capacity::{Footprint, Overloaded};
use crate::translation::{Ask, BadAsk};

/// What admission works with.
#[derive(Clone)]
pub struct Desk {
    /// The actors.
    pub cellar: Cellar,
    /// Makes receipt ids.
    pub ids: Arc<IdMaker>,
    /// Time.
    pub clock: Arc<dyn Clock>,
    /// Slows down addresses that guess keys.
    pub throttle: Arc<KeyGuesses>,
}

impl fmt::Debug for Desk {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Desk")
    }
}

/// What is known of a request before its body.
#[derive(Debug)]
pub struct Head<'a> {
    /// The key it came with.
    pub credential: Option<&'a str>,
    /// Where it came from.
    pub address: Option<IpAddr>,
    /// What it speaks.
    pub protocol: Protocol,
    /// The gateway's id for it.
    pub request_id: &'a str,
    /// The client's own id, a label.
    pub client_request_id: Option<&'a str>,
    /// When it arrived.
    pub arrived: Instant,
    /// Its part of a trace; `None` where nobody records one.
    pub trace: Option<Trace>,
}

/// A request whose key is good.
#[derive(Debug)]
pub struct Caller {
    /// The key and its owner.
    pub key: Arc<KeyRecord>,
    /// The settings in force when it arrived.
    pub snapshot: Arc<Snapshot>,
    /// What it speaks.
    pub protocol: Protocol,
    /// The gateway's id for it.
    pub request_id: Arc<str>,
    /// Start of the billing day, epoch milliseconds.
    pub day_start: i64,
    /// Its receipt under way.
    pub pending: PendingReceipt,
}

/// A request that has been read. Minted by `edge`.
#[derive(Debug)]
pub struct Inbound {
    /// Who asks.
    pub caller: Caller,
    /// For what.
    pub ask: Ask,
    /// The untouched body.
    pub body: Bytes,
    /// What it takes of memory and threads, for as long as it lives.
    pub footprint: Footprint,
    /// Headers that may go upstream.
    pub headers: HeaderMap,
    /// The query string, for native routes.
    pub query: String,
    /// Which conversation it belongs to, as its headers say.
    pub session: Option<String>,
}

/// A request that may go upstream.
#[derive(Debug)]
pub struct Admitted {
    /// The request.
    pub inbound: Inbound,
    /// The channels that may serve it.
    pub offers: Vec<Offer>,
    /// The last resort.
    pub fallback: Option<Offer>,
    /// Expected input tokens.
    pub input_tokens: i64,
}

/// Why a request goes no further.
#[derive(Clone, Debug, thiserror::Error)]
pub enum Refused {
    /// No key.
    #[error("no API key was sent: use the header \"Authorization: Bearer <key>\" or \"x-api-key: <key>\"")]
    NoKey,
    /// No such key.
    #[error("this API key is not known")]
    UnknownKey {
        /// Its beginning, for the one who sent it.
        shown: String,
    },
    /// Too many unknown keys from one address.
    #[error("too many requests with unknown API keys from this address")]
    Guessing {
        /// Milliseconds until it may try again.
        retry_ms: i64,
    },
    /// The key may not be used.
    #[error("{0}")]
    Forbidden(&'static str),
    /// Maintenance.
    #[error("{0}")]
    Maintenance(String),
    /// The body is no request.
    #[error(transparent)]
    Bad(#[from] BadAsk),
    /// Nobody may serve the model.
    #[error("{}", no_offer(.model, *.why))]
    NoOffer {
        /// The model asked for.
        model: String,
        /// Which rule said so.
        why: NoOffer,
    },
    /// Limits or money.
    #[error(transparent)]
    Gate(#[from] Refusal),
    /// Nobody could write its receipt.
    #[error("the gateway cannot record requests right now")]
    Unrecordable,
    /// No memory or thread for a large request.
    #[error(transparent)]
    Overloaded(#[from] Overloaded),
    /// Storage is ill and the key not cached.
    #[error("the gateway cannot read its database right now")]
    StorageIll,
}

fn no_offer(model: &str, why: NoOffer) -> String {
    match why {
        NoOffer::UnknownModel => format!("model '{model}' does not exist"),
        NoOffer::KeyForbidsModel => format!("this API key may not use model '{model}'"),
        NoOffer::ModelDisabled => format!("model '{model}' is disabled"),
        NoOffer::OutOfScope => format!("this API key may not use the channels that serve model '{model}'"),
        NoOffer::Unpriced => format!("model '{model}' has no price yet"),
        NoOffer::NoChannel => format!("no channel serves model '{model}' right now"),
    }
}

/// A request that ended early, with its receipt still open if there is one.
#[derive(Debug)]
pub struct Stopped<Why> {
    /// Why.
    pub why: Why,
    /// To be closed by whoever answers the client.
    pub pending: Option<PendingReceipt>,
}

impl<Why> Stopped<Why> {
    /// With its receipt.
    pub fn with(why: impl Into<Why>, pending: PendingReceipt) -> Self {
        Self { why: why.into(), pending: Some(pending) }
    }
}
