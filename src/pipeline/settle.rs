//! Turns verdicts into outcomes, schedules retries and collects learned suppressions. Every member
//! of a claim gets a result.

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

/// If a member is first answered later than this after the claim, its retry period starts at the
/// answer.
const CLAIM_LASTS: SignedDuration = SignedDuration::from_millis(500);

/// The changes to the ledger that follow from a claim's reply.
pub(crate) struct Translated {
    pub(crate) items: Vec<(RowNumber, Settled)>,
    /// The learned suppressions, each with the row that it came from.
    pub(crate) learned: Vec<(RowNumber, LedgerSuppression)>,
    /// Rows that were never started, so they are open again at once.
    pub(crate) void: Vec<RowNumber>,
}

/// The policies and the state that turn verdicts into outcomes.
pub(crate) struct Judge<'a> {
    pub(crate) policy: RetryPolicy,
    /// Whether members share requests. If so, all members to retry get the same time.
    pub(crate) shares: bool,
    pub(crate) queues: &'a mut DomainQueues,
    /// The provider's name; `None` if suppressions are not learned from its answers.
    pub(crate) learn: Option<&'a str>,
    /// The conclusions from all answers of the provider so far.
    pub(crate) verdicts: &'a PendingVerdicts,
    /// Recipients whose retry period starts later than their claim.
    pub(crate) starts: &'a mut HashMap<RowNumber, RetryStart>,
    /// When the execution began.
    pub(crate) began: Timestamp,
}

/// Recorded for a recipient whose retry period does not start at its claim. Either an earlier
/// execution attempted it, or it waited for its turn in the claim, or it was passed to another
/// provider.
#[derive(Debug)]
pub(crate) struct RetryStart {
    /// When its retry period starts.
    pub(crate) at: Timestamp,
    /// Attempts before that time, which do not count as attempts in the retry period.
    pub(crate) attempts: u32,
    /// The indices of the providers that the recipient was passed on from.
    pub(crate) from: Vec<usize>,
}

/// A claim that has returned, with its reply.
pub(crate) struct Returned<'a> {
    pub(crate) rows: &'a [LedgerRow],
    pub(crate) claimed_at: Timestamp,
    pub(crate) reply: &'a Reply,
    pub(crate) screened: Vec<(RowNumber, Reason, String)>,
    /// Members whose retry period ended before another attempt could start.
    pub(crate) expired: Vec<RowNumber>,
    /// When each member that was not accepted was answered.
    pub(crate) put_off: &'a HashMap<RowNumber, Timestamp>,
}

/// Decides the result of each member of a claim. A member that the reply omits was never started.
pub(crate) fn translate(claim: Returned<'_>, judge: Judge<'_>) -> Translated {
    let Returned { rows, claimed_at, reply, screened, expired, put_off } = claim;
    let Judge { policy, shares, queues, learn, verdicts, starts, began } = judge;
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
            // The refusal is the provider's fault, so the recipient is open again without a wait.
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
        // A second refusal of the same recipient proves nothing more about the domain. Greylisting
        // applies to each recipient separately.
        if !transient || (row.attempts == 0 && named.is_none()) {
            queues.answered(&row.domain, transient, Instant::now(), |n| policy.ceiling(n));
        }
        let counts_from = row.first_at.unwrap_or(claimed_at);
        let is_late = row.attempts == 0 && answered.duration_since(counts_from) > CLAIM_LASTS;
        if matches!(verdict, Verdict::NotTaken { counts: true, .. })
            && (is_late || counts_from < began)
        {
            starts.entry(*job).or_insert_with(|| RetryStart {
                at: answered,
                attempts: row.attempts,
                from: Vec::new(),
            });
        }
        let learned = learn
            .and_then(|provider| LedgerSuppression::learned(&row.email, provider, verdict, now));
        out.learned.extend(learned.map(|learned| (*job, learned)));
        let moment = Moment { now, answered, named, together };
        out.items.push((*job, settle(row, verdict, starts.get(job), claimed_at, moment, &policy)));
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

/// The times that a retry is computed from: when the claim returned, when the member was answered,
/// and the wait that the answer asks for. `together` is the random number that all members of a
/// claim share. It is drawn only for claims whose members share requests, because drawing costs a
/// system call.
#[derive(Clone, Copy)]
struct Moment {
    now: Timestamp,
    answered: Timestamp,
    named: Option<Duration>,
    together: Option<f64>,
}

/// The wait that a greylisting server names, zero if it names none; `None` if the recipient is not
/// greylisted.
fn named_wait(verdict: &Verdict) -> Option<Duration> {
    let Verdict::NotTaken { refusal, counts: true } = verdict else { return None };
    let is_greylisted = replies::classify_again(&refusal.code, &refusal.detail, Place::Rcpt).means
        == Meaning::Greylisted;
    is_greylisted.then(|| replies::named_wait(&refusal.detail).unwrap_or_default())
}

fn settle(
    row: &LedgerRow,
    verdict: &Verdict,
    start: Option<&RetryStart>,
    claimed_at: Timestamp,
    moment: Moment,
    policy: &RetryPolicy,
) -> Settled {
    let Verdict::NotTaken { refusal, counts } = verdict else {
        return Settled::Final(verdict.clone());
    };
    let (first, before) =
        start.map_or((row.first_at.unwrap_or(claimed_at), 0), |start| (start.at, start.attempts));
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
