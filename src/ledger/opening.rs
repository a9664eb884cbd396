//! How the ledger of a workspace is opened: the only place that says in which database it is kept.

use std::path::Path;
use std::sync::Arc;

use super::loss::{Loss, Remains};
use super::sqlite::SqliteLedger;
use super::{Ledger, LedgerResult};

/// Opens the ledger of the workspace with this state directory, making both when they are missing,
/// and brings an older one up to date. Errs with `LedgerError::Newer` for a ledger of a later
/// version, which is left as it is, and with `LedgerError::Lost` when reports, traces, records or
/// locks belong to runs of a ledger that is gone or that this is not; nothing is made then.
pub fn open(state_dir: &Path) -> LedgerResult<Arc<dyn Ledger>> {
    SqliteLedger::open(state_dir).map(shared)
}

/// Opens the ledger if there is one, and makes nothing otherwise.
pub(crate) fn open_existing(state_dir: &Path) -> LedgerResult<Option<Arc<dyn Ledger>>> {
    Ok(SqliteLedger::open_existing(state_dir)?.map(shared))
}

/// Opens the ledger of a workspace that has lost an earlier one, making it when it is missing.
/// Returns how the two disagree. Errs with `LedgerError::LostWithoutTrace` where locks show that
/// there was a ledger and nothing says what became of its runs; nothing is made then.
pub(crate) fn open_after_loss(state_dir: &Path) -> LedgerResult<(Arc<dyn Ledger>, Remains, Loss)> {
    let (ledger, remains, loss) = SqliteLedger::open_after_loss(state_dir)?;
    Ok((shared(ledger), remains, loss))
}

/// Opens a copy of the ledger, which is left as it is; what is written to the copy is gone with it.
/// `None` where there is none.
pub(crate) fn open_copy(state_dir: &Path) -> LedgerResult<Option<Arc<dyn Ledger>>> {
    Ok(SqliteLedger::open_copy(state_dir)?.map(shared))
}

/// Whether there is a ledger, usable or not.
pub(crate) fn exists(state_dir: &Path) -> bool {
    SqliteLedger::path(state_dir).exists()
}

fn shared(ledger: SqliteLedger) -> Arc<dyn Ledger> {
    Arc::new(ledger)
}
