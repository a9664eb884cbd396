//! The un-synced log beside the ledger that narrows what a crash leaves unknown.
//!
//! Before a write that can complete a message the process appends "crossing", by `write(2)` to a
//! file opened for appending, so that it survives the process; sessions whose messages leave at one
//! moment share that write. A power cut may lose it, which is why a reader asks for the boot id
//! first. "Answered" is appended with the next "crossing", or before its claim waits for anything
//! while no session is about to write one, so that messages cost less than a write each. A process
//! killed between an answer and that write leaves an unknown outcome, never a second message.
//!
//! This file writes it; `format` is what stands in it, and [`proof`] what it proves when it is read
//! back. It holds row numbers, and no addresses of ours. The first line is synced before the first
//! claim: a trace without it has lost what it held.

mod format;
pub mod proof;

use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::Mutex;

use crate::host::mount_id;
use crate::model::shown::Shown;
use crate::provider::{RowNumber, Ticket, Verdict};

use format::{CHECKSUM, CROSSING, Record, checksum, first_line};

/// The directory of the traces under a state directory.
pub fn directory(state_dir: &Path) -> PathBuf {
    state_dir.join("trace")
}

/// The trace of one execution.
#[derive(Debug)]
pub struct Trace {
    name: String,
    path: PathBuf,
    file: Mutex<Appender>,
}

#[derive(Debug)]
struct Appender {
    file: File,
    /// Whole records that have not been written.
    pending: Vec<u8>,
    /// Some of them announce a write to the wire, so that `crossed` is about to be asked for.
    announces: bool,
    /// The number of the write that these will leave with.
    next: Ticket,
    /// The writes that failed and announced something.
    failed: Vec<Ticket>,
    /// The last write was cut short, so the next record starts on a new line.
    torn: bool,
}

impl Trace {
    /// Creates the trace of an execution of `run` by this process.
    pub fn create(state_dir: &Path, run: &str) -> io::Result<Self> {
        let directory = directory(state_dir);
        std::fs::DirBuilder::new().recursive(true).mode(0o700).create(&directory)?;
        let name = format!("{run}-{}-{}.log", std::process::id(), uuid::Uuid::now_v7().simple());
        let path = directory.join(&name);
        let file = OpenOptions::new().append(true).create_new(true).mode(0o600).open(&path)?;
        let trace = Self {
            name,
            path,
            file: Mutex::new(Appender {
                file,
                pending: Vec::new(),
                announces: false,
                next: 0,
                failed: Vec::new(),
                torn: false,
            }),
        };
        let header = first_line(&trace.name, mount_id(&directory).as_deref());
        trace.appender().pending.extend_from_slice(header.as_bytes());
        trace.rest()?;
        trace.appender().file.sync_all()?;
        File::open(&directory)?.sync_all()?;
        Ok(trace)
    }

    /// The file's name within the directory of traces, as the ledger records it with each batch.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Records that a coming write can complete these members of a batch. That write must not
    /// happen before `crossed` has said so: what several sessions announce meanwhile costs one
    /// write here.
    pub fn announce(&self, batch: i64, jobs: &[RowNumber]) -> io::Result<Ticket> {
        let mut appender = self.appender();
        appender.push(&Record::Crossing(batch, jobs.to_vec()))?;
        appender.announces = true;
        Ok(appender.next)
    }

    /// Writes what was announced with this ticket, unless that is done. When it errs, the write
    /// that was announced must not happen.
    pub fn crossed(&self, ticket: Ticket) -> io::Result<()> {
        let mut appender = self.appender();
        if ticket == appender.next {
            return appender.write(&self.path);
        }
        if appender.failed.contains(&ticket) {
            return Err(io::Error::new(
                io::ErrorKind::StorageFull,
                format!("{}: a record could not be written", self.path.shown()),
            ));
        }
        Ok(())
    }

    /// Records what was answered about a member of a batch, for the next `crossed` or `rest` to
    /// write.
    pub fn answered(&self, batch: i64, job: RowNumber, verdict: &Verdict) -> io::Result<()> {
        self.appender().push(&Record::Answered(batch, job, verdict.into()))
    }

    /// Records that these members of a batch were taken as a whole, and by what it is asked what
    /// became of them. Survives the process from then on.
    pub fn pending(&self, batch: i64, jobs: &[RowNumber], detail: &str) -> io::Result<()> {
        let mut appender = self.appender();
        appender.push(&Record::Pending(batch, jobs.to_vec(), detail.to_owned()))?;
        appender.write(&self.path)
    }

    /// Writes what has been recorded. To be called before anything is waited for; what is about to
    /// leave with an announcement is left to that.
    pub fn rest(&self) -> io::Result<()> {
        let mut appender = self.appender();
        if appender.announces { Ok(()) } else { appender.write(&self.path) }
    }

    /// Writes what has been recorded, also where the session that announced a write will never ask
    /// for it.
    pub fn flush(&self) -> io::Result<()> {
        self.appender().write(&self.path)
    }

    /// Deletes the file, once every batch that was claimed under it has been settled.
    pub fn remove(self) -> io::Result<()> {
        std::fs::remove_file(&self.path)
    }

    fn appender(&self) -> std::sync::MutexGuard<'_, Appender> {
        self.file.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }
}

impl Appender {
    fn push(&mut self, record: &Record) -> io::Result<()> {
        let start = self.pending.len();
        self.pending.extend_from_slice(b"xxxxxxxx ");
        if let Err(e) = serde_json::to_writer(&mut self.pending, record) {
            self.pending.truncate(start);
            return Err(e.into());
        }
        let sum = checksum(&self.pending[start + 9..]);
        self.pending.push(b'\n');
        // Eight digits fit where they are written to.
        write!(&mut self.pending[start..start + 8], "{sum:08x}")
    }

    fn write(&mut self, path: &Path) -> io::Result<()> {
        if self.pending.is_empty() {
            return Ok(());
        }
        if self.torn {
            // What was cut short ends here.
            self.pending.insert(0, b'\n');
        }
        let written = loop {
            match self.file.write(&self.pending) {
                Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
                written => break written,
            }
        };
        let whole = self.pending.len();
        let announced = std::mem::take(&mut self.announces);
        let ticket = self.next;
        self.next += 1;
        let error = match written {
            Ok(n) if n == whole => {
                self.pending.clear();
                self.torn = false;
                return Ok(());
            }
            Ok(n) => {
                self.torn = !self.take_back(n);
                let what = format!("{}: a record could be written only in part", path.shown());
                io::Error::new(io::ErrorKind::StorageFull, what)
            }
            Err(e) => e,
        };
        // No session asks about a write that announced nothing, and answers are tried again each
        // time.
        if announced {
            self.failed.push(ticket);
        }
        self.keep_answers();
        Err(error)
    }

    /// What was answered is for the next write, which may find room: other sessions than the one
    /// that hears of this failure rely on it. What was announced does not happen.
    fn keep_answers(&mut self) {
        let is_announcement =
            |line: &[u8]| line.get(CHECKSUM..).is_some_and(|json| json.starts_with(CROSSING));
        let lines = self.pending.split_inclusive(|byte| *byte == b'\n');
        self.pending = lines
            .filter(|line| *line != b"\n" && !is_announcement(line))
            .collect::<Vec<_>>()
            .concat();
    }

    /// Takes the last bytes back, which are a part of a write only: a line that is cut short in
    /// the middle would make a reader distrust all.
    fn take_back(&self, bytes: usize) -> bool {
        let length = self.file.metadata().map(|about| about.len());
        length.is_ok_and(|length| self.file.set_len(length.saturating_sub(bytes as u64)).is_ok())
    }
}

#[cfg(test)]
mod tests;
