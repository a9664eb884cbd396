//! Opens a temporary copy of a ledger that can be read but not written.
//!
//! SQLite cannot open a database with a write-ahead log in a directory where it cannot create
//! files. The copy is made in a new directory that only this user can enter. Its files are deleted
//! once they are open, so no file remains when the process ends or is killed.

use std::fs::File;
use std::io::{self, Read};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::SqliteLedger;
use super::fault;
use super::foreign::{self, Found};
use crate::ledger::loss::Remains;
use crate::ledger::{LedgerError, LedgerResult, trace};
use crate::model::shown::Shown;

/// The maximum number of attempts to copy. An attempt fails if another process writes to the ledger
/// at the same time.
const TIMES: u32 = 20;
/// The pause between two attempts.
const PAUSE: Duration = Duration::from_millis(50);

impl SqliteLedger {
    /// Opens a copy of the ledger in `state_dir`. The ledger is not changed, and changes to the
    /// copy are discarded. `None` if there is no ledger.
    pub(in crate::ledger) fn open_copy(state_dir: &Path) -> LedgerResult<Option<Self>> {
        let path = Self::path(state_dir);
        let shown = path.shown();
        let broken = |what: &str, e: &io::Error| match e.kind() {
            io::ErrorKind::PermissionDenied => fault::denial(&shown, &format!("{what}: {e}")),
            _ => LedgerError::Broken { ledger: shown.clone(), detail: format!("{what}: {e}") },
        };
        match foreign::look(&path).map_err(|e| broken("it cannot be read", &e))? {
            Found::Nothing => return Ok(None),
            Found::Other(what) => {
                let remains = Remains::read(state_dir)
                    .map_err(|e| broken("its directory cannot be read", &e))?;
                let what = format!("in the ledger's place is {what}");
                return Err(LedgerError::NotALedger {
                    ledger: shown,
                    what,
                    leaves: remains.leaves(),
                });
            }
            Found::Database => {}
        }
        let no_room = |e: &io::Error| LedgerError::NoCopy {
            ledger: shown.clone(),
            dir: std::env::temp_dir().shown(),
            why: e.to_string(),
        };
        let private = PermissionsExt::from_mode(0o700);
        let dir = tempfile::Builder::new()
            .prefix("mailbatch-")
            .permissions(private)
            .tempdir()
            .map_err(|e| no_room(&e))?;
        let copy = dir.path().join("ledger.db");
        copy_whole(&path, &copy).map_err(|e| no_room(&e))?;
        let (ledger, ..) = Self::open_files(&copy, &shown, trace::directory(state_dir), None)?;
        Ok(Some(ledger))
    }
}

/// Copies a database with its write-ahead log. Repeats this if a checkpoint changes the files
/// meanwhile, because the copies of the two files would not match.
fn copy_whole(from: &Path, to: &Path) -> io::Result<()> {
    for _ in 0..TIMES {
        let before = State::of(from)?;
        copy(from, to)?;
        match copy(&beside(from, "-wal"), &beside(to, "-wal")) {
            Err(e) if e.kind() == io::ErrorKind::NotFound => {}
            copied => copied?,
        }
        if State::of(from)? == before {
            return Ok(());
        }
        // The copied log of a failed attempt must not be combined with the next copy of the
        // database.
        let _ = std::fs::remove_file(beside(to, "-wal"));
        std::thread::sleep(PAUSE);
    }
    Err(io::Error::other("another process kept writing to the ledger while it was being copied"))
}

/// The data that a checkpoint changes: the database file, and the header of the write-ahead log.
/// The log may be copied up to any point while other processes only append to it.
#[derive(PartialEq, Eq)]
struct State {
    file: (u64, u64, i64, i64),
    log: Option<Vec<u8>>,
}

/// The length of a write-ahead log's header, in bytes.
const LOG_HEADER: u64 = 32;

impl State {
    fn of(path: &Path) -> io::Result<Self> {
        let about = std::fs::metadata(path)?;
        let log = match File::open(beside(path, "-wal")) {
            Err(e) if e.kind() == io::ErrorKind::NotFound => None,
            file => {
                let mut header = Vec::new();
                file?.take(LOG_HEADER).read_to_end(&mut header)?;
                Some(header)
            }
        };
        Ok(Self { file: (about.ino(), about.len(), about.mtime(), about.mtime_nsec()), log })
    }
}

fn copy(from: &Path, to: &Path) -> io::Result<()> {
    let mut source = File::open(from)?;
    let mut target =
        std::fs::OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(to)?;
    io::copy(&mut source, &mut target).map(drop)
}

fn beside(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(suffix);
    name.into()
}
