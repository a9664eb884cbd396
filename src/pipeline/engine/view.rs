//! Shows the progress of the loop: the counts including unsettled answers, the speed, and the
//! reasons for delays.

use std::time::{Duration, Instant};

use jiff::Timestamp;

use super::shared::Shared;
use crate::model::error::Result;
use crate::model::figures::grouped;
use crate::model::outcome::{Cohort, Tally};
use crate::pipeline::throttle::Change;
use crate::progress::{RateMeter, Snapshot};

/// The state needed to display progress.
pub(super) struct View {
    shown_at: Instant,
    meter: RateMeter,
    /// The answered recipients of the claims that have returned.
    pub(super) handed_over: u64,
    /// How many answered recipients the speed meter has counted, including those in claims that
    /// have not returned.
    metered: u64,
}

impl View {
    pub(super) fn new(now: Instant) -> Self {
        Self { shown_at: now, meter: RateMeter::new(now), handed_over: 0, metered: 0 }
    }

    /// Whether progress was last shown at least `every` ago.
    pub(super) fn is_due(&self, every: Duration) -> bool {
        self.shown_at.elapsed() >= every
    }

    /// Shows the current progress. `waits_until` is when the wait for bounces and complaints of the
    /// canary ends; `in_flight` is the number of recipients under way.
    pub(super) fn show(
        &mut self,
        shared: &Shared,
        waits_until: Option<Timestamp>,
        in_flight: usize,
    ) {
        self.shown_at = Instant::now();
        let handed_over = self.handed_over + unsettled(shared).total();
        self.meter.observe(handed_over.saturating_sub(self.metered), self.shown_at);
        self.metered = self.metered.max(handed_over);
        shared.parts.progress.update(&self.snapshot(shared, waits_until, in_flight));
    }

    /// A snapshot of the current progress.
    pub(super) fn snapshot(
        &self,
        shared: &Shared,
        waits_until: Option<Timestamp>,
        in_flight: usize,
    ) -> Snapshot {
        let now = Instant::now();
        let unsettled = unsettled(shared);
        let mut tally = shared.counts.standing.tally;
        let mut phase = shared.counts.phase_tally();
        tally.foresee(&unsettled);
        phase.foresee(&unsettled);
        let rate = self.meter.per_second(now);
        let limit = shared
            .parts
            .configured
            .iter()
            .map(|configured| configured.rate.map(|rate| rate.per_second()))
            .sum();
        let note = match &shared.why {
            Some(_) => Some("stopping".to_owned()),
            None if let Some(until) = waits_until => {
                Some(format!("waiting until {until:.0} for bounces and complaints"))
            }
            None => {
                let notes = (0..shared.providers.len()).filter_map(|place| note_of(shared, place));
                note_of_retries(shared)
                    .into_iter()
                    .chain(notes)
                    .reduce(|all, note| format!("{all}; {note}"))
            }
        };
        let (total, done) = match shared.counts.phase {
            Cohort::Canary => (phase.total(), phase.total() - phase.open),
            Cohort::Rest => {
                (shared.counts.rest_total, shared.counts.rest_total.saturating_sub(phase.open))
            }
        };
        // Recipients that wait for a retry are not sent at the measured rate.
        let moving = phase.open.saturating_sub(shared.retries.waiting.count());
        let eta = match shared.retries.waiting.until() {
            Some(until) if moving == 0 => {
                Duration::try_from(until.duration_since(Timestamp::now())).ok()
            }
            _ => crate::progress::eta(moving, rate, limit),
        };
        Snapshot {
            run: shared.parts.run.id.clone(),
            campaign: shared.parts.run.head.name().to_owned(),
            phase: shared.counts.phase,
            provider: shared.parts.label(),
            total,
            done: done.min(total),
            tally,
            rate,
            eta,
            in_flight,
            note,
        }
    }
}

/// Counts the answers in claims that have not returned yet.
fn unsettled(shared: &Shared) -> Tally {
    let mut sum = Tally::default();
    shared.providers.iter().for_each(|provider| sum.foresee(&provider.verdicts.tally()));
    sum
}

/// Shows each slowdown that a provider has asked for since the last call, and records it in the
/// ledger.
pub(super) async fn report_slowdowns(shared: &Shared) -> Result<()> {
    for (configured, provider) in shared.parts.configured.iter().zip(&shared.providers) {
        let Some(Change { before, after }) = provider.pacers.throttle.news() else { continue };
        let said = format!(
            "{} asked to slow down: from {before:.1} to {after:.1} recipients a second, and a little more each second",
            configured.name
        );
        tracing::info!(provider = configured.name, before, after, "slowed down");
        shared.parts.progress.message(&said);
        shared.parts.ledger.note(&shared.parts.run.id, "slowed", &said).await?;
    }
    Ok(())
}

/// Says how many recipients wait for another attempt, and until when. If no other recipients are
/// left, also says when the next attempt is due.
fn note_of_retries(shared: &Shared) -> Option<String> {
    let (count, until) = (shared.retries.waiting.count(), shared.retries.waiting.until()?);
    let next = match shared.retries.waiting.next_at() {
        Some(at) if shared.counts.phase_tally().open <= count => format!(", the next at {at:.0}"),
        _ => String::new(),
    };
    Some(format!("{} put off, to be tried again{next}, until {until:.0} at most", grouped(count)))
}

/// The reason for a delay at one provider, if any.
fn note_of(shared: &Shared, place: usize) -> Option<String> {
    let (provider, configured) = (&shared.providers[place], &shared.parts.configured[place]);
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
    Some(if shared.providers.len() > 1 { format!("{}: {note}", configured.name) } else { note })
}
