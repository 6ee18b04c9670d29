//! What channels did: counted per attempt, once, and read back by half hour.

use actors::ports::LedgerStore;
use actors::vocabulary::{Attempt, ChannelId, Ending, Receipt};
use api_proxy::store::channel_activity::{self, SLOT_MS, SampleRow, SlotRow};
use api_proxy::store::{Window, channels, retention};

use crate::database::{Database, NOON, on_both, receipt};

fn attempt(channel: i64, status: Option<u16>, error: Option<&str>) -> Attempt {
    let like = receipt(1, 1, 0).attempts[0].clone();
    Attempt { channel_id: ChannelId(channel), status, error: error.map(str::to_owned), ..like }
}

fn tried(id: i64, ending: Ending, attempts: Vec<Attempt>) -> Receipt {
    let last = attempts.last().map(|attempt| attempt.channel_id);
    Receipt { ending, channel_id: last, attempts, ..receipt(id, 1, 0) }
}

async fn of(d: &Database, channel: i64) -> Vec<(i64, i64, i64, i64)> {
    let slots = channel_activity::slots(&d.db, 0).await.unwrap();
    let own = slots.iter().filter(|slot| slot.channel_id == channel);
    own.map(|slot: &SlotRow| (slot.slot, slot.answered, slot.failed, slot.throttled)).collect()
}

#[actix_web::test]
async fn every_attempt_is_counted_for_the_channel_that_was_tried() {
    on_both(|d| async move {
        d.user(1, 0).await;
        let batch = [
            tried(
                1,
                Ending::Completed,
                vec![attempt(8, Some(529), Some("the upstream answered 529")), attempt(7, Some(200), None)],
            ),
            tried(
                2,
                Ending::Completed,
                vec![attempt(8, Some(429), Some("the upstream answered 429")), attempt(7, Some(200), None)],
            ),
            tried(3, Ending::UpstreamFailed, vec![attempt(7, Some(200), None)]),
            tried(4, Ending::Completed, vec![attempt(7, Some(400), None)]),
            tried(5, Ending::UpstreamFailed, vec![attempt(7, Some(404), Some("it has no such model"))]),
            tried(6, Ending::ClientLeft, vec![attempt(7, Some(200), None)]),
            Receipt { ts: NOON + SLOT_MS, ..tried(7, Ending::TimedOut, vec![attempt(7, None, Some("no answer"))]) },
        ];
        assert_eq!(d.booking().book(&batch).await.unwrap(), 7);
        assert_eq!(d.booking().book(&batch).await.unwrap(), 0, "booking twice counts nothing twice");
        assert_eq!(of(&d, 8).await, [(NOON, 0, 1, 1)]);
        let mut seven = of(&d, 7).await;
        seven.sort_unstable();
        assert_eq!(seven, [(NOON, 3, 1, 0), (NOON + SLOT_MS, 0, 1, 0)]);
        let failures = channel_activity::failures(&d.db, ChannelId(8), 0, 10).await.unwrap();
        assert_eq!(failures.iter().map(|row| row.id).collect::<Vec<_>>(), [2, 1]);
        let samples = channel_activity::samples(&d.db, &[7, 8], 0, 1).await.unwrap();
        assert_eq!(samples, [SampleRow { channel_id: 7, duration_ms: 900, ttft_ms: Some(120) }]);
        assert_eq!(retention::delete_channel_activity(&d.db, NOON + 1, None).await.unwrap(), 2);
        assert_eq!(of(&d, 7).await.len(), 1);
    })
    .await;
}

#[actix_web::test]
async fn failures_of_a_channel_are_found_behind_requests_that_it_saved() {
    on_both(|d| async move {
        d.user(1, 0).await;
        let broke = || attempt(8, Some(529), Some(r#"it said {"channelId":7,"error":"overloaded"}"#));
        let mut batch = vec![
            tried(1, Ending::Completed, vec![broke(), attempt(7, Some(200), None)]),
            Receipt {
                error: Some("the stream broke".into()),
                ..tried(2, Ending::UpstreamFailed, vec![attempt(8, Some(200), None)])
            },
            Receipt {
                ts: NOON + 4 * SLOT_MS,
                ..tried(3, Ending::Completed, vec![broke(), broke(), attempt(7, Some(200), None)])
            },
        ];
        batch.extend((10..60).map(|id| {
            let saved = tried(id, Ending::Completed, vec![attempt(7, Some(529), Some("no")), attempt(8, Some(200), None)]);
            Receipt { ts: NOON + id % 3 * SLOT_MS, ..saved }
        }));
        assert_eq!(d.booking().book(&batch).await.unwrap(), batch.len());
        let found = |from, most| {
            let db = d.db.clone();
            async move {
                let rows = channel_activity::failures(&db, ChannelId(8), from, most).await.unwrap();
                rows.iter().map(|row| row.id).collect::<Vec<_>>()
            }
        };
        assert_eq!(found(0, 20).await, [3, 2, 1]);
        assert_eq!(found(0, 2).await, [3, 2]);
        assert_eq!(found(NOON + SLOT_MS, 20).await, [3]);
        let rest = channel_activity::failures(&d.db, ChannelId(7), 0, 100).await.unwrap();
        assert_eq!(rest.len(), 50, "each once, though the half hours that are searched touch");
        let mut samples = channel_activity::samples(&d.db, &[7, 8, 9], 0, 2).await.unwrap();
        samples.sort_by_key(|row| row.channel_id);
        assert_eq!(samples.iter().map(|row| row.channel_id).collect::<Vec<_>>(), [7, 7, 8, 8]);
    })
    .await;
}

#[actix_web::test]
async fn tests_are_summed_and_the_last_is_known() {
    on_both(|d| async move {
        for (id, name, models) in [(7, "Seven", "[]"), (8, "eight", r#"["a_b","c"]"#), (9, "nine", r#"["axb"]"#)] {
            d.run(&format!(
                "INSERT INTO channels (id, name, kind, base_url, api_key_sealed, api_key_last4, models, headers_sealed, header_names, \
                 created_at, updated_at) VALUES ({id}, '{name}', 'claude', 'https://x', 'x', '', '{models}', 'x', '[]', 1, 1)"
            ))
            .await;
        }
        for (id, ts, reachable) in [(1, NOON, true), (2, NOON + 5, false), (3, NOON + SLOT_MS, false)] {
            d.run(&format!(
                "INSERT INTO channel_tests (id, channel_id, ts, origin, reachable) VALUES ({id}, 7, {ts}, 'probe', {reachable})"
            ))
            .await;
        }
        let mut sums = channel_activity::tested_slots(&d.db, NOON).await.unwrap();
        sums.sort_unstable_by_key(|sum| sum.slot);
        assert_eq!(sums.iter().map(|sum| (sum.slot, sum.tests, sum.failed_tests)).collect::<Vec<_>>(), [(NOON, 2, 1), (NOON + SLOT_MS, 1, 1)]);
        let last = channel_activity::last_tests(&d.db).await.unwrap();
        assert_eq!(last.iter().map(|test| (test.channel_id, test.id)).collect::<Vec<_>>(), [(7, 3)]);

        let window = Window { limit: 10, offset: 0, column: "lower(name)", descending: false, query: None };
        for (filter, found) in [
            (channels::ChannelFilter { model: Some("a_b".into()), ..Default::default() }, vec![8, 7]),
            (channels::ChannelFilter { ids: Some(vec![9, 7]), ..Default::default() }, vec![9, 7]),
            (channels::ChannelFilter { ids: Some(vec![]), ..Default::default() }, vec![]),
        ] {
            let (rows, total) = channels::list(&d.db, &filter, &window).await.unwrap();
            let ids: Vec<i64> = rows.iter().map(|row| row.id).collect();
            assert_eq!((&ids, usize::try_from(total).unwrap()), (&found, found.len()), "{filter:?}");
        }
    })
    .await;
}
