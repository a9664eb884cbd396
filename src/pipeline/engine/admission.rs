//! Decides which recipients are sent next. It admits chunks for each provider's recipients in turn,
//! as far as limits and connections allow.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Instant;

use jiff::Timestamp;
use tokio::sync::Semaphore;
use tokio::task::JoinSet;

use super::route::{self, Taker};
use super::shared::Shared;
use crate::ledger::{Ask, LedgerRow};
use crate::model::error::Result;
use crate::model::outcome::Cohort;
use crate::model::verdict::RowNumber;
use crate::pipeline::chunk::{self, Buffers, ChunkContext, Done, Route};
use crate::pipeline::{ConfiguredProvider, Why};

mod next;

/// The chunks under way, and the state needed to choose the next chunk.
pub(super) struct Admission {
    /// The index of the provider whose recipients are considered first in the next round.
    turn: usize,
    render_permits: Arc<Semaphore>,
    buffers: Arc<Buffers>,
    /// Chunks run as tasks, so that the loop does not wait for their ledger calls. Dropping the set
    /// aborts them.
    pub(super) chunks: JoinSet<Result<Done>>,
    /// The rows of chunks under way, which must not be assigned again.
    under_way: HashSet<RowNumber>,
    /// Retries due by this time may be sent once, even before they are due. Set after the clock was
    /// set back.
    due_by: Option<Timestamp>,
    /// How many more recipients `--limit` allows.
    left: Option<u64>,
}

impl Admission {
    pub(super) fn new(limit: Option<u64>, configured: &[ConfiguredProvider]) -> Self {
        let cores = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
        let signs = configured.iter().any(|configured| configured.provider.dkim().is_some());
        // One core is left free for the connections and the ledger. If the run signs messages, all
        // cores render, because a signature takes longer than the rest of a message.
        let renderers = if signs { cores } else { (cores - 1).max(1) };
        Self {
            turn: 0,
            render_permits: Arc::new(Semaphore::new(renderers)),
            buffers: Arc::default(),
            chunks: JoinSet::new(),
            under_way: HashSet::new(),
            due_by: None,
            left: limit,
        }
    }

    /// The rows of chunks that are under way.
    pub(super) fn under_way(&self) -> &HashSet<RowNumber> {
        &self.under_way
    }

    /// Records that the chunk of this row has returned.
    pub(super) fn came_back(&mut self, row: RowNumber) {
        self.under_way.remove(&row);
    }

    /// Records that `rows` recipients that counted against `--limit` were not sent after all.
    pub(super) fn give_back(&mut self, rows: usize) {
        if let Some(left) = &mut self.left {
            *left += rows as u64;
        }
    }

    /// Admits as many chunks as possible. If nothing can be admitted now, returns when to try
    /// again.
    pub(super) async fn admit(
        &mut self,
        shared: &mut Shared,
        is_settled: bool,
    ) -> Result<Option<Instant>> {
        if shared.counts.phase_tally().open == 0 {
            return Ok(None);
        }
        let mut wake: Option<Instant> = None;
        let mut stuck = Vec::new();
        self.turn = (self.turn + 1) % shared.providers.len();
        for offset in 0..shared.providers.len() {
            let first = (self.turn + offset) % shared.providers.len();
            if shared.holds.covers_provider(first) {
                continue;
            }
            loop {
                let now = Instant::now();
                let through = match route::taker(shared, first, now) {
                    Taker::Through(place) => place,
                    Taker::Busy => break,
                    Taker::Later(at) => {
                        wake = wake.into_iter().chain([at]).min();
                        break;
                    }
                    Taker::None => {
                        stuck.push(first);
                        break;
                    }
                };
                let most = route::chunk_size(shared, through, self.left, now);
                if most == 0 {
                    if shared.counts.phase_tally().open > self.under_way.len() as u64 {
                        shared.stop_for(Why::Limit);
                    }
                    return Ok(None);
                }
                if !self.send_next(shared, (first, through), most, now).await? {
                    wake = wake.into_iter().chain(self.next_due(shared, first, now).await?).min();
                    break;
                }
            }
        }
        if wake.is_none() && is_settled && self.chunks.is_empty() {
            for first in stuck {
                if has_open(shared, first).await? {
                    route::stop_without_provider(shared);
                    break;
                }
            }
        }
        Ok(wake)
    }

    /// Sends one chunk of the recipients planned for `first` through the provider `through`. Returns
    /// false if there are no rows to send now.
    async fn send_next(
        &mut self,
        shared: &mut Shared,
        (first, through): (usize, usize),
        most: usize,
        now: Instant,
    ) -> Result<bool> {
        let out_of_turn = Route { first, queue: 0, through };
        if shared.providers[through].is_braked
            && let Some(row) = self.probe_row(shared, first).await?
        {
            self.send_out_of_turn(shared, out_of_turn, vec![row], now);
            return Ok(true);
        }
        let asked_last = shared.providers[through].asked_last();
        let rows = self.next_due_rows(shared, first, most, now, &asked_last).await?;
        if !rows.is_empty() {
            self.send_out_of_turn(shared, out_of_turn, rows, now);
            return Ok(true);
        }
        if let Some((queue, rows)) = self.next_rows(shared, first, most).await? {
            self.send_off(shared, Route { first, queue, through }, rows, now);
            return Ok(true);
        }
        shared.providers[through].exceptions.has_no_other();
        if asked_last.is_empty() {
            return Ok(false);
        }
        let rows = self.next_due_rows(shared, first, most, now, &[]).await?;
        if rows.is_empty() {
            return Ok(false);
        }
        self.send_out_of_turn(shared, out_of_turn, rows, now);
        Ok(true)
    }

    /// Sends rows that were chosen without a queue's cursor. A queue may have read the same rows
    /// ahead, so it drops what it has read.
    fn send_out_of_turn(
        &mut self,
        shared: &mut Shared,
        route: Route,
        rows: Vec<LedgerRow>,
        now: Instant,
    ) {
        shared.providers[route.first].queues.forget_ahead();
        self.send_off(shared, route, rows, now);
    }

    fn send_off(&mut self, shared: &mut Shared, route: Route, rows: Vec<LedgerRow>, now: Instant) {
        if let Some(left) = &mut self.left {
            *left = left.saturating_sub(rows.len() as u64);
        }
        for row in &rows {
            self.under_way.insert(row.row);
            shared.retries.waiting.left(row.row);
        }
        let instead_of = route::passed_over(shared, route, now);
        let left = self.left_behind(shared);
        let deadlines = shared
            .retries
            .deadlines(&rows, shared.parts.configured[route.through].retry.give_up_after);
        let patience = shared.providers[route.through].patience(
            &shared.parts.configured[route.through],
            shared.has_stand_in(route.through, now),
        );
        let provider = &mut shared.providers[route.through];
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
        self.chunks.spawn(chunk::dispatch(shared.parts.clone(), rows, context));
    }

    /// How many recipients of the run are neither finished nor under way. Returns 0 during a
    /// canary, because SMTP features are not tried out on the canary.
    fn left_behind(&self, shared: &Shared) -> u64 {
        match shared.counts.phase {
            Cohort::Canary => 0,
            Cohort::Rest => shared
                .counts
                .phase_tally()
                .open
                .saturating_sub(self.under_way.len() as u64)
                .min(self.left.unwrap_or(u64::MAX)),
        }
    }
}

/// Whether any recipient planned for this provider has no outcome yet. Called while nothing is in
/// flight.
async fn has_open(shared: &Shared, first: usize) -> Result<bool> {
    let parts = &shared.parts;
    let recipients = shared.providers[first].recipients.clone();
    let cohort = shared.counts.cohort();
    let ask = Ask { cohort, through: recipients.clone(), limit: 1, ..Ask::default() };
    if !parts.ledger.next(&parts.run.id, ask).await?.is_empty() {
        return Ok(true);
    }
    Ok(parts.ledger.next_retry_at(&parts.run.id, cohort, recipients).await?.is_some())
}
