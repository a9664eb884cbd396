//! `mailbatch status`: shows the state of one run, or lists all unfinished runs.

use crate::cli::{Globals, StatusArgs};
use crate::ledger::RunState;
use crate::model::error::Result;
use crate::model::exit::Exit;
use crate::report;
use crate::run::context::Context;
use crate::run::situation::{LOOK_AGAIN, is_going, show, situation};

/// Shows the state of a run, or with `--open` the states of all unfinished runs.
pub(crate) async fn run(globals: &Globals, args: &StatusArgs) -> Result<Exit> {
    let context = Context::new(globals, None)?;
    if args.open {
        return unfinished(&context).await;
    }
    let mut ledger = context.used_ledger_to_read()?;
    let mut run = context.run(ledger.as_ref(), args.run.as_deref()).await?;
    show(&context, ledger.as_ref(), &run).await?;
    while args.follow && is_going(&context, ledger.as_ref(), &run).await? {
        tokio::time::sleep(LOOK_AGAIN).await;
        ledger = context.read_on(ledger)?;
        run = context.run(ledger.as_ref(), Some(&run.id)).await?;
        show(&context, ledger.as_ref(), &run).await?;
    }
    Ok(Exit::OK)
}

/// Lists the unfinished runs, including those that are sending now, and the active pauses. For
/// monitoring, the exit code is 1 if any run is unfinished.
async fn unfinished(context: &Context) -> Result<Exit> {
    let command = |command: &str| context.command(command);
    let (mut open, mut pauses) = (Vec::new(), Vec::new());
    if let Some(ledger) = context.ledger_to_read()? {
        pauses = ledger.pauses().await?;
        for run in ledger.runs().await?.into_iter().filter(|run| run.state == RunState::Open) {
            let standing = ledger.standing(&run.id).await?;
            if !report::is_over(&run, &standing) {
                let situation = situation(context, ledger.as_ref(), &run, &command).await?;
                open.push((run, standing, situation));
            }
        }
    }
    let text = match context.globals.json {
        true => open
            .iter()
            .map(|(run, standing, situation)| {
                format!("{}\n", report::status_json(run, standing, situation))
            })
            .collect(),
        false => report::unfinished(&pauses, &open),
    };
    context.print(&text)?;
    Ok(if open.is_empty() { Exit::OK } else { Exit::INTERNAL })
}
