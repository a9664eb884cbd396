//! Runs the web endpoint during a run (`--listen`).

use std::sync::Arc;

use crate::ledger::Ledger;
use crate::listen::Listening;
use crate::model::error::Result;
use crate::model::exit::Exit;
use crate::run::context::Context;

/// Runs `work`, with the web endpoint running at the same time if `wanted`.
pub(crate) async fn beside(
    context: &Context,
    ledger: &Arc<dyn Ledger>,
    wanted: bool,
    work: impl Future<Output = Result<Exit>>,
) -> Result<Exit> {
    if !wanted {
        return work.await;
    }
    let listening = Listening::start(&context.settings, ledger.clone(), None).await?;
    context.note(&listening.describe());
    let exit = work.await;
    listening.stop().await;
    exit
}
