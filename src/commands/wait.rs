//! `mailbatch wait`: waits until a run is no longer being executed.

use std::time::Instant;

use crate::cli::{Globals, WaitArgs};
use crate::model::error::{Error, Result};
use crate::model::exit::Exit;
use crate::run::context::Context;
use crate::run::situation::{LOOK_AGAIN, is_going, show};

/// Waits until a run is no longer being executed, and returns the exit code of its execution.
pub(crate) async fn run(globals: &Globals, args: &WaitArgs) -> Result<Exit> {
    let context = Context::new(globals, None)?;
    let mut ledger = context.used_ledger_to_read()?;
    let start = Instant::now();
    loop {
        let run = context.run(ledger.as_ref(), Some(&args.run)).await?;
        if !is_going(&context, ledger.as_ref(), &run).await? {
            show(&context, ledger.as_ref(), &run).await?;
            let exit = run.exit.and_then(Exit::from_code).unwrap_or(Exit::OK);
            if exit == Exit::OK && ledger.standing(&run.id).await?.tally.open > 0 {
                let next = context.command(&format!("mailbatch resume {}", run.id));
                context.warn(&format!(
                    "run {} was stopped before it could end: `{next}` goes on with it",
                    run.id
                ));
                return Ok(Exit::RETRYABLE);
            }
            return Ok(exit);
        }
        if args.timeout.is_some_and(|timeout| start.elapsed() >= timeout) {
            return Err(Error::new(Exit::DEADLINE, format!("run {} is still running", run.id))
                .hint("`mailbatch status` shows its progress"));
        }
        tokio::time::sleep(LOOK_AGAIN).await;
        ledger = context.read_on(ledger)?;
    }
}
