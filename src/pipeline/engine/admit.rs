//! Who goes next, and through whom: the first provider of a recipient's order that takes mail.

use std::time::{Duration, Instant};

use jiff::Timestamp;

use super::Engine;
use super::provider_state::{Absence, Readiness, Share};
use crate::ledger::{Ask, InsteadOf, LedgerRow};
use crate::model::error::Result;
use crate::model::outcome::Cohort;
use crate::pipeline::chunk::{self, ChunkContext, Route};
use crate::pipeline::{Why, retry};
use crate::provider::RowNumber;

/// Chunks that are read from the plan at once.
const READ_AHEAD: usize = 8;
/// Claims that are made so long before a retry is due may still be under way then.
const DUE_SOON: Duration = Duration::from_secs(3);

/// Whom the recipients of one provider can be given to now.
enum Taker {
    Through(usize),
    /// Whoever has them is waited for: a chunk has to come back.
    Busy,
    Later(Instant),
    /// Nobody takes them any more in this execution.
    Nobody,
}

/// The last of the rows in plan order; a retry that is due may stand anywhere and moves no cursor.
fn last_in_order(rows: &[LedgerRow]) -> Option<RowNumber> {
    rows.iter().filter(|row| !row.is_retry).map(|row| row.row).max()
}

impl Engine {
    /// Admits as many chunks as may go. Returns when to look again if nothing is in flight and
    /// something is only waiting.
    pub(super) async fn admit(&mut self) -> Result<Option<Instant>> {
        if self.phase_tally().open == 0 {
            return Ok(None);
        }
        let mut wake: Option<Instant> = None;
        let mut stuck = Vec::new();
        self.turn = (self.turn + 1) % self.providers.len();
        for offset in 0..self.providers.len() {
            let first = (self.turn + offset) % self.providers.len();
            if self.watch.holds_provider(first) {
                continue;
            }
            loop {
                let now = Instant::now();
                let through = match self.taker(first, now) {
                    Taker::Through(place) => place,
                    Taker::Busy => break,
                    Taker::Later(at) => {
                        wake = wake.into_iter().chain([at]).min();
                        break;
                    }
                    Taker::Nobody => {
                        stuck.push(first);
                        break;
                    }
                };
                let most = self.chunk_size(through, now);
                if most == 0 {
                    if self.phase_tally().open > self.out.len() as u64 {
                        self.stop_for(Why::Limit);
                    }
                    return Ok(None);
                }
                if self.providers[through].is_braked
                    && let Some(row) = self.probe_row(first).await?
                {
                    self.send_out_of_turn(Route { first, queue: 0, through }, vec![row], now);
                    continue;
                }
                let asked_last = self.providers[through].asked_last();
                let rows = self.next_due_rows(first, most, now, &asked_last).await?;
                if !rows.is_empty() {
                    self.send_out_of_turn(Route { first, queue: 0, through }, rows, now);
                    continue;
                }
                let Some((queue, rows)) = self.next_rows(first, most).await? else {
                    self.providers[through].exceptions.has_no_other();
                    if !asked_last.is_empty() {
                        let rows = self.next_due_rows(first, most, now, &[]).await?;
                        if !rows.is_empty() {
                            self.send_out_of_turn(Route { first, queue: 0, through }, rows, now);
                            continue;
                        }
                    }
                    wake = wake.into_iter().chain(self.next_due(first, now).await?).min();
                    break;
                };
                self.send_off(Route { first, queue, through }, rows, now);
            }
        }
        if wake.is_none() && self.is_idle() {
            for first in stuck {
                if self.has_open(first).await? {
                    self.nobody_is_left();
                    break;
                }
            }
        }
        Ok(wake)
    }

    /// Sends rows that no queue handed out. A queue may have read them ahead, so what was read ahead
    /// is read again.
    fn send_out_of_turn(&mut self, route: Route, rows: Vec<LedgerRow>, now: Instant) {
        self.providers[route.first].queues.forget_ahead();
        self.send_off(route, rows, now);
    }

    fn send_off(&mut self, route: Route, rows: Vec<LedgerRow>, now: Instant) {
        if let Some(left) = &mut self.left {
            *left = left.saturating_sub(rows.len() as u64);
        }
        for row in &rows {
            self.out.insert(row.row);
            self.later.left(row.row);
        }
        let instead_of = self.passed_over(route, now);
        let left = self.left_behind();
        let deadlines = self.deadlines(route.through, &rows);
        let patience = self.providers[route.through]
            .patience(&self.parts.configured[route.through], self.has_stand_in(route.through, now));
        let provider = &mut self.providers[route.through];
        if provider.under_way == 0 {
            provider.exceptions.sent_alone();
        }
        provider.under_way += 1;
        let context = ChunkContext {
            route,
            instead_of,
            pacers: provider.pacers.clone(),
            stop: provider.stop.subscribe(),
            opened: provider.opened(),
            patience,
            first_request: provider.first_request(),
            deadlines,
            render_permits: self.render_permits.clone(),
            connections: provider.connections.clone(),
            buffers: self.buffers.clone(),
            verdicts: provider.verdicts.clone(),
            left,
        };
        self.chunks.spawn(chunk::dispatch(self.parts.clone(), rows, context));
    }

    /// How many recipients are left besides those under way; none while a canary is out, on whom
    /// nothing is tried.
    fn left_behind(&self) -> u64 {
        match self.phase {
            Cohort::Canary => 0,
            Cohort::Rest => self
                .phase_tally()
                .open
                .saturating_sub(self.out.len() as u64)
                .min(self.left.unwrap_or(u64::MAX)),
        }
    }

    /// Why a chunk does not go through its first choice; people are told when that changes.
    fn passed_over(&mut self, route: Route, now: Instant) -> Option<InsteadOf> {
        let (configured, first) = (&self.parts.configured, &self.providers[route.first]);
        let instead = (route.first != route.through).then_some(route.through);
        let why =
            match first.readiness(&configured[route.first], now, self.parts.limits.wait_on_cap) {
                Readiness::Out { why, .. } if instead.is_some() => why.words(),
                _ if instead.is_some() => "it takes nothing".to_owned(),
                _ => String::new(),
            };
        let (name, taker) = (&configured[route.first].name, &configured[route.through].name);
        let said = match (first.instead, instead) {
            (before, now) if before == now => None,
            (_, Some(_)) => Some(format!("failover from {name} to {taker}: {why}")),
            (_, None) => Some(format!("{name} takes its recipients again")),
        };
        if let Some(said) = said {
            tracing::info!(provider = name, "{said}");
            self.parts.progress.message(&said);
        }
        let passed_over = instead.map(|_| InsteadOf { provider: name.clone(), why });
        self.providers[route.first].instead = instead;
        passed_over
    }

    /// The first choice, then whoever takes over.
    fn candidates(&self, first: usize) -> impl Iterator<Item = usize> {
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
            let other = *other;
            let readiness = self.providers[other].readiness(
                &self.parts.configured[other],
                now,
                self.parts.limits.wait_on_cap,
            );
            !self.watch.holds_provider(other) && !matches!(readiness, Readiness::Out { .. })
        })
    }

    fn taker(&self, first: usize, now: Instant) -> Taker {
        let mut wake: Option<Instant> = None;
        let mut all_final = true;
        for place in self.candidates(first) {
            if self.watch.holds_provider(place) {
                continue;
            }
            match self.providers[place].readiness(
                &self.parts.configured[place],
                now,
                self.parts.limits.wait_on_cap,
            ) {
                Readiness::Takes => return Taker::Through(place),
                Readiness::Busy => return Taker::Busy,
                Readiness::Later(at) => return Taker::Later(at),
                Readiness::Out { back, is_final, .. } => {
                    all_final &= is_final;
                    wake = wake.into_iter().chain(back.filter(|_| !is_final)).min();
                }
            }
        }
        match wake {
            _ if all_final => Taker::Nobody,
            Some(at) => Taker::Later(at),
            None => Taker::Busy,
        }
    }

    /// The most recipients of the next chunk that goes through this provider, `--limit` included.
    fn chunk_size(&self, through: usize, now: Instant) -> usize {
        let connections: u64 =
            self.parts.configured.iter().map(|configured| configured.in_flight as u64).sum();
        let fair_share = self.phase_tally().open / (2 * connections) + 1;
        let canary = (self.phase == Cohort::Canary).then(|| self.phase_tally().total());
        let is_due_soon = self.later.is_due_within(DUE_SOON);
        let most = self.providers[through].most(
            &self.parts.configured[through],
            Share { fair: fair_share, canary, is_due_soon },
            now,
        );
        usize::try_from(self.left.map_or(most, |left| most.min(left))).unwrap_or(usize::MAX)
    }

    /// The recipient of the first attempt after a start with a brake: from anywhere in the list, so
    /// that its order does not decide what is found out, and preferably not one of those whose
    /// refusals proved what the brake stands for.
    async fn probe_row(&mut self, first: usize) -> Result<Option<LedgerRow>> {
        let rows = self.standing.tally.total();
        let ask = Ask {
            cohort: self.cohort(),
            after: (rows as f64 * retry::draw()) as RowNumber,
            not_domains: self.providers[first].queues.domains(),
            through: self.providers[first].recipients.clone(),
            limit: READ_AHEAD + self.out.len(),
            ..Ask::default()
        };
        let mut rows = self.parts.ledger.next(&self.parts.run.id, ask).await?;
        rows.retain(|row| !self.out.contains(&row.row) && !self.watch.holds_domain(&row.domain));
        let verdicts = &self.providers[first].verdicts;
        Ok(rows.into_iter().find(|row| !verdicts.is_absolved(row.row)))
    }

    async fn next_rows(
        &mut self,
        first: usize,
        most: usize,
    ) -> Result<Option<(usize, Vec<LedgerRow>)>> {
        let (recipients, cohort) = (self.providers[first].recipients.clone(), self.cohort());
        let queues = &mut self.providers[first].queues;
        let domains = queues.domains();
        for index in queues.ready(Instant::now()) {
            let now = Instant::now();
            let limit = queues.chunk(index, most);
            // The few that are left of what was read ahead would be a small batch: they are read
            // again, with those who come after them.
            let ready = queues.take_ahead(index, limit, now);
            if ready.len() == limit {
                queues.advanced(index, last_in_order(&ready).unwrap_or(0), ready.len(), now);
                return Ok(Some((index, ready)));
            }
            let queue = queues.queue(index);
            let ask = Ask {
                cohort,
                after: queue.cursor,
                only_due: queue.is_held(now),
                only_domain: queue.domain.clone(),
                not_domains: if queue.domain.is_none() { domains.clone() } else { Vec::new() },
                through: recipients.clone(),
                limit: READ_AHEAD * limit + self.out.len().min(limit),
                now: Some(self.due_by.take().unwrap_or_else(Timestamp::now)),
            };
            let cursor = queue.cursor;
            let mut rows = self.parts.ledger.next(&self.parts.run.id, ask).await?;
            let found = rows.len();
            rows.retain(|row| {
                !self.out.contains(&row.row) && !self.watch.holds_domain(&row.domain)
            });
            let more = rows.split_off(limit.min(rows.len()));
            queues.keep_ahead(index, more, now);
            if rows.is_empty() {
                if found == 0 {
                    queues.exhausted(index);
                }
                continue;
            }
            queues.advanced(index, last_in_order(&rows).unwrap_or(cursor), rows.len(), now);
            return Ok(Some((index, rows)));
        }
        Ok(None)
    }

    async fn next_due(&mut self, first: usize, now: Instant) -> Result<Option<Instant>> {
        let recipients = self.providers[first].recipients.clone();
        let due =
            self.parts.ledger.next_retry_at(&self.parts.run.id, self.cohort(), recipients).await?;
        let longest = self
            .parts
            .configured
            .iter()
            .map(|configured| configured.retry.max)
            .max()
            .unwrap_or_default();
        let queues = &mut self.providers[first].queues;
        let due = due.map(|at| {
            let mut wait =
                Duration::try_from(at.duration_since(Timestamp::now())).unwrap_or(Duration::ZERO);
            // No retry is ever put off for so long: the clock was set back since, and everybody who
            // waits was to wait until then at most.
            if wait > longest + Duration::from_secs(1) {
                self.due_by = at.checked_add(longest).ok();
                wait = Duration::ZERO;
            }
            if wait.is_zero() {
                queues.wake();
            }
            now + wait
        });
        Ok([due, queues.opens_at(now)].into_iter().flatten().min())
    }

    /// Whether anybody whose first choice this provider is has no outcome yet. Nothing is in
    /// flight.
    async fn has_open(&mut self, first: usize) -> Result<bool> {
        let recipients = self.providers[first].recipients.clone();
        let ask =
            Ask { cohort: self.cohort(), through: recipients.clone(), limit: 1, ..Ask::default() };
        if !self.parts.ledger.next(&self.parts.run.id, ask).await?.is_empty() {
            return Ok(true);
        }
        let due =
            self.parts.ledger.next_retry_at(&self.parts.run.id, self.cohort(), recipients).await?;
        Ok(due.is_some())
    }

    /// Every provider that could take what is left takes nothing: a pause, then caps, then failures
    /// that may pass decide how it ends.
    fn nobody_is_left(&mut self) {
        let now = Instant::now();
        let (mut refusals, mut gave_up, mut caps, mut paused) =
            (Vec::new(), false, Vec::new(), None);
        for (configured, provider) in self.parts.configured.iter().zip(&self.providers) {
            let Readiness::Out { why, .. } =
                provider.readiness(configured, now, self.parts.limits.wait_on_cap)
            else {
                continue;
            };
            match why {
                Absence::Paused(pause) => paused = Some(pause),
                Absence::Capped(text) | Absence::LeftAlone(text) => caps.push(text),
                Absence::Exhausted(refusal) => {
                    let said = format!("{} {}", refusal.code, refusal.detail);
                    caps.push(format!(
                        "the quota of {} is used up: {}",
                        configured.name,
                        said.trim()
                    ));
                }
                Absence::Stopped(refusal) => refusals.push((configured.name.clone(), refusal)),
                Absence::Failing(refusal) | Absence::GaveUp(refusal) => {
                    gave_up = true;
                    refusals.push((configured.name.clone(), refusal));
                }
            }
        }
        if let Some(pause) = paused {
            self.stop_for(Why::Paused(pause));
            return;
        }
        self.stop_for(match (caps.is_empty(), gave_up) {
            (false, _) => {
                let stopped = refusals.iter().map(|(name, refusal)| {
                    format!(
                        "{name} takes nothing more: {}",
                        format!("{} {}", refusal.code, refusal.detail).trim()
                    )
                });
                caps.extend(stopped);
                Why::Capped(caps.join("; "))
            }
            (true, true) => Why::Failing(refusals),
            (true, false) => Why::NoProvider(refusals),
        });
    }
}
