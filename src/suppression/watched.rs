//! Watches one suppression file: remembers its state at the last read, detects changes, and reads
//! only the new lines if the file has grown.

use std::fs::{File, Metadata};
use std::io;
use std::os::unix::fs::{FileExt, MetadataExt};
use std::path::{Path, PathBuf};

use xxhash_rust::xxh3::xxh3_128;

use super::gathering::{Gathered, Range};
use super::records::{Position, Record, Records, Tail, Trouble};
use crate::files;
use crate::model::error::Error;
use crate::model::exit::Exit;
use crate::model::shown::Shown;

/// The number of bytes before the last read position that are compared. If they are unchanged, the
/// file has only grown.
const SEAM: u64 = 4_096;

/// File attributes that show whether a file has changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Stamp {
    device: u64,
    inode: u64,
    length: u64,
    modified: (i64, i64),
    changed: (i64, i64),
}

impl From<&Metadata> for Stamp {
    fn from(metadata: &Metadata) -> Self {
        Self {
            device: metadata.dev(),
            inode: metadata.ino(),
            length: metadata.len(),
            modified: (metadata.mtime(), metadata.mtime_nsec()),
            changed: (metadata.ctime(), metadata.ctime_nsec()),
        }
    }
}

/// A suppression file that has been read.
#[derive(Debug)]
pub(super) struct Watched {
    path: PathBuf,
    stamp: Stamp,
    position: Position,
    /// A hash of the bytes just before the last read position.
    seam: u128,
    /// Whether the file ended with a line without a line feed, which was skipped.
    has_open_tail: bool,
}

impl Watched {
    /// Reads a whole file. Something other than a regular file, such as a pipe, is read once and
    /// not watched, so the result is `None`.
    pub(super) fn load(path: &Path, gathered: &mut Gathered) -> Result<Option<Self>, Error> {
        Self::load_into(path, gathered).map_err(|trouble| refused(path, trouble))
    }

    fn load_into(path: &Path, gathered: &mut Gathered) -> Result<Option<Self>, Trouble> {
        let file = files::open_once(path)?;
        let metadata = file.metadata()?;
        if !metadata.is_file() {
            gathered.read(&file)?;
            return Ok(None);
        }
        let position = gathered.read_file(&file, metadata.len())?;
        let seam = seam(&file, position.offset)?;
        Ok(Some(Self {
            path: path.to_owned(),
            stamp: Stamp::from(&metadata),
            position,
            seam,
            has_open_tail: false,
        }))
    }

    /// Reads the lines that were added since the last call. If the file was changed in another way,
    /// reads all of it.
    pub(super) fn refresh(&mut self, emit: &mut impl FnMut(Record)) -> Result<(), Error> {
        self.read_news(emit).map_err(|trouble| match trouble {
            Trouble::Io(why) => {
                let message =
                    format!("suppression file {} became unreadable: {why}", self.path.shown());
                Error::new(Exit::RETRYABLE, message)
                    .hint("restore the file, then run `mailbatch resume`")
            }
            Trouble::Line(line, problem) => {
                let message = format!(
                    "suppression file became unreadable: {}:{line}: {}",
                    self.path.shown(),
                    problem.what
                );
                Error::new(Exit::RETRYABLE, message)
                    .hint(format!("{}; then run `mailbatch resume`", problem.hint))
            }
        })
    }

    fn read_news(&mut self, emit: &mut impl FnMut(Record)) -> Result<(), Trouble> {
        let is_unchanged = Stamp::from(&std::fs::metadata(&self.path)?) == self.stamp;
        if is_unchanged && !self.has_open_tail {
            return Ok(());
        }
        let file = File::open(&self.path)?;
        let stamp = Stamp::from(&file.metadata()?);
        let tail = if stamp == self.stamp { Tail::Take } else { Tail::Leave };
        let has_merely_grown = (stamp.device, stamp.inode) == (self.stamp.device, self.stamp.inode)
            && stamp.length >= self.position.offset
            && seam(&file, self.position.offset).is_ok_and(|seam| seam == self.seam);
        let from = if has_merely_grown { self.position.clone() } else { Position::default() };
        let mut records = Records::new(Range::from(&file, from.offset), from, tail);
        while let Some(record) = records.next()? {
            emit(record);
        }
        let has_rest = records.has_left_a_tail();
        self.position = records.position().clone();
        self.seam = seam(&file, self.position.offset)?;
        self.has_open_tail = has_rest;
        self.stamp = stamp;
        Ok(())
    }
}

/// The error of `send` and `check` for a suppression file that is unreadable or invalid.
pub(super) fn refused(path: &Path, trouble: Trouble) -> Error {
    let path = path.shown();
    match trouble {
        Trouble::Io(why) if why.kind() == io::ErrorKind::NotFound => Error::refused(format!(
            "suppression file {path} does not exist"
        ))
        .hint(
            "correct the path, or create the file with the single line `email` if no address is suppressed yet",
        ),
        Trouble::Io(why) => {
            Error::refused(format!("suppression file {path} cannot be read: {why}"))
                .hint("correct the path, or make the file readable for this user")
        }
        Trouble::Line(line, problem) => {
            Error::refused(format!("{path}:{line}: {}", problem.what)).hint(problem.hint)
        }
    }
}

fn seam(file: &File, offset: u64) -> io::Result<u128> {
    let length = offset.min(SEAM);
    let mut bytes = vec![0; length as usize];
    file.read_exact_at(&mut bytes, offset - length)?;
    Ok(xxh3_128(&bytes))
}
