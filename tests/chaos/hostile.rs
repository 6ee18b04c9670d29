//! Clients that mean no good: each gets an answer it can read, memory stays flat, everybody else is served.

use std::io::Read;
use std::sync::atomic::Ordering;
use std::time::Duration;

use futures_util::future::join;
use reqwest::Method;
use serde_json::{Value, json};

use crate::books::Storage;
use crate::client::Client;
use crate::gateway::Gateway;
use crate::memory::Before;
use crate::raw::{Answer, Line, WildUpstream, head, post};
use crate::waiting::eventually;
use crate::world::{CLAUDE, UPSTREAM_KEY, World};

const HUNDRED_MB: usize = 100 << 20;
const IDLE_LINES: usize = 500;
/// Longer than the gateway's patience with slow clients, with room for a loaded machine.
const SLOW: Duration = Duration::from_secs(40);

async fn world() -> (World, Gateway) {
    World::start(Storage::Sqlite, 2).await
}

/// Everybody else is served.
async fn lives(world: &World, gateway: &Gateway) {
    for way in 0..4 {
        Client::new(gateway, &world.keys[1]).asks(way).await.whole();
    }
}

async fn asks(gateway: &Gateway, bytes: impl AsRef<[u8]>) -> Option<Answer> {
    let mut line = Line::to(gateway.address()).await;
    line.send(bytes).await;
    line.answer().await
}

#[track_caller]
fn refused(answer: &Answer, status: u16, kind: &str) {
    assert_eq!(answer.status, status, "{answer:?}");
    let body = answer.json();
    assert_eq!(body["type"], "error", "{body}");
    assert_eq!(body["error"]["type"], kind, "{body}");
    assert!(body["error"]["message"].is_string(), "{body}");
}

#[actix_web::test]
async fn bodies_that_are_no_requests_are_refused_in_the_shape_of_the_protocol() {
    let (world, gateway) = world().await;
    let key = &world.keys[0];
    let bodies: [&[u8]; 14] = [
        b"",
        b"{",
        b"null",
        b"[]",
        b"\"model\"",
        b"{}",
        b"{\"model\": 7, \"messages\": []}",
        b"{\"model\": null}",
        b"{\"model\": {\"a\": 1}}",
        b"{\"model\": \"claude-haiku-4-5\", \"stream\": \"yes\", \"messages\": []}",
        b"{\"model\": \"claude-haiku-4-5\" \"messages\": []}",
        b"\xff\xfe\x00{}",
        b"{\"model\": \"\xc3\x28\"}",
        b"model=claude&messages=hello",
    ];
    for body in bodies {
        let answer = asks(&gateway, post(key, body)).await.unwrap();
        refused(&answer, 400, "invalid_request_error");
    }
    lives(&world, &gateway).await;
}

#[actix_web::test]
async fn an_unknown_key_is_refused_on_a_connection_that_serves_the_next_request_however_its_body_comes() {
    let (world, gateway) = world().await;
    let mut line = Line::to(gateway.address()).await;
    for _ in 0..2 {
        line.send(head("sk-nobody", "content-length: 2\r\n")).await;
        line.send("{}").await;
        refused(&line.answer().await.unwrap(), 401, "authentication_error");
    }
    line.send(post(&world.keys[0], "{}")).await;
    refused(&line.answer().await.unwrap(), 400, "invalid_request_error");
    lives(&world, &gateway).await;
}

#[actix_web::test]
async fn a_hundred_thousand_levels_of_nesting_break_nothing() {
    let (world, gateway) = world().await;
    let before = Before::of(&gateway);
    let deep = |open: &str, close: &str| format!("{}1{}", open.repeat(100_000), close.repeat(100_000));
    let nests = [deep("[", "]"), deep("{\"a\":", "}"), "[".repeat(100_000), "{\"a\":".repeat(100_000)];
    for nest in nests {
        for field in ["messages", "model", "unknown", "tools", "metadata", "system", "stream"] {
            for path in ["/v1/messages", "/v1/chat/completions", "/v1/responses", "/v1/embeddings", "/v1/messages/count_tokens"] {
                let body = format!("{{\"model\":\"{CLAUDE}\",\"max_tokens\":9,\"{field}\":{nest}}}");
                let bytes = String::from_utf8(post(&world.keys[0], body)).unwrap().replace("/v1/messages", path);
                let answer = asks(&gateway, bytes).await.unwrap();
                assert!((200..500).contains(&answer.status), "{path} {field}: {answer:?}");
            }
        }
        let as_json = format!("content-type: application/json\r\ncontent-length: {}\r\n\r\n{nest}", nest.len());
        let login = format!("POST /api/auth/login HTTP/1.1\r\nhost: gateway\r\n{as_json}");
        assert_eq!(asks(&gateway, login).await.unwrap().status, 400);
    }
    before.stayed_flat(&gateway, "nesting");
    lives(&world, &gateway).await;
}

#[actix_web::test]
async fn a_body_far_over_the_limit_is_refused_in_words_the_client_can_read() {
    let (world, gateway) = world().await;
    let before = Before::of(&gateway);
    let key = &world.keys[0];
    let flood = vec![b' '; 1 << 20];
    for number in 0..3 {
        let mut announced = Line::to(gateway.address()).await;
        announced.send(head(key, &format!("content-length: {HUNDRED_MB}\r\n"))).await;
        let (answer, ()) = flooded(announced, &flood, false).await;
        refused(&answer.expect("an answer to an announced flood"), 413, "request_too_large");
        let mut chunked = Line::to(gateway.address()).await;
        chunked.send(head(key, "transfer-encoding: chunked\r\n")).await;
        let (answer, ()) = flooded(chunked, &flood, true).await;
        refused(&answer.unwrap_or_else(|| panic!("no answer to chunked flood {number}")), 413, "request_too_large");
    }
    before.stayed_flat(&gateway, "bodies of 100 MB");
    a_large_login(&gateway, &flood).await;
    lives(&world, &gateway).await;
}

/// The same at the other door.
async fn a_large_login(gateway: &Gateway, flood: &[u8]) {
    let before = Before::of(gateway);
    for (how, chunked) in [(format!("content-length: {HUNDRED_MB}"), false), ("transfer-encoding: chunked".to_owned(), true)] {
        let mut line = Line::to(gateway.address()).await;
        let head = "POST /api/auth/login HTTP/1.1\r\nhost: gateway\r\ncontent-type: application/json\r\n";
        line.send(format!("{head}{how}\r\n\r\n")).await;
        let (answer, ()) = flooded(line, flood, chunked).await;
        assert_eq!(answer.expect("an answer to a large sign-in").status, 413, "{how}");
    }
    before.stayed_flat(gateway, "sign-ins of 100 MB");
}

/// Sends a hundred megabytes while it reads, as SDKs do.
async fn flooded(line: Line, flood: &[u8], chunked: bool) -> (Option<Answer>, ()) {
    use tokio::io::AsyncWriteExt;
    let (mut reading, mut writing) = line.split();
    let sending = async {
        for _ in 0..HUNDRED_MB >> 20 {
            let size = format!("{:x}\r\n", flood.len());
            let pieces: &[&[u8]] = if chunked { &[size.as_bytes(), flood, b"\r\n"] } else { &[flood] };
            for piece in pieces {
                if writing.write_all(piece).await.is_err() {
                    return;
                }
            }
        }
    };
    join(reading.answer(), sending).await
}

#[actix_web::test]
async fn a_small_body_that_unpacks_to_far_more_is_refused() {
    let (world, gateway) = world().await;
    let before = Before::of(&gateway);
    for (encoding, bomb) in bombs() {
        println!("{encoding}: {} bytes", bomb.len());
        let more = format!("content-encoding: {encoding}\r\ncontent-length: {}\r\n", bomb.len());
        let answer = asks(&gateway, [head(&world.keys[0], &more).as_bytes(), &bomb].concat()).await;
        refused(&answer.expect("an answer to a bomb"), 413, "request_too_large");
    }
    before.stayed_flat(&gateway, "bombs");
    let broken = [head(&world.keys[0], "content-encoding: gzip\r\ncontent-length: 20\r\n").as_bytes(), &[7; 20]].concat();
    refused(&asks(&gateway, broken).await.unwrap(), 400, "invalid_request_error");
    let unknown = [head(&world.keys[0], "content-encoding: lzma\r\ncontent-length: 20\r\n").as_bytes(), &[7; 20]].concat();
    assert_eq!(asks(&gateway, unknown).await.unwrap().status, 415);
    lives(&world, &gateway).await;
}

/// A quarter of a gigabyte of nothing, packed in every way that is understood (deflate is gzip without its frame).
fn bombs() -> [(&'static str, Vec<u8>); 3] {
    let zeros = || std::io::repeat(0).take(256 << 20);
    let read = |mut packed: Box<dyn Read>| {
        let mut bytes = Vec::new();
        packed.read_to_end(&mut bytes).unwrap();
        bytes
    };
    [
        ("gzip", read(Box::new(flate2::read::GzEncoder::new(zeros(), flate2::Compression::best())))),
        ("br", read(Box::new(brotli::CompressorReader::new(zeros(), 1 << 16, 1, 22)))),
        ("zstd", zstd::encode_all(zeros(), 3).unwrap()),
    ]
}

#[actix_web::test]
async fn floods_of_headers_are_refused() {
    let (world, gateway) = world().await;
    let before = Before::of(&gateway);
    let key = &world.keys[0];
    let many = (0..300).map(|number| format!("x-flood-{number}: {number}\r\n")).collect::<String>();
    let long = format!("x-long: {}\r\n", "a".repeat(256 << 10));
    for more in [many, long] {
        let answer = asks(&gateway, head(key, &format!("{more}content-length: 0\r\n"))).await;
        assert!(answer.as_ref().is_some_and(|answer| (400..500).contains(&answer.status)), "{answer:?}");
    }
    let long_key = "k".repeat(64 << 10);
    assert_eq!(asks(&gateway, post(&long_key, "{}")).await.unwrap().status, 401);
    before.stayed_flat(&gateway, "headers");
    lives(&world, &gateway).await;
}

#[actix_web::test]
async fn what_is_not_http_gets_no_further() {
    let (world, gateway) = world().await;
    let seed = fastrand::u64(..);
    println!("seed {seed}");
    let mut random = fastrand::Rng::with_seed(seed);
    let hello = b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03";
    let mut blobs: Vec<Vec<u8>> =
        vec![hello.to_vec(), b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".to_vec(), b"\r\n\r\n\r\n".repeat(1000)];
    blobs.extend((0..50).map(|_| std::iter::repeat_with(|| random.u8(..)).take(4096).chain(*b"\r\n\r\n").collect()));
    for blob in blobs {
        let mut line = Line::to(gateway.address()).await;
        line.send(&blob).await;
        let (mut reading, writing) = line.split();
        drop(writing);
        let answer = reading.answer().await;
        assert!(answer.as_ref().is_none_or(|answer| answer.status >= 400), "{answer:?}");
    }
    lives(&world, &gateway).await;
}

#[actix_web::test]
async fn slow_clients_are_sent_away_and_idle_ones_cost_nothing() {
    let (world, gateway) = world().await;
    let before = Before::of(&gateway);
    let mut idle = Vec::new();
    for _ in 0..IDLE_LINES {
        idle.push(Line::to(gateway.address()).await);
    }
    let slow_head = async {
        let mut line = Line::to(gateway.address()).await;
        line.send("POST /v1/messages HTTP/1.1\r\nhost: gateway\r\n").await;
        let trickle = async {
            loop {
                line.send("x-more: a\r\n").await;
                tokio::time::sleep(Duration::from_millis(500)).await;
                if line.closed() {
                    return;
                }
            }
        };
        tokio::time::timeout(SLOW, trickle).await.expect("a head that never ends is cut off");
    };
    let slow_body = async {
        let mut line = Line::to(gateway.address()).await;
        line.send(head(&world.keys[0], "content-length: 1000\r\n")).await;
        line.send("{\"model\":").await;
        let answer = tokio::time::timeout(SLOW, line.answer()).await.expect("a body that never comes is cut off");
        refused(&answer.expect("an answer to a slow body"), 408, "timeout_error");
    };
    let slow_login = async {
        let mut line = Line::to(gateway.address()).await;
        line.send(
            "POST /api/auth/login HTTP/1.1\r\nhost: gateway\r\ncontent-type: application/json\r\ncontent-length: 99\r\n\r\n{",
        )
        .await;
        let answer = tokio::time::timeout(SLOW, line.answer()).await.expect("a sign-in that never comes is cut off");
        assert!(answer.as_ref().is_none_or(|answer| answer.status == 408), "{answer:?}");
    };
    let others = async {
        for _ in 0..5 {
            lives(&world, &gateway).await;
        }
    };
    futures_util::join!(slow_head, slow_body, slow_login, others);
    before.stayed_flat(&gateway, "500 idle lines");
    drop(idle);
    lives(&world, &gateway).await;
}

#[actix_web::test]
async fn requests_sent_in_one_go_are_answered_in_order() {
    let (world, gateway) = world().await;
    let ask = |prompt: &str| {
        let messages = json!([{"role": "user", "content": prompt}]);
        post(&world.keys[0], json!({"model": CLAUDE, "max_tokens": 64, "messages": messages}).to_string())
    };
    let pipelined = [ask("one"), post(&world.keys[0], "{"), ask("two"), post("sk-wrong", "{}"), ask("three")].concat();
    let mut line = Line::to(gateway.address()).await;
    line.send(pipelined).await;
    for status in [200, 400, 200, 401, 200] {
        assert_eq!(line.answer().await.expect("all are answered").status, status);
    }
    lives(&world, &gateway).await;
}

#[actix_web::test]
async fn a_client_that_never_reads_stops_its_upstream_and_costs_no_memory() {
    let (world, gateway) = world().await;
    let event = format!(
        "data: {{\"id\":\"c\",\"object\":\"chat.completion.chunk\",\"created\":1,\"model\":\"gushing\",\"choices\":[{{\"index\":0,\"delta\":{{\"content\":\"{}\"}}}}]}}\n\n",
        "x".repeat(32 << 10)
    );
    let chunk = format!("{:x}\r\n{event}\r\n", event.len());
    let upstream = WildUpstream::start(move |mut line| {
        let chunk = chunk.clone();
        async move {
            line.says("HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n").await?;
            line.repeats(chunk.as_bytes(), 100_000).await
        }
    })
    .await;
    connect(&world, &gateway, "gushing", &upstream).await;
    let before = Before::of(&gateway);
    let body = json!({"model": "gushing", "stream": true, "messages": [{"role": "user", "content": "go"}]}).to_string();
    let request = String::from_utf8(post(&world.keys[0], body)).unwrap().replace("/v1/messages", "/v1/chat/completions");
    let mut line = Line::to(gateway.address()).await;
    line.send(request).await;
    // It stands still when a second brings nothing more.
    let mut last = 0;
    eventually("the upstream is held back", async || {
        tokio::time::sleep(Duration::from_secs(1)).await;
        let now = upstream.sent.load(Ordering::Relaxed);
        let stands = now > 0 && now == std::mem::replace(&mut last, now);
        stands.then_some(())
    })
    .await;
    println!("{} MiB were taken from the upstream", last >> 20);
    before.stayed_flat(&gateway, "a client that does not read");
    lives(&world, &gateway).await;
    drop(line);
    eventually("the upstream is let go", async || (upstream.ended.load(Ordering::Relaxed) == 1).then_some(())).await;
}

/// A channel for one model at this upstream.
pub async fn connect(world: &World, gateway: &Gateway, model: &str, upstream: &WildUpstream) -> Value {
    let channel =
        json!({"name": model, "type": "openai", "baseUrl": upstream.base_url, "apiKey": UPSTREAM_KEY, "models": [model]});
    let made = world.api(gateway, Method::POST, "/api/channels", &channel).await;
    let price = json!({"channelId": made["id"], "model": model, "inputPricePerMTok": 1, "outputPricePerMTok": 5,
        "cacheReadPricePerMTok": 0, "cacheCreationPricePerMTok": 0});
    world.api(gateway, Method::POST, "/api/model-prices", &price).await
}
