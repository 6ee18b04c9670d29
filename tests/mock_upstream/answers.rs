//! The default answers of each protocol.

use serde_json::{Value, json};

use crate::caller::{HELLO, chat, claude, provider, read, to, with};

#[actix_web::test]
async fn messages_are_answered_in_anthropics_shape() {
    let provider = provider().await;
    let told = to(&provider).messages(json!({})).await;
    let answer = told.json();
    assert_eq!(answer["content"], json!([{"type": "text", "text": HELLO}]));
    assert_eq!(answer["stop_reason"], "end_turn");
    assert_eq!(answer["model"], "claude-sonnet-4-5");
    assert!(answer["id"].as_str().unwrap().starts_with("msg_"));
    assert_eq!(answer["usage"]["input_tokens"], 3);
    assert_eq!(answer["usage"]["output_tokens"], 5);
    assert_eq!(answer["usage"]["cache_creation"]["ephemeral_1h_input_tokens"], 0);
    assert!(told.text.starts_with(r#"{"id":"msg_"#), "fields come in the vendor's order");
}

#[actix_web::test]
async fn a_messages_stream_has_the_legal_sequence() {
    let provider = provider().await;
    let told = to(&provider).messages(json!({"stream": true})).await;
    let types = told.types();
    assert_eq!(types[..3], ["message_start", "ping", "content_block_start"]);
    assert_eq!(types[3..8], ["content_block_delta"; 5]);
    assert_eq!(types[8..], ["content_block_stop", "message_delta", "message_stop"]);
    let events = told.events();
    assert_eq!(events[0]["message"]["usage"]["input_tokens"], 3);
    assert_eq!(events[0]["message"]["usage"]["output_tokens"], 1);
    assert_eq!(events[9]["usage"]["output_tokens"], 5);
    assert_eq!(events[9]["delta"]["stop_reason"], "end_turn");
    let text: String = events[3..8].iter().filter_map(|event| event["delta"]["text"].as_str()).collect();
    assert_eq!(text, HELLO);
    assert!(told.text.starts_with("event: message_start\ndata: {\"type\":\"message_start\""));
}

#[actix_web::test]
async fn thinking_comes_first_and_is_signed() {
    let provider = provider().await;
    let ask = json!({"thinking": {"type": "enabled", "budget_tokens": 1024}});
    let whole = to(&provider).messages(ask.clone()).await.json();
    assert_eq!(whole["content"][0]["type"], "thinking");
    assert_eq!(whole["content"][1]["text"], HELLO);
    let events = to(&provider).messages(with(ask, json!({"stream": true}))).await.events();
    let kinds: Vec<_> = events.iter().filter_map(|event| event["delta"]["type"].as_str()).collect();
    let signed = kinds.iter().position(|kind| *kind == "signature_delta").unwrap();
    assert!(kinds[..signed].iter().all(|kind| *kind == "thinking_delta"));
    assert!(kinds[signed + 1..].iter().all(|kind| *kind == "text_delta"));
}

#[actix_web::test]
async fn chat_is_answered_in_openais_shape() {
    let provider = provider().await;
    let answer = to(&provider).chat(json!({})).await.json();
    assert_eq!(answer["object"], "chat.completion");
    assert_eq!(answer["choices"][0]["message"]["content"], HELLO);
    assert_eq!(answer["choices"][0]["finish_reason"], "stop");
    assert_eq!(answer["usage"]["prompt_tokens"], 3);
    assert_eq!(answer["usage"]["total_tokens"], 8);
    assert_eq!(answer["usage"]["prompt_tokens_details"]["cached_tokens"], 0);
    assert_eq!(answer["usage"]["completion_tokens_details"]["reasoning_tokens"], 0);
}

#[actix_web::test]
async fn a_chat_stream_tells_its_usage_only_when_asked() {
    let provider = provider().await;
    let plain = to(&provider).chat(json!({"stream": true})).await;
    let events = plain.events();
    assert_eq!(events[0]["choices"][0]["delta"]["role"], "assistant");
    assert_eq!(events.last().unwrap(), "[DONE]");
    assert_eq!(events[events.len() - 2]["choices"][0]["finish_reason"], "stop");
    assert!(!plain.text.contains("usage"));
    let asked = to(&provider).chat(json!({"stream": true, "stream_options": {"include_usage": true}})).await;
    let events = asked.events();
    assert_eq!(events[events.len() - 2]["choices"], json!([]));
    assert_eq!(events[events.len() - 2]["usage"]["completion_tokens"], 5);
    assert_eq!(events[0]["usage"], Value::Null);
}

#[actix_web::test]
async fn responses_are_answered_whole_and_streamed() {
    let provider = provider().await;
    let whole = to(&provider).responses(json!({"reasoning": {"effort": "low"}})).await.json();
    assert_eq!(whole["status"], "completed");
    assert_eq!(whole["output"][0]["type"], "reasoning");
    assert_eq!(whole["output"][1]["content"][0]["text"], HELLO);
    assert_eq!(whole["usage"]["input_tokens"], 3);
    let told = to(&provider).responses(json!({"stream": true})).await;
    let types = told.types();
    assert_eq!(types[..2], ["response.created", "response.in_progress"]);
    assert_eq!(types[2..4], ["response.output_item.added", "response.content_part.added"]);
    assert_eq!(types[4..9], ["response.output_text.delta"; 5]);
    let ending = ["response.output_text.done", "response.content_part.done", "response.output_item.done", "response.completed"];
    assert_eq!(types[9..], ending);
    let events = told.events();
    assert!(events.iter().enumerate().all(|(at, event)| event["sequence_number"] == at));
    let last = &events[12]["response"];
    assert_eq!(last["output"][0]["content"][0]["text"], HELLO);
    assert_eq!(last["usage"]["output_tokens"], 5);
}

#[actix_web::test]
async fn a_forced_tool_is_called_in_two_fragments_and_its_result_is_answered_in_words() {
    let provider = provider().await;
    let caller = to(&provider);
    let tools = json!([{"name": "weather", "input_schema": {"type": "object"}}]);
    let ask = json!({"tools": tools, "tool_choice": {"type": "any"}, "stream": true});
    let events = caller.messages(ask).await.events();
    let fragments: Vec<_> = events.iter().filter_map(|event| event["delta"]["partial_json"].as_str()).collect();
    assert_eq!(fragments.len(), 2);
    assert_eq!(fragments.concat(), r#"{"location":"Paris"}"#);
    assert!(events.iter().any(|event| event["delta"]["stop_reason"] == "tool_use"));
    let result = json!([{"type": "tool_result", "tool_use_id": "t", "content": "sunny"}]);
    let turns = json!([{"role": "user", "content": "use the tool"}, {"role": "user", "content": result}]);
    let after = caller.messages(json!({"tools": tools, "messages": turns})).await.json();
    assert_eq!(after["stop_reason"], "end_turn");
}

#[actix_web::test]
async fn the_magic_words_call_the_tool_in_every_protocol() {
    let provider = provider().await;
    let caller = to(&provider);
    let words = json!([{"role": "user", "content": "please use the tool now"}]);
    let function = json!({"name": "weather", "parameters": {"type": "object"}});
    let nested = json!([{"type": "function", "function": function}]);
    let told = caller.chat(json!({"tools": nested, "messages": words})).await.json();
    let call = &told["choices"][0]["message"]["tool_calls"][0];
    assert_eq!(call["function"], json!({"name": "weather", "arguments": r#"{"location":"Paris"}"#}));
    assert_eq!(told["choices"][0]["finish_reason"], "tool_calls");
    let flat = json!([{"type": "function", "name": "weather", "parameters": {"type": "object"}}]);
    let told = caller.responses(json!({"tools": flat, "input": words, "stream": true})).await;
    let done = told.events().into_iter().find(|e| e["type"] == "response.function_call_arguments.done").unwrap();
    assert_eq!(done["arguments"], r#"{"location":"Paris"}"#);
}

#[actix_web::test]
async fn tokens_are_counted_models_listed_and_texts_embedded() {
    let provider = provider().await;
    let caller = to(&provider);
    let body = json!({"model": "m", "messages": [{"role": "user", "content": "12345678"}], "system": "1"});
    assert_eq!(caller.post("/v1/messages/count_tokens", body).await.json(), json!({"input_tokens": 3}));
    let list = |path: &str| caller.client.get(format!("{}{path}", caller.base));
    let openai = read(list("/v1/models").send().await.unwrap()).await.json();
    assert_eq!(openai["object"], "list");
    let anthropic = list("/models").header("anthropic-version", "2023-06-01").send().await.unwrap();
    assert_eq!(read(anthropic).await.json()["first_id"], "claude-opus-4-5");
    assert_eq!(read(list("/v1/models/gpt-5").send().await.unwrap()).await.json()["id"], "gpt-5");
    assert_eq!(read(list("/v1/models/nope").send().await.unwrap()).await.status, 404);
    let body = json!({"model": "text-embedding-3-small", "input": ["a", "b"], "dimensions": 4});
    let embedded = caller.post("/v1/embeddings", body.clone()).await.json();
    assert_eq!(embedded["data"][1]["embedding"].as_array().unwrap().len(), 4);
    assert_eq!(embedded["usage"]["prompt_tokens"], 2);
    let packed = caller.post("/embeddings", with(body, json!({"encoding_format": "base64"}))).await.json();
    assert_eq!(packed["data"][0]["embedding"].as_str().unwrap().len(), 24);
}

#[actix_web::test]
async fn vendor_headers_are_sent() {
    let provider = provider().await;
    let caller = to(&provider);
    let claude = caller.request("/messages", &claude()).send().await.unwrap();
    for name in ["request-id", "anthropic-ratelimit-requests-limit", "anthropic-ratelimit-requests-reset"] {
        assert!(claude.headers().contains_key(name), "{name}");
    }
    let chat = caller.request("/chat/completions", &chat()).send().await.unwrap();
    for name in ["x-request-id", "x-ratelimit-limit-requests", "openai-processing-ms"] {
        assert!(chat.headers().contains_key(name), "{name}");
    }
}
