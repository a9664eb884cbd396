//! A suppression file that held entries and holds nothing any more: an export that failed leaves
//! just that.

use jiff::Timestamp;

use crate::config::Workspace;
use crate::ledger::{Fact, Ledger};
use crate::model::error::{Error, Result};
use crate::suppression::Suppressions;

/// The files that held entries in an earlier run, by their path; the value is their number then.
const KIND: &str = "suppression_file";

/// Refuses a file without header and entries that held some in an earlier run: those people must
/// not be mailed because an export failed. A ledger that does not answer knows of none.
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
        "suppression file {file} is empty, and held {entries} entries in an earlier run: has its export failed?"
    );
    Err(Error::refused(what).hint("write the file again, or leave its header, email, if it is to suppress no address from now on"))
}

/// Remembers which files hold entries.
pub(crate) async fn remember(
    workspace: &Workspace,
    loaded: &Suppressions,
    ledger: &dyn Ledger,
) -> Result<()> {
    let known = ledger.recall(KIND).await?;
    for (file, entries) in loaded.held().iter().filter(|(_, entries)| *entries > 0) {
        let subject = workspace.shown(file);
        // One write a file, not one a run.
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
