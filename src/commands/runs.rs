//! `mailbatch runs`.

use crate::cli::{Globals, RunsArgs, RunsCommand};
use crate::commands::campaign;
use crate::commands::reports::remove_files;
use crate::commands::say;
use crate::commands::workbench::{Workbench, ask, has_person};
use crate::ledger::RunState;
use crate::model::error::{Error, Result};
use crate::model::exit::Exit;
use crate::report;

/// Lists, shows or removes runs.
pub(crate) async fn run(globals: &Globals, args: &RunsArgs) -> Result<Exit> {
    let bench = Workbench::new(globals, None)?;
    match &args.command {
        None | Some(RunsCommand::List) => list(&bench).await,
        Some(RunsCommand::Show { run }) => {
            let ledger = bench.used_ledger_to_read()?;
            let run = bench.run(ledger.as_ref(), Some(run)).await?;
            super::results::show(&bench, ledger.as_ref(), &run).await
        }
        Some(RunsCommand::Rm { run, yes }) => remove(&bench, run, *yes).await,
    }
}

async fn list(bench: &Workbench) -> Result<Exit> {
    let mut runs = Vec::new();
    if let Some(ledger) = bench.ledger_to_read()? {
        for run in ledger.runs().await? {
            let standing = ledger.standing(&run.id).await?;
            runs.push((run, standing));
        }
    }
    let text = if bench.globals.json {
        runs.iter()
            .map(|(run, standing)| format!("{}\n", report::run_json(run, standing)))
            .collect()
    } else {
        report::runs_table(&runs, super::results::width())
    };
    say(&mut std::io::stdout(), &text)?;
    Ok(Exit::OK)
}

async fn remove(bench: &Workbench, name: &str, yes: bool) -> Result<Exit> {
    let ledger = bench.used_ledger()?;
    let run = bench.run(ledger.as_ref(), Some(name)).await?;
    let state_dir = &bench.settings.workspace.state_dir;
    let _lock =
        campaign::lock_of(state_dir, ledger.as_ref(), &run, std::time::Duration::ZERO).await?;
    if !yes {
        let question = if run.state == RunState::Open {
            "the run is not finished; remove it all the same?"
        } else {
            "remove the run's rows and report?"
        };
        if !has_person() {
            return Err(Error::usage("removing a run without a terminal needs --yes"));
        }
        if !ask(question) {
            return Ok(Exit::OK);
        }
    }
    ledger.remove(&run.id).await?;
    // The report holds addresses too.
    remove_files(bench, &run)?;
    bench.note(&format!("mailbatch: run {} is removed; whoever it reached stays reached", run.id));
    Ok(Exit::OK)
}
