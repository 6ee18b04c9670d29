//! How fast the database grows: how many requests come a day, what each of them takes, and when its disk is full.

use schemars::JsonSchema;
use serde::Serialize;

use super::Services;
use crate::store::StoreError;
use crate::store::growth::{self, Counted, Room};

const DAY_MS: i64 = 86_400_000;
/// Over which time requests are counted, in days.
const COUNTED_DAYS: i64 = 7;
/// Fewer requests say nothing of what one takes.
pub const FEWEST: u64 = 500;

/// How the database grows.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Growth {
    /// Requests a day: of the last seven, or since the first one, over one day at least.
    pub requests_per_day: i64,
    /// What a request takes in the database: all that is kept, divided by the requests that are kept; null below 500 of them.
    pub bytes_per_request: Option<i64>,
    /// What a day of such requests takes; null as above.
    pub bytes_per_day: Option<i64>,
    /// `logRetentionDays`: after so many days entries are deleted; 0 = never.
    pub retention_days: i64,
    /// How large the database gets until as much is deleted as comes; null where nothing is deleted, or as above.
    pub levels_off_at_bytes: Option<i64>,
    /// In how many days the disk of the embedded database is full; null where it does not get full, nobody can tell, or the
    /// database is PostgreSQL.
    pub full_in_days: Option<i64>,
    /// How many days of such requests the journal's disk takes while the database is away; null below 500 requests since the start.
    pub journal_lasts_days: Option<i64>,
    /// Bytes in the embedded database's file that hold nothing: new rows fill them first.
    pub unused_bytes: i64,
    /// Whether such bytes go back to the disk by themselves. Not so in an embedded database of an earlier version, until
    /// `api-proxy migrate --vacuum` has written it anew.
    pub gives_back: bool,
}

/// How the database grows. `journal` is what a request takes in the journal, and what its disk has left.
///
/// # Errors
/// When it does not answer.
pub(super) async fn of(services: &Services, journal: Option<(u64, u64)>) -> Result<Growth, StoreError> {
    let now = services.now();
    let counted = growth::counted(&services.db, now - COUNTED_DAYS * DAY_MS).await?;
    let room = growth::room(&services.db).await?;
    let left = services.db.disk_free().map(|bytes| i64::try_from(bytes).unwrap_or(i64::MAX));
    let mut growth = grown(now, room, counted, services.settings.settings().log_retention_days, left);
    growth.journal_lasts_days = journal.and_then(|(each, left)| lasts(growth.requests_per_day, each, left));
    Ok(growth)
}

fn grown(now: i64, room: Room, counted: Counted, retention_days: i64, left: Option<i64>) -> Growth {
    let age = |since: Option<i64>| since.map_or(0, |since| now.saturating_sub(since).max(0));
    let counted_ms = age(counted.first).clamp(DAY_MS, COUNTED_DAYS * DAY_MS);
    let requests_per_day = scaled(counted.lately, DAY_MS, counted_ms);
    let bytes_per_request =
        u64::try_from(counted.kept).is_ok_and(|kept| kept >= FEWEST).then(|| (room.used - room.empty) / counted.kept);
    let bytes_per_day = bytes_per_request.map(|bytes| bytes.saturating_mul(requests_per_day));
    let is_limited = retention_days > 0;
    let levels_off = bytes_per_day.filter(|_| is_limited);
    let levels_off = levels_off.map(|bytes| bytes.saturating_mul(retention_days).saturating_add(room.empty));
    let full_in_days = bytes_per_day.zip(left).and_then(|(bytes, left)| {
        let room = left.saturating_add(room.unused);
        let days = room.checked_div(bytes)?;
        // From then on as much is deleted as comes.
        let grows_for = retention_days - age(counted.oldest) / DAY_MS;
        (!is_limited || days < grows_for).then_some(days)
    });
    Growth {
        requests_per_day,
        bytes_per_request,
        bytes_per_day,
        retention_days,
        levels_off_at_bytes: levels_off,
        full_in_days,
        journal_lasts_days: None,
        unused_bytes: room.unused,
        gives_back: room.gives_back,
    }
}

/// How many days of so many requests of this size there is room for.
fn lasts(requests_per_day: i64, each: u64, left: u64) -> Option<i64> {
    let a_day = u64::try_from(requests_per_day).ok()?.checked_mul(each)?;
    i64::try_from(left.checked_div(a_day)?).ok()
}

/// `count × part / whole`, rounded to the nearest.
fn scaled(count: i64, part: i64, whole: i64) -> i64 {
    let (count, part, whole) = (i128::from(count), i128::from(part), i128::from(whole));
    i64::try_from((count * part + whole / 2) / whole).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: i64 = 1_000 * DAY_MS;
    const ROOM: Room = Room { used: 1_100_000, empty: 100_000, unused: 50_000, gives_back: true };

    fn counted(days: i64) -> Counted {
        Counted { kept: 1_000, oldest: Some(NOW - days * DAY_MS), lately: 700, first: Some(NOW - days * DAY_MS) }
    }

    #[test]
    fn a_day_takes_what_its_requests_take() {
        let growth = grown(NOW, ROOM, counted(10), 0, Some(950_000));
        assert_eq!((growth.requests_per_day, growth.bytes_per_request, growth.bytes_per_day), (100, Some(1_000), Some(100_000)));
        assert_eq!((growth.full_in_days, growth.levels_off_at_bytes), (Some(10), None));
    }

    #[test]
    fn the_first_days_are_counted_as_long_as_they_are_and_as_one_day_at_least() {
        assert_eq!(grown(NOW, ROOM, counted(2), 0, None).requests_per_day, 350);
        let first_hour = Counted { first: Some(NOW - 3_600_000), ..counted(0) };
        assert_eq!(grown(NOW, ROOM, first_hour, 0, None).requests_per_day, 700);
    }

    #[test]
    fn what_retention_deletes_in_time_fills_no_disk() {
        // It grows for 80 more days, by 100,000 bytes each.
        let on = |left| grown(NOW, ROOM, counted(10), 90, Some(left));
        assert_eq!(on(7_949_999).full_in_days, Some(79));
        assert_eq!(on(7_950_000).full_in_days, None);
        assert_eq!(on(7_950_000).levels_off_at_bytes, Some(9_100_000));
        assert_eq!(grown(NOW, ROOM, counted(90), 90, Some(0)).full_in_days, None, "as much is deleted as comes");
    }

    #[test]
    fn what_nobody_can_tell_is_not_told() {
        let few = grown(NOW, ROOM, Counted { kept: 499, ..counted(10) }, 0, Some(0));
        assert_eq!((few.bytes_per_request, few.bytes_per_day, few.full_in_days), (None, None, None));
        let quiet = grown(NOW, ROOM, Counted { lately: 0, ..counted(10) }, 0, Some(1));
        assert_eq!((quiet.bytes_per_day, quiet.full_in_days), (Some(0), None));
        assert_eq!(grown(NOW, ROOM, counted(10), 0, None).full_in_days, None, "the disk of PostgreSQL is elsewhere");
        let none = grown(NOW, ROOM, Counted::default(), 90, Some(1));
        assert_eq!((none.requests_per_day, none.levels_off_at_bytes), (0, None));
        assert_eq!((lasts(100, 1_000, 950_000), lasts(0, 1_000, 1), lasts(100, 0, 1)), (Some(9), None, None));
    }
}
