//! From the canary to the rest: the canary is judged when each of its members has been attempted
//! once. Those who are put off count as they stand, and are sent to again beside the rest.
//!
//! The rule it keeps: what the canary failed by, or a person has to decide, is in the ledger before
//! anybody is told.

use std::time::{Duration, Instant};

use jiff::Timestamp;

use super::Engine;
use crate::ledger::{CanaryEvidence, FailuresQuery, Gate, with_failures};
use crate::model::error::Result;
use crate::model::figures::grouped;
use crate::model::outcome::{Cohort, Outcome};
use crate::model::pause::Watched;
use crate::pipeline::gate::{self, Growth, Measured, Next, Proof, Replies};
use crate::pipeline::receivers::{NO_SINGLE_COMPLAINTS, no_feedback_note};
use crate::pipeline::signals::Signals;
use crate::pipeline::{Then, Why};

/// How often the ledger is asked what has come back.
const LOOK: Duration = Duration::from_millis(500);

/// The canary has gone, and what comes back is waited for.
pub(super) struct Waiting {
    begun: Instant,
    look_at: Instant,
    /// When the last clock ends.
    pub(super) until: Timestamp,
}

/// What has come back about the canary, judged.
enum Found {
    Passed(String),
    Failed(String),
    /// Over a limit, and so little that it proves nothing.
    Unclear(String),
    /// There is time left, or more have been drawn.
    Later,
}

impl Engine {
    /// Nothing is in flight and nothing waits: judges the canary, or ends. Returns whether the run
    /// is over.
    pub(super) async fn phase_is_over(&mut self, signals: &mut Signals) -> Result<bool> {
        match &self.waiting {
            Some(waiting) if Instant::now() < waiting.look_at => return Ok(false),
            Some(_) => {}
            None => {
                self.standing = self.parts.ledger.standing(&self.parts.run.id).await?;
                self.show();
                if self.phase_tally().open > 0 && !self.canary_was_tried() {
                    // Opened again in the meantime, by a retry that came due or a claim that was
                    // not made. With nothing under way every queue may begin from the first row, so
                    // that nobody can be passed over.
                    self.watch.note_reopened();
                    self.rewind();
                    return Ok(false);
                }
                if self.phase == Cohort::Rest {
                    return Ok(true);
                }
            }
        }
        let (gate, why) = match self.judge().await? {
            Found::Later => return Ok(false),
            Found::Failed(evidence) => {
                (Gate::Failed { evidence: evidence.clone() }, Some(Why::CanaryFailed(evidence)))
            }
            Found::Unclear(evidence) => {
                (Gate::Waiting { evidence: evidence.clone() }, Some(Why::Waiting(evidence)))
            }
            Found::Passed(evidence) => self.after_passing(evidence, signals).await,
        };
        self.waiting = None;
        self.latch(gate).await?;
        // A signal heard at the question is the reason already.
        self.why = self.why.take().or(why);
        self.phase = Cohort::Rest;
        self.has_canary_beside = self.standing.canary.open > 0;
        self.rest_total += self.standing.canary.open;
        self.rewind();
        Ok(self.why.is_some() || self.phase_tally().open == 0)
    }

    /// Keeps the canary's judgement, and tells it.
    pub(super) async fn latch(&mut self, gate: Gate) -> Result<()> {
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

    /// Judges a canary all of which has gone.
    async fn judge(&mut self) -> Result<Found> {
        let rule = &self.parts.canary;
        let told = |words: String| {
            if rule.has_feedback { words } else { format!("{words} (provider replies only)") }
        };
        let mut canary = self.standing.canary;
        let waiting = std::mem::take(&mut canary.open);
        canary.add(Outcome::Deferred, waiting);
        let put_off = if waiting == 0 {
            String::new()
        } else {
            format!(" ({} of them put off, and tried again)", grouped(waiting))
        };
        let replies = match gate::replies(&canary, rule.max_failed) {
            Replies::Failed(evidence) => {
                let evidence = told(evidence + &put_off);
                return Ok(Found::Failed(self.located(Watched::Failed, &evidence).await?));
            }
            Replies::NoEvidence(evidence) => return Ok(Found::Unclear(evidence)),
            Replies::Passed(words) => words + &put_off,
        };
        let seen = self.parts.ledger.canary_evidence(&self.parts.run.id).await?;
        if rule.lacks_bounces && seen.is_none() && self.rest_is_left() {
            return Ok(Found::Unclear(format!(
                "{replies}; nothing reports bounces, which [canary] require = \"bounces\" asks for"
            )));
        }
        if !rule.has_feedback && seen.is_none() {
            return Ok(Found::Passed(told(replies)));
        }
        let accepted = self.standing.canary.get(Outcome::Accepted);
        // With nobody left, or nobody accepted, there is nothing to wait for.
        let nothing_to_learn = accepted == 0 || !self.rest_is_left();
        let growth =
            Growth { room: if nothing_to_learn { 0 } else { self.room() }, ..self.growth(seen) };
        let measured = self.measured(seen, accepted, growth.alpha());
        if let Some(watched) = over(&measured) {
            let words = self.in_words(&replies, &measured, accepted).await?;
            return Ok(Found::Failed(self.located(watched, &words).await?));
        }
        let left = [rule.wait, rule.wait_complained]
            .map(|wait| if nothing_to_learn { Duration::ZERO } else { self.time_left(wait) });
        let is_unclear = |(measured, left): (&Measured, &Duration)| {
            left.is_zero() && measured.proof == Proof::Open { is_over: true }
        };
        let unclear = !nothing_to_learn && measured.iter().zip(&left).any(is_unclear);
        let longest = left[0].max(left[1]);
        if !longest.is_zero() && (growth.room > 0 || !unclear) {
            self.wait_for(longest);
            return Ok(Found::Later);
        }
        let (measured, next) =
            match gate::next(|alpha| self.measured(seen, accepted, alpha), growth) {
                (measured, Next::Grow(more)) if self.extend(more, &measured).await? => {
                    return Ok(Found::Later);
                }
                (_, Next::Grow(_)) => gate::next(
                    |alpha| self.measured(seen, accepted, alpha),
                    Growth { room: 0, ..growth },
                ),
                judged => judged,
            };
        let words = self.in_words(&replies, &measured, accepted).await?;
        if let (Next::Failed, Some(watched)) = (&next, over(&measured)) {
            return Ok(Found::Failed(self.located(watched, &words).await?));
        }
        if !nothing_to_learn && self.is_deaf().await {
            return Ok(Found::Unclear(format!("{words}; nobody listens to webhooks any more")));
        }
        Ok(if next == Next::Unclear && !nothing_to_learn {
            Found::Unclear(words)
        } else {
            Found::Passed(words)
        })
    }

    /// All of the evidence, with the share of those of whom no complaint could have been heard.
    async fn in_words(
        &mut self,
        replies: &str,
        measured: &[Measured; 2],
        accepted: u64,
    ) -> Result<String> {
        let at = self.parts.ledger.canary_at(&self.parts.run.id, NO_SINGLE_COMPLAINTS).await?;
        Ok(format!(
            "{replies}; {}; {}{}",
            measured[0].words,
            measured[1].words,
            no_feedback_note(&at, accepted)
        ))
    }

    /// The evidence against a canary with the domain and the words that most of the failures share.
    async fn located(&mut self, watched: Watched, evidence: &str) -> Result<String> {
        let query = FailuresQuery {
            watched,
            cohort: Some(Cohort::Canary),
            provider: None,
            domain: None,
            since: Timestamp::UNIX_EPOCH,
        };
        let failures = self.parts.ledger.failures(&self.parts.run.id, query).await?;
        Ok(with_failures(evidence, &failures))
    }

    /// Whether the endpoint that would have told of bounces is gone: what nobody heard is no
    /// evidence that it did not happen.
    async fn is_deaf(&mut self) -> bool {
        let Some(is_listened) = self.parts.is_listened.clone() else { return false };
        tokio::task::spawn_blocking(move || !is_listened()).await.unwrap_or(false)
    }

    /// Bounces, then complaints, among so many who were accepted.
    fn measured(&self, seen: CanaryEvidence, accepted: u64, alpha: f64) -> [Measured; 2] {
        let rule = &self.parts.canary;
        let bounced = gate::measure("bounced", seen.bounced, accepted, rule.max_bounced, alpha);
        [
            bounced,
            gate::measure("complained", seen.complained, accepted, rule.max_complained, alpha),
        ]
    }

    /// How many more the canary may get by itself.
    fn room(&self) -> u64 {
        let canary = self.standing.canary.total();
        let rest = self.standing.tally.open - self.standing.canary.open;
        self.parts
            .canary
            .extend
            .map_or(0, |size| size.of(canary + rest).saturating_sub(canary).min(rest))
    }

    fn growth(&self, seen: CanaryEvidence) -> Growth {
        Growth { times: seen.extensions, size: self.standing.canary.total(), room: self.room() }
    }

    fn rest_is_left(&self) -> bool {
        self.standing.tally.open > self.standing.canary.open
            || self.standing.tally.get(Outcome::Held) > 0
    }

    /// What is left of a clock that began with the last hand-over, also when that was in an earlier
    /// execution. A clock that was set back makes it no longer.
    fn time_left(&self, wait: Duration) -> Duration {
        let since = self.standing.canary_at.map_or(Duration::ZERO, |at| {
            Duration::try_from(Timestamp::now().duration_since(at)).unwrap_or_default()
        });
        let here = self.waiting.as_ref().map_or(Duration::ZERO, |waiting| waiting.begun.elapsed());
        wait.saturating_sub(since.max(here))
    }

    /// Looks again soon, and tells once how long it is going to take.
    fn wait_for(&mut self, left: Duration) {
        let now = Instant::now();
        let look_at = now + left.min(LOOK);
        if let Some(waiting) = &mut self.waiting {
            waiting.look_at = look_at;
            return;
        }
        let until = Timestamp::now().checked_add(left).unwrap_or(Timestamp::MAX);
        self.waiting = Some(Waiting { begun: now, look_at, until });
        self.parts
            .progress
            .message(&format!("canary: waiting until {until:.0} for bounces and complaints"));
    }

    /// Draws more recipients into a canary that cannot tell. Returns whether there are any.
    async fn extend(&mut self, more: u64, measured: &[Measured; 2]) -> Result<bool> {
        let canary = self.standing.canary.total();
        let provider = self.parts.canary.provider.as_deref();
        let drawn = self.parts.ledger.extend_canary(&self.parts.run.id, more, provider).await?;
        if drawn == 0 {
            return Ok(false);
        }
        let why: Vec<&str> = measured
            .iter()
            .filter(|one| matches!(one.proof, Proof::Open { .. }))
            .map(|one| one.words.as_str())
            .collect();
        self.parts.progress.message(&format!(
            "canary extended by {drawn} to {}: {}",
            canary + drawn,
            why.join("; ")
        ));
        self.waiting = None;
        self.rest_total = self.rest_total.saturating_sub(drawn);
        self.standing = self.parts.ledger.standing(&self.parts.run.id).await?;
        self.rewind();
        Ok(true)
    }

    /// Fails a canary that is still going out as soon as it is proved, whatever becomes of those
    /// who are left of it.
    pub(super) async fn look_at_canary(&mut self) -> Result<()> {
        let is_going = self.phase == Cohort::Canary
            && self.parts.run.gate == Gate::Ahead
            && self.waiting.is_none()
            && self.why.is_none();
        if !is_going || self.looked_at.elapsed() < LOOK {
            return Ok(());
        }
        self.looked_at = Instant::now();
        let seen = self.parts.ledger.canary_evidence(&self.parts.run.id).await?;
        let at_best = self.standing.canary.get(Outcome::Accepted) + self.standing.canary.open;
        let measured = self.measured(seen, at_best, self.growth(seen).alpha());
        let over = measured
            .into_iter()
            .filter(|measured| measured.proof == Proof::Over)
            .map(|measured| measured.words);
        let evidence = over.collect::<Vec<_>>().join("; ");
        if !evidence.is_empty() {
            self.latch(Gate::Failed { evidence: evidence.clone() }).await?;
            self.stop_for(Why::CanaryFailed(evidence));
        }
        Ok(())
    }

    /// Every queue begins from the first row.
    fn rewind(&mut self) {
        self.providers.iter_mut().for_each(|provider| provider.queues.rewind());
    }

    async fn after_passing(
        &mut self,
        evidence: String,
        signals: &mut Signals,
    ) -> (Gate, Option<Why>) {
        // With nobody left there is nothing to decide.
        let open = self.rest_is_left();
        let waits = |evidence: String| {
            (Gate::Waiting { evidence: evidence.clone() }, Some(Why::Waiting(evidence)))
        };
        let ask = self.parts.ask;
        match self.parts.then {
            Then::Stop if open => waits(evidence),
            Then::Ask if open => match ask {
                Some(ask) if self.asked(ask, &evidence, signals).await => (
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

    /// Asks on the terminal and has_feedback signals meanwhile: whoever leaves has not said yes.
    async fn asked(
        &mut self,
        ask: fn(&str) -> bool,
        evidence: &str,
        signals: &mut Signals,
    ) -> bool {
        self.parts.progress.clear();
        let evidence = evidence.to_owned();
        let mut answer = tokio::task::spawn_blocking(move || ask(&evidence));
        loop {
            tokio::select! {
                yes = &mut answer => return yes.unwrap_or(false),
                request = signals.next() => {
                    // The question's line has no end yet.
                    self.parts.progress.message("");
                    self.on_signal(request);
                    if self.why.is_some() {
                        return false;
                    }
                }
            }
        }
    }
}

/// The first share that is over its limit for certain.
fn over(measured: &[Measured; 2]) -> Option<Watched> {
    let watched = [Watched::Bounced, Watched::Complained];
    measured
        .iter()
        .zip(watched)
        .find(|(measured, _)| measured.proof == Proof::Over)
        .map(|(_, watched)| watched)
}
