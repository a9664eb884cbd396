//! What can go wrong with the ledger, as its callers see it.

/// What went wrong with the ledger.
#[derive(Debug, thiserror::Error)]
pub enum LedgerError {
    #[error("{path}: the ledger has version {found}, this mailbatch knows versions up to {known}")]
    Newer { path: String, found: i64, known: i64 },
    #[error("{path}: the disk is full")]
    Full { path: String },
    #[error("{path}: {detail}")]
    Broken { path: String, detail: String },
    /// It is there, and this process may not use it. `mend` says what would let it.
    #[error("{path}: {why}")]
    Denied { path: String, why: String, mend: String },
    /// Another process did not let go of it within the time that is waited.
    #[error("{path}: {detail}")]
    Locked { path: String, detail: String },
    /// The file is gone, or it is not the one that the workspace's reports, traces and locks belong to.
    #[error("{path}: {what}")]
    Lost { path: String, what: String },
    /// The same, and there is neither a report nor a trace nor a record that says which recipients its runs reached.
    #[error("{path}: {what}")]
    LostWithoutTrace { path: String, what: String },
    /// Something else stands in the ledger's place, or a part of it. `leaves` says whether there is anything of earlier runs to go by.
    #[error("{path}: {what}")]
    NotALedger { path: String, what: String, leaves: Leaves },
    /// It cannot be written, and there is no room for the copy in which it would be read.
    #[error("{path}: the ledger cannot be written, and no copy of it can be made in {dir} to read it: {why}")]
    NoCopy { path: String, dir: String, why: String },
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
    /// Locks alone: something was sent, and nothing says to whom.
    Locks,
    Nothing,
}

pub type LedgerResult<T> = Result<T, LedgerError>;
