//! The loop that sends a run: it admits chunks, settles their results, judges the canary, and
//! stops.
//!
//! Three parts do the work, each with its own state: [`Admission`], [`Settlement`] and
//! [`CanaryPhase`]. State that more than one of them reads is in [`Shared`].

mod admission;
mod blame;
mod canary;
mod cause;
mod counts;
mod evidence;
mod exceptions;
mod holds;
mod pass_on;
mod pauses;
mod provider_state;
mod retries;
mod route;
mod rules;
mod settlement;
mod shared;
mod trust;
mod view;

use std::sync::Arc;
use std::time::{Duration, Instant};

use jiff::Timestamp;

use self::admission::Admission;
use self::canary::CanaryPhase;
use self::counts::Counts;
use self::holds::Holds;
use self::retries::Retries;
use self::rules::{RuleWatch, UnderWay};
use self::settlement::Settlement;
use self::shared::Shared;
use self::view::View;
use crate::ledger::{Claimed, Ledger, LedgerError};
use crate::model::error::{Error, Result};
use crate::model::outcome::Outcome;
use crate::model::verdict::{RowNumber, Verdict};
use crate::pipeline::chunk::{Done, Route, Sent};
use crate::pipeline::learning;
use crate::pipeline::settle::{self, Judge, Returned, Translated};
use crate::pipeline::signals::{SignalRequest, Signals};
use crate::pipeline::{Parts, Why};

/// How often the loop checks for pauses, rereads the suppression files and updates progress.
const TICK: Duration = Duration::from_millis(200);
/// The longest time that the end of an execution waits for outstanding settlements.
const FINAL_WAIT: Duration = Duration::from_secs(2);

/// Sends the run's open recipients until none is left or something stops the execution. Returns
/// `None` if every row has been settled.
pub(crate) async fn execute(parts: Arc<Parts>) -> Result<Option<Why>> {
    let mut signals =
        Signals::listen().map_err(|e| Error::internal(format!("cannot listen to signals: {e}")))?;
    let hurry = tokio::spawn(hurry_after_second_signal(Arc::clone(&parts.ledger)));
    let mut engine = Engine::new(parts).await?;
    let why = engine.run(&mut signals).await;
    hurry.abort();
    let _ = hurry.await;
    engine.settlement.settle_outstanding(FINAL_WAIT).await;
    let shared = &mut engine.shared;
    blame::learn_rest(shared).await?;
    let pacers = shared.providers.iter().map(|provider| provider.pacers.close());
    let _ = tokio::time::timeout(FINAL_WAIT, futures_util::future::join_all(pacers)).await;
    view::report_slowdowns(shared).await?;
    let providers = shared.parts.configured.iter().map(|configured| configured.provider.close());
    futures_util::future::join_all(providers).await;
    engine.show();
    let shared = &engine.shared;
    why.map(|why| match why.or_else(|| shared.holds.why()) {
        // The drain may have changed which providers fail, so the list is read after it.
        Some(Why::Signal { exit, .. }) => Some(Why::Signal { exit, failing: shared.failing() }),
        other => other,
    })
}

/// From the second stop signal on, the ledger no longer waits for locks of other processes. This
/// takes effect even if the loop is waiting for the ledger at that moment.
async fn hurry_after_second_signal(ledger: Arc<dyn Ledger>) {
    let Ok(mut signals) = Signals::listen() else { return };
    for _ in 0..2 {
        while !matches!(signals.next().await, SignalRequest::Stop(_)) {}
    }
    ledger.hurry();
}

/// Loads the suppressions added to the ledger since the last call. They apply even if no
/// suppression file contains them.
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
    shared: Shared,
    admission: Admission,
    settlement: Settlement,
    canary: CanaryPhase,
    rules: RuleWatch,
    view: View,
}

impl Engine {
    async fn new(parts: Arc<Parts>) -> Result<Self> {
        let mut providers = blame::provider_states(&parts).await?;
        // The call to `provider_states` may have reopened recipients, so the rows are counted after
        // it.
        let standing = parts.ledger.standing(&parts.run.id).await?;
        ingest_suppressions(&parts).await?;
        for (provider, configured) in providers.iter_mut().zip(&parts.configured) {
            provider.trust.recall(&parts, configured.provider.as_ref()).await?;
        }
        let now = Instant::now();
        Ok(Self {
            admission: Admission::new(parts.limits.limit, &parts.configured),
            settlement: Settlement::new(),
            canary: CanaryPhase::new(now),
            rules: RuleWatch::new(&parts, now),
            view: View::new(now),
            shared: Shared {
                providers,
                counts: Counts::new(standing, &parts.run.gate),
                retries: Retries::new(Timestamp::now()),
                holds: Holds::default(),
                why: None,
                parts,
            },
        })
    }

    async fn run(&mut self, signals: &mut Signals) -> Result<Option<Why>> {
        self.show();
        loop {
            if self.admission.chunks.is_empty() {
                self.settlement.begin();
            }
            let wake = if self.shared.why.is_none() {
                self.admission.admit(&mut self.shared, self.settlement.is_idle()).await?
            } else {
                None
            };
            if self.is_idle() {
                if self.shared.why.is_some() {
                    return Ok(self.shared.why.take());
                }
                let is_tried = wake.is_none() || self.shared.canary_was_tried();
                if is_tried
                    && self.canary.phase_is_over(&mut self.shared, &mut self.view, signals).await?
                {
                    return Ok(self.shared.why.take());
                }
            }
            let nap = wake.map_or(TICK, |at| {
                at.saturating_duration_since(Instant::now()).clamp(Duration::from_millis(1), TICK)
            });
            tokio::select! {
                Some(done) = self.admission.chunks.join_next() => {
                    let stopped = |e| Error::internal(format!("a batch stopped: {e}"));
                    self.on_chunk_done(done.map_err(stopped)??).await?;
                }
                settled = self.settlement.progress() => settled?,
                request = signals.next() => {
                    if self.on_signal(request) {
                        return Ok(self.shared.why.take());
                    }
                }
                () = tokio::time::sleep(nap) => self.tick().await?,
            }
            if self.view.is_due(TICK) {
                self.tick().await?;
            }
        }
    }

    async fn on_chunk_done(&mut self, done: Done) -> Result<()> {
        match done {
            Done::NotClaimed { route, rows, suppressed, why } => {
                self.on_not_claimed(route, &rows, &suppressed, why);
                Ok(())
            }
            Done::Sent(sent) => self.on_sent(*sent).await,
        }
    }

    fn on_not_claimed(
        &mut self,
        route: Route,
        rows: &[RowNumber],
        suppressed: &[(RowNumber, Outcome)],
        why: Claimed,
    ) {
        let shared = &mut self.shared;
        shared.returned(route);
        // All members were suppressed. Nothing was claimed, but the ledger has recorded their
        // outcome.
        if why == Claimed::Nothing {
            suppressed.iter().for_each(|(_, outcome)| shared.counts.settle(*outcome));
        }
        for row in rows {
            self.admission.came_back(*row);
            shared.reopened(*row);
        }
        shared.holds.note_reopened();
        self.admission.give_back(rows.len());
        match why {
            Claimed::Capped { cap, room, until } => shared.capped(route.through, &cap, room, until),
            Claimed::Paused(pause) => pauses::paused(shared, *pause),
            Claimed::Lost { ledger, what } => {
                shared.stop_for(Why::LedgerLost(LedgerError::Lost { ledger, what }.into()));
            }
            Claimed::Nothing | Claimed::Batch(_) => {}
        }
    }

    async fn on_sent(&mut self, mut sent: Sent) -> Result<()> {
        let shared = &mut self.shared;
        let route = sent.route;
        let through = route.through;
        shared.returned(route);
        sent.rows.iter().for_each(|row| self.admission.came_back(row.row));
        sent.suppressed.iter().for_each(|(row, _)| self.admission.came_back(*row));
        let has_under_way = !self.admission.under_way().is_empty();
        let given_up =
            cause::find(shared, has_under_way, route, &sent.rows, &mut sent.reply).await?;
        let mut translated = translate(shared, &mut sent);
        if let Some(given_up) = given_up {
            cause::give_up(given_up, &sent.rows, &mut translated);
        }
        pass_on::pass_on(shared, through, &sent.rows, &mut translated);
        let lasts = shared.parts.configured[through].retry.give_up_after;
        shared.retries.note(route.first, &sent.rows, &translated.items, lasts);
        self.admission.give_back(translated.void.len() + sent.suppressed.len());
        count(shared, &sent, &translated);
        // A recipient that waits for a retry is not counted as handed over yet.
        let decided = |(_, verdict): &&(RowNumber, Verdict)| verdict.outcome().is_some();
        self.view.handed_over += sent.reply.items.iter().filter(decided).count() as u64;
        let provider = &mut shared.providers[through];
        provider.verdicts.batch_returned(sent.batch);
        let is_accepted =
            |(_, verdict): &&(RowNumber, Verdict)| matches!(verdict, Verdict::Accepted { .. });
        let accepted = sent.reply.items.iter().filter(is_accepted).count() as u64;
        let answered = sent.reply.items.len() as u64;
        provider.pacers.throttle.passed(answered, accepted, Instant::now());
        let Translated { items, learned, void } = translated;
        let learned = blame::learned(shared, through, learned);
        // The rows are open again once this settlement has been committed. Reset the cursors now,
        // so that the next read finds the rows.
        void.iter().for_each(|row| shared.reopened(*row));
        shared.wake_queues();
        let (parts, batch) = (Arc::clone(&shared.parts), sent.batch);
        let feedback = std::mem::take(&mut sent.reply.feedback);
        self.settlement.add(Box::pin(async move {
            learning::keep(&parts, learned).await?;
            Ok(parts.ledger.settle(&parts.run.id, batch, items, feedback).await?)
        }));
        let health = std::mem::take(&mut sent.reply.health);
        sent.reply.health =
            blame::weigh(shared, &mut self.settlement, through, health, accepted > 0).await?;
        blame::keep_wait(shared, through, &sent.reply).await?;
        shared.note_health(through, &sent.reply);
        let most = sent.reply.most_per_request.map(|most| most as u64);
        shared.providers[through].trust.keep(&shared.parts, most).await?;
        if !void.is_empty() {
            return self.settlement.settle_all().await;
        }
        // Limit the running settlements, so that verdicts do not pile up behind a slow disk.
        let in_flight: usize =
            shared.parts.configured.iter().map(|configured| configured.in_flight).sum();
        self.settlement.keep_bounded(2 * in_flight).await
    }

    /// Whether no chunk is under way and all answers are in the ledger.
    fn is_idle(&self) -> bool {
        self.admission.chunks.is_empty() && self.settlement.is_idle()
    }

    fn show(&mut self) {
        let in_flight = self.admission.under_way().len();
        self.view.show(&self.shared, self.canary.waits_until(), in_flight);
    }

    /// Handles a signal. Returns true if the loop must end at once, without draining.
    fn on_signal(&mut self, request: SignalRequest) -> bool {
        let shared = &mut self.shared;
        match request {
            SignalRequest::Status => {
                let in_flight = self.admission.under_way().len();
                let snapshot = self.view.snapshot(shared, self.canary.waits_until(), in_flight);
                shared.parts.progress.message(&snapshot.line());
            }
            SignalRequest::Stop(exit) => {
                let again = matches!(shared.why, Some(Why::Signal { .. }));
                shared.stop_for(Why::Signal { exit, failing: Vec::new() });
                if again {
                    // From now on, do not wait for another process's lock on the ledger.
                    shared.parts.ledger.hurry();
                    shared.parts.progress.message(
                        "leaving at once: messages on the wire without an answer become unknown",
                    );
                    return true;
                }
                let count = self.admission.chunks.len();
                if count == 0 {
                    return false;
                }
                shared.parts.progress.waiting(&format!("stopping: waiting for the messages on the wire in {count} batches; a second signal leaves at once"));
            }
        }
        false
    }

    async fn tick(&mut self) -> Result<()> {
        let shared = &mut self.shared;
        if let Err(error) = shared.parts.suppressions.refresh() {
            shared.stop_for(Why::Suppression(error));
        }
        // Load suppressions that other processes have added to the ledger; they apply from the next
        // submission on, even if no file contains them.
        ingest_suppressions(&shared.parts).await?;
        pauses::obey_pauses(shared).await?;
        self.canary.look_at_canary(shared).await?;
        let under_way = UnderWay {
            rows: self.admission.under_way(),
            has_chunks: !self.admission.chunks.is_empty(),
            is_settled: self.settlement.is_idle(),
        };
        self.rules.look(shared, &under_way).await?;
        shared.look_at_first_requests();
        shared.wake_queues();
        view::report_slowdowns(shared).await?;
        self.show();
        Ok(())
    }
}

/// Decides the result of each member of a returned claim.
fn translate(shared: &mut Shared, sent: &mut Sent) -> Translated {
    let configured = &shared.parts.configured[sent.route.through];
    let learns = shared.parts.learn.is_some() && shared.parts.redirect.is_none();
    let verdicts = Arc::clone(&shared.providers[sent.route.through].verdicts);
    let judge = Judge {
        policy: configured.retry,
        shares: configured.provider.capabilities().per_request > 1,
        queues: &mut shared.providers[sent.route.first].queues,
        learn: learns.then_some(configured.name.as_str()),
        verdicts: &verdicts,
        starts: &mut shared.retries.starts,
        began: shared.retries.began,
    };
    let returned = Returned {
        rows: &sent.rows,
        claimed_at: sent.claimed_at,
        reply: &sent.reply,
        screened: std::mem::take(&mut sent.screened),
        expired: std::mem::take(&mut sent.expired),
        put_off: &sent.put_off,
    };
    settle::translate(returned, judge)
}

/// Counts the outcomes of a claim, and notes whether a hold may apply to a member that is still
/// open.
fn count(shared: &mut Shared, sent: &Sent, translated: &Translated) {
    sent.suppressed.iter().for_each(|(_, outcome)| shared.counts.settle(*outcome));
    let mut is_left = !translated.void.is_empty();
    for (_, item) in &translated.items {
        match item.outcome() {
            Some(outcome) => shared.counts.settle(outcome),
            None => is_left = true,
        }
    }
    if is_left && shared.holds.may_hold(&sent.rows, sent.route) {
        shared.holds.note_reopened();
    }
}
