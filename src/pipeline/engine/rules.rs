//! The pause rules while the rest goes out: a broken one holds the run, a provider or a receiving
//! domain until a person decides.
//!
//! The rule it keeps: a hold is latched in the ledger before anything else, so that every later
//! start repeats it. Held recipients have their outcome at once; those on their way go, or are held
//! when they come back.

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

/// The rules are looked at no more often than this.
const LOOK: Duration = Duration::from_millis(500);
/// And so much less often than a look takes, which reads a run's rows through.
const SHARE: u32 = 10;

/// The watch over the pause rules of an execution.
pub(super) struct RuleWatch {
    /// A look at the ledger on its way, and how long it took; dropped with this.
    looking: JoinSet<Result<(Duration, Vec<Broken>)>>,
    look_at: Instant,
    /// Recipients handed over before then do not count: a person let the run go on.
    since: Option<Timestamp>,
    /// When the holds are applied again at the earliest.
    sweep_at: Instant,
}

/// What is on its way while the rules are looked at.
pub(super) struct UnderWay<'a> {
    /// Rows whose chunk has not come back.
    pub(super) rows: &'a HashSet<RowNumber>,
    /// Whether a chunk has not come back.
    pub(super) has_chunks: bool,
    /// Whether all that was answered is in the ledger.
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

    /// Looks at the rules now and then, and applies their holds.
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
                Error::internal(format!("looking at the pause rules stopped: {e}"))
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

    /// Holds each open recipient that is not on its way: at once where the hold is new, and now and
    /// then those who have come back since. All of a run's open rows are read through for each
    /// hold.
    async fn sweep(&mut self, shared: &mut Shared, under_way: &UnderWay<'_>) -> Result<()> {
        let begun = Instant::now();
        // With nothing under way the search delays no recipient, and only held ones may be left.
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
                // Some of those who wait have their outcome now; the others are found when they are
                // due.
                shared.retries.waiting = WaitingRetries::default();
            }
        }
        self.sweep_at = Instant::now() + begun.elapsed() * SHARE;
        Ok(())
    }
}

/// A rule is broken: it stops the run, or holds a provider or a receiving domain.
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
            // One that an earlier execution went through takes nothing of this one.
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
    // Those who have just come back may not be settled when the first look at them is taken.
    shared.holds.note_reopened();
    shared.latch(Gate::Stopped { evidence: shared.holds.evidence() }).await?;
    if let Some(place) = place {
        shared.providers[place].stop.send_replace(true);
    }
    Ok(())
}
