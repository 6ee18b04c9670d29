//! Writing thinking, and the sampling that goes with it.

use actors::vocabulary::Protocol;
use serde_json::{Map, Number, Value, json};

use super::models::{can_think, knows_extra_high, may_rest, takes_both_samplers, takes_sampling, thinks_unasked};
use crate::translation::hub::{Block, Effort, Field, Item, Reasoning, Request, Seal, Thought, thinks_adaptively};

/// The smallest budget there is (Anthropic's "Extended thinking").
const LEAST_BUDGET: i64 = 1_024;
/// Below this much `top_p` is refused beside thinking.
const LEAST_TOP_P: f64 = 0.95;

/// What is written about thinking.
#[derive(Default)]
pub struct Written {
    /// `thinking`.
    pub thinking: Option<Value>,
    /// `output_config.effort`.
    pub effort: Option<&'static str>,
}

impl Written {
    /// Whether thinking was asked for.
    pub fn is_on(&self) -> bool {
        self.thinking.as_ref().is_some_and(|thinking| thinking["type"] != "disabled")
    }
}

/// Writes what was asked about thinking; `forced` says whether a tool must be called.
pub fn write(request: &mut Request, model: &str, max_tokens: i64, forced: bool) -> Written {
    let rest = json!({"type": "disabled"});
    let Some(reasoning) = request.reasoning.clone() else {
        // Who thinks unasked cannot be forced to call a tool.
        return Written { thinking: (forced && may_rest(model)).then_some(rest), effort: None };
    };
    let field = request.name_of(Field::Reasoning);
    if reasoning.off {
        if may_rest(model) {
            return Written { thinking: Some(rest), effort: None };
        }
        if !thinks_unasked(model) {
            return Written::default();
        }
        // It cannot but think: as little as it can.
        request.left_out.note(field);
        return Written { thinking: None, effort: Some(Effort::Low.as_str()) };
    }
    if reasoning.effort.is_none() && reasoning.budget.is_none() && !reasoning.adaptive {
        return Written { thinking: (forced && may_rest(model)).then_some(rest), effort: None };
    }
    if forced || !can_think(model) {
        request.left_out.note(field);
        return Written { thinking: (forced && may_rest(model)).then_some(rest), effort: None };
    }
    if thinks_adaptively(model) {
        return adaptive(request, &reasoning, model, field);
    }
    if in_unsealed_loop(&request.items) {
        request.left_out.note(field);
        return Written::default();
    }
    budgeted(request, &reasoning, max_tokens, field)
}

fn adaptive(request: &mut Request, reasoning: &Reasoning, model: &str, field: &str) -> Written {
    let wanted = reasoning.effort.or_else(|| reasoning.budget.map(Effort::of_budget));
    let effort = wanted.map(|effort| match effort {
        Effort::Minimal => Effort::Low,
        Effort::ExtraHigh if !knows_extra_high(model) => Effort::High,
        other => other,
    });
    if effort != wanted {
        request.left_out.note(field);
    }
    let mut thinking = json!({"type": "adaptive"});
    // Chat Completions has no field to ask for it, and its clients show what comes.
    if reasoning.summary.is_some() || request.client == Protocol::ChatCompletions {
        thinking["display"] = json!("summarized");
    }
    Written { thinking: Some(thinking), effort: effort.map(Effort::as_str) }
}

fn budgeted(request: &mut Request, reasoning: &Reasoning, max_tokens: i64, field: &str) -> Written {
    let wanted = reasoning.budget.unwrap_or_else(|| reasoning.effort.unwrap_or(Effort::Medium).budget());
    // The budget is a part of `max_tokens`; a quarter is kept for the answer.
    let most = max_tokens.saturating_sub(max_tokens / 4);
    if most < LEAST_BUDGET {
        request.left_out.note(field);
        return Written::default();
    }
    let budget = wanted.clamp(LEAST_BUDGET, most);
    if budget != wanted {
        request.left_out.note(field);
    }
    Written { thinking: Some(json!({"type": "enabled", "budget_tokens": budget})), effort: None }
}

/// Whether the history ends in results of calls whose turn has no thought of Claude's: with a budget such a turn has
/// to begin with one.
fn in_unsealed_loop(items: &[Item]) -> bool {
    let Some(last) = items.iter().rposition(|item| matches!(item, Item::Assistant(_))) else { return false };
    if !items[last..].iter().any(|item| matches!(item, Item::Result(_))) {
        return false;
    }
    // The loop's turns go back to the user's last message.
    let begin = items[..last].iter().rposition(|item| matches!(item, Item::User(_))).map_or(0, |at| at + 1);
    !items[begin..=last].iter().any(|item| {
        matches!(
            item,
            Item::Assistant(Block::Thought(Thought { seal: Some(Seal::Signature { .. } | Seal::Redacted { .. }), .. }))
        )
    })
}

/// Writes `temperature`, `top_p` and `top_k`, as far as the model takes them, and names the rest.
pub fn write_sampling(request: &mut Request, model: &str, thinks: bool, body: &mut Map<String, Value>) {
    let temperature = request.temperature.take().map(|number| clamped(number, request));
    let top_p = request.top_p.take();
    let is_one = |number: &Number| number.as_f64() == Some(1.0);
    let takes = takes_sampling(model);
    let takes_top_p = takes
        && (!thinks || top_p.as_ref().and_then(Number::as_f64).is_some_and(|top_p| top_p >= LEAST_TOP_P))
        && (temperature.is_none() || takes_both_samplers(model));
    let mut put = |name: &str, value: Option<Number>, taken: bool| match value {
        Some(value) if taken => {
            body.insert(name.to_owned(), Value::Number(value));
        }
        // 1 is what it is by itself.
        Some(value) if !is_one(&value) => request.left_out.note(name),
        _ => {}
    };
    let takes_temperature = takes && (!thinks || temperature.as_ref().is_some_and(is_one));
    put("temperature", temperature, takes_temperature);
    put("top_p", top_p, takes_top_p);
    if takes
        && !thinks
        && let Some(top_k) = request.take_hint("top_k")
    {
        body.insert("top_k".to_owned(), top_k);
    }
}

/// Claude's temperatures end at 1.
fn clamped(number: Number, request: &mut Request) -> Number {
    if number.as_f64().is_some_and(|value| value > 1.0) {
        request.left_out.note("temperature");
        return Number::from(1);
    }
    number
}
