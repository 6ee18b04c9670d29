//! What is known of upstream models by their names. Everything unknown gets the widest treatment.

/// Where the table of [`max_output`] is silent: what every Claude model since 3.7 but Opus 4 and 4.1 can give.
const OTHERS_OUTPUT: i64 = 64_000;

/// OpenAI models that do not reason and refuse `reasoning_effort`.
const NEVER_REASON: [&str; 5] = ["gpt-3.5", "gpt-4o", "gpt-4.1", "gpt-4-", "chatgpt-4o"];

/// The most output tokens that well-known models of other makers take, by how their names begin, first match first; above
/// it their APIs answer 400 (OpenAI's "Models", Google's "Gemini models").
const MOST_OUTPUT: [(&str, i64); 28] = [
    ("gpt-3.5", 4_096),
    ("gpt-4o-2024-05-13", 4_096),
    ("gpt-4o-audio", 16_384),
    ("gpt-4o", 16_384),
    ("chatgpt-4o", 16_384),
    ("gpt-4.1", 32_768),
    ("gpt-4.5", 16_384),
    ("gpt-4-turbo", 4_096),
    ("gpt-4-1106", 4_096),
    ("gpt-4-0125", 4_096),
    ("gpt-4-vision", 4_096),
    ("gpt-4-32k", 32_768),
    ("gpt-4-0", 8_192),
    ("gpt-5-pro", 272_000),
    ("gpt-5", 128_000),
    ("o1-mini", 65_536),
    ("o1-preview", 32_768),
    ("o1", 100_000),
    ("o3", 100_000),
    ("o4-mini", 100_000),
    ("codex-mini", 100_000),
    ("gemini-1.5", 8_192),
    ("gemini-2.0", 8_192),
    ("gemini-2.5-flash-image", 32_768),
    ("gemini-2.5", 65_536),
    ("gemini-3", 65_536),
    ("moonshot-v1-8k", 8_192),
    ("moonshot-v1-32k", 32_768),
];

/// A Claude model's generation: `claude-opus-4-6` and `claude-3-7-sonnet-latest` are (4, 6) and (3, 7); a date is no
/// part of it. `None` for other makers' models.
fn generation(model: &str) -> Option<(u32, u32)> {
    let (_, name) = model.split_once("claude-")?;
    let short = |part: &str| part.parse::<u32>().ok().filter(|_| part.len() <= 2);
    let mut parts = name.split(['-', '.', '@']).skip_while(|part| short(part).is_none()).map_while(short);
    // A name without a number is a preview of what comes.
    Some(parts.next().map_or((4, 6), |major| (major, parts.next().unwrap_or(0))))
}

/// Whether a Claude model is asked for thinking by `adaptive` and `effort` rather than by a budget (Anthropic's
/// "Adaptive thinking": since 4.6; `budget_tokens` is refused from 4.7 on).
pub fn thinks_adaptively(model: &str) -> bool {
    generation(model).is_some_and(|own| own >= (4, 6))
}

/// The `max_tokens` for a client that gave none: Anthropic's API asks for one (figures of its "Models overview").
pub fn max_output(model: &str) -> i64 {
    match generation(model) {
        Some((..=2, _) | (3, 0..=4)) => 4_096,
        Some((3, 5..=6)) => 8_192,
        Some((4, 0..=1)) if model.contains("opus") => 32_000,
        Some((4, 6..) | (5.., _)) if model.contains("opus") => 128_000,
        _ => OTHERS_OUTPUT,
    }
}

/// The most output tokens a model takes; `None` where nobody here knows.
pub fn most_output(model: &str) -> Option<i64> {
    // Of newer ones than these it is not known here whether they give more.
    if let Some(own) = generation(model) {
        return (own <= (4, 6)).then(|| max_output(model));
    }
    let name = model.rsplit('/').next().unwrap_or(model);
    if name == "gpt-4" {
        return Some(8_192);
    }
    if name.starts_with("gpt-5") && name.contains("-chat") {
        return Some(16_384);
    }
    MOST_OUTPUT.iter().find(|(start, _)| name.starts_with(start)).map(|(_, most)| *most)
}

/// Whether a Chat Completions model wants its limit as `max_completion_tokens`: OpenAI's reasoning models refuse
/// `max_tokens`, other providers know nothing else.
pub fn takes_completion_limit(model: &str) -> bool {
    let name = model.rsplit('/').next().unwrap_or(model);
    let series_o = name.strip_prefix('o').is_some_and(|rest| rest.starts_with(|c: char| c.is_ascii_digit()));
    let generation = name.strip_prefix("gpt-").and_then(|rest| rest.split(['.', '-']).next()?.parse::<u32>().ok());
    series_o || generation.is_some_and(|generation| generation >= 5) || name.starts_with("codex")
}

/// Whether it is one of OpenAI's models that reason, which refuse sampling and stop sequences. The chat variants of the same
/// generations do not.
pub fn reasons(model: &str) -> bool {
    takes_completion_limit(model) && !model.contains("-chat")
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
        assert_eq!(most_output("gpt-4o-mini"), Some(16_384));
        assert_eq!(most_output("openai/gpt-4.1-nano"), Some(32_768));
        assert_eq!(most_output("claude-sonnet-4-5"), Some(64_000));
        assert_eq!((most_output("gpt-4"), most_output("my-model")), (Some(8_192), None));
        assert_eq!(max_output("claude-3-5-haiku-latest"), 8_192);
        assert_eq!(max_output("claude-opus-4-20250514"), 32_000);
        assert_eq!(max_output("claude-3-haiku-20240307"), 4_096);
        assert_eq!(max_output("claude-opus-4-6"), 128_000);
        assert_eq!(max_output("claude-sonnet-4-5"), 64_000);
    }
}
