//! Verdicts that have come in and that the loop has not settled yet: claims come back whole, and
//! one to a slow server takes a while.
//!
//! It observes, with one exception: a refusal that every recipient gets stops all claims at once,
//! before the rest of each has met it too.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use tokio::sync::watch;

use crate::ledger::LedgerRow;
use crate::model::outcome::Tally;
use crate::model::verdict::{Refusal, RowNumber, Verdict};
use crate::pipeline::sameness::{self, Blame, Proved, Sameness};

/// Shared by the claims on their way and the loop.
#[derive(Debug)]
pub(crate) struct PendingVerdicts {
    state: Mutex<VerdictState>,
    /// Set when nothing more may be begun.
    stop: watch::Sender<bool>,
    /// Claims on their way begin nothing more: the provider wants less for now.
    is_quiet: AtomicBool,
}

#[derive(Debug, Default)]
struct VerdictState {
    same: Sameness,
    refuses: Option<Blame>,
    slow: Option<Blame>,
    /// The answers of each batch that has not come back.
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
        // Each change is one step, so a panic elsewhere leaves nothing half done.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A member of a batch has been answered; `row` is `None` where it is not known.
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

    /// The provider takes nothing more: nothing is to be begun, be it claimed or not.
    pub(crate) fn stop(&self) {
        self.stop.send_replace(true);
    }

    /// The batch has come back: the loop counts its members from now on.
    pub(crate) fn batch_returned(&self, batch: i64) {
        self.state().batches.remove(&batch);
    }

    /// The refusal that every recipient gets, once that is clear.
    pub(crate) fn everybody_refused(&self) -> Option<Blame> {
        self.state().refuses.clone()
    }

    /// What a provider said that wants less for now, once. From then on claims may begin their
    /// members again.
    pub(crate) fn take_slow(&self) -> Option<Blame> {
        self.is_quiet.store(false, Ordering::Relaxed);
        self.state().slow.take()
    }

    /// Whether claims on their way are to begin nothing more: cheap, for it is asked for each
    /// message.
    pub(crate) fn is_quiet(&self) -> bool {
        self.is_quiet.load(Ordering::Relaxed)
    }

    /// The verdict as it counts: what proved to be the provider's is not charged to the recipient.
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

    /// Whether the provider has accepted something in the run.
    pub(crate) fn has_accepted(&self) -> bool {
        self.state().same.has_accepted()
    }

    /// Whether the list has a single receiving domain.
    pub(crate) fn has_one_domain(&self) -> bool {
        self.state().same.has_one_domain()
    }

    /// Whether what was said about this recipient may still turn out to be the provider's fault.
    pub(crate) fn is_open(&self, row: RowNumber) -> bool {
        self.state().same.is_open(row)
    }

    /// Whether this recipient's refusal helped to prove that a provider refuses every recipient.
    pub(crate) fn is_absolved(&self, row: RowNumber) -> bool {
        self.state().same.is_absolved(row)
    }

    /// Notes that another provider refused these recipients because of its own fault.
    pub(crate) fn absolve(&self, rows: &[RowNumber]) {
        self.state().same.absolve(rows);
    }

    /// The outcomes answered so far in claims that have not come back yet.
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
            assert_eq!(*stop.borrow(), verdicts.everybody_refused().is_some());
            if *stop.borrow() {
                break;
            }
        }
        assert!(
            verdicts
                .everybody_refused()
                .is_some_and(|blame| blame.refusal.detail.contains("in a row: no"))
        );
    }
}
