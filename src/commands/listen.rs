//! `mailbatch listen`: the web endpoint, until somebody ends it.

use crate::cli::{Globals, ListenArgs};
use crate::commands::workbench::Workbench;
use crate::error::{Error, Result};
use crate::exit::Exit;
use crate::listen::Listening;
use crate::pipeline::{Signals, Wish};

/// Runs the command. Being ended is how it ends, so a signal is success.
pub(crate) async fn run(globals: &Globals, args: &ListenArgs) -> Result<Exit> {
    let bench = Workbench::new(globals, args.env.as_deref())?;
    let mut signals = Signals::listen().map_err(|e| Error::internal(format!("cannot listen to signals: {e}")))?;
    let listening = Listening::start(&bench.settings, bench.ledger()?, args.addr).await?;
    bench.note(&listening.describe());
    while signals.next().await == Wish::Status {
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
