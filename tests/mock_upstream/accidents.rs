//! Answers that go wrong.

use api_proxy::mock_upstream::Reply;
use bytes::Bytes;
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::caller::{claude, provider, to};

#[actix_web::test]
async fn a_cut_connection_is_noticed_after_what_was_sent() {
    let provider = provider().await;
    provider.script().always(Reply::pieces(["Hel", "lo", "!"]).cut_connection_after(2));
    let caller = to(&provider);
    let told = caller.messages(json!({"stream": true})).await;
    assert!(told.broken);
    assert!(told.text.contains("\"lo\"") && !told.text.contains("\"!\"") && !told.text.contains("content_block_stop"));
    assert!(caller.chat(json!({})).await.broken);
    provider.script().always(Reply::new().cut_connection_after(0));
    let told = caller.responses(json!({"stream": true})).await;
    assert!(told.broken && told.text.contains("content_part.added") && !told.text.contains("delta"));
    assert_eq!(provider.script().dropped(), 0, "it was not the caller who left");
}

#[actix_web::test]
async fn a_stream_can_end_without_its_last_event() {
    let provider = provider().await;
    provider.script().always(Reply::pieces(["Hel", "lo"]).ends_without_terminal_after(1));
    let caller = to(&provider);
    for told in [
        caller.messages(json!({"stream": true})).await,
        caller.chat(json!({"stream": true})).await,
        caller.responses(json!({"stream": true})).await,
    ] {
        assert!(!told.broken && told.text.contains("\"Hel\"") && !told.text.contains("\"lo\""));
    }
}

#[actix_web::test]
async fn errors_appear_inside_streams() {
    let provider = provider().await;
    let caller = to(&provider);
    provider.script().always(Reply::pieces(["Hel", "lo"]).error_event_after(1));
    let told = caller.messages(json!({"stream": true})).await;
    assert_eq!(told.events().last().unwrap()["error"]["type"], "overloaded_error");
    let told = caller.chat(json!({"stream": true})).await;
    assert_eq!(told.events().last().unwrap()["error"]["type"], "server_error");
    let types = caller.responses(json!({"stream": true})).await.types();
    assert_eq!(types[types.len() - 2..], ["error", "response.failed"]);
    assert_eq!(caller.messages(json!({})).await.status, 529);
    provider.script().always(Reply::new().error_event_first());
    let told = caller.messages(json!({"stream": true})).await;
    assert_eq!((told.status, told.types()), (200, vec!["error".to_owned()]));
}

#[actix_web::test]
async fn nothing_garbage_and_raw_bytes_can_be_sent() {
    let provider = provider().await;
    let script = provider.script();
    let caller = to(&provider);
    script.always(Reply::new().empty());
    let told = caller.messages(json!({})).await;
    assert_eq!((told.status, told.text.as_str()), (200, ""));
    let types = caller.messages(json!({"stream": true})).await.types();
    assert_eq!(types, ["message_start", "ping", "message_delta", "message_stop"]);
    script.always(Reply::new().garbage());
    assert!(serde_json::from_str::<Value>(&caller.chat(json!({})).await.text).is_err());
    script.always(Reply::new().raw_body("text/html", "<h1>Bad gateway</h1>").with_status(202));
    let response = caller.request("/v1/messages", &claude()).send().await.unwrap();
    assert_eq!(response.headers()["content-type"], "text/html");
    assert_eq!(response.status(), 202);
    let chunks = vec![Bytes::from_static(b"data: {\"a\""), Bytes::from_static(b":1}\n\n")];
    script.always(Reply::new().raw_chunks("text/event-stream", chunks));
    assert_eq!(caller.chat(json!({})).await.events(), [json!({"a": 1})]);
}

#[actix_web::test]
async fn each_piece_is_a_chunk_of_its_own() {
    let provider = provider().await;
    let chunks = vec![Bytes::from_static(b"abc"), Bytes::from_static(b"de")];
    provider.script().push(Reply::new().raw_chunks("text/plain", chunks));
    let mut line = TcpStream::connect(provider.addr()).await.unwrap();
    line.write_all(b"POST /v1/messages HTTP/1.1\r\nhost: x\r\nconnection: close\r\ncontent-length: 2\r\n\r\n{}").await.unwrap();
    let mut answer = String::new();
    line.read_to_string(&mut answer).await.unwrap();
    assert!(answer.to_ascii_lowercase().ends_with("\r\n\r\n3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n"), "{answer}");
}
