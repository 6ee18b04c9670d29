//! Ranges of time and their points, by the site's clock.

use jiff::tz::TimeZone;
use jiff::{Timestamp, ToSpan};

use super::{Look, ZONE};
use crate::history::{EDGES, midnight};

const HOUR_MS: i64 = 3_600_000;
const DAY_MS: i64 = 24 * HOUR_MS;

/// A range: its first millisecond, and the first after it.
#[derive(Clone, Copy, Debug)]
pub struct Span {
    pub from: i64,
    pub to: i64,
}

/// The days that a custom range is asked for with.
pub fn days() -> (String, String) {
    let zone = TimeZone::get(ZONE).unwrap();
    let now = Timestamp::now().as_millisecond();
    let day = |ago| super::format::moment(midnight(now, ago, &zone), &zone, "%Y-%m-%d");
    (day(EDGES.0), day(EDGES.1))
}

/// The query of a custom range.
pub fn custom() -> String {
    let (from, to) = days();
    format!("from={from}&to={to}")
}

/// The queries that ask for every range, and for one in which nothing was.
pub fn queries() -> impl Iterator<Item = String> {
    let nothing = "from=2020-01-01&to=2020-01-02".to_owned();
    ["today", "24h", "7d", "30d"].into_iter().map(|range| format!("range={range}")).chain([custom(), nothing])
}

impl Span {
    /// The range that a page was asked for, else `usual`; nothing for all of time.
    pub fn asked(look: &Look<'_>, usual: &str) -> Option<Self> {
        let now = look.now;
        if let (Some(from), Some(to)) = (look.asked("from"), look.asked("to")) {
            let day = |day: String| day.parse::<jiff::civil::Date>().unwrap();
            let start = |day: jiff::civil::Date| day.to_zoned(look.zone.clone()).unwrap().timestamp().as_millisecond();
            return Some(Self { from: start(day(from)), to: start(day(to).checked_add(1.day()).unwrap()) });
        }
        let from = match look.asked("range").as_deref().unwrap_or(usual) {
            "today" => midnight(now, 0, &look.zone),
            "1h" => now - HOUR_MS,
            "24h" => now - DAY_MS,
            "7d" => now - 7 * DAY_MS,
            "30d" => now - 30 * DAY_MS,
            _ => return None,
        };
        Some(Self { from, to: now })
    }

    /// The range before.
    pub fn before(self) -> Self {
        Self { from: self.from - (self.to - self.from), to: self.from }
    }

    /// A condition of SQL. What was booked a moment ago is in a range that ends now.
    pub fn sql(self) -> String {
        format!("ts >= {} AND ts < {}", self.from, self.to)
    }

    /// Whether its points are hours.
    pub fn hourly(self) -> bool {
        self.to - self.from <= 2 * DAY_MS
    }

    /// Where its points begin.
    pub fn points(self, zone: &TimeZone) -> Vec<i64> {
        if self.hourly() {
            let first = self.from - self.from % HOUR_MS;
            return (0..).map(|hour| first + hour * HOUR_MS).take_while(|start| *start < self.to).collect();
        }
        let day = |ms: i64| Timestamp::from_millisecond(ms).unwrap().to_zoned(zone.clone()).date();
        let (mut at, mut starts) = (day(self.from), Vec::new());
        while at <= day(self.to - 1) {
            starts.push(at.to_zoned(zone.clone()).unwrap().timestamp().as_millisecond());
            at = at.checked_add(1.day()).unwrap();
        }
        starts
    }
}
