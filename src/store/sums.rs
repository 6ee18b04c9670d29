//! Sums that no row can break. Both databases end a statement whose sum leaves a 64-bit integer; one row with an absurd
//! figure would close every page and export that sums over it.

use super::db::Db;

/// Up to here SQLite's integers are summed exactly: almost a million of them stay inside 64 bits. What is larger is summed
/// as a float, which never overflows, and whose sums are exact up to 2⁵³.
const EXACT: i64 = 10_000_000_000_000;

impl Db {
    /// SQL for the sum of `what` over a group, inside 64 bits whatever the rows hold; 0 for no rows.
    pub(super) fn sum(&self, what: &str) -> String {
        self.inside_64_bits(&self.wide_sum(&[what]))
    }

    /// The same of several columns together.
    pub(super) fn sum_of(&self, columns: &[&str]) -> String {
        self.inside_64_bits(&self.wide_sum(columns))
    }

    /// The same to order by: it may leave 64 bits.
    pub(super) fn wide_sum(&self, columns: &[&str]) -> String {
        let wide = |what: &&str| {
            if self.is_embedded() {
                let exact = format!("CASE WHEN {what} BETWEEN -{EXACT} AND {EXACT} THEN {what} ELSE {what} * 1.0 END");
                format!("coalesce(sum({exact}), 0)")
            } else {
                format!("coalesce(sum({what}), 0)")
            }
        };
        columns.iter().map(wide).collect::<Vec<_>>().join(" + ")
    }

    /// SQL for `one - other`, inside 64 bits.
    pub(super) fn difference(&self, one: &str, other: &str) -> String {
        let one = if self.is_embedded() { one.to_owned() } else { format!("CAST({one} AS NUMERIC)") };
        self.inside_64_bits(&format!("{one} - {other}"))
    }

    fn inside_64_bits(&self, wide: &str) -> String {
        if self.is_embedded() {
            // What left the integers is a float by now, and SQLite casts one that is too large to the largest integer.
            format!("CAST({wide} AS BIGINT)")
        } else {
            format!("CAST(LEAST(GREATEST({wide}, {}), {}) AS BIGINT)", -i64::MAX, i64::MAX)
        }
    }
}

/// SQL for `one + other`, both at least 0, that stays inside 64 bits on both databases.
pub(super) fn added(one: &str, other: &str) -> String {
    let half = i64::MAX / 2;
    let halved = |what: &str| format!("CASE WHEN {what} > {half} THEN {half} ELSE {what} END");
    format!("({} + {})", halved(one), halved(other))
}

/// SQL for an upsert that adds to `column` of `table` what is at least 0, and stays inside 64 bits on both databases.
pub(super) fn raised(table: &str, column: &str) -> String {
    let most = i64::MAX;
    format!(
        "{column} = CASE WHEN {table}.{column} > {most} - excluded.{column} THEN {most} \
         ELSE {table}.{column} + excluded.{column} END"
    )
}
