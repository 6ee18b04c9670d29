//! What requests go on from.

use actors::vocabulary::{ChannelId, UserId};
use api_proxy::redis_store::{Memory, SharedMemories};
use api_proxy::routing::{Conversations, RecentItems, ResponseOrigins};
use serde_json::json;

use crate::pair::{Pair, eventually};

const UMA: UserId = UserId(7);
const OTTO: UserId = UserId(8);
const REMEMBER: &str = include_str!("../../src/redis_store/scripts/remember.lua");

fn memories(pair: &Pair) -> (SharedMemories, SharedMemories) {
    let start = |store: &api_proxy::redis_store::RedisStore| SharedMemories::start(store.clone(), pair.sealer.clone());
    (start(&pair.one), start(&pair.other))
}

/// A response that its client wants stored.
fn response(id: &str) -> (String, serde_json::Value) {
    (id.to_owned(), json!({"previous_response_id": null, "input": "asked", "output": []}))
}

#[actix_web::test]
async fn what_one_instance_learned_the_other_knows_for_the_same_user_alone() {
    let pair = Pair::start().await;
    let (one, other) = memories(&pair);
    let (here, there) = (ResponseOrigins::new(Some(one)), ResponseOrigins::new(Some(other)));
    here.remember(UMA, "resp_told_by_the_provider", ChannelId(42));
    eventually("the other knows", async || there.recall(UMA, "resp_told_by_the_provider").await == Some(ChannelId(42))).await;
    assert_eq!(there.channel(UMA, "resp_told_by_the_provider"), Some(ChannelId(42)), "from now on it needs nobody");
    assert_eq!(there.recall(OTTO, "resp_told_by_the_provider").await, None);
    assert_eq!(there.recall(UMA, "resp_unknown").await, None);
    pair.hides(&["resp_told_by_the_provider"]).await;
}

#[actix_web::test]
async fn a_conversation_is_fetched_as_far_back_as_it_goes() {
    let pair = Pair::start().await;
    let (one, other) = memories(&pair);
    let (here, there) = (RecentItems::new(Some(one)), RecentItems::new(Some(other)));
    for turn in 0..20 {
        let previous = (turn > 0).then(|| format!("resp_{}", turn - 1));
        let record = json!({"previous_response_id": previous, "input": "a very private question", "output": []});
        here.remember(UMA, vec![(format!("resp_{turn}"), record)]);
    }
    eventually("the other knows the last", async || there.recall(UMA, vec!["resp_19".to_owned()]).await).await;
    assert!((0..20).all(|turn| there.knows(UMA, &format!("resp_{turn}"))));
    assert!(!there.recall(OTTO, vec!["resp_19".to_owned()]).await);
    assert!(!there.recall(UMA, vec!["resp_19".to_owned()]).await, "nothing new");
    pair.hides(&["private", "question", "resp_"]).await;
}

#[actix_web::test]
async fn what_is_too_large_stays_where_it_was_made() {
    let pair = Pair::start().await;
    let (one, other) = memories(&pair);
    let (here, there) = (RecentItems::new(Some(one)), RecentItems::new(Some(other)));
    here.remember(
        UMA,
        vec![
            response("resp"),
            ("large".to_owned(), json!("x".repeat(256 << 10))),
            ("small".to_owned(), json!("x".repeat(200 << 10))),
        ],
    );
    eventually("the other knows the small one", async || there.recall(UMA, vec!["small".to_owned()]).await).await;
    assert!(!there.recall(UMA, vec!["large".to_owned()]).await);
    assert!(here.knows(UMA, "large"));
}

#[actix_web::test]
async fn what_a_client_wants_nobody_to_store_leaves_no_process() {
    let pair = Pair::start().await;
    let (one, other) = memories(&pair);
    let (here, there) = (RecentItems::new(Some(one)), RecentItems::new(Some(other)));
    here.remember(UMA, vec![("ctc_1".to_owned(), json!({"type": "custom_tool_call", "input": "asked"}))]);
    here.remember(UMA, vec![response("resp")]);
    eventually("the other knows what came later", async || there.recall(UMA, vec!["resp".to_owned()]).await).await;
    assert!(here.knows(UMA, "ctc_1") && !there.recall(UMA, vec!["ctc_1".to_owned()]).await);
}

#[actix_web::test]
async fn a_conversation_served_elsewhere_is_known_until_it_is_served_here() {
    let pair = Pair::start().await;
    let (one, other) = memories(&pair);
    let (here, there) = (Conversations::new(Some(one)), Conversations::new(Some(other)));
    here.served(UMA, 5, ChannelId(1));
    eventually("the other knows", async || there.served_elsewhere(UMA, 5).await == Some(ChannelId(1))).await;
    assert_eq!(here.served_elsewhere(UMA, 5).await, None, "it knows by itself");
    there.served(UMA, 5, ChannelId(2));
    assert_eq!(there.served_elsewhere(UMA, 5).await, None);
    assert_eq!(Conversations::new(None).served_elsewhere(UMA, 5).await, None);
}

#[actix_web::test]
async fn without_redis_each_remembers_by_itself() {
    let mut pair = Pair::start().await;
    let (one, other) = memories(&pair);
    let (items, origins) = (RecentItems::new(Some(one)), ResponseOrigins::new(Some(other)));
    pair.lose_redis().await;
    items.remember(UMA, vec![("a".to_owned(), json!("said"))]);
    origins.remember(UMA, "b", ChannelId(3));
    assert_eq!((items.get(UMA, "a"), origins.channel(UMA, "b")), (Some(json!("said")), Some(ChannelId(3))));
    assert!(!items.recall(UMA, vec!["c".to_owned()]).await);
    assert_eq!(origins.recall(UMA, "c").await, None);
}

#[actix_web::test]
async fn a_redis_that_says_nothing_is_not_waited_for() {
    let pair = Pair::start().await;
    let (one, other) = memories(&pair);
    let items = RecentItems::new(Some(one));
    items.remember(UMA, vec![response("a")]);
    pair.redis.pause();
    assert_eq!(other.recall(Memory::Item, UMA, &["a", "b"]).await, [None, None]);
    assert!(items.knows(UMA, "a") && !items.recall(UMA, vec!["b".to_owned()]).await);
}

#[actix_web::test]
async fn a_value_of_somebody_elses_secret_is_nothing() {
    let pair = Pair::start().await;
    let (one, _) = memories(&pair);
    let foreign = secrecy::SecretString::from("another secret of 32 characters!");
    let foreign = SharedMemories::start(pair.other.clone(), api_proxy::secrets::Sealer::new(&foreign, &[]).unwrap());
    one.remember(Memory::Item, UMA, "a", "said".to_owned());
    eventually("it is there", async || one.recall(Memory::Item, UMA, &["a"]).await == [Some("said".to_owned())]).await;
    assert_eq!(foreign.recall(Memory::Item, UMA, &["a"]).await, [None]);
}

#[actix_web::test]
async fn memories_take_no_more_than_their_share_and_the_oldest_go_first() {
    let pair = Pair::start().await;
    let keys = ["memories", "bytes"];
    let most = 40_000;
    for number in 0..100 {
        let key = format!("value {number:03}");
        let arguments = ["x".repeat(1_000), "3600".to_owned(), most.to_string()];
        let _one: i64 = pair.redis.eval(REMEMBER, &[&key, keys[0], keys[1]], &arguments).await;
    }
    let known: Vec<String> = pair.redis.eval("return redis.call('KEYS', 'value *')", &[], &[]).await;
    assert!((30..=33).contains(&known.len()), "{}", known.len());
    assert!(known.contains(&"value 099".to_owned()) && !known.contains(&"value 000".to_owned()));
    let listed: usize = pair.redis.eval("return redis.call('ZCARD', 'memories')", &[], &[]).await;
    let bytes: usize = pair.redis.eval("return redis.call('GET', 'bytes')", &[], &[]).await;
    assert_eq!((listed, bytes <= most), (known.len(), true));
    // Said again, it takes no more.
    let again = ["x".repeat(1_000), "3600".to_owned(), most.to_string()];
    let _one: i64 = pair.redis.eval(REMEMBER, &["value 099", keys[0], keys[1]], &again).await;
    let same: usize = pair.redis.eval("return redis.call('GET', 'bytes')", &[], &[]).await;
    assert_eq!(bytes, same);
}
