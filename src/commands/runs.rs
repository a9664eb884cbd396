//! `mailbatch runs`: lists, shows and removes runs.

use crate::cli::{Globals, RunsArgs, RunsCommand};
use crate::ledger::RunState;
use crate::model::error::{Error, Result};
use crate::model::exit::Exit;
use crate::report;
use crate::run::campaign;
use crate::run::console::width;
use crate::run::context::Context;
use crate::run::reports::remove_files;
use crate::run::situation::show;

pub(crate) async fn run(globals: &Globals, args: &RunsArgs) -> Result<Exit> {
    let context = Context::new(globals, None)?;
    match &args.command {
        None | Some(RunsCommand::List) => list(&context).await,
        Some(RunsCommand::Show { run }) => {
            let ledger = context.used_ledger_to_read()?;
            let run = context.run(ledger.as_ref(), Some(run)).await?;
            show(&context, ledger.as_ref(), &run).await?;
            Ok(Exit::OK)
        }
        Some(RunsCommand::Rm { run, yes }) => remove(&context, run, *yes).await,
    }
}

async fn list(context: &Context) -> Result<Exit> {
    let mut runs = Vec::new();
    if let Some(ledger) = context.ledger_to_read()? {
        for run in ledger.runs().await? {
            let standing = ledger.standing(&run.id).await?;
            runs.push((run, standing));
        }
    }
    let text = if context.globals.json {
        runs.iter()
            .map(|(run, standing)| format!("{}\n", report::run_json(run, standing)))
            .collect()
    } else {
        report::runs_table(&runs, width())
    };
    context.print(&text)?;
    Ok(Exit::OK)
}

async fn remove(context: &Context, name: &str, yes: bool) -> Result<Exit> {
    let ledger = context.used_ledger()?;
    let run = context.run(ledger.as_ref(), Some(name)).await?;
    let state_dir = &context.settings.workspace.state_dir;
    let _lock =
        campaign::lock_of(state_dir, ledger.as_ref(), &run, std::time::Duration::ZERO).await?;
    if !yes {
        let question = if run.state == RunState::Open {
            "the run is not finished; remove it anyway?"
        } else {
            "remove the run's rows and report?"
        };
        if !context.has_person() {
            return Err(Error::usage("to remove a run without a terminal, pass --yes"));
        }
        if !context.ask(question) {
            return Ok(Exit::OK);
        }
    }
    ledger.remove(&run.id).await?;
    // The files of the run, such as its report, contain addresses too.
    remove_files(context, &run)?;
    context.note(&format!(
        "mailbatch: run {} is removed; the recipients it reached are remembered and not mailed again",
        run.id
    ));
    Ok(Exit::OK)
}
