//! Which addresses have been seen: one small hash each.

use std::collections::HashSet;

use xxhash_rust::xxh3::xxh3_128_with_seed;

/// The set is cut into shards that grow one at a time, so that growing never doubles the whole.
const SHARDS: usize = 64;

/// A set of texts by 96 bits of a seeded hash: among a million texts, one pair is confused with a chance of 6e-18.
#[derive(Debug)]
pub(crate) struct Seen {
    seed: u64,
    shards: Vec<HashSet<[u32; 3]>>,
}

impl Seen {
    pub(crate) fn new(seed: u64) -> Self {
        Self { seed, shards: vec![HashSet::new(); SHARDS] }
    }

    /// Adds a text; false when it was there already.
    pub(crate) fn insert(&mut self, text: &str) -> bool {
        let hash = xxh3_128_with_seed(text.as_bytes(), self.seed);
        let shard = (hash >> 96) as usize % SHARDS;
        self.shards[shard].insert([hash as u32, (hash >> 32) as u32, (hash >> 64) as u32])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_is_new_once() {
        let mut seen = Seen::new(7);
        for i in 0..10_000 {
            assert!(seen.insert(&format!("{i}@example.com")));
        }
        for i in 0..10_000 {
            assert!(!seen.insert(&format!("{i}@example.com")));
        }
    }
}
