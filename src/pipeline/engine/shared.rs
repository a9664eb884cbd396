//! The state that all parts of the loop share: the run and its providers, the counts of its rows,
//! the waiting retries, the holds of pause rules, and the reason for stopping.

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

/// The state of an execution that more than one part of the loop uses.
pub(super) struct Shared {
    pub(super) parts: Arc<Parts>,
    /// One state per configured provider, in the same order.
    pub(super) providers: Vec<ProviderState>,
    pub(super) counts: Counts,
    pub(super) retries: Retries,
    pub(super) holds: Holds,
    /// Why the run stops claiming recipients; `None` while the loop continues.
    pub(super) why: Option<Why>,
}

impl Shared {
    /// Stops claiming, and lets the messages on the wire finish. If the reason is a limit or a cap,
    /// existing claims are still sent, because they have been counted. The first reason is kept,
    /// except that a signal replaces it.
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
            Gate::Waiting { evidence } => format!("canary waits for a decision: {evidence}"),
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

    /// Returns the planned provider, followed by the providers that can take over from it.
    pub(super) fn candidates(&self, first: usize) -> impl Iterator<Item = usize> {
        std::iter::once(first)
            .chain(self.parts.order.iter().copied().filter(move |place| *place != first))
    }

    /// Whether another provider accepts, or soon will accept, the recipients that this provider
    /// does not.
    pub(super) fn has_stand_in(&self, place: usize, now: Instant) -> bool {
        self.stand_ins(place, now).next().is_some()
    }

    /// Returns the providers that can take over from this provider, in order.
    pub(super) fn stand_ins(&self, place: usize, now: Instant) -> impl Iterator<Item = usize> {
        self.candidates(place).skip(1).filter(move |other| {
            !self.holds.covers_provider(*other)
                && !matches!(self.readiness(*other, now), Readiness::Out { .. })
        })
    }

    /// Records that a chunk has returned from its provider.
    pub(super) fn returned(&mut self, route: Route) {
        self.providers[route.first].queues.returned(route.queue);
        self.providers[route.through].under_way -= 1;
    }

    /// Records that a row is open again, so that the queues of every provider consider it again.
    pub(super) fn reopened(&mut self, row: RowNumber) {
        self.providers.iter_mut().for_each(|provider| provider.queues.reopened(row));
    }

    /// Makes every queue search for rows again, because a retry may have come due.
    pub(super) fn wake_queues(&mut self) {
        self.providers.iter_mut().for_each(|provider| provider.queues.wake());
    }

    /// Restarts every queue from the first row.
    pub(super) fn rewind(&mut self) {
        self.providers.iter_mut().for_each(|provider| provider.queues.rewind());
    }

    /// Whether each member of the canary has an outcome, or has been refused individually and waits
    /// for a retry.
    pub(super) fn canary_was_tried(&self) -> bool {
        self.counts.phase == Cohort::Canary
            && self.retries.waiting.are_all_tried(self.counts.standing.canary.open)
    }

    /// Returns the providers that have refused all mail and accepted nothing since, each with its
    /// last reply.
    pub(super) fn failing(&self) -> Vec<(String, Refusal)> {
        let last = |place: usize| {
            let refusal = self.providers[place].breaker.said_last()?.clone();
            Some((self.parts.configured[place].name.clone(), refusal))
        };
        (0..self.providers.len()).filter_map(last).collect()
    }

    /// Records the health of the provider, as far as a reply shows it.
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
                // The reply may quote an address, so it is logged at debug level only.
                tracing::debug!(detail = ?refusal.detail, "the provider says");
            }
        }
        self.providers[through].update_health(&ChunkResult { reply, has_stand_in }, now);
    }

    /// Lets other providers take over from a provider whose first request takes too long. An answer
    /// to that request still counts.
    pub(super) fn look_at_first_requests(&mut self) {
        let now = Instant::now();
        for place in 0..self.providers.len() {
            if self.providers[place].first_request_lasts(now) && self.has_stand_in(place, now) {
                self.providers[place].took_nothing_so_far(now);
            }
        }
    }

    /// Records that a cap stopped a claim. `room` is how many recipients the cap still allows; the
    /// whole chunk fits at `until`.
    pub(super) fn capped(&mut self, through: usize, cap: &str, room: u64, until: Timestamp) {
        let of = match self.providers.len() {
            1 => String::new(),
            _ => format!(" of {}", self.parts.configured[through].name),
        };
        let text = format!(
            "the cap{of} of {cap} is reached; the next recipient may be sent at {until:.0}"
        );
        self.providers[through].capped(text, room, until);
    }
}
