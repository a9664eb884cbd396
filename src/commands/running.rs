//! One execution of a run, from the ledger to the exit code: what `send`, `resume` and `retry`
//! share.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Instant;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::cli::{OnCap, SendingArgs, Then};
use crate::commands::gates::{Teller, canary_rule, inert};
use crate::commands::inputs::Inputs;
use crate::commands::outlets::{self, FrozenRoute};
use crate::commands::reports::{
    forget_report, kept_reports, record_end, rewrite_report, write_asked,
};
use crate::commands::verdict;
use crate::commands::workbench::{Workbench, ask, column_indexes, eprintln_quietly, has_person};
use crate::ledger::trace::Trace;
use crate::ledger::{ExitReason, Gate, Ledger, Run, RunState, Standing};
use crate::listen;
use crate::message::Message;
use crate::model::address::Address;
use crate::model::error::{Error, Result};
use crate::model::exit::Exit;
use crate::model::literal::CanarySize;
use crate::model::outcome::{Outcome, Reason};
use crate::model::shown::Shown;
use crate::pipeline::{Learn, Limits, Parts, Why, execute, keep_unlearned};
use crate::progress::{self, Mode, Start};
use crate::provider::Refusal;
use crate::report::{self, Closing, SummaryExtra};
use crate::suppression::Suppressions;

/// What else is frozen with a run, beside its message and rows.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Frozen {
    /// How duplicates were found; the ledger reads it when it carries earlier runs over.
    pub(crate) dedupe: String,
    pub(crate) redirect: Option<String>,
    /// Everything goes to the provider's own sandbox.
    #[serde(default)]
    pub(crate) provider_sandbox: bool,
    /// Names that are reserved for examples may leave the machine.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub(crate) allow_example: bool,
    /// Suppression files given by flag.
    pub(crate) suppress: Vec<PathBuf>,
    pub(crate) canary: Option<String>,
    /// The message's path as typed, for people.
    pub(crate) message: String,
    /// Where its lists lie, absolute: no output may replace them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) lists: Vec<PathBuf>,
    /// Where its message lies, absolute.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) message_file: Option<PathBuf>,
    /// Its providers, where there are several to choose from.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) route: Option<FrozenRoute>,
    /// What it was planned from; `None` for a run of an earlier version.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) inputs: Option<Inputs>,
}

/// An execution that is about to begin. The caller holds the campaign's lock.
pub(crate) struct Going<'a> {
    pub(crate) bench: &'a Workbench,
    pub(crate) ledger: Arc<dyn Ledger>,
    pub(crate) run: Run,
    pub(crate) message: Arc<Message>,
    pub(crate) suppressions: Arc<Suppressions>,
    pub(crate) sending: &'a SendingArgs,
    pub(crate) limit: Option<u64>,
    /// Exit 9 where nobody is left to send to.
    pub(crate) error_on_empty: bool,
    pub(crate) continued: bool,
    /// The workspace's key.
    pub(crate) secret: [u8; 32],
    pub(crate) notes: Vec<String>,
    /// The command that opens the same recipients again, where `resume` would not: who keeps an
    /// outcome is not held.
    pub(crate) again: Option<String>,
}

/// What ended, for the closing summary.
struct Ended {
    run: Run,
    standing: Standing,
    /// Handed over by this execution.
    handed_over: u64,
    earned: Vec<(Exit, String)>,
    next: Option<String>,
}

impl Going<'_> {
    /// Sends what is open, writes the reports, prints the summary, and returns the exit code.
    pub(crate) async fn go(self) -> Result<Exit> {
        let (bench, ledger, run) = (self.bench, Arc::clone(&self.ledger), self.run.clone());
        let ended = self.execute().await;
        if ended.is_err() {
            // How the run stands now, and how far this process has come: another file may have
            // taken the ledger's place. Where this fails too, the next command about the run writes
            // it.
            let _ = record_end(bench, &*ledger, &run).await;
            let _ = rewrite_report(bench, ledger.as_ref(), &run.id).await;
        }
        ended
    }

    async fn execute(self) -> Result<Exit> {
        let (started, since) = (Instant::now(), Timestamp::now());
        let before = self.ledger.standing(&self.run.id).await?;
        outlets::refuse_examples_of_run(
            &self.bench.settings,
            &self.run,
            &self.message,
            self.sending.allow_example,
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
                .hint("the same command asks again; -y does not ask"));
        }
        let teller = Teller::find(self.bench, self.ledger.as_ref(), &self.run).await?;
        inert(self.bench, teller, &self.run, &before, self.sending)
            .into_iter()
            .for_each(|note| self.bench.warn(note));
        if !self.sending.no_learn {
            self.bench.warn_of_unwritable_suppressions();
        }
        let parts = self.parts(&before, teller)?;
        parts.progress.start(&start(&self.run, &before, self.continued));
        tracing::info!(
            run = self.run.id,
            provider = self.run.head.provider,
            open = before.tally.open,
            "sending begins"
        );
        forget_report(self.bench, &self.run)?;
        // On the runtime's own thread: there the sockets' news need not be carried from one thread
        // to another.
        let executed = tokio::spawn(execute(Arc::clone(&parts))).await;
        let why =
            executed.unwrap_or_else(|e| Err(Error::internal(format!("sending stopped: {e}"))));
        parts.progress.finish();
        // What was answered is on record however this ends, also after a second Ctrl-C and where
        // somebody who announced a write is gone. Where it cannot be written, more is in doubt.
        let _ = parts.trace.flush();
        let why = match why {
            Err(error) => return Err(error),
            Ok(why) => why,
        };
        recover(self.bench, self.ledger.as_ref(), &self.run, self.sending.no_learn).await?;
        let trace = Arc::clone(&parts.trace);
        drop(parts);
        let ended = self.conclude(why, &before).await?;
        if let Ok(trace) = Arc::try_unwrap(trace) {
            // A trace that stays behind is only clutter: its batches are settled.
            let _ = trace.remove();
        }
        self.tell(ended, (started, since)).await
    }

    /// Asks once on a terminal before more than a hundred leave the machine.
    fn confirmed(&self, before: &Standing) -> Result<bool> {
        const MANY: u64 = 100;
        let open = before.tally.open;
        let frozen = frozen(&self.run)?;
        let leaves = !frozen.provider_sandbox
            && outlets::leave_the_machine(&self.bench.settings, &self.run, frozen.route.as_ref())?;
        if !leaves || self.sending.yes || open <= MANY || !has_person() {
            return Ok(true);
        }
        Ok(ask(&format!("send to {open} recipients through {}?", self.run.head.provider)))
    }

    fn parts(&self, before: &Standing, teller: Teller) -> Result<Arc<Parts>> {
        let settings = &self.bench.settings;
        let frozen: Frozen = frozen(&self.run)?;
        let needs = self.message.needs();
        let ledger = Arc::clone(&self.ledger);
        let (outlets, order) =
            outlets::connect(settings, &self.run, &frozen, self.sending.rate, &needs, &ledger)?;
        let state_dir = &settings.workspace.state_dir;
        let trace = Trace::create(state_dir, &self.run.id)
            .map_err(|e| Error::internal(format!("{}: {e}", state_dir.join("trace").shown())))?;
        self.ledger.set_trace(trace.name());
        let redirect = frozen
            .redirect
            .as_deref()
            .map(Address::parse)
            .transpose()
            .map_err(|e| Error::internal(format!("--redirect-all-to: {e}")))?;
        let mode: Mode = match self.sending.progress {
            crate::cli::ProgressMode::Auto if self.bench.globals.json => Mode::Json,
            // Bars and log lines would write over one another.
            crate::cli::ProgressMode::Auto if self.bench.globals.verbose > 0 => Mode::Plain,
            crate::cli::ProgressMode::Auto => Mode::Auto,
            crate::cli::ProgressMode::Bar => Mode::Bar,
            crate::cli::ProgressMode::Plain => Mode::Plain,
            crate::cli::ProgressMode::Json => Mode::Json,
            crate::cli::ProgressMode::None => Mode::None,
        };
        let stderr_is_tty = std::io::IsTerminal::is_terminal(&std::io::stderr());
        let then =
            self.sending.then.or(settings.canary.then).unwrap_or(
                if has_person() && !self.sending.yes { Then::Ask } else { Then::Continue },
            );
        Ok(Arc::new(Parts {
            ledger,
            configured: outlets,
            order,
            limits: Limits { limit: self.limit, wait_on_cap: self.sending.on_cap == OnCap::Wait },
            message: Arc::clone(&self.message),
            columns: column_indexes(&self.run),
            suppressions: Arc::clone(&self.suppressions),
            learn: learn(self.bench, &frozen, self.sending.no_learn),
            trace: Arc::new(trace),
            run: self.run.clone(),
            standing: before.clone(),
            secret: self.secret,
            redirect,
            canary: canary_rule(self.bench, teller, &self.run, self.sending)?,
            is_listened: (teller == Teller::Endpoint).then(|| {
                let state_dir = state_dir.clone();
                Arc::new(move || listen::is_present(&state_dir))
                    as Arc<dyn Fn() -> bool + Send + Sync>
            }),
            rules: settings.pause.clone(),
            then,
            ask: (has_person() && !self.sending.yes)
                .then_some(|evidence: &str| ask(&format!("canary: {evidence}\nsend the rest?"))),
            progress: Arc::from(progress::pick(
                mode,
                self.bench.globals.quiet,
                stderr_is_tty,
                self.sending.stats,
            )),
        }))
    }

    /// Gives every row that is left an outcome, and works out the exit code.
    async fn conclude(&self, why: Option<Why>, before: &Standing) -> Result<Ended> {
        let id = &self.run.id;
        let resume =
            format!("mailbatch resume {id}{}", if self.sending.listen { " --listen" } else { "" });
        let mut earned = Vec::new();
        let mut next = None;
        let mut lost = None;
        let is_signal = matches!(why, Some(Why::Signal { .. }));
        let held = match why {
            None => None,
            Some(Why::Signal { exit, failing }) => {
                let answered = if failing.is_empty() {
                    String::new()
                } else {
                    format!("; {}", each(&failing, "was failing"))
                };
                earned.push((exit, format!("{}{answered}", signal_words(exit))));
                next = Some(resume.clone());
                Some((
                    Reason::Interrupted,
                    failing
                        .into_iter()
                        .next()
                        .map(|(_, refusal)| refusal.words())
                        .unwrap_or_default(),
                ))
            }
            Some(Why::NoProvider(refusals)) => {
                earned.push((Exit::NO_PROVIDER, each(&refusals, "takes nothing more")));
                next = Some(format!("{resume}    # once the provider accepts mail again"));
                refusals.into_iter().next().map(|(_, refusal)| (refusal.reason, refusal.words()))
            }
            Some(Why::Failing(refusals)) => {
                // Whom a provider put off has been tried for as long as retries last, whatever the
                // others said.
                self.ledger.give_up(id).await?;
                earned.push((Exit::RETRYABLE, each(&refusals, "failed for too long")));
                next = Some(resume.clone());
                refusals.into_iter().next().map(|(_, refusal)| (Reason::Session, refusal.words()))
            }
            Some(Why::CanaryFailed(evidence)) => {
                // As they were counted.
                self.ledger.give_up(id).await?;
                earned.push((Exit::STOPPED, format!("canary failed: {evidence}")));
                next = Some(format!(
                    "mailbatch report {id} --outcome rejected,deferred,unknown    # then {resume} --continue, or --abandon"
                ));
                Some((Reason::Canary, evidence))
            }
            Some(Why::Waiting(evidence)) => {
                earned.push((Exit::WAITING, format!("waiting for a person: {evidence}")));
                next = Some(format!("{resume} --continue    # or --abandon"));
                Some((Reason::Canary, evidence))
            }
            Some(Why::Rule(evidence)) => {
                earned.push((Exit::STOPPED, format!("pause rule: {evidence}")));
                next = Some(format!("{resume} --continue    # or --abandon"));
                Some((Reason::Paused, evidence))
            }
            Some(Why::Capped(text)) => {
                earned.push((Exit::CAP, text.clone()));
                next = Some(resume.clone());
                Some((Reason::Cap, text))
            }
            Some(Why::Paused(pause)) => {
                let why = pause.why();
                earned.push((
                    Exit::STOPPED,
                    format!("{} was paused {}", pause.scope.words(), pause.words()),
                ));
                next = Some(format!("{} && {resume}", pause.scope.lift()));
                Some((
                    Reason::Paused,
                    if why.is_empty() { "paused".to_owned() } else { format!("paused: {why}") },
                ))
            }
            Some(Why::Limit) => {
                next = Some(resume.clone());
                Some((Reason::Limit, "--limit is reached".to_owned()))
            }
            Some(Why::Suppression(error)) => {
                earned.push((
                    Exit::RETRYABLE,
                    error.to_string().lines().next().unwrap_or_default().to_owned(),
                ));
                next = Some(format!("{resume}    # once the suppression file can be read"));
                Some((Reason::Interrupted, "the suppression file cannot be read".to_owned()))
            }
            Some(Why::LedgerLost(error)) => {
                lost = Some(error);
                Some((Reason::Interrupted, "the ledger was lost".to_owned()))
            }
        };
        if let Some((reason, detail)) = held {
            self.ledger.hold_rest(id, reason, &detail).await?;
        }
        let standing = self.ledger.standing(id).await?;
        if standing.tally.open > 0 || standing.tally.total() != before.tally.total() {
            let (rows, open, total) =
                (before.tally.total(), standing.tally.open, standing.tally.total());
            return Err(Error::internal(format!("run {id} does not add up: {rows} rows went in, the ledger now has {total}, {open} of them open"))
                .hint(
                    "the ledger may be damaged: check it with `sqlite3 .mailbatch/ledger.db 'PRAGMA integrity_check'`, and restore it from a backup",
                ));
        }
        if is_signal && let Some((_, words)) = earned.first_mut() {
            let doubtful = standing
                .tally
                .get(Outcome::Unknown)
                .saturating_sub(before.tally.get(Outcome::Unknown));
            words.push_str(&match doubtful {
                0 => "; what was on the wire has been answered".to_owned(),
                n => format!("; {n} on the wire had no answer: `mailbatch report {id} --outcome unknown` names them"),
            });
        }
        earned.extend(verdict::earned(&standing, self.sending));
        if self.error_on_empty && before.tally.open == 0 {
            earned.push((Exit::EMPTY, "there was nobody to send to".to_owned()));
        }
        if let Some(error) = lost {
            // What is open in this process is complete: the report that is written from it names
            // everybody who was reached.
            return Err(error);
        }
        let left = standing.tally.get(Outcome::Held) + standing.tally.get(Outcome::Deferred);
        let state = if left == 0 { RunState::Finished } else { RunState::Open };
        let exit = verdict::most_telling(&earned);
        let reasons = earned
            .iter()
            .map(|(exit, why)| ExitReason { exit: exit.code(), why: why.clone() })
            .collect();
        self.ledger.finish(id, state, exit.code(), reasons).await?;
        let run = self
            .ledger
            .run(id)
            .await?
            .ok_or_else(|| Error::internal(format!("run {id} is gone")))?;
        record_end(self.bench, &*self.ledger, &run).await?;
        if left > 0 {
            next = next.or(Some(resume));
        } else if next.is_some() && self.again.is_some() {
            next = self.again.clone();
        }
        let handed_over = attempted(&standing).saturating_sub(attempted(before));
        Ok(Ended { run, standing, handed_over, earned, next })
    }

    /// Whom a retry opened again and did not attempt: they keep the outcome they had, which reads
    /// as if they had been refused once more.
    async fn kept(&self, since: Timestamp) -> Result<Option<String>> {
        if self.again.is_none() {
            return Ok(None);
        }
        let is_screened = |reason| {
            matches!(
                reason,
                Reason::HardBounce | Reason::Complaint | Reason::Unsubscribe | Reason::Manual
            )
        };
        let kept = self.ledger.kept(&self.run.id, since).await?;
        let (screened, others): (Vec<_>, Vec<_>) =
            kept.into_iter().partition(|(reason, _)| is_screened(*reason));
        let said = |what: &str, kept: Vec<(Reason, u64)>| {
            let all: u64 = kept.iter().map(|(_, count)| count).sum();
            let reasons: Vec<String> =
                kept.iter().map(|(reason, count)| format!("{count} {reason}")).collect();
            (all > 0).then(|| format!("{all} {what} ({})", reasons.join(", ")))
        };
        let said: Vec<String> = [said("suppressed meanwhile", screened), said("not begun", others)]
            .into_iter()
            .flatten()
            .collect();
        Ok((!said.is_empty())
            .then(|| format!("not attempted, and with the outcome they had: {}", said.join(", "))))
    }

    async fn tell(&self, ended: Ended, (started, since): (Instant, Timestamp)) -> Result<Exit> {
        let Ended { run, standing, handed_over, earned, next } = ended;
        let standard = kept_reports(self.bench, &run.id)?.next();
        // Whatever becomes of the reports, the summary is told: the ledger has everything.
        let exit = verdict::most_telling(&earned);
        let closing = Closing {
            reasons: earned.iter().map(|(_, reason)| reason.clone()).collect(),
            ..Closing::new(exit)
        };
        let written = write_asked(
            self.bench,
            self.ledger.as_ref(),
            (&run, &standing, closing),
            self.sending,
            Some(&standard),
        )
        .await;
        let shown = self.bench.settings.workspace.shown(&standard);
        let mut notes = self.notes.clone();
        notes.extend(self.kept(since).await?);
        if frozen(&run)?.provider_sandbox {
            notes.push("handed to the provider's sandbox: nobody got mail; a send without --provider-sandbox begins anew".into());
        }
        if frozen(&run)?.redirect.is_some() {
            notes.push("redirected: nobody of the list was reached; a send without --redirect-all-to begins anew".into());
        }
        let extra = SummaryExtra {
            elapsed: started.elapsed(),
            handed_over,
            report: written.is_ok().then(|| PathBuf::from(shown)),
            next: Some(in_this_workspace(
                self.bench,
                &next.map_or_else(
                    || format!("mailbatch report {}", run.id),
                    |next| with_version(&next, &run),
                ),
            )),
            exit,
            exit_reasons: earned,
            notes,
        };
        if self.bench.globals.json || self.sending.progress == crate::cli::ProgressMode::Json {
            crate::commands::say(
                &mut std::io::stdout(),
                &format!("{}\n", report::summary_json(&run, &standing, &extra)),
            )?;
        } else {
            self.bench.summarise(&report::summary(&run, &standing, &extra), exit)?;
        }
        written.map(|()| exit)
    }
}

/// Where learned suppressions are written, unless nothing is to be learned. Mail that reaches
/// nobody teaches nothing.
pub(crate) fn learn(bench: &Workbench, frozen: &Frozen, no_learn: bool) -> Option<Learn> {
    (!no_learn && frozen.redirect.is_none() && !frozen.provider_sandbox)
        .then(|| Learn { file: bench.settings.suppression_files.first().cloned() })
}

/// Settles the open claims of a process that is gone, after keeping what it had heard about people.
/// The caller holds the campaign's lock.
pub(crate) async fn recover(
    bench: &Workbench,
    ledger: &dyn Ledger,
    run: &Run,
    no_learn: bool,
) -> Result<()> {
    if let Some(learn) = learn(bench, &frozen(run)?, no_learn) {
        keep_unlearned(ledger, &learn, &run.id).await?;
    }
    ledger.recover(&run.id).await?;
    Ok(())
}

/// Which signal ended an execution, for people.
fn signal_words(exit: Exit) -> &'static str {
    match exit {
        Exit::HUNG_UP => "the terminal was closed (SIGHUP)",
        Exit::TERMINATED => "another process ended it (SIGTERM)",
        _ => "interrupted at the terminal (Ctrl-C, SIGINT)",
    }
}

/// Recipients whom an attempt has settled.
fn attempted(standing: &Standing) -> u64 {
    [Outcome::Accepted, Outcome::Rejected, Outcome::Deferred, Outcome::Unknown]
        .iter()
        .map(|outcome| standing.tally.get(*outcome))
        .sum()
}

/// What each provider did, and the code, if it has one, and words of its refusal.
fn each(refusals: &[(String, Refusal)], did: &str) -> String {
    let told = |(name, refusal): &(String, Refusal)| {
        format!("{name} {did}: {}", format!("{} {}", refusal.code, refusal.detail).trim())
    };
    refusals.iter().map(told).collect::<Vec<_>>().join("; ")
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

/// What was frozen with a run.
pub(crate) fn frozen(run: &Run) -> Result<Frozen> {
    serde_json::from_value(run.head.settings.clone())
        .map_err(|e| Error::internal(format!("run {}: {e}", run.id)))
}

/// The canary's size frozen with a run.
pub(crate) fn canary_size(text: Option<&str>) -> Result<Option<CanarySize>> {
    text.map(str::parse).transpose().map_err(Error::internal)
}

/// A command that goes on with a run, with a remark on which text that sends.
fn with_version(next: &str, run: &Run) -> String {
    if !["mailbatch resume", "mailbatch retry"].iter().any(|command| next.contains(command)) {
        return next.to_owned();
    }
    let remark = if next.contains('#') { ";" } else { "    #" };
    format!("{next}{remark} with the message as planned, {}", run.message_version())
}

/// The command as it must be typed from where the program was started.
pub(crate) fn in_this_workspace(bench: &Workbench, command: &str) -> String {
    let quoted = |path: &Path| {
        let text = path.shown();
        let is_plain = text.chars().all(|c| c.is_alphanumeric() || "/._-+,:@%".contains(c));
        if is_plain { text } else { format!("'{}'", text.replace('\'', "'\\''")) }
    };
    let globals = &bench.globals;
    let given = [("-C", &globals.directory), ("-c", &globals.config)]
        .into_iter()
        .filter_map(|(flag, path)| path.as_ref().map(|path| (flag, path)));
    let flags: String = given.map(|(flag, path)| format!("{flag} {} ", quoted(path))).collect();
    command.replace("mailbatch ", &format!("mailbatch {flags}"))
}

/// Says on standard error what a command found, unless it is quiet.
pub(crate) fn note_all(bench: &Workbench, notes: &[String]) {
    if !bench.globals.quiet {
        notes.iter().for_each(|note| eprintln_quietly(&format!("mailbatch: {note}")));
    }
}
