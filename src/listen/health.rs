//! Checks whether the ledger answers, at most once a second.

use std::time::{Duration, Instant};

use tokio::sync::Mutex;

use crate::ledger::Ledger;

/// How long a result is reused.
const FRESH: Duration = Duration::from_secs(1);
/// The maximum time for the ledger to answer.
const PATIENCE: Duration = Duration::from_secs(5);

/// The last result and its time. Requests that arrive during a check wait for its result.
#[derive(Default)]
pub(super) struct Health(Mutex<Option<(Instant, bool)>>);

impl Health {
    /// Whether the ledger answers. A recent result is reused.
    pub(super) async fn is_well(&self, ledger: &dyn Ledger) -> bool {
        let mut last = self.0.lock().await;
        if let Some((at, is_well)) = *last
            && at.elapsed() < FRESH
        {
            return is_well;
        }
        let is_well = matches!(tokio::time::timeout(PATIENCE, ledger.pauses()).await, Ok(Ok(_)));
        *last = Some((Instant::now(), is_well));
        is_well
    }
}
