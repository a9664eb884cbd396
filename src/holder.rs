//! Finds the process that holds a lock, so that a process that waits for the lock can name it. Only
//! Linux reports the process; on other systems it is called "another process".

use std::fmt;
use std::fs::{File, TryLockError};
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::time::{Duration, Instant};

use jiff::Timestamp;

use crate::model::shown::Shown;

/// Ticks per second, the unit of times in /proc. It is the same on all architectures.
const TICKS: i64 = 100;

/// A process reports that it waits for a lock after this time.
const SAID_AFTER: Duration = Duration::from_secs(3);

/// Locks a file exclusively. If another process holds the lock, waits up to `longest`. Returns
/// false if the file is still locked then. A long wait is reported, with the process that holds the
/// lock.
pub(crate) fn locked_within(file: &File, path: &Path, longest: Duration) -> io::Result<bool> {
    tried_within(path, longest, || file.try_lock())
}

/// Like [`locked_within`], for a shared lock.
pub(crate) fn shared_within(file: &File, path: &Path, longest: Duration) -> io::Result<bool> {
    tried_within(path, longest, || file.try_lock_shared())
}

/// Like [`locked_within`], but returns an error if the file is still locked.
pub(crate) fn lock(file: &File, path: &Path, longest: Duration) -> io::Result<()> {
    if locked_within(file, path, longest)? {
        return Ok(());
    }
    let why = format!(
        "{} has held the lock on this file for more than {} s",
        named(path),
        longest.as_secs()
    );
    Err(io::Error::new(io::ErrorKind::TimedOut, why))
}

fn tried_within(
    path: &Path,
    longest: Duration,
    attempt: impl Fn() -> Result<(), TryLockError>,
) -> io::Result<bool> {
    let begun = Instant::now();
    let mut was_said = false;
    loop {
        match attempt() {
            Ok(()) => return Ok(true),
            Err(TryLockError::Error(e)) => return Err(e),
            Err(TryLockError::WouldBlock) if begun.elapsed() >= longest => return Ok(false),
            Err(TryLockError::WouldBlock) => std::thread::sleep(Duration::from_millis(20)),
        }
        if !was_said && begun.elapsed() >= SAID_AFTER {
            was_said = true;
            tracing::warn!(
                "{}: {} holds its lock; waiting for it, {} s at most",
                path.shown(),
                named(path),
                longest.as_secs_f64().ceil()
            );
        }
    }
}

fn named(path: &Path) -> String {
    of_file(path, |held| held.is_exclusive)
        .map_or_else(|| "another process".to_owned(), |holder| holder.to_string())
}

/// A process that holds a lock.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Holder {
    pid: u32,
}

/// A held lock, parsed from a line of /proc/locks: `1: POSIX  ADVISORY  WRITE 4711 08:01:131 120 120`.
pub(crate) struct Held {
    /// Whether the lock is exclusive.
    pub(crate) is_exclusive: bool,
    pub(crate) bytes: (u64, u64),
}

impl Held {
    /// Whether the lock covers the given byte of the file.
    pub(crate) fn covers(&self, byte: u64) -> bool {
        self.bytes.0 <= byte && byte <= self.bytes.1
    }
}

/// Finds the process that holds a matching lock on a file.
pub(crate) fn of_file(path: &Path, fits: impl Fn(&Held) -> bool) -> Option<Holder> {
    let inode = std::fs::metadata(path).ok()?.ino();
    let locks = std::fs::read_to_string("/proc/locks").ok()?;
    locks
        .lines()
        .find_map(|line| read(line, inode).filter(|(_, held)| fits(held)))
        .map(|(pid, _)| Holder { pid })
}

fn read(line: &str, inode: u64) -> Option<(u32, Held)> {
    let words: Vec<&str> = line.split_ascii_whitespace().collect();
    let [_, _, _, kind @ ("WRITE" | "READ"), pid, file, start, end] = words[..] else {
        return None;
    };
    if file.rsplit(':').next()?.parse() != Ok(inode) {
        return None;
    }
    let end = if end == "EOF" { u64::MAX } else { end.parse().ok()? };
    let held = Held { is_exclusive: kind == "WRITE", bytes: (start.parse().ok()?, end) };
    // The number is 0 or negative if the process is in another PID namespace.
    pid.parse().ok().filter(|pid| *pid > 0).map(|pid| (pid, held))
}

impl fmt::Display for Holder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "process {} (", self.pid)?;
        f.write_str(&self.command())?;
        if let Some(since) = self.since() {
            write!(f, ", since {since:.0}")?;
        }
        f.write_str(")")
    }
}

impl Holder {
    /// Returns the program's name, and for mailbatch also its subcommand. Other arguments are left
    /// out, because they may contain secrets.
    fn command(self) -> String {
        let of =
            |file: &str| std::fs::read(format!("/proc/{}/{file}", self.pid)).unwrap_or_default();
        let name = String::from_utf8_lossy(&of("comm")).trim().replace(char::is_control, " ");
        if name != env!("CARGO_PKG_NAME") {
            return name;
        }
        let line = of("cmdline");
        let words =
            line.split(|byte| *byte == 0).skip(1).filter_map(|word| std::str::from_utf8(word).ok());
        let known = [
            "send",
            "resume",
            "retry",
            "reconcile",
            "listen",
            "events",
            "suppress",
            "runs",
            "pause",
            "unpause",
            "status",
            "wait",
            "check",
        ];
        words
            .into_iter()
            .find(|word| known.contains(word))
            .map_or(name.clone(), |word| format!("{name} {word}"))
    }

    /// Returns when the process was started.
    fn since(self) -> Option<Timestamp> {
        let stat = std::fs::read_to_string(format!("/proc/{}/stat", self.pid)).ok()?;
        // The program's name is in parentheses and may contain any character, so the fields after
        // it are counted from the last parenthesis.
        let ticks: i64 = stat.rsplit(')').next()?.split_ascii_whitespace().nth(19)?.parse().ok()?;
        let system = std::fs::read_to_string("/proc/stat").ok()?;
        let boot: i64 =
            system.lines().find_map(|line| line.strip_prefix("btime "))?.trim().parse().ok()?;
        Timestamp::from_second(boot + ticks / TICKS).ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn locks_are_read_from_the_systems_list() {
        let line = |text: &str| {
            read(text, 131).map(|(pid, held)| (pid, held.is_exclusive, held.covers(120)))
        };
        assert_eq!(
            line("1: POSIX  ADVISORY  WRITE 4711 08:01:131 120 120"),
            Some((4711, true, true))
        );
        assert_eq!(
            line("1: POSIX  ADVISORY  WRITE 4711 08:01:131 0 EOF"),
            Some((4711, true, true))
        );
        assert_eq!(
            line("1: POSIX  ADVISORY  READ 4711 08:01:131 123 123"),
            Some((4711, false, false))
        );
        assert_eq!(
            line("7: FLOCK  ADVISORY  WRITE 4711 08:01:131 0 EOF"),
            Some((4711, true, true))
        );
        for other in [
            "1: POSIX  ADVISORY  WRITE 4711 08:01:132 120 120",
            "1: -> POSIX  ADVISORY  WRITE 4711 08:01:131 120 120",
            "2: OFDLCK ADVISORY  WRITE -1 08:01:131 120 120",
            "",
        ] {
            assert_eq!(line(other), None, "{other}");
        }
    }

    #[test]
    fn a_process_is_named_with_its_start() {
        if cfg!(target_os = "linux") {
            let own = Holder { pid: std::process::id() }.to_string();
            assert!(
                own.starts_with(&format!("process {} (", std::process::id()))
                    && own.contains(", since 20"),
                "{own}"
            );
        }
        assert_eq!(Holder { pid: u32::MAX }.to_string(), format!("process {} ()", u32::MAX));
    }
}
