//! Answers on their way into the ledger: those that come in at about the same time share a commit,
//! and a slow disk lets no more of them pile up than are bounded.

use std::time::{Duration, Instant};

use futures_util::stream::{FuturesUnordered, StreamExt};

use crate::model::error::Result;
use crate::provider::BoxFuture;

/// The most chunks that are settled together; the first of them waits for the others no longer than
/// `TOGETHER_FOR`.
const TOGETHER: usize = 4;
const TOGETHER_FOR: Duration = Duration::from_millis(20);

/// The settlements of an execution that are not committed yet.
pub(super) struct Settlement {
    /// On their way beside this loop; dropped with it.
    settling: FuturesUnordered<BoxFuture<'static, Result<()>>>,
    /// To be settled together, so that they share a commit; the trace has them meanwhile. Never for
    /// longer than `TOGETHER_FOR`.
    gathered: Vec<BoxFuture<'static, Result<()>>>,
    gathered_since: Instant,
}

impl Settlement {
    pub(super) fn new() -> Self {
        Self {
            settling: FuturesUnordered::new(),
            gathered: Vec::new(),
            gathered_since: Instant::now(),
        }
    }

    /// Whether all that was answered is in the ledger.
    pub(super) fn is_idle(&self) -> bool {
        self.settling.is_empty() && self.gathered.is_empty()
    }

    /// Adds the settlement of a claim.
    pub(super) fn add(&mut self, settlement: BoxFuture<'static, Result<()>>) {
        if self.gathered.is_empty() {
            self.gathered_since = Instant::now();
        }
        self.gathered.push(settlement);
    }

    /// Begins what has been gathered.
    pub(super) fn begin(&mut self) {
        self.settling.extend(self.gathered.drain(..));
    }

    /// Begins what has been gathered if that is enough, and waits while more than `most` are on
    /// their way.
    pub(super) async fn keep_bounded(&mut self, most: usize) -> Result<()> {
        if self.gathered.len() >= TOGETHER {
            self.begin();
        }
        while self.settling.len() > most {
            if let Some(settled) = self.settling.next().await {
                settled?;
            }
        }
        Ok(())
    }

    /// Resolves when one settlement is over, or when what has been gathered has waited for long
    /// enough, and begins that. Never resolves while there is nothing to settle. Nothing is lost
    /// when it is dropped.
    pub(super) async fn progress(&mut self) -> Result<()> {
        let begins_at = self.gathered_since + TOGETHER_FOR;
        let has_gathered = !self.gathered.is_empty();
        tokio::select! {
            Some(settled) = self.settling.next() => settled,
            () = tokio::time::sleep_until(begins_at.into()), if has_gathered => {
                self.begin();
                Ok(())
            }
            else => std::future::pending().await,
        }
    }

    /// Waits until all that has been answered is in the ledger.
    pub(super) async fn settle_all(&mut self) -> Result<()> {
        self.begin();
        while let Some(settled) = self.settling.next().await {
            settled?;
        }
        Ok(())
    }

    /// Settles what is outstanding at the end, also where sending ended with an error or at once:
    /// the trace may be what could not be written. What fails here, or is not over after `longest`,
    /// stays for the next start to find in the trace, or as unknown.
    pub(super) async fn settle_outstanding(&mut self, longest: Duration) {
        self.begin();
        let all = async { while self.settling.next().await.is_some() {} };
        let _ = tokio::time::timeout(longest, all).await;
    }
}
