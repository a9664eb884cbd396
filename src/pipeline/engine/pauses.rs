//! A person stops the run, or what goes through one of its providers.
//!
//! The rule it keeps: nothing that is paused is begun, by the claim's own transaction; here an
//! execution learns of it between claims, so that it drains within a moment.

use super::Engine;
use crate::ledger::{Pause, PauseScope};
use crate::model::error::Result;
use crate::pipeline::Why;

impl Engine {
    /// Looks at the pauses in force.
    pub(super) async fn obey_pauses(&mut self) -> Result<()> {
        if self.why.is_some() {
            return Ok(());
        }
        let pauses = self.parts.ledger.pauses().await?;
        let head = &self.parts.run.head;
        if let Some(pause) =
            pauses.iter().find(|pause| pause.scope.holds(&head.campaign, head.kind))
        {
            self.stop_for(Why::Paused(pause.clone()));
            return Ok(());
        }
        for (configured, provider) in self.parts.configured.iter().zip(&mut self.providers) {
            let pause = pauses.iter().find(|pause| pause.scope.holds_provider(&configured.name));
            match (pause, provider.paused.is_some()) {
                (Some(pause), false) => {
                    self.parts.progress.message(&format!(
                        "{} has been paused since {}",
                        configured.name,
                        pause.words()
                    ));
                    provider.pause(pause.clone());
                }
                (None, true) => {
                    self.parts
                        .progress
                        .message(&format!("{} is no longer paused", configured.name));
                    provider.paused = None;
                }
                _ => {}
            }
        }
        Ok(())
    }

    /// A claim was not made, because of this pause.
    pub(super) fn paused(&mut self, pause: Pause) {
        let of_provider = self
            .parts
            .configured
            .iter()
            .position(|configured| pause.scope.holds_provider(&configured.name));
        match of_provider {
            Some(place) if matches!(pause.scope, PauseScope::Provider(_)) => {
                self.providers[place].pause(pause)
            }
            _ => self.stop_for(Why::Paused(pause)),
        }
    }
}
