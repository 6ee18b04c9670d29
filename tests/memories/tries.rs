//! Tries that are spread over instances.

use std::net::IpAddr;

use actors::vocabulary::UserId;
use api_proxy::admission::KeyGuesses;
use api_proxy::redis_store::RedisTries;
use api_proxy::services::throttle::{Account, Network, Throttles};
use futures_util::future::join_all;

use crate::pair::{Pair, eventually};

fn throttles(pair: &Pair) -> (Throttles, Throttles) {
    let on = |store: &api_proxy::redis_store::RedisStore| Throttles::new(Some(RedisTries::new(store.clone())));
    (on(&pair.one), on(&pair.other))
}

fn address(text: &str) -> Option<IpAddr> {
    Some(text.parse().unwrap())
}

fn from(text: &str) -> Network {
    Network::of(address(text))
}

#[actix_web::test]
async fn guesses_that_come_together_to_several_instances_all_count() {
    let pair = Pair::start().await;
    let (one, other) = throttles(&pair);
    let (bob, stranger, home) = (Account::of(None, "bob@example.com"), from("203.0.113.77"), from("198.51.100.1"));
    let guesses = (0..60).map(|guess| if guess % 2 == 0 { &one } else { &other }.sign_in.take(bob, stranger, 0));
    let passed = join_all(guesses).await.iter().filter(|taken| taken.is_ok()).count();
    assert_eq!(passed, 10);
    let refused = other.sign_in.take(bob, stranger, 0).await.unwrap_err();
    assert!(refused.retry_after.is_some_and(|seconds| (1..=30).contains(&seconds)), "{refused:?}");
    one.sign_in.take(bob, home, 0).await.unwrap();
    other.sign_in.take(Account::Known(UserId(2)), stranger, 0).await.unwrap();
    pair.hides(&["203.0.113", "198.51.100", "bob", "example.com"]).await;
}

#[actix_web::test]
async fn a_try_that_succeeded_is_given_back_to_all() {
    let pair = Pair::start().await;
    let (one, other) = throttles(&pair);
    let (uma, from) = (UserId(7), from("203.0.113.7"));
    for _ in 0..40 {
        eventually("the last is given back", async || one.password.take(uma, from, 0).await.is_ok()).await;
        one.password.give_back(uma, from);
        eventually("the last is given back", async || other.password.take(uma, from, 0).await.is_ok()).await;
        other.password.give_back(uma, from);
    }
}

#[actix_web::test]
async fn guesses_from_all_the_world_shut_nobody_out_of_where_they_got_in_on_another_instance() {
    let pair = Pair::start().await;
    let (one, other) = throttles(&pair);
    let (bob, home) = (Account::Known(UserId(1)), from("198.51.100.1"));
    one.sign_in.take(bob, home, 0).await.unwrap();
    one.sign_in.give_back(bob, home);
    let guesses = (0..300).map(|network| {
        let throttles = if network % 2 == 0 { &one } else { &other };
        let network = from(&format!("2001:db8:0:{network:x}::1"));
        async move { throttles.sign_in.take(bob, network, 0).await.is_ok() }
    });
    let passed = join_all(guesses).await.into_iter().filter(|passed| *passed).count();
    assert!((199..=203).contains(&passed), "{passed}: one comes back every 3 s");
    other.sign_in.take(bob, home, 0).await.unwrap();
    pair.hides(&["2001:db8", "198.51.100"]).await;
}

#[actix_web::test]
async fn unknown_keys_close_an_address_on_every_instance() {
    let pair = Pair::start().await;
    let on = |store: &api_proxy::redis_store::RedisStore| KeyGuesses::new(Some(RedisTries::new(store.clone())));
    let (one, other) = (on(&pair.one), on(&pair.other));
    for _ in 0..15 {
        one.guessed(address("203.0.113.7"), 0).await;
        other.guessed(address("::ffff:203.0.113.7"), 0).await;
    }
    assert!(other.closed_for(address("203.0.113.7"), 0).is_some_and(|left| (1..=60_000).contains(&left)));
    assert!(one.closed_for(address("203.0.113.7"), 0).is_none(), "it has not seen the last");
    one.guessed(address("203.0.113.7"), 0).await;
    assert!(one.closed_for(address("203.0.113.7"), 0).is_some());
    assert!(one.closed_for(address("203.0.113.8"), 0).is_none());
    pair.hides(&["203.0.113"]).await;
}

#[actix_web::test]
async fn without_redis_each_instance_counts_by_itself() {
    let mut pair = Pair::start().await;
    let (one, other) = throttles(&pair);
    let (bob, stranger) = (Account::Known(UserId(1)), from("203.0.113.7"));
    one.sign_in.take(bob, stranger, 0).await.unwrap();
    pair.lose_redis().await;
    for throttles in [&one, &other] {
        for _ in 0..10 {
            throttles.sign_in.take(bob, stranger, 0).await.unwrap();
        }
        throttles.sign_in.take(bob, stranger, 0).await.unwrap_err();
        throttles.register.take(stranger, 0).await.unwrap();
        for _ in 0..30 {
            throttles.keys.guessed(address("203.0.113.7"), 0).await;
        }
        assert!(throttles.keys.closed_for(address("203.0.113.7"), 0).is_some());
    }
}
