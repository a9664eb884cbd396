//! What all parts of the loop share: the run and its providers, how its rows stand, which of them
//! wait for a retry, what pause rules hold, and why nothing more is claimed.

use std::sync::Arc;
use std::time::Instant;

use jiff::Timestamp;

use super::counts::Counts;
use super::holds::Holds;
use super::provider_state::{ChunkResult, ProviderState, Readiness};
use super::retries::Retries;
use crate::ledger::Gate;
use crate::model::error::Result;
use crate::model::outcome::Cohort;
use crate::model::verdict::{Health, Refusal, Reply, RowNumber};
use crate::pipeline::chunk::Route;
use crate::pipeline::{Parts, Why};

/// The state of an execution that more than one part of the loop reads.
pub(super) struct Shared {
    pub(super) parts: Arc<Parts>,
    /// One for each of the configured providers, in their order.
    pub(super) providers: Vec<ProviderState>,
    pub(super) counts: Counts,
    pub(super) retries: Retries,
    pub(super) holds: Holds,
    /// Why nothing more is claimed; `None` while the loop goes on.
    pub(super) why: Option<Why>,
}

impl Shared {
    /// Claims nothing more, and lets what is on the wire finish. What is claimed under a limit or a
    /// cap counts, and goes too. The first reason stands, but a signal replaces it.
    pub(super) fn stop_for(&mut self, why: Why) {
        if !matches!(why, Why::Limit | Why::Capped(_)) {
            for provider in &self.providers {
                provider.stop.send_replace(true);
            }
        }
        if self.why.is_none() || matches!(why, Why::Signal { .. }) {
            self.why = Some(why);
        }
    }

    /// Records the judgement of the canary or of a pause rule in the ledger, and shows it.
    pub(super) async fn latch(&self, gate: Gate) -> Result<()> {
        let evidence = match &gate {
            Gate::Passed { evidence, .. } => format!("canary passed: {evidence}"),
            Gate::Failed { evidence } => format!("canary failed: {evidence}"),
            Gate::Waiting { evidence } => format!("canary waits for a person: {evidence}"),
            Gate::Stopped { evidence } => format!("pause rule: {evidence}"),
            Gate::Ahead => String::new(),
        };
        tracing::info!(run = self.parts.run.id, "{evidence}");
        self.parts.ledger.set_gate(&self.parts.run.id, gate).await?;
        self.parts.progress.message(&evidence);
        Ok(())
    }

    /// Whether this provider may be given a chunk now.
    pub(super) fn readiness(&self, place: usize, now: Instant) -> Readiness {
        let waits_on_cap = self.parts.limits.wait_on_cap;
        self.providers[place].readiness(&self.parts.configured[place], now, waits_on_cap)
    }

    /// The first choice, then the providers that take over for it.
    pub(super) fn candidates(&self, first: usize) -> impl Iterator<Item = usize> {
        std::iter::once(first)
            .chain(self.parts.order.iter().copied().filter(move |place| *place != first))
    }

    /// Whether another provider takes, or will soon, what this one does not.
    pub(super) fn has_stand_in(&self, place: usize, now: Instant) -> bool {
        self.stand_ins(place, now).next().is_some()
    }

    /// Those that do, in their order.
    pub(super) fn stand_ins(&self, place: usize, now: Instant) -> impl Iterator<Item = usize> {
        self.candidates(place).skip(1).filter(move |other| {
            !self.holds.covers_provider(*other)
                && !matches!(self.readiness(*other, now), Readiness::Out { .. })
        })
    }

    /// A chunk has come back.
    pub(super) fn returned(&mut self, route: Route) {
        self.providers[route.first].queues.returned(route.queue);
        self.providers[route.through].under_way -= 1;
    }

    /// A row is open again: each provider's queues look at it once more.
    pub(super) fn reopened(&mut self, row: RowNumber) {
        self.providers.iter_mut().for_each(|provider| provider.queues.reopened(row));
    }

    /// Something may be due in any queue.
    pub(super) fn wake_queues(&mut self) {
        self.providers.iter_mut().for_each(|provider| provider.queues.wake());
    }

    /// Every queue begins from the first row.
    pub(super) fn rewind(&mut self) {
        self.providers.iter_mut().for_each(|provider| provider.queues.rewind());
    }

    /// Whether each member of the canary has an outcome or was refused by itself once, and waits.
    pub(super) fn canary_was_tried(&self) -> bool {
        self.counts.phase == Cohort::Canary
            && self.retries.waiting.are_all_tried(self.counts.standing.canary.open)
    }

    /// The providers that have refused as a whole and taken nothing since, with the last answer of
    /// each.
    pub(super) fn failing(&self) -> Vec<(String, Refusal)> {
        let last = |place: usize| {
            let refusal = self.providers[place].breaker.said_last()?.clone();
            Some((self.parts.configured[place].name.clone(), refusal))
        };
        (0..self.providers.len()).filter_map(last).collect()
    }

    /// Records what a reply says about its provider.
    pub(super) fn note_health(&mut self, through: usize, reply: &Reply) {
        let now = Instant::now();
        let has_stand_in = self.has_stand_in(through, now);
        let name = &self.parts.configured[through].name;
        let health = &reply.health;
        match health {
            Health::Fine => {}
            Health::SlowDown(wait) => {
                tracing::info!(provider = name, seconds = wait.as_secs_f64(), "asked to slow down")
            }
            Health::Failing(refusal) | Health::Stop(refusal) | Health::Exhausted(refusal) => {
                let lasts = !matches!(health, Health::Failing(_));
                tracing::info!(provider = name, reason = %refusal.reason, code = refusal.code, lasts, "the provider fails");
                // A reply may quote an address.
                tracing::debug!(detail = ?refusal.detail, "the provider says");
            }
        }
        self.providers[through].update_health(&ChunkResult { reply, has_stand_in }, now);
    }

    /// Lets others take over for a provider whose first request has gone on for long: its answer
    /// still counts.
    pub(super) fn look_at_first_requests(&mut self) {
        let now = Instant::now();
        for place in 0..self.providers.len() {
            if self.providers[place].first_request_lasts(now) && self.has_stand_in(place, now) {
                self.providers[place].took_nothing_so_far(now);
            }
        }
    }

    /// A claim met a cap that has `room` left, and for all of it at `until`.
    pub(super) fn capped(&mut self, through: usize, cap: &str, room: u64, until: Timestamp) {
        let of = match self.providers.len() {
            1 => String::new(),
            _ => format!(" of {}", self.parts.configured[through].name),
        };
        let text =
            format!("the cap{of} of {cap} is reached; the next recipient may go at {until:.0}");
        self.providers[through].capped(text, room, until);
    }
}
