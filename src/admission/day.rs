//! When the billing day began: at midnight in the site's time zone.

use jiff::Timestamp;
use jiff::tz::TimeZone;

/// Epoch milliseconds of the last midnight in `zone` (an IANA name; an unknown one counts as UTC).
pub fn day_start(now_ms: i64, zone: &str) -> i64 {
    let utc = now_ms - now_ms.rem_euclid(86_400_000);
    if zone == "UTC" {
        return utc;
    }
    let local = || {
        let zone = TimeZone::get(zone).ok()?;
        let now = Timestamp::from_millisecond(now_ms).ok()?.to_zoned(zone);
        Some(now.start_of_day().ok()?.timestamp().as_millisecond())
    };
    local().unwrap_or(utc)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_day_starts_at_local_midnight_also_when_the_clocks_change() {
        let at = |text: &str| text.parse::<Timestamp>().unwrap().as_millisecond();
        assert_eq!(day_start(at("2026-11-23T02:30:00Z"), "Asia/Shanghai"), at("2026-11-22T16:00:00Z"));
        assert_eq!(day_start(at("2026-10-25T23:30:00Z"), "Europe/Berlin"), at("2026-10-25T23:00:00Z"));
        assert_eq!(day_start(at("2026-10-25T22:30:00Z"), "Europe/Berlin"), at("2026-10-24T22:00:00Z"));
        assert_eq!(day_start(at("2026-11-23T02:30:00Z"), "No/Where"), at("2026-11-23T00:00:00Z"));
    }
}
