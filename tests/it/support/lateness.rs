//! How late this machine wakes whoever sleeps, and when its disk stands still, watched while tests
//! judge times: what a server sees late was not sent late, and nobody is sent anything while
//! nothing can be put on record.

use std::io::Write as _;
use std::sync::{Mutex, Once, PoisonError};
use std::time::{Duration, Instant};

/// How long the watcher sleeps, and from when on it was woken late.
const NAP: Duration = Duration::from_millis(2);
const LATE: Duration = Duration::from_millis(3);

/// How often the disk is tried, and how long a sync of one byte takes on one that stands still: a
/// slow one takes less.
const TRY: Duration = Duration::from_millis(25);
const STANDS: Duration = Duration::from_millis(100);

/// When it was woken late, or the disk went on, and how long that took.
static SEEN: Mutex<Vec<(Instant, Duration)>> = Mutex::new(Vec::new());

/// Starts to watch, once for all tests.
pub(crate) fn watch() {
    static WATCHER: Once = Once::new();
    WATCHER.call_once(|| {
        std::thread::spawn(|| {
            loop {
                let slept = Instant::now();
                std::thread::sleep(NAP);
                note(slept.elapsed().saturating_sub(NAP), LATE);
            }
        });
        std::thread::spawn(|| {
            let mut file = tempfile::tempfile().expect("a file beside the workspaces");
            loop {
                std::thread::sleep(TRY);
                let asked = Instant::now();
                file.write_all(b".").and_then(|()| file.sync_data()).expect("it can be written");
                note(asked.elapsed(), STANDS);
            }
        });
    });
}

fn note(late: Duration, least: Duration) {
    if late >= least {
        SEEN.lock().unwrap_or_else(PoisonError::into_inner).push((Instant::now(), late));
    }
}

/// How long it was late between these moments, each time.
fn between(from: Instant, to: Instant) -> Vec<Duration> {
    let seen = SEEN.lock().unwrap_or_else(PoisonError::into_inner);
    seen.iter()
        .filter(|(at, late)| *at >= from && *at - *late <= to)
        .map(|(_, late)| *late)
        .collect()
}

/// A second between these moments as a server could see it: shorter by what messages may have been
/// late on their way, `jitter` at least. Each of them meets three who have to wake: the sender, the
/// thread that reads for it, the server.
pub(crate) fn second_between(from: Instant, to: Instant, jitter: Duration) -> Duration {
    let late = 3 * between(from, to).into_iter().max().unwrap_or_default();
    Duration::from_secs(1) - late.clamp(jitter, Duration::from_millis(500))
}

/// For how long since the machine was started some process has waited for a processor; `None` where
/// the kernel does not count that.
pub(crate) fn waited() -> Option<Duration> {
    let text = std::fs::read_to_string("/proc/pressure/cpu").ok()?;
    let total = text.lines().find(|line| line.starts_with("some "))?.rsplit_once("total=")?.1;
    total.trim().parse().ok().map(Duration::from_micros)
}

/// How long the machine did something else between these moments, in all.
pub(crate) fn lost_between(from: Instant, to: Instant) -> Duration {
    between(from, to).into_iter().sum::<Duration>().min(to - from)
}
