//! How those of a ranking went over time, for the eye.

use actors::vocabulary::Role;

use super::reports::Rankings;
use super::{Actor, Served, Services};
use crate::store::stats::{RankBy, RankOf, Span};
use crate::store::trends::{self, Ranks, StepSum};

const HOUR_MS: i64 = 3_600_000;

/// What each row of a ranking counts, step by step from the oldest on: hours, or days where the range is long. Hours that
/// a range holds a part of are left out, the running one apart.
///
/// # Errors
/// `forbidden`.
pub async fn of_rows(services: &Services, actor: &Actor, rankings: &Rankings) -> Served<Vec<Vec<i64>>> {
    actor.require(Role::Admin)?;
    let of = match rankings.by.as_str() {
        "keys" => RankOf::Keys,
        "models" => RankOf::Models,
        "channels" => RankOf::Channels,
        _ => RankOf::Users,
    };
    let by = match rankings.sort.as_str() {
        "tokens" => RankBy::Tokens,
        "requests" => RankBy::Requests,
        _ => RankBy::Cost,
    };
    let ranks = match of {
        RankOf::Models => Ranks::Names(rankings.rows.iter().filter_map(|row| row.name.clone()).collect()),
        _ => Ranks::Ids(rankings.rows.iter().map(|row| row.id.unwrap_or(0)).collect()),
    };
    let (from, to, now) = (rankings.from, rankings.to, services.now());
    // A range that ends in the running hour ended now when it was read.
    let now = if to.div_euclid(HOUR_MS) == now.div_euclid(HOUR_MS) { to } else { now };
    let span = Span { from, to, now, user_id: None, key_id: None, channel_id: None };
    let found = trends::trends(&services.db, &span, of, by, &ranks).await?;
    let step = trends::step(&span);
    let first = from.div_euclid(step);
    let steps = usize::try_from((to - 1).div_euclid(step) - first + 1).unwrap_or(0);
    let line = |is_of: &dyn Fn(&StepSum) -> bool| {
        let mut line = vec![0; steps];
        for sum in found.iter().filter(|sum| is_of(sum)) {
            let at = usize::try_from(sum.at.div_euclid(step) - first).ok();
            if let Some(amount) = at.and_then(|at| line.get_mut(at)) {
                *amount = sum.amount;
            }
        }
        line
    };
    let rows = rankings.rows.iter();
    Ok(match of {
        RankOf::Models => rows.map(|row| line(&|sum| row.name.as_ref() == Some(&sum.model))).collect(),
        _ => rows.map(|row| line(&|sum| sum.place == row.id.unwrap_or(0))).collect(),
    })
}
