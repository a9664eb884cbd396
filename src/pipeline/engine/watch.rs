//! The pause rules while the rest goes out: a broken one holds the run, a provider or a receiving
//! domain until a person decides.
//!
//! The rule it keeps: a hold is latched in the ledger before anything else, so that every later
//! start repeats it. Whoever is held has his outcome at once, but for those on their way, who go or
//! are held when they come back.

use std::time::{Duration, Instant};

use jiff::Timestamp;
use tokio::task::JoinSet;

use super::Engine;
use super::later::Later;
use crate::ledger::{FailuresQuery, Gate, Hold, LedgerRow, with_failures};
use crate::model::error::{Error, Result};
use crate::model::outcome::{Cohort, Outcome};
use crate::model::pause::{Broken, Scope};
use crate::pipeline::chunk::Route;
use crate::pipeline::{Parts, Why};
use crate::provider::RowNumber;

/// The rules are looked at no more often than this.
const LOOK: Duration = Duration::from_millis(500);
/// And so much less often than a look takes, which reads a run's rows through.
const SHARE: u32 = 10;

/// What an execution knows of its pause rules.
pub(super) struct Watch {
    /// A look at the ledger on its way, and how long it took; dropped with this.
    looking: JoinSet<Result<(Duration, Vec<Broken>)>>,
    look_at: Instant,
    /// Nothing handed over before then counts: a person let the run go on.
    since: Option<Timestamp>,
    held: Vec<Held>,
    /// Somebody has come back without an outcome since all of those who are held were looked for,
    /// so that there may be more of them.
    has_reopened: bool,
    sweep_at: Instant,
}

struct Held {
    broken: Broken,
    is_new: bool,
    /// The place of a provider.
    place: Option<usize>,
    hold: Hold,
}

impl Watch {
    pub(super) fn new(parts: &Parts) -> Self {
        let since = match &parts.run.gate {
            Gate::Passed { at, .. } => *at,
            _ => None,
        };
        Self {
            looking: JoinSet::new(),
            look_at: Instant::now(),
            since,
            held: Vec::new(),
            has_reopened: false,
            sweep_at: Instant::now(),
        }
    }

    /// Somebody is open again, or will be when what is being settled has been, who may be held.
    pub(super) fn note_reopened(&mut self) {
        self.has_reopened = true;
    }

    /// Whether one of these may be held, who came back from a provider at this place.
    pub(super) fn may_hold(&self, rows: &[LedgerRow], route: Route) -> bool {
        let held = |held: &Held| match &held.hold {
            Hold::Domain(domain) => rows.iter().any(|row| row.domain == *domain),
            Hold::Through(_) => [route.first, route.through].map(Some).contains(&held.place),
        };
        self.held.iter().any(held)
    }

    pub(super) fn holds_provider(&self, place: usize) -> bool {
        self.held.iter().any(|held| held.place == Some(place))
    }

    pub(super) fn holds_domain(&self, domain: &str) -> bool {
        self.held.iter().any(|held| held.broken.by == Scope::Domain && held.broken.name == domain)
    }

    fn evidence(&self) -> String {
        self.held.iter().map(|held| held.broken.evidence.as_str()).collect::<Vec<_>>().join("; ")
    }

    /// Why an execution that had nobody left to send to did not reach everybody.
    pub(super) fn why(&self) -> Option<Why> {
        (!self.held.is_empty()).then(|| Why::Rule(self.evidence()))
    }
}

impl Engine {
    /// Looks at the rules now and then, and holds whom they hold.
    pub(super) async fn watch_rules(&mut self) -> Result<()> {
        if self.parts.rules.is_empty() || self.phase == Cohort::Canary {
            return Ok(());
        }
        while let Some(looked) = self.watch.looking.try_join_next() {
            let (took, broken) = looked.map_err(|e| {
                Error::internal(format!("looking at the pause rules stopped: {e}"))
            })??;
            self.watch.look_at = Instant::now() + LOOK.max(took * SHARE);
            for broken in broken {
                self.broke(broken).await?;
            }
        }
        self.sweep().await?;
        if self.why.is_none()
            && self.watch.looking.is_empty()
            && Instant::now() >= self.watch.look_at
        {
            let (parts, since) = (self.parts.clone(), self.watch.since);
            let (ledger, rules, run) =
                (parts.ledger.clone(), parts.rules.clone(), parts.run.id.clone());
            self.watch.looking.spawn(async move {
                let (begun, mut broken) = (Instant::now(), Vec::new());
                for rule in rules {
                    let from = Timestamp::now().checked_sub(rule.within).unwrap_or(Timestamp::MIN);
                    let from = since.map_or(from, |since| since.max(from));
                    let fared = ledger.fared(&run, rule.watched, from, rule.min_events).await?;
                    for mut one in rule.broken(&fared) {
                        let name = |scope: Scope| (one.by == scope).then(|| one.name.clone());
                        let (provider, domain) = (name(Scope::Provider), name(Scope::Domain));
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

    async fn broke(&mut self, broken: Broken) -> Result<()> {
        let known = self
            .watch
            .held
            .iter()
            .any(|held| (held.broken.by, &held.broken.name) == (broken.by, &broken.name));
        if known || self.why.is_some() {
            return Ok(());
        }
        let (place, hold) = match broken.by {
            Scope::Run => {
                let evidence = broken.evidence;
                self.latch(Gate::Stopped { evidence: evidence.clone() }).await?;
                self.stop_for(Why::Rule(evidence));
                return Ok(());
            }
            Scope::Domain => (None, Hold::Domain(broken.name.clone())),
            Scope::Provider => {
                // One that an earlier execution went through takes nothing of this one.
                let Some(place) = self
                    .parts
                    .configured
                    .iter()
                    .position(|configured| configured.name == broken.name)
                else {
                    return Ok(());
                };
                (Some(place), Hold::Through(self.providers[place].recipients.clone()))
            }
        };
        self.watch.held.push(Held { broken, is_new: true, place, hold });
        // Those who have just come back may not be settled when the first look at them is taken.
        self.watch.note_reopened();
        self.latch(Gate::Stopped { evidence: self.watch.evidence() }).await?;
        if let Some(place) = place {
            self.providers[place].stop.send_replace(true);
        }
        Ok(())
    }

    /// Holds everybody who is open and not on the way: at once where the hold is new, and now and
    /// then those who have come back since. All of a run's open rows are read through for each
    /// hold.
    async fn sweep(&mut self) -> Result<()> {
        let begun = Instant::now();
        // With nothing under way looking for them keeps nobody waiting, and nothing but them may be
        // left.
        let is_idle = self.is_idle();
        let again = self.watch.has_reopened && (is_idle || begun >= self.watch.sweep_at);
        if self.watch.held.is_empty() || !(again || self.watch.held.iter().any(|held| held.is_new))
        {
            return Ok(());
        }
        if again && self.settling.is_empty() && self.gathered.is_empty() {
            self.watch.has_reopened = false;
        }
        for held in self.watch.held.iter_mut().filter(|held| again || held.is_new) {
            held.is_new = false;
            let out: Vec<RowNumber> = self.out.iter().copied().collect();
            let count = self
                .parts
                .ledger
                .hold(&self.parts.run.id, held.hold.clone(), out, &held.broken.evidence)
                .await?;
            if count > 0 {
                self.standing.tally.open = self.standing.tally.open.saturating_sub(count);
                self.standing.tally.add(Outcome::Held, count);
                self.providers.iter_mut().for_each(|provider| provider.queues.forget_ahead());
                // Some of those who wait have their outcome now; the others are found when they are
                // due.
                self.later = Later::default();
            }
        }
        self.watch.sweep_at = Instant::now() + begun.elapsed() * SHARE;
        Ok(())
    }
}
