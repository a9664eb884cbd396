//! Plans a send: reads, screens and renders the lists into a new run of the ledger, and seals the
//! run. A sealed run is complete and can be sent.

use std::collections::VecDeque;
use std::sync::Arc;

use tokio::task::JoinHandle;

use crate::cli::OnUnknown;
use crate::ledger::{
    Gate, Ledger, LedgerError, LedgerResult, People, Run, RunHead, RunState, Seal,
};
use crate::model::error::{Error, Result};
use crate::model::outcome::Outcome;
use crate::plan::{self, Survey};
use crate::run::inputs::{Inputs, flags};
use crate::run::lists::{judgement, say_decisive, survey_notes};
use crate::run::providers;
use crate::run::request::SendRequest;
use crate::run::settings::{RunRoute, RunSettings};
use crate::suppression::Suppressions;

/// A run that is planned but not sealed, with the people in it.
pub(crate) struct Planned {
    pub(crate) run: Run,
    /// The settings fixed with the run.
    pub(crate) frozen: RunSettings,
    pub(crate) people: People,
}

impl SendRequest<'_> {
    /// Reads, screens and renders the lists into a run that is not sealed yet. After an error, the
    /// incomplete run is discarded.
    pub(crate) async fn plan(
        &self,
        ledger: &Arc<dyn Ledger>,
        suppressions: &Arc<Suppressions>,
        secret: [u8; 32],
        notes: &mut Vec<String>,
    ) -> Result<Planned> {
        let screening = &self.args.list.screening;
        let frozen = RunSettings {
            dedupe: screening.dedupe,
            provider_sandbox: self.args.provider_sandbox,
            allow_example: self.args.sending.allow_example,
            allow_no_unsubscribe: self.args.sending.allow_no_unsubscribe,
            redirect: self.args.redirect_all_to.clone(),
            suppress: screening
                .suppress
                .iter()
                .map(|file| self.context.settings.workspace.path_from_arguments(file))
                .collect(),
            canary: self.args.canary.or(self.context.settings.canary.size),
            message: self.message.name().to_owned(),
            lists: self.lists.paths(),
            message_file: self.message_file.clone(),
            message_files: self.other_files(),
            route: RunRoute::of(&self.chosen),
            inputs: Some(Inputs::of(
                &self.context.settings,
                flags(&self.context.settings, self.args),
                &self.chosen.providers,
                &self.lists.paths(),
            )?),
            ..RunSettings::default()
        };
        let head = RunHead {
            campaign: self.campaign.id.clone(),
            env: self.context.settings.env.clone(),
            kind: self.message.kind(),
            provider: self.chosen.label(),
            lists: self.lists.names(),
            list_fingerprint: String::new(),
            message_fingerprint: self.message.fingerprint(),
            message: self.message.freeze(),
            settings: frozen.to_json()?,
        };
        let id = ledger.begin(head.clone()).await?;
        let read = self.read(ledger, &id, suppressions, secret).await;
        let survey = match read
            .and_then(|survey| survey.judge(&judgement(screening), None).map(|()| survey))
        {
            Ok(survey) => survey,
            Err(error) => {
                // Report the refusal, even if discarding the run fails: the next start drops an
                // unsealed run.
                let _ = ledger.discard(&id).await;
                return Err(error);
            }
        };
        tracing::info!(
            run = id,
            rows = survey.rows(),
            sendable = survey.tally.open,
            filtered = survey.filtered,
            "lists read, screened and rendered"
        );
        notes.extend(survey_notes(&survey));
        say_decisive(self.context, &survey);
        let run = Run {
            id,
            head: RunHead { list_fingerprint: survey.fingerprint, ..head },
            state: RunState::Planning,
            gate: Gate::Ahead,
            started_at: jiff::Timestamp::now(),
            finished_at: None,
            columns: survey.columns,
            exit: None,
            exit_reasons: Vec::new(),
            filtered: survey.filtered,
        };
        Ok(Planned { run, frozen, people: survey.people.finish() })
    }

    async fn read(
        &self,
        ledger: &Arc<dyn Ledger>,
        run: &str,
        suppressions: &Arc<Suppressions>,
        secret: [u8; 32],
    ) -> Result<Survey> {
        let handle = tokio::runtime::Handle::current();
        // Two pages are written while the next page is read, so that the ledger always has work.
        const UNDER_WAY: usize = 2;
        let mut written: VecDeque<JoinHandle<LedgerResult<()>>> =
            VecDeque::with_capacity(UNDER_WAY);
        let finish = |page: JoinHandle<LedgerResult<()>>| match handle.block_on(page) {
            Ok(done) => Ok(done?),
            Err(e) => Err(Error::internal(format!("planning stopped: {e}"))),
        };
        let mut sink = |rows| {
            if written.len() == UNDER_WAY {
                written.pop_front().map_or(Ok(()), finish)?;
            }
            let (ledger, run) = (Arc::clone(ledger), run.to_owned());
            written.push_back(handle.spawn(async move { ledger.plan(&run, rows).await }));
            Ok(())
        };
        let survey = tokio::task::block_in_place(|| {
            plan::read(
                &self.lists,
                self.filter.as_ref(),
                &self.screening(suppressions, secret),
                &mut sink,
            )
        });
        // Wait for the pending pages even after an error, so that nothing is written later.
        let mut last = Ok(());
        for page in written {
            last = last.and(
                page.await
                    .unwrap_or_else(|e| Err(LedgerError::Gone(e.to_string())))
                    .map_err(Error::from),
            );
        }
        survey.and_then(|survey| last.map(|()| survey))
    }

    /// Seals and opens the run, after checking that no other campaign sends the same message to its
    /// people.
    pub(crate) async fn seal(
        &self,
        ledger: &Arc<dyn Ledger>,
        Planned { run, frozen, people }: Planned,
    ) -> Result<(Run, RunSettings)> {
        let question = self.question();
        let mut seal = Seal {
            list_fingerprint: run.head.list_fingerprint,
            columns: run.columns,
            filtered: run.filtered,
            canary: frozen.canary,
            limit: self.args.limit,
            only: self.replans.clone().filter(|only| !only.is_empty()),
            cohorts: providers::cohorts(&self.chosen),
            overlap: if question.is_again { None } else { question.query(people.clone()) },
            people: question.apart.map(|apart| (apart.to_owned(), people)),
        };
        if let Some(overlap) = ledger.seal(&run.id, seal.clone()).await? {
            if let Err(refusal) = question.judge(ledger.as_ref(), &overlap).await {
                ledger.discard(&run.id).await?;
                return Err(refusal);
            }
            seal.overlap = None;
            ledger.seal(&run.id, seal).await?;
        }
        if self.args.sending.on_unknown == OnUnknown::Retry {
            // Sealing has copied the unknown outcomes of earlier runs; reopen these recipients.
            ledger.reopen(&run.id, &[Outcome::Unknown]).await?;
        }
        let sealed = ledger.run(&run.id).await?;
        let gone = || Error::internal(format!("run {} is not in the ledger", run.id));
        Ok((sealed.ok_or_else(gone)?, frozen))
    }
}
