//! How the rows of the run stand, as the loop counts them: the ledger is asked once, and each
//! settlement is followed from then on, because counting a million rows takes it a while.

use crate::ledger::{Gate, Standing};
use crate::model::outcome::{Cohort, Outcome, Tally};

/// The counts of an execution, and which cohort goes now.
pub(super) struct Counts {
    pub(super) standing: Standing,
    pub(super) phase: Cohort,
    /// Members of a canary that has been judged are sent to again beside the rest.
    has_canary_beside: bool,
    /// Rows beside the canary that had no outcome when this execution began.
    pub(super) rest_total: u64,
}

impl Counts {
    /// A canary that has been judged may have members left to send to again: they go beside the
    /// rest, and are not judged again.
    pub(super) fn new(standing: Standing, gate: &Gate) -> Self {
        let phase = if *gate == Gate::Ahead { Cohort::Canary } else { Cohort::Rest };
        let has_canary_beside = phase == Cohort::Rest && standing.canary.open > 0;
        let rest_total = match has_canary_beside {
            true => standing.tally.open,
            false => standing.tally.open - standing.canary.open,
        };
        Self { standing, phase, has_canary_beside, rest_total }
    }

    /// The canary has been judged: the rest goes, and what is left of the canary beside it.
    pub(super) fn begin_rest(&mut self) {
        self.phase = Cohort::Rest;
        self.has_canary_beside = self.standing.canary.open > 0;
        self.rest_total += self.standing.canary.open;
    }

    /// The cohort that goes now; both where some of the canary wait beside the rest.
    pub(super) fn cohort(&self) -> Option<Cohort> {
        (!self.has_canary_beside).then_some(self.phase)
    }

    /// The counts of what goes now.
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

    /// One recipient has an outcome.
    pub(super) fn settle(&mut self, outcome: Outcome) {
        self.standing.tally.settle(outcome);
        if self.phase == Cohort::Canary {
            self.standing.canary.settle(outcome);
        }
    }

    /// Whether recipients are left beside the canary.
    pub(super) fn rest_is_left(&self) -> bool {
        self.standing.tally.open > self.standing.canary.open
            || self.standing.tally.get(Outcome::Held) > 0
    }
}
