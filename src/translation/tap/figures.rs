//! What a provider has said of usage so far, as it said it, and what that comes to.

use actors::vocabulary::Usage;

use super::wire::{CacheCreation, Details, RawUsage};
use crate::translation::lenient::Amount;

/// Most that a total may be: its parts are bounded one by one.
const MOST_TOTAL: f64 = 2e9;

/// Figures as they stand on the wire. All are cumulative, so none ever falls: some providers repeat zeros at the end.
#[derive(Clone, Debug, Default)]
pub(super) struct Figures {
    input: Option<i64>,
    output: Option<i64>,
    total: Option<i64>,
    cached: i64,
    /// Cache writes in one figure.
    written: i64,
    /// Of them five minutes and one hour, as last said.
    lifetimes: (i64, i64),
    reasoning: i64,
    /// The first figure that nobody can believe, by name and value.
    absurd: Option<String>,
}

impl Figures {
    /// Takes a usage object in.
    pub(super) fn take(&mut self, raw: &RawUsage) {
        let details = [&raw.prompt_tokens_details, &raw.input_tokens_details];
        let of_output = [&raw.completion_tokens_details, &raw.output_tokens_details];
        let hit = self.tokens("prompt_cache_hit_tokens", &raw.prompt_cache_hit_tokens);
        let miss = self.tokens("prompt_cache_miss_tokens", &raw.prompt_cache_miss_tokens);
        let input = self.first([("prompt_tokens", &raw.prompt_tokens), ("input_tokens", &raw.input_tokens)]);
        let output = self.first([("completion_tokens", &raw.completion_tokens), ("output_tokens", &raw.output_tokens)]);
        self.input = self.input.max(input.or_else(|| Some(hit? + miss?)));
        self.output = self.output.max(output);
        // The sum of two figures that can be believed may be beyond what one may be.
        let total = match &raw.total_tokens {
            Amount::Absurd(sum) if sum.parse().is_ok_and(|sum: f64| (0.0..=MOST_TOTAL).contains(&sum)) => None,
            total => self.tokens("total_tokens", total),
        };
        self.total = self.total.max(total);
        self.cached = self.cached.max(hit.unwrap_or(0));
        for (name, amount) in [("cache_read_input_tokens", &raw.cache_read_input_tokens), ("cached_tokens", &raw.cached_tokens)] {
            self.cached = self.cached.max(self.tokens(name, amount).unwrap_or(0));
        }
        self.written =
            self.written.max(self.tokens("cache_creation_input_tokens", &raw.cache_creation_input_tokens).unwrap_or(0));
        self.reasoning = self.reasoning.max(self.tokens("reasoning_tokens", &raw.reasoning_tokens).unwrap_or(0));
        details.into_iter().flatten().for_each(|details| self.take_details(details));
        of_output.into_iter().flatten().for_each(|details| self.take_output_details(details));
        if let Some(split) = &raw.cache_creation {
            self.split(split);
        }
    }

    fn take_details(&mut self, details: &Details) {
        self.cached = self.cached.max(self.tokens("cached_tokens", &details.cached_tokens).unwrap_or(0));
        for (name, amount) in [
            ("cache_write_tokens", &details.cache_write_tokens),
            ("cache_creation_input_tokens", &details.cache_creation_input_tokens),
        ] {
            self.written = self.written.max(self.tokens(name, amount).unwrap_or(0));
        }
    }

    fn take_output_details(&mut self, details: &Details) {
        for (name, amount) in [("reasoning_tokens", &details.reasoning_tokens), ("thinking_tokens", &details.thinking_tokens)] {
            self.reasoning = self.reasoning.max(self.tokens(name, amount).unwrap_or(0));
        }
    }

    /// A split replaces the one before, both halves at once: what it does not name is none. One of zeros says nothing.
    fn split(&mut self, split: &CacheCreation) {
        let five = self.tokens("ephemeral_5m_input_tokens", &split.ephemeral_5m_input_tokens).unwrap_or(0);
        let hour = self.tokens("ephemeral_1h_input_tokens", &split.ephemeral_1h_input_tokens).unwrap_or(0);
        if five + hour > 0 {
            self.lifetimes = (five, hour);
            self.written = self.written.max(five + hour);
        }
    }

    /// The first that is named.
    fn first(&mut self, amounts: [(&str, &Amount); 2]) -> Option<i64> {
        amounts.into_iter().filter_map(|(name, amount)| self.tokens(name, amount)).reduce(|first, _| first)
    }

    fn tokens(&mut self, name: &str, amount: &Amount) -> Option<i64> {
        match amount {
            Amount::Tokens(tokens) => Some(*tokens),
            Amount::Unnamed => None,
            Amount::Absurd(written) => {
                self.absurd.get_or_insert_with(|| format!("{name} {written}"));
                None
            }
        }
    }

    /// The first figure that nobody can believe, by name and value. It says that the provider's counting is broken, and none of
    /// its figures is a bill.
    pub(super) fn absurd(&self) -> Option<&str> {
        self.absurd.as_deref()
    }

    /// Whether the provider named what was used.
    pub(super) fn are_known(&self) -> bool {
        self.input.is_some() || self.output.is_some()
    }

    /// Usage in Anthropic's sense: what was read from the cache and written to it stands beside the input.
    pub(super) fn beside(&self) -> Usage {
        let (five, hour) = self.lifetimes;
        let cache_creation_1h = hour.min(self.written);
        let named = (five + hour).min(self.written);
        Usage {
            input: self.input.unwrap_or(0),
            output: self.output.unwrap_or(0),
            cache_read: self.cached,
            // What the split leaves over has the shorter lifetime, which is the default.
            cache_creation_5m: self.written - named + (named - cache_creation_1h),
            cache_creation_1h,
            reasoning: self.reasoning,
        }
    }

    /// Usage in OpenAI's sense: what was cached is part of the input, reasoning part of the output, but where the total
    /// says that a provider counts them beside it. `splits_writes`: whether cache writes have a price of their own; else
    /// they stay input.
    pub(super) fn inside(&self, splits_writes: bool) -> Usage {
        let (input, output) = (self.input.unwrap_or(0), self.output.unwrap_or(0));
        let kept_apart = self.kept_apart();
        let (cached, written) = (self.cached, self.written);
        let beside = if kept_apart.cache { 0 } else { cached };
        let fresh = match (splits_writes, kept_apart.cache) {
            (true, true) => input,
            (true, false) => input - beside - written,
            (false, true) => input + written,
            (false, false) => input - beside,
        };
        Usage {
            input: fresh.max(0),
            output: output + if kept_apart.reasoning { self.reasoning } else { kept_apart.unnamed },
            cache_read: cached,
            cache_creation_5m: if splits_writes { written } else { 0 },
            cache_creation_1h: 0,
            reasoning: self.reasoning.max(kept_apart.unnamed),
        }
    }

    /// What stands beside the input and the output rather than inside.
    fn kept_apart(&self) -> Apart {
        let (Some(input), Some(output)) = (self.input, self.output) else { return Apart::default() };
        let cache = self.cached + self.written;
        let gap = self.total.unwrap_or(0) - input - output;
        let is = |part: i64| part > 0 && gap == part;
        // No part is larger than its whole; a total that counts it apart names it exactly.
        let both = is(cache + self.reasoning) && cache > 0 && self.reasoning > 0;
        let apart = Apart {
            reasoning: self.reasoning > output || is(self.reasoning) || both,
            cache: self.cached > input || (is(cache) && !is(self.reasoning)) || both,
            unnamed: 0,
        };
        // Gemini counts thinking in the total alone.
        let is_unnamed = gap > 0 && self.reasoning == 0 && !apart.cache;
        Apart { unnamed: if is_unnamed { gap } else { 0 }, ..apart }
    }
}

#[derive(Clone, Copy, Debug, Default)]
struct Apart {
    reasoning: bool,
    cache: bool,
    /// Tokens that the total has and nothing else names.
    unnamed: i64,
}
