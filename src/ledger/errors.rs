//! The errors of the ledger, and the error that each one shows to the operator.

use crate::model::error::Error;

/// An error of the ledger. `ledger` is the path of the ledger file, or another name for a ledger
/// without a file.
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
    /// The ledger exists, but this process lacks permission to use it. `mend` says how to fix that.
    #[error("{ledger}: {why}")]
    Denied { ledger: String, why: String, mend: String },
    /// Another process held the ledger's lock for longer than this process waits.
    #[error("{ledger}: {detail}")]
    Locked { ledger: String, detail: String },
    /// The ledger file is missing, or it is not the ledger that the workspace's reports, traces and
    /// locks belong to.
    #[error("{ledger}: {what}")]
    Lost { ledger: String, what: String },
    /// Like `Lost`, but no report, trace or record shows which recipients the runs reached.
    #[error("{ledger}: {what}")]
    LostWithoutTrace { ledger: String, what: String },
    /// The ledger's path holds another kind of file, or only part of a ledger. `leaves` says which
    /// files of earlier runs remain.
    #[error("{ledger}: {what}")]
    NotALedger { ledger: String, what: String, leaves: Leaves },
    /// The ledger cannot be written, and there is no room for the temporary copy that is needed to
    /// read it.
    #[error(
        "{ledger}: the ledger cannot be written, and no copy of it can be made in {dir} to read it: {why}"
    )]
    NoCopy { ledger: String, dir: String, why: String },
    #[error("the ledger has stopped working: {0}")]
    Gone(String),
    #[error("{0}")]
    NoSuchRun(String),
}

/// The files that remain after the ledger was lost.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Leaves {
    /// Reports, traces or records of runs.
    Runs,
    /// Only campaign locks: messages were sent, but no file names the recipients.
    Locks,
    Nothing,
}

pub(crate) type LedgerResult<T> = Result<T, LedgerError>;

impl From<LedgerError> for Error {
    /// Converts to the error that ends the program, with a hint that says how to fix it.
    fn from(error: LedgerError) -> Self {
        match error {
            LedgerError::Full { .. } => {
                Error::internal(error.to_string()).hint("free some disk space and run the same command again; every message sent so far is on record")
            }
            LedgerError::Locked { .. } => Error::internal(error.to_string()).hint(
                "wait for that process to end (a VACUUM, a backup or an open sqlite3 session), then run the same command again: every reply is on record, and no recipient is mailed twice",
            ),
            LedgerError::Newer { .. } => Error::usage(error.to_string()).hint("use the newer mailbatch version that wrote the ledger"),
            LedgerError::Lost { .. } => Error::usage(error.to_string()).hint(
                "restore the newest ledger.db from a backup; without one, `mailbatch send LIST --ledger-lost` reads the reports first, so that no recipient \
                 in them is mailed again (to start over with an empty ledger, move .mailbatch away)",
            ),
            LedgerError::LostWithoutTrace { .. } => Error::usage(error.to_string()).hint(
                "restore the newest ledger.db from a backup, or restore .mailbatch/reports; to start over with an empty ledger, although recipients \
                 may then be mailed twice, move .mailbatch away",
            ),
            LedgerError::NotALedger { ledger: ref path, leaves, .. } => {
                let away = format!("move {path} away, with {path}-wal and {path}-shm if they exist");
                Error::usage(error.to_string()).hint(match leaves {
                    Leaves::Runs => format!(
                        "{away}; then restore the newest ledger.db from a backup; without a backup, `mailbatch send LIST --ledger-lost` reads the \
                         reports of earlier runs first, so that no recipient in them is mailed again"
                    ),
                    Leaves::Locks => format!(
                        "{away}, and restore the newest ledger.db from a backup; to start over with an empty ledger, although recipients may then be \
                         mailed twice, move .mailbatch away"
                    ),
                    Leaves::Nothing => format!("{away}; no message has been sent from this workspace: restore a backup if you have one, otherwise the next send creates a new ledger"),
                })
            }
            LedgerError::NoCopy { .. } => {
                Error::internal(error.to_string()).hint("set TMPDIR to a directory with enough space that this user can write to: TMPDIR=DIR mailbatch ...")
            }
            LedgerError::NoSuchRun(_) => Error::usage(error.to_string()).hint("`mailbatch runs` lists the runs"),
            LedgerError::Broken { .. } => Error::internal(error.to_string())
                .hint("restore the newest ledger.db from a backup; without a backup, move ledger.db, ledger.db-wal and ledger.db-shm away; then `mailbatch send LIST --ledger-lost` reads the reports first, so that no recipient in them is mailed again"),
            LedgerError::Denied { ref mend, .. } => Error::internal(error.to_string()).hint(mend.clone()),
            LedgerError::Gone(_) => Error::internal(error.to_string()),
        }
    }
}
