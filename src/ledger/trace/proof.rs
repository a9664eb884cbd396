//! Reads a trace, and finds out which messages may have been sent completely and which replies were
//! received.

use std::collections::{HashMap, HashSet};
use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};
use std::path::Path;

use crate::host::mount_id;
use crate::model::shown::Shown;
use crate::provider::{RowNumber, Verdict};

use super::format::{Header, LONGEST_HEADER, Record, batch_of, is_cut_header, parse};

/// The number of bytes at the end of a trace in which its last batch is searched. They hold the
/// records of a few thousand recipients.
const TAIL: u64 = 1 << 20;

/// The last record about each member of each batch.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct TraceState {
    /// Members whose last record is this verdict.
    pub answered: HashMap<(i64, RowNumber), Verdict>,
    /// Members whose last record says that a write was about to complete the message.
    pub crossing: HashSet<(i64, RowNumber)>,
}

/// Returns the highest batch number in the last part of a trace; `None` if no record is found
/// there. Ignores damaged lines.
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

/// Whether a trace contains more than its first line. False if it cannot be read.
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

/// Reads the trace with this name, and checks that it is complete enough to prove which messages
/// were sent.
///
/// Fails if the first line names another trace. Fails if the file system was mounted again after
/// the first line was written, because unsynced records may be lost. Otherwise fails like [`read`].
pub(crate) fn prove(directory: &Path, name: &str) -> io::Result<TraceState> {
    let path = directory.join(name);
    let distrusted =
        |why: &str| io::Error::new(io::ErrorKind::InvalidData, format!("{}: {why}", path.shown()));
    let mut first = Vec::new();
    File::open(&path)?.take(LONGEST_HEADER).read_to_end(&mut first)?;
    let Some(end) = first.iter().position(|byte| *byte == b'\n') else {
        return Err(distrusted("the first line is missing, so records may be missing"));
    };
    match Header::of(&first[..end]) {
        Some(Header::V2 { name: named, .. }) if named != name => {
            Err(distrusted("this is the trace of another run or process"))
        }
        Some(Header::V2 { mount, .. }) if is_mounted_anew(directory, mount) => {
            Err(distrusted("its file system was mounted again, so records may be missing"))
        }
        _ => read(&path),
    }
}

/// Reads a trace. Ignores an incomplete last line, because the process died before the line's
/// message was sent. Fails if another line cannot be parsed, because the trace then proves nothing.
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

/// Whether the directory's file system was mounted again after the first line was written. In
/// another mount namespace, as in a restarted container, the same mount has another name and cannot
/// be compared.
fn is_mounted_anew(directory: &Path, then: &str) -> bool {
    let Some(now) = mount_id(directory) else { return false };
    let (Some((space, id)), Some((space_then, id_then))) =
        (now.split_once(':'), then.split_once(':'))
    else {
        return false;
    };
    space == space_then && id != id_then
}
