//! What was used: the request log, sums over time, rankings, a key's own usage.
//!
//! Users see their own, and nothing of what lies behind the gateway: no channel, no upstream model, no attempts.

mod key_usage;
mod log;
mod logs;
mod numbers;
mod range;
mod rankings;

pub use key_usage::{KeyUsage, KeyUsageQuery, UsageByModel, UsageSummary, key_usage};
pub use log::{Log, LogAttempt, LogDetail, LogPrices, LogTimings};
pub(super) use logs::log_filter;
pub use logs::{LogPage, LogQuery, log, logs};
pub(super) use numbers::percentile;
pub use numbers::{ChannelNumbers, KeyNumbers, Latency, ModelNumbers, Numbers, Point, Stats, StatsQuery, stats};
pub use rankings::{Ranked, RankingQuery, Rankings, rankings};
