//! Continues a run from the ledger alone. Used by `resume` and `retry`.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use crate::cli::{ChangesArgs, SendingArgs};
use crate::host;
use crate::ledger::{ExitReason, Gate, Ledger, Run, RunState};
use crate::message::Message;
use crate::model::error::{Error, Result};
use crate::model::exit::Exit;
use crate::model::outcome::{Outcome, Reason};
use crate::model::shown::Shown;
use crate::report::Closing;
use crate::run::campaign;
use crate::run::context::Context;
use crate::run::decision::{GoesOn, decide};
use crate::run::execution::Execution;
use crate::run::listening::beside;
use crate::run::log_lookup::follow_up;
use crate::run::nothing_to_do::nothing_to_do;
use crate::run::own_files::own_files;
use crate::run::replan::replan;
use crate::run::reports::{check_reports, forget_report, rewrite_report, write_asked};
use crate::run::settings::RunSettings;
use crate::run::verdict::ClosingOptions;

/// Takes the lock of the run's campaign, waiting for the lock up to `wait`. Checks first that the
/// requested reports can be written.
pub(crate) async fn lock(
    context: &Context,
    ledger: &dyn Ledger,
    run: &Run,
    reports: &[PathBuf],
    wait: Option<Duration>,
) -> Result<campaign::Lock> {
    if !reports.is_empty() {
        check_reports(context, reports, &own_files(context, Some(ledger)).await, true)?;
    }
    campaign::lock_of(&context.settings.workspace.state_dir, ledger, run, wait.unwrap_or_default())
        .await
}

/// The arguments of a command that continues a run.
pub(crate) struct Continuation<'a> {
    /// The outcomes to reopen.
    pub(crate) outcomes: Vec<Outcome>,
    pub(crate) changes: &'a ChangesArgs,
    pub(crate) sending: &'a SendingArgs,
    /// The command as typed, for example `resume RUN`.
    pub(crate) command: String,
    /// Whether the command is a retry. If so, `resume` would not reopen the same recipients.
    pub(crate) is_retry: bool,
}

impl Continuation<'_> {
    /// Decides how the run continues. Exit 14 if an input has changed and no flag says which
    /// version to use.
    pub(crate) async fn decided(
        &self,
        context: &Context,
        ledger: &dyn Ledger,
        run: &Run,
    ) -> Result<GoesOn> {
        let tally = ledger.standing(&run.id).await?.tally;
        if tally.open == 0 && self.outcomes.iter().all(|outcome| tally.get(*outcome) == 0) {
            return Ok(GoesOn::AsPlanned(Vec::new()));
        }
        decide(context, ledger, run, self.changes, &self.command).await
    }

    /// Continues the run from the ledger or with a new plan, as `goes_on` says.
    pub(crate) async fn run(
        &self,
        context: &Context,
        ledger: Arc<dyn Ledger>,
        run: &Run,
        lock: campaign::Lock,
        goes_on: GoesOn,
    ) -> Result<Exit> {
        match goes_on {
            GoesOn::AsPlanned(suppress) => {
                if !self.is_retry {
                    follow_up(context, &ledger, run, self.sending.no_learn).await?;
                }
                let work = self.as_planned(context, ledger.clone(), &run.id, &suppress);
                beside(context, &ledger, self.sending.listen, work).await
            }
            GoesOn::Anew(mut send) => {
                // The send takes the lock again.
                drop(lock);
                let only = if self.is_retry { self.outcomes.clone() } else { Vec::new() };
                send.sending = self.sending.clone();
                replan(context, ledger, run, *send, only).await
            }
        }
    }

    /// Continues from the ledger alone. `suppress` names suppression files to use in addition to
    /// those of the configuration and of the run.
    async fn as_planned(
        &self,
        context: &Context,
        ledger: Arc<dyn Ledger>,
        run: &str,
        suppress: &[PathBuf],
    ) -> Result<Exit> {
        // All inputs must be read successfully before any recipient is reopened.
        let (open, sending) = (self.outcomes.as_slice(), self.sending);
        let run = context.run(ledger.as_ref(), Some(run)).await?;
        let message = Arc::new(Message::thaw(&run.head.message)?.signed_by(context.links()?)?);
        require_attach_dir(&message)?;
        let frozen = RunSettings::of(&run)?;
        let mut more = frozen.suppress.clone();
        more.extend_from_slice(suppress);
        let suppressions =
            Arc::new(context.suppressions_of_run(&more, ledger.as_ref(), run.head.kind).await?);
        let secret = ledger.secret_key().await?;
        let tally = ledger.standing(&run.id).await?.tally;
        if tally.open > 0 || open.iter().any(|outcome| tally.get(*outcome) > 0) {
            forget_report(context, &run)?;
        }
        let reopened = ledger.reopen(&run.id, open).await?;
        let run = context.run(ledger.as_ref(), Some(&run.id)).await?;
        let standing = ledger.standing(&run.id).await?;
        if standing.tally.open == 0 {
            let options = ClosingOptions::of(&context.globals, sending);
            return nothing_to_do(context, ledger.as_ref(), (&run, &standing), &options, false)
                .await;
        }
        let notes = if reopened > 0 {
            vec![format!("recipients opened again: {reopened}")]
        } else {
            Vec::new()
        };
        Execution {
            context,
            ledger,
            run,
            frozen,
            message,
            suppressions,
            sending,
            limit: None,
            error_on_empty: false,
            continued: true,
            secret,
            notes,
            again: self.is_retry.then(|| format!("mailbatch {}", self.command)),
        }
        .run()
        .await
    }
}

/// Refuses to continue a run if a later run of the campaign has taken over its recipients and may
/// have reached them.
pub(crate) async fn refuse_overtaken(ledger: &dyn Ledger, run: &Run) -> Result<()> {
    let latest = ledger.latest_run(&run.head.campaign, run.head.env.as_deref()).await?;
    let Some(newer) = latest.filter(|latest| latest.id != run.id) else { return Ok(()) };
    let (name, newer) = (run.head.name(), newer.id);
    let typed = campaign::argument(&campaign::typable(ledger, &run.head.campaign).await?);
    Err(Error::usage(format!("run {} has ended: run {newer} of {name} has taken its recipients over, and may have reached them", run.id)).hint(format!(
        "`mailbatch resume {newer}` and `mailbatch retry {newer}` continue; to reach people that only the earlier list has, send that list with \
         {typed}"
    )))
}

/// Closes a run: its remaining recipients are held, and the next send of the campaign plans a new
/// run.
pub(crate) async fn abandon(
    context: &Context,
    ledger: &dyn Ledger,
    run: &Run,
    options: &ClosingOptions,
) -> Result<Exit> {
    ledger.hold_rest(&run.id, Reason::Canary, "abandoned").await?;
    let gate = Gate::Passed { evidence: "abandoned".into(), by: Some(host::person()), at: None };
    ledger.set_gate(&run.id, gate).await?;
    let closed =
        ExitReason { exit: Exit::STOPPED.code(), why: format!("closed by {}", host::person()) };
    ledger.finish(&run.id, RunState::Finished, Exit::STOPPED.code(), vec![closed]).await?;
    rewrite_report(context, ledger, &run.id).await?;
    let standing = ledger.standing(&run.id).await?;
    let run = &context.run(ledger, Some(&run.id)).await?;
    write_asked(context, ledger, (run, &standing, Closing::new(Exit::OK)), options, None).await?;
    let held = standing.tally.get(Outcome::Held);
    context.note(&format!(
        "mailbatch: run {} of {} is closed; {held} recipients were not mailed",
        run.id,
        run.head.name()
    ));
    Ok(Exit::OK)
}

/// Refuses (exit 4) to continue if the directory of the rows' attachments does not exist, because
/// each row would become `invalid`.
fn require_attach_dir(message: &Message) -> Result<()> {
    match message.attach_dir() {
        Some(path) if !path.is_dir() => Err(Error::refused(format!(
            "attach_dir {}: the run's attachments are read from this path, but it is not a directory",
            path.shown()
        ))
        .hint("mount or restore the directory, and repeat the command")),
        _ => Ok(()),
    }
}
