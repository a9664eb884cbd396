//! One suppression file, remembered as it was when last read, so that a change is noticed and an appended tail is read alone.

use std::fs::{File, Metadata};
use std::io::{self, Seek, SeekFrom};
use std::os::unix::fs::{FileExt, MetadataExt};
use std::path::{Path, PathBuf};

use memchr::memchr_iter;

use super::records::{Position, Record, Records, Tail, Trouble};
use crate::error::Error;
use crate::exit::Exit;

/// How many bytes before the place where reading stopped must be as they were for a file to count as merely grown.
const SEAM: u64 = 4_096;
/// How much of a file is looked at to guess its number of lines.
const SAMPLE: usize = 1 << 16;

/// What tells that a file has changed.
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

/// What the first reading of a file tells.
pub(super) enum Loading {
    /// About so many lines will follow.
    About(usize),
    Record(Record),
}

/// A suppression file that has been read.
#[derive(Debug)]
pub(super) struct Watched {
    path: PathBuf,
    stamp: Stamp,
    position: Position,
    /// The bytes right before the position.
    seam: Vec<u8>,
    /// Whether a last line without a line feed waits to be taken.
    has_open_tail: bool,
}

impl Watched {
    /// Reads a whole file. What is no regular file, such as a pipe, is read once and not watched.
    pub(super) fn load(path: &Path, emit: &mut impl FnMut(Loading)) -> Result<Option<Self>, Error> {
        let refuse = |trouble| refused(path, trouble);
        let open = || -> io::Result<_> {
            let file = File::open(path)?;
            let metadata = file.metadata()?;
            Ok((file, metadata))
        };
        let (file, metadata) = open().map_err(|why| refuse(why.into()))?;
        if metadata.is_file() {
            emit(Loading::About(guess_lines(&file, metadata.len())));
        }
        let mut records = Records::new(&file, Position::default(), Tail::Take);
        while let Some(record) = records.next().map_err(refuse)? {
            emit(Loading::Record(record));
        }
        if !metadata.is_file() {
            return Ok(None);
        }
        let position = records.position().clone();
        let seam = seam(&file, position.offset).map_err(|why| refuse(why.into()))?;
        Ok(Some(Self { path: path.to_owned(), stamp: Stamp::from(&metadata), position, seam, has_open_tail: false }))
    }

    /// Reads what is new since the last look, or the whole file if it did not merely grow.
    pub(super) fn refresh(&mut self, emit: &mut impl FnMut(Record)) -> Result<(), Error> {
        self.read_news(emit).map_err(|trouble| match trouble {
            Trouble::Io(why) => {
                let message = format!("suppression file {} became unreadable: {why}", self.path.display());
                Error::new(Exit::RETRYABLE, message).hint("put it back, then `mailbatch resume`")
            }
            Trouble::Line(line, problem) => {
                let message = format!("suppression file became unreadable: {}:{line}: {}", self.path.display(), problem.what);
                Error::new(Exit::RETRYABLE, message).hint(format!("{}; then `mailbatch resume`", problem.hint))
            }
        })
    }

    fn read_news(&mut self, emit: &mut impl FnMut(Record)) -> Result<(), Trouble> {
        let is_unchanged = Stamp::from(&std::fs::metadata(&self.path)?) == self.stamp;
        if is_unchanged && !self.has_open_tail {
            return Ok(());
        }
        let mut file = File::open(&self.path)?;
        let stamp = Stamp::from(&file.metadata()?);
        let tail = if stamp == self.stamp { Tail::Take } else { Tail::Leave };
        let has_merely_grown = (stamp.device, stamp.inode) == (self.stamp.device, self.stamp.inode)
            && stamp.length >= self.position.offset
            && seam(&file, self.position.offset).is_ok_and(|seam| seam == self.seam);
        let from = if has_merely_grown { self.position.clone() } else { Position::default() };
        file.seek(SeekFrom::Start(from.offset))?;
        let mut records = Records::new(&file, from, tail);
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

/// What `send` and `check` say of a file that cannot be read or understood.
pub(super) fn refused(path: &Path, trouble: Trouble) -> Error {
    let path = path.display();
    match trouble {
        Trouble::Io(why) if why.kind() == io::ErrorKind::NotFound => Error::refused(format!("suppression file {path} does not exist"))
            .hint("correct its path, or make an empty file if nobody is suppressed yet"),
        Trouble::Io(why) => Error::refused(format!("suppression file {path} cannot be read: {why}")).hint("name a readable file"),
        Trouble::Line(line, problem) => Error::refused(format!("{path}:{line}: {}", problem.what)).hint(problem.hint),
    }
}

fn seam(file: &File, offset: u64) -> io::Result<Vec<u8>> {
    let length = offset.min(SEAM);
    let mut bytes = vec![0; length as usize];
    file.read_exact_at(&mut bytes, offset - length)?;
    Ok(bytes)
}

/// The number of lines of a file of this length, judged by its beginning and a little too high.
fn guess_lines(file: &File, length: u64) -> usize {
    let mut sample = Vec::with_capacity(SAMPLE);
    let mut bytes = [0; 8_192];
    while sample.len() < SAMPLE {
        match file.read_at(&mut bytes, sample.len() as u64) {
            Ok(n) if n > 0 => sample.extend_from_slice(&bytes[..n]),
            _ => break,
        }
    }
    let lines = memchr_iter(b'\n', &sample).count() as u64 + 1;
    let guess = u128::from(length) * u128::from(lines) / (sample.len() as u128).max(1);
    usize::try_from(guess + guess / 32).unwrap_or(0)
}
