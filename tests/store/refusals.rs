//! Requests without a row: counted once, in every sum, and found by what lists filter by.

use actors::ports::LedgerStore;
use actors::vocabulary::{Cause, Counted, Ending, Receipt, ReceiptId};
use api_proxy::store::logs::LogFilter;
use api_proxy::store::stats::{self, RankBy, RankOf, Span};
use api_proxy::store::{refusals, retention, traffic};

use crate::database::{Database, NOON, on_both, receipt};

const HOUR: i64 = 3_600_000;

fn refused(id: i64, user: i64, ts: i64) -> Receipt {
    let like = receipt(id, user, 0);
    Receipt {
        ts,
        model: "claude-test".to_owned(),
        channel_id: None,
        channel_name: None,
        upstream_model: None,
        upstream_protocol: None,
        status: 429,
        ending: Ending::Refused,
        usage: actors::vocabulary::Usage::default(),
        tariff: None,
        attempts: Vec::new(),
        cause: Some(Cause::of("requests_per_minute")),
        ..like
    }
}

fn count(first: Receipt, requests: i64) -> Counted {
    Counted { first, requests, duration_ms: requests * 3 }
}

fn span(from: i64, to: i64, now: i64) -> Span {
    Span { from, to, now, user_id: None, key_id: None, channel_id: None }
}

async fn requests(d: &Database, span: &Span) -> (i64, i64) {
    let totals = stats::totals(&d.db, span).await.unwrap();
    let asked: i64 = traffic::traffic(&d.db, span).await.unwrap().iter().map(|sums| sums.requests).sum();
    assert_eq!(totals.requests, asked, "sums and traffic differ");
    for of in [RankOf::Users, RankOf::Keys, RankOf::Models, RankOf::Channels] {
        let ranking = stats::ranking(&d.db, span, of, RankBy::Requests, 10).await.unwrap();
        let all: i64 = ranking.rows.iter().map(|row| row.sums.requests).sum();
        assert_eq!((all, ranking.totals.requests), (totals.requests, totals.requests), "{of:?}");
    }
    (totals.requests, totals.successes)
}

#[actix_web::test]
async fn what_is_counted_grows_and_is_never_counted_twice() {
    on_both(|d| async move {
        d.user(1, 1_000).await;
        d.booking().book(&[receipt(1, 1, 10)]).await.unwrap();
        let first = refused(50, 1, NOON + 7);
        let told = [count(first.clone(), 3), count(first.clone(), 8)];
        d.booking().count(&told).await.unwrap();
        d.booking().count(&told).await.unwrap();
        // An older word after a newer one.
        d.booking().count(&told[..1]).await.unwrap();
        let now = NOON + HOUR;
        assert_eq!(requests(&d, &span(NOON - HOUR, now, now)).await, (9, 1));
        d.booking().count(&[count(first, 20), count(refused(51, 1, NOON + 60_000), 2)]).await.unwrap();
        assert_eq!(requests(&d, &span(NOON - HOUR, now, now)).await, (23, 1));
        assert_eq!(d.number("SELECT sum(requests) FROM refusals").await, 22);
        assert_eq!(d.number("SELECT sum(requests) FROM usage_hourly WHERE channel_id = 0").await, 22);
        assert_eq!(d.number("SELECT used_requests FROM api_keys").await, 1, "what is refused uses nothing");
    })
    .await;
}

#[actix_web::test]
async fn what_is_counted_stands_in_parts_of_hours_and_with_every_narrowing() {
    on_both(|d| async move {
        d.user(1, 1_000).await;
        d.user(2, 1_000).await;
        let at = |minutes: i64| NOON + minutes * 60_000;
        let counts = [count(refused(50, 1, at(4)), 5), count(refused(51, 2, at(20)), 7), count(refused(52, 1, at(130)), 11)];
        d.booking().count(&counts).await.unwrap();
        let now = at(300);
        assert_eq!(requests(&d, &span(at(3), at(5), now)).await, (5, 0));
        assert_eq!(requests(&d, &span(at(5), at(130), now)).await, (7, 0));
        assert_eq!(requests(&d, &span(at(5), at(131), now)).await, (18, 0));
        let own = Span { user_id: Some(1), ..span(at(0), now, now) };
        assert_eq!(stats::totals(&d.db, &own).await.unwrap().requests, 16);
        let key = Span { key_id: Some(1_002), ..span(at(1), now, now) };
        assert_eq!(stats::totals(&d.db, &key).await.unwrap().requests, 7);
        let channel = Span { channel_id: Some(7), ..span(at(1), now, now) };
        assert_eq!(stats::totals(&d.db, &channel).await.unwrap().requests, 0, "no channel was asked");
    })
    .await;
}

#[actix_web::test]
async fn counts_pass_the_filters_of_the_log_and_go_with_it() {
    on_both(|d| async move {
        d.user(1, 1_000).await;
        d.user(2, 1_000).await;
        let unpaid = Receipt { status: 402, cause: Some(Cause::of("no_balance")), ..refused(51, 2, NOON + 90_000) };
        d.booking().count(&[count(refused(50, 1, NOON), 5), count(unpaid, 7)]).await.unwrap();
        let sums = async |filter: LogFilter, query: Option<&str>| {
            let found = refusals::sums(&d.db, &filter, query).await.unwrap();
            found.iter().map(|sums| (sums.status, sums.requests)).collect::<Vec<_>>()
        };
        let any = LogFilter::default;
        assert_eq!(sums(any(), None).await, [(402, 7), (429, 5)]);
        assert_eq!(sums(LogFilter { status: Some(429), ..any() }, None).await, [(429, 5)]);
        assert_eq!(sums(LogFilter { ending: Some("refused".into()), user_id: Some(2), ..any() }, None).await, [(402, 7)]);
        assert_eq!(sums(LogFilter { ending: Some("completed".into()), ..any() }, None).await, []);
        assert_eq!(sums(LogFilter { cause: Some("no_balance".into()), ..any() }, None).await, [(402, 7)]);
        assert_eq!(sums(LogFilter { from: Some(NOON + 1), ..any() }, None).await, [(402, 7)]);
        assert_eq!(sums(LogFilter { channel_id: Some(7), ..any() }, None).await, []);
        assert_eq!(sums(any(), Some("user2")).await, [(402, 7)]);
        assert_eq!(sums(any(), Some("claude-te")).await, [(402, 7), (429, 5)]);
        assert_eq!(sums(any(), Some("nothing like it")).await, []);
        while retention::delete_counts(&d.db, NOON + 1, None).await.unwrap() > 0 {}
        assert_eq!(sums(any(), None).await, [(402, 7)]);
    })
    .await;
}

#[actix_web::test]
async fn a_request_is_found_by_the_clients_own_id_and_by_every_channel_that_was_asked() {
    on_both(|d| async move {
        d.user(1, 1_000).await;
        let mut saved = receipt(1, 1, 0);
        let failed = actors::vocabulary::Attempt {
            channel_id: actors::vocabulary::ChannelId(9),
            status: Some(500),
            error: Some("answered with status 500".to_owned()),
            ..saved.attempts[0].clone()
        };
        saved.attempts.insert(0, failed);
        saved.client_request_id = Some("My-Own-Id".to_owned());
        let other = Receipt { id: ReceiptId(2), ..receipt(2, 1, 0) };
        d.booking().book(&[saved, other]).await.unwrap();
        let ids = async |filter: LogFilter, query: Option<&str>| {
            let list = api_proxy::store::log_pages::LogList::of(&d.db, &filter, query).await.unwrap();
            let total = list.count().await.unwrap();
            let window = api_proxy::store::Window { limit: 10, offset: 0, column: "ts", descending: true, query: None };
            let rows = list.rows(&window, None, total).await.unwrap();
            assert_eq!(rows.len() as i64, total);
            rows.iter().map(|row| row.id).collect::<Vec<_>>()
        };
        let any = LogFilter::default;
        assert_eq!(ids(any(), Some("My-Own-Id")).await, [1]);
        assert_eq!(ids(LogFilter { user_id: Some(1), ..any() }, Some("My-Own-Id")).await, [1]);
        assert_eq!(ids(any(), Some("My-Own")).await, [0_i64; 0], "the whole of it");
        assert_eq!(ids(LogFilter { channel_id: Some(9), ..any() }, None).await, [1]);
        assert_eq!(ids(LogFilter { channel_id: Some(7), ..any() }, None).await, [2, 1]);
        assert_eq!(ids(LogFilter { channel_id: Some(9), user_id: Some(1), ..any() }, None).await, [1]);
        assert_eq!(ids(LogFilter { channel_id: Some(9), ..any() }, Some("claude-test")).await, [1]);
        assert_eq!(ids(LogFilter { channel_id: Some(8), ..any() }, None).await, [0_i64; 0]);
    })
    .await;
}
