//! What people see of the loop: counts as they stand, what the wire has heard included, speed, and what holds it up.

use std::time::Instant;

use super::Engine;
use crate::outcome::{Cohort, Tally};
use crate::progress::Snapshot;

impl Engine {
    pub(super) fn show(&mut self) {
        self.standing_at = Instant::now();
        let handed_over = self.handed_over + self.unsettled().total();
        self.meter.observe(handed_over.saturating_sub(self.metered), self.standing_at);
        self.metered = self.metered.max(handed_over);
        self.parts.progress.update(&self.snapshot());
    }

    /// The answers that the loop does not know of yet.
    fn unsettled(&self) -> Tally {
        let mut sum = Tally::default();
        self.stations.iter().for_each(|station| sum.foresee(&station.heard.tally()));
        sum
    }

    /// What holds up one provider, if anything.
    fn note_of(&self, place: usize) -> Option<String> {
        let (station, outlet) = (&self.stations[place], &self.parts.outlets[place]);
        let note = station.breaker.note().or_else(|| outlet.rate.map(|rate| format!("paced at {rate}")))?;
        Some(if self.stations.len() > 1 { format!("{}: {note}", outlet.name) } else { note })
    }

    pub(super) fn phase_tally(&self) -> Tally {
        match self.phase {
            Cohort::Canary => self.standing.canary,
            Cohort::Rest => {
                let mut rest = self.standing.tally;
                rest.open = rest.open.saturating_sub(self.standing.canary.open);
                rest
            }
        }
    }

    pub(super) fn snapshot(&self) -> Snapshot {
        let now = Instant::now();
        let unsettled = self.unsettled();
        let mut tally = self.standing.tally;
        let mut phase = self.phase_tally();
        tally.foresee(&unsettled);
        phase.foresee(&unsettled);
        let rate = self.meter.per_second(now);
        let limit = self.parts.outlets.iter().map(|outlet| outlet.rate.map(|rate| rate.per_second())).sum();
        let note = match &self.why {
            Some(_) => Some("stopping".to_owned()),
            None => (0..self.stations.len()).filter_map(|place| self.note_of(place)).reduce(|all, note| format!("{all}; {note}")),
        };
        let (total, done) = match self.phase {
            Cohort::Canary => (phase.total(), phase.total() - phase.open),
            Cohort::Rest => (self.rest_total, self.rest_total.saturating_sub(phase.open)),
        };
        Snapshot {
            run: self.parts.run.id.clone(),
            campaign: self.parts.run.head.name().to_owned(),
            phase: self.phase,
            provider: self.parts.label(),
            total,
            done: done.min(total),
            tally,
            rate,
            eta: crate::progress::eta(phase.open, rate, limit),
            in_flight: self.out.len(),
            note,
        }
    }
}
