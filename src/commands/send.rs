//! `mailbatch send`: sends a message to a list, or with `--dry-run` shows what would be sent.
//! Repeating the command continues an unfinished run.

use std::sync::Arc;

use crate::cli::{Globals, SendArgs};
use crate::input::Filter;
use crate::model::address::Address;
use crate::model::error::{Error, Result};
use crate::model::exit::Exit;
use crate::run::campaign::{self, Apart};
use crate::run::context::Context;
use crate::run::dry_run;
use crate::run::lists::{agreed_to_guesses, lists};
use crate::run::own_files::{add_inputs, own_files};
use crate::run::providers::{self, Waived};
use crate::run::reports::{check_reports, format_of};
use crate::run::request::SendRequest;

pub(crate) async fn run(globals: &Globals, args: &SendArgs) -> Result<Exit> {
    let context = Context::new(globals, args.target.env.as_deref())?;
    context.refuse_second_ledger()?;
    for path in &args.sending.report {
        format_of(&context.settings.workspace.path_from_arguments(path))?;
    }
    let (mut message, source) = context.message(&args.message, &args.list.reads())?;
    let mut lists = lists(&context, &args.list.lists, &args.list.reading, args.list.email.clone());
    if context.has_person() && !args.sending.yes {
        lists.options.accept_guess = agreed_to_guesses(&context, &lists)?;
    }
    let filter = args.list.reading.filter.as_deref().map(Filter::parse).transpose()?;
    let chosen = context.settings.chosen(args.target.provider.as_deref())?;
    let waived = Waived::of(&args.sending, args.provider_sandbox);
    providers::check(&context, &chosen, &mut message, waived)?;
    let choice = campaign::choice(
        &context,
        args.target.campaign.as_deref(),
        source.path(),
        &args.list.lists,
    )?;
    if let Some(redirect) = &args.redirect_all_to {
        allowed(&context, redirect)?;
    }
    let (ledger, lost) = if args.dry_run {
        context.warn_of_unwritable_suppressions();
        (context.readable_ledger()?, None)
    } else if args.ledger_lost {
        context.refuse_unwritable_state()?;
        let (ledger, remains, loss) = context.ledger_after_loss()?;
        (Some(ledger), Some((remains, loss)))
    } else {
        context.refuse_unwritable_state()?;
        (Some(context.ledger()?), None)
    };
    let apart = Apart {
        env: context.settings.env.as_deref(),
        redirect: args.redirect_all_to.as_ref(),
        provider_sandbox: args.provider_sandbox,
    };
    let known = ledger.as_deref();
    if !args.sending.report.is_empty() {
        let mut own = own_files(&context, known).await;
        add_inputs(&mut own, &context, &args.list.lists, &args.list.screening.suppress, &message);
        check_reports(&context, &args.sending.report, &own, !args.dry_run)?;
    }
    let campaign = choice.find(known, &context.settings.workspace, &apart).await?;
    let mut request = SendRequest {
        context: &context,
        args,
        message: Arc::new(message),
        message_file: source.file.clone(),
        lists,
        filter,
        campaign,
        chosen,
        replans: None,
    };
    if let Some(ledger) = known {
        request.follow_link(ledger).await?;
    }
    match ledger {
        Some(ledger) if !args.dry_run => request.send(ledger, lost).await,
        ledger => dry_run::run(&request, ledger).await,
    }
}

fn allowed(context: &Context, redirect: &Address) -> Result<()> {
    match &context.settings.allow {
        Some(allow) if !allow.iter().any(|rule| rule.admits(redirect)) => {
            Err(Error::usage("--redirect-all-to: this environment does not allow this address")
                .hint("add the address to `allow` of the environment"))
        }
        _ => Ok(()),
    }
}
