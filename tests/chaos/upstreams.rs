//! Upstreams gone mad: the client gets a legal answer, memory stays flat, the process lives.

use std::sync::atomic::Ordering;

use serde_json::json;

use crate::books::Storage;
use crate::client::{Client, Outcome};
use crate::gateway::Gateway;
use crate::hostile::connect;
use crate::memory::Before;
use crate::raw::{Wild, WildUpstream};
use crate::world::World;

const JSON: &str = "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\n";
const STREAM: &str = "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n";

/// What the client of such an upstream is told, streamed and not.
async fn tells<F>(misbehave: impl Fn(Wild) -> F + Send + Clone + 'static, stream: bool) -> (Outcome, World, Gateway)
where
    F: Future<Output = std::io::Result<()>> + Send + 'static,
{
    let (world, gateway) = World::start(Storage::Sqlite, 1).await;
    let upstream = WildUpstream::start(misbehave).await;
    connect(&world, &gateway, "mad", &upstream).await;
    let client = Client::new(&gateway, &world.keys[0]);
    client.asks(1).await.whole();
    let before = Before::of(&gateway);
    let body = json!({"model": "mad", "stream": stream, "messages": [{"role": "user", "content": "go"}]});
    let outcome = client.sends("/v1/chat/completions", &body, "\"error\"").await;
    println!("{} MiB were taken from the upstream", upstream.sent.load(Ordering::Relaxed) >> 20);
    before.stayed_flat(&gateway, "a mad upstream");
    client.asks(0).await.whole();
    client.asks(3).await.whole();
    (outcome, world, gateway)
}

#[track_caller]
fn bad_gateway((outcome, ..): (Outcome, World, Gateway)) {
    let Outcome::Refused { status, body } = outcome else { panic!("{outcome:?}") };
    assert_eq!(status, 502, "{body}");
    assert!(body.contains("\"upstream_error\""), "{body}");
}

/// A stream that had begun ends with the protocol's error event.
#[track_caller]
fn error_event((outcome, ..): (Outcome, World, Gateway)) {
    let Outcome::Whole { text, .. } = outcome else { panic!("{outcome:?}") };
    assert!(text.len() < 1 << 20 && text.contains("\"error\""), "{text:.2000}");
}

#[actix_web::test]
async fn a_head_that_never_ends() {
    let endless = |mut line: Wild| async move {
        line.says("HTTP/1.1 200 OK\r\n").await?;
        line.repeats(b"x-more: and more of it, and still more of it\r\n", 10_000_000).await
    };
    bad_gateway(tells(endless, false).await);
}

#[actix_web::test]
async fn one_header_that_never_ends() {
    let endless = |mut line: Wild| async move {
        line.says("HTTP/1.1 200 OK\r\nx-endless: ").await?;
        line.repeats(&[b'a'; 4096], 100_000).await
    };
    bad_gateway(tells(endless, true).await);
}

#[actix_web::test]
async fn an_answer_of_two_hundred_megabytes_of_known_length() {
    let huge = |mut line: Wild| async move {
        line.says(format!("{JSON}content-length: {}\r\n\r\n", 200 << 20)).await?;
        line.repeats(&[b' '; 1 << 20], 200).await
    };
    bad_gateway(tells(huge, false).await);
}

#[actix_web::test]
async fn an_answer_of_two_hundred_megabytes_in_chunks() {
    let huge = |mut line: Wild| async move {
        line.says(format!("{JSON}transfer-encoding: chunked\r\n\r\n")).await?;
        line.repeats([b"100000\r\n".as_slice(), &[b' '; 1 << 20], b"\r\n"].concat().as_slice(), 200).await?;
        line.says("0\r\n\r\n").await
    };
    bad_gateway(tells(huge, false).await);
}

#[actix_web::test]
async fn an_error_of_two_hundred_megabytes() {
    let huge = |mut line: Wild| async move {
        line.says(format!("HTTP/1.1 500 Oh\r\ncontent-type: text/html\r\ncontent-length: {}\r\n\r\n", 200 << 20)).await?;
        line.repeats(&[b'e'; 1 << 20], 200).await
    };
    let (outcome, ..) = tells(huge, false).await;
    assert!(matches!(&outcome, Outcome::Refused { status, .. } if *status == 500), "{outcome:?}");
}

#[actix_web::test]
async fn an_event_of_twenty_megabytes() {
    let huge = |mut line: Wild| async move {
        line.says(STREAM).await?;
        line.says("6\r\ndata: \r\n").await?;
        line.repeats([b"1000\r\n".as_slice(), &[b'x'; 4096], b"\r\n"].concat().as_slice(), 5120).await?;
        line.says("2\r\n\n\n\r\n0\r\n\r\n").await
    };
    bad_gateway(tells(huge, true).await);
}

#[actix_web::test]
async fn an_event_of_a_million_lines() {
    let huge = |mut line: Wild| async move {
        line.says(STREAM).await?;
        let lines = "data: x\n".repeat(512);
        line.repeats(format!("{:x}\r\n{lines}\r\n", lines.len()).as_bytes(), 2000).await?;
        line.says("2\r\n\n\n\r\n0\r\n\r\n").await
    };
    let (outcome, ..) = tells(huge, true).await;
    assert!(!matches!(outcome, Outcome::Broken(_)), "{outcome:?}");
}

#[actix_web::test]
async fn a_stream_of_a_hundred_thousand_empty_events_and_then_nothing() {
    let empty = |mut line: Wild| async move {
        line.says(STREAM).await?;
        line.repeats(b"8\r\ndata: \n\n\r\n", 100_000).await?;
        line.says("0\r\n\r\n").await
    };
    let (outcome, ..) = tells(empty, true).await;
    assert!(!matches!(outcome, Outcome::Broken(_)), "{outcome:?}");
}

#[actix_web::test]
async fn chunks_whose_length_is_no_number() {
    let wrong = |mut line: Wild| async move {
        line.says(format!("{JSON}transfer-encoding: chunked\r\n\r\nzz\r\nhello\r\n0\r\n\r\n")).await
    };
    bad_gateway(tells(wrong, false).await);
}

#[actix_web::test]
async fn chunks_whose_length_is_no_number_in_a_stream_that_had_begun() {
    let wrong = |mut line: Wild| async move {
        let event = "data: {\"id\":\"c\",\"object\":\"chat.completion.chunk\",\"created\":1,\"model\":\"mad\",\"choices\":[{\"index\":0,\"delta\":{\"content\":\"hi\"}}]}\n\n";
        line.says(format!("{STREAM}{:x}\r\n{event}\r\n", event.len())).await?;
        line.says("fffffffffffffffffffff\r\nhello\r\n").await
    };
    error_event(tells(wrong, true).await);
}

#[actix_web::test]
async fn no_http_at_all() {
    let noise = |mut line: Wild| async move { line.repeats(b"\x00\xff SSH-2.0-OpenSSH_9.9 \r\n", 1000).await };
    bad_gateway(tells(noise, false).await);
}

#[actix_web::test]
async fn a_line_that_is_hung_up_without_a_word() {
    bad_gateway(tells(|_| async { Ok(()) }, true).await);
}
