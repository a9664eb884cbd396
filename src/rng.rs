//! A random number generator for tests. A seed repeats the same choices.

/// The generator SplitMix64: the same seed gives the same numbers on every platform.
#[derive(Clone)]
pub(crate) struct Rng(pub(crate) u64);

impl Rng {
    /// Returns a number below `most`, which must not be zero.
    pub(crate) fn below(&mut self, most: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (z ^ (z >> 31)) % most
    }

    /// Returns true once in `most` times on average.
    pub(crate) fn one_in(&mut self, most: u64) -> bool {
        self.below(most) == 0
    }
}
