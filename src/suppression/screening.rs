//! Files and ledger as one answer: may this address be mailed?

use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError, RwLock, RwLockReadGuard};

use jiff::Timestamp;
use xxhash_rust::xxh3::xxh3_128;

use super::entry::{Entry, Form, key_of, rank_of, reason_of, sha256_keys};
use super::index::{Index, masked, packed};
use super::records::Record;
use super::watched::{Loading, Watched};
use crate::address::Address;
use crate::error::{Error, Result};
use crate::ledger::LedgerSuppression;
use crate::outcome::{Kind, Reason};

/// Why an address is suppressed. Says nothing about the address itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Hit {
    /// The weightiest reason: complaint, hard bounce, unsubscribe, manual.
    pub reason: Reason,
    /// A few words: `listed`, `listed by its hash`, `domain listed`.
    pub detail: String,
}

/// Everybody who must not get mail of one kind. It can be shared between threads; entries are added and never removed.
#[derive(Debug)]
pub struct Suppressions {
    rule: Rule,
    loaded: Index,
    added: RwLock<HashMap<u128, u8>>,
    has_domains: AtomicBool,
    has_hashes: AtomicBool,
    watched: Mutex<Vec<Watched>>,
}

impl Suppressions {
    /// Reads the files and takes the ledger's entries in. Entries that have expired at `now` or do not stop mail of `kind` are left out;
    /// what is in force at `now` stays so. A file that is missing or has a line that cannot be understood is an error with exit 4.
    pub fn load(files: &[PathBuf], ledger: &[LedgerSuppression], kind: Kind, now: Timestamp) -> Result<Self> {
        let rule = Rule { kind, now };
        let mut forms = Forms::default();
        let mut keys: Vec<u128> = Vec::new();
        let mut watched = Vec::with_capacity(files.len());
        for path in files {
            watched.extend(Watched::load(path, &mut |step| match step {
                // Reserved pages cost nothing before they are written to; growing by doubling might.
                Loading::About(lines) => keys.reserve_exact(lines + ledger.len()),
                Loading::Record(record) => keys.extend(rule.apply(&record, &mut forms).map(|(hash, rank)| packed(hash, rank))),
            })?);
        }
        for kept in ledger {
            if let Some((hash, rank)) = rule.apply_entry(&Entry::from(kept), &mut forms) {
                keys.push(packed(hash, rank));
            }
        }
        if u32::try_from(keys.len()).is_err() {
            return Err(Error::refused("the suppression files hold more than 4,294,967,295 entries").hint("remove repeated and expired entries"));
        }
        Ok(Self {
            rule,
            loaded: Index::new(keys),
            added: RwLock::default(),
            has_domains: forms.domains.into(),
            has_hashes: forms.hashes.into(),
            watched: Mutex::new(watched),
        })
    }

    /// Why this address must not be mailed, if it must not.
    pub fn screen(&self, address: &Address) -> Option<Hit> {
        let added = self.additions();
        let rank = |hash: u128| self.loaded.get(hash).max(if added.is_empty() { None } else { added.get(&masked(hash)).copied() });
        let folded = address.folded();
        let by_address = rank(xxh3_128(folded.as_bytes()));
        let by_hash = if self.has_hashes.load(Ordering::Acquire) { sha256_keys(&folded).filter_map(rank).max() } else { None };
        // The domain of an address is in lowercase ASCII already, as a domain entry's is.
        let at_domain = &address.as_str()[address.local().len()..];
        let by_domain = if self.has_domains.load(Ordering::Acquire) { rank(xxh3_128(at_domain.as_bytes())) } else { None };
        // Of equal ranks the last one is taken: what names the person goes before what names the domain.
        let all = [(by_domain, "domain listed"), (by_hash, "listed by its hash"), (by_address, "listed")];
        let (rank, detail) = all.into_iter().filter_map(|(rank, detail)| Some((rank?, detail))).max_by_key(|(rank, _)| *rank)?;
        Some(Hit { reason: reason_of(rank), detail: detail.to_owned() })
    }

    /// Reads again what has changed in the files, and adds it; returns whether there was anything new. A line that is not finished yet is
    /// left until it is, or until it has stayed as it was for one call. A file that cannot be read or understood is an error with exit 5.
    pub fn refresh(&self) -> Result<bool> {
        let mut forms = Forms::default();
        let mut fresh = Vec::new();
        let mut watched = self.watched.lock().unwrap_or_else(PoisonError::into_inner);
        let outcome = watched.iter_mut().try_for_each(|file| {
            file.refresh(&mut |record| {
                // A file that was replaced is read as a whole, and nearly all of it is known.
                fresh.extend(self.rule.apply(&record, &mut forms).filter(|(hash, rank)| self.loaded.get(*hash) < Some(*rank)));
            })
        });
        // What was read before the trouble is kept: it may be somebody who must not be mailed.
        let is_new = self.take(fresh, forms);
        outcome.map(|()| is_new)
    }

    /// Takes in one entry learned during the run, or put into the ledger by somebody else.
    pub fn add(&self, entry: &LedgerSuppression) {
        let mut forms = Forms::default();
        let fresh = self.rule.apply_entry(&Entry::from(entry), &mut forms);
        self.take(fresh, forms);
    }

    /// The number of different entries in force.
    pub fn len(&self) -> u64 {
        let added = self.additions();
        let more = added.keys().filter(|hash| self.loaded.get(**hash).is_none()).count();
        (self.loaded.len() + more) as u64
    }

    /// Whether nobody is suppressed.
    pub fn is_empty(&self) -> bool {
        self.loaded.len() == 0 && self.additions().is_empty()
    }

    fn additions(&self) -> RwLockReadGuard<'_, HashMap<u128, u8>> {
        // Nothing that holds the lock leaves the map half changed.
        self.added.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn take(&self, fresh: impl IntoIterator<Item = (u128, u8)>, forms: Forms) -> bool {
        let mut added = self.added.write().unwrap_or_else(PoisonError::into_inner);
        let mut is_new = false;
        for (hash, rank) in fresh {
            let known = self.loaded.get(hash).max(added.get(&masked(hash)).copied());
            if known < Some(rank) {
                added.insert(masked(hash), rank);
                is_new = true;
            }
        }
        self.has_domains.fetch_or(forms.domains, Ordering::AcqRel);
        self.has_hashes.fetch_or(forms.hashes, Ordering::AcqRel);
        is_new
    }
}

/// Which entries are in force.
#[derive(Clone, Copy, Debug)]
struct Rule {
    kind: Kind,
    now: Timestamp,
}

/// Which further look-ups an address needs.
#[derive(Clone, Copy, Debug, Default)]
struct Forms {
    domains: bool,
    hashes: bool,
}

impl Rule {
    fn apply(self, record: &Record, forms: &mut Forms) -> Option<(u128, u8)> {
        match record {
            Record::Plain(plain) => (self.kind == Kind::Marketing || !plain.is_marketing_only).then_some((plain.hash, plain.rank)),
            Record::Entry(entry) => self.apply_entry(entry, forms),
        }
    }

    fn apply_entry(self, entry: &Entry, forms: &mut Forms) -> Option<(u128, u8)> {
        if entry.has_expired(self.now) || !entry.scope.stops(entry.reason, self.kind) {
            return None;
        }
        let (hash, form) = key_of(&entry.entry);
        forms.domains |= form == Form::Domain;
        forms.hashes |= form == Form::Hash;
        Some((hash, rank_of(entry.reason)))
    }
}
