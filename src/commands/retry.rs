//! `mailbatch retry`: sends again to recipients that were deferred, or to those with an outcome
//! given by `--only`.

use crate::cli::{Globals, RetryArgs};
use crate::model::error::Result;
use crate::model::exit::Exit;
use crate::model::outcome::Outcome;
use crate::run::gates::latched;
use crate::run::learning::recover;
use crate::run::open::open;
use crate::run::pausing::{Start, refuse_while_paused};
use crate::run::resume::{Continuation, lock, refuse_overtaken};

pub(crate) async fn run(globals: &Globals, args: &RetryArgs) -> Result<Exit> {
    let (context, ledger, run) = open(globals, Some(&args.run)).await?;
    context.refuse_unwritable_state()?;
    let (reports, wait) = (&args.sending.report, args.sending.wait_lock);
    let lock = lock(&context, ledger.as_ref(), &run, reports, wait).await?;
    recover(&context, ledger.as_ref(), &run, args.sending.no_learn).await?;
    refuse_while_paused(ledger.as_ref(), &Start::of(&run)).await?;
    refuse_overtaken(ledger.as_ref(), &run).await?;
    latched(&run)?;
    let only = if args.only.is_empty() { vec![Outcome::Deferred] } else { args.only.clone() };
    let words: Vec<&str> = only.iter().map(|outcome| outcome.as_str()).collect();
    let continuation = Continuation {
        command: format!("retry {} --only {}", run.id, words.join(",")),
        outcomes: only,
        changes: &args.changes,
        sending: &args.sending,
        is_retry: true,
    };
    let goes_on = continuation.decided(&context, ledger.as_ref(), &run).await?;
    continuation.run(&context, ledger, &run, lock, goes_on).await
}
