//! The transition from the canary to the rest of the run. The canary is judged when each of its
//! members has been attempted once. Members that wait for a retry count as deferred and are retried
//! together with the rest.
//!
//! Invariant: a failed canary, or one that waits for the operator's decision, is recorded in the
//! ledger before it is shown.

use std::sync::Arc;
use std::time::{Duration, Instant};

use jiff::Timestamp;

use super::evidence;
use super::shared::Shared;
use super::view::View;
use crate::ledger::Gate;
use crate::model::error::Result;
use crate::model::figures::grouped;
use crate::model::outcome::{Cohort, Outcome, Tally};
use crate::model::pause::Watched;
use crate::pipeline::gate::{self, Growth, Measured, Next, Proof, Replies};
use crate::pipeline::signals::{SignalRequest, Signals};
use crate::pipeline::{Then, Why};

/// How often the ledger is checked for new bounces and complaints.
const LOOK: Duration = Duration::from_millis(500);

/// The canary has been sent, and the loop waits for bounces and complaints.
struct CanaryWait {
    begun: Instant,
    look_at: Instant,
    /// When the longest wait ends.
    until: Timestamp,
}

/// The judgement of the canary so far.
enum CanaryJudgement {
    Passed(String),
    Failed(String),
    /// A share is over its limit, but the evidence is too weak to prove it.
    Unclear(String),
    /// The waiting time is not over, or recipients have been added to the canary.
    Later,
}

/// The state of the canary phase in an execution.
pub(super) struct CanaryPhase {
    /// The wait for bounces and complaints; `None` until the canary has been sent.
    waiting: Option<CanaryWait>,
    /// When the evidence was last checked during the sending of the canary.
    looked_at: Instant,
}

impl CanaryPhase {
    pub(super) fn new(now: Instant) -> Self {
        Self { waiting: None, looked_at: now }
    }

    /// When the wait for evidence about the canary ends.
    pub(super) fn waits_until(&self) -> Option<Timestamp> {
        self.waiting.as_ref().map(|waiting| waiting.until)
    }

    /// Judges the canary, or ends the run. Call it when nothing is in flight and no retry is due.
    /// Returns whether the run has ended.
    pub(super) async fn phase_is_over(
        &mut self,
        shared: &mut Shared,
        view: &mut View,
        signals: &mut Signals,
    ) -> Result<bool> {
        match &self.waiting {
            Some(waiting) if Instant::now() < waiting.look_at => return Ok(false),
            Some(_) => {}
            None => {
                shared.counts.standing = shared.parts.ledger.standing(&shared.parts.run.id).await?;
                // `0` because nothing is in flight.
                view.show(shared, None, 0);
                if shared.counts.phase_tally().open > 0 && !shared.canary_was_tried() {
                    // Rows have been reopened, for example by a retry that came due. Nothing is
                    // under way, so every queue can restart from the first row without missing a
                    // recipient.
                    shared.holds.note_reopened();
                    shared.rewind();
                    return Ok(false);
                }
                if shared.counts.phase == Cohort::Rest {
                    return Ok(true);
                }
            }
        }
        let (gate, why) = match self.judge(shared).await? {
            CanaryJudgement::Later => return Ok(false),
            CanaryJudgement::Failed(evidence) => {
                (Gate::Failed { evidence: evidence.clone() }, Some(Why::CanaryFailed(evidence)))
            }
            CanaryJudgement::Unclear(evidence) => {
                (Gate::Waiting { evidence: evidence.clone() }, Some(Why::Waiting(evidence)))
            }
            CanaryJudgement::Passed(evidence) => {
                after_passing(shared, view, evidence, signals).await
            }
        };
        self.waiting = None;
        shared.latch(gate).await?;
        // A signal during the question has already set the reason.
        shared.why = shared.why.take().or(why);
        shared.counts.begin_rest();
        shared.rewind();
        Ok(shared.why.is_some() || shared.counts.phase_tally().open == 0)
    }

    /// Judges a canary whose sending is complete.
    async fn judge(&mut self, shared: &mut Shared) -> Result<CanaryJudgement> {
        let parts = Arc::clone(&shared.parts);
        let rule = &parts.canary;
        let with_source = |words: String| {
            if rule.has_feedback { words } else { format!("{words} (provider replies only)") }
        };
        let (canary, put_off) = with_waiting_as_deferred(shared.counts.standing.canary);
        let replies = match gate::replies(&canary, rule.max_failed) {
            Replies::Failed(evidence) => {
                let evidence = with_source(evidence + &put_off);
                return Ok(CanaryJudgement::Failed(
                    evidence::located(shared, Watched::Failed, &evidence).await?,
                ));
            }
            Replies::NoEvidence(evidence) => return Ok(CanaryJudgement::Unclear(evidence)),
            Replies::Passed(words) => words + &put_off,
        };
        let seen = shared.parts.ledger.canary_evidence(&shared.parts.run.id).await?;
        if rule.lacks_bounces && seen.is_none() && shared.counts.rest_is_left() {
            return Ok(CanaryJudgement::Unclear(format!(
                "{replies}; no source reports bounces, but [canary] require = \"bounces\" needs one"
            )));
        }
        if !rule.has_feedback && seen.is_none() {
            return Ok(CanaryJudgement::Passed(with_source(replies)));
        }
        let accepted = shared.counts.standing.canary.get(Outcome::Accepted);
        // If no recipient is left, or none was accepted, there is nothing to wait for.
        let nothing_to_learn = accepted == 0 || !shared.counts.rest_is_left();
        let growth = Growth {
            room: if nothing_to_learn { 0 } else { evidence::room(shared) },
            ..evidence::growth(shared, seen)
        };
        let measured = evidence::measured(shared, seen, accepted, growth.alpha());
        if let Some(watched) = evidence::over(&measured) {
            let words = evidence::in_words(shared, &replies, &measured, accepted).await?;
            return Ok(CanaryJudgement::Failed(evidence::located(shared, watched, &words).await?));
        }
        let left = [rule.wait, rule.wait_complained].map(|wait| {
            if nothing_to_learn { Duration::ZERO } else { self.time_left(shared, wait) }
        });
        let is_unclear = |(measured, left): (&Measured, &Duration)| {
            left.is_zero() && measured.proof == Proof::Open { is_over: true }
        };
        let unclear = !nothing_to_learn && measured.iter().zip(&left).any(is_unclear);
        let longest = left[0].max(left[1]);
        if !longest.is_zero() && (growth.room > 0 || !unclear) {
            self.wait_for(shared, longest);
            return Ok(CanaryJudgement::Later);
        }
        let (measured, next) =
            match gate::next(|alpha| evidence::measured(shared, seen, accepted, alpha), growth) {
                (measured, Next::Grow(more)) if self.extend(shared, more, &measured).await? => {
                    return Ok(CanaryJudgement::Later);
                }
                (_, Next::Grow(_)) => gate::next(
                    |alpha| evidence::measured(shared, seen, accepted, alpha),
                    Growth { room: 0, ..growth },
                ),
                judged => judged,
            };
        let words = evidence::in_words(shared, &replies, &measured, accepted).await?;
        if let (Next::Failed, Some(watched)) = (&next, evidence::over(&measured)) {
            return Ok(CanaryJudgement::Failed(evidence::located(shared, watched, &words).await?));
        }
        if !nothing_to_learn && evidence::has_no_listener(shared).await {
            return Ok(CanaryJudgement::Unclear(format!(
                "{words}; no webhook listener is running any more"
            )));
        }
        Ok(if next == Next::Unclear && !nothing_to_learn {
            CanaryJudgement::Unclear(words)
        } else {
            CanaryJudgement::Passed(words)
        })
    }

    /// The remaining time of a wait that started at the last submission, possibly in an earlier
    /// execution. The time measured by this execution also counts, so setting the clock back does
    /// not prolong the wait.
    fn time_left(&self, shared: &Shared, wait: Duration) -> Duration {
        let since = shared.counts.standing.canary_at.map_or(Duration::ZERO, |at| {
            Duration::try_from(Timestamp::now().duration_since(at)).unwrap_or_default()
        });
        let here = self.waiting.as_ref().map_or(Duration::ZERO, |waiting| waiting.begun.elapsed());
        wait.saturating_sub(since.max(here))
    }

    /// Schedules the next check. The first time, shows the operator until when the canary waits.
    fn wait_for(&mut self, shared: &Shared, left: Duration) {
        let now = Instant::now();
        let look_at = now + left.min(LOOK);
        if let Some(waiting) = &mut self.waiting {
            waiting.look_at = look_at;
            return;
        }
        let until = Timestamp::now().checked_add(left).unwrap_or(Timestamp::MAX);
        self.waiting = Some(CanaryWait { begun: now, look_at, until });
        shared
            .parts
            .progress
            .message(&format!("canary: waiting until {until:.0} for bounces and complaints"));
    }

    /// Adds recipients to a canary with too little evidence. Returns whether there were any to add.
    async fn extend(
        &mut self,
        shared: &mut Shared,
        more: u64,
        measured: &[Measured; 2],
    ) -> Result<bool> {
        let canary = shared.counts.standing.canary.total();
        let provider = shared.parts.canary.provider.as_deref();
        let drawn = shared.parts.ledger.extend_canary(&shared.parts.run.id, more, provider).await?;
        if drawn == 0 {
            return Ok(false);
        }
        let why: Vec<&str> = measured
            .iter()
            .filter(|one| matches!(one.proof, Proof::Open { .. }))
            .map(|one| one.words.as_str())
            .collect();
        shared.parts.progress.message(&format!(
            "canary extended by {drawn} to {}: {}",
            canary + drawn,
            why.join("; ")
        ));
        self.waiting = None;
        shared.counts.rest_total = shared.counts.rest_total.saturating_sub(drawn);
        shared.counts.standing = shared.parts.ledger.standing(&shared.parts.run.id).await?;
        shared.rewind();
        Ok(true)
    }

    /// Fails a canary while it is being sent, as soon as too many bounces or complaints are proved.
    /// The proof assumes that all members still open will be accepted.
    pub(super) async fn look_at_canary(&mut self, shared: &mut Shared) -> Result<()> {
        let is_going = shared.counts.phase == Cohort::Canary
            && shared.parts.run.gate == Gate::Ahead
            && self.waiting.is_none()
            && shared.why.is_none();
        if !is_going || self.looked_at.elapsed() < LOOK {
            return Ok(());
        }
        self.looked_at = Instant::now();
        let seen = shared.parts.ledger.canary_evidence(&shared.parts.run.id).await?;
        let at_best = shared.counts.standing.canary.get(Outcome::Accepted)
            + shared.counts.standing.canary.open;
        let measured =
            evidence::measured(shared, seen, at_best, evidence::growth(shared, seen).alpha());
        let over = measured
            .into_iter()
            .filter(|measured| measured.proof == Proof::Over)
            .map(|measured| measured.words);
        let evidence = over.collect::<Vec<_>>().join("; ");
        if !evidence.is_empty() {
            shared.latch(Gate::Failed { evidence: evidence.clone() }).await?;
            shared.stop_for(Why::CanaryFailed(evidence));
        }
        Ok(())
    }
}

/// Counts the canary's members that wait for a retry as deferred. Returns a note about these
/// members.
fn with_waiting_as_deferred(mut canary: Tally) -> (Tally, String) {
    let waiting = std::mem::take(&mut canary.open);
    canary.add(Outcome::Deferred, waiting);
    let put_off = if waiting == 0 {
        String::new()
    } else {
        format!(" ({} of them put off, and tried again)", grouped(waiting))
    };
    (canary, put_off)
}

async fn after_passing(
    shared: &mut Shared,
    view: &View,
    evidence: String,
    signals: &mut Signals,
) -> (Gate, Option<Why>) {
    // If no recipient is left, there is nothing to ask.
    let open = shared.counts.rest_is_left();
    let waits = |evidence: String| {
        (Gate::Waiting { evidence: evidence.clone() }, Some(Why::Waiting(evidence)))
    };
    let ask = shared.parts.ask;
    match shared.parts.then {
        Then::Stop if open => waits(evidence),
        Then::Ask if open => match ask {
            Some(ask) if asked(shared, view, ask, &evidence, signals).await => (
                Gate::Passed {
                    evidence,
                    by: Some("asked on the terminal".into()),
                    at: Some(Timestamp::now()),
                },
                None,
            ),
            _ => waits(evidence),
        },
        _ => (Gate::Passed { evidence, by: None, at: None }, None),
    }
}

/// Asks the operator on the terminal, and handles signals meanwhile. A stop signal counts as "no".
async fn asked(
    shared: &mut Shared,
    view: &View,
    ask: fn(&str) -> bool,
    evidence: &str,
    signals: &mut Signals,
) -> bool {
    shared.parts.progress.clear();
    let evidence = evidence.to_owned();
    let mut answer = tokio::task::spawn_blocking(move || ask(&evidence));
    loop {
        tokio::select! {
            yes = &mut answer => return yes.unwrap_or(false),
            request = signals.next() => {
                // End the line of the question, which has no line break yet.
                shared.parts.progress.message("");
                match request {
                    SignalRequest::Status => shared
                        .parts
                        .progress
                        .message(&view.snapshot(shared, None, 0).line()),
                    SignalRequest::Stop(exit) => {
                        shared.stop_for(Why::Signal { exit, failing: Vec::new() });
                        return false;
                    }
                }
            }
        }
    }
}
