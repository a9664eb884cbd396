//! Suppressions that follow from a provider's answers are recorded once: in the first suppression
//! file and in the ledger.
//!
//! The rule it keeps: the file comes first and the verdict's own settlement last, so that whatever
//! a process leaves undone is still in its trace and done by the next one.

use std::collections::HashSet;
use std::path::PathBuf;

use jiff::Timestamp;

use super::{Learn, Parts};
use crate::ledger::{Ledger, LedgerSuppression};
use crate::model::error::{Error, Result};
use crate::suppression;

/// Keeps what was learned, for the rest of this run too. What the ledger knows already is not
/// written to the file again.
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

/// Keeps what was learned. What the ledger knows already is not written to the file again.
pub(crate) async fn keep_learned(
    ledger: &dyn Ledger,
    learn: &Learn,
    learned: Vec<LedgerSuppression>,
) -> Result<()> {
    let new = ledger.not_kept(learned).await?;
    append(learn.file.clone(), new.clone()).await;
    suppress(ledger, new).await
}

/// Keeps the suppressions that follow from answers which a process that is gone had not settled. To
/// be called before its claims are recovered.
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
    // The process may have died between the file and the ledger.
    let missing = new
        .iter()
        .filter(|kept| !known.contains(&(kept.entry.clone(), kept.reason)))
        .cloned()
        .collect();
    append(learn.file.clone(), missing).await;
    suppress(ledger, new).await
}

/// The entries of a file that have not expired, with their reasons.
fn listed(file: PathBuf) -> Result<HashSet<(String, crate::model::outcome::Reason)>> {
    let now = Timestamp::now();
    let in_force = |listed: Result<suppression::Listed>| match listed {
        Ok(listed) if listed.entry.has_expired(now) => None,
        listed => Some(listed.map(|listed| (listed.entry.entry, listed.entry.reason))),
    };
    suppression::list(&[file]).filter_map(in_force).collect()
}

/// Appends to the file where that can be written. Where it cannot, the ledger alone keeps what was
/// learned, and a missing file mails no suppressed recipient: the ledger is always consulted.
async fn append(file: Option<PathBuf>, entries: Vec<LedgerSuppression>) {
    static WARNED: std::sync::Once = std::sync::Once::new();
    let Some(file) = file.filter(|_| !entries.is_empty()) else { return };
    if let Err(error) = blocking(move || suppression::append(&file, &entries)).await {
        let why = error.to_string();
        WARNED.call_once(|| {
            tracing::warn!(
                "{}; the ledger keeps what is learned, and the run goes on",
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
