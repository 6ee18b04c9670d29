//! Ranges of time: named ones, their buckets, days by the site's clock.

use jiff::tz::TimeZone;
use jiff::{Span as Step, Timestamp};

use crate::services::values::check;
use crate::services::{Served, ServiceError, Services};

const HOUR_MS: i64 = 3_600_000;
const DAY_MS: i64 = 24 * HOUR_MS;
/// Longest range that is shown hour by hour.
const HOURLY_UP_TO: i64 = 2 * DAY_MS;
/// Longest range at all.
const LONGEST: i64 = 400 * DAY_MS;

/// A range with the starts of its buckets.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Range {
    /// First millisecond.
    pub(super) from: i64,
    /// First millisecond after.
    pub(super) to: i64,
    /// `hour` or `day`.
    pub(super) bucket: &'static str,
    /// Where each bucket starts, oldest first.
    pub(super) starts: Vec<i64>,
}

/// `today`, `24h`, `7d`, `30d`, or `custom` with both ends.
pub(super) fn read(services: &Services, name: &str, ends: (Option<i64>, Option<i64>)) -> Served<Range> {
    let now = services.now();
    let zone = TimeZone::get(&services.settings.settings().timezone).unwrap_or(TimeZone::UTC);
    let (from, to) = match (name, ends) {
        ("today", _) => (day_start(now, &zone)?, now),
        ("24h", _) => (now - DAY_MS, now),
        ("7d", _) => (now - 7 * DAY_MS, now),
        ("30d", _) => (now - 30 * DAY_MS, now),
        ("custom", (Some(from), Some(to))) if from < to && to - from <= LONGEST && from >= 0 => (from, to),
        ("custom", _) => return Err(check::bad("range", "custom needs from < to, at most 400 days apart")),
        _ => return Err(check::bad("range", "today, 24h, 7d, 30d or custom")),
    };
    let hourly = to - from <= HOURLY_UP_TO;
    let starts = if hourly { hours(from, to) } else { days(from, to, &zone)? };
    Ok(Range { from, to, bucket: if hourly { "hour" } else { "day" }, starts })
}

fn hours(from: i64, to: i64) -> Vec<i64> {
    let first = from - from.rem_euclid(HOUR_MS);
    (0..).map(|hour| first + hour * HOUR_MS).take_while(|start| *start < to.max(first + 1)).collect()
}

fn days(from: i64, to: i64, zone: &TimeZone) -> Served<Vec<i64>> {
    let mut start = day_start(from, zone)?;
    let mut starts = Vec::new();
    while start < to {
        starts.push(start);
        let next = zoned(start, zone)?.checked_add(Step::new().days(1)).and_then(|day| day.start_of_day());
        start = next.map_err(ServiceError::ill)?.timestamp().as_millisecond();
    }
    Ok(starts)
}

/// Midnight before `ms`.
fn day_start(ms: i64, zone: &TimeZone) -> Served<i64> {
    Ok(zoned(ms, zone)?.start_of_day().map_err(ServiceError::ill)?.timestamp().as_millisecond())
}

fn zoned(ms: i64, zone: &TimeZone) -> Served<jiff::Zoned> {
    let timestamp = Timestamp::from_millisecond(ms).map_err(|_| check::bad("range", "a time out of range"))?;
    Ok(timestamp.to_zoned(zone.clone()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn days_start_at_the_sites_midnight_through_a_change_of_clocks() {
        let berlin = TimeZone::get("Europe/Berlin").unwrap();
        let at = |text: &str| text.parse::<Timestamp>().unwrap().as_millisecond();
        let starts = days(at("2026-03-28T12:00:00Z"), at("2026-03-30T12:00:00Z"), &berlin).unwrap();
        assert_eq!(starts, [at("2026-03-27T23:00:00Z"), at("2026-03-28T23:00:00Z"), at("2026-03-29T22:00:00Z")]);
        assert_eq!(hours(5 * HOUR_MS + 1, 7 * HOUR_MS), [5 * HOUR_MS, 6 * HOUR_MS]);
    }
}
