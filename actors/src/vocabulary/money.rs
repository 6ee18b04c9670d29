//! Money as an integer number of nano-dollars, prices and multipliers as exact decimals.
//!
//! One nano-dollar is 10⁻⁹ USD. Nothing here touches a float.

use std::fmt;
use std::iter::Sum;
use std::str::FromStr;

use num_bigint::BigInt;
use serde::{Deserialize, Serialize};

use super::usage::Usage;

const DECIMALS: usize = 9;
const ONE: i64 = 1_000_000_000;
const TOKENS_PER_PRICE: i64 = 1_000_000;

/// Why a text is no decimal with at most nine places that fits an `i64` of nanos.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BadDecimal {
    /// Not a decimal number.
    #[error("not a decimal number")]
    Syntax,
    /// More than nine decimals.
    #[error("more than 9 decimals")]
    TooPrecise,
    /// Too large for the ledger.
    #[error("number too large")]
    TooLarge,
}

/// Parses a JSON-style decimal (`12`, `-0.5`, `1e-7`) into nanos, exactly.
fn parse_nanos(text: &str) -> Result<i64, BadDecimal> {
    let (mantissa, exponent) = match text.split_once(['e', 'E']) {
        Some((mantissa, exponent)) => (mantissa, exponent.parse::<i32>().map_err(|_| BadDecimal::Syntax)?),
        None => (text, 0),
    };
    let (negative, digits) = match mantissa.strip_prefix('-') {
        Some(rest) => (true, rest),
        None => (false, mantissa),
    };
    let (whole, fraction) = digits.split_once('.').unwrap_or((digits, ""));
    if whole.is_empty() || !whole.bytes().chain(fraction.bytes()).all(|byte| byte.is_ascii_digit()) {
        return Err(BadDecimal::Syntax);
    }
    let fraction = fraction.trim_end_matches('0');
    let mut value: i128 = 0;
    for digit in whole.bytes().chain(fraction.bytes()) {
        value = value.checked_mul(10).and_then(|v| v.checked_add(i128::from(digit - b'0'))).ok_or(BadDecimal::TooLarge)?;
    }
    let shift = i64::from(exponent) + DECIMALS as i64 - fraction.len() as i64;
    let nanos = shift_decimal(value, shift)?;
    let nanos = i64::try_from(nanos).map_err(|_| BadDecimal::TooLarge)?;
    Ok(if negative { -nanos } else { nanos })
}

/// `value × 10^shift`, refusing to drop a digit that is not zero.
fn shift_decimal(mut value: i128, shift: i64) -> Result<i128, BadDecimal> {
    if value == 0 {
        return Ok(0);
    }
    for _ in 0..shift.clamp(0, 40) {
        value = value.checked_mul(10).ok_or(BadDecimal::TooLarge)?;
    }
    for _ in 0..(-shift).clamp(0, 40) {
        if value % 10 != 0 {
            return Err(BadDecimal::TooPrecise);
        }
        value /= 10;
    }
    Ok(value)
}

/// Writes nanos as the shortest plain decimal (`0.000123`, `-2.5`, `10`), valid as a JSON number.
fn write_nanos(nanos: i64, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    let sign = if nanos < 0 { "-" } else { "" };
    let (whole, fraction) = (nanos.unsigned_abs() / ONE as u64, nanos.unsigned_abs() % ONE as u64);
    if fraction == 0 {
        return write!(f, "{sign}{whole}");
    }
    let fraction = format!("{fraction:09}");
    write!(f, "{sign}{whole}.{}", fraction.trim_end_matches('0'))
}

macro_rules! decimals {
    ($($(#[$doc:meta])* $name:ident),+ $(,)?) => {$(
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(transparent)]
        pub struct $name(pub i64);

        impl FromStr for $name {
            type Err = BadDecimal;

            fn from_str(text: &str) -> Result<Self, BadDecimal> {
                parse_nanos(text).map(Self)
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write_nanos(self.0, f)
            }
        }
    )+};
}

decimals! {
    /// An amount of money in nano-dollars. Displays as USD (`0.000123`).
    Nanos,
    /// A price in nano-dollars per million tokens. Displays as USD per million tokens.
    Price,
    /// A billing multiplier in units of 10⁻⁹. Displays as a plain decimal (`1.25`).
    Multiplier,
}

impl Nanos {
    /// No money.
    pub const ZERO: Self = Self(0);
    /// The largest bill of one request, a billion dollars: as much as an account holds at most. Sums of bills that nobody
    /// can pay stay inside the integers of the database.
    pub const LARGEST_BILL: Self = Self(1_000_000_000 * ONE);

    /// Sum that stays at the ends of the range instead of wrapping.
    #[must_use]
    pub fn plus(self, other: Self) -> Self {
        Self(self.0.saturating_add(other.0))
    }

    /// Difference that stays at the ends of the range instead of wrapping.
    #[must_use]
    pub fn minus(self, other: Self) -> Self {
        Self(self.0.saturating_sub(other.0))
    }
}

impl Sum for Nanos {
    fn sum<I: Iterator<Item = Self>>(amounts: I) -> Self {
        amounts.fold(Self::ZERO, Self::plus)
    }
}

impl Multiplier {
    /// Leaves a price as it is.
    pub const ONE: Self = Self(ONE);
}

/// What a model's tokens cost, per million, by kind.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct PriceList {
    /// Uncached input.
    pub input: Price,
    /// Output, reasoning included.
    pub output: Price,
    /// Input read from the provider's cache.
    pub cache_read: Price,
    /// Input written to the provider's five-minute cache.
    pub cache_creation: Price,
    /// Input written to the provider's one-hour cache; absent = as `cache_creation`.
    pub cache_creation_1h: Option<Price>,
}

/// A price list with the multipliers in force when a request was admitted: all that its bill needs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Tariff {
    /// Prices per million tokens; `None` for a model served without a price (free, and marked).
    pub prices: Option<PriceList>,
    /// `globalBillingMultiplier`.
    pub global: Multiplier,
    /// `claudeBillingMultiplier` or `openaiBillingMultiplier`, by the channel's type.
    pub provider: Multiplier,
}

impl Tariff {
    /// `Σ tokens × price × global × provider`, exact, rounded once to a nano-dollar (half up).
    /// Stays at [`Nanos::LARGEST_BILL`] where no real bill can be.
    pub fn cost(&self, usage: &Usage) -> Nanos {
        let Some(prices) = &self.prices else { return Nanos::ZERO };
        let lines = [
            (usage.input, prices.input),
            (usage.output, prices.output),
            (usage.cache_read, prices.cache_read),
            (usage.cache_creation_5m, prices.cache_creation),
            (usage.cache_creation_1h, prices.cache_creation_1h.unwrap_or(prices.cache_creation)),
        ];
        let line = |(tokens, price): &(i64, Price)| i128::from((*tokens).max(0)) * i128::from(price.0.max(0));
        let base = lines.iter().map(line).fold(0i128, i128::saturating_add);
        let unit = i128::from(TOKENS_PER_PRICE);
        if self.global == Multiplier::ONE && self.provider == Multiplier::ONE {
            return Nanos(i64::try_from(base.saturating_add(unit / 2) / unit).unwrap_or(i64::MAX)).min(Nanos::LARGEST_BILL);
        }
        let exact = BigInt::from(base) * self.global.0.max(0) * self.provider.0.max(0);
        let divisor = BigInt::from(unit) * ONE * ONE;
        let rounded = (exact + &divisor / 2u8) / divisor;
        Nanos(i64::try_from(rounded).unwrap_or(i64::MAX)).min(Nanos::LARGEST_BILL)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn decimals_are_read_from_their_text() {
        let read = |text: &str| text.parse::<Nanos>().map(|nanos| nanos.0);
        assert_eq!(read("200.000005"), Ok(200_000_005_000));
        assert_eq!(read("1e-7"), Ok(100));
        assert_eq!(read("1.5E2"), Ok(150_000_000_000));
        assert_eq!(read("-0.1"), Ok(-100_000_000));
        assert_eq!(read("0.1000000000000"), Ok(100_000_000));
        assert_eq!(read("0.0000000001"), Err(BadDecimal::TooPrecise));
        assert_eq!(read("99999999999"), Err(BadDecimal::TooLarge));
        assert_eq!(read("1e400"), Err(BadDecimal::TooLarge));
        for bad in ["", ".", "1.2.3", "abc", "0x1", "1e", "NaN", "--1", "+1"] {
            assert_eq!(read(bad), Err(BadDecimal::Syntax), "{bad}");
        }
    }

    #[test]
    fn a_bill_is_rounded_once_half_up() {
        let prices = PriceList { input: Price(3_000_000_000), output: Price(15_000_000_000), ..PriceList::default() };
        let tariff = Tariff { prices: Some(prices), global: Multiplier::ONE, provider: Multiplier::ONE };
        let usage = Usage { input: 1, output: 1, ..Usage::default() };
        assert_eq!(tariff.cost(&usage), Nanos(18_000));
        let half = Tariff { prices: Some(PriceList { input: Price(500_000), ..PriceList::default() }), ..tariff };
        assert_eq!(half.cost(&Usage { input: 1, ..Usage::default() }), Nanos(1));
        let scaled = Tariff { global: Multiplier(1_100_000_000), provider: Multiplier(500_000_000), ..tariff };
        assert_eq!(scaled.cost(&usage), Nanos(9_900));
    }

    #[test]
    fn no_bill_is_larger_than_an_account() {
        let most = Price(i64::MAX);
        let prices =
            PriceList { input: most, output: most, cache_read: most, cache_creation: most, cache_creation_1h: Some(most) };
        let usage = Usage {
            input: i64::MAX,
            output: i64::MAX,
            cache_read: i64::MAX,
            cache_creation_5m: i64::MAX,
            cache_creation_1h: i64::MAX,
            reasoning: i64::MAX,
        };
        for multiplier in [Multiplier::ONE, Multiplier(i64::MAX)] {
            let tariff = Tariff { prices: Some(prices), global: multiplier, provider: multiplier };
            assert_eq!(tariff.cost(&usage), Nanos::LARGEST_BILL);
        }
    }

    proptest! {
        #[test]
        fn a_decimal_survives_the_round_trip(nanos in any::<i64>().prop_filter("no abs", |n| *n != i64::MIN)) {
            prop_assert_eq!(Nanos(nanos).to_string().parse(), Ok(Nanos(nanos)));
        }

        #[test]
        fn the_fast_and_the_exact_way_agree(tokens in 0i64..1_000_000_000, price in 0i64..100_000_000_000_000) {
            let tariff = Tariff {
                prices: Some(PriceList { input: Price(price), ..PriceList::default() }),
                global: Multiplier(2_000_000_000),
                provider: Multiplier(500_000_000),
            };
            let plain = Tariff { global: Multiplier::ONE, provider: Multiplier::ONE, ..tariff };
            let usage = Usage { input: tokens, ..Usage::default() };
            prop_assert_eq!(tariff.cost(&usage), plain.cost(&usage));
        }
    }
}
