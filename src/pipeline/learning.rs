//! Records the suppressions that follow from a provider's answers, once each, in the first
//! suppression file and in the ledger.
//!
//! Invariant: the file is written first and the verdict settled last. If the process dies in
//! between, the trace still has the answer, and the next process completes the work.

use std::collections::HashSet;
use std::path::PathBuf;

use jiff::Timestamp;

use super::{Learn, Parts};
use crate::ledger::{Ledger, LedgerSuppression};
use crate::model::error::{Error, Result};
use crate::suppression;

/// Records the learned suppressions and applies them to the rest of this run. An entry that the
/// ledger already has is not appended to the file again.
pub(crate) async fn keep(parts: &Parts, learned: Vec<LedgerSuppression>) -> Result<()> {
    let Some(learn) = &parts.learn else { return Ok(()) };
    if learned.is_empty() {
        return Ok(());
    }
    for entry in &learned {
        parts.suppressions.add(entry);
    }
    keep_learned(parts.ledger.as_ref(), learn, learned).await
}

/// Records the learned suppressions. An entry that the ledger already has is not appended to the
/// file again.
pub(crate) async fn keep_learned(
    ledger: &dyn Ledger,
    learn: &Learn,
    learned: Vec<LedgerSuppression>,
) -> Result<()> {
    let new = ledger.not_kept(learned).await?;
    append(learn.file.clone(), new.clone()).await;
    suppress(ledger, new).await
}

/// Records the suppressions that follow from answers which an earlier process received but did not
/// settle. Call it before recovering the claims of that process.
pub(crate) async fn keep_unlearned(ledger: &dyn Ledger, learn: &Learn, run: &str) -> Result<()> {
    let learned = ledger.unlearned(run).await?;
    if learned.is_empty() {
        return Ok(());
    }
    let new = ledger.not_kept(learned).await?;
    let known = match learn.file.clone().filter(|file| !new.is_empty() && file.exists()) {
        Some(file) => blocking(move || listed(file)).await?,
        None => HashSet::new(),
    };
    // The process may have died after it wrote the file and before it wrote the ledger.
    let missing = new
        .iter()
        .filter(|kept| !known.contains(&(kept.entry.clone(), kept.reason)))
        .cloned()
        .collect();
    append(learn.file.clone(), missing).await;
    suppress(ledger, new).await
}

/// Reads the entries of a file that have not expired, with their reasons.
fn listed(file: PathBuf) -> Result<HashSet<(String, crate::model::outcome::Reason)>> {
    let now = Timestamp::now();
    let in_force = |listed: Result<suppression::Listed>| match listed {
        Ok(listed) if listed.entry.has_expired(now) => None,
        listed => Some(listed.map(|listed| (listed.entry.entry, listed.entry.reason))),
    };
    suppression::list(&[file]).filter_map(in_force).collect()
}

/// Appends to the suppression file. If that fails, only the ledger has the entries, which is
/// enough: every run also screens against the ledger.
async fn append(file: Option<PathBuf>, entries: Vec<LedgerSuppression>) {
    static WARNED: std::sync::Once = std::sync::Once::new();
    let Some(file) = file.filter(|_| !entries.is_empty()) else { return };
    if let Err(error) = blocking(move || suppression::append(&file, &entries)).await {
        let why = error.to_string();
        WARNED.call_once(|| {
            tracing::warn!(
                "{}; the learned suppressions are kept in the ledger, and the run continues",
                why.lines().next().unwrap_or_default()
            );
        });
    }
}

async fn suppress(ledger: &dyn Ledger, entries: Vec<LedgerSuppression>) -> Result<()> {
    if !entries.is_empty() {
        ledger.suppress(entries).await?;
    }
    Ok(())
}

async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T> + Send + 'static,
) -> Result<T> {
    tokio::task::spawn_blocking(work)
        .await
        .map_err(|e| Error::internal(format!("the suppression file's thread stopped: {e}")))?
}
