use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicU32, Ordering};
use std::time::Duration;

use actix::prelude::*;
use async_trait::async_trait;

use super::books::{Books, Turn};
use super::*;
use crate::ports::{Account, CatalogueSource, Change, Clock, Faults, KeySpent, NoFaults, StorageIll};
use crate::settings_cache::Catalogue;
use crate::usage_ledger::Backlog;
use crate::vocabulary::settings::BalancePolicy;
use crate::vocabulary::{KeyDigest, KeyId, KeyRecord, Limits, Nanos, ReceiptId, Usage, UserId};

const KEY: KeyId = KeyId(1);
const OTHER_KEY: KeyId = KeyId(2);

fn ask(key: KeyId, floor: i64, wanted: i64, policy: BalancePolicy) -> Ask {
    let load =
        Load { floor: Nanos(floor), wanted: Nanos(wanted), policy, budget: None, daily_tokens: None, day_hold: 0, day_start: 0 };
    Ask {
        user: UserId(1),
        key,
        request_id: "req".into(),
        user_limits: Limits::default(),
        key_limits: Limits::default(),
        tokens: 10,
        load: Some(load),
    }
}

fn books(quota: i64) -> Arc<Books> {
    let books = Arc::<Books>::default();
    let keys = vec![KeySpent { id: KEY, used: Nanos(0), day_start: 0, day_tokens: 0 }];
    books.load(&Account { quota: Nanos(quota), used: Nanos(0), keys });
    books
}

fn granted(books: &Books, ask: &Ask) -> Option<u64> {
    match books.grant(ask, books.charge(ask, 0).unwrap(), 0) {
        Turn::Granted(id) => Some(id),
        _ => None,
    }
}

#[test]
fn strict_holds_never_exceed_the_balance() {
    let books = books(350);
    let ask = ask(KEY, 10, 100, BalancePolicy::Strict);
    let holds: Vec<u64> = std::iter::from_fn(|| granted(&books, &ask)).take(50).collect();
    assert_eq!(holds.len(), 3);
    assert!(matches!(books.grant(&ask, Default::default(), 0), Turn::UserFull(Refusal::BalanceHeld)));
    for hold in holds {
        books.settle(hold, Settlement::Served { receipt: ReceiptId(0), usage: Usage::default(), cost: Nanos(100), day_start: 0 });
    }
    let after = books.observe(&SetClock::default());
    assert_eq!((after.balance, after.held, after.slots), (Some(Nanos(50)), Nanos(0), 0));
    assert!(matches!(books.grant(&ask, Default::default(), 0), Turn::Never(Refusal::BalanceTooSmall)));
}

#[test]
fn a_small_rest_is_spent_one_request_at_a_time() {
    let books = books(50);
    let ask = ask(KEY, 10, 100, BalancePolicy::SpendRemainder);
    let first = granted(&books, &ask).unwrap();
    assert_eq!(books.held(first), Nanos(50));
    assert!(matches!(books.grant(&ask, Default::default(), 0), Turn::UserFull(Refusal::BalanceHeld)));
    books.settle(first, Settlement::Served { receipt: ReceiptId(0), usage: Usage::default(), cost: Nanos(41), day_start: 0 });
    assert!(matches!(books.grant(&ask, Default::default(), 0), Turn::Never(Refusal::BalanceTooSmall)));
}

#[test]
fn a_hold_is_extended_only_by_money_nobody_holds() {
    let books = books(250);
    let ask = ask(KEY, 10, 100, BalancePolicy::SpendRemainder);
    let (first, second) = (granted(&books, &ask).unwrap(), granted(&books, &ask).unwrap());
    assert_eq!(books.extend(first, Nanos(50), Nanos(50)), Extension::Granted);
    assert_eq!(books.extend(second, Nanos(1), Nanos(1)), Extension::Overdrawn);
    assert_eq!(books.extend(first, Nanos(1), Nanos(1)), Extension::Held, "one at a time goes on beyond what is left");
    books.settle(first, Settlement::UpstreamFailed);
    assert_eq!(books.extend(second, Nanos(150), Nanos(150)), Extension::Granted);
    assert_eq!(books.observe(&SetClock::default()).held, Nanos(250));
}

#[test]
fn a_look_refuses_what_no_body_could_save_and_charges_nothing() {
    let full = Limits { rpm: Some(1), tpm: Some(10), concurrency: Some(1) };
    let head = Ask { tokens: 1, user_limits: full, ..ask(KEY, 0, 0, BalancePolicy::Strict) };
    let books = books(100);
    for _ in 0..5 {
        assert_eq!(books.look(&head, 0), Ok(()));
    }
    let before = books.observe(&SetClock::default());
    assert_eq!((before.requests, before.tokens, before.slots), (0, 0, 0));
    let hold = granted(&books, &Ask { tokens: 10, user_limits: full, ..ask(KEY, 1, 100, BalancePolicy::Strict) }).unwrap();
    assert!(matches!(books.look(&head, 0), Err(Refusal::Rpm { limit: 1, .. })));
    let by_tokens = Limits { rpm: None, ..full };
    assert!(matches!(books.look(&Ask { user_limits: by_tokens, ..head.clone() }, 0), Err(Refusal::Tpm { limit: 10, .. })));
    let idle = Ask { user_limits: Limits { concurrency: Some(1), ..Limits::default() }, ..head.clone() };
    assert_eq!(books.look(&idle, 0), Ok(()), "held money and slots may come free");
    books.settle(
        hold,
        Settlement::Served {
            receipt: ReceiptId(0),
            usage: Usage { input: 7, ..Usage::default() },
            cost: Nanos(100),
            day_start: 0,
        },
    );
    assert_eq!(books.look(&idle, 0), Err(Refusal::NoBalance));
    books.load(&Account { quota: Nanos(200), used: Nanos(0), keys: Vec::new() });
    assert_eq!(books.look(&idle, 0), Ok(()));
    let load = |change: fn(&mut Load)| {
        let mut changed = idle.clone();
        changed.load.iter_mut().for_each(change);
        books.look(&changed, 0)
    };
    assert_eq!(load(|load| load.budget = Some(Nanos(100))), Err(Refusal::BudgetUsedUp));
    assert_eq!(load(|load| load.daily_tokens = Some(7)), Err(Refusal::DailyQuota { limit: 7 }));
    assert_eq!(load(|load| load.daily_tokens = Some(8)), Ok(()));
}

#[test]
fn a_busy_key_does_not_hold_up_the_users_other_keys() {
    let books = books(1_000_000);
    let one_at_a_time = Limits { concurrency: Some(1), ..Limits::default() };
    let busy = Ask { key_limits: one_at_a_time, ..ask(KEY, 1, 1, BalancePolicy::Strict) };
    assert!(granted(&books, &busy).is_some());
    assert!(matches!(books.grant(&busy, Default::default(), 0), Turn::KeyFull(Refusal::NoSlot { limit: 1 })));
    assert!(granted(&books, &ask(OTHER_KEY, 1, 1, BalancePolicy::Strict)).is_some());
}

#[test]
fn refusals_give_rates_back_and_upstream_failures_keep_requests() {
    let books = books(1_000);
    let limits = Limits { rpm: Some(2), tpm: Some(20), concurrency: None };
    let ask = Ask { user_limits: limits, key_limits: limits, ..ask(KEY, 1, 1, BalancePolicy::Strict) };
    let hold = granted(&books, &ask).unwrap();
    books.settle(hold, Settlement::Refused);
    assert_eq!((books.observe(&SetClock::default()).requests, books.observe(&SetClock::default()).tokens), (0, 0));
    let hold = granted(&books, &ask).unwrap();
    books.settle(hold, Settlement::UpstreamFailed);
    assert_eq!((books.observe(&SetClock::default()).requests, books.observe(&SetClock::default()).tokens), (1, 0));
    let hold = granted(&books, &ask).unwrap();
    let usage = Usage { input: 3, output: 4, cache_read: 100, ..Usage::default() };
    books.settle(hold, Settlement::Served { receipt: ReceiptId(0), usage, cost: Nanos(1), day_start: 0 });
    assert_eq!((books.observe(&SetClock::default()).requests, books.observe(&SetClock::default()).tokens), (2, 7));
    assert!(matches!(books.charge(&ask, 0), Err(Refusal::Rpm { limit: 2, .. })));
}

#[test]
fn a_daily_quota_starts_over_at_midnight() {
    let books = books(1_000);
    let mut ask = ask(KEY, 1, 1, BalancePolicy::Strict);
    let today = |ask: &mut Ask, day_start| {
        if let Some(load) = &mut ask.load {
            (load.daily_tokens, load.day_start) = (Some(5), day_start);
        }
    };
    today(&mut ask, 0);
    let hold = granted(&books, &ask).unwrap();
    books.settle(
        hold,
        Settlement::Served { receipt: ReceiptId(0), usage: Usage { input: 5, ..Usage::default() }, cost: Nanos(1), day_start: 0 },
    );
    assert_eq!(books.check(&ask), Err(Refusal::DailyQuota { limit: 5 }));
    today(&mut ask, 86_400_000);
    assert_eq!(books.check(&ask), Ok(()));
}

/// A request of a key with 1,000 tokens a day that holds so many of them.
fn of_the_day(tokens: i64) -> Ask {
    let mut ask = ask(KEY, 1, 1, BalancePolicy::SpendRemainder);
    if let Some(load) = &mut ask.load {
        (load.daily_tokens, load.day_hold) = (Some(1_000), tokens);
    }
    ask
}

fn served(tokens: i64) -> Settlement {
    Settlement::Served {
        receipt: ReceiptId(0),
        usage: Usage { output: tokens, ..Usage::default() },
        cost: Nanos(0),
        day_start: 0,
    }
}

#[test]
fn a_days_tokens_are_held_and_settled() {
    let books = books(1_000_000);
    let ask = of_the_day(400);
    let holds: Vec<u64> = std::iter::from_fn(|| granted(&books, &ask)).take(50).collect();
    assert_eq!(holds.len(), 2);
    let held = Turn::KeyFull(Refusal::DailyHeld { limit: 1_000 });
    assert_eq!(books.grant(&ask, Default::default(), 0), held);
    assert_eq!(books.check(&ask), Ok(()), "what is held is not used");
    books.settle(holds[0], Settlement::Refused);
    let third = granted(&books, &ask).unwrap();
    books.settle(third, served(900));
    assert_eq!(books.grant(&ask, Default::default(), 0), held, "others hold the rest");
    books.settle(holds[1], Settlement::UpstreamFailed);
    let last = granted(&books, &ask).unwrap();
    assert_eq!(books.grant(&ask, Default::default(), 0), held, "the rest goes to one at a time");
    books.settle(last, served(100));
    assert_eq!(books.grant(&ask, Default::default(), 0), Turn::Never(Refusal::DailyQuota { limit: 1_000 }));
    assert_eq!(books.check(&ask), Err(Refusal::DailyQuota { limit: 1_000 }));
}

#[test]
fn one_hold_at_a_time_goes_beyond_what_is_left() {
    let books = books(100);
    let ask = ask(KEY, 10, 30, BalancePolicy::SpendRemainder);
    let [first, second, third] = [(); 3].map(|()| granted(&books, &ask).unwrap());
    assert_eq!(books.extend(first, Nanos(5), Nanos(30)), Extension::Granted);
    assert_eq!(books.held(first), Nanos(40), "as much of what was wished as is free");
    assert_eq!(books.extend(first, Nanos(1), Nanos(30)), Extension::Overdrawn);
    assert_eq!(books.extend(second, Nanos(1), Nanos(30)), Extension::Held);
    books.settle(first, Settlement::Served { receipt: ReceiptId(0), usage: Usage::default(), cost: Nanos(60), day_start: 0 });
    assert_eq!(books.extend(second, Nanos(1), Nanos(30)), Extension::UsedUp, "more is held than is left");
    books.settle(third, Settlement::Served { receipt: ReceiptId(0), usage: Usage::default(), cost: Nanos(30), day_start: 0 });
    books.settle(second, Settlement::Served { receipt: ReceiptId(0), usage: Usage::default(), cost: Nanos(30), day_start: 0 });
    assert_eq!(books.observe(&SetClock::default()).balance, Some(Nanos(-20)), "what the first cost beyond its hold");
}

#[actix::test]
async fn a_wall_clock_that_is_set_blocks_and_frees_nobody() {
    const HOURS: i64 = 7_200_000;
    let clock = Arc::<SetClock>::default();
    clock.0.store(HOURS, Ordering::SeqCst);
    let (gates, _) = gates(Arc::new(NoFaults), clock.clone(), Duration::from_secs(600));
    let limits = Limits { rpm: Some(2), tpm: Some(40), concurrency: None };
    let ask = Ask { user_limits: limits, key_limits: limits, ..ask(KEY, 1, 1, BalancePolicy::Strict) };
    for set in [-HOURS, HOURS, 0] {
        let holds =
            [gates.admit(ask.clone(), Duration::ZERO).await.unwrap(), gates.admit(ask.clone(), Duration::ZERO).await.unwrap()];
        clock.1.store(set, Ordering::SeqCst);
        let refused = gates.admit(ask.clone(), Duration::ZERO).await.unwrap_err();
        assert!(matches!(refused, Refusal::Rpm { retry_ms: 1..=60_000, .. }), "{refused:?}");
        let state = gates.observe(UserId(1)).unwrap();
        assert!(state.holds.iter().all(|hold| hold.since_ms == clock.now_ms()), "shown by the clock as it is");
        holds.into_iter().for_each(|hold| hold.settle(Settlement::UpstreamFailed));
        clock.0.fetch_add(61_000, Ordering::SeqCst);
    }
    assert!(gates.admit(ask, Duration::ZERO).await.is_ok());
}

struct Accounts(AtomicU32);

#[async_trait]
impl CatalogueSource for Accounts {
    async fn catalogue(&self) -> Result<Catalogue, StorageIll> {
        Ok(Catalogue::default())
    }
    async fn key(&self, _: KeyDigest) -> Result<Option<KeyRecord>, StorageIll> {
        Ok(None)
    }
    async fn changes(&self, _: i64) -> Result<Vec<Change>, StorageIll> {
        Ok(Vec::new())
    }
    async fn account(&self, _: UserId) -> Result<Option<Account>, StorageIll> {
        self.0.fetch_add(1, Ordering::SeqCst);
        Ok(Some(Account { quota: Nanos(1_000), ..Account::default() }))
    }
}

/// How much time has passed, and by how much somebody set the wall clock.
#[derive(Default)]
struct SetClock(AtomicI64, AtomicI64);

impl Clock for SetClock {
    fn now_ms(&self) -> i64 {
        self.0.load(Ordering::SeqCst) + self.1.load(Ordering::SeqCst)
    }

    fn monotonic_ms(&self) -> i64 {
        self.0.load(Ordering::SeqCst)
    }
}

struct PanicsEveryThird(AtomicU32);

impl Faults for PanicsEveryThird {
    fn reached(&self, _: &'static str) {
        assert!(!self.0.fetch_add(1, Ordering::SeqCst).is_multiple_of(3), "injected");
    }
}

fn gates(faults: Arc<dyn Faults>, clock: Arc<SetClock>, idle_after: Duration) -> (UserGates, Arc<Accounts>) {
    let source = Arc::new(Accounts(AtomicU32::new(0)));
    let parts = GateParts {
        arbiter: Arbiter::new().handle(),
        source: source.clone(),
        clock,
        faults,
        backlog: Backlog::default(),
        idle_after,
        shared: None,
        retired: Box::new(|_| {}),
    };
    (UserGates::new(parts), source)
}

fn one_slot() -> Ask {
    Ask { user_limits: Limits { concurrency: Some(1), ..Limits::default() }, ..ask(KEY, 1, 10, BalancePolicy::Strict) }
}

#[actix::test]
async fn waiters_go_in_the_order_they_came_and_leave_no_slot_behind() {
    let (gates, source) = gates(Arc::new(NoFaults), Arc::default(), Duration::from_secs(600));
    let patience = Duration::from_secs(20);
    let first = gates.admit(one_slot(), patience).await.unwrap();
    let (done, mut order) = tokio::sync::mpsc::unbounded_channel();
    for place in 0..5 {
        let (gates, done, queued) = (gates.clone(), done.clone(), gates.clone());
        actix::spawn(async move {
            let hold = gates.admit(one_slot(), patience).await.unwrap();
            done.send(place).unwrap();
            drop(hold);
        });
        while queued.observe(UserId(1)).unwrap().waiting != place + 1 {
            tokio::task::yield_now().await;
        }
    }
    drop(first);
    for place in 0..5 {
        assert_eq!(order.recv().await, Some(place));
    }
    while gates.observe(UserId(1)).unwrap().slots > 0 {
        tokio::task::yield_now().await;
    }
    assert_eq!(source.0.load(Ordering::SeqCst), 1, "the account is read once");
}

#[actix::test]
async fn a_waiter_that_leaves_gives_up_its_place() {
    let (gates, _) = gates(Arc::new(NoFaults), Arc::default(), Duration::from_secs(600));
    let first = gates.admit(one_slot(), Duration::from_secs(20)).await.unwrap();
    assert_eq!(gates.admit(one_slot(), Duration::ZERO).await.unwrap_err(), Refusal::NoSlot { limit: 1 });
    let leaves = gates.admit(one_slot(), Duration::from_secs(20));
    assert!(tokio::time::timeout(Duration::from_millis(20), leaves).await.is_err());
    while gates.observe(UserId(1)).unwrap().waiting > 0 {
        tokio::task::yield_now().await;
    }
    drop(first);
    assert!(gates.admit(one_slot(), Duration::from_secs(20)).await.is_ok());
}

#[actix::test]
async fn panics_restart_the_gate_and_lose_nothing() {
    let (gates, _) = gates(Arc::new(PanicsEveryThird(AtomicU32::new(0))), Arc::default(), Duration::from_secs(600));
    for _ in 0..60 {
        let hold = gates.admit(one_slot(), Duration::from_secs(20)).await.unwrap();
        hold.settle(Settlement::Served { receipt: ReceiptId(0), usage: Usage::default(), cost: Nanos(1), day_start: 0 });
    }
    let after = gates.observe(UserId(1)).unwrap();
    assert_eq!((after.balance, after.held, after.slots, after.waiting), (Some(Nanos(940)), Nanos(0), 0, 0));
    assert!(gates.vital_signs().crashes >= 20);
}

#[actix::test]
async fn an_idle_gate_retires_and_the_next_request_opens_another() {
    let clock = Arc::<SetClock>::default();
    let (gates, source) = gates(Arc::new(NoFaults), clock.clone(), Duration::from_millis(10));
    drop(gates.admit(one_slot(), Duration::ZERO).await.unwrap());
    clock.0.store(60_000, Ordering::SeqCst);
    while gates.observe(UserId(1)).is_some() {
        tokio::task::yield_now().await;
    }
    assert!(gates.admit(one_slot(), Duration::ZERO).await.is_ok());
    assert_eq!(source.0.load(Ordering::SeqCst), 2);
}
