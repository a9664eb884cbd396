//! The ledger in one SQLite file: `ledger.db` in the workspace's state directory, in WAL mode with
//! `synchronous = FULL`.
//!
//! A request is answered after its commit has reached the disk. Several processes may share the
//! file. Each process has one thread that writes and two that read: one for the pipeline's queries
//! while it sends, one for queries that may take longer.

mod aliases;
mod blame;
mod canary;
mod caps;
mod carry;
mod claim;
pub(crate) mod codes;
mod copy;
mod events;
mod evidence;
mod facts;
mod failures;
mod fault;
mod foreign;
mod foresee;
mod former;
mod hashes;
mod known;
mod lease;
mod names;
mod opening;
mod patience;
mod pauses;
mod place;
mod plan;
mod ramp;
mod read;
mod reconcile;
mod recover;
mod run_row;
mod schema;
mod sketches;
mod stores;
mod threads;
mod trend;
mod used_tokens;
mod why;
mod workspace;

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use rusqlite::Connection;

use self::claim::Origin;
use self::place::Place;
use self::threads::Worker;
use super::{Ledger, LedgerResult};
use crate::provider::BoxFuture;

/// The ledger of a workspace.
pub(super) struct SqliteLedger {
    writer: Worker,
    quick: Worker,
    long: Worker,
    trace_dir: PathBuf,
    origin: Mutex<Origin>,
    place: Arc<Place>,
    path: Arc<str>,
    /// Whether transactions must no longer wait for other processes.
    is_hurried: Arc<AtomicBool>,
    is_copy: bool,
}

impl SqliteLedger {
    /// The path of a state directory's ledger.
    pub(super) fn path(state_dir: &Path) -> PathBuf {
        state_dir.join("ledger.db")
    }

    fn origin(&self) -> Origin {
        self.origin.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn write<T: Send + 'static>(
        &self,
        work: impl Fn(&Connection) -> fault::Result<T> + Send + 'static,
    ) -> BoxFuture<'_, LedgerResult<T>> {
        Box::pin(self.writer.ask(work))
    }

    /// Like `ask`, for a request that begins new work. Fails with `LedgerError::Lost` if the
    /// ledger's files were removed or replaced. Requests that settle earlier work still succeed, so
    /// that the process can report its results.
    fn begins<T: Send + 'static>(
        &self,
        work: impl Fn(&Connection) -> fault::Result<T> + Send + 'static,
    ) -> BoxFuture<'_, LedgerResult<T>> {
        let place = Arc::clone(&self.place);
        self.write(move |conn| place.check().and_then(|()| work(conn)))
    }

    fn quick<T: Send + 'static>(
        &self,
        work: impl Fn(&Connection) -> fault::Result<T> + Send + 'static,
    ) -> BoxFuture<'_, LedgerResult<T>> {
        Box::pin(self.quick.ask(work))
    }

    fn long<T: Send + 'static>(
        &self,
        work: impl Fn(&Connection) -> fault::Result<T> + Send + 'static,
    ) -> BoxFuture<'_, LedgerResult<T>> {
        Box::pin(self.long.ask(work))
    }

    /// Deletes the traces of a run that has no open claims.
    fn sweep(&self, run: &str) {
        recover::sweep(&self.trace_dir, run, self.origin().trace.as_deref());
    }
}

impl Ledger for SqliteLedger {
    fn set_trace(&self, name: &str) {
        self.origin.lock().unwrap_or_else(PoisonError::into_inner).trace = Some(name.to_owned());
    }

    fn hurry(&self) {
        self.is_hurried.store(true, Ordering::Relaxed);
    }

    fn is_copy(&self) -> bool {
        self.is_copy
    }
}

impl std::fmt::Debug for SqliteLedger {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("SqliteLedger").field("trace_dir", &self.trace_dir).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
