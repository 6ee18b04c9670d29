//! What the script prescribes.

use api_proxy::mock_upstream::{Reply, Step, Usage};
use serde_json::{Value, json};

use crate::caller::{HELLO, claude, provider, read, to};

#[actix_web::test]
async fn steps_are_played_in_order_and_then_the_rest_of_the_script_counts() {
    let provider = provider().await;
    let script = provider.script();
    script.always(Reply::text("always"));
    script.for_model("gpt-4o", Reply::text("for the model"));
    script.push(Reply::text("first"));
    script.push(Step::new(Reply::text("only here")).on_path("responses").times(2));
    script.push(Reply::status(529).header("retry-after", "2"));
    let caller = to(&provider);
    let mut heard = Vec::new();
    for _ in 0..2 {
        heard.push(caller.messages(json!({})).await);
    }
    assert_eq!(heard[0].json()["content"][0]["text"], "first");
    assert_eq!(heard[1].status, 529);
    assert_eq!(heard[1].json()["error"]["type"], "overloaded_error");
    assert_eq!(caller.chat(json!({})).await.json()["choices"][0]["message"]["content"], "for the model");
    assert_eq!(caller.messages(json!({})).await.json()["content"][0]["text"], "always");
    assert_eq!(script.queued(), 1);
    for expected in ["only here", "only here", "always"] {
        let told = caller.responses(json!({})).await.json();
        assert_eq!(told["output"][0]["content"][0]["text"], expected);
    }
    script.clear();
    assert_eq!(caller.messages(json!({})).await.json()["content"][0]["text"], HELLO);
}

#[actix_web::test]
async fn a_key_has_its_own_reply() {
    let provider = provider().await;
    provider.script().for_key("sk-bad", Reply::status(429).header("retry-after", "7").error_body("slow down"));
    let caller = to(&provider);
    let response = caller.request("/v1/messages", &claude()).header("x-api-key", "sk-bad").send().await.unwrap();
    assert_eq!(response.headers()["retry-after"], "7");
    assert_eq!(read(response).await.text, "slow down");
    assert_eq!(caller.messages(json!({})).await.status, 200);
}

#[actix_web::test]
async fn scripted_content_and_usage_are_told_in_every_protocol() {
    let provider = provider().await;
    let usage = Usage::new(10, 20).cache_read(3).cache_creation_5m(4).cache_creation_1h(5).reasoning(6);
    let reply = Reply::pieces(["Hel", "lo"]).thinking("let me see", "c2ln").tool_call("weather", "{\"a\":1}").usage(usage);
    provider.script().always(reply);
    let caller = to(&provider);
    let claude = caller.messages(json!({})).await.json();
    assert_eq!(claude["content"][0], json!({"type": "thinking", "thinking": "let me see", "signature": "c2ln"}));
    assert_eq!(claude["content"][1]["text"], "Hello");
    assert_eq!(claude["content"][2]["input"], json!({"a": 1}));
    assert_eq!(claude["usage"]["cache_creation_input_tokens"], 9);
    let chat = caller.chat(json!({})).await.json();
    assert_eq!(chat["usage"]["prompt_tokens"], 22);
    assert_eq!(chat["usage"]["prompt_tokens_details"]["cached_tokens"], 3);
    let events = caller.responses(json!({"stream": true})).await.events();
    let last = events.last().unwrap();
    assert_eq!(last["response"]["output"][0]["summary"][0]["text"], "let me see");
    assert_eq!(last["response"]["output"][2]["arguments"], "{\"a\":1}");
    assert_eq!(last["response"]["usage"]["output_tokens_details"]["reasoning_tokens"], 6);
}

#[actix_web::test]
async fn usage_can_be_withheld() {
    let provider = provider().await;
    provider.script().always(Reply::new().without_usage());
    let caller = to(&provider);
    for stream in [false, true] {
        assert!(!caller.messages(json!({"stream": stream})).await.text.contains("usage"));
        assert!(!caller.chat(json!({"stream": stream})).await.text.contains("usage"));
    }
    assert_eq!(caller.responses(json!({})).await.json()["usage"], Value::Null);
}

#[actix_web::test]
async fn sizes_are_exact() {
    let provider = provider().await;
    provider.script().always(Reply::new().pads_to(100_000));
    let caller = to(&provider);
    assert_eq!(caller.messages(json!({})).await.text.len(), 100_000);
    assert_eq!(caller.chat(json!({})).await.text.len(), 100_000);
    assert_eq!(caller.responses(json!({})).await.text.len(), 100_000);
    provider.script().always(Reply::new().repeat_pieces(3, "word "));
    assert_eq!(caller.messages(json!({})).await.json()["content"][0]["text"], "word word word ");
}
