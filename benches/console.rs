//! How long pages over a million requests take, on both databases. The aim for a page of the log is below 50 ms.
//!
//! `scripts/bench-console` runs it: with the address of a PostgreSQL in `TEST_POSTGRES_URL` both databases, without one
//! the embedded one alone. Prints the tables of docs/performance.md: the median of the milliseconds from the request to
//! the last byte of the page, on one connection.

#![expect(clippy::print_stdout, reason = "its tables are what it is for")]

use std::fmt::Write as _;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use actors::ports::NoFaults;
use api_proxy::app::{self, Running};
use api_proxy::config::Config;
use reqwest::Client;
use sqlx::{AssertSqlSafe, ConnectOptions, Connection, PgConnection, Row, SqliteConnection};

type Told<T> = Result<T, Box<dyn std::error::Error>>;

/// Requests in the log, over thirty days up to now.
const ROWS: i64 = 1_000_000;
const DAYS: i64 = 30;
const DAY_MS: i64 = 86_400_000;
/// Openings of each page that count; two more warm up.
const TIMES: usize = 7;
/// What a page of the log may take.
const AIM_MS: f64 = 50.0;
/// The ranges of the log, as its page offers them.
const RANGES: [&str; 5] = ["", "1h", "24h", "7d", "30d"];
/// What the log can be filtered and sorted by, with a name for the table.
const LOGS: [(&str, &str); 24] = [
    ("no filter", ""),
    ("completed", "ending=completed"),
    ("refused", "ending=refused"),
    ("upstream failed", "ending=upstream_failed"),
    ("timed out", "ending=timed_out"),
    ("client left", "ending=client_left"),
    ("killed", "ending=killed"),
    ("of a user", "user=user-00"),
    ("for a model", "model=claude-sonnet-4-5"),
    ("by a channel, completed", "channel=3000&ending=completed"),
    ("user, model, channel, failed", "user=user-00&model=claude-opus-4-5&channel=3006&ending=upstream_failed"),
    ("channel, searched", "channel=3003&query=key-7"),
    ("search: a user", "query=user-07"),
    ("search: all users", "query=user-"),
    ("search: a key, completed", "query=key-31&ending=completed"),
    ("search: a model", "query=gpt-5-mini"),
    ("search: a model, refused", "query=gpt-5-mini&ending=refused"),
    ("search: a request", "query=req_00000000000000000000000000499999"),
    ("search: nothing", "query=nothing-like-it"),
    ("by duration", "sort=durationMs"),
    ("by first output", "sort=ttftMs"),
    ("by input", "sort=tokensIn"),
    ("by output", "sort=tokensOut"),
    ("by cost", "sort=costUsd"),
];
/// The other pages that read the log.
const OTHERS: [&str; 9] = [
    "/admin?range=today",
    "/admin?range=24h",
    "/admin?range=7d",
    "/admin?range=30d",
    "/console?range=30d",
    "/admin/users/1000?range=30d",
    "/admin/rankings?range=30d",
    "/admin/channel-status",
    "/admin/logs?page=200",
];
const LOGIN: (&str, &str) = ("root", "correct horse battery");

/// Users, keys, channels and a month of requests, the same for both databases: a few users do most, each key has a
/// model and each model a channel that it mostly uses. `{now}` is the moment before which all of it happened.
const FILL: [&str; 5] = [
    "WITH RECURSIVE n(i) AS (SELECT CAST(0 AS BIGINT) UNION ALL SELECT i + 1 FROM n WHERE i < 39)
     INSERT INTO users (id, username, email, password_hash, role, status, quota_nanos, used_nanos, created_at, updated_at)
     SELECT 1000 + i, 'user-' || substr('0' || CAST(i AS TEXT), length(CAST(i AS TEXT)), 2), 'user-' || CAST(i AS TEXT) || '@example.com', 'none', 'user', 'active',
            100000000000, 0, {now} - 2592000000, {now} - 2592000000 FROM n WHERE true",
    "WITH RECURSIVE n(i) AS (SELECT CAST(0 AS BIGINT) UNION ALL SELECT i + 1 FROM n WHERE i < 79)
     INSERT INTO api_keys (id, user_id, name, prefix, digest, status, models, allowed_ips, created_at, updated_at)
     SELECT 2000 + i, 1000 + i / 2, 'key-' || CAST(i AS TEXT), 'sk-relay-' || CAST(1000 + i AS TEXT), 'none-' || CAST(i AS TEXT), 'active', '[]', '[]',
            {now} - 2592000000, {now} - 2592000000 FROM n WHERE true",
    "WITH RECURSIVE n(i) AS (SELECT CAST(0 AS BIGINT) UNION ALL SELECT i + 1 FROM n WHERE i < 11)
     INSERT INTO channels (id, name, kind, base_url, api_key_sealed, api_key_last4, models, headers_sealed, header_names, enabled, created_at, updated_at)
     SELECT 3000 + i, 'channel-' || CAST(i AS TEXT), CASE WHEN i < 7 THEN 'claude' ELSE 'openai' END, 'http://127.0.0.1:9', '', '0000', '[]', '', '[]',
            false, {now} - 2592000000, {now} - 2592000000 FROM n WHERE true",
    "WITH RECURSIVE n(i) AS (SELECT CAST(0 AS BIGINT) UNION ALL SELECT i + 1 FROM n WHERE i < {rows} - 1),
          a AS (SELECT i, (i * 2654435761 + 12345) % 1000003 AS r, (i * 40503 + 777) % 999983 AS q, (i * 69621 + 31) % 999979 AS p FROM n),
          b AS (SELECT i, r, q, p,
                       {now} - {span} + i * ({span} / {rows}) + p % 2000 AS ts,
                       (r % 1000) * (r % 1000) * 40 / 1000000 AS u,
                       CASE WHEN (r + q) % 1000 < 960 THEN 0 WHEN (r + q) % 1000 < 975 THEN 1 WHEN (r + q) % 1000 < 985 THEN 2 WHEN (r + q) % 1000 < 992 THEN 3 WHEN (r + q) % 1000 < 997 THEN 4 ELSE 5 END AS e
                FROM a),
          c AS (SELECT b.*, u * 2 + q % 2 AS k, CASE WHEN p % 10 < 9 THEN (u * 2 + q % 2) * 5 % 8 ELSE p % 8 END AS m FROM b),
          d AS (SELECT c.*, (m * 3 + CASE WHEN q % 10 < 7 THEN 0 WHEN q % 10 < 9 THEN 1 ELSE 2 END) % 12 AS c FROM c)
     INSERT INTO request_log (id, request_id, ts, user_id, username, key_id, key_name, key_prefix, protocol, model, upstream_model, channel_id,
            channel_name, status, ending, stream, converted, ttft_ms, duration_ms, tokens_in, tokens_out, cache_read_tokens, cache_creation_5m_tokens,
            cache_creation_1h_tokens, reasoning_tokens, estimated, unpriced, cost_nanos, error, tariff, timings, attempts, client_ip)
     SELECT 100000000000000 + i, 'req_' || substr('0000000000000000000000000000000' || CAST(i AS TEXT), length(CAST(i AS TEXT)), 32), ts, 1000 + u,
            'user-' || substr('0' || CAST(u AS TEXT), length(CAST(u AS TEXT)), 2), 2000 + k, 'key-' || CAST(k AS TEXT),
            'sk-relay-' || CAST(1000 + k AS TEXT), CASE WHEN m < 5 THEN 'messages' ELSE 'responses' END,
            CASE m WHEN 0 THEN 'claude-sonnet-4-5' WHEN 1 THEN 'claude-haiku-4-5' WHEN 2 THEN 'claude-opus-4-5' WHEN 3 THEN 'claude-sonnet-4' WHEN 4 THEN 'claude-3-7-sonnet'
                   WHEN 5 THEN 'gpt-5' WHEN 6 THEN 'gpt-5-mini' ELSE 'text-embedding-3-small' END,
            'upstream', CASE WHEN e = 1 THEN NULL ELSE 3000 + c END, CASE WHEN e = 1 THEN NULL ELSE 'channel-' || CAST(c AS TEXT) END,
            CASE e WHEN 0 THEN 200 WHEN 1 THEN 429 WHEN 2 THEN 502 WHEN 3 THEN 499 WHEN 4 THEN 504 ELSE 500 END,
            CASE e WHEN 0 THEN 'completed' WHEN 1 THEN 'refused' WHEN 2 THEN 'upstream_failed' WHEN 3 THEN 'client_left' WHEN 4 THEN 'timed_out' ELSE 'killed' END,
            q % 5 > 0, false, CASE WHEN q % 5 > 0 AND e = 0 THEN 200 + p % 3000 ELSE NULL END, 300 + r % 30000, 50 + p % 9000, 10 + q % 2000, r % 40000, p % 3000, 0, 0,
            false, false, 1000 * (50 + p % 9000) + 5000 * (10 + q % 2000), CASE WHEN e = 0 THEN NULL ELSE 'the upstream answered something else' END,
            '{\"prices\":{\"input\":1000000000,\"output\":5000000000,\"cacheRead\":100000000,\"cacheCreation\":1250000000,\"cacheCreation1h\":null},\"global\":1000000000,\"provider\":1000000000}',
            '{\"bodyReadMs\":1,\"admittedMs\":1,\"headMs\":300,\"firstOutputMs\":310,\"endedMs\":4000}',
            '[{\"channelId\":3000,\"channelName\":\"channel\",\"upstreamModel\":\"upstream\",\"status\":200,\"startedMs\":2,\"durationMs\":100,\"error\":null}]',
            '127.0.0.1' FROM d WHERE true",
    "INSERT INTO usage_hourly (hour, user_id, key_id, channel_id, model, requests, successes, tokens_in, tokens_out, cache_read_tokens,
            cache_creation_tokens, cost_nanos, duration_ms)
     SELECT ts - ts % 3600000, user_id, key_id, coalesce(channel_id, 0), model, count(*), sum(CASE WHEN ending = 'completed' THEN 1 ELSE 0 END),
            sum(tokens_in), sum(tokens_out), sum(cache_read_tokens), sum(cache_creation_5m_tokens), sum(cost_nanos), sum(duration_ms)
     FROM request_log GROUP BY ts - ts % 3600000, user_id, key_id, coalesce(channel_id, 0), model",
];

fn main() -> Told<()> {
    actix_web::rt::System::new().block_on(async {
        let dir = tempfile::tempdir()?;
        let file = format!("sqlite://{}", dir.path().join("api-proxy.db").display());
        let mut told = vec![measure("SQLite", &file, dir.path(), None).await?];
        let server = std::env::vars().find(|(name, _)| name == "TEST_POSTGRES_URL").map(|(_, url)| url);
        if let Some(server) = server {
            let dir = tempfile::tempdir()?;
            let mut admin = PgConnection::connect(&format!("{server}/postgres")).await?;
            let name = format!("bench{}", std::process::id());
            sqlx::query(AssertSqlSafe(format!("CREATE DATABASE {name}"))).execute(&mut admin).await?;
            let url = format!("{server}/{name}");
            told.push(measure("PostgreSQL", &url, dir.path(), Some(&url)).await?);
            sqlx::query(AssertSqlSafe(format!("DROP DATABASE {name} WITH (FORCE)"))).execute(&mut admin).await?;
        }
        println!("{}", told.join("\n"));
        Ok(())
    })
}

/// Fills a database and opens every page on it; its tables.
async fn measure(name: &str, database: &str, dir: &Path, url: Option<&str>) -> Told<String> {
    let gateway = start(dir, url).await?;
    let http = Client::builder().no_proxy().redirect(reqwest::redirect::Policy::none()).build()?;
    let account = format!(r#"{{"username":"{}","email":"root@example.com","password":"{}"}}"#, LOGIN.0, LOGIN.1);
    let register =
        http.post(format!("http://{}/api/auth/register", gateway.listening)).header("content-type", "application/json");
    register.body(account).send().await?.error_for_status()?;
    gateway.stop().await;
    let begun = Instant::now();
    fill(database).await?;
    println!("{name}: {ROWS} requests written in {:.0} s", begun.elapsed().as_secs_f64());

    let gateway = start(dir, url).await?;
    let site = format!("http://{}", gateway.listening);
    let form = format!("account={}&password={}", LOGIN.0, LOGIN.1.replace(' ', "+"));
    let answer = http
        .post(format!("{site}/sign-in"))
        .header("content-type", "application/x-www-form-urlencoded")
        .body(form)
        .send()
        .await?;
    let cookie =
        answer.headers().get("set-cookie").ok_or("nobody was let in")?.to_str()?.split(';').next().unwrap_or_default().to_owned();
    let reader = Reader { http, site, cookie };
    let table = reader.tables(name).await?;
    gateway.stop().await;
    Ok(table)
}

async fn start(dir: &Path, url: Option<&str>) -> Told<Running> {
    let data_dir = dir.to_string_lossy().into_owned();
    let secret = "bench-secret-bench-secret-bench-secret-bench";
    let config = Config::read(|name| match name {
        "DATA_DIR" => Some(data_dir.clone()),
        "PORT" => Some("0".to_owned()),
        "METRICS_LISTEN" => Some("off".to_owned()),
        "APP_SECRET" => Some(secret.to_owned()),
        "DATABASE_URL" => url.map(str::to_owned),
        _ => None,
    })?;
    Ok(app::start(config, Arc::new(NoFaults)).await?)
}

/// The migrations whose statements fill the sums out of the log.
const MIGRATIONS: [&str; 2] = [include_str!("../migrations/0003_traffic.sql"), include_str!("../migrations/0004_pages.sql")];
/// The tables that the second takes over from the first.
const TAKEN_OVER: [&str; 2] = [
    "CREATE TABLE traffic_of_users (hour BIGINT, user_id BIGINT, protocol TEXT, upstream_protocol TEXT, ending TEXT, status BIGINT, requests BIGINT)",
    "CREATE TABLE latency_of_users (hour BIGINT, user_id BIGINT, measure TEXT, up_to_ms BIGINT, requests BIGINT)",
];
const ACTIVITY: &str = "INSERT INTO channel_activity (slot, channel_id, answered, failed, throttled)
     SELECT ts - ts % 1800000, channel_id, count(*), 0, 0 FROM request_log WHERE channel_id IS NOT NULL GROUP BY 1, 2";

/// Every statement that fills a database, in order.
fn statements(now: i64) -> Vec<String> {
    let words = [("{now}", now), ("{rows}", ROWS), ("{span}", DAYS * DAY_MS)];
    let filled = |sql: &str| words.iter().fold(sql.to_owned(), |sql, (word, value)| sql.replace(word, &value.to_string()));
    let inserts = |text: &str| -> Vec<String> {
        let inserts = text.split(";\n").filter_map(|text| text.find("INSERT INTO").map(|start| text[start..].to_owned()));
        inserts.collect()
    };
    let [first, second] = MIGRATIONS.map(inserts);
    let first = first.into_iter().map(|sql| sql.replacen("_hourly", "_of_users", 1));
    let dropped = ["DROP TABLE traffic_of_users".to_owned(), "DROP TABLE latency_of_users".to_owned()];
    let log = FILL.map(filled).into_iter().chain(TAKEN_OVER.map(str::to_owned)).chain(first);
    log.chain(second).chain(dropped).chain([ACTIVITY.to_owned()]).collect()
}

async fn fill(database: &str) -> Told<()> {
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH)?.as_millis();
    let sql = statements(i64::try_from(now)?);
    if database.starts_with("sqlite:") {
        let mut connection = SqliteConnection::connect(database).await?;
        for sql in sql {
            sqlx::query(AssertSqlSafe(sql)).execute(&mut connection).await?;
        }
        return Ok(connection.close().await?);
    }
    let mut connection = database.parse::<sqlx::postgres::PgConnectOptions>()?.connect().await?;
    for sql in sql {
        sqlx::query(AssertSqlSafe(sql)).execute(&mut connection).await?;
    }
    // What the server does by itself a minute later.
    sqlx::query("VACUUM ANALYZE").execute(&mut connection).await?;
    let rows = sqlx::query("SELECT count(*) FROM request_log").fetch_one(&mut connection).await?;
    assert_eq!(rows.get::<i64, _>(0), ROWS);
    Ok(connection.close().await?)
}

/// Somebody signed in who opens pages.
struct Reader {
    http: Client,
    site: String,
    cookie: String,
}

impl Reader {
    async fn tables(&self, name: &str) -> Told<String> {
        let mut table = format!("| {name}: `/admin/logs` | all | 1 h | 24 h | 7 d | 30 d |\n|---|---|---|---|---|---|\n");
        for (label, filter) in LOGS {
            write!(table, "| {label} |")?;
            for range in RANGES {
                let time = self.open(&format!("/admin/logs?{filter}&range={range}")).await?;
                write!(table, " {} |", shown(time))?;
            }
            table.push('\n');
        }
        writeln!(table, "\n| {name}: page | ms |\n|---|---|")?;
        for page in OTHERS {
            writeln!(table, "| `{page}` | {:.0} |", self.open(page).await?.as_secs_f64() * 1e3)?;
        }
        Ok(table)
    }

    /// The median time of a page.
    async fn open(&self, path: &str) -> Told<Duration> {
        let mut times = Vec::new();
        for _ in 0..TIMES + 2 {
            let begun = Instant::now();
            let answer = self.http.get(format!("{}{path}", self.site)).header("cookie", &self.cookie).send().await?;
            assert_eq!(answer.status(), 200, "{path}");
            answer.bytes().await?;
            times.push(begun.elapsed());
        }
        let mut times = times.split_off(2);
        times.sort();
        Ok(times[TIMES / 2])
    }
}

/// In milliseconds; what misses the aim stands out.
fn shown(time: Duration) -> String {
    let ms = time.as_secs_f64() * 1e3;
    if ms < AIM_MS { format!("{ms:.1}") } else { format!("**{ms:.0}**") }
}
