//! Reading a whole answer.

use super::arguments;
use super::read_history::{redacted, thought};
use super::wire::{Answer as Wire, AnswerBlock};
use crate::translation::hub::{Answer, Block, Call, Ended, Stop, ToolKind, ToolNames, ended, unwrapped};
use crate::translation::lenient::{self, Half, Read};

/// Reads an answer of `POST /v1/messages`; `None` when it is none, or broke off.
pub fn read_answer(body: &[u8], names: &ToolNames) -> Option<Answer> {
    let text = lenient::mended(body, Half::Replaced);
    let Read { value: wire, lost } = lenient::read::<Wire>(&text)?;
    let is_message = |kind: &str| kind == "message" || kind == "assistant";
    if wire.error || ![&wire.kind, &wire.role].into_iter().flatten().any(|kind| is_message(kind)) {
        return None;
    }
    let mut blocks: Vec<Block> = wire.content?.into_iter().filter_map(|block| said(block, names)).collect();
    if let Some(words) = refusal(wire.stop_reason.as_deref(), wire.stop_details.and_then(|details| details.explanation)) {
        blocks.push(Block::Refusal(words));
    }
    let calls = blocks.iter().any(|block| matches!(block, Block::Call(_)));
    let stop = stop(&wire.stop_reason.unwrap_or_default(), wire.stop_sequence)?.with_calls(calls);
    let answer = Answer { id: wire.id.unwrap_or_default(), created: None, blocks, stop };
    Some(answer).filter(|answer| !lost || answer.is_readable())
}

/// Why it ended, `None` when it was broken off; a call of the tool that is the answer itself is no call, so calls are looked
/// at afterwards.
pub fn stop(reason: &str, sequence: Option<String>) -> Option<Stop> {
    Some(match ended(reason) {
        Ended::Length => Stop::MaxTokens,
        Ended::StopSequence => Stop::StopSequence(sequence),
        Ended::Filter => Stop::Refusal,
        Ended::Done | Ended::Tools => Stop::End,
        Ended::Interrupted => return None,
    })
}

/// The words of a refusal, which stand beside the content.
pub fn refusal(reason: Option<&str>, explanation: Option<String>) -> Option<String> {
    explanation.filter(|words| reason == Some("refusal") && !words.is_empty())
}

/// A block; those of tools that the provider runs itself are no part of what the client sees.
fn said(block: AnswerBlock, names: &ToolNames) -> Option<Block> {
    match block.kind() {
        "text" => block.text.filter(|text| !text.is_empty()).map(Block::Text),
        "thinking" => thought(block.thinking.unwrap_or_default(), block.signature).map(Block::Thought),
        "redacted_thinking" => block.data.map(|data| Block::Thought(redacted(data))),
        "tool_use" => {
            let (input, name) = (arguments::text(&block.input), block.name.unwrap_or_default());
            if names.is_answer(&name) {
                return Some(Block::Text(input));
            }
            let tool = names.client(&name);
            let input = if tool.kind == ToolKind::Custom { unwrapped(&input) } else { input };
            let id = block.id.unwrap_or_default();
            Some(Block::Call(Call { id, name: tool.name, namespace: tool.namespace, kind: tool.kind, input }))
        }
        _ => None,
    }
}
