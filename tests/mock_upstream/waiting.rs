//! Gates, silence, callers who leave.

use std::time::Duration;

use api_proxy::mock_upstream::{Gate, Reply};
use futures_util::StreamExt;
use serde_json::json;

use crate::caller::{chat, claude, provider, read, to, with};

#[actix_web::test]
async fn a_gate_holds_the_head_and_another_the_stream() {
    let provider = provider().await;
    let (head, middle) = (Gate::new(), Gate::new());
    let reply = Reply::pieces(["Hel", "lo"]).wait_for(head.clone()).wait_for_after(1, middle.clone());
    provider.script().push(reply);
    let caller = to(&provider);
    let body = with(claude(), json!({"stream": true}));
    let asking = actix_web::rt::spawn(caller.request("/v1/messages", &body).send());
    provider.script().wait_until_in_flight(1).await.unwrap();
    assert!(!asking.is_finished());
    head.open();
    let mut stream = asking.await.unwrap().unwrap().bytes_stream();
    let mut heard = String::new();
    while !heard.contains("\"Hel\"") {
        heard.push_str(&String::from_utf8_lossy(&stream.next().await.unwrap().unwrap()));
    }
    assert!(!heard.contains("\"lo\""));
    assert_eq!(provider.script().in_flight(), 1);
    middle.open();
    while let Some(chunk) = stream.next().await {
        heard.push_str(&String::from_utf8_lossy(&chunk.unwrap()));
    }
    assert!(heard.contains("\"lo\"") && heard.contains("message_stop"));
    provider.script().wait_until_in_flight_at_most(0).await.unwrap();
    assert_eq!(provider.script().dropped(), 0);
}

#[actix_web::test]
async fn a_caller_who_leaves_is_noticed_before_the_head_and_in_the_stream() {
    let provider = provider().await;
    let script = provider.script();
    script.push(Reply::new().hang());
    script.push(Reply::pieces(["Hel", "lo"]).hang_after(1));
    let caller = to(&provider);
    let asking = actix_web::rt::spawn(caller.request("/v1/messages", &claude()).send());
    script.wait_for_requests(1).await.unwrap();
    assert_eq!(script.dropped(), 0);
    asking.abort();
    script.wait_for_dropped(1).await.unwrap();
    let body = with(chat(), json!({"stream": true}));
    let mut response = caller.request("/v1/chat/completions", &body).send().await.unwrap();
    let mut heard = String::new();
    while !heard.contains("\"Hel\"") {
        heard.push_str(&String::from_utf8_lossy(&response.chunk().await.unwrap().unwrap()));
    }
    assert_eq!(script.in_flight(), 1);
    drop(response);
    script.wait_for_dropped(2).await.unwrap();
    assert_eq!(script.in_flight(), 0);
}

#[actix_web::test]
async fn requests_in_flight_are_counted() {
    let provider = provider().await;
    let script = provider.script();
    let gate = Gate::new();
    script.always(Reply::new().wait_for(gate.clone()));
    let caller = to(&provider);
    let asking: Vec<_> = (0..5).map(|_| actix_web::rt::spawn(caller.request("/v1/messages", &claude()).send())).collect();
    script.wait_until_in_flight(5).await.unwrap();
    gate.open();
    for asked in asking {
        assert_eq!(read(asked.await.unwrap().unwrap()).await.status, 200);
    }
    script.wait_until_in_flight_at_most(0).await.unwrap();
    assert_eq!((script.count(), script.max_in_flight()), (5, 5));
    script.reset_max();
    assert_eq!(script.max_in_flight(), 0);
}

#[actix_web::test]
async fn pauses_are_kept() {
    let provider = provider().await;
    let pause = Duration::from_millis(30);
    provider.script().always(Reply::pieces(["a", "b", "c"]).delay_between_chunks(pause).delay_head(pause));
    let begun = std::time::Instant::now();
    to(&provider).messages(json!({"stream": true})).await;
    assert!(begun.elapsed() >= pause * 3);
}
