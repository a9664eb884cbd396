//! Whether the people of a planned run had the same message under another campaign: asked on a terminal, refused without one.

use jiff::{SignedDuration, Timestamp};

use crate::commands::send::Sending;
use crate::commands::workbench::{ask, has_person};
use crate::error::{Error, Result};
use crate::exit::Exit;
use crate::ledger::{APART_SANDBOX, Ledger, Overlap, OverlapQuery, People};
use crate::pipeline::ledger_error;

/// How far back it is looked.
const LATELY: SignedDuration = SignedDuration::from_hours(30 * 24);

/// What keeps the runs of a send apart from others; `None` where nobody of the list is reached, so that there is nothing to compare.
pub(crate) fn apart(sending: &Sending<'_>) -> Option<&'static str> {
    if sending.args.redirect_all_to.is_some() || sending.args.provider_sandbox {
        return None;
    }
    let sandboxes = sandboxes(sending);
    Some(if sending.chosen.providers.iter().all(|name| sandboxes.iter().any(|sandbox| sandbox == name)) { APART_SANDBOX } else { "" })
}

/// The names of providers that are the sandbox.
fn sandboxes(sending: &Sending<'_>) -> Vec<String> {
    let providers = sending.bench.settings.providers.iter();
    providers.filter(|(_, config)| config.kind == "sandbox").map(|(name, _)| name.clone()).collect()
}

/// Looks for other campaigns that have reached most of these people.
pub(crate) async fn find(ledger: &dyn Ledger, sending: &Sending<'_>, people: People) -> Result<Option<Overlap>> {
    let Some(apart) = apart(sending) else { return Ok(None) };
    let query = OverlapQuery {
        campaign: sending.campaign.id.clone(),
        env: sending.bench.settings.env.clone(),
        apart: apart.to_owned(),
        message_fingerprint: sending.message.fingerprint(),
        people,
        since: Timestamp::now() - LATELY,
        sandboxes: sandboxes(sending),
    };
    ledger.overlap(query).await.map_err(ledger_error)
}

/// What was found, in words.
pub(crate) async fn in_words(ledger: &dyn Ledger, sending: &Sending<'_>, overlap: &Overlap) -> Result<(String, String)> {
    let about = if overlap.is_exact { "" } else { "about " };
    let campaign = typable(ledger, sending, &overlap.campaign).await?;
    let run = if overlap.run.is_empty() { String::new() } else { format!(", run {}", overlap.run) };
    let day = overlap.at.strftime("%Y-%m-%d");
    let found = format!("{about}{} of these {} people had this message under another campaign: {campaign}{run}, {day}", overlap.reached, overlap.of);
    Ok((found, campaign))
}

/// A campaign as it can be typed under `--campaign`: as it is shown, unless another one is shown so too.
async fn typable(ledger: &dyn Ledger, sending: &Sending<'_>, id: &str) -> Result<String> {
    let shown = super::campaign::shown(id);
    let kin = ledger.kin(id).await.map_err(ledger_error)?;
    let runs = ledger.runs().await.map_err(ledger_error)?;
    let env = &sending.bench.settings.env;
    let is_other = |campaign: &String| super::campaign::shown(campaign) == shown && !kin.contains(campaign);
    let is_ambiguous = runs.iter().any(|run| run.head.env == *env && is_other(&run.head.campaign));
    let is_gone = !runs.iter().any(|run| kin.contains(&run.head.campaign));
    Ok(if is_ambiguous || (is_gone && shown != id) { id.to_owned() } else { shown.to_owned() })
}

/// Refuses, asks or warns before a run is sealed; `Ok` where it may go on.
pub(crate) async fn judge(ledger: &dyn Ledger, sending: &Sending<'_>, people: People) -> Result<()> {
    if sending.args.again {
        return Ok(());
    }
    let Some(overlap) = find(ledger, sending, people).await? else { return Ok(()) };
    let (found, campaign) = in_words(ledger, sending, &overlap).await?;
    if sending.args.target.campaign.is_some() {
        sending.bench.note(&format!("mailbatch: warning: {found}"));
        return Ok(());
    }
    // `--yes` answers how many leave, not whether they get it twice.
    if has_person() && ask(&format!("{found}\nsend it to all of these again?")) {
        return Ok(());
    }
    let quoted = if campaign.chars().all(|c| c.is_alphanumeric() || "/._-+,:@".contains(c)) {
        campaign
    } else {
        format!("'{}'", campaign.replace('\'', r"'\''"))
    };
    Err(Error::new(Exit::CHANGED, found)
        .hint(format!("--campaign {quoted} goes on with that campaign and sends only to the others; --again sends to all of these again")))
}
