//! Prints progress as one plain line per interval, for logs. Each line starts with the time and has
//! no control characters.

use std::io::Write;
use std::sync::Mutex;
use std::time::{Duration, Instant};

use jiff::Timestamp;

use super::{Progress, Snapshot, Start, locked};
use crate::model::figures::{clean, duration, grouped, percent, rate, rows, seconds};
use crate::model::outcome::Outcome;
use crate::report::text::counts;

/// Prints plain lines. If `progress` is false, it prints no progress lines, but still messages and
/// what the end of the run is waiting for.
pub(super) struct Plain<W> {
    every: Duration,
    progress: bool,
    messages: bool,
    state: Mutex<PlainState<W>>,
}

struct PlainState<W> {
    out: W,
    due: Option<Instant>,
    /// The latest snapshot, if it was not printed yet.
    unseen: Option<Snapshot>,
    waiting: String,
}

impl<W: Write + Send> Plain<W> {
    pub(super) fn new(out: W, every: Duration, progress: bool, messages: bool) -> Self {
        Self {
            every,
            progress,
            messages,
            state: Mutex::new(PlainState { out, due: None, unseen: None, waiting: String::new() }),
        }
    }

    fn update_at(&self, snapshot: &Snapshot, now: Instant) {
        if !self.progress {
            return;
        }
        let mut state = locked(&self.state);
        let due = *state.due.get_or_insert(now + self.every);
        if now < due {
            state.unseen = Some(snapshot.clone());
            return;
        }
        state.due = Some(now + self.every);
        state.unseen = None;
        state.say(&line(snapshot));
    }
}

impl<W: Write> PlainState<W> {
    /// Writes a line with the time in front. If the log cannot be written, the run continues.
    fn say(&mut self, line: &str) {
        writeln!(self.out, "{} {}", seconds(Timestamp::now()), clean(line)).ok();
    }
}

/// Formats the first line of a run.
pub(super) fn opening(start: &Start) -> String {
    let env = start.env.as_deref().map(|env| format!(" ({env})")).unwrap_or_default();
    let verb = if start.continued { "continues" } else { "starts" };
    let canary = if start.canary > 0 {
        format!(", {} of them first as canary", grouped(start.canary))
    } else {
        String::new()
    };
    format!(
        "run {} of {}{env} {verb}: {} in, {} to send through {}{canary}",
        start.run,
        start.campaign,
        rows(start.input),
        grouped(start.to_send),
        start.provider
    )
}

pub(super) fn line(snapshot: &Snapshot) -> String {
    let mut parts = Vec::new();
    if snapshot.total > 0 {
        parts.push(format!(
            "{} {}/{} {}",
            snapshot.phase,
            grouped(snapshot.done),
            grouped(snapshot.total),
            percent(snapshot.done, snapshot.total)
        ));
    }
    parts.push(format!("{} {}", snapshot.provider, rate(snapshot.rate)));
    parts.extend(
        snapshot.eta.filter(|eta| !eta.is_zero()).map(|eta| format!("ETA {}", duration(eta))),
    );
    let counts = counts(&snapshot.tally, Outcome::ALL);
    if !counts.is_empty() {
        parts.push(counts);
    }
    parts.extend(snapshot.note.clone());
    parts.join(" · ")
}

impl<W: Write + Send> Progress for Plain<W> {
    fn start(&self, start: &Start) {
        if self.progress {
            locked(&self.state).say(&opening(start));
        }
    }

    fn update(&self, snapshot: &Snapshot) {
        self.update_at(snapshot, Instant::now());
    }

    fn message(&self, line: &str) {
        if self.messages {
            let mut state = locked(&self.state);
            if self.progress {
                state.say(line);
            } else {
                writeln!(state.out, "{}", clean(line)).ok();
            }
        }
    }

    fn waiting(&self, line: &str) {
        let mut state = locked(&self.state);
        if state.waiting != line {
            line.clone_into(&mut state.waiting);
            state.say(line);
        }
    }

    fn finish(&self) {
        let mut state = locked(&self.state);
        if let Some(snapshot) = state.unseen.take() {
            state.say(&line(&snapshot));
        }
        state.out.flush().ok();
    }
}

#[cfg(test)]
mod tests {
    use super::super::fixture::{Shared, snapshot, start};
    use super::*;

    /// Returns the printed lines without their times.
    fn lines(shared: &Shared) -> Vec<String> {
        shared.text().lines().map(|line| line.split_once(' ').unwrap().1.to_owned()).collect()
    }

    #[test]
    fn there_is_a_line_each_interval_and_one_at_the_end() {
        let out = Shared::default();
        let plain = Plain::new(out.clone(), Duration::from_secs(30), true, true);
        plain.start(&start());
        let begin = Instant::now();
        for second in 0..65 {
            plain.update_at(&snapshot(second * 30), begin + Duration::from_secs(second));
        }
        plain.finish();
        plain.finish();
        insta::assert_snapshot!(lines(&out).join("\n"), @"
        run 20261121-034500-k3f9 of spring starts: 50,000 rows in, 48,000 to send through relay, 2,400 of them first as canary
        canary 900/2,400 37.5% · relay 50.0/s · ETA 24s · accepted 900 · suppressed 2,000 · paced by rate 50/s
        canary 1,800/2,400 75.0% · relay 50.0/s · ETA 24s · accepted 1,800 · suppressed 2,000 · paced by rate 50/s
        canary 1,920/2,400 80.0% · relay 50.0/s · ETA 24s · accepted 1,920 · suppressed 2,000 · paced by rate 50/s
        ");
    }

    #[test]
    fn lines_hold_no_control_characters() {
        let out = Shared::default();
        let plain = Plain::new(out.clone(), Duration::ZERO, true, true);
        plain.message("canary failed:\r\n\x1b[31m9 of 10");
        plain.update_at(&Snapshot { note: Some("\x07".into()), ..snapshot(3) }, Instant::now());
        assert!(out.text().chars().all(|c| c == '\n' || !c.is_control()), "{:?}", out.text());
        assert_eq!(out.text().lines().count(), 2);
    }

    #[test]
    fn quiet_tells_only_what_it_waits_for_and_once() {
        let out = Shared::default();
        let plain = Plain::new(out.clone(), Duration::ZERO, false, false);
        plain.start(&start());
        plain.update(&snapshot(3));
        plain.message("canary passed");
        plain.waiting("draining: waiting for 3 batches");
        plain.waiting("draining: waiting for 3 batches");
        plain.finish();
        assert_eq!(lines(&out), ["draining: waiting for 3 batches"]);
    }
}
