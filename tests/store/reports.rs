use actors::ports::LedgerStore;
use actors::vocabulary::{ChannelId, Ending, KeyId, Receipt, UserId};
use api_proxy::store::stats::{self, RankBy, RankOf, Span};

use crate::database::{DAY, NOON, on_both, receipt};

const HOUR: i64 = 3_600_000;

#[actix_web::test]
async fn sums_take_whole_hours_from_the_roll_ups_and_the_rest_from_the_log() {
    on_both(|d| async move {
        d.user(1, 1_000_000).await;
        let at = |id: i64, ts: i64, user: i64, cost: i64| Receipt { ts, ..receipt(id, user, cost) };
        let batch = [
            at(1, NOON - 3 * HOUR + 1, 1, 1),
            at(2, NOON - 3 * HOUR + HOUR / 2, 1, 10),
            at(3, NOON - 2 * HOUR, 1, 100),
            at(4, NOON - HOUR, 2, 1_000),
            Receipt { status: 500, ..at(5, NOON + 1, 1, 10_000) },
            at(6, NOON + HOUR / 2, 1, 100_000),
        ];
        d.booking().book(&batch).await.unwrap();
        let span = |from, to, now| Span { from, to, now, user_id: None, key_id: None, channel_id: None };
        let cost = async |span: Span| stats::report(&d.db, &span, 10).await.unwrap().totals.cost_nanos;
        assert_eq!(cost(span(NOON - 3 * HOUR, NOON + HOUR, NOON + HOUR)).await, 111_111);
        assert_eq!(cost(span(NOON - 3 * HOUR + 2, NOON + 2, NOON + HOUR)).await, 11_110);
        assert_eq!(cost(span(NOON - 3 * HOUR + 2, NOON + 2, NOON + 2)).await, 11_110);
        assert_eq!(cost(span(NOON - 3 * HOUR + 2, NOON + HOUR / 2 + 7, NOON + HOUR / 2 + 7)).await, 111_110);
        assert_eq!(cost(span(NOON + 2, NOON + HOUR / 2, NOON + HOUR)).await, 0);
        assert_eq!(cost(span(NOON + 1, NOON + 2, NOON + HOUR)).await, 10_000);
        let own = Span { user_id: Some(2), ..span(NOON - 3 * HOUR, NOON + HOUR, NOON + HOUR) };
        assert_eq!(cost(own).await, 1_000);
        let report = stats::report(&d.db, &span(NOON - 3 * HOUR + 2, NOON + HOUR, NOON + HOUR), 10).await.unwrap();
        assert_eq!((report.totals.requests, report.totals.successes, report.totals.tokens_in), (5, 4, 50));
        assert_eq!(report.slots.iter().map(|slot| (slot.place - NOON) * 4 / HOUR).collect::<Vec<_>>(), [-10, -8, -4, 0, 2]);
        assert_eq!(
            report.keys.iter().map(|key| (key.place, key.name.clone())).collect::<Vec<_>>(),
            [(1001, Some("key".to_owned())), (1002, None)]
        );
        assert_eq!((report.models.len(), report.channels[0].place), (1, 7));
        let whole = span(NOON - 3 * HOUR, NOON + HOUR, NOON + HOUR);
        let ranking = stats::ranking(&d.db, &whole, RankOf::Users, RankBy::Tokens, 1).await.unwrap();
        assert_eq!(ranking.rows.iter().map(|user| user.place).collect::<Vec<_>>(), [Some(1)]);
        assert_eq!((ranking.totals.cost_nanos, ranking.totals.requests), (111_111, 6));
        let durations = stats::durations(&d.db, &span(NOON - 3 * HOUR, NOON + HOUR, NOON + HOUR)).await.unwrap();
        assert_eq!(durations.len(), 6);
    })
    .await;
}

/// Requests over five days, of several users, keys, channels and models.
fn five_days() -> Vec<Receipt> {
    let models = ["claude-one", "claude-two", "gpt-three"];
    let one = |id: i64| Receipt {
        ts: DAY - 2 * 24 * HOUR + id * 5 * 24 * HOUR / 300 + id * 7_919 % 1_000,
        user_id: UserId(1 + id % 3),
        key_id: KeyId(1_001 + id % 5),
        channel_id: (id % 7 > 0).then_some(ChannelId(id % 4)),
        model: models[id.unsigned_abs() as usize % 3].to_owned(),
        ending: if id % 11 == 0 { Ending::UpstreamFailed } else { Ending::Completed },
        ..receipt(id, 1, id * 1_000 + id % 13)
    };
    (0..300).map(one).collect()
}

/// What the requests of a span cost, by what `place` says of each; the dearest first.
fn costs(receipts: &[Receipt], span: &Span, place: impl Fn(&Receipt) -> i64) -> Vec<(i64, i64)> {
    let mut sums = std::collections::BTreeMap::<i64, i64>::new();
    let within = |receipt: &&Receipt| receipt.ts >= span.from && receipt.ts < span.to;
    let own = |receipt: &&Receipt| span.user_id.is_none_or(|user| receipt.user_id.0 == user);
    for receipt in receipts.iter().filter(within).filter(own) {
        *sums.entry(place(receipt)).or_default() += receipt.cost.0;
    }
    let mut sums: Vec<_> = sums.into_iter().collect();
    sums.sort_by_key(|(place, cost)| (-cost, *place));
    sums
}

#[actix_web::test]
async fn sums_of_days_and_hours_and_rows_are_those_of_the_requests_alone() {
    on_both(|d| async move {
        let all = five_days();
        for batch in all.chunks(37) {
            d.booking().book(batch).await.unwrap();
        }
        let start = DAY - 2 * 24 * HOUR;
        let ends = [
            (start, start + 5 * 24 * HOUR),
            (start + 1, start + 3 * 24 * HOUR + 1),
            (start + 17 * HOUR + 60_000, start + 4 * 24 * HOUR + 5 * HOUR + 1_234),
            (start + 23 * HOUR, start + 25 * HOUR),
            (start + 30 * HOUR + 5, start + 30 * HOUR + 6 * 60_000),
        ];
        for ((from, to), user_id) in ends.into_iter().flat_map(|ends| [(ends, None), (ends, Some(2))]) {
            let span = Span { from, to, now: start + 9 * 24 * HOUR, user_id, key_id: None, channel_id: None };
            let report = stats::report(&d.db, &span, 50).await.unwrap();
            let whole: i64 = costs(&all, &span, |_| 0).iter().map(|sum| sum.1).sum();
            assert_eq!(report.totals.cost_nanos, whole, "{span:?}");
            assert_eq!(stats::totals(&d.db, &span).await.unwrap(), report.totals);
            assert_eq!(report.slots.iter().map(|slot| slot.sums.cost_nanos).sum::<i64>(), whole);
            let by = |rows: &[stats::NumberedSums]| rows.iter().map(|row| (row.place, row.sums.cost_nanos)).collect::<Vec<_>>();
            let quarter = |receipt: &Receipt| receipt.ts - receipt.ts % (HOUR / 4);
            let mut slots: Vec<_> = costs(&all, &span, quarter);
            slots.sort_unstable();
            assert_eq!(by(&report.slots), slots, "{span:?}");
            assert_eq!(by(&report.keys), costs(&all, &span, |receipt| receipt.key_id.0), "{span:?}");
            assert_eq!(by(&report.channels), costs(&all, &span, |receipt| receipt.channel_id.map_or(0, |id| id.0)), "{span:?}");
            let models: Vec<i64> = report.models.iter().map(|model| model.sums.cost_nanos).collect();
            let told: Vec<i64> = costs(&all, &span, |receipt| receipt.id.0 % 3).iter().map(|sum| sum.1).collect();
            assert_eq!(models, told, "{span:?}");
            let users = stats::ranking(&d.db, &span, RankOf::Users, RankBy::Cost, 50).await.unwrap();
            let ranked: Vec<_> = users.rows.iter().map(|row| (row.place.unwrap(), row.sums.cost_nanos)).collect();
            assert_eq!((ranked, users.totals.cost_nanos), (costs(&all, &span, |receipt| receipt.user_id.0), whole), "{span:?}");
        }
    })
    .await;
}
