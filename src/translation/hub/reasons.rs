//! Why answers end, in all the words that providers have for it.

/// What a stop reason says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ended {
    /// The model was done.
    Done,
    /// The limit of output tokens, or the context window.
    Length,
    /// A filter, or the model's own refusal.
    Filter,
    /// Tools are to be run.
    Tools,
    /// A stop sequence of the client.
    StopSequence,
    /// The answer was broken off: it is not complete, and no answer.
    Interrupted,
}

/// The words of the protocols themselves, and those seen at or documented by other makers (docs/conversion.md names them).
const WORDS: [(&str, Ended); 38] = [
    ("stop", Ended::Done),
    ("end_turn", Ended::Done),
    ("pause_turn", Ended::Done),
    ("eos", Ended::Done),
    ("steered", Ended::Done),
    ("max_messages", Ended::Done),
    ("length", Ended::Length),
    ("max_tokens", Ended::Length),
    ("max_output_tokens", Ended::Length),
    ("max_completion_tokens", Ended::Length),
    ("model_length", Ended::Length),
    ("context_length", Ended::Length),
    ("model_context_window_exceeded", Ended::Length),
    ("content_filter", Ended::Filter),
    ("content_filtered", Ended::Filter),
    ("refusal", Ended::Filter),
    ("sensitive", Ended::Filter),
    ("safety", Ended::Filter),
    ("image_safety", Ended::Filter),
    ("recitation", Ended::Filter),
    ("blocklist", Ended::Filter),
    ("prohibited_content", Ended::Filter),
    ("spii", Ended::Filter),
    ("guardrail_intervened", Ended::Filter),
    ("tool_calls", Ended::Tools),
    ("function_call", Ended::Tools),
    ("tool_use", Ended::Tools),
    ("stop_sequence", Ended::StopSequence),
    ("error", Ended::Interrupted),
    ("network_error", Ended::Interrupted),
    ("insufficient_system_resource", Ended::Interrupted),
    ("malformed_function_call", Ended::Interrupted),
    ("unexpected_tool_call", Ended::Interrupted),
    ("abort", Ended::Interrupted),
    ("cancelled", Ended::Interrupted),
    ("failed", Ended::Interrupted),
    ("interrupted", Ended::Interrupted),
    ("timeout", Ended::Interrupted),
];

/// What to make of words that nobody has seen yet: the first stem that they hold.
const STEMS: [(&str, Ended); 22] = [
    ("error", Ended::Interrupted),
    ("fail", Ended::Interrupted),
    ("abort", Ended::Interrupted),
    ("cancel", Ended::Interrupted),
    ("interrupt", Ended::Interrupted),
    ("disconnect", Ended::Interrupted),
    ("timeout", Ended::Interrupted),
    ("timed_out", Ended::Interrupted),
    ("overload", Ended::Interrupted),
    ("unavailable", Ended::Interrupted),
    ("insufficient", Ended::Interrupted),
    ("filter", Ended::Filter),
    ("safety", Ended::Filter),
    ("refus", Ended::Filter),
    ("block", Ended::Filter),
    ("sensitive", Ended::Filter),
    ("prohibit", Ended::Filter),
    ("policy", Ended::Filter),
    ("length", Ended::Length),
    ("context", Ended::Length),
    ("max_", Ended::Length),
    ("limit", Ended::Length),
];

/// Classes a stop reason, in any case. One that says nothing that is known here counts as a plain end: the answer came
/// with a reason, and its text is there.
pub fn ended(reason: &str) -> Ended {
    if let Some((_, ended)) = WORDS.iter().find(|(word, _)| word.eq_ignore_ascii_case(reason)) {
        return *ended;
    }
    let reason = reason.to_ascii_lowercase();
    STEMS.iter().find(|(stem, _)| reason.contains(stem)).map_or(Ended::Done, |(_, ended)| *ended)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reasons_are_classed_by_word_and_by_stem() {
        let classed = [
            ("stop", Ended::Done),
            ("MAX_TOKENS", Ended::Length),
            ("SAFETY", Ended::Filter),
            ("tool_calls", Ended::Tools),
            ("upstream_error", Ended::Interrupted),
            ("request_aborted", Ended::Interrupted),
            ("context_window_full", Ended::Length),
            ("content_policy", Ended::Filter),
            ("whatever", Ended::Done),
        ];
        for (reason, wanted) in classed {
            assert_eq!(ended(reason), wanted, "{reason}");
        }
    }
}
