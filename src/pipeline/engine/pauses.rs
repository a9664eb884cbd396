//! Applies `mailbatch pause`: an operator stops the run, or the mail through one provider.
//!
//! Invariant: the claim's own transaction checks for pauses, so nothing paused is started. The
//! checks in this module make a running execution drain soon after the pause.

use super::shared::Shared;
use crate::ledger::{Pause, PauseScope};
use crate::model::error::Result;
use crate::pipeline::Why;

/// Reads the active pauses from the ledger and applies them.
pub(super) async fn obey_pauses(shared: &mut Shared) -> Result<()> {
    if shared.why.is_some() {
        return Ok(());
    }
    let pauses = shared.parts.ledger.pauses().await?;
    let head = &shared.parts.run.head;
    if let Some(pause) = pauses.iter().find(|pause| pause.scope.holds(&head.campaign, head.kind)) {
        shared.stop_for(Why::Paused(pause.clone()));
        return Ok(());
    }
    for (configured, provider) in shared.parts.configured.iter().zip(&mut shared.providers) {
        let pause = pauses.iter().find(|pause| pause.scope.holds_provider(&configured.name));
        match (pause, provider.paused.is_some()) {
            (Some(pause), false) => {
                shared.parts.progress.message(&format!(
                    "{} has been paused since {}",
                    configured.name,
                    pause.words()
                ));
                provider.pause(pause.clone());
            }
            (None, true) => {
                shared.parts.progress.message(&format!("{} is no longer paused", configured.name));
                provider.paused = None;
            }
            _ => {}
        }
    }
    Ok(())
}

/// Applies a pause that prevented a claim.
pub(super) fn paused(shared: &mut Shared, pause: Pause) {
    let of_provider = shared
        .parts
        .configured
        .iter()
        .position(|configured| pause.scope.holds_provider(&configured.name));
    match of_provider {
        Some(place) if matches!(pause.scope, PauseScope::Provider(_)) => {
            shared.providers[place].pause(pause)
        }
        _ => shared.stop_for(Why::Paused(pause)),
    }
}
