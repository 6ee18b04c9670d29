//! Redis, or an instance, goes away and comes back.

use actors::user_gate::Refusal;
use actors::user_gate::shared::Standing;
use actors::vocabulary::Limits;

use crate::instance::{Accounts, Instance, USER, ask, eventually, pair, with_slots};
use crate::redis::RedisServer;

fn is_together(standing: Standing) -> bool {
    standing == Standing::Together
}

#[actix_web::test]
async fn without_redis_each_keeps_its_part_and_back_it_counts_once() {
    let (redis, _, one, other) = pair(1_000_000).await;
    let four = with_slots(10, 4);
    let before = [one.admit(&four).await.unwrap(), other.admit(&four).await.unwrap()];
    // Both have heard of each other.
    for instance in [&one, &other] {
        eventually(|| instance.store.as_ref().unwrap().health().instances.len() == 2).await;
    }
    redis.pause();
    let mut during = Vec::new();
    for instance in [&one, &other] {
        // The first has to find out that nothing answers.
        during.push(instance.try_admit(&four).await.unwrap());
        assert_eq!(instance.try_admit(&four).await.unwrap_err(), Refusal::NoSlot { limit: 2 });
        assert_eq!(instance.store.as_ref().unwrap().standing(), Standing::Alone(2));
    }
    drop(before);
    drop(during.pop());
    redis.resume();
    one.stands(is_together).await;
    other.stands(is_together).await;
    // One of four is still held, whatever late commands did.
    let mut after = Vec::new();
    while let Ok(hold) = other.try_admit(&four).await {
        after.push(hold);
    }
    assert_eq!(after.len(), 3);
    drop((after, during));
    one.holds_nothing(&redis).await;
    other.holds_nothing(&redis).await;
}

#[actix_web::test]
async fn what_redis_forgets_is_told_again() {
    let (redis, _, one, other) = pair(1_000).await;
    let three = with_slots(10, 3);
    let held = [one.admit(&three).await.unwrap(), one.admit(&three).await.unwrap()];
    let unbooked = one.serve(one.admit(&ask(900)).await.unwrap(), 900);
    redis.say(&["FLUSHALL"]);
    one.stands(|standing| !is_together(standing)).await;
    one.stands(is_together).await;
    other.stands(is_together).await;
    let last = other.try_admit(&three).await.unwrap();
    assert_eq!(other.try_admit(&three).await.unwrap_err(), Refusal::NoSlot { limit: 3 });
    assert_eq!(other.try_admit(&ask(200)).await.unwrap_err(), Refusal::BalanceTooSmall);
    one.book(&[unbooked], 900);
    drop((held, last));
    one.holds_nothing(&redis).await;
}

#[actix_web::test]
async fn an_instance_that_falls_silent_gives_back_what_it_held_and_not_what_it_owes() {
    let redis = RedisServer::start().await;
    let accounts = Accounts::of(1_000);
    let other = Instance::of(&redis, "other", &accounts).await;
    {
        let one = Instance::of(&redis, "one", &accounts).await;
        one.serve(one.admit(&ask(500)).await.unwrap(), 500);
        let hold = one.admit(&with_slots(400, 1)).await.unwrap();
        assert_eq!(other.try_admit(&with_slots(1, 1)).await.unwrap_err(), Refusal::NoSlot { limit: 1 });
        // Killed: nothing is settled, nothing is told.
        std::mem::forget(hold);
        one.store.as_ref().unwrap().close();
    }
    let free = other.admit(&with_slots(400, 1)).await.expect("its slot and its money come back with its lease");
    drop(free);
    assert_eq!(other.try_admit(&ask(600)).await.unwrap_err(), Refusal::BalanceTooSmall, "its journal may still be booked");
    // It starts again, has booked what its journal held, and its old share is gone.
    accounts.used.store(500, std::sync::atomic::Ordering::SeqCst);
    let again = Instance::of(&redis, "one", &accounts).await;
    drop(again.admit(&ask(500)).await.expect("what is booked counts once"));
    again.holds_nothing(&redis).await;
}

#[actix_web::test]
async fn windows_are_one_over_both_and_parts_of_it_without_redis() {
    let (redis, _, one, other) = pair(1_000_000).await;
    let limited = |rpm| actors::user_gate::Ask { user_limits: Limits { rpm: Some(rpm), ..Limits::default() }, ..ask(1) };
    for instance in [&one, &other, &one, &other] {
        instance.try_admit(&limited(4)).await.unwrap().settle(actors::user_gate::Settlement::UpstreamFailed);
    }
    for instance in [&one, &other] {
        assert!(matches!(instance.try_admit(&limited(4)).await.unwrap_err(), Refusal::Rpm { limit: 4, .. }));
        eventually(|| instance.store.as_ref().unwrap().health().instances.len() == 2).await;
    }
    redis.pause();
    let eight = limited(8);
    for instance in [&one, &other] {
        instance.stands(|standing| standing == Standing::Alone(2)).await;
        // Its own two of this minute count: its part of eight has room for two more.
        let granted = futures_util::future::join_all((0..6).map(|_| instance.try_admit(&eight))).await;
        assert_eq!(granted.iter().filter(|one| one.is_ok()).count(), 2);
        assert_eq!(instance.gates.observe(USER).unwrap().waiting, 0);
    }
    redis.resume();
    one.stands(is_together).await;
}
