//! What can go wrong with the ledger, as its callers see it, and how it ends the program.

use crate::model::error::Error;

/// What went wrong with the ledger, which `ledger` names: by the path of its file where it is one.
#[derive(Clone, Debug, thiserror::Error)]
pub enum LedgerError {
    #[error(
        "{ledger}: the ledger has version {found}, this mailbatch knows versions up to {known}"
    )]
    Newer { ledger: String, found: i64, known: i64 },
    #[error("{ledger}: the disk is full")]
    Full { ledger: String },
    #[error("{ledger}: {detail}")]
    Broken { ledger: String, detail: String },
    /// It is there, and this process may not use it. `mend` says what would let it.
    #[error("{ledger}: {why}")]
    Denied { ledger: String, why: String, mend: String },
    /// Another process did not let go of it within the time that is waited.
    #[error("{ledger}: {detail}")]
    Locked { ledger: String, detail: String },
    /// The file is gone, or it is not the one that the workspace's reports, traces and locks belong
    /// to.
    #[error("{ledger}: {what}")]
    Lost { ledger: String, what: String },
    /// The same, and there is neither a report nor a trace nor a record that says which recipients
    /// its runs reached.
    #[error("{ledger}: {what}")]
    LostWithoutTrace { ledger: String, what: String },
    /// Something else stands in the ledger's place, or a part of it. `leaves` says whether there is
    /// anything of earlier runs to go by.
    #[error("{ledger}: {what}")]
    NotALedger { ledger: String, what: String, leaves: Leaves },
    /// It cannot be written, and there is no room for the copy in which it would be read.
    #[error(
        "{ledger}: the ledger cannot be written, and no copy of it can be made in {dir} to read it: {why}"
    )]
    NoCopy { ledger: String, dir: String, why: String },
    #[error("the ledger's writer has stopped: {0}")]
    Gone(String),
    #[error("{0}")]
    NoSuchRun(String),
}

/// What a ledger that is not there has left behind.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Leaves {
    /// Reports, traces or records of its runs.
    Runs,
    /// Locks alone: something was sent, and nothing names its recipients.
    Locks,
    Nothing,
}

pub(crate) type LedgerResult<T> = Result<T, LedgerError>;

impl From<LedgerError> for Error {
    /// The error that ends the program, with what mends it.
    fn from(error: LedgerError) -> Self {
        match error {
            LedgerError::Full { .. } => {
                Error::internal(error.to_string()).hint("nothing was handed over without a record; free some space and run the same command again")
            }
            LedgerError::Locked { .. } => Error::internal(error.to_string()).hint(
                "let that process end (a VACUUM, a backup, an open sqlite3 session), then run the same command again: whatever was answered is on record, and no recipient is mailed twice",
            ),
            LedgerError::Newer { .. } => Error::usage(error.to_string()).hint("use the newer mailbatch that wrote it"),
            LedgerError::Lost { .. } => Error::usage(error.to_string()).hint(
                "restore the newest ledger.db from a backup; without one, `mailbatch send LIST --ledger-lost` reads the reports first, so that no recipient \
                 in them is mailed again (a workspace that is to begin anew needs another state directory: move .mailbatch away)",
            ),
            LedgerError::LostWithoutTrace { .. } => Error::usage(error.to_string()).hint(
                "restore the newest ledger.db from a backup, or .mailbatch/reports; a workspace that is to begin anew, although people may then be \
                 mailed twice, needs another state directory: move .mailbatch away",
            ),
            LedgerError::NotALedger { ledger: ref path, leaves, .. } => {
                let away = format!("move {path} away, and {path}-wal and {path}-shm where they are there");
                Error::usage(error.to_string()).hint(match leaves {
                    Leaves::Runs => format!(
                        "{away}; then restore the newest ledger.db from a backup, or without a backup `mailbatch send LIST --ledger-lost` reads the \
                         reports of earlier runs first, so that no recipient in them is mailed again"
                    ),
                    Leaves::Locks => format!(
                        "{away}, and restore the newest ledger.db from a backup; a workspace that is to begin anew, although people may then be mailed \
                         twice, needs another state directory: move .mailbatch away"
                    ),
                    Leaves::Nothing => format!("{away}; nothing has been sent from this workspace, so the next send makes a new ledger, unless you have a backup"),
                })
            }
            LedgerError::NoCopy { .. } => {
                Error::internal(error.to_string()).hint("name a directory with room that this user can write to: TMPDIR=DIR before the command")
            }
            LedgerError::NoSuchRun(_) => Error::usage(error.to_string()).hint("`mailbatch runs` lists them"),
            LedgerError::Broken { .. } => Error::internal(error.to_string())
                .hint("restore the newest ledger.db from a backup; without one move ledger.db, ledger.db-wal and ledger.db-shm away, and `mailbatch send LIST --ledger-lost` reads the reports first, so that no recipient in them is mailed again"),
            LedgerError::Denied { ref mend, .. } => Error::internal(error.to_string()).hint(mend.clone()),
            LedgerError::Gone(_) => Error::internal(error.to_string()),
        }
    }
}
