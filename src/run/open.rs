//! Opens the run that a command is about, with the settings of its environment.

use std::sync::Arc;

use crate::cli::Globals;
use crate::ledger::{Ledger, Run, RunState};
use crate::model::error::{Error, Result};
use crate::run::context::Context;

/// Finds the run called `name`. Without a name: the newest unfinished run, or else the newest run.
pub(crate) async fn open(
    globals: &Globals,
    name: Option<&str>,
) -> Result<(Context, Arc<dyn Ledger>, Run)> {
    let context = Context::new(globals, None)?;
    let ledger = context.used_ledger()?;
    let run = match name {
        Some(_) => context.run(ledger.as_ref(), name).await?,
        None => {
            let runs = ledger.runs().await?;
            let unfinished = runs.iter().position(|run| run.state == RunState::Open).unwrap_or(0);
            let found = runs.get(unfinished).ok_or_else(|| {
                Error::usage("there is no run yet").hint("`mailbatch send LIST` starts one")
            })?;
            // The list of runs leaves out the message, so read the run again with its message.
            context.run(ledger.as_ref(), Some(&found.id)).await?
        }
    };
    // Apply the configuration of the run's environment, which was fixed when the run was planned.
    let context = if run.head.env.is_some() {
        Context::new(globals, run.head.env.as_deref())?
    } else {
        context
    };
    if run.state == RunState::Planning {
        return Err(Error::usage(format!(
            "the planning of run {} was interrupted; nothing was sent",
            run.id
        ))
        .hint("repeat the send"));
    }
    Ok((context, ledger, run))
}
