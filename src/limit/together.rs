//! Leave for whole batches, by several rates at one instant.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;

use super::{Granted, Held, Pacer};
use crate::ledger::{LedgerResult, Portion};

/// Leave for a whole batch to go at one instant, until it has expired.
#[derive(Clone, Copy, Debug)]
struct Leave(Held);

impl Leave {
    fn covers(&self, at: Instant) -> bool {
        self.0.from <= at && !self.0.is_over(at)
    }
}

/// Waits until each of these rates lets so many go, all at one instant; the slowest comes first.
/// More than a rate's number can never go at once: the caller cuts batches to fit.
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
            // Those that come after it are asked before it begins.
            let others = if round == 0 { shares.len() - place - 1 } else { 0 };
            // What expires while another rate is waited for is longer the next time, so that they
            // come to hold together.
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
    /// Leave to send `count` at once, in a time that begins at `at` or later and is `moments`
    /// slices long. Returns early enough before it for so many `others` to be asked.
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

/// Waits until so long before.
async fn wait_until(then: Instant, before: Duration) {
    tokio::time::sleep(then.duration_since(Instant::now()).saturating_sub(before)).await;
}
