//! Who and what used most.

use actix_web::HttpResponse;
use actix_web::http::StatusCode;
use actors::vocabulary::Nanos;
use minijinja::{Value, context};

use crate::console::pages::{charts, overview};
use crate::console::render::shown;
use crate::console::visit::{Admin, SignedIn};
use crate::services::reports::{self, Numbers, RankingQuery, Rankings};
use crate::services::values::Usd;
use crate::services::{Served, trends};

/// What may be ranked, and by what.
const KINDS: [&str; 4] = ["users", "keys", "models", "channels"];
const MEASURES: [&str; 3] = ["cost", "tokens", "requests"];
/// Most rows.
const MOST_ROWS: i64 = 100;

/// `GET /admin/rankings`
pub(super) async fn page(Admin(signed_in): Admin) -> HttpResponse {
    show(&signed_in).await.unwrap_or_else(|error| signed_in.visit.failure(&error))
}

async fn show(SignedIn { visit, actor }: &SignedIn) -> Served<HttpResponse> {
    let one_of = |name: &str, words: &[&str]| visit.asked(name).filter(|word| words.contains(&word.as_str()));
    let range = overview::wanted(visit, "30d");
    let query = RankingQuery {
        range: range.range.clone(),
        from: range.from,
        to: range.to,
        by: one_of("by", &KINDS),
        sort: one_of("sort", &MEASURES),
        limit: Some(MOST_ROWS),
    };
    let rankings = reports::rankings(visit.services(), actor, query).await?;
    let lines = trends::of_rows(visit.services(), actor, &rankings).await?;
    let values = context! {
        lines => lines.iter().map(|line| charts::trend(line)).collect::<Vec<_>>(),
        // What the choice of ranges reads.
        stats => context! { range => range.range, from => rankings.from, to => rankings.to },
        ranges => shown(&overview::RANGES),
        kinds => shown(&KINDS),
        tokens => overview::tokens(&rankings.totals),
        rest => rest(&rankings),
        rankings => shown(&rankings),
    };
    Ok(visit.page(StatusCode::OK, "rankings.html", values))
}

/// What the rows leave of the whole; nothing where they are all there is.
fn rest(rankings: &Rankings) -> Value {
    let sum = |pick: fn(&Numbers) -> i64| rankings.rows.iter().map(|row| pick(&row.numbers)).fold(0, i64::saturating_add);
    let requests = rankings.totals.requests - sum(|numbers| numbers.requests);
    if requests <= 0 {
        return Value::from(());
    }
    let cost = Nanos(rankings.totals.cost_usd.0.0 - sum(|numbers| numbers.cost_usd.0.0));
    context! { requests, tokens => overview::tokens(&rankings.totals) - sum(overview::tokens), cost => shown(&Usd(cost)) }
}
