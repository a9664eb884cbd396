//! `mailbatch status`, `wait` and `why`: what the ledger knows.

use std::time::{Duration, Instant};

use crate::cli::{Globals, StatusArgs, WaitArgs, WhyArgs};
use crate::commands::running::{frozen, in_this_workspace};
use crate::commands::situation::situation;
use crate::commands::suppress::places;
use crate::commands::workbench::Workbench;
use crate::commands::{campaign, say};
use crate::ledger::{Ledger, Run, RunState};
use crate::model::address::Address;
use crate::model::error::{Error, Result};
use crate::model::exit::Exit;
use crate::model::outcome::Outcome;
use crate::report;

/// How often a followed or awaited run is looked at.
const EVERY: Duration = Duration::from_millis(500);

/// Columns of the terminal; 100 without one.
pub(crate) fn width() -> u16 {
    console::Term::stdout().size_checked().map_or(100, |(_, columns)| columns)
}

/// Shows where a run stands.
pub(crate) async fn status(globals: &Globals, args: &StatusArgs) -> Result<Exit> {
    let bench = Workbench::new(globals, None)?;
    if args.open {
        return unfinished(&bench).await;
    }
    let mut ledger = bench.used_ledger_to_read()?;
    let mut run = bench.run(ledger.as_ref(), args.run.as_deref()).await?;
    show(&bench, ledger.as_ref(), &run).await?;
    while args.follow && is_going(&bench, ledger.as_ref(), &run).await? {
        tokio::time::sleep(EVERY).await;
        ledger = bench.read_on(ledger)?;
        run = bench.run(ledger.as_ref(), Some(&run.id)).await?;
        show(&bench, ledger.as_ref(), &run).await?;
    }
    Ok(Exit::OK)
}

/// Prints one run.
pub(crate) async fn show(bench: &Workbench, ledger: &dyn Ledger, run: &Run) -> Result<Exit> {
    let standing = ledger.standing(&run.id).await?;
    let command = |command: &str| in_this_workspace(bench, command);
    let situation = situation(bench, ledger, run, &command).await?;
    let text = match bench.globals.json {
        true => format!("{}\n", report::status_json(run, &standing, &situation)),
        // What is not for a terminal stays on one line each.
        false => report::status(
            run,
            &standing,
            &situation,
            console::Term::stdout().size_checked().map_or(u16::MAX, |(_, columns)| columns),
        ),
    };
    say(&mut std::io::stdout(), &text)?;
    Ok(Exit::OK)
}

/// Lists what is unfinished, one that is being sent included, with the pauses in force. Exit 1
/// where there is such a run, for monitoring.
async fn unfinished(bench: &Workbench) -> Result<Exit> {
    let command = |command: &str| in_this_workspace(bench, command);
    let (mut open, mut pauses) = (Vec::new(), Vec::new());
    if let Some(ledger) = bench.ledger_to_read()? {
        pauses = ledger.pauses().await?;
        for run in ledger.runs().await?.into_iter().filter(|run| run.state == RunState::Open) {
            let standing = ledger.standing(&run.id).await?;
            if !report::is_over(&run, &standing) {
                let situation = situation(bench, ledger.as_ref(), &run, &command).await?;
                open.push((run, standing, situation));
            }
        }
    }
    let text = match bench.globals.json {
        true => open
            .iter()
            .map(|(run, standing, situation)| {
                format!("{}\n", report::status_json(run, standing, situation))
            })
            .collect(),
        false => report::unfinished(&pauses, &open),
    };
    say(&mut std::io::stdout(), &text)?;
    Ok(if open.is_empty() { Exit::OK } else { Exit::INTERNAL })
}

/// Whether an execution of the run goes on: its campaign is locked and it has rows without an
/// outcome.
async fn is_going(bench: &Workbench, ledger: &dyn Ledger, run: &Run) -> Result<bool> {
    let state_dir = &bench.settings.workspace.state_dir;
    if run.state == RunState::Finished
        || !campaign::is_running(state_dir, &run.head.campaign, run.head.env.as_deref())?
    {
        return Ok(false);
    }
    Ok(ledger.standing(&run.id).await?.tally.open > 0)
}

/// Waits until a run's execution has ended, and ends with its exit code.
pub(crate) async fn wait(globals: &Globals, args: &WaitArgs) -> Result<Exit> {
    let bench = Workbench::new(globals, None)?;
    let mut ledger = bench.used_ledger_to_read()?;
    let start = Instant::now();
    loop {
        let run = bench.run(ledger.as_ref(), Some(&args.run)).await?;
        if !is_going(&bench, ledger.as_ref(), &run).await? {
            show(&bench, ledger.as_ref(), &run).await?;
            let exit = run.exit.and_then(Exit::from_code).unwrap_or(Exit::OK);
            if exit == Exit::OK && ledger.standing(&run.id).await?.tally.open > 0 {
                let next = in_this_workspace(&bench, &format!("mailbatch resume {}", run.id));
                bench.warn(&format!(
                    "run {} was stopped before it could end: `{next}` goes on with it",
                    run.id
                ));
                return Ok(Exit::RETRYABLE);
            }
            return Ok(exit);
        }
        if args.timeout.is_some_and(|timeout| start.elapsed() >= timeout) {
            return Err(Error::new(Exit::DEADLINE, format!("run {} still goes on", run.id))
                .hint("`mailbatch status` shows where it stands"));
        }
        tokio::time::sleep(EVERY).await;
        ledger = bench.read_on(ledger)?;
    }
}

/// Says where a person who was suppressed is listed now; the ledger keeps only the reason that
/// decided then.
fn tell_where(bench: &Workbench, run: &Run, email: &str) -> Result<()> {
    let Ok(address) = Address::parse(email) else { return Ok(()) };
    let mut files = bench.settings.suppression_files.clone();
    files.extend(frozen(run)?.suppress);
    // A file that has gone since says nothing, and is no reason to end in an error.
    files.retain(|file| file.exists());
    let found = places(bench, &files, &address)?;
    if found.is_empty() {
        bench.note(
            "mailbatch: no suppression file and no entry of the ledger names this address now",
        );
    }
    found.iter().for_each(|(place, entry)| {
        bench.note(&format!("mailbatch: listed now in {place} ({})", entry.reason))
    });
    Ok(())
}

/// Prints every decision taken about one recipient.
pub(crate) async fn why(globals: &Globals, args: &WhyArgs) -> Result<Exit> {
    let bench = Workbench::new(globals, None)?;
    let ledger = bench.used_ledger_to_read()?;
    let run = bench.run(ledger.as_ref(), Some(&args.run)).await?;
    let email = Address::parse(&args.email)
        .map_or_else(|_| args.email.clone(), |address| address.to_string());
    let decisions = ledger.why(&run.id, &email).await?;
    if decisions.is_empty() {
        return Err(Error::usage(format!("run {} has no such recipient", run.id))
            .hint(format!("`mailbatch report {}` lists all of them", run.id)));
    }
    let text = if bench.globals.json {
        format!("{}\n", report::why_json(&run, &email, &decisions))
    } else {
        report::why_table(&decisions, width())
    };
    say(&mut std::io::stdout(), &text)?;
    if decisions.iter().any(|decision| decision.what == Outcome::Suppressed.as_str()) {
        tell_where(&bench, &run, &email)?;
    }
    Ok(Exit::OK)
}
