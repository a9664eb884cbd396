//! The trace: a log file next to the ledger that shows after a crash which messages may have been
//! accepted. It is append-only and not synced.
//!
//! Before a write that can complete a message, the process appends a "crossing" record with
//! `write(2)`. The record survives a crash of the process, but perhaps not a power cut, so a reader
//! first compares the boot id. Sessions that complete messages at the same time share one write.
//!
//! An "answered" record is queued until the next "crossing" is written. If no "crossing" is about
//! to be written, it is written before the process waits. A message thus costs less than one write.
//! If the process is killed between a reply and that write, the outcome is unknown, but no message
//! is sent twice.
//!
//! This file writes the trace; `format` defines its records, and [`proof`] reads it. The trace
//! contains row numbers, but no addresses. Its first line is synced before the first claim: if the
//! line is missing later, records were lost.

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
    /// Complete records that have not been written yet.
    pending: Vec<u8>,
    /// Whether the pending records contain a "crossing". If so, a session will soon call `crossed`.
    announces: bool,
    /// The number of the write that will include the pending records.
    next: Ticket,
    /// The failed writes that included a "crossing".
    failed: Vec<Ticket>,
    /// Whether the last write was incomplete. If so, the next record starts on a new line.
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

    /// The file's name within the trace directory, as the ledger records it with each batch.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Queues a "crossing" record: the caller's next write can complete these members of a batch.
    /// The caller may start that write only after `crossed` has returned `Ok`. Announcements of
    /// several sessions share one write to the trace.
    pub fn announce(&self, batch: i64, jobs: &[RowNumber]) -> io::Result<Ticket> {
        let mut appender = self.appender();
        appender.push(&Record::Crossing(batch, jobs.to_vec()))?;
        appender.announces = true;
        Ok(appender.next)
    }

    /// Writes the records announced with this ticket, unless another session has already written
    /// them. If the write fails, the announced message must not be sent.
    pub fn crossed(&self, ticket: Ticket) -> io::Result<()> {
        let mut appender = self.appender();
        if ticket == appender.next {
            return appender.write(&self.path);
        }
        if appender.failed.contains(&ticket) {
            return Err(io::Error::new(
                io::ErrorKind::StorageFull,
                format!("{}: cannot write a record of the trace", self.path.shown()),
            ));
        }
        Ok(())
    }

    /// Queues the verdict about a member of a batch, for the next `crossed` or `rest` to write.
    pub fn answered(&self, batch: i64, job: RowNumber, verdict: &Verdict) -> io::Result<()> {
        self.appender().push(&Record::Answered(batch, job, verdict.into()))
    }

    /// Records that the provider accepted these members of a batch as a whole, and will report on
    /// each of them later. `detail` identifies the request for later queries. The record survives a
    /// crash of the process.
    pub fn pending(&self, batch: i64, jobs: &[RowNumber], detail: &str) -> io::Result<()> {
        let mut appender = self.appender();
        appender.push(&Record::Pending(batch, jobs.to_vec(), detail.to_owned()))?;
        appender.write(&self.path)
    }

    /// Writes queued records, unless an announced "crossing" is among them, which `crossed` will
    /// write. Must be called before the caller waits for anything.
    pub fn rest(&self) -> io::Result<()> {
        let mut appender = self.appender();
        if appender.announces { Ok(()) } else { appender.write(&self.path) }
    }

    /// Writes all queued records, including those that a session has announced and will never
    /// write.
    pub fn flush(&self) -> io::Result<()> {
        self.appender().write(&self.path)
    }

    /// Deletes the trace. Call it only when every batch in the trace has been settled.
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
        // A `u32` has at most eight hexadecimal digits.
        write!(&mut self.pending[start..start + 8], "{sum:08x}")
    }

    fn write(&mut self, path: &Path) -> io::Result<()> {
        if self.pending.is_empty() {
            return Ok(());
        }
        if self.torn {
            // Ends the incomplete line of the last write.
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
                let what =
                    format!("{}: only part of a record of the trace was written", path.shown());
                io::Error::new(io::ErrorKind::StorageFull, what)
            }
            Err(e) => e,
        };
        // A ticket is only checked if the write contained an announcement. Queued verdicts are kept
        // for the next write.
        if announced {
            self.failed.push(ticket);
        }
        self.keep_answers();
        Err(error)
    }

    /// Keeps the queued verdicts for the next write, because their sessions do not learn that this
    /// write failed. Drops the announcements, because their messages are not sent.
    fn keep_answers(&mut self) {
        let is_announcement =
            |line: &[u8]| line.get(CHECKSUM..).is_some_and(|json| json.starts_with(CROSSING));
        let lines = self.pending.split_inclusive(|byte| *byte == b'\n');
        self.pending = lines
            .filter(|line| *line != b"\n" && !is_announcement(line))
            .collect::<Vec<_>>()
            .concat();
    }

    /// Removes the bytes of an incomplete write from the end of the file, because a reader rejects
    /// a trace with an incomplete line in its middle.
    fn take_back(&self, bytes: usize) -> bool {
        let length = self.file.metadata().map(|about| about.len());
        length.is_ok_and(|length| self.file.set_len(length.saturating_sub(bytes as u64)).is_ok())
    }
}

#[cfg(test)]
mod tests;
