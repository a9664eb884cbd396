//! Records that an endpoint receives events for a workspace, so that a run knows whether bounces
//! will be reported. Each endpoint holds a shared lock on a file while it runs. The operating
//! system releases the lock when the process ends.

use std::fs::{File, OpenOptions, TryLockError};
use std::io;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::holder;

/// How often [`is_present`] tries to lock the file. Another process that checks holds the lock only
/// for a moment; an endpoint keeps it.
const LOOKS: u32 = 10;
/// The maximum time to wait for another process that holds the lock.
const TURN: Duration = Duration::from_secs(60);
const BETWEEN: Duration = Duration::from_millis(10);

/// Marks an endpoint as running until it is dropped.
#[derive(Debug)]
pub(super) struct Presence {
    _lock: File,
}

impl Presence {
    pub(super) fn announce(state_dir: &Path) -> io::Result<Self> {
        let file = OpenOptions::new()
            .write(true)
            .create(true)
            .truncate(false)
            .mode(0o600)
            .open(path(state_dir))?;
        // A process in [`is_present`] releases its exclusive lock at once.
        if !holder::shared_within(&file, &path(state_dir), TURN)? {
            return Err(io::Error::new(
                io::ErrorKind::TimedOut,
                "another process holds an exclusive lock on listening.lock",
            ));
        }
        Ok(Self { _lock: file })
    }
}

/// Whether an endpoint that receives events for this workspace is running, in any process.
pub(crate) fn is_present(state_dir: &Path) -> bool {
    // Without the file, no endpoint has ever run.
    let Ok(file) = File::open(path(state_dir)) else { return false };
    for look in 0..LOOKS {
        match file.try_lock() {
            Ok(()) | Err(TryLockError::Error(_)) => return false,
            Err(TryLockError::WouldBlock) if look + 1 < LOOKS => std::thread::sleep(BETWEEN),
            Err(TryLockError::WouldBlock) => {}
        }
    }
    true
}

fn path(state_dir: &Path) -> PathBuf {
    state_dir.join("listening.lock")
}

#[cfg(test)]
mod tests {
    use std::time::Instant;

    use super::*;

    #[test]
    fn an_endpoint_is_present_from_its_announcement_until_the_last_one_is_gone() {
        let dir = tempfile::tempdir().unwrap();
        assert!(!is_present(dir.path()));
        let one = Presence::announce(dir.path()).unwrap();
        let two = Presence::announce(dir.path()).unwrap();
        assert!(is_present(dir.path()));
        drop(one);
        assert!(is_present(dir.path()));
        drop(two);
        // A process started by another test may have inherited the lock. It ends soon.
        assert!(comes_true(|| !is_present(dir.path())));
    }

    #[test]
    fn those_who_look_are_not_taken_for_an_endpoint() {
        let dir = tempfile::tempdir().unwrap();
        drop(Presence::announce(dir.path()).unwrap());
        std::thread::scope(|scope| {
            for _ in 0..8 {
                scope.spawn(|| (0..50).for_each(|_| assert!(!is_present(dir.path()))));
            }
        });
    }

    fn comes_true(condition: impl Fn() -> bool) -> bool {
        let begun = Instant::now();
        while begun.elapsed() < Duration::from_secs(5) {
            if condition() {
                return true;
            }
        }
        false
    }
}
