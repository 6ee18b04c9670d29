//! A user's slots, windows, holds and money: the gate's heart, without an actor around it.
//!
//! The books outlive the actor that works with them: holds are given back even while it restarts. Each
//! method takes the lock once, never awaits, and calls nothing that could panic half-way.

mod sharing;
mod showing;

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::Notify;

use super::day::{Day, DayHold, Room};
use super::hold::{Extension, Settlement};
use super::messages::{Ask, LimitOf, Load, Refusal};
use super::share::{UnbookedUsage, UntoldChanges};
use super::shared::Correction;
use super::window::{ChargedAt, Window};
use crate::ports::Account;
use crate::vocabulary::settings::BalancePolicy;
use crate::vocabulary::{KeyId, Nanos};

pub(super) use sharing::Granted;

pub(super) type HoldId = u64;

/// Shared by a user's gate and the holds it granted.
#[derive(Debug, Default)]
pub(super) struct Books {
    pages: Mutex<Pages>,
    /// Told whenever a hold is closed.
    freed: Notify,
}

#[derive(Debug)]
struct Pages {
    purse: Option<Purse>,
    user: Side,
    keys: HashMap<KeyId, KeySide>,
    holds: HashMap<HoldId, Held>,
    next_hold: HoldId,
    /// The one hold that may cost more than was left for it.
    overdrawn: Option<HoldId>,
    waiting: usize,
    /// When a request came last, monotonic.
    touched_ms: i64,
    /// What the other instances have to be told; `None` without others.
    untold: Option<Box<UntoldChanges>>,
    /// Into how many parts what is left is divided while instances cannot tell each other what they take of it.
    parts: i64,
}

impl Default for Pages {
    fn default() -> Self {
        Self {
            purse: None,
            user: Side::default(),
            keys: HashMap::new(),
            holds: HashMap::new(),
            next_hold: 0,
            overdrawn: None,
            waiting: 0,
            touched_ms: 0,
            untold: None,
            parts: 1,
        }
    }
}

/// Quota and spending; the latter is ahead of the database by the receipts not booked yet.
#[derive(Clone, Copy, Debug)]
struct Purse {
    quota: Nanos,
    used: Nanos,
}

/// What user and key both have.
#[derive(Debug, Default)]
struct Side {
    requests: Window,
    tokens: Window,
    slots: u32,
    money: Nanos,
}

#[derive(Debug, Default)]
struct KeySide {
    side: Side,
    used: Nanos,
    day: Day,
}

#[derive(Debug)]
struct Held {
    key: KeyId,
    charge: Charge,
    money: Nanos,
    budget: Option<Nanos>,
    day: DayHold,
    slot: bool,
    /// Monotonic.
    since_ms: i64,
    request_id: Arc<str>,
    /// The second of the shared clock in which the shared windows were charged.
    charged_second: Option<i64>,
}

/// What was charged to the windows on entry.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Charge {
    user_requests: Option<ChargedAt>,
    key_requests: Option<ChargedAt>,
    user_tokens: Option<ChargedAt>,
    key_tokens: Option<ChargedAt>,
    tokens_at_user: i64,
    tokens_at_key: i64,
}

/// What a request takes beside its slots.
#[derive(Clone, Copy, Debug, Default)]
struct Taken {
    money: Nanos,
    day_tokens: i64,
}

/// Whether a waiter may go.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Turn {
    /// It may; this is its hold.
    Granted(HoldId),
    /// It must wait, and so must everyone behind it.
    UserFull(Refusal),
    /// It must wait, but others with another key may go.
    KeyFull(Refusal),
    /// It will never be able to go.
    Never(Refusal),
}

impl Books {
    fn lock(&self) -> MutexGuard<'_, Pages> {
        self.pages.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether the account has been read.
    pub(super) fn is_loaded(&self) -> bool {
        self.lock().purse.is_some()
    }

    /// Takes the account in: everything the first time, later the quota alone, since this process is ahead
    /// of the database in what was spent.
    pub(super) fn load(&self, account: &Account) {
        let mut pages = self.lock();
        match &mut pages.purse {
            Some(purse) => purse.quota = account.quota,
            None => pages.purse = Some(Purse { quota: account.quota, used: account.used }),
        }
        if pages.untold.is_some() {
            pages.catch_up(account);
        }
        for spent in &account.keys {
            pages.keys.entry(spent.id).or_insert_with(|| KeySide {
                used: spent.used,
                day: Day::of(spent.day_start, spent.day_tokens),
                ..KeySide::default()
            });
        }
    }

    /// The rules that no waiting can change: balance, budget, daily quota.
    pub(super) fn check(&self, ask: &Ask) -> Result<(), Refusal> {
        let Some(load) = &ask.load else { return Ok(()) };
        let pages = self.lock();
        pages.affordable(ask.key, load)?;
        let today = pages.keys.get(&ask.key).map_or(0, |key| key.day.used_on(load.day_start));
        match load.daily_tokens {
            Some(limit) if today >= limit => Err(Refusal::DailyQuota { limit }),
            _ => Ok(()),
        }
    }

    /// Whether a request would be refused whatever its body says: by [`Books::check`], or by a window that is full.
    pub(super) fn look(&self, ask: &Ask, now_ms: i64) -> Result<(), Refusal> {
        self.check(ask)?;
        let mut pages = self.lock();
        let mut charge = Charge::default();
        let charged = pages.charge_into(&mut charge, ask, now_ms);
        pages.refund(ask.key, charge);
        charged
    }

    /// Charges RPM, then TPM, at user and key: all of it or nothing.
    pub(super) fn charge(&self, ask: &Ask, now_ms: i64) -> Result<Charge, Refusal> {
        let mut pages = self.lock();
        pages.touched_ms = now_ms;
        let mut charge = Charge::default();
        let charged = pages.charge_into(&mut charge, ask, now_ms);
        if charged.is_err() {
            pages.refund(ask.key, charge);
        }
        charged.map(|()| charge)
    }

    /// Gives a charge back whose request got no further.
    pub(super) fn refund(&self, key: KeyId, charge: Charge) {
        self.lock().refund(key, charge);
    }

    /// Grants slots and money together, if both are free.
    pub(super) fn grant(&self, ask: &Ask, charge: Charge, now_ms: i64) -> Turn {
        let mut pages = self.lock();
        let Some(load) = &ask.load else {
            return Turn::Granted(pages.open(ask, charge, Taken::default(), now_ms));
        };
        if let Some(limit) = ask.user_limits.concurrency.filter(|limit| pages.user.slots >= *limit) {
            return Turn::UserFull(Refusal::NoSlot { limit });
        }
        let key_slots = pages.keys.get(&ask.key).map_or(0, |key| key.side.slots);
        if let Some(limit) = ask.key_limits.concurrency.filter(|limit| key_slots >= *limit) {
            return Turn::KeyFull(Refusal::NoSlot { limit });
        }
        if let Err(refusal) = pages.affordable(ask.key, load) {
            return Turn::Never(refusal);
        }
        let day_tokens = match pages.room_today(ask.key, load) {
            Room::For(tokens) => tokens,
            Room::Later => return Turn::KeyFull(Refusal::DailyHeld { limit: load.daily_tokens.unwrap_or(0) }),
            Room::Never => return Turn::Never(Refusal::DailyQuota { limit: load.daily_tokens.unwrap_or(0) }),
        };
        let by_key = pages.budget_left(ask.key, load.budget).map(|(left, held)| fit(pages.part_of(left), held, load));
        let by_user = pages.balance().map(|left| fit(pages.part_of(left), pages.user.money, load));
        match (by_user.flatten(), by_key) {
            (None, _) => Turn::UserFull(Refusal::BalanceHeld),
            (_, Some(None)) => Turn::KeyFull(Refusal::BalanceHeld),
            (Some(money), budget) => {
                let money = budget.flatten().map_or(money, |budget| money.min(budget));
                Turn::Granted(pages.open(ask, charge, Taken { money, day_tokens }, now_ms))
            }
        }
    }

    /// Adds `wished` to a hold, or `least`, if balance and budget have it free. Where they have not, one hold at a time
    /// may go on without: so no more is spent beyond a balance than one request costs.
    pub(super) fn extend(&self, hold: HoldId, least: Nanos, wished: Nanos) -> Extension {
        let mut pages = self.lock();
        let Some((key, budget)) = pages.holds.get(&hold).map(|held| (held.key, held.budget)) else {
            return Extension::UsedUp;
        };
        let left = pages.balance().unwrap_or(Nanos::ZERO);
        let by_key = pages.budget_left(key, budget);
        let by_user = pages.part_of(left).minus(pages.user.money);
        let free = by_key.map_or(by_user, |(left, held)| pages.part_of(left).minus(held).min(by_user));
        if free < least {
            let is_used_up = left <= Nanos::ZERO || by_key.is_some_and(|(left, _)| left <= Nanos::ZERO);
            return match pages.overdrawn {
                Some(other) if other != hold => Extension::Held,
                None if is_used_up => Extension::UsedUp,
                // Somebody went beyond what was left: not all of what the others hold is there any more.
                None if free < Nanos::ZERO => Extension::UsedUp,
                _ => {
                    pages.overdrawn = Some(hold);
                    Extension::Overdrawn
                }
            };
        }
        pages.hold_more(hold, key, wished.min(free).max(least));
        Extension::Granted
    }

    /// Waits until some hold is closed.
    pub(super) async fn freed(&self) {
        self.freed.notified().await;
    }

    /// Closes a hold. Returns whether somebody waits for what it gave back, be it another instance.
    pub(super) fn settle(&self, hold: HoldId, settlement: Settlement) -> bool {
        let mut pages = self.lock();
        let Some(held) = pages.holds.remove(&hold) else { return false };
        pages.user.give_back(&held);
        if let Some(key) = pages.keys.get_mut(&held.key) {
            key.side.give_back(&held);
            key.day.give_back(held.day);
        }
        pages.overdrawn = pages.overdrawn.filter(|overdrawn| *overdrawn != hold);
        match settlement {
            Settlement::Refused => pages.refund(held.key, held.charge),
            Settlement::UpstreamFailed => pages.correct_tokens(held.key, held.charge, 0),
            Settlement::Served { receipt, usage, cost, day_start } => {
                pages.correct_tokens(held.key, held.charge, usage.counted());
                pages.spend(held.key, cost);
                if let Some(untold) = &mut pages.untold {
                    let day_start = day_start.max(held.day.start());
                    untold.owe(receipt, UnbookedUsage { key: held.key, cost, day_start, tokens: usage.counted() });
                }
                if let Some(key) = pages.keys.get_mut(&held.key) {
                    key.day.spend(held.day, day_start, usage.counted());
                }
            }
        }
        if let Some(untold) = &mut pages.untold {
            untold.give_back(held.key);
            untold.correct(held.correction(settlement));
        }
        self.freed.notify_waiters();
        pages.waiting > 0 || pages.untold.is_some()
    }

    /// Money under one hold.
    pub(super) fn held(&self, hold: HoldId) -> Nanos {
        self.lock().holds.get(&hold).map_or(Nanos::ZERO, |held| held.money)
    }

    /// How many wait, as the gate counts them.
    pub(super) fn set_waiting(&self, waiting: usize) {
        self.lock().waiting = waiting;
    }

    /// Whether nothing is held, awaited or still counting in a window.
    pub(super) fn is_idle(&self, now_ms: i64, idle_ms: i64) -> bool {
        let pages = self.lock();
        let is_told = pages.untold.as_ref().is_none_or(|untold| untold.is_settled());
        pages.holds.is_empty() && pages.waiting == 0 && is_told && now_ms - pages.touched_ms >= idle_ms
    }
}

/// How much of `left` a request gets while `held` of it is taken: what it wants, else (by policy) the whole
/// rest if nobody else holds any of it; `None` = not now.
fn fit(left: Nanos, held: Nanos, load: &Load) -> Option<Nanos> {
    if left.minus(held) >= load.wanted {
        return Some(load.wanted);
    }
    let rest_will_do = load.policy == BalancePolicy::SpendRemainder && held == Nanos::ZERO && left >= load.floor;
    rest_will_do.then_some(left)
}

impl Side {
    fn give_back(&mut self, held: &Held) {
        self.money = self.money.minus(held.money);
        self.slots = self.slots.saturating_sub(u32::from(held.slot));
    }
}

impl Pages {
    fn balance(&self) -> Option<Nanos> {
        self.purse.map(|purse| purse.quota.minus(purse.used))
    }

    /// What a key's budget has left, and how much of that is held.
    fn budget_left(&self, key: KeyId, budget: Option<Nanos>) -> Option<(Nanos, Nanos)> {
        let (used, held) = self.keys.get(&key).map_or((Nanos::ZERO, Nanos::ZERO), |key| (key.used, key.side.money));
        budget.map(|budget| (budget.minus(used), held))
    }

    /// Whether balance and budget could pay for the request, were nothing else held.
    fn affordable(&self, key: KeyId, load: &Load) -> Result<(), Refusal> {
        let least = match load.policy {
            BalancePolicy::SpendRemainder => load.floor,
            BalancePolicy::Strict => load.wanted,
        };
        match self.balance() {
            None => return Err(Refusal::NoBalance),
            Some(balance) if balance <= Nanos::ZERO => return Err(Refusal::NoBalance),
            Some(balance) if balance < least => return Err(Refusal::BalanceTooSmall),
            Some(_) => {}
        }
        match self.budget_left(key, load.budget) {
            Some((left, _)) if left <= Nanos::ZERO || left < least => Err(Refusal::BudgetUsedUp),
            _ => Ok(()),
        }
    }

    /// Room in the key's tokens of the day.
    fn room_today(&self, key: KeyId, load: &Load) -> Room {
        let Some(limit) = load.daily_tokens else { return Room::For(0) };
        let wanted = load.day_hold.min(limit);
        let used = self.keys.get(&key).map_or(0, |key| key.day.used_on(load.day_start));
        let limit = if self.parts == 1 { limit } else { used.saturating_add((limit - used).max(0) / self.parts) };
        self.keys.get(&key).map_or(Room::For(wanted), |key| key.day.room(load.day_start, wanted, limit))
    }

    fn charge_into(&mut self, charge: &mut Charge, ask: &Ask, now_ms: i64) -> Result<(), Refusal> {
        let key = &mut self.keys.entry(ask.key).or_default().side;
        let user = &mut self.user;
        let requests = |window: &mut Window, limit: Option<u32>, of: LimitOf| match limit {
            None => Ok(None),
            Some(limit) => {
                window.charge(1, i64::from(limit), now_ms).map(Some).map_err(|retry_ms| Refusal::Rpm { of, limit, retry_ms })
            }
        };
        charge.user_requests = requests(&mut user.requests, ask.user_limits.rpm, LimitOf::User)?;
        charge.key_requests = requests(&mut key.requests, ask.key_limits.rpm, LimitOf::Key)?;
        if ask.load.is_none() {
            return Ok(());
        }
        let tokens = |window: &mut Window, limit: Option<u32>, of: LimitOf| match limit {
            None => Ok((None, 0)),
            Some(limit) => {
                let amount = ask.tokens.min(i64::from(limit));
                let charged = window.charge(amount, i64::from(limit), now_ms);
                charged.map(|at| (Some(at), amount)).map_err(|retry_ms| Refusal::Tpm { of, limit, retry_ms })
            }
        };
        (charge.user_tokens, charge.tokens_at_user) = tokens(&mut user.tokens, ask.user_limits.tpm, LimitOf::User)?;
        (charge.key_tokens, charge.tokens_at_key) = tokens(&mut key.tokens, ask.key_limits.tpm, LimitOf::Key)?;
        Ok(())
    }

    fn refund(&mut self, key: KeyId, charge: Charge) {
        if let Some(at) = charge.user_requests {
            self.user.requests.correct(at, -1);
        }
        if let Some((at, key)) = charge.key_requests.zip(self.keys.get_mut(&key)) {
            key.side.requests.correct(at, -1);
        }
        self.correct_tokens(key, charge, 0);
    }

    fn correct_tokens(&mut self, key: KeyId, charge: Charge, truth: i64) {
        if let Some(at) = charge.user_tokens {
            self.user.tokens.correct(at, truth - charge.tokens_at_user);
        }
        if let Some((at, key)) = charge.key_tokens.zip(self.keys.get_mut(&key)) {
            key.side.tokens.correct(at, truth - charge.tokens_at_key);
        }
    }

    fn open(&mut self, ask: &Ask, charge: Charge, taken: Taken, now_ms: i64) -> HoldId {
        let Taken { money, day_tokens } = taken;
        let slot = ask.load.is_some();
        let key = self.keys.entry(ask.key).or_default();
        for side in [&mut self.user, &mut key.side] {
            side.slots += u32::from(slot);
            side.money = side.money.plus(money);
        }
        self.next_hold += 1;
        let request_id = Arc::clone(&ask.request_id);
        let budget = ask.load.as_ref().and_then(|load| load.budget);
        let day = ask.load.as_ref().map_or_else(DayHold::default, |load| key.day.hold(load.day_start, day_tokens));
        if ask.load.as_ref().is_some_and(|load| money < load.wanted) {
            self.overdrawn = Some(self.next_hold);
        }
        let held = Held { key: ask.key, charge, money, budget, day, slot, since_ms: now_ms, request_id, charged_second: None };
        if let Some(untold) = &mut self.untold {
            untold.touch(ask.key);
        }
        self.holds.insert(self.next_hold, held);
        self.next_hold
    }

    /// The part of `left` that this instance may hold; all of it while instances tell each other what they take.
    fn part_of(&self, left: Nanos) -> Nanos {
        if self.parts == 1 { left } else { Nanos(left.0 / self.parts) }
    }

    fn hold_more(&mut self, hold: HoldId, key: KeyId, more: Nanos) {
        let Some(held) = self.holds.get_mut(&hold) else { return };
        held.money = held.money.plus(more);
        self.user.money = self.user.money.plus(more);
        if let Some(side) = self.keys.get_mut(&key) {
            side.side.money = side.side.money.plus(more);
        }
        if let Some(untold) = &mut self.untold {
            untold.touch(key);
        }
    }

    fn spend(&mut self, key: KeyId, cost: Nanos) {
        if let Some(purse) = &mut self.purse {
            purse.used = purse.used.plus(cost);
        }
        let key = self.keys.entry(key).or_default();
        key.used = key.used.plus(cost);
    }
}
