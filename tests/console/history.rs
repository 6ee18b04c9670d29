//! Two months of requests, booked as the gateway books its own: of every kind, and on both sides of every edge that
//! a range has.

use std::collections::BTreeMap;
use std::sync::Arc;

use actors::ports::{Clock, LedgerStore, NoFaults};
use actors::vocabulary::{
    Attempt, ChannelId, Ending, IdMaker, KeyId, Multiplier, Nanos, Price, PriceList, Protocol, Receipt, ReceiptId, Tariff,
    Timings, Usage, UserId,
};
use api_proxy::store::{Booking, Db};
use jiff::tz::TimeZone;
use jiff::{Timestamp, ToSpan};
use reqwest::Method;
use serde_json::{Value, json};

use crate::visitor::Visitor;
use crate::world::{Login, World};

/// The days of a range from one day to another that has requests at its edges: so many days ago.
pub const EDGES: (i32, i32) = (5, 4);
const PASSWORD: &str = "a long password";
const MINUTE_MS: i64 = 60_000;
const DAY_MIN: i64 = 1_440;

struct At(i64);

impl Clock for At {
    fn now_ms(&self) -> i64 {
        self.0
    }

    fn monotonic_ms(&self) -> i64 {
        self.0
    }
}

/// A kind of request; what is empty does not apply.
struct Kind {
    key: &'static str,
    protocol: Protocol,
    model: &'static str,
    channel: &'static str,
    spoken: Option<Protocol>,
    ending: Ending,
    status: u16,
    /// Prices in nano-dollars the million: input, output, cache read, cache write.
    prices: Option<[i64; 4]>,
    /// Billionths.
    multiplier: i64,
    /// Input, output, cache read, written for five minutes, for an hour, reasoning.
    usage: [i64; 6],
    /// Channels that failed before, with their status.
    before: &'static [(&'static str, Option<u16>)],
}

const HAIKU: [i64; 4] = [1_000_000_000, 5_000_000_000, 100_000_000, 1_250_000_000];
const MINI: [i64; 4] = [250_000_000, 2_000_000_000, 25_000_000, 0];
const CLAUDE: &str = "Scripted Claude";
const OPENAI: &str = "Scripted OpenAI";
const GONE: &str = "Gone upstream";
const NOTHING: [i64; 6] = [0; 6];

const fn kind(key: &'static str, protocol: Protocol, model: &'static str, channel: &'static str) -> Kind {
    let (spoken, ending, status) = (Some(protocol), Ending::Completed, 200);
    Kind {
        key,
        protocol,
        model,
        channel,
        spoken,
        ending,
        status,
        prices: None,
        multiplier: 1_000_000_000,
        usage: NOTHING,
        before: &[],
    }
}

impl Kind {
    const fn used(self, prices: [i64; 4], usage: [i64; 6]) -> Self {
        Self { prices: Some(prices), usage, ..self }
    }

    const fn ended(self, ending: Ending, status: u16) -> Self {
        Self { ending, status, ..self }
    }
}

use Protocol::{ChatCompletions, CountTokens, Embeddings, Messages, Responses};

fn kinds() -> Vec<Kind> {
    let cached = [1_203, 341, 9_007, 701, 59, 0];
    vec![
        kind("demo", Messages, "claude-haiku-4-5", CLAUDE).used(HAIKU, cached),
        kind("demo", ChatCompletions, "gpt-5-mini", OPENAI).used(MINI, [613, 1_277, 0, 0, 0, 512]),
        Kind { before: &[(OPENAI, Some(529)), (GONE, None)], ..kind("before", Messages, "claude-sonnet-4-5", CLAUDE) }
            .used([3_000_000_001, 15_000_000_000, 300_000_000, 3_750_000_000], [77, 903, 12_345, 0, 1_111, 0]),
        Kind { spoken: Some(ChatCompletions), ..kind("short-lived", Messages, "gpt-5-mini", OPENAI) }
            .used(MINI, [450, 85, 33, 0, 0, 0]),
        Kind { multiplier: 1_370_000_000, ..kind("otto's", Messages, "claude-haiku-4-5", CLAUDE) }
            .used(HAIKU, [7, 3, 11, 5, 2, 1]),
        Kind { spoken: None, ..kind("otto's", Responses, "gpt-5-mini", "") }.ended(Ending::Refused, 402),
        Kind { spoken: None, ..kind("demo", Messages, "no-such-model-7", "") }.ended(Ending::Refused, 404),
        Kind {
            spoken: None,
            before: &[(OPENAI, Some(429)), (CLAUDE, Some(500))],
            ..kind("otto's", Messages, "claude-haiku-4-5", "")
        }
        .ended(Ending::UpstreamFailed, 502),
        kind("before", Messages, "claude-sonnet-4-5", CLAUDE).used(HAIKU, [19, 0, 0, 0, 0, 0]).ended(Ending::TimedOut, 504),
        kind("otto's", Messages, "claude-haiku-4-5", CLAUDE).used(HAIKU, [205, 17, 0, 0, 0, 0]).ended(Ending::ClientLeft, 499),
        kind("demo", Messages, "claude-haiku-4-5", CLAUDE).ended(Ending::Completed, 400),
        Kind { usage: [31, 64, 0, 0, 0, 0], ..kind("otto's", ChatCompletions, "gpt-unpriced", OPENAI) },
        kind("lin's", Messages, "claude-haiku-4-5", GONE).used(HAIKU, [4_001, 1_999, 0, 0, 0, 0]),
        kind("demo", CountTokens, "claude-haiku-4-5", CLAUDE),
        kind("demo", Embeddings, "text-embedding-3-small", OPENAI).used([20_000_000, 0, 0, 0], [8_191, 0, 0, 0, 0, 0]),
        kind("short-lived", Messages, "claude-haiku-4-5", CLAUDE).used(HAIKU, cached).ended(Ending::Killed, 200),
    ]
}

/// When requests arrived, oldest first: just on either side of where ranges begin, of where those before them begin, and of
/// the edges of days by the site's clock.
fn moments(now: i64, zone: &TimeZone) -> Vec<i64> {
    let days = [1, 2, 7, 14, 30, 60].map(|days| days * DAY_MIN);
    let ages = days.into_iter().flat_map(|edge| [edge - 31, edge - 2, edge + 2, edge + 31]);
    let within = [1, 9, 20, 47, 65, 130, 200, 333, 610, 900, 1_300, 4_000, 6_000, 12_000, 25_000, 50_000];
    let mut all: Vec<i64> = ages.chain(within).map(|minutes| now - minutes * MINUTE_MS).collect();
    for days in [0, 1, EDGES.1 - 1, EDGES.0, 9] {
        let midnight = midnight(now, days, zone);
        all.extend([midnight - 1, midnight].into_iter().filter(|ts| *ts < now));
    }
    all.sort_unstable();
    all
}

/// The midnight with which the day of so many days ago began.
pub fn midnight(now: i64, days_ago: i32, zone: &TimeZone) -> i64 {
    let today = Timestamp::from_millisecond(now).unwrap().to_zoned(zone.clone());
    today.checked_sub(days_ago.days()).unwrap().start_of_day().unwrap().timestamp().as_millisecond()
}

/// Who asks with what, and who is asked.
struct Cast {
    keys: BTreeMap<String, (i64, i64, String, String)>,
    channels: BTreeMap<String, i64>,
    zone: TimeZone,
}

impl Cast {
    /// The channel of this name, as a receipt has it.
    fn channel(&self, name: &str) -> Option<(ChannelId, String)> {
        self.channels.get(name).map(|id| (ChannelId(*id), name.to_owned()))
    }

    /// The request of this kind that came at that moment as the `nth` of all.
    fn receipt(&self, kind: &Kind, id: i64, ts: i64, nth: i64) -> Receipt {
        let (key_id, user_id, username, key_prefix) = self.keys[kind.key].clone();
        let [input, output, cache_read, cache_creation_5m, cache_creation_1h, reasoning] =
            kind.usage.map(|tokens| if tokens == 0 { 0 } else { tokens + nth % 13 });
        let usage = Usage { input, output, cache_read, cache_creation_5m, cache_creation_1h, reasoning };
        let prices = kind.prices.map(|[input, output, cache_read, cache_creation]| PriceList {
            input: Price(input),
            output: Price(output),
            cache_read: Price(cache_read),
            cache_creation: Price(cache_creation),
            cache_creation_1h: None,
        });
        let refused = kind.ending == Ending::Refused;
        let tariff = Tariff { prices, global: Multiplier(kind.multiplier), provider: Multiplier::ONE };
        let channel = self.channel(kind.channel);
        let took = 40 + nth * 173 % 15_000;
        let first_output_ms = (output > 0 && kind.protocol != ChatCompletions).then_some(took / 3);
        Receipt {
            id: ReceiptId(id),
            request_id: format!("req_{id}"),
            client_request_id: None,
            ts,
            day_start: midnight(ts, 0, &self.zone),
            user_id: UserId(user_id),
            username,
            key_id: KeyId(key_id),
            key_name: kind.key.to_owned(),
            key_prefix,
            protocol: kind.protocol,
            model: kind.model.to_owned(),
            upstream_model: (!refused).then(|| kind.model.to_owned()),
            channel_id: channel.as_ref().map(|channel| channel.0),
            channel_name: channel.map(|channel| channel.1),
            status: kind.status,
            ending: kind.ending,
            stream: first_output_ms.is_some(),
            converted: kind.spoken.is_some_and(|spoken| spoken != kind.protocol),
            upstream_protocol: kind.spoken,
            usage,
            estimated: kind.protocol == CountTokens,
            tariff: (!refused).then_some(tariff),
            cost: if refused { Nanos::ZERO } else { tariff.cost(&usage) },
            timings: Timings {
                body_read_ms: Some(1),
                admitted_ms: (!refused).then_some(3),
                head_ms: first_output_ms.map(|ms| ms - 2),
                first_output_ms,
                ended_ms: took,
            },
            attempts: if refused { Vec::new() } else { self.attempts(kind, took) },
            error: (kind.ending != Ending::Completed).then(|| "Something went wrong".to_owned()),
            client_ip: Some("203.0.113.9".to_owned()),
            details: None,
        }
    }

    fn attempts(&self, kind: &Kind, took: i64) -> Vec<Attempt> {
        let failed = kind.before.iter().map(|(channel, status)| (*channel, *status, Some("The provider had enough")));
        // What did not end well had begun well.
        let status = if kind.ending == Ending::Completed { kind.status } else { 200 };
        let answered = (!kind.channel.is_empty()).then_some((kind.channel, Some(status), None));
        let tried = failed.chain(answered).enumerate().map(|(at, (channel, status, error))| Attempt {
            channel_id: self.channel(channel).unwrap().0,
            channel_name: channel.to_owned(),
            upstream_model: kind.model.to_owned(),
            status,
            started_ms: 3 + at as i64,
            duration_ms: took / 4,
            error: error.map(str::to_owned),
        });
        tried.collect()
    }
}

async fn person(admin: &Visitor, name: &str) -> i64 {
    let wish = json!({ "username": name, "email": format!("{name}@example.com"), "password": PASSWORD });
    admin.api(Method::POST, "/api/users", wish).await["id"].as_i64().unwrap()
}

/// Books everything, and then renames a key and removes another, a user who has redeemed a card, and a channel. The demo's user
/// has no money yet.
pub async fn book(world: &World, admin: &Visitor, timezone: &str) {
    let zone = TimeZone::get(timezone).unwrap();
    let books = world.books();
    let demo = books.number("SELECT id FROM users WHERE username = 'demo'").await;
    let (otto, lin) = (person(admin, "otto").await, person(admin, "lin").await);
    for (name, owner) in [("before", demo), ("short-lived", demo), ("otto's", otto), ("lin's", lin)] {
        admin.api(Method::POST, "/api/keys", json!({ "name": name, "userId": owner })).await;
    }
    let gone = json!({ "name": GONE, "type": "claude", "baseUrl": world.provider().await, "apiKey": "sk-of-a-channel", "enabled": false });
    let gone = admin.api(Method::POST, "/api/channels", gone).await["id"].clone();
    let told = |row: Vec<Option<String>>| row.into_iter().map(Option::unwrap).collect::<Vec<_>>();
    let keys =
        books.rows("SELECT k.name, k.id, u.id, u.username, k.prefix FROM api_keys k JOIN users u ON u.id = k.user_id").await;
    let keys = keys.into_iter().map(told);
    let cast = Cast {
        keys: keys
            .map(|row| (row[0].clone(), (row[1].parse().unwrap(), row[2].parse().unwrap(), row[3].clone(), row[4].clone())))
            .collect(),
        channels: books
            .rows("SELECT name, id FROM channels")
            .await
            .into_iter()
            .map(told)
            .map(|row| (row[0].clone(), row[1].parse().unwrap()))
            .collect(),
        zone: zone.clone(),
    };
    let (db, ids, kinds) = (Db::open(world.database(), 4).await.unwrap(), Arc::new(IdMaker::new(1_000)), kinds());
    let moments = moments(Timestamp::now().as_millisecond(), &zone);
    for (at, ts) in moments.into_iter().enumerate() {
        let chosen = [at, at * 3 + 5, at * 5 + 11, at * 7 + 2];
        let receipts = chosen.iter().enumerate().map(|(th, which)| {
            let kind = &kinds[which % kinds.len()];
            cast.receipt(kind, ids.next(ts), ts, (at * 4 + th) as i64)
        });
        let booking = Booking::new(db.clone(), Arc::clone(&ids), Arc::new(At(ts)), Arc::new(NoFaults));
        booking.book(&receipts.collect::<Vec<_>>()).await.unwrap();
    }
    admin.api(Method::PATCH, &format!("/api/users/{otto}/quota"), json!({ "adjustUsd": 7, "reason": "test" })).await;
    let id = |name: &str| cast.keys[name].0;
    let limits = json!({ "rateLimitRpm": 60, "rateLimitTpm": 100_000, "maxConcurrency": 0 });
    admin.api(Method::PATCH, &format!("/api/users/{otto}/quota"), limits).await;
    let renamed = json!({ "name": "after", "quota": 123_456, "budgetUsd": 1.5, "rateLimitRpm": 1_000, "rateLimitTpm": 0 });
    admin.api(Method::PATCH, &format!("/api/keys/{}", id("before")), renamed).await;
    admin.api(Method::DELETE, &format!("/api/keys/{}", id("short-lived")), Value::Null).await;
    let card = admin.api(Method::POST, "/api/gift-cards", json!({ "amountUsd": 1.25, "count": 1 })).await;
    let login = Login { account: "lin".to_owned(), password: PASSWORD.to_owned() };
    let redeemer = Visitor::signed_in(&world.site, &login).await;
    redeemer.api(Method::POST, "/api/gift-cards/redeem", json!({ "code": card["cards"][0]["code"] })).await;
    admin.api(Method::DELETE, &format!("/api/users/{lin}"), Value::Null).await;
    admin.api(Method::DELETE, &format!("/api/channels/{gone}"), Value::Null).await;
}
