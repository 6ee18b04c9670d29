//! The tokens an answer claims to have used, and how each vendor writes them.

use serde::Deserialize;

/// Tokens in one vocabulary for all protocols.
///
/// `input` is what was neither read from nor written to a cache: Anthropic reports the cache counts beside it,
/// the OpenAI protocols get them added to their prompt tokens. `output` includes `reasoning`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase", default, deny_unknown_fields)]
pub struct Usage {
    /// Uncached input tokens.
    pub input: u64,
    /// Output tokens, reasoning included.
    pub output: u64,
    /// Input tokens read from the cache.
    pub cache_read: u64,
    /// Input tokens written to the five-minute cache.
    #[serde(rename = "cacheCreation5m")]
    pub cache_creation_5m: u64,
    /// Input tokens written to the one-hour cache.
    #[serde(rename = "cacheCreation1h")]
    pub cache_creation_1h: u64,
    /// Output tokens spent on reasoning.
    pub reasoning: u64,
}

impl Usage {
    /// Input and output alone.
    pub fn new(input: u64, output: u64) -> Self {
        Self { input, output, ..Self::default() }
    }

    /// The same with so many tokens read from the cache.
    #[must_use]
    pub fn cache_read(mut self, tokens: u64) -> Self {
        self.cache_read = tokens;
        self
    }

    /// The same with so many tokens written to the five-minute cache.
    #[must_use]
    pub fn cache_creation_5m(mut self, tokens: u64) -> Self {
        self.cache_creation_5m = tokens;
        self
    }

    /// The same with so many tokens written to the one-hour cache.
    #[must_use]
    pub fn cache_creation_1h(mut self, tokens: u64) -> Self {
        self.cache_creation_1h = tokens;
        self
    }

    /// The same with so many of the output tokens spent on reasoning.
    #[must_use]
    pub fn reasoning(mut self, tokens: u64) -> Self {
        self.reasoning = tokens;
        self
    }

    /// The whole input as OpenAI counts it, cache included.
    fn prompt(self) -> u64 {
        self.input + self.cache_read + self.cache_creation_5m + self.cache_creation_1h
    }

    /// The usage of a whole Messages answer.
    pub(super) fn claude(self) -> String {
        self.with_thinking(self.claude_counting(self.output))
    }

    /// The usage a Messages stream begins with: the input, and one output token.
    pub(super) fn claude_start(self) -> String {
        self.claude_counting(1)
    }

    /// Anthropic tells the thinking apart where there is any.
    fn with_thinking(self, mut usage: String) -> String {
        if self.reasoning > 0 {
            let thinking = wire!({ "thinking_tokens": (self.reasoning) });
            usage.pop();
            usage.push_str(&format!(",\"output_tokens_details\":{thinking}}}"));
        }
        usage
    }

    fn claude_counting(self, output: u64) -> String {
        let created = self.cache_creation_5m + self.cache_creation_1h;
        wire!({
            "input_tokens": (self.input),
            "cache_creation_input_tokens": (created),
            "cache_read_input_tokens": (self.cache_read),
            "cache_creation": {
                "ephemeral_5m_input_tokens": (self.cache_creation_5m),
                "ephemeral_1h_input_tokens": (self.cache_creation_1h),
            },
            "output_tokens": (output),
            "service_tier": "standard",
        })
    }

    /// The cumulative usage of a Messages stream's `message_delta`.
    pub(super) fn claude_delta(self) -> String {
        let created = self.cache_creation_5m + self.cache_creation_1h;
        let delta = wire!({
            "input_tokens": (self.input),
            "cache_creation_input_tokens": (created),
            "cache_read_input_tokens": (self.cache_read),
            "output_tokens": (self.output),
        });
        self.with_thinking(delta)
    }

    /// The usage of a Chat Completions answer.
    pub(super) fn chat(self) -> String {
        wire!({
            "prompt_tokens": (self.prompt()),
            "completion_tokens": (self.output),
            "total_tokens": (self.prompt() + self.output),
            "prompt_tokens_details": { "cached_tokens": (self.cache_read), "audio_tokens": 0 },
            "completion_tokens_details": {
                "reasoning_tokens": (self.reasoning),
                "audio_tokens": 0,
                "accepted_prediction_tokens": 0,
                "rejected_prediction_tokens": 0,
            },
        })
    }

    /// The usage of a Responses answer.
    pub(super) fn responses(self) -> String {
        let written = self.cache_creation_5m + self.cache_creation_1h;
        wire!({
            "input_tokens": (self.prompt()),
            "input_tokens_details": { "cached_tokens": (self.cache_read), "cache_write_tokens": (written) },
            "output_tokens": (self.output),
            "output_tokens_details": { "reasoning_tokens": (self.reasoning) },
            "total_tokens": (self.prompt() + self.output),
        })
    }
}
