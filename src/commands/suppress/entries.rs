//! Reads the suppressions of the workspace, and finds the file for new ones.

use std::path::PathBuf;

use xxhash_rust::xxh3::xxh3_128;

use crate::ledger::Ledger;
use crate::model::error::{Error, Result};
use crate::run::context::{Context, learned};
use crate::suppression::{self, Entry};

/// Returns the file to which new entries are written.
pub(super) fn first_file(context: &Context) -> Result<PathBuf> {
    context.settings.suppression_files.first().cloned().ok_or_else(|| {
        Error::usage("no suppression file is configured")
            .hint("set files = [\"suppressions.csv\"] under [suppression], or pass --file")
    })
}

/// Returns all entries of the configured files, and then the ledger's entries that are in no file.
/// Ends after the first error.
pub(super) fn all<'a>(
    context: &'a Context,
    ledger: Option<&'a dyn Ledger>,
) -> impl Iterator<Item = Result<Entry>> + 'a {
    let hash = |entry: &Entry| xxh3_128(entry.entry.as_bytes());
    let mut known = Some(Vec::new());
    let mut in_files = suppression::list(&context.settings.suppression_files);
    let mut in_ledger = ledger.into_iter().flat_map(learned);
    let mut sorted: Vec<u128> = Vec::new();
    std::iter::from_fn(move || {
        if let Some(seen) = &mut known {
            match in_files.next() {
                Some(Ok(listed)) if ledger.is_some() => {
                    seen.push(hash(&listed.entry));
                    return Some(Ok(listed.entry));
                }
                Some(listed) => return Some(listed.map(|listed| listed.entry)),
                None => {
                    sorted = known.take().unwrap_or_default();
                    sorted.sort_unstable();
                }
            }
        }
        in_ledger.by_ref().map(|kept| kept.map(|(_, kept)| Entry::from(&kept))).find(|kept| {
            kept.as_ref().map_or(true, |entry| sorted.binary_search(&hash(entry)).is_err())
        })
    })
}
