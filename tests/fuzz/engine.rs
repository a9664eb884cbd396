//! Runs a target: the documents that it starts from as they are, then documents made of them, until
//! its budget is spent.
//!
//! The draws follow from one number, and each document from its place in the row alone. So a run
//! repeats, and a slow machine does the first part of what a fast one does: what was clean for ten
//! minutes is clean for twenty seconds.

use std::fs::OpenOptions;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use bolero::bolero_engine::{driver, input, panic};
use bolero::{Engine, Test, TestTarget};

use crate::mutation::{Document, Mutations};
use crate::seeds;

/// What is fuzzed.
pub(crate) struct Target {
    /// The name of its directory under `tests/fixtures/fuzz`.
    pub(crate) name: &'static str,
    /// The documents that others are made of.
    pub(crate) seeds: Vec<Vec<u8>>,
    /// Pieces of its language, which are put into documents.
    pub(crate) words: &'static [&'static str],
    /// Panics where a property does not hold for the document.
    pub(crate) check: fn(&[u8]),
}

/// How many documents each target runs where no time is given.
const FEW: u64 = 300;

/// The draws unless `MAILBATCH_FUZZ_SEED` says otherwise.
const SEED: u64 = 15;

/// The longest time that a finding is made smaller for.
const SHRINKING: Duration = Duration::from_secs(20);

/// Runs a target. Panics with the smallest document that was found where a property does not hold.
pub(crate) fn fuzz(target: Target) {
    let Target { name, seeds, words, check } = target;
    let found = seeds::files(&format!("fuzz/{name}"));
    let corpus: Vec<Vec<u8>> = found.into_iter().chain(seeds).collect();
    corpus.iter().for_each(|document| check(document));
    let generator = Mutations::new(corpus, words);
    let engine = Seeded {
        name,
        budget: Budget::of_environment(),
        seed: number("MAILBATCH_FUZZ_SEED").unwrap_or(SEED),
    };
    TestTarget::new(engine)
        .with_shrink_time(SHRINKING)
        .with_generator(generator)
        .for_each(|document: &Document| check(&document.0));
}

fn number(variable: &str) -> Option<u64> {
    let text = std::env::var(variable).ok()?;
    Some(text.parse().unwrap_or_else(|_| panic!("{variable} is no number: {text:?}")))
}

/// When a target has run enough.
enum Budget {
    Documents(u64),
    /// So long, and no more than so many documents.
    Time(Duration, u64),
}

impl Budget {
    fn of_environment() -> Self {
        let most = number("MAILBATCH_FUZZ_DOCUMENTS");
        let timed = |seconds| Self::Time(Duration::from_secs(seconds), most.unwrap_or(u64::MAX));
        number("MAILBATCH_FUZZ_SECONDS").map_or(Self::Documents(most.unwrap_or(FEW)), timed)
    }

    fn is_spent(&self, documents: u64, since: Instant) -> bool {
        match self {
            Self::Documents(most) => documents >= *most,
            Self::Time(time, most) => since.elapsed() >= *time || documents >= *most,
        }
    }
}

/// An engine of bolero's that draws the same each time.
struct Seeded {
    name: &'static str,
    budget: Budget,
    seed: u64,
}

/// SplitMix64: the next of a row of numbers.
fn next(state: &mut u64) -> u64 {
    *state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let mut mixed = *state;
    mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    mixed ^ (mixed >> 31)
}

impl Seeded {
    /// The draws of the document with this number.
    fn draws(&self, number: u64) -> Vec<u8> {
        let mut state = self.seed.wrapping_mul(0x2545_f491_4f6c_dd1d)
            ^ number.wrapping_mul(0xd6e8_feb8_6659_fd93);
        let length = 16 + next(&mut state) as usize % 240;
        (0..length.div_ceil(8)).flat_map(|_| next(&mut state).to_le_bytes()).collect()
    }

    fn report(&self, documents: u64, since: Instant, slowest: Duration) {
        let line = format!(
            "{:<14} {documents:>9} documents in {:>6.1} s, the slowest {} ms",
            self.name,
            since.elapsed().as_secs_f64(),
            slowest.as_millis()
        );
        println!("{line}");
        if let Some(path) = std::env::var_os("MAILBATCH_FUZZ_REPORT") {
            let mut file = OpenOptions::new()
                .create(true)
                .append(true)
                .open(path)
                .expect("the report can be opened");
            writeln!(file, "{line}").expect("the report can be written");
        }
    }
}

impl<T: Test<Value = Document>> Engine<T> for Seeded {
    type Output = ();

    fn run(self, mut test: T, options: driver::Options) {
        panic::set_hook();
        panic::forward_panic(false);
        let (began, mut slowest, mut documents) = (Instant::now(), Duration::ZERO, 0);
        while !self.budget.is_spent(documents, began) {
            let draws = self.draws(documents);
            let started = Instant::now();
            if let Err(error) = test.test(&mut input::Bytes::new(&draws, &options)) {
                let smallest = test.shrink(draws.clone(), None, &options);
                panic::forward_panic(true);
                let document = smallest.as_ref().map_or_else(
                    || test.generate_value(&mut input::Bytes::new(&draws, &options)),
                    |small| Document(small.input.0.clone()),
                );
                let said =
                    smallest.map_or_else(|| error.to_string(), |small| small.error.to_string());
                let kept = keep(self.name, &document);
                panic!(
                    "{}: document {documents} of seed {}: {said}\n{document:?}\nkept as {}",
                    self.name,
                    self.seed,
                    kept.display()
                );
            }
            slowest = slowest.max(started.elapsed());
            documents += 1;
        }
        panic::forward_panic(true);
        self.report(documents, began, slowest);
    }
}

/// Keeps a finding, to be put into the fixtures once it has been mended.
fn keep(name: &str, document: &Document) -> PathBuf {
    let directory = Path::new(env!("CARGO_TARGET_TMPDIR")).join("fuzz").join(name);
    let path = directory.join(format!("{:016x}", xxhash_rust::xxh3::xxh3_64(&document.0)));
    let written =
        std::fs::create_dir_all(&directory).and_then(|()| std::fs::write(&path, &document.0));
    if let Err(why) = written {
        eprintln!("{}: {why}", path.display());
    }
    path
}
