//! The rest of a run, planned anew from what is there now: what `resume` and `retry` do with
//! `--accept-changes`.

use std::sync::Arc;

use crate::cli::{SendArgs, SendingArgs};
use crate::commands::campaign::Campaign;
use crate::commands::outlets;
use crate::commands::reading::lists;
use crate::commands::running::frozen;
use crate::commands::send::Sending;
use crate::commands::workbench::Workbench;
use crate::input::Filter;
use crate::ledger::{Ledger, Run};
use crate::model::error::Result;
use crate::model::exit::Exit;
use crate::model::outcome::Outcome;

/// Plans the recipients anew that a run has not reached, or those that it left with one of the
/// outcomes in `only`, from what is there now: what was typed then, with the pace and the report of
/// this command.
pub(crate) async fn replan(
    bench: &Workbench,
    ledger: Arc<dyn Ledger>,
    run: &Run,
    mut args: SendArgs,
    sending: &SendingArgs,
    only: Vec<Outcome>,
) -> Result<Exit> {
    args.sending = sending.clone();
    args.sending.allow_example |= frozen(run)?.allow_example;
    args.target.campaign = Some(run.head.name().to_owned());
    let (message, source) = bench.message(&args.message)?;
    let chosen = bench.settings.chosen(args.target.provider.as_deref())?;
    outlets::check(bench, &chosen, &message, (args.provider_sandbox, args.sending.allow_example))?;
    let ids = ledger.kin(&run.head.campaign).await?;
    let campaign =
        Campaign { id: run.head.campaign.clone(), ids, aliases: Vec::new(), respelled: None };
    let sending = Sending {
        bench,
        message: Arc::new(message),
        message_file: source.file,
        lists: lists(bench, &args.list.lists, &args.list.reading, args.list.email.clone()),
        filter: args.list.reading.filter.as_deref().map(Filter::parse).transpose()?,
        campaign,
        chosen,
        replans: Some(only),
        args: &args,
    };
    sending.run(ledger, None).await
}
