//! What the road asks of the database: for a key it knows, nothing before the upstream call.
//!
//! Every statement of the process is in its log, whatever room sent it; the scripted provider keeps its answer
//! back, so that all of them were sent before or while the upstream was asked.

use api_proxy::mock_upstream::{Gate, Reply};
use futures_util::future::{join, join_all};
use serde_json::Value;

use crate::client::{Client, Outcome};
use crate::gateway::Gateway;
use crate::on_both;
use crate::waiting::eventually;
use crate::world::World;

/// What the process asks every half second, whether somebody calls or not.
const POLL: &str = "FROM changes";
/// What it asks every few seconds for its background work.
const LEASES: &str = "leases";
/// Rounds of the four ways to ask.
const ROUNDS: usize = 2;

on_both! {
    async fn once_the_key_is_cached_the_road_asks_the_database_nothing_before_the_upstream(storage: Storage) {
        let (world, gateway) = World::start(storage, 1).await;
        gateway.stop().await;
        // A process that knows no key yet.
        let gateway = world.serve_with(&[("RUST_LOG", "info,sqlx::query=debug")]).await;
        let client = Client::new(&gateway, &world.keys[0]);

        let (first, cold) = until_the_upstream_is_asked(&world, &gateway, &client, &[0]).await;
        assert!(cold.iter().any(|sql| sql.contains("FROM api_keys")), "the key was not looked up, or not seen: {cold:?}");
        assert!(cold.iter().any(|sql| sql.contains("FROM users")), "the account was not looked up, or not seen: {cold:?}");
        let mut received = first;
        world.database.bills_exactly_once(&received).await;

        for _ in 0..ROUNDS {
            let (ids, warm) = until_the_upstream_is_asked(&world, &gateway, &client, &[0, 1, 2, 3]).await;
            assert!(warm.is_empty(), "before the upstream call: {warm:#?}");
            received.extend(ids);
            world.database.bills_exactly_once(&received).await;
        }
        gateway.stop().await;
    }
}

/// Asks in these ways at once. Answers the requests' ids, and the statements sent between the asking and the moment
/// at which the provider held all of them.
async fn until_the_upstream_is_asked(
    world: &World,
    gateway: &Gateway,
    client: &Client,
    ways: &[usize],
) -> (Vec<String>, Vec<String>) {
    let gate = Gate::new();
    world.script().always(Reply::text("one two three").wait_for(gate.clone()));
    let before = settled(gateway).await;
    let asking = join_all(ways.iter().map(|way| client.asks(*way)));
    let looking = async {
        world.script().wait_until_in_flight(ways.len()).await.unwrap();
        let until = settled(gateway).await;
        gate.open();
        statements(gateway).drain(before..until).filter(|sql| !sql.contains(POLL) && !sql.contains(LEASES)).collect()
    };
    let (outcomes, sent) = join(asking, looking).await;
    (outcomes.into_iter().map(Outcome::whole).collect(), sent)
}

/// How many statements the log holds once all those are in it that were sent before this was asked: the second poll
/// from now on began after it, and lines come in the order in which they were written.
async fn settled(gateway: &Gateway) -> usize {
    let polls = |all: &[String]| all.iter().filter(|sql| sql.contains(POLL)).count();
    let seen = polls(&statements(gateway));
    eventually("two more polls", async || {
        let all = statements(gateway);
        (polls(&all) >= seen + 2).then_some(all.len())
    })
    .await
}

/// The text of every statement in the log.
fn statements(gateway: &Gateway) -> Vec<String> {
    let log = gateway.output.text();
    let lines = log.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok());
    let queries = lines.filter(|line| line["target"] == "sqlx::query");
    // A long statement is told in a field of its own, and its beginning in the summary.
    queries
        .map(|line| {
            [&line["fields"]["summary"], &line["fields"]["db.statement"]]
                .map(|part| part.as_str().unwrap_or("").to_owned())
                .concat()
        })
        .collect()
}
