//! One execution of a run, from the ledger to the exit code. `send`, `resume` and `retry` share it.

use std::sync::Arc;
use std::time::Instant;

use jiff::Timestamp;

use crate::cli::{OnCap, ProgressMode, SendingArgs, Then};
use crate::config::CanarySettings;
use crate::files;
use crate::ledger::trace::{self, Trace};
use crate::ledger::{ExitReason, Gate, Ledger, Run, RunState, Standing};
use crate::listen;
use crate::message::Message;
use crate::model::error::{Error, Result};
use crate::model::exit::Exit;
use crate::model::outcome::Reason;
use crate::pipeline::{Limits, Parts, execute};
use crate::progress::{self, Mode, Start};
use crate::run::conclude::Ending;
use crate::run::console;
use crate::run::context::{Context, column_indexes};
use crate::run::gates::{FeedbackSource, canary_rule, inert};
use crate::run::learning::{learn, recover};
use crate::run::providers::{self, Waived};
use crate::run::reports::{forget_report, record_end, rewrite_report};
use crate::run::settings::RunSettings;
use crate::run::summary::Summary;
use crate::run::verdict::ClosingOptions;
use crate::suppression::Suppressions;

/// An execution that is about to start. The caller holds the campaign's lock.
pub(crate) struct Execution<'a> {
    pub(crate) context: &'a Context,
    pub(crate) ledger: Arc<dyn Ledger>,
    pub(crate) run: Run,
    /// The settings frozen with the run.
    pub(crate) frozen: RunSettings,
    pub(crate) message: Arc<Message>,
    pub(crate) suppressions: Arc<Suppressions>,
    pub(crate) sending: &'a SendingArgs,
    pub(crate) limit: Option<u64>,
    /// Exit 9 if there is no recipient to send to.
    pub(crate) error_on_empty: bool,
    pub(crate) continued: bool,
    /// The workspace's secret key.
    pub(crate) secret: [u8; 32],
    pub(crate) notes: Vec<String>,
    /// The command that reopens the same recipients, if `resume` would not reopen them because they
    /// got their earlier outcome back.
    pub(crate) again: Option<String>,
}

impl Execution<'_> {
    /// Sends to the open recipients, writes the reports, prints the summary, and returns the exit
    /// code.
    pub(crate) async fn run(self) -> Result<Exit> {
        let (context, ledger, run) = (self.context, Arc::clone(&self.ledger), self.run.clone());
        let ended = self.execute().await;
        if ended.is_err() {
            // Write the run's record and report even after an error, because the ledger file may
            // have been replaced. If this fails too, the next command about the run writes them.
            let _ = record_end(context, &*ledger, &run).await;
            let _ = rewrite_report(context, ledger.as_ref(), &run.id).await;
        }
        ended
    }

    async fn execute(self) -> Result<Exit> {
        let (started, since) = (Instant::now(), Timestamp::now());
        let before = self.ledger.standing(&self.run.id).await?;
        let waived = Waived::of(self.sending, self.frozen.provider_sandbox);
        providers::check_of_run(
            &self.context.settings,
            &self.run,
            &self.frozen,
            &self.message,
            waived,
        )?;
        if !self.confirmed(&before)? {
            self.ledger.hold_rest(&self.run.id, Reason::Interrupted, "not confirmed").await?;
            let not_confirmed = ExitReason {
                exit: Exit::WAITING.code(),
                why: "not confirmed on the terminal".to_owned(),
            };
            self.ledger
                .finish(&self.run.id, RunState::Open, Exit::WAITING.code(), vec![not_confirmed])
                .await?;
            return Err(Error::new(Exit::WAITING, "nothing was sent")
                .hint("repeat the command to be asked again; -y sends without asking"));
        }
        let feedback = FeedbackSource::find(self.context, self.ledger.as_ref(), &self.run).await?;
        let canary = self.canary();
        inert(self.context, feedback, &self.run, &before, &canary)
            .into_iter()
            .for_each(|note| self.context.warn(note));
        if !self.sending.no_learn {
            self.context.warn_of_unwritable_suppressions();
        }
        let parts = self.parts(&before, feedback, &canary)?;
        parts.progress.start(&start(&self.run, &before, self.continued));
        tracing::info!(
            run = self.run.id,
            provider = self.run.head.provider,
            open = before.tally.open,
            "sending begins"
        );
        forget_report(self.context, &self.run)?;
        // The loop runs on one of the runtime's own threads, where socket events need no transfer
        // between threads.
        let executed = tokio::spawn(execute(Arc::clone(&parts))).await;
        let why =
            executed.unwrap_or_else(|e| Err(Error::internal(format!("sending stopped: {e}"))));
        parts.progress.finish();
        // Flush the answers to disk in every case, including after a second Ctrl-C or a failed
        // task. If the flush fails, more outcomes are unknown.
        let _ = parts.trace.flush();
        let why = match why {
            Err(error) => return Err(error),
            Ok(why) => why,
        };
        recover(self.context, self.ledger.as_ref(), &self.run, self.sending.no_learn).await?;
        let trace = Arc::clone(&parts.trace);
        drop(parts);
        let options = ClosingOptions::of(&self.context.globals, self.sending);
        let ending = Ending {
            context: self.context,
            ledger: self.ledger.as_ref(),
            run: &self.run,
            options: &options,
            is_listening: self.sending.listen,
            error_on_empty: self.error_on_empty,
            again: self.again.as_deref(),
            before: &before,
        };
        let conclusion = ending.conclude(why).await?;
        if let Ok(trace) = Arc::try_unwrap(trace) {
            // A trace file that cannot be removed does no harm, because its batches are settled.
            let _ = trace.remove();
        }
        let summary = Summary {
            context: self.context,
            ledger: self.ledger.as_ref(),
            options: &options,
            frozen: &self.frozen,
            // Only a retry restores earlier outcomes.
            gave_back_since: self.again.is_some().then_some(since),
            elapsed: started.elapsed(),
        };
        summary.print(conclusion, self.notes).await
    }

    /// Asks once, on a terminal, before sending to more than a hundred real recipients.
    fn confirmed(&self, before: &Standing) -> Result<bool> {
        const MANY: u64 = 100;
        let open = before.tally.open;
        let frozen = &self.frozen;
        let leaves = !frozen.provider_sandbox
            && providers::leave_the_machine(
                &self.context.settings,
                &self.run,
                frozen.route.as_ref(),
            )?;
        if !leaves || self.sending.yes || open <= MANY || !self.context.has_person() {
            return Ok(true);
        }
        Ok(self
            .context
            .ask(&format!("send to {open} recipients through {}?", self.run.head.provider)))
    }

    /// Returns the configured canary settings, overridden by the command's flags.
    fn canary(&self) -> CanarySettings {
        let configured = self.context.settings.canary.clone();
        let flags = self.sending;
        CanarySettings {
            wait: flags.canary_wait.or(configured.wait),
            wait_complained: flags.canary_wait.or(configured.wait_complained),
            extend: flags.canary_extend.or(configured.extend),
            then: flags.then.or(configured.then),
            ..configured
        }
    }

    /// Builds the inputs of the execution's loop.
    fn parts(
        &self,
        before: &Standing,
        feedback: FeedbackSource,
        canary: &CanarySettings,
    ) -> Result<Arc<Parts>> {
        let settings = &self.context.settings;
        let frozen = &self.frozen;
        let needs = self.message.needs();
        let ledger = Arc::clone(&self.ledger);
        let (configured, order) =
            providers::connect(settings, &self.run, frozen, self.sending.rate, &needs, &ledger)?;
        let state_dir = &settings.workspace.state_dir;
        let trace = Trace::create(state_dir, &self.run.id)
            .map_err(|e| files::unusable(&trace::directory(state_dir), &e))?;
        self.ledger.set_trace(trace.name());
        let can_ask = self.context.has_person() && !self.sending.yes;
        Ok(Arc::new(Parts {
            ledger,
            configured,
            order,
            limits: Limits { limit: self.limit, wait_on_cap: self.sending.on_cap == OnCap::Wait },
            message: Arc::clone(&self.message),
            columns: column_indexes(&self.run),
            suppressions: Arc::clone(&self.suppressions),
            learn: learn(self.context, frozen, self.sending.no_learn),
            trace: Arc::new(trace),
            run: self.run.clone(),
            standing: before.clone(),
            secret: self.secret,
            redirect: frozen.redirect.clone(),
            canary: canary_rule(
                canary,
                feedback,
                settings.route.as_ref().filter(|_| frozen.route.is_some()),
            ),
            is_listened: (feedback == FeedbackSource::Endpoint).then(|| {
                let state_dir = state_dir.clone();
                Arc::new(move || listen::is_present(&state_dir))
                    as Arc<dyn Fn() -> bool + Send + Sync>
            }),
            rules: settings.pause.clone(),
            then: canary.then.unwrap_or(if can_ask { Then::Ask } else { Then::Continue }),
            ask: can_ask.then_some(|evidence: &str| {
                console::ask(&format!("canary: {evidence}\nsend the rest?"))
            }),
            progress: Arc::from(progress::pick(
                self.progress_mode(),
                self.context.globals.quiet,
                std::io::IsTerminal::is_terminal(&std::io::stderr()),
                self.sending.stats,
            )),
        }))
    }

    fn progress_mode(&self) -> Mode {
        match self.sending.progress {
            ProgressMode::Auto if self.context.globals.json => Mode::Json,
            // A progress bar and log lines would overwrite each other.
            ProgressMode::Auto if self.context.globals.verbose > 0 => Mode::Plain,
            ProgressMode::Auto => Mode::Auto,
            ProgressMode::Bar => Mode::Bar,
            ProgressMode::Plain => Mode::Plain,
            ProgressMode::Json => Mode::Json,
            ProgressMode::None => Mode::None,
        }
    }
}

fn start(run: &Run, before: &Standing, continued: bool) -> Start {
    Start {
        run: run.id.clone(),
        campaign: run.head.name().to_owned(),
        env: run.head.env.clone(),
        provider: run.head.provider.clone(),
        input: before.tally.total(),
        to_send: before.tally.open,
        canary: if run.gate == Gate::Ahead { before.canary.open } else { 0 },
        continued,
    }
}
