//! The ledger in one SQLite file: `ledger.db` in the workspace's state directory, in WAL mode with `synchronous = FULL`.
//!
//! A request is answered after its commit has reached the disk. Several processes may share the file; each has one thread that writes and
//! two that read, one for the questions that the pipeline asks while it sends and one for everything that may take longer.

mod canary;
mod caps;
mod carry;
mod claim;
mod events;
mod evidence;
mod facts;
mod fault;
mod lease;
mod names;
mod plan;
mod ramp;
mod read;
mod reconcile;
mod recover;
mod schema;
mod threads;
mod trend;
mod why;
mod words;
mod workspace;

use std::io;
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use futures_util::future::try_join;
use jiff::Timestamp;
use rusqlite::{Connection, ErrorCode, OpenFlags};

use self::claim::Origin;
use self::fault::Fault;
use self::read::Halves;
use self::threads::Worker;
use super::{
    Ask, BatchRecord, CanaryEvidence, Claimed, Decision, Draft, EventQuery, Fact, Gate, Hold, KeptEvent, Leased, Ledger, LedgerError, LedgerResult,
    LedgerRow, LedgerSuppression, Pause, Person, PlannedRow, Proof, Reconciled, Recovered, Run, RunHead, RunId, RunState, Seal, Seen, Settled, Spent,
    Standing, Through, Trend, Unfiled, Wish, trace,
};
use crate::events::{Believe, Event};
use crate::literal::Rate;
use crate::outcome::{Cohort, Outcome, Reason};
use crate::pause::{Fared, Watched};
use crate::provider::{BoxFuture, Feedback, JobId};

/// How long a process waits for another one's transaction. The longest is the sealing of a large run.
const PATIENCE: Duration = Duration::from_secs(60);

/// The ledger of a workspace.
pub struct SqliteLedger {
    writer: Worker,
    quick: Worker,
    long: Worker,
    trace_dir: PathBuf,
    origin: Mutex<Origin>,
}

impl SqliteLedger {
    /// Opens the ledger in `state_dir`, making both when they are missing, and brings an older one up to date. Errs with
    /// `LedgerError::Newer` for a ledger of a later version, which is left as it is.
    pub fn open(state_dir: &Path) -> LedgerResult<Self> {
        let path = state_dir.join("ledger.db");
        let shown = path.display().to_string();
        std::fs::DirBuilder::new().recursive(true).mode(0o700).create(state_dir).map_err(|e| io_error(&state_dir.display().to_string(), &e))?;
        // SQLite gives its -wal and -shm files the mode of the database.
        match std::fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(&path) {
            Err(e) if e.kind() != io::ErrorKind::AlreadyExists => return Err(io_error(&shown, &e)),
            _ => {}
        }
        let threads = connect(&path).map_err(|fault| fault.at(&shown))?;
        let [writer, quick, long] = threads;
        let shared: Arc<str> = shown.as_str().into();
        let thread = |made: io::Result<Worker>| made.map_err(|e| io_error(&shown, &e));
        Ok(Self {
            writer: thread(Worker::writer(writer, shared.clone()))?,
            quick: thread(Worker::reader(quick, shared.clone()))?,
            long: thread(Worker::reader(long, shared))?,
            trace_dir: trace::directory(state_dir),
            origin: Mutex::new(Origin { trace: None, boot: recover::boot_id() }),
        })
    }

    /// Opens the ledger in `state_dir` if there is one, and makes nothing otherwise.
    pub fn open_existing(state_dir: &Path) -> LedgerResult<Option<Self>> {
        let path = state_dir.join("ledger.db");
        match path.try_exists() {
            Ok(true) => Self::open(state_dir).map(Some),
            Ok(false) => Ok(None),
            Err(e) => Err(io_error(&path.display().to_string(), &e)),
        }
    }

    /// Names the trace of this execution; it is recorded with every batch that is claimed from now on. Without it a crash makes every
    /// open claim `unknown`.
    pub fn set_trace(&self, name: impl Into<String>) {
        self.origin.lock().unwrap_or_else(PoisonError::into_inner).trace = Some(name.into());
    }

    fn origin(&self) -> Origin {
        self.origin.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn write<T: Send + 'static>(&self, work: impl Fn(&Connection) -> fault::Result<T> + Send + 'static) -> BoxFuture<'_, LedgerResult<T>> {
        Box::pin(self.writer.ask(work))
    }

    fn quick<T: Send + 'static>(&self, work: impl Fn(&Connection) -> fault::Result<T> + Send + 'static) -> BoxFuture<'_, LedgerResult<T>> {
        Box::pin(self.quick.ask(work))
    }

    fn long<T: Send + 'static>(&self, work: impl Fn(&Connection) -> fault::Result<T> + Send + 'static) -> BoxFuture<'_, LedgerResult<T>> {
        Box::pin(self.long.ask(work))
    }

    /// Deletes the traces of a run none of whose claims is open.
    fn sweep(&self, run: &str) {
        recover::sweep(&self.trace_dir, run, self.origin().trace.as_deref());
    }
}

fn io_error(path: &str, error: &io::Error) -> LedgerError {
    match error.kind() {
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => LedgerError::Full { path: path.to_owned() },
        _ => LedgerError::Broken { path: path.to_owned(), detail: error.to_string() },
    }
}

/// How long the log may become before it is worked into the file.
const LOG_OCTETS: i64 = 16 << 20;

/// The three connections, the first of which writes.
fn connect(path: &Path) -> fault::Result<[Connection; 3]> {
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let mut writer = Connection::open_with_flags(path, flags)?;
    writer.busy_timeout(PATIENCE)?;
    let found = schema::version(&writer)?;
    if found > schema::VERSION {
        return Err(Fault::Newer(found));
    }
    if found == 0 {
        // Rows are planned, claimed and settled in their order, so neighbours change together.
        writer.execute_batch("PRAGMA page_size = 8192")?;
    }
    into_wal(&writer)?;
    // What is deleted is addresses, and nothing of them may stay behind in free pages.
    writer.execute_batch("PRAGMA main.secure_delete = ON")?;
    writer.execute_batch("PRAGMA synchronous = FULL; PRAGMA foreign_keys = OFF; PRAGMA cache_size = -8192; PRAGMA journal_size_limit = 67108864")?;
    // A row is changed twice within seconds; a long log before it is worked into the file saves most of the second write.
    let page_size: i64 = writer.query_row("PRAGMA page_size", [], |row| row.get(0))?;
    writer.pragma_update(None, "wal_autocheckpoint", LOG_OCTETS / page_size)?;
    writer.set_prepared_statement_cache_capacity(64);
    schema::migrate(&mut writer)?;
    let reader = || -> fault::Result<Connection> {
        let conn = Connection::open_with_flags(path, flags)?;
        conn.busy_timeout(PATIENCE)?;
        conn.execute_batch("PRAGMA query_only = ON; PRAGMA cache_size = -2048;")?;
        conn.set_prepared_statement_cache_capacity(32);
        Ok(conn)
    };
    Ok([writer, reader()?, reader()?])
}

/// Switches the file to WAL. SQLite does not wait for the lock that this takes, so a second process that opens a new ledger at the same
/// moment has to ask again; two seconds are plenty, as the switch itself takes a few milliseconds.
fn into_wal(conn: &Connection) -> fault::Result<()> {
    let mut left = 200;
    loop {
        match conn.pragma_update_and_check(None, "journal_mode", "WAL", |row| row.get::<_, String>(0)) {
            Ok(mode) if mode.eq_ignore_ascii_case("wal") => return Ok(()),
            Ok(mode) => return Err(Fault::Damaged(format!("the file system allows no write-ahead log (journal mode is {mode})"))),
            Err(e) if left > 0 && e.sqlite_error_code() == Some(ErrorCode::DatabaseBusy) => {
                left -= 1;
                std::thread::sleep(Duration::from_millis(10));
            }
            Err(e) => return Err(e.into()),
        }
    }
}

impl Ledger for SqliteLedger {
    fn begin(&self, head: RunHead) -> BoxFuture<'_, LedgerResult<RunId>> {
        self.write(move |conn| plan::begin(conn, &head, Timestamp::now()))
    }

    fn plan(&self, run: &str, rows: Vec<PlannedRow>) -> BoxFuture<'_, LedgerResult<()>> {
        let run = run.to_owned();
        // A run counts from its seal on.
        Box::pin(self.writer.ask_early(move |conn| plan::plan(conn, &run, &rows)))
    }

    fn seal(&self, run: &str, seal: Seal) -> BoxFuture<'_, LedgerResult<()>> {
        let (run, origin, trace_dir) = (run.to_owned(), self.origin(), self.trace_dir.clone());
        Box::pin(async move {
            let closed = self.writer.ask(move |conn| plan::seal(conn, &origin.boot, &trace_dir, &run, &seal, Timestamp::now())).await?;
            for old in closed {
                self.sweep(&old);
            }
            Ok(())
        })
    }

    fn discard(&self, run: &str) -> BoxFuture<'_, LedgerResult<()>> {
        let run = run.to_owned();
        self.write(move |conn| plan::discard(conn, &run))
    }

    fn next(&self, run: &str, ask: Ask) -> BoxFuture<'_, LedgerResult<Vec<LedgerRow>>> {
        let run = run.to_owned();
        self.quick(move |conn| read::next(conn, &run, &ask, Timestamp::now()))
    }

    fn next_retry_at(&self, run: &str, cohort: Option<Cohort>, through: Through) -> BoxFuture<'_, LedgerResult<Option<Timestamp>>> {
        let run = run.to_owned();
        self.quick(move |conn| read::next_retry_at(conn, &run, cohort, &through))
    }

    fn claim(&self, draft: Draft) -> BoxFuture<'_, LedgerResult<Claimed>> {
        let origin = self.origin();
        self.write(move |conn| claim::claim(conn, &origin, &draft, Timestamp::now()))
    }

    fn settle(&self, run: &str, batch: i64, items: Vec<(JobId, Settled)>, feedback: Vec<(JobId, Feedback)>) -> BoxFuture<'_, LedgerResult<()>> {
        let run = run.to_owned();
        self.write(move |conn| claim::settle(conn, &run, batch, &items, &feedback, Timestamp::now()))
    }

    fn recover(&self, run: &str) -> BoxFuture<'_, LedgerResult<Recovered>> {
        let (run, origin, trace_dir) = (run.to_owned(), self.origin(), self.trace_dir.clone());
        Box::pin(async move {
            let name = run.clone();
            let recovered = self.writer.ask(move |conn| recover::recover(conn, &origin.boot, &trace_dir, &name, Timestamp::now())).await?;
            self.sweep(&run);
            Ok(recovered)
        })
    }

    fn unlearned(&self, run: &str) -> BoxFuture<'_, LedgerResult<Vec<LedgerSuppression>>> {
        let (run, origin, trace_dir) = (run.to_owned(), self.origin(), self.trace_dir.clone());
        self.write(move |conn| recover::unlearned(conn, &origin.boot, &trace_dir, &run, Timestamp::now()))
    }

    fn lease(&self, key: &str, rate: Rate, wish: Wish) -> BoxFuture<'_, LedgerResult<Leased>> {
        let key = key.to_owned();
        self.write(move |conn| lease::lease(conn, &key, rate, &wish, Timestamp::now()))
    }

    fn take_back(&self, key: &str, spent: Vec<Spent>) -> BoxFuture<'_, LedgerResult<()>> {
        let key = key.to_owned();
        self.write(move |conn| lease::take_back(conn, &key, &spent))
    }

    fn note(&self, run: &str, what: &'static str, detail: &str) -> BoxFuture<'_, LedgerResult<()>> {
        let (run, detail) = (run.to_owned(), detail.to_owned());
        self.write(move |conn| plan::note(conn, plan::seq_of(conn, &run)?, what, &detail, Timestamp::now()))
    }

    fn set_gate(&self, run: &str, gate: Gate) -> BoxFuture<'_, LedgerResult<()>> {
        let run = run.to_owned();
        self.write(move |conn| plan::set_gate(conn, &run, &gate))
    }

    fn hold_rest(&self, run: &str, reason: Reason, detail: &str) -> BoxFuture<'_, LedgerResult<u64>> {
        let (run, detail) = (run.to_owned(), detail.to_owned());
        self.write(move |conn| plan::hold(conn, plan::seq_of(conn, &run)?, reason, &detail, Timestamp::now()))
    }

    fn hold(&self, run: &str, hold: Hold, except: Vec<JobId>, detail: &str) -> BoxFuture<'_, LedgerResult<u64>> {
        let (run, detail) = (run.to_owned(), detail.to_owned());
        self.write(move |conn| evidence::hold(conn, &run, &hold, &except, &detail, Timestamp::now()))
    }

    fn extend_canary(&self, run: &str, more: u64, provider: Option<&str>) -> BoxFuture<'_, LedgerResult<u64>> {
        let (run, provider) = (run.to_owned(), provider.map(str::to_owned));
        self.write(move |conn| canary::extend(conn, &run, more, provider.as_deref(), Timestamp::now()))
    }

    fn reopen(&self, run: &str, outcomes: &[Outcome]) -> BoxFuture<'_, LedgerResult<u64>> {
        let (run, outcomes) = (run.to_owned(), outcomes.to_vec());
        self.write(move |conn| plan::reopen(conn, &run, &outcomes, Timestamp::now()))
    }

    fn finish(&self, run: &str, state: RunState, exit: u8) -> BoxFuture<'_, LedgerResult<()>> {
        let run = run.to_owned();
        self.write(move |conn| plan::finish(conn, &run, state, exit, Timestamp::now()))
    }

    fn remove(&self, run: &str) -> BoxFuture<'_, LedgerResult<()>> {
        let run = run.to_owned();
        Box::pin(async move {
            let name = run.clone();
            self.writer.ask(move |conn| plan::remove(conn, &name, Timestamp::now())).await?;
            self.sweep(&run);
            Ok(())
        })
    }

    fn runs(&self) -> BoxFuture<'_, LedgerResult<Vec<Run>>> {
        self.long(read::runs)
    }

    fn run(&self, run: &str) -> BoxFuture<'_, LedgerResult<Option<Run>>> {
        let run = run.to_owned();
        self.quick(move |conn| read::run(conn, &run))
    }

    fn latest_run(&self, campaign: &str, env: Option<&str>) -> BoxFuture<'_, LedgerResult<Option<Run>>> {
        let (campaign, env) = (campaign.to_owned(), env.map(str::to_owned));
        self.quick(move |conn| read::latest_run(conn, &campaign, env.as_deref()))
    }

    fn standing(&self, run: &str) -> BoxFuture<'_, LedgerResult<Standing>> {
        let run = run.to_owned();
        Box::pin(async move {
            let Halves { front, back, feedback } = self.quick.ask(move |conn| read::halves(conn, &run)).await?;
            // Side by side. Between the two a row may change, but none goes from one half to the other: each is counted once.
            let front = self.long.ask(move |conn| read::alike(conn, &front));
            let (front, back) = try_join(front, self.quick.ask(move |conn| read::alike(conn, &back))).await?;
            read::standing(front.into_iter().chain(back), feedback).map_err(|fault| self.quick.blamed(fault))
        })
    }

    fn rows(&self, run: &str, after: JobId, limit: usize) -> BoxFuture<'_, LedgerResult<Vec<LedgerRow>>> {
        let run = run.to_owned();
        let work = move |conn: &Connection| read::rows(conn, &run, after, limit);
        // Pages that follow each other are read side by side.
        if (after / limit.max(1) as JobId).is_multiple_of(2) { self.long(work) } else { self.quick(work) }
    }

    fn why(&self, run: &str, email: &str) -> BoxFuture<'_, LedgerResult<Vec<Decision>>> {
        let (run, email) = (run.to_owned(), email.to_owned());
        self.long(move |conn| why::why(conn, &run, &email))
    }

    fn event(&self, mut event: Event, believe: Believe) -> BoxFuture<'_, LedgerResult<Seen>> {
        event.identify();
        let event = Arc::new(event);
        Box::pin(async move {
            // What events are found by is gathered when it is first needed, so many at a time that others are not kept waiting.
            loop {
                let event = event.clone();
                let step = self.writer.ask(move |conn| events::take(conn, &event, believe, Timestamp::now())).await?;
                if let Some(seen) = step {
                    return Ok(seen);
                }
            }
        })
    }

    fn events(&self, query: EventQuery) -> BoxFuture<'_, LedgerResult<Vec<KeptEvent>>> {
        self.long(move |conn| events::list(conn, &query))
    }

    fn has_heard(&self, since: Timestamp) -> BoxFuture<'_, LedgerResult<bool>> {
        self.quick(move |conn| evidence::has_heard(conn, since))
    }

    fn canary_evidence(&self, run: &str) -> BoxFuture<'_, LedgerResult<CanaryEvidence>> {
        let run = run.to_owned();
        self.quick(move |conn| evidence::canary(conn, &run))
    }

    fn fared(&self, run: &str, watched: Watched, since: Timestamp, least: u64) -> BoxFuture<'_, LedgerResult<Vec<Fared>>> {
        let run = run.to_owned();
        self.long(move |conn| evidence::fared(conn, &run, watched, since, least))
    }

    fn trend(&self, weeks: u32) -> BoxFuture<'_, LedgerResult<Vec<Trend>>> {
        self.long(move |conn| trend::trend(conn, weeks, Timestamp::now()))
    }

    fn proofs(&self, run: &str) -> BoxFuture<'_, LedgerResult<Vec<Proof>>> {
        let run = run.to_owned();
        self.long(move |conn| reconcile::proofs(conn, &run))
    }

    fn batch(&self, run: &str, batch: i64) -> BoxFuture<'_, LedgerResult<Option<BatchRecord>>> {
        let run = run.to_owned();
        self.quick(move |conn| reconcile::batch(conn, &run, batch))
    }

    fn reconcile(&self, run: &str, verdicts: Vec<Reconciled>) -> BoxFuture<'_, LedgerResult<u64>> {
        let run = run.to_owned();
        self.write(move |conn| reconcile::reconcile(conn, &run, &verdicts, Timestamp::now()))
    }

    fn unfiled(&self, limit: usize) -> BoxFuture<'_, LedgerResult<Vec<Unfiled>>> {
        self.quick(move |conn| events::unfiled(conn, limit))
    }

    fn filed(&self, numbers: Vec<i64>, done: bool) -> BoxFuture<'_, LedgerResult<()>> {
        self.write(move |conn| events::filed(conn, &numbers, done))
    }

    fn person(&self, token: &str) -> BoxFuture<'_, LedgerResult<Option<Person>>> {
        let token: Arc<str> = token.into();
        Box::pin(async move {
            loop {
                let token = token.clone();
                if let Some(person) = self.writer.ask(move |conn| names::person(conn, &token, Timestamp::now())).await? {
                    return Ok(person);
                }
            }
        })
    }

    fn remember(&self, fact: Fact) -> BoxFuture<'_, LedgerResult<()>> {
        self.write(move |conn| facts::remember(conn, &fact))
    }

    fn recall(&self, kind: &'static str) -> BoxFuture<'_, LedgerResult<Vec<Fact>>> {
        self.quick(move |conn| facts::recall(conn, kind))
    }

    fn forget(&self, kind: &'static str, subject: &str) -> BoxFuture<'_, LedgerResult<bool>> {
        let subject = subject.to_owned();
        self.write(move |conn| facts::forget(conn, kind, &subject))
    }

    fn pause(&self, reason: &str) -> BoxFuture<'_, LedgerResult<()>> {
        let reason = reason.to_owned();
        self.write(move |conn| workspace::pause(conn, &reason, Timestamp::now()))
    }

    fn unpause(&self) -> BoxFuture<'_, LedgerResult<bool>> {
        self.write(workspace::unpause)
    }

    fn paused(&self) -> BoxFuture<'_, LedgerResult<Option<Pause>>> {
        self.quick(workspace::paused)
    }

    fn suppress(&self, entries: Vec<LedgerSuppression>) -> BoxFuture<'_, LedgerResult<u64>> {
        self.write(move |conn| workspace::suppress(conn, &entries))
    }

    fn not_kept(&self, entries: Vec<LedgerSuppression>) -> BoxFuture<'_, LedgerResult<Vec<LedgerSuppression>>> {
        self.quick(move |conn| workspace::not_kept(conn, &entries))
    }

    fn unsuppress(&self, entries: Vec<String>, by: &str) -> BoxFuture<'_, LedgerResult<u64>> {
        let by = by.to_owned();
        self.write(move |conn| workspace::unsuppress(conn, &entries, &by, Timestamp::now()))
    }

    fn suppressions(&self, after: i64, limit: usize) -> BoxFuture<'_, LedgerResult<Vec<(i64, LedgerSuppression)>>> {
        self.quick(move |conn| workspace::suppressions(conn, after, limit))
    }

    fn secret_key(&self) -> BoxFuture<'_, LedgerResult<[u8; 32]>> {
        self.write(workspace::secret_key)
    }
}

impl std::fmt::Debug for SqliteLedger {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("SqliteLedger").field("trace_dir", &self.trace_dir).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
