//! Rates and concurrency a user or key may use.

use serde::{Deserialize, Serialize};

/// Limits after defaults were applied; `None` = unlimited.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Limits {
    /// Requests in any 60 seconds.
    pub rpm: Option<u32>,
    /// Tokens in any 60 seconds.
    pub tpm: Option<u32>,
    /// Requests at the same time.
    pub concurrency: Option<u32>,
}

impl Limits {
    /// The tighter of both, limit by limit.
    #[must_use]
    pub fn tighter(self, other: Self) -> Self {
        Self {
            rpm: least(self.rpm, other.rpm),
            tpm: least(self.tpm, other.tpm),
            concurrency: least(self.concurrency, other.concurrency),
        }
    }
}

/// The tighter of two limits; `None` = unlimited.
pub fn least<T: Ord>(one: Option<T>, other: Option<T>) -> Option<T> {
    match (one, other) {
        (Some(one), Some(other)) => Some(one.min(other)),
        (one, other) => one.or(other),
    }
}

/// A stored limit (`None` = system default, 0 = unlimited) against the default (0 = unlimited).
pub fn effective(stored: Option<i64>, default: i64) -> Option<u32> {
    match stored.unwrap_or(default) {
        limit if limit <= 0 => None,
        limit => Some(u32::try_from(limit).unwrap_or(u32::MAX)),
    }
}
