//! Appends the suppressions learned from events to the suppression file. Each is appended once,
//! even if several processes append or a process is killed.
//!
//! The ledger first stores a suppression together with its event and marks it as unfiled. One
//! process at a time then marks it as begun, appends it to the file, and marks it as filed. Before
//! appending a begun suppression again, the process searches the file for it and completes a
//! truncated line.

use std::fs::OpenOptions;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;
use std::time::Duration;

use crate::holder;
use crate::ledger::{Ledger, LedgerSuppression, Unfiled};
use crate::model::error::{Error, Result};
use crate::model::shown::Shown;
use crate::suppression;

/// The maximum number of entries to append in one write.
const AT_ONCE: usize = 1_000;
/// The maximum time to wait until another process has finished appending.
const TURN: Duration = Duration::from_secs(15 * 60);

/// Appends to `file` the suppressions learned from events that it lacks, and returns how many were
/// appended. A lock in `state_dir` lets one process append at a time. After an error the entries
/// stay unfiled, but the ledger still applies them.
pub async fn file_learned(ledger: &dyn Ledger, state_dir: &Path, file: &Path) -> Result<u64> {
    if ledger.unfiled(1).await?.is_empty() {
        return Ok(0);
    }
    let lock = state_dir.join("filing.lock");
    let _turn = blocking(move || {
        let failed = |e: std::io::Error| Error::internal(format!("{}: {e}", lock.shown()));
        let file = OpenOptions::new()
            .write(true)
            .create(true)
            .truncate(false)
            .mode(0o600)
            .open(&lock)
            .map_err(failed)?;
        holder::lock(&file, &lock, TURN).map_err(failed)?;
        Ok(file)
    })
    .await?;
    let mut written = 0;
    loop {
        let waiting = ledger.unfiled(AT_ONCE).await?;
        if waiting.is_empty() {
            return Ok(written);
        }
        let numbers: Vec<i64> = waiting.iter().map(|unfiled| unfiled.number).collect();
        // A process that was killed may have written the begun entries, the last one incompletely.
        let (begun, fresh): (Vec<Unfiled>, Vec<Unfiled>) =
            waiting.into_iter().partition(|unfiled| unfiled.begun);
        ledger.filed(numbers.clone(), false).await?;
        let path = file.to_owned();
        let entries = |list: Vec<Unfiled>| -> Vec<LedgerSuppression> {
            list.into_iter().map(|unfiled| unfiled.entry).collect()
        };
        let (begun, fresh) = (entries(begun), entries(fresh));
        written += blocking(move || {
            let again = suppression::append_missing(&path, &begun)?;
            suppression::append(&path, &fresh)?;
            Ok(again + fresh.len() as u64)
        })
        .await?;
        ledger.filed(numbers, true).await?;
    }
}

async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T> + Send + 'static,
) -> Result<T> {
    tokio::task::spawn_blocking(work).await.map_err(|e| {
        Error::internal(format!("the task that writes the suppression file failed: {e}"))
    })?
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;

    use super::*;
    use crate::model::event::{Believe, Bounce, Class, Event, EventKind, Source};

    fn hard(email: &str) -> Event {
        let mut event = Event::new(EventKind::Bounced, Source::Webhook, Timestamp::UNIX_EPOCH);
        (event.bounce, event.class, event.status) =
            (Some(Bounce::Hard), Some(Class::MailboxGone), "5.1.1".into());
        event.recipient = Some(email.into());
        event
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn what_was_learned_is_filed_once_whenever_the_writer_was_stopped() {
        let dir = tempfile::tempdir().unwrap();
        let ledger = crate::ledger::open(dir.path()).unwrap();
        let file = dir.path().join("suppressions.csv");
        let lines = || {
            std::fs::read_to_string(&file)
                .unwrap_or_default()
                .lines()
                .filter(|line| line.contains('@'))
                .count()
        };
        for (number, stop) in ["before", "between", "within", "after"].into_iter().enumerate() {
            let seen = ledger
                .event(hard(&format!("{stop}@example.com")), Believe::default())
                .await
                .unwrap();
            let learned = seen.learned.unwrap();
            let unfiled = ledger.unfiled(9).await.unwrap();
            assert_eq!((unfiled.len(), unfiled[0].begun), (1, false));
            let numbers = vec![unfiled[0].number];
            if stop != "before" {
                ledger.filed(numbers.clone(), false).await.unwrap();
            }
            if matches!(stop, "within" | "after") {
                suppression::append(&file, &[learned]).unwrap();
            }
            if stop == "within" {
                let whole = std::fs::read(&file).unwrap();
                std::fs::write(&file, &whole[..whole.len() - 60]).unwrap();
            }
            file_learned(&*ledger, dir.path(), &file).await.unwrap();
            assert_eq!(lines(), number + 1, "stopped {stop}");
            assert_eq!(file_learned(&*ledger, dir.path(), &file).await.unwrap(), 0);
        }
        let again = ledger.event(hard("after@example.com"), Believe::default()).await.unwrap();
        assert!(!again.is_new && again.learned.is_none());
    }
}
