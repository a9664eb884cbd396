//! How long to wait before another attempt, and when to give up.

use std::time::Duration;

use jiff::Timestamp;

/// Exponential backoff with full jitter, bounded in time from a recipient's first attempt.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct RetryPolicy {
    /// The retry period (`retry.for`): no attempt starts later than this after the first one.
    pub give_up_after: Duration,
    /// The upper bound of the delay after the first failure.
    pub base: Duration,
    /// The upper bound of any delay.
    pub max: Duration,
}

impl Default for RetryPolicy {
    fn default() -> Self {
        Self {
            give_up_after: Duration::from_secs(15 * 60),
            base: Duration::from_secs(2),
            max: Duration::from_secs(5 * 60),
        }
    }
}

impl RetryPolicy {
    /// The longest delay after `failures` failures in a row, which must be at least one.
    pub(crate) fn ceiling(&self, failures: u32) -> Duration {
        let doublings = failures.saturating_sub(1).min(31);
        self.base.saturating_mul(1 << doublings).min(self.max)
    }

    /// When to try again after `failures` failures; `None` if that would be after the retry period.
    /// `draw` is uniform in 0..1 (full jitter).
    pub(crate) fn next(
        &self,
        first: Timestamp,
        now: Timestamp,
        failures: u32,
        draw: f64,
    ) -> Option<Timestamp> {
        let delay = self.ceiling(failures).mul_f64(draw.clamp(0.0, 1.0));
        let at = now.checked_add(delay).ok()?;
        let last = first.checked_add(self.give_up_after).ok()?;
        (at <= last).then_some(at)
    }
}

impl RetryPolicy {
    /// When to try again after the wait that the server named; `None` if that would be after the
    /// retry period. One second is added, because the server's clock may differ.
    pub(crate) fn next_after(
        &self,
        first: Timestamp,
        now: Timestamp,
        wait: Duration,
    ) -> Option<Timestamp> {
        let at = now.checked_add(wait.saturating_add(Duration::from_secs(1))).ok()?;
        let last = first.checked_add(self.give_up_after).ok()?;
        (at <= last).then_some(at)
    }
}

/// A uniform random number in 0..1 from the operating system, for jitter.
pub(crate) fn draw() -> f64 {
    let bits = uuid::Uuid::new_v4().as_u128() as u64;
    (bits >> 11) as f64 / (1u64 << 53) as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn delays_double_up_to_the_maximum() {
        let policy = RetryPolicy::default();
        let seconds: Vec<u64> = (1..=10).map(|n| policy.ceiling(n).as_secs()).collect();
        assert_eq!(seconds, [2, 4, 8, 16, 32, 64, 128, 256, 300, 300]);
        assert_eq!(policy.ceiling(u32::MAX), policy.max);
    }

    #[test]
    fn nobody_is_tried_after_the_time_is_over() {
        let policy =
            RetryPolicy { give_up_after: Duration::from_secs(10), ..RetryPolicy::default() };
        let first = Timestamp::UNIX_EPOCH;
        let now = Timestamp::from_second(9).expect("in range");
        assert_eq!(policy.next(first, now, 1, 0.25), Timestamp::from_millisecond(9_500).ok());
        assert_eq!(policy.next(first, now, 1, 1.0), None);
    }

    #[test]
    fn draws_stay_in_the_unit_interval() {
        assert!((0..1000).map(|_| draw()).all(|d| (0.0..1.0).contains(&d)));
    }
}
