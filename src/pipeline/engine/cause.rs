//! Finds the cause of a refusal that was given to one recipient but reads like a refusal of all
//! mail. The cause is the recipient, the receiving domain, or the provider.

use std::time::{Duration, Instant};

use super::exceptions::{CONTRASTS, RefusedFor};
use super::shared::Shared;
use crate::ledger::{Ask, LedgerRow, Settled};
use crate::model::error::Result;
use crate::model::verdict::{Health, Refusal, Reply, Verdict};
use crate::pipeline::chunk::Route;
use crate::pipeline::settle::Translated;

/// A receiving domain that accepted nothing through this provider for a whole retry period.
pub(super) struct GivenUp {
    domain: String,
    refusal: Refusal,
}

/// Decides whether a refusal given to one recipient is the provider's fault. If it is not, the
/// provider's health is reset to fine. Returns the receiving domain if all its recipients are given
/// up.
pub(super) async fn find(
    shared: &mut Shared,
    has_under_way: bool,
    route: Route,
    rows: &[LedgerRow],
    reply: &mut Reply,
) -> Result<Option<GivenUp>> {
    let now = Instant::now();
    let exceptions = &mut shared.providers[route.through].exceptions;
    let was_asked = exceptions.claim_returned();
    if exceptions.is_empty() && reply.concerns.is_none() {
        return Ok(None);
    }
    let of = |job| rows.iter().find(|row| row.row == job);
    let took =
        reply.items.iter().filter(|(_, verdict)| matches!(verdict, Verdict::Accepted { .. }));
    let took: Vec<&LedgerRow> = took.filter_map(|(job, _)| of(*job)).collect();
    let news = exceptions.took(&took, was_asked, now);
    if !news.is_empty() {
        // The slowdown was caused by the refused names, not by the provider.
        shared.providers[route.through].pacers.throttle.lift();
    }
    for domain in news.iter().filter(|name| !name.contains('@')) {
        let configured = &shared.parts.configured[route.through];
        tracing::info!(provider = configured.name, domain, "one receiving domain is refused");
        shared.parts.progress.message(&format!(
            "{} accepts nothing for {domain} for now: recipients at this domain wait, the others continue",
            configured.name
        ));
    }
    let is_passing = matches!(reply.health, Health::SlowDown(_) | Health::Failing(_));
    let Some(row) = reply.concerns.filter(|_| is_passing).and_then(of) else { return Ok(None) };
    let name = if shared.parts.redirect.is_some() {
        None
    } else {
        name_of(shared, has_under_way, route, row, &not_begun_of(rows, reply)).await?
    };
    let Some((name, is_left)) = name else {
        reply.health = if_for_good(std::mem::take(&mut reply.health));
        return Ok(None);
    };
    let provider = &mut shared.providers[route.through];
    let is_cautious = provider.is_cautious();
    let about = provider.exceptions.refused(&name, is_left, is_cautious, now);
    if about == RefusedFor::Provider {
        reply.health = if_for_good(std::mem::take(&mut reply.health));
        return Ok(None);
    }
    if about == RefusedFor::Unclear {
        // The members that have not started might be refused too. They wait until another recipient
        // has been tried.
        provider.withdraw();
    }
    reply.health = Health::Fine;
    let Some((_, verdict)) = reply.items.iter_mut().find(|(job, _)| *job == row.row) else {
        return Ok(None);
    };
    let Verdict::NotTaken { refusal, .. } = &*verdict else { return Ok(None) };
    let refusal = refusal.clone();
    if about == RefusedFor::Recipient {
        *verdict = match refusal.code.starts_with('5') {
            true => Verdict::Rejected(refusal.clone()),
            false => Verdict::NotTaken { refusal: refusal.clone(), counts: true },
        };
    }
    let policy = shared.parts.configured[route.through].retry;
    let Some((times, since)) = provider.exceptions.refusals(&name).filter(|_| name == row.domain)
    else {
        return Ok(None);
    };
    let lasts = since.map_or(Duration::ZERO, |since| now.saturating_duration_since(since));
    if about == RefusedFor::Recipient && lasts >= policy.give_up_after {
        return Ok(Some(GivenUp { domain: name, refusal }));
    }
    let until = now + policy.ceiling(times);
    shared.providers[route.first].queues.hold(&row.domain, until);
    Ok(None)
}

/// The name to charge the refusal to: the domain, or the address if the list has no other domain
/// left. The flag says whether another recipient can be tried for comparison. `None` if there is
/// neither another recipient nor earlier evidence, or if every remaining domain was refused.
/// Members in `not_begun` and rows under way count as recipients to try.
async fn name_of(
    shared: &Shared,
    has_under_way: bool,
    route: Route,
    row: &LedgerRow,
    not_begun: &[&LedgerRow],
) -> Result<Option<(String, bool)>> {
    let provider = &shared.providers[route.through];
    let (exceptions, has_one_domain) = (&provider.exceptions, provider.verdicts.has_one_domain());
    let [of_domain, of_address] = [&row.domain, &row.email].map(|name| exceptions.contrasts(name));
    let mut refused = exceptions.refused_domains();
    let is_refused_elsewhere = refused.iter().any(|domain| *domain != row.domain);
    refused.push(row.domain.clone());
    let is_left_over = |not: &[String]| {
        has_under_way || not_begun.iter().any(|member| !not.contains(&member.domain))
    };
    let names = [(&row.domain, of_domain, refused), (&row.email, of_address, Vec::new())];
    for (name, contrasts, not) in names.into_iter().skip(usize::from(has_one_domain)) {
        if contrasts >= CONTRASTS || is_left_over(&not) {
            return Ok(Some((name.clone(), true)));
        }
        let through = shared.providers[route.first].recipients.clone();
        let ask = Ask {
            cohort: shared.counts.cohort(),
            not_domains: not,
            through,
            limit: 1,
            ..Ask::default()
        };
        if !shared.parts.ledger.next(&shared.parts.run.id, ask).await?.is_empty() {
            return Ok(Some((name.clone(), true)));
        }
        if contrasts > 0 {
            return Ok(Some((name.clone(), false)));
        }
        if is_refused_elsewhere {
            return Ok(None);
        }
    }
    Ok(None)
}

/// The members of a claim that have not started.
fn not_begun_of<'a>(rows: &'a [LedgerRow], reply: &Reply) -> Vec<&'a LedgerRow> {
    rows.iter().filter(|row| reply.items.iter().all(|(job, _)| *job != row.row)).collect()
}

/// A permanent refusal by the provider itself stops the provider.
fn if_for_good(health: Health) -> Health {
    match health {
        Health::Failing(refusal) if refusal.code.starts_with('5') => Health::Stop(refusal),
        other => other,
    }
}

/// Settles the members of a claim that have not started and whose domain is given up.
pub(super) fn give_up(given_up: GivenUp, rows: &[LedgerRow], translated: &mut Translated) {
    let GivenUp { domain, refusal } = given_up;
    let is_of_it = |row| rows.iter().any(|member| member.row == row && member.domain == domain);
    for (row, settled) in &mut translated.items {
        if matches!(settled, Settled::Void) && is_of_it(*row) {
            *settled = Settled::GaveUp { refusal: refusal.clone(), counts: false };
        }
    }
    translated.void.retain(|row| !is_of_it(*row));
}
