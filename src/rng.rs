//! Random choices of the tests that one number repeats.

/// A small generator (SplitMix64), so that a seed gives the same draws everywhere.
#[derive(Clone)]
pub(crate) struct Rng(pub(crate) u64);

impl Rng {
    /// A number below `most`, which is not zero.
    pub(crate) fn below(&mut self, most: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (z ^ (z >> 31)) % most
    }

    /// True once in so many times.
    pub(crate) fn one_in(&mut self, most: u64) -> bool {
        self.below(most) == 0
    }
}
