//! The loop itself.

mod phase;
mod view;

use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::time::{Duration, Instant};

use futures_util::stream::{FuturesUnordered, StreamExt};
use jiff::Timestamp;
use tokio::sync::{Semaphore, watch};
use tokio::task::JoinSet;

use crate::error::{Error, Result};
use crate::ledger::{Ask, Claimed, Gate, LedgerRow, Standing};
use crate::limit::Pacer;
use crate::outcome::{Cohort, Outcome};
use crate::pipeline::breaker::{Breaker, State};
use crate::pipeline::chunk::{self, Buffers, Done, Ticket};
use crate::pipeline::heard::Heard;
use crate::pipeline::lanes::Lanes;
use crate::pipeline::learning;
use crate::pipeline::settle::{self, Judge, Returned};
use crate::pipeline::signals::{Signals, Wish};
use crate::pipeline::wire::Pacers;
use crate::pipeline::{Parts, Why, ledger_error, retry};
use crate::progress::RateMeter;
use crate::provider::{BoxFuture, Health, JobId, Verdict};

/// How often pause, suppression files and progress are looked at.
const TICK: Duration = Duration::from_millis(200);

/// Chunks that are read from the plan at once.
const READ_AHEAD: usize = 8;

/// Recipients of the first chunks; the number doubles with each chunk of which something was accepted.
const FIRST_CHUNK: u64 = 2;

/// Sends what is open in the run until nothing is left or something stops it. `None` when every row has been settled.
pub async fn execute(parts: Arc<Parts>) -> Result<Option<Why>> {
    let mut signals = Signals::listen().map_err(|e| Error::internal(format!("cannot listen to signals: {e}")))?;
    let mut engine = Engine::new(parts).await?;
    let why = engine.run(&mut signals).await;
    engine.parts.provider.close().await;
    engine.show();
    why
}

/// Takes in what has been put into the ledger since: who is suppressed there counts, whatever the files say.
async fn take_in(parts: &Parts) -> Result<()> {
    const PAGE: usize = 1_000;
    loop {
        let page = parts.ledger.suppressions(parts.suppressions.learned_up_to(), PAGE).await.map_err(ledger_error)?;
        parts.suppressions.learn(&page);
        if page.len() < PAGE {
            return Ok(());
        }
    }
}

/// The last of the rows in plan order; a retry that is due may stand anywhere and moves no cursor.
fn last_in_order(rows: &[LedgerRow]) -> Option<JobId> {
    rows.iter().filter(|row| !row.is_retry).map(|row| row.row).max()
}

struct Engine {
    parts: Arc<Parts>,
    lanes: Lanes,
    breaker: Breaker,
    pacers: Pacers,
    connections: Arc<Semaphore>,
    renderers: Arc<Semaphore>,
    buffers: Arc<Buffers>,
    stop: watch::Sender<bool>,
    unsettled: Arc<Heard>,
    /// On their way beside this loop, so that none of them waits for what it asks the ledger; dropped with it.
    chunks: JoinSet<Result<Done>>,
    settling: FuturesUnordered<BoxFuture<'static, Result<()>>>,
    /// Rows whose chunk has not come back: not to be handed out again.
    out: HashSet<JobId>,
    phase: Cohort,
    why: Option<Why>,
    /// Admit nothing before then: the provider asked for it, or a cap is full.
    quiet_until: Option<Instant>,
    room: Option<u64>,
    /// Retries that are due by then may be handed out once, although it is in the future.
    due_by: Option<Timestamp>,
    /// The most recipients of a chunk until the provider has shown that it takes mail: what refuses everybody must not burn the list.
    ramp: u64,
    left: Option<u64>,
    standing: Standing,
    standing_at: Instant,
    meter: RateMeter,
    /// Hand-overs since the meter was told.
    handed_over: u64,
    /// How many hand-overs the meter has seen, those of claims that have not come back included.
    metered: u64,
    /// Rows beside the canary that had no outcome when this execution began.
    rest_total: u64,
}

impl Engine {
    async fn new(parts: Arc<Parts>) -> Result<Self> {
        let limits = &parts.limits;
        let pacer = |key: String, rate| Arc::new(Pacer::new(Arc::clone(&parts.ledger), key, rate));
        let pacers = Pacers {
            all: limits.rate.map(|rate| pacer(parts.provider_name.clone(), rate)),
            domains: limits
                .per_domain
                .iter()
                .map(|(d, rate)| (d.clone(), pacer(format!("{}/{d}", parts.provider_name), *rate)))
                .collect::<HashMap<_, _>>(),
        };
        let standing = parts.standing.clone();
        // A canary that has been judged may have members left to send to again: they go first, and are not judged again.
        take_in(&parts).await?;
        let phase = if parts.run.gate == Gate::Ahead || standing.canary.open > 0 { Cohort::Canary } else { Cohort::Rest };
        let stop = watch::Sender::new(false);
        Ok(Self {
            lanes: Lanes::new(&limits.per_domain),
            breaker: Breaker::new(limits.retry),
            pacers,
            connections: Arc::new(Semaphore::new(limits.in_flight)),
            buffers: Arc::default(),
            // One core is for the wire and the ledger.
            renderers: Arc::new(Semaphore::new(std::thread::available_parallelism().map_or(1, |cores| (cores.get() - 1).max(1)))),
            unsettled: Arc::new(Heard::new(stop.clone())),
            stop,
            chunks: JoinSet::new(),
            settling: FuturesUnordered::new(),
            out: HashSet::new(),
            phase,
            why: None,
            quiet_until: None,
            room: None,
            due_by: None,
            ramp: FIRST_CHUNK,
            left: limits.limit,
            standing_at: Instant::now(),
            meter: RateMeter::new(Instant::now()),
            handed_over: 0,
            metered: 0,
            rest_total: standing.tally.open - standing.canary.open,
            standing,
            parts,
        })
    }

    async fn run(&mut self, signals: &mut Signals) -> Result<Option<Why>> {
        self.show();
        loop {
            let wake = if self.why.is_none() { self.admit().await? } else { None };
            if self.chunks.is_empty() && self.settling.is_empty() {
                if self.why.is_some() {
                    return Ok(self.why.take());
                }
                if wake.is_none() && self.phase_is_over(signals).await? {
                    return Ok(self.why.take());
                }
            }
            let nap = wake.map_or(TICK, |at| at.saturating_duration_since(Instant::now()).clamp(Duration::from_millis(1), TICK));
            tokio::select! {
                Some(done) = self.chunks.join_next() => self.came_back(done.map_err(|e| Error::internal(format!("a batch stopped: {e}")))??).await?,
                Some(settled) = self.settling.next() => settled?,
                wish = signals.next() => {
                    if self.heard(wish) {
                        return Ok(self.why.take());
                    }
                }
                () = tokio::time::sleep(nap) => self.tick().await?,
            }
            if self.standing_at.elapsed() >= TICK {
                self.tick().await?;
            }
        }
    }

    /// Admits as many chunks as may go. Returns when to look again if nothing is in flight and something is only waiting.
    async fn admit(&mut self) -> Result<Option<Instant>> {
        // A paced run gains nothing from claims that wait for their slots; an unpaced one keeps a chunk ready for each connection.
        let ahead = if self.pacers.all.is_some() { 1 } else { 2 };
        let mut wake = None;
        while self.chunks.len() < self.parts.limits.in_flight * ahead {
            let now = Instant::now();
            if let Some(until) = self.quiet_until.filter(|until| *until > now) {
                return Ok(Some(until));
            }
            let most = match self.breaker.state(now) {
                State::Closed => self.chunk_size(),
                State::HalfOpen if self.chunks.is_empty() => 1,
                State::HalfOpen => break,
                State::Waits(until) => return Ok(Some(until)),
                State::Broken(refusal) => {
                    self.stop_for(if matches!(refusal.reason, crate::outcome::Reason::Session) {
                        Why::Failing(refusal)
                    } else {
                        Why::NoProvider(refusal)
                    });
                    return Ok(None);
                }
            };
            if most == 0 {
                if self.phase_tally().open > self.out.len() as u64 {
                    self.stop_for(Why::Limit);
                }
                return Ok(None);
            }
            let Some((lane, rows)) = self.next_rows(most).await? else {
                wake = self.next_due(now).await?;
                break;
            };
            if let Some(left) = &mut self.left {
                *left = left.saturating_sub(rows.len() as u64);
            }
            self.out.extend(rows.iter().map(|row| row.row));
            let ticket = Ticket {
                lane,
                pacers: self.pacers.clone(),
                stop: self.stop.subscribe(),
                renderers: Arc::clone(&self.renderers),
                connections: Arc::clone(&self.connections),
                buffers: Arc::clone(&self.buffers),
                heard: Arc::clone(&self.unsettled),
            };
            self.chunks.spawn(chunk::carry(Arc::clone(&self.parts), rows, ticket));
        }
        Ok(wake)
    }

    /// The most recipients of the next chunk: the provider's limit, a fair share of what is left, a second's worth of the rate, the room
    /// under a cap, and `--limit`.
    fn chunk_size(&self) -> usize {
        let limits = &self.parts.limits;
        let can = self.parts.provider.capabilities();
        let open = self.phase_tally().open;
        let share = (open / (2 * limits.in_flight as u64) + 1).max(can.per_request as u64);
        let mut most = (can.max_recipients as u64).min(share).min(self.ramp);
        if let Some(rate) = limits.rate {
            most = most.min((rate.per_second() / limits.in_flight as f64).ceil() as u64).max(1);
        }
        most = self.room.map_or(most, |room| most.min(room.max(1)));
        most = self.left.map_or(most, |left| most.min(left));
        usize::try_from(most).unwrap_or(usize::MAX)
    }

    async fn next_rows(&mut self, most: usize) -> Result<Option<(usize, Vec<LedgerRow>)>> {
        let domains = self.lanes.domains();
        for index in self.lanes.ready(Instant::now()) {
            let now = Instant::now();
            let limit = self.lanes.chunk(index, most);
            // The few that are left of what was read ahead would be a small batch: they are read again, with those who come after them.
            let ready = self.lanes.take_ahead(index, limit, now);
            if ready.len() == limit {
                self.lanes.advanced(index, last_in_order(&ready).unwrap_or(0), ready.len(), now);
                return Ok(Some((index, ready)));
            }
            let lane = self.lanes.lane(index);
            let ask = Ask {
                cohort: Some(self.phase),
                after: lane.cursor,
                only_domain: lane.domain.clone(),
                not_domains: if lane.domain.is_none() { domains.clone() } else { Vec::new() },
                limit: READ_AHEAD * limit + self.out.len().min(limit),
                now: Some(self.due_by.take().unwrap_or_else(Timestamp::now)),
            };
            let cursor = lane.cursor;
            let mut rows = self.parts.ledger.next(&self.parts.run.id, ask).await.map_err(ledger_error)?;
            let found = rows.len();
            rows.retain(|row| !self.out.contains(&row.row));
            let more = rows.split_off(limit.min(rows.len()));
            self.lanes.keep_ahead(index, more, now);
            if rows.is_empty() {
                if found == 0 {
                    self.lanes.exhausted(index);
                }
                continue;
            }
            self.lanes.advanced(index, last_in_order(&rows).unwrap_or(cursor), rows.len(), now);
            return Ok(Some((index, rows)));
        }
        Ok(None)
    }

    async fn next_due(&mut self, now: Instant) -> Result<Option<Instant>> {
        let due = self.parts.ledger.next_retry_at(&self.parts.run.id, Some(self.phase)).await.map_err(ledger_error)?;
        let longest = self.parts.limits.retry.max;
        let due = due.map(|at| {
            let mut wait = Duration::try_from(at.duration_since(Timestamp::now())).unwrap_or(Duration::ZERO);
            // No retry is ever put off for so long: the clock was set back since, and everybody who waits was to wait until then at most.
            if wait > longest + Duration::from_secs(1) {
                self.due_by = at.checked_add(longest).ok();
                wait = Duration::ZERO;
            }
            if wait.is_zero() {
                self.lanes.wake();
            }
            now + wait
        });
        Ok([due, self.lanes.opens_at(now)].into_iter().flatten().min())
    }

    async fn came_back(&mut self, done: Done) -> Result<()> {
        match done {
            Done::NotClaimed { lane, rows, suppressed, why } => {
                self.lanes.returned(lane);
                // With nobody left to claim, the suppressed were settled all the same.
                if why == Claimed::Nothing {
                    suppressed.iter().for_each(|_| self.settled(Outcome::Suppressed));
                }
                for row in &rows {
                    self.out.remove(row);
                    self.lanes.reopened(*row);
                }
                self.give_back(rows.len());
                match why {
                    Claimed::Capped { cap, room, until } => self.capped(&cap, room, until),
                    Claimed::Paused { reason } => self.stop_for(Why::Paused(reason)),
                    Claimed::Nothing | Claimed::Batch(_) => {}
                }
            }
            Done::Sent { lane, batch, rows, claimed_at, reply, screened, suppressed } => {
                self.lanes.returned(lane);
                for row in rows.iter().map(|row| &row.row).chain(&suppressed) {
                    self.out.remove(row);
                }
                let policy = self.parts.limits.retry;
                let learns = self.parts.learn.is_some() && self.parts.redirect.is_none();
                let learn = learns.then_some(self.parts.provider_name.as_str());
                let judge = Judge { policy, lanes: &mut self.lanes, learn };
                let translated = settle::translate(Returned { rows: &rows, claimed_at, reply: &reply, screened }, judge);
                self.give_back(translated.void.len() + suppressed.len());
                suppressed.iter().for_each(|_| self.settled(Outcome::Suppressed));
                translated.items.iter().filter_map(|(_, item)| settle::outcome(item)).for_each(|outcome| self.settled(outcome));
                self.handed_over += reply.items.len() as u64;
                self.unsettled.came_back(batch);
                if let Some(refusal) = self.unsettled.everybody_refused() {
                    self.breaker.stop(refusal);
                }
                if reply.items.iter().any(|(_, verdict)| matches!(verdict, Verdict::Accepted { .. })) {
                    self.ramp = self.ramp.saturating_mul(2);
                }
                self.note_health(&reply.health, !reply.items.is_empty());
                let (parts, feedback, void) = (Arc::clone(&self.parts), reply.feedback, translated.void);
                // The rows are open again only when this has been committed, so the cursors go back first and find them later.
                for row in &void {
                    self.lanes.reopened(*row);
                }
                self.lanes.wake();
                self.settling.push(Box::pin(async move {
                    learning::keep(&parts, translated.learned).await?;
                    parts.ledger.settle(&parts.run.id, batch, translated.items, feedback).await.map_err(ledger_error)
                }));
                // Bounded: a slow disk must not let verdicts pile up behind it.
                while self.settling.len() > 2 * self.parts.limits.in_flight {
                    if let Some(settled) = self.settling.next().await {
                        settled?;
                    }
                }
                if !void.is_empty() {
                    while let Some(settled) = self.settling.next().await {
                        settled?;
                    }
                }
            }
        }
        Ok(())
    }

    /// Follows the ledger's count without asking it: counting a million rows takes it a while.
    fn settled(&mut self, outcome: Outcome) {
        self.standing.tally.settle(outcome);
        if self.phase == Cohort::Canary {
            self.standing.canary.settle(outcome);
        }
    }

    fn give_back(&mut self, rows: usize) {
        if let Some(left) = &mut self.left {
            *left += rows as u64;
        }
    }

    fn note_health(&mut self, health: &Health, answered: bool) {
        let now = Instant::now();
        match health {
            Health::Fine => {}
            Health::SlowDown(wait) => tracing::info!(provider = self.parts.provider_name, seconds = wait.as_secs_f64(), "asked to slow down"),
            Health::Failing(refusal) | Health::Stop(refusal) => {
                let lasts = matches!(health, Health::Stop(_));
                tracing::info!(provider = self.parts.provider_name, reason = %refusal.reason, code = refusal.code, lasts, "the provider fails");
                // A reply may quote an address.
                tracing::debug!(detail = ?refusal.detail, "the provider says");
            }
        }
        match health {
            Health::Fine if answered => self.breaker.succeeded(),
            Health::Fine => {}
            Health::SlowDown(wait) => self.quiet_until = Some(now + (*wait).min(self.parts.limits.retry.max)),
            Health::Failing(refusal) => self.breaker.failed(refusal.clone(), now, retry::draw()),
            Health::Stop(refusal) => {
                self.breaker.stop(refusal.clone());
                self.stop_for(Why::NoProvider(refusal.clone()));
            }
        }
    }

    fn capped(&mut self, cap: &str, room: u64, until: Timestamp) {
        if room > 0 {
            self.room = Some(room);
            return;
        }
        let wait = Duration::try_from(until.duration_since(Timestamp::now())).unwrap_or(Duration::ZERO);
        if self.parts.limits.wait_on_cap {
            self.room = None;
            self.quiet_until = Some(Instant::now() + wait);
        } else {
            self.stop_for(Why::Capped(format!("the cap of {cap} is reached; the next recipient may go at {until:.0}")));
        }
    }

    /// Claims nothing more, and lets what is on the wire finish. What is claimed under a limit or a cap counts, and goes too. The first
    /// reason stands, but a signal is always told.
    fn stop_for(&mut self, why: Why) {
        if !matches!(why, Why::Limit | Why::Capped(_)) {
            self.stop.send_replace(true);
        }
        if self.why.is_none() || matches!(why, Why::Signal(_)) {
            self.why = Some(why);
        }
    }

    /// Returns whether to leave at once.
    fn heard(&mut self, wish: Wish) -> bool {
        match wish {
            Wish::Status => self.parts.progress.message(&self.snapshot().line()),
            Wish::Stop(exit) => {
                let again = matches!(self.why, Some(Why::Signal(_)));
                self.stop_for(Why::Signal(exit));
                if again {
                    self.parts.progress.message("leaving at once: what is on the wire without an answer is unknown");
                    return true;
                }
                let count = self.chunks.len();
                if count == 0 {
                    return false;
                }
                self.parts.progress.waiting(&format!("stopping: waiting for the messages on the wire in {count} batches; once more leaves at once"));
            }
        }
        false
    }

    async fn tick(&mut self) -> Result<()> {
        if let Err(error) = self.parts.suppressions.refresh() {
            self.stop_for(Why::Suppression(error));
        }
        // What another process has put into the ledger counts from the next hand-over on, whatever file it stands in besides.
        take_in(&self.parts).await?;
        if self.why.is_none()
            && let Some(pause) = self.parts.ledger.paused().await.map_err(ledger_error)?
        {
            self.stop_for(Why::Paused(pause.reason));
        }
        self.lanes.wake();
        self.show();
        Ok(())
    }
}
