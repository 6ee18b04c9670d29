//! What a gate is asked, and what it answers.

use std::sync::Arc;

use actix::Message;
use tokio::sync::oneshot;

use super::hold::{Extension, Hold};
use crate::ports::StorageIll;
use crate::supervision::Crashed;
use crate::vocabulary::settings::BalancePolicy;
use crate::vocabulary::{KeyId, Limits, Nanos, UserId};

/// What one request needs before it may go upstream.
#[derive(Clone, Debug)]
pub struct Ask {
    /// Who pays.
    pub user: UserId,
    /// With which key.
    pub key: KeyId,
    /// The gateway's request id, for the system page.
    pub request_id: Arc<str>,
    /// The user's limits over all keys.
    pub user_limits: Limits,
    /// The key's limits.
    pub key_limits: Limits,
    /// Tokens to hold in the TPM windows.
    pub tokens: i64,
    /// Money and slots; `None` for requests that are free and count in RPM alone.
    pub load: Option<Load>,
}

/// The slot and money part of an [`Ask`].
#[derive(Clone, Debug)]
pub struct Load {
    /// The least a balance must cover: the estimated input's cost.
    pub floor: Nanos,
    /// The hold wanted.
    pub wanted: Nanos,
    /// Whether a smaller rest may be held instead.
    pub policy: BalancePolicy,
    /// What the key may spend in its life.
    pub budget: Option<Nanos>,
    /// Tokens the key may use per day.
    pub daily_tokens: Option<i64>,
    /// Tokens of them to hold.
    pub day_hold: i64,
    /// Start of the billing day, epoch milliseconds.
    pub day_start: i64,
}

/// Whose limit stood in the way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LimitOf {
    /// The user's, over all keys.
    User,
    /// The key's.
    Key,
}

/// Why a request may not go upstream.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// The balance is missing, zero or used up.
    #[error("the balance is used up")]
    NoBalance,
    /// The balance alone does not cover this request.
    #[error("the balance is too small for this request")]
    BalanceTooSmall,
    /// The key's budget is used up, or too small for this request.
    #[error("the key's budget is used up")]
    BudgetUsedUp,
    /// The key's daily tokens are used up.
    #[error("the key's daily quota of {limit} tokens is used up")]
    DailyQuota {
        /// Tokens per day.
        limit: i64,
    },
    /// The key's daily tokens are enough, but other requests hold them.
    #[error("the key's daily quota of {limit} tokens is held by requests under way")]
    DailyHeld {
        /// Tokens per day.
        limit: i64,
    },
    /// Too many requests in 60 seconds.
    #[error("more than {limit} requests per minute")]
    Rpm {
        /// Whose limit.
        of: LimitOf,
        /// The limit.
        limit: u32,
        /// Milliseconds until there is room.
        retry_ms: i64,
    },
    /// Too many tokens in 60 seconds.
    #[error("more than {limit} tokens per minute")]
    Tpm {
        /// Whose limit.
        of: LimitOf,
        /// The limit.
        limit: u32,
        /// Milliseconds until there is room.
        retry_ms: i64,
    },
    /// No slot came free in time.
    #[error("no free slot: {limit} requests are running")]
    NoSlot {
        /// The tighter concurrency limit.
        limit: u32,
    },
    /// The balance is enough, but other requests hold it.
    #[error("the balance is held by requests under way")]
    BalanceHeld,
    /// The account could not be read.
    #[error("the account could not be read")]
    StorageIll,
}

impl From<StorageIll> for Refusal {
    fn from(_: StorageIll) -> Self {
        Self::StorageIll
    }
}

/// How a gate answers an [`Ask`].
pub(super) enum Answer {
    /// It may go.
    Granted(Hold),
    /// It may not.
    Refused(Refusal),
    /// In the queue; the decision follows.
    Queued(Queued),
    /// The state that instances share is being asked; the answer follows.
    Asked(oneshot::Receiver<Answer>),
    /// The account is being read; ask again when it is.
    Loading(oneshot::Receiver<Result<(), Refusal>>),
    /// This gate retired; ask its successor.
    Retired,
}

/// A place in the queue.
pub(super) struct Queued {
    /// Tells the place apart.
    pub(super) ticket: u64,
    /// Brings the decision; closed when the gate restarted.
    pub(super) decision: oneshot::Receiver<Result<Hold, Refusal>>,
}

/// Asks for one grant of slots, tokens and money.
#[derive(Message)]
#[rtype(result = "Result<Answer, Crashed>")]
pub(super) struct Admit(pub(super) Ask);

/// Gives a place in the queue up. Answers what stood in its way.
#[derive(Message)]
#[rtype(result = "Result<Option<Refusal>, Crashed>")]
pub(super) struct Withdraw(pub(super) u64);

/// How a gate answers an [`Extend`].
pub(super) enum Extending {
    /// At once.
    Done(Extension),
    /// The state that instances share is being asked; the answer follows.
    Asked(oneshot::Receiver<Extension>),
}

/// Asks for more money under a hold.
#[derive(Message)]
#[rtype(result = "Result<Extending, Crashed>")]
pub(super) struct Extend {
    pub(super) hold: u64,
    pub(super) least: Nanos,
    pub(super) wished: Nanos,
}

/// Something was given back: the queue may move.
#[derive(Message)]
#[rtype(result = "()")]
pub(super) struct Wake;

/// Those who wait for the state that instances share may be tried again, whether or not something was given back.
#[derive(Message)]
#[rtype(result = "()")]
pub(super) struct Retry;

/// The account changed in the database.
#[derive(Message)]
#[rtype(result = "Result<(), Crashed>")]
pub(super) struct Refresh;
