//! `mailbatch listen`: the web endpoint, until somebody ends it.

use std::sync::Arc;

use crate::cli::{Globals, ListenArgs};
use crate::commands::workbench::Workbench;
use crate::ledger::Ledger;
use crate::listen::Listening;
use crate::model::error::{Error, Result};
use crate::model::exit::Exit;
use crate::pipeline::{SignalRequest, Signals};

/// Runs the command. Being ended is how it ends, so a signal is success.
pub(crate) async fn run(globals: &Globals, args: &ListenArgs) -> Result<Exit> {
    let bench = Workbench::new(globals, args.env.as_deref())?;
    let mut signals =
        Signals::listen().map_err(|e| Error::internal(format!("cannot listen to signals: {e}")))?;
    let listening = Listening::start(&bench.settings, bench.ledger()?, args.addr).await?;
    bench.note(&listening.describe());
    while signals.next().await == SignalRequest::Status {
        bench.note(&listening.describe());
    }
    bench.note("ending: requests in progress are answered");
    tokio::select! {
        () = listening.stop() => {}
        // A second signal gives up waiting; what was answered is in the ledger.
        _ = signals.next() => {}
    }
    Ok(Exit::OK)
}

/// Does something with the endpoint running beside it, where that is `wanted`.
pub(crate) async fn beside(
    bench: &Workbench,
    ledger: &Arc<dyn Ledger>,
    wanted: bool,
    work: impl Future<Output = Result<Exit>>,
) -> Result<Exit> {
    if !wanted {
        return work.await;
    }
    let listening = Listening::start(&bench.settings, ledger.clone(), None).await?;
    bench.note(&listening.describe());
    let exit = work.await;
    listening.stop().await;
    exit
}
