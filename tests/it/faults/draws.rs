//! Random moments and choices that one number repeats.

/// A small generator (SplitMix64), so that a seed gives the same draws everywhere.
pub(crate) struct Draws(u64);

impl Draws {
    /// Draws by `MAILBATCH_SEED`, or else by a fresh seed, which is printed.
    pub(crate) fn fresh() -> Self {
        let seed = from_environment("MAILBATCH_SEED").unwrap_or_else(|| {
            let now = std::time::SystemTime::now()
                .duration_since(std::time::UNIX_EPOCH)
                .expect("after 1970");
            now.as_nanos() as u64 ^ u64::from(std::process::id()) << 32
        });
        println!("MAILBATCH_SEED={seed} repeats this run");
        Self(seed)
    }

    /// A number below `most`, which is not zero.
    pub(crate) fn below(&mut self, most: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (z ^ (z >> 31)) % most
    }

    /// One of them.
    pub(crate) fn one_of<'a, T>(&mut self, all: &'a [T]) -> &'a T {
        &all[self.below(all.len() as u64) as usize]
    }
}

/// A number out of the environment.
pub(crate) fn from_environment(name: &str) -> Option<u64> {
    std::env::var(name)
        .ok()
        .map(|text| text.parse().unwrap_or_else(|_| panic!("{name} is a number")))
}
