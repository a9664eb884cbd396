//! Learns suppressions from the answers of providers.

use crate::ledger::Ledger;
use crate::ledger::Run;
use crate::model::error::Result;
use crate::pipeline::{Learn, keep_unlearned};
use crate::run::context::Context;
use crate::run::settings::RunSettings;

/// Where learned suppressions are written; `None` if suppressions are not learned. Redirected mail,
/// and mail to a provider's sandbox, proves nothing about the recipients.
pub(crate) fn learn(context: &Context, frozen: &RunSettings, no_learn: bool) -> Option<Learn> {
    (!no_learn && frozen.reaches_list())
        .then(|| Learn { file: context.settings.suppression_files.first().cloned() })
}

/// Settles the open claims of a process that has ended. First records the suppressions that follow
/// from the answers in the trace of that process. The caller holds the campaign's lock.
pub(crate) async fn recover(
    context: &Context,
    ledger: &dyn Ledger,
    run: &Run,
    no_learn: bool,
) -> Result<()> {
    if let Some(learn) = learn(context, &RunSettings::of(run)?, no_learn) {
        keep_unlearned(ledger, &learn, &run.id).await?;
    }
    ledger.recover(&run.id).await?;
    Ok(())
}
