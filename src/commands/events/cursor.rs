//! Stores the time until which a provider's event log has been read, in
//! `.mailbatch/poll/NAME.json`. A lock file next to it prevents two polls of one provider at the
//! same time.
//!
//! The position moves forward only past events that are in the ledger. It moves back only if it
//! must be wrong, because reading an event twice is harmless.

use std::fs::{File, OpenOptions, TryLockError};
use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use data_encoding::HEXLOWER;
use jiff::{SignedDuration, Timestamp};
use ring::hmac;
use serde::{Deserialize, Serialize};

use crate::model::error::{Error, Result};
use crate::model::exit::Exit;
use crate::model::figures::time;
use crate::model::shown::Shown;
use crate::run::state_dir::make_private_dir;

const VERSION: u32 = 1;
/// The maximum difference between two clocks that are both considered correct.
pub(crate) const SKEW: SignedDuration = SignedDuration::from_mins(5);
/// How far back to read if the stored position must be wrong. Providers keep their logs about as
/// long.
const FAR: Duration = Duration::from_secs(30 * 24 * 3_600);

/// The content of the position file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Kept {
    v: u32,
    provider: String,
    kind: String,
    env: Option<String>,
    read_until: Timestamp,
    /// A keyed hash of the account whose log was read (see [`mark`]). `None` in files of earlier
    /// versions.
    #[serde(default)]
    account: Option<String>,
}

/// The time until which all events of one provider's log are in the ledger.
#[derive(Debug)]
pub(crate) struct Cursor {
    path: PathBuf,
    kept: Kept,
    /// The content that the previous poll stored, or `None` before the first poll.
    found: Option<Kept>,
    /// The position from which to read. [`doubt`](Self::doubt) may correct it.
    place: Option<Timestamp>,
    _turn: Option<File>,
}

impl Cursor {
    /// Reads the position that the previous poll stored. If `writes` is true, also takes the lock.
    /// Fails with exit code 11 if another poll holds the lock.
    pub(crate) fn open(
        dir: &Path,
        provider: &str,
        kind: &str,
        env: Option<&str>,
        writes: bool,
    ) -> Result<Self> {
        let of_env = env.map(|env| format!("@{}", plain(env))).unwrap_or_default();
        let path = dir.join(format!("{}{of_env}.json", plain(provider)));
        let turn = if writes { Some(lock(dir, &path, provider)?) } else { None };
        let kept = Kept {
            v: VERSION,
            provider: provider.into(),
            kind: kind.into(),
            env: env.map(str::to_owned),
            read_until: Timestamp::UNIX_EPOCH,
            account: None,
        };
        let text = match std::fs::read(&path) {
            Ok(text) => text,
            Err(e) if e.kind() == std::io::ErrorKind::NotFound => {
                return Ok(Self { path, kept, found: None, place: None, _turn: turn });
            }
            Err(e) => return Err(cannot(&path, &e)),
        };
        let found: Kept = serde_json::from_slice(&text)
            .ok()
            .filter(|found: &Kept| found.v == VERSION)
            .ok_or_else(|| {
                let message = format!(
                    "{}: this version of mailbatch cannot read the stored log position",
                    path.shown()
                );
                Error::internal(message)
                    .hint("remove the file, and set how far back to read with --since")
            })?;
        // The position is ignored if the provider had another kind, because it is then from another
        // service.
        let found = Some(found).filter(|found| found.kind == kept.kind);
        Ok(Self {
            path,
            kept,
            place: found.as_ref().map(|found| found.read_until),
            found,
            _turn: turn,
        })
    }

    /// Checks the stored position against the clock and the account. Returns a description of the
    /// problem, if there is one.
    ///
    /// A position in the future was stored while a clock was ahead. It is unknown which events were
    /// read, so the last 30 days are read again.
    ///
    /// Another account hash may mean a new account, or a new key of the same account. The log is
    /// then read at least from the time `first` before now.
    pub(crate) fn doubt(
        &mut self,
        now: Timestamp,
        account: Option<&str>,
        first: Duration,
    ) -> Option<String> {
        self.kept.account = account.map(str::to_owned);
        let found = self.found.as_ref()?;
        let path = self.path.shown();
        if found.read_until.duration_since(now) > SKEW {
            self.place = Some(back(now, FAR));
            return Some(format!(
                "{path}: the log was read until {}, which is in the future, so a clock was ahead",
                time(found.read_until)
            ));
        }
        let is_another =
            found.account.is_some() && account.is_some() && found.account.as_deref() != account;
        self.place = Some(if is_another {
            found.read_until.min(back(now, first))
        } else {
            found.read_until
        });
        is_another.then(|| format!("{path}: the previous poll used another account or another key"))
    }

    /// Returns the time until which all events have been read, or `None` before the first poll.
    pub(crate) fn read_until(&self) -> Option<Timestamp> {
        self.place
    }

    /// Stores that all events from `from` until `until` are in the ledger. The position does not
    /// move if events before `from` were not read.
    pub(crate) fn advance(&mut self, from: Timestamp, until: Timestamp) -> Result<()> {
        if self.place.is_some_and(|place| from > place || until <= place) {
            return Ok(());
        }
        let account = self.kept.account.clone().or_else(|| self.found.as_ref()?.account.clone());
        let kept = Kept { read_until: until, account, ..self.kept.clone() };
        let written = || {
            let mut file =
                tempfile::NamedTempFile::new_in(self.path.parent().unwrap_or(Path::new(".")))?;
            file.write_all(format!("{}\n", serde_json::to_string(&kept)?).as_bytes())?;
            file.as_file().sync_all()?;
            file.persist(&self.path).map_err(|e| e.error)?;
            Ok(())
        };
        written().map_err(|e: std::io::Error| cannot(&self.path, &e))?;
        (self.found, self.place) = (Some(kept), Some(until));
        Ok(())
    }
}

/// Computes a keyed hash of an account's hash. It shows whether two polls of this workspace read
/// the same account, and nothing else.
pub(crate) fn mark(account: &[u8; 32], secret: &[u8; 32]) -> String {
    let signed = hmac::sign(
        &hmac::Key::new(hmac::HMAC_SHA256, secret),
        &[b"poll", account.as_slice()].concat(),
    );
    HEXLOWER.encode(&signed.as_ref()[..6])
}

/// Returns `at` minus `by`, but no time before 1970.
pub(crate) fn back(at: Timestamp, by: Duration) -> Timestamp {
    at.saturating_sub(by).unwrap_or(Timestamp::UNIX_EPOCH).max(Timestamp::UNIX_EPOCH)
}

/// Escapes the name of a provider or environment for a file name.
fn plain(name: &str) -> String {
    name.bytes()
        .map(|b| {
            if b.is_ascii_alphanumeric() || b == b'-' || b == b'_' {
                char::from(b).to_string()
            } else {
                format!("%{b:02x}")
            }
        })
        .collect()
}

fn lock(dir: &Path, path: &Path, provider: &str) -> Result<File> {
    make_private_dir(dir)?;
    let path = path.with_extension("lock");
    let file = OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(false)
        .mode(0o600)
        .open(&path)
        .map_err(|e| cannot(&path, &e))?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => Err(Error::new(
            Exit::LOCKED,
            format!("providers.{provider}: another poll of this provider is running"),
        )
        .hint("wait until it has ended")),
        Err(TryLockError::Error(e)) => Err(cannot(&path, &e)),
    }
}

fn cannot(path: &Path, error: &std::io::Error) -> Error {
    Error::internal(format!("{}: {error}", path.shown()))
        .hint("free disk space, or correct the permissions")
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    const HOUR: Duration = Duration::from_secs(3_600);

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    /// Opens the cursor for writing. Tries again for a while, because a process started by another
    /// test may have inherited the lock.
    fn opened(dir: &Path, provider: &str, kind: &str, env: Option<&str>) -> Result<Cursor> {
        for _ in 0..1_000 {
            match Cursor::open(dir, provider, kind, env, true) {
                Err(error) if error.exit() == Exit::LOCKED => {
                    std::thread::sleep(std::time::Duration::from_millis(10))
                }
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
        assert_eq!(
            opened(dir.path(), "gun/../x", "mailgun", Some("staging")).unwrap().read_until(),
            None
        );
        let files: Vec<_> =
            std::fs::read_dir(dir.path()).unwrap().map(|entry| entry.unwrap()).collect();
        assert_eq!(files.len(), 3, "nothing lies elsewhere: {files:?}");
        assert!(
            files.iter().all(|file| file.metadata().unwrap().permissions().mode() & 0o077 == 0)
        );
    }

    #[test]
    fn a_place_that_is_yet_to_come_is_not_believed_and_the_next_poll_puts_it_right() {
        let dir = tempfile::tempdir().unwrap();
        let open = || opened(dir.path(), "api", "mailgun", None).unwrap();
        let (now, month) = (at(1_000_000_000), 30 * 86_400);
        let kept = || Cursor::open(dir.path(), "api", "mailgun", None, false).unwrap().read_until();
        open().advance(at(0), at(2_000_000_000)).unwrap();
        let mut cursor = open();
        assert!(cursor.doubt(now, None, HOUR).unwrap().contains("2033-05-18"));
        assert_eq!(cursor.read_until(), Some(at(1_000_000_000 - month)));
        assert!(
            cursor.doubt(at(2_000_000_000 - 200), None, HOUR).is_none(),
            "clocks are never the same"
        );
        assert_eq!(cursor.read_until(), Some(at(2_000_000_000)));
        cursor.doubt(now, None, HOUR);
        cursor.advance(at(1_000_000_000 - 600), now).unwrap();
        assert_eq!(kept(), Some(at(2_000_000_000)), "the month before has not been read");
        cursor.advance(at(1_000_000_000 - month), now).unwrap();
        assert_eq!(
            (kept(), cursor.doubt(now, None, HOUR), cursor.read_until()),
            (Some(now), None, Some(now))
        );
    }

    #[test]
    fn another_account_is_read_as_at_first_and_a_place_without_a_mark_is_anybodys() {
        let dir = tempfile::tempdir().unwrap();
        let begin = |now: i64, account: &str| {
            let mut cursor = opened(dir.path(), "api", "mailgun", None).unwrap();
            let doubt = cursor.doubt(at(now), Some(account), HOUR);
            let place = cursor.read_until();
            cursor.advance(place.unwrap_or(at(0)), at(now)).unwrap();
            (doubt.is_some(), place)
        };
        let old = r#"{"v":1,"provider":"api","kind":"mailgun","env":null,"read_until":"1970-01-02T00:00:00Z"}"#;
        std::fs::write(dir.path().join("api.json"), old).unwrap();
        assert_eq!(
            begin(86_400, "ours"),
            (false, Some(at(86_400))),
            "the place stays, and gets its mark with the next that is read"
        );
        assert_eq!(begin(90_000, "ours"), (false, Some(at(86_400))));
        assert_eq!(begin(90_060, "ours"), (false, Some(at(90_000))));
        assert_eq!(
            begin(90_120, "theirs"),
            (true, Some(at(90_120 - 3_600))),
            "the other log from its last hour on"
        );
        assert_eq!(begin(90_180, "theirs"), (false, Some(at(90_120))));
        assert_eq!(
            begin(900_000, "ours"),
            (true, Some(at(90_180))),
            "a new key of the same account loses nothing"
        );
        let account = [7; 32];
        assert_eq!(mark(&account, &[1; 32]), mark(&account, &[1; 32]));
        assert!(
            mark(&account, &[1; 32]) != mark(&account, &[2; 32])
                && mark(&account, &[1; 32]) != mark(&[8; 32], &[1; 32])
        );
    }

    #[test]
    fn another_kind_begins_anew_and_what_cannot_be_read_is_said() {
        let dir = tempfile::tempdir().unwrap();
        let open = |kind: &str| opened(dir.path(), "api", kind, None);
        open("mailgun").unwrap().advance(at(0), at(100)).unwrap();
        assert_eq!(open("postmark").unwrap().read_until(), None);
        for text in [
            "",
            "{",
            "[]",
            "{\"v\":2,\"provider\":\"api\",\"kind\":\"mailgun\",\"env\":null,\"read_until\":\"2026-01-01T00:00:00Z\"}",
        ] {
            std::fs::write(dir.path().join("api.json"), text).unwrap();
            assert_eq!(open("mailgun").unwrap_err().exit(), Exit::INTERNAL, "{text:?}");
        }
    }

    #[test]
    fn one_poll_of_a_provider_goes_at_a_time_and_looking_takes_no_turn() {
        let dir = tempfile::tempdir().unwrap();
        let open =
            |name: &str, writes: bool| Cursor::open(dir.path(), name, "mailgun", None, writes);
        let first = open("api", true).unwrap();
        assert_eq!(open("api", true).unwrap_err().exit(), Exit::LOCKED);
        open("api", false).unwrap();
        open("other", true).unwrap();
        drop(first);
        opened(dir.path(), "api", "mailgun", None).unwrap();
    }
}
