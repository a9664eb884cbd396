//! Carries out a send: plans and executes a new run, or continues an unfinished one.

use std::sync::Arc;

use crate::cli::OnUnknown;
use crate::ledger::loss::{Loss, Remains};
use crate::ledger::record::UNREACHED;
use crate::ledger::{Ledger, Run, RunState};
use crate::model::error::{Error, Result};
use crate::model::exit::Exit;
use crate::model::outcome::Outcome;
use crate::run::campaign;
use crate::run::changes::warn_of_left_out;
use crate::run::execution::Execution;
use crate::run::gates::latched;
use crate::run::learning::recover;
use crate::run::listening::beside;
use crate::run::log_lookup::follow_up;
use crate::run::nothing_to_do::nothing_to_do;
use crate::run::pausing::{Start, refuse_while_paused};
use crate::run::reports::{forget_report, record, rewrite_report};
use crate::run::request::SendRequest;
use crate::run::settings::RunSettings;
use crate::run::takeover::{TakenOver, Takeover};
use crate::run::verdict::ClosingOptions;
use crate::suppression::Suppressions;

impl SendRequest<'_> {
    /// Sends the message. If requested, the web endpoint runs at the same time.
    pub(crate) async fn send(
        &self,
        ledger: Arc<dyn Ledger>,
        lost: Option<(Remains, Loss)>,
    ) -> Result<Exit> {
        beside(
            self.context,
            &ledger,
            self.args.sending.listen,
            self.send_locked(ledger.clone(), lost),
        )
        .await
    }

    /// Reads the reports and traces left from a lost ledger into the new ledger.
    async fn take_over(
        &self,
        ledger: &Arc<dyn Ledger>,
        (remains, loss): (Remains, Loss),
    ) -> Result<TakenOver> {
        let settings = &self.context.settings;
        let taken = Takeover {
            ledger,
            state_dir: &settings.workspace.state_dir,
            remains,
            loss,
            campaign: &self.campaign.id,
            env: settings.env.as_deref(),
            id: settings.list.id.as_deref(),
        };
        let taken = taken.read().await?;
        self.context.note_all(&taken.notes);
        Ok(taken)
    }

    /// Takes the campaign's lock, and checks whether the campaign may be sent now.
    async fn begin(&self, ledger: &Arc<dyn Ledger>) -> Result<campaign::Lock> {
        let context = self.context;
        let wait = self.args.sending.wait_lock.unwrap_or_default();
        let lock = campaign::lock(
            &context.settings.workspace.state_dir,
            &self.campaign.ids,
            context.settings.env.as_deref(),
            wait,
        )?;
        if !self.campaign.aliases.is_empty() {
            // The identities are stored before anything is planned, so that other spellings of the
            // paths never start a second campaign, even after a crash.
            ledger.add_aliases(self.campaign.aliases.clone()).await?;
        }
        let start = Start {
            campaign: &self.campaign.id,
            kind: self.message.kind(),
            providers: self.chosen.providers.clone(),
        };
        refuse_while_paused(ledger.as_ref(), &start).await?;
        campaign::name_unfinished(
            context,
            ledger.as_ref(),
            self.args.target.campaign.as_deref(),
            &self.campaign.id,
        )
        .await?;
        Ok(lock)
    }

    /// Applies what is left from a lost ledger to the run that is about to be sealed. Discards the
    /// run if it must not be sent.
    async fn settle_lost(
        &self,
        ledger: &Arc<dyn Ledger>,
        taken: TakenOver,
        planned: &Run,
    ) -> Result<()> {
        let state_dir = &self.context.settings.workspace.state_dir;
        let apart = self.question().apart.unwrap_or(UNREACHED);
        let taken = taken.finish(&**ledger, state_dir, Some((planned, apart))).await;
        let judged = taken.and_then(|unread| {
            unread.iter().try_for_each(|unread| self.question().judge_unread(unread))
        });
        if judged.is_err() {
            // Report the refusal, even if discarding the run fails: the next start drops an
            // unsealed run.
            let _ = ledger.discard(&planned.id).await;
        }
        judged
    }

    async fn send_locked(
        &self,
        ledger: Arc<dyn Ledger>,
        lost: Option<(Remains, Loss)>,
    ) -> Result<Exit> {
        let context = self.context;
        let _lock = self.begin(&ledger).await?;
        let mut taken = match lost {
            Some(lost) => Some(self.take_over(&ledger, lost).await?),
            None => None,
        };
        let state_dir = &context.settings.workspace.state_dir;
        let secret = ledger.secret_key().await?;
        let latest = ledger.latest_run(&self.campaign.id, context.settings.env.as_deref()).await?;
        if let Some(run) = &latest
            && run.state == RunState::Open
        {
            recover(context, ledger.as_ref(), run, self.args.sending.no_learn).await?;
            latched(run)?;
        }
        let suppressions = Arc::new(
            context
                .suppressions_of_run(
                    &self.args.list.screening.suppress,
                    ledger.as_ref(),
                    self.message.kind(),
                )
                .await?,
        );
        let mut notes = self.message.lint();
        let mut planned = None;
        let unfinished =
            latest.as_ref().filter(|run| run.state == RunState::Open).map(|run| run.id.clone());
        if let Some(run) = latest {
            let changed = if self.lists.has_stdin() {
                // Standard input can be read only once, so it is planned first. The plan is
                // discarded if nothing has changed.
                let fresh = self.plan(&ledger, &suppressions, secret, &mut notes).await?;
                let changed = self.changes(&run, &fresh.run.head.list_fingerprint);
                if changed.is_empty() || self.refuses(&ledger, &run, &changed).await?.is_some() {
                    ledger.discard(&fresh.run.id).await?;
                } else {
                    planned = Some(fresh);
                }
                changed
            } else {
                self.changes(&run, &self.fingerprint()?)
            };
            if self.goes_on(ledger.as_ref(), &run, &changed).await? {
                if let Some(taken) = taken.take() {
                    taken.finish(&*ledger, state_dir, None).await?;
                }
                return self.again(ledger, run, suppressions, secret, notes).await;
            }
            if let Some(refusal) = self.refuses(&ledger, &run, &changed).await? {
                return Err(refusal);
            }
            follow_up(context, &ledger, &run, self.args.sending.no_learn).await?;
        }
        let planned = match planned {
            Some(planned) => planned,
            None => self.plan(&ledger, &suppressions, secret, &mut notes).await?,
        };
        if let Some(taken) = taken {
            self.settle_lost(&ledger, taken, &planned.run).await?;
        }
        let (run, frozen) = self.seal(&ledger, planned).await?;
        record(context, &*ledger, &run).await?;
        if let Some(closed) = unfinished {
            rewrite_report(context, ledger.as_ref(), &closed).await?;
            warn_of_left_out(context, ledger.as_ref(), &closed, &run.id).await?;
        }
        context.note_all(&notes);
        self.execution(ledger, (run, frozen), suppressions, secret, false, None).run().await
    }

    fn execution(
        &self,
        ledger: Arc<dyn Ledger>,
        (run, frozen): (Run, RunSettings),
        suppressions: Arc<Suppressions>,
        secret: [u8; 32],
        continued: bool,
        limit: Option<u64>,
    ) -> Execution<'_> {
        let notes = if run.filtered > 0 {
            vec![format!(
                "{} rows left out by --where; they do not count as input rows",
                run.filtered
            )]
        } else {
            Vec::new()
        };
        Execution {
            context: self.context,
            ledger,
            run,
            frozen,
            message: Arc::clone(&self.message),
            suppressions,
            sending: &self.args.sending,
            limit,
            error_on_empty: self.args.error_on_empty,
            continued,
            secret,
            notes,
            again: None,
        }
    }

    /// Handles a repeated command: continues an unfinished run, or reports that a finished run has
    /// nothing to do.
    async fn again(
        &self,
        ledger: Arc<dyn Ledger>,
        run: Run,
        suppressions: Arc<Suppressions>,
        secret: [u8; 32],
        notes: Vec<String>,
    ) -> Result<Exit> {
        let mut notes = notes;
        let frozen = RunSettings::of(&run)?;
        if run.state == RunState::Open {
            self.keeps_what_was_frozen(&run, &frozen, &mut notes)?;
        }
        follow_up(self.context, &ledger, &run, self.args.sending.no_learn).await?;
        let mut open = vec![Outcome::Held, Outcome::Deferred];
        if self.args.sending.on_unknown == OnUnknown::Retry {
            open.push(Outcome::Unknown);
        }
        // A finished run can reopen only unknown recipients.
        if run.state == RunState::Open || self.args.sending.on_unknown == OnUnknown::Retry {
            forget_report(self.context, &run)?;
        }
        ledger.reopen(&run.id, &open).await?;
        let standing = ledger.standing(&run.id).await?;
        if standing.tally.open > 0 {
            self.context.note_all(&notes);
            return self
                .execution(ledger, (run, frozen), suppressions, secret, true, self.args.limit)
                .run()
                .await;
        }
        nothing_to_do(
            self.context,
            ledger.as_ref(),
            (&run, &standing),
            &ClosingOptions::of(&self.context.globals, &self.args.sending),
            self.args.error_on_empty,
        )
        .await
    }

    /// Compares the flags of a repeated command with the settings of the unfinished run. Another
    /// provider is refused. Another canary or `--dedupe` causes only a note.
    fn keeps_what_was_frozen(
        &self,
        run: &Run,
        frozen: &RunSettings,
        notes: &mut Vec<String>,
    ) -> Result<()> {
        let provider = self.chosen.label();
        if provider != run.head.provider {
            return Err(Error::usage(format!(
                "run {} is not finished and goes through {}, not {provider}",
                run.id, run.head.provider
            ))
            .hint(format!(
                "`mailbatch resume {}` finishes it, `mailbatch resume {} --abandon` closes it",
                run.id, run.id
            )));
        }
        if let Some(canary) = self.args.canary
            && Some(canary) != frozen.canary
        {
            let drawn = frozen.canary.map_or_else(|| "none".to_owned(), |size| size.to_string());
            notes.push(format!("the canary of run {} was chosen when it was planned ({drawn}); --canary changes nothing now", run.id));
        }
        if self.args.list.screening.dedupe != frozen.dedupe {
            notes.push(format!(
                "run {} was planned with --dedupe {}; another value changes nothing now",
                run.id, frozen.dedupe
            ));
        }
        Ok(())
    }
}
