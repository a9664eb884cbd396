//! The un-synced log beside the ledger that narrows what a crash leaves unknown.
//!
//! Before a write that can complete a message the process appends "crossing", by `write(2)` to a
//! file opened for appending, so that it survives the process; sessions whose messages leave at one
//! moment share that write. A power cut may lose it, which is why a reader asks for the boot id
//! first. "Answered" is appended with the next "crossing", or before its claim waits for anything
//! while no session is about to write one, so that messages cost less than a write each. A process
//! killed between an answer and that write leaves an unknown outcome, never a second message.
//!
//! The file is text: a line that names format and version, the file itself and the mount it was
//! written through, then one line for each record: eight hexadecimal digits (the low half of the
//! xxh3-64 of what follows the space), a space, the record as a JSON array. It holds row numbers,
//! and no addresses of ours. The first line is synced before the first claim: a trace without it
//! has lost what it held.

use std::collections::{HashMap, HashSet};
use std::fs::{File, OpenOptions};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::Mutex;

use serde::{Deserialize, Serialize};
use xxhash_rust::xxh3::xxh3_64;

use crate::host::mount_id;
use crate::model::outcome::Reason;
use crate::model::shown::Shown;
use crate::provider::{Refusal, RowNumber, Ticket, Verdict};

/// The first line of version 1, which names neither the file nor the mount.
const HEADER_1: &str = "mailbatch-trace 1";

/// What the first line of version 2 begins with; the name of the file and the mount follow.
const HEADER_2: &str = "mailbatch-trace 2 ";

/// The most bytes of a first line.
const LONGEST_HEADER: u64 = 512;

/// How much of the end of a trace is read for its last batches, in bytes: the records of a few
/// thousand recipients.
const TAIL: u64 = 1 << 20;

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

/// What a trace records about each member of each batch.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct TraceState {
    /// The last thing recorded is this answer.
    pub answered: HashMap<(i64, RowNumber), Verdict>,
    /// The last thing recorded is that a write was about to complete the message.
    pub crossing: HashSet<(i64, RowNumber)>,
}

/// The bytes of a line before its JSON, and what the JSON of an announcement begins with.
const CHECKSUM: usize = 9;
const CROSSING: &[u8] = b"{\"crossing\"";

#[derive(Serialize, Deserialize)]
enum Record {
    #[serde(rename = "crossing")]
    Crossing(i64, Vec<RowNumber>),
    #[serde(rename = "answered")]
    Answered(i64, RowNumber, Words),
    /// Accepted as a whole; the text is what the provider is asked with later, when it reports on
    /// each member.
    #[serde(rename = "pending")]
    Pending(i64, Vec<RowNumber>, String),
}

/// A verdict as it is written down.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Words {
    Accepted(Option<String>, String, String),
    Rejected(Reason, String, String, bool),
    Suppressed(Reason, String, String, bool),
    NotTaken(Reason, String, String, bool, bool),
    Unknown(String),
}

impl From<&Verdict> for Words {
    fn from(verdict: &Verdict) -> Self {
        let parts = |r: &Refusal| (r.reason, r.code.clone(), r.detail.clone(), r.mailbox_gone);
        match verdict {
            Verdict::Accepted { provider_id, code, detail } => {
                Self::Accepted(provider_id.clone(), code.clone(), detail.clone())
            }
            Verdict::Rejected(refusal) => {
                let (reason, code, detail, gone) = parts(refusal);
                Self::Rejected(reason, code, detail, gone)
            }
            Verdict::Suppressed(refusal) => {
                let (reason, code, detail, gone) = parts(refusal);
                Self::Suppressed(reason, code, detail, gone)
            }
            Verdict::NotTaken { refusal, counts } => {
                let (reason, code, detail, gone) = parts(refusal);
                Self::NotTaken(reason, code, detail, gone, *counts)
            }
            Verdict::Unknown { detail } => Self::Unknown(detail.clone()),
        }
    }
}

impl From<Words> for Verdict {
    fn from(words: Words) -> Self {
        match words {
            Words::Accepted(provider_id, code, detail) => {
                Self::Accepted { provider_id, code, detail }
            }
            Words::Rejected(reason, code, detail, mailbox_gone) => {
                Self::Rejected(Refusal { reason, code, detail, mailbox_gone })
            }
            Words::Suppressed(reason, code, detail, mailbox_gone) => {
                Self::Suppressed(Refusal { reason, code, detail, mailbox_gone })
            }
            Words::NotTaken(reason, code, detail, mailbox_gone, counts) => {
                Self::NotTaken { refusal: Refusal { reason, code, detail, mailbox_gone }, counts }
            }
            Words::Unknown(detail) => Self::Unknown { detail },
        }
    }
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
        let mount = mount_id(&directory);
        let mount = mount.as_deref().unwrap_or(UNKNOWN_MOUNT);
        let header = format!("{HEADER_2}{} {mount}\n", trace.name);
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

    /// The highest number of a batch that the last records of a trace name; `None` where they name
    /// none. Damaged lines are left out.
    pub fn last_batch(path: &Path) -> io::Result<Option<i64>> {
        let mut file = File::open(path)?;
        let from = file.metadata()?.len().saturating_sub(TAIL);
        file.seek(SeekFrom::Start(from))?;
        let mut tail = Vec::new();
        file.take(TAIL).read_to_end(&mut tail)?;
        let lines =
            tail.split_inclusive(|byte| *byte == b'\n').filter_map(|line| line.strip_suffix(b"\n"));
        Ok(lines.filter_map(batch_of).max())
    }

    /// Whether a trace holds more than its first line. False where it cannot be read.
    pub(crate) fn has_records(path: &Path) -> bool {
        let first = || -> io::Result<(Vec<u8>, u64)> {
            let file = File::open(path)?;
            let length = file.metadata()?.len();
            let mut first = Vec::new();
            file.take(LONGEST_HEADER).read_to_end(&mut first)?;
            Ok((first, length))
        };
        first().is_ok_and(|(first, length)| {
            let end = first.iter().position(|byte| *byte == b'\n');
            end.is_some_and(|end| length > end as u64 + 1)
        })
    }

    /// Reads the trace of that name if it can prove which messages had left. It proves nothing if
    /// its first line names another trace, or if its file system has been mounted anew since, which
    /// may have lost what was not synced. Errs then, and as [`Trace::read`] does.
    pub(crate) fn proof(directory: &Path, name: &str) -> io::Result<TraceState> {
        let path = directory.join(name);
        let distrusted = |why: &str| {
            io::Error::new(io::ErrorKind::InvalidData, format!("{}: {why}", path.shown()))
        };
        let mut first = Vec::new();
        File::open(&path)?.take(LONGEST_HEADER).read_to_end(&mut first)?;
        let Some(end) = first.iter().position(|byte| *byte == b'\n') else {
            return Err(distrusted("the first line is gone, so records may be gone"));
        };
        match Header::of(&first[..end]) {
            Some(Header::V2 { name: named, .. }) if named != name => {
                Err(distrusted("this is the trace of another run or process"))
            }
            Some(Header::V2 { mount, .. }) if is_mounted_anew(directory, mount) => {
                Err(distrusted("its file system has been mounted anew, so records may be gone"))
            }
            _ => Self::read(&path),
        }
    }

    /// Reads a trace. A last line without its end is left out, since the process died before it
    /// went on; anything else that cannot be understood is an error, and the trace proves nothing
    /// then.
    pub fn read(path: &Path) -> io::Result<TraceState> {
        let text = std::fs::read(path)?;
        let damaged = |line: usize| {
            io::Error::new(
                io::ErrorKind::InvalidData,
                format!("{}:{line}: damaged trace", path.shown()),
            )
        };
        let mut state = TraceState::default();
        let mut lines = text.split_inclusive(|byte| *byte == b'\n').enumerate();
        match lines.next() {
            Some((_, header)) if header.strip_suffix(b"\n").and_then(Header::of).is_some() => {}
            None => return Ok(state),
            Some((_, header)) if is_cut_header(header) => return Ok(state),
            Some(_) => return Err(damaged(1)),
        }
        for (i, line) in lines {
            let Some(line) = line.strip_suffix(b"\n") else { break };
            let record = parse(line).ok_or_else(|| damaged(i + 1))?;
            match record {
                Record::Crossing(batch, jobs) => {
                    for job in jobs {
                        state.answered.remove(&(batch, job));
                        state.crossing.insert((batch, job));
                    }
                }
                Record::Answered(batch, job, words) => {
                    state.crossing.remove(&(batch, job));
                    state.answered.insert((batch, job), words.into());
                }
                Record::Pending(batch, jobs, detail) => {
                    for job in jobs {
                        state.crossing.remove(&(batch, job));
                        state
                            .answered
                            .insert((batch, job), Verdict::Unknown { detail: detail.clone() });
                    }
                }
            }
        }
        Ok(state)
    }
}

/// The first line of a trace.
#[derive(Debug, PartialEq, Eq)]
enum Header<'l> {
    V1,
    V2 { name: &'l str, mount: &'l str },
}

impl<'l> Header<'l> {
    fn of(line: &'l [u8]) -> Option<Self> {
        let line = std::str::from_utf8(line).ok()?;
        if line == HEADER_1 {
            return Some(Self::V1);
        }
        let (name, mount) = line.strip_prefix(HEADER_2)?.split_once(' ')?;
        (!name.is_empty() && !mount.is_empty() && !mount.contains(' '))
            .then_some(Self::V2 { name, mount })
    }
}

/// Whether bytes are the beginning of a first line.
fn is_cut_header(bytes: &[u8]) -> bool {
    let begins = |header: &str| {
        let shared = bytes.len().min(header.len());
        bytes[..shared] == header.as_bytes()[..shared]
    };
    !bytes.contains(&b'\n')
        && bytes.len() < LONGEST_HEADER as usize
        && (begins(HEADER_2) || bytes.len() <= HEADER_1.len() && begins(HEADER_1))
}

/// Stands in the first line where the system names no mount.
const UNKNOWN_MOUNT: &str = "-";

/// Whether the file system of a directory is another mount than the one that a first line names, as
/// far as the two can be compared: another mount namespace, as that of a container that was started
/// again, names the same mount differently.
fn is_mounted_anew(directory: &Path, then: &str) -> bool {
    let Some(now) = mount_id(directory) else { return false };
    let (Some((space, id)), Some((space_then, id_then))) =
        (now.split_once(':'), then.split_once(':'))
    else {
        return false;
    };
    space == space_then && id != id_then
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

fn checksum(text: &[u8]) -> u32 {
    (xxh3_64(text) & 0xffff_ffff) as u32
}

fn parse(line: &[u8]) -> Option<Record> {
    serde_json::from_slice(checked(line)?).ok()
}

/// The JSON of a line whose checksum is right.
fn checked(line: &[u8]) -> Option<&[u8]> {
    let (sum, json) = line.split_at_checked(8)?;
    let json = json.strip_prefix(b" ")?;
    let sum = u32::from_str_radix(std::str::from_utf8(sum).ok()?, 16).ok()?;
    (sum == checksum(json)).then_some(json)
}

/// The number of the batch that a record is about, which stands first in each.
fn batch_of(line: &[u8]) -> Option<i64> {
    let json = checked(line)?;
    let digits = &json[json.iter().position(|byte| *byte == b'[')? + 1..];
    let end = digits.iter().position(|byte| !byte.is_ascii_digit())?;
    std::str::from_utf8(&digits[..end]).ok()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refusal() -> Refusal {
        Refusal {
            reason: Reason::MailboxGone,
            code: "550 5.1.1".into(),
            detail: "no such\nuser".into(),
            mailbox_gone: true,
        }
    }

    fn written() -> (tempfile::TempDir, Trace) {
        let dir = tempfile::tempdir().unwrap();
        let trace = Trace::create(dir.path(), "20260101-000000-abcd").unwrap();
        (dir, trace)
    }

    #[test]
    fn what_was_recorded_reads_back() {
        let (_dir, trace) = written();
        let verdicts = [
            Verdict::Accepted {
                provider_id: Some("q1".into()),
                code: "250".into(),
                detail: "ok".into(),
            },
            Verdict::Accepted { provider_id: None, code: String::new(), detail: String::new() },
            Verdict::Rejected(refusal()),
            Verdict::Suppressed(refusal()),
            Verdict::NotTaken { refusal: refusal(), counts: true },
            Verdict::Unknown { detail: "lost".into() },
        ];
        trace.crossed(trace.announce(1, &[0, 1, 2, 3, 4, 5, 6, u64::MAX]).unwrap()).unwrap();
        for (job, verdict) in verdicts.iter().enumerate() {
            trace.answered(1, job as u64, verdict).unwrap();
        }
        assert!(
            Trace::read(&trace.path).unwrap().answered.is_empty(),
            "it is written before anything is waited for"
        );
        trace.rest().unwrap();
        let state = Trace::read(&trace.path).unwrap();
        assert_eq!(state.crossing, HashSet::from([(1, 6), (1, u64::MAX)]));
        for (job, verdict) in verdicts.iter().enumerate() {
            assert_eq!(state.answered[&(1, job as u64)], *verdict);
        }
    }

    #[test]
    fn the_last_record_about_a_member_counts_and_batches_are_told_apart() {
        let (_dir, trace) = written();
        let not_taken = Verdict::NotTaken { refusal: refusal(), counts: true };
        trace.crossed(trace.announce(1, &[7]).unwrap()).unwrap();
        trace.answered(1, 7, &not_taken).unwrap();
        trace.crossed(trace.announce(1, &[7]).unwrap()).unwrap();
        trace.answered(2, 7, &not_taken).unwrap();
        trace.rest().unwrap();
        let state = Trace::read(&trace.path).unwrap();
        assert_eq!(state.crossing, HashSet::from([(1, 7)]));
        assert_eq!(state.answered.keys().collect::<Vec<_>>(), [&(2, 7)]);
    }

    #[test]
    fn announcements_leave_with_one_write_and_all_of_them_fail_with_it() {
        let (_dir, trace) = written();
        let before = std::fs::metadata(&trace.path).unwrap().len();
        let tickets = [1, 2].map(|job| trace.announce(1, &[job]).unwrap());
        assert_eq!(
            std::fs::metadata(&trace.path).unwrap().len(),
            before,
            "nothing is written before it is asked for"
        );
        trace.crossed(tickets[0]).unwrap();
        assert_eq!(Trace::read(&trace.path).unwrap().crossing, HashSet::from([(1, 1), (1, 2)]));
        trace.crossed(tickets[1]).unwrap();

        let whole = std::mem::replace(
            &mut trace.appender().file,
            OpenOptions::new().write(true).open("/dev/full").unwrap(),
        );
        let lost = [3, 4].map(|job| trace.announce(1, &[job]).unwrap());
        trace.crossed(lost[0]).unwrap_err();
        trace.appender().file = whole;
        let late = trace.announce(1, &[5]).unwrap();
        trace.crossed(late).unwrap();
        trace.crossed(lost[1]).unwrap_err();
        trace.crossed(late).unwrap();
        assert_eq!(
            Trace::read(&trace.path).unwrap().crossing,
            HashSet::from([(1, 1), (1, 2), (1, 5)])
        );
    }

    #[test]
    fn members_taken_as_a_whole_are_unknown_until_there_is_an_answer() {
        let (_dir, trace) = written();
        trace.crossed(trace.announce(1, &[7, 8]).unwrap()).unwrap();
        trace.pending(1, &[7, 8], "batch b1 was taken").unwrap();
        trace.answered(1, 8, &Verdict::Rejected(refusal())).unwrap();
        trace.rest().unwrap();
        let state = Trace::read(&trace.path).unwrap();
        assert!(state.crossing.is_empty());
        assert_eq!(
            state.answered[&(1, 7)],
            Verdict::Unknown { detail: "batch b1 was taken".into() }
        );
        assert_eq!(state.answered[&(1, 8)], Verdict::Rejected(refusal()));
    }

    #[test]
    fn answers_outlive_a_write_that_fails_and_announcements_do_not() {
        let (_dir, trace) = written();
        let whole = trace.appender().file.try_clone().unwrap();
        let taken =
            Verdict::Accepted { provider_id: None, code: "250".into(), detail: String::new() };
        trace.crossed(trace.announce(1, &[1]).unwrap()).unwrap();
        trace.answered(1, 1, &taken).unwrap();
        let ticket = trace.announce(1, &[2]).unwrap();
        // A file that is open for reading takes no bytes, as a full disk does.
        trace.appender().file = File::open(&trace.path).unwrap();
        trace.crossed(ticket).unwrap_err();
        trace.rest().unwrap_err();
        trace.appender().file = whole;
        trace.crossed(trace.announce(1, &[3]).unwrap()).unwrap();
        let state = Trace::read(&trace.path).unwrap();
        assert_eq!(state.answered, HashMap::from([((1, 1), taken)]));
        assert_eq!(state.crossing, HashSet::from([(1, 3)]));
    }

    #[test]
    fn a_torn_end_is_left_out_at_every_byte_and_damage_before_it_is_an_error() {
        let (dir, trace) = written();
        trace.crossed(trace.announce(1, &[1]).unwrap()).unwrap();
        let before = std::fs::read(&trace.path).unwrap();
        trace.crossed(trace.announce(1, &[2]).unwrap()).unwrap();
        let whole = std::fs::read(&trace.path).unwrap();
        let copy = dir.path().join("copy");
        for end in 0..whole.len() {
            std::fs::write(&copy, &whole[..end]).unwrap();
            let state = Trace::read(&copy).unwrap();
            assert_eq!(state.crossing.contains(&(1, 1)), end >= before.len(), "cut at {end}");
            assert!(!state.crossing.contains(&(1, 2)));
        }
        let mut damaged = whole.clone();
        damaged[before.len() - 3] ^= 1;
        std::fs::write(&copy, &damaged).unwrap();
        assert!(Trace::read(&copy).is_err());
        std::fs::write(&copy, "mailbatch-trace 9\n").unwrap();
        assert!(Trace::read(&copy).is_err());
    }

    #[test]
    fn a_trace_proves_something_only_where_it_is_whole_its_own_and_on_the_same_mount() {
        let (dir, trace) = written();
        trace.crossed(trace.announce(1, &[1]).unwrap()).unwrap();
        let traces = directory(dir.path());
        assert!(Trace::has_records(&trace.path));
        let proof = |name: &str| Trace::proof(&traces, name).map(|state| state.crossing);
        assert_eq!(proof(trace.name()).unwrap(), HashSet::from([(1, 1)]));
        let whole = std::fs::read_to_string(&trace.path).unwrap();
        let put = |name: &str, text: &str| {
            std::fs::write(traces.join(name), text).unwrap();
            proof(name)
        };
        for end in [0, 1, HEADER_2.len(), whole.find('\n').unwrap()] {
            put("cut.log", &whole[..end]).unwrap_err();
            assert!(!Trace::has_records(&traces.join("cut.log")));
        }
        put("other.log", &whole).unwrap_err();
        let (header, rest) = whole.split_once('\n').unwrap();
        if let Some((space, id)) = mount_id(&traces).as_deref().and_then(|id| id.split_once(':')) {
            let mounted = header.rsplit_once(' ').unwrap().0;
            let other = format!("{mounted} {space}:{}\n{rest}", id.parse::<u64>().unwrap() + 1);
            put(trace.name(), &other).unwrap_err();
            // Another namespace, as a container's that was started again, proves nothing against
            // it.
            let elsewhere = format!("{mounted} 1:{id}\n{rest}");
            assert_eq!(put(trace.name(), &elsewhere).unwrap(), HashSet::from([(1, 1)]));
        }
        // A trace that an older version left says what it always said.
        let old = format!("{HEADER_1}\n{rest}");
        assert_eq!(put("old.log", &old).unwrap(), HashSet::from([(1, 1)]));
    }

    #[test]
    fn only_the_owner_can_read_it_and_removing_leaves_nothing() {
        use std::os::unix::fs::PermissionsExt;
        let (dir, trace) = written();
        assert_eq!(std::fs::metadata(&trace.path).unwrap().permissions().mode() & 0o777, 0o600);
        assert_eq!(
            std::fs::metadata(directory(dir.path())).unwrap().permissions().mode() & 0o777,
            0o700
        );
        trace.remove().unwrap();
        assert_eq!(std::fs::read_dir(directory(dir.path())).unwrap().count(), 0);
    }

    #[test]
    fn traces_of_every_version_stay_readable() {
        for version in ["v1", "v2"] {
            let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/ledger");
            let state = Trace::read(&path.join(format!("{version}.trace"))).unwrap();
            assert_eq!(state.crossing, HashSet::from([(3, 12)]));
            assert_eq!(
                state.answered[&(3, 10)],
                Verdict::Accepted {
                    provider_id: Some("queued as 4A".into()),
                    code: "250 2.0.0".into(),
                    detail: "ok".into()
                }
            );
            assert_eq!(state.answered[&(3, 11)], Verdict::Rejected(refusal()));
        }
    }
}
