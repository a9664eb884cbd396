//! Stores the progress of a synchronisation in `.mailbatch/sync/NAME.ndjson`, so that the next
//! command can continue it.
//!
//! A line is added only after its page was stored durably. The file contains hashes of addresses
//! and no addresses.

use std::collections::HashSet;
use std::fs::{File, OpenOptions};
use std::io::{Read, Write};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::time::Duration;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::holder;
use crate::model::error::{Error, Result};
use crate::model::exit::Exit;
use crate::model::shown::Shown;
use crate::run::state_dir::make_private_dir;

/// The maximum age of stored progress. Later the list may have changed, and the provider may have
/// forgotten its cursors.
const MAX_AGE: Duration = Duration::from_secs(6 * 3_600);
/// The maximum time to wait for the lock. A command that is ending, or a child process that is
/// starting, may hold it for a moment.
const MOMENT: Duration = Duration::from_secs(2);

/// The first line of the file. It identifies the synchronisation.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Head {
    v: u32,
    provider: String,
    kind: String,
    env: Option<String>,
    /// Whether the provider's entries are stored in this workspace.
    pulls: bool,
    at: Timestamp,
}

impl Head {
    pub(crate) fn new(provider: &str, kind: &str, env: Option<&str>, pulls: bool) -> Self {
        Self {
            v: 1,
            provider: provider.into(),
            kind: kind.into(),
            env: env.map(str::to_owned),
            pulls,
            at: Timestamp::now(),
        }
    }

    /// Whether the synchronisation `other` may continue from the progress of `self`.
    fn admits(&self, other: &Self) -> bool {
        let is_young = other.at.duration_since(self.at).unsigned_abs() < MAX_AGE;
        let is_same = (self.v, &self.provider, &self.kind, &self.env)
            == (other.v, &other.provider, &other.kind, &other.env);
        is_young && is_same && self.pulls == other.pulls
    }
}

/// A page that was stored, or addresses that were pushed to the provider. Pushed addresses have no
/// cursor.
#[derive(Debug, Serialize, Deserialize)]
struct Step {
    next: Option<String>,
    seen: Vec<String>,
}

/// The open progress file, and the progress that was read from it.
#[derive(Debug)]
pub(crate) struct Progress {
    file: Option<(PathBuf, File)>,
    cursor: Option<String>,
    is_over: bool,
    seen: HashSet<u128>,
}

impl Progress {
    /// Creates progress that is not stored, for a dry run or a comparison.
    pub(crate) fn none() -> Self {
        Self { file: None, cursor: None, is_over: false, seen: HashSet::new() }
    }

    /// Reads the progress of an earlier command. If there is none, begins a new file.
    pub(crate) fn open(dir: &Path, head: &Head) -> Result<Self> {
        make_private_dir(dir)?;
        let path = path(dir, &head.provider);
        let failed = |e: std::io::Error| cannot(&path, &e);
        let Some(mut file) = locked(&path).map_err(failed)? else {
            let message = format!(
                "providers.{}: another `mailbatch suppress sync {}` is at it",
                head.provider, head.provider
            );
            return Err(Error::new(Exit::LOCKED, message)
                .hint("wait for it to end, then try again; nothing was changed"));
        };
        let mut text = Vec::new();
        file.read_to_end(&mut text).map_err(failed)?;
        // Only mailbatch writes this file. If it cannot be parsed, the synchronisation begins
        // again.
        let text = String::from_utf8(text).unwrap_or_default();
        let mut progress = Self::none();
        // A last line without a newline is incomplete, so its page may not have been stored.
        let whole = text.rfind('\n').map_or("", |end| &text[..end]);
        let mut lines = whole.lines();
        let is_mine = lines
            .next()
            .and_then(|line| serde_json::from_str::<Head>(line).ok())
            .is_some_and(|begun| begun.admits(head));
        let steps: Option<Vec<Step>> = lines.map(|line| serde_json::from_str(line).ok()).collect();
        let steps = steps.filter(|_| is_mine);
        match steps {
            Some(steps) => {
                file.set_len(whole.len() as u64 + 1).map_err(failed)?;
                progress.is_over = steps.last().is_some_and(|step| step.next.is_none());
                progress.cursor = steps.last().and_then(|step| step.next.clone());
                progress.seen = steps
                    .iter()
                    .flat_map(|step| &step.seen)
                    .filter_map(|hex| u128::from_str_radix(hex, 16).ok())
                    .collect();
                tracing::info!(
                    addresses = progress.seen.len(),
                    "continuing where the last command stopped"
                );
            }
            None => {
                let line =
                    serde_json::to_string(head).map_err(|e| Error::internal(e.to_string()))?;
                file.set_len(0).and_then(|()| writeln!(file, "{line}")).map_err(failed)?;
            }
        }
        progress.file = Some((path, file));
        Ok(progress)
    }

    /// Returns the cursor to continue from, whether all pages have been read, and the hashes of
    /// their addresses.
    pub(crate) fn take(&mut self) -> (Option<String>, bool, HashSet<u128>) {
        (self.cursor.take(), self.is_over, std::mem::take(&mut self.seen))
    }

    /// Adds a step to the file.
    pub(crate) fn add(
        &mut self,
        next: Option<&str>,
        seen: impl Iterator<Item = u128>,
    ) -> Result<()> {
        let Some((path, file)) = &mut self.file else { return Ok(()) };
        let step = Step {
            next: next.map(str::to_owned),
            seen: seen.map(|hash| format!("{hash:x}")).collect(),
        };
        let mut line = serde_json::to_string(&step).map_err(|e| Error::internal(e.to_string()))?;
        line.push('\n');
        file.write_all(line.as_bytes()).map_err(|e| cannot(path, &e))
    }

    /// Removes the file of a complete synchronisation, so that the next command begins again.
    pub(crate) fn finish(self) {
        if let Some((path, _)) = self.file {
            // If the file cannot be removed, the next command reads it and finds nothing left to
            // do.
            let _ = std::fs::remove_file(path);
        }
    }
}

/// Opens and locks the file, and waits a moment if another command holds the lock. Returns `None`
/// if that command keeps the lock.
fn locked(path: &Path) -> std::io::Result<Option<File>> {
    loop {
        let file =
            OpenOptions::new().create(true).read(true).append(true).mode(0o600).open(path)?;
        if !holder::locked_within(&file, path, MOMENT)? {
            return Ok(None);
        }
        // The command that held the lock may have removed this file, so data written to it would be
        // lost.
        let (ours, there) = (file.metadata()?, std::fs::metadata(path));
        if there.is_ok_and(|there| (there.dev(), there.ino()) == (ours.dev(), ours.ino())) {
            return Ok(Some(file));
        }
    }
}

fn cannot(path: &Path, error: &std::io::Error) -> Error {
    Error::internal(format!("{}: {error}", path.shown()))
        .hint("free disk space, or correct the permissions")
}

/// Returns the path of a provider's progress file.
fn path(dir: &Path, name: &str) -> std::path::PathBuf {
    dir.join(format!("{name}.ndjson"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn head() -> Head {
        Head::new("api", "ses", None, true)
    }

    #[test]
    fn what_was_done_is_found_again_up_to_the_last_whole_line() {
        let dir = tempfile::tempdir().unwrap();
        let mut begun = Progress::open(dir.path(), &head()).unwrap();
        assert_eq!(begun.take(), (None, false, HashSet::new()));
        begun.add(Some("b"), [1, 2].into_iter()).unwrap();
        begun.add(Some("c"), [3].into_iter()).unwrap();
        assert_eq!(Progress::open(dir.path(), &head()).unwrap_err().exit(), Exit::LOCKED);
        drop(begun);
        let path = super::path(dir.path(), "api");
        let text = std::fs::read_to_string(&path).unwrap();
        for cut in 0..=text.len() {
            std::fs::write(&path, &text[..cut]).unwrap();
            let (cursor, is_over, seen) = Progress::open(dir.path(), &head()).unwrap().take();
            let steps = text[..cut].matches('\n').count().saturating_sub(1);
            assert_eq!(
                (cursor.as_deref(), seen.len(), is_over),
                [(None, 0, false), (Some("b"), 2, false), (Some("c"), 3, false)][steps],
                "cut at {cut}"
            );
        }
        let mut again = Progress::open(dir.path(), &head()).unwrap();
        again.add(None, std::iter::empty()).unwrap();
        drop(again);
        let mut over = Progress::open(dir.path(), &head()).unwrap();
        assert!(over.take().1);
        over.finish();
        assert!(!path.exists());
    }

    #[test]
    fn what_the_command_before_took_away_at_its_end_is_not_written_to() {
        let dir = tempfile::tempdir().unwrap();
        for _ in 0..20 {
            let ending = Progress::open(dir.path(), &head()).unwrap();
            std::thread::scope(|scope| {
                let next = scope.spawn(|| Progress::open(dir.path(), &head()));
                ending.finish();
                next.join().unwrap().unwrap().add(Some("b"), [1].into_iter()).unwrap();
            });
            let found = Progress::open(dir.path(), &head()).unwrap();
            assert_eq!(found.cursor.as_deref(), Some("b"), "what it wrote is found");
            found.finish();
        }
    }

    #[test]
    fn what_is_old_or_anothers_is_begun_anew() {
        for other in [
            Head { kind: "sendgrid".into(), ..head() },
            Head { env: Some("staging".into()), ..head() },
            Head { pulls: false, ..head() },
            Head { at: Timestamp::now() + jiff::SignedDuration::from_hours(7), ..head() },
            Head { v: 2, ..head() },
        ] {
            let dir = tempfile::tempdir().unwrap();
            let mut begun = Progress::open(dir.path(), &head()).unwrap();
            begun.add(Some("b"), [1].into_iter()).unwrap();
            drop(begun);
            assert_eq!(Progress::open(dir.path(), &other).unwrap().take().0, None, "{other:?}");
        }
    }
}
