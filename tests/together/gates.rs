//! Users' limits and money: the same rules on one instance, on one with a Redis, and over two of them.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use actors::user_gate::{Ask, Extension, LimitOf, Refusal, Settlement};
use actors::vocabulary::settings::BalancePolicy;
use actors::vocabulary::{Limits, Nanos};

use crate::instance::{Accounts, Instance, PATIENCE, USER, ask, eventually, pair, with_load, with_slots};
use crate::redis::RedisServer;

/// The same behaviour with and without others.
macro_rules! on_memory_and_redis {
    ($($name:ident),+ $(,)?) => {
        mod on_memory {
            use super::*;
            $(#[actix_web::test]
            async fn $name() {
                let accounts = Accounts::of(1_000);
                super::$name(Instance::alone(&accounts), accounts).await;
            })+
        }
        mod on_redis {
            use super::*;
            $(#[actix_web::test]
            async fn $name() {
                let redis = RedisServer::start().await;
                let accounts = Accounts::of(1_000);
                let instance = Instance::of(&redis, "one", &accounts).await;
                super::$name(instance, accounts).await;
            })+
        }
    };
}

on_memory_and_redis!(
    waiters_go_in_the_order_they_came,
    a_waiter_that_leaves_gives_up_its_place,
    a_minute_has_so_many_requests,
    what_got_no_further_is_given_back_to_the_windows,
    tokens_are_settled_in_their_window,
    holds_never_exceed_the_balance,
    a_small_rest_is_spent_one_request_at_a_time,
    a_budget_and_a_day_end_a_key,
    a_hold_grows_by_what_nobody_holds,
    free_requests_count_in_the_windows_alone,
);

async fn waiters_go_in_the_order_they_came(instance: Instance, _: Arc<Accounts>) {
    let first = instance.admit(&with_slots(1, 1)).await.unwrap();
    let (done, mut order) = tokio::sync::mpsc::unbounded_channel();
    for place in 0..5 {
        let (gates, done) = (instance.gates.clone(), done.clone());
        actix_web::rt::spawn(async move {
            let hold = gates.admit(with_slots(1, 1), PATIENCE).await.unwrap();
            done.send(place).unwrap();
            drop(hold);
        });
        eventually(|| instance.gates.observe(USER).unwrap().waiting == place + 1).await;
    }
    drop(first);
    for place in 0..5 {
        assert_eq!(order.recv().await, Some(place));
    }
    eventually(|| instance.gates.observe(USER).unwrap().slots == 0).await;
}

async fn a_waiter_that_leaves_gives_up_its_place(instance: Instance, _: Arc<Accounts>) {
    let one = Ask { user_limits: Limits { concurrency: Some(1), rpm: Some(10), tpm: None }, ..ask(1) };
    let first = instance.admit(&one).await.unwrap();
    assert_eq!(instance.try_admit(&one).await.unwrap_err(), Refusal::NoSlot { limit: 1 });
    let gates = instance.gates.clone();
    let leaves = actix_web::rt::spawn({
        let one = one.clone();
        async move { gates.admit(one, PATIENCE).await }
    });
    eventually(|| instance.gates.observe(USER).is_some_and(|gate| gate.waiting == 1)).await;
    leaves.abort();
    eventually(|| instance.gates.observe(USER).unwrap().waiting == 0).await;
    drop(first);
    for _ in 0..10 {
        drop(instance.admit(&one).await.expect("nothing is left of those who left"));
    }
}

async fn a_minute_has_so_many_requests(instance: Instance, _: Arc<Accounts>) {
    let limited = Ask { user_limits: Limits { rpm: Some(3), ..Limits::default() }, ..ask(1) };
    for _ in 0..3 {
        instance.admit(&limited).await.unwrap().settle(Settlement::UpstreamFailed);
    }
    let refused = instance.admit(&limited).await.unwrap_err();
    assert!(matches!(refused, Refusal::Rpm { of: LimitOf::User, limit: 3, retry_ms: 50_000..=60_000 }), "{refused:?}");
    let of_key = Ask { key_limits: limited.user_limits, user_limits: Limits::default(), ..limited };
    for _ in 0..3 {
        instance.admit(&of_key).await.unwrap().settle(Settlement::UpstreamFailed);
    }
    assert!(matches!(instance.admit(&of_key).await.unwrap_err(), Refusal::Rpm { of: LimitOf::Key, limit: 3, .. }));
}

async fn what_got_no_further_is_given_back_to_the_windows(instance: Instance, _: Arc<Accounts>) {
    let limits = Limits { rpm: Some(2), tpm: Some(20), ..Limits::default() };
    let limited = Ask { user_limits: limits, key_limits: limits, ..ask(1) };
    for _ in 0..20 {
        instance.admit(&limited).await.unwrap().settle(Settlement::Refused);
    }
}

async fn tokens_are_settled_in_their_window(instance: Instance, _: Arc<Accounts>) {
    let limited = Ask { user_limits: Limits { tpm: Some(25), ..Limits::default() }, ..ask(1) };
    let (first, second) = (instance.admit(&limited).await.unwrap(), instance.admit(&limited).await.unwrap());
    let refused = instance.admit(&limited).await.unwrap_err();
    assert!(matches!(refused, Refusal::Tpm { of: LimitOf::User, limit: 25, .. }), "{refused:?}");
    first.settle(Settlement::UpstreamFailed);
    instance.serve(second, 1);
    // Neither used a token: there is room for two again.
    let _held = (instance.admit(&limited).await.unwrap(), instance.admit(&limited).await.unwrap());
}

async fn holds_never_exceed_the_balance(instance: Instance, _: Arc<Accounts>) {
    let mut holds = Vec::new();
    while let Ok(hold) = instance.try_admit(&ask(300)).await {
        holds.push(hold);
    }
    assert_eq!(holds.len(), 3);
    assert_eq!(instance.try_admit(&ask(300)).await.unwrap_err(), Refusal::BalanceHeld);
    for hold in holds {
        instance.serve(hold, 300);
    }
    assert_eq!(instance.try_admit(&ask(300)).await.unwrap_err(), Refusal::BalanceTooSmall);
    instance.serve(instance.admit(&ask(100)).await.unwrap(), 100);
    assert_eq!(instance.try_admit(&ask(1)).await.unwrap_err(), Refusal::NoBalance);
}

async fn a_small_rest_is_spent_one_request_at_a_time(instance: Instance, _: Arc<Accounts>) {
    let large = with_load(ask(5_000), |load| (load.floor, load.policy) = (Nanos(10), BalancePolicy::SpendRemainder));
    let first = instance.admit(&large).await.unwrap();
    assert_eq!(first.money(), Nanos(1_000));
    assert_eq!(instance.try_admit(&large).await.unwrap_err(), Refusal::BalanceHeld);
    instance.serve(first, 991);
    assert_eq!(instance.try_admit(&large).await.unwrap_err(), Refusal::BalanceTooSmall);
}

async fn a_budget_and_a_day_end_a_key(instance: Instance, _: Arc<Accounts>) {
    let budget = with_load(ask(60), |load| load.budget = Some(Nanos(100)));
    let first = instance.admit(&budget).await.unwrap();
    assert_eq!(instance.try_admit(&budget).await.unwrap_err(), Refusal::BalanceHeld);
    instance.serve(first, 60);
    assert_eq!(instance.try_admit(&budget).await.unwrap_err(), Refusal::BudgetUsedUp);
    let daily = with_load(ask(1), |load| (load.daily_tokens, load.day_hold, load.day_start) = (Some(100), 60, 86_400_000));
    let first = instance.admit(&daily).await.unwrap();
    assert_eq!(instance.try_admit(&daily).await.unwrap_err(), Refusal::DailyHeld { limit: 100 });
    drop(first);
    drop(instance.admit(&daily).await.unwrap());
}

async fn a_hold_grows_by_what_nobody_holds(instance: Instance, _: Arc<Accounts>) {
    let large = with_load(ask(400), |load| load.policy = BalancePolicy::SpendRemainder);
    let (first, second) = (instance.admit(&large).await.unwrap(), instance.admit(&large).await.unwrap());
    assert_eq!(first.extend(Nanos(200), Nanos(200)).await, Extension::Granted);
    assert_eq!((first.money(), second.money()), (Nanos(600), Nanos(400)));
    assert_eq!(second.extend(Nanos(1), Nanos(1)).await, Extension::Overdrawn);
    assert_eq!(first.extend(Nanos(1), Nanos(1)).await, Extension::Held, "one at a time goes on beyond what is left");
    first.settle(Settlement::UpstreamFailed);
    eventually(|| instance.gates.observe(USER).unwrap().slots == 1).await;
    assert_eq!(second.extend(Nanos(600), Nanos(600)).await, Extension::Granted);
    assert_eq!(second.money(), Nanos(1_000));
}

async fn free_requests_count_in_the_windows_alone(instance: Instance, accounts: Arc<Accounts>) {
    accounts.quota.store(0, Ordering::SeqCst);
    let full = Limits { rpm: Some(2), tpm: Some(1), concurrency: Some(1) };
    let free = Ask { load: None, user_limits: full, ..ask(1) };
    let _held = (instance.admit(&free).await.unwrap(), instance.admit(&free).await.unwrap());
    assert!(matches!(instance.try_admit(&free).await.unwrap_err(), Refusal::Rpm { limit: 2, .. }));
}

#[actix_web::test]
async fn two_instances_have_one_limit() {
    let (redis, _, one, other) = pair(1_000_000).await;
    let limits = Limits { concurrency: Some(3), rpm: Some(5), tpm: None };
    let limited = Ask { user_limits: limits, ..ask(10) };
    let mut holds = Vec::new();
    for instance in [&one, &other, &one] {
        holds.push(instance.try_admit(&limited).await.unwrap());
    }
    for instance in [&one, &other] {
        assert_eq!(instance.try_admit(&limited).await.unwrap_err(), Refusal::NoSlot { limit: 3 });
    }
    // Someone waits at the other instance: what is given back here is theirs, at once.
    let waits = actix_web::rt::spawn({
        let (gates, limited) = (other.gates.clone(), limited.clone());
        async move { gates.admit(limited, PATIENCE).await }
    });
    eventually(|| other.gates.observe(USER).is_some_and(|gate| gate.waiting == 1)).await;
    one.serve(holds.remove(0), 10);
    holds.push(tokio::time::timeout(Duration::from_secs(10), waits).await.unwrap().unwrap().unwrap());
    one.serve(holds.remove(0), 10);
    drop(other.try_admit(&limited).await.unwrap());
    // Five were let in within the minute; those who were refused for want of a slot got theirs back, as did the last.
    holds.push(other.try_admit(&limited).await.unwrap());
    assert!(matches!(one.try_admit(&limited).await.unwrap_err(), Refusal::Rpm { limit: 5, .. }));
    drop(holds);
    one.holds_nothing(&redis).await;
    other.holds_nothing(&redis).await;
}

#[actix_web::test]
async fn fifty_at_once_over_two_instances_get_what_the_balance_pays_for() {
    let (redis, _, one, other) = pair(350).await;
    let hundred = ask(100);
    let tries = (0..50).map(|n| if n % 2 == 0 { &one } else { &other }).map(|instance| instance.try_admit(&hundred));
    let granted: Vec<_> = futures_util::future::join_all(tries).await.into_iter().filter_map(Result::ok).collect();
    assert_eq!(granted.len(), 3);
    drop(granted);
    one.holds_nothing(&redis).await;
    other.holds_nothing(&redis).await;
}

#[actix_web::test]
async fn what_is_spent_and_not_booked_is_spent_everywhere_and_booked_it_counts_once() {
    let (_redis, accounts, one, other) = pair(1_000).await;
    drop(other.admit(&ask(1)).await.unwrap());
    let receipt = one.serve(one.admit(&ask(900)).await.unwrap(), 900);
    let is_refused = || async { other.try_admit(&ask(200)).await.unwrap_err() };
    while is_refused().await == Refusal::BalanceHeld {}
    assert_eq!(is_refused().await, Refusal::BalanceTooSmall, "it is in nobody's database yet");
    one.book(&[receipt], 900);
    for _ in 0..3 {
        let rest = other.admit(&ask(100)).await.expect("what is booked counts once");
        assert_eq!(other.try_admit(&ask(1)).await.unwrap_err(), Refusal::BalanceHeld);
        drop(rest);
    }
    // A receipt that is booked again, as after a lost answer of the database, changes nothing.
    one.gates.booked(&[(USER, receipt)], &[(USER, accounts.account())]);
    drop(other.admit(&ask(100)).await.unwrap());
}

#[actix_web::test]
async fn a_raised_quota_is_in_force_elsewhere_once_one_has_read_it() {
    let (_redis, accounts, one, other) = pair(100).await;
    drop((one.admit(&ask(100)).await.unwrap(), ()));
    eventually(|| one.gates.observe(USER).unwrap().slots == 0).await;
    drop(other.admit(&ask(100)).await.unwrap());
    accounts.quota.store(500, Ordering::SeqCst);
    one.gates.refresh(USER).await;
    drop(one.admit(&ask(500)).await.unwrap());
    drop(other.admit(&ask(500)).await.unwrap());
}

#[actix_web::test]
async fn who_waited_much_longer_at_another_instance_goes_first() {
    let (_redis, _, one, other) = pair(1_000_000).await;
    let mut held = one.admit(&with_slots(1, 1)).await.ok();
    let waits = actix_web::rt::spawn({
        let gates = other.gates.clone();
        async move { gates.admit(with_slots(1, 1), PATIENCE).await }
    });
    eventually(|| other.gates.observe(USER).is_some_and(|gate| gate.waiting == 1)).await;
    // This instance's own requests come one after the other without a pause, and yet the other's gets its turn.
    while !waits.is_finished() {
        drop(held.take());
        held = one.try_admit(&with_slots(1, 1)).await.ok();
    }
    drop(held);
    assert!(waits.await.unwrap().is_ok());
}
