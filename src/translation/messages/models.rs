//! What is known of Claude models by their names, beside [`thinks_adaptively`]. Names that are not Claude's belong to
//! other providers of this API, which are like its earlier days.

use crate::translation::hub::thinks_adaptively;

/// Adaptive models that think only when asked ("What's new in Claude Opus 5": thinking is on by default from there on).
const THINK_WHEN_ASKED: [&str; 4] = ["claude-opus-4-6", "claude-opus-4-7", "claude-opus-4-8", "claude-sonnet-4-6"];

/// Models that think unasked and take `thinking.type: disabled` ("What's new in Claude Opus 5.5": its successors
/// refuse it).
const MAY_REST: [&str; 3] = ["claude-opus-5", "claude-sonnet-5", "claude-haiku-5-5"];

/// Models before Claude 3.7 do not think.
const NEVER_THINK: [&str; 5] = ["claude-2", "claude-3-5", "claude-3-haiku", "claude-3-opus", "claude-3-sonnet"];

/// Models that refuse `role: system` inside a conversation, which Opus 4.8 was the first to take.
const NO_SYSTEM_MIDWAY: [&str; 10] = [
    "claude-2",
    "claude-3",
    "claude-haiku-4",
    "claude-sonnet-4",
    "claude-opus-4-0",
    "claude-opus-4-1",
    "claude-opus-4-2",
    "claude-opus-4-5",
    "claude-opus-4-6",
    "claude-opus-4-7",
];

/// Whether `temperature`, `top_p` and `top_k` are taken: models after 4.6 refuse them ("`temperature` is deprecated
/// for this model").
pub fn takes_sampling(model: &str) -> bool {
    !thinks_adaptively(model) || model.starts_with("claude-opus-4-6") || model.starts_with("claude-sonnet-4-6")
}

/// Whether `temperature` and `top_p` may stand side by side: Claude models since 4.1 refuse that.
pub fn takes_both_samplers(model: &str) -> bool {
    !model.starts_with("claude-") || model.starts_with("claude-3") || model.starts_with("claude-2")
}

/// Whether it thinks though nobody asked.
pub fn thinks_unasked(model: &str) -> bool {
    thinks_adaptively(model) && !THINK_WHEN_ASKED.iter().any(|name| model.starts_with(name))
}

/// Whether thinking that is on by default may be switched off.
pub fn may_rest(model: &str) -> bool {
    MAY_REST.iter().any(|name| model.strip_prefix(name).is_some_and(|rest| rest.is_empty() || rest.starts_with("-20")))
}

/// Whether it can think at all.
pub fn can_think(model: &str) -> bool {
    !NEVER_THINK.iter().any(|name| model.starts_with(name))
}

/// Whether it knows the effort `xhigh`: Opus 4.7 is the first.
pub fn knows_extra_high(model: &str) -> bool {
    !takes_sampling(model)
}

/// Whether it takes `role: system` inside a conversation.
pub fn hears_system_midway(model: &str) -> bool {
    let is_first_sonnet_5 = model == "claude-sonnet-5" || model.starts_with("claude-sonnet-5-20");
    let is_older = is_first_sonnet_5 || NO_SYSTEM_MIDWAY.iter().any(|name| model.starts_with(name));
    model.starts_with("claude-") && !is_older
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn generations_are_told_apart() {
        assert!(takes_sampling("claude-opus-4-6") && takes_sampling("claude-sonnet-4-5") && takes_sampling("kimi-k2"));
        assert!(!takes_sampling("claude-opus-4-7") && !takes_sampling("claude-fable-5") && !takes_sampling("claude-sonnet-5-5"));
        assert!(thinks_unasked("claude-opus-5") && !thinks_unasked("claude-opus-4-8") && !thinks_unasked("glm-5"));
        assert!(may_rest("claude-opus-5") && may_rest("claude-opus-5-20260701") && !may_rest("claude-opus-5-5"));
        assert!(hears_system_midway("claude-opus-4-8") && hears_system_midway("claude-sonnet-5-5"));
        assert!(!hears_system_midway("claude-opus-4-7") && !hears_system_midway("claude-sonnet-5"));
        assert!(!hears_system_midway("claude-sonnet-4-5") && !hears_system_midway("claude-sonnet-4-6"));
        assert!(!hears_system_midway("claude-sonnet-4-5") && !hears_system_midway("deepseek-chat"));
    }
}
