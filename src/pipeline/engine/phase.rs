//! From the canary to the rest: a phase is over when nothing of it is open, and the canary is judged then.

use super::Engine;
use crate::error::Result;
use crate::ledger::Gate;
use crate::outcome::{Cohort, Outcome};
use crate::pipeline::gate::{self, Judgement};
use crate::pipeline::signals::Signals;
use crate::pipeline::{Then, Why, ledger_error};

impl Engine {
    /// Nothing is in flight and nothing waits: judges the canary, or ends. Returns whether the run is over.
    pub(super) async fn phase_is_over(&mut self, signals: &mut Signals) -> Result<bool> {
        self.standing = self.parts.ledger.standing(&self.parts.run.id).await.map_err(ledger_error)?;
        self.show();
        if self.phase_tally().open > 0 {
            // Opened again in the meantime, by a retry that came due or a claim that was not made. With nothing under way every lane may
            // begin from the first row, so that nobody can be passed over.
            self.rewind();
            return Ok(false);
        }
        if self.phase == Cohort::Rest {
            return Ok(true);
        }
        if self.parts.run.gate != Gate::Ahead {
            self.phase = Cohort::Rest;
            self.rewind();
            return Ok(self.phase_tally().open == 0);
        }
        let run = self.parts.run.id.clone();
        let (gate, why) = match gate::judge(&self.standing.canary, self.parts.max_failed) {
            Judgement::Failed(evidence) => (Gate::Failed { evidence: evidence.clone() }, Some(Why::CanaryFailed(evidence))),
            Judgement::NoEvidence(evidence) => (Gate::Waiting { evidence: evidence.clone() }, Some(Why::Waiting(evidence))),
            Judgement::Passed(evidence) => self.after_passing(evidence, signals).await,
        };
        let evidence = match &gate {
            Gate::Passed { evidence, .. } => format!("canary passed: {evidence}"),
            Gate::Failed { evidence } => format!("canary failed: {evidence}"),
            Gate::Waiting { evidence } => format!("canary waits for a person: {evidence}"),
            Gate::Ahead => String::new(),
        };
        tracing::info!(run, "{evidence}");
        self.parts.ledger.set_gate(&run, gate).await.map_err(ledger_error)?;
        self.parts.progress.message(&evidence);
        // A signal heard at the question is the reason already.
        self.why = self.why.take().or(why);
        self.phase = Cohort::Rest;
        self.rewind();
        Ok(self.why.is_some() || self.phase_tally().open == 0)
    }

    /// Every lane begins from the first row.
    fn rewind(&mut self) {
        self.stations.iter_mut().for_each(|station| station.lanes.rewind());
    }

    async fn after_passing(&mut self, evidence: String, signals: &mut Signals) -> (Gate, Option<Why>) {
        // With nobody left there is nothing to decide.
        let open = self.standing.tally.open > 0 || self.standing.tally.get(Outcome::Held) > 0;
        let waits = |evidence: String| (Gate::Waiting { evidence: evidence.clone() }, Some(Why::Waiting(evidence)));
        let ask = self.parts.ask;
        match self.parts.then {
            Then::Stop if open => waits(evidence),
            Then::Ask if open => match ask {
                Some(ask) if self.asked(ask, &evidence, signals).await => (Gate::Passed { evidence, by: Some("asked on the terminal".into()) }, None),
                _ => waits(evidence),
            },
            _ => (Gate::Passed { evidence, by: None }, None),
        }
    }

    /// Asks on the terminal and hears signals meanwhile: whoever leaves has not said yes.
    async fn asked(&mut self, ask: fn(&str) -> bool, evidence: &str, signals: &mut Signals) -> bool {
        self.parts.progress.clear();
        let evidence = evidence.to_owned();
        let mut answer = tokio::task::spawn_blocking(move || ask(&evidence));
        loop {
            tokio::select! {
                yes = &mut answer => return yes.unwrap_or(false),
                wish = signals.next() => {
                    // The question's line has no end yet.
                    self.parts.progress.message("");
                    self.heard(wish);
                    if self.why.is_some() {
                        return false;
                    }
                }
            }
        }
    }
}
