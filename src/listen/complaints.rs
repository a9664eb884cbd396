//! Limits the log lines about invalid requests, because anyone can send requests and fill the disk
//! with log lines.

use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// The maximum number of lines to write within [`TIME`].
const MOST: u32 = 20;
const TIME: Duration = Duration::from_secs(60);

/// Counts the lines written within the current period.
#[derive(Default)]
pub(super) struct Complaints(Mutex<Window>);

#[derive(Default)]
struct Window {
    begun: Option<Instant>,
    lines: u32,
    left_out: u64,
}

impl Complaints {
    /// Whether a line may be written. Returns the number of lines left out before it, or `None` if
    /// it must be left out too.
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
