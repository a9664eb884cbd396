//! Turns the outcomes of a run into exit codes. The command that sent the run and later commands
//! that find nothing to do return the same exit codes.

use std::path::PathBuf;

use crate::cli::{Globals, ProgressMode, SendingArgs};
use crate::ledger::Standing;
use crate::model::exit::Exit;
use crate::model::literal::Percent;
use crate::model::outcome::Outcome;
use crate::report::Failing;

/// The flags that define how a command reports the end of an execution.
#[derive(Clone, Debug)]
pub(crate) struct ClosingOptions {
    /// The files given by `--report`.
    pub(crate) reports: Vec<PathBuf>,
    pub(crate) spreadsheet_safe: bool,
    /// The outcomes given by `--error-on` and `--fail-on`.
    pub(crate) failing: Failing,
    /// The share of rejected recipients that is tolerated.
    pub(crate) fail_over: Percent,
    /// Whether the summary is printed as JSON.
    pub(crate) json: bool,
}

impl ClosingOptions {
    pub(crate) fn of(globals: &Globals, sending: &SendingArgs) -> Self {
        Self {
            reports: sending.report.clone(),
            spreadsheet_safe: sending.spreadsheet_safe,
            failing: Failing { only: sending.error_on.clone(), also: sending.fail_on.clone() },
            fail_over: sending.fail_over,
            json: globals.json || sending.progress == ProgressMode::Json,
        }
    }
}

/// Returns the exit codes for these outcomes, each with its reason. The flags define which outcomes
/// are failures.
pub(crate) fn earned(standing: &Standing, options: &ClosingOptions) -> Vec<(Exit, String)> {
    let count = |outcome| standing.tally.get(outcome);
    let (error_on, fail_on) = (&options.failing.only, &options.failing.also);
    let fails =
        |outcome| (error_on.is_empty() || error_on.contains(&outcome)) && count(outcome) > 0;
    let mut earned = Vec::new();
    if fails(Outcome::Unknown) {
        earned.push((Exit::UNKNOWN, format!("{} may have been taken", count(Outcome::Unknown))));
    }
    if fails(Outcome::Deferred) {
        earned.push((Exit::RETRYABLE, format!("{} still deferred", count(Outcome::Deferred))));
    }
    let attempted = standing.rejected_here
        + count(Outcome::Accepted)
        + count(Outcome::Deferred)
        + count(Outcome::Unknown);
    if fails(Outcome::Rejected)
        && standing.rejected_here as f64 > attempted as f64 * options.fail_over.fraction() + 1e-9
    {
        earned.push((Exit::REJECTED, format!("{} rejected", standing.rejected_here)));
    }
    // Unknown, deferred and rejected have their own exit codes and are handled above.
    let others = error_on
        .iter()
        .filter(|outcome| {
            !matches!(outcome, Outcome::Unknown | Outcome::Deferred | Outcome::Rejected)
        })
        .copied();
    for (flag, outcomes) in [("--fail-on", fail_on.clone()), ("--error-on", others.collect())] {
        let unwanted = outcomes.into_iter().filter(|outcome| count(*outcome) > 0);
        let unwanted: Vec<String> =
            unwanted.map(|outcome| format!("{} {outcome}", count(outcome))).collect();
        if !unwanted.is_empty() {
            earned.push((Exit::REJECTED, format!("{flag}: {}", unwanted.join(", "))));
        }
    }
    earned
}

/// Returns the exit code that takes precedence over the others.
pub(crate) fn most_telling(earned: &[(Exit, String)]) -> Exit {
    Exit::most_telling(&earned.iter().map(|(exit, _)| *exit).collect::<Vec<_>>())
}

/// Returns the exit code of a run's outcomes if no flag defines failures.
pub(crate) fn exit_of(standing: &Standing) -> Exit {
    let count = |outcome| standing.tally.get(outcome);
    match () {
        () if count(Outcome::Unknown) > 0 => Exit::UNKNOWN,
        () if count(Outcome::Deferred) > 0 => Exit::RETRYABLE,
        () if standing.rejected_here > 0 => Exit::REJECTED,
        () => Exit::OK,
    }
}
