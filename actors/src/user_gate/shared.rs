//! The port through which several instances share a user's limits and money.
//!
//! Each instance tells its own share as a whole (slots, held money, usage that is not booked yet), under a version that
//! grows: told again, told late or told twice, a share never counts twice. With it goes at most one question, so that an
//! admission is one round trip. A gate has one message under way at a time.

use async_trait::async_trait;

use super::hold::Extension;
use super::messages::{Ask, Refusal};
use crate::ports::KeySpent;
use crate::vocabulary::{KeyId, Nanos, UserId};

/// How instances stand to each other right now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Standing {
    /// The shared state decides.
    Together,
    /// It answers again, but not every instance has told its share yet: shares are told, and each decides by its part of
    /// every limit, one in so many.
    Rejoining(u32),
    /// It does not answer: each instance keeps to its part of every limit, one in so many.
    Alone(u32),
}

impl Standing {
    /// Into how many parts every limit is divided; one while the shared state decides.
    pub fn parts(self) -> u32 {
        match self {
            Self::Together => 1,
            Self::Rejoining(instances) | Self::Alone(instances) => instances.max(1),
        }
    }

    /// Whether the shared state can be told anything.
    pub fn is_reachable(self) -> bool {
        !matches!(self, Self::Alone(_))
    }
}

/// The shared state did not answer in time, or not in a way we understand.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the state that instances share did not answer")]
pub struct SharedUnavailable;

/// What this instance takes of a user's limits at one moment.
#[derive(Clone, Debug)]
pub struct Share {
    /// The user.
    pub user: UserId,
    /// Grows with every share of this user that this instance tells, over its restarts, too.
    pub version: i64,
    /// Requests under way.
    pub slots: u32,
    /// Money held for them.
    pub held: Nanos,
    /// Cost of requests that ended and are not booked.
    pub unbooked: Nanos,
    /// The hold that goes on beyond what was left, if it is ours.
    pub overdrawn: Option<u64>,
    /// For how many milliseconds the first in line has waited for the user's slots or money.
    pub waits_ms: Option<i64>,
    /// Whether something was given back that others may wait for.
    pub gave_back: bool,
    /// Keys whose share changed since it was told last.
    pub keys: Vec<KeyShare>,
    /// What is to be corrected in the windows; told once, and forgotten where it is lost: windows last a minute.
    pub corrections: Vec<Correction>,
    /// The account, where it was read or booked to since the last message.
    pub account: Option<AccountFigures>,
}

/// What this instance takes of a key's limits.
#[derive(Clone, Copy, Debug)]
pub struct KeyShare {
    /// The key.
    pub id: KeyId,
    /// Requests under way.
    pub slots: u32,
    /// Money held for them.
    pub held: Nanos,
    /// Cost of requests that ended and are not booked.
    pub unbooked: Nanos,
    /// The billing day of the next two, epoch milliseconds of its midnight.
    pub day_start: i64,
    /// Tokens of that day held.
    pub day_held: i64,
    /// Tokens of that day used and not booked.
    pub day_unbooked: i64,
}

/// What is added to the windows of one second; negative to give back.
#[derive(Clone, Copy, Debug)]
pub struct Correction {
    /// The second, as [`Reply::second`] named it.
    pub second: i64,
    /// The key.
    pub key: KeyId,
    /// Requests, of the user and of the key.
    pub requests: (i64, i64),
    /// Tokens, of the user and of the key.
    pub tokens: (i64, i64),
}

/// What the database says of an account.
#[derive(Clone, Debug, Default)]
pub struct AccountFigures {
    /// Money granted, with the moment its reading began (milliseconds of the shared clock): what was read later wins.
    pub quota: Option<(Nanos, i64)>,
    /// Money spent, as booked; it only grows.
    pub used: Nanos,
    /// Keys that were read with it.
    pub keys: Vec<KeySpent>,
}

/// What is asked with a share.
#[derive(Clone, Copy, Debug)]
pub enum Question<'a> {
    /// No question; the message only publishes the share.
    Nothing,
    /// A request wants in.
    Admit {
        /// What it needs.
        ask: &'a Ask,
        /// Whether it is new, and charged to the windows.
        charges: bool,
        /// Whether it may have slots and money now; not while others of this instance stand before it.
        tries: bool,
        /// For how long it has waited.
        waited_ms: i64,
    },
    /// A hold wants more money.
    Extend {
        /// The hold.
        hold: u64,
        /// Its key.
        key: KeyId,
        /// The key's budget.
        budget: Option<Nanos>,
        /// The least it needs.
        least: Nanos,
        /// What it would like.
        wished: Nanos,
    },
}

/// What came of a question.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Decision {
    /// There was none.
    Noted,
    /// The request is in, with this money and so many tokens of its key's day.
    Granted {
        /// Money held.
        money: Nanos,
        /// Tokens of the day held.
        day_tokens: i64,
    },
    /// The hold has so much more, or not.
    Extended(Extension, Nanos),
    /// It waits, and so does everybody behind it.
    UserFull(Refusal),
    /// It waits; others with another key may go.
    KeyFull(Refusal),
    /// It will never be able to go.
    Never(Refusal),
    /// The account is not known there: it has to be read and told.
    AccountMissing,
}

/// How a share was taken in.
#[derive(Clone, Debug)]
pub struct Reply {
    /// The shared clock, epoch milliseconds.
    pub now_ms: i64,
    /// Quota and spending as all instances know them; `None` while the account is not known there.
    pub balance: Option<(Nanos, Nanos)>,
    /// The second in which the windows were charged.
    pub second: Option<i64>,
    /// The answer.
    pub decision: Decision,
}

/// What several instances share of users' accounts.
#[async_trait]
pub trait SharedAccounts: Send + Sync {
    /// How instances stand to each other; read without waiting.
    fn standing(&self) -> Standing;

    /// Tells this instance's share and asks a question, in one round trip and within a deadline of its own.
    ///
    /// # Errors
    /// When nothing answered in time: whether the share was taken in is unknown.
    async fn tell(&self, share: &Share, question: Question<'_>) -> Result<Reply, SharedUnavailable>;
}
