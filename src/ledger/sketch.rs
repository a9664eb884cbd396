//! A sketch of a run's recipients, used to compare runs. It consists of the recipients with the
//! lowest keyed hashes of their addresses.
//!
//! A list of up to [`MOST`] recipients is stored completely. For a longer list, the lowest hashes
//! are a random sample. Two sketches of the same workspace sample the same recipients.

use std::collections::BinaryHeap;

use xxhash_rust::xxh3::xxh3_64_with_seed;

use crate::model::address::key_of;
use crate::provider::RowNumber;

/// The maximum number of members of a sketch. They take 1 MB while a list is read, and 850 kB in
/// the ledger.
const MOST: usize = 1 << 16;
/// The number of bytes of a member in the ledger: eight for the hash and five for the row,
/// little-endian.
const MEMBER: usize = 13;

/// The seed for the address hashes in a [`Sketch`], derived from the workspace's secret key.
pub(crate) fn person_seed(secret: &[u8; 32]) -> u64 {
    let mut seed = [0; 8];
    seed.copy_from_slice(&secret[8..16]);
    u64::from_le_bytes(seed)
}

/// The hash of an address in a [`Sketch`]. All spellings of an address have the same hash.
pub(crate) fn person_of(email: &str, seed: u64) -> u64 {
    xxh3_64_with_seed(key_of(email).as_bytes(), seed)
}

/// A bottom-k sketch of the recipients of a run: it keeps the k lowest hashes.
#[derive(Clone, Debug, Default)]
pub(crate) struct Sketch {
    members: BinaryHeap<(u64, RowNumber)>,
    offered: u64,
}

impl Sketch {
    /// Adds a recipient by the keyed hash of its address. In a long list, most calls cost one
    /// comparison.
    pub(crate) fn offer(&mut self, person: u64, row: RowNumber) {
        self.offered += 1;
        if self.members.len() < MOST {
            self.members.push((person, row));
        } else if let Some(mut highest) = self.members.peek_mut()
            && person < highest.0
        {
            *highest = (person, row);
        }
    }

    /// Sorts the members.
    pub(crate) fn finish(self) -> People {
        let is_whole = self.offered <= MOST as u64;
        let mut members = self.members.into_vec();
        members.sort_unstable();
        let bound = if is_whole {
            u64::MAX
        } else {
            members.last().map_or(u64::MAX, |(person, _)| *person)
        };
        People { members, bound, count: self.offered }
    }
}

/// A finished sketch.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct People {
    /// Hash and row, ordered by hash.
    pub members: Vec<(u64, RowNumber)>,
    /// The sketch contains every recipient whose hash is at most this value.
    pub bound: u64,
    /// The number of all recipients, including those that are not in the sketch.
    pub count: u64,
}

impl People {
    /// Encodes the members for the ledger.
    pub(crate) fn pack(members: &[(u64, RowNumber)]) -> Vec<u8> {
        let mut packed = Vec::with_capacity(members.len() * MEMBER);
        for (person, row) in members {
            packed.extend_from_slice(&person.to_le_bytes());
            packed.extend_from_slice(&row.to_le_bytes()[..MEMBER - 8]);
        }
        packed
    }

    /// Decodes the bytes written by `pack`.
    pub(crate) fn unpack(packed: &[u8]) -> impl Iterator<Item = (u64, RowNumber)> + '_ {
        packed.as_chunks::<MEMBER>().0.iter().map(|member| {
            let mut row = [0; 8];
            row[..MEMBER - 8].copy_from_slice(&member[8..]);
            let mut person = [0; 8];
            person.copy_from_slice(&member[..8]);
            (u64::from_le_bytes(person), RowNumber::from_le_bytes(row))
        })
    }
}

#[cfg(test)]
mod tests {
    use xxhash_rust::xxh3::xxh3_64;

    use super::*;

    fn of(rows: std::ops::Range<u64>) -> People {
        let mut sketch = Sketch::default();
        rows.for_each(|row| sketch.offer(xxh3_64(&row.to_le_bytes()), row));
        sketch.finish()
    }

    #[test]
    fn a_list_is_held_whole_up_to_the_bound_and_sampled_beyond() {
        let whole = of(1..MOST as u64 + 1);
        assert_eq!((whole.members.len(), whole.bound, whole.count), (MOST, u64::MAX, MOST as u64));
        let large = of(1..4 * MOST as u64 + 1);
        assert_eq!((large.members.len(), large.count), (MOST, 4 * MOST as u64));
        let below = whole.members.iter().filter(|(person, _)| *person <= large.bound).count();

        assert!((below as f64 / MOST as f64 - 0.25).abs() < 0.02, "{below}");
    }

    #[test]
    fn members_read_back() {
        let members = vec![(7, 1), (u64::MAX, (1 << 40) - 1)];
        assert_eq!(People::unpack(&People::pack(&members)).collect::<Vec<_>>(), members);
    }
}
