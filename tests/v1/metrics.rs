//! `/metrics`, as Prometheus reads it.

use std::collections::BTreeMap;
use std::io::Write;
use std::process::{Command, Stdio};

use api_proxy::mock_upstream::{Reply as Scripted, Usage};
use serde_json::json;

use crate::app::{TestApp, Wish, eventually, spawn_app, spawn_app_with};
use crate::database::Storage;
use crate::on_both;
use crate::redis::RedisServer;

async fn scraped(app: &TestApp) -> String {
    let address = app.running().metrics_at.unwrap();
    let reply = reqwest::get(format!("http://{address}/metrics")).await.unwrap();
    assert_eq!(reply.status(), 200);
    assert!(reply.headers()["content-type"].to_str().unwrap().starts_with("text/plain; version=0.0.4"));
    reply.text().await.unwrap()
}

/// The sum of a metric's series that have all these labels.
fn sum(text: &str, name: &str, labels: &[(&str, &str)]) -> f64 {
    let of_name =
        |line: &&str| line.starts_with(&format!("api_proxy_{name}{{")) || line.starts_with(&format!("api_proxy_{name} "));
    let has = |line: &&str| labels.iter().all(|(label, value)| line.contains(&format!("{label}=\"{value}\"")));
    let values = text.lines().filter(of_name).filter(has).map(|line| line.rsplit_once(' ').unwrap().1.parse::<f64>().unwrap());
    values.sum()
}

/// How many series each metric has.
fn series(text: &str) -> BTreeMap<&str, usize> {
    let mut counts = BTreeMap::new();
    for line in text.lines().filter(|line| !line.starts_with('#')) {
        *counts.entry(line.split(['{', ' ']).next().unwrap()).or_default() += 1;
    }
    counts
}

on_both! {
    async fn what_requests_did_is_counted_exactly(storage) {
        let app = spawn_app(storage).await;
        app.provider().always(Scripted::pieces(["one ", "two"]).usage(Usage::new(10, 3)));
        for _ in 0..3 {
            app.caller().asks("hello").whole().await.expects(200);
            app.caller().asks("hello").streamed().await.expects(200);
        }
        app.caller().with_key("sk-relay-nobody-has-this-key").asks("hello").whole().await.expects(401);
        let text = scraped(&app).await;
        let cost: i64 = app.rows().await.iter().map(|row| row.cost_nanos).sum();
        let route = ("route", "messages");
        assert_eq!(sum(&text, "requests_total", &[route, ("status", "200"), ("ending", "completed"), ("channel", "claude")]), 6.0);
        assert_eq!(sum(&text, "request_duration_seconds_count", &[route]), 6.0);
        assert_eq!(sum(&text, "time_to_first_token_seconds_count", &[route]), 3.0, "of streams alone");
        assert_eq!(sum(&text, "overhead_seconds_count", &[route]), 6.0);
        assert_eq!(sum(&text, "tokens_total", &[("kind", "input")]), 60.0);
        assert_eq!(sum(&text, "tokens_total", &[("kind", "output")]), 18.0);
        assert!((sum(&text, "cost_usd_total", &[]) * 1e9 - cost as f64).abs() < 1.0, "{cost}");
        assert_eq!(sum(&text, "attempts_total", &[("channel", "claude"), ("outcome", "answered")]), 6.0);
        assert_eq!(sum(&text, "refusals_total", &[("reason", "unknown_key")]), 1.0);
        for (gauge, value) in [("in_flight_requests", 0.0), ("holds", 0.0), ("ready", 1.0), ("can_record", 1.0), ("live_channels", 2.0)] {
            assert_eq!(sum(&text, gauge, &[]), value, "{gauge}");
        }
        let has_its_disk = text.contains("api_proxy_database_disk_free_bytes ");
        assert_eq!(has_its_disk, storage == Storage::Sqlite, "the disk of a PostgreSQL is not known, and not zero");
        assert_eq!(sum(&text, "build_info", &[("version", env!("CARGO_PKG_VERSION"))]), 1.0);
        app.finish().await;
    }

    async fn a_failure_is_counted_with_its_cause_and_the_one_that_followed(storage) {
        let app = spawn_app(storage).await;
        app.channel(json!({"name": "other", "type": "claude"})).await;
        app.provider().push(Scripted::status(500));
        app.caller().asks("hello").whole().await.expects(200);
        let text = scraped(&app).await;
        assert_eq!(sum(&text, "attempts_total", &[]), 2.0);
        assert_eq!(sum(&text, "attempts_total", &[("outcome", "answered")]), 1.0);
        assert_eq!(sum(&text, "failovers_total", &[]), 1.0);
        app.finish().await;
    }

    async fn refusals_are_counted_all_and_invent_no_series(storage) {
        let app = spawn_app(storage).await;
        app.caller().asks("hello").model("invented").whole().await.expects(404);
        // From the first booking on there is a time of the last one.
        let has_booked = async || scraped(&app).await.contains("api_proxy_last_booking_timestamp_seconds ");
        eventually("the refusal is booked", has_booked).await;
        let before = scraped(&app).await;
        for number in 0..30 {
            app.caller().asks("hello").model(&format!("invented-{number}\"\n{{")).whole().await.expects(404);
        }
        let after = scraped(&app).await;
        assert_eq!(sum(&after, "refusals_total", &[("reason", "unknown_model")]), 31.0, "also those without a row");
        assert_eq!(sum(&after, "requests_total", &[("model", "other"), ("status", "404")]), 31.0);
        assert_eq!(series(&before), series(&after));
        assert!(!after.contains("invented"));
        app.finish().await;
    }
}

/// The dashboard and the alert rules ask for nothing that is not there.
#[actix_web::test]
async fn what_dashboard_and_alerts_ask_for_exists() {
    let app = spawn_app(Storage::Sqlite).await;
    app.channel(json!({"name": "other", "type": "claude"})).await;
    app.provider().push(Scripted::status(500));
    app.caller().asks("hello").streamed().await.expects(200);
    app.caller().asks("hello").model("nobody-has-it").whole().await.expects(404);
    has_what_is_asked_for(&app, |name| !name.contains("_redis_")).await;
    app.finish().await;
}

#[actix_web::test]
async fn what_alerts_ask_of_redis_exists_where_there_is_one() {
    let redis = RedisServer::start().await;
    let app = spawn_app_with(Storage::Postgres, Wish { redis: Some(redis.url()), ..Wish::default() }).await;
    app.caller().asks("hello").streamed().await.expects(200);
    assert!(has_what_is_asked_for(&app, |name| name.contains("_redis_")).await > 0);
    app.finish().await;
}

/// Looks for the names that dashboard and rules use, as far as they are `looked_for`; answers how many that were.
async fn has_what_is_asked_for(app: &TestApp, looked_for: impl Fn(&str) -> bool) -> usize {
    let text = scraped(app).await;
    let there: Vec<&str> = text.lines().filter_map(|line| line.strip_prefix("# TYPE ")?.split(' ').next()).collect();
    let asked = concat!(
        include_str!("../../docker/grafana/dashboards/api-proxy.json"),
        include_str!("../../docker/prometheus/rules.yml")
    );
    let is_of_name = |letter: char| letter.is_ascii_alphanumeric() || letter == '_';
    let names = asked.match_indices("api_proxy_").map(|(at, _)| asked[at..].split(|letter| !is_of_name(letter)).next().unwrap());
    let names: Vec<&str> = names.filter(|name| looked_for(name)).collect();
    for name in &names {
        assert!(there.contains(&name.trim_end_matches("_bucket")), "{name}");
    }
    names.len()
}

#[actix_web::test]
async fn prometheus_own_tool_finds_nothing_wrong() {
    let app = spawn_app(Storage::Sqlite).await;
    app.caller().asks("hello").streamed().await.expects(200);
    let text = scraped(&app).await;
    let mut tool = Command::new("promtool");
    tool.args(["check", "metrics"]).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut running = tool.spawn().expect("promtool, which scripts/test installs");
    running.stdin.take().unwrap().write_all(text.as_bytes()).unwrap();
    let judged = running.wait_with_output().unwrap();
    let said = [judged.stdout, judged.stderr].map(|bytes| String::from_utf8_lossy(&bytes).into_owned()).concat();
    assert!(judged.status.success() && said.is_empty(), "{said}");
    app.finish().await;
}
