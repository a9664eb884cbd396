//! The loop's counts of the run's rows by outcome. They are read from the ledger once and updated
//! with each settlement, because counting a million rows is slow.

use crate::ledger::{Gate, Standing};
use crate::model::outcome::{Cohort, Outcome, Tally};

/// The counts of an execution, and the cohort (canary or rest) that is being sent.
pub(super) struct Counts {
    pub(super) standing: Standing,
    pub(super) phase: Cohort,
    /// Whether the canary has been judged but some of its members are still open. These members are
    /// retried together with the rest.
    has_canary_beside: bool,
    /// Open rows that belong to the rest when this execution began.
    pub(super) rest_total: u64,
}

impl Counts {
    /// Creates the counts at the start of an execution. The open members of a judged canary are
    /// retried together with the rest and not judged again.
    pub(super) fn new(standing: Standing, gate: &Gate) -> Self {
        let phase = if *gate == Gate::Ahead { Cohort::Canary } else { Cohort::Rest };
        let has_canary_beside = phase == Cohort::Rest && standing.canary.open > 0;
        let rest_total = match has_canary_beside {
            true => standing.tally.open,
            false => standing.tally.open - standing.canary.open,
        };
        Self { standing, phase, has_canary_beside, rest_total }
    }

    /// Starts sending the rest, together with the canary's open members.
    pub(super) fn begin_rest(&mut self) {
        self.phase = Cohort::Rest;
        self.has_canary_beside = self.standing.canary.open > 0;
        self.rest_total += self.standing.canary.open;
    }

    /// The cohort to send now; `None` means canary and rest together.
    pub(super) fn cohort(&self) -> Option<Cohort> {
        (!self.has_canary_beside).then_some(self.phase)
    }

    /// The counts of the cohort that is being sent.
    pub(super) fn phase_tally(&self) -> Tally {
        match self.phase {
            Cohort::Canary => self.standing.canary,
            Cohort::Rest if self.has_canary_beside => self.standing.tally,
            Cohort::Rest => {
                let mut rest = self.standing.tally;
                rest.open = rest.open.saturating_sub(self.standing.canary.open);
                rest
            }
        }
    }

    /// Counts the outcome of one recipient.
    pub(super) fn settle(&mut self, outcome: Outcome) {
        self.standing.tally.settle(outcome);
        if self.phase == Cohort::Canary {
            self.standing.canary.settle(outcome);
        }
    }

    /// Whether recipients outside the canary are left to send.
    pub(super) fn rest_is_left(&self) -> bool {
        self.standing.tally.open > self.standing.canary.open
            || self.standing.tally.get(Outcome::Held) > 0
    }
}
