//! Lanes of ids: which instance makes its ids in which one, as leases that last long.
//!
//! An instance goes on making ids while the database is away, so its lane stays its own for an hour without a word from it, and of
//! lanes that are free the one is given away that was left longest ago.

use std::time::Duration;

use actors::vocabulary::{IdMaker, InstanceId};
use sqlx::{AssertSqlSafe, FromRow};

use super::db::{Db, Stored, write};
use super::leases::{Fence, milliseconds, now};
use super::locks::{Lock, Locks};

/// How long a lane stays its holder's that does not renew it.
pub const LASTS: Duration = Duration::from_secs(3_600);
/// How often it is renewed.
pub const RENEWED_EVERY: Duration = Duration::from_secs(60);
/// Whoever has not renewed for this long may be gone: their lane is given away when there is no other.
const MAY_BE_GONE: Duration = Duration::from_secs(300);
/// How names of such leases begin.
const PREFIX: &str = "ids-";

/// A lane that somebody has or had.
#[derive(Clone, Debug, FromRow)]
struct Used {
    name: String,
    holder: String,
    /// Milliseconds to its end.
    left: i64,
}

/// A lane for this instance: the one it had before and gave back, one that nobody had, or the one that was left longest ago. `None` = all
/// belong to other instances that have renewed theirs lately.
///
/// # Errors
/// When the database does not answer.
pub async fn take(db: &Db, holder: &InstanceId) -> Stored<Option<(i64, Fence)>> {
    let used = format!("SELECT name, holder, expires_at - {} AS left FROM leases WHERE name LIKE '{PREFIX}%'", now(db));
    let put = format!(
        "INSERT INTO leases (name, holder, token, taken_at, expires_at) SELECT $1, $2, 1, {now}, {now} + $3 WHERE TRUE \
         ON CONFLICT (name) DO UPDATE SET holder = excluded.holder, token = leases.token + 1, taken_at = excluded.taken_at, \
         expires_at = excluded.expires_at RETURNING token",
        now = now(db)
    );
    write!(db, tx => {
        tx.lock(Lock::Lanes).await?;
        let used: Vec<Used> = sqlx::query_as(AssertSqlSafe(used)).fetch_all(&mut *tx).await?;
        let Some(lane) = choose(&used, holder) else { return Ok(None) };
        let name = format!("{PREFIX}{lane:02}");
        let token = sqlx::query_scalar(AssertSqlSafe(put))
            .bind(&name).bind(holder.as_str()).bind(milliseconds(LASTS)).fetch_one(&mut *tx).await?;
        Ok(Some((lane, Fence { name, token })))
    })
}

fn choose(used: &[Used], holder: &InstanceId) -> Option<i64> {
    let lane =
        |used: &Used| used.name.strip_prefix(PREFIX)?.parse::<i64>().ok().filter(|lane| (0..IdMaker::LANES).contains(lane));
    let is_own = |used: &&Used| used.holder == holder.as_str();
    let may_be_gone = |used: &&Used| used.left < milliseconds(LASTS - MAY_BE_GONE);
    let longest_ago = |found: &mut dyn Iterator<Item = &Used>| found.filter_map(|used| Some((used.left, lane(used)?))).min();
    let fresh = || (0..IdMaker::LANES).find(|fresh| !used.iter().any(|used| lane(used) == Some(*fresh)));
    // One that a crash left a moment ago comes last: it may be a second process with a copy of the same directory that has it.
    let own = longest_ago(&mut used.iter().filter(is_own).filter(may_be_gone)).map(|(_, lane)| lane);
    own.or_else(fresh)
        .or_else(|| longest_ago(&mut used.iter().filter(may_be_gone)).map(|(_, lane)| lane))
        .or_else(|| longest_ago(&mut used.iter().filter(is_own)).map(|(_, lane)| lane))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn instance(letter: char) -> InstanceId {
        letter.to_string().repeat(InstanceId::CHARS).parse().unwrap()
    }

    fn used(lanes: impl Iterator<Item = i64>, holder: char, left: Duration) -> Vec<Used> {
        let holder = instance(holder).to_string();
        lanes.map(|lane| Used { name: format!("{PREFIX}{lane:02}"), holder: holder.clone(), left: milliseconds(left) }).collect()
    }

    #[test]
    fn an_instance_gets_its_own_lane_again_then_a_fresh_one_then_the_one_left_longest_ago() {
        let me = instance('m');
        assert_eq!(choose(&[], &me), Some(0));
        let mut lanes = used(0..2, 'a', LASTS);
        assert_eq!(choose(&lanes, &me), Some(2));
        lanes.extend(used(7..8, 'm', Duration::ZERO));
        assert_eq!(choose(&lanes, &me), Some(7), "it was given back");
        lanes[2].left = milliseconds(LASTS);
        assert_eq!(choose(&lanes, &me), Some(2), "it may be a second process with the same id");
        let mut all = used(0..IdMaker::LANES, 'a', LASTS - RENEWED_EVERY);
        assert_eq!(choose(&all, &me), None, "all are alive");
        all[33].holder = me.to_string();
        assert_eq!(choose(&all, &me), Some(33), "what crashes again and again does not shut itself out");
        all[40].left = milliseconds(LASTS - MAY_BE_GONE) - 1;
        assert_eq!(choose(&all, &me), Some(40), "nobody has heard of it for minutes");
        all[9].left = -5;
        assert_eq!(choose(&all, &me), Some(9));
    }
}
