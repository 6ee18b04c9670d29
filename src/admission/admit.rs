//! Model, price, limits, money: one grant from the user's gate.

use actors::settings_cache::Offer;
use actors::user_gate;
use actors::vocabulary::limits::effective;
use actors::vocabulary::settings::BalancePolicy;
use actors::vocabulary::{Limits, Nanos, Protocol, Settings, Usage};

use super::{Admitted, Caller, Desk, Inbound, Refused, Stopped};
use crate::translation::Ask;

/// Output assumed of a model whose maximum nobody named, when the whole worst case is held: the largest
/// `max_tokens` today's models accept without a beta header, and the most a conversion asks for by itself.
const MODEL_MAX_OUTPUT: i64 = 128_000;
/// Most output held for in the TPM windows (contract §2).
const TPM_OUTPUT: i64 = 4_096;

/// Admits a request that has been read.
///
/// # Errors
/// Why it goes no further; nothing is held then.
pub async fn admit(desk: &Desk, mut inbound: Inbound) -> Result<Admitted, Stopped<Refused>> {
    let (offers, fallback) = match offers(&inbound.caller, &inbound.ask) {
        Ok(found) => found,
        Err(why) => return Err(Stopped::with(why, inbound.caller.pending)),
    };
    let input_tokens = inbound.ask.input_tokens();
    let ask = gate_ask(&inbound, &offers, fallback.as_ref(), input_tokens);
    let patience = inbound.caller.snapshot.settings.concurrency_wait_sec;
    match desk.cellar.gates.admit(ask, patience).await {
        Ok(hold) => {
            inbound.caller.pending.admitted(hold);
            Ok(Admitted { inbound, offers, fallback, input_tokens })
        }
        Err(refusal) => Err(Stopped::with(refusal, inbound.caller.pending)),
    }
}

/// Looks at a request of which only the head is known: what no body could save is refused before the body costs anything.
///
/// # Errors
/// No balance at all, a budget or a day's tokens used up, a window that is full.
pub async fn look(desk: &Desk, caller: Caller) -> Result<Caller, Stopped<Refused>> {
    let settings = &caller.snapshot.settings;
    let load = caller.protocol.is_billed().then(|| user_gate::Load {
        floor: Nanos::ZERO,
        wanted: Nanos::ZERO,
        policy: settings.balance_policy,
        budget: caller.key.budget,
        daily_tokens: caller.key.daily_tokens,
        day_hold: 0,
        day_start: caller.day_start,
    });
    let ask = user_gate::Ask {
        user: caller.key.owner.id,
        key: caller.key.id,
        request_id: caller.request_id.clone(),
        user_limits: user_limits(&caller, settings),
        key_limits: key_limits(&caller),
        tokens: 1,
        load,
    };
    match desk.cellar.gates.look(&ask).await {
        Ok(()) => Ok(caller),
        Err(refusal) => Err(Stopped::with(refusal, caller.pending)),
    }
}

fn offers(caller: &Caller, ask: &Ask) -> Result<(Vec<Offer>, Option<Offer>), Refused> {
    let offers = caller
        .snapshot
        .offers(caller.protocol, &ask.model, &caller.key)
        .map_err(|why| Refused::NoOffer { model: ask.model.clone(), why })?;
    Ok((offers, caller.snapshot.fallback(caller.protocol, &caller.key)))
}

fn gate_ask(inbound: &Inbound, offers: &[Offer], fallback: Option<&Offer>, input: i64) -> user_gate::Ask {
    let Inbound { caller, ask, .. } = inbound;
    let settings = &caller.snapshot.settings;
    // A channel that gives one answer at a time is asked for each of several, input and all.
    let asks = if offers.iter().chain(fallback).all(|offer| offer.native) { 1 } else { ask.choices };
    let input = input.saturating_mul(asks);
    let output = expected_output(caller.protocol, ask, settings);
    let dearest =
        |usage: Usage| offers.iter().chain(fallback).map(|offer| offer.tariff.cost(&usage)).max().unwrap_or(Nanos::ZERO);
    let load = caller.protocol.is_billed().then(|| user_gate::Load {
        floor: dearest(Usage { input, ..Usage::default() }),
        wanted: dearest(Usage { input, output, ..Usage::default() }),
        policy: settings.balance_policy,
        budget: caller.key.budget,
        daily_tokens: caller.key.daily_tokens,
        day_hold: input.saturating_add(daily_output(caller.protocol, ask, settings)),
        day_start: caller.day_start,
    });
    user_gate::Ask {
        user: caller.key.owner.id,
        key: caller.key.id,
        request_id: caller.request_id.clone(),
        user_limits: user_limits(caller, settings),
        key_limits: key_limits(caller),
        tokens: input.saturating_add(output.min(TPM_OUTPUT)),
        load,
    }
}

/// Output tokens to hold money for. A whole answer's hold cannot grow while it is made, so all of it is held.
fn expected_output(protocol: Protocol, ask: &Ask, settings: &Settings) -> i64 {
    if matches!(protocol, Protocol::Embeddings | Protocol::CountTokens) {
        return 0;
    }
    let worst = ask.max_output.unwrap_or(MODEL_MAX_OUTPUT);
    let each = match settings.balance_policy {
        BalancePolicy::SpendRemainder if ask.stream => worst.min(settings.hold_output_tokens),
        BalancePolicy::SpendRemainder | BalancePolicy::Strict => worst,
    };
    each.saturating_mul(ask.choices)
}

/// Output tokens to hold of a key's day: what was asked for, since this hold does not grow either. A stream without a
/// limit counts as one that needs no second hold of money, or small quotas would serve one stream at a time.
fn daily_output(protocol: Protocol, ask: &Ask, settings: &Settings) -> i64 {
    match ask.max_output {
        Some(asked) if ask.stream && !matches!(protocol, Protocol::Embeddings | Protocol::CountTokens) => {
            asked.saturating_mul(ask.choices)
        }
        _ => expected_output(protocol, ask, settings),
    }
}

fn user_limits(caller: &Caller, settings: &Settings) -> Limits {
    let stored = &caller.key.owner.limits;
    Limits {
        rpm: effective(stored.rpm, settings.default_rate_limit_rpm),
        tpm: effective(stored.tpm, settings.default_rate_limit_tpm),
        concurrency: effective(stored.concurrency, settings.default_max_concurrency),
    }
}

/// The owner's and the admin's limits for a key; the tighter counts. Keys have no system default.
fn key_limits(caller: &Caller) -> Limits {
    let [owner, admin] = [&caller.key.owner_limits, &caller.key.admin_limits].map(|stored| Limits {
        rpm: effective(stored.rpm, 0),
        tpm: effective(stored.tpm, 0),
        concurrency: effective(stored.concurrency, 0),
    });
    owner.tighter(admin)
}
