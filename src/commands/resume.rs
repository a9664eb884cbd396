//! `mailbatch resume` and `mailbatch retry`: go on with a run from the ledger alone, or plan its
//! rest anew.

use std::path::PathBuf;
use std::sync::Arc;

use crate::cli::{ChangesArgs, Globals, OnUnknown, ResumeArgs, RetryArgs, SendingArgs};
use crate::commands::campaign;
use crate::commands::decision::{Goes, decide};
use crate::commands::finished::nothing_to_do;
use crate::commands::following::follow_up;
use crate::commands::gates::latched;
use crate::commands::listen::beside;
use crate::commands::own_files::own_files;
use crate::commands::pausing::{Start, refuse_while_paused};
use crate::commands::replan::replan;
use crate::commands::reports::{check_reports, forget_report, rewrite_report, write_asked};
use crate::commands::running::{Going, frozen, in_this_workspace, recover};
use crate::commands::workbench::Workbench;
use crate::host;
use crate::ledger::{ExitReason, Gate, Ledger, Run, RunState};
use crate::message::Message;
use crate::model::error::{Error, Result};
use crate::model::exit::Exit;
use crate::model::outcome::{Outcome, Reason};
use crate::report::{self, Closing};

/// Continues a run, or decides about one that waits.
pub(crate) async fn resume(globals: &Globals, args: &ResumeArgs) -> Result<Exit> {
    let (bench, ledger, run) = find(globals, args.run.as_deref()).await?;
    refuse_to_guess(&bench, ledger.as_ref(), args).await?;
    bench.refuse_unwritable_state()?;
    let lock = lock(&bench, ledger.as_ref(), &run, &args.sending).await?;
    recover(&bench, ledger.as_ref(), &run, args.sending.no_learn).await?;
    if args.abandon {
        return abandon(&bench, ledger.as_ref(), &run, &args.sending).await;
    }
    refuse_while_paused(ledger.as_ref(), &Start::of(&run)).await?;
    refuse_overtaken(ledger.as_ref(), &run).await?;
    if !args.go_on {
        latched(&run)?;
    }
    // Without a name nothing that was finished or closed is opened again.
    let is_over = args.run.is_none() && run.state == RunState::Finished;
    let mut open = if is_over { Vec::new() } else { vec![Outcome::Held, Outcome::Deferred] };
    if args.sending.on_unknown == OnUnknown::Retry {
        open.push(Outcome::Unknown);
    }
    let command = format!("resume {}{}", run.id, if args.go_on { " --continue" } else { "" });
    let goes = decided(&bench, ledger.as_ref(), &run, &open, (&args.changes, &command)).await?;
    if args.go_on {
        let evidence = match &run.gate {
            Gate::Failed { evidence }
            | Gate::Waiting { evidence }
            | Gate::Stopped { evidence }
            | Gate::Passed { evidence, .. } => evidence.clone(),
            Gate::Ahead => String::new(),
        };
        if matches!(run.gate, Gate::Failed { .. } | Gate::Waiting { .. } | Gate::Stopped { .. }) {
            bench.note(&format!(
                "mailbatch: run {} of {} goes on past its gate: {evidence}",
                run.id,
                run.head.name()
            ));
            ledger
                .set_gate(
                    &run.id,
                    Gate::Passed {
                        evidence,
                        by: Some(host::person()),
                        at: Some(jiff::Timestamp::now()),
                    },
                )
                .await?;
        }
    }
    match goes {
        Goes::AsPlanned(suppress) => {
            follow_up(&bench, &ledger, &run, args.sending.no_learn).await?;
            go(
                &bench,
                ledger,
                &run.id,
                Opening { outcomes: &open, suppress: &suppress, again: None },
                &args.sending,
            )
            .await
        }
        Goes::Anew(send) => {
            // The send takes it again.
            drop(lock);
            replan(&bench, ledger, &run, *send, &args.sending, Vec::new()).await
        }
    }
}

/// Sends again to those whom a finished attempt did not reach.
pub(crate) async fn retry(globals: &Globals, args: &RetryArgs) -> Result<Exit> {
    let (bench, ledger, run) = find(globals, Some(&args.run)).await?;
    bench.refuse_unwritable_state()?;
    let lock = lock(&bench, ledger.as_ref(), &run, &args.sending).await?;
    recover(&bench, ledger.as_ref(), &run, args.sending.no_learn).await?;
    refuse_while_paused(ledger.as_ref(), &Start::of(&run)).await?;
    refuse_overtaken(ledger.as_ref(), &run).await?;
    latched(&run)?;
    let only = if args.only.is_empty() { vec![Outcome::Deferred] } else { args.only.clone() };
    let words: Vec<&str> = only.iter().map(|outcome| outcome.as_str()).collect();
    let command = format!("retry {} --only {}", run.id, words.join(","));
    match decided(&bench, ledger.as_ref(), &run, &only, (&args.changes, &command)).await? {
        Goes::AsPlanned(suppress) => {
            let again = Some(format!("mailbatch {command}"));
            go(
                &bench,
                ledger,
                &run.id,
                Opening { outcomes: &only, suppress: &suppress, again },
                &args.sending,
            )
            .await
        }
        Goes::Anew(send) => {
            drop(lock);
            replan(&bench, ledger, &run, *send, &args.sending, only).await
        }
    }
}

/// How the run goes on, where anybody would be sent anything.
async fn decided(
    bench: &Workbench,
    ledger: &dyn Ledger,
    run: &Run,
    open: &[Outcome],
    (changes, command): (&ChangesArgs, &str),
) -> Result<Goes> {
    let tally = ledger.standing(&run.id).await?.tally;
    if tally.open == 0 && open.iter().all(|outcome| tally.get(*outcome) == 0) {
        return Ok(Goes::AsPlanned(Vec::new()));
    }
    decide(bench, ledger, run, changes, command).await
}

/// A decision about a run that was not named is taken only where one run can be meant.
async fn refuse_to_guess(bench: &Workbench, ledger: &dyn Ledger, args: &ResumeArgs) -> Result<()> {
    if args.run.is_some() || !(args.go_on || args.abandon) {
        return Ok(());
    }
    let mut open = Vec::new();
    for run in ledger.runs().await?.into_iter().filter(|run| run.state == RunState::Open) {
        let standing = ledger.standing(&run.id).await?;
        if !report::is_over(&run, &standing) {
            open.push(format!("{} ({})", run.id, run.head.name()));
        }
    }
    if open.len() < 2 {
        return Ok(());
    }
    let flag = if args.abandon { "--abandon" } else { "--continue" };
    let command = in_this_workspace(bench, &format!("mailbatch resume RUN {flag}"));
    Err(Error::usage(format!(
        "{} runs are unfinished, and {flag} decides about one of them",
        open.len()
    ))
    .hint(format!("`{command}` with one of {}", open.join(", "))))
}

pub(crate) async fn find(
    globals: &Globals,
    name: Option<&str>,
) -> Result<(Workbench, Arc<dyn Ledger>, Run)> {
    let bench = Workbench::new(globals, None)?;
    let ledger = bench.used_ledger()?;
    let run = match name {
        Some(_) => bench.run(ledger.as_ref(), name).await?,
        // Without a name: the newest that is not finished, else the newest.
        None => {
            let runs = ledger.runs().await?;
            let unfinished = runs.iter().position(|run| run.state == RunState::Open).unwrap_or(0);
            let found = runs.get(unfinished).ok_or_else(|| {
                Error::usage("there is no run yet").hint("`mailbatch send LIST` begins one")
            })?;
            // With its message, which the list of runs leaves out.
            bench.run(ledger.as_ref(), Some(&found.id)).await?
        }
    };
    // The run's environment is frozen with it: its overlay is in force again.
    let bench = if run.head.env.is_some() {
        Workbench::new(globals, run.head.env.as_deref())?
    } else {
        bench
    };
    if run.state == RunState::Planning {
        return Err(Error::usage(format!(
            "run {} was never planned to its end; nothing was sent",
            run.id
        ))
        .hint("run the send again"));
    }
    Ok((bench, ledger, run))
}

async fn lock(
    bench: &Workbench,
    ledger: &dyn Ledger,
    run: &Run,
    sending: &SendingArgs,
) -> Result<campaign::Lock> {
    if !sending.report.is_empty() {
        check_reports(bench, sending, &own_files(bench, Some(ledger)).await, true)?;
    }
    campaign::lock_of(
        &bench.settings.workspace.state_dir,
        ledger,
        run,
        sending.wait_lock.unwrap_or_default(),
    )
    .await
}

/// What is opened again.
struct Opening<'a> {
    outcomes: &'a [Outcome],
    /// Suppression files that screen besides those of the configuration and of the run.
    suppress: &'a [PathBuf],
    /// The command that opens the same recipients again, where `resume` would not.
    again: Option<String>,
}

async fn go(
    bench: &Workbench,
    ledger: Arc<dyn Ledger>,
    run: &str,
    opening: Opening<'_>,
    sending: &SendingArgs,
) -> Result<Exit> {
    beside(bench, &ledger, sending.listen, go_on(bench, ledger.clone(), run, opening, sending))
        .await
}

async fn go_on(
    bench: &Workbench,
    ledger: Arc<dyn Ledger>,
    run: &str,
    opening: Opening<'_>,
    sending: &SendingArgs,
) -> Result<Exit> {
    let Opening { outcomes: open, suppress, again } = opening;
    // Nobody is opened again before everything that is asked for here has been read.
    let run = bench.run(ledger.as_ref(), Some(run)).await?;
    let message = Arc::new(Message::thaw(&run.head.message)?.signed_by(bench.links()?)?);
    let mut more = frozen(&run)?.suppress;
    more.extend_from_slice(suppress);
    let suppressions =
        Arc::new(bench.suppressions_of_run(&more, ledger.as_ref(), run.head.kind).await?);
    let secret = ledger.secret_key().await?;
    let tally = ledger.standing(&run.id).await?.tally;
    if tally.open > 0 || open.iter().any(|outcome| tally.get(*outcome) > 0) {
        forget_report(bench, &run)?;
    }
    let reopened = ledger.reopen(&run.id, open).await?;
    let run = bench.run(ledger.as_ref(), Some(&run.id)).await?;
    let standing = ledger.standing(&run.id).await?;
    if standing.tally.open == 0 {
        return nothing_to_do(bench, ledger.as_ref(), (&run, &standing), sending, false).await;
    }
    let notes = if reopened > 0 {
        vec![format!("recipients opened again: {reopened}")]
    } else {
        Vec::new()
    };
    Going {
        bench,
        ledger,
        run,
        message,
        suppressions,
        sending,
        limit: None,
        error_on_empty: false,
        continued: true,
        secret,
        notes,
        again,
    }
    .go()
    .await
}

/// Refuses a run after which the campaign has planned another one: that has taken over what became
/// of its recipients, and has reached others.
async fn refuse_overtaken(ledger: &dyn Ledger, run: &Run) -> Result<()> {
    let latest = ledger.latest_run(&run.head.campaign, run.head.env.as_deref()).await?;
    let Some(newer) = latest.filter(|latest| latest.id != run.id) else { return Ok(()) };
    let (name, newer) = (run.head.name(), newer.id);
    let typed = campaign::argument(&campaign::typable(ledger, &run.head.campaign).await?);
    Err(Error::usage(format!("run {} is over: run {newer} of {name} has taken its recipients over, and may have reached them", run.id)).hint(format!(
        "`mailbatch resume {newer}` and `mailbatch retry {newer}` go on; people whom only the earlier list has are reached by sending that list with \
         {typed}"
    )))
}

/// Closes a run: whoever is left is held, and the next send of the campaign plans anew.
async fn abandon(
    bench: &Workbench,
    ledger: &dyn Ledger,
    run: &Run,
    sending: &SendingArgs,
) -> Result<Exit> {
    ledger.hold_rest(&run.id, Reason::Canary, "abandoned").await?;
    let gate = Gate::Passed { evidence: "abandoned".into(), by: Some(host::person()), at: None };
    ledger.set_gate(&run.id, gate).await?;
    let closed =
        ExitReason { exit: Exit::STOPPED.code(), why: format!("closed by {}", host::person()) };
    ledger.finish(&run.id, RunState::Finished, Exit::STOPPED.code(), vec![closed]).await?;
    rewrite_report(bench, ledger, &run.id).await?;
    let standing = ledger.standing(&run.id).await?;
    let run = &bench.run(ledger, Some(&run.id)).await?;
    write_asked(bench, ledger, (run, &standing, Closing::new(Exit::OK)), sending, None).await?;
    let held = standing.tally.get(Outcome::Held);
    bench.note(&format!(
        "mailbatch: run {} of {} is closed; {held} recipients were not mailed",
        run.id,
        run.head.name()
    ));
    Ok(Exit::OK)
}
