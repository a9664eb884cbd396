//! Opens the ledger: finds or creates the file, configures it, migrates it, and compares it with
//! the state directory's other files.

use std::io;
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::atomic::AtomicBool;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use rusqlite::{Connection, ErrorCode, OpenFlags};

use super::claim::Origin;
use super::fault::{self, Fault};
use super::foreign::{self, Found};
use super::place::Place;
use super::threads::Worker;
use super::{SqliteLedger, known, patience, recover, schema};
use crate::ledger::loss::{Loss, Remains};
use crate::ledger::{Leaves, LedgerError, LedgerResult, RunId, trace};
use crate::model::shown::Shown;
use crate::process::MORE_THREADS;

impl SqliteLedger {
    /// Opens the ledger in `state_dir`. Creates the directory and the ledger if they are missing,
    /// and migrates an older ledger to the current version.
    ///
    /// Fails with `LedgerError::Newer` if a later version of mailbatch wrote the ledger; the file
    /// is not changed. Fails with `LedgerError::Lost` if reports, traces, records or locks name
    /// runs that the ledger does not contain; nothing is created.
    pub(in crate::ledger) fn open(state_dir: &Path) -> LedgerResult<Self> {
        let path = Self::path(state_dir);
        let remains = read_remains(state_dir)?;
        if is_missing(&path)?
            && let Some(what) = remains.describe()
        {
            let path = path.shown();
            return Err(match remains.leaves() {
                Leaves::Locks => LedgerError::LostWithoutTrace { ledger: path, what },
                _ => LedgerError::Lost { ledger: path, what },
            });
        }
        let (ledger, loss, newest) = Self::open_beside(state_dir, &remains)?;
        if loss.is_empty() {
            Ok(ledger)
        } else {
            Err(ledger.lost(loss.describe(&remains, newest.as_deref())))
        }
    }

    /// Opens the ledger of a state directory that lost an earlier ledger, or creates a new one.
    /// Returns the differences between the ledger and the other files.
    ///
    /// Fails with `LedgerError::LostWithoutTrace` if there are locks of an earlier ledger but no
    /// file that names its runs; nothing is created.
    pub(in crate::ledger) fn open_after_loss(
        state_dir: &Path,
    ) -> LedgerResult<(Self, Remains, Loss)> {
        let path = Self::path(state_dir);
        let remains = read_remains(state_dir)?;
        if remains.runs().is_empty()
            && is_missing(&path)?
            && let Some(what) = remains.describe()
        {
            let what = format!(
                "{what}; there is no report and no trace to read, so --ledger-lost cannot tell which recipients were reached"
            );
            return Err(LedgerError::LostWithoutTrace { ledger: path.shown(), what });
        }
        let (ledger, loss, _) = Self::open_beside(state_dir, &remains)?;
        Ok((ledger, remains, loss))
    }

    fn open_beside(
        state_dir: &Path,
        remains: &Remains,
    ) -> LedgerResult<(Self, Loss, Option<RunId>)> {
        let path = Self::path(state_dir);
        let shown = path.shown();
        if let Found::Other(what) = foreign::look(&path).map_err(|e| io_error(&shown, &e))? {
            let what = format!("in the ledger's place is {what}");
            return Err(LedgerError::NotALedger { ledger: shown, what, leaves: remains.leaves() });
        }
        std::fs::DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(state_dir)
            .map_err(|e| io_error(&state_dir.shown(), &e))?;
        // SQLite gives its -wal and -shm files the mode of the database.
        match std::fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(&path) {
            Err(e) if e.kind() != io::ErrorKind::AlreadyExists => return Err(io_error(&shown, &e)),
            _ => {}
        }
        Self::open_files(&path, &shown, trace::directory(state_dir), Some(remains))
    }

    /// Opens an existing database and compares it with `remains`. Errors call the database `shown`.
    /// If `remains` is `None`, the database is a temporary copy whose files are about to be
    /// deleted.
    pub(super) fn open_files(
        path: &Path,
        shown: &str,
        trace_dir: PathBuf,
        remains: Option<&Remains>,
    ) -> LedgerResult<(Self, Loss, Option<RunId>)> {
        let is_copy = remains.is_none();
        let none = Remains::default();
        let remains = remains.unwrap_or(&none);
        let threads = connect(path).map_err(|fault| match fault.at(shown) {
            LedgerError::NotALedger { ledger: path, what, .. } => {
                LedgerError::NotALedger { ledger: path, what, leaves: remains.leaves() }
            }
            error => error,
        })?;
        if is_copy {
            threads.iter().try_for_each(open_whole).map_err(|fault| fault.at(shown))?;
        }
        let [writer, quick, long] = threads;
        let (loss, newest) = known::compare(&writer, remains).map_err(|fault| fault.at(shown))?;
        let place = Arc::new(Place::of(path));
        let shared: Arc<str> = shown.into();
        let is_hurried = Arc::new(AtomicBool::new(false));
        let thread = |made: io::Result<Worker>| {
            made.map_err(|e| LedgerError::Denied {
                ledger: shown.to_owned(),
                why: format!("cannot start a thread for the ledger: {e}"),
                mend: format!("{MORE_THREADS}; the ledger is not damaged"),
            })
        };
        let ledger = Self {
            writer: thread(Worker::writer(writer, shared.clone(), Arc::clone(&is_hurried)))?,
            quick: thread(Worker::reader(quick, shared.clone()))?,
            long: thread(Worker::reader(long, shared.clone()))?,
            trace_dir,
            origin: Mutex::new(Origin { trace: None, boot: recover::boot_id() }),
            place,
            path: shared,
            is_hurried,
            is_copy,
        };
        Ok((ledger, loss, newest))
    }

    /// Opens the ledger in `state_dir` if it exists. Creates nothing.
    pub(in crate::ledger) fn open_existing(state_dir: &Path) -> LedgerResult<Option<Self>> {
        let path = Self::path(state_dir);
        if is_missing(&path)? && read_remains(state_dir)?.describe().is_none() {
            Ok(None)
        } else {
            Self::open(state_dir).map(Some)
        }
    }

    fn lost(&self, what: String) -> LedgerError {
        LedgerError::Lost { ledger: self.path.to_string(), what }
    }
}

fn read_remains(state_dir: &Path) -> LedgerResult<Remains> {
    Remains::read(state_dir).map_err(|e| match e.kind() {
        io::ErrorKind::InvalidInput => LedgerError::Denied {
            ledger: state_dir.shown(),
            why: e.to_string(),
            mend: "restore the file that mailbatch wrote at this path, or move the new file away; no data is lost as long as ledger.db is intact".to_owned(),
        },
        _ => io_error(&state_dir.shown(), &e),
    })
}

/// Whether there is no ledger: the file does not exist or is empty.
fn is_missing(path: &Path) -> LedgerResult<bool> {
    let found = foreign::look(path).map_err(|e| io_error(&path.shown(), &e))?;
    Ok(matches!(found, Found::Nothing))
}

fn io_error(path: &str, error: &io::Error) -> LedgerError {
    match error.kind() {
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => {
            LedgerError::Full { ledger: path.to_owned() }
        }
        io::ErrorKind::PermissionDenied | io::ErrorKind::ReadOnlyFilesystem => {
            fault::denial(path, &error.to_string())
        }
        _ => LedgerError::Broken { ledger: path.to_owned(), detail: error.to_string() },
    }
}

/// The size of the write-ahead log, in bytes, at which SQLite copies the log into the database.
const LOG_OCTETS: i64 = 16 << 20;

/// Opens the three connections: one that writes, then two that read.
fn connect(path: &Path) -> fault::Result<[Connection; 3]> {
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let mut writer = Connection::open_with_flags(path, flags)?;
    patience::install(&mut writer, path.shown().into(), patience::TO_OPEN, Arc::default())?;
    let found = schema::identify(&writer)?;
    if found > schema::VERSION {
        return Err(Fault::Newer { found, known: schema::VERSION });
    }
    if found == 0 {
        // Rows are planned, claimed and settled in order, so rows on the same page change together.
        // Larger pages are therefore faster.
        writer.execute_batch("PRAGMA page_size = 8192")?;
    }
    into_wal(&writer)?;
    // Deleted rows contain addresses, which must not remain in free pages.
    writer.execute_batch("PRAGMA main.secure_delete = ON")?;
    writer.execute_batch("PRAGMA synchronous = FULL; PRAGMA foreign_keys = OFF; PRAGMA cache_size = -8192; PRAGMA journal_size_limit = 67108864")?;
    // Each row is changed twice within seconds. With a long write-ahead log, both changes are
    // copied into the database in one write.
    let page_size: i64 = writer.query_row("PRAGMA page_size", [], |row| row.get(0))?;
    writer.pragma_update(None, "wal_autocheckpoint", LOG_OCTETS / page_size)?;
    writer.set_prepared_statement_cache_capacity(64);
    schema::migrate(&mut writer)?;
    patience::is_over();
    let reader = || -> fault::Result<Connection> {
        let conn = Connection::open_with_flags(path, flags)?;
        conn.busy_timeout(patience::TO_OPEN)?;
        conn.execute_batch("PRAGMA query_only = ON; PRAGMA cache_size = -2048;")?;
        conn.set_prepared_statement_cache_capacity(32);
        Ok(conn)
    };
    Ok([writer, reader()?, reader()?])
}

/// Makes a connection open all of its files, because they are about to be deleted.
fn open_whole(conn: &Connection) -> fault::Result<()> {
    Ok(conn.query_row("SELECT count(*) FROM sqlite_schema", [], |_| Ok(()))?)
}

/// Switches the file to WAL mode. SQLite does not wait for the lock that this needs, so a second
/// process that opens a new ledger at the same time must retry. Retrying for ten seconds is enough,
/// because the switch takes a few milliseconds.
fn into_wal(conn: &Connection) -> fault::Result<()> {
    let mut left = 1_000;
    loop {
        match conn
            .pragma_update_and_check(None, "journal_mode", "WAL", |row| row.get::<_, String>(0))
        {
            Ok(mode) if mode.eq_ignore_ascii_case("wal") => return Ok(()),
            Ok(mode) => return Err(Fault::NoLog(mode)),
            Err(e) if left > 0 && e.sqlite_error_code() == Some(ErrorCode::DatabaseBusy) => {
                left -= 1;
                std::thread::sleep(Duration::from_millis(10));
            }
            Err(e) => return Err(e.into()),
        }
    }
}
