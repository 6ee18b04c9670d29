use actors::ports::LedgerStore;
use actors::vocabulary::{ChannelId, Ending, KeyId, Receipt};
use api_proxy::store::Window;
use api_proxy::store::logs::{self, Cursor, LogFilter};
use api_proxy::store::stats::{self, RankBy, RankOf, Span};

use crate::database::{NOON, on_both, receipt};

const HOUR: i64 = 3_600_000;

fn window(limit: i64, query: Option<&str>) -> Window {
    Window { limit, offset: 0, column: "ts", descending: true, query: query.map(str::to_owned) }
}

#[actix_web::test]
async fn the_log_is_filtered_searched_and_paged_by_the_database() {
    on_both(|d| async move {
        let failed = Receipt { status: 502, ending: Ending::UpstreamFailed, stream: false, channel_id: None, ..receipt(3, 2, 0) };
        let other = Receipt { model: "gpt_50%".to_owned(), key_id: KeyId(9), channel_id: Some(ChannelId(8)), ..receipt(4, 1, 0) };
        d.booking().book(&[receipt(1, 1, 0), receipt(2, 1, 0), failed, other]).await.unwrap();
        let ids = async |filter: LogFilter, query: Option<&str>| -> Vec<i64> {
            let (rows, total) = logs::list(&d.db, &filter, &window(10, query), None).await.unwrap();
            assert_eq!(rows.len() as i64, total);
            rows.iter().map(|row| row.id).collect()
        };
        let any = LogFilter::default;
        assert_eq!(ids(any(), None).await, [4, 3, 2, 1]);
        assert_eq!(ids(LogFilter { from: Some(NOON + 2), to: Some(NOON + 4), ..any() }, None).await, [3, 2]);
        assert_eq!(ids(LogFilter { status: Some(502), ending: Some("upstream_failed".into()), ..any() }, None).await, [3]);
        assert_eq!(ids(LogFilter { stream: Some(false), user_id: Some(2), ..any() }, None).await, [3]);
        assert_eq!(ids(LogFilter { key_id: Some(9), channel_id: Some(8), ..any() }, None).await, [4]);
        assert_eq!(ids(LogFilter { protocol: Some("responses".into()), ..any() }, None).await, [0i64; 0]);
        assert_eq!(ids(any(), Some("GPT_50%")).await, [4]);
        assert_eq!(ids(any(), Some("_")).await, [4, 3, 2, 1]);
        assert_eq!(ids(any(), Some("user2")).await, [3]);
        assert_eq!(ids(any(), Some("req_2")).await, [2]);
        let (rows, total) = logs::list(&d.db, &any(), &window(2, None), Some(Cursor { ts: NOON + 3, id: 3 })).await.unwrap();
        assert_eq!((rows.iter().map(|row| row.id).collect::<Vec<_>>(), total), (vec![2, 1], 4));
        let detail = logs::find(&d.db, 1).await.unwrap().unwrap();
        assert_eq!(detail.client_ip.as_deref(), Some("203.0.113.9"));
        assert!(detail.tariff.unwrap().contains("3000000000") && detail.attempts.contains("seven"));
    })
    .await;
}

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
        assert_eq!(cost(span(NOON - 3 * HOUR + 2, NOON + 2, NOON + 2)).await, 111_110);
        assert_eq!(cost(span(NOON + 2, NOON + HOUR / 2, NOON + HOUR)).await, 0);
        assert_eq!(cost(span(NOON + 1, NOON + 2, NOON + HOUR)).await, 10_000);
        let own = Span { user_id: Some(2), ..span(NOON - 3 * HOUR, NOON + HOUR, NOON + HOUR) };
        assert_eq!(cost(own).await, 1_000);
        let report = stats::report(&d.db, &span(NOON - 3 * HOUR + 2, NOON + HOUR, NOON + HOUR), 10).await.unwrap();
        assert_eq!((report.totals.requests, report.totals.successes, report.totals.tokens_in), (5, 4, 50));
        assert_eq!(report.hours.iter().map(|hour| (hour.place - NOON) / HOUR).collect::<Vec<_>>(), [-3, -2, -1, 0]);
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
        assert_eq!(durations.unwrap().len(), 6);
    })
    .await;
}
