//! Checks the pause rules while the rest of the run is sent. A triggered rule holds the run, a
//! provider or a receiving domain until an operator decides.
//!
//! Invariant: a hold is recorded in the ledger first, so that every later start applies it again.
//! Recipients that are held get their outcome at once. Recipients under way are sent, or held when
//! they return.

use std::collections::HashSet;
use std::time::{Duration, Instant};

use jiff::Timestamp;
use tokio::task::JoinSet;

use super::holds::Held;
use super::retries::WaitingRetries;
use super::shared::Shared;
use crate::ledger::{FailuresQuery, Gate, Hold, with_failures};
use crate::model::error::{Error, Result};
use crate::model::outcome::{Cohort, Outcome};
use crate::model::pause::{Broken, RuleScope};
use crate::model::verdict::RowNumber;
use crate::pipeline::{Parts, Why};

/// The rules are checked at most this often.
const LOOK: Duration = Duration::from_millis(500);
/// A check reads all rows of the run, so the next check waits at least this many times as long as
/// the last one took.
const SHARE: u32 = 10;

/// The checks of the pause rules in an execution.
pub(super) struct RuleWatch {
    /// A check running in the background, and how long it took. Dropping this value aborts the
    /// check.
    looking: JoinSet<Result<(Duration, Vec<Broken>)>>,
    look_at: Instant,
    /// Submissions before this time do not count, because an operator has let the run continue
    /// then.
    since: Option<Timestamp>,
    /// The earliest time to apply the holds again.
    sweep_at: Instant,
}

/// Which rows were under way when the check started.
pub(super) struct UnderWay<'a> {
    /// The rows of chunks under way.
    pub(super) rows: &'a HashSet<RowNumber>,
    /// Whether any chunk is under way.
    pub(super) has_chunks: bool,
    /// Whether all answers are in the ledger.
    pub(super) is_settled: bool,
}

impl RuleWatch {
    pub(super) fn new(parts: &Parts, now: Instant) -> Self {
        let since = match &parts.run.gate {
            Gate::Passed { at, .. } => *at,
            _ => None,
        };
        Self { looking: JoinSet::new(), look_at: now, since, sweep_at: now }
    }

    /// Checks the rules periodically, and applies their holds.
    pub(super) async fn look(
        &mut self,
        shared: &mut Shared,
        under_way: &UnderWay<'_>,
    ) -> Result<()> {
        if shared.parts.rules.is_empty() || shared.counts.phase == Cohort::Canary {
            return Ok(());
        }
        while let Some(looked) = self.looking.try_join_next() {
            let (took, broken) = looked.map_err(|e| {
                Error::internal(format!("the check of the pause rules failed: {e}"))
            })??;
            self.look_at = Instant::now() + LOOK.max(took * SHARE);
            for broken in broken {
                apply(shared, broken).await?;
            }
        }
        self.sweep(shared, under_way).await?;
        if shared.why.is_none() && self.looking.is_empty() && Instant::now() >= self.look_at {
            let (parts, since) = (shared.parts.clone(), self.since);
            let (ledger, rules, run) =
                (parts.ledger.clone(), parts.rules.clone(), parts.run.id.clone());
            self.looking.spawn(async move {
                let (begun, mut broken) = (Instant::now(), Vec::new());
                for rule in rules {
                    let from = Timestamp::now().checked_sub(rule.within).unwrap_or(Timestamp::MIN);
                    let from = since.map_or(from, |since| since.max(from));
                    let rates =
                        ledger.feedback_rates(&run, rule.watched, from, rule.min_events).await?;
                    for mut one in rule.broken(&rates) {
                        let name = |scope: RuleScope| (one.by == scope).then(|| one.name.clone());
                        let (provider, domain) =
                            (name(RuleScope::Provider), name(RuleScope::Domain));
                        let query = FailuresQuery {
                            watched: rule.watched,
                            cohort: None,
                            provider,
                            domain,
                            since: from,
                        };
                        let failures = ledger.failures(&run, query).await?;
                        one.evidence = with_failures(&one.evidence, &failures);
                        broken.push(one);
                    }
                }
                Ok((begun.elapsed(), broken))
            });
        }
        Ok(())
    }

    /// Holds each open recipient that is not under way. A new hold is applied at once; it is
    /// applied again later to recipients that have returned since. Applying a hold reads all open
    /// rows of the run.
    async fn sweep(&mut self, shared: &mut Shared, under_way: &UnderWay<'_>) -> Result<()> {
        let begun = Instant::now();
        // If nothing is under way, the search delays no recipient. It must run then, because all
        // open recipients may be held.
        let is_idle = !under_way.has_chunks && under_way.is_settled;
        let again = shared.holds.has_reopened && (is_idle || begun >= self.sweep_at);
        if shared.holds.all.is_empty()
            || !(again || shared.holds.all.iter().any(|held| held.is_new))
        {
            return Ok(());
        }
        if again && under_way.is_settled {
            shared.holds.has_reopened = false;
        }
        for held in shared.holds.all.iter_mut().filter(|held| again || held.is_new) {
            held.is_new = false;
            let out: Vec<RowNumber> = under_way.rows.iter().copied().collect();
            let count = shared
                .parts
                .ledger
                .hold(&shared.parts.run.id, held.hold.clone(), out, &held.broken.evidence)
                .await?;
            if count > 0 {
                shared.counts.standing.tally.open =
                    shared.counts.standing.tally.open.saturating_sub(count);
                shared.counts.standing.tally.add(Outcome::Held, count);
                shared.providers.iter_mut().for_each(|provider| provider.queues.forget_ahead());
                // Some waiting recipients are held now. The ledger returns the others when they are
                // due.
                shared.retries.waiting = WaitingRetries::default();
            }
        }
        self.sweep_at = Instant::now() + begun.elapsed() * SHARE;
        Ok(())
    }
}

/// Applies a triggered rule: it stops the run, or holds a provider or a receiving domain.
async fn apply(shared: &mut Shared, broken: Broken) -> Result<()> {
    let known = shared
        .holds
        .all
        .iter()
        .any(|held| (held.broken.by, &held.broken.name) == (broken.by, &broken.name));
    if known || shared.why.is_some() {
        return Ok(());
    }
    let (place, hold) = match broken.by {
        RuleScope::Run => {
            let evidence = broken.evidence;
            shared.latch(Gate::Stopped { evidence: evidence.clone() }).await?;
            shared.stop_for(Why::Rule(evidence));
            return Ok(());
        }
        RuleScope::Domain => (None, Hold::Domain(broken.name.clone())),
        RuleScope::Provider => {
            // This execution does not use the provider, so no recipient needs to be held.
            let Some(place) = shared
                .parts
                .configured
                .iter()
                .position(|configured| configured.name == broken.name)
            else {
                return Ok(());
            };
            (Some(place), Hold::Through(shared.providers[place].recipients.clone()))
        }
    };
    shared.holds.all.push(Held { broken, is_new: true, place, hold });
    // Recipients that have just returned may not be settled yet, so the hold is applied again
    // later.
    shared.holds.note_reopened();
    shared.latch(Gate::Stopped { evidence: shared.holds.evidence() }).await?;
    if let Some(place) = place {
        shared.providers[place].stop.send_replace(true);
    }
    Ok(())
}
