//! How late this machine wakes whoever sleeps, watched while tests judge times: what a server sees late was not sent late.

use std::sync::{Mutex, Once, PoisonError};
use std::time::{Duration, Instant};

/// How long the watcher sleeps, and from when on it was woken late.
const NAP: Duration = Duration::from_millis(2);
const LATE: Duration = Duration::from_millis(3);

/// When it was woken late, and by how much.
static SEEN: Mutex<Vec<(Instant, Duration)>> = Mutex::new(Vec::new());

/// Starts to watch, once for all tests.
pub(crate) fn watch() {
    static WATCHER: Once = Once::new();
    WATCHER.call_once(|| {
        std::thread::spawn(|| {
            loop {
                let slept = Instant::now();
                std::thread::sleep(NAP);
                let late = slept.elapsed().saturating_sub(NAP);
                if late >= LATE {
                    SEEN.lock().unwrap_or_else(PoisonError::into_inner).push((Instant::now(), late));
                }
            }
        });
    });
}

/// By how much it was woken late between these moments, each time.
fn between(from: Instant, to: Instant) -> Vec<Duration> {
    let seen = SEEN.lock().unwrap_or_else(PoisonError::into_inner);
    seen.iter().filter(|(at, late)| *at >= from && *at - *late <= to).map(|(_, late)| *late).collect()
}

/// A second between these moments as a server could see it: shorter by what messages may have been late on their way, `jitter` at least.
/// Each of them meets three who have to wake: the sender, the thread that reads for it, the server.
pub(crate) fn second_between(from: Instant, to: Instant, jitter: Duration) -> Duration {
    let late = 3 * between(from, to).into_iter().max().unwrap_or_default();
    Duration::from_secs(1) - late.clamp(jitter, Duration::from_millis(500))
}

/// How long the machine did something else between these moments, in all.
pub(crate) fn lost_between(from: Instant, to: Instant) -> Duration {
    between(from, to).into_iter().sum()
}
