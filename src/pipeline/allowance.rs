//! Finds out how many single messages a relay accepts per time window, from its acceptances and
//! refusals.
//!
//! Invariant: an allowance is reported only if exactly one of the usual window lengths explains all
//! answers of the relay. The throttle then spreads that many messages evenly over the window. If
//! the guess is wrong, the relay's next refusal corrects it.

use std::time::{Duration, Instant};

/// The window lengths that relays commonly use, in seconds.
const WINDOWS: [u64; 11] = [10, 15, 20, 30, 60, 120, 300, 600, 900, 1_800, 3_600];
/// Refusals closer together than this count as one, because the messages were in flight together.
/// This is also the tolerance for the recorded times of acceptances.
const SLACK: Duration = Duration::from_secs(2);
/// After this many acceptances or refusals, the search for an allowance ends without a result.
const MOST: usize = 256;

/// The acceptances and refusals of a relay since its first message.
#[derive(Debug, Default)]
pub(super) struct Log {
    taken: Vec<(Instant, u64)>,
    refused: Vec<Instant>,
    is_closed: bool,
}

impl Log {
    /// Records `count` acceptances.
    pub(super) fn took(&mut self, count: u64, now: Instant) {
        if self.is_closed || count == 0 {
            return;
        }
        self.taken.push((now, count));
        if self.taken.len() > MOST {
            self.close();
        }
    }

    /// Records a refusal caused by too high a rate.
    pub(super) fn refused(&mut self, now: Instant) {
        let is_new =
            self.refused.last().is_none_or(|last| now.saturating_duration_since(*last) > SLACK);
        if self.is_closed || !is_new {
            return;
        }
        self.refused.push(now);
        if self.refused.len() > MOST {
            self.close();
        }
    }

    /// Stops the search: from now on, no allowance is reported.
    pub(super) fn close(&mut self) {
        *self = Self { is_closed: true, ..Self::default() };
    }

    /// Returns how many messages the relay accepts, and in which window. `None` if no window, or
    /// more than one, explains the relay's answers.
    pub(super) fn allowance(&self) -> Option<(u64, Duration)> {
        let mut fitting = WINDOWS
            .iter()
            .map(|seconds| Duration::from_secs(*seconds))
            .filter_map(|window| Some((self.most_in(window)?, window)));
        let found = fitting.next()?;
        fitting.next().is_none().then_some(found)
    }

    /// Returns how many messages a window of this length allows; `None` if this length contradicts
    /// the relay's answers.
    fn most_in(&self, window: Duration) -> Option<u64> {
        let refused_with = |at: &Instant| self.between(*at, window, SLACK);
        let most = self.refused.iter().map(refused_with).min().filter(|most| *most > 0)?;
        let taken_with =
            self.taken.iter().map(|(at, _)| self.between(*at, window, Duration::ZERO)).max()?;
        (taken_with <= most).then_some(most)
    }

    /// Counts the messages accepted in the window that ends at `end`, plus those accepted up to
    /// `later` after it.
    fn between(&self, end: Instant, window: Duration, later: Duration) -> u64 {
        let is_in = |at: Instant| {
            at <= end + later && end.saturating_duration_since(at) < window.saturating_sub(SLACK)
        };
        self.taken.iter().filter(|(at, _)| is_in(*at)).map(|(_, count)| count).sum()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn log(taken: &[(u64, u64)], refused: &[u64]) -> Log {
        let (mut log, start) = (Log::default(), Instant::now());
        let at = |seconds: u64| start + Duration::from_secs(seconds);
        taken.iter().for_each(|(seconds, count)| log.took(*count, at(*seconds)));
        refused.iter().for_each(|seconds| log.refused(at(*seconds)));
        log
    }

    #[test]
    fn a_window_is_found_out_where_no_other_explains_what_happened() {
        let minute = Some((5, Duration::from_secs(60)));
        assert_eq!(log(&[(0, 5), (60, 1)], &[0, 30]).allowance(), minute);
        assert_eq!(
            log(&[(0, 3), (0, 2), (60, 1)], &[0, 1, 30]).allowance(),
            minute,
            "some were on their way together"
        );
        assert_eq!(
            log(&[(0, 100), (3_600, 1)], &[0, 30, 60, 3_300]).allowance(),
            Some((100, Duration::from_secs(3_600)))
        );
    }

    #[test]
    fn nothing_is_said_where_several_windows_or_none_would_do() {
        assert_eq!(log(&[(0, 5), (60, 1)], &[0]).allowance(), None, "anything up to a minute");
        assert_eq!(
            log(&[(0, 5), (30, 2)], &[0, 31]).allowance(),
            None,
            "a bucket that fills again"
        );
        assert_eq!(log(&[(0, 5)], &[]).allowance(), None);
        assert_eq!(log(&[], &[0]).allowance(), None);
        let mut closed = log(&[(0, 5), (60, 1)], &[0, 30]);
        closed.close();
        assert_eq!(closed.allowance(), None);
    }
}
