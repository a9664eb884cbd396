//! Verdicts become outcomes: retries are scheduled, what was learned is kept, nobody who was begun is forgotten.

use std::collections::HashMap;
use std::time::Instant;

use jiff::Timestamp;

use crate::ledger::{LedgerRow, LedgerSuppression, Settled};
use crate::outcome::{Outcome, Reason};
use crate::pipeline::RetryPolicy;
use crate::pipeline::retry::draw;
use crate::provider::{JobId, Reply, Verdict};

use super::heard::Heard;
use super::lanes::Lanes;

/// A claim's reply, translated.
pub(crate) struct Translated {
    pub(crate) items: Vec<(JobId, Settled)>,
    /// What was learned about which row.
    pub(crate) learned: Vec<(JobId, LedgerSuppression)>,
    /// Rows that are open again at once: never begun.
    pub(crate) void: Vec<JobId>,
}

/// What the verdicts of a claim are judged by, and what learns from them.
pub(crate) struct Judge<'a> {
    pub(crate) policy: RetryPolicy,
    /// Its members share requests: those who come back from one go on together.
    pub(crate) shares: bool,
    pub(crate) lanes: &'a mut Lanes,
    /// The provider that answered, where what it says about people is learned.
    pub(crate) learn: Option<&'a str>,
    /// What the provider's answers have proved together.
    pub(crate) heard: &'a Heard,
    /// Those who were passed on from other providers.
    pub(crate) passed_on: &'a HashMap<JobId, PassedOn>,
}

/// A recipient that one provider did not take for as long as retries last, and that goes through another one instead.
#[derive(Debug)]
pub(crate) struct PassedOn {
    /// When the latest of them was given it, from which its retries count.
    pub(crate) at: Timestamp,
    /// Attempts until then.
    pub(crate) attempts: u32,
    /// The places of those that it has been passed on from.
    pub(crate) from: Vec<usize>,
}

/// A claim that has come back.
pub(crate) struct Returned<'a> {
    pub(crate) rows: &'a [LedgerRow],
    pub(crate) claimed_at: Timestamp,
    pub(crate) reply: &'a Reply,
    pub(crate) screened: Vec<(JobId, Reason, String)>,
}

/// Decides what becomes of each member of a claim. Members that the reply does not name were never begun.
pub(crate) fn translate(claim: Returned<'_>, judge: Judge<'_>) -> Translated {
    let Returned { rows, claimed_at, reply, screened } = claim;
    let Judge { policy, shares, lanes, learn, heard, passed_on } = judge;
    let together = shares.then(draw);
    let now = Timestamp::now();
    let mut members: HashMap<JobId, &LedgerRow> = rows.iter().map(|row| (row.row, row)).collect();
    let mut out = Translated { items: Vec::with_capacity(rows.len()), learned: Vec::new(), void: Vec::new() };
    for (job, verdict) in &reply.items {
        let Some(row) = members.remove(job) else { continue };
        tracing::debug!(row = row.row, email = %row.email, ?verdict, "answered");
        let weighed = heard.weighed(row, verdict);
        let verdict = weighed.as_ref().unwrap_or(verdict);
        let transient = matches!(verdict, Verdict::NotTaken { counts: true, .. });
        lanes.heard(&row.domain, transient, Instant::now(), |n| policy.ceiling(n));
        let learned = learn.and_then(|provider| LedgerSuppression::learned(&row.email, provider, verdict, now));
        out.learned.extend(learned.map(|learned| (*job, learned)));
        out.items.push((*job, settle(row, verdict, passed_on.get(job), Times { claimed_at, now, draw: together.unwrap_or_else(draw) }, &policy)));
    }
    for (job, reason, detail) in screened {
        if members.remove(&job).is_some() {
            out.items.push((job, Settled::Screened { reason, detail }));
        }
    }
    for job in members.into_keys() {
        out.void.push(job);
        out.items.push((job, Settled::Void));
    }
    out
}

/// When a member was claimed and answered, and the draw for its next attempt.
struct Times {
    claimed_at: Timestamp,
    now: Timestamp,
    draw: f64,
}

fn settle(row: &LedgerRow, verdict: &Verdict, passed_on: Option<&PassedOn>, times: Times, policy: &RetryPolicy) -> Settled {
    let Times { claimed_at, now, draw } = times;
    let Verdict::NotTaken { refusal, counts } = verdict else {
        return Settled::Final(verdict.clone());
    };
    let (first, before) = passed_on.map_or((row.first_at.unwrap_or(claimed_at), 0), |passed_on| (passed_on.at, passed_on.attempts));
    let failures = row.attempts.saturating_sub(before) + u32::from(*counts);
    match policy.next(first, now, failures.max(1), draw) {
        Some(at) => Settled::Retry { refusal: refusal.clone(), at, counts: *counts },
        None => Settled::GaveUp { refusal: refusal.clone(), counts: *counts },
    }
}

/// The outcome that a settled member has, if it has one now.
pub(crate) fn outcome(settled: &Settled) -> Option<Outcome> {
    match settled {
        Settled::Final(verdict) => final_outcome(verdict),
        Settled::Screened { .. } => Some(Outcome::Suppressed),
        Settled::GaveUp { .. } => Some(Outcome::Deferred),
        Settled::Retry { .. } | Settled::PassedOn { .. } | Settled::Void => None,
    }
}

/// The outcome of a verdict that no retry can change.
pub(crate) fn final_outcome(verdict: &Verdict) -> Option<Outcome> {
    match verdict {
        Verdict::Accepted { .. } => Some(Outcome::Accepted),
        Verdict::Rejected(_) => Some(Outcome::Rejected),
        Verdict::Suppressed(_) => Some(Outcome::Suppressed),
        Verdict::Unknown { .. } => Some(Outcome::Unknown),
        Verdict::NotTaken { .. } => None,
    }
}
