//! Rows with figures that nobody can have used, as older versions wrote them: they break no sum, and one receipt that the
//! database refuses says so of itself.

use actors::ports::{BookingFailed, LedgerStore};
use actors::vocabulary::{Nanos, Receipt, Usage};
use api_proxy::store::stats::{self, RankBy, RankOf, Span};
use api_proxy::store::trends::{self, Ranks};
use api_proxy::store::{ledger, traffic};

use crate::database::{DAY, Database, on_both, receipt};

const DAY_MS: i64 = 86_400_000;
const MOST: i64 = i64::MAX;

/// Everything at its end.
fn absurd(id: i64) -> Receipt {
    let usage =
        Usage { input: MOST, output: MOST, cache_read: MOST, cache_creation_5m: MOST, cache_creation_1h: MOST, reasoning: MOST };
    Receipt { usage, cost: Nanos(MOST), ..receipt(id, 1, 1) }
}

fn spans() -> [Span; 2] {
    let span = |from, to| Span { from, to, now: DAY + 400 * DAY_MS, user_id: None, key_id: None, channel_id: None };
    // By whole days and hours out of the sums, and a part of an hour out of the log.
    [span(DAY - 2 * DAY_MS, DAY + 3 * DAY_MS), span(receipt(1, 1, 1).ts, receipt(1, 1, 1).ts + 1_000)]
}

async fn pages_are_served(d: &Database) {
    for span in spans() {
        let report = stats::report(&d.db, &span, 50).await.unwrap();
        assert_eq!((report.totals.cost_nanos, report.totals.tokens_in, report.totals.tokens_out), (MOST, MOST, MOST));
        assert!(report.totals.requests >= 3 && report.models[0].sums.cost_nanos == MOST);
        stats::totals(&d.db, &span).await.unwrap();
        traffic::traffic(&d.db, &span).await.unwrap();
        traffic::latencies(&d.db, &span).await.unwrap();
        for of in [RankOf::Users, RankOf::Keys, RankOf::Models, RankOf::Channels] {
            for by in [RankBy::Cost, RankBy::Requests, RankBy::Tokens] {
                let ranking = stats::ranking(&d.db, &span, of, by, 10).await.unwrap();
                assert_eq!(ranking.totals.cache_creation_tokens, MOST, "{of:?} {by:?}");
                let ranks = if of == RankOf::Models { Ranks::Names(vec!["m".to_owned()]) } else { Ranks::Ids(vec![0, 1, 1_001]) };
                trends::trends(&d.db, &span, of, by, &ranks).await.unwrap();
            }
        }
    }
    assert_eq!(ledger::reconcile(&d.db).await.unwrap().accounts, 2);
}

#[actix_web::test]
async fn figures_at_their_end_break_no_sum() {
    on_both(|d| async move {
        d.user(1, 5).await;
        d.user(2, 5).await;
        // In batches of their own: each adds to what the one before left.
        for id in 1..=3 {
            assert_eq!(d.booking().book(&[absurd(id)]).await.unwrap(), 1);
            assert_eq!(d.booking().book(&[receipt(10 + id, 2, 7)]).await.unwrap(), 1, "others are booked");
        }
        pages_are_served(&d).await;
        assert_eq!(d.number("SELECT used_nanos FROM users WHERE id = 2").await, 21);
    })
    .await;
}

#[actix_web::test]
async fn what_the_database_refuses_is_told_apart_from_a_database_that_is_away() {
    on_both(|d| async move {
        d.user(1, 5).await;
        let constraint = "CREATE UNIQUE INDEX only_one_of_a_kind ON request_log (request_id)";
        d.run(constraint).await;
        let twin = Receipt { request_id: receipt(1, 1, 1).request_id, ..receipt(2, 1, 1) };
        d.booking().book(&[receipt(1, 1, 1)]).await.unwrap();
        assert!(matches!(d.booking().book(&[twin]).await, Err(BookingFailed::Refused(_))));
        d.run("ALTER TABLE usage_totals RENAME TO elsewhere").await;
        assert!(matches!(d.booking().book(&[receipt(3, 1, 1)]).await, Err(BookingFailed::Unavailable(_))));
        d.run("ALTER TABLE elsewhere RENAME TO usage_totals").await;
        assert_eq!(d.booking().book(&[receipt(3, 1, 1)]).await.unwrap(), 1);
        d.db.close().await;
        assert!(matches!(d.booking().book(&[receipt(4, 1, 1)]).await, Err(BookingFailed::Unavailable(_))));
    })
    .await;
}
