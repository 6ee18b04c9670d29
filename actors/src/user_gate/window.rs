//! A sliding window of 60 seconds, kept in steps of one second: no double burst at a minute's edge. Its time is
//! monotonic.

use std::collections::VecDeque;

const WINDOW_SECONDS: i64 = 60;

/// Amounts by the second they were charged in.
#[derive(Clone, Debug, Default)]
pub(super) struct Window {
    steps: VecDeque<(i64, i64)>,
    total: i64,
}

/// A charge that may still be corrected: the second it was made in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct ChargedAt(i64);

impl Window {
    /// Charges `amount` if `limit` still has room for it.
    ///
    /// # Errors
    /// Milliseconds until there will be room.
    pub(super) fn charge(&mut self, amount: i64, limit: i64, now_ms: i64) -> Result<ChargedAt, i64> {
        self.forget_old(now_ms);
        if self.total.saturating_add(amount) > limit {
            return Err(self.room_in(amount, limit, now_ms));
        }
        let second = now_ms.div_euclid(1000);
        match self.steps.back_mut() {
            Some((step, charged)) if *step >= second => *charged += amount,
            _ => self.steps.push_back((second, amount)),
        }
        self.total += amount;
        Ok(ChargedAt(self.steps.back().map_or(second, |(step, _)| *step)))
    }

    /// Adds `difference` (may be negative) to the second that was charged, if it still counts.
    pub(super) fn correct(&mut self, at: ChargedAt, difference: i64) {
        if let Some((_, charged)) = self.steps.iter_mut().rev().find(|(second, _)| *second == at.0) {
            *charged += difference;
            self.total += difference;
        }
    }

    /// What counts now.
    pub(super) fn total(&mut self, now_ms: i64) -> i64 {
        self.forget_old(now_ms);
        self.total
    }

    fn forget_old(&mut self, now_ms: i64) {
        let oldest = now_ms.div_euclid(1000) - WINDOW_SECONDS + 1;
        while let Some((second, charged)) = self.steps.front().copied() {
            if second >= oldest {
                break;
            }
            self.total -= charged;
            self.steps.pop_front();
        }
    }

    fn room_in(&self, amount: i64, limit: i64, now_ms: i64) -> i64 {
        let mut total = self.total;
        for (second, charged) in &self.steps {
            total -= charged;
            if total.saturating_add(amount) <= limit {
                return ((second + WINDOW_SECONDS) * 1000 - now_ms).max(1);
            }
        }
        WINDOW_SECONDS * 1000
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_60_seconds_hold_more_than_the_limit() {
        let mut window = Window::default();
        assert!((0..10).all(|_| window.charge(1, 10, 59_900).is_ok()));
        assert_eq!(window.charge(1, 10, 60_100), Err(58_900), "the minute's edge gives nothing back");
        assert!(window.charge(1, 10, 119_000).is_ok());
    }

    #[test]
    fn a_charge_is_settled_in_the_second_it_was_made() {
        let mut window = Window::default();
        let Ok(at) = window.charge(100, 100, 5_000) else { panic!("room") };
        window.correct(at, -60);
        assert_eq!(window.total(30_000), 40);
        assert_eq!(window.total(65_000), 0);
        window.correct(at, 1_000);
        assert_eq!(window.total(65_000), 0, "a second that left the window is not charged again");
    }
}
