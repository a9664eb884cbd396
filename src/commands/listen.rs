//! `mailbatch listen`: serves the HTTP endpoint until a signal stops it.

use crate::cli::{Globals, ListenArgs};
use crate::listen::Listening;
use crate::model::error::{Error, Result};
use crate::model::exit::Exit;
use crate::pipeline::{SignalRequest, Signals};
use crate::run::context::Context;

/// Runs the command. Ends with exit code 0 after a signal, because that is the normal way to stop
/// it.
pub(crate) async fn run(globals: &Globals, args: &ListenArgs) -> Result<Exit> {
    let context = Context::new(globals, args.env.as_deref())?;
    let mut signals = Signals::listen()
        .map_err(|e| Error::internal(format!("cannot install signal handlers: {e}")))?;
    let listening = Listening::start(&context.settings, context.ledger()?, args.addr).await?;
    context.note(&listening.describe());
    while signals.next().await == SignalRequest::Status {
        context.note(&listening.describe());
    }
    context.note("stopping: waiting for requests in progress to finish");
    tokio::select! {
        () = listening.stop() => {}
        // A second signal ends the wait. Events that were answered with success are already in the
        // ledger.
        _ = signals.next() => {}
    }
    Ok(Exit::OK)
}
