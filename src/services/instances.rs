//! The other instances, and the Redis over which all of them are one gateway.

use schemars::JsonSchema;
use serde::Serialize;

/// How the instances share what they share.
#[derive(Clone, Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct RedisFigures {
    /// `together`; `rejoining`: Redis answers again, and every instance tells its share before limits are common ones; or
    /// `alone`: it does not answer, and this instance keeps to its part of every limit.
    pub standing: &'static str,
    /// Into how many parts every limit is divided; 1 while they are common ones.
    pub parts: u32,
    /// How long Redis took to answer last, in microseconds.
    pub latency_us: u64,
    /// How often the connection was lost since the start.
    pub losses: u64,
    /// Commands since the start that failed, or were dropped while nobody waited for them.
    pub failures: u64,
    /// Instances heard of, this one included.
    pub instances: Vec<InstanceFigures>,
}

/// An instance, as this one has heard of it.
#[derive(Clone, Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct InstanceFigures {
    /// Its id, the same after a restart.
    pub id: String,
    /// Whether it is the one that tells this.
    pub is_this_instance: bool,
    /// Whether its share of the limits counts.
    pub is_alive: bool,
    /// Milliseconds since it was heard.
    pub silent_ms: i64,
    /// Its version.
    pub version: String,
    /// The machine it runs on, and where it listens.
    pub place: String,
    /// When it started, epoch milliseconds.
    pub started_at: i64,
    /// Requests under way.
    pub in_flight: u64,
    /// Receipts it has not booked.
    pub unbooked: u64,
    /// Readers of the live log.
    pub live_readers: u64,
}

impl RedisFigures {
    /// Whether limits are common ones.
    pub fn is_together(&self) -> bool {
        self.standing == "together"
    }

    /// What is not as it should be, in words.
    pub fn worry(&self) -> Option<String> {
        match self.standing {
            "together" => None,
            "rejoining" => Some("Redis answers again; limits are common ones in a moment".to_owned()),
            _ => Some(format!("Redis does not answer: each instance keeps to its part of every limit, one in {}", self.parts)),
        }
    }
}
