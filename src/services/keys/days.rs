//! When the day of a time zone began.

use jiff::Timestamp;
use jiff::tz::TimeZone;

/// Epoch milliseconds of the last midnight in `timezone` (an IANA name; unknown ones count as UTC).
pub fn day_start(now_ms: i64, timezone: &str) -> i64 {
    let zone = TimeZone::get(timezone).unwrap_or(TimeZone::UTC);
    let now = Timestamp::from_millisecond(now_ms).unwrap_or(Timestamp::UNIX_EPOCH);
    now.to_zoned(zone).start_of_day().map_or(0, |midnight| midnight.timestamp().as_millisecond())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_day_starts_at_midnight_of_its_zone() {
        let noon_utc = 1_790_251_200_000; // 2026-09-24T12:00:00Z
        assert_eq!(noon_utc - day_start(noon_utc, "UTC"), 12 * 3_600_000);
        assert_eq!(noon_utc - day_start(noon_utc, "Asia/Shanghai"), 20 * 3_600_000);
        assert_eq!(noon_utc - day_start(noon_utc, "no/where"), 12 * 3_600_000);
    }
}
