//! What is known of a run besides its rows: whether a process sends it, what stops it, who decided
//! that.

use jiff::Zoned;

use crate::commands::campaign;
use crate::commands::pausing::Start;
use crate::commands::workbench::Workbench;
use crate::ledger::{Ledger, Run, RunState};
use crate::model::error::Result;
use crate::report::Situation;

/// Finds out how a run stands; `command` gives commands as they must be typed here.
pub(crate) async fn situation<'a>(
    bench: &Workbench,
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
        && campaign::is_running(&bench.settings.workspace.state_dir, &run.head.campaign, env)?;
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
