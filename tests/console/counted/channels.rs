//! Channels: what they did, by the attempts that the log keeps and by their tests; what they do, by the process's own word.

use std::collections::BTreeMap;

use reqwest::Method;
use serde_json::Value;

use super::claims::Claims;
use super::format::{count, none, number, share, usd};
use super::overview::{EVERY, SUMS, Sums, percentile};
use super::range::Span;
use super::{Cells, Look};

const SLOT_MS: i64 = 1_800_000;
const SLOTS: i64 = 48;
const DAY_MS: i64 = 86_400_000;

/// What a channel did in half an hour, or in all of them.
#[derive(Clone, Copy, Debug, Default)]
struct Did {
    answered: i64,
    failed: i64,
    throttled: i64,
    tests: i64,
    failed_tests: i64,
}

/// A channel with what it did in the last 24 hours.
struct Channel {
    id: i64,
    name: String,
    row: Cells,
    all: Did,
    slots: Vec<(i64, Did)>,
    /// First output and whole answer: half of them, 95 in 100.
    times: [[String; 2]; 2],
    /// As the process tells.
    now: Value,
}

fn first_slot(now: i64) -> i64 {
    now - now % SLOT_MS - (SLOTS - 1) * SLOT_MS
}

/// All channels by name.
async fn all(look: &Look<'_>) -> Vec<Channel> {
    let told = look.visitor.api(Method::GET, "/api/channel-status", Value::Null).await;
    let state = |id: i64| told["channels"].as_array().unwrap().iter().find(|one| one["channelId"] == id).unwrap().clone();
    let slots = slots(look, first_slot(look.now)).await;
    let columns = "id, name, base_url, priority, weight, max_concurrency, models, \
        (SELECT max(ts) FROM channel_tests t WHERE t.channel_id = channels.id), monitor_interval_ms";
    let mut channels = Vec::new();
    for row in look.rows(&format!("SELECT {columns} FROM channels ORDER BY lower(name)")).await {
        let id = row.number(0);
        let first = first_slot(look.now);
        let own = |slot: i64| slots.get(&(slot, id)).copied().unwrap_or_default();
        let own: Vec<(i64, Did)> = (0..SLOTS).map(|at| first + at * SLOT_MS).map(|slot| (slot, own(slot))).collect();
        let mut all = Did::default();
        for (_, slot) in &own {
            (all.answered, all.failed) = (all.answered + slot.answered, all.failed + slot.failed);
            all.throttled += slot.throttled;
        }
        let answers = format!("channel_id = {id} AND ts >= {first} AND ending = 'completed' AND status < 400");
        let mut times = [const { [const { String::new() }; 2] }; 2];
        for (times, column) in times.iter_mut().zip(["ttft_ms", "duration_ms"]) {
            for (time, percent) in times.iter_mut().zip([50, 95]) {
                *time = percentile(look, column, &answers, percent).await;
            }
        }
        let (name, now) = (row.text(1), state(id));
        channels.push(Channel { id, name, row, all, slots: own, times, now });
    }
    channels
}

/// What every channel did, by half hour.
async fn slots(look: &Look<'_>, first: i64) -> BTreeMap<(i64, i64), Did> {
    let mut slots = BTreeMap::<(i64, i64), Did>::new();
    for row in look.rows(&format!("SELECT ts, ending, attempts FROM request_log WHERE ts >= {}", first - DAY_MS)).await {
        let attempts: Vec<Value> = serde_json::from_str(&row.text(2)).unwrap();
        for attempt in attempts {
            let began = row.number(0) + attempt["startedMs"].as_i64().unwrap();
            let did = slots.entry((began - began % SLOT_MS, attempt["channelId"].as_i64().unwrap())).or_default();
            let broke = ["upstream_failed", "timed_out"].contains(&row.text(1).as_str());
            match (attempt["status"].as_i64(), attempt["error"].is_string()) {
                (Some(429), _) => did.throttled += 1,
                (Some(404), true) => {}
                (_, true) => did.failed += 1,
                (Some(400..), false) => {}
                _ if row.text(1) == "killed" => {}
                _ if broke => did.failed += 1,
                _ => did.answered += 1,
            }
        }
    }
    for row in look.rows(&format!("SELECT ts, channel_id, reachable FROM channel_tests WHERE ts >= {first}")).await {
        let ts = row.number(0);
        let did = slots.entry((ts - ts % SLOT_MS, row.number(1))).or_default();
        did.tests += 1;
        did.failed_tests += i64::from(!row.is(2));
    }
    slots
}

/// The share of attempts that each channel answered in the half hours that a range touches.
pub async fn attempts(look: &Look<'_>, span: Span) -> BTreeMap<i64, String> {
    let first = span.from - span.from % SLOT_MS;
    let mut all = BTreeMap::<i64, Did>::new();
    for ((slot, id), did) in slots(look, first).await {
        if (first..span.to).contains(&slot) {
            let sum = all.entry(id).or_default();
            (sum.answered, sum.failed) = (sum.answered + did.answered, sum.failed + did.failed);
            sum.throttled += did.throttled;
        }
    }
    let asked = all.into_iter().map(|(id, did)| (id, did.answered, did.answered + did.failed + did.throttled));
    asked.filter(|(.., all)| *all > 0).map(|(id, answered, all)| (id, share(answered, all))).collect()
}

impl Channel {
    fn success(&self) -> String {
        share(self.all.answered, self.all.answered + self.all.failed + self.all.throttled)
    }

    fn in_flight(&self) -> String {
        let most = self.row.some(5).filter(|most| *most > 0);
        format!(
            "{}{}",
            number(self.now["inFlight"].as_i64().unwrap()),
            most.map(|most| format!(" / {}", number(most))).unwrap_or_default()
        )
    }

    /// How it stands, and why.
    fn standing(&self, look: &Look<'_>) -> String {
        let word = self.now["standing"].as_str().unwrap();
        let of = |name: &str| number(self.now[name].as_i64().unwrap());
        let why = match word {
            "failing" => format!("{} of {} in the last minute", of("failures"), of("requests")),
            "test_failed" => match self.now["lastTest"]["status"].as_i64() {
                Some(status) => format!("the provider said {status}"),
                None => self.now["lastTest"]["error"].as_str().unwrap().to_owned(),
            },
            _ => String::new(),
        };
        format!("{} {why}", look.say(&format!("standing-{word}"))).trim_end().to_owned()
    }

    /// What its half hours say.
    fn cells(&self, look: &Look<'_>) -> Vec<String> {
        self.slots.iter().map(|(slot, did)| cell(look, *slot, did)).collect()
    }

    fn both(&self, at: usize) -> String {
        let [half, most] = &self.times[at];
        if *half == none() { none() } else { format!("{half} / {most}") }
    }
}

/// How a half hour was: from one failure in two on it was down, from one in twenty on it was troubled.
fn state(did: &Did) -> &'static str {
    let all = did.answered + did.failed + did.throttled + did.tests;
    let bad = did.failed + did.throttled + did.failed_tests;
    match () {
        () if all == 0 => "quiet",
        () if bad * 2 >= all => "down",
        () if bad * 20 >= all => "troubled",
        () => "fine",
    }
}

fn cell(look: &Look<'_>, slot: i64, did: &Did) -> String {
    let said = format!("{} {}", look.moment(slot, "%H:%M"), look.say(&format!("cell-{}", state(did))));
    if state(did) == "quiet" {
        return said;
    }
    let (asked, bad) = (did.answered + did.failed + did.throttled, did.failed + did.throttled);
    format!("{said}: {asked} requests, {bad} failed; {} tests, {} failed", did.tests, did.failed_tests)
}

/// The words and heights of half hours below a selector.
fn claim_cells(look: &Look<'_>, claims: &mut Claims, within: &str, channel: &Channel) {
    claims.texts(&format!("{within} .cells li"), channel.cells(look));
    claims.attributes(&format!("{within} .cells li"), "title", channel.cells(look));
    let classes = channel.slots.iter().map(|(_, did)| state(did).to_owned()).collect();
    claims.attributes(&format!("{within} .cells li"), "class", classes);
}

/// `/admin/channels`
pub async fn list(look: &Look<'_>) -> Claims {
    let (mut claims, channels) = (Claims::default(), all(look).await);
    let graded = |grade: &str| channels.iter().filter(|one| one.now["grade"] == grade).count() as i64;
    let mut said = format!("{}, {} healthy", count(channels.len() as i64, "channel", "channels"), graded("ok"));
    for (grade, one, more) in
        [("warn", "needs attention", "need attention"), ("bad", "failing", "failing"), ("off", "off", "off")]
    {
        let many = graded(grade);
        if many > 0 {
            said += &format!(", {}", count(many, one, more));
        }
    }
    claims.text(".head p", said);
    let told = channels.iter().map(|one| {
        let bad = one.all.failed + one.all.throttled;
        let success = format!("{}{}", one.success(), if bad > 0 { format!("{bad} failed") } else { String::new() });
        let tested = one.row.some(7).map_or_else(none, |ts| look.moment(ts, "%m-%d %H:%M"));
        let host = one.row.text(2).replace("http://", "");
        vec![
            format!("{}{host}", one.name),
            one.standing(look),
            number(one.row.number(3)),
            number(one.row.number(4)),
            one.in_flight(),
            success,
            one.times[0][0].clone(),
            tested,
        ]
    });
    let heads = ["Name", "Status", "Priority", "Weight", "In flight", "Success 24 h", "First output p50", "Tested"];
    claims.table("#list table", &heads, told.collect());
    look.foot(&mut claims, channels.len() as i64);
    claims
}

/// `/admin/channel-status`
pub async fn status(look: &Look<'_>) -> Claims {
    let (mut claims, channels) = (Claims::default(), all(look).await);
    let graded = |grade: &str| number(channels.iter().filter(|one| one.now["grade"] == grade).count() as i64);
    claims.texts(".grades dd", ["ok", "warn", "bad", "off"].map(graded).to_vec());
    let told = channels.iter().map(|one| {
        let kind = if one.now["type"] == "claude" { "Claude" } else { "OpenAI" };
        vec![format!("{}{kind}", one.name), one.standing(look), one.success(), one.both(0), one.both(1), one.in_flight()]
    });
    let heads = ["Channel", "Status", "Success 24 h", "First output p50 / p95", "Whole answer p50 / p95", "In flight"];
    claims.table("#list table", &heads, told.collect());
    for (at, one) in channels.iter().enumerate() {
        claim_cells(look, &mut claims, &format!("#list tbody tr:nth-child({})", at + 1), one);
    }
    look.foot(&mut claims, channels.len() as i64);
    claims
}

/// `/admin/channels/test`
pub async fn to_be_tested(look: &Look<'_>) -> Claims {
    let mut claims = Claims::default();
    let enabled = look.number("SELECT count(*) FROM channels WHERE enabled").await;
    let each = "enabled channels get one tiny request each, which their providers may charge for.";
    claims.text(".head p", format!("{enabled} {each}"));
    claims
}

/// `/admin/channels/{id}`
pub async fn one(look: &Look<'_>) -> Claims {
    let (mut claims, id) = (Claims::default(), look.id());
    let channel = all(look).await.into_iter().find(|one| one.id == id).unwrap();
    let Did { answered, failed, throttled, .. } = channel.all;
    claims.text(".health", channel.standing(look));
    let most = channel.row.some(5).map_or("Unlimited".to_owned(), number);
    claims.text("[data-figure=inFlight]", format!("{}/ {most}", channel.now["inFlight"]));
    let minute = format!("Last minute: {} sent, {} failed", channel.now["requests"], channel.now["failures"]);
    claims.text("[data-figure=inFlight] + .d", minute);
    claims.text("[data-figure=success]", channel.success());
    claims.text("[data-figure=success] + .d", format!("{answered} answered, {failed} failed, {throttled} throttled"));
    for (name, [half, most]) in ["ttft", "duration"].iter().zip(&channel.times) {
        claims.text(&format!("[data-figure={name}]"), half.clone());
        let below = if *half == none() { Vec::new() } else { vec![format!("95% within {most}")] };
        claims.texts(&format!("[data-figure={name}] + .d"), below);
    }
    let day = format!("channel_id = {id} AND ts >= {} AND ts < {}", look.now - DAY_MS, look.now);
    let sums = Sums::of(&look.rows(&format!("SELECT {SUMS} FROM {EVERY} WHERE {day}")).await[0], 0);
    claims.text("[data-figure=cost]", usd(sums.cost, 4));
    claims.text("[data-figure=cost] + .d", format!("{} requests, {} tokens", number(sums.requests), number(sums.tokens())));
    claim_cells(look, &mut claims, ".cell-box", &channel);
    let troubled: Vec<&(i64, Did)> =
        channel.slots.iter().rev().filter(|slot| ["troubled", "down"].contains(&state(&slot.1))).collect();
    if !troubled.is_empty() {
        let many = troubled.len() as i64;
        claims.text(".troubled summary", count(many, "half hour with failures", "half hours with failures"));
        claims.texts(".troubled li", troubled.iter().map(|(slot, did)| cell(look, *slot, did)).collect());
    }
    tests(look, &mut claims, id).await;
    failures(look, &mut claims, id).await;
    claims.text("[data-figure=priority]", number(channel.row.number(3)));
    claims.text("[data-figure=weight]", number(channel.row.number(4)));
    claims
}

async fn tests(look: &Look<'_>, claims: &mut Claims, id: i64) {
    let sql = format!(
        "SELECT ts, latency_ms, error, reachable, status FROM channel_tests WHERE channel_id = {id} ORDER BY ts DESC, id DESC"
    );
    let rows = look.rows(&sql).await;
    let told = rows.iter().map(|row| {
        let latency = row.some(1).map_or_else(none, super::format::duration);
        let result = look.say(if row.is(3) { "channel-reached" } else { "channel-unreached" });
        let result = format!("{result} {}", row.0[4].as_deref().unwrap_or_default());
        let time = look.moment(row.number(0), "%m-%d %H:%M:%S");
        vec![time, result.trim_end().to_owned(), latency, row.0[2].clone().unwrap_or_default()]
    });
    claims.table("section[aria-labelledby=tests] table", &["Time", "Result", "Latency", "What went wrong"], told.collect());
    if !rows.is_empty() {
        claims.text("section[aria-labelledby=tests] .foot span:first-child", format!("1–{} of {}", rows.len(), rows.len()));
    }
}

/// Failed attempts of the last day, the newest first.
async fn failures(look: &Look<'_>, claims: &mut Claims, id: i64) {
    let sql = format!(
        "SELECT ts, ending, attempts, error, channel_id FROM request_log WHERE ts >= {} AND (attempts LIKE '%\"error\":\"%' \
         OR ending IN ('upstream_failed', 'timed_out')) AND attempts LIKE '%\"channelId\":{id},%' ORDER BY ts DESC, id DESC LIMIT 20",
        look.now - DAY_MS
    );
    let mut told = Vec::new();
    for row in look.rows(&sql).await {
        let attempts: Vec<Value> = serde_json::from_str(&row.text(2)).unwrap();
        let broke = ["upstream_failed", "timed_out"].contains(&row.text(1).as_str());
        let saved = row.text(1) == "completed" && row.some(4) != Some(id);
        for attempt in attempts.iter().rev().filter(|attempt| attempt["channelId"] == id) {
            let later = row.0[3].as_deref().filter(|_| broke);
            let Some(error) = attempt["error"].as_str().or(later) else { continue };
            let time = look.moment(row.number(0) + attempt["startedMs"].as_i64().unwrap(), "%m-%d %H:%M:%S");
            let status = attempt["status"].as_i64().map(|status| format!(" {status}")).unwrap_or_default();
            let saved = if saved { format!(" {}", look.say("channel-saved")) } else { String::new() };
            told.push(format!("{time} {}{status}{saved} {error}", attempt["upstreamModel"].as_str().unwrap()));
        }
    }
    claims.texts(".failures li", told);
}
