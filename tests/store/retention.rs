use actors::ports::LedgerStore;
use actors::vocabulary::Receipt;
use api_proxy::store::retention;

use crate::database::{DAY, NOON, on_both, receipt};

#[actix_web::test]
async fn old_log_rows_go_in_batches() {
    on_both(|d| async move {
        d.user(1, 1_000_000).await;
        let batch: Vec<Receipt> = (1..=1_500).map(|id| receipt(id, 1, 0)).collect();
        d.booking().book(&batch).await.unwrap();
        assert_eq!(retention::count_log_rows(&d.db, NOON + 1_401).await.unwrap(), 1_400);
        assert_eq!(retention::delete_log_rows(&d.db, NOON + 1_401, None).await.unwrap(), 1_000);
        assert_eq!(retention::delete_log_rows(&d.db, NOON + 1_401, None).await.unwrap(), 400);
        assert_eq!(retention::delete_log_rows(&d.db, NOON + 1_401, None).await.unwrap(), 0);
        assert_eq!(d.number("SELECT count(*) FROM request_log").await, 100);
    })
    .await;
}

#[actix_web::test]
async fn folded_usage_keeps_its_sums_and_the_last_balance() {
    on_both(|d| async move {
        d.user(1, 1_000).await;
        d.user(2, 1_000).await;
        let yesterday = |id, user| Receipt { ts: NOON - 86_400_000 + id, ..receipt(id, user, 10) };
        let batch =
            [yesterday(11, 1), yesterday(12, 1), yesterday(13, 2), yesterday(14, 1), receipt(15, 1, 10), receipt(16, 1, 1)];
        d.booking().book(&batch).await.unwrap();
        assert_eq!(retention::fold_ledger_days(&d.db, DAY, None).await.unwrap(), 1);
        assert_eq!(retention::fold_ledger_days(&d.db, DAY, None).await.unwrap(), 0);
        assert_eq!(
            d.number("SELECT count(*) FROM ledger WHERE reason = 'folded' AND amount_nanos = -30 AND balance_nanos = 970").await,
            1
        );
        assert_eq!(d.number("SELECT count(*) FROM ledger WHERE kind = 'usage'").await, 4);
        d.ledger_agrees().await;
    })
    .await;
}

#[actix_web::test]
async fn folding_leaves_every_balance_the_one_before_plus_its_amount() {
    on_both(|d| async move {
        d.user(1, 1_000).await;
        d.user(2, 1_000).await;
        let at = |id: i64, ts: i64, user: i64| Receipt { ts, ..receipt(id, user, 10) };
        let (old, older) = (NOON - 86_400_000, NOON - 2 * 86_400_000);
        // Two of one day, then in turns of this day and the one before, and of somebody else between.
        for (id, ts) in [(1, older), (2, older + 1), (3, old), (4, older + 2), (5, old + 1), (6, old + 2), (7, NOON)] {
            d.booking().book(&[at(id, ts, 1), at(100 + id, ts, 2)]).await.unwrap();
            if id == 5 {
                d.adjusts(1, 500).await;
            }
        }
        assert_eq!(d.number("SELECT count(*) FROM ledger WHERE user_id = 1 AND kind = 'usage'").await, 7);
        while retention::fold_ledger_days(&d.db, DAY, None).await.unwrap() > 0 {}
        d.ledger_agrees().await;
        let kept = |user: i64| format!("SELECT count(*) FROM ledger WHERE user_id = {user} AND kind = 'usage'");
        // 1+2, 3, 4, 5, the adjustment, 6, 7; without it 5+6.
        assert_eq!((d.number(&kept(1)).await, d.number(&kept(2)).await), (6, 5));
    })
    .await;
}

#[actix_web::test]
async fn names_go_with_the_last_request_of_what_is_gone_and_times_with_their_hour() {
    on_both(|d| async move {
        d.user(1, 1_000_000).await;
        let gone = Receipt { ts: DAY, key_name: "Gone".to_owned(), model: "old-model".to_owned(), ..receipt(1, 2, 0) };
        d.booking().book(&[gone, receipt(2, 1, 0)]).await.unwrap();
        let names = "SELECT count(*) FROM log_key_names WHERE name IN ('gone', 'user2')";
        retention::forget_names(&d.db, None).await.unwrap();
        assert_eq!((d.number(names).await, d.number("SELECT count(*) FROM log_models").await), (2, 2));
        retention::delete_log_rows(&d.db, NOON + 10, None).await.unwrap();
        retention::forget_names(&d.db, None).await.unwrap();
        assert_eq!((d.number(names).await, d.number("SELECT count(*) FROM log_models").await), (0, 0));
        assert_eq!(d.number("SELECT count(*) FROM log_key_names").await, 3, "a key that is there keeps its names");
        assert_eq!(d.number("SELECT count(DISTINCT hour) FROM latency_hourly").await, 2);
        retention::delete_latencies(&d.db, NOON, None).await.unwrap();
        assert_eq!(d.number("SELECT count(DISTINCT hour) FROM latency_hourly").await, 1);
        assert_eq!(d.number("SELECT count(DISTINCT day) FROM latency_daily WHERE user_id = 0").await, 0, "the day began before");
    })
    .await;
}

#[actix_web::test]
async fn a_site_that_kept_its_log_for_ever_goes_on_doing_so() {
    on_both(|d| async move {
        let chosen = "SELECT count(*) FROM settings WHERE name = 'logRetentionDays' AND value = '0'";
        assert_eq!(d.number(chosen).await, 0, "a new site has the default");
        d.user(1, 0).await;
        let migration = include_str!("../../migrations/0012_retention.sql");
        d.run(migration).await;
        assert_eq!(d.number(chosen).await, 1);
        d.run("UPDATE settings SET value = '30' WHERE name = 'logRetentionDays'").await;
        d.run(migration).await;
        assert_eq!(d.number("SELECT count(*) FROM settings WHERE value = '30'").await, 1, "what was chosen stays");
    })
    .await;
}
