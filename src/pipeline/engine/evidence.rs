//! Describes the evidence about a canary: the bounces and complaints so far, and what they prove.

use jiff::Timestamp;

use super::shared::Shared;
use crate::ledger::{CanaryEvidence, FailuresQuery, with_failures};
use crate::model::error::Result;
use crate::model::outcome::Cohort;
use crate::model::pause::Watched;
use crate::pipeline::gate::{self, Growth, Measured, Proof};
use crate::pipeline::receivers::{NO_SINGLE_COMPLAINTS, no_feedback_note};

/// Returns the whole evidence as text, including the share of recipients whose mailbox providers
/// report no complaints.
pub(super) async fn in_words(
    shared: &Shared,
    replies: &str,
    measured: &[Measured; 2],
    accepted: u64,
) -> Result<String> {
    let at = shared.parts.ledger.canary_at(&shared.parts.run.id, NO_SINGLE_COMPLAINTS).await?;
    Ok(format!(
        "{replies}; {}; {}{}",
        measured[0].words,
        measured[1].words,
        no_feedback_note(&at, accepted)
    ))
}

/// Adds to the evidence the receiving domain and the reply that most of the canary's failures have
/// in common.
pub(super) async fn located(shared: &Shared, watched: Watched, evidence: &str) -> Result<String> {
    let query = FailuresQuery {
        watched,
        cohort: Some(Cohort::Canary),
        provider: None,
        domain: None,
        since: Timestamp::UNIX_EPOCH,
    };
    let failures = shared.parts.ledger.failures(&shared.parts.run.id, query).await?;
    Ok(with_failures(evidence, &failures))
}

/// Whether the listener that receives bounces has stopped. If so, the absence of bounces proves
/// nothing.
pub(super) async fn has_no_listener(shared: &Shared) -> bool {
    let Some(is_listened) = shared.parts.is_listened.clone() else { return false };
    tokio::task::spawn_blocking(move || !is_listened()).await.unwrap_or(false)
}

/// Measures the bounces, then the complaints, among `accepted` recipients.
pub(super) fn measured(
    shared: &Shared,
    seen: CanaryEvidence,
    accepted: u64,
    alpha: f64,
) -> [Measured; 2] {
    let rule = &shared.parts.canary;
    let bounced = gate::measure("bounced", seen.bounced, accepted, rule.max_bounced, alpha);
    [bounced, gate::measure("complained", seen.complained, accepted, rule.max_complained, alpha)]
}

/// How many more recipients may be added to the canary automatically.
pub(super) fn room(shared: &Shared) -> u64 {
    let canary = shared.counts.standing.canary.total();
    let rest = shared.counts.standing.tally.open - shared.counts.standing.canary.open;
    shared
        .parts
        .canary
        .extend
        .map_or(0, |size| size.of(canary + rest).saturating_sub(canary).min(rest))
}

pub(super) fn growth(shared: &Shared, seen: CanaryEvidence) -> Growth {
    Growth {
        times: seen.extensions,
        size: shared.counts.standing.canary.total(),
        room: room(shared),
    }
}

/// The first measured share that is proved to be over its limit.
pub(super) fn over(measured: &[Measured; 2]) -> Option<Watched> {
    let watched = [Watched::Bounced, Watched::Complained];
    measured
        .iter()
        .zip(watched)
        .find(|(measured, _)| measured.proof == Proof::Over)
        .map(|(_, watched)| watched)
}
