//! A request's cost as a sum whose lines add up, from the prices that were in force.

use serde::Serialize;

use crate::console::format;
use crate::services::reports::{LogDetail, LogPrices};
use crate::services::values::Usd;

/// Tokens × price per million tokens counts in units of 10⁻¹⁵ dollars.
const SCALE: u32 = 15;
/// Such units in a nano-dollar.
const UNITS_PER_NANO: i128 = 1_000_000;

/// The sum.
#[derive(Clone, Debug, Serialize)]
pub(super) struct Bill {
    /// The kinds of tokens that were used.
    lines: Vec<Line>,
    /// All their tokens.
    tokens: i64,
    /// What the multipliers and the rounding to a nano-dollar make of it, exactly; nothing where they change nothing.
    adjustment: Option<String>,
    /// Whether multipliers are among that.
    multiplied: bool,
    /// What was charged, exactly.
    total: String,
}

/// Tokens of one kind.
#[derive(Clone, Debug, Serialize)]
struct Line {
    /// The name of the text for it.
    kind: &'static str,
    tokens: i64,
    /// Per million tokens.
    price: Usd,
    /// Exactly.
    amount: String,
}

/// The sum of a priced request; nothing for one without a price.
pub(super) fn explain(log: &LogDetail) -> Option<Bill> {
    let prices = log.prices.as_ref()?;
    let (lines, sum) = lines(log, prices);
    let charged = i128::from(log.log.cost_usd.0.0) * UNITS_PER_NANO;
    let one = |multiplier: Option<Usd>| multiplier.is_none_or(|multiplier| multiplier.0.0 == 1_000_000_000);
    let adjustment = charged.saturating_sub(sum);
    Some(Bill {
        tokens: lines.iter().fold(0, |sum, line| line.tokens.saturating_add(sum)),
        lines,
        adjustment: (adjustment != 0).then(|| format::exact(adjustment, SCALE)),
        multiplied: !one(log.global_multiplier) || !one(log.provider_multiplier),
        total: format::exact(charged, SCALE),
    })
}

fn lines(log: &LogDetail, prices: &LogPrices) -> (Vec<Line>, i128) {
    let kinds = [
        ("cost-input", log.log.tokens_in, prices.input_price_per_m_tok),
        ("cost-cache-read", log.log.cache_read_tokens, prices.cache_read_price_per_m_tok),
        ("cost-cache-5m", log.cache_creation5m_tokens, prices.cache_creation_price_per_m_tok),
        ("cost-cache-1h", log.cache_creation1h_tokens, prices.cache_creation1h_price_per_m_tok),
        ("cost-output", log.log.tokens_out, prices.output_price_per_m_tok),
    ];
    let mut sum = 0;
    let mut lines = Vec::new();
    for (kind, tokens, price) in kinds {
        let always = matches!(kind, "cost-input" | "cost-output");
        if tokens > 0 || always {
            let amount = i128::from(tokens) * i128::from(price.0.0);
            sum = amount.saturating_add(sum);
            lines.push(Line { kind, tokens, price, amount: format::exact(amount, SCALE) });
        }
    }
    (lines, sum)
}
