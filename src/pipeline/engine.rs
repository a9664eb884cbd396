//! The loop itself.

mod admit;
mod blame;
mod exceptions;
mod later;
mod pass_on;
mod pauses;
mod phase;
mod provider_state;
mod trust;
mod view;
mod watch;

use std::collections::HashSet;
use std::sync::Arc;
use std::time::{Duration, Instant};

use futures_util::stream::{FuturesUnordered, StreamExt};
use jiff::Timestamp;
use tokio::sync::Semaphore;
use tokio::task::JoinSet;

use self::later::Later;
use self::pass_on::Passes;
use self::phase::Waiting;
use self::provider_state::{ChunkResult, ProviderState};
use self::watch::Watch;
use crate::ledger::{Claimed, Gate, Ledger, LedgerError, Standing};
use crate::model::error::{Error, Result};
use crate::model::outcome::{Cohort, Outcome};
use crate::pipeline::chunk::{Buffers, Done, Route};
use crate::pipeline::learning;
use crate::pipeline::settle::{self, Judge, Returned};
use crate::pipeline::signals::{SignalRequest, Signals};
use crate::pipeline::{ConfiguredProvider, Parts, Why};
use crate::progress::RateMeter;
use crate::provider::{BoxFuture, Health, Refusal, Reply, RowNumber, Verdict};

/// How often pause, suppression files and progress are looked at.
const TICK: Duration = Duration::from_millis(200);
/// So many chunks are settled together at most, and the first of them waits for the others no
/// longer than this.
const TOGETHER: usize = 4;
const TOGETHER_FOR: Duration = Duration::from_millis(20);
/// So long the end of an execution waits at most for what is still being settled.
const LAST_WORDS: Duration = Duration::from_secs(2);

/// Sends what is open in the run until nothing is left or something stops it. `None` when every row
/// has been settled.
pub(crate) async fn execute(parts: Arc<Parts>) -> Result<Option<Why>> {
    let mut signals =
        Signals::listen().map_err(|e| Error::internal(format!("cannot listen to signals: {e}")))?;
    let hurry = tokio::spawn(hurry_at_the_second(Arc::clone(&parts.ledger)));
    let mut engine = Engine::new(parts).await?;
    let why = engine.run(&mut signals).await;
    hurry.abort();
    let _ = hurry.await;
    engine.settle_outstanding().await;
    engine.learn_rest().await?;
    let pacers = engine.providers.iter().map(|provider| provider.pacers.close());
    let _ = tokio::time::timeout(LAST_WORDS, futures_util::future::join_all(pacers)).await;
    engine.tell_slowdowns().await?;
    futures_util::future::join_all(
        engine.parts.configured.iter().map(|configured| configured.provider.close()),
    )
    .await;
    engine.show();
    why.map(|why| match why.or_else(|| engine.watch.why()) {
        // As it is after the drain, which may have shown it.
        Some(Why::Signal { exit, .. }) => Some(Why::Signal { exit, failing: engine.failing() }),
        other => other,
    })
}

/// Lets the ledger wait for no other process from the second signal on, also where the loop itself
/// is waiting for the ledger then.
async fn hurry_at_the_second(ledger: Arc<dyn Ledger>) {
    let Ok(mut signals) = Signals::listen() else { return };
    for _ in 0..2 {
        while !matches!(signals.next().await, SignalRequest::Stop(_)) {}
    }
    ledger.hurry();
}

/// Takes in what has been put into the ledger since: who is suppressed there counts, whatever the
/// files say.
async fn ingest_suppressions(parts: &Parts) -> Result<()> {
    const PAGE: usize = 1_000;
    loop {
        let page = parts.ledger.suppressions(parts.suppressions.learned_up_to(), PAGE).await?;
        parts.suppressions.learn(&page);
        if page.len() < PAGE {
            return Ok(());
        }
    }
}

struct Engine {
    parts: Arc<Parts>,
    /// One for each of the configured providers, in their order.
    providers: Vec<ProviderState>,
    /// Whose recipients are looked at first.
    turn: usize,
    render_permits: Arc<Semaphore>,
    buffers: Arc<Buffers>,
    /// On their way beside this loop, so that none of them waits for what it asks the ledger;
    /// dropped with it.
    chunks: JoinSet<Result<Done>>,
    settling: FuturesUnordered<BoxFuture<'static, Result<()>>>,
    /// What is to be settled together, so that it shares a commit; the trace has it meanwhile.
    /// Never for longer than `TOGETHER_FOR`.
    gathered: Vec<BoxFuture<'static, Result<()>>>,
    gathered_since: Instant,
    /// Rows whose chunk has not come back: not to be handed out again.
    out: HashSet<RowNumber>,
    passes: Passes,
    later: Later,
    /// When this execution began.
    began: Timestamp,
    phase: Cohort,
    /// Members of a canary that has been judged are sent to again beside the rest.
    has_canary_beside: bool,
    why: Option<Why>,
    /// Retries that are due by then may be handed out once, although it is in the future.
    due_by: Option<Timestamp>,
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
    /// For what comes back about a canary that has gone.
    waiting: Option<Waiting>,
    /// When a canary that is going out was last looked at.
    looked_at: Instant,
    watch: Watch,
}

impl Engine {
    async fn new(parts: Arc<Parts>) -> Result<Self> {
        let mut providers = blame::provider_states(&parts).await?;
        // Recipients may have been opened again.
        let standing = parts.ledger.standing(&parts.run.id).await?;
        ingest_suppressions(&parts).await?;
        for (provider, configured) in providers.iter_mut().zip(&parts.configured) {
            provider.trust.recall(&parts, configured.provider.as_ref()).await?;
        }
        // A canary that has been judged may have members left to send to again: they go beside the
        // rest, and are not judged again.
        let phase = if parts.run.gate == Gate::Ahead { Cohort::Canary } else { Cohort::Rest };
        let has_canary_beside = phase == Cohort::Rest && standing.canary.open > 0;
        Ok(Self {
            providers,
            turn: 0,
            buffers: Arc::default(),
            // One core is for the wire and the ledger.
            render_permits: Arc::new(Semaphore::new(
                std::thread::available_parallelism().map_or(1, |cores| (cores.get() - 1).max(1)),
            )),
            chunks: JoinSet::new(),
            settling: FuturesUnordered::new(),
            gathered: Vec::new(),
            gathered_since: Instant::now(),
            out: HashSet::new(),
            passes: Passes::default(),
            later: Later::default(),
            began: Timestamp::now(),
            phase,
            has_canary_beside,
            why: None,
            due_by: None,
            left: parts.limits.limit,
            standing_at: Instant::now(),
            meter: RateMeter::new(Instant::now()),
            handed_over: 0,
            metered: 0,
            rest_total: if has_canary_beside {
                standing.tally.open
            } else {
                standing.tally.open - standing.canary.open
            },
            standing,
            waiting: None,
            looked_at: Instant::now(),
            watch: Watch::new(&parts),
            parts,
        })
    }

    async fn run(&mut self, signals: &mut Signals) -> Result<Option<Why>> {
        self.show();
        loop {
            if self.chunks.is_empty() {
                self.settle_gathered();
            }
            let wake = if self.why.is_none() { self.admit().await? } else { None };
            if self.is_idle() {
                if self.why.is_some() {
                    return Ok(self.why.take());
                }
                if (wake.is_none() || self.canary_was_tried())
                    && self.phase_is_over(signals).await?
                {
                    return Ok(self.why.take());
                }
            }
            let nap = wake.map_or(TICK, |at| {
                at.saturating_duration_since(Instant::now()).clamp(Duration::from_millis(1), TICK)
            });
            let settle_at = self.gathered_since + TOGETHER_FOR;
            tokio::select! {
                Some(done) = self.chunks.join_next() => self.on_chunk_done(done.map_err(|e| Error::internal(format!("a batch stopped: {e}")))??).await?,
                Some(settled) = self.settling.next() => settled?,
                () = tokio::time::sleep_until(settle_at.into()), if !self.gathered.is_empty() => self.settle_gathered(),
                request = signals.next() => {
                    if self.on_signal(request) {
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

    async fn on_chunk_done(&mut self, done: Done) -> Result<()> {
        match done {
            Done::NotClaimed { route, rows, suppressed, why } => {
                self.returned(route);
                // With nobody left to claim, the suppressed were settled all the same.
                if why == Claimed::Nothing {
                    suppressed.iter().for_each(|(_, outcome)| self.settled(*outcome));
                }
                for row in &rows {
                    self.out.remove(row);
                    self.reopened(*row);
                }
                self.watch.note_reopened();
                self.give_back(rows.len());
                match why {
                    Claimed::Capped { cap, room, until } => {
                        self.capped(route.through, &cap, room, until)
                    }
                    Claimed::Paused(pause) => self.paused(*pause),
                    Claimed::Lost { ledger, what } => {
                        self.stop_for(Why::LedgerLost(LedgerError::Lost { ledger, what }.into()))
                    }
                    Claimed::Nothing | Claimed::Batch(_) => {}
                }
            }
            Done::Sent {
                route,
                batch,
                rows,
                claimed_at,
                mut reply,
                screened,
                suppressed,
                expired,
                put_off,
            } => {
                self.returned(route);
                for row in
                    rows.iter().map(|row| &row.row).chain(suppressed.iter().map(|(row, _)| row))
                {
                    self.out.remove(row);
                }
                let given_up = self.find_cause(route, &rows, &mut reply).await?;
                let configured = &self.parts.configured[route.through];
                let policy = configured.retry;
                let learns = self.parts.learn.is_some() && self.parts.redirect.is_none();
                let learn = learns.then_some(configured.name.as_str());
                let verdicts = Arc::clone(&self.providers[route.through].verdicts);
                let shares = configured.provider.capabilities().per_request > 1;
                let (queues, anew, began) =
                    (&mut self.providers[route.first].queues, &mut self.passes.by_row, self.began);
                let judge =
                    Judge { policy, shares, queues, learn, verdicts: &verdicts, anew, began };
                let returned = Returned {
                    rows: &rows,
                    claimed_at,
                    reply: &reply,
                    screened,
                    expired,
                    put_off: &put_off,
                };
                let mut translated = settle::translate(returned, judge);
                if let Some(given_up) = given_up {
                    exceptions::give_up(given_up, &rows, &mut translated);
                }
                self.pass_on(route.through, &rows, &mut translated);
                self.note_later(route, &rows, &translated.items);
                self.give_back(translated.void.len() + suppressed.len());
                suppressed.iter().for_each(|(_, outcome)| self.settled(*outcome));
                translated
                    .items
                    .iter()
                    .filter_map(|(_, item)| settle::outcome(item))
                    .for_each(|outcome| self.settled(outcome));
                let is_left = !translated.void.is_empty()
                    || translated.items.iter().any(|(_, item)| settle::outcome(item).is_none());
                if is_left && self.watch.may_hold(&rows, route) {
                    self.watch.note_reopened();
                }
                // A recipient that is put off has not moved.
                self.handed_over += reply
                    .items
                    .iter()
                    .filter(|(_, verdict)| settle::final_outcome(verdict).is_some())
                    .count() as u64;
                let provider = &mut self.providers[route.through];
                provider.verdicts.batch_returned(batch);
                let accepted = reply
                    .items
                    .iter()
                    .filter(|(_, verdict)| matches!(verdict, Verdict::Accepted { .. }))
                    .count() as u64;
                provider.pacers.throttle.passed(reply.items.len() as u64, accepted, Instant::now());
                let has_accepted = accepted > 0;
                let learned = self.learned(route.through, translated.learned);
                let (parts, feedback, void) =
                    (Arc::clone(&self.parts), std::mem::take(&mut reply.feedback), translated.void);
                // The rows are open again only when this has been committed, so the cursors go back
                // first and find them later.
                for row in &void {
                    self.reopened(*row);
                }
                self.wake_queues();
                if self.gathered.is_empty() {
                    self.gathered_since = Instant::now();
                }
                self.gathered.push(Box::pin(async move {
                    learning::keep(&parts, learned).await?;
                    Ok(parts
                        .ledger
                        .settle(&parts.run.id, batch, translated.items, feedback)
                        .await?)
                }));
                reply.health = self
                    .weigh(route.through, std::mem::take(&mut reply.health), has_accepted)
                    .await?;
                self.keep_wait(route.through, &reply).await?;
                self.note_health(route.through, &reply);
                let most = reply.most_per_request.map(|most| most as u64);
                self.providers[route.through].trust.keep(&self.parts, most).await?;
                if self.gathered.len() >= TOGETHER || !void.is_empty() {
                    self.settle_gathered();
                }
                // Bounded: a slow disk must not let verdicts pile up behind it.
                while self.settling.len()
                    > 2 * self
                        .parts
                        .configured
                        .iter()
                        .map(|configured| configured.in_flight)
                        .sum::<usize>()
                {
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

    /// Whether nothing is on its way, to a provider or to the ledger.
    fn is_idle(&self) -> bool {
        self.chunks.is_empty() && self.settling.is_empty() && self.gathered.is_empty()
    }

    /// Settles what is known, also where sending ended with an error or at once: the trace may be
    /// what could not be written. What fails here stays for the next start to find in the trace, or
    /// in doubt.
    async fn settle_outstanding(&mut self) {
        self.settle_gathered();
        let all = async { while self.settling.next().await.is_some() {} };
        let _ = tokio::time::timeout(LAST_WORDS, all).await;
    }

    fn settle_gathered(&mut self) {
        self.settling.extend(self.gathered.drain(..));
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

    fn returned(&mut self, route: Route) {
        self.providers[route.first].queues.returned(route.queue);
        self.providers[route.through].under_way -= 1;
    }

    /// A row is open again, whoever is to take it.
    fn reopened(&mut self, row: RowNumber) {
        self.providers.iter_mut().for_each(|provider| provider.queues.reopened(row));
    }

    fn wake_queues(&mut self) {
        self.providers.iter_mut().for_each(|provider| provider.queues.wake());
    }

    fn note_health(&mut self, through: usize, reply: &Reply) {
        let now = Instant::now();
        let has_stand_in = self.has_stand_in(through, now);
        let configured = &self.parts.configured[through];
        let health = &reply.health;
        match health {
            Health::Fine => {}
            Health::SlowDown(wait) => tracing::info!(
                provider = configured.name,
                seconds = wait.as_secs_f64(),
                "asked to slow down"
            ),
            Health::Failing(refusal) | Health::Stop(refusal) | Health::Exhausted(refusal) => {
                let lasts = !matches!(health, Health::Failing(_));
                tracing::info!(provider = configured.name, reason = %refusal.reason, code = refusal.code, lasts, "the provider fails");
                // A reply may quote an address.
                tracing::debug!(detail = ?refusal.detail, "the provider says");
            }
        }
        let result = ChunkResult { reply, has_stand_in };
        self.providers[through].update_health(&result, now);
    }

    /// Lets others take over for a provider whose first request has gone on for long: what comes of
    /// it still counts.
    fn look_at_first_requests(&mut self) {
        let now = Instant::now();
        for place in 0..self.providers.len() {
            if self.providers[place].first_request_lasts(now) && self.has_stand_in(place, now) {
                self.providers[place].took_nothing_so_far(now);
            }
        }
    }

    fn capped(&mut self, through: usize, cap: &str, room: u64, until: Timestamp) {
        let of = if self.providers.len() > 1 {
            format!(" of {}", self.parts.configured[through].name)
        } else {
            String::new()
        };
        let text =
            format!("the cap{of} of {cap} is reached; the next recipient may go at {until:.0}");
        self.providers[through].capped(text, room, until);
    }

    /// Claims nothing more, and lets what is on the wire finish. What is claimed under a limit or a
    /// cap counts, and goes too. The first reason stands, but a signal is always told.
    fn stop_for(&mut self, why: Why) {
        if !matches!(why, Why::Limit | Why::Capped(_)) {
            for provider in &self.providers {
                provider.stop.send_replace(true);
            }
        }
        if self.why.is_none() || matches!(why, Why::Signal { .. }) {
            self.why = Some(why);
        }
    }

    /// The providers that have refused as a whole and taken nothing since, with what each said
    /// last.
    fn failing(&self) -> Vec<(String, Refusal)> {
        let last = |(provider, configured): (&ProviderState, &ConfiguredProvider)| {
            Some((configured.name.clone(), provider.breaker.said_last()?.clone()))
        };
        self.providers.iter().zip(&self.parts.configured).filter_map(last).collect()
    }

    /// Returns whether to leave at once.
    fn on_signal(&mut self, request: SignalRequest) -> bool {
        match request {
            SignalRequest::Status => self.parts.progress.message(&self.snapshot().line()),
            SignalRequest::Stop(exit) => {
                let again = matches!(self.why, Some(Why::Signal { .. }));
                self.stop_for(Why::Signal { exit, failing: Vec::new() });
                if again {
                    // Nor is another process waited for.
                    self.parts.ledger.hurry();
                    self.parts.progress.message(
                        "leaving at once: what is on the wire without an answer is unknown",
                    );
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
        // What another process has put into the ledger counts from the next hand-over on, whatever
        // file it stands in besides.
        ingest_suppressions(&self.parts).await?;
        self.obey_pauses().await?;
        self.look_at_canary().await?;
        self.watch_rules().await?;
        self.look_at_first_requests();
        self.wake_queues();
        self.tell_slowdowns().await?;
        self.show();
        Ok(())
    }
}
