//! Verdicts become outcomes: retries are scheduled, what was learned is kept, and no recipient that
//! was begun is lost.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use jiff::{SignedDuration, Timestamp};

use crate::ledger::{LedgerRow, LedgerSuppression, Settled};
use crate::model::outcome::Reason;
use crate::model::verdict::{Refusal, Reply, RowNumber, Verdict};
use crate::pipeline::queues::DomainQueues;
use crate::pipeline::retry::{RetryPolicy, draw};
use crate::pipeline::verdicts::PendingVerdicts;
use crate::replies::{self, Meaning, Place};

/// Where a member was answered for the first time later than this after its claim, its retries
/// count from the answer.
const CLAIM_LASTS: SignedDuration = SignedDuration::from_millis(500);

/// A claim's reply, translated.
pub(crate) struct Translated {
    pub(crate) items: Vec<(RowNumber, Settled)>,
    /// What was learned about which row.
    pub(crate) learned: Vec<(RowNumber, LedgerSuppression)>,
    /// Rows that are open again at once: never begun.
    pub(crate) void: Vec<RowNumber>,
}

/// What the verdicts of a claim are judged by, and what learns from them.
pub(crate) struct Judge<'a> {
    pub(crate) policy: RetryPolicy,
    /// Its members share requests: those who come back from one go on together.
    pub(crate) shares: bool,
    pub(crate) queues: &'a mut DomainQueues,
    /// The provider that answered, where what it says about people is learned.
    pub(crate) learn: Option<&'a str>,
    /// What the provider's answers have proved together.
    pub(crate) verdicts: &'a PendingVerdicts,
    /// Those whose retries count anew.
    pub(crate) anew: &'a mut HashMap<RowNumber, Anew>,
    /// When the execution began.
    pub(crate) began: Timestamp,
}

/// A recipient whose retries do not count from its claim: it was attempted in an earlier execution,
/// or waited for its turn in the claim, or one provider did not take it for as long as retries last
/// and it goes through another one instead.
#[derive(Debug)]
pub(crate) struct Anew {
    /// From when they count.
    pub(crate) at: Timestamp,
    /// Attempts until then.
    pub(crate) attempts: u32,
    /// The places of the providers that it has been passed on from.
    pub(crate) from: Vec<usize>,
}

/// A claim that has come back.
pub(crate) struct Returned<'a> {
    pub(crate) rows: &'a [LedgerRow],
    pub(crate) claimed_at: Timestamp,
    pub(crate) reply: &'a Reply,
    pub(crate) screened: Vec<(RowNumber, Reason, String)>,
    /// Members whose deadline for retries passed before they could be attempted once more.
    pub(crate) expired: Vec<RowNumber>,
    /// When the members that were not taken were answered.
    pub(crate) put_off: &'a HashMap<RowNumber, Timestamp>,
}

/// Decides what becomes of each member of a claim. Members that the reply does not name were never
/// begun.
pub(crate) fn translate(claim: Returned<'_>, judge: Judge<'_>) -> Translated {
    let Returned { rows, claimed_at, reply, screened, expired, put_off } = claim;
    let Judge { policy, shares, queues, learn, verdicts, anew, began } = judge;
    let together = shares.then(draw);
    let now = Timestamp::now();
    let mut members: HashMap<RowNumber, &LedgerRow> =
        rows.iter().map(|row| (row.row, row)).collect();
    let mut out =
        Translated { items: Vec::with_capacity(rows.len()), learned: Vec::new(), void: Vec::new() };
    for (job, verdict) in &reply.items {
        let Some(row) = members.remove(job) else { continue };
        tracing::debug!(row = row.row, email = %row.email, ?verdict, "answered");
        let weighed = verdicts.weighed(row, verdict);
        if let (Verdict::Rejected(refusal), Some(_)) = (verdict, &weighed) {
            // It is the provider's, and no wait of this recipient.
            out.items.push((
                *job,
                Settled::Retry {
                    refusal: Refusal { mailbox_gone: false, ..refusal.clone() },
                    at: now,
                    counts: false,
                },
            ));
            continue;
        }
        let verdict = weighed.as_ref().unwrap_or(verdict);
        let answered = put_off.get(job).copied().unwrap_or(now);
        let transient = matches!(verdict, Verdict::NotTaken { counts: true, .. });
        let named = named_wait(verdict);
        // A second attempt that is refused says nothing new about the domain, and neither does
        // greylisting, which is each recipient's own.
        if !transient || (row.attempts == 0 && named.is_none()) {
            queues.answered(&row.domain, transient, Instant::now(), |n| policy.ceiling(n));
        }
        let counts_from = row.first_at.unwrap_or(claimed_at);
        let is_late = row.attempts == 0 && answered.duration_since(counts_from) > CLAIM_LASTS;
        if matches!(verdict, Verdict::NotTaken { counts: true, .. })
            && (is_late || counts_from < began)
        {
            anew.entry(*job).or_insert_with(|| Anew {
                at: answered,
                attempts: row.attempts,
                from: Vec::new(),
            });
        }
        let learned = learn
            .and_then(|provider| LedgerSuppression::learned(&row.email, provider, verdict, now));
        out.learned.extend(learned.map(|learned| (*job, learned)));
        let moment = Moment { now, answered, named, together };
        out.items.push((*job, settle(row, verdict, anew.get(job), claimed_at, moment, &policy)));
    }
    for (job, reason, detail) in screened {
        if members.remove(&job).is_some() {
            out.items.push((job, Settled::Screened { reason, detail }));
        }
    }
    for job in expired {
        if members.remove(&job).is_some() {
            out.items.push((job, Settled::Expired));
        }
    }
    for job in members.into_keys() {
        out.void.push(job);
        out.items.push((job, Settled::Void));
    }
    out
}

/// When a claim came back, when one of its members was answered, for how long the answer asks to
/// wait, and the draw for the next attempt where all members share it: drawing asks the system for
/// randomness, which only a retry is worth.
#[derive(Clone, Copy)]
struct Moment {
    now: Timestamp,
    answered: Timestamp,
    named: Option<Duration>,
    together: Option<f64>,
}

/// How long a recipient is greylisted for, as far as the server names it; zero where it does not.
/// `None` where it is not greylisted.
fn named_wait(verdict: &Verdict) -> Option<Duration> {
    let Verdict::NotTaken { refusal, counts: true } = verdict else { return None };
    let is_greylisted = replies::classify_again(&refusal.code, &refusal.detail, Place::Rcpt).means
        == Meaning::Greylisted;
    is_greylisted.then(|| replies::named_wait(&refusal.detail).unwrap_or_default())
}

fn settle(
    row: &LedgerRow,
    verdict: &Verdict,
    anew: Option<&Anew>,
    claimed_at: Timestamp,
    moment: Moment,
    policy: &RetryPolicy,
) -> Settled {
    let Verdict::NotTaken { refusal, counts } = verdict else {
        return Settled::Final(verdict.clone());
    };
    let (first, before) =
        anew.map_or((row.first_at.unwrap_or(claimed_at), 0), |anew| (anew.at, anew.attempts));
    let failures = row.attempts.saturating_sub(before) + u32::from(*counts);
    let drawn =
        policy.next(first, moment.answered, failures.max(1), moment.together.unwrap_or_else(draw));
    let named = moment
        .named
        .filter(|wait| !wait.is_zero())
        .and_then(|wait| policy.next_after(first, moment.answered, wait));
    match drawn.max(named).map(|at| at.max(moment.now)) {
        Some(at) => Settled::Retry { refusal: refusal.clone(), at, counts: *counts },
        None => Settled::GaveUp { refusal: refusal.clone(), counts: *counts },
    }
}
