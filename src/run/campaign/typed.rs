//! Campaigns as typed on the command line. Hints also show campaigns in this form, so that a pasted
//! hint selects the right campaign.

use std::path::PathBuf;

use super::choice::CampaignChoice;
use super::paths::Files;
use super::{SIGN, shown};
use crate::ledger::{Ledger, Run};
use crate::model::error::{Error, Result};
use crate::run::context::Context;
use crate::run::settings::RunSettings;

/// The campaign that a send of these lists selects. The paths are as typed.
pub(crate) fn choice(
    context: &Context,
    campaign: Option<&str>,
    message: Option<PathBuf>,
    lists: &[PathBuf],
) -> Result<CampaignChoice> {
    let workspace = &context.settings.workspace;
    let is_piped = lists.iter().any(|list| list.as_os_str() == "-");
    let files = (!is_piped && !lists.is_empty()).then(|| Files {
        message,
        config: workspace.config_file.clone(),
        lists: lists.iter().map(|path| workspace.path_from_arguments(path)).collect(),
    });
    match (campaign, files) {
        (Some(typed), files) => {
            let zone =
                context.settings.list.zone.clone().unwrap_or_else(jiff::tz::TimeZone::system);
            CampaignChoice::named(typed, &jiff::Timestamp::now().to_zoned(zone), files)
        }
        (None, Some(files)) => Ok(CampaignChoice::Files(files)),
        (None, None) => Err(Error::usage("a list from standard input needs --campaign NAME")
            .hint("the name shows whether a second start continues this send or is a new one")),
    }
}

/// Returns the value of `--campaign` that selects the campaign with this id: the name, or the id if
/// the name is ambiguous.
pub(crate) async fn typable(ledger: &dyn Ledger, id: &str) -> Result<String> {
    let kin = ledger.kin(id).await?;
    let runs = ledger.runs().await?;
    let of_it = runs.iter().find(|run| kin.contains(&run.head.campaign));
    let plain = of_it.filter(|run| run.head.campaign == id).map_or(id, plain_of);
    if !plain.contains(SIGN) {
        return Ok(plain.to_owned());
    }
    // Redirected and sandboxed campaigns differ by their flags, not by their name.
    let is_other = |run: &Run| {
        shown(&run.head.campaign) == shown(id)
            && plain_of(run) != plain
            && !kin.contains(&run.head.campaign)
    };
    let is_its_name = of_it.is_some() && !runs.iter().any(is_other);
    Ok(if is_its_name { shown(id) } else { plain }.to_owned())
}

/// Returns the arguments that select a run's campaign: `--campaign` with the flags for redirected
/// or sandboxed mail.
fn plain_of(run: &Run) -> &str {
    let Ok(frozen) = RunSettings::of(run) else { return &run.head.campaign };
    let mut plain = run.head.campaign.as_str();
    for is_apart in [frozen.provider_sandbox, frozen.redirect.is_some()] {
        if is_apart {
            plain = plain.rsplit_once(SIGN).map_or(plain, |(plain, _)| plain);
        }
    }
    plain
}

/// Returns the `--campaign` argument with this name, quoted for a shell.
pub(crate) fn argument(name: &str) -> String {
    let is_plain = name.chars().all(|c| c.is_alphanumeric() || "/._-+,:@".contains(c));
    let quoted =
        if is_plain { name.to_owned() } else { format!("'{}'", name.replace('\'', r"'\''")) };
    // A name that starts with `-` would be read as a flag.
    if name.starts_with('-') {
        format!("--campaign={quoted}")
    } else {
        format!("--campaign {quoted}")
    }
}
