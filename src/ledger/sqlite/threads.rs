//! The threads that own the SQLite connections. One thread writes requests in groups with one
//! commit each; the others read.
//!
//! A failed request undoes only its own changes. A failed commit fails every request of its group.
//! No request is answered before its commit has reached the disk, except preliminary requests (see
//! [`Worker::ask_early`]).

use std::cell::Cell;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::thread::JoinHandle;

use rusqlite::Connection;
use tokio::sync::{mpsc, oneshot};

use super::fault::{Fault, Result};
use super::patience;
use crate::ledger::{LedgerError, LedgerResult};

/// The maximum number of requests that share a commit.
const GROUP: usize = 64;
/// The maximum number of requests in a thread's queue. If it is full, callers wait.
const QUEUE: usize = 128;

/// A request to the thread, with the channel for its answer.
trait Work: Send {
    /// Does the work inside the open transaction and stores the result. It is called again if
    /// another request's failure rolled the transaction back. Returns false if this request
    /// requires a rollback.
    fn run(&mut self, conn: &Connection) -> bool;
    /// Whether the request has no effect until a later request is committed. If so, its commit need
    /// not wait for the disk.
    fn is_preliminary(&self) -> bool;
    /// The error of the work itself.
    fn failure(&self) -> Option<LedgerError>;
    /// Sends the answer to the caller. `lost` says why the transaction did not reach the disk.
    fn answer(self: Box<Self>, lost: Option<&LedgerError>);
}

struct Task<F, T> {
    work: F,
    result: Option<LedgerResult<T>>,
    reply: oneshot::Sender<LedgerResult<T>>,
    path: Arc<str>,
    is_preliminary: bool,
}

impl<T: Send, F: Fn(&Connection) -> Result<T> + Send> Work for Task<F, T> {
    fn run(&mut self, conn: &Connection) -> bool {
        let result = (self.work)(conn).map_err(|fault| fault.at(&self.path));
        let ok = result.is_ok();
        self.result = Some(result);
        ok
    }

    fn is_preliminary(&self) -> bool {
        self.is_preliminary
    }

    fn failure(&self) -> Option<LedgerError> {
        self.result.as_ref().and_then(|result| result.as_ref().err()).cloned()
    }

    fn answer(self: Box<Self>, lost: Option<&LedgerError>) {
        let answer = match (self.result, lost) {
            (Some(Err(own)), _) => Err(own),
            (_, Some(lost)) => Err(lost.clone()),
            (Some(Ok(value)), None) => Ok(value),
            (None, None) => Err(LedgerError::Gone("a request was not executed".into())),
        };
        // The caller may have stopped waiting for the answer.
        let _ = self.reply.send(answer);
    }
}

/// A thread with its own connection and a bounded queue. Dropping the value waits until the queued
/// requests are done.
pub(super) struct Worker {
    queue: Option<mpsc::Sender<Box<dyn Work>>>,
    thread: Option<JoinHandle<()>>,
    path: Arc<str>,
}

impl Worker {
    /// Starts the thread that writes.
    pub(super) fn writer(
        conn: Connection,
        path: Arc<str>,
        is_hurried: Arc<AtomicBool>,
    ) -> std::io::Result<Self> {
        let for_thread = path.clone();
        Self::start("ledger-writer", path, move |mut queue| {
            let (mut conn, mut group) = (conn, Vec::with_capacity(GROUP));
            let runs_ahead = Cell::new(false);
            if let Err(error) =
                patience::install(&mut conn, for_thread.clone(), patience::TO_WRITE, is_hurried)
            {
                tracing::warn!(%error, "cannot set how long the ledger waits for other processes");
            }
            while queue.blocking_recv_many(&mut group, GROUP) > 0 {
                commit(&conn, &runs_ahead, std::mem::take(&mut group), &for_thread);
            }
        })
    }

    /// Starts a thread that reads. Each request sees the latest committed state of the ledger.
    pub(super) fn reader(conn: Connection, path: Arc<str>) -> std::io::Result<Self> {
        let for_thread = path.clone();
        Self::start("ledger-reader", path, move |mut queue| {
            while let Some(mut work) = queue.blocking_recv() {
                let sql = |text: &str| {
                    conn.prepare_cached(text).and_then(|mut sql| sql.execute([])).map(drop)
                };
                let begun = sql("BEGIN").map_err(|e| Fault::from(e).at(&for_thread));
                if begun.is_ok() {
                    work.run(&conn);
                    // A failed COMMIT loses nothing, because the transaction only read.
                    let _ = sql("COMMIT");
                }
                work.answer(begun.as_ref().err());
            }
        })
    }

    fn start(
        name: &str,
        path: Arc<str>,
        body: impl FnOnce(mpsc::Receiver<Box<dyn Work>>) + Send + 'static,
    ) -> std::io::Result<Self> {
        let (queue, receiver) = mpsc::channel(QUEUE);
        let thread = crate::process::start_thread(name, move || body(receiver))?;
        Ok(Self { queue: Some(queue), thread: Some(thread), path })
    }

    /// Sends `work` to the thread and waits for its result.
    pub(super) async fn ask<T: Send + 'static>(
        &self,
        work: impl Fn(&Connection) -> Result<T> + Send + 'static,
    ) -> LedgerResult<T> {
        self.hand(work, false).await
    }

    /// Like `ask`, for work that has no effect until a later request is committed. The answer comes
    /// before the commit has reached the disk. SQLite writes its log in order, so the later commit
    /// also brings this one to the disk (`synchronous = NORMAL` in WAL mode).
    pub(super) async fn ask_early<T: Send + 'static>(
        &self,
        work: impl Fn(&Connection) -> Result<T> + Send + 'static,
    ) -> LedgerResult<T> {
        self.hand(work, true).await
    }

    /// Converts a fault found in a result of this thread to the error that callers see.
    pub(super) fn blamed(&self, fault: Fault) -> LedgerError {
        fault.at(&self.path)
    }

    async fn hand<T: Send + 'static>(
        &self,
        work: impl Fn(&Connection) -> Result<T> + Send + 'static,
        is_preliminary: bool,
    ) -> LedgerResult<T> {
        let gone = || LedgerError::Gone("the thread of the ledger has ended".into());
        let (reply, answer) = oneshot::channel();
        let task: Box<dyn Work> =
            Box::new(Task { work, result: None, reply, path: self.path.clone(), is_preliminary });
        self.queue.as_ref().ok_or_else(gone)?.send(task).await.map_err(|_| gone())?;
        answer.await.map_err(|_| gone())?
    }
}

impl Drop for Worker {
    fn drop(&mut self) {
        self.queue = None;
        if let Some(thread) = self.thread.take() {
            // A panic of the thread was reported when it occurred.
            let _ = thread.join();
        }
    }
}

/// Runs a group of requests, commits once, and answers. If one request fails, each is run again in
/// its own transaction. One savepoint per request would be slower, because SQLite would copy every
/// changed page to a separate file. `runs_ahead` says whether the connection currently commits
/// without waiting for the disk.
fn commit(conn: &Connection, runs_ahead: &Cell<bool>, mut group: Vec<Box<dyn Work>>, path: &str) {
    if group.len() > 1 {
        let done = together(conn, runs_ahead, &mut group, path);
        if !matches!(done, Ok(false)) {
            return group.into_iter().for_each(|work| work.answer(done.as_ref().err()));
        }
    }
    for mut work in group {
        let done = together(conn, runs_ahead, std::slice::from_mut(&mut work), path);
        work.answer(done.as_ref().err());
    }
}

/// Runs requests in one transaction. Returns true if it was committed, false if a request failed
/// and the transaction was rolled back.
fn together(
    conn: &Connection,
    runs_ahead: &Cell<bool>,
    group: &mut [Box<dyn Work>],
    path: &str,
) -> LedgerResult<bool> {
    let sql = |text: &str| {
        conn.prepare_cached(text)
            .and_then(|mut sql| sql.execute([]))
            .map(drop)
            .map_err(|e| Fault::from(e).at(path))
    };
    let transaction = |group: &mut [Box<dyn Work>]| {
        sql("BEGIN IMMEDIATE")?;
        patience::is_over();
        for work in group {
            let ok = work.run(conn);
            if conn.is_autocommit() {
                // After a full disk or an I/O error, SQLite rolls back the whole transaction,
                // including earlier requests of the group.
                return Err(work.failure().unwrap_or_else(|| {
                    LedgerError::Gone("SQLite ended the transaction early".into())
                }));
            }
            if !ok {
                return Ok(false);
            }
        }
        sql("COMMIT").map(|()| true)
    };
    let may_run_ahead = group.iter().all(|work| work.is_preliminary());
    if runs_ahead.get() != may_run_ahead {
        // SQLite executes this pragma when it is prepared, so it must be prepared each time. If it
        // fails, no request is run.
        let level = if may_run_ahead { "NORMAL" } else { "FULL" };
        runs_ahead.set(true);
        conn.pragma_update(None, "synchronous", level).map_err(|e| Fault::from(e).at(path))?;
        runs_ahead.set(may_run_ahead);
    }
    let done = transaction(group);
    if !matches!(done, Ok(true)) && !conn.is_autocommit() {
        // If ROLLBACK fails too, the next BEGIN reports the error.
        let _ = conn.execute_batch("ROLLBACK");
    }
    done
}
