//! Numbers, money and times as pages show them. Money is formatted from its integer, never through a float.

use actors::vocabulary::Nanos;
use jiff::Timestamp;
use jiff::civil::DateTime;
use jiff::tz::TimeZone;

/// Shown for what is not there.
pub(super) const NONE: &str = "—";

/// `1234567` as `1,234,567`.
pub(super) fn grouped(number: i64) -> String {
    let digits = number.unsigned_abs().to_string();
    let mut shown = String::with_capacity(digits.len() * 4 / 3 + 1);
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            shown.push(',');
        }
        shown.push(digit);
    }
    if number < 0 { format!("−{shown}") } else { shown }
}

/// Dollars with exactly `decimals` of the nine, rounded half away from zero.
pub(super) fn dollars(amount: Nanos, decimals: u32) -> String {
    let unit = 10_i128.pow(9_u32.saturating_sub(decimals));
    let size = i128::from(amount.0).abs();
    let rounded = (size + unit / 2) / unit;
    let sign = if amount.0 < 0 && rounded > 0 { "−" } else { "" };
    format!("{sign}${}", fixed(rounded, decimals))
}

/// An amount counted in units of 10⁻ˢᶜᵃˡᵉ dollars, exactly: at least six decimals, no more zeros than that.
pub(super) fn exact(amount: i128, scale: u32) -> String {
    let shown = fixed(amount.abs(), scale);
    let least = shown.len() - (scale as usize).saturating_sub(6);
    let end = shown.trim_end_matches('0').len().max(least);
    let sign = if amount < 0 { "−" } else { "" };
    format!("{sign}${}", shown.get(..end).unwrap_or(&shown))
}

/// A price: all its decimals, at least two.
pub(super) fn price(amount: Nanos) -> String {
    let whole = dollars(amount, 9);
    let least = whole.len() - 7;
    let end = whole.trim_end_matches('0').len().max(least);
    whole.get(..end).unwrap_or(&whole).to_owned()
}

fn fixed(amount: i128, decimals: u32) -> String {
    let one = 10_i128.pow(decimals);
    let whole = grouped(i64::try_from(amount / one).unwrap_or(i64::MAX));
    if decimals == 0 { whole } else { format!("{whole}.{:0width$}", amount % one, width = decimals as usize) }
}

/// Milliseconds: `512 ms`, `4.02 s`, `75.1 s`.
pub(super) fn duration(ms: i64) -> String {
    if ms < 1_000 {
        format!("{ms} ms")
    } else if ms < 10_000 {
        format!("{}.{:02} s", ms / 1_000, ms % 1_000 / 10)
    } else {
        format!("{}.{} s", grouped(ms / 1_000), ms % 1_000 / 100)
    }
}

/// A share of one as a percentage with one decimal.
pub(super) fn percent(share: f64) -> String {
    format!("{:.1}%", share * 100.0)
}

/// The site's time zone; UTC where its name means nothing.
pub(super) fn zone(name: &str) -> TimeZone {
    TimeZone::get(name).unwrap_or(TimeZone::UTC)
}

/// A moment by the site's clock, in a pattern of `strftime`.
pub(super) fn moment(ms: i64, zone: &TimeZone, pattern: &str) -> String {
    let Ok(moment) = Timestamp::from_millisecond(ms) else { return NONE.to_owned() };
    moment.to_zoned(zone.clone()).strftime(pattern).to_string()
}

/// What a browser's date and time field holds (`2026-12-01T10:00`), by the site's clock; epoch milliseconds.
pub(super) fn read_moment(text: &str, zone: &TimeZone) -> Option<i64> {
    let moment: DateTime = text.trim().parse().ok()?;
    Some(moment.to_zoned(zone.clone()).ok()?.timestamp().as_millisecond())
}

/// A browser and its system, by what it calls itself; whatever else it says where neither is known.
pub(super) fn browser(agent: &str) -> String {
    // Each says the names of those before it, too.
    const BROWSERS: [(&str, &str); 6] = [
        ("Edg", "Edge"),
        ("OPR/", "Opera"),
        ("Firefox/", "Firefox"),
        ("CriOS/", "Chrome"),
        ("Chrome/", "Chrome"),
        ("Safari/", "Safari"),
    ];
    const SYSTEMS: [(&str, &str); 7] = [
        ("iPhone", "iOS"),
        ("iPad", "iPadOS"),
        ("Android", "Android"),
        ("Windows", "Windows"),
        ("Mac OS", "macOS"),
        ("CrOS", "ChromeOS"),
        ("Linux", "Linux"),
    ];
    let named = |names: &[(&str, &'static str)]| names.iter().find(|(part, _)| agent.contains(part)).map(|(_, name)| *name);
    match (named(&BROWSERS), named(&SYSTEMS)) {
        (Some(browser), Some(system)) => format!("{browser}, {system}"),
        (Some(one), None) | (None, Some(one)) => one.to_owned(),
        (None, None) => agent.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_grouped_and_money_is_rounded_once() {
        assert_eq!((grouped(0).as_str(), grouped(999).as_str(), grouped(-1_234_567).as_str()), ("0", "999", "−1,234,567"));
        assert_eq!(dollars(Nanos(1_234_567_895_000_000), 2), "$1,234,567.90");
        assert_eq!(dollars(Nanos(39_618_499), 6), "$0.039618");
        assert_eq!(dollars(Nanos(-500), 6), "−$0.000001");
        assert_eq!(dollars(Nanos(-499), 6), "$0.000000");
        assert_eq!((price(Nanos(3_000_000_000)).as_str(), price(Nanos(75_000_000)).as_str()), ("$3.00", "$0.075"));
        assert_eq!((price(Nanos(15_000_000_001)).as_str(), price(Nanos(0)).as_str()), ("$15.000000001", "$0.00"));
        assert_eq!(exact(11_490_000_000_000, 15), "$0.011490");
        assert_eq!(exact(-1, 15), "−$0.000000000000001");
    }

    #[test]
    fn times_are_the_sites() {
        let zone = zone("Asia/Shanghai");
        let ms = read_moment("2026-12-01T10:00", &zone).unwrap();
        assert_eq!(moment(ms, &TimeZone::UTC, "%Y-%m-%d %H:%M"), "2026-12-01 02:00");
        assert_eq!(read_moment("tomorrow", &zone), None);
        assert_eq!((duration(999).as_str(), duration(4_020).as_str(), duration(75_190).as_str()), ("999 ms", "4.02 s", "75.1 s"));
    }

    #[test]
    fn browsers_are_called_by_their_names() {
        let agent = |rest: &str| browser(&format!("Mozilla/5.0 ({rest}"));
        let chrome = "AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0.0.0 Safari/537.36";
        assert_eq!(agent(&format!("X11; Linux x86_64) {chrome}")), "Chrome, Linux");
        assert_eq!(agent(&format!("Windows NT 10.0; Win64; x64) {chrome} Edg/140.0")), "Edge, Windows");
        assert_eq!(
            agent("iPhone; CPU iPhone OS 18_0 like Mac OS X) AppleWebKit/605 Version/18.0 Mobile/15E148 Safari/604.1"),
            "Safari, iOS"
        );
        assert_eq!(browser("curl/8.5.0"), "curl/8.5.0");
    }
}
