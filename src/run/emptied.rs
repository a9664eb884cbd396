//! Detects a suppression file that had entries in an earlier run and is empty now, for example
//! after a failed export.

use jiff::Timestamp;

use crate::config::Workspace;
use crate::ledger::{Fact, Ledger};
use crate::model::error::{Error, Result};
use crate::suppression::Suppressions;

/// The kind of the fact that a suppression file had entries in an earlier run. Its subject is the
/// path, its value the number of entries.
const KIND: &str = "suppression_file";

/// Refuses a suppression file that is empty, even without a header, if it had entries in an earlier
/// run. The export may have failed, and the missing addresses must not be mailed. If the ledger
/// cannot be read, nothing is refused.
pub(crate) async fn refuse(
    workspace: &Workspace,
    loaded: &Suppressions,
    ledger: &dyn Ledger,
) -> Result<()> {
    let blank = loaded.noted().iter().filter(|(_, noted)| noted.is_blank);
    let blank: Vec<String> = blank.map(|(file, _)| workspace.shown(file)).collect();
    if blank.is_empty() {
        return Ok(());
    }
    let known = ledger.recall(KIND).await.unwrap_or_default();
    let Some(fact) = known.iter().find(|fact| blank.contains(&fact.subject)) else { return Ok(()) };
    let (file, entries) = (&fact.subject, &fact.value);
    let what = format!(
        "suppression file {file} is empty, and held {entries} entries in an earlier run: did its export fail?"
    );
    Err(Error::refused(what).hint(
        "write the file again, or leave its header, email, in it to confirm that it is meant to be empty",
    ))
}

/// Records which files have entries.
pub(crate) async fn remember(
    workspace: &Workspace,
    loaded: &Suppressions,
    ledger: &dyn Ledger,
) -> Result<()> {
    let known = ledger.recall(KIND).await?;
    for (file, entries) in loaded.held().iter().filter(|(_, entries)| *entries > 0) {
        let subject = workspace.shown(file);
        // The fact is written once per file, not once per run.
        if known.iter().all(|fact| fact.subject != subject) {
            let fact = Fact {
                kind: KIND.to_owned(),
                subject,
                value: entries.to_string(),
                at: Timestamp::now(),
            };
            ledger.remember(fact).await?;
        }
    }
    Ok(())
}
