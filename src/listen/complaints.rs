//! Limits the log lines about requests that anyone can send. There are enough lines to find a
//! problem, but never so many that they fill a disk.

use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// How many lines are written within [`TIME`].
const MOST: u32 = 20;
const TIME: Duration = Duration::from_secs(60);

/// Counts lines.
#[derive(Default)]
pub(super) struct Complaints(Mutex<Window>);

#[derive(Default)]
struct Window {
    begun: Option<Instant>,
    lines: u32,
    left_out: u64,
}

impl Complaints {
    /// Returns how many lines were suppressed before this one, or `None` if this line must be
    /// suppressed too.
    pub(super) fn next(&self) -> Option<u64> {
        self.at(Instant::now())
    }

    fn at(&self, now: Instant) -> Option<u64> {
        let mut window = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if window.begun.is_none_or(|begun| now.duration_since(begun) >= TIME) {
            (window.begun, window.lines) = (Some(now), 0);
        }
        if window.lines >= MOST {
            window.left_out += 1;
            return None;
        }
        window.lines += 1;
        Some(std::mem::take(&mut window.left_out))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_flood_is_counted_and_not_written() {
        let (complaints, begun) = (Complaints::default(), Instant::now());
        assert_eq!((0..1000).filter(|_| complaints.at(begun).is_some()).count(), 20);
        assert_eq!(
            (complaints.at(begun + TIME), complaints.at(begun + TIME)),
            (Some(980), Some(0))
        );
    }
}
