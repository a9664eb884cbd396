//! How long a transaction waits for a transaction of another process, and the message that is
//! printed meanwhile.
//!
//! The message names the process that holds the lock. No command waits forever.

use std::cell::RefCell;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use rusqlite::Connection;

use crate::holder;

/// How long opening a ledger waits for another process's transaction. It is longer than the longest
/// transaction of mailbatch, sealing a large run.
pub(super) const TO_OPEN: Duration = Duration::from_secs(60);
/// How long a sending run waits: long enough for a VACUUM of a large ledger, or for a backup that
/// locks it.
pub(super) const TO_WRITE: Duration = Duration::from_secs(15 * 60);
/// A command prints a message after it has waited this long.
const SAID_AFTER: Duration = Duration::from_secs(3);
/// The longest pause between two attempts to get the lock.
const LONGEST_PAUSE: Duration = Duration::from_millis(50);

/// The state of SQLite's busy handler in this thread, which has only one writing connection.
struct Waiting {
    path: Arc<str>,
    longest: Duration,
    /// Whether transactions must no longer wait for other processes.
    is_hurried: Arc<AtomicBool>,
    since: Option<Instant>,
    was_said: bool,
}

thread_local! {
    static WAITING: RefCell<Option<Waiting>> = const { RefCell::new(None) };
}

/// Lets transactions of this connection wait up to `longest` for other processes. The connection
/// must stay in this thread.
pub(super) fn install(
    conn: &mut Connection,
    path: Arc<str>,
    longest: Duration,
    is_hurried: Arc<AtomicBool>,
) -> rusqlite::Result<()> {
    WAITING.set(Some(Waiting { path, longest, is_hurried, since: None, was_said: false }));
    conn.busy_handler(Some(busy))
}

/// Ends the wait after a transaction has begun.
pub(super) fn is_over() {
    WAITING.with_borrow_mut(|waiting| {
        let Some(waiting) = waiting else { return };
        if std::mem::take(&mut waiting.was_said) {
            let seconds = waiting.since.map_or(0, |since| since.elapsed().as_secs());
            tracing::warn!(
                "{}: the lock is free after {seconds} s; the command continues",
                waiting.path
            );
        }
        waiting.since = None;
    });
}

/// SQLite's busy handler. Returns whether SQLite should try again.
fn busy(tries: i32) -> bool {
    let goes_on = WAITING
        .with_borrow_mut(|waiting| waiting.as_mut().is_some_and(|waiting| waiting.goes_on(tries)));
    if goes_on {
        std::thread::sleep(LONGEST_PAUSE.min(Duration::from_millis(1 << tries.clamp(0, 6))));
    }
    goes_on
}

impl Waiting {
    fn goes_on(&mut self, tries: i32) -> bool {
        if tries == 0 {
            self.since = None;
        }
        let waited = self.since.get_or_insert_with(Instant::now).elapsed();
        if waited >= self.longest || self.is_hurried.load(Ordering::Relaxed) {
            return false;
        }
        if waited >= SAID_AFTER && !self.was_said {
            self.was_said = true;
            let (holder, minutes) = (holder(&self.path), self.longest.as_secs() / 60);
            tracing::warn!(
                "{}: {holder} holds the write lock; waiting for it, {minutes} min at most. No new messages are claimed meanwhile; messages claimed before may still be sent, and no data is lost",
                self.path
            );
        }
        true
    }
}

/// Describes the process that holds the write lock of the ledger at `path`, if the system reports
/// it.
pub(super) fn holder(path: &str) -> String {
    let mut shared = Path::new(path).as_os_str().to_owned();
    shared.push("-shm");
    let shared = Path::new(&shared);
    let writes = holder::of_file(shared, |held| held.is_exclusive && held.covers(WRITE_LOCK));
    // The other process may also hold an exclusive lock on the database, or recover its write-ahead
    // log.
    let keeps = || holder::of_file(Path::new(path), |held| held.is_exclusive);
    let mends = || holder::of_file(shared, |held| held.is_exclusive);
    writes
        .or_else(keeps)
        .or_else(mends)
        .map_or_else(|| "another process".to_owned(), |holder| holder.to_string())
}

/// The byte of the shared-memory file that SQLite locks while it writes to the log.
const WRITE_LOCK: u64 = 120;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nobody_waits_longer_than_the_bound_or_when_in_a_hurry() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("l.db");
        let open = || Connection::open(&path).unwrap();
        let (holding, mut waiting) = (open(), open());
        holding
            .execute_batch("PRAGMA journal_mode = WAL; CREATE TABLE t(x); BEGIN IMMEDIATE")
            .unwrap();
        let hurried = Arc::new(AtomicBool::new(false));
        let longest = Duration::from_millis(300);
        install(&mut waiting, path.display().to_string().into(), longest, Arc::clone(&hurried))
            .unwrap();
        let begun = Instant::now();
        assert!(waiting.execute_batch("BEGIN IMMEDIATE").is_err());
        assert!(begun.elapsed() >= longest, "{:?}", begun.elapsed());
        if cfg!(target_os = "linux") {
            assert!(holder(&path.display().to_string()).contains(&std::process::id().to_string()));
        }
        hurried.store(true, Ordering::Relaxed);
        let begun = Instant::now();
        assert!(waiting.execute_batch("BEGIN IMMEDIATE").is_err());
        assert!(begun.elapsed() < longest, "{:?}", begun.elapsed());
        holding.execute_batch("COMMIT").unwrap();
        waiting.execute_batch("BEGIN IMMEDIATE; COMMIT").unwrap();
    }
}
