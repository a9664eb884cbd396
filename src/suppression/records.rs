//! Reads a suppression file record by record, as fast as the disk delivers it. A simple line is
//! checked directly in the read buffer; any other line is parsed completely.
//!
//! The reader remembers the end of the last complete line, so that reading can continue when the
//! file grows.

use std::io::{self, Read};

use memchr::memchr;

use super::entry::{Entry, odd_note, parse_entry};
use super::format::{Column, Columns, Plain, Problem, Unsplit, split};
use super::lines::{Line, LineError, Lines};
use crate::input::{is_marked, separator};
use crate::model::address::{Note, has_unseen_ends};

/// The maximum number of lines in a record. A longer record means that a quote was not closed.
const MOST_LINES: usize = 100;

/// The reasons why a file cannot be read to its end.
#[derive(Debug)]
pub(super) enum Trouble {
    Io(io::Error),
    /// The record that begins at this line is invalid.
    Line(u64, Problem),
}

impl From<io::Error> for Trouble {
    fn from(why: io::Error) -> Self {
        Self::Io(why)
    }
}

/// How to treat a last line without a line feed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Tail {
    /// Read the line like a complete one.
    Take,
    /// Skip the line, because another process may still be writing it.
    Leave,
}

/// How far a file has been read: up to the end of the last record with a line feed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Position {
    pub(super) offset: u64,
    pub(super) lines: u64,
    /// The columns, once the first complete record has been read.
    pub(super) columns: Option<Columns>,
}

/// How many entries have a property, and the lines of the first ones.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Places {
    pub(crate) count: u64,
    pub(crate) lines: Vec<u64>,
}

impl Places {
    const PLACES: usize = 3;

    fn add(&mut self, line: u64) {
        self.count += 1;
        if self.lines.len() < Self::PLACES {
            self.lines.push(line);
        }
    }

    fn extend(&mut self, part: &Self, before: u64) {
        let room = Self::PLACES - self.lines.len();
        self.lines.extend(part.lines.iter().take(room).map(|line| before + line));
        self.count += part.count;
    }
}

/// Notes about suspicious entries of a file.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Noted {
    /// Entries whose beginning or end had invisible characters, which were removed.
    pub(crate) unseen_ends: Places,
    /// Entries that are valid but may be a mistake: truncated, or with a special character at the
    /// beginning or end.
    pub(crate) odd: Places,
    /// Whether the file has neither a header nor an entry.
    pub(crate) is_blank: bool,
}

impl Noted {
    /// Adds the notes about a part of the file. `before` is the number of lines before this part.
    pub(super) fn extend(&mut self, part: &Self, before: u64) {
        self.unseen_ends.extend(&part.unseen_ends, before);
        self.odd.extend(&part.odd, before);
    }

    pub(super) fn is_empty(&self) -> bool {
        self.unseen_ends.count + self.odd.count == 0 && !self.is_blank
    }
}

/// An entry, as read by the fast path or completely.
#[derive(Debug)]
pub(super) enum Record {
    /// An entry whose text was not kept, only its key.
    Plain(Plain),
    Entry(Box<Entry>),
}

/// The result of one step.
#[derive(Debug)]
pub(super) enum Step {
    /// A blank line, a comment, the header, or a record of empty fields.
    Nothing,
    Record(Record),
}

/// The records of one file.
pub(super) struct Records<R> {
    lines: Lines<R>,
    columns: Option<Columns>,
    tail: Tail,
    wants_entries: bool,
    record: Vec<u8>,
    first_line: u64,
    position: Position,
    has_left_a_tail: bool,
    has_joined_lines: bool,
    noted: Noted,
}

impl<R: Read> Records<R> {
    /// Continues reading at `position`. `reader` must already be at this position.
    pub(super) fn new(reader: R, position: Position, tail: Tail) -> Self {
        let lines = Lines::new(reader, position.offset, position.lines);
        Self {
            lines,
            columns: position.columns.clone(),
            tail,
            wants_entries: false,
            record: Vec::new(),
            first_line: 0,
            position,
            has_left_a_tail: false,
            has_joined_lines: false,
            noted: Noted::default(),
        }
    }

    /// Whether the reader has found a header or an entry.
    pub(super) fn has_columns(&self) -> bool {
        self.columns.is_some()
    }

    /// The notes about the entries that were read so far.
    pub(super) fn noted(&self) -> &Noted {
        &self.noted
    }

    /// Makes the reader return every record as a complete entry.
    pub(super) fn with_entries(mut self) -> Self {
        self.wants_entries = true;
        self
    }

    /// The position at the end of the last complete line.
    pub(super) fn position(&self) -> &Position {
        &self.position
    }

    /// Whether a last line without a line feed was skipped.
    pub(super) fn has_left_a_tail(&self) -> bool {
        self.has_left_a_tail
    }

    /// Whether a record had more than one line.
    pub(super) fn has_joined_lines(&self) -> bool {
        self.has_joined_lines
    }

    /// The line where the last record began, from 1.
    pub(super) fn line(&self) -> u64 {
        self.first_line
    }

    /// The bytes read by the last call of `careful`, including a line feed. Empty after a line that
    /// was too long.
    pub(super) fn raw(&self) -> &[u8] {
        &self.record
    }

    /// Reads the first record and returns the columns; `None` if the file has no record.
    pub(super) fn learn_columns(mut self) -> Result<Option<Columns>, Trouble> {
        while self.columns.is_none() && self.careful()?.is_some() {}
        Ok(self.columns)
    }

    /// Returns the next entry, or `None` at the end.
    ///
    /// Inlined with all functions that a simple line passes through, so that the line's hash stays
    /// in registers. Writing the hash to memory in two halves and reading it as a whole would stall
    /// the processor at every line.
    #[inline(always)]
    pub(super) fn next(&mut self) -> Result<Option<Record>, Trouble> {
        loop {
            match self.step()? {
                None => return Ok(None),
                Some(Step::Nothing) => {}
                Some(Step::Record(record)) => return Ok(Some(record)),
            }
        }
    }

    #[inline(always)]
    fn step(&mut self) -> Result<Option<Step>, Trouble> {
        let Some(line) = self.lines.next().map_err(|why| self.at_next_line(why))? else {
            return Ok(None);
        };
        if line.is_terminated
            && !self.wants_entries
            && let Some(columns) = &self.columns
            && let Some(plain) = columns.plain(without_return(self.lines.bytes(line)))
        {
            self.first_line = self.lines.number;
            self.position.offset = self.lines.passed;
            self.position.lines = self.lines.number;
            return Ok(Some(Step::Record(Record::Plain(plain))));
        }
        self.judge(line)
    }

    /// Reads the next record, comment or blank line, and keeps its bytes for [`Records::raw`]. The
    /// caller may continue after an invalid line.
    pub(super) fn careful(&mut self) -> Result<Option<Step>, Trouble> {
        self.record.clear();
        match self.lines.next().map_err(|why| self.at_next_line(why))? {
            Some(line) => self.judge(line),
            None => Ok(None),
        }
    }

    fn at_next_line(&self, why: LineError) -> Trouble {
        match why {
            LineError::Io(why) => Trouble::Io(why),
            LineError::TooLong => {
                let hint = "a suppression file has one entry per line, as plain UTF-8 text";
                Trouble::Line(
                    self.lines.number + 1,
                    Problem::new("line is longer than 1 MiB", hint),
                )
            }
        }
    }

    fn judge(&mut self, line: Line) -> Result<Option<Step>, Trouble> {
        self.first_line = self.lines.number;
        self.record.clear();
        self.take(line);
        let mut is_terminated = line.is_terminated;
        let mut count = 1;
        let found = loop {
            match self.read() {
                Err(Flaw::Problem(problem)) => break Err(problem),
                Ok(step) => break Ok(step),
                Err(Flaw::Open) if count == MOST_LINES => break Err(never_closed()),
                Err(Flaw::Open) => {}
            }
            match self.lines.next().map_err(|why| self.at_next_line(why))? {
                Some(line) => {
                    self.take(line);
                    is_terminated = line.is_terminated;
                    count += 1;
                    self.has_joined_lines = true;
                }
                None if self.tail == Tail::Leave => {
                    self.has_left_a_tail = true;
                    return Ok(None);
                }
                None => break Err(never_closed()),
            }
        };
        if !is_terminated && self.tail == Tail::Leave {
            self.has_left_a_tail = true;
            return Ok(None);
        }
        let step = found.and_then(|Found { step, columns, has_unseen_ends, odd }| {
            if has_unseen_ends {
                self.noted.unseen_ends.add(self.first_line);
            }
            if matches!(odd, Some(Note::NoDot | Note::OneLetter)) && !is_terminated {
                return Err(Problem::new(
                    "file ends inside this entry: is it truncated?",
                    "complete the entry, and end the line with a line feed",
                ));
            }
            if odd.is_some() {
                self.noted.odd.add(self.first_line);
            }
            if columns.is_some() {
                self.columns = columns;
            }
            Ok(step)
        });
        if is_terminated {
            self.position.offset = self.lines.passed;
            self.position.lines = self.lines.number;
            if self.position.columns.is_none() {
                self.position.columns.clone_from(&self.columns);
            }
        }
        step.map(Some).map_err(|problem| Trouble::Line(self.first_line, problem))
    }

    /// Whether a line inside a quoted field could be an entry by itself.
    fn is_entry(&self, line: &str) -> bool {
        let is_of = |field: &str| {
            let field = field.trim().trim_matches('"');
            field.contains('@') && !field.contains(' ') && parse_entry(field).is_ok()
        };
        match self.columns.as_ref().and_then(Columns::place_of_email) {
            Some(place) => line.split(',').nth(place).is_some_and(is_of),
            None => line.split(',').any(is_of),
        }
    }

    fn take(&mut self, line: Line) {
        self.record.extend_from_slice(self.lines.bytes(line));
        if line.is_terminated {
            self.record.push(b'\n');
        }
    }

    /// Parses the collected record. If it is the first record, also determines the columns.
    fn read(&self) -> Result<Found, Flaw> {
        let mut bytes = without_return(self.record.strip_suffix(b"\n").unwrap_or(&self.record));
        // A byte order mark is at the beginning of a file, and also inside a file that was joined
        // from several.
        while let Some(rest) = bytes.strip_prefix(b"\xef\xbb\xbf") {
            bytes = rest;
        }
        if memchr(0, bytes).is_some() {
            return Err(Problem::new(
                "line holds a NUL byte: the file is not UTF-8 text, perhaps UTF-16",
                TEXT_HINT,
            )
            .into());
        }
        let text = std::str::from_utf8(bytes)
            .map_err(|_| Problem::new("line is not valid UTF-8", TEXT_HINT))?;
        if text.replace("\r\n", "").contains('\r') {
            return Err(Problem::new(
                "line holds a carriage return (CR), after which another entry may follow",
                RETURN_HINT,
            )
            .into());
        }
        // Some systems end files with Ctrl-Z, which may also be inside a file that was joined from
        // several.
        let text = text.trim_start_matches(CTRL_Z);
        if text.trim().is_empty() || text.starts_with('#') {
            return Ok(Found::of(Step::Nothing, None));
        }
        if self.columns.is_none() && separator(text).is_some() {
            let hint = "delete the line, and separate the columns by commas; or import the file unchanged with `mailbatch suppress import FILE`";
            return Err(Problem::new("line is Excel's sep= line, not an entry", hint).into());
        }
        if is_marked(text) {
            let hint = "delete the line, or only the mark to keep the entry; put quotes around an address that really begins with this character";
            return Err(Problem::new(
                "line is struck out by a mark at its beginning; only # begins a comment",
                hint,
            )
            .into());
        }
        let fields = split(text).map_err(|why| match why {
            Unsplit::Open => Flaw::Open,
            Unsplit::Astray => never_closed().into(),
        })?;
        if text.lines().skip(1).any(|line| self.is_entry(line)) {
            let hint = "close the quote at the end of its field; write a note with several lines on one line";
            return Err(Problem::new("line opens a quote that holds another entry", hint).into());
        }
        let mut learned = None;
        let columns = match &self.columns {
            Some(columns) if columns.is_repeated(&fields)? => {
                return Ok(Found::of(Step::Nothing, None));
            }
            Some(columns) => columns,
            None => {
                if let Some(named) = Columns::from_header(&fields)? {
                    if fields.iter().any(|field| field.contains('@')) {
                        let hint = "put the names of the columns on a separate line";
                        return Err(Problem::new(
                            "header holds an address: is a line break missing after the header?",
                            hint,
                        )
                        .into());
                    }
                    return Ok(Found::of(Step::Nothing, Some(named)));
                }
                learned.insert(Columns::standard())
            }
        };
        let entry = columns.entry(&fields)?;
        let odd = entry.as_ref().and_then(|entry| odd_note(&entry.entry));
        let step =
            entry.map_or(Step::Nothing, |entry| Step::Record(Record::Entry(Box::new(entry))));
        let has_unseen_ends =
            !text.is_ascii() && has_unseen_ends(columns.field(Column::Email, &fields));
        Ok(Found { step, columns: learned, has_unseen_ends, odd })
    }
}

/// A parsed record, and the columns if it is a header.
struct Found {
    step: Step,
    columns: Option<Columns>,
    has_unseen_ends: bool,
    odd: Option<Note>,
}

impl Found {
    fn of(step: Step, columns: Option<Columns>) -> Self {
        Self { step, columns, has_unseen_ends: false, odd: None }
    }
}

enum Flaw {
    Open,
    Problem(Problem),
}

impl From<Problem> for Flaw {
    fn from(problem: Problem) -> Self {
        Self::Problem(problem)
    }
}

const CTRL_Z: char = '\u{1a}';

/// The hint for a file whose lines do not end with a line feed.
const RETURN_HINT: &str =
    "end each line with a line feed (LF), or import the file with `mailbatch suppress import FILE`";

/// The hint for a file that is not UTF-8 text.
const TEXT_HINT: &str =
    "save the file as UTF-8 text, or import it with `mailbatch suppress import FILE`";

fn never_closed() -> Problem {
    Problem::new(
        "line opens a quote that is not closed",
        "close the quote, or double a quote that belongs to the text",
    )
}

fn without_return(line: &[u8]) -> &[u8] {
    line.strip_suffix(b"\r").unwrap_or(line)
}
