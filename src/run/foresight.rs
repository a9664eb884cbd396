//! Predicts for `check` what a send would refuse because of earlier runs. Changes nothing in the
//! workspace.

use std::path::PathBuf;

use crate::cli::TargetArgs;
use crate::ledger::{Ledger, People};
use crate::message::{Message, MessageSource};
use crate::model::error::{Error, Result};
use crate::run::apart;
use crate::run::campaign::{self, Apart, argument, typable};
use crate::run::changes::{changes, is_abandoned, refusal};
use crate::run::context::Context;
use crate::run::overlap::Question;

/// A conflict with earlier runs.
pub(crate) struct Foreseen {
    pub(crate) rule: &'static str,
    pub(crate) what: String,
    pub(crate) fix: String,
    /// The refusal that a send without a terminal would print; `None` if the send would only warn.
    pub(crate) refusal: Option<Error>,
}

impl Foreseen {
    fn refused(rule: &'static str, error: Error) -> Self {
        let (what, fix) = error.parts();
        Self {
            rule,
            what: what.to_owned(),
            fix: fix.unwrap_or_default().to_owned(),
            refusal: Some(error),
        }
    }
}

/// Looks for conflicts with earlier runs of the campaign, and for people reached by other
/// campaigns.
pub(crate) async fn look(
    context: &Context,
    target: &TargetArgs,
    ledger: &dyn Ledger,
    (message, source): (&Message, &MessageSource),
    (lists, list_fingerprint): (&[PathBuf], &str),
    people: People,
) -> Result<Option<Foreseen>> {
    let is_named = target.campaign.is_some();
    if !is_named && lists.iter().any(|list| list.as_os_str() == "-") {
        // A send from standard input needs `--campaign`. Without it, the campaign is not known and
        // no conflict can be predicted.
        return Ok(None);
    }
    let env = context.settings.env.as_deref();
    let choice = campaign::choice(context, target.campaign.as_deref(), source.path(), lists)?;
    let plain = Apart { env, redirect: None, provider_sandbox: false };
    let campaign = choice.find(Some(ledger), &context.settings.workspace, &plain).await?;
    let fingerprint = message.fingerprint();
    if let Some(run) = ledger.latest_run(&campaign.id, env).await? {
        let changed = changes(&run, list_fingerprint, &fingerprint);
        if changed.is_empty() && !is_abandoned(ledger, &run).await? {
            // A send would continue that run, or have nothing to do.
            return Ok(None);
        }
        let typed = argument(&typable(ledger, &run.head.campaign).await?);
        if let Some(refusal) = refusal(&run, &typed, &changed, is_named, false) {
            return Ok(Some(Foreseen::refused("changed", refusal)));
        }
    }
    let chosen = context.settings.chosen(target.provider.as_deref())?;
    let question = Question {
        context,
        campaign: &campaign.id,
        is_named,
        is_again: false,
        apart: Some(apart::of_providers(&context.settings, chosen.providers.iter().copied())),
        message_fingerprint: fingerprint,
    };
    let Some(found) = question.find(ledger, people).await? else { return Ok(None) };
    Ok(Some(match is_named && !found.is_refused_under_a_name() {
        true => Foreseen {
            rule: "overlap",
            what: found.what,
            fix: "no change is needed if these recipients should get the message again".to_owned(),
            refusal: None,
        },
        false => Foreseen::refused("overlap", found.refusal()),
    }))
}
