//! Plans the remaining recipients of a run again, from the present inputs: `resume` and `retry`
//! with `--accept-changes`.

use std::sync::Arc;

use crate::cli::SendArgs;
use crate::input::Filter;
use crate::ledger::{Ledger, Run};
use crate::model::error::Result;
use crate::model::exit::Exit;
use crate::model::outcome::Outcome;
use crate::run::campaign::Campaign;
use crate::run::context::Context;
use crate::run::lists::lists;
use crate::run::providers::{self, Waived};
use crate::run::request::SendRequest;
use crate::run::settings::RunSettings;

/// Plans again the recipients that a run has not reached, or those with one of the outcomes in
/// `only`. Uses the present inputs and the flags of the original send, together with the sending
/// flags of this command.
pub(crate) async fn replan(
    context: &Context,
    ledger: Arc<dyn Ledger>,
    run: &Run,
    mut args: SendArgs,
    only: Vec<Outcome>,
) -> Result<Exit> {
    let frozen = RunSettings::of(run)?;
    args.sending.allow_example |= frozen.allow_example;
    args.sending.allow_no_unsubscribe |= frozen.allow_no_unsubscribe;
    args.target.campaign = Some(run.head.name().to_owned());
    let (mut message, source) = context.message(&args.message, &args.list.reads())?;
    let chosen = context.settings.chosen(args.target.provider.as_deref())?;
    let waived = Waived::of(&args.sending, args.provider_sandbox);
    providers::check(context, &chosen, &mut message, waived)?;
    let ids = ledger.kin(&run.head.campaign).await?;
    let campaign =
        Campaign { id: run.head.campaign.clone(), ids, aliases: Vec::new(), respelled: None };
    let request = SendRequest {
        context,
        message: Arc::new(message),
        message_file: source.file,
        lists: lists(context, &args.list.lists, &args.list.reading, args.list.email.clone()),
        filter: args.list.reading.filter.as_deref().map(Filter::parse).transpose()?,
        campaign,
        chosen,
        replans: Some(only),
        args: &args,
    };
    request.send(ledger, None).await
}
