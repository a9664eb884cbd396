//! Reads a suppression file and converts its entries into keys for the index. A large file is read
//! in several parts by one thread each, into a single allocation.

use std::fs::File;
use std::io::{self, Read};
use std::os::unix::fs::FileExt;
use std::thread;

use jiff::Timestamp;
use memchr::{memchr, memchr_iter};

use super::entry::{Entry, Form, key_of, rank_of};
use super::format::{Columns, Problem};
use super::index::packed;
use super::records::{Noted, Position, Record, Records, Tail, Trouble};
use crate::input::{Foreign, foreign};
use crate::model::outcome::Kind;

/// Files of at least this size, in bytes, are read in parts.
const LARGE: u64 = 16 << 20;
/// The maximum number of parts. More threads would only wait for memory access.
const MOST_PARTS: usize = 4;
/// How many bytes are read to estimate a file's number of lines, or to find the end of a line.
const SAMPLE: usize = 1 << 16;

/// Decides which entries are in force: those that stop mail of `kind` and have not expired at
/// `now`.
#[derive(Clone, Copy, Debug)]
pub(super) struct Rule {
    pub(super) kind: Kind,
    pub(super) now: Timestamp,
}

/// The additional lookups that screening an address needs, by its domain and by its hash.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Forms {
    pub(super) domains: bool,
    pub(super) hashes: bool,
}

impl Rule {
    /// Returns the hash and the rank of a record; `None` if the record is not in force.
    #[inline(always)]
    pub(super) fn apply(self, record: &Record, forms: &mut Forms) -> Option<(u128, u8)> {
        match record {
            Record::Plain(plain) => (self.kind == Kind::Marketing || !plain.is_marketing_only)
                .then_some((plain.hash, plain.rank)),
            Record::Entry(entry) => self.apply_entry(entry, forms),
        }
    }

    /// Returns the hash and the rank of an entry; `None` if the entry is not in force.
    pub(super) fn apply_entry(self, entry: &Entry, forms: &mut Forms) -> Option<(u128, u8)> {
        if entry.has_expired(self.now) || !entry.scope.stops(entry.reason, self.kind) {
            return None;
        }
        let (hash, form) = key_of(&entry.entry);
        forms.domains |= form == Form::Domain;
        forms.hashes |= form == Form::Hash;
        Some((hash, rank_of(entry.reason)))
    }
}

/// The packed keys that are collected for the index.
#[derive(Debug)]
pub(super) struct Gathered {
    pub(super) rule: Rule,
    pub(super) keys: Vec<u128>,
    pub(super) forms: Forms,
    /// Notes about the file that was last read.
    pub(super) noted: Noted,
}

impl Gathered {
    pub(super) fn new(rule: Rule) -> Self {
        Self { rule, keys: Vec::new(), forms: Forms::default(), noted: Noted::default() }
    }

    /// Reads a regular file of this length. Returns the position at the end of its last complete
    /// line.
    pub(super) fn read_file(&mut self, file: &File, length: u64) -> Result<Position, Trouble> {
        let mut first = [0; 512];
        let n = file.read_at(&mut first, 0)?;
        if let Some(Foreign { what, hint }) = foreign(&first[..n]) {
            return Err(Trouble::Line(1, Problem::new(what, hint)));
        }
        if length >= LARGE
            && let Some(position) = self.read_in_parts(file, length)
        {
            return Ok(position);
        }
        // The reservation uses no memory until keys are written. Growing the vector by doubling
        // would copy the keys.
        self.keys.reserve_exact(guess_lines(file, length));
        self.read(Range::from(file, 0))
    }

    /// Reads a file of unknown length to its end. Returns the position at the end of its last
    /// complete line.
    pub(super) fn read(&mut self, reader: impl Read) -> Result<Position, Trouble> {
        let mut records = Records::new(reader, Position::default(), Tail::Take);
        while let Some(record) = records.next()? {
            self.keys.extend(
                self.rule.apply(&record, &mut self.forms).map(|(hash, rank)| packed(hash, rank)),
            );
        }
        self.noted = records.noted().clone();
        self.noted.is_blank = !records.has_columns();
        Ok(records.position().clone())
    }

    /// Reads a file with several threads. Returns `None` and changes nothing if a record has
    /// several lines, because a part may begin inside it. Also returns `None` on an error, because
    /// a part does not know the line numbers.
    fn read_in_parts(&mut self, file: &File, length: u64) -> Option<Position> {
        let count = thread::available_parallelism().map_or(1, usize::from).min(MOST_PARTS) as u64;
        if count < 2 {
            return None;
        }
        let columns = Records::new(Range::from(file, 0), Position::default(), Tail::Take)
            .learn_columns()
            .ok()??;
        let mut starts = vec![0];
        for part in 1..count {
            starts.push(line_start(file, length / count * part)?);
        }
        let guess = guess_lines(file, length) as u128;
        let ends = starts[1..].iter().copied().chain([u64::MAX]);
        let ranges: Vec<Range<'_>> =
            starts.iter().zip(ends).map(|(from, end)| Range { file, at: *from, end }).collect();
        let rooms: Vec<usize> = ranges
            .iter()
            .map(|range| {
                (guess * u128::from(range.end.min(length).saturating_sub(range.at))
                    / u128::from(length)) as usize
            })
            .collect();

        let before = self.keys.len();
        let room: usize = rooms.iter().sum();
        if before == 0 {
            // The system provides zeroed pages only when they are written.
            self.keys = vec![0; room];
        } else {
            self.keys.resize(before + room, 0);
        }
        let rule = self.rule;
        let mut rest = &mut self.keys[before..];
        let parts: Vec<Option<Part>> = thread::scope(|scope| {
            let mut threads = Vec::with_capacity(rooms.len());
            for (range, room) in ranges.into_iter().zip(&rooms) {
                let (slots, more) = rest.split_at_mut(*room);
                rest = more;
                let columns = columns.clone();
                threads.push(scope.spawn(move || Part::read(range, columns, rule, slots)));
            }
            threads
                .into_iter()
                .map(|thread| thread.join().expect("a part's thread only reads and counts"))
                .collect()
        });
        let Some(parts) = parts.into_iter().collect::<Option<Vec<Part>>>() else {
            self.keys.truncate(before);
            return None;
        };

        let (mut from, mut to, mut lines) = (before, before, 0);
        self.noted = Noted::default();
        for (part, room) in parts.iter().zip(&rooms) {
            self.keys.copy_within(from..from + part.filled, to);
            from += room;
            to += part.filled;
            self.noted.extend(&part.noted, lines);
            lines += part.position.lines;
        }
        self.keys.truncate(to);
        for part in &parts {
            self.keys.extend_from_slice(&part.spilled);
            self.forms.domains |= part.forms.domains;
            self.forms.hashes |= part.forms.hashes;
        }
        let position = parts.into_iter().next_back()?.position;
        Some(Position { lines, ..position })
    }
}

/// The result of one thread.
struct Part {
    filled: usize,
    /// Keys that did not fit into the part's share of the allocation, because the number of lines
    /// was estimated too low.
    spilled: Vec<u128>,
    forms: Forms,
    position: Position,
    noted: Noted,
}

impl Part {
    fn read(range: Range<'_>, columns: Columns, rule: Rule, slots: &mut [u128]) -> Option<Self> {
        let start =
            Position { offset: range.at, lines: 0, columns: (range.at > 0).then_some(columns) };
        let mut records = Records::new(range, start, Tail::Take);
        let mut forms = Forms::default();
        let mut free = slots.iter_mut();
        let mut spilled = Vec::new();
        while let Some(record) = records.next().ok()? {
            if let Some((hash, rank)) = rule.apply(&record, &mut forms) {
                match free.next() {
                    Some(slot) => *slot = packed(hash, rank),
                    None => spilled.push(packed(hash, rank)),
                }
            }
        }
        let left = free.len();
        (!records.has_joined_lines()).then(|| Self {
            filled: slots.len() - left,
            spilled,
            forms,
            position: records.position().clone(),
            noted: records.noted().clone(),
        })
    }
}

/// A part of a file, read by position, so that the file's own cursor does not move.
pub(super) struct Range<'a> {
    file: &'a File,
    at: u64,
    end: u64,
}

impl<'a> Range<'a> {
    /// The part from an offset to the end.
    pub(super) fn from(file: &'a File, offset: u64) -> Self {
        Self { file, at: offset, end: u64::MAX }
    }
}

impl Read for Range<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let most = usize::try_from(self.end - self.at).unwrap_or(usize::MAX).min(buffer.len());
        let n = self.file.read_at(&mut buffer[..most], self.at)?;
        self.at += n as u64;
        Ok(n)
    }
}

/// The first offset at or after `near` where a line begins; `None` if there is none close by.
fn line_start(file: &File, near: u64) -> Option<u64> {
    let mut sample = vec![0; SAMPLE];
    let n = file.read_at(&mut sample, near).ok()?;
    memchr(b'\n', &sample[..n]).map(|i| near + i as u64 + 1)
}

/// Estimates the number of lines of a file from its beginning and its length. The result tends to
/// be slightly too high.
fn guess_lines(file: &File, length: u64) -> usize {
    let mut sample = vec![0; SAMPLE];
    let n = file.read_at(&mut sample, 0).unwrap_or(0);
    let lines = memchr_iter(b'\n', &sample[..n]).count() + 1;
    let guess = u128::from(length) * lines as u128 / (n as u128).max(1);
    usize::try_from(guess + guess / 32).unwrap_or(0)
}
