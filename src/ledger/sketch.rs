//! The recipients of a run, reduced so that runs can be compared: those with the lowest
//! keyed hashes of their addresses.
//!
//! A list of up to [`MOST`] recipients is held whole. Of a longer one the lowest hashes are a fair
//! sample, and two sketches of the same workspace sample the same people.

use std::collections::BinaryHeap;

use xxhash_rust::xxh3::xxh3_64_with_seed;

use crate::model::address::key_of;
use crate::provider::RowNumber;

/// The most members of a sketch: 1 MB while a list is read, 850 kB in the ledger.
const MOST: usize = 1 << 16;
/// Bytes of a member in the ledger: eight of the hash, five of the row, little-endian.
const MEMBER: usize = 13;

/// The seed of the hashes by which people are known to [`Sketch`], of the workspace's key.
pub(crate) fn person_seed(secret: &[u8; 32]) -> u64 {
    let mut seed = [0; 8];
    seed.copy_from_slice(&secret[8..16]);
    u64::from_le_bytes(seed)
}

/// The hash by which [`Sketch`] knows the recipient with this address, however it is written.
pub(crate) fn person_of(email: &str, seed: u64) -> u64 {
    xxh3_64_with_seed(key_of(email).as_bytes(), seed)
}

/// A bottom-k sketch of the recipients of a run.
#[derive(Clone, Debug, Default)]
pub(crate) struct Sketch {
    members: BinaryHeap<(u64, RowNumber)>,
    offered: u64,
}

impl Sketch {
    /// Takes in a recipient by a keyed hash of the address. Costs one comparison for most of a long
    /// list.
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

    /// Sorts what was taken in.
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
    /// Hash and row, by hash.
    pub members: Vec<(u64, RowNumber)>,
    /// Each recipient whose hash is up to this one is a member.
    pub bound: u64,
    /// How many there are, members or not.
    pub count: u64,
}

impl People {
    /// The members as the ledger keeps them.
    pub(crate) fn pack(members: &[(u64, RowNumber)]) -> Vec<u8> {
        let mut packed = Vec::with_capacity(members.len() * MEMBER);
        for (person, row) in members {
            packed.extend_from_slice(&person.to_le_bytes());
            packed.extend_from_slice(&row.to_le_bytes()[..MEMBER - 8]);
        }
        packed
    }

    /// Reads back what `pack` wrote.
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
