//! Leases: of several instances on one database one has each; who lost one writes nothing under it any more.

use std::time::Duration;

use actors::ports::LedgerStore;
use actors::vocabulary::{ChannelId, InstanceId};
use api_proxy::app::leases::{Rhythm, keep};
use api_proxy::store::channel_tests::{self, ChannelTestRow};
use api_proxy::store::leases::{Fence, all, release, renew, take};
use api_proxy::store::{StoreError, Stored, changes, growth, lanes, missing_models, retention};
use futures_util::future::join_all;
use tokio::time::{Instant, timeout};
use tokio_util::sync::CancellationToken;

use crate::database::{DAY, Database, NOON, on_both, receipt};

// Tests take `d` as a whole (`let d = &d`), or the directory of the database would go before its end.
const HOUR: Duration = Duration::from_secs(3_600);
/// Far beyond what a loaded machine needs.
const PATIENCE: Duration = Duration::from_secs(60);
/// Quick to ask and to renew, slow to run out.
const RHYTHM: Rhythm = Rhythm {
    lasts: Duration::from_secs(30),
    renewed_every: Duration::from_millis(20),
    asked_every: Duration::from_millis(20),
    answer: Duration::from_secs(20),
};

fn instance(letter: char) -> InstanceId {
    letter.to_string().repeat(InstanceId::CHARS).parse().unwrap()
}

async fn runs_out(d: &Database, name: &str) {
    d.run(&format!("UPDATE leases SET expires_at = 1 WHERE name = '{name}'")).await;
}

/// Until there is something to see.
async fn eventually<T>(mut look: impl AsyncFnMut() -> Option<T>) -> T {
    let until = Instant::now() + PATIENCE;
    loop {
        if let Some(seen) = look().await {
            return seen;
        }
        assert!(Instant::now() < until, "waited in vain");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

#[actix_web::test]
async fn of_several_that_race_for_a_lease_one_has_it() {
    on_both(|d| async move {
        let d = &d;
        let racers: Vec<InstanceId> = "abcdefgh".chars().map(instance).collect();
        for round in 1..=5 {
            let taken: Vec<Option<Fence>> =
                join_all(racers.iter().map(|one| take(&d.db, "work", one, HOUR))).await.into_iter().map(Result::unwrap).collect();
            let won: Vec<usize> = (0..racers.len()).filter(|at| taken[*at].is_some()).collect();
            assert_eq!(won.len(), 1, "{taken:?}");
            assert_eq!(taken[won[0]].as_ref().unwrap().token, round, "the token grows with every holder");
            let listed = all(&d.db).await.unwrap();
            assert_eq!((listed.len(), listed[0].holder.as_str()), (1, racers[won[0]].as_str()));
            let lasts = listed[0].expires_at - listed[0].taken_at;
            assert!(listed[0].is_held && (3_600_000..3_660_000).contains(&lasts), "{listed:?}");
            runs_out(d, "work").await;
        }
    })
    .await;
}

#[actix_web::test]
async fn a_lease_goes_to_another_once_it_has_run_out_or_was_given_back_and_not_before() {
    on_both(|d| async move {
        let d = &d;
        let (one, other) = (instance('a'), instance('b'));
        let first = take(&d.db, "work", &one, HOUR).await.unwrap().unwrap();
        assert_eq!(take(&d.db, "work", &other, HOUR).await.unwrap(), None);
        assert_eq!(
            take(&d.db, "work", &one, HOUR).await.unwrap(),
            None,
            "a second process with the same id, or one that crashed"
        );
        assert!(take(&d.db, "other work", &other, HOUR).await.unwrap().is_some(), "each lease is one for itself");
        // Nobody took it: it is still the same.
        runs_out(d, "work").await;
        assert!(renew(&d.db, &first, HOUR).await.unwrap());
        assert_eq!(take(&d.db, "work", &other, HOUR).await.unwrap(), None);
        runs_out(d, "work").await;
        let second = take(&d.db, "work", &other, HOUR).await.unwrap().unwrap();
        assert!(second.token > first.token);
        assert!(!renew(&d.db, &first, HOUR).await.unwrap(), "it changed hands");
        release(&d.db, &first).await.unwrap();
        assert_eq!(take(&d.db, "work", &one, HOUR).await.unwrap(), None, "the one that lost it cannot give it away");
        release(&d.db, &second).await.unwrap();
        assert!(all(&d.db).await.unwrap().iter().any(|lease| lease.name == "work" && !lease.is_held));
        let third = take(&d.db, "work", &one, HOUR).await.unwrap().unwrap();
        assert!(third.token > second.token);
    })
    .await;
}

#[actix_web::test]
async fn an_end_that_a_clock_set_far_away_keeps_nobody_out() {
    on_both(|d| async move {
        let d = &d;
        let (one, other) = (instance('a'), instance('b'));
        let first = take(&d.db, "work", &one, HOUR).await.unwrap().unwrap();
        d.run("UPDATE leases SET expires_at = expires_at + 86400000").await;
        let second = take(&d.db, "work", &other, HOUR).await.unwrap().unwrap();
        assert!(second.token > first.token);
    })
    .await;
}

/// What every kind of leased work does to the database, under `fence`.
async fn works(d: &Database, fence: &Fence) -> Vec<(&'static str, Stored<()>)> {
    let (db, fence) = (&d.db, Some(fence));
    let probe = ChannelTestRow {
        id: 900,
        channel_id: 7,
        ts: NOON,
        origin: "probe".to_owned(),
        model: None,
        reachable: true,
        latency_ms: Some(1),
        status: Some(200),
        error: None,
    };
    vec![
        ("a probe", channel_tests::insert(db, &probe, fence).await),
        ("log rows", retention::delete_log_rows(db, NOON + 9, fence).await.map(drop)),
        ("counts", retention::delete_counts(db, NOON + 9, fence).await.map(drop)),
        ("tests", retention::delete_channel_tests(db, NOON - 1, fence).await.map(drop)),
        ("activity", retention::delete_channel_activity(db, NOON, fence).await.map(drop)),
        ("latencies", retention::delete_latencies(db, NOON, fence).await),
        ("ledger", retention::fold_ledger_days(db, DAY + 86_400_000, fence).await.map(drop)),
        ("names", retention::forget_names(db, fence).await),
        ("missing models", missing_models::forget(db, NOON, fence).await),
        ("changes", changes::prune(db, NOON + 3_601_000, fence).await.map(drop)),
    ]
}

/// How many rows each table has that such work touches.
async fn rows(d: &Database) -> Vec<i64> {
    let tables = ["channel_tests", "request_log", "channel_activity", "ledger", "log_models", "missing_models", "changes"];
    let mut counts = Vec::new();
    for table in tables {
        counts.push(d.number(&format!("SELECT count(*) FROM {table}")).await);
    }
    counts
}

#[actix_web::test]
async fn who_lost_a_lease_writes_nothing_under_it_any_more() {
    on_both(|d| async move {
        let d = &d;
        d.user(1, 1_000_000).await;
        for prepared in [
            "INSERT INTO channels (id, name, kind, base_url, api_key_sealed, api_key_last4, models, headers_sealed, header_names, \
             enabled, created_at, updated_at) VALUES (7, 'c7', 'openai', 'https://c.example/', 'x', 'last', '[]', 'x', '[]', TRUE, 1, 1)",
            "INSERT INTO channel_tests (id, channel_id, ts, origin, reachable) VALUES (1, 7, 1, 'probe', TRUE), (2, 7, 2, 'probe', TRUE)",
            "INSERT INTO channel_activity (slot, channel_id, answered, failed, throttled) VALUES (1, 7, 1, 1, 1)",
            "INSERT INTO log_models (model, name) VALUES ('gone', 'gone')",
            "INSERT INTO missing_models (provider, model, key_id, user_id, requests, first_at, last_at) VALUES ('claude', 'wanted', 1, 1, 1, 1, 1)",
        ] {
            d.run(prepared).await;
        }
        d.booking().book(&[receipt(1, 1, 5), receipt(2, 1, 5)]).await.unwrap();
        changes::note(&d.db, d.ids.next(NOON), actors::ports::Changed::Catalogue).await.unwrap();
        let lost = take(&d.db, "maintenance", &instance('a'), HOUR).await.unwrap().unwrap();
        runs_out(d, "maintenance").await;
        let held = take(&d.db, "maintenance", &instance('b'), HOUR).await.unwrap().unwrap();
        let before = rows(d).await;
        for (work, done) in works(d, &lost).await {
            assert!(matches!(done, Err(StoreError::LeaseLost)), "{work}: {done:?}");
        }
        assert_eq!(rows(d).await, before);
        for (work, done) in works(d, &held).await {
            done.unwrap_or_else(|error| panic!("{work}: {error}"));
        }
        let after = rows(d).await;
        assert!(after.iter().zip(&before).all(|(after, before)| after < before), "{before:?} {after:?}");
        assert_eq!(channel_tests::last_probe(&d.db, ChannelId(7), NOON - 1).await.unwrap(), Some(NOON));
        assert_eq!(channel_tests::last_probe(&d.db, ChannelId(7), NOON).await.unwrap(), None);
        d.ledger_agrees().await;
    })
    .await;
}

#[tokio::test]
async fn who_lost_a_lease_gives_no_space_back_on_sqlite() {
    let d = &Database::sqlite().await;
    d.run("CREATE TABLE filler (bytes BLOB)").await;
    d.run("WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 4000) INSERT INTO filler SELECT zeroblob(4000) FROM n")
        .await;
    d.run("DELETE FROM filler").await;
    let held = take(&d.db, "maintenance", &instance('a'), HOUR).await.unwrap().unwrap();
    let lost = Fence { token: held.token - 1, ..held.clone() };
    let unused = growth::room(&d.db).await.unwrap().unused;
    assert!(matches!(growth::give_back(&d.db, Some(&lost)).await, Err(StoreError::LeaseLost)));
    assert_eq!(growth::room(&d.db).await.unwrap().unused, unused);
    assert!(growth::give_back(&d.db, Some(&held)).await.unwrap() > 0);
}

/// While a transaction of the holder is about to be committed nobody takes its lease, even if it has run out.
#[tokio::test]
async fn a_lease_is_not_taken_under_a_transaction_that_was_let_through_on_postgres() {
    let d = &Database::postgres().await;
    take(&d.db, "work", &instance('a'), HOUR).await.unwrap().unwrap();
    runs_out(d, "work").await;
    let crate::database::Raw::Pg(pool) = &d.raw else { panic!("this is PostgreSQL") };
    let mut transaction = pool.begin().await.unwrap();
    sqlx::query("SELECT token FROM leases WHERE name = 'work' FOR SHARE").execute(&mut *transaction).await.unwrap();
    let db = d.db.clone();
    let taking = tokio::spawn(async move { take(&db, "work", &instance('b'), HOUR).await.unwrap() });
    let waiting = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'";
    eventually(async || (d.number(waiting).await > 0).then_some(())).await;
    transaction.commit().await.unwrap();
    assert_eq!(taking.await.unwrap().map(|fence| fence.token), Some(2));
}

#[actix_web::test]
async fn work_goes_on_as_long_as_its_lease_is_renewed() {
    on_both(|d| async move {
        let d = &d;
        let stop = CancellationToken::new();
        let (mut lease, keeper) = keep(&d.db, "work", &instance('a'), RHYTHM, stop.clone());
        let tenure = timeout(PATIENCE, lease.held()).await.unwrap();
        let began = all(&d.db).await.unwrap()[0].expires_at;
        // Longer than a few renewals.
        let work = eventually(async || (all(&d.db).await.unwrap()[0].expires_at > began + 200).then_some("done"));
        assert_eq!(lease.during(&tenure, work).await, Some("done"));
        assert_eq!(lease.held().await.fence, tenure.fence, "it is still the same tenure");
        stop.cancel();
        keeper.await.unwrap();
        assert!(!all(&d.db).await.unwrap()[0].is_held, "it was given back");
    })
    .await;
}

#[actix_web::test]
async fn work_is_handed_over_at_once_when_its_instance_stops() {
    on_both(|d| async move {
        let d = &d;
        let (stop_one, stop_other) = (CancellationToken::new(), CancellationToken::new());
        let (mut one, keeper) = keep(&d.db, "work", &instance('a'), RHYTHM, stop_one.clone());
        let first = timeout(PATIENCE, one.held()).await.unwrap();
        let (mut other, _) = keep(&d.db, "work", &instance('b'), RHYTHM, stop_other.clone());
        assert!(timeout(Duration::from_millis(100), other.held()).await.is_err(), "both have it");
        stop_one.cancel();
        keeper.await.unwrap();
        assert_eq!(one.during(&first, std::future::pending::<()>()).await, None, "work went on without a lease");
        // Before it would have run out.
        let second = timeout(RHYTHM.lasts / 2, other.held()).await.unwrap();
        assert!(second.fence.token > first.fence.token);
        stop_other.cancel();
    })
    .await;
}

#[actix_web::test]
async fn work_is_handed_over_when_its_instance_dies_and_the_old_one_has_ended_it_by_then() {
    on_both(|d| async move {
        let d = &d;
        let short = Rhythm { lasts: Duration::from_millis(400), ..RHYTHM };
        let stop = CancellationToken::new();
        let (mut one, keeper) = keep(&d.db, "work", &instance('a'), short, stop.clone());
        let first = timeout(PATIENCE, one.held()).await.unwrap();
        // It neither renews its lease nor gives it back.
        keeper.abort();
        let (mut other, _) = keep(&d.db, "work", &instance('b'), short, stop.clone());
        let second = timeout(PATIENCE, other.held()).await.unwrap();
        assert!(second.fence.token > first.fence.token);
        assert_eq!(one.during(&first, async { "late" }).await, None, "its work went on while another instance did it");
        // Whatever it still believes, the database lets none of it through.
        let late = changes::prune(&d.db, NOON, Some(&first.fence)).await;
        assert!(matches!(late, Err(StoreError::LeaseLost)), "{late:?}");
        stop.cancel();
    })
    .await;
}

#[actix_web::test]
async fn a_lease_whose_work_has_ended_is_given_back() {
    on_both(|d| async move {
        let d = &d;
        let (mut lease, keeper) = keep(&d.db, "work", &instance('a'), RHYTHM, CancellationToken::new());
        timeout(PATIENCE, lease.held()).await.unwrap();
        drop(lease);
        timeout(PATIENCE, keeper).await.unwrap().unwrap();
        assert!(!all(&d.db).await.unwrap()[0].is_held);
    })
    .await;
}

#[actix_web::test]
async fn work_ends_when_the_database_is_away_for_longer_than_its_lease() {
    on_both(|d| async move {
        let d = &d;
        let short = Rhythm { lasts: Duration::from_millis(400), answer: Duration::from_millis(200), ..RHYTHM };
        let (mut lease, _) = keep(&d.db, "work", &instance('a'), short, CancellationToken::new());
        let tenure = timeout(PATIENCE, lease.held()).await.unwrap();
        d.db.close().await;
        let endless = lease.during(&tenure, std::future::pending::<()>());
        assert_eq!(timeout(PATIENCE, endless).await.unwrap(), None);
        assert!(timeout(Duration::from_millis(100), lease.held()).await.is_err(), "nobody has it while nobody can tell");
    })
    .await;
}

#[actix_web::test]
async fn instances_that_start_at_once_make_ids_in_lanes_of_their_own() {
    on_both(|d| async move {
        let d = &d;
        let starting: Vec<InstanceId> = "abcdefgh".chars().map(instance).collect();
        let taken = join_all(starting.iter().map(|one| lanes::take(&d.db, one))).await;
        let mut taken: Vec<(i64, Fence)> = taken.into_iter().map(|taken| taken.unwrap().unwrap()).collect();
        let distinct: std::collections::BTreeSet<i64> = taken.iter().map(|(lane, _)| *lane).collect();
        assert_eq!(distinct.len(), starting.len(), "{taken:?}");
        // It gets its own again, and another if it cannot tell whether that is still somebody's.
        let (lane, fence) = taken.remove(0);
        assert_ne!(lanes::take(&d.db, &starting[0]).await.unwrap().unwrap().0, lane);
        release(&d.db, &fence).await.unwrap();
        let (again, anew) = lanes::take(&d.db, &starting[0]).await.unwrap().unwrap();
        assert_eq!((again, anew.token), (lane, fence.token + 1));
    })
    .await;
}
