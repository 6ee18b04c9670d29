//! Traces as a collector gets them, what providers are told of them, and where an admin's time went.

use actors::vocabulary::Protocol;
use api_proxy::config::{Sampling, TracesConfig};
use api_proxy::mock_upstream::{Gate, Reply as Scripted, Usage};
use secrecy::SecretString;
use serde_json::json;

use crate::app::{CLAUDE, GPT, PATIENCE, TestApp, Wish, eventually, spawn_app, spawn_app_with};
use crate::collector::{Collector, Told};
use crate::database::Storage;
use crate::on_both;

const TRACE: &str = "4bf92f3577b34da6a3ce929d0e0e4736";
const SPAN: &str = "00f067aa0ba902b7";
const TOKEN: &str = "token-of-the-collector-4711";

fn to(address: &str, sampling: Sampling) -> Option<TracesConfig> {
    Some(TracesConfig {
        endpoint: format!("{address}/v1/traces").parse().unwrap(),
        headers: vec![("x-token".to_owned(), SecretString::from(TOKEN))],
        service_name: "the gateway".to_owned(),
        resource: vec![("deployment.environment.name".to_owned(), "tests".to_owned())],
        sampling,
    })
}

async fn traced(storage: Storage, sampling: Sampling) -> (TestApp, Collector) {
    let collector = Collector::start();
    let traces = to(&collector.address, sampling);
    (spawn_app_with(storage, Wish { traces, ..Wish::default() }).await, collector)
}

/// The value of a counter of spans.
async fn counted(app: &TestApp, outcome: &str) -> u64 {
    let address = app.running().metrics_at.unwrap();
    let text = reqwest::get(format!("http://{address}/metrics")).await.unwrap().text().await.unwrap();
    let start = format!("api_proxy_trace_spans_total{{outcome=\"{outcome}\"}} ");
    text.lines().find_map(|line| line.strip_prefix(&start)?.parse().ok()).unwrap_or(0)
}

/// The request's own span, and those of its attempts in their order.
fn tree(spans: Vec<Told>) -> (Told, Vec<Told>) {
    let (mut roots, mut attempts): (Vec<_>, Vec<_>) = spans.into_iter().partition(|span| span.span.kind == 2);
    assert_eq!(roots.len(), 1, "one request");
    let root = roots.remove(0);
    attempts.sort_by_key(|span| span.says("api_proxy.attempt").parse::<u32>().unwrap());
    for attempt in &attempts {
        assert_eq!(attempt.span.kind, 3, "a client's");
        assert_eq!(attempt.ids().0, root.ids().0, "in the same trace");
        assert_eq!(attempt.parent(), root.ids().1);
        assert!(attempt.span.start_time_unix_nano >= root.span.start_time_unix_nano);
        assert!(attempt.span.end_time_unix_nano <= root.span.end_time_unix_nano);
    }
    (root, attempts)
}

/// What the provider was told at its nth request: trace, span and flags.
fn told(app: &TestApp, nth: usize) -> Vec<String> {
    let seen = app.provider().requests();
    seen[nth].header("traceparent").unwrap().split('-').skip(1).map(str::to_owned).collect()
}

on_both! {
    async fn a_whole_answer_is_a_span_with_one_attempt(storage) {
        let (app, collector) = traced(storage, Sampling::default()).await;
        app.provider().push(Scripted::text("hi").usage(Usage::new(10, 3).cache_read(4)));
        let reply = app.caller().asks("hello").whole().await.expects(200);
        let (root, attempts) = tree(collector.waits_for(2).await);
        assert_eq!(root.span.name, "POST /v1/messages");
        assert_eq!(root.parent(), "");
        assert_eq!(root.says("http.response.status_code"), "200");
        assert_eq!(root.says("api_proxy.request_id"), reply.header("x-request-id"));
        assert_eq!(root.says("api_proxy.ending"), "completed");
        assert_eq!((root.says("api_proxy.user.name"), root.says("api_proxy.key.name")), ("carl", "test"));
        assert_eq!(root.says("error.type"), "");
        assert!(!root.has_failed());
        let cost: f64 = root.says("api_proxy.cost_usd").parse().unwrap();
        assert_eq!((cost * 1e9).round() as i64, app.only_row().await.cost_nanos);
        assert_eq!(root.resource["service.name"], "the gateway");
        assert_eq!(root.resource["deployment.environment.name"], "tests");
        let attempt = &attempts[0];
        assert_eq!(attempt.span.name, format!("chat {CLAUDE}"));
        let provider = app.provider_url().rsplit_once(':').unwrap().1.to_owned();
        for (key, value) in [
            ("gen_ai.operation.name", "chat"), ("gen_ai.provider.name", "anthropic"), ("gen_ai.request.model", CLAUDE),
            ("gen_ai.response.model", CLAUDE), ("gen_ai.usage.input_tokens", "14"), ("gen_ai.usage.output_tokens", "3"),
            ("gen_ai.usage.cache_read.input_tokens", "4"), ("server.address", "127.0.0.1"), ("server.port", &provider),
            ("http.response.status_code", "200"), ("api_proxy.channel", "claude"),
        ] {
            assert_eq!(attempt.says(key), value, "{key}");
        }
        assert_eq!(told(&app, 0), [attempt.ids().0, attempt.ids().1, "01".to_owned()], "the provider's parent is the attempt");
        let headers = &collector.posts()[0].headers;
        assert!(headers.contains(&("x-token".to_owned(), TOKEN.to_owned())));
        assert!(headers.contains(&("content-type".to_owned(), "application/x-protobuf".to_owned())));
        app.finish().await;
    }

    async fn a_stream_is_a_span_as_long_as_the_stream(storage) {
        let (app, collector) = traced(storage, Sampling::default()).await;
        let gate = Gate::new();
        app.provider().push(Scripted::pieces(["one", "two"]).wait_for_after(1, gate.clone()).usage(Usage::new(10, 3)));
        let stream = app.caller().speaking(Protocol::ChatCompletions).asks("hello").streaming().await;
        assert!(collector.spans().is_empty(), "not before its end");
        gate.open();
        stream.rest().await.expects(200);
        let (root, attempts) = tree(collector.waits_for(2).await);
        assert_eq!((root.says("api_proxy.stream"), root.says("gen_ai.request.model")), ("true", GPT));
        assert!(root.span.events.iter().any(|event| event.name == "first output"));
        assert_eq!(attempts[0].says("gen_ai.provider.name"), "openai");
        assert_eq!(attempts[0].says("gen_ai.usage.output_tokens"), "3");
        assert_eq!(attempts[0].span.end_time_unix_nano, root.span.end_time_unix_nano);
        app.finish().await;
    }

    async fn a_failover_has_a_span_for_each_attempt(storage) {
        let (app, collector) = traced(storage, Sampling::default()).await;
        app.channel(json!({"name": "second", "type": "claude", "priority": -1})).await;
        app.provider().push(Scripted::status(500));
        app.caller().asks("hello").whole().await.expects(200);
        let (root, attempts) = tree(collector.waits_for(3).await);
        assert_eq!(root.says("api_proxy.channel"), "second");
        let said: Vec<_> = attempts.iter().map(|one| (one.says("api_proxy.channel"), one.says("http.response.status_code"))).collect();
        assert_eq!(said, [("claude", "500"), ("second", "200")]);
        assert_ne!(attempts[0].says("error.type"), "");
        assert_eq!([attempts[0].has_failed(), attempts[1].has_failed(), root.has_failed()], [true, false, false]);
        assert_eq!(attempts[0].says("gen_ai.usage.input_tokens"), "", "tokens stand on the one that answered");
        let parents: Vec<_> = (0..2).map(|nth| told(&app, nth)[1].clone()).collect();
        assert_eq!(parents, [attempts[0].ids().1, attempts[1].ids().1]);
        app.finish().await;
    }

    async fn a_refused_request_is_a_span_without_attempts(storage) {
        let (app, collector) = traced(storage, Sampling::default()).await;
        app.caller().asks("hello").model("nobody-has-it").whole().await.expects(404);
        let (root, attempts) = tree(collector.waits_for(1).await);
        assert!(attempts.is_empty());
        assert_eq!((root.says("api_proxy.ending"), root.says("http.response.status_code")), ("refused", "404"));
        assert_eq!(root.says("error.type"), "unknown_model");
        assert!(!root.has_failed(), "the client's own fault");
        app.caller().with_key("sk-relay-nobody-has-this-key").asks("hello").whole().await.expects(401);
        app.finish().await;
        assert_eq!(collector.spans().len(), 1, "strangers make no spans");
    }

    async fn an_attempt_that_its_client_left_has_a_span(storage) {
        let (app, collector) = traced(storage, Sampling::default()).await;
        app.provider().push(Scripted::new().hang());
        let asked = app.caller().asks("hello").spawn();
        app.provider().wait_for_requests(1).await.unwrap();
        asked.abort();
        app.provider().wait_for_dropped(1).await.unwrap();
        let (root, attempts) = tree(collector.waits_for(2).await);
        assert_eq!((root.says("api_proxy.ending"), root.says("error.type")), ("client_left", "client_left"));
        assert_eq!(attempts[0].says("api_proxy.channel"), "claude");
        assert_eq!(told(&app, 0)[1], attempts[0].ids().1);
        app.finish().await;
    }

    async fn a_clients_trace_goes_on_and_a_broken_one_is_replaced(storage) {
        let (app, collector) = traced(storage, Sampling::default()).await;
        let parent = format!("00-{TRACE}-{SPAN}-01");
        let state = "vendor=opaque,other=1";
        app.caller().asks("hello").header("traceparent", &parent).header("tracestate", state).whole().await.expects(200);
        let (root, _) = tree(collector.waits_for(2).await);
        assert_eq!((root.ids().0.as_str(), root.parent().as_str()), (TRACE, SPAN));
        assert_eq!(root.span.trace_state, state);
        assert_eq!(told(&app, 0)[0], TRACE);
        assert_ne!(told(&app, 0)[1], SPAN, "the attempt's, not the client's");
        assert_eq!(app.provider().requests()[0].header("tracestate"), Some(state));
        for (count, broken) in ["nonsense", &parent.to_uppercase(), &format!("ff-{TRACE}-{SPAN}-01"), ""].iter().enumerate() {
            app.caller().asks("hello").header("traceparent", broken).header("tracestate", state).whole().await.expects(200);
            let spans = collector.waits_for(4 + 2 * count).await;
            let (root, _) = tree(spans.into_iter().skip(2 + 2 * count).collect());
            assert_ne!(root.ids().0, TRACE, "{broken}");
            assert_eq!(root.parent(), "", "{broken}");
            let seen = app.provider().requests();
            assert_eq!(seen[count + 1].header("tracestate"), None, "a state without a parent says nothing");
            assert_eq!(told(&app, count + 1)[0], root.ids().0);
        }
        app.finish().await;
    }

    async fn what_nobody_samples_is_not_sent_but_told_to_providers(storage) {
        let (app, collector) = traced(storage, Sampling::default()).await;
        app.caller().asks("hello").header("traceparent", &format!("00-{TRACE}-{SPAN}-00")).whole().await.expects(200);
        let said = told(&app, 0);
        assert_eq!((said[0].as_str(), said[2].as_str()), (TRACE, "00"));
        app.finish().await;
        assert!(collector.spans().is_empty());
    }

    async fn a_share_of_traces_is_decided_by_their_ids_alike(storage) {
        let (app, collector) = traced(storage, Sampling { follows_parent: false, share: 0.5 }).await;
        // The share is taken of the last 63 bits of a trace's id.
        let [low, high] = ["00000000000000000000000000000001", "0000000000000001ffffffffffffffff"];
        for trace in [low, high] {
            app.caller().asks("hello").header("traceparent", &format!("00-{trace}-{SPAN}-01")).whole().await.expects(200);
        }
        assert_eq!((told(&app, 0)[2].as_str(), told(&app, 1)[2].as_str()), ("01", "00"));
        app.finish().await;
        assert!(collector.spans().iter().all(|span| span.ids().0 == low));
        assert_eq!(collector.spans().len(), 2, "what was left is sent when the process stops");
    }

    async fn without_a_collector_nothing_of_a_trace_goes_upstream(storage) {
        let app = spawn_app(storage).await;
        let parent = format!("00-{TRACE}-{SPAN}-01");
        for protocol in [Protocol::Messages, Protocol::ChatCompletions] {
            let asking = app.caller().speaking(protocol).asks("hello");
            asking.header("traceparent", &parent).header("tracestate", "a=1").whole().await.expects(200);
        }
        for seen in app.provider().requests() {
            assert_eq!((seen.header("traceparent"), seen.header("tracestate")), (None, None));
        }
        app.finish().await;
    }

    async fn a_collector_that_is_away_costs_spans_and_nothing_else(storage) {
        let (app, collector) = traced(storage, Sampling::default()).await;
        collector.refuses(Some(400));
        for _ in 0..3 {
            app.caller().asks("hello").whole().await.expects(200);
        }
        eventually("the spans are counted as not taken", async || counted(&app, "not_taken").await == 6).await;
        assert!(collector.refused() >= 1);
        collector.refuses(None);
        app.caller().asks("hello").whole().await.expects(200);
        collector.waits_for(2).await;
        eventually("the spans are counted as sent", async || counted(&app, "sent").await == 2).await;
        collector.stop().await;
        app.caller().asks("hello").whole().await.expects(200);
        eventually("with nobody at the port, too", async || counted(&app, "not_taken").await == 8).await;
        let stopping = std::time::Instant::now();
        app.finish().await;
        assert!(stopping.elapsed() < PATIENCE);
    }

    async fn no_prompt_and_no_secret_is_in_what_is_sent(storage) {
        let (app, collector) = traced(storage, Sampling::default()).await;
        app.sets(json!({"recordAllRequestDetails": true, "circuitEnabled": false, "proxyMaxRetries": 0})).await;
        let prompt = "prompt-of-nobodys-business-4711";
        let echo = json!({"type": "error", "error": {"type": "api_error", "message": format!("cannot read {prompt}")}}).to_string();
        let replies = [Scripted::text("answer-of-nobodys-business-4712"), Scripted::status(500).error_body(echo.clone()), Scripted::status(400).error_body(echo)];
        for reply in replies {
            app.provider().push(reply);
            app.caller().asks(prompt).header("session-id", "session-of-nobody-4713").whole().await;
        }
        collector.waits_for(6).await;
        let key = app.caller().key;
        for post in collector.posts() {
            let body = String::from_utf8_lossy(&post.body).into_owned();
            for secret in [prompt, "nobodys-business", "session-of-nobody", "sk-upstream", TOKEN, &key] {
                assert!(!body.contains(secret), "{secret}");
            }
        }
        app.finish().await;
    }

    async fn only_admins_are_told_where_the_time_went(storage) {
        let app = spawn_app(storage).await;
        let root = app.admin("GET", "/api/me", serde_json::Value::Null).await["id"].as_i64().unwrap();
        app.pays(root, "10").await;
        let admin = app.makes_caller(root, json!({})).await;
        let reply = app.caller().asks("hello").whole().await.expects(200);
        assert!(!reply.has("server-timing"));
        assert!(!app.caller().asks("hello").streamed().await.expects(200).has("server-timing"));
        assert!(!app.caller().asks("hello").model("nobody-has-it").whole().await.expects(404).has("server-timing"));
        let replies = [
            admin.asks("hello").whole().await.expects(200),
            admin.asks("hello").streamed().await.expects(200),
            admin.asks("hello").model("nobody-has-it").whole().await.expects(404),
            admin.sends("{").whole().await.expects(400),
        ];
        for reply in replies {
            let told = reply.header("server-timing").to_owned();
            let stages: Vec<(&str, f64)> = told
                .split(", ")
                .map(|stage| stage.split_once(";dur=").map(|(name, took)| (name, took.parse().unwrap())).unwrap())
                .collect();
            let names: Vec<_> = stages.iter().map(|(name, _)| *name).collect();
            assert_eq!(names, ["read", "admit", "queue", "route", "upstream", "own", "total"], "{told}");
            let took = |wanted: &str| stages.iter().find(|(name, _)| *name == wanted).unwrap().1;
            let parts = took("read") + took("queue") + took("own") + took("upstream");
            assert!((parts - took("total")).abs() < 0.01, "all of the time is somewhere: {told}");
        }
        for (role, is_told) in [("admin", true), ("user", false)] {
            app.admin("PATCH", &format!("/api/users/{}", app.user), json!({"role": role})).await;
            assert_eq!(app.caller().asks("hello").whole().await.expects(200).has("server-timing"), is_told, "{role} now");
        }
        app.finish().await;
    }
}
