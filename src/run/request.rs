//! A send as requested on the command line: its message, lists, campaign and providers, before
//! planning.

use std::path::PathBuf;
use std::sync::Arc;

use crate::cli::SendArgs;
use crate::config::Chosen;
use crate::input::Filter;
use crate::ledger::{Ledger, LedgerRow, Run, RunState};
use crate::message::Message;
use crate::model::error::{Error, Result};
use crate::model::outcome::{Outcome, Reason};
use crate::model::recipient::Fields;
use crate::plan::{self, Lists, Router, Screening};
use crate::run::apart;
use crate::run::campaign::{self, Campaign};
use crate::run::changes::{self, has, is_abandoned};
use crate::run::context::{Context, column_indexes};
use crate::run::overlap::Question;
use crate::suppression::Suppressions;

/// The number of rows to read from the ledger at once.
const ROWS_A_PAGE: usize = 1_000;

/// A send request: the arguments, and the configuration that applies to them.
pub(crate) struct SendRequest<'a> {
    pub(crate) context: &'a Context,
    pub(crate) args: &'a SendArgs,
    pub(crate) message: Arc<Message>,
    /// The message's file; `None` if the message is in the configuration.
    pub(crate) message_file: Option<PathBuf>,
    pub(crate) lists: Lists,
    pub(crate) filter: Option<Filter>,
    pub(crate) campaign: Campaign,
    /// The providers that the send may use.
    pub(crate) chosen: Chosen<'a>,
    /// `Some` if the send plans the remaining recipients of an earlier run again; a non-empty list
    /// selects them by outcome. `None` for a normal send.
    pub(crate) replans: Option<Vec<Outcome>>,
}

impl SendRequest<'_> {
    /// The absolute paths of the files that the message was read from, besides its own file.
    pub(crate) fn other_files(&self) -> Vec<PathBuf> {
        let files =
            self.message.files().iter().filter(|file| Some(*file) != self.message_file.as_ref());
        files.map(|file| self.context.settings.workspace.path_from_arguments(file)).collect()
    }

    /// Handles a path that is a link and leads to other files since the campaign's last run. If
    /// rows and message are the same, the campaign continues. Otherwise the send is another
    /// campaign, but it is refused while the earlier campaign has an unfinished run.
    pub(crate) async fn follow_link(&mut self, ledger: &dyn Ledger) -> Result<()> {
        let Some(old) = self.campaign.respelled.clone() else { return Ok(()) };
        let latest = ledger.latest_run(&old, self.context.settings.env.as_deref()).await?;
        let Some(run) = latest.filter(|_| !self.lists.has_stdin()) else { return Ok(()) };
        let changed = self.changes(&run, &self.fingerprint()?);
        if changed.is_empty() {
            let kin = ledger.kin(&old).await?;
            self.campaign.go_on_as(old, kin);
        } else if run.state == RunState::Open {
            return Err(Campaign::is_respelled(&run, &format!("{} changed", has(&changed))));
        }
        Ok(())
    }

    pub(crate) fn fingerprint(&self) -> Result<String> {
        tokio::task::block_in_place(|| plan::fingerprint(&self.lists, self.filter.as_ref()))
    }

    /// Names the inputs that differ from an earlier run of the campaign.
    pub(crate) fn changes(&self, run: &Run, list_fingerprint: &str) -> Vec<&'static str> {
        changes::changes(run, list_fingerprint, &self.message.fingerprint())
    }

    /// Whether the send continues an earlier run of the campaign instead of planning a new one. It
    /// does if nothing has changed and that run was not abandoned.
    pub(crate) async fn goes_on(
        &self,
        ledger: &dyn Ledger,
        run: &Run,
        changed: &[&'static str],
    ) -> Result<bool> {
        Ok(changed.is_empty()
            && self.replans.is_none()
            && !is_abandoned(ledger, run).await?
            && !self.has_new_files(ledger, run).await?)
    }

    /// Whether a finished run has an invalid row that can be sent now, because the file that the
    /// row attaches exists now. Such a row is planned in a new run of the campaign.
    async fn has_new_files(&self, ledger: &dyn Ledger, run: &Run) -> Result<bool> {
        if run.state == RunState::Open || !self.message.has_row_files() {
            return Ok(false);
        }
        let columns = column_indexes(run);
        let mut after = 0;
        loop {
            let rows = ledger.rows(&run.id, after, ROWS_A_PAGE).await?;
            let Some(last) = rows.last() else { return Ok(false) };
            after = last.row;
            let can_be_sent = |row: &LedgerRow| {
                let fields = Fields::decode(&row.fields).ok();
                columns.get(row.list as usize).zip(fields).is_some_and(|(index, fields)| {
                    self.message.probe(index, &fields).is_ok()
                        && self.message.plan_files(index, &fields).is_ok()
                })
            };
            let mut unrendered = rows.iter().filter(|row| {
                row.outcome == Some(Outcome::Invalid) && row.reason == Some(Reason::Render)
            });
            if tokio::task::block_in_place(|| unrendered.any(can_be_sent)) {
                return Ok(true);
            }
        }
    }

    /// Builds the refusal to continue a campaign with changed inputs; `None` if the send may
    /// continue.
    pub(crate) async fn refuses(
        &self,
        ledger: &Arc<dyn Ledger>,
        run: &Run,
        changed: &[&'static str],
    ) -> Result<Option<Error>> {
        let is_accepted = self.args.accept_changes || self.replans.is_some();
        if changed.is_empty() {
            return Ok(None);
        }
        let typed =
            campaign::argument(&campaign::typable(ledger.as_ref(), &run.head.campaign).await?);
        Ok(changes::refusal(run, &typed, changed, self.args.target.campaign.is_some(), is_accepted))
    }

    pub(crate) fn screening<'a>(
        &'a self,
        suppressions: &'a Suppressions,
        secret: [u8; 32],
    ) -> Screening<'a> {
        Screening {
            suppressions,
            allow: self
                .context
                .settings
                .allow
                .as_deref()
                .filter(|_| self.args.redirect_all_to.is_none()),
            dedupe: self.args.list.screening.dedupe,
            always: &self.context.settings.canary.always,
            message: &self.message,
            secret,
            campaign: &self.campaign.id,
            router: self.chosen.route.map(|route| Router::new(route, &secret)),
        }
    }

    /// Prepares the check whether these people received the message under another campaign.
    pub(crate) fn question(&self) -> Question<'_> {
        let args = self.args;
        let reaches_no_recipient = args.redirect_all_to.is_some() || args.provider_sandbox;
        Question {
            context: self.context,
            campaign: &self.campaign.id,
            is_named: args.target.campaign.is_some(),
            is_again: args.again,
            apart: (!reaches_no_recipient).then(|| {
                apart::of_providers(&self.context.settings, self.chosen.providers.iter().copied())
            }),
            message_fingerprint: self.message.fingerprint(),
        }
    }
}
