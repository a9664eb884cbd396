//! How far a provider's log has been read: `.mailbatch/poll/NAME.json`, and a lock beside it, so that one poll of a provider goes at a time.
//!
//! The rule it keeps: it moves forward alone, and only over what is in the ledger.

use std::fs::{File, OpenOptions, TryLockError};
use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::commands::make_private_dir;
use crate::error::{Error, Result};
use crate::exit::Exit;

const VERSION: u32 = 1;

/// What stands in the file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Kept {
    v: u32,
    provider: String,
    kind: String,
    env: Option<String>,
    read_until: Timestamp,
}

/// The place of one provider's log up to which everything has been written down.
#[derive(Debug)]
pub(super) struct Cursor {
    path: PathBuf,
    kept: Kept,
    is_known: bool,
    _turn: Option<File>,
}

impl Cursor {
    /// Reads what the last poll left. One that will write takes the lock; exit 11 where another poll has it.
    pub(super) fn open(dir: &Path, provider: &str, kind: &str, env: Option<&str>, writes: bool) -> Result<Self> {
        let of_env = env.map(|env| format!("@{}", plain(env))).unwrap_or_default();
        let path = dir.join(format!("{}{of_env}.json", plain(provider)));
        let turn = if writes { Some(lock(dir, &path, provider)?) } else { None };
        let mut kept =
            Kept { v: VERSION, provider: provider.into(), kind: kind.into(), env: env.map(str::to_owned), read_until: Timestamp::UNIX_EPOCH };
        let text = match std::fs::read(&path) {
            Ok(text) => text,
            Err(e) if e.kind() == std::io::ErrorKind::NotFound => return Ok(Self { path, kept, is_known: false, _turn: turn }),
            Err(e) => return Err(cannot(&path, &e)),
        };
        let found: Kept = serde_json::from_slice(&text).ok().filter(|found: &Kept| found.v == VERSION).ok_or_else(|| {
            let message = format!("{}: not a place in a log that this version can read", path.display());
            Error::internal(message).hint("remove it, and say with --since how far back the log is to be read")
        })?;
        // Of another kind of provider under this name nothing has been read.
        let is_known = found.kind == kept.kind;
        if is_known {
            kept.read_until = found.read_until;
        }
        Ok(Self { path, kept, is_known, _turn: turn })
    }

    /// Up to when everything has been read; `None` before the first poll.
    pub(super) fn read_until(&self) -> Option<Timestamp> {
        self.is_known.then_some(self.kept.read_until)
    }

    /// Keeps that everything from `from` until `until` is in the ledger. Where something was left out before `from`, the place stays.
    pub(super) fn advance(&mut self, from: Timestamp, until: Timestamp) -> Result<()> {
        let leaves_a_gap = self.is_known && from > self.kept.read_until;
        if leaves_a_gap || (self.is_known && until <= self.kept.read_until) {
            return Ok(());
        }
        let kept = Kept { read_until: until, ..self.kept.clone() };
        let written = || {
            let mut file = tempfile::NamedTempFile::new_in(self.path.parent().unwrap_or(Path::new(".")))?;
            file.write_all(format!("{}\n", serde_json::to_string(&kept)?).as_bytes())?;
            file.as_file().sync_all()?;
            file.persist(&self.path).map_err(|e| e.error)?;
            Ok(())
        };
        written().map_err(|e: std::io::Error| cannot(&self.path, &e))?;
        (self.kept, self.is_known) = (kept, true);
        Ok(())
    }
}

/// A name as part of a file's name.
fn plain(name: &str) -> String {
    name.bytes().map(|b| if b.is_ascii_alphanumeric() || b == b'-' || b == b'_' { char::from(b).to_string() } else { format!("%{b:02x}") }).collect()
}

fn lock(dir: &Path, path: &Path, provider: &str) -> Result<File> {
    make_private_dir(dir)?;
    let path = path.with_extension("lock");
    let file = OpenOptions::new().write(true).create(true).truncate(false).mode(0o600).open(&path).map_err(|e| cannot(&path, &e))?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => {
            Err(Error::new(Exit::LOCKED, format!("providers.{provider}: another poll of it goes on")).hint("wait for it to end"))
        }
        Err(TryLockError::Error(e)) => Err(cannot(&path, &e)),
    }
}

fn cannot(path: &Path, error: &std::io::Error) -> Error {
    Error::internal(format!("{}: {error}", path.display())).hint("make room, or correct the permissions")
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    /// Opens it for writing. While another test starts a program, a lock that was let go is held for a moment longer.
    fn opened(dir: &Path, provider: &str, kind: &str, env: Option<&str>) -> Result<Cursor> {
        for _ in 0..1_000 {
            match Cursor::open(dir, provider, kind, env, true) {
                Err(error) if error.exit() == Exit::LOCKED => std::thread::sleep(std::time::Duration::from_millis(10)),
                opened => return opened,
            }
        }
        Cursor::open(dir, provider, kind, env, true)
    }

    #[test]
    fn the_place_moves_forward_over_what_was_read_and_leaves_no_gap() {
        let dir = tempfile::tempdir().unwrap();
        let open = || opened(dir.path(), "gun/../x", "mailgun", None).unwrap();
        assert_eq!(open().read_until(), None);
        open().advance(at(0), at(100)).unwrap();
        assert_eq!(open().read_until(), Some(at(100)));
        open().advance(at(50), at(80)).unwrap();
        open().advance(at(101), at(200)).unwrap();
        assert_eq!(open().read_until(), Some(at(100)), "neither back, nor over a gap");
        open().advance(at(100), at(200)).unwrap();
        assert_eq!(open().read_until(), Some(at(200)));
        assert_eq!(opened(dir.path(), "gun/../x", "mailgun", Some("staging")).unwrap().read_until(), None);
        let files: Vec<_> = std::fs::read_dir(dir.path()).unwrap().map(|entry| entry.unwrap()).collect();
        assert_eq!(files.len(), 3, "nothing lies elsewhere: {files:?}");
        assert!(files.iter().all(|file| file.metadata().unwrap().permissions().mode() & 0o077 == 0));
    }

    #[test]
    fn another_kind_begins_anew_and_what_cannot_be_read_is_said() {
        let dir = tempfile::tempdir().unwrap();
        let open = |kind: &str| opened(dir.path(), "api", kind, None);
        open("mailgun").unwrap().advance(at(0), at(100)).unwrap();
        assert_eq!(open("postmark").unwrap().read_until(), None);
        for text in ["", "{", "[]", "{\"v\":2,\"provider\":\"api\",\"kind\":\"mailgun\",\"env\":null,\"read_until\":\"2026-01-01T00:00:00Z\"}"] {
            std::fs::write(dir.path().join("api.json"), text).unwrap();
            assert_eq!(open("mailgun").unwrap_err().exit(), Exit::INTERNAL, "{text:?}");
        }
    }

    #[test]
    fn one_poll_of_a_provider_goes_at_a_time_and_looking_takes_no_turn() {
        let dir = tempfile::tempdir().unwrap();
        let open = |name: &str, writes: bool| Cursor::open(dir.path(), name, "mailgun", None, writes);
        let first = open("api", true).unwrap();
        assert_eq!(open("api", true).unwrap_err().exit(), Exit::LOCKED);
        open("api", false).unwrap();
        open("other", true).unwrap();
        drop(first);
        opened(dir.path(), "api", "mailgun", None).unwrap();
    }
}
