//! Writes the providers' answers to the ledger. Answers that arrive at about the same time share a
//! commit. The number of answers waiting is bounded, even if the disk is slow.

use std::time::{Duration, Instant};

use futures_util::stream::{FuturesUnordered, StreamExt};

use crate::model::error::Result;
use crate::provider::BoxFuture;

/// The most chunks settled in one commit. The first of them waits for the others at most
/// `TOGETHER_FOR`.
const TOGETHER: usize = 4;
const TOGETHER_FOR: Duration = Duration::from_millis(20);

/// The settlements of an execution that are not committed yet.
pub(super) struct Settlement {
    /// Settlements run as futures, so that the loop does not wait for them. Dropping the set
    /// cancels them.
    settling: FuturesUnordered<BoxFuture<'static, Result<()>>>,
    /// Settlements that wait up to `TOGETHER_FOR` to share a commit. Meanwhile, the answers are in
    /// the trace.
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

    /// Whether all answers are in the ledger.
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

    /// Starts the gathered settlements.
    pub(super) fn begin(&mut self) {
        self.settling.extend(self.gathered.drain(..));
    }

    /// Starts the gathered settlements if there are enough of them, and waits while more than
    /// `most` are running.
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

    /// Resolves when a settlement has finished, or when gathered settlements have waited long
    /// enough and were started. Never resolves while there is nothing to settle. Safe to cancel.
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

    /// Waits until all answers are in the ledger.
    pub(super) async fn settle_all(&mut self) -> Result<()> {
        self.begin();
        while let Some(settled) = self.settling.next().await {
            settled?;
        }
        Ok(())
    }

    /// Settles the outstanding answers at the end, even if sending ended early or with an error.
    /// Answers that cannot be settled within `longest` stay in the trace for the next start, or
    /// become unknown.
    pub(super) async fn settle_outstanding(&mut self, longest: Duration) {
        self.begin();
        let all = async { while self.settling.next().await.is_some() {} };
        let _ = tokio::time::timeout(longest, all).await;
    }
}
