//! Every channel's health in memory: the actor's heart.

use std::borrow::Cow;
use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use quick_cache::unsync::Cache;

use super::breaker::{Breaker, Circuit, Rules};
use super::choice::{Standing, order};
use crate::ports::{ChannelNews, Clock};
use crate::vocabulary::ChannelId;

/// Conversations whose channel is remembered.
const CONVERSATIONS: usize = 50_000;
/// Models per channel that may rest at the same time.
const RESTING_MODELS: usize = 1_000;
/// Longest rest a channel can ask for.
const LONGEST_REST_MS: i64 = 3_600_000;
/// How long a channel rests whose account cannot be used. Then it is asked again: somebody may have paid.
const ACCOUNT_REST: Duration = Duration::from_secs(300);
/// How long a model rests on a channel that said it has no such model.
const MODEL_REST_MS: i64 = 60_000;

/// A channel that could serve a request.
#[derive(Clone, Debug)]
pub struct Candidate {
    /// The channel.
    pub channel: ChannelId,
    /// The model it would be asked for.
    pub model: Arc<str>,
    /// Higher goes first.
    pub priority: i32,
    /// Share inside one priority.
    pub weight: u32,
    /// The client's protocol passes unchanged.
    pub native: bool,
    /// Its slots; `None` = unlimited.
    pub max_concurrency: Option<u32>,
}

/// What an attempt showed of its channel.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// It answered; milliseconds to the head.
    Answered {
        /// Milliseconds to the head.
        head_ms: i64,
    },
    /// Its own fault. With `Retry-After`, it rests that long.
    Failed {
        /// What the channel asked for.
        retry_after: Option<Duration>,
    },
    /// It is healthy, but wants a pause.
    Throttled {
        /// What the channel asked for.
        retry_after: Option<Duration>,
    },
    /// The operator's account there cannot be used until somebody sees to it.
    Unusable {
        /// What is wrong with it, in one word.
        why: &'static str,
    },
    /// It does not have that model.
    NoSuchModel,
    /// Nothing can be said: the caller's fault, or the client left.
    Nothing,
}

/// A channel's health at one moment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ChannelState {
    /// The channel.
    pub channel: ChannelId,
    /// Its circuit.
    pub circuit: Circuit,
    /// When its circuit opened last, epoch milliseconds; `None` when it is closed.
    pub opened_ms: Option<i64>,
    /// End of the rest it asked for itself (`Retry-After`), epoch milliseconds.
    pub resting_until_ms: Option<i64>,
    /// Why it rests, where its account is the cause.
    pub resting_why: Option<Cow<'static, str>>,
    /// Attempts under way.
    pub in_flight: u32,
    /// Attempts in the last 60 seconds.
    pub requests: i64,
    /// Those that failed by the channel's fault.
    pub failures: i64,
    /// Smoothed milliseconds to the head.
    pub head_ms: Option<i64>,
    /// Last success, epoch milliseconds.
    pub last_success_ms: Option<i64>,
    /// Last failure, epoch milliseconds.
    pub last_failure_ms: Option<i64>,
    /// Models it said it does not have.
    pub resting_models: Vec<String>,
}

#[derive(Debug, Default)]
struct Patient {
    breaker: Breaker,
    resting_until: i64,
    /// What is wrong with its account.
    why: Option<Cow<'static, str>>,
    models: HashMap<Arc<str>, i64>,
    in_flight: Arc<AtomicU32>,
    head_ms: Option<i64>,
    last_success: Option<i64>,
    last_failure: Option<i64>,
}

/// Why nobody can be tried now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NoneLive {
    /// Milliseconds until the first candidate may be tried again.
    pub retry_ms: i64,
}

/// Everything the actor knows. A restart forgets it, but for the slots.
pub(super) struct Health {
    patients: HashMap<ChannelId, Patient>,
    served_last: Cache<u64, ChannelId>,
}

impl Default for Health {
    fn default() -> Self {
        Self { patients: HashMap::new(), served_last: Cache::new(CONVERSATIONS) }
    }
}

impl Health {
    /// Forgets health, keeps the slot counters that guards under way share.
    pub(super) fn forget(&mut self) {
        self.served_last = Cache::new(CONVERSATIONS);
        for patient in self.patients.values_mut() {
            *patient = Patient { in_flight: Arc::clone(&patient.in_flight), ..Patient::default() };
        }
    }

    /// The channel that served a conversation last.
    pub(super) fn served_last(&mut self, conversation: u64) -> Option<ChannelId> {
        self.served_last.get(&conversation).copied()
    }

    /// Indexes of the live candidates in the order to try; `last` served the conversation last.
    pub(super) fn choose(
        &mut self,
        candidates: &[Candidate],
        last: Option<ChannelId>,
        random: u64,
        rules: &Rules,
        now_ms: i64,
    ) -> Result<Vec<usize>, NoneLive> {
        let mut live = Vec::with_capacity(candidates.len());
        let mut standings = Vec::with_capacity(candidates.len());
        let mut soonest = i64::MAX;
        for (index, candidate) in candidates.iter().enumerate() {
            let patient = self.patients.entry(candidate.channel).or_default();
            match patient.back_in(&candidate.model, rules, now_ms) {
                Some(wait) => soonest = soonest.min(wait),
                None => {
                    live.push(index);
                    standings.push(Standing {
                        saturated: patient.is_saturated(candidate.max_concurrency),
                        priority: candidate.priority,
                        native: candidate.native,
                        served_last: last == Some(candidate.channel),
                        weight: candidate.weight,
                    });
                }
            }
        }
        if live.is_empty() {
            return Err(NoneLive { retry_ms: if soonest == i64::MAX { 1_000 } else { soonest } });
        }
        Ok(order(&standings, random).into_iter().map(|place| live[place]).collect())
    }

    /// Takes a slot of the first candidate that is live and has one free. Answers its index, the counter to
    /// give back, and whether the attempt decides a half-open circuit; `Err(true)` when one is only saturated.
    pub(super) fn begin(
        &mut self,
        candidates: &[Candidate],
        rules: &Rules,
        now_ms: i64,
    ) -> Result<(usize, Arc<AtomicU32>, bool), bool> {
        let mut some_saturated = false;
        for (index, candidate) in candidates.iter().enumerate() {
            let patient = self.patients.entry(candidate.channel).or_default();
            if patient.back_in(&candidate.model, rules, now_ms).is_some() {
                continue;
            }
            if patient.is_saturated(candidate.max_concurrency) {
                some_saturated = true;
                continue;
            }
            patient.in_flight.fetch_add(1, Ordering::AcqRel);
            let decides = patient.breaker.begin(rules, now_ms);
            return Ok((index, Arc::clone(&patient.in_flight), decides));
        }
        Err(some_saturated)
    }

    /// Takes in what an attempt showed.
    pub(super) fn report(
        &mut self,
        channel: ChannelId,
        model: &Arc<str>,
        verdict: Verdict,
        decides: bool,
        rules: &Rules,
        now_ms: i64,
    ) {
        let patient = self.patients.entry(channel).or_default();
        match verdict {
            Verdict::Answered { head_ms } => {
                patient.breaker.succeeded(now_ms, decides);
                patient.why = None;
                patient.models.remove(model);
                patient.last_success = Some(now_ms);
                patient.head_ms = Some(patient.head_ms.map_or(head_ms, |before| (before * 7 + head_ms) / 8));
            }
            Verdict::Failed { retry_after } => {
                patient.breaker.failed(rules, now_ms, decides);
                patient.last_failure = Some(now_ms);
                patient.rest(retry_after, now_ms);
            }
            Verdict::Throttled { retry_after } => {
                patient.breaker.undecided(decides);
                patient.rest(retry_after, now_ms);
            }
            Verdict::Unusable { why } => {
                patient.breaker.failed(rules, now_ms, decides);
                patient.last_failure = Some(now_ms);
                patient.why = Some(Cow::Borrowed(why));
                patient.rest(Some(ACCOUNT_REST), now_ms);
            }
            Verdict::NoSuchModel => {
                patient.breaker.undecided(decides);
                patient.models.retain(|_, until| *until > now_ms);
                if patient.models.len() < RESTING_MODELS {
                    patient.models.insert(Arc::clone(model), now_ms + MODEL_REST_MS);
                }
            }
            Verdict::Nothing => patient.breaker.undecided(decides),
        }
    }

    /// What the other instances should know of a channel; the same again when nothing has changed.
    pub(super) fn news(&self, channel: ChannelId, model: &Arc<str>, now_ms: i64) -> ChannelNews {
        let none = Patient::default();
        let patient = self.patients.get(&channel).unwrap_or(&none);
        let left = |until: i64| Some(until - now_ms).filter(|left| *left > 0);
        ChannelNews {
            channel,
            open_ms: patient.breaker.opened_until().map(|until| (until - now_ms).max(0)),
            cooldown_ms: patient.breaker.cooldown_ms(),
            rest_ms: left(patient.resting_until).unwrap_or(0),
            why: patient.why.clone(),
            model: patient.models.get(model).and_then(|until| left(*until)).map(|left| (Arc::clone(model), left)),
        }
    }

    /// Takes in what another instance learned of a channel. Its rests count here, too; what it says of a circuit replaces what
    /// was known, since whoever said it last has tried last.
    pub(super) fn apply_news(&mut self, news: ChannelNews, now_ms: i64) {
        let patient = self.patients.entry(news.channel).or_default();
        patient.breaker.set(news.open_ms.map(|left| now_ms.saturating_add(left)), news.cooldown_ms);
        patient.resting_until = if news.rest_ms > 0 { now_ms.saturating_add(news.rest_ms.min(LONGEST_REST_MS)) } else { 0 };
        patient.why = news.why;
        if let Some((model, left)) = news.model.filter(|_| patient.models.len() < RESTING_MODELS) {
            patient.models.insert(model, now_ms.saturating_add(left.min(MODEL_REST_MS)));
        }
    }

    /// Remembers which channel served a conversation.
    pub(super) fn remember(&mut self, conversation: u64, channel: ChannelId) {
        self.served_last.insert(conversation, channel);
    }

    /// Ends every rest of a channel.
    pub(super) fn close(&mut self, channel: ChannelId) {
        if let Some(patient) = self.patients.get_mut(&channel) {
            patient.breaker.close();
            patient.resting_until = 0;
            patient.why = None;
            patient.models.clear();
        }
    }

    /// Every channel seen so far.
    pub(super) fn observe(&mut self, rules: &Rules, clock: &dyn Clock) -> Vec<ChannelState> {
        let now_ms = clock.monotonic_ms();
        let wall_ms = clock.now_ms();
        // What is remembered is monotonic; what is shown is the wall clock's, as it stands now.
        let shown = |at_ms: i64| wall_ms.saturating_add(at_ms.saturating_sub(now_ms));
        let states = self.patients.iter_mut().map(|(channel, patient)| {
            let (requests, failures) = patient.breaker.sums(now_ms);
            ChannelState {
                channel: *channel,
                circuit: match patient.breaker.circuit(rules, now_ms) {
                    Circuit::Open { until_ms } => Circuit::Open { until_ms: shown(until_ms) },
                    other => other,
                },
                opened_ms: patient.breaker.opened_ms(rules).map(shown),
                resting_until_ms: Some(patient.resting_until).filter(|until| *until > now_ms && rules.enabled).map(shown),
                resting_why: patient.why.clone(),
                in_flight: patient.in_flight.load(Ordering::Acquire),
                requests,
                failures,
                head_ms: patient.head_ms,
                last_success_ms: patient.last_success.map(shown),
                last_failure_ms: patient.last_failure.map(shown),
                resting_models: patient
                    .models
                    .iter()
                    .filter(|(_, until)| **until > now_ms)
                    .map(|(model, _)| model.to_string())
                    .collect(),
            }
        });
        states.collect()
    }
}

impl Patient {
    /// `None` when it may be tried now, else milliseconds until it may.
    fn back_in(&self, model: &Arc<str>, rules: &Rules, now_ms: i64) -> Option<i64> {
        if !rules.enabled {
            return None;
        }
        let model_rests = self.models.get(model).copied().unwrap_or(0);
        let rest = (self.resting_until.max(model_rests) - now_ms).max(0);
        let open = match self.breaker.circuit(rules, now_ms) {
            Circuit::Open { until_ms } => until_ms - now_ms,
            Circuit::HalfOpen if !self.breaker.admits(rules, now_ms) => 1_000,
            Circuit::HalfOpen | Circuit::Closed => 0,
        };
        Some(rest.max(open)).filter(|wait| *wait > 0)
    }

    fn rest(&mut self, pause: Option<Duration>, now_ms: i64) {
        let pause = pause.map_or(0, |pause| i64::try_from(pause.as_millis()).unwrap_or(0)).min(LONGEST_REST_MS);
        self.resting_until = self.resting_until.max(now_ms.saturating_add(pause));
    }

    fn is_saturated(&self, max_concurrency: Option<u32>) -> bool {
        max_concurrency.is_some_and(|limit| self.in_flight.load(Ordering::Acquire) >= limit)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const RULES: Rules = Rules {
        enabled: true,
        error_percent: 50,
        min_requests: 1,
        cooldown: Duration::from_secs(10),
        cooldown_max: Duration::from_secs(30),
    };

    /// What has passed, and what the wall shows.
    struct Shown(i64, i64);

    impl Clock for Shown {
        fn now_ms(&self) -> i64 {
            self.1
        }
        fn monotonic_ms(&self) -> i64 {
            self.0
        }
    }

    fn candidate() -> Candidate {
        let (channel, model) = (ChannelId(1), "m".into());
        Candidate { channel, model, priority: 0, weight: 1, native: true, max_concurrency: None }
    }

    #[test]
    fn rests_last_as_long_as_they_last_whatever_the_wall_clock_shows() {
        let mut health = Health::default();
        let (asked, pause) = ([candidate()], Some(Duration::from_secs(20)));
        health.report(ChannelId(1), &asked[0].model, Verdict::Failed { retry_after: pause }, false, &RULES, 1_000);
        for wall in [0, 7_200_000, -7_200_000] {
            let state = health.observe(&RULES, &Shown(2_000, wall)).remove(0);
            assert_eq!(state.resting_until_ms, Some(wall + 19_000));
            assert_eq!(state.circuit, Circuit::Open { until_ms: wall + 9_000 });
            assert_eq!((state.opened_ms, state.last_failure_ms), (Some(wall - 1_000), Some(wall - 1_000)));
        }
        assert_eq!(health.choose(&asked, None, 0, &RULES, 20_999).unwrap_err().retry_ms, 1);
        assert!(health.choose(&asked, None, 0, &RULES, 21_000).is_ok());
    }

    #[test]
    fn a_success_of_the_model_ends_its_rest() {
        let mut health = Health::default();
        let asked = [candidate()];
        health.report(ChannelId(1), &asked[0].model, Verdict::NoSuchModel, false, &RULES, 0);
        assert!(health.choose(&asked, None, 0, &RULES, 1).is_err());
        health.report(ChannelId(1), &asked[0].model, Verdict::Answered { head_ms: 1 }, false, &RULES, 2);
        assert!(health.choose(&asked, None, 0, &RULES, 3).is_ok());
    }
}
