//! Measures the current send rate and estimates when the run ends.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

/// The time span over which the rate is measured.
const WINDOW: Duration = Duration::from_secs(15);

/// Measures a rate per second over the last 15 seconds, or over the time since the start if that is
/// shorter.
#[derive(Clone, Debug)]
pub(crate) struct RateMeter {
    since: Instant,
    /// Pairs of time and count, at least 100 ms apart to keep the list short.
    counts: VecDeque<(Instant, u64)>,
}

impl RateMeter {
    /// Creates a meter that starts at `now`.
    pub(crate) fn new(now: Instant) -> Self {
        Self { since: now, counts: VecDeque::new() }
    }

    /// Adds `count` at the time `now`. Times must not decrease.
    pub(crate) fn observe(&mut self, count: u64, now: Instant) {
        match self.counts.back_mut() {
            Some((at, n)) if now.saturating_duration_since(*at) < Duration::from_millis(100) => {
                *n += count
            }
            _ => self.counts.push_back((now, count)),
        }
        while self.counts.front().is_some_and(|(at, _)| now.saturating_duration_since(*at) > WINDOW)
        {
            self.counts.pop_front();
        }
    }

    /// Returns the mean rate per second over the window that ends at `now`.
    pub(crate) fn per_second(&self, now: Instant) -> f64 {
        let sum: u64 = self
            .counts
            .iter()
            .filter(|(at, _)| now.saturating_duration_since(*at) <= WINDOW)
            .map(|(_, n)| n)
            .sum();
        // The span is at least one second, so that a burst at the start does not look like a high
        // rate.
        let span = now.saturating_duration_since(self.since).clamp(Duration::from_secs(1), WINDOW);
        sum as f64 / span.as_secs_f64()
    }
}

/// Estimates the time to send `remaining` messages at `rate` per second, with at most `limit` per
/// second. A rate close to the limit counts as the limit. Before the first message the limit is
/// used. Returns `None` if neither is known.
pub(crate) fn eta(remaining: u64, rate: f64, limit: Option<f64>) -> Option<Duration> {
    if remaining == 0 {
        return Some(Duration::ZERO);
    }
    let speed = match limit {
        Some(limit) if rate <= 0.0 || rate >= 0.8 * limit => limit,
        _ => rate,
    };
    if speed <= 0.0 { None } else { Duration::try_from_secs_f64(remaining as f64 / speed).ok() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_meter_forgets_what_is_older_than_its_window() {
        let start = Instant::now();
        let at = |ms: u64| start + Duration::from_millis(ms);
        let mut meter = RateMeter::new(start);
        assert_eq!(meter.per_second(start), 0.0);
        for second in 0..30 {
            for part in 0..50 {
                meter.observe(1, at(second * 1_000 + part * 20));
            }
        }
        assert!(
            (meter.per_second(at(30_000)) - 50.0).abs() < 1.0,
            "{}",
            meter.per_second(at(30_000))
        );
        assert_eq!(meter.per_second(at(60_000)), 0.0);
        assert!(meter.counts.len() < 200);
    }

    #[test]
    fn a_burst_at_the_start_is_spread_over_a_second() {
        let start = Instant::now();
        let mut meter = RateMeter::new(start);
        meter.observe(50, start);
        assert_eq!(meter.per_second(start + Duration::from_millis(1)), 50.0);
    }

    #[test]
    fn the_end_is_reckoned_by_the_limit_unless_the_server_is_slower() {
        let seconds = |remaining, rate, limit| eta(remaining, rate, limit).map(|d| d.as_secs());
        assert_eq!(seconds(500, 0.0, Some(50.0)), Some(10));
        assert_eq!(seconds(500, 45.0, Some(50.0)), Some(10));
        assert_eq!(seconds(500, 10.0, Some(50.0)), Some(50));
        assert_eq!(seconds(500, 10.0, None), Some(50));
        assert_eq!(seconds(500, 0.0, None), None);
        assert_eq!(seconds(0, 0.0, None), Some(0));
    }
}
