//! Checks whether a pause applies to mail that is about to be sent.

use crate::ledger::{Ledger, Pause, Run};
use crate::model::error::{Error, Result};
use crate::model::exit::Exit;
use crate::model::outcome::Kind;

/// The mail that a command is about to send.
pub(crate) struct Start<'a> {
    pub(crate) campaign: &'a str,
    pub(crate) kind: Kind,
    /// The providers that the mail may use; empty if pauses of single providers do not matter.
    pub(crate) providers: Vec<&'a str>,
}

impl<'a> Start<'a> {
    /// The mail that would be sent if the run continued.
    pub(crate) fn of(run: &'a Run) -> Self {
        Self {
            campaign: &run.head.campaign,
            kind: run.head.kind,
            providers: run.head.provider.split(", ").collect(),
        }
    }

    /// Returns the first pause that stops all of the mail: a pause of the run, or one of the pauses
    /// if all providers are paused.
    pub(crate) fn stopped_by<'p>(&self, pauses: &'p [Pause]) -> Option<&'p Pause> {
        let of_run = pauses.iter().find(|pause| pause.scope.holds(self.campaign, self.kind));
        of_run.or_else(|| {
            let of = |name: &&str| pauses.iter().find(|pause| pause.scope.holds_provider(name));
            let of_providers: Vec<&Pause> = self.providers.iter().map_while(of).collect();
            of_providers.first().copied().filter(|_| of_providers.len() == self.providers.len())
        })
    }
}

/// Refuses with exit 12 while a pause applies to this mail, or to each of its providers.
pub(crate) async fn refuse_while_paused(ledger: &dyn Ledger, start: &Start<'_>) -> Result<()> {
    match start.stopped_by(&ledger.pauses().await?) {
        None => Ok(()),
        Some(pause) => Err(Error::new(
            Exit::STOPPED,
            format!("{} has been paused since {}", pause.scope.words(), pause.words()),
        )
        .hint(format!("`{}` ends the pause", pause.scope.lift()))),
    }
}
