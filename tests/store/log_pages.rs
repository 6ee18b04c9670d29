use actors::ports::LedgerStore;
use actors::vocabulary::{ChannelId, Ending, KeyId, Protocol, Receipt, UserId};
use api_proxy::store::Window;
use api_proxy::store::log_pages::{LogList, SORTS};
use api_proxy::store::logs::{self, Cursor, LogFilter, LogRow};

use crate::database::{Database, NOON, on_both, receipt};

/// 600 requests of 4 users, 150 keys and 5 models that ended in all ways; some began no stream.
fn requests() -> Vec<Receipt> {
    let endings = [Ending::Completed, Ending::Refused, Ending::UpstreamFailed, Ending::ClientLeft];
    let models = ["claude-sonnet-4-5", "claude-haiku-4-5", "gpt-5", "GPT_50%", "o3"];
    let one = |id: i64| {
        let key = id * id % 150;
        let mut made = Receipt {
            request_id: format!("req_{:012x}{:020x}", 0x0199_0000_0000 + id / 10 * 0x1000, id),
            ts: NOON + id / 3,
            user_id: UserId(1 + key % 4),
            username: format!("user{}", 1 + key % 4),
            key_id: KeyId(2_000 + key),
            key_name: format!("Key {key} of team {}", key % 7),
            key_prefix: format!("sk-relay-{key:04}"),
            protocol: if id % 5 == 0 { Protocol::Responses } else { Protocol::Messages },
            model: models[usize::try_from(id * 7 % 11 % 5).unwrap()].to_owned(),
            channel_id: (id % 6 > 0).then_some(ChannelId(id % 3)),
            ending: endings[usize::try_from(id % 9 % 4).unwrap()],
            status: if id % 9 % 4 == 0 { 200 } else { 502 },
            stream: id % 2 == 0,
            ..receipt(id, 1, id * 31 % 97)
        };
        made.timings.ended_ms = id * 57 % 401;
        made.timings.first_output_ms = (id % 4 > 0).then_some(id * 13 % 89);
        made.usage.input = id * 17 % 61;
        made.usage.output = id * 19 % 53;
        made
    };
    (1..=600).map(one).collect()
}

fn filters() -> Vec<LogFilter> {
    let any = LogFilter::default;
    vec![
        any(),
        LogFilter { from: Some(NOON + 30), to: Some(NOON + 120), ..any() },
        LogFilter { ending: Some("completed".into()), ..any() },
        LogFilter { ending: Some("refused".into()), from: Some(NOON + 50), ..any() },
        LogFilter { user_id: Some(2), ..any() },
        LogFilter { user_id: Some(3), key_id: Some(2_006), ending: Some("completed".into()), ..any() },
        LogFilter { key_id: Some(2_004), stream: Some(true), ..any() },
        LogFilter { channel_id: Some(1), status: Some(200), ..any() },
        LogFilter { model: Some("gpt-5".into()), protocol: Some("responses".into()), ..any() },
        LogFilter { user_id: Some(77), ..any() },
    ]
}

const QUERIES: [&str; 12] = [
    "GPT_50%",
    "_",
    "user2",
    "sk-relay-0004",
    "team 3",
    "5",
    "KEY ",
    "o3",
    "req_019900000",
    "019900000000",
    "nothing-like-it",
    "%",
];

/// What a list must show, found by looking at every row.
fn expected(all: &[LogRow], filter: &LogFilter, query: Option<&str>) -> Vec<LogRow> {
    let query = query.map(str::to_lowercase);
    let named = |row: &&LogRow, query: &str| {
        [&row.key_name, &row.key_prefix, &row.username, &row.model].iter().any(|name| name.to_lowercase().contains(query))
    };
    let by_id =
        |row: &&LogRow, query: &str| row.request_id.trim_start_matches("req_").starts_with(query.trim_start_matches("req_"));
    let names = query.as_ref().is_some_and(|query| all.iter().any(|row| named(&row, query)));
    let found = |row: &&LogRow| match &query {
        None => true,
        Some(query) if names => named(row, query),
        Some(query) => by_id(row, query),
    };
    let wanted = |wanted: Option<i64>, there: i64| wanted.is_none_or(|wanted| wanted == there);
    let passes = |row: &&LogRow| {
        filter.from.is_none_or(|from| row.ts >= from)
            && filter.to.is_none_or(|to| row.ts < to)
            && wanted(filter.status, row.status)
            && wanted(filter.user_id, row.user_id)
            && wanted(filter.key_id, row.key_id)
            && filter.channel_id.is_none_or(|channel| row.channel_id == Some(channel))
            && filter.ending.as_ref().is_none_or(|ending| *ending == row.ending)
            && filter.model.as_ref().is_none_or(|model| *model == row.model)
            && filter.protocol.as_ref().is_none_or(|protocol| *protocol == row.protocol)
            && filter.stream.is_none_or(|stream| stream == row.stream)
    };
    all.iter().filter(passes).filter(found).cloned().collect()
}

/// In the order of a list; a time to the first output that is missing comes last either way.
fn sorted(mut rows: Vec<LogRow>, column: &str, descending: bool) -> Vec<i64> {
    let key = |row: &LogRow| match column {
        "ts" => Some(row.ts),
        "duration_ms" => Some(row.duration_ms),
        "ttft_ms" => row.ttft_ms,
        "cost_nanos" => Some(row.cost_nanos),
        "tokens_in" => Some(row.tokens_in),
        "tokens_out" => Some(row.tokens_out),
        _ => Some(row.status),
    };
    let sign = if descending { -1 } else { 1 };
    rows.sort_by_key(|row| (key(row).is_none(), key(row).unwrap_or_default() * sign, row.id * sign));
    rows.iter().map(|row| row.id).collect()
}

async fn page(d: &Database, filter: &LogFilter, window: &Window, cursor: Option<Cursor>) -> (Vec<LogRow>, i64) {
    let list = LogList::of(&d.db, filter, window.query.as_deref()).await.unwrap();
    let total = list.count().await.unwrap();
    (list.rows(window, cursor, total).await.unwrap(), total)
}

fn ids(rows: &[LogRow]) -> Vec<i64> {
    rows.iter().map(|row| row.id).collect()
}

#[actix_web::test]
async fn every_filter_search_order_and_page_shows_what_looking_at_every_row_finds() {
    on_both(|d| async move {
        d.booking().book(&requests()).await.unwrap();
        let all = logs::walk(&d.db, &LogFilter::default(), Cursor::START, 1_000).await.unwrap();
        for (number, filter) in filters().iter().enumerate() {
            for query in std::iter::once(None).chain(QUERIES.map(Some)) {
                let wanted = expected(&all, filter, query);
                for (sort, (_, column)) in SORTS.iter().enumerate() {
                    let descending = (number + sort) % 3 > 0;
                    let order = sorted(wanted.clone(), column, descending);
                    let offset = (number as i64 + sort as i64) % 3 * 20;
                    let window = Window { limit: 25, offset, column, descending, query: query.map(str::to_owned) };
                    let (rows, total) = page(&d, filter, &window, None).await;
                    let told = format!("{filter:?} {window:?}");
                    assert_eq!(total, order.len() as i64, "{told}");
                    let cut: Vec<i64> = order.into_iter().skip(offset as usize).take(25).collect();
                    assert_eq!(ids(&rows), cut, "{told}");
                }
            }
        }
    })
    .await;
}

#[actix_web::test]
async fn a_cursor_goes_through_everything_once() {
    on_both(|d| async move {
        d.booking().book(&requests()).await.unwrap();
        for (filter, query) in
            [(LogFilter::default(), None), (LogFilter::default(), Some("5")), (LogFilter::default(), Some("key"))]
        {
            let window = Window { limit: 70, offset: 0, column: "ts", descending: true, query: query.map(str::to_owned) };
            let (mut seen, mut cursor) = (Vec::new(), None);
            loop {
                let (rows, total) = page(&d, &filter, &window, cursor).await;
                let Some(last) = rows.last() else {
                    assert_eq!(seen.len() as i64, total);
                    break;
                };
                cursor = Some(Cursor { ts: last.ts, id: last.id });
                seen.extend(ids(&rows));
            }
            assert!(seen.windows(2).all(|pair| pair[0] > pair[1]), "{query:?}");
        }
    })
    .await;
}

/// 12,000 rows more, of a key that has 151 names in common with others.
const MANY: &str = "WITH RECURSIVE n(i) AS (SELECT CAST(1 AS BIGINT) UNION ALL SELECT i + 1 FROM n WHERE i < 12000) \
    INSERT INTO request_log (id, request_id, ts, user_id, username, key_id, key_name, key_prefix, protocol, model, status, ending, \
        stream, converted, duration_ms, tokens_in, tokens_out, cache_read_tokens, cache_creation_5m_tokens, cache_creation_1h_tokens, \
        reasoning_tokens, estimated, unpriced, cost_nanos, timings, attempts) \
    SELECT 10000 + i, 'req_x', 1780315200000 + i % 5000, 1, 'user1', 2000, 'Key 0 of team 0', 'sk-relay-0000', 'messages', 'gpt-5', 200, \
        'completed', false, false, i % 700, 1, 1, 0, 0, 0, 0, false, false, 0, '{}', '[]' FROM n WHERE true";

#[actix_web::test]
async fn many_rows_are_paged_by_arrival_and_sorted_as_far_as_an_index_goes() {
    on_both(|d| async move {
        d.booking().book(&requests()).await.unwrap();
        d.run(MANY).await;
        let all = logs::walk(&d.db, &LogFilter::default(), Cursor::START, 20_000).await.unwrap();
        for query in [None, Some("key"), Some("user1"), Some("gpt-5")] {
            let order = sorted(expected(&all, &LogFilter::default(), query), "ts", true);
            let window = Window { limit: 100, offset: 300, column: "ts", descending: true, query: query.map(str::to_owned) };
            let (rows, total) = page(&d, &LogFilter::default(), &window, None).await;
            assert_eq!((ids(&rows), total), (order[300..400].to_vec(), order.len() as i64), "{query:?}");
        }
        let most = async |filter: LogFilter, query, column| LogList::of(&d.db, &filter, query).await.unwrap().most_sorted(column);
        let any = LogFilter::default;
        assert_eq!(most(any(), None, "ts").await, None);
        assert_eq!(
            most(LogFilter { from: Some(NOON), ending: Some("completed".into()), ..any() }, None, "ttft_ms").await,
            Some(100_000)
        );
        assert_eq!(most(any(), None, "status").await, Some(10_000));
        assert_eq!(most(any(), Some("key"), "duration_ms").await, Some(10_000));
        assert_eq!(most(LogFilter { user_id: Some(1), ..any() }, None, "cost_nanos").await, Some(10_000));
    })
    .await;
}

#[actix_web::test]
async fn a_key_is_found_by_every_name_it_had_and_one_request_by_its_id() {
    on_both(|d| async move {
        let renamed = Receipt { key_name: "Laptop".to_owned(), ..receipt(2, 1, 0) };
        let whole = Receipt { request_id: "req_0199aabbccdd0011223344556677abcd".to_owned(), ..receipt(3, 2, 0) };
        d.booking().book(&[receipt(1, 1, 0), renamed, whole]).await.unwrap();
        let found = async |query: &str, user_id: Option<i64>| {
            let window = Window { limit: 10, offset: 0, column: "ts", descending: true, query: Some(query.to_owned()) };
            ids(&page(&d, &LogFilter { user_id, ..LogFilter::default() }, &window, None).await.0)
        };
        assert_eq!(found("lapTOP", None).await, [2, 1]);
        assert_eq!(found("req_0199aabbccdd0011223344556677abcd", None).await, [3]);
        assert_eq!(found("REQ_0199aabb", Some(2)).await, [3]);
        assert_eq!(found("req_0199aabb", Some(1)).await, [0i64; 0], "somebody else's");
        assert_eq!(found("laptop", Some(2)).await, [0i64; 0], "somebody else's");
        let detail = logs::find(&d.db, 1).await.unwrap().unwrap();
        assert_eq!(detail.client_ip.as_deref(), Some("203.0.113.9"));
        assert!(detail.tariff.unwrap().contains("3000000000") && detail.attempts.contains("seven"));
    })
    .await;
}
