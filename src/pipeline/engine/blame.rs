//! Decides what a provider's refusals prove. If the provider refuses every recipient, it is
//! stopped, the refused recipients are reopened, and the next start begins with one recipient.
//!
//! Invariant: one ledger transaction reopens the recipients and stores the brake, after all earlier
//! answers have been settled. After a crash in between, the next start draws the same conclusion
//! from the same refusals.

use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;

use super::provider_state::ProviderState;
use super::settlement::Settlement;
use super::shared::Shared;
use crate::ledger::{LedgerSuppression, Refusals};
use crate::model::address::Address;
use crate::model::error::Result;
use crate::model::outcome::Reason;
use crate::model::verdict::{
    Health, Refusal, Reply, RowNumber, SLOW_DOWN, Verdict, without_addresses,
};
use crate::pipeline::brake::LeftAlone;
use crate::pipeline::sameness::{Blame, Proved, Sameness};
use crate::pipeline::{Parts, brake, learning};
use crate::replies;

/// A wait that a provider names is stored for later runs only if it is at least this long.
const WORTH_REMEMBERING: Duration = Duration::from_secs(30);

/// Restores the states of the providers from the ledger.
pub(super) async fn provider_states(parts: &Parts) -> Result<Vec<ProviderState>> {
    let ledger = &parts.ledger;
    let brakes = ledger.recall(brake::KIND).await?;
    let waits = ledger.recall(brake::LEFT_ALONE).await?;
    let has_history = parts.standing.tally.open < parts.standing.tally.total();
    let redirected = parts.redirect.as_ref().map(Address::domain);
    let mut providers = Vec::with_capacity(parts.configured.len());
    for (place, configured) in parts.configured.iter().enumerate() {
        let refusals = ledger.refusals(&parts.run.id, &configured.name, has_history).await?;
        let mut brake = brakes.iter().find(|fact| fact.subject == configured.name).map(brake::sign);
        let (mut same, proved) = Sameness::resumed(&refusals, brake.clone(), redirected);
        let mut pending = Vec::new();
        if let Some(Proved::Refuses(blame)) = proved {
            // The previous process had proved that the provider refuses every recipient, but ended
            // before it acted on the proof.
            let fact = brake::fact(&configured.name, &blame.sign, Timestamp::now());
            ledger.absolve(&parts.run.id, blame.rows, Some(fact)).await?;
            brake = Some(blame.sign);
            let rest = ledger.refusals(&parts.run.id, &configured.name, has_history).await?;
            same = Sameness::resumed(&rest, brake.clone(), redirected).0;
        } else if !refusals.has_accepted && parts.learn.is_some() && parts.redirect.is_none() {
            pending = unlearned(&refusals, &configured.name);
        }
        let mut provider = ProviderState::new(parts, place, same, brake.is_some());
        provider.to_learn = pending;
        if let Some(left_alone) =
            waits.iter().find(|fact| fact.subject == configured.name).and_then(LeftAlone::of)
        {
            provider.leave_alone(&left_alone, configured);
            if left_alone.until > Timestamp::now() {
                parts.progress.message(&left_alone.words(&configured.name));
            }
        }
        providers.push(provider);
    }
    Ok(providers)
}

/// The suppressions to learn from the refusals of a provider that has accepted nothing yet.
fn unlearned(refusals: &Refusals, provider: &str) -> Vec<(RowNumber, LedgerSuppression)> {
    let gone = refusals.since.iter().filter(|refused| replies::is_certainly_gone(&refused.code));
    gone.filter_map(|refused| {
        let refusal =
            Refusal { mailbox_gone: true, ..Refusal::new(Reason::MailboxGone, &*refused.code, "") };
        let learned = LedgerSuppression::learned(
            &refused.email,
            provider,
            &Verdict::Rejected(refusal),
            Timestamp::now(),
        );
        learned.map(|learned| (refused.row, learned))
    })
    .collect()
}

/// Acts on what the provider's answers have proved so far, and returns the provider's health.
/// `has_accepted` is true if the provider has just accepted a recipient.
pub(super) async fn weigh(
    shared: &mut Shared,
    settlement: &mut Settlement,
    through: usize,
    health: Health,
    has_accepted: bool,
) -> Result<Health> {
    let provider = &mut shared.providers[through];
    let name = shared.parts.configured[through].name.clone();
    if has_accepted {
        if provider.is_braked {
            shared.parts.ledger.forget(brake::KIND, &name).await?;
            shared.parts.ledger.forget(brake::LEFT_ALONE, &name).await?;
        }
        provider.accepted();
    }
    if let Some(blame) = provider.verdicts.refuses_every_recipient().filter(|_| !provider.is_proved)
    {
        provider.is_proved = true;
        provider.breaker.stop(blame.refusal.clone());
        take_back(shared, settlement, through, blame).await?;
    }
    if let Some(blame) = shared.providers[through].verdicts.take_slow() {
        settlement.settle_all().await?;
        shared.parts.ledger.absolve(&shared.parts.run.id, blame.rows, None).await?;
        if health == Health::Fine {
            return Ok(Health::SlowDown(SLOW_DOWN));
        }
    }
    if let Health::Stop(refusal) | Health::Exhausted(refusal) = &health {
        let sign = replies::sign(&refusal.code, &refusal.detail, "", "");
        shared.parts.ledger.remember(brake::fact(&name, &sign, Timestamp::now())).await?;
    }
    Ok(health)
}

/// Stores the wait that the provider named, if it is long enough to matter to later runs.
pub(super) async fn keep_wait(shared: &mut Shared, through: usize, reply: &Reply) -> Result<()> {
    let Health::SlowDown(wait) = reply.health else { return Ok(()) };
    let configured = &shared.parts.configured[through];
    if !reply.is_wait_named || wait < WORTH_REMEMBERING.min(configured.retry.give_up_after) {
        return Ok(());
    }
    let Ok(until) = Timestamp::now().checked_add(wait) else { return Ok(()) };
    let refusal = reply.given_back_for().map(without_addresses);
    let said = refusal
        .map(|refusal| format!("{} {}", refusal.code, refusal.detail).trim().to_owned())
        .unwrap_or_default();
    let left_alone = LeftAlone { until, said };
    shared.parts.ledger.remember(left_alone.fact(&configured.name, Timestamp::now())).await?;
    if wait > configured.retry.give_up_after {
        shared.parts.progress.message(&left_alone.words(&configured.name));
        shared.providers[through].leave_alone(&left_alone, configured);
    }
    Ok(())
}

/// Reopens the recipients whose refusals have proved that the provider refuses every recipient.
async fn take_back(
    shared: &mut Shared,
    settlement: &mut Settlement,
    through: usize,
    blame: Blame,
) -> Result<()> {
    settlement.settle_all().await?;
    let name = &shared.parts.configured[through].name;
    let fact = brake::fact(name, &blame.sign, Timestamp::now());
    let opened =
        shared.parts.ledger.absolve(&shared.parts.run.id, blame.rows.clone(), Some(fact)).await?;
    tracing::info!(
        provider = name,
        opened,
        "the provider refuses every recipient: its refusals are withdrawn"
    );
    for provider in &mut shared.providers {
        provider.verdicts.absolve(&blame.rows);
        provider.to_learn.retain(|(row, _)| !blame.rows.contains(row));
    }
    shared.counts.standing = shared.parts.ledger.standing(&shared.parts.run.id).await?;
    shared.holds.note_reopened();
    Ok(())
}

/// Returns the suppressions to record now. A suppression is kept back while the refusal may still
/// prove to be the provider's fault.
pub(super) fn learned(
    shared: &mut Shared,
    through: usize,
    learned: Vec<(RowNumber, LedgerSuppression)>,
) -> Vec<LedgerSuppression> {
    let provider = &mut shared.providers[through];
    provider.to_learn.extend(learned);
    if provider.to_learn.is_empty() || provider.is_proved {
        return Vec::new();
    }
    let verdicts = Arc::clone(&provider.verdicts);
    provider
        .to_learn
        .extract_if(.., |(row, _)| !verdicts.is_open(*row))
        .map(|(_, learned)| learned)
        .collect()
}

/// At the end, records the suppressions that were kept back, for each provider that has accepted a
/// recipient and was not found to refuse every recipient.
pub(super) async fn learn_rest(shared: &mut Shared) -> Result<()> {
    for provider in &mut shared.providers {
        let learned = std::mem::take(&mut provider.to_learn);
        if provider.verdicts.has_accepted() && !provider.is_proved {
            learning::keep(
                &shared.parts,
                learned.into_iter().map(|(_, learned)| learned).collect(),
            )
            .await?;
        }
    }
    Ok(())
}
