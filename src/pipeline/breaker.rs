//! Stops on systemic failure of a provider, never on bad recipients.

use std::time::{Duration, Instant};

use crate::pipeline::retry::RetryPolicy;
use crate::provider::Refusal;

/// Provider-level failures in a row that open the breaker.
const OPENS_AFTER: u32 = 5;
/// How long an open breaker waits before it lets one probe through.
const PROBE_AFTER: Duration = Duration::from_secs(30);

/// What the pipeline may do now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum State {
    /// Admit chunks.
    Closed,
    /// Admit nothing before then; it is tried again soon.
    Waits(Instant),
    /// Open: admit nothing before then, and others take over.
    Open(Instant),
    /// Admit one small chunk to see.
    HalfOpen,
    /// It has failed for longer than retries last.
    GaveUp(Refusal),
    /// The provider's own quota is used up.
    Exhausted(Refusal),
    /// Nobody but a person can mend it.
    Broken(Refusal),
}

/// The breaker of one provider in one execution.
#[derive(Debug)]
pub(crate) struct Breaker {
    policy: RetryPolicy,
    failures: u32,
    since: Option<Instant>,
    wait_until: Option<Instant>,
    last: Option<Refusal>,
    gave_up: Option<Refusal>,
    exhausted: Option<Refusal>,
    broken: Option<Refusal>,
}

impl Breaker {
    pub(crate) fn new(policy: RetryPolicy) -> Self {
        Self { policy, failures: 0, since: None, wait_until: None, last: None, gave_up: None, exhausted: None, broken: None }
    }

    /// A whole exchange went wrong for a reason that is not a recipient's.
    pub(crate) fn failed(&mut self, refusal: Refusal, now: Instant, draw: f64) {
        self.failures += 1;
        let since = *self.since.get_or_insert(now);
        let delay = if self.failures >= OPENS_AFTER { PROBE_AFTER.min(self.policy.max) } else { self.policy.ceiling(self.failures).mul_f64(draw) };
        if now + delay > since + self.policy.give_up_after {
            self.gave_up = Some(refusal.clone());
        }
        self.wait_until = Some(now + delay);
        self.last = Some(refusal);
    }

    /// The provider answered as it should.
    pub(crate) fn succeeded(&mut self) {
        self.failures = 0;
        self.since = None;
        self.wait_until = None;
        self.last = None;
    }

    /// The provider will take nothing until somebody mends it.
    pub(crate) fn stop(&mut self, refusal: Refusal) {
        self.broken = Some(refusal);
    }

    /// It has failed, or asked for less, for longer than retries last.
    pub(crate) fn give_up(&mut self, refusal: Refusal) {
        self.gave_up.get_or_insert(refusal);
    }

    /// The provider takes nothing more in this execution, because its quota is used up.
    pub(crate) fn exhausted(&mut self, refusal: Refusal) {
        self.exhausted = Some(refusal);
    }

    pub(crate) fn state(&self, now: Instant) -> State {
        if let Some(refusal) = &self.broken {
            return State::Broken(refusal.clone());
        }
        if let Some(refusal) = &self.exhausted {
            return State::Exhausted(refusal.clone());
        }
        if let Some(refusal) = &self.gave_up {
            return State::GaveUp(refusal.clone());
        }
        match self.wait_until {
            Some(until) if now < until && self.is_open() => State::Open(until),
            Some(until) if now < until => State::Waits(until),
            Some(_) => State::HalfOpen,
            None => State::Closed,
        }
    }

    /// Whether it has failed so often in a row that others take over until it is heard to take mail again.
    pub(crate) fn is_open(&self) -> bool {
        self.failures >= OPENS_AFTER
    }

    /// What the provider said last, while it fails.
    pub(crate) fn last(&self) -> Option<&Refusal> {
        self.last.as_ref()
    }

    /// One line for people while it waits.
    pub(crate) fn note(&self) -> Option<String> {
        let last = self.last.as_ref()?;
        Some(format!("the provider fails ({}), {} in a row", last.detail, self.failures))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::outcome::Reason;

    fn refusal(reason: Reason, code: &str) -> Refusal {
        Refusal::new(reason, code, "text")
    }

    fn breaker() -> Breaker {
        Breaker::new(RetryPolicy::default())
    }

    #[test]
    fn it_waits_longer_with_each_failure_and_probes_after_five() {
        let (mut breaker, start) = (breaker(), Instant::now());
        for n in 1..=4 {
            breaker.failed(refusal(Reason::Session, "421"), start, 1.0);
            assert_eq!(breaker.state(start), State::Waits(start + Duration::from_secs(1 << n)));
        }
        breaker.failed(refusal(Reason::Session, "421"), start, 1.0);
        assert_eq!(breaker.state(start), State::Open(start + PROBE_AFTER));
        assert_eq!((breaker.state(start + PROBE_AFTER), breaker.is_open()), (State::HalfOpen, true));
        breaker.succeeded();
        assert_eq!(breaker.state(start), State::Closed);
    }

    #[test]
    fn it_gives_up_when_the_failures_last_too_long() {
        let (mut breaker, start) = (breaker(), Instant::now());
        breaker.failed(refusal(Reason::Session, "421"), start, 1.0);
        breaker.failed(refusal(Reason::Session, "421"), start + Duration::from_secs(15 * 60), 1.0);
        assert!(matches!(breaker.state(start), State::GaveUp(_)));
    }
}
