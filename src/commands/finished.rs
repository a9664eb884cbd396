//! What `send`, `resume` and `retry` say of a run with no recipient left to send to.

use std::time::Duration;

use crate::cli::{ProgressMode, SendingArgs};
use crate::commands::reports::{kept_reports, publish, write_asked};
use crate::commands::running::{exit_of, in_this_workspace};
use crate::commands::say;
use crate::commands::workbench::Workbench;
use crate::error::Result;
use crate::exit::Exit;
use crate::ledger::{Ledger, Run, RunState, Standing};
use crate::outcome::Outcome;
use crate::pipeline::ledger_error;
use crate::plan::without_rows;
use crate::report::{self, Closing, SummaryExtra};

/// Says that a run has no recipient to send to; reports that were asked for are written all the same. A run that has none left, because the
/// process ended before it could say so, is finished now.
pub(crate) async fn nothing_to_do(
    bench: &Workbench,
    ledger: &dyn Ledger,
    (run, standing): (&Run, &Standing),
    sending: &SendingArgs,
    exit: Exit,
) -> Result<Exit> {
    // The process may have been killed between the run's end and its report, or between what was found out later and that.
    let reports = kept_reports(bench, &run.id)?;
    let missing = reports.current().is_none().then(|| reports.next());
    if let Some(report) = reports.unpublished() {
        publish(bench, &run.id, report)?;
    }
    let exit = match exit {
        Exit::UNKNOWN if !sending.error_on.is_empty() && !sending.error_on.contains(&Outcome::Unknown) => Exit::OK,
        exit => exit,
    };
    let closing = Closing { exit, reasons: Vec::new() };
    write_asked(bench, ledger, (run, standing, closing), sending, missing.as_deref()).await?;
    if standing.tally.total() == 0 {
        bench.warn(&without_rows(&run.head.lists.join(", "), run.filtered));
    }
    let count = |outcome| standing.tally.get(outcome);
    let (unknown, held, deferred) = (count(Outcome::Unknown), count(Outcome::Held), count(Outcome::Deferred));
    let is_over = held + deferred == 0;
    if run.state == RunState::Open && is_over {
        let exit = run.exit.unwrap_or_else(|| exit_of(standing).code());
        ledger.finish(&run.id, RunState::Finished, exit, run.exit_reasons.clone()).await.map_err(ledger_error)?;
    }
    let next = match unknown {
        0 if !is_over => format!("mailbatch resume {}", run.id),
        0 => format!("mailbatch report {}", run.id),
        _ => format!("mailbatch reconcile {}", run.id),
    };
    let next = in_this_workspace(bench, &next);
    let what = match (run.state, is_over) {
        (_, true) => "is finished".to_owned(),
        (RunState::Finished, false) => format!("was closed; {held} held and {deferred} deferred were not mailed"),
        (_, false) => format!("has {held} held and {deferred} deferred, who were not asked for"),
    };
    if bench.globals.json || sending.progress == ProgressMode::Json {
        let exit_reasons = if unknown > 0 { vec![(Exit::UNKNOWN, format!("{unknown} may have been taken"))] } else { Vec::new() };
        let notes = vec!["nothing to do".into()];
        let extra = SummaryExtra { elapsed: Duration::ZERO, handed_over: 0, report: None, next: Some(next), exit, exit_reasons, notes };
        say(&mut std::io::stdout(), &format!("{}\n", report::summary_json(run, standing, &extra)))?;
    } else {
        let doubt = if unknown > 0 { format!("; {unknown} may have been taken and are not sent again by guess") } else { String::new() };
        bench.note_about(exit, &format!("mailbatch: nothing to do: run {} of {} {what}{doubt}\nnext: {next}", run.id, run.head.name()));
    }
    Ok(exit)
}
