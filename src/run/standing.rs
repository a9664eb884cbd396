//! Updates a run after unknown outcomes have been settled.

use crate::ledger::{Ledger, Run, RunState, Standing};
use crate::model::error::Result;
use crate::model::exit::Exit;
use crate::model::outcome::Outcome;
use crate::run::context::Context;
use crate::run::reports::rewrite_report;
use crate::run::verdict::exit_of;

/// Stores the run's new numbers and exit code, and writes the report again.
pub(crate) async fn keep_standing(
    context: &Context,
    ledger: &dyn Ledger,
    run: &Run,
    before: &Standing,
) -> Result<Standing> {
    let standing = ledger.standing(&run.id).await?;
    let count = |standing: &Standing, outcome| standing.tally.get(outcome);
    let deferred = count(&standing, Outcome::Deferred);
    let was_done = count(before, Outcome::Held) + count(before, Outcome::Deferred) == 0;
    let state = if run.state == RunState::Finished && was_done && deferred > 0 {
        RunState::Open
    } else {
        run.state
    };
    // Keep the exit code if it had a reason other than unknown outcomes.
    let code = match run.exit {
        Some(code) if code != Exit::UNKNOWN.code() => code,
        _ => exit_of(&standing).code(),
    };
    let reasons = run.exit_reasons.iter().filter(|reason| reason.exit == code).cloned().collect();
    ledger.finish(&run.id, state, code, reasons).await?;
    rewrite_report(context, ledger, &run.id).await?;
    Ok(standing)
}
