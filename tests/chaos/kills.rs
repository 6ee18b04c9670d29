//! Killed at any moment: what a client received whole is billed once, what it did not is never billed twice.

use std::os::unix::process::ExitStatusExt;
use std::time::Duration;

use api_proxy::mock_upstream::Reply;
use futures_util::future::join;

use crate::client::{Client, Crowd};
use crate::gateway::{Gateway, kill_9};
use crate::on_both;
use crate::waiting::eventually;
use crate::world::World;

const CLIENTS: usize = 16;
const USERS: usize = 4;
const ROUNDS: usize = 30;
const SIGABRT: i32 = 6;

/// Where the process can be told to die, and at which visit; its start makes a few visits to the booking, too.
const PLACES: [&str; 11] = [
    "usage_ledger.post:7",
    "usage_ledger.journal_written",
    "usage_ledger.journal_written:5",
    "booking.inside_transaction:4",
    "booking.inside_transaction:9",
    "usage_ledger.booked",
    "usage_ledger.booked:3",
    "user_gate.admit:20",
    "channel_health.choose:20",
    "channel_health.begin:20",
    "channel_health.report:20",
];

fn slow_enough_to_be_caught() -> Reply {
    Reply::text("one two three four five six seven eight").delay_between_chunks(Duration::from_millis(2))
}

on_both! {
    async fn killed_at_random_moments_under_load_nothing_is_lost_and_nothing_billed_twice(storage: Storage) {
        let seed = fastrand::u64(..);
        println!("seed {seed}");
        let mut random = fastrand::Rng::with_seed(seed);
        let (world, mut gateway) = World::start(storage, USERS).await;
        world.script().always(slow_enough_to_be_caught());
        let mut received = Vec::new();
        for _ in 0..ROUNDS {
            let crowd = Crowd::default();
            let (answers, instant) = (random.usize(0..100), Duration::from_micros(random.u64(0..20_000)));
            let asking = crowd.ask(&gateway, &world.keys, CLIENTS);
            let pid = gateway.id();
            let killing = async {
                eventually("enough answers", async || (crowd.answers() >= answers).then_some(())).await;
                tokio::time::sleep(instant).await;
                kill_9(pid);
            };
            join(asking, killing).await;
            assert_eq!(crowd.refusals(), [], "nothing is wrong with these requests");
            received.extend(crowd.received());
            gateway.kill().await;
            gateway = world.serve().await;
        }
        received.push(Client::new(&gateway, &world.keys[0]).asks(0).await.whole());
        let books = world.database.bills_exactly_once(&received).await;
        println!("{} received whole, {} killed, {} rows", received.len(), books.ended("killed"), books.rows.len());
        assert!(books.ended("killed") > 0, "no kill met a stream");
        gateway.stop().await;
    }

    async fn killed_at_each_named_place_nothing_is_lost_and_nothing_billed_twice(storage: Storage) {
        let (world, gateway) = World::start(storage, USERS).await;
        gateway.stop().await;
        world.script().always(slow_enough_to_be_caught());
        let mut received = Vec::new();
        for place in PLACES {
            let crowd = Crowd::default();
            let mut doomed = world.serve_with(&[("FAULT_KILL_AT", place)]).await;
            crowd.ask(&doomed, &world.keys, CLIENTS).await;
            assert_eq!(doomed.ends().await.signal(), Some(SIGABRT), "{place}: {}", doomed.output.text());
            received.extend(crowd.received());
            let gateway = world.serve().await;
            received.push(Client::new(&gateway, &world.keys[0]).asks(1).await.whole());
            world.database.bills_exactly_once(&received).await;
            // Nothing is left to replay, so that the next one dies under load and not at its start.
            gateway.stop().await;
        }
    }

    async fn killed_again_and_again_while_it_replays_the_journal_nothing_is_billed_twice(storage: Storage) {
        let (world, gateway) = World::start(storage, USERS).await;
        gateway.stop().await;
        world.script().always(slow_enough_to_be_caught());
        let crowd = Crowd::default();
        let mut doomed = world.serve_with(&[("FAULT_KILL_AT", "booking.inside_transaction:2")]).await;
        crowd.ask(&doomed, &world.keys, CLIENTS).await;
        assert_eq!(doomed.ends().await.signal(), Some(SIGABRT), "{}", doomed.output.text());
        for _ in 0..3 {
            let mut replaying = Gateway::launch(&["serve"], &world.environment(&[("FAULT_KILL_AT", "booking.inside_transaction")]));
            assert_eq!(replaying.ends().await.signal(), Some(SIGABRT), "{}", replaying.output.text());
        }
        let gateway = world.serve().await;
        world.database.bills_exactly_once(&crowd.received()).await;
        gateway.stop().await;
    }
}
