//! What is refused, and in whose words.

use serde_json::json;

use crate::caller::{chat, claude, provider, read, responses, to};

#[actix_web::test]
async fn bad_requests_are_refused_in_the_vendors_words() {
    let provider = provider().await;
    let caller = to(&provider);
    let told = caller.messages(json!({"max_tokens": null})).await;
    assert_eq!(told.status, 400);
    assert_eq!(told.json()["error"], json!({"type": "invalid_request_error", "message": "max_tokens: Field required"}));
    let told = caller.chat(json!({"messages": null})).await.json();
    assert_eq!(told["error"]["param"], "messages");
    let nonsense = caller.client.post(format!("{}/v1/responses", caller.base)).body("{").send().await.unwrap();
    assert_eq!(read(nonsense).await.status, 400);
    let told = caller.post("/v1/nothing", json!({})).await;
    assert_eq!((told.status, told.json()["error"]["type"].clone()), (404, json!("invalid_request_error")));
}

#[actix_web::test]
async fn a_wrong_key_is_refused() {
    let provider = provider().await;
    provider.script().require_key("sk-right");
    let caller = to(&provider);
    let told = caller.messages(json!({})).await;
    assert_eq!(told.status, 401);
    assert_eq!(told.json()["error"]["type"], "authentication_error");
    let wrong = caller.request("/v1/chat/completions", &chat()).bearer_auth("sk-wrong").send().await.unwrap();
    assert_eq!(read(wrong).await.json()["error"]["code"], "invalid_api_key");
    let right = caller.request("/v1/messages", &claude()).header("x-api-key", "sk-right").send().await.unwrap();
    assert_eq!(right.status(), 200);
    let right = caller.request("/v1/responses", &responses()).bearer_auth("sk-right").send().await.unwrap();
    assert_eq!(right.status(), 200);
}
