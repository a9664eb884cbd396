//! What the wire has heard and the loop has not settled yet: claims come back whole, and one to a slow server takes a while.
//!
//! An observer but for one thing: a refusal that everybody gets stops all claims at once, before the rest of each has met it too.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use tokio::sync::watch;

use crate::outcome::Tally;
use crate::pipeline::breaker::SameRefusals;
use crate::pipeline::settle;
use crate::provider::{Refusal, Verdict};

/// Shared by the claims on their way and the loop.
#[derive(Debug)]
pub(crate) struct Heard {
    state: Mutex<State>,
    /// Set when nothing more may be begun.
    stop: watch::Sender<bool>,
}

#[derive(Debug, Default)]
struct State {
    same: SameRefusals,
    everybody: Option<Refusal>,
    /// The answers of each batch that has not come back.
    batches: HashMap<i64, Tally>,
}

impl Heard {
    pub(crate) fn new(stop: watch::Sender<bool>) -> Self {
        Self { state: Mutex::default(), stop }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // Each change is one step, so a panic elsewhere leaves nothing half done.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A member of a batch has been answered.
    pub(crate) fn answered(&self, batch: i64, verdict: &Verdict) {
        let mut state = self.state();
        if let Some(outcome) = settle::final_outcome(verdict) {
            state.batches.entry(batch).or_default().add(outcome, 1);
        }
        if let Some(refusal) = state.same.watch(verdict) {
            state.everybody = Some(refusal);
            self.stop.send_replace(true);
        }
    }

    /// The provider takes nothing more: nothing is to be begun, be it claimed or not.
    pub(crate) fn stop(&self) {
        self.stop.send_replace(true);
    }

    /// The batch has come back: the loop counts its members from now on.
    pub(crate) fn came_back(&self, batch: i64) {
        self.state().batches.remove(&batch);
    }

    /// The refusal that everybody gets, once that is clear.
    pub(crate) fn everybody_refused(&self) -> Option<Refusal> {
        self.state().everybody.clone()
    }

    /// The answers that the loop does not know of yet.
    pub(crate) fn tally(&self) -> Tally {
        let mut sum = Tally::default();
        self.state().batches.values().for_each(|batch| sum.foresee(batch));
        sum
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::outcome::{Outcome, Reason};

    fn accepted() -> Verdict {
        Verdict::Accepted { provider_id: None, code: "250".into(), detail: String::new() }
    }

    #[test]
    fn answers_count_until_their_batch_comes_back() {
        let heard = Heard::new(watch::Sender::new(false));
        let busy = Verdict::NotTaken { refusal: Refusal::new(Reason::MailboxTransient, "450", "busy"), counts: true };
        for (batch, verdict) in [(1, accepted()), (1, accepted()), (1, busy), (2, accepted())] {
            heard.answered(batch, &verdict);
        }
        assert_eq!(heard.tally().get(Outcome::Accepted), 3);
        heard.came_back(1);
        assert_eq!((heard.tally().get(Outcome::Accepted), heard.tally().total()), (1, 1));
    }

    #[test]
    fn a_refusal_for_everybody_stops_every_claim_at_once() {
        let stop = watch::Sender::new(false);
        let heard = Heard::new(stop.clone());
        for n in 0.. {
            assert!(n < 100, "it never stops");
            heard.answered(n % 3, &Verdict::Rejected(Refusal::new(Reason::Policy, "550 5.7.1", "no")));
            assert_eq!(*stop.borrow(), heard.everybody_refused().is_some());
            if *stop.borrow() {
                break;
            }
        }
        assert!(heard.everybody_refused().is_some_and(|refusal| refusal.detail.ends_with("in a row: no")));
    }
}
