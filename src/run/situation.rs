//! Finds out whether a process is sending a run, what stops the run, and who decided that.

use std::time::Duration;

use jiff::Zoned;

use crate::ledger::{Ledger, Run, RunState};
use crate::model::error::Result;
use crate::report::{self, Situation};
use crate::run::campaign;
use crate::run::context::Context;
use crate::run::pausing::Start;

/// How often `status --follow` and `wait` check a run.
pub(crate) const LOOK_AGAIN: Duration = Duration::from_millis(500);

/// Determines the situation of a run. `command` adds the flags that a suggested command needs in
/// the current directory.
pub(crate) async fn situation<'a>(
    context: &Context,
    ledger: &dyn Ledger,
    run: &Run,
    command: &'a dyn Fn(&str) -> String,
) -> Result<Situation<'a>> {
    let start = Start::of(run);
    let mut pauses = ledger.pauses().await?;
    let stopped_by = start.stopped_by(&pauses).cloned();
    pauses.retain(|pause| {
        let is_of_provider =
            start.providers.iter().any(|provider| pause.scope.holds_provider(provider));
        is_of_provider || pause.scope.holds(&run.head.campaign, run.head.kind)
    });
    let under_way = ledger.under_way().await?;
    let env = run.head.env.as_deref();
    let latest = ledger.latest_run(&run.head.campaign, env).await?;
    let newer = latest
        .map(|latest| latest.id)
        .filter(|latest| run.state != RunState::Planning && *latest != run.id);
    let has_process = newer.is_none()
        && campaign::is_running(&context.settings.workspace.state_dir, &run.head.campaign, env)?;
    Ok(Situation {
        is_sending: has_process && run.state != RunState::Finished,
        pauses,
        stopped_by,
        latched: ledger.latched_by(&run.id).await?,
        under_way: under_way
            .iter()
            .filter(|claimed| claimed.run == run.id)
            .map(|claimed| claimed.count)
            .sum(),
        newer,
        now: Zoned::now(),
        command,
    })
}

/// Prints one run.
pub(crate) async fn show(context: &Context, ledger: &dyn Ledger, run: &Run) -> Result<()> {
    let standing = ledger.standing(&run.id).await?;
    let command = |command: &str| context.command(command);
    let situation = situation(context, ledger, run, &command).await?;
    let text = match context.globals.json {
        true => format!("{}\n", report::status_json(run, &standing, &situation)),
        // Text is wrapped only if the output is a terminal.
        false => report::status(
            run,
            &standing,
            &situation,
            console::Term::stdout().size_checked().map_or(u16::MAX, |(_, columns)| columns),
        ),
    };
    context.print(&text)
}

/// Whether an execution of the run is in progress: the campaign is locked, and the run has rows
/// without an outcome.
pub(crate) async fn is_going(context: &Context, ledger: &dyn Ledger, run: &Run) -> Result<bool> {
    let state_dir = &context.settings.workspace.state_dir;
    if run.state == RunState::Finished
        || !campaign::is_running(state_dir, &run.head.campaign, run.head.env.as_deref())?
    {
        return Ok(false);
    }
    Ok(ledger.standing(&run.id).await?.tally.open > 0)
}
