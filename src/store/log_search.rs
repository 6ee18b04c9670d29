//! What a search in the request log is about: keys and models by parts of their names, or one request by its id.
//!
//! Names are looked up among those of keys and models, which are few, and never in the rows themselves.

use sqlx::AssertSqlSafe;

use super::conditions::{Conditions, listed};
use super::db::{Db, Stored, read};
use super::paging::contains;

/// Keys, and models, that are listed one by one in a statement.
const MOST_LISTED: usize = 100;
/// Of these, how many are each looked up in a run of an index of their own. A run costs PostgreSQL some 0.3 ms of planning.
const MOST_RUNS: usize = 32;
/// Which keys a search is about: by a name of their own or their owner's, that for people included.
const NAMED: &str = "(name LIKE {pattern} ESCAPE '\\' OR user_id IN (SELECT id FROM users \
    WHERE deleted_at IS NULL AND lower(display_name) LIKE {pattern} ESCAPE '\\'))";
/// How every request id begins.
const REQUEST: &str = "req_";
/// The least and the most hexadecimal digits after it that are taken for a request id.
const REQUEST_DIGITS: std::ops::RangeInclusive<usize> = 8..=32;

/// What a search is about. Texts are conditions, with their values bound.
#[derive(Debug)]
pub(super) enum Wanted {
    /// Nothing that ever was in the log.
    Nothing,
    /// Requests whose ids begin alike.
    Request(String),
    /// Requests by any of some keys, or for any of some models.
    Named {
        /// By these keys.
        keys: Option<Part>,
        /// For these models.
        models: Option<Part>,
    },
}

/// The keys or the models of a search.
#[derive(Debug)]
pub(super) struct Part {
    /// All of them.
    pub(super) all: String,
    /// Each of them; empty when they are too many.
    pub(super) each: Vec<String>,
}

impl Wanted {
    /// What `query` is about, among the requests of `user_id` if there is one. Binds its values to `conditions`.
    pub(super) async fn read(db: &Db, query: &str, user_id: Option<i64>, conditions: &mut Conditions) -> Stored<Self> {
        let (pattern, most) = (contains(query), MOST_LISTED + 1);
        let most_runs = if db.is_embedded() { MOST_LISTED } else { MOST_RUNS };
        let named = NAMED.replace("{pattern}", "$1");
        let own = user_id.map(|id| format!(" AND user_id = {id}")).unwrap_or_default();
        let keys = format!("SELECT DISTINCT key_id FROM log_key_names WHERE {named}{own} ORDER BY key_id LIMIT {most}");
        let models = format!("SELECT model FROM log_models WHERE name LIKE $1 ESCAPE '\\' ORDER BY model LIMIT {most}");
        let (keys, models): (Vec<i64>, Vec<String>) = read!(db, conn => (
            sqlx::query_scalar(AssertSqlSafe(keys)).bind(&pattern).fetch_all(&mut *conn).await?,
            sqlx::query_scalar(AssertSqlSafe(models)).bind(&pattern).fetch_all(&mut *conn).await?,
        ));
        if !keys.is_empty() || !models.is_empty() {
            let keys = (!keys.is_empty()).then(|| Part::keys(&keys, &pattern, most_runs, conditions));
            let models = (!models.is_empty()).then(|| Part::models(models, &pattern, most_runs, conditions));
            return Ok(Self::Named { keys, models });
        }
        Ok(request_id(query).map_or(Self::Nothing, |start| {
            // No digit comes after `f`.
            let (first, after) = (conditions.push(start.clone()), conditions.push(start + "g"));
            Self::Request(format!("request_id >= {first} AND request_id < {after}"))
        }))
    }
}

impl Part {
    fn keys(ids: &[i64], pattern: &str, most_runs: usize, conditions: &mut Conditions) -> Self {
        if ids.len() > MOST_LISTED {
            let pattern = conditions.push(pattern.to_owned());
            let all = format!("key_id IN (SELECT key_id FROM log_key_names WHERE {})", NAMED.replace("{pattern}", &pattern));
            return Self { all, each: Vec::new() };
        }
        let each = ids.iter().map(|id| format!("key_id = {id}"));
        Self { all: format!("key_id IN ({})", listed(ids)), each: each.filter(|_| ids.len() <= most_runs).collect() }
    }

    fn models(names: Vec<String>, pattern: &str, most_runs: usize, conditions: &mut Conditions) -> Self {
        if names.len() > MOST_LISTED {
            let pattern = conditions.push(pattern.to_owned());
            let all = format!("model IN (SELECT model FROM log_models WHERE name LIKE {pattern} ESCAPE '\\')");
            return Self { all, each: Vec::new() };
        }
        let list: Vec<String> = names.into_iter().map(|name| conditions.push(name)).collect();
        let each = list.iter().map(|name| format!("model = {name}"));
        Self { all: format!("model IN ({})", list.join(", ")), each: each.filter(|_| list.len() <= most_runs).collect() }
    }

    /// The same without what the other one has.
    pub(super) fn without(self, other: Option<&Self>) -> Self {
        let Some(other) = other else { return self };
        let less = |text: &String| format!("{text} AND NOT ({})", other.all);
        Self { all: less(&self.all), each: self.each.iter().map(less).collect() }
    }
}

/// Models that were asked for, by name.
///
/// # Errors
/// When the database fails.
pub async fn models(db: &Db, most: i64) -> Stored<Vec<String>> {
    const SQL: &str = "SELECT model FROM log_models ORDER BY name, model LIMIT $1";
    Ok(read!(db, conn => sqlx::query_scalar(SQL).bind(most).fetch_all(&mut *conn).await?))
}

/// The start of the request ids that `query` is the start of, with or without what all of them begin with.
fn request_id(query: &str) -> Option<String> {
    let query = query.to_lowercase();
    let digits = query.strip_prefix(REQUEST).unwrap_or(&query);
    let known = REQUEST_DIGITS.contains(&digits.len()) && digits.bytes().all(|digit| digit.is_ascii_hexdigit());
    known.then(|| format!("{REQUEST}{digits}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn request_ids_are_known_by_their_digits() {
        let whole = "req_0199aabbccdd0011223344556677abcd";
        assert_eq!(request_id(whole).as_deref(), Some(whole));
        assert_eq!(request_id("REQ_0199AABB").as_deref(), Some("req_0199aabb"));
        assert_eq!(request_id("0199aabbcc").as_deref(), Some("req_0199aabbcc"));
        for other in ["req_", "req_0199aab", "gpt-5", "req_0199aabbx", "0199aabbccdd0011223344556677abcdef"] {
            assert_eq!(request_id(other), None, "{other}");
        }
    }
}
