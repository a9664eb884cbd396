//! Waits for permission to send a whole batch, given by several rates at the same time.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;

use super::{Granted, Held, Pacer};
use crate::ledger::{LedgerResult, Portion};

/// One rate's permission to send a whole batch at once. It expires with its lease.
#[derive(Clone, Copy, Debug)]
struct Leave(Held);

impl Leave {
    fn covers(&self, at: Instant) -> bool {
        self.0.from <= at && !self.0.is_over(at)
    }
}

/// Waits until every rate allows its count at the same time. The slowest rate must come first. A
/// rate never allows more than its number per window, so the caller must divide larger batches.
pub(crate) async fn together(shares: &[(&Arc<Pacer>, u32)]) -> LedgerResult<()> {
    match shares {
        [] => return Ok(()),
        [(pacer, 1)] => return pacer.slot().await,
        _ => {}
    }
    let mut leaves: Vec<Option<Leave>> = vec![None; shares.len()];
    let mut at = Instant::now();
    for round in 0.. {
        for (place, ((pacer, count), leave)) in shares.iter().zip(&mut leaves).enumerate() {
            if leave.is_some_and(|leave| leave.covers(at)) {
                continue;
            }
            if let Some(Leave(missed)) = leave.take() {
                pacer.gives_back(&missed, 0, missed.until);
            }
            // In the first round, this lease must start late enough that the later rates can be
            // requested before it.
            let others = if round == 0 { shares.len() - place - 1 } else { 0 };
            // A lease that expired during the wait for another rate is requested again with twice
            // the length, so that the leases eventually overlap.
            let granted = pacer.leave(*count, 2_u32.pow(round.min(6)), at, others as u32).await?;
            at = at.max(granted.0.from);
            *leave = Some(granted);
        }
        if leaves.iter().flatten().all(|leave| leave.covers(at)) {
            tokio::time::sleep_until(at).await;
            let now = Instant::now();
            if leaves.iter().flatten().all(|leave| leave.covers(now)) {
                for ((pacer, count), Leave(held)) in shares.iter().zip(leaves.iter().flatten()) {
                    pacer.gives_back(held, *count, now + pacer.slice);
                }
                break;
            }
        }
        at = at.max(Instant::now());
    }
    Ok(())
}

impl Pacer {
    /// Requests permission to send `count` messages at once, from `at` or later, for `moments`
    /// slices. Returns early enough before the start that `others` more rates can be requested.
    async fn leave(
        &self,
        count: u32,
        moments: u32,
        at: Instant,
        others: u32,
    ) -> LedgerResult<Leave> {
        let _turn = self.turn.lock().await;
        let mut at = at;
        loop {
            let after = (self.lag.safely() + self.lag.double() * others)
                .max(at.duration_since(Instant::now()));
            match self
                .ask(Portion::Whole(count), (self.slice * moments).min(self.rate.per), after)
                .await?
            {
                Granted::Lease(held) => {
                    wait_until(held.from, self.lag.double() * others).await;
                    return Ok(Leave(held));
                }
                Granted::NotBefore(then) => {
                    at = at.max(then);
                    wait_until(then, self.lag.double() * (others + 1)).await;
                }
            }
        }
    }
}

/// Sleeps until the time `before` ahead of `then`.
async fn wait_until(then: Instant, before: Duration) {
    tokio::time::sleep(then.duration_since(Instant::now()).saturating_sub(before)).await;
}
