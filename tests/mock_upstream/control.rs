//! Directives in a request, and from another process.

use api_proxy::mock_upstream::Reply;
use serde_json::json;

use crate::caller::{claude, provider, read, to, with};

#[actix_web::test]
async fn a_request_says_itself_what_should_happen() {
    let provider = provider().await;
    provider.script().push(Reply::text("not for those"));
    let caller = to(&provider);
    let told = caller.messages(json!({"x_mock": {"status": 529, "headers": {"retry-after": "2"}}})).await;
    assert_eq!(told.status, 529);
    let wish = r#"{"pieces": 50, "text": "x ", "cutAfter": 3, "usage": {"input": 7, "cacheCreation1h": 2}}"#;
    let body = with(claude(), json!({"stream": true}));
    let told = read(caller.request("/v1/messages", &body).header("x-mock", wish).send().await.unwrap()).await;
    assert!(told.broken);
    assert_eq!(told.types().iter().filter(|kind| *kind == "content_block_delta").count(), 3);
    assert_eq!(told.events()[0]["message"]["usage"]["input_tokens"], 7);
    let told = caller.chat(json!({"x_mock": {"statsu": 1}})).await;
    assert_eq!(told.status, 400);
    assert!(told.text.contains("statsu"));
    assert_eq!(provider.script().queued(), 1);
}

#[actix_web::test]
async fn another_process_queues_steps_and_reads_what_was_asked() {
    let provider = provider().await;
    let caller = to(&provider);
    let steps = json!([
        {"text": "queued", "onModel": "gpt-4o"},
        {"toolCalls": [{"name": "weather", "arguments": {"location": "Rome"}}]},
        {"rawBody": {"contentType": "text/plain", "body": "raw"}},
    ]);
    assert_eq!(caller.post("/_mock/script", steps).await.json(), json!({"queued": 3}));
    let told = caller.messages(json!({})).await.json();
    assert_eq!(told["content"][0]["input"], json!({"location": "Rome"}));
    assert_eq!(caller.chat(json!({})).await.json()["choices"][0]["message"]["content"], "queued");
    assert_eq!(caller.chat(json!({})).await.text, "raw");
    let seen = read(caller.client.get(format!("{}/_mock/requests", caller.base)).send().await.unwrap()).await.json();
    assert_eq!((seen["count"].clone(), seen["inFlight"].clone()), (json!(3), json!(0)));
    assert_eq!(seen["requests"][0]["body"], claude());
    caller.post("/_mock/script", json!({"status": 500, "times": 5})).await;
    caller.client.delete(format!("{}/_mock/script", caller.base)).send().await.unwrap();
    assert_eq!(caller.chat(json!({})).await.status, 200);
    assert_eq!(caller.post("/_mock/script", json!([{"nonsense": 1}])).await.status, 400);
}
