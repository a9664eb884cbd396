//! Shows progress on a terminal: a bar for each phase, a line for each provider, and the counts.
//! Only this module uses indicatif.
//!
//! The template cuts every line to the terminal's width, so that a redraw erases it completely. All
//! lines fit in 80 columns.

use std::collections::BTreeMap;
use std::io::Write;
use std::sync::Mutex;

use indicatif::{MultiProgress, ProgressBar, ProgressDrawTarget, ProgressStyle};
use rustix::termios::{LocalModes, OptionalActions, Termios, tcgetattr, tcsetattr};

use super::{Progress, Snapshot, Start, locked, plain};
use crate::model::figures::{clean, duration, grouped, percent, rate};
use crate::model::outcome::{Cohort, Outcome};
use crate::report::text::counts;

/// The number of redraws per second.
const HERTZ: u8 = 10;

const SENT: &[Outcome] =
    &[Outcome::Accepted, Outcome::Rejected, Outcome::Deferred, Outcome::Unknown];
const NOT_SENT: &[Outcome] = &[
    Outcome::Suppressed,
    Outcome::Invalid,
    Outcome::Duplicate,
    Outcome::AlreadyAccepted,
    Outcome::Held,
];

/// Whether stderr is a terminal that can show bars. On other outputs indicatif discards all
/// messages.
pub(super) fn can_be_shown() -> bool {
    !ProgressDrawTarget::stderr().is_hidden()
}

pub(super) struct Bars {
    all: MultiProgress,
    _echo: NoEcho,
    state: Mutex<BarsState>,
}

#[derive(Default)]
struct BarsState {
    phases: BTreeMap<Cohort, ProgressBar>,
    providers: BTreeMap<String, ProgressBar>,
    sent: Option<ProgressBar>,
    not_sent: Option<ProgressBar>,
    waiting: Option<ProgressBar>,
    /// The current phase.
    phase: Option<Cohort>,
}

impl Bars {
    pub(super) fn new() -> Self {
        let all = MultiProgress::with_draw_target(ProgressDrawTarget::stderr_with_hz(HERTZ));
        Self { all, _echo: NoEcho::new(), state: Mutex::default() }
    }

    /// Returns the bar for a phase. A new bar is placed below those of earlier phases and above all
    /// lines.
    fn phase(&self, state: &mut BarsState, phase: Cohort, total: u64) -> ProgressBar {
        if let Some(bar) = state.phases.get(&phase) {
            return bar.clone();
        }
        let place = state.phases.range(..phase).count();
        let bar = self.all.insert(place, ProgressBar::new(total));
        bar.set_style(style("{prefix:8} {wide_bar:.green} {msg}").progress_chars("█▉▊▋▌▍▎▏░"));
        bar.set_prefix(phase.as_str());
        bar.set_message(numbers(0, total, ""));
        state.phases.insert(phase, bar.clone());
        bar
    }

    fn line(&self, place: usize, name: &str) -> ProgressBar {
        let line = self.all.insert(place, ProgressBar::no_length());
        line.set_style(style("{prefix:8} {wide_msg}"));
        line.set_prefix(cut(&clean(name), 8));
        line
    }
}

/// Truncates a provider's name to `most` characters, so that columns stay aligned.
fn cut(name: &str, most: usize) -> String {
    if name.chars().count() <= most {
        name.to_owned()
    } else {
        name.chars().take(most - 1).chain(['…']).collect()
    }
}

fn style(template: &str) -> ProgressStyle {
    ProgressStyle::with_template(template).expect("the templates in this file are valid")
}

/// Formats the text to the right of a bar. Its width is constant, so that the bars of both phases
/// have the same length.
fn numbers(done: u64, total: u64, end: &str) -> String {
    format!(
        "{:>19} {:>6}  {end:<11}",
        format!("{}/{}", grouped(done), grouped(total)),
        percent(done, total)
    )
}

/// Marks the bar of a phase as ended and removes its ETA.
fn close(bar: &ProgressBar) {
    let (done, total) = (bar.position(), bar.length().unwrap_or_default());
    bar.set_message(numbers(done, total, if done >= total { "done" } else { "" }));
}

/// Stops the terminal from echoing `^C`. Next to a full-width line, the echo would wrap and shift
/// the next redraw. The old setting is restored on drop.
struct NoEcho(Option<Termios>);

impl NoEcho {
    fn new() -> Self {
        let before = tcgetattr(std::io::stderr()).ok();
        if let Some(before) = &before {
            let mut without = before.clone();
            without.local_modes.remove(LocalModes::ECHOCTL);
            // If the terminal refuses the setting, a line may appear twice, which is harmless.
            let _ = tcsetattr(std::io::stderr(), OptionalActions::Now, &without);
        }
        Self(before)
    }
}

impl Drop for NoEcho {
    fn drop(&mut self) {
        if let Some(before) = &self.0 {
            let _ = tcsetattr(std::io::stderr(), OptionalActions::Now, before);
        }
    }
}

fn provider_line(snapshot: &Snapshot) -> String {
    let mut parts = vec![rate(snapshot.rate), format!("{} in flight", snapshot.in_flight)];
    parts.extend(snapshot.note.as_deref().map(|note| clean(note).into_owned()));
    parts.join(" · ")
}

impl Progress for Bars {
    fn start(&self, start: &Start) {
        self.message(&plain::opening(start));
        let mut state = locked(&self.state);
        if start.canary > 0 {
            self.phase(&mut state, Cohort::Canary, start.canary);
        }
        let rest = start.to_send.saturating_sub(start.canary);
        if rest > 0 {
            self.phase(&mut state, Cohort::Rest, rest);
        }
        for bar in state.phases.values() {
            bar.tick();
        }
    }

    fn update(&self, snapshot: &Snapshot) {
        let mut state = locked(&self.state);
        if state.phase != Some(snapshot.phase) {
            if let Some(bar) = state.phase.and_then(|before| state.phases.get(&before)) {
                close(bar);
            }
            state.phase = Some(snapshot.phase);
        }
        let bar = self.phase(&mut state, snapshot.phase, snapshot.total);
        let end = match snapshot.eta {
            _ if snapshot.done >= snapshot.total => "done".to_owned(),
            Some(eta) => format!("ETA {}", duration(eta)),
            None => String::new(),
        };
        bar.set_length(snapshot.total);
        bar.set_message(numbers(snapshot.done, snapshot.total, &end));
        bar.set_position(snapshot.done);

        if !state.providers.contains_key(&snapshot.provider) {
            let place =
                state.phases.len() + state.providers.range(..snapshot.provider.clone()).count();
            let line = self.line(place, &snapshot.provider);
            state.providers.insert(snapshot.provider.clone(), line);
        }
        if let Some(line) = state.providers.get(&snapshot.provider) {
            line.set_message(provider_line(snapshot));
        }

        let sent = counts(&snapshot.tally, SENT);
        let place = state.phases.len() + state.providers.len();
        if !sent.is_empty() {
            state.sent.get_or_insert_with(|| self.line(place, "")).set_message(sent);
        }
        let not_sent = counts(&snapshot.tally, NOT_SENT);
        let place = place + usize::from(state.sent.is_some());
        if !not_sent.is_empty() {
            state.not_sent.get_or_insert_with(|| self.line(place, "")).set_message(not_sent);
        }
    }

    fn message(&self, line: &str) {
        self.all.suspend(|| writeln!(std::io::stderr(), "{}", clean(line)).ok());
    }

    fn clear(&self) {
        self.all.clear().ok();
    }

    fn waiting(&self, line: &str) {
        let mut state = locked(&self.state);
        let bar = state.waiting.get_or_insert_with(|| {
            let bar = self.all.add(ProgressBar::no_length());
            bar.set_style(style("{wide_msg}"));
            bar
        });
        bar.set_message(clean(line).into_owned());
    }

    fn finish(&self) {
        let mut state = locked(&self.state);
        if let Some(waiting) = state.waiting.take() {
            self.all.remove(&waiting);
        }
        state.phases.values().for_each(close);
        let lines = state
            .phases
            .values()
            .chain(state.providers.values())
            .chain(&state.sent)
            .chain(&state.not_sent);
        for bar in lines {
            bar.abandon();
        }
        *state = BarsState::default();
    }
}

#[cfg(test)]
mod tests {
    use super::super::fixture::{snapshot, start};
    use super::*;

    #[test]
    fn the_numbers_of_a_bar_are_equally_wide() {
        let widths = [
            numbers(0, 5, ""),
            numbers(1_234_567, 1_234_567, "done"),
            numbers(12, 2_400, "ETA 12m 03s"),
        ]
        .map(|text| text.chars().count());
        assert_eq!(widths, [39, 39, 39]);
    }

    #[test]
    fn a_long_name_does_not_push_the_columns_apart() {
        assert_eq!(cut("relay", 8), "relay");
        assert_eq!(cut("postmark-eu", 8), "postmar…");
    }

    #[test]
    fn bars_that_nobody_sees_take_every_call() {
        let bars = Bars {
            all: MultiProgress::with_draw_target(ProgressDrawTarget::hidden()),
            _echo: NoEcho(None),
            state: Mutex::default(),
        };
        bars.start(&start());
        bars.update(&snapshot(5));
        bars.update(&Snapshot { phase: Cohort::Rest, total: 45_600, ..snapshot(7) });
        bars.waiting("draining: waiting for 3 batches");
        bars.finish();
        bars.finish();
    }
}
