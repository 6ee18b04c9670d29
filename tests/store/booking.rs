use std::sync::Arc;

use actors::ports::{Faults, LedgerStore};
use actors::vocabulary::{Ending, Nanos, Receipt, Usage};

use crate::database::{DAY, Database, on_both, receipt};

const DOLLAR: i64 = 1_000_000_000;
const DAY_MS: i64 = 86_400_000;

#[actix_web::test]
async fn booking_twice_changes_nothing() {
    on_both(|d| async move {
        d.user(1, 5 * DOLLAR).await;
        let batch = [receipt(1, 1, 300), receipt(2, 1, 400)];
        assert_eq!(d.booking().book(&batch).await.unwrap(), 2);
        assert_eq!(d.booking().book(&batch).await.unwrap(), 0);
        assert_eq!(d.booking().book(&[batch[1].clone(), receipt(3, 1, 1)]).await.unwrap(), 1);
        assert_eq!(d.number("SELECT used_nanos FROM users").await, 701);
        assert_eq!(d.number("SELECT used_nanos FROM api_keys").await, 701);
        assert_eq!(d.number("SELECT used_requests FROM api_keys").await, 3);
        assert_eq!(d.number("SELECT day_tokens FROM api_keys").await, 3 * 18);
        assert_eq!(d.number("SELECT last_used_at FROM api_keys").await, receipt(3, 1, 1).ts);
        assert_eq!(d.number("SELECT requests FROM usage_hourly").await, 3);
        assert_eq!(d.number("SELECT tokens_out FROM usage_hourly").await, 15);
        d.ledger_agrees().await;
    })
    .await;
}

#[actix_web::test]
async fn a_receipt_that_stands_twice_in_a_batch_is_billed_once() {
    on_both(|d| async move {
        d.user(1, DOLLAR).await;
        let batch = [receipt(5, 1, 10), receipt(4, 1, 20), receipt(5, 1, 10)];
        assert_eq!(d.booking().book(&batch).await.unwrap(), 2);
        assert_eq!(d.number("SELECT used_nanos FROM users").await, 30);
        d.ledger_agrees().await;
    })
    .await;
}

#[actix_web::test]
async fn ten_thousand_receipts_of_many_users_fit_one_transaction() {
    on_both(|d| async move {
        for user in 1..=9 {
            d.user(user, DOLLAR).await;
        }
        let batch: Vec<Receipt> = (1..=10_000).map(|id| receipt(id, 1 + id % 9, id % 100)).collect();
        assert_eq!(d.booking().book(&batch).await.unwrap(), 10_000);
        assert_eq!(d.booking().book(&batch).await.unwrap(), 0);
        let total: i64 = batch.iter().map(|receipt| receipt.cost.0).sum();
        assert_eq!(d.number("SELECT sum(used_nanos) FROM users").await, total);
        assert_eq!(d.number("SELECT sum(cost_nanos) FROM usage_hourly").await, total);
        assert_eq!(d.number("SELECT count(*) FROM request_log").await, 10_000);
        let off = "SELECT count(*) FROM users WHERE quota_nanos - used_nanos <> \
            (SELECT sum(amount_nanos) FROM ledger WHERE user_id = users.id)";
        assert_eq!(d.number(off).await, 0);
    })
    .await;
}

#[actix_web::test]
async fn a_new_day_starts_at_nothing_and_an_old_one_is_past() {
    on_both(|d| async move {
        d.user(1, DOLLAR).await;
        let on = |id, day_start| Receipt { day_start, ..receipt(id, 1, 1) };
        d.booking().book(&[on(1, DAY)]).await.unwrap();
        assert_eq!(d.number("SELECT day_tokens FROM api_keys").await, 18);
        d.booking().book(&[on(2, DAY + DAY_MS), on(3, DAY), on(4, DAY + DAY_MS)]).await.unwrap();
        assert_eq!(d.number("SELECT day_tokens FROM api_keys").await, 36);
        assert_eq!(d.number("SELECT day_start FROM api_keys").await, DAY + DAY_MS);
        d.booking().book(&[on(5, DAY)]).await.unwrap();
        assert_eq!(d.number("SELECT day_tokens FROM api_keys").await, 36);
        assert_eq!(d.number("SELECT used_requests FROM api_keys").await, 5);
    })
    .await;
}

#[actix_web::test]
async fn a_refused_request_is_logged_and_counts_nowhere_else() {
    on_both(|d| async move {
        d.user(1, DOLLAR).await;
        let nothing = Receipt { usage: Usage::default(), channel_id: None, ..receipt(1, 1, 0) };
        let refused = Receipt { ending: Ending::Refused, status: 429, cost: Nanos(0), ..nothing };
        assert_eq!(d.booking().book(&[refused]).await.unwrap(), 1);
        assert_eq!(d.number("SELECT used_requests + day_tokens + coalesce(last_used_at, 0) FROM api_keys").await, 0);
        assert_eq!(d.number("SELECT requests FROM usage_hourly WHERE successes = 0 AND channel_id = 0").await, 1);
        assert_eq!(d.number("SELECT count(*) FROM ledger WHERE kind = 'usage'").await, 0);
    })
    .await;
}

#[actix_web::test]
async fn a_user_who_is_gone_does_not_hold_up_the_others() {
    on_both(|d| async move {
        d.user(1, DOLLAR).await;
        assert_eq!(d.booking().book(&[receipt(1, 77, 5), receipt(2, 1, 7)]).await.unwrap(), 2);
        assert_eq!(d.number("SELECT used_nanos FROM users").await, 7);
        assert_eq!(d.number("SELECT count(*) FROM request_log WHERE user_id = 77").await, 1);
        d.ledger_agrees().await;
    })
    .await;
}

#[actix_web::test]
async fn what_a_client_writes_cannot_block_the_ledger() {
    on_both(|d| async move {
        d.user(1, DOLLAR).await;
        let odd = Receipt {
            model: format!("a\0{}", "ü".repeat(5_000)),
            client_request_id: Some("\0\0".to_owned()),
            details: Some("{\0}".to_owned()),
            cost: Nanos(i64::MAX),
            ..receipt(1, 1, 0)
        };
        let again = Receipt { id: 2.into(), ..odd.clone() };
        assert_eq!(d.booking().book(&[odd, again]).await.unwrap(), 2);
        assert_eq!(d.number("SELECT used_nanos FROM users").await, i64::MAX);
    })
    .await;
}

#[actix_web::test]
async fn a_crash_before_the_commit_leaves_nothing_behind() {
    struct Crash;
    impl Faults for Crash {
        fn reached(&self, place: &'static str) {
            assert_ne!(place, "booking.inside_transaction");
        }
    }
    on_both(|d| async move {
        d.user(1, DOLLAR).await;
        let crashing = d.booking_with(Arc::new(Crash));
        let crash = actix_web::rt::spawn(async move { crashing.book(&[receipt(1, 1, 5)]).await }).await;
        assert!(crash.is_err());
        assert_eq!(d.booking().book(&[receipt(1, 1, 5)]).await.unwrap(), 1);
        assert_eq!(d.number("SELECT used_nanos FROM users").await, 5);
        d.ledger_agrees().await;
    })
    .await;
}

#[actix_web::test]
async fn two_processes_booking_the_same_receipts_bill_each_once() {
    let d = Database::postgres().await;
    for user in 1..=5 {
        d.user(user, DOLLAR).await;
    }
    let batch = |from: i64, to: i64| (from..to).map(|id| receipt(id, 1 + id % 5, 10)).collect::<Vec<_>>();
    let mut reversed = batch(300, 900);
    reversed.reverse();
    let (one, two, three) = (batch(1, 600), reversed, batch(500, 1_000));
    let (first, second, third) = (d.booking(), d.booking(), d.booking());
    let (a, b, c) = futures_util::join!(first.book(&one), second.book(&two), third.book(&three));
    assert_eq!(a.unwrap() + b.unwrap() + c.unwrap(), 999);
    assert_eq!(d.number("SELECT sum(used_nanos) FROM users").await, 9_990);
    assert_eq!(d.number("SELECT count(*) FROM ledger WHERE kind = 'usage'").await, 999);
    d.ledger_agrees().await;
}
