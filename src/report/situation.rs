//! Describes a run for an operator who must act quickly. The run's state and its cause come first.
//! Then follow the numbers of recipients handed over, in doubt (with unknown outcome) and not sent,
//! each with the next command.

use jiff::{Timestamp, Zoned};
use serde_json::{Value, json};

use crate::ledger::{Gate, Pause, PauseScope, Run, RunId, RunState, Standing};
use crate::model::exit::Exit;
use crate::model::figures::{clean, grouped};
use crate::model::outcome::{Outcome, Reason};

/// Facts about a run that its rows do not show.
pub(crate) struct Situation<'a> {
    /// Whether a process is sending the run now.
    pub is_sending: bool,
    /// The active pauses that affect the run or one of its providers, oldest first.
    pub pauses: Vec<Pause>,
    /// The pause that stops the whole run.
    pub stopped_by: Option<Pause>,
    /// The person or rule that stopped the run, if recorded.
    pub latched: Option<Pause>,
    /// The number of recipients whose request was sent to a provider and has no reply yet.
    pub under_way: u64,
    /// The later run of the campaign to which these recipients were moved.
    pub newer: Option<RunId>,
    pub now: Zoned,
    /// Completes a command with the options that it needs in the current directory.
    pub command: &'a dyn Fn(&str) -> String,
}

/// The state of a run, as an operator sees it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stage {
    /// The run's rows are being read.
    Planning,
    Sending,
    Paused,
    /// The canary or a pause rule stopped the run, or its last execution ended early.
    Stopped,
    /// The run waits for an operator's decision.
    Waiting,
    /// The process that was sending the run was killed.
    Interrupted,
    /// Some recipients are deferred or left for a later execution.
    Unfinished,
    /// The run was closed although some recipients were not mailed.
    Closed,
    Finished,
}

impl Stage {
    /// Returns the name for JSON. The text output writes it in capitals.
    const fn as_str(self) -> &'static str {
        match self {
            Self::Planning => "planning",
            Self::Sending => "sending",
            Self::Paused => "paused",
            Self::Stopped => "stopped",
            Self::Waiting => "waiting",
            Self::Interrupted => "interrupted",
            Self::Unfinished => "unfinished",
            Self::Closed => "closed",
            Self::Finished => "finished",
        }
    }
}

/// The number of a run's rows in five groups. The numbers sum to the number of input rows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Split {
    /// Rows that were accepted or rejected.
    pub(super) handed_over: u64,
    /// Rows with an unknown outcome: the provider may have accepted the message.
    pub(super) in_doubt: u64,
    /// Rows whose request was sent to a provider and has no reply yet.
    pub(super) under_way: u64,
    /// Rows that are open, held or deferred.
    pub(super) not_sent: u64,
    /// Rows that are never sent: suppressed, invalid, duplicate, or already accepted.
    pub(super) left_out: u64,
}

impl Split {
    /// Counts the rows of a run. If no process is sending the run, the rows under way count as in
    /// doubt, because no process waits for the replies.
    pub(super) fn new(standing: &Standing, under_way: u64, is_sending: bool) -> Self {
        let sum = |outcomes: &[Outcome]| {
            outcomes.iter().map(|outcome| standing.tally.get(*outcome)).sum::<u64>()
        };
        let under_way = under_way.min(standing.tally.open);
        let (under_way, left_behind) = if is_sending { (under_way, 0) } else { (0, under_way) };
        Self {
            handed_over: sum(&[Outcome::Accepted, Outcome::Rejected]),
            in_doubt: sum(&[Outcome::Unknown]) + left_behind,
            under_way,
            not_sent: sum(&[Outcome::Held, Outcome::Deferred]) + standing.tally.open
                - under_way
                - left_behind,
            left_out: sum(&[
                Outcome::Suppressed,
                Outcome::Invalid,
                Outcome::Duplicate,
                Outcome::AlreadyAccepted,
            ]),
        }
    }

    /// Returns the number of recipients that were sent to or are still to be sent to.
    pub(super) fn to_send(self) -> u64 {
        self.handed_over + self.in_doubt + self.under_way + self.not_sent
    }
}

/// Whether nothing is left to send. `resume` treats such a run as finished.
pub(crate) fn is_over(run: &Run, standing: &Standing) -> bool {
    let tally = &standing.tally;
    run.state == RunState::Finished
        || (run.state == RunState::Open
            && tally.open + tally.get(Outcome::Held) + tally.get(Outcome::Deferred) == 0)
}

/// Formats a time in the time zone of `now`. The date is omitted if it is today.
fn clock(at: Timestamp, now: &Zoned) -> String {
    let at = at.to_zoned(now.time_zone().clone());
    let form = if at.date() == now.date() { "%H:%M" } else { "%Y-%m-%d %H:%M" };
    at.strftime(form).to_string()
}

impl Situation<'_> {
    /// Returns the run's state and the text of its cause.
    fn state(&self, run: &Run, standing: &Standing) -> (Stage, String) {
        let split = Split::new(standing, self.under_way, self.is_sending);
        let under_way = if split.under_way > 0 {
            format!(" · {} still under way", grouped(split.under_way))
        } else {
            String::new()
        };
        if run.state == RunState::Planning {
            let cause = if self.is_sending {
                ": its rows are being read"
            } else {
                ": planning did not finish, and nothing was sent"
            };
            return (Stage::Planning, cause.to_owned());
        }
        if !self.is_sending && is_over(run, standing) {
            return self.over(run, standing, &split);
        }
        if let Some(pause) = &self.stopped_by {
            return (Stage::Paused, self.of_pause(pause) + &under_way);
        }
        if self.is_sending {
            return (Stage::Sending, sending(run, standing, &split) + &under_way);
        }
        if standing.tally.open > 0 && !is_latched(run) {
            return (
                Stage::Interrupted,
                ": the process that sent it has ended without closing it".to_owned(),
            );
        }
        self.left(run, standing)
    }

    /// Formats the state and its cause as one line: `PAUSED 19:35 by root: wrong price`.
    pub(super) fn headline(&self, run: &Run, standing: &Standing) -> String {
        let (state, cause) = self.state(run, standing);
        format!("{}{}", state.as_str().to_uppercase(), clean(&cause))
    }

    /// Describes a pause as a cause: ` 19:35 by root (campaign spring): wrong price`.
    fn of_pause(&self, pause: &Pause) -> String {
        let by =
            if pause.author.is_empty() { String::new() } else { format!(" by {}", pause.author) };
        let of = if pause.scope == PauseScope::Workspace {
            String::new()
        } else {
            format!(" ({})", pause.scope.words())
        };
        let until = pause
            .expires_at
            .map(|at| format!(" until {}", clock(at, &self.now)))
            .unwrap_or_default();
        let reason =
            if pause.reason.is_empty() { String::new() } else { format!(": {}", pause.reason) };
        format!(" {}{by}{of}{until}{reason}", clock(pause.since, &self.now))
    }

    fn over(&self, run: &Run, standing: &Standing, split: &Split) -> (Stage, String) {
        let at = run.finished_at.map(|at| format!(" {}", clock(at, &self.now))).unwrap_or_default();
        if split.not_sent == 0 {
            let words = super::text::counts(
                &standing.tally,
                &[Outcome::Accepted, Outcome::Rejected, Outcome::Unknown],
            );
            let words = if words.is_empty() {
                "there were no recipients to send to".to_owned()
            } else {
                words
            };
            return (Stage::Finished, format!("{at}: {words}"));
        }
        let by = match (&self.newer, &run.gate) {
            (Some(newer), _) => {
                return (Stage::Closed, format!("{at}: run {newer} has taken its recipients over"));
            }
            (None, Gate::Passed { by: Some(by), .. }) => format!(" by {by}"),
            (None, _) => String::new(),
        };
        (Stage::Closed, format!("{at}{by}: {} were not sent to", grouped(split.not_sent)))
    }

    /// Returns the state of a run that is not being sent and has recipients left.
    fn left(&self, run: &Run, standing: &Standing) -> (Stage, String) {
        let at = self
            .latched
            .as_ref()
            .map(|latched| format!(" {}", clock(latched.since, &self.now)))
            .unwrap_or_default();
        match &run.gate {
            Gate::Failed { evidence } => {
                return (Stage::Stopped, format!("{at} by the canary: {evidence}"));
            }
            Gate::Stopped { evidence } => {
                return (Stage::Stopped, format!("{at} by a pause rule: {evidence}"));
            }
            Gate::Waiting { evidence } => {
                return (Stage::Waiting, format!("{at} for a decision on the canary: {evidence}"));
            }
            Gate::Ahead | Gate::Passed { .. } => {}
        }
        let why = run.exit.map(|code| exit_why(run, standing, code)).unwrap_or_default();
        match run.exit.and_then(Exit::from_code) {
            Some(Exit::OK) | None => {
                (Stage::Unfinished, format!(": left for later: {}", left_words(standing)))
            }
            Some(Exit::RETRYABLE | Exit::REJECTED | Exit::UNKNOWN) => {
                (Stage::Unfinished, format!(": {why}"))
            }
            Some(Exit::WAITING) => (Stage::Waiting, format!(": {why}")),
            Some(Exit::HUNG_UP | Exit::INTERRUPTED | Exit::TERMINATED) => {
                (Stage::Interrupted, format!(": {why}"))
            }
            Some(_) => (Stage::Stopped, format!(": {why}")),
        }
    }

    /// Returns the next command if recipients were rejected.
    pub(super) fn after_handed_over(&self, run: &Run, standing: &Standing) -> Option<String> {
        let rejected = standing.tally.get(Outcome::Rejected) > 0;
        rejected.then(|| (self.command)(&format!("mailbatch report {} --outcome rejected", run.id)))
    }

    /// Returns the next command if recipients have an unknown outcome.
    pub(super) fn after_in_doubt(&self, run: &Run, split: &Split) -> Option<String> {
        if split.in_doubt == 0 {
            return None;
        }
        let left_behind =
            !self.is_sending && self.under_way > 0 && !matches!(run.state, RunState::Planning);
        Some(match (&self.stopped_by, left_behind) {
            (None, true) => (self.command)(&format!("mailbatch resume {}", run.id)),
            (Some(pause), true) => format!(
                "{} && {}",
                (self.command)(&pause.scope.lift()),
                (self.command)(&format!("mailbatch resume {}", run.id))
            ),
            (_, false) => (self.command)(&format!("mailbatch reconcile {}", run.id)),
        })
    }

    /// Returns the next command if recipients were not sent to.
    pub(super) fn after_not_sent(
        &self,
        run: &Run,
        standing: &Standing,
        split: &Split,
    ) -> Option<String> {
        if split.not_sent == 0 {
            return None;
        }
        let resume = (self.command)(&format!("mailbatch resume {}", run.id));
        if let Some(newer) = &self.newer {
            return Some((self.command)(&format!("mailbatch status {newer}")));
        }
        Some(match self.state(run, standing).0 {
            Stage::Planning => (self.command)("mailbatch send LIST"),
            Stage::Sending => return None,
            Stage::Closed => format!("{resume}    # reopens the run"),
            _ => {
                let lift = self
                    .stopped_by
                    .as_ref()
                    .map(|pause| format!("{} && ", (self.command)(&pause.scope.lift())))
                    .unwrap_or_default();
                let go_on = if is_latched(run) { " --continue    # or --abandon" } else { "" };
                format!("{lift}{resume}{go_on}")
            }
        })
    }

    /// Returns the members that `status --json` adds to those of
    /// `run_json`.
    pub(super) fn json(&self, run: &Run, standing: &Standing) -> Value {
        let split = Split::new(standing, self.under_way, self.is_sending);
        let (state, cause) = self.state(run, standing);
        let next: Vec<String> = [
            self.after_handed_over(run, standing),
            self.after_in_doubt(run, &split),
            self.after_not_sent(run, standing, &split),
        ]
        .into_iter()
        .flatten()
        .collect();
        json!({
            "situation": state.as_str(),
            "cause": cause.trim_start_matches(':').trim(),
            "handed_over": split.handed_over,
            "in_doubt": split.in_doubt,
            "under_way": split.under_way,
            "not_sent": split.not_sent,
            "left_out": split.left_out,
            "pauses": self.pauses,
            "latched": self.latched,
            "newer": self.newer,
            "exit_reasons": run.exit_reasons,
            "next": next,
        })
    }
}

fn is_latched(run: &Run) -> bool {
    matches!(run.gate, Gate::Failed { .. } | Gate::Stopped { .. } | Gate::Waiting { .. })
}

fn sending(run: &Run, standing: &Standing, split: &Split) -> String {
    match run.gate {
        Gate::Ahead if standing.canary.open > 0 => {
            format!(" the canary: {} to go", grouped(standing.canary.open))
        }
        Gate::Ahead => ": the canary was sent and is being judged".to_owned(),
        _ => format!(": {} to go", grouped(split.not_sent)),
    }
}

/// Counts the held and deferred recipients: `deferred 2 · held 3`.
fn left_words(standing: &Standing) -> String {
    super::text::counts(&standing.tally, &[Outcome::Deferred, Outcome::Held])
}

/// Returns the reason for this exit code of the run's last execution. Earlier versions of mailbatch
/// did not record the reason. For their runs it is derived from the result of the canary and from
/// the rows.
pub(super) fn exit_why(run: &Run, standing: &Standing, code: u8) -> String {
    if let Some(reason) = run.exit_reasons.iter().find(|reason| reason.exit == code) {
        return reason.why.clone();
    }
    let count = |outcome, reason| standing.reasons.get(&(outcome, reason)).copied().unwrap_or(0);
    let exit = Exit::from_code(code);
    match (exit, &run.gate) {
        (Some(Exit::STOPPED), Gate::Failed { evidence }) => {
            format!("the canary failed: {evidence}")
        }
        (Some(Exit::STOPPED), Gate::Stopped { evidence }) => format!("a pause rule: {evidence}"),
        (Some(Exit::STOPPED), _) if run.state == RunState::Finished => {
            "closed by `resume --abandon`".to_owned()
        }
        (Some(Exit::STOPPED), _) if count(Outcome::Held, Reason::Paused) > 0 => {
            "`mailbatch pause`".to_owned()
        }
        (Some(Exit::UNKNOWN), _) => {
            format!("{} may have been taken", grouped(standing.tally.get(Outcome::Unknown)))
        }
        _ => exit.map_or_else(String::new, |exit| exit.meaning().to_owned()),
    }
}
