//! Figures as pages write them, from integers.

use jiff::Timestamp;
use jiff::tz::TimeZone;

/// `1234567` as `1,234,567`.
pub fn number(number: i64) -> String {
    let digits = number.abs().to_string();
    let groups: Vec<&str> = digits.as_bytes().rchunks(3).rev().map(|group| std::str::from_utf8(group).unwrap()).collect();
    format!("{}{}", if number < 0 { "−" } else { "" }, groups.join(","))
}

/// Nano-dollars, rounded half away from zero.
pub fn usd(nanos: i64, decimals: u32) -> String {
    let unit = 10_i64.pow(9 - decimals);
    let rounded = (nanos.abs() + unit / 2) / unit;
    let one = 10_i64.pow(decimals);
    let sign = if nanos < 0 && rounded > 0 { "−" } else { "" };
    format!("{sign}${}.{:0width$}", number(rounded / one), rounded % one, width = decimals as usize)
}

/// Quadrillionths of a dollar, all of them that are not zero and six decimals at least.
pub fn exact(amount: i128) -> String {
    let fraction = format!("{:015}", amount.abs() % 1_000_000_000_000_000);
    let (six, rest) = fraction.split_at(6);
    let whole = i64::try_from(amount.abs() / 1_000_000_000_000_000).unwrap();
    format!("{}${}.{six}{}", if amount < 0 { "−" } else { "" }, number(whole), rest.trim_end_matches('0'))
}

/// A price: all decimals that are not zero, two at least.
pub fn price(nanos: i64) -> String {
    let fraction = format!("{:09}", nanos % 1_000_000_000);
    let (two, rest) = fraction.split_at(2);
    format!("${}.{two}{}", number(nanos / 1_000_000_000), rest.trim_end_matches('0'))
}

/// The same without a sign, groups and what is not needed.
pub fn plain(nanos: i64) -> String {
    let text = format!("{}.{:09}", nanos.abs() / 1_000_000_000, nanos.abs() % 1_000_000_000);
    format!("{}{}", if nanos < 0 { "-" } else { "" }, text.trim_end_matches('0').trim_end_matches('.'))
}

pub fn duration(ms: i64) -> String {
    match ms {
        0..1_000 => format!("{ms} ms"),
        1_000..10_000 => format!("{}.{:02} s", ms / 1_000, ms % 1_000 / 10),
        _ => format!("{}.{} s", number(ms / 1_000), ms % 1_000 / 100),
    }
}

pub fn share(part: i64, whole: i64) -> String {
    if whole == 0 { none() } else { format!("{:.1}%", part as f64 / whole as f64 * 100.0) }
}

/// `one` thing or so many `others`.
pub fn count(many: i64, one: &str, others: &str) -> String {
    if many == 1 { format!("1 {one}") } else { format!("{} {others}", number(many)) }
}

pub fn none() -> String {
    "—".to_owned()
}

pub fn moment(ms: i64, zone: &TimeZone, pattern: &str) -> String {
    Timestamp::from_millisecond(ms).unwrap().to_zoned(zone.clone()).strftime(pattern).to_string()
}
