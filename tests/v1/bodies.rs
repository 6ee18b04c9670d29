//! What comes in: paths, methods, encodings, and bodies that are too large or too slow.

use std::io::Write;
use std::time::Duration;

use actors::vocabulary::Protocol;
use api_proxy::config::Patience;
use futures_util::stream;
use serde_json::json;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use crate::app::{CLAUDE, TestApp, Wish, spawn_app, spawn_app_with};
use crate::on_both;
use crate::refusals::{SHAPES, told};
use crate::reply::Reply;

on_both! {
    async fn unknown_paths_and_methods_are_json(storage) {
        let app = spawn_app(storage).await;
        let caller = app.caller();
        for (protocol, path) in [(Protocol::Messages, "/v1/messages/unknown"), (Protocol::ChatCompletions, "/v1/nothing/here")] {
            let reply = caller.speaking(protocol).gets(path).whole().await.expects(404);
            told(&reply, protocol, 404, "not_found_error", "unknown_url");
        }
        for protocol in Protocol::ALL {
            let reply = caller.speaking(protocol).gets(&format!("/v1/{}", protocol.path())).whole().await;
            told(&reply, protocol, 405, "invalid_request_error", "method_not_allowed");
        }
        let posted = caller.speaking(Protocol::ChatCompletions).sends("{}").at("/v1/models").whole().await;
        told(&posted, Protocol::ChatCompletions, 405, "invalid_request_error", "method_not_allowed");
        let head = app.http.head(format!("{}/", app.base)).send().await.unwrap();
        assert_eq!(head.status(), 200);
        app.finish().await;
    }

    async fn every_route_works_without_v1(storage) {
        let app = spawn_app(storage).await;
        for protocol in Protocol::ALL {
            let caller = app.caller().speaking(protocol);
            caller.asks("hello").whole().await.expects(200);
            caller.asks("hello").at(&format!("/{}", protocol.path())).whole().await.expects(200);
        }
        for path in ["/models", "/usage", &format!("/models/{CLAUDE}")] {
            app.caller().gets(path).whole().await.expects(200);
            app.caller().gets(&format!("/v1{path}")).whole().await.expects(200);
        }
        app.finish().await;
    }

    async fn bodies_come_in_four_encodings(storage) {
        let app = spawn_app(storage).await;
        for protocol in SHAPES {
            let caller = app.caller().speaking(protocol);
            let asking = caller.asks("hello — \u{1f40b}");
            // By the name that reasoning models take, too.
            let asking = if protocol == Protocol::ChatCompletions { asking.renamed("max_tokens", "max_completion_tokens") } else { asking };
            let plain = asking.bytes();
            for encoding in ["gzip", "deflate", "br", "zstd", "identity"] {
                let asking = caller.sends(encoded(encoding, &plain)).header("content-encoding", encoding);
                asking.whole().await.expects(200);
                assert_eq!(app.provider().last_request().unwrap().body, plain, "{encoding}");
                assert_eq!(app.provider().last_request().unwrap().header("content-encoding"), None);
            }
            let reply = caller.sends(plain.clone()).header("content-encoding", "compress").whole().await;
            told(&reply, protocol, 415, "request_too_large", "unsupported_media_type");
            let broken = caller.sends(plain).header("content-encoding", "gzip").whole().await;
            told(&broken, protocol, 400, "invalid_request_error", "invalid_request_error");
        }
        app.finish().await;
    }

    async fn a_body_over_the_limit_is_413_however_it_comes(storage) {
        let app = spawn_app(storage).await;
        app.sets(json!({"maxRequestBytes": 10_000})).await;
        let long = "x".repeat(20_000);
        for protocol in SHAPES {
            let caller = app.caller().speaking(protocol);
            let asking = caller.asks(&long);
            told(&asking.clone().whole().await, protocol, 413, "request_too_large", "request_too_large");
            let body = asking.bytes();
            let pieces: Vec<Result<bytes::Bytes, std::io::Error>> = body.chunks(512).map(|piece| Ok(bytes::Bytes::copy_from_slice(piece))).collect();
            let chunked = asking.builder().body(reqwest::Body::wrap_stream(stream::iter(pieces))).send().await.unwrap();
            told(&Reply::read(chunked, protocol).await, protocol, 413, "request_too_large", "request_too_large");
            let bomb = caller.sends(encoded("gzip", &body)).header("content-encoding", "gzip").whole().await;
            told(&bomb, protocol, 413, "request_too_large", "request_too_large");
            caller.asks(&"x".repeat(9_000)).whole().await.expects(200);
        }
        app.finish().await;
    }

    async fn a_body_that_comes_too_slowly_is_408(storage) {
        let patience = Patience { body_idle: Duration::from_millis(100), ..Patience::default() };
        let app = spawn_app_with(storage, Wish { patience, ..Wish::default() }).await;
        let reply = half_a_request(&app, "messages").await;
        assert!(reply.starts_with("HTTP/1.1 408") && reply.contains("\"timeout_error\""), "{reply}");
        let reply = half_a_request(&app, "chat/completions").await;
        assert!(reply.starts_with("HTTP/1.1 408") && reply.contains("\"code\":\"timeout\""), "{reply}");
        let rows = app.rows().await;
        assert!(rows.iter().all(|row| row.status == 408 && row.ending == "refused"), "{rows:?}");
        app.finish().await;
    }
}

/// Sends the head and half of a body, and reads what comes.
async fn half_a_request(app: &TestApp, path: &str) -> String {
    let mut socket = tokio::net::TcpStream::connect(app.base.trim_start_matches("http://")).await.unwrap();
    let head = format!(
        "POST /v1/{path} HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {}\r\ncontent-type: application/json\r\n\
         content-length: 100\r\nconnection: close\r\n\r\n{{\"model\":",
        app.caller().key
    );
    socket.write_all(head.as_bytes()).await.unwrap();
    let mut reply = Vec::new();
    socket.read_to_end(&mut reply).await.unwrap();
    String::from_utf8_lossy(&reply).into_owned()
}

fn encoded(encoding: &str, plain: &[u8]) -> Vec<u8> {
    match encoding {
        "gzip" => {
            let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
            encoder.write_all(plain).unwrap();
            encoder.finish().unwrap()
        }
        "deflate" => {
            let mut encoder = flate2::write::ZlibEncoder::new(Vec::new(), flate2::Compression::default());
            encoder.write_all(plain).unwrap();
            encoder.finish().unwrap()
        }
        "br" => {
            let mut encoder = brotli::CompressorWriter::new(Vec::new(), 4096, 5, 22);
            encoder.write_all(plain).unwrap();
            encoder.into_inner()
        }
        "zstd" => zstd::encode_all(plain, 3).unwrap(),
        _ => plain.to_vec(),
    }
}
