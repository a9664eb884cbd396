//! The circuit breaker of a provider: it opens on failures of the provider as a whole, never on
//! refusals of single recipients.

use std::time::{Duration, Instant};

use crate::model::outcome::Reason;
use crate::model::verdict::{Refusal, Reply};
use crate::pipeline::retry::RetryPolicy;

/// The breaker opens after this many provider-level failures in a row.
const OPENS_AFTER: u32 = 5;
/// Before a provider's first acceptance, a failure that has lasted this long opens the breaker at
/// once, if another provider can take over.
pub(crate) const ENOUGH_AT_FIRST: Duration = Duration::from_secs(15);
/// How long an open breaker waits before it allows one attempt as a probe.
const PROBE_AFTER: Duration = Duration::from_secs(30);

/// Added to a guessed pause that proved too short, because the provider's rate window also covers
/// the burst before the pause.
const BURST: Duration = Duration::from_secs(2);

/// What the pipeline may send through the provider now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum BreakerState {
    /// Admit chunks.
    Closed,
    /// Admit nothing before this time; then try again. No other provider takes over.
    Waits(Instant),
    /// Open: admit nothing before this time; other providers take over.
    Open(Instant),
    /// Admit one small chunk as a probe.
    HalfOpen,
    /// The provider has failed for longer than the retry period.
    GaveUp(Refusal),
    /// The quota that the provider grants this account is used up.
    Exhausted(Refusal),
    /// The provider refuses until an operator fixes its configuration or account.
    Broken(Refusal),
}

/// The breaker of one provider in one execution.
#[derive(Debug)]
pub(crate) struct Breaker {
    policy: RetryPolicy,
    failures: u32,
    since: Option<Instant>,
    wait_until: Option<Instant>,
    /// When the provider first asked for a pause, if it has accepted nothing since.
    throttled_since: Option<Instant>,
    /// The number of pauses requested since then, and when the latest pause ends.
    dry: u32,
    quiet_until: Option<Instant>,
    is_open: bool,
    last: Option<Refusal>,
    /// The reply that asked for the pause; cleared by the next acceptance.
    asked_for_less: Option<Refusal>,
    gave_up: Option<Refusal>,
    exhausted: Option<Refusal>,
    broken: Option<Refusal>,
}

impl Breaker {
    pub(crate) fn new(policy: RetryPolicy) -> Self {
        Self {
            policy,
            failures: 0,
            since: None,
            wait_until: None,
            throttled_since: None,
            dry: 0,
            quiet_until: None,
            is_open: false,
            last: None,
            asked_for_less: None,
            gave_up: None,
            exhausted: None,
            broken: None,
        }
    }

    /// Records a failed request whose cause is not a single recipient.
    pub(crate) fn failed(&mut self, failure: Failure, now: Instant, draw: f64) {
        let Failure { refusal, took, is_first_chance } = failure;
        self.failures += 1;
        let since = *self.since.get_or_insert(now.checked_sub(took).unwrap_or(now));
        self.is_open |= self.failures >= OPENS_AFTER
            || (is_first_chance && now.saturating_duration_since(since) >= ENOUGH_AT_FIRST);
        let delay = match &refusal {
            // After a temporarily refused login, the pause has no jitter and always grows, because
            // servers lock accounts that log in too often.
            refusal if refusal.reason == Reason::Auth => self.policy.ceiling(self.failures),
            _ if self.is_open => PROBE_AFTER.min(self.policy.max),
            _ => self.policy.ceiling(self.failures).mul_f64(draw),
        };
        if now + delay > since + self.policy.give_up_after {
            self.gave_up = Some(refusal.clone());
        }
        self.wait_until = Some(now + delay);
        self.last = Some(refusal);
    }

    /// Records that the provider answered without a failure.
    pub(crate) fn succeeded(&mut self) {
        self.failures = 0;
        self.since = None;
        self.wait_until = None;
        self.is_open = false;
        self.last = None;
    }

    /// Records that the provider accepted at least one recipient.
    pub(crate) fn took_some(&mut self) {
        self.throttled_since = None;
        self.dry = 0;
        self.quiet_until = None;
        self.asked_for_less = None;
    }

    /// Records that the provider asked for a pause of `wait`, which does not count as a failure. A
    /// wait that the provider named is kept, up to the retry period. A guessed wait doubles from
    /// the third pause on, as long as the provider accepts nothing. Returns how long to pause.
    pub(crate) fn throttled(
        &mut self,
        refusal: Refusal,
        wait: Duration,
        reply: &Reply,
        now: Instant,
    ) -> Duration {
        let is_named = reply.is_wait_named;
        let most = self.policy.give_up_after;
        let since =
            *self.throttled_since.get_or_insert(now.checked_sub(reply.lasted).unwrap_or(now));
        if (now + if is_named { wait } else { Duration::ZERO }).saturating_duration_since(since)
            > most
        {
            self.gave_up = Some(refusal.clone());
        }
        self.asked_for_less = Some(refusal);
        if is_named {
            return wait;
        }
        // Requests to pause count as one if their messages were in flight together.
        let is_new = self.quiet_until.is_none_or(|until| now >= until);
        self.dry += u32::from(is_new);
        let burst = if self.dry > 1 { BURST } else { Duration::ZERO };
        let wait = (wait.saturating_mul(1 << self.dry.saturating_sub(2).min(16)) + burst)
            .min(self.policy.max);
        if is_new {
            self.quiet_until = now.checked_add(wait);
        }
        wait
    }

    /// Records that the provider accepts nothing until an operator fixes the configuration or the
    /// account.
    pub(crate) fn stop(&mut self, refusal: Refusal) {
        self.broken = Some(refusal);
    }

    /// Records that the quota is used up: the provider accepts nothing more in this execution.
    pub(crate) fn exhausted(&mut self, refusal: Refusal) {
        self.exhausted = Some(refusal);
    }

    pub(crate) fn state(&self, now: Instant) -> BreakerState {
        if let Some(refusal) = &self.broken {
            return BreakerState::Broken(refusal.clone());
        }
        if let Some(refusal) = &self.exhausted {
            return BreakerState::Exhausted(refusal.clone());
        }
        if let Some(refusal) = &self.gave_up {
            return BreakerState::GaveUp(refusal.clone());
        }
        match self.wait_until {
            Some(until) if now < until && self.is_open() => BreakerState::Open(until),
            Some(until) if now < until => BreakerState::Waits(until),
            Some(_) => BreakerState::HalfOpen,
            None => BreakerState::Closed,
        }
    }

    /// Whether the breaker is open, so that other providers take over.
    pub(crate) fn is_open(&self) -> bool {
        self.is_open
    }

    /// The latest reply of a failing provider.
    pub(crate) fn last(&self) -> Option<&Refusal> {
        self.last.as_ref()
    }

    /// The latest reply that explains why the provider accepts nothing: a failure, or a request to
    /// pause.
    pub(crate) fn said_last(&self) -> Option<&Refusal> {
        let for_good = self.broken.as_ref().or(self.exhausted.as_ref());
        for_good.or(self.last.as_ref()).or(self.asked_for_less.as_ref())
    }

    /// Returns a line for the operator while the provider fails.
    pub(crate) fn note(&self) -> Option<String> {
        let last = self.last.as_ref()?;
        Some(format!("the provider fails ({}), {} times in a row", last.detail, self.failures))
    }
}

/// A request to a provider that failed.
#[derive(Debug)]
pub(crate) struct Failure {
    pub(crate) refusal: Refusal,
    /// How long the request took.
    pub(crate) took: Duration,
    /// Whether the provider has accepted nothing yet and another provider can take over.
    pub(crate) is_first_chance: bool,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refusal(reason: Reason, code: &str) -> Refusal {
        Refusal::new(reason, code, "text")
    }

    fn breaker() -> Breaker {
        Breaker::new(RetryPolicy::default())
    }

    fn failure() -> Failure {
        Failure {
            refusal: refusal(Reason::Session, "421"),
            took: Duration::ZERO,
            is_first_chance: false,
        }
    }

    #[test]
    fn one_failure_of_fifteen_seconds_is_enough_where_another_stands_in_and_nothing_was_taken_yet()
    {
        let start = Instant::now();
        let failed = |took: u64, is_first_chance: bool| {
            let mut breaker = breaker();
            breaker.failed(
                Failure { took: Duration::from_secs(took), is_first_chance, ..failure() },
                start,
                1.0,
            );
            breaker.is_open()
        };
        assert_eq!([failed(15, true), failed(14, true), failed(60, false)], [true, false, false]);
        let mut breaker = breaker();
        breaker.failed(Failure { is_first_chance: true, ..failure() }, start, 1.0);
        breaker.failed(
            Failure { is_first_chance: true, ..failure() },
            start + ENOUGH_AT_FIRST,
            1.0,
        );
        assert!(breaker.is_open(), "failures that go on for as long are one");
        breaker.succeeded();
        assert!(!breaker.is_open());
    }

    fn named() -> Reply {
        Reply { is_wait_named: true, ..Reply::default() }
    }

    #[test]
    fn a_named_wait_is_waited_for_as_long_as_retries_last() {
        let (minute, start) = (Duration::from_secs(60), Instant::now());
        let limited = || refusal(Reason::Rate, "429");
        let mut breaker = breaker();
        for n in 0..7 {
            assert_eq!(
                breaker.throttled(limited(), 2 * minute, &named(), start + 2 * n * minute),
                2 * minute
            );
            assert_eq!(breaker.state(start), BreakerState::Closed, "{n}");
        }
        let mut other = Breaker::new(RetryPolicy::default());
        other.throttled(limited(), minute, &named(), start);
        other.took_some();
        other.throttled(limited(), minute, &named(), start + 15 * minute);
        assert_eq!(other.state(start), BreakerState::Closed, "it took some meanwhile");
        breaker.throttled(limited(), 2 * minute, &named(), start + 14 * minute);
        assert!(matches!(breaker.state(start), BreakerState::GaveUp(_)));
    }

    #[test]
    fn a_wait_that_is_our_guess_is_no_longer_than_a_retry_and_ends_when_retries_do() {
        let policy = RetryPolicy {
            give_up_after: Duration::from_secs(2),
            base: Duration::ZERO,
            max: Duration::from_millis(100),
        };
        let (mut breaker, start) = (Breaker::new(policy), Instant::now());
        let wait = Duration::from_secs(30);
        assert_eq!(
            breaker.throttled(refusal(Reason::Rate, "450"), wait, &Reply::default(), start),
            policy.max
        );
        assert_eq!(breaker.state(start), BreakerState::Closed);
        breaker.throttled(
            refusal(Reason::Rate, "450"),
            wait,
            &Reply::default(),
            start + Duration::from_secs(3),
        );
        assert!(matches!(breaker.state(start), BreakerState::GaveUp(_)));
    }

    #[test]
    fn a_guess_doubles_where_nothing_was_taken_after_two() {
        let (mut breaker, start) = (breaker(), Instant::now());
        let mut now = start;
        let mut waits = Vec::new();
        for _ in 0..4 {
            for _ in 0..3 {
                breaker.throttled(
                    refusal(Reason::Rate, "451"),
                    Duration::from_secs(30),
                    &Reply::default(),
                    now,
                );
            }
            let wait = breaker.throttled(
                refusal(Reason::Rate, "451"),
                Duration::from_secs(30),
                &Reply::default(),
                now,
            );
            waits.push(wait.as_secs());
            now += wait;
        }
        assert_eq!(waits, [30, 32, 62, 122]);
        breaker.took_some();
        assert_eq!(
            breaker
                .throttled(
                    refusal(Reason::Rate, "451"),
                    Duration::from_secs(30),
                    &Reply::default(),
                    now
                )
                .as_secs(),
            30
        );
    }

    #[test]
    fn it_waits_longer_with_each_failure_and_probes_after_five() {
        let (mut breaker, start) = (breaker(), Instant::now());
        for n in 1..=4 {
            breaker.failed(failure(), start, 1.0);
            assert_eq!(
                breaker.state(start),
                BreakerState::Waits(start + Duration::from_secs(1 << n))
            );
        }
        breaker.failed(failure(), start, 1.0);
        assert_eq!(breaker.state(start), BreakerState::Open(start + PROBE_AFTER));
        assert_eq!(
            (breaker.state(start + PROBE_AFTER), breaker.is_open()),
            (BreakerState::HalfOpen, true)
        );
        breaker.succeeded();
        assert_eq!(breaker.state(start), BreakerState::Closed);
    }

    #[test]
    fn the_pauses_between_logins_grow_for_certain() {
        let (mut breaker, start) = (breaker(), Instant::now());
        for n in 1..=7 {
            breaker.failed(
                Failure { refusal: refusal(Reason::Auth, "454"), ..failure() },
                start,
                0.0,
            );
            assert_eq!(breaker.state(start + Duration::from_secs(1 << n)), BreakerState::HalfOpen);
            assert_ne!(
                breaker.state(start + Duration::from_secs((1 << n) - 1)),
                BreakerState::HalfOpen
            );
        }
    }

    #[test]
    fn it_gives_up_when_the_failures_last_too_long() {
        let (mut breaker, start) = (breaker(), Instant::now());
        breaker.failed(failure(), start, 1.0);
        breaker.failed(failure(), start + Duration::from_secs(15 * 60), 1.0);
        assert!(matches!(breaker.state(start), BreakerState::GaveUp(_)));
    }
}
