//! Overviews: one's own, everybody's, and that of a user.

use super::claims::Claims;
use super::format::{duration, none, number, share, usd};
use super::range::Span;
use super::{Cells, Look, charts};

/// What succeeded.
pub const GOOD: &str = "ending = 'completed' AND status < 400";
/// All tokens of a request.
pub const TOKENS: &str = "(tokens_in + tokens_out + cache_read_tokens + cache_creation_5m_tokens + cache_creation_1h_tokens)";
/// Rows in a table of an overview at most.
const ROWS: usize = 10;
/// What share of the requests each row of a table has.
const SHARE: &str = "Share of the requests";

/// Counts and sums of rows of the log.
pub const SUMS: &str = "coalesce(sum(n), 0), coalesce(sum(CASE WHEN ending = 'completed' AND status < 400 THEN n ELSE 0 END), 0), \
    coalesce(sum(tokens_in + cache_creation_5m_tokens + cache_creation_1h_tokens), 0), coalesce(sum(cache_read_tokens), 0), \
    coalesce(sum(tokens_out), 0), coalesce(sum(cost_nanos), 0), coalesce(sum(duration_ms), 0)";

/// Every request: those with a row, and those that are counted beside the log, `n` at a time.
pub const EVERY: &str = "(SELECT ts, user_id, key_id, model, protocol, upstream_protocol, channel_id, ending, status, tokens_in, tokens_out, \
    cache_read_tokens, cache_creation_5m_tokens, cache_creation_1h_tokens, cost_nanos, duration_ms, 1 AS n FROM request_log \
    UNION ALL SELECT ts, user_id, key_id, model, protocol, '', NULL, ending, status, 0, 0, 0, 0, 0, 0, duration_ms, requests \
    FROM refusals) AS every";

/// What [`SUMS`] finds.
#[derive(Clone, Copy, Debug, Default)]
pub struct Sums {
    pub requests: i64,
    pub good: i64,
    /// Written to a cache or not.
    pub input: i64,
    pub cached: i64,
    pub output: i64,
    pub cost: i64,
    pub took: i64,
}

impl Sums {
    /// From this column on.
    pub fn of(row: &Cells, at: usize) -> Self {
        let [requests, good, input, cached, output, cost, took] = [0, 1, 2, 3, 4, 5, 6].map(|next| row.number(at + next));
        Self { requests, good, input, cached, output, cost, took }
    }

    pub fn add(&mut self, more: &Self) {
        self.requests += more.requests;
        self.good += more.good;
        self.input += more.input;
        self.cached += more.cached;
        self.output += more.output;
        self.cost += more.cost;
        self.took += more.took;
    }

    pub fn tokens(&self) -> i64 {
        self.input + self.cached + self.output
    }
}

/// `/console` and `/admin`
pub async fn figures(look: &Look<'_>) -> Claims {
    let mut claims = Claims::default();
    let span = Span::asked(look, "24h").unwrap();
    let whose = if look.of_all() { "true".to_owned() } else { format!("user_id = {}", look.me) };
    let rows = format!("{} AND {whose}", span.sql());
    claims.text("[data-figure=running]", "0");
    claims.text("[data-figure=running] + .d", "none waiting");
    tiles(look, &mut claims, span, &whose).await;
    if !look.of_all() {
        money(look, &mut claims, look.me).await;
    }
    charts::drawn(look, &mut claims, span, &whose).await;
    errors(look, &mut claims, &rows).await;
    if look.of_all() {
        charts::throughput(look, &mut claims, span).await;
        channels(look, &mut claims, span, &rows).await;
        protocols(look, &mut claims, &rows).await;
        users(look, &mut claims, &rows).await;
    }
    models(look, &mut claims, &rows).await;
    keys(look, &mut claims, &rows).await;
    claims
}

async fn models(look: &Look<'_>, claims: &mut Claims, rows: &str) {
    let sql = format!("SELECT model, {SUMS} FROM {EVERY} WHERE {rows} GROUP BY model ORDER BY sum(cost_nanos) DESC, 2 DESC");
    let all = look.rows(&sql).await.into_iter().take(ROWS).map(|row| {
        let sums = Sums::of(&row, 1);
        vec![row.text(0), number(sums.requests), share(sums.good, sums.requests), number(sums.output), usd(sums.cost, 4)]
    });
    let heads = ["Model", "Requests", "Success rate", "Output", "Cost"];
    claims.ordered("section[aria-labelledby=models] table", &heads, &["Cost", "Requests"], all.collect());
}

/// Keys, and for admins whose they are.
async fn keys(look: &Look<'_>, claims: &mut Claims, rows: &str) {
    let sql = format!(
        "SELECT coalesce((SELECT name FROM api_keys WHERE id = key_id), 'deleted'), \
         (SELECT u.username FROM api_keys k JOIN users u ON u.id = k.user_id WHERE k.id = key_id), {SUMS} \
         FROM {EVERY} WHERE {rows} GROUP BY key_id ORDER BY sum(cost_nanos) DESC, 3 DESC"
    );
    let found = look.rows(&sql).await;
    let all: i64 = found.iter().map(|row| row.number(2)).sum();
    let told = found.iter().take(ROWS).map(|row| {
        let sums = Sums::of(row, 2);
        let tokens = [sums.input, sums.cached, sums.output].map(number);
        let mut cells = vec![row.text(0), number(sums.requests), share(sums.good, sums.requests)];
        cells.extend(tokens);
        cells.extend([duration(sums.took / sums.requests), usd(sums.cost, 4), share(sums.requests, all)]);
        if look.of_all() {
            cells.insert(1, row.text(1));
        }
        cells
    });
    let mut heads = vec!["Key", "Requests", "Success rate", "Input", "Cached", "Output", "Mean duration", "Cost", SHARE];
    if look.of_all() {
        heads.insert(1, "User");
    }
    claims.ordered("section[aria-labelledby=keys] table", &heads, &["Cost", "Requests"], told.collect());
}

/// What is left and what was spent, by the ledger and by the log.
async fn money(look: &Look<'_>, claims: &mut Claims, user: i64) {
    let balance = look.number(&format!("SELECT sum(amount_nanos) FROM ledger WHERE user_id = {user}")).await;
    let spent = look.number(&format!("SELECT coalesce(sum(cost_nanos), 0) FROM request_log WHERE user_id = {user}")).await;
    claims.text("[data-figure=balance]", usd(balance, 2));
    claims.text("[data-figure=balance] + .d", format!("{} spent so far", usd(spent, 2)));
}

/// A range beside the one before.
pub async fn tiles(look: &Look<'_>, claims: &mut Claims, span: Span, whose: &str) {
    let (now, before) = (sums(look, span, whose).await, sums(look, span.before(), whose).await);
    for (name, shown, changed) in [
        ("requests", number(now.requests), relative(now.requests, before.requests)),
        ("success", share(now.good, now.requests), points((now.good, now.requests), (before.good, before.requests))),
        ("tokens", number(now.tokens()), relative(now.tokens(), before.tokens())),
        ("cost", usd(now.cost, 4), relative(now.cost, before.cost)),
        ("cached", share(now.cached, now.input + now.cached), {
            points((now.cached, now.input + now.cached), (before.cached, before.input + before.cached))
        }),
    ] {
        claims.text(&format!("[data-figure={name}]"), shown);
        let (said, arrow) = changed.unwrap_or_else(|| ("nothing before".to_owned(), ""));
        claims.text(&format!("[data-figure={name}] + .d"), said);
        claims.arrow(&format!("[data-figure={name}] + .d use"), arrow);
    }
    charts::small(look, claims, span, whose).await;
    let done = format!("{} AND {whose} AND ending = 'completed'", span.sql());
    percentiles(look, claims, "duration", "duration_ms", &done).await;
    if look.of_all() {
        percentiles(look, claims, "ttft", "ttft_ms", &done).await;
    }
}

pub async fn sums(look: &Look<'_>, span: Span, whose: &str) -> Sums {
    let rows = look.rows(&format!("SELECT {SUMS} FROM {EVERY} WHERE {} AND {whose}", span.sql())).await;
    Sums::of(&rows[0], 0)
}

/// The change in percent as long as that says something, and which way.
fn relative(now: i64, before: i64) -> Option<(String, &'static str)> {
    let tenths = ((now - before).abs() * 1_000 + before / 2).checked_div(before)?;
    let arrow = if now > before { "arrow-up-right" } else { "arrow-down-right" };
    let percent = if tenths < 10_000 { format!("{}.{}%", tenths / 10, tenths % 10) } else { ">999%".to_owned() };
    Some((format!("{percent} than before"), arrow))
}

/// The change of a share in points.
fn points((part, whole): (i64, i64), (old_part, old_whole): (i64, i64)) -> Option<(String, &'static str)> {
    if whole == 0 || old_whole == 0 {
        return None;
    }
    let change = (part as f64 / whole as f64 - old_part as f64 / old_whole as f64) * 100.0;
    Some((format!("{:.1} pt than before", change.abs()), if change > 0.0 { "arrow-up-right" } else { "arrow-down-right" }))
}

/// The smallest value that so many in a hundred are not above.
pub async fn percentile(look: &Look<'_>, column: &str, rows: &str, percent: i64) -> String {
    let many = look.number(&format!("SELECT count({column}) FROM request_log WHERE {rows}")).await;
    if many == 0 {
        return none();
    }
    let below = (many * percent + 99) / 100 - 1;
    let sorted = format!(
        "SELECT {column} FROM request_log WHERE {rows} AND {column} IS NOT NULL ORDER BY {column} LIMIT 1 OFFSET {below}"
    );
    duration(look.number(&sorted).await)
}

async fn percentiles(look: &Look<'_>, claims: &mut Claims, name: &str, column: &str, rows: &str) {
    claims.text(&format!("[data-figure={name}]"), percentile(look, column, rows, 50).await);
    let most = percentile(look, column, rows, 95).await;
    let said = if most == none() { String::new() } else { format!("95% within {most}") };
    claims.text(&format!("[data-figure={name}] + .d"), said);
}

async fn errors(look: &Look<'_>, claims: &mut Claims, rows: &str) {
    let bad = format!("{rows} AND NOT ({GOOD})");
    let all = look.number(&format!("SELECT coalesce(sum(n), 0) FROM {EVERY} WHERE {bad}")).await;
    let sql = format!("SELECT ending, status, sum(n) FROM {EVERY} WHERE {bad} GROUP BY ending, status ORDER BY 3 DESC");
    let kinds = look.rows(&sql).await;
    let told = kinds.iter().map(|row| {
        let many = row.number(2);
        vec![look.say(&format!("ending-{}", row.text(0))), row.text(1), number(many), share(many, all)]
    });
    let told: Vec<_> = told.collect();
    let any = look.number(&format!("SELECT coalesce(sum(n), 0) FROM {EVERY} WHERE {rows}")).await > 0;
    if !any {
        return;
    }
    claims.text("section[aria-labelledby=errors] .sub", super::format::count(all, "request", "requests"));
    claims.ordered("section[aria-labelledby=errors] table", &["Result", "Status", "Requests", "Share"], &["Requests"], told);
}

/// Channels; how much of what they were asked they answered goes by their attempts, also where another answered in the end.
async fn channels(look: &Look<'_>, claims: &mut Claims, span: Span, rows: &str) {
    let label = "CASE WHEN channel_id IS NULL THEN 'None answered' \
        ELSE coalesce((SELECT name FROM channels WHERE id = channel_id), 'deleted') END";
    let sql = format!(
        "SELECT {label}, {SUMS}, channel_id FROM {EVERY} WHERE {rows} GROUP BY channel_id ORDER BY sum(cost_nanos) DESC, 2 DESC"
    );
    let found = look.rows(&sql).await;
    let all: i64 = found.iter().map(|row| row.number(1)).sum();
    let mut attempts = super::channels::attempts(look, span).await;
    let mut told: Vec<Vec<String>> = Vec::new();
    for row in &found {
        let sums = Sums::of(row, 1);
        let mean = duration(sums.took / sums.requests);
        let good = row.some(8).and_then(|id| attempts.remove(&id)).unwrap_or_else(|| share(sums.good, sums.requests));
        told.push(vec![row.text(0), number(sums.requests), share(sums.requests, all), good, mean, usd(sums.cost, 4)]);
    }
    for (id, good) in attempts {
        let name = format!("SELECT coalesce((SELECT name FROM channels WHERE id = {id}), 'deleted')");
        let name = look.rows(&name).await.remove(0).text(0);
        told.push(vec![name, number(0), share(0, all), good, super::format::none(), usd(0, 4)]);
    }
    let heads = ["Channel", "Requests", SHARE, "Success rate", "Mean duration", "Cost"];
    claims.ordered("section[aria-labelledby=channels] table", &heads, &["Cost", "Requests"], told);
    let total = look.rows(&format!("SELECT {SUMS} FROM {EVERY} WHERE {rows}")).await;
    let total = Sums::of(&total[0], 0);
    if total.requests > 0 {
        let (good, mean) = (share(total.good, total.requests), duration(total.took / total.requests));
        let told = [number(total.requests), String::new(), good, mean, usd(total.cost, 4)];
        claims.texts("section[aria-labelledby=channels] tfoot td:not(:first-child)", told.to_vec());
    }
}

async fn protocols(look: &Look<'_>, claims: &mut Claims, rows: &str) {
    let name = |column: &str| {
        format!(
            "CASE coalesce({column}, '') WHEN 'messages' THEN 'Messages' WHEN 'chat_completions' THEN 'Chat Completions' \
             WHEN 'responses' THEN 'Responses' WHEN 'embeddings' THEN 'Embeddings' WHEN 'count_tokens' THEN 'Token counting' \
             WHEN '' THEN 'None answered' END"
        )
    };
    let (client, upstream) = (name("protocol"), name("upstream_protocol"));
    let sql = format!("SELECT {client}, {upstream}, {SUMS} FROM {EVERY} WHERE {rows} GROUP BY 1, 2 ORDER BY 3 DESC");
    let found = look.rows(&sql).await;
    let all: i64 = found.iter().map(|row| row.number(2)).sum();
    let told = found.iter().take(ROWS).map(|row| {
        let sums = Sums::of(row, 2);
        let asked = if row.text(0) == row.text(1) { look.say("protocol-native") } else { row.text(1) };
        vec![row.text(0), asked, number(sums.requests), share(sums.requests, all), share(sums.good, sums.requests)]
    });
    let heads = ["Client", "Channel", "Requests", SHARE, "Success rate"];
    claims.ordered("section[aria-labelledby=protocols] table", &heads, &["Requests"], told.collect());
}

async fn users(look: &Look<'_>, claims: &mut Claims, rows: &str) {
    let sql = format!(
        "SELECT coalesce((SELECT username FROM users WHERE id = user_id AND deleted_at IS NULL), 'deleted'), {SUMS} FROM {EVERY} \
         WHERE {rows} GROUP BY user_id ORDER BY sum(cost_nanos) DESC"
    );
    let found = look.rows(&sql).await;
    let all: i64 = found.iter().map(|row| Sums::of(row, 1).cost).sum();
    let told = found.iter().take(ROWS).map(|row| {
        let sums = Sums::of(row, 1);
        vec![row.text(0), number(sums.requests), number(sums.tokens()), usd(sums.cost, 4), share(sums.cost, all)]
    });
    let heads = ["User", "Requests", "Tokens", "Cost", "Share of the cost"];
    claims.ordered("section[aria-labelledby=users] table", &heads, &["Cost"], told.collect());
}
