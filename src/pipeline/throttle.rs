//! Adaptive rate. When a provider asks to slow down, the speed is halved. It then grows a little
//! each second until it is back at the maximum.
//!
//! A provider of single messages may accept fewer than one per second between two slowdowns. Its
//! speed is then set to the rate at which it accepted messages in that time. For example, a relay
//! that accepts five per minute accepts them in one burst. Halving the burst's speed again and
//! again would cause many more refusals. Afterwards the speed grows with each acceptance, and
//! slowly near the speed that was refused. If the answers show how many messages are accepted in
//! which window ([`allowance`](crate::pipeline::allowance)), the provider gets exactly that rate
//! for several windows.
//!
//! The throttle only slows down; the limiter enforces the configured rate. The state is behind a
//! plain mutex, because it is not stored beyond the process.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use crate::pipeline::allowance::Log;
use crate::progress::RateMeter;

/// The factor for the speed when a provider asks to slow down.
const DECREASE: f64 = 0.5;
/// The share of the earlier speed that is regained each second.
const INCREASE: f64 = 0.05;
/// Requests to slow down within this time count as one: their messages were in flight together.
const TOGETHER: Duration = Duration::from_secs(1);
/// The lowest speed for single messages, in recipients per second. Batch providers get at least one
/// batch per minute. A service that allows less asks for a pause.
const SLOWEST: f64 = 1.0 / 120.0;
/// A new speed that is measured from acceptances is limited to this range, as shares of the speed
/// before.
const STEEPEST: f64 = 0.05;
const GENTLEST: f64 = 0.95;
/// Growth by acceptances slows down from this share of the refused speed on. `NEAR` is the factor
/// for the slower growth.
const KNEE: f64 = 0.7;
const NEAR: f64 = 0.1;
/// The share of a known allowance that is used, because the provider's clock may differ. `WINDOWS`
/// is how many windows of the allowance pass before the speed may grow again.
const SAFE: f64 = 0.98;
const WINDOWS: u64 = 10;
/// A provider may always be slowed to this share of its configured rate.
const LEAST_SHARE: f64 = 0.1;

/// The speed of one provider in this execution.
#[derive(Debug)]
pub(crate) struct Throttle {
    /// The configured rate in recipients per second.
    ceiling: Option<f64>,
    /// The number of recipients in a full request.
    batch: f64,
    is_active: AtomicBool,
    state: Mutex<ThrottleState>,
}

#[derive(Debug)]
struct ThrottleState {
    meter: RateMeter,
    slowed: Option<Slowed>,
    /// When the next recipient may be sent.
    next: Instant,
    news: Option<Change>,
    /// Acceptances since the last slowdown.
    accepted: u64,
    /// The last request to slow down, and the first acceptance after it. The provider needed a
    /// pause of at most the time between the two.
    refused_at: Instant,
    resumed_at: Instant,
    /// The acceptances and refusals from which the provider's allowance is computed.
    log: Log,
}

/// A reduced speed: `from` recipients per second at `since`, growing by `step` each second up to
/// `top`.
#[derive(Clone, Copy, Debug)]
struct Slowed {
    asked_at: Instant,
    since: Instant,
    /// The lowest speed known or assumed to be too high.
    too_much: f64,
    from: f64,
    step: f64,
    top: f64,
    /// Whether growth depends on acceptances instead of time, as for single messages.
    is_by_acceptances: bool,
    /// The speed stays constant until this many acceptances have been counted.
    steady: u64,
}

impl Slowed {
    /// The speed after `accepted` acceptances.
    fn speed(&self, accepted: u64, now: Instant) -> f64 {
        let seconds = now.saturating_duration_since(self.since).as_secs_f64();
        if accepted < self.steady {
            return self.from;
        }
        let accepted = (accepted - self.steady) as f64;
        if !self.is_by_acceptances || accepted >= seconds {
            return self.from + self.step * seconds;
        }
        let step = self.too_much * INCREASE;
        let until_knee = ((self.too_much * KNEE - self.from) / step).max(0.0);
        self.from + step * (accepted.min(until_knee) + NEAR * (accepted - until_knee).max(0.0))
    }
}

/// A reduction not yet reported: the speeds before and after, in recipients per second.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Change {
    pub(crate) before: f64,
    pub(crate) after: f64,
}

impl Throttle {
    /// `ceiling` is the provider's rate in recipients per second, `batch` the number of recipients
    /// in a full request.
    pub(crate) fn new(ceiling: Option<f64>, batch: usize, now: Instant) -> Self {
        let state = ThrottleState {
            meter: RateMeter::new(now),
            slowed: None,
            next: now,
            news: None,
            accepted: 0,
            refused_at: now,
            resumed_at: now,
            log: Log::default(),
        };
        Self {
            ceiling,
            batch: batch.max(1) as f64,
            is_active: AtomicBool::new(false),
            state: Mutex::new(state),
        }
    }

    fn state(&self) -> MutexGuard<'_, ThrottleState> {
        // A panic in another thread cannot leave an invalid speed: all values are bounded.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Records that `count` recipients were submitted and `accepted` of them accepted.
    pub(crate) fn passed(&self, count: u64, accepted: u64, now: Instant) {
        let mut state = self.state();
        state.meter.observe(count, now);
        let is_first = state.accepted == 0 && accepted > 0;
        if is_first {
            state.resumed_at = now;
        }
        state.accepted += accepted;
        if self.batch > 1.0 {
            return;
        }
        state.log.took(accepted, now);
        if is_first && state.slowed.is_some() {
            state.spread_allowance(now);
        }
    }

    /// Records that the provider asks to slow down, after a pause of `quiet`. Requests for messages
    /// that were in flight together count as one.
    pub(crate) fn slow_down(&self, quiet: Duration, now: Instant) {
        let mut state = self.state();
        let state = &mut *state;
        let since = now.checked_add(quiet).unwrap_or(now);
        let takes_batches = self.batch > 1.0;
        state.log.refused(now);
        if let Some(slowed) = &mut state.slowed {
            if now < slowed.since || now.saturating_duration_since(state.refused_at) < TOGETHER {
                return;
            }
            // Nothing was accepted since the last request to slow down. The pause was too short,
            // but the speed may be right.
            if !takes_batches && state.accepted == 0 {
                (slowed.since, state.refused_at) = (since, now);
                return;
            }
        }
        if state.slowed.is_some_and(|slowed| slowed.steady > 0) {
            // The known allowance was wrong, because the provider refused a speed within it.
            state.log.close();
        }
        // At the cautious start the measured speed is low, so the speed to halve is at least one
        // batch per second.
        let ceiling = self.ceiling.unwrap_or(f64::INFINITY);
        let before = state
            .speed(now)
            .unwrap_or_else(|| state.meter.per_second(now).max(self.batch))
            .min(ceiling);
        let slowest = if takes_batches { SLOWEST.max(self.batch / 60.0) } else { SLOWEST }
            .min(ceiling * LEAST_SHARE);
        let taken = if takes_batches { None } else { state.taken_a_second(now) };
        let wanted = match taken {
            Some(taken) => taken.clamp(before * STEEPEST, before * GENTLEST),
            None => before * DECREASE,
        };
        let after = wanted.max(slowest).min(before);
        let top =
            self.ceiling.unwrap_or_else(|| state.slowed.map_or(2.0 * before, |slowed| slowed.top));
        let too_much = if taken.is_some() { before.min(after / KNEE) } else { before };
        let step = self.ceiling.unwrap_or(before) * INCREASE;
        state.slowed = Some(Slowed {
            asked_at: now,
            since,
            too_much,
            from: after,
            step,
            top,
            is_by_acceptances: !takes_batches,
            steady: 0,
        });
        (state.accepted, state.refused_at) = (0, now);
        state.news = Some(Change { before, after });
        self.is_active.store(true, Ordering::Release);
    }

    /// Undoes all slowdowns, because the refusals that caused them were about single recipients.
    pub(crate) fn lift(&self) {
        let mut state = self.state();
        (state.slowed, state.log) = (None, Log::default());
    }

    /// Whether the throttle delays messages. Cheap, because it is called for each message.
    pub(crate) fn is_active(&self) -> bool {
        self.is_active.load(Ordering::Acquire)
    }

    /// The recent speed in recipients per second; `None` before the first submission.
    pub(crate) fn measured(&self, now: Instant) -> Option<f64> {
        Some(self.state().meter.per_second(now)).filter(|speed| *speed > 0.0)
    }

    /// The current speed in recipients per second, if it is reduced.
    pub(crate) fn speed(&self, now: Instant) -> Option<f64> {
        if self.is_active() { self.state().speed(now) } else { None }
    }

    /// Returns the latest reduction of the speed, once.
    pub(crate) fn news(&self) -> Option<Change> {
        if self.is_active() { self.state().news.take() } else { None }
    }

    /// Reserves a time slot for `count` recipients that are sent together, and returns how long to
    /// wait for it.
    fn turn(&self, count: usize, now: Instant) -> Duration {
        let mut state = self.state();
        let Some(speed) = state.speed(now) else {
            self.is_active.store(state.news.is_some(), Ordering::Release);
            return Duration::ZERO;
        };
        let start = state.next.max(now);
        state.next = start + Duration::try_from_secs_f64(count as f64 / speed).unwrap_or(TOGETHER);
        start.saturating_duration_since(now)
    }

    /// Waits for the time slot of `count` recipients that are sent together.
    pub(crate) async fn wait(&self, count: usize) {
        if self.is_active() {
            let wait = self.turn(count, Instant::now());
            tokio::time::sleep(wait).await;
        }
    }
}

impl ThrottleState {
    /// The measured speed since the last slowdown, if it is below one per second. Half of the time
    /// between the last refusal and the first acceptance is subtracted, because the pause may have
    /// been longer than needed.
    fn taken_a_second(&self, now: Instant) -> Option<f64> {
        let whole = now.saturating_duration_since(self.slowed?.asked_at).as_secs_f64();
        let unsure = self.resumed_at.saturating_duration_since(self.refused_at).as_secs_f64() / 2.0;
        (self.accepted as f64 <= whole - unsure).then(|| self.accepted as f64 / (whole - unsure))
    }

    /// Spreads a known allowance evenly over the window.
    fn spread_allowance(&mut self, now: Instant) {
        let (Some(slowed), Some((most, window))) = (&mut self.slowed, self.log.allowance()) else {
            return;
        };
        let from = (SAFE * most as f64 / window.as_secs_f64()).max(SLOWEST).min(slowed.top);
        *slowed = Slowed {
            since: now,
            too_much: from / KNEE,
            from,
            steady: WINDOWS * most + self.accepted,
            ..*slowed
        };
        self.next = now + Duration::try_from_secs_f64(1.0 / from).unwrap_or(TOGETHER);
    }

    fn speed(&self, now: Instant) -> Option<f64> {
        let slowed = self.slowed?;
        let speed = slowed.speed(self.accepted, now);
        (speed < slowed.top).then_some(speed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    #[test]
    fn it_halves_and_grows_by_a_twentieth_a_second_and_never_passes_the_ceiling() {
        let start = Instant::now();
        let throttle = Throttle::new(Some(100.0), 200, start);
        assert_eq!((throttle.is_active(), throttle.speed(start)), (false, None));
        throttle.slow_down(Duration::ZERO, start);
        assert_eq!(throttle.news(), Some(Change { before: 100.0, after: 50.0 }));
        assert_eq!((throttle.news(), throttle.speed(start + 2 * SECOND)), (None, Some(60.0)));
        throttle.slow_down(Duration::ZERO, start + 2 * SECOND);
        assert_eq!(
            (throttle.speed(start + 2 * SECOND), throttle.news().map(|news| news.after)),
            (Some(30.0), Some(30.0))
        );
        for seconds in 0..14 {
            assert!(
                throttle.speed(start + (2 + seconds) * SECOND).is_some_and(|speed| speed < 100.0)
            );
        }
        assert_eq!(throttle.speed(start + 16 * SECOND), None, "all of it again");
        assert_eq!(throttle.turn(1_000, start + 16 * SECOND), Duration::ZERO);
        assert!(!throttle.is_active());
    }

    #[test]
    fn wishes_that_come_together_are_one_and_growth_begins_after_the_quiet_time() {
        let start = Instant::now();
        let throttle = Throttle::new(Some(10.0), 100, start);
        for _ in 0..8 {
            throttle.slow_down(4 * SECOND, start);
        }
        assert_eq!(throttle.speed(start + 4 * SECOND), Some(5.0));
        assert_eq!(throttle.speed(start + 6 * SECOND), Some(6.0));
    }

    #[test]
    fn turns_are_as_far_apart_as_the_speed_says() {
        let start = Instant::now();
        let throttle = Throttle::new(Some(20.0), 100, start);
        throttle.slow_down(60 * SECOND, start);
        assert_eq!(throttle.turn(10, start), Duration::ZERO);
        assert_eq!(throttle.turn(5, start), SECOND);
        assert_eq!(throttle.turn(1, start), SECOND + SECOND / 2);
    }

    #[test]
    fn without_a_rate_the_measured_speed_is_halved_and_it_never_stands_still() {
        let start = Instant::now();
        let throttle = Throttle::new(None, 1, start);
        throttle.passed(400, 400, start);
        throttle.slow_down(Duration::ZERO, start + 2 * SECOND);
        assert_eq!(throttle.news(), Some(Change { before: 200.0, after: 100.0 }));
        for n in 2..60 {
            throttle.slow_down(Duration::ZERO, start + 2 * n * SECOND);
        }
        assert!(throttle.speed(start + 118 * SECOND).is_some_and(|speed| speed >= SLOWEST));
    }

    /// Simulates a relay that accepts `most` messages in any `window`, until `people` recipients
    /// are accepted. Returns the number of refusals and the time needed. Messages are sent one at a
    /// time, with pauses as in
    /// [`Breaker::throttled`](crate::pipeline::breaker::Breaker::throttled).
    fn tried(most: usize, window: Duration, people: usize) -> (usize, Duration) {
        let start = Instant::now();
        let throttle = Throttle::new(None, 1, start);
        let (mut now, mut taken, mut refused, mut dry) = (start, Vec::<Instant>::new(), 0, 0);
        while taken.len() < people {
            now += throttle.turn(1, now) + Duration::from_millis(20);
            if taken.iter().filter(|at| now.duration_since(**at) < window).count() < most {
                taken.push(now);
                throttle.passed(1, 1, now);
                dry = 0;
            } else {
                refused += 1;
                throttle.passed(1, 0, now);
                let burst = if dry > 0 { 2 * SECOND } else { Duration::ZERO };
                let quiet =
                    (30 * SECOND * (1 << u32::saturating_sub(dry, 1)) + burst).min(300 * SECOND);
                throttle.slow_down(quiet, now);
                now += quiet;
                dry += 1;
            }
            assert!(refused < 1_000, "it never ends");
        }
        (refused, now - start)
    }

    #[test]
    fn a_low_limit_is_learned_from_what_is_taken() {
        let minute = 60 * SECOND;
        for (most, window, people, least) in [
            (5, minute, 60, 12),
            (1, minute, 20, 20),
            (30, minute, 240, 8),
            (2, 10 * SECOND, 100, 9),
            (100, 60 * minute, 110, 60),
        ] {
            let (refused, took) = tried(most, window, people);
            assert!(
                refused <= 16 && took <= minute * least * 4 / 3,
                "{most} in {window:?}: {refused} refused, {took:?}"
            );
        }
        // The shortest possible time: five at once, then five per minute, the last five after
        // eleven minutes.
        let (refused, took) = tried(5, minute, 60);
        assert!(refused <= 3 && took <= minute * 63 / 5, "{refused} refused, {took:?}");
    }

    #[test]
    fn an_allowance_that_changes_is_found_out_and_the_speed_falls_again() {
        let (start, throttle) = (Instant::now(), Throttle::new(None, 1, Instant::now()));
        let at = |seconds: u64| start + Duration::from_secs(seconds);
        throttle.passed(5, 5, start);
        throttle.slow_down(30 * SECOND, start);
        throttle.slow_down(30 * SECOND, at(30));
        throttle.passed(1, 1, at(60));
        let known = throttle.speed(at(61)).expect("it is slowed");
        assert!(
            (0.08..0.0834).contains(&known) && throttle.turn(1, at(60)) > 11 * SECOND,
            "{known}"
        );
        throttle.slow_down(30 * SECOND, at(72));
        throttle.passed(1, 1, at(102));
        assert!(throttle.speed(at(102)).is_some_and(|speed| speed < known));
        throttle.lift();
        assert_eq!((throttle.speed(at(102)), throttle.turn(1, at(200))), (None, Duration::ZERO));
    }
}
