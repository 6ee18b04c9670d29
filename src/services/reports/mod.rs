//! What was used: the request log, sums over time, rankings, a key's own usage.
//!
//! Users see their own, and nothing of what lies behind the gateway: no channel, no upstream model, no attempts.

mod attempts;
mod key_usage;
mod log;
mod logs;
mod numbers;
mod range;
mod rankings;
mod traffic;

pub use attempts::Attempts;
pub use key_usage::{KeyUsage, KeyUsageQuery, UsageByModel, UsageSummary, key_usage};
pub use log::{Log, LogAttempt, LogDetail, LogPrices, LogTimings};
pub(super) use logs::log_filter;
pub use logs::{LogPage, LogQuery, Unlisted, log, logged_models, logs, logs_or_by_time};
pub use numbers::{ChannelNumbers, KeyNumbers, ModelNumbers, Numbers, Point, Stats, StatsQuery, stats, totals};
pub use rankings::{Ranked, RankingQuery, Rankings, rankings};
pub(super) use traffic::percentile;
pub use traffic::{ErrorNumbers, Latency, ProtocolNumbers};
