//! What a person or a log sees while a run goes on. Rule: observers only; losing what is behind
//! them, a closed pipe included, never stops or slows a send, and everything for people goes
//! through one place, so that bars and messages do not break each other.

use std::io;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use crate::model::outcome::{Cohort, Tally};

mod bars;
mod json;
mod plain;
mod rate;

pub(crate) use rate::{RateMeter, eta};

/// What is known when an execution begins to send.
#[derive(Clone, Debug)]
pub(crate) struct Start {
    pub run: String,
    pub campaign: String,
    pub env: Option<String>,
    pub provider: String,
    /// Rows in.
    pub input: u64,
    /// Recipients still to be sent, the canary among them.
    pub to_send: u64,
    /// Recipients of the canary still to be sent.
    pub canary: u64,
    /// Whether an earlier execution of the run is continued.
    pub continued: bool,
}

/// How far an execution has come.
#[derive(Clone, Debug)]
pub(crate) struct Snapshot {
    pub run: String,
    pub campaign: String,
    pub phase: Cohort,
    /// The provider that this is about; each gets a line of its own.
    pub provider: String,
    /// Recipients of this phase.
    pub total: u64,
    /// Those of them that are settled.
    pub done: u64,
    /// The whole run.
    pub tally: Tally,
    /// Hand-overs per second over the last 15 seconds.
    pub rate: f64,
    /// Until the end of the phase, under the limits; `None` while it cannot be known.
    pub eta: Option<Duration>,
    /// Batches claimed and not settled.
    pub in_flight: usize,
    /// What holds it back, if anything: `paced by rate 50/s`, `breaker open`.
    pub note: Option<String>,
}

impl Snapshot {
    /// The state in one line, for a log or a signal.
    pub(crate) fn line(&self) -> String {
        plain::line(self)
    }
}

/// An observer of a run. Calls return at once; how often they lead to output is the observer's
/// affair.
pub(crate) trait Progress: Send + Sync {
    /// Sending begins.
    fn start(&self, start: &Start);
    /// Something has changed. Cheap; may be called after every batch.
    fn update(&self, snapshot: &Snapshot);
    /// A line for people, such as a gate's verdict.
    fn message(&self, line: &str);
    /// What the end waits for: `draining: waiting for 3 batches`. Shown until it changes.
    fn waiting(&self, line: &str);
    /// Takes what is drawn off the terminal for a question; the next update draws it again.
    fn clear(&self) {}
    /// Nothing more comes: shows the latest state and leaves the terminal clean.
    fn finish(&self);
}

/// How `--progress` was answered.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Mode {
    /// Bars on a terminal, else plain lines.
    #[default]
    Auto,
    Bar,
    Plain,
    Json,
    None,
}

/// The observer for a mode. `quiet` silences everything for people except what the end waits for;
/// `stats` is the time between plain lines. Bars that the terminal cannot show (no terminal,
/// `TERM=dumb`) become plain lines.
pub(crate) fn pick(
    mode: Mode,
    quiet: bool,
    stderr_is_tty: bool,
    stats: Duration,
) -> Box<dyn Progress> {
    let plain = |progress: bool, messages: bool| {
        Box::new(plain::Plain::new(io::stderr(), stats, progress, messages))
    };
    match mode {
        Mode::Json => Box::new(json::Json::new(io::stdout(), plain(false, !quiet), json::EVERY)),
        _ if quiet => plain(false, false),
        Mode::None => plain(false, true),
        Mode::Auto | Mode::Bar if stderr_is_tty && bars::can_be_shown() => {
            Box::new(bars::Bars::new())
        }
        Mode::Auto | Mode::Bar | Mode::Plain => plain(true, true),
    }
}

/// Locks even after a panic of another observer: the worst that a half-made update leaves is a
/// wrong line.
fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod fixture {
    use super::*;
    use crate::model::outcome::Outcome;

    pub(super) fn start() -> Start {
        Start {
            run: "20261121-034500-k3f9".into(),
            campaign: "spring".into(),
            env: None,
            provider: "relay".into(),
            input: 50_000,
            to_send: 48_000,
            canary: 2_400,
            continued: false,
        }
    }

    pub(super) fn snapshot(done: u64) -> Snapshot {
        let mut tally = Tally::default();
        tally.open = 48_000 - done;
        tally.add(Outcome::Accepted, done);
        tally.add(Outcome::Suppressed, 2_000);
        Snapshot {
            run: "20261121-034500-k3f9".into(),
            campaign: "spring".into(),
            phase: Cohort::Canary,
            provider: "relay".into(),
            total: 2_400,
            done,
            tally,
            rate: 49.96,
            eta: Some(Duration::from_secs(24)),
            in_flight: 3,
            note: Some("paced by rate 50/s".into()),
        }
    }

    /// A writer that a test can read back.
    #[derive(Clone, Default)]
    pub(super) struct Shared(std::sync::Arc<Mutex<Vec<u8>>>);

    impl Shared {
        pub(super) fn text(&self) -> String {
            String::from_utf8(locked(&self.0).clone()).unwrap()
        }
    }

    impl io::Write for Shared {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            locked(&self.0).extend_from_slice(bytes);
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }
}
