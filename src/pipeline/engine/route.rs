//! Chooses the provider that gets the next recipients, and how many. The first provider in the
//! configured order that accepts mail is chosen.

use std::time::{Duration, Instant};

use super::provider_state::{Absence, Readiness, Share};
use super::shared::Shared;
use crate::ledger::InsteadOf;
use crate::model::outcome::Cohort;
use crate::pipeline::Why;
use crate::pipeline::chunk::Route;

/// A claim made this shortly before a retry is due may delay the retry.
const DUE_SOON: Duration = Duration::from_secs(3);

/// The provider that now gets the recipients planned for one provider.
pub(super) enum Taker {
    Through(usize),
    /// The chosen provider has as many chunks under way as it may have: wait until one returns.
    Busy,
    Later(Instant),
    /// No provider accepts these recipients any more in this execution.
    None,
}

pub(super) fn taker(shared: &Shared, first: usize, now: Instant) -> Taker {
    let mut wake: Option<Instant> = None;
    let mut all_final = true;
    for place in shared.candidates(first) {
        if shared.holds.covers_provider(place) {
            continue;
        }
        match shared.readiness(place, now) {
            Readiness::Takes => return Taker::Through(place),
            Readiness::Busy => return Taker::Busy,
            Readiness::Later(at) => return Taker::Later(at),
            Readiness::Out { back, is_final, .. } => {
                all_final &= is_final;
                wake = wake.into_iter().chain(back.filter(|_| !is_final)).min();
            }
        }
    }
    match wake {
        _ if all_final => Taker::None,
        Some(at) => Taker::Later(at),
        None => Taker::Busy,
    }
}

/// The most recipients of the next chunk through this provider, including `--limit`.
pub(super) fn chunk_size(
    shared: &Shared,
    through: usize,
    left: Option<u64>,
    now: Instant,
) -> usize {
    let connections: u64 =
        shared.parts.configured.iter().map(|configured| configured.in_flight as u64).sum();
    let fair_share = shared.counts.phase_tally().open / (2 * connections) + 1;
    let canary =
        (shared.counts.phase == Cohort::Canary).then(|| shared.counts.phase_tally().total());
    let is_due_soon = shared.retries.waiting.is_due_within(DUE_SOON);
    let most = shared.providers[through].most(
        &shared.parts.configured[through],
        Share { fair: fair_share, canary, is_due_soon },
        now,
    );
    usize::try_from(left.map_or(most, |left| most.min(left))).unwrap_or(usize::MAX)
}

/// Returns why a chunk bypasses its planned provider. Shows the operator when the provider that
/// takes over changes.
pub(super) fn passed_over(shared: &mut Shared, route: Route, now: Instant) -> Option<InsteadOf> {
    let (configured, first) = (&shared.parts.configured, &shared.providers[route.first]);
    let instead = (route.first != route.through).then_some(route.through);
    let why = match first.readiness(&configured[route.first], now, shared.parts.limits.wait_on_cap)
    {
        Readiness::Out { why, .. } if instead.is_some() => why.words(),
        _ if instead.is_some() => "it accepts nothing".to_owned(),
        _ => String::new(),
    };
    let (name, taker) = (&configured[route.first].name, &configured[route.through].name);
    let said = match (first.instead, instead) {
        (before, now) if before == now => None,
        (_, Some(_)) => Some(format!("failover from {name} to {taker}: {why}")),
        (_, None) => Some(format!("failover has ended: {name} takes its recipients again")),
    };
    if let Some(said) = said {
        tracing::info!(provider = name, "{said}");
        shared.parts.progress.message(&said);
    }
    let passed_over = instead.map(|_| InsteadOf { provider: name.clone(), why });
    shared.providers[route.first].instead = instead;
    passed_over
}

/// Stops the run, because every provider that could get the remaining recipients accepts nothing.
/// The reason is chosen in this order: a pause, caps and quotas, failures that may pass, permanent
/// failures.
pub(super) fn stop_without_provider(shared: &mut Shared) {
    let now = Instant::now();
    let (mut refusals, mut gave_up, mut caps, mut paused) = (Vec::new(), false, Vec::new(), None);
    for (place, configured) in shared.parts.configured.iter().enumerate() {
        let Readiness::Out { why, .. } = shared.readiness(place, now) else {
            continue;
        };
        match why {
            Absence::Paused(pause) => paused = Some(pause),
            Absence::Capped(text) | Absence::LeftAlone(text) => caps.push(text),
            Absence::Exhausted(refusal) => {
                let said = format!("{} {}", refusal.code, refusal.detail);
                caps.push(format!("the quota of {} is used up: {}", configured.name, said.trim()));
            }
            Absence::Stopped(refusal) => refusals.push((configured.name.clone(), refusal)),
            Absence::Failing(refusal) | Absence::GaveUp(refusal) => {
                gave_up = true;
                refusals.push((configured.name.clone(), refusal));
            }
        }
    }
    if let Some(pause) = paused {
        shared.stop_for(Why::Paused(pause));
        return;
    }
    shared.stop_for(match (caps.is_empty(), gave_up) {
        (false, _) => {
            let stopped = refusals.iter().map(|(name, refusal)| {
                format!(
                    "{name} takes nothing more: {}",
                    format!("{} {}", refusal.code, refusal.detail).trim()
                )
            });
            caps.extend(stopped);
            Why::Capped(caps.join("; "))
        }
        (true, true) => Why::Failing(refusals),
        (true, false) => Why::NoProvider(refusals),
    });
}
