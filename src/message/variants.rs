//! A variant is the fixed text that a template prints between its values. Conditions and loops
//! decide which variant a row gets. The message parts of a variant are built once and shared by all
//! rows and threads that use the variant.
//!
//! The rule it keeps: a kept variant equals one that is built again, so no message depends on the
//! cache.

use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use super::cid;
use super::piece::{Piece, Values, fill};
use super::prepared::Prepared;
use super::recorder::Fixed;

/// The most variants of a template that are kept, and the approximate limit of their memory in
/// bytes.
const MOST: usize = 64;
const MOST_BYTES: usize = 16 << 20;
/// The same limits for templates that share a cache.
const MOST_OF_MANY: usize = 1024;
const MOST_BYTES_OF_MANY: usize = 64 << 20;
/// The approximate memory of a kept variant, as a multiple of its fixed text.
const COPIES: usize = 4;
/// The most hashes of variants that are remembered. A variant is kept when it is used for the
/// second time.
const MOST_SEEN: usize = 8192;

/// The message parts built from a template's output.
#[derive(Debug)]
pub(super) struct Variant {
    pub(super) text: Option<Part>,
    pub(super) html: Option<Part>,
}

impl Variant {
    fn bytes(&self) -> usize {
        self.text.iter().chain(&self.html).map(Part::bytes).sum()
    }
}

/// A text or HTML part.
#[derive(Debug)]
pub(super) struct Part {
    subtype: &'static str,
    pieces: Vec<Piece>,
    /// Encoded when it is first needed.
    prepared: OnceLock<Prepared>,
    /// The Content-IDs of the files that the fixed text shows, found when they are first needed.
    shown: OnceLock<Vec<String>>,
}

impl Part {
    /// Creates a part of type `text/plain` or `text/html`.
    pub(super) fn new(subtype: &'static str, pieces: Vec<Piece>) -> Self {
        Self { subtype, pieces, prepared: OnceLock::new(), shown: OnceLock::new() }
    }

    fn prepared(&self) -> &Prepared {
        self.prepared.get_or_init(|| Prepared::new(&self.pieces))
    }

    /// Whether the fixed text shows the file with this Content-ID.
    pub(super) fn shows(&self, cid: &str) -> bool {
        let find = || {
            let fixed = self.pieces.iter().map(|piece| match piece {
                Piece::Text(text) => text.as_str(),
                Piece::Slot(..) => "v",
            });
            let html: String = fixed.collect();
            cid::references(&html).into_iter().map(str::to_owned).collect()
        };
        self.shown.get_or_init(find).iter().any(|shown| shown == cid)
    }

    /// Returns the text for a row.
    pub(super) fn fill(&self, values: &Values) -> String {
        fill(&self.pieces, values)
    }

    /// Appends the MIME part for a row.
    pub(super) fn push(&self, out: &mut Vec<u8>, values: &Values) {
        self.prepared().push(out, self.subtype, values);
    }

    /// The approximate size of the MIME part in bytes.
    pub(super) fn usual_size(&self) -> usize {
        self.prepared().usual_size()
    }

    fn bytes(&self) -> usize {
        let pieces = self.pieces.iter().map(|piece| match piece {
            Piece::Text(text) => text.len() * COPIES + size_of::<Piece>(),
            Piece::Slot(..) => 2 * size_of::<Piece>(),
        });
        pieces.sum()
    }
}

/// A cache of a template's most recently used variants.
#[derive(Debug)]
pub(super) struct Variants {
    kept: Mutex<Kept>,
    most: usize,
    most_bytes: usize,
}

impl Default for Variants {
    fn default() -> Self {
        Self { kept: Mutex::default(), most: MOST, most_bytes: MOST_BYTES }
    }
}

#[derive(Debug, Default)]
struct Kept {
    variants: HashMap<u64, Entry>,
    bytes: usize,
    seen: HashSet<u64>,
    clock: u64,
}

#[derive(Debug)]
struct Entry {
    fixed: Fixed,
    variant: Arc<Variant>,
    bytes: usize,
    met: u64,
}

impl Variants {
    /// For the variants of many templates.
    pub(super) fn of_many() -> Self {
        Self { kept: Mutex::default(), most: MOST_OF_MANY, most_bytes: MOST_BYTES_OF_MANY }
    }

    fn kept(&self) -> std::sync::MutexGuard<'_, Kept> {
        // Entries are added and removed whole, so the cache is still valid after a panic in another
        // thread.
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Returns the variant with these fixed texts, from the cache or built by `make`.
    pub(super) fn get<E>(
        &self,
        fixed: Fixed,
        make: impl FnOnce(&Fixed) -> Result<Variant, E>,
    ) -> Result<Arc<Variant>, E> {
        if let Some(known) = self.kept().find(&fixed) {
            return Ok(known);
        }
        // The variant is built without the lock, so that other threads can continue.
        let variant = Arc::new(make(&fixed)?);
        self.kept().add(fixed, &variant, (self.most, self.most_bytes));
        Ok(variant)
    }

    /// Runs `check` on fixed texts that were not seen before. Fixed texts that pass are remembered
    /// as seen.
    pub(super) fn check<E>(
        &self,
        fixed: &Fixed,
        check: impl FnOnce(&Fixed) -> Result<(), E>,
    ) -> Result<(), E> {
        if self.kept().knows(fixed.hash) {
            return Ok(());
        }
        check(fixed)?;
        self.kept().note(fixed.hash);
        Ok(())
    }
}

impl Kept {
    fn find(&mut self, fixed: &Fixed) -> Option<Arc<Variant>> {
        self.clock += 1;
        let entry = self.variants.get_mut(&fixed.hash).filter(|entry| entry.fixed == *fixed)?;
        entry.met = self.clock;
        Some(Arc::clone(&entry.variant))
    }

    fn knows(&self, hash: u64) -> bool {
        self.variants.contains_key(&hash) || self.seen.contains(&hash)
    }

    /// Remembers a hash. Returns whether it was remembered before.
    fn note(&mut self, hash: u64) -> bool {
        if self.seen.len() >= MOST_SEEN {
            self.seen.clear();
        }
        !self.seen.insert(hash)
    }

    fn add(&mut self, fixed: Fixed, variant: &Arc<Variant>, (most, most_bytes): (usize, usize)) {
        let bytes = fixed.bytes() + variant.bytes();
        if self.variants.contains_key(&fixed.hash)
            || !self.note(fixed.hash)
            || bytes > most_bytes / 2
        {
            return;
        }
        while self.variants.len() >= most || self.bytes + bytes > most_bytes {
            let oldest = self.variants.iter().min_by_key(|(_, entry)| entry.met);
            let Some(hash) = oldest.map(|(hash, _)| *hash) else { break };
            self.bytes -= self.variants.remove(&hash).map_or(0, |entry| entry.bytes);
        }
        self.bytes += bytes;
        let variant = Arc::clone(variant);
        self.variants.insert(fixed.hash, Entry { fixed, variant, bytes, met: self.clock });
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use super::super::escape::Escape;
    use super::super::recorder::{Marks, Recorder};
    use super::*;

    fn fixed(text: &str) -> Fixed {
        let mut recorder = Recorder::new(&[], Escape::None, Marks::Unused);
        recorder.write_all(text.as_bytes()).expect("taken");
        recorder.fixed
    }

    #[test]
    fn a_variant_is_kept_from_its_second_row_on_until_others_push_it_out() {
        let variants = Variants::default();
        let made = std::cell::Cell::new(0);
        let get = |text: &str| {
            let make = |fixed: &Fixed| {
                made.set(made.get() + 1);
                let part = Part::new("plain", fixed.pieces(&[]));
                Ok::<_, ()>(Variant { text: Some(part), html: None })
            };
            let variant = variants.get(fixed(text), make).expect("made");
            variant.text.as_ref().expect("a part").fill(&Values::default())
        };
        let count = |text: &str, times: usize| {
            made.set(0);
            (0..times).for_each(|_| assert_eq!(get(text), text));
            made.get()
        };
        assert_eq!(count("a", 5), 2);
        for number in 0..1000 {
            assert_eq!(get(&number.to_string()), number.to_string());
        }
        assert_eq!(count("a", 1), 0, "what came once pushes nothing out");
        for number in 0..MOST {
            count(&format!("x{number}"), 2);
        }
        assert_eq!(count("a", 1), 1);
        let large = "x".repeat(MOST_BYTES / COPIES);
        assert_eq!(count(&large, 3), 3, "too large to be kept");
    }
}
