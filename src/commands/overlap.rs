//! Whether the people of a planned run had the same message under another campaign: asked on a terminal, refused without one.

use jiff::{SignedDuration, Timestamp};

use crate::commands::apart;
use crate::commands::loss::Unread;
use crate::commands::workbench::{Workbench, ask, has_person};
use crate::error::{Error, Result};
use crate::exit::Exit;
use crate::ledger::{Ledger, Overlap, OverlapQuery, People};
use crate::pipeline::ledger_error;

/// How far back it is looked.
const LATELY: SignedDuration = SignedDuration::from_hours(30 * 24);
/// Fewer messages than this that left to people who are not known are no question.
const MANY: u64 = 10;

/// What decides whether there is a question, and who answers it.
pub(crate) struct Question<'a> {
    pub(crate) bench: &'a Workbench,
    pub(crate) campaign: &'a str,
    /// `--campaign` was given.
    pub(crate) is_named: bool,
    /// `--again` was given.
    pub(crate) is_again: bool,
    /// With which runs it is compared; `None` where nobody of the list is reached, so that there is nothing to compare.
    pub(crate) apart: Option<&'static str>,
    pub(crate) message_fingerprint: String,
}

/// What was found, in words.
pub(crate) struct Finding {
    pub(crate) what: String,
    pub(crate) hint: String,
    /// The other campaign as it can be typed.
    pub(crate) campaign: String,
}

impl Question<'_> {
    /// What the ledger is asked; `None` where there is nothing to compare.
    pub(crate) fn query(&self, people: People) -> Option<OverlapQuery> {
        Some(OverlapQuery {
            campaign: self.campaign.to_owned(),
            env: self.bench.settings.env.clone(),
            apart: self.apart?.to_owned(),
            message_fingerprint: self.message_fingerprint.clone(),
            people,
            since: Timestamp::now() - LATELY,
            sandboxes: apart::sandboxes(&self.bench.settings),
        })
    }

    /// Looks for other campaigns that have reached, or are about to reach, most of these people.
    pub(crate) async fn find(&self, ledger: &dyn Ledger, people: People) -> Result<Option<Finding>> {
        let Some(query) = self.query(people) else { return Ok(None) };
        match ledger.overlap(query).await.map_err(ledger_error)? {
            Some(overlap) => self.in_words(ledger, &overlap).await.map(Some),
            None => Ok(None),
        }
    }

    async fn in_words(&self, ledger: &dyn Ledger, overlap: &Overlap) -> Result<Finding> {
        let Overlap { reached, coming, of, .. } = *overlap;
        let about = if overlap.is_exact { "" } else { "about " };
        let campaign = self.typable(ledger, &overlap.campaign).await?;
        let this = if overlap.is_message_known { "this message" } else { "a message that may be this one" };
        let what = match (reached, coming) {
            (_, 0) => format!("had {this} under another campaign"),
            (0, _) => format!("are about to get {this} under another campaign"),
            _ => format!("had {this} ({about}{reached}) or are about to get it ({about}{coming}) under another campaign"),
        };
        let run = if overlap.run.is_empty() { String::new() } else { format!(", run {}", overlap.run) };
        let when = if coming > 0 { "not finished".to_owned() } else { overlap.at.strftime("%Y-%m-%d").to_string() };
        let why = if overlap.is_message_known { "" } else { "; nothing that is left of the lost ledger says which message that was" };
        Ok(Finding {
            what: format!("{about}{} of these {of} people {what}: {campaign}{run}, {when}{why}", reached + coming),
            hint: hint(&campaign),
            campaign,
        })
    }

    /// A campaign as it can be typed under `--campaign`: as it is shown, unless another one is shown so too.
    async fn typable(&self, ledger: &dyn Ledger, id: &str) -> Result<String> {
        let shown = super::campaign::shown(id);
        let kin = ledger.kin(id).await.map_err(ledger_error)?;
        let runs = ledger.runs().await.map_err(ledger_error)?;
        let env = &self.bench.settings.env;
        let is_other = |campaign: &String| super::campaign::shown(campaign) == shown && !kin.contains(campaign);
        let is_ambiguous = runs.iter().any(|run| run.head.env == *env && is_other(&run.head.campaign));
        let is_gone = !runs.iter().any(|run| kin.contains(&run.head.campaign));
        Ok(if is_ambiguous || (is_gone && shown != id) { id.to_owned() } else { shown.to_owned() })
    }

    /// Refuses, asks or warns; `Ok` where it may go on.
    pub(crate) async fn judge(&self, ledger: &dyn Ledger, overlap: &Overlap) -> Result<()> {
        let found = self.in_words(ledger, overlap).await?;
        self.answer(&found)
    }

    /// The same about a lost run of which is known what left and not to whom.
    pub(crate) fn judge_unread(&self, unread: &Unread) -> Result<()> {
        let Unread { run, campaign, messages } = unread;
        if self.is_again || *messages < MANY {
            return Ok(());
        }
        let what = format!("{messages} messages left after the last report of run {run} of {campaign}, and these people may have had them");
        let hint = format!(
            "send the list of {campaign} with --ledger-lost first: then it is known to whom; --again sends to all of these people all the same"
        );
        self.answer(&Finding { what, hint, campaign: campaign.clone() })
    }

    fn answer(&self, found: &Finding) -> Result<()> {
        if self.is_named {
            self.bench.note(&format!("mailbatch: warning: {}", found.what));
            return Ok(());
        }
        // `--yes` answers how many leave, not whether they get it twice.
        if has_person() && ask(&format!("{}\nsend it to all of these again?", found.what)) {
            return Ok(());
        }
        Err(found.refusal())
    }
}

impl Finding {
    /// What a send without a terminal ends in.
    pub(crate) fn refusal(&self) -> Error {
        Error::new(Exit::CHANGED, self.what.clone()).hint(self.hint.clone())
    }
}

fn hint(campaign: &str) -> String {
    let is_plain = campaign.chars().all(|c| c.is_alphanumeric() || "/._-+,:@".contains(c));
    let quoted = if is_plain { campaign.to_owned() } else { format!("'{}'", campaign.replace('\'', r"'\''")) };
    format!("--campaign {quoted} goes on with that campaign and sends only to the others; --again sends to all of these again")
}
