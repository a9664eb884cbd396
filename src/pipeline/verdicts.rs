//! Verdicts that have arrived but that the loop has not settled yet. The loop settles whole claims,
//! and a claim to a slow server takes a while.
//!
//! If the verdicts prove that the provider refuses every recipient, this module stops all claims at
//! once, before their remaining members are refused too.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use tokio::sync::watch;

use crate::ledger::LedgerRow;
use crate::model::outcome::Tally;
use crate::model::verdict::{Refusal, RowNumber, Verdict};
use crate::pipeline::sameness::{self, Blame, Proved, Sameness};

/// Verdicts shared by the loop and the claims under way.
#[derive(Debug)]
pub(crate) struct PendingVerdicts {
    state: Mutex<VerdictState>,
    /// Set to true when no more members may start.
    stop: watch::Sender<bool>,
    /// The provider asked for a lower rate: the claims under way start no more members.
    is_quiet: AtomicBool,
}

#[derive(Debug, Default)]
struct VerdictState {
    same: Sameness,
    refuses: Option<Blame>,
    slow: Option<Blame>,
    /// The outcomes of each batch that has not returned.
    batches: HashMap<i64, Tally>,
}

impl PendingVerdicts {
    pub(crate) fn new(stop: watch::Sender<bool>, same: Sameness) -> Self {
        Self {
            state: Mutex::new(VerdictState { same, ..VerdictState::default() }),
            stop,
            is_quiet: AtomicBool::new(false),
        }
    }

    fn state(&self) -> MutexGuard<'_, VerdictState> {
        // Each change is a single step, so a panic elsewhere leaves a consistent state.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Records the answer for a member of a batch. `row` is `None` if the ledger row of the member
    /// was not found.
    pub(crate) fn answered(&self, batch: i64, row: Option<&LedgerRow>, verdict: &Verdict) {
        let mut state = self.state();
        if let Some(outcome) = verdict.outcome() {
            state.batches.entry(batch).or_default().add(outcome, 1);
        }
        match row.and_then(|row| state.same.answered(row, verdict)) {
            Some(Proved::Refuses(blame)) => {
                state.refuses = Some(blame);
                self.stop.send_replace(true);
            }
            Some(Proved::Slow(blame)) => {
                state.slow = Some(blame);
                self.is_quiet.store(true, Ordering::Relaxed);
            }
            None => {}
        }
    }

    /// Records that the provider accepts nothing more: no member may start, claimed or not.
    pub(crate) fn stop(&self) {
        self.stop.send_replace(true);
    }

    /// Records that the batch has returned. From now on the loop counts its members.
    pub(crate) fn batch_returned(&self, batch: i64) {
        self.state().batches.remove(&batch);
    }

    /// Returns the refusal that every recipient gets, once that is proved.
    pub(crate) fn refuses_every_recipient(&self) -> Option<Blame> {
        self.state().refuses.clone()
    }

    /// Returns, once, the reply by which the provider asked for a lower rate. After the call,
    /// claims may start members again.
    pub(crate) fn take_slow(&self) -> Option<Blame> {
        self.is_quiet.store(false, Ordering::Relaxed);
        self.state().slow.take()
    }

    /// Whether the claims under way must not start more members. Cheap, because it is called for
    /// each message.
    pub(crate) fn is_quiet(&self) -> bool {
        self.is_quiet.load(Ordering::Relaxed)
    }

    /// Returns the verdict to use instead if a refusal is the provider's fault, so that the
    /// recipient is not charged for it.
    pub(crate) fn weighed(&self, row: &LedgerRow, verdict: &Verdict) -> Option<Verdict> {
        let (Verdict::Rejected(refusal) | Verdict::NotTaken { refusal, counts: true }) = verdict
        else {
            return None;
        };
        let sign = sameness::sign_of(refusal, &row.email, &row.domain);
        let state = self.state();
        let is_providers = match verdict {
            Verdict::Rejected(_) => state.refuses.as_ref().is_some_and(|blame| blame.sign == sign),
            _ => state.same.is_slow(&sign),
        };
        is_providers.then(|| Verdict::NotTaken {
            refusal: Refusal { mailbox_gone: false, ..refusal.clone() },
            counts: false,
        })
    }

    /// Whether the provider has accepted a recipient in this run.
    pub(crate) fn has_accepted(&self) -> bool {
        self.state().same.has_accepted()
    }

    /// Whether the list has a single receiving domain.
    pub(crate) fn has_one_domain(&self) -> bool {
        self.state().same.has_one_domain()
    }

    /// Whether a refusal of this recipient may still prove to be the provider's fault.
    pub(crate) fn is_open(&self, row: RowNumber) -> bool {
        self.state().same.is_open(row)
    }

    /// Whether this recipient was reopened because a provider refused every recipient.
    pub(crate) fn is_absolved(&self, row: RowNumber) -> bool {
        self.state().same.is_absolved(row)
    }

    /// Records that these recipients were refused by another provider that refuses all mail.
    pub(crate) fn absolve(&self, rows: &[RowNumber]) {
        self.state().same.absolve(rows);
    }

    /// Returns the outcomes answered so far in claims that have not returned.
    pub(crate) fn tally(&self) -> Tally {
        let mut sum = Tally::default();
        self.state().batches.values().for_each(|batch| sum.foresee(batch));
        sum
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::outcome::{Outcome, Reason};

    fn accepted() -> Verdict {
        Verdict::Accepted { provider_id: None, code: "250".into(), detail: String::new() }
    }

    #[test]
    fn answers_count_until_their_batch_comes_back() {
        let verdicts = PendingVerdicts::new(watch::Sender::new(false), Sameness::default());
        let busy = Verdict::NotTaken {
            refusal: Refusal::new(Reason::MailboxTransient, "450", "busy"),
            counts: true,
        };
        for (batch, verdict) in [(1, accepted()), (1, accepted()), (1, busy), (2, accepted())] {
            verdicts.answered(batch, None, &verdict);
        }
        assert_eq!(verdicts.tally().get(Outcome::Accepted), 3);
        verdicts.batch_returned(1);
        assert_eq!((verdicts.tally().get(Outcome::Accepted), verdicts.tally().total()), (1, 1));
    }

    #[test]
    fn a_refusal_for_everybody_stops_every_claim_at_once() {
        let stop = watch::Sender::new(false);
        let verdicts = PendingVerdicts::new(stop.clone(), Sameness::default());
        for n in 0_i64.. {
            assert!(n < 100, "it never stops");
            let row = crate::pipeline::sameness::tests::row(n.cast_unsigned());
            verdicts.answered(
                n % 3,
                Some(&row),
                &Verdict::Rejected(Refusal::new(Reason::Policy, "550 5.7.1", "no")),
            );
            assert_eq!(*stop.borrow(), verdicts.refuses_every_recipient().is_some());
            if *stop.borrow() {
                break;
            }
        }
        assert!(
            verdicts
                .refuses_every_recipient()
                .is_some_and(|blame| blame.refusal.detail.contains("in a row: no"))
        );
    }
}
