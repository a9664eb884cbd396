//! Errors of a single request, before the path of the ledger is added to them.

use std::path::Path;

use rusqlite::ErrorCode;

use crate::ledger::access::{self, Denied, Need};
use crate::ledger::{Leaves, LedgerError};
use crate::model::shown::Shown;

/// The error of one request.
#[derive(Debug)]
pub(crate) enum Fault {
    Sql(rusqlite::Error),
    /// A later version of mailbatch wrote the tables.
    Newer {
        found: i64,
        known: i64,
    },
    NoSuchRun(String),
    Damaged(String),
    /// SQLite cannot switch the database to WAL mode. The journal mode stays the given one.
    NoLog(String),
    /// The file is another program's database.
    Foreign(String),
    /// A ledger file is missing or was replaced, or other files name runs that the ledger does not
    /// know.
    Lost(String),
}

pub(super) type Result<T> = std::result::Result<T, Fault>;

/// SQLITE_IOERR_SHMSIZE: SQLite could not enlarge the shared-memory file. This happens if the disk
/// is full when a ledger is opened.
const SHM_CANNOT_GROW: i32 = 4874;

impl Fault {
    /// Converts to the error that the ledger's callers see.
    pub(super) fn at(self, path: &str) -> LedgerError {
        let path = path.to_owned();
        match self {
            Self::Sql(rusqlite::Error::SqliteFailure(e, _)) if e.code == ErrorCode::DiskFull || e.extended_code == SHM_CANNOT_GROW => {
                LedgerError::Full { ledger: path }
            }
            Self::Sql(e) if e.sqlite_error_code() == Some(ErrorCode::NotADatabase) => {
                LedgerError::Broken { ledger: path, detail: "this is not an SQLite database".into() }
            }
            Self::Sql(e) if e.sqlite_error_code() == Some(ErrorCode::DatabaseBusy) => {
                let detail = format!("{} has held the ledger's write lock for too long", super::patience::holder(&path));
                LedgerError::Locked { ledger: path, detail }
            }
            Self::Sql(e) if is_short_of_memory(&e) => LedgerError::Denied {
                ledger: path,
                why: format!("there is not enough memory to open or read it ({e})"),
                mend: "raise the memory limit (`ulimit -v`) and run the same command again; the ledger is not damaged".into(),
            },
            Self::Sql(e) if is_denial(&e) => denial(&path, &e.to_string()),
            Self::Sql(e) => LedgerError::Broken { ledger: path, detail: e.to_string() },
            Self::NoLog(mode) => LedgerError::Denied {
                ledger: path,
                why: format!("the file system allows no write-ahead log (journal mode is {mode})"),
                mend: "move the workspace to a local file system that supports locks and shared memory".into(),
            },
            Self::Newer { found, known } => LedgerError::Newer { ledger: path, found, known },
            Self::NoSuchRun(run) => LedgerError::NoSuchRun(format!("there is no run {run}")),
            Self::Foreign(what) => LedgerError::NotALedger { ledger: path, what, leaves: Leaves::Nothing },
            Self::Lost(what) => LedgerError::Lost { ledger: path, what },
            Self::Damaged(detail) => LedgerError::Broken { ledger: path, detail },
        }
    }
}

/// Whether SQLite ran out of memory. This does not mean that the file is damaged.
fn is_short_of_memory(error: &rusqlite::Error) -> bool {
    // SQLITE_IOERR_NOMEM, SQLITE_IOERR_SHMMAP and SQLITE_IOERR_MMAP.
    const EXTENDED: [i32; 3] = [3082, 5386, 6154];
    error
        .sqlite_error()
        .is_some_and(|e| e.code == ErrorCode::OutOfMemory || EXTENDED.contains(&e.extended_code))
}

/// Whether the operating system denied SQLite access to the file. This does not mean that the file
/// is damaged.
fn is_denial(error: &rusqlite::Error) -> bool {
    let code = error.sqlite_error_code();
    matches!(code, Some(ErrorCode::CannotOpen | ErrorCode::ReadOnly | ErrorCode::PermissionDenied))
}

/// The error for a file that exists but cannot be used. Names the file or directory that denies
/// access, if one is found. `said` is the error message of SQLite or of the operating system.
pub(super) fn denial(path: &str, said: &str) -> LedgerError {
    let ledger = Path::new(path);
    let state_dir = if ledger.file_name().is_some_and(|name| name == "ledger.db") {
        ledger.parent().unwrap_or(ledger)
    } else {
        ledger
    };
    match access::denied(state_dir, Need::Read).or_else(|| access::denied(state_dir, Need::Write)) {
        Some(Denied { path, why, mend }) => LedgerError::Denied { ledger: path.shown(), why, mend },
        None => LedgerError::Denied {
            ledger: path.to_owned(),
            why: said.to_owned(),
            mend: format!(
                "the file exists but cannot be used: `ls -l {path}*`, `lsattr {path}` and `findmnt -T {path}` show its owner, attributes and mount"
            ),
        },
    }
}

impl From<rusqlite::Error> for Fault {
    fn from(e: rusqlite::Error) -> Self {
        Self::Sql(e)
    }
}

impl From<serde_json::Error> for Fault {
    fn from(e: serde_json::Error) -> Self {
        Self::Damaged(e.to_string())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_lack_of_memory_is_no_damage() {
        for (code, is_damage) in
            [(7, false), (3082, false), (5386, false), (6154, false), (11, true)]
        {
            let fault =
                Fault::Sql(rusqlite::Error::SqliteFailure(rusqlite::ffi::Error::new(code), None));
            let error = fault.at("ledger.db");
            assert_eq!(matches!(error, LedgerError::Broken { .. }), is_damage, "{code}: {error}");
        }
    }
}
