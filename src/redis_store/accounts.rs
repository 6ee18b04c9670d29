//! Users' limits and money in Redis: one script, one round trip.

use std::sync::LazyLock;

use actors::user_gate::shared::{
    AccountFigures, Decision, KeyShare, Question, Reply, Share, SharedAccounts, SharedUnavailable, Standing,
};
use actors::user_gate::{Ask, Extension, LimitOf, Refusal};
use actors::vocabulary::Nanos;
use actors::vocabulary::settings::BalancePolicy;
use async_trait::async_trait;
use deadpool_redis::redis::Script;
use serde_json::{Map, Value, json};

use super::{RedisStore, named};

static SCRIPT: LazyLock<Script> = LazyLock::new(|| Script::new(include_str!("scripts/account.lua")));

/// An instance whose first in line came so much earlier goes first; within this, whoever asks first.
pub const TURN_MS: i64 = 500;
/// How long it counts that somebody waits at another instance; they say so with each try, several times in this time.
const WAITS_LAST_MS: i64 = 1_000;

/// Users' accounts, shared.
#[derive(Clone, Debug)]
pub struct RedisAccounts(pub RedisStore);

#[async_trait]
impl SharedAccounts for RedisAccounts {
    fn standing(&self) -> Standing {
        self.0.standing()
    }

    async fn tell(&self, share: &Share, question: Question<'_>) -> Result<Reply, SharedUnavailable> {
        let inner = &self.0.inner;
        let mut told = told(&inner.id, share);
        told.insert("lease".to_owned(), json!(inner.lease_ms()));
        if let Some(ask) = asked(question) {
            told.insert("ask".to_owned(), ask);
        }
        let mut call = SCRIPT.prepare_invoke();
        call.key(named("user", share.user))
            .key(named("windows", share.user))
            .key(named("instances", "seen"))
            .key(named("shares", &inner.id))
            .arg(Value::Object(told).to_string());
        let answer: Vec<String> = inner.run(&call).await?;
        reply(&answer, question).ok_or_else(|| {
            tracing::error!(?answer, "an answer of Redis is not understood");
            SharedUnavailable
        })
    }
}

/// Ids go as text: Lua's own numbers-to-text loses digits.
fn told(id: &str, share: &Share) -> Map<String, Value> {
    let mut told = Map::new();
    let mut put = |name: &str, value: Value| told.insert(name.to_owned(), value);
    put("me", json!(id));
    put("user", json!(share.user.to_string()));
    put("version", json!(share.version));
    put("slots", json!(share.slots));
    put("held", json!(share.held.0));
    put("unbooked", json!(share.unbooked.0));
    put("gave_back", json!(share.gave_back));
    put("waits_last", json!(WAITS_LAST_MS));
    put("fair", json!(TURN_MS));
    put("freed", json!(named("news", "freed")));
    put("keys", share.keys.iter().map(key_share).collect());
    put("corrections", corrections(share));
    if let Some(hold) = share.overdrawn {
        put("overdrawn", json!(hold.to_string()));
    }
    if let Some(waits) = share.waits_ms {
        put("waits", json!(waits));
    }
    if let Some(account) = &share.account {
        put("account", figures(account));
    }
    told
}

fn key_share(key: &KeyShare) -> Value {
    json!({
        "id": key.id.to_string(), "slots": key.slots, "held": key.held.0, "unbooked": key.unbooked.0,
        "day": key.day_start, "day_held": key.day_held, "day_unbooked": key.day_unbooked,
    })
}

fn corrections(share: &Share) -> Value {
    let one = share.corrections.iter().map(|correction| {
        json!({
            "second": correction.second, "key": correction.key.to_string(),
            "requests": correction.requests.0, "key_requests": correction.requests.1,
            "tokens": correction.tokens.0, "key_tokens": correction.tokens.1,
        })
    });
    one.collect()
}

fn figures(account: &AccountFigures) -> Value {
    let keys: Value = account
        .keys
        .iter()
        .map(|key| json!({"id": key.id.to_string(), "used": key.used.0, "day": key.day_start, "tokens": key.day_tokens}))
        .collect();
    let mut figures = json!({"used": account.used.0, "keys": keys});
    if let Some((quota, token)) = account.quota {
        figures["quota"] = json!(quota.0);
        figures["token"] = json!(token);
    }
    figures
}

fn asked(question: Question<'_>) -> Option<Value> {
    let mut asked = Map::new();
    let mut put = |name: &str, value: Option<Value>| {
        if let Some(value) = value {
            asked.insert(name.to_owned(), value);
        }
    };
    match question {
        Question::Nothing => return None,
        Question::Extend { hold, key, budget, least, wished } => {
            put("key", Some(json!(key.to_string())));
            put("extend", Some(json!(hold.to_string())));
            put("least", Some(json!(least.0)));
            put("wished", Some(json!(wished.0)));
            put("budget", budget.map(|budget| json!(budget.0)));
        }
        Question::Admit { ask, charges, tries, waited_ms } => {
            put("key", Some(json!(ask.key.to_string())));
            put("charges", Some(json!(charges)));
            put("tries", Some(json!(tries)));
            put("waited", Some(json!(waited_ms)));
            put("tokens", Some(json!(ask.tokens)));
            put("user_rpm", ask.user_limits.rpm.map(Value::from));
            put("user_tpm", ask.user_limits.tpm.map(Value::from));
            put("user_slots", ask.user_limits.concurrency.map(Value::from));
            put("key_rpm", ask.key_limits.rpm.map(Value::from));
            put("key_tpm", ask.key_limits.tpm.map(Value::from));
            put("key_slots", ask.key_limits.concurrency.map(Value::from));
            put("budget", ask.load.as_ref().and_then(|load| load.budget).map(|budget| json!(budget.0)));
            put("load", load(ask));
        }
    }
    Some(Value::Object(asked))
}

fn load(ask: &Ask) -> Option<Value> {
    let load = ask.load.as_ref()?;
    let mut told = json!({
        "floor": load.floor.0, "wanted": load.wanted.0, "strict": load.policy == BalancePolicy::Strict,
        "day_hold": load.day_hold, "day": load.day_start,
    });
    if let Some(tokens) = load.daily_tokens {
        told["daily"] = json!(tokens);
    }
    Some(told)
}

/// Reads what `account.lua` answers; `None` = it is none of its answers.
fn reply(answer: &[String], question: Question<'_>) -> Option<Reply> {
    let [now, second, quota, used, decision, figures @ ..] = answer else { return None };
    let number = |text: &String| text.parse::<i64>().ok();
    let first = || figures.first().map(String::as_str);
    let second_figure = || figures.get(1).and_then(number);
    let decision = match decision.as_str() {
        "noted" => Decision::Noted,
        "account" => Decision::AccountMissing,
        "granted" => Decision::Granted { money: Nanos(figures.first().and_then(number)?), day_tokens: second_figure()? },
        "extended" => {
            let extension = match first()? {
                "granted" => Extension::Granted,
                "overdrawn" => Extension::Overdrawn,
                "held" => Extension::Held,
                _ => Extension::UsedUp,
            };
            Decision::Extended(extension, Nanos(second_figure()?))
        }
        "user_full" => Decision::UserFull(full(first()?, second_figure()?)),
        "key_full" => Decision::KeyFull(full(first()?, second_figure()?)),
        "never" => Decision::Never(never(first()?, second_figure()?)),
        kind @ ("rpm" | "tpm") => {
            let of = if first()? == "user" { LimitOf::User } else { LimitOf::Key };
            let limit = u32::try_from(second_figure()?).ok()?;
            let retry_ms = figures.get(2).and_then(number)?;
            Decision::Never(match kind {
                "rpm" => Refusal::Rpm { of, limit, retry_ms },
                _ => Refusal::Tpm { of, limit, retry_ms },
            })
        }
        // An older share of ours was told after a newer one: nobody waits for this answer but after a clock was set back.
        "stale" if matches!(question, Question::Nothing) => Decision::Noted,
        _ => return None,
    };
    let balance = number(quota).zip(number(used)).map(|(quota, used)| (Nanos(quota), Nanos(used)));
    Some(Reply { now_ms: number(now)?, balance, second: number(second), decision })
}

fn full(what: &str, figure: i64) -> Refusal {
    match what {
        "slots" => Refusal::NoSlot { limit: u32::try_from(figure).unwrap_or(u32::MAX) },
        // Others waited longer; with a limit of requests at a time, that is what they wait for.
        "turn" if figure > 0 => Refusal::NoSlot { limit: u32::try_from(figure).unwrap_or(u32::MAX) },
        "daily" => Refusal::DailyHeld { limit: figure },
        _ => Refusal::BalanceHeld,
    }
}

fn never(what: &str, figure: i64) -> Refusal {
    match what {
        "no_balance" => Refusal::NoBalance,
        "too_small" => Refusal::BalanceTooSmall,
        "daily" => Refusal::DailyQuota { limit: figure },
        _ => Refusal::BudgetUsedUp,
    }
}
