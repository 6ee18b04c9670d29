//! What is known of upstream models by their names. Everything unknown gets the widest treatment.

/// Claude models that think by budget alone (Anthropic's "Adaptive thinking": Claude Opus 4.6 is the first that
/// adapts, and `budget_tokens` is deprecated from there on).
const BUDGET_ALONE: [&str; 8] = [
    "claude-2",
    "claude-3",
    "claude-haiku-4-5",
    "claude-opus-4-0",
    "claude-opus-4-1",
    "claude-opus-4-2",
    "claude-opus-4-5",
    "claude-sonnet-4-",
];

/// Claude models' greatest `max_tokens` (Anthropic's "Models overview"), by prefix, first match.
const MOST_OUTPUT: [(&str, i64); 8] = [
    ("claude-3-7", 64_000),
    ("claude-3-5", 8_192),
    ("claude-3", 4_096),
    ("claude-2", 4_096),
    ("claude-opus-4-0", 32_000),
    ("claude-opus-4-1", 32_000),
    ("claude-opus-4-2", 32_000),
    ("claude-opus-4-6", 128_000),
];

/// Where the table is silent: what every Claude model since 3.7 but Opus 4 and 4.1 can give.
const OTHERS_OUTPUT: i64 = 64_000;

/// OpenAI models that do not reason and refuse `reasoning_effort`.
const NEVER_REASON: [&str; 5] = ["gpt-3.5", "gpt-4o", "gpt-4.1", "gpt-4-", "chatgpt-4o"];

/// Whether a Claude model is asked for thinking by `adaptive` and `effort` rather than by a budget.
pub fn thinks_adaptively(model: &str) -> bool {
    let is_old = BUDGET_ALONE.iter().any(|old| model.starts_with(old)) && model != "claude-sonnet-4-6";
    model.starts_with("claude-") && !is_old
}

/// The `max_tokens` for a client that gave none: Anthropic's API asks for one.
pub fn max_output(model: &str) -> i64 {
    MOST_OUTPUT.iter().find(|(name, _)| model.starts_with(name)).map_or(OTHERS_OUTPUT, |(_, most)| *most)
}

/// Whether a Chat Completions model wants its limit as `max_completion_tokens`: OpenAI's reasoning models refuse
/// `max_tokens`, other providers know nothing else.
pub fn takes_completion_limit(model: &str) -> bool {
    let name = model.rsplit('/').next().unwrap_or(model);
    let series_o = name.strip_prefix('o').is_some_and(|rest| rest.starts_with(|c: char| c.is_ascii_digit()));
    let generation = name.strip_prefix("gpt-").and_then(|rest| rest.split(['.', '-']).next()?.parse::<u32>().ok());
    series_o || generation.is_some_and(|generation| generation >= 5) || name.starts_with("codex")
}

/// Whether an OpenAI model may be asked for an effort.
pub fn takes_effort(model: &str) -> bool {
    let name = model.rsplit('/').next().unwrap_or(model);
    name != "gpt-4" && !NEVER_REASON.iter().any(|never| name.starts_with(never))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn models_are_known_by_their_names() {
        assert!(thinks_adaptively("claude-opus-4-6") && thinks_adaptively("claude-sonnet-5"));
        assert!(thinks_adaptively("claude-sonnet-4-6"));
        assert!(!thinks_adaptively("claude-sonnet-4-5") && !thinks_adaptively("claude-3-7-sonnet-latest"));
        assert!(!thinks_adaptively("claude-opus-4-20250514") && !thinks_adaptively("kimi-k2"));
        assert!(takes_completion_limit("gpt-5.1") && takes_completion_limit("o3") && takes_completion_limit("openai/gpt-5-mini"));
        assert!(!takes_completion_limit("gpt-4o") && !takes_completion_limit("deepseek-chat") && !takes_completion_limit("olmo"));
        assert!(takes_effort("gpt-5") && takes_effort("deepseek-reasoner"));
        assert!(!takes_effort("gpt-4o-mini") && !takes_effort("gpt-4"));
        assert_eq!(max_output("claude-3-5-haiku-latest"), 8_192);
        assert_eq!(max_output("claude-sonnet-4-5"), 64_000);
    }
}
