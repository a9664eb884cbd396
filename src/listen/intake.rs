//! Stores the events of verified requests in the ledger, and appends learned suppressions to the
//! suppression file.
//!
//! A request is answered as soon as the ledger has stored its events. A separate task appends to
//! the suppression file later. If the process is killed, the next process appends the missing
//! entries.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use futures_util::future::try_join_all;
use tokio::sync::{Notify, watch};

use super::metrics::{EVENTS, FILED, FILING_FAILED, KNOWN, LEARNED, Metrics, STRANGERS};
use crate::events::file_learned;
use crate::ledger::{Ledger, LedgerResult};
use crate::model::event::{Believe, Event};

/// How long to wait after an error before writing the suppression file again.
const AGAIN: Duration = Duration::from_secs(5);

pub(super) struct Intake {
    ledger: Arc<dyn Ledger>,
    state_dir: PathBuf,
    file: Option<PathBuf>,
    believe: Believe,
    metrics: Arc<Metrics>,
    learned: Notify,
    /// Whether the last write to the suppression file failed and a warning was logged.
    has_warned: AtomicBool,
}

impl Intake {
    pub(super) fn new(
        ledger: Arc<dyn Ledger>,
        state_dir: PathBuf,
        file: Option<PathBuf>,
        believe: Believe,
        metrics: Arc<Metrics>,
    ) -> Self {
        Self {
            ledger,
            state_dir,
            file,
            believe,
            metrics,
            learned: Notify::new(),
            has_warned: AtomicBool::new(false),
        }
    }

    /// Stores events durably. After an error some of them may be stored; the provider may send all
    /// of them again, and each still counts once.
    pub(super) async fn take(&self, provider: &str, events: Vec<Event>) -> LedgerResult<()> {
        let words: Vec<&'static str> = events.iter().map(Event::word).collect();
        let seen =
            try_join_all(events.into_iter().map(|event| self.ledger.event(event, self.believe)))
                .await?;
        for (seen, word) in seen.iter().zip(words) {
            if !seen.is_new {
                self.metrics.add(KNOWN, &[("provider", provider)], 1);
                continue;
            }
            self.metrics.add(EVENTS, &[("provider", provider), ("type", word)], 1);
            if seen.about.is_none() {
                self.metrics.add(STRANGERS, &[("provider", provider)], 1);
            }
            if let Some(learned) = &seen.learned {
                self.metrics.add(LEARNED, &[("reason", learned.reason.as_str())], 1);
                self.learned.notify_one();
            }
        }
        Ok(())
    }

    /// Appends learned suppressions to the suppression file, including those left by an earlier
    /// process. After `ended` becomes true, appends once more and returns. Do not drop this future
    /// earlier: the file lock would be released while an append still runs.
    pub(super) async fn keep_filing(&self, mut ended: watch::Receiver<bool>) {
        while !*ended.borrow() {
            let wait = if self.file().await { Duration::MAX } else { AGAIN };
            tokio::select! {
                () = self.learned.notified() => {}
                () = tokio::time::sleep(wait) => {}
                _ = ended.changed() => {}
            }
        }
        self.file().await;
    }

    /// Appends the suppressions that the file lacks. Returns false if that failed. The ledger
    /// applies the suppressions in any case.
    async fn file(&self) -> bool {
        let Some(file) = &self.file else { return true };
        match file_learned(self.ledger.as_ref(), &self.state_dir, file).await {
            Ok(0) => true,
            Ok(count) => {
                self.has_warned.store(false, Ordering::Relaxed);
                self.metrics.add(FILED, &[], count);
                true
            }
            Err(why) => {
                self.metrics.add(FILING_FAILED, &[], 1);
                if !self.has_warned.swap(true, Ordering::Relaxed) {
                    tracing::warn!(
                        "the suppression file cannot be written: {why}; the new entries are in the ledger, and mailbatch will retry writing the file"
                    );
                }
                false
            }
        }
    }
}
