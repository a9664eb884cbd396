//! Ends an execution: gives the remaining rows an outcome, and determines the exit code, its
//! reasons, and the command to type next.

use crate::ledger::{ExitReason, Ledger, Run, RunState, Standing};
use crate::model::error::{Error, Result};
use crate::model::exit::Exit;
use crate::model::outcome::{Outcome, Reason};
use crate::pipeline::Why;
use crate::provider::Refusal;
use crate::run::context::Context;
use crate::run::reports::record_end;
use crate::run::verdict::{self, ClosingOptions};

/// The result of an execution, for the summary.
pub(crate) struct Conclusion {
    pub(crate) run: Run,
    pub(crate) standing: Standing,
    /// Recipients that this execution submitted to a provider.
    pub(crate) handed_over: u64,
    /// The exit codes that apply, each with its reason.
    pub(crate) earned: Vec<(Exit, String)>,
    /// The command that the operator should run next; `None` if nothing is left to do.
    pub(crate) next: Option<String>,
}

/// How an execution ends, depending on the reason that stopped it.
#[derive(Debug, Default)]
struct Stop {
    earned: Option<(Exit, String)>,
    /// The reason and the detail recorded for the rows that are held.
    held: Option<(Reason, String)>,
    /// The command that the operator should run next.
    next: Option<String>,
    /// Whether recipients that wait for another attempt become deferred before the rest is held.
    gives_up: bool,
    /// Whether the reason is a signal. Then the text also says what happened to the batches on the
    /// wire.
    is_signal: bool,
    /// The error to return after the rows have been held.
    error: Option<Error>,
}

/// Maps each reason to stop to its consequences. `run` is the run's id, `resume` the command that
/// continues it. The function is long because it is a table with one entry per reason.
fn stop(why: Why, run: &str, resume: &str) -> Stop {
    let ends = |exit: Exit, why: String, next: String, held: Option<(Reason, String)>| Stop {
        earned: Some((exit, why)),
        held,
        next: Some(next),
        ..Stop::default()
    };
    let decide = format!("{resume} --continue    # or --abandon");
    match why {
        Why::Signal { exit, failing } => {
            let answered = match failing.is_empty() {
                true => String::new(),
                false => format!("; {}", each(&failing, "was failing")),
            };
            let said = failing.into_iter().next();
            let said = said.map(|(_, refusal)| refusal.words()).unwrap_or_default();
            let why = format!("{}{answered}", signal_words(exit));
            Stop {
                is_signal: true,
                ..ends(exit, why, resume.to_owned(), Some((Reason::Interrupted, said)))
            }
        }
        Why::NoProvider(refusals) => ends(
            Exit::NO_PROVIDER,
            each(&refusals, "takes nothing more"),
            format!("{resume}    # once the provider accepts mail again"),
            refusals.into_iter().next().map(|(_, refusal)| (refusal.reason, refusal.words())),
        ),
        // The providers failed for the whole retry period, so recipients that wait for another
        // attempt become deferred.
        Why::Failing(refusals) => Stop {
            gives_up: true,
            ..ends(
                Exit::RETRYABLE,
                each(&refusals, "failed for too long"),
                resume.to_owned(),
                refusals.into_iter().next().map(|(_, refusal)| (Reason::Session, refusal.words())),
            )
        },
        // Recipients that wait for another attempt were counted as failures of the canary, so they
        // become deferred.
        Why::CanaryFailed(evidence) => Stop {
            gives_up: true,
            ..ends(
                Exit::STOPPED,
                format!("canary failed: {evidence}"),
                format!(
                    "mailbatch report {run} --outcome rejected,deferred,unknown    # then {resume} --continue, or --abandon"
                ),
                Some((Reason::Canary, evidence)),
            )
        },
        Why::Waiting(evidence) => ends(
            Exit::WAITING,
            format!("waiting for a person to decide: {evidence}"),
            decide,
            Some((Reason::Canary, evidence)),
        ),
        Why::Rule(evidence) => ends(
            Exit::STOPPED,
            format!("pause rule: {evidence}"),
            decide,
            Some((Reason::Paused, evidence)),
        ),
        Why::Capped(text) => {
            ends(Exit::CAP, text.clone(), resume.to_owned(), Some((Reason::Cap, text)))
        }
        Why::Paused(pause) => {
            let why = pause.why();
            let held = if why.is_empty() { "paused".to_owned() } else { format!("paused: {why}") };
            ends(
                Exit::STOPPED,
                format!("{} was paused {}", pause.scope.words(), pause.words()),
                format!("{} && {resume}", pause.scope.lift()),
                Some((Reason::Paused, held)),
            )
        }
        Why::Limit => Stop {
            held: Some((Reason::Limit, "--limit is reached".to_owned())),
            next: Some(resume.to_owned()),
            ..Stop::default()
        },
        Why::Suppression(error) => ends(
            Exit::RETRYABLE,
            first_line(&error),
            format!("{resume}    # once the suppression file can be read"),
            Some((Reason::Interrupted, "the suppression file cannot be read".to_owned())),
        ),
        Why::LedgerLost(error) => Stop {
            held: Some((Reason::Interrupted, "the ledger was lost".to_owned())),
            error: Some(error),
            ..Stop::default()
        },
    }
}

/// The inputs needed to end an execution after its loop has finished.
pub(crate) struct Ending<'a> {
    pub(crate) context: &'a Context,
    pub(crate) ledger: &'a dyn Ledger,
    pub(crate) run: &'a Run,
    pub(crate) options: &'a ClosingOptions,
    /// Whether `--listen` was given: the next command repeats it.
    pub(crate) is_listening: bool,
    /// Exit 9 if there was no recipient to send to.
    pub(crate) error_on_empty: bool,
    /// The command that reopens the same recipients, if `resume` would not reopen them.
    pub(crate) again: Option<&'a str>,
    /// The numbers of rows by outcome when the execution began.
    pub(crate) before: &'a Standing,
}

impl Ending<'_> {
    /// Gives every remaining row an outcome, finishes the run in the ledger, and determines the
    /// exit codes.
    pub(crate) async fn conclude(&self, why: Option<Why>) -> Result<Conclusion> {
        let (ledger, before, id) = (self.ledger, self.before, self.run.id.as_str());
        let listen = if self.is_listening { " --listen" } else { "" };
        let resume = format!("mailbatch resume {id}{listen}");
        let stop = why.map(|why| stop(why, id, &resume)).unwrap_or_default();
        if stop.gives_up {
            ledger.give_up(id).await?;
        }
        if let Some((reason, detail)) = &stop.held {
            ledger.hold_rest(id, *reason, detail).await?;
        }
        let standing = ledger.standing(id).await?;
        refuse_wrong_sum(id, before, &standing)?;
        let mut earned = Vec::new();
        if let Some((exit, why)) = stop.earned {
            let on_the_wire =
                if stop.is_signal { on_the_wire(id, before, &standing) } else { String::new() };
            earned.push((exit, why + &on_the_wire));
        }
        earned.extend(verdict::earned(&standing, self.options));
        if self.error_on_empty && before.tally.open == 0 {
            earned.push((Exit::EMPTY, "no recipient was left to send to".to_owned()));
        }
        if let Some(error) = stop.error {
            // The ledger file was removed, but this process still has it open. The report is
            // written from it and lists each recipient that was reached.
            return Err(error);
        }
        let left = standing.tally.get(Outcome::Held) + standing.tally.get(Outcome::Deferred);
        let state = if left == 0 { RunState::Finished } else { RunState::Open };
        let reasons = earned
            .iter()
            .map(|(exit, why)| ExitReason { exit: exit.code(), why: why.clone() })
            .collect();
        ledger.finish(id, state, verdict::most_telling(&earned).code(), reasons).await?;
        let run = ledger
            .run(id)
            .await?
            .ok_or_else(|| Error::internal(format!("run {id} is not in the ledger")))?;
        record_end(self.context, ledger, &run).await?;
        let next = match (left, stop.next, self.again) {
            (0, Some(_), Some(again)) => Some(again.to_owned()),
            (0, next, _) => next,
            (_, next, _) => next.or(Some(resume)),
        };
        let handed_over = attempted(&standing).saturating_sub(attempted(before));
        Ok(Conclusion { run, standing, handed_over, earned, next })
    }
}

/// Returns an error if rows are missing or have no outcome.
fn refuse_wrong_sum(id: &str, before: &Standing, after: &Standing) -> Result<()> {
    let (rows, open, total) = (before.tally.total(), after.tally.open, after.tally.total());
    if open == 0 && total == rows {
        return Ok(());
    }
    Err(Error::internal(format!(
        "run {id} does not add up: it was planned with {rows} rows, but the ledger now has {total} rows, {open} of them without an outcome"
    ))
    .hint(
        "the ledger may be damaged: check it with `sqlite3 .mailbatch/ledger.db 'PRAGMA integrity_check'`, and restore it from a backup",
    ))
}

/// Describes what happened to the batches that were on the wire when the signal arrived.
fn on_the_wire(id: &str, before: &Standing, after: &Standing) -> String {
    let unknown = |standing: &Standing| standing.tally.get(Outcome::Unknown);
    match unknown(after).saturating_sub(unknown(before)) {
        0 => "; all messages on the wire have been answered".to_owned(),
        n => format!(
            "; {n} on the wire had no answer: `mailbatch report {id} --outcome unknown` names them"
        ),
    }
}

/// Describes the signal that ended an execution.
fn signal_words(exit: Exit) -> &'static str {
    match exit {
        Exit::HUNG_UP => "the terminal was closed (SIGHUP)",
        Exit::TERMINATED => "ended by another process (SIGTERM)",
        _ => "interrupted at the terminal (Ctrl-C, SIGINT)",
    }
}

/// The number of recipients with an outcome from an attempt.
fn attempted(standing: &Standing) -> u64 {
    [Outcome::Accepted, Outcome::Rejected, Outcome::Deferred, Outcome::Unknown]
        .iter()
        .map(|outcome| standing.tally.get(*outcome))
        .sum()
}

/// Joins the refusals of providers into one text: each with the provider's name, `did`, and the
/// code and text of the refusal.
fn each(refusals: &[(String, Refusal)], did: &str) -> String {
    let in_words = |(name, refusal): &(String, Refusal)| {
        format!("{name} {did}: {}", format!("{} {}", refusal.code, refusal.detail).trim())
    };
    refusals.iter().map(in_words).collect::<Vec<_>>().join("; ")
}

/// The first line of an error, without its hint.
fn first_line(error: &Error) -> String {
    error.parts().0.lines().next().unwrap_or_default().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_stop_has_its_exit_code_its_reason_and_the_command_that_goes_on() {
        let refused =
            |text: &str| vec![("relay".to_owned(), Refusal::new(Reason::Auth, "535", text))];
        let text = || "5 of 100".to_owned();
        let resume = "mailbatch resume r1";
        let table = [
            (
                Why::Signal { exit: Exit::INTERRUPTED, failing: Vec::new() },
                Some(Exit::INTERRUPTED),
                Some(Reason::Interrupted),
                Some("mailbatch resume r1"),
            ),
            (
                Why::NoProvider(refused("wrong password")),
                Some(Exit::NO_PROVIDER),
                Some(Reason::Auth),
                Some("mailbatch resume r1    # once the provider accepts mail again"),
            ),
            (
                Why::Failing(refused("try later")),
                Some(Exit::RETRYABLE),
                Some(Reason::Session),
                Some("mailbatch resume r1"),
            ),
            (
                Why::CanaryFailed(text()),
                Some(Exit::STOPPED),
                Some(Reason::Canary),
                Some(
                    "mailbatch report r1 --outcome rejected,deferred,unknown    # then mailbatch resume r1 --continue, or --abandon",
                ),
            ),
            (
                Why::Waiting(text()),
                Some(Exit::WAITING),
                Some(Reason::Canary),
                Some("mailbatch resume r1 --continue    # or --abandon"),
            ),
            (
                Why::Rule(text()),
                Some(Exit::STOPPED),
                Some(Reason::Paused),
                Some("mailbatch resume r1 --continue    # or --abandon"),
            ),
            (Why::Capped(text()), Some(Exit::CAP), Some(Reason::Cap), Some("mailbatch resume r1")),
            (Why::Limit, None, Some(Reason::Limit), Some("mailbatch resume r1")),
            (
                Why::Suppression(Error::refused("no such file")),
                Some(Exit::RETRYABLE),
                Some(Reason::Interrupted),
                Some("mailbatch resume r1    # once the suppression file can be read"),
            ),
            (
                Why::LedgerLost(Error::internal("the ledger is gone")),
                None,
                Some(Reason::Interrupted),
                None,
            ),
        ];
        for (why, exit, reason, next) in table {
            let shown = format!("{why:?}");
            let gives_up = matches!(why, Why::Failing(_) | Why::CanaryFailed(_));
            let fails = matches!(why, Why::LedgerLost(_));
            let stop = stop(why, "r1", resume);
            assert_eq!(stop.earned.map(|(exit, _)| exit), exit, "{shown}");
            assert_eq!(stop.held.map(|(reason, _)| reason), reason, "{shown}");
            assert_eq!(stop.next.as_deref(), next, "{shown}");
            assert_eq!((stop.gives_up, stop.error.is_some()), (gives_up, fails), "{shown}");
        }
    }
}
