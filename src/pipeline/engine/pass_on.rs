//! Passes a recipient to the next provider if the current provider did not accept it within the
//! retry period.
//!
//! Invariant: each provider gets a recipient at most once, so a recipient that none of them accepts
//! ends as `deferred`. A recipient that was refused permanently, or whose outcome is unknown, is
//! never passed on.

use std::time::Instant;

use jiff::Timestamp;

use super::shared::Shared;
use crate::ledger::{LedgerRow, Settled};
use crate::pipeline::settle::{RetryStart, Translated};

/// Passes each recipient that would end as `deferred` to the first provider that accepts mail and
/// has not tried it.
pub(super) fn pass_on(
    shared: &mut Shared,
    through: usize,
    rows: &[LedgerRow],
    translated: &mut Translated,
) {
    let is_given_up =
        |settled: &Settled| matches!(settled, Settled::GaveUp { .. } | Settled::Expired);
    if shared.providers.len() < 2
        || !translated.items.iter().any(|(_, settled)| is_given_up(settled))
    {
        return;
    }
    let now = Instant::now();
    let able: Vec<usize> = shared.stand_ins(through, now).collect();
    for (row, settled) in &mut translated.items {
        let (refusal, counts) = match &*settled {
            Settled::GaveUp { refusal, counts } => (Some(refusal.clone()), *counts),
            Settled::Expired => (None, false),
            _ => continue,
        };
        let passed_on = shared.retries.starts.get(row);
        let Some(next) = able
            .iter()
            .copied()
            .find(|place| passed_on.is_none_or(|passed_on| !passed_on.from.contains(place)))
        else {
            continue;
        };
        let (from, to) =
            (&shared.parts.configured[through].name, &shared.parts.configured[next].name);
        if shared.retries.failovers.insert((through, next)) {
            let said = format!(
                "failover from {from} to {to}: {from} did not accept some recipients within retry.for"
            );
            tracing::info!(provider = from, "{said}");
            shared.parts.progress.message(&said);
        }
        let said = refusal
            .as_ref()
            .map(|refusal| format!(" ({})", format!("{} {}", refusal.code, refusal.detail).trim()));
        let why = format!(
            "it did not take this one recipient within retry.for{}",
            said.unwrap_or_default()
        );
        let attempts = rows
            .iter()
            .find(|member| member.row == *row)
            .map_or(0, |member| member.attempts + u32::from(counts));
        let passed_on = shared.retries.starts.entry(*row).or_insert_with(|| RetryStart {
            at: Timestamp::now(),
            attempts,
            from: Vec::new(),
        });
        (passed_on.at, passed_on.attempts) = (Timestamp::now(), attempts);
        passed_on.from.push(through);
        *settled = Settled::PassedOn { refusal, counts, to: to.clone(), why };
    }
}
