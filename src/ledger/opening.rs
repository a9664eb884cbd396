//! Opens the ledger of a workspace. Only this file names the database that implements it.

use std::path::Path;
use std::sync::Arc;

use super::loss::{Loss, Remains};
use super::sqlite::SqliteLedger;
use super::{Ledger, LedgerResult};

/// Opens the ledger in this state directory. Creates the directory and the ledger if they are
/// missing, and migrates an older ledger to the current version.
///
/// Fails with `LedgerError::Newer` if a later version of mailbatch wrote the ledger; the file is
/// not changed. Fails with `LedgerError::Lost` if reports, traces, records or locks name runs that
/// the ledger does not contain; nothing is created.
pub fn open(state_dir: &Path) -> LedgerResult<Arc<dyn Ledger>> {
    SqliteLedger::open(state_dir).map(shared)
}

/// Opens the ledger if it exists. Creates nothing.
pub(crate) fn open_existing(state_dir: &Path) -> LedgerResult<Option<Arc<dyn Ledger>>> {
    Ok(SqliteLedger::open_existing(state_dir)?.map(shared))
}

/// Opens the ledger of a workspace that lost an earlier ledger, or creates a new one. Returns the
/// differences between the ledger and the other files.
///
/// Fails with `LedgerError::LostWithoutTrace` if there are locks of an earlier ledger but no file
/// that names its runs; nothing is created.
pub(crate) fn open_after_loss(state_dir: &Path) -> LedgerResult<(Arc<dyn Ledger>, Remains, Loss)> {
    let (ledger, remains, loss) = SqliteLedger::open_after_loss(state_dir)?;
    Ok((shared(ledger), remains, loss))
}

/// Opens a temporary copy of the ledger. The ledger itself is not changed, and changes to the copy
/// are discarded. `None` if there is no ledger.
pub(crate) fn open_copy(state_dir: &Path) -> LedgerResult<Option<Arc<dyn Ledger>>> {
    Ok(SqliteLedger::open_copy(state_dir)?.map(shared))
}

/// Whether a ledger file exists, usable or not.
pub(crate) fn exists(state_dir: &Path) -> bool {
    SqliteLedger::path(state_dir).exists()
}

fn shared(ledger: SqliteLedger) -> Arc<dyn Ledger> {
    Arc::new(ledger)
}
