//! Decides whether a provider may be given a chunk now, and gives the reason if it may not.

use std::time::Instant;

use super::ProviderState;
use crate::ledger::Pause;
use crate::model::outcome::Reason;
use crate::model::verdict::Refusal;
use crate::pipeline::ConfiguredProvider;
use crate::pipeline::breaker::BreakerState;

/// Whether a provider may be given a chunk now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::pipeline::engine) enum Readiness {
    Takes,
    /// The maximum number of chunks is under way: wait until one returns.
    Busy,
    /// Wait until this time.
    Later(Instant),
    /// The provider accepts nothing, and other providers take over. `back` is when it may accept
    /// mail again; without a time, it returns when a probe succeeds. If `is_final`, it does not
    /// return in this execution.
    Out {
        back: Option<Instant>,
        is_final: bool,
        why: Absence,
    },
}

/// Why a provider accepts nothing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::pipeline::engine) enum Absence {
    /// The breaker is open after repeated failures.
    Failing(Refusal),
    /// An operator must first fix the provider's configuration or account.
    Stopped(Refusal),
    /// The provider has failed for longer than the retry period.
    GaveUp(Refusal),
    Capped(String),
    /// An operator has paused the provider.
    Paused(Pause),
    /// The provider asked for a pause longer than the retry period.
    LeftAlone(String),
    /// The quota that the provider grants this account is used up.
    Exhausted(Refusal),
}

impl Absence {
    /// The reason shown to the operator when other providers take over.
    pub(in crate::pipeline::engine) fn words(&self) -> String {
        let said =
            |refusal: &Refusal| format!("{} {}", refusal.code, refusal.detail).trim().to_owned();
        match self {
            Self::Failing(refusal) => format!("its breaker is open ({})", said(refusal)),
            Self::Stopped(refusal) => format!("it accepts nothing more ({})", said(refusal)),
            Self::GaveUp(refusal) => format!("it failed for too long ({})", said(refusal)),
            Self::Capped(text) | Self::LeftAlone(text) => text.clone(),
            Self::Paused(pause) => format!("it has been paused since {}", pause.words()),
            Self::Exhausted(refusal) => format!("its quota is used up ({})", said(refusal)),
        }
    }
}

impl ProviderState {
    /// Whether this provider may be given a chunk now.
    pub(in crate::pipeline::engine) fn readiness(
        &self,
        configured: &ConfiguredProvider,
        now: Instant,
        waits_on_cap: bool,
    ) -> Readiness {
        let out = |back, is_final, why| Readiness::Out { back, is_final, why };
        let failing = || {
            Absence::Failing(
                self.breaker
                    .last()
                    .cloned()
                    .unwrap_or_else(|| Refusal::new(Reason::Session, "", "")),
            )
        };
        let state = self.breaker.state(now);
        match state {
            BreakerState::Broken(refusal) => return out(None, true, Absence::Stopped(refusal)),
            BreakerState::Exhausted(refusal) => {
                return out(None, true, Absence::Exhausted(refusal));
            }
            BreakerState::GaveUp(refusal) => return out(None, true, Absence::GaveUp(refusal)),
            _ => {}
        }
        if let Some(pause) = &self.paused {
            return out(None, true, Absence::Paused(pause.clone()));
        }
        if let Some((until, text)) = self.capped.as_ref().filter(|(until, _)| *until > now) {
            return out(Some(*until), !waits_on_cap, Absence::Capped(text.clone()));
        }
        if let Some((until, text)) = self.left_alone.as_ref().filter(|(until, _)| *until > now) {
            return out(Some(*until), !waits_on_cap, Absence::LeftAlone(text.clone()));
        }
        match state {
            BreakerState::Open(until) => return out(Some(until), false, failing()),
            BreakerState::HalfOpen if self.under_way > 0 && self.breaker.is_open() => {
                return out(None, false, failing());
            }
            _ => {}
        }
        if self.goes_one_by_one() && self.under_way > 0 {
            return Readiness::Busy;
        }
        if let Some(until) = self.quiet_until.filter(|until| *until > now) {
            return Readiness::Later(until);
        }
        match state {
            BreakerState::Waits(until) => Readiness::Later(until),
            BreakerState::HalfOpen if self.under_way > 0 => Readiness::Busy,
            _ if self.trust.goes_alone() && self.under_way > 0 => Readiness::Busy,
            _ if self.under_way >= self.most_under_way(configured, now) => Readiness::Busy,
            _ => Readiness::Takes,
        }
    }
}
