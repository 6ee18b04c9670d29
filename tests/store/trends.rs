use std::collections::BTreeMap;

use actors::ports::LedgerStore;
use actors::vocabulary::{ChannelId, KeyId, Receipt, UserId};
use api_proxy::store::stats::{RankBy, RankOf, Span};
use api_proxy::store::trends::{self, Ranks, StepSum};

use crate::database::{DAY, Database, receipt};

const HOUR: i64 = 3_600_000;
const START: i64 = DAY - 48 * HOUR;
const MODELS: [&str; 3] = ["claude-one", "claude-two", "gpt-three"];

/// Requests over six days, of several users, keys, channels and models.
fn six_days() -> Vec<Receipt> {
    let one = |id: i64| Receipt {
        ts: START + id * 6 * 24 * HOUR / 400 + id * 7_919 % 1_000,
        user_id: UserId(1 + id % 3),
        key_id: KeyId(1_001 + id % 5),
        channel_id: (id % 7 > 0).then_some(ChannelId(1 + id % 4)),
        model: MODELS[id.unsigned_abs() as usize % 3].to_owned(),
        ..receipt(id, 1, id * 1_000 + id % 13)
    };
    (0..400).map(one).collect()
}

fn place(receipt: &Receipt, of: RankOf) -> (i64, String) {
    match of {
        RankOf::Users => (receipt.user_id.0, String::new()),
        RankOf::Keys => (receipt.key_id.0, String::new()),
        RankOf::Channels => (receipt.channel_id.map_or(0, |id| id.0), String::new()),
        RankOf::Models => (0, receipt.model.clone()),
    }
}

/// The sums of the requests in the whole hours of a span.
fn told(all: &[Receipt], span: &Span, (of, by): (RankOf, RankBy), step: i64) -> Vec<StepSum> {
    let (first, last) = ((span.from + HOUR - 1) / HOUR * HOUR, span.to / HOUR * HOUR);
    let mut sums = BTreeMap::<(i64, String, i64), i64>::new();
    for receipt in all.iter().filter(|receipt| (first..last).contains(&receipt.ts)) {
        let (id, model) = place(receipt, of);
        let amount = if by == RankBy::Cost { receipt.cost.0 } else { 1 };
        *sums.entry((id, model, receipt.ts / step * step)).or_default() += amount;
    }
    sums.into_iter().map(|((place, model, at), amount)| StepSum { place, model, at, amount }).collect()
}

async fn steps_are_the_sums_of_requests(d: Database) {
    let all = six_days();
    for batch in all.chunks(61) {
        d.booking().book(batch).await.unwrap();
    }
    let spans = [
        (START, START + 6 * 24 * HOUR, 24 * HOUR),
        (START + 5 * HOUR + 1, START + 4 * 24 * HOUR + 7 * HOUR + 99, 24 * HOUR),
        (START + 5 * HOUR, START + 5 * HOUR + 49 * HOUR, 24 * HOUR),
        (START - 100 * 24 * HOUR, START + 6 * 24 * HOUR - 1, 2 * 24 * HOUR),
        (START + 5 * HOUR + 1, START + 29 * HOUR, HOUR),
        (START + 5 * HOUR + 1, START + 5 * HOUR + 2, HOUR),
    ];
    let names = Ranks::Names(MODELS.map(str::to_owned).to_vec());
    let kinds = [
        (RankOf::Users, Ranks::Ids(vec![1, 2, 3])),
        (RankOf::Keys, Ranks::Ids((1_001..1_006).collect())),
        (RankOf::Channels, Ranks::Ids((0..5).collect())),
        (RankOf::Models, names),
    ];
    for (from, to, step) in spans {
        let span = Span { from, to, now: START + 9 * 24 * HOUR, user_id: None, key_id: None, channel_id: None };
        assert_eq!(trends::step(&span), step);
        for (of, ranks) in &kinds {
            for by in [RankBy::Cost, RankBy::Requests] {
                let mut found = trends::trends(&d.db, &span, *of, by, ranks).await.unwrap();
                found.sort_unstable_by(|one, other| (one.place, &one.model, one.at).cmp(&(other.place, &other.model, other.at)));
                assert_eq!(found, told(&all, &span, (*of, by), step), "{of:?} {by:?} {span:?}");
            }
        }
        let one = trends::trends(&d.db, &span, RankOf::Users, RankBy::Tokens, &Ranks::Ids(vec![2])).await.unwrap();
        assert!(one.iter().all(|sum| sum.place == 2), "{one:?}");
        assert!(trends::trends(&d.db, &span, RankOf::Models, RankBy::Cost, &Ranks::Names(Vec::new())).await.unwrap().is_empty());
    }
}

#[actix_web::test]
async fn on_sqlite() {
    steps_are_the_sums_of_requests(Database::sqlite().await).await;
}

#[actix_web::test]
async fn on_postgres() {
    steps_are_the_sums_of_requests(Database::postgres().await).await;
}
