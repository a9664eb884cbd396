//! Finds where a suppressed address is listed.

use std::path::PathBuf;

use jiff::Timestamp;

use crate::model::address::Address;
use crate::model::error::{Error, Result};
use crate::run::context::{Context, learned};
use crate::suppression::{self, Entry};

/// Returns every valid entry that covers the address, each with its file and line, or `ledger`.
pub(crate) fn places(
    context: &Context,
    files: &[PathBuf],
    address: &Address,
) -> Result<Vec<(String, Entry)>> {
    let now = Timestamp::now();
    let mut found = Vec::new();
    for listed in suppression::list(files) {
        let listed = listed?;
        if listed.entry.covers(address) && !listed.entry.has_expired(now) {
            found.push((
                format!("{}:{}", context.settings.workspace.shown(&listed.file), listed.line),
                listed.entry,
            ));
        }
    }
    if let Some(ledger) = context.ledger_to_read()? {
        tokio::task::block_in_place(|| {
            for kept in learned(ledger.as_ref()) {
                let entry = Entry::from(&kept?.1);
                if entry.covers(address) && !entry.has_expired(now) {
                    found.push(("ledger".to_owned(), entry));
                }
            }
            Ok::<_, Error>(())
        })?;
    }
    Ok(found)
}
