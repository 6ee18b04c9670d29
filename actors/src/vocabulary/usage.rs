//! Token counts of one answer, as the provider reported them.

use serde::{Deserialize, Serialize};

/// Tokens by kind. Read once from the upstream's own bytes; reply, log and bill use this one value.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Usage {
    /// Input that was neither read from nor written to a cache.
    pub input: i64,
    /// Output, reasoning included.
    pub output: i64,
    /// Input read from the provider's cache.
    pub cache_read: i64,
    /// Input written to the five-minute cache.
    pub cache_creation_5m: i64,
    /// Input written to the one-hour cache.
    pub cache_creation_1h: i64,
    /// The part of `output` spent on reasoning, where the provider says.
    pub reasoning: i64,
}

impl Usage {
    /// All input written to a cache.
    pub fn cache_creation(&self) -> i64 {
        self.cache_creation_5m.saturating_add(self.cache_creation_1h)
    }

    /// What TPM limits and daily quotas count: input, cache creation and output, not cache reads.
    pub fn counted(&self) -> i64 {
        self.input.saturating_add(self.cache_creation()).saturating_add(self.output)
    }
}

/// Tokens to expect from `bytes` of UTF-8 text: one per three bytes, rounded up (contract §2).
pub fn estimate_tokens(bytes: usize) -> i64 {
    i64::try_from(bytes.div_ceil(3)).unwrap_or(i64::MAX)
}

/// Tokens to expect from one image or page (contract §2).
pub const TOKENS_PER_IMAGE: i64 = 1_600;
