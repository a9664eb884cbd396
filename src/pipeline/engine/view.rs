//! What people see of the loop: counts as they stand, what the wire has heard included, speed, and
//! what holds it up.

use std::time::{Duration, Instant};

use jiff::Timestamp;

use super::Engine;
use crate::model::error::Result;
use crate::model::figures::grouped;
use crate::model::outcome::{Cohort, Tally};
use crate::pipeline::throttle::Change;
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
        self.providers.iter().for_each(|provider| sum.foresee(&provider.verdicts.tally()));
        sum
    }

    /// Tells people of every provider that has asked to slow down since, and remembers it for those
    /// who are open.
    pub(super) async fn tell_slowdowns(&mut self) -> Result<()> {
        for (configured, provider) in self.parts.configured.iter().zip(&self.providers) {
            let Some(Change { before, after }) = provider.pacers.throttle.news() else { continue };
            let said = format!(
                "{} asked to slow down: from {before:.1} to {after:.1} recipients a second, and a little more each second",
                configured.name
            );
            tracing::info!(provider = configured.name, before, after, "slowed down");
            self.parts.progress.message(&said);
            self.parts.ledger.note(&self.parts.run.id, "slowed", &said).await?;
        }
        Ok(())
    }

    /// How many wait for another attempt, until when; and for whom, where nothing else goes on.
    fn note_of_later(&self) -> Option<String> {
        let (count, until) = (self.later.count(), self.later.until()?);
        let next = match self.later.next_at() {
            Some(at) if self.phase_tally().open <= count => format!(", the next at {at:.0}"),
            _ => String::new(),
        };
        Some(format!(
            "{} put off, to be tried again{next}, until {until:.0} at most",
            grouped(count)
        ))
    }

    /// What holds up one provider, if anything.
    fn note_of(&self, place: usize) -> Option<String> {
        let (provider, configured) = (&self.providers[place], &self.parts.configured[place]);
        let slowed =
            provider.pacers.throttle.speed(Instant::now()).map(|speed| match configured.rate {
                Some(rate) => format!("slowed to {speed:.1}/s of {rate}"),
                None => format!("slowed to {speed:.1}/s"),
            });
        let left_alone = || provider.left_alone(Instant::now()).map(str::to_owned);
        let note = left_alone()
            .or_else(|| provider.breaker.note())
            .or(slowed)
            .or_else(|| configured.rate.map(|rate| format!("paced at {rate}")))?;
        Some(if self.providers.len() > 1 { format!("{}: {note}", configured.name) } else { note })
    }

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

    pub(super) fn snapshot(&self) -> Snapshot {
        let now = Instant::now();
        let unsettled = self.unsettled();
        let mut tally = self.standing.tally;
        let mut phase = self.phase_tally();
        tally.foresee(&unsettled);
        phase.foresee(&unsettled);
        let rate = self.meter.per_second(now);
        let limit = self
            .parts
            .configured
            .iter()
            .map(|configured| configured.rate.map(|rate| rate.per_second()))
            .sum();
        let note = match &self.why {
            Some(_) => Some("stopping".to_owned()),
            None if let Some(waiting) = &self.waiting => {
                Some(format!("waiting until {:.0} for bounces and complaints", waiting.until))
            }
            None => {
                let notes = (0..self.providers.len()).filter_map(|place| self.note_of(place));
                self.note_of_later()
                    .into_iter()
                    .chain(notes)
                    .reduce(|all, note| format!("{all}; {note}"))
            }
        };
        let (total, done) = match self.phase {
            Cohort::Canary => (phase.total(), phase.total() - phase.open),
            Cohort::Rest => (self.rest_total, self.rest_total.saturating_sub(phase.open)),
        };
        // Those who wait do not move at the rate of the others.
        let moving = phase.open.saturating_sub(self.later.count());
        let eta = match self.later.until() {
            Some(until) if moving == 0 => {
                Duration::try_from(until.duration_since(Timestamp::now())).ok()
            }
            _ => crate::progress::eta(moving, rate, limit),
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
            eta,
            in_flight: self.out.len(),
            note,
        }
    }
}
