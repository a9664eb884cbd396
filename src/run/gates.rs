//! Decides how an execution's canary is judged and whether its bounces and complaints will be
//! known. Also refuses to continue a run that a failed canary or a pause rule has stopped.

use std::time::Duration;

use jiff::Timestamp;

use crate::config::{CanaryRequires, CanarySettings, Route};
use crate::ledger::{Gate, Ledger, Run, Standing};
use crate::listen;
use crate::model::error::{Error, Result, Subject};
use crate::model::exit::Exit;
use crate::model::pause::Watched;
use crate::pipeline::CanaryRule;
use crate::run::context::Context;

/// The default wait for bounces and complaints, if a source reports them.
const WAIT: Duration = Duration::from_secs(15 * 60);
/// A source that has reported something within this time is expected to report again.
const LATELY: Duration = Duration::from_secs(30 * 86_400);

/// The source that reports the bounces and complaints of an execution.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum FeedbackSource {
    /// The sandbox provider, which reports bounces and complaints with its replies.
    Sandbox,
    /// Mail or event logs, if some were ingested recently.
    Events,
    /// A webhook listener that is running now, in this process or another one.
    Endpoint,
    /// There is no source: only the provider's replies are known.
    Nothing,
}

impl FeedbackSource {
    /// Finds the source. Webhooks received recently do not count, because without a running
    /// listener no more will arrive.
    pub(crate) async fn find(context: &Context, ledger: &dyn Ledger, run: &Run) -> Result<Self> {
        let settings = &context.settings;
        if settings
            .provider(Some(&run.head.provider))
            .is_ok_and(|(_, provider)| !provider.leaves_the_machine())
        {
            return Ok(Self::Sandbox);
        }
        let state_dir = settings.workspace.state_dir.clone();
        if tokio::task::block_in_place(|| listen::is_present(&state_dir)) {
            return Ok(Self::Endpoint);
        }
        let has_events = ledger.has_feedback(Timestamp::now() - LATELY).await?;
        Ok(if has_events { Self::Events } else { Self::Nothing })
    }
}

/// Returns the rules for judging a run's canary. `route` is the configured route, if the run uses
/// it.
pub(crate) fn canary_rule(
    canary: &CanarySettings,
    feedback: FeedbackSource,
    route: Option<&Route>,
) -> CanaryRule {
    let comes_later = matches!(feedback, FeedbackSource::Events | FeedbackSource::Endpoint);
    let wait = canary.wait.unwrap_or(if comes_later { WAIT } else { Duration::ZERO });
    CanaryRule {
        max_failed: canary.max_failed,
        max_bounced: canary.max_bounced,
        max_complained: canary.max_complained,
        wait,
        wait_complained: canary.wait_complained.unwrap_or(wait),
        // An operator who configures a wait is assumed to have a source.
        has_feedback: feedback != FeedbackSource::Nothing || !wait.is_zero(),
        lacks_bounces: feedback == FeedbackSource::Nothing
            && canary.require == Some(CanaryRequires::Bounces),
        extend: canary.extend,
        provider: route.and_then(|route| route.canary.clone()),
    }
}

/// Returns warnings, shown even under `-q`, about gates and pause rules that cannot work because no
/// source reports bounces. There is no warning about the canary if a wait is set, or if `require =
/// "replies"` is set.
pub(crate) fn inert(
    context: &Context,
    feedback: FeedbackSource,
    run: &Run,
    before: &Standing,
    canary: &CanarySettings,
) -> Vec<&'static str> {
    let rules = &context.settings.pause;
    if feedback != FeedbackSource::Nothing {
        return Vec::new();
    }
    let mut notes = Vec::new();
    let is_ahead = run.gate == Gate::Ahead && before.canary.open > 0;
    let has_wait = canary.wait.is_some_and(|wait| !wait.is_zero());
    match canary.require {
        Some(CanaryRequires::Bounces) if is_ahead => notes.push(
            "nothing reports bounces now, so the rest will wait for a person after the canary: [canary] require = \"bounces\"\n\
             hint: run `mailbatch listen` in parallel, pass --listen, or import bounces with `mailbatch events ingest`",
        ),
        None if is_ahead && !has_wait => notes.push(
            "nothing reports bounces now, so the canary is judged by the provider's replies only\n\
             hint: run `mailbatch listen` in parallel, pass --listen, or import bounces with `mailbatch events ingest`; \
             require = \"replies\" under [canary] confirms that replies are enough",
        ),
        _ => {}
    }
    if rules.iter().any(|rule| rule.watched != Watched::Failed) {
        notes.push(
            "nothing reports bounces and complaints now, so the pause rules about them cannot stop the run\n\
             hint: run `mailbatch listen` in parallel, pass --listen, or import bounces with `mailbatch events ingest`",
        );
    }
    notes
}

/// Refuses to continue a run that a failed canary or a pause rule has stopped, or that waits for
/// the operator's decision.
pub(crate) fn latched(run: &Run) -> Result<()> {
    let next =
        format!("mailbatch resume {} --continue sends the rest, --abandon closes the run", run.id);
    match &run.gate {
        Gate::Failed { evidence } => {
            Err(Error::new(Exit::STOPPED, format!("run {}: the canary failed: {evidence}", run.id))
                .hint(next)
                .about(Subject::Canary))
        }
        Gate::Stopped { evidence } => Err(Error::new(
            Exit::STOPPED,
            format!("run {}: a pause rule holds it: {evidence}", run.id),
        )
        .hint(next)),
        Gate::Waiting { evidence } => {
            Err(Error::new(Exit::WAITING, format!("run {} waits for a person: {evidence}", run.id))
                .hint(next)
                .about(Subject::Canary))
        }
        Gate::Ahead | Gate::Passed { .. } => Ok(()),
    }
}
