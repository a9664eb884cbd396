//! Sorts the keys of an index where they stand, drops repeated ones, and notes where each bucket
//! begins; many keys on two threads.
//!
//! The keys are hashes, so their highest bits spread them evenly: two passes that move each key to
//! its place by some of these bits leave groups of about [`FEW`] keys. Keys that are not spread are
//! sorted as surely, by comparing them, only more slowly.

use std::thread;

use super::index::{RANK, bucket, masked};

/// Above this many keys a second thread is worth its start.
pub(super) const WORTH_A_THREAD: usize = 1 << 17;
/// How many keys the passes leave together, when the keys are spread evenly: so few are quickest to
/// sort by comparing.
const FEW: usize = 8;
/// The most bits of the first pass. With more places to move keys to, they would be too many for
/// the processor's caches.
const FIRST_BITS: u32 = 8;
/// The most bits of the second pass, whose keys are in those caches.
const SECOND_BITS: u32 = 11;

const _: () = assert!(
    128 - 1 - FIRST_BITS - SECOND_BITS > RANK.count_ones(),
    "keys that differ in their ranks alone stay together"
);

/// Sorts packed keys; of equal hashes the highest rank stays. Into `starts` goes, for each value
/// that the bits above `shift` can have, the place of the first key with it or above. The number of
/// keys must fit into 32 bits, that of the values is a power of two.
pub(super) fn settle(keys: &mut Vec<u128>, starts: &mut [u32], shift: u32) {
    let kept = if keys.len() < WORTH_A_THREAD || starts.len() < 2 {
        Share { keys, top: 128, starts, shift }.settle()
    } else {
        settle_by_two(keys, starts, shift)
    };
    keys.truncate(kept as usize);
}

/// The same for two threads; returns how many keys stay.
fn settle_by_two(keys: &mut [u128], starts: &mut [u32], shift: u32) -> u32 {
    let middle = halve(keys);
    let (low, high) = keys.split_at_mut(middle);
    let high_from = starts.len() / 2;
    let (low_starts, high_starts) = starts.split_at_mut(high_from);
    let (mut kept_low, mut kept_high) = (0, 0);
    thread::scope(|scope| {
        scope
            .spawn(|| kept_low = Share { keys: low, top: 127, starts: low_starts, shift }.settle());
        kept_high = Share { keys: high, top: 127, starts: high_starts, shift }.settle();
    });
    if (kept_low as usize) < middle {
        keys.copy_within(middle..middle + kept_high as usize, kept_low as usize);
    }
    for start in &mut starts[high_from..] {
        *start += kept_low;
    }
    kept_low + kept_high
}

/// Moves the keys whose highest bit is not set before the others, each half of the slice on a
/// thread; returns how many they are.
fn halve(keys: &mut [u128]) -> usize {
    let (one, other) = keys.split_at_mut(keys.len() / 2);
    let (mut low_in_one, mut low_in_other) = (0, 0);
    thread::scope(|scope| {
        scope.spawn(|| low_in_one = low_first(one));
        low_in_other = low_first(other);
    });
    // What is left to do is to swap the high keys in the middle with the low ones behind them, as
    // far as there are as many.
    let many = (one.len() - low_in_one).min(low_in_other);
    one[low_in_one..][..many].swap_with_slice(&mut other[low_in_other - many..low_in_other]);
    low_in_one + low_in_other
}

fn low_first(keys: &mut [u128]) -> usize {
    let mut low = 0;
    for i in 0..keys.len() {
        let key = keys[i];
        keys.swap(i, low);
        // A sum and no branch: the processor could not guess better than a coin.
        low += usize::from(key >> 127 == 0);
    }
    low
}

/// Keys that have the same bits from `top` upwards, and the starts of all the buckets that such
/// keys can be in.
struct Share<'a> {
    keys: &'a mut [u128],
    top: u32,
    starts: &'a mut [u32],
    shift: u32,
}

impl Share<'_> {
    /// Sorts the keys, moves those that stay to the front and counts them; the starts are places
    /// among them.
    fn settle(self) -> u32 {
        let Self { keys, top, starts, shift } = self;
        let (mut outer, mut inner) = (Places::default(), Places::default());
        let top = outer.distribute(keys, top, FIRST_BITS);
        let (mut kept, mut started, mut from) = (0_u32, 0, 0);
        let mut last = None;
        for end in outer.ends {
            let end = end as usize;
            inner.sort(&mut keys[from..end], top);
            // The keys are looked at now, because they are in the processor's cache now.
            for i in from..end {
                let key = keys[i];
                if last == Some(masked(key)) {
                    // Sorted, so the later one has the higher rank.
                    keys[kept as usize - 1] = key;
                    continue;
                }
                last = Some(masked(key));
                let bucket = bucket(key, shift) & (starts.len() - 1);
                while started <= bucket {
                    starts[started] = kept;
                    started += 1;
                }
                keys[kept as usize] = key;
                kept += 1;
            }
            from = end;
        }
        starts[started..].fill(kept);
        kept
    }
}

/// The working memory of a pass: for each value of the bits it goes by, where the next key with it
/// belongs and where the last one ends.
#[derive(Default)]
struct Places {
    next: Vec<u32>,
    ends: Vec<u32>,
}

impl Places {
    /// Sorts keys that have the same bits from `top` upwards.
    fn sort(&mut self, keys: &mut [u128], top: u32) {
        if keys.len() <= 2 * FEW {
            return keys.sort_unstable();
        }
        self.distribute(keys, top, SECOND_BITS);
        let mut rest = keys;
        let mut from = 0;
        for end in &self.ends {
            let (group, more) = rest.split_at_mut((end - from) as usize);
            group.sort_unstable();
            (rest, from) = (more, *end);
        }
    }

    /// Moves keys that have the same bits from `top` upwards to their places by the next few bits,
    /// at most `most`; returns the lowest of them.
    fn distribute(&mut self, keys: &mut [u128], top: u32, most: u32) -> u32 {
        let bits = (keys.len() / FEW).checked_ilog2().unwrap_or(0).clamp(1, most);
        let lowest = top - bits;
        let values = 1 << bits;
        let value = |key: u128| (key >> lowest) as usize & (values - 1);

        self.ends.clear();
        self.ends.resize(values, 0);
        for key in &*keys {
            self.ends[value(*key)] += 1;
        }
        self.next.clear();
        let mut sum = 0;
        for end in &mut self.ends {
            self.next.push(sum);
            sum += *end;
            *end = sum;
        }
        // Each step moves one key to its place for good, whatever comes back from there. One could
        // follow that one on to its own place, but then each step would have to wait for the memory
        // that the step before asked for.
        let mut is_done = false;
        while !is_done {
            is_done = true;
            for i in 0..values {
                let (from, end) = (self.next[i] as usize, self.ends[i] as usize);
                is_done &= from == end;
                for here in from..end {
                    let next = &mut self.next[value(keys[here])];
                    keys.swap(here, *next as usize);
                    *next += 1;
                }
            }
        }
        lowest
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use xxhash_rust::xxh3::xxh3_128_with_seed;

    use super::*;

    /// Settles the keys and compares with what sorting by comparisons gives.
    fn check(mut keys: Vec<u128>, bits: u32) {
        let mut expected = keys.clone();
        expected.sort_unstable_by(|one, other| other.cmp(one));
        expected.dedup_by_key(|key| masked(*key));
        expected.reverse();

        let shift = 128 - bits;
        let mut starts = vec![u32::MAX; 1 << bits];
        settle(&mut keys, &mut starts, shift);
        // No assert_eq, which would print all of them.
        assert!(
            keys == expected,
            "{} keys came out, not the {} expected ones in order",
            keys.len(),
            expected.len()
        );
        for (value, start) in starts.iter().enumerate() {
            assert_eq!(
                *start as usize,
                expected.partition_point(|key| bucket(*key, shift) < value),
                "the start of bucket {value}"
            );
        }
    }

    /// Keys of which only the bits in `varied` differ; every sixteenth comes again with another
    /// rank.
    fn keys(count: usize, seed: u64, varied: u128, fixed: u128) -> Vec<u128> {
        let different = count - count / 16;
        (0..count)
            .map(|i| {
                xxh3_128_with_seed(&(i % different).to_le_bytes(), seed) & varied
                    ^ fixed
                    ^ u128::from(i >= different)
            })
            .collect()
    }

    fn varied() -> impl Strategy<Value = u128> {
        let chosen = [
            u128::MAX,
            0,
            RANK,
            0xffff,
            0xff << 120,
            0xffff << 64,
            u128::MAX >> 1,
            u128::MAX >> 8,
            u128::MAX >> 30,
            1 << 127,
        ];
        prop::sample::select(chosen.to_vec())
    }

    fn fixed() -> impl Strategy<Value = u128> {
        prop::sample::select(vec![0, u128::MAX, 1 << 127, 0x55 << 120, u128::MAX << 100])
    }

    #[test]
    fn keys_for_two_threads_are_settled_even_when_they_are_all_on_one_side() {
        for (varied, fixed) in [
            (u128::MAX, 0),
            (u128::MAX, 1 << 127),
            (u128::MAX >> 1, 0),
            (0, 0),
            (0, u128::MAX),
            (RANK, 1 << 126),
        ] {
            for count in [WORTH_A_THREAD - 1, WORTH_A_THREAD, WORTH_A_THREAD + 1] {
                check(keys(count, 7, varied, fixed), 14);
            }
        }
    }

    proptest! {
        #[test]
        fn any_few_keys_are_settled_as_by_comparing(keys in prop::collection::vec(any::<u128>(), 0..5 * FEW), bits in 0_u32..4) {
            check(keys, bits);
        }

        #[test]
        fn skewed_keys_are_settled_as_by_comparing(
            count in prop_oneof![0..20 * FEW, FEW << FIRST_BITS..(FEW << FIRST_BITS) + 2, 0..5_000_usize],
            seed: u64, varied in varied(), fixed in fixed(), bits in 0_u32..11,
        ) {
            check(keys(count, seed, varied, fixed), bits);
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(8))]
        #[test]
        fn many_skewed_keys_are_settled_as_by_comparing(
            count in WORTH_A_THREAD..WORTH_A_THREAD + 50_000, seed: u64, varied in varied(), fixed in fixed(),
        ) {
            check(keys(count, seed, varied, fixed), 14);
        }
    }
}
