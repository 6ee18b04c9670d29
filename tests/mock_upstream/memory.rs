//! What the provider remembers.

use serde_json::json;

use crate::caller::{claude, provider, to};

#[actix_web::test]
async fn requests_are_remembered_as_they_came() {
    let provider = provider().await;
    let script = provider.script();
    let caller = to(&provider);
    let request = caller.request("/v1/messages?beta=true", &claude()).header("anthropic-beta", "x");
    request.send().await.unwrap();
    let seen = script.last_request().unwrap();
    assert_eq!((seen.method.as_str(), seen.path.as_str(), seen.query.as_str()), ("POST", "/v1/messages", "beta=true"));
    assert_eq!((seen.order, seen.header("anthropic-beta")), (1, Some("x")));
    assert_eq!(seen.json(), claude());
    script.record_bodies(false);
    caller.chat(json!({})).await;
    assert!(script.last_request().unwrap().body.is_empty());
    script.record(false);
    caller.chat(json!({})).await;
    assert_eq!((script.requests().len(), script.count()), (2, 3));
    script.forget_requests();
    assert_eq!((script.requests().len(), script.count()), (0, 0));
}
