//! Reads all pages of a provider's suppression list, or the pages that an earlier command did not
//! read.
//!
//! Reading always ends. A repeated cursor, or too many pages without a new address, is an error.

use std::collections::HashSet;

use jiff::Timestamp;
use xxhash_rust::xxh3::xxh3_128;

use super::progress::Progress;
use crate::ledger::LedgerSuppression;
use crate::model::address::Address;
use crate::model::error::Result;
use crate::model::outcome::Reason;
use crate::provider::Refusal;
use crate::provider::account::{RemoteList, Theirs, Trouble};

/// The number of pages in a row without a new address after which the listing fails. Some known
/// addresses are normal, because an address can be on several lists of a provider.
const MOST_STALE: u32 = 10;

/// Returns the hash by which entries are compared.
pub(super) fn key_of(entry: &str) -> u128 {
    xxh3_128(entry.as_bytes())
}

/// A suppression list that is being read page by page.
pub(super) struct Listing<'a> {
    list: &'a dyn RemoteList,
    progress: &'a mut Progress,
    /// The cursor of the next page. `None` before the first page.
    cursor: Option<String>,
    /// Whether the last page has been read.
    is_over: bool,
    /// Whether the cursor was stored by an earlier command and has not been used yet.
    is_resumed: bool,
    /// The hashes of the current page's new addresses.
    fresh: Vec<u128>,
    seen: HashSet<u128>,
    cursors: HashSet<String>,
    stale: u32,
    unreadable: u64,
    left_out: Vec<(u64, &'static str)>,
}

impl<'a> Listing<'a> {
    pub(super) fn new(list: &'a dyn RemoteList, progress: &'a mut Progress) -> Self {
        let (cursor, is_over, seen) = progress.take();
        let is_resumed = cursor.is_some();
        let mut listing = Self {
            list,
            progress,
            cursor,
            is_over,
            is_resumed,
            fresh: Vec::new(),
            seen,
            cursors: HashSet::new(),
            stale: 0,
            unreadable: 0,
            left_out: Vec::new(),
        };
        listing.cursors.extend(listing.cursor.clone());
        listing
    }

    /// Reads the next page and returns its valid entries. Returns `None` after the last page.
    pub(super) async fn next(&mut self) -> Result<Option<Vec<LedgerSuppression>>, Trouble> {
        if self.is_over {
            return Ok(None);
        }
        let page = match self.list.page(self.cursor.as_deref()).await {
            // The provider may have forgotten a stored cursor. Reading its pages again is harmless.
            Err(Trouble::Refused(refusal)) if self.is_resumed => {
                tracing::info!(
                    code = refusal.code,
                    "the provider no longer accepts the stored cursor; starting again"
                );
                self.cursor = None;
                self.cursors.clear();
                self.is_resumed = false;
                self.list.page(None).await?
            }
            page => page?,
        };
        self.is_resumed = false;
        if let Some(cursor) = &page.next
            && !self.cursors.insert(cursor.clone())
        {
            return Err(endless());
        }
        self.fresh.clear();
        let had_entries = !page.entries.is_empty();
        let entries: Vec<LedgerSuppression> =
            page.entries.into_iter().filter_map(|theirs| self.read(theirs)).collect();
        self.stale = if had_entries && self.fresh.is_empty() { self.stale + 1 } else { 0 };
        if self.stale >= MOST_STALE && page.next.is_some() {
            return Err(endless());
        }
        if let Some((count, why)) = page.left_out {
            match self.left_out.iter_mut().find(|(_, known)| *known == why) {
                Some((sum, _)) => *sum += count,
                None => self.left_out.push((count, why)),
            }
        }
        self.is_over = page.next.is_none();
        self.cursor = page.next;
        Ok(Some(entries))
    }

    /// Records that the current page has been stored.
    pub(super) fn is_kept(&mut self) -> Result<()> {
        self.progress.add(self.cursor.as_deref(), self.fresh.drain(..))
    }

    /// Ends the listing. Returns the number of invalid addresses, the numbers and reasons of
    /// entries left out, and the hashes of all addresses.
    pub(super) fn end(self) -> (u64, Vec<(u64, &'static str)>, HashSet<u128>) {
        (self.unreadable, self.left_out, self.seen)
    }

    fn read(&mut self, theirs: Theirs) -> Option<LedgerSuppression> {
        let Ok(address) = Address::parse(theirs.email.trim()) else {
            tracing::debug!(email = theirs.email, "not an address");
            self.unreadable += 1;
            return None;
        };
        let entry = address.folded();
        if self.seen.insert(key_of(&entry)) {
            self.fresh.push(key_of(&entry));
        }
        Some(LedgerSuppression {
            entry,
            reason: theirs.reason,
            scope: String::new(),
            source: String::new(),
            created_at: theirs.created_at.unwrap_or_else(Timestamp::now),
            expires_at: None,
            note: theirs.note,
        })
    }
}

fn endless() -> Trouble {
    Trouble::Failing(Refusal::new(
        Reason::NoReply,
        "",
        "the suppression list does not end: the provider returns the same page again",
    ))
}
