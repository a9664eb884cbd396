//! Reads CSV and similar formats (RFC 4180 with any delimiter and any line ending), one record at a
//! time.
//!
//! mailbatch has its own implementation because its errors name the line of a record and of an
//! unclosed quote, and because it limits the size of a record. A property test compares it with the
//! csv crate.

use csv::StringRecord;
use memchr::{memchr, memchr_iter, memchr2, memchr3};

use super::encoding::Text;
use super::marks::looks_like_address;
use super::problem::{MAX_BLANK_LINES, Place, Problem, only_line_ends};
use super::{MAX_FIELD_BYTES, MAX_RECORD_BYTES};

const QUOTE: u8 = b'"';
/// The first of the two bytes of a no-break space in UTF-8.
const NO_BREAK_SPACE_BEGINS: u8 = 0xc2;
/// A quote in a quoted field as MySQL and PHP write it. CSV (RFC 4180) doubles the quote instead.
const ESCAPED: &str = r#"\""#;
const BACKSLASH_HINT: &str =
    r#"the list escapes quotes by a backslash (\"): export it with doubled quotes ("") instead"#;

/// Reads the records of a delimited text.
pub(super) struct Delimited {
    text: Text,
    buffer: String,
    at: usize,
    /// The line number of the position `at`.
    line: u64,
    /// Whether the last line ended with CR, which an LF may still follow.
    after_cr: bool,
    ended: bool,
    /// Whether there were blank lines before the last record.
    is_after_gap: bool,
    delimiter: u8,
    /// Whether the lines of this text end with CR alone.
    ends_with_cr: bool,
    /// The last record, if its line ended with CR alone.
    cut: Option<Cut>,
    /// Whether the last record ended without a line ending.
    is_last_open: bool,
    cell: String,
    /// The shape of the list's rows, which shows whether a stray quote encloses several rows.
    shape: Shape,
    bytes_hint: usize,
    fields_hint: usize,
}

/// The result of an attempt to read a record from the buffer.
enum Attempt {
    Record(StringRecord),
    MoreTextNeeded,
}

impl Delimited {
    /// Reads the records of a text that begins with `buffer` and continues in `text`. Starts at the
    /// byte `at` of `buffer`, which is on line `line`.
    pub(super) fn new(text: Text, buffer: String, (at, line): (usize, u64), delimiter: u8) -> Self {
        let (bytes_hint, fields_hint) = (128, 8);
        let shape =
            Shape { delimiter: char::from(delimiter), columns: 0, email: None, is_spaced: true };
        Self {
            text,
            buffer,
            at,
            line,
            after_cr: false,
            ended: false,
            is_after_gap: false,
            delimiter,
            ends_with_cr: false,
            cut: None,
            is_last_open: false,
            cell: String::new(),
            shape,
            bytes_hint,
            fields_hint,
        }
    }

    /// Sets the header, whose shape helps to detect a stray quote.
    pub(super) fn set_header(&mut self, header: &StringRecord) {
        self.shape.columns = header.len();
        self.ends_with_cr = self.cut.take().is_some();
        self.shape.is_spaced = header.iter().skip(1).any(|cell| cell.starts_with(' '));
    }

    /// Sets the column of the addresses.
    pub(super) fn set_email(&mut self, place: usize) {
        self.shape.email = Some(place);
    }

    /// Returns whether there were blank lines before the last record.
    pub(super) fn is_after_gap(&self) -> bool {
        self.is_after_gap
    }

    /// Returns whether the last record has no line ending, like the last record of a truncated
    /// file.
    pub(super) fn is_last_open(&self) -> bool {
        self.is_last_open
    }

    /// Returns the next record and the line on which it begins. Skips blank lines.
    pub(super) fn next_record(&mut self) -> Result<Option<(u64, StringRecord)>, Problem> {
        let before = self.line;
        loop {
            self.skip_line_ends();
            if self.line - before > MAX_BLANK_LINES {
                return Err(only_line_ends(before));
            }
            if self.at == self.buffer.len() {
                if !self.fill()? {
                    return Ok(None);
                }
                continue;
            }
            let line = self.line;
            self.is_after_gap = line > before;
            let cut = self.cut.take().filter(|_| !self.is_after_gap && !self.ends_with_cr);
            if let Attempt::Record(record) = self.attempt()? {
                if let Some(cut) = cut {
                    self.shape.refuse_halves(&cut, &record)?;
                }
                self.bytes_hint = record.as_slice().len() * 5 / 4 + 16;
                self.fields_hint = record.len();
                return Ok(Some((line, record)));
            }
            self.cut = cut;
            self.fill()?;
        }
    }

    fn skip_line_ends(&mut self) {
        while let Some(&byte) = self.buffer.as_bytes().get(self.at) {
            match byte {
                b'\n' if self.after_cr => {}
                b'\r' | b'\n' => self.line += 1,
                _ => {
                    self.after_cr = false;
                    return;
                }
            }
            self.after_cr = byte == b'\r';
            self.at += 1;
        }
    }

    /// Reads until the unread text has at least doubled, so that a long record is scanned only a
    /// few times.
    fn fill(&mut self) -> Result<bool, Problem> {
        self.buffer.drain(..self.at);
        self.at = 0;
        let enough = 2 * self.buffer.len() + 1;
        while self.buffer.len() < enough && !self.ended {
            self.ended = !self.text.fill(&mut self.buffer)?;
        }
        Ok(!self.buffer.is_empty())
    }

    fn attempt(&mut self) -> Result<Attempt, Problem> {
        let bytes = self.buffer.as_bytes();
        let mut record = StringRecord::with_capacity(self.bytes_hint, self.fields_hint);
        let mut line = self.line;
        let mut at = self.at;
        let end = loop {
            let begin = at;
            let opened = line;
            if matches!(bytes.get(at), Some(&(b' ' | b'\t' | NO_BREAK_SPACE_BEGINS))) {
                at = before_quote(bytes, at, self.delimiter);
            }
            let (cell, stop) = if bytes.get(at) == Some(&QUOTE) {
                let Some((quote, doubled)) = self.closing_quote(at + 1) else {
                    return self.unfinished(begin, opened, true);
                };
                let source = &self.buffer[at + 1..quote];
                line += memchr_iter(b'\n', source.as_bytes()).count() as u64;
                let after = skip_blanks(bytes, quote + 1, self.delimiter);
                match bytes.get(after) {
                    None if !self.ended => return self.unfinished(begin, opened, true),
                    None | Some(b'\r' | b'\n') => {}
                    Some(&byte) if byte == self.delimiter => {}
                    Some(_) => return Err(text_after_quote(opened, line, &self.buffer[at..after])),
                }
                if (line != opened || memchr(b'\r', source.as_bytes()).is_some())
                    && self.shape.is_in(
                        source,
                        record.len(),
                        fields_until_end(bytes, after, self.delimiter),
                    )
                {
                    return Err(swallowed_rows(opened, line, source));
                }
                let cell = if doubled {
                    self.cell.clear();
                    undouble(source, &mut self.cell);
                    &self.cell
                } else {
                    source
                };
                (cell, after)
            } else {
                let stop =
                    memchr3(self.delimiter, b'\n', b'\r', &bytes[begin..]).map(|i| begin + i);
                let Some(stop) = stop.or(self.ended.then_some(bytes.len())) else {
                    return self.unfinished(begin, opened, false);
                };
                (&self.buffer[begin..stop], stop)
            };
            if cell.len() > MAX_FIELD_BYTES {
                return Err(too_large(opened, false));
            }
            record.push_field(cell);
            if stop - self.at > MAX_RECORD_BYTES {
                return Err(too_large_record(self.line));
            }
            match bytes.get(stop) {
                Some(&byte) if byte == self.delimiter => at = stop + 1,
                // Only the next block shows whether an LF follows.
                Some(b'\r') if stop + 1 == bytes.len() && !self.ended => {
                    return Ok(Attempt::MoreTextNeeded);
                }
                Some(&byte) => {
                    self.cut = (byte == b'\r' && bytes.get(stop + 1) != Some(&b'\n'))
                        .then(|| self.shape.cut(self.line, &record));
                    self.is_last_open = false;
                    line += 1;
                    self.after_cr = byte == b'\r';
                    break stop + 1;
                }
                None => {
                    self.is_last_open = true;
                    break stop;
                }
            }
        };
        self.at = end;
        self.line = line;
        Ok(Attempt::Record(record))
    }

    /// Returns the position of the quote that closes the field whose text starts at `from`, and
    /// whether the field contains doubled quotes. Returns `None` if the buffer ends before that is
    /// certain.
    fn closing_quote(&self, from: usize) -> Option<(usize, bool)> {
        let bytes = self.buffer.as_bytes();
        let (mut at, mut doubled) = (from, false);
        loop {
            let quote = at + memchr(QUOTE, &bytes[at..])?;
            match bytes.get(quote + 1) {
                None if !self.ended => return None,
                Some(&QUOTE) => (at, doubled) = (quote + 2, true),
                _ => return Some((quote, doubled)),
            }
        }
    }

    /// Decides what to do if the buffer ends inside the field that starts at `begin`: read more
    /// text, or report an error.
    fn unfinished(&self, begin: usize, line: u64, quoted: bool) -> Result<Attempt, Problem> {
        if self.ended {
            let problem = Problem::new(
                Place::Line(line),
                "a quote is opened here and never closed: truncated?",
            );
            let hint =
                "close the quote, double it if it belongs to the text, or export the list again";
            return Err(problem.hint(if self.buffer[begin..].contains(ESCAPED) {
                BACKSLASH_HINT
            } else {
                hint
            }));
        }
        // The limit is doubled because a doubled quote in the buffer counts as one byte of the
        // field.
        if self.buffer.len() - begin > 2 * MAX_FIELD_BYTES + 2 {
            return Err(too_large(line, quoted));
        }
        if self.buffer.len() - self.at > MAX_RECORD_BYTES {
            return Err(too_large_record(self.line));
        }
        Ok(Attempt::MoreTextNeeded)
    }
}

fn too_large(line: u64, unclosed: bool) -> Problem {
    let question = if unclosed { ": is its closing quote missing?" } else { "" };
    let problem = Problem::new(
        Place::Line(line),
        format!(
            "the field that begins here is larger than {} MiB{question}",
            MAX_FIELD_BYTES >> 20
        ),
    );
    problem
        .hint("this is the limit for one merge field; put large content into the message instead")
}

fn too_large_record(line: u64) -> Problem {
    let problem = Problem::new(
        Place::Line(line),
        format!("the row that begins here is larger than {} MiB", MAX_RECORD_BYTES >> 20),
    );
    problem.hint("check its quotes and line ends")
}

/// Returns the number of cells that follow a closing quote on its line. Delimiters inside quotes
/// are counted too.
fn fields_until_end(bytes: &[u8], after: usize, delimiter: u8) -> usize {
    let rest = &bytes[after.min(bytes.len())..];
    let end = memchr2(b'\n', b'\r', rest).unwrap_or(rest.len());
    memchr_iter(delimiter, &rest[..end]).count()
}

/// Returns the position of a quote that follows blanks, or `at` if there is none.
fn before_quote(bytes: &[u8], at: usize, delimiter: u8) -> usize {
    let after = skip_blanks(bytes, at, delimiter);
    if bytes.get(after) == Some(&QUOTE) { after } else { at }
}

/// Returns the first position from `at` on that is not a blank. A blank is a space, tab or no-break
/// space, but not the delimiter.
fn skip_blanks(bytes: &[u8], mut at: usize, delimiter: u8) -> usize {
    loop {
        match bytes.get(at) {
            Some(&byte) if byte == delimiter => return at,
            Some(b' ' | b'\t') => at += 1,
            Some(&NO_BREAK_SPACE_BEGINS) if bytes.get(at + 1) == Some(&0xa0) => at += 2,
            _ => return at,
        }
    }
}

/// Appends the text between two quotes, and reduces each doubled quote to one.
fn undouble(source: &str, out: &mut String) {
    let mut rest = source;
    while let Some(quote) = memchr(QUOTE, rest.as_bytes()) {
        out.push_str(&rest[..=quote]);
        rest = &rest[quote + 2..];
    }
    out.push_str(rest);
}

/// A record whose line ended with CR alone.
struct Cut {
    line: u64,
    fields: usize,
    has_address: bool,
}

/// The shape of a list's rows.
struct Shape {
    delimiter: char,
    /// The number of cells in a row; 0 until the header is known.
    columns: usize,
    /// The index of the address cell, once it is known.
    email: Option<usize>,
    /// Whether the header has a blank after each delimiter. If not, a comma followed by a blank is
    /// part of prose.
    is_spaced: bool,
}

impl Shape {
    fn cut(&self, line: u64, record: &StringRecord) -> Cut {
        Cut { line, fields: record.len(), has_address: self.has_address(record) }
    }

    fn has_address(&self, record: &StringRecord) -> bool {
        self.email.and_then(|email| record.get(email)).is_some_and(|cell| cell.contains('@'))
    }

    /// Returns an error if a carriage return inside a cell has cut a row in two.
    fn refuse_halves(&self, cut: &Cut, rest: &StringRecord) -> Result<(), Problem> {
        if self.columns == 0
            || cut.fields + rest.len() - 1 > self.columns
            || (cut.has_address && self.has_address(rest))
        {
            return Ok(());
        }
        let problem =
            Problem::new(Place::Line(cut.line), "a lone carriage return (CR) cuts this row in two");
        Err(problem
            .hint("delete the carriage return, or put quotes around the cell that contains it"))
    }

    /// Returns whether a quoted field of several lines contains other rows. A stray quote encloses
    /// the rest of its row, whole rows after it, and the beginning of the last one. `before` is the
    /// number of cells of the record before the field, `after` the number after it.
    fn is_in(&self, source: &str, before: usize, after: usize) -> bool {
        let mut lines = source.split(['\n', '\r']).peekable();
        let first = lines.next().unwrap_or_default();
        if self.is_rest_of_row(first, before) {
            return true;
        }
        let is_completed = before + self.width(first) == self.columns;
        while let Some(line) = lines.next() {
            let is_whole = lines.peek().is_some();
            let is_shaped = if is_whole {
                self.width(line) == self.columns
            } else {
                is_completed && self.width(line) + after == self.columns
            };
            if self.is_row(line, is_whole) || (is_shaped && self.may_be_row(line)) {
                return true;
            }
        }
        false
    }

    fn width(&self, line: &str) -> usize {
        1 + line.matches(self.delimiter).count()
    }

    /// Returns whether a line may be a row with an invalid address. The line must have as many
    /// cells as the header, and its address cell must contain an `@` or be empty.
    fn may_be_row(&self, line: &str) -> bool {
        let cells: Vec<&str> = line.split(self.delimiter).collect();
        let Some(address) = self.email.and_then(|place| cells.get(place)) else { return false };
        let is_empty = address.trim().is_empty() && !line.trim().is_empty();
        cells.len() > 1 && (address.contains('@') || is_empty) && !self.is_prose(&cells)
    }

    /// Returns whether a line is the end of a row of which `before` cells precede the line.
    fn is_rest_of_row(&self, line: &str, before: usize) -> bool {
        let Some(place) = self.email.and_then(|email| email.checked_sub(before)) else {
            return false;
        };
        let cells: Vec<&str> = line.split(self.delimiter).collect();
        cells.len() > 1
            && before + cells.len() == self.columns
            && looks_like_address(cells[place])
            && !self.is_prose(&cells)
    }

    /// Returns whether a line is a row. If `is_whole` is false, the beginning of a row is enough.
    fn is_row(&self, line: &str, is_whole: bool) -> bool {
        let cells: Vec<&str> = line.split(self.delimiter).collect();
        // A signature in a note can have a bare address on a line. In a list with several columns,
        // that is not a row.
        if cells.len() == 1 && self.columns > 2 {
            return false;
        }
        let has_address = match self.email {
            Some(place) => cells.get(place).is_some_and(|cell| looks_like_address(cell)),
            None => cells.iter().any(|cell| looks_like_address(cell)),
        };
        has_address && (!self.is_prose(&cells) || (is_whole && cells.len() == self.columns))
    }

    fn is_prose(&self, cells: &[&str]) -> bool {
        !self.is_spaced && cells.iter().skip(1).any(|cell| cell.starts_with(' '))
    }
}

fn text_after_quote(opened: u64, closed: u64, field: &str) -> Problem {
    let what = if field.contains(ESCAPED) {
        r#"text follows a closing quote: a quote behind a backslash (\") also closes the field"#
    } else {
        "text follows a closing quote"
    };
    let line = if opened == closed {
        String::new()
    } else {
        format!(" (the quote opens here and closes on line {closed})")
    };
    let hint = if field.contains(ESCAPED) {
        BACKSLASH_HINT
    } else {
        r#"double each quote that belongs to the text (""), or export the list again"#
    };
    Problem::new(Place::Line(opened), format!("{what}{line}")).hint(hint)
}

fn swallowed_rows(opened: u64, closed: u64, source: &str) -> Problem {
    let what = format!(
        "a quote opens here and closes on line {closed}, and the field between them contains the address of another row"
    );
    let hint = "close the quote where its field ends; if the cell really contains these lines, join them into one line";
    Problem::new(Place::Line(opened), what).hint(if source.contains(ESCAPED) {
        BACKSLASH_HINT
    } else {
        hint
    })
}

#[cfg(test)]
mod tests;
