//! Checks whether the people of a planned run received the same message under another campaign. On
//! a terminal the operator is asked. Without a terminal the send is refused.

use jiff::{SignedDuration, Timestamp};

use crate::ledger::{Ledger, Overlap, OverlapQuery, People, Run, RunState};
use crate::model::error::{Error, Result};
use crate::model::exit::Exit;
use crate::run::apart;
use crate::run::campaign::{argument, is_running, typable};
use crate::run::context::Context;
use crate::run::takeover::Unread;

/// Earlier runs are considered if they are not older than this.
const LATELY: SignedDuration = SignedDuration::from_hours(30 * 24);
/// An overlap of fewer people is ignored.
const MANY: u64 = 10;

/// The inputs of the check for other campaigns that reached the same people.
pub(crate) struct Question<'a> {
    pub(crate) context: &'a Context,
    pub(crate) campaign: &'a str,
    /// Whether `--campaign` was given.
    pub(crate) is_named: bool,
    /// Whether `--again` was given.
    pub(crate) is_again: bool,
    /// The label of the runs to compare with; `None` if this run reaches no recipient of the list,
    /// so no comparison is needed.
    pub(crate) apart: Option<&'static str>,
    pub(crate) message_fingerprint: String,
}

/// The result of the check, as text.
pub(crate) struct Finding {
    pub(crate) what: String,
    pub(crate) hint: String,
    /// The other campaign, in the form that can be typed.
    pub(crate) campaign: String,
    /// The exit code of a send without a terminal: 14, or 11 if `--campaign` was given and the
    /// other campaign started at the same time.
    exit: Exit,
}

impl Question<'_> {
    /// Builds the query to the ledger; `None` if no comparison is needed.
    pub(crate) fn query(&self, people: People) -> Option<OverlapQuery> {
        Some(OverlapQuery {
            campaign: self.campaign.to_owned(),
            env: self.context.settings.env.clone(),
            apart: self.apart?.to_owned(),
            message_fingerprint: self.message_fingerprint.clone(),
            people,
            since: Timestamp::now() - LATELY,
            sandboxes: apart::sandboxes(&self.context.settings),
        })
    }

    /// Looks for another campaign that has reached, or is about to reach, most of these people.
    pub(crate) async fn find(
        &self,
        ledger: &dyn Ledger,
        people: People,
    ) -> Result<Option<Finding>> {
        let Some(query) = self.query(people) else { return Ok(None) };
        match ledger.overlap(query).await? {
            Some(overlap) => self.in_words(ledger, &overlap).await.map(Some),
            None => Ok(None),
        }
    }

    async fn in_words(&self, ledger: &dyn Ledger, overlap: &Overlap) -> Result<Finding> {
        let Overlap { reached, coming, of, .. } = *overlap;
        let about = if overlap.is_exact { "" } else { "about " };
        let campaign = typable(ledger, &overlap.campaign).await?;
        let this = if overlap.is_message_known {
            "this message"
        } else {
            "a message that may be this one"
        };
        let what = match (reached, coming) {
            (_, 0) => format!("had {this} under another campaign"),
            (0, _) => format!("are about to get {this} under another campaign"),
            _ => format!(
                "had {this} ({about}{reached}) or are about to get it ({about}{coming}) under another campaign"
            ),
        };
        let run =
            if overlap.run.is_empty() { String::new() } else { format!(", run {}", overlap.run) };
        let when = if coming > 0 {
            "not finished".to_owned()
        } else {
            overlap.at.strftime("%Y-%m-%d").to_string()
        };
        let why = if overlap.is_message_known {
            ""
        } else {
            "; the reports left from the lost ledger do not say which message that was"
        };
        let typed = argument(&campaign);
        let what = format!(
            "{about}{} of these {of} people {what}: {campaign}{run}, {when}{why}",
            reached + coming
        );
        let again = "--again sends to all of these again";
        let hint = format!("{typed} continues that campaign and sends only to the others; {again}");
        let found = Finding { what, hint, campaign, exit: Exit::CHANGED };
        // With `--campaign`, an overlap is only a warning. If two campaigns are sent at the same
        // time, a warning would let both reach all of these people.
        let on = if self.is_named { self.going_on(ledger, overlap).await? } else { None };
        let Some(on) = on else { return Ok(found) };
        let campaign = typable(ledger, &on.head.campaign).await?;
        Ok(Finding {
            what: format!("{}; run {} began at the same moment", found.what, on.id),
            hint: format!(
                "when run {} has ended, {} continues that campaign and sends only to the others; {again}",
                on.id,
                argument(&campaign)
            ),
            campaign,
            exit: Exit::LOCKED,
        })
    }

    /// Returns the first run that has some of these people and began after this command did. All
    /// such runs together must have at least ten of the people, and at least half of them. Earlier
    /// runs do not count, because the operator could know about them.
    async fn going_on(&self, ledger: &dyn Ledger, overlap: &Overlap) -> Result<Option<Run>> {
        let state_dir = &self.context.settings.workspace.state_dir;
        let (mut people, mut first) = (0, None);
        for other in &overlap.others {
            let Some(run) = ledger.run(&other.run).await? else { continue };
            let is_on = run.state == RunState::Finished
                || is_running(state_dir, &other.campaign, run.head.env.as_deref())?;
            if is_on && run.started_at >= self.context.began {
                people += other.people;
                first.get_or_insert(run);
            }
        }
        Ok(first.filter(|_| people >= MANY && 2 * people >= overlap.of))
    }

    /// Refuses, asks or warns about an overlap. Returns `Ok` if the send may continue.
    pub(crate) async fn judge(&self, ledger: &dyn Ledger, overlap: &Overlap) -> Result<()> {
        let found = self.in_words(ledger, overlap).await?;
        self.answer(&found)
    }

    /// Refuses, asks or warns about a lost run that sent messages to unknown recipients.
    pub(crate) fn judge_unread(&self, unread: &Unread) -> Result<()> {
        let Unread { run, campaign, messages } = unread;
        if self.is_again || *messages < MANY {
            return Ok(());
        }
        let what = format!(
            "{messages} messages were sent after the last report of run {run} of {campaign}, and these people may have had them"
        );
        let hint = format!(
            "send the list of {campaign} with --ledger-lost first: that shows which recipients received them; --again sends to all of them anyway"
        );
        self.answer(&Finding { what, hint, campaign: campaign.clone(), exit: Exit::CHANGED })
    }

    fn answer(&self, found: &Finding) -> Result<()> {
        if found.is_refused_under_a_name() {
            return Err(found.refusal());
        }
        if self.is_named {
            self.context.note(&format!("mailbatch: warning: {}", found.what));
            return Ok(());
        }
        // `--yes` confirms the number of recipients, but not a second message to them.
        if self.context.has_person()
            && self.context.ask(&format!("{}\nsend it to all of these again?", found.what))
        {
            return Ok(());
        }
        Err(found.refusal())
    }
}

impl Finding {
    /// Builds the error of a send without a terminal.
    pub(crate) fn refusal(&self) -> Error {
        Error::new(self.exit, self.what.clone()).hint(self.hint.clone())
    }

    /// Whether the overlap refuses the send even with `--campaign`.
    pub(crate) fn is_refused_under_a_name(&self) -> bool {
        self.exit == Exit::LOCKED
    }
}
