//! `temperature` and `top_p` as OpenAI's two APIs have them.

use actors::vocabulary::Protocol;
use serde_json::{Map, Value};

use super::{Request, takes_completion_limit};

/// Writes both. OpenAI's models that reason refuse them unless reasoning is switched off (OpenAI's "Using GPT-5.2",
/// parameter compatibility): there they are left out and named, if they ask for more than what happens anyway.
pub fn write_openai_sampling(request: &mut Request, model: &str, body: &mut Map<String, Value>) {
    // What Claude's clients switch off is not written.
    let is_off = request.client != Protocol::Messages && request.reasoning.as_ref().is_some_and(|reasoning| reasoning.off);
    let is_taken = is_off || model.contains("chat") || !takes_completion_limit(model);
    for (name, value) in [("temperature", request.temperature.take()), ("top_p", request.top_p.take())] {
        match value {
            Some(value) if is_taken => {
                body.insert(name.to_owned(), Value::Number(value));
            }
            Some(value) if value.as_f64() != Some(1.0) => request.left_out.note(name),
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Number, json};

    use super::*;
    use crate::translation::hub::Reasoning;

    fn written(model: &str, off: bool) -> (Value, String) {
        let mut request = Request::new(Protocol::ChatCompletions);
        request.temperature = Number::from_f64(0.5);
        request.top_p = Number::from_f64(1.0);
        request.reasoning = Some(Reasoning { off, ..Reasoning::default() });
        let mut body = Map::new();
        write_openai_sampling(&mut request, model, &mut body);
        (Value::Object(body), request.left_out.to_string())
    }

    #[test]
    fn models_that_reason_are_not_sampled() {
        let both = json!({"temperature": 0.5, "top_p": 1.0});
        for (model, off) in [("gpt-4o", false), ("gpt-5.2", true), ("gpt-5-chat-latest", false), ("deepseek-reasoner", false)] {
            assert_eq!(written(model, off), (both.clone(), String::new()), "{model}");
        }
        for model in ["gpt-5-mini", "o3", "gpt-6.1-sol"] {
            assert_eq!(written(model, false), (json!({}), "temperature".to_owned()), "{model}");
        }
    }
}
