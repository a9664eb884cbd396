//! The output of `send`, `resume` and `retry` for a run with no recipient left to send to.
//!
//! Invariant: repeating a command reports again how the run ended, as text and in the reports, and
//! says that nothing was sent. The exit code is 0, or 6 while outcomes are unknown. If flags define
//! which outcomes are failures, their exit code is returned instead.

use std::time::Duration;

use crate::run::reports::{kept_reports, publish, write_asked};

use crate::ledger::{Ledger, Run, RunState, Standing};
use crate::model::error::Result;
use crate::model::exit::Exit;
use crate::model::outcome::Outcome;
use crate::plan::without_rows;
use crate::report::{self, Closing, SummaryExtra};
use crate::run::console::say;
use crate::run::context::Context;
use crate::run::verdict::{ClosingOptions, earned, exit_of, most_telling};

/// Reports that a run has no recipient to send to, repeats the result of the run, and writes the
/// requested reports. If the process was killed before it could finish the run, the run is finished
/// now.
pub(crate) async fn nothing_to_do(
    context: &Context,
    ledger: &dyn Ledger,
    (run, standing): (&Run, &Standing),
    options: &ClosingOptions,
    error_on_empty: bool,
) -> Result<Exit> {
    // The process may have been killed after the run was finished or settled, before it wrote the
    // report.
    let reports = kept_reports(context, &run.id)?;
    let missing = reports.current().is_none().then(|| reports.next());
    if let Some(report) = reports.unpublished() {
        publish(context, &run.id, report)?;
    }
    if standing.tally.total() == 0 {
        context.warn(&without_rows(&run.head.lists.join(", "), run.filtered));
    }
    let count = |outcome| standing.tally.get(outcome);
    let (unknown, held, deferred) =
        (count(Outcome::Unknown), count(Outcome::Held), count(Outcome::Deferred));
    let is_over = held + deferred == 0;
    let mut verdict = earned(standing, options);
    // Recipients left when the run was closed, or not selected by this command, do not affect this
    // exit code.
    verdict.retain(|(exit, _)| *exit != Exit::RETRYABLE);
    let ended = verdict.iter().map(|(_, why)| why.as_str()).collect::<Vec<_>>().join(", ");
    let ended = if ended.is_empty() { ended } else { format!("\n{ended}, as when it ended") };
    let says_what_fails = !(options.failing.only.is_empty() && options.failing.also.is_empty());
    verdict.retain(|(exit, _)| says_what_fails || *exit == Exit::UNKNOWN);
    if error_on_empty {
        verdict.push((Exit::EMPTY, "no recipient was left to send to".to_owned()));
    }
    let exit = most_telling(&verdict);
    let reasons = verdict.iter().map(|(_, why)| why.clone()).collect();
    let closing = Closing { reasons, had_nothing_to_do: true, ..Closing::new(exit) };
    write_asked(context, ledger, (run, standing, closing), options, missing.as_deref()).await?;
    if run.state == RunState::Open && is_over {
        let exit = run.exit.unwrap_or_else(|| exit_of(standing).code());
        ledger.finish(&run.id, RunState::Finished, exit, run.exit_reasons.clone()).await?;
    }
    let next = match unknown {
        0 if !is_over => format!("mailbatch resume {}", run.id),
        0 if count(Outcome::Rejected) > 0 => {
            format!("mailbatch report {} --outcome rejected", run.id)
        }
        0 => format!("mailbatch report {}", run.id),
        _ => format!("mailbatch reconcile {}", run.id),
    };
    let next = context.command(&next);
    if options.json {
        let notes = vec!["nothing to do".into()];
        let extra = SummaryExtra {
            elapsed: Duration::ZERO,
            handed_over: 0,
            report: None,
            next: Some(next),
            exit,
            exit_reasons: verdict,
            notes,
        };
        say(&mut std::io::stdout(), &format!("{}\n", report::summary_json(run, standing, &extra)))?;
    } else {
        let how = how_it_stands(run, standing);
        context.note_about(
            exit,
            &format!(
                "mailbatch: nothing to do: run {} of {} {how}{ended}\nnext: {next}",
                run.id,
                run.head.name()
            ),
        );
    }
    Ok(exit)
}

/// Describes a run that has nothing to do.
fn how_it_stands(run: &Run, standing: &Standing) -> String {
    let count = |outcome| standing.tally.get(outcome);
    let (unknown, held, deferred) =
        (count(Outcome::Unknown), count(Outcome::Held), count(Outcome::Deferred));
    let what = match (run.state, held + deferred == 0) {
        (_, true) => "is finished".to_owned(),
        (RunState::Finished, false) => {
            format!("was closed; {held} held and {deferred} deferred were not mailed")
        }
        (_, false) => format!(
            "has {held} held and {deferred} deferred recipients, which this command does not select"
        ),
    };
    match unknown {
        0 => what,
        n => format!("{what}; {n} may have been taken and are not sent again by guess"),
    }
}
