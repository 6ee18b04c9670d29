//! Identifiers: `i64` newtypes made by the application, never by a database sequence, so that a
//! retried insert carries the same id and both databases behave alike.

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use serde::{Deserialize, Serialize};

macro_rules! ids {
    ($($(#[$doc:meta])* $name:ident),+ $(,)?) => {$(
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(transparent)]
        pub struct $name(pub i64);

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.fmt(f)
            }
        }

        impl FromStr for $name {
            type Err = std::num::ParseIntError;

            fn from_str(text: &str) -> Result<Self, Self::Err> {
                text.parse().map(Self)
            }
        }

        impl From<i64> for $name {
            fn from(id: i64) -> Self {
                Self(id)
            }
        }
    )+};
}

ids! {
    /// An account that owns keys and a balance.
    UserId,
    /// A relay key (`sk-relay-…`).
    KeyId,
    /// An upstream channel.
    ChannelId,
    /// A request's row in the log; also what makes its bill unique.
    ReceiptId,
}

/// Names one process among those that share a database: made once per `DATA_DIR`, the same after every restart.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct InstanceId(Arc<str>);

impl InstanceId {
    /// How many letters and digits it has.
    pub const CHARS: usize = 12;

    /// Its text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for InstanceId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// What is no instance's id.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("an instance id is {} letters and digits", InstanceId::CHARS)]
pub struct NoInstanceId;

impl FromStr for InstanceId {
    type Err = NoInstanceId;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let fits = text.len() == Self::CHARS && text.bytes().all(|byte| byte.is_ascii_alphanumeric());
        if fits { Ok(Self(text.into())) } else { Err(NoInstanceId) }
    }
}

/// SHA-256 of a whole key; the only form in which a key is kept or looked up.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct KeyDigest(pub [u8; 32]);

impl fmt::Debug for KeyDigest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("KeyDigest(…)")
    }
}

/// 2026-01-01T00:00:00Z in epoch milliseconds: where our ids start counting.
const ID_EPOCH_MS: i64 = 1_767_225_600_000;
/// Low bits that tell ids of one millisecond apart: the lane, and within it a count.
const LOW_BITS: u32 = 12;
const COUNT_BITS: u32 = 6;
const COUNT: i64 = (1 << COUNT_BITS) - 1;
const LANE: i64 = ((1 << LOW_BITS) - 1) & !COUNT;

/// Makes ids that grow with time and stay below 2^53, the largest integer JavaScript keeps exact
/// (until 2095). Processes that share a database make theirs in lanes of their own, so that no two ids are ever
/// the same: a second receipt under an id that is taken would count as booked already. Whoever makes more
/// than 64 ids in a millisecond goes on in the next one.
#[derive(Debug)]
pub struct IdMaker {
    last: AtomicI64,
    lane: AtomicI64,
}

impl IdMaker {
    /// Lanes of instances: from 0 to one below this.
    pub const LANES: i64 = 63;
    /// The lane of commands, which make a few ids beside an instance.
    pub const COMMANDS: i64 = 63;

    /// Makes ids in this lane.
    pub fn new(lane: i64) -> Self {
        Self { last: AtomicI64::new(0), lane: AtomicI64::new((lane << COUNT_BITS) & LANE) }
    }

    /// Makes the ids to come in another lane: this one is somebody else's by now.
    pub fn change_lane(&self, lane: i64) {
        self.lane.store((lane << COUNT_BITS) & LANE, Ordering::Release);
    }

    /// A fresh id, larger than every id this maker gave before. `now_ms` is epoch milliseconds.
    pub fn next(&self, now_ms: i64) -> i64 {
        let lane = self.lane.load(Ordering::Acquire);
        let first = ((now_ms - ID_EPOCH_MS).max(0) << LOW_BITS) | lane;
        let mut last = self.last.load(Ordering::Relaxed);
        loop {
            let next = if first > last { first } else { after(last, lane) };
            match self.last.compare_exchange_weak(last, next, Ordering::AcqRel, Ordering::Relaxed) {
                Ok(_) => return next,
                Err(seen) => last = seen,
            }
        }
    }

    /// `id`, or one like it that is larger than `last`: rows whose order is that of their ids keep it although the clock
    /// was set back, or runs behind on another machine.
    pub fn above(id: i64, last: i64) -> i64 {
        if id > last { id } else { (((last >> LOW_BITS) + 1) << LOW_BITS) | (id & (LANE | COUNT)) }
    }

    /// The smallest id that could have been made at `ms`: turns a time into an id bound.
    pub fn floor_at(ms: i64) -> i64 {
        (ms - ID_EPOCH_MS).max(0) << LOW_BITS
    }
}

/// The next id of a lane after `last`, which may be of another.
fn after(last: i64, lane: i64) -> i64 {
    let has_room = last & LANE == lane && last & COUNT != COUNT;
    if has_room { last + 1 } else { (((last >> LOW_BITS) + 1) << LOW_BITS) | lane }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_grow_even_when_the_clock_stands_still_or_steps_back() {
        let ids = IdMaker::new(77);
        let now = ID_EPOCH_MS + 1_000;
        let made: Vec<i64> = [now, now, now - 500, now + 1].iter().map(|&at| ids.next(at)).collect();
        assert!(made.windows(2).all(|pair| pair[0] < pair[1]), "{made:?}");
    }

    #[test]
    fn makers_in_different_lanes_never_make_the_same_id() {
        let makers: Vec<IdMaker> = (0..=IdMaker::COMMANDS).map(IdMaker::new).collect();
        let mut made = std::collections::HashSet::new();
        for now in [0, 0, 1, 2, 40] {
            for (lane, maker) in makers.iter().enumerate() {
                for _ in 0..lane * 3 {
                    assert!(made.insert(maker.next(ID_EPOCH_MS + now)), "lane {lane}");
                }
            }
        }
    }

    #[test]
    fn ids_grow_over_a_change_of_lanes_in_both_directions() {
        let ids = IdMaker::new(30);
        let mut last = 0;
        for lane in [30, 5, 5, 62, 0] {
            ids.change_lane(lane);
            for _ in 0..100 {
                let id = ids.next(ID_EPOCH_MS + 1);
                assert!(id > last && (id & LANE) >> COUNT_BITS == lane, "{id} after {last}");
                last = id;
            }
        }
    }

    #[test]
    fn an_instance_id_is_twelve_letters_and_digits() {
        assert_eq!("aZ09aZ09aZ09".parse::<InstanceId>().unwrap().as_str(), "aZ09aZ09aZ09");
        for bad in ["", "aZ09aZ09aZ0", "aZ09aZ09aZ090", "aZ09aZ09aZ0-", "aZ09aZ09aZ0 ", "äZ09aZ09aZ0"] {
            assert_eq!(bad.parse::<InstanceId>(), Err(NoInstanceId), "{bad}");
        }
    }

    #[test]
    fn an_id_above_another_keeps_what_tells_it_from_its_neighbours() {
        assert_eq!(IdMaker::above(9 << 12 | 7, 8 << 12 | 9), 9 << 12 | 7);
        assert_eq!(IdMaker::above(3 << 12 | 7, 8 << 12 | 9), 9 << 12 | 7);
        assert!(IdMaker::above(5, 5) > 5);
    }

    #[test]
    fn ids_stay_exact_in_javascript_for_decades() {
        let year_2090 = ID_EPOCH_MS + 64 * 365 * 86_400_000;
        assert!(IdMaker::new(4095).next(year_2090) < 1 << 53);
    }
}
