//! `mailbatch resume`: continues a run, or decides how a stopped run ends.

use crate::cli::{Globals, OnUnknown, ResumeArgs};
use crate::host;
use crate::ledger::{Gate, Ledger, Run, RunState};
use crate::model::error::{Error, Result};
use crate::model::exit::Exit;
use crate::model::outcome::Outcome;
use crate::report;
use crate::run::context::Context;
use crate::run::gates::latched;
use crate::run::learning::recover;
use crate::run::open::open;
use crate::run::pausing::{Start, refuse_while_paused};
use crate::run::resume::{Continuation, abandon, lock, refuse_overtaken};
use crate::run::verdict::ClosingOptions;

/// Continues a run, or applies `--continue` or `--abandon` to it.
pub(crate) async fn run(globals: &Globals, args: &ResumeArgs) -> Result<Exit> {
    let (context, ledger, run) = open(globals, args.run.as_deref()).await?;
    refuse_to_guess(&context, ledger.as_ref(), args).await?;
    context.refuse_unwritable_state()?;
    let (reports, wait) = (&args.sending.report, args.sending.wait_lock);
    let lock = lock(&context, ledger.as_ref(), &run, reports, wait).await?;
    recover(&context, ledger.as_ref(), &run, args.sending.no_learn).await?;
    if args.abandon {
        let options = ClosingOptions::of(globals, &args.sending);
        return abandon(&context, ledger.as_ref(), &run, &options).await;
    }
    refuse_while_paused(ledger.as_ref(), &Start::of(&run)).await?;
    refuse_overtaken(ledger.as_ref(), &run).await?;
    if !args.go_on {
        latched(&run)?;
    }
    // Without a run on the command line, a finished run is not reopened.
    let is_over = args.run.is_none() && run.state == RunState::Finished;
    let mut outcomes = if is_over { Vec::new() } else { vec![Outcome::Held, Outcome::Deferred] };
    if args.sending.on_unknown == OnUnknown::Retry {
        outcomes.push(Outcome::Unknown);
    }
    let continuation = Continuation {
        outcomes,
        changes: &args.changes,
        sending: &args.sending,
        command: format!("resume {}{}", run.id, if args.go_on { " --continue" } else { "" }),
        is_retry: false,
    };
    let goes_on = continuation.decided(&context, ledger.as_ref(), &run).await?;
    if args.go_on {
        pass_gate(&context, ledger.as_ref(), &run).await?;
    }
    continuation.run(&context, ledger, &run, lock, goes_on).await
}

/// Allows a run that the canary or a pause rule stopped to continue. The ledger records who passed
/// `--continue`.
async fn pass_gate(context: &Context, ledger: &dyn Ledger, run: &Run) -> Result<()> {
    let (Gate::Failed { evidence } | Gate::Waiting { evidence } | Gate::Stopped { evidence }) =
        &run.gate
    else {
        return Ok(());
    };
    context.note(&format!(
        "mailbatch: run {} of {} continues by your decision: {evidence}",
        run.id,
        run.head.name()
    ));
    let passed = Gate::Passed {
        evidence: evidence.clone(),
        by: Some(host::person()),
        at: Some(jiff::Timestamp::now()),
    };
    ledger.set_gate(&run.id, passed).await?;
    Ok(())
}

/// Fails if `--continue` or `--abandon` is given without a run and several runs are unfinished.
async fn refuse_to_guess(context: &Context, ledger: &dyn Ledger, args: &ResumeArgs) -> Result<()> {
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
    let command = context.command(&format!("mailbatch resume RUN {flag}"));
    Err(Error::usage(format!("{} runs are unfinished, and {flag} needs the id of one", open.len()))
        .hint(format!("run `{command}` with one of {}", open.join(", "))))
}
