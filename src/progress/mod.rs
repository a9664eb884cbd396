//! Shows the progress of a run to people and logs.
//!
//! An observer never stops or slows a run, even if its output is closed. All text for people is
//! written by one observer, so that bars and messages do not mix.

use std::io;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use crate::model::outcome::{Cohort, Tally};

mod bars;
mod json;
mod plain;
mod rate;

pub(crate) use rate::{RateMeter, eta};

/// The numbers known before an execution begins to send.
#[derive(Clone, Debug)]
pub(crate) struct Start {
    pub run: String,
    pub campaign: String,
    pub env: Option<String>,
    pub provider: String,
    /// The number of rows in the lists.
    pub input: u64,
    /// The number of recipients left to send to, including the canary.
    pub to_send: u64,
    /// The number of canary recipients left to send to.
    pub canary: u64,
    /// Whether this execution continues an earlier one of the run.
    pub continued: bool,
}

/// An execution's progress at one point in time.
#[derive(Clone, Debug)]
pub(crate) struct Snapshot {
    pub run: String,
    pub campaign: String,
    pub phase: Cohort,
    /// The provider that this snapshot is about.
    pub provider: String,
    /// The number of recipients in this phase.
    pub total: u64,
    /// The number of recipients in this phase that have an outcome.
    pub done: u64,
    /// The number of rows per outcome in the whole run.
    pub tally: Tally,
    /// Messages submitted to the provider per second, over the last 15 seconds.
    pub rate: f64,
    /// The estimated time until the end of the phase, with all limits applied. `None` if unknown.
    pub eta: Option<Duration>,
    /// The number of recipients that are claimed for sending and have no outcome yet.
    pub in_flight: usize,
    /// The reason why the run is slow, if there is one: `paced by rate 50/s`, `breaker open`.
    pub note: Option<String>,
}

impl Snapshot {
    /// Formats the snapshot as one line, for a log or in reply to a signal.
    pub(crate) fn line(&self) -> String {
        plain::line(self)
    }
}

/// Shows the progress of a run. Its methods return at once, and it decides how often to print.
pub(crate) trait Progress: Send + Sync {
    /// Reports that sending starts.
    fn start(&self, start: &Start);
    /// Reports new numbers. May be called after every batch.
    fn update(&self, snapshot: &Snapshot);
    /// Prints a line for people, such as the result of the canary.
    fn message(&self, line: &str);
    /// Shows what the end of the run is waiting for, such as `draining: waiting for 3 batches`. The
    /// text stays until the next call.
    fn waiting(&self, line: &str);
    /// Clears the bars from the terminal before a question. The next update draws them again.
    fn clear(&self) {}
    /// Prints the latest state and restores the terminal. No other call may follow.
    fn finish(&self);
}

/// The value of `--progress`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Mode {
    /// Bars on a terminal, plain lines otherwise.
    #[default]
    Auto,
    Bar,
    Plain,
    Json,
    None,
}

/// Creates the observer for a mode. `quiet` hides all text for people, except what the end of the
/// run is waiting for. `stats` is the time between plain lines. If the terminal cannot show bars
/// (`TERM=dumb`) or stderr is not a terminal, plain lines are printed.
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

/// Locks a mutex even if another observer panicked. At worst it prints one wrong line.
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

    /// A writer whose output a test can read.
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
