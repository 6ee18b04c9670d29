//! One channel's circuit: closed → open → half-open by itself, over a window of 60 seconds. Its time is monotonic.

use std::collections::VecDeque;
use std::time::Duration;

use crate::vocabulary::Settings;

const WINDOW_SECONDS: i64 = 60;

/// The settings a breaker goes by.
#[derive(Clone, Copy, Debug)]
pub struct Rules {
    /// Whether circuits and rests exist at all.
    pub enabled: bool,
    /// Share of failures that opens a circuit.
    pub error_percent: i64,
    /// Requests in the window before the share counts.
    pub min_requests: i64,
    /// First rest.
    pub cooldown: Duration,
    /// Longest rest.
    pub cooldown_max: Duration,
}

impl From<&Settings> for Rules {
    fn from(settings: &Settings) -> Self {
        Self {
            enabled: settings.circuit_enabled,
            error_percent: settings.circuit_error_rate_percent,
            min_requests: settings.circuit_min_requests,
            cooldown: settings.circuit_cooldown_sec,
            cooldown_max: settings.circuit_cooldown_max_sec,
        }
    }
}

/// Whether requests may pass.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Circuit {
    /// They may.
    Closed,
    /// They may not, until the time given (monotonic inside, epoch milliseconds where a channel's state is shown).
    Open {
        /// End of the rest.
        until_ms: i64,
    },
    /// One may, to decide.
    HalfOpen,
}

#[derive(Clone, Copy, Debug, Default)]
struct Step {
    second: i64,
    total: i64,
    failed: i64,
}

/// A breaker's memory.
#[derive(Clone, Debug, Default)]
pub(super) struct Breaker {
    steps: VecDeque<Step>,
    open_until: Option<i64>,
    cooldown_ms: i64,
    trying: bool,
}

impl Breaker {
    pub(super) fn circuit(&self, rules: &Rules, now_ms: i64) -> Circuit {
        match self.open_until.filter(|_| rules.enabled) {
            None => Circuit::Closed,
            Some(until_ms) if now_ms < until_ms => Circuit::Open { until_ms },
            Some(_) => Circuit::HalfOpen,
        }
    }

    /// When the rest under way, or the last one of a half-open circuit, began.
    pub(super) fn opened_ms(&self, rules: &Rules) -> Option<i64> {
        self.open_until.filter(|_| rules.enabled).map(|until_ms| until_ms.saturating_sub(self.cooldown_ms))
    }

    /// Whether a request may pass now: always when closed, one at a time when half-open.
    pub(super) fn admits(&self, rules: &Rules, now_ms: i64) -> bool {
        match self.circuit(rules, now_ms) {
            Circuit::Closed => true,
            Circuit::Open { .. } => false,
            Circuit::HalfOpen => !self.trying,
        }
    }

    /// A request passes. Answers whether it is the one that decides a half-open circuit.
    pub(super) fn begin(&mut self, rules: &Rules, now_ms: i64) -> bool {
        let decides = self.circuit(rules, now_ms) == Circuit::HalfOpen && !self.trying;
        self.trying |= decides;
        decides
    }

    /// A request ended without a verdict; if it was the deciding one, the next one decides.
    pub(super) fn undecided(&mut self, decides: bool) {
        self.trying &= !decides;
    }

    pub(super) fn succeeded(&mut self, now_ms: i64, decides: bool) {
        if decides {
            self.close();
        }
        self.count(now_ms, false);
    }

    pub(super) fn failed(&mut self, rules: &Rules, now_ms: i64, decides: bool) {
        if decides {
            self.trying = false;
            return self.open(rules, now_ms);
        }
        self.count(now_ms, true);
        let (total, failed) = self.sums(now_ms);
        let bad = total >= rules.min_requests.max(1) && failed * 100 >= rules.error_percent.max(1) * total;
        if bad && self.open_until.is_none() && rules.enabled {
            self.open(rules, now_ms);
        }
    }

    /// Until when the circuit is open, or when its rest ended, if it has not healed since. Monotonic.
    pub(super) fn opened_until(&self) -> Option<i64> {
        self.open_until
    }

    /// How long the last rest was.
    pub(super) fn cooldown_ms(&self) -> i64 {
        self.cooldown_ms
    }

    /// Takes over what another instance decided: open until then, or closed.
    pub(super) fn set(&mut self, open_until: Option<i64>, cooldown_ms: i64) {
        if self.open_until.is_some() != open_until.is_some() {
            self.steps.clear();
            self.trying = false;
        }
        (self.open_until, self.cooldown_ms) = (open_until, cooldown_ms);
    }

    /// Closes the circuit at once.
    pub(super) fn close(&mut self) {
        *self = Self::default();
    }

    /// Requests and failures in the window.
    pub(super) fn sums(&mut self, now_ms: i64) -> (i64, i64) {
        let oldest = now_ms.div_euclid(1000) - WINDOW_SECONDS + 1;
        while self.steps.front().is_some_and(|step| step.second < oldest) {
            self.steps.pop_front();
        }
        self.steps.iter().fold((0, 0), |(total, failed), step| (total + step.total, failed + step.failed))
    }

    fn open(&mut self, rules: &Rules, now_ms: i64) {
        let ms = |duration: Duration| i64::try_from(duration.as_millis()).unwrap_or(i64::MAX);
        let doubled = self.cooldown_ms.saturating_mul(2).max(ms(rules.cooldown));
        self.cooldown_ms = doubled.min(ms(rules.cooldown_max));
        self.open_until = Some(now_ms.saturating_add(self.cooldown_ms));
        self.steps.clear();
    }

    fn count(&mut self, now_ms: i64, failed: bool) {
        let second = now_ms.div_euclid(1000);
        if self.steps.back().is_none_or(|step| step.second < second) {
            self.steps.push_back(Step { second, ..Step::default() });
        }
        if let Some(step) = self.steps.back_mut() {
            step.total += 1;
            step.failed += i64::from(failed);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const RULES: Rules = Rules {
        enabled: true,
        error_percent: 50,
        min_requests: 4,
        cooldown: Duration::from_secs(10),
        cooldown_max: Duration::from_secs(30),
    };

    #[test]
    fn a_circuit_opens_on_the_share_of_failures_and_heals_by_one_request() {
        let mut breaker = Breaker::default();
        breaker.succeeded(0, false);
        breaker.succeeded(0, false);
        breaker.failed(&RULES, 0, false);
        assert_eq!(breaker.circuit(&RULES, 0), Circuit::Closed);
        breaker.failed(&RULES, 0, false);
        assert_eq!(breaker.circuit(&RULES, 0), Circuit::Open { until_ms: 10_000 });
        assert_eq!(breaker.opened_ms(&RULES), Some(0));
        assert!(breaker.begin(&RULES, 10_000), "the first request after the rest decides");
        assert!(!breaker.admits(&RULES, 10_000), "and no other passes meanwhile");
        breaker.succeeded(10_100, true);
        assert_eq!(breaker.circuit(&RULES, 10_100), Circuit::Closed);
        assert_eq!(breaker.opened_ms(&RULES), None);
    }

    #[test]
    fn rests_double_up_to_the_cap_and_start_over_after_healing() {
        let mut breaker = Breaker::default();
        for _ in 0..4 {
            breaker.failed(&RULES, 0, false);
        }
        let mut now = 0;
        let mut rests = Vec::new();
        for _ in 0..4 {
            let Circuit::Open { until_ms } = breaker.circuit(&RULES, now) else { panic!("open") };
            rests.push(until_ms - now);
            now = until_ms;
            let decides = breaker.begin(&RULES, now);
            breaker.failed(&RULES, now, decides);
        }
        assert_eq!(rests, [10_000, 20_000, 30_000, 30_000]);
    }
}
