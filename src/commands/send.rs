//! `mailbatch send`: check, screen, plan, send; again continues where it stopped.

use std::collections::VecDeque;
use std::path::PathBuf;
use std::sync::Arc;

use tokio::task::JoinHandle;

use crate::cli::{Globals, OnUnknown, SendArgs};
use crate::commands::campaign::{self, Apart, Campaign};
use crate::commands::changes::{has, is_abandoned, warn_of_left_out};
use crate::commands::finished::nothing_to_do;
use crate::commands::following::follow_up;
use crate::commands::gates::latched;
use crate::commands::inputs::Inputs;
use crate::commands::listen::beside;
use crate::commands::loss::{TakenOver, Takeover};
use crate::commands::outlets::{self, FrozenRoute};
use crate::commands::overlap::Question;
use crate::commands::own_files::{add_inputs, own_files};
use crate::commands::pausing::{Start, refuse_while_paused};
use crate::commands::reading::{agreed_to_guesses, judgement, lists, say_decisive, survey_notes};
use crate::commands::reports::{check_reports, forget_report, format_of, record, rewrite_report};
use crate::commands::running::{Frozen, Going, canary_size, note_all, recover};
use crate::commands::workbench::{Workbench, has_person};
use crate::commands::{apart, changes, dry_run};
use crate::config::Chosen;
use crate::input::Filter;
use crate::ledger::loss::{Loss, Remains};
use crate::ledger::record::UNREACHED;
use crate::ledger::{Ledger, LedgerError, LedgerResult, People, Run, RunHead, RunState, Seal};
use crate::message::Message;
use crate::model::address::Address;
use crate::model::error::{Error, Result};
use crate::model::exit::Exit;
use crate::model::outcome::Outcome;
use crate::plan::{self, Lists, Router, Screening, Survey};
use crate::suppression::Suppressions;

/// Runs the command.
pub(crate) async fn run(globals: &Globals, args: &SendArgs) -> Result<Exit> {
    let bench = Workbench::new(globals, args.target.env.as_deref())?;
    bench.refuse_second_ledger()?;
    for path in &args.sending.report {
        format_of(&bench.settings.workspace.path_from_arguments(path))?;
    }
    let (message, source) = bench.message(&args.message)?;
    let mut lists = lists(&bench, &args.list.lists, &args.list.reading, args.list.email.clone());
    if has_person() && !args.sending.yes {
        lists.options.accept_guess = agreed_to_guesses(&lists)?;
    }
    let filter = args.list.reading.filter.as_deref().map(Filter::parse).transpose()?;
    let chosen = bench.settings.chosen(args.target.provider.as_deref())?;
    outlets::check(&bench, &chosen, &message, (args.provider_sandbox, args.sending.allow_example))?;
    let asked = campaign::asked(
        &bench,
        args.target.campaign.as_deref(),
        source.file.clone(),
        &args.list.lists,
    )?;
    if let Some(redirect) = &args.redirect_all_to {
        allowed(&bench, redirect)?;
    }
    let (ledger, lost) = if args.dry_run {
        bench.warn_of_unwritable_suppressions();
        (bench.readable_ledger()?, None)
    } else if args.ledger_lost {
        bench.refuse_unwritable_state()?;
        let (ledger, remains, loss) = bench.ledger_after_loss()?;
        (Some(ledger), Some((remains, loss)))
    } else {
        bench.refuse_unwritable_state()?;
        (Some(bench.ledger()?), None)
    };
    let apart = Apart {
        env: bench.settings.env.as_deref(),
        redirect: args.redirect_all_to.as_ref(),
        provider_sandbox: args.provider_sandbox,
    };
    let known = ledger.as_deref();
    if !args.sending.report.is_empty() {
        let mut own = own_files(&bench, known).await;
        add_inputs(&mut own, &bench, &args.list.lists, &args.list.screening.suppress, &source);
        check_reports(&bench, &args.sending, &own, !args.dry_run)?;
    }
    let campaign = asked.find(known, &bench.settings.workspace, &apart).await?;
    let mut sending = Sending {
        bench: &bench,
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
        sending.follow_link(ledger).await?;
    }
    match ledger {
        Some(ledger) if !args.dry_run => sending.run(ledger, lost).await,
        ledger => dry_run::run(&sending, ledger).await,
    }
}

/// A send with everything it was told.
pub(crate) struct Sending<'a> {
    pub(crate) bench: &'a Workbench,
    pub(crate) args: &'a SendArgs,
    pub(crate) message: Arc<Message>,
    /// Where the message lies, unless it stands in the configuration.
    pub(crate) message_file: Option<PathBuf>,
    pub(crate) lists: Lists,
    pub(crate) filter: Option<Filter>,
    pub(crate) campaign: Campaign,
    /// Through whom it goes.
    pub(crate) chosen: Chosen<'a>,
    /// It plans the rest of an earlier run anew: of those outcomes only, where there are any.
    /// `None` for a send that was typed.
    pub(crate) replans: Option<Vec<Outcome>>,
}

impl Sending<'_> {
    pub(crate) async fn run(
        &self,
        ledger: Arc<dyn Ledger>,
        lost: Option<(Remains, Loss)>,
    ) -> Result<Exit> {
        beside(self.bench, &ledger, self.args.sending.listen, self.run_by(ledger.clone(), lost))
            .await
    }

    /// A link that has been pointed elsewhere since the campaign was last called by it: the same
    /// rows and the same message are the same campaign all the same. Other ones are another
    /// campaign, but not while a run that was begun so is unfinished.
    async fn follow_link(&mut self, ledger: &dyn Ledger) -> Result<()> {
        let Some(old) = self.campaign.respelled.clone() else { return Ok(()) };
        let latest = ledger.latest_run(&old, self.bench.settings.env.as_deref()).await?;
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

    /// Reads what a lost ledger left behind into the new one.
    async fn take_over(
        &self,
        ledger: &Arc<dyn Ledger>,
        (remains, loss): (Remains, Loss),
    ) -> Result<TakenOver> {
        let settings = &self.bench.settings;
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
        note_all(self.bench, &taken.notes);
        Ok(taken)
    }

    async fn run_by(&self, ledger: Arc<dyn Ledger>, lost: Option<(Remains, Loss)>) -> Result<Exit> {
        let bench = self.bench;
        let wait = self.args.sending.wait_lock.unwrap_or_default();
        let _lock = campaign::lock(
            &bench.settings.workspace.state_dir,
            &self.campaign.ids,
            bench.settings.env.as_deref(),
            wait,
        )?;
        if !self.campaign.aliases.is_empty() {
            // On the disk before anything is planned, so that no other spelling begins anew
            // whatever happens from here on.
            ledger.add_aliases(self.campaign.aliases.clone()).await?;
        }
        let start = Start {
            campaign: &self.campaign.id,
            kind: self.message.kind(),
            providers: self.chosen.providers.clone(),
        };
        refuse_while_paused(ledger.as_ref(), &start).await?;
        campaign::name_unfinished(
            bench,
            ledger.as_ref(),
            self.args.target.campaign.as_deref(),
            &self.campaign.id,
        )
        .await?;
        let mut taken = match lost {
            Some(lost) => Some(self.take_over(&ledger, lost).await?),
            None => None,
        };
        let state_dir = &bench.settings.workspace.state_dir;
        let secret = ledger.secret_key().await?;
        let latest = ledger.latest_run(&self.campaign.id, bench.settings.env.as_deref()).await?;
        if let Some(run) = &latest
            && run.state == RunState::Open
        {
            recover(bench, ledger.as_ref(), run, self.args.sending.no_learn).await?;
            latched(run)?;
        }
        let suppressions = Arc::new(
            bench
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
                // Standard input can be read only once: it is planned first, and dropped again if
                // nothing has changed.
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
            if changed.is_empty()
                && self.replans.is_none()
                && !is_abandoned(ledger.as_ref(), &run).await?
            {
                if let Some(taken) = taken.take() {
                    taken.finish(&*ledger, state_dir, None).await?;
                }
                return self.again(ledger, run, suppressions, secret, notes).await;
            }
            if let Some(refusal) = self.refuses(&ledger, &run, &changed).await? {
                return Err(refusal);
            }
            follow_up(bench, &ledger, &run, self.args.sending.no_learn).await?;
        }
        let planned = match planned {
            Some(planned) => planned,
            None => self.plan(&ledger, &suppressions, secret, &mut notes).await?,
        };
        if let Some(taken) = taken {
            let taken = taken
                .finish(
                    &*ledger,
                    state_dir,
                    Some((&planned.run, self.question().apart.unwrap_or(UNREACHED))),
                )
                .await;
            let judged = taken.and_then(|unread| {
                unread.iter().try_for_each(|unread| self.question().judge_unread(unread))
            });
            if let Err(error) = judged {
                // The refusal is what matters; a run that stays behind unsealed is dropped at the
                // next start.
                let _ = ledger.discard(&planned.run.id).await;
                return Err(error);
            }
        }
        let run = self.seal(&ledger, planned).await?;
        record(bench, &*ledger, &run).await?;
        if let Some(closed) = unfinished {
            rewrite_report(bench, ledger.as_ref(), &closed).await?;
            warn_of_left_out(bench, ledger.as_ref(), &closed, &run.id).await?;
        }
        note_all(bench, &notes);
        self.going(ledger, run, suppressions, secret, false, None).go().await
    }

    fn going(
        &self,
        ledger: Arc<dyn Ledger>,
        run: Run,
        suppressions: Arc<Suppressions>,
        secret: [u8; 32],
        continued: bool,
        limit: Option<u64>,
    ) -> Going<'_> {
        let notes = if run.filtered > 0 {
            vec![format!("{} rows left out by --where; they are not rows in", run.filtered)]
        } else {
            Vec::new()
        };
        Going {
            bench: self.bench,
            ledger,
            run,
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

    /// The same command once more: continues an unfinished run, and has nothing to do for a
    /// finished one.
    async fn again(
        &self,
        ledger: Arc<dyn Ledger>,
        run: Run,
        suppressions: Arc<Suppressions>,
        secret: [u8; 32],
        notes: Vec<String>,
    ) -> Result<Exit> {
        let mut notes = notes;
        if run.state == RunState::Open {
            self.keeps_what_was_frozen(&run, &mut notes)?;
        }
        follow_up(self.bench, &ledger, &run, self.args.sending.no_learn).await?;
        let mut open = vec![Outcome::Held, Outcome::Deferred];
        if self.args.sending.on_unknown == OnUnknown::Retry {
            open.push(Outcome::Unknown);
        }
        // A finished run has nobody else to open again.
        if run.state == RunState::Open || self.args.sending.on_unknown == OnUnknown::Retry {
            forget_report(self.bench, &run)?;
        }
        ledger.reopen(&run.id, &open).await?;
        let standing = ledger.standing(&run.id).await?;
        if standing.tally.open > 0 {
            note_all(self.bench, &notes);
            return self.going(ledger, run, suppressions, secret, true, self.args.limit).go().await;
        }
        nothing_to_do(
            self.bench,
            ledger.as_ref(),
            (&run, &standing),
            &self.args.sending,
            self.args.error_on_empty,
        )
        .await
    }

    /// An unfinished run goes on as it was planned: another provider is refused, another canary or
    /// way of finding duplicates is told.
    fn keeps_what_was_frozen(&self, run: &Run, notes: &mut Vec<String>) -> Result<()> {
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
        let frozen = crate::commands::running::frozen(run)?;
        let canary = self.args.canary.map(|size| size.to_string());
        if canary.is_some() && canary != frozen.canary {
            let drawn = frozen.canary.as_deref().unwrap_or("none");
            notes.push(format!("the canary of run {} was drawn when it was planned ({drawn}); --canary changes nothing now", run.id));
        }
        if self.args.list.screening.dedupe.to_string() != frozen.dedupe {
            notes.push(format!(
                "run {} was planned with --dedupe {}; it changes nothing now",
                run.id, frozen.dedupe
            ));
        }
        Ok(())
    }

    fn fingerprint(&self) -> Result<String> {
        tokio::task::block_in_place(|| plan::fingerprint(&self.lists, self.filter.as_ref()))
    }

    /// What differs from an earlier run of the campaign, in words.
    fn changes(&self, run: &Run, list_fingerprint: &str) -> Vec<&'static str> {
        changes::changes(run, list_fingerprint, &self.message.fingerprint())
    }

    /// Why a campaign may not go on with what has changed; `None` where it may.
    async fn refuses(
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

    /// Reads, screens and renders the lists into a run that is not sealed yet. Whatever goes wrong
    /// leaves no run behind.
    async fn plan(
        &self,
        ledger: &Arc<dyn Ledger>,
        suppressions: &Arc<Suppressions>,
        secret: [u8; 32],
        notes: &mut Vec<String>,
    ) -> Result<Planned> {
        let screening = &self.args.list.screening;
        let frozen = Frozen {
            dedupe: screening.dedupe.to_string(),
            provider_sandbox: self.args.provider_sandbox,
            allow_example: self.args.sending.allow_example,
            redirect: self.args.redirect_all_to.as_ref().map(ToString::to_string),
            suppress: screening
                .suppress
                .iter()
                .map(|file| self.bench.settings.workspace.path_from_arguments(file))
                .collect(),
            canary: self
                .args
                .canary
                .or(self.bench.settings.canary.size)
                .map(|size| size.to_string()),
            message: self.message.name().to_owned(),
            lists: self.lists.paths(),
            message_file: self.message_file.clone(),
            route: FrozenRoute::of(&self.chosen),
            inputs: Some(Inputs::of(self.bench, self.args, &self.lists.paths())?),
        };
        let head = RunHead {
            campaign: self.campaign.id.clone(),
            env: self.bench.settings.env.clone(),
            kind: self.message.kind(),
            provider: self.chosen.label(),
            lists: self.lists.names(),
            list_fingerprint: String::new(),
            message_fingerprint: self.message.fingerprint(),
            message: self.message.freeze(),
            settings: serde_json::to_value(&frozen).map_err(|e| Error::internal(e.to_string()))?,
        };
        let id = ledger.begin(head.clone()).await?;
        let read = self.read(ledger, &id, suppressions, secret).await;
        let survey = match read
            .and_then(|survey| survey.judge(&judgement(screening), None).map(|()| survey))
        {
            Ok(survey) => survey,
            Err(error) => {
                // The refusal is what matters; a run that stays behind unsealed is dropped at the
                // next start.
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
        say_decisive(self.bench, &survey);
        let run = Run {
            id,
            head: RunHead { list_fingerprint: survey.fingerprint, ..head },
            state: RunState::Planning,
            gate: crate::ledger::Gate::Ahead,
            started_at: jiff::Timestamp::now(),
            finished_at: None,
            columns: survey.columns,
            exit: None,
            exit_reasons: Vec::new(),
            filtered: survey.filtered,
        };
        Ok(Planned { run, people: survey.people.finish() })
    }

    async fn read(
        &self,
        ledger: &Arc<dyn Ledger>,
        run: &str,
        suppressions: &Arc<Suppressions>,
        secret: [u8; 32],
    ) -> Result<Survey> {
        let handle = tokio::runtime::Handle::current();
        // Pages are written while the next ones are read, and another one waits, so that the ledger
        // has something to do when one is done.
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
        // Whatever became of the reading, nothing is still being written afterwards.
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

    pub(crate) fn screening<'a>(
        &'a self,
        suppressions: &'a Suppressions,
        secret: [u8; 32],
    ) -> Screening<'a> {
        Screening {
            suppressions,
            allow: self
                .bench
                .settings
                .allow
                .as_deref()
                .filter(|_| self.args.redirect_all_to.is_none()),
            dedupe: self.args.list.screening.dedupe,
            always: &self.bench.settings.canary.always,
            message: &self.message,
            secret,
            campaign: &self.campaign.id,
            router: self.chosen.route.map(|route| Router::new(route, &secret)),
        }
    }

    /// Opens the run, once it is clear that its people do not get the message from another campaign
    /// as well.
    async fn seal(
        &self,
        ledger: &Arc<dyn Ledger>,
        Planned { run, people }: Planned,
    ) -> Result<Run> {
        let frozen = crate::commands::running::frozen(&run)?;
        let question = self.question();
        let mut seal = Seal {
            list_fingerprint: run.head.list_fingerprint,
            columns: run.columns,
            filtered: run.filtered,
            canary: canary_size(frozen.canary.as_deref())?,
            limit: self.args.limit,
            only: self.replans.clone().filter(|only| !only.is_empty()),
            cohorts: outlets::cohorts(&self.chosen),
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
            // Unknowns of earlier runs have been carried over.
            ledger.reopen(&run.id, &[Outcome::Unknown]).await?;
        }
        ledger.run(&run.id).await?.ok_or_else(|| Error::internal(format!("run {} is gone", run.id)))
    }

    /// Whether these people had the message under another campaign.
    pub(crate) fn question(&self) -> Question<'_> {
        let args = self.args;
        let reaches_nobody = args.redirect_all_to.is_some() || args.provider_sandbox;
        Question {
            bench: self.bench,
            campaign: &self.campaign.id,
            is_named: args.target.campaign.is_some(),
            is_again: args.again,
            apart: (!reaches_nobody).then(|| {
                apart::of_providers(&self.bench.settings, self.chosen.providers.iter().copied())
            }),
            message_fingerprint: self.message.fingerprint(),
        }
    }
}

/// A run that is planned and not sealed, and whom it is for.
struct Planned {
    run: Run,
    people: People,
}

fn allowed(bench: &Workbench, redirect: &Address) -> Result<()> {
    match &bench.settings.allow {
        Some(allow) if !allow.iter().any(|rule| rule.admits(redirect)) => Err(Error::usage(
            "--redirect-all-to names an address that this environment does not allow",
        )
        .hint("add it under `allow` of the environment")),
        _ => Ok(()),
    }
}
