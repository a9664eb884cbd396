//! What a canary is judged by in an execution, and the gates that an earlier one has latched.

use std::time::Duration;

use jiff::Timestamp;

use crate::cli::SendingArgs;
use crate::commands::running::frozen;
use crate::commands::workbench::Workbench;
use crate::error::{Error, Result};
use crate::exit::Exit;
use crate::ledger::{Gate, Ledger, Run};
use crate::pipeline::{CanaryRule, ledger_error};

/// How long bounces and complaints are waited for where something tells of them and nobody says how long.
const WAIT: Duration = Duration::from_secs(15 * 60);
/// What has told of something within this time will tell again.
const LATELY: Duration = Duration::from_secs(30 * 86_400);

/// What the canary of a run is judged by.
pub(crate) async fn canary_rule(bench: &Workbench, ledger: &dyn Ledger, run: &Run, sending: &SendingArgs) -> Result<CanaryRule> {
    let settings = &bench.settings;
    let canary = &settings.canary;
    let named = sending.canary_wait.or(canary.wait);
    // The sandbox tells with its replies, so there is nothing to wait for.
    let is_sandbox = settings.provider(Some(&run.head.provider)).is_ok_and(|(_, provider)| provider.kind == "sandbox");
    let tells = settings.has_listener() || ledger.has_heard(Timestamp::now() - LATELY).await.map_err(ledger_error)?;
    let wait = named.unwrap_or(if tells && !is_sandbox { WAIT } else { Duration::ZERO });
    let has_route = frozen(run)?.route.is_some();
    Ok(CanaryRule {
        max_failed: canary.max_failed,
        max_bounced: canary.max_bounced,
        max_complained: canary.max_complained,
        wait,
        wait_complained: sending.canary_wait.or(canary.wait_complained).unwrap_or(wait),
        // Whoever says how long to wait knows of something that tells.
        hears: tells || is_sandbox || !wait.is_zero(),
        extend: sending.canary_extend.or(canary.extend),
        provider: settings.route.as_ref().filter(|_| has_route).and_then(|route| route.canary.clone()),
    })
}

/// Repeats a latched gate; a run whose gate is open passes.
pub(crate) fn latched(run: &Run) -> Result<()> {
    let next = format!("mailbatch resume {} --continue lets the rest go, --abandon closes the run", run.id);
    match &run.gate {
        Gate::Failed { evidence } => Err(Error::new(Exit::STOPPED, format!("run {}: the canary failed: {evidence}", run.id)).hint(next)),
        Gate::Stopped { evidence } => Err(Error::new(Exit::STOPPED, format!("run {}: a pause rule holds it: {evidence}", run.id)).hint(next)),
        Gate::Waiting { evidence } => Err(Error::new(Exit::WAITING, format!("run {} waits for a person: {evidence}", run.id)).hint(next)),
        Gate::Ahead | Gate::Passed { .. } => Ok(()),
    }
}
