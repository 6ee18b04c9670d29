//! Every line that a request causes in the log carries its id; and with a real collector, its trace.

use std::collections::BTreeMap;

use api_proxy::mock_upstream::{Reply, Usage};
use reqwest::Method;
use serde_json::{Value, json};

use crate::collector::Collector;
use crate::gateway::Gateway;
use crate::on_both;
use crate::waiting::eventually;
use crate::world::{CLAUDE, World};

/// Rooms that nobody but requests enters here.
const OF_REQUESTS: [&str; 7] = [
    "api_proxy::admission",
    "api_proxy::edge",
    "api_proxy::metering",
    "api_proxy::relay",
    "api_proxy::routing",
    "api_proxy::upstream::failover",
    "actors::usage_ledger::pending",
];
const FAILED: &str = "an attempt failed";
const DISBELIEVED: &str = "a provider's usage is not believed";

/// Asks; answers the id that the answer names, when all of it is here.
async fn asks(gateway: &Gateway, key: &str, body: &Value) -> String {
    let request = reqwest::Client::new().post(gateway.url("/v1/messages")).header("x-api-key", key);
    let reply = request.header("content-type", "application/json").body(body.to_string()).send().await.unwrap();
    let id = reply.headers()["x-request-id"].to_str().unwrap().to_owned();
    let _a_cut_stream_may_end_early = reply.bytes().await;
    id
}

fn question(text: &str, stream: bool) -> Value {
    json!({"model": CLAUDE, "max_tokens": 16, "stream": stream, "messages": [{"role": "user", "content": text}]})
}

/// The whole log of a gateway that has stopped.
async fn log_of(mut gateway: Gateway) -> Vec<Value> {
    gateway.terminate();
    assert!(gateway.ends().await.success());
    let log = eventually("the log is complete", async || {
        let log = gateway.output.text();
        log.contains("\"stopped\"").then_some(log)
    })
    .await;
    log.lines().filter_map(|line| serde_json::from_str(line).ok()).collect()
}

/// The request that a line belongs to.
fn request_of(line: &Value) -> Option<&str> {
    line["spans"].as_array()?.iter().find_map(|span| span["request_id"].as_str())
}

fn message(line: &Value) -> &str {
    line["fields"]["message"].as_str().unwrap_or_default()
}

on_both! {
    async fn every_line_that_a_request_causes_carries_its_id(storage: Storage) {
        let (world, gateway) = World::start_with(storage, 1, &[("RUST_LOG", "trace")]).await;
        world.api(&gateway, Method::PATCH, "/api/settings", &json!({"circuitEnabled": false, "proxyMaxRetries": 1})).await;
        let key = &world.keys[0];
        // Side by side, each with a failure of its own: no line may go to a neighbour.
        world.script().push_all((0..8).map(|_| Reply::status(500)));
        let large = "words ".repeat(40_000);
        let asked = (0..8).map(|number| {
            let body = question(if number % 2 == 0 { "hello" } else { &large }, number < 4);
            let gateway = &gateway;
            async move { asks(gateway, key, &body).await }
        });
        let failed_over = futures_util::future::join_all(asked).await;
        world.script().push_all([
            Reply::pieces(["one", "two"]).usage(Usage::new(u64::MAX / 4, 3)),
            Reply::pieces(["one", "two"]).usage(Usage::new(u64::MAX / 4, 3)),
        ]);
        let disbelieved = [asks(&gateway, key, &question("hello", false)).await, asks(&gateway, key, &question("hello", true)).await];
        let lines = log_of(gateway).await;
        let mut said: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
        for line in &lines {
            let target = line["target"].as_str().unwrap_or_default();
            let of_a_request = OF_REQUESTS.iter().any(|room| target.starts_with(room));
            let request = request_of(line);
            assert!(!of_a_request || request.is_some(), "no request's: {line}");
            if let Some(request) = request {
                said.entry(request).or_default().push(message(line));
            }
        }
        let times = |request: &str, what: &str| said.get(request).map_or(0, |all| all.iter().filter(|one| **one == what).count());
        let all: usize = said.values().flatten().filter(|one| **one == FAILED).count();
        assert_eq!(all, 8, "{said:#?}");
        // Which of them drew a failure for its second attempt, too, is chance; a line of nobody's is not.
        assert!(failed_over.iter().filter(|request| times(request, FAILED) > 0).count() >= 4, "{said:#?}");
        assert_eq!(failed_over.iter().map(|request| times(request, FAILED)).sum::<usize>(), 8);
        for request in &disbelieved {
            assert_eq!(times(request, DISBELIEVED), 1, "{request}: {said:#?}");
        }
    }

    async fn a_process_sends_its_traces_as_its_environment_says(storage: Storage) {
        let collector = Collector::start();
        let (world, gateway) = World::start_with(storage, 1, &[
            ("OTEL_EXPORTER_OTLP_ENDPOINT", collector.address.as_str()),
            ("OTEL_EXPORTER_OTLP_HEADERS", "authorization=Bearer%20token-of-the-collector"),
            ("OTEL_EXPORTER_OTLP_COMPRESSION", "gzip"),
            ("OTEL_RESOURCE_ATTRIBUTES", "service.name=from-attributes,deployment.environment.name=chaos"),
            ("RUST_LOG", "trace"),
        ]).await;
        let id = asks(&gateway, &world.keys[0], &question("hello", true)).await;
        let spans = collector.waits_for(2).await;
        assert!(spans.iter().any(|span| span.says("api_proxy.request_id") == id));
        assert_eq!(spans[0].resource["service.name"], "from-attributes");
        assert_eq!(spans[0].resource["deployment.environment.name"], "chaos");
        let headers = &collector.posts()[0].headers;
        let sent = |name: &str| headers.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str());
        assert_eq!(sent("authorization"), Some("Bearer token-of-the-collector"));
        assert_eq!(sent("content-encoding"), Some("gzip"));
        let lines = log_of(gateway).await;
        assert!(lines.iter().all(|line| !line.to_string().contains("token-of-the-collector")), "a secret is in the log");
    }

    async fn with_nobody_at_the_collectors_port_requests_go_on_and_it_is_said_once(storage: Storage) {
        let nobody = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
        let endpoint = format!("http://{nobody}");
        let (world, gateway) = World::start_with(storage, 1, &[("OTEL_EXPORTER_OTLP_ENDPOINT", &endpoint)]).await;
        for _ in 0..3 {
            asks(&gateway, &world.keys[0], &question("hello", false)).await;
            eventually("it is said", async || gateway.output.text().contains("takes no traces").then_some(())).await;
        }
        let lines = log_of(gateway).await;
        assert_eq!(lines.iter().filter(|line| message(line).contains("takes no traces")).count(), 1);
    }
}
