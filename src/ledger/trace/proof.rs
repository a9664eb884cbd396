//! What a trace proves when it is read back: whose messages had left, and what was answered.

use std::collections::{HashMap, HashSet};
use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};
use std::path::Path;

use crate::host::mount_id;
use crate::model::shown::Shown;
use crate::provider::{RowNumber, Verdict};

use super::format::{Header, LONGEST_HEADER, Record, batch_of, is_cut_header, parse};

/// How much of the end of a trace is read for its last batches, in bytes: the records of a few
/// thousand recipients.
const TAIL: u64 = 1 << 20;

/// What a trace records about each member of each batch.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct TraceState {
    /// The last thing recorded is this answer.
    pub answered: HashMap<(i64, RowNumber), Verdict>,
    /// The last thing recorded is that a write was about to complete the message.
    pub crossing: HashSet<(i64, RowNumber)>,
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
/// its first line names another trace, or if its file system has been mounted again since, which
/// may have lost what was not synced. Errs then, and as [`read`] does.
pub(crate) fn prove(directory: &Path, name: &str) -> io::Result<TraceState> {
    let path = directory.join(name);
    let distrusted =
        |why: &str| io::Error::new(io::ErrorKind::InvalidData, format!("{}: {why}", path.shown()));
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
            Err(distrusted("its file system has been mounted again, so records may be gone"))
        }
        _ => read(&path),
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
