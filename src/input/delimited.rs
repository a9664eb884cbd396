//! CSV and its relatives (RFC 4180 with any delimiter and any line ending), a record at a time.
//!
//! Written here rather than taken from the csv crate because errors name the physical line of a record and of an unclosed quote, and a
//! record is bounded; a property test holds it to the csv crate's reading of the same text.

use csv::StringRecord;
use memchr::{memchr, memchr_iter, memchr3};

use super::encoding::Text;
use super::marks::looks_like_address;
use super::problem::{Place, Problem};
use super::{MAX_FIELD_BYTES, MAX_RECORD_BYTES};

const QUOTE: u8 = b'"';
/// The first of the two bytes of a no-break space in UTF-8.
const NO_BREAK_SPACE_BEGINS: u8 = 0xc2;
/// How MySQL and PHP write a quote inside quotes; CSV (RFC 4180) doubles it.
const ESCAPED: &str = r#"\""#;
const BACKSLASH_HINT: &str = r#"the list escapes quotes by a backslash (\"): export it with doubled quotes ("") instead"#;

/// Records of a delimited text.
pub(super) struct Delimited {
    text: Text,
    buffer: String,
    at: usize,
    /// The line on which `at` stands.
    line: u64,
    /// Whether the last line ended with CR, whose LF may still follow.
    after_cr: bool,
    ended: bool,
    /// Whether blank lines stood before the last record.
    is_after_gap: bool,
    delimiter: u8,
    cell: String,
    /// What rows look like, by which a quote that swallowed some is known.
    shape: Shape,
    bytes_hint: usize,
    fields_hint: usize,
}

/// What came of trying to read a record out of the buffer.
enum Attempt {
    Record(StringRecord),
    MoreTextNeeded,
}

impl Delimited {
    /// Records of `buffer`, from the byte `at` on that stands on `line`, and of what follows it in `text`.
    pub(super) fn new(text: Text, buffer: String, (at, line): (usize, u64), delimiter: u8) -> Self {
        let (bytes_hint, fields_hint) = (128, 8);
        let shape = Shape { delimiter: char::from(delimiter), columns: 0, email: None, is_spaced: true };
        Self {
            text,
            buffer,
            at,
            line,
            after_cr: false,
            ended: false,
            is_after_gap: false,
            delimiter,
            cell: String::new(),
            shape,
            bytes_hint,
            fields_hint,
        }
    }

    /// Says what the header is: a quote that swallowed rows is known by what rows look like.
    pub(super) fn set_header(&mut self, header: &StringRecord) {
        self.shape.columns = header.len();
        self.shape.is_spaced = header.iter().skip(1).any(|cell| cell.starts_with(' '));
    }

    /// Says in which column the addresses are.
    pub(super) fn set_email(&mut self, place: usize) {
        self.shape.email = Some(place);
    }

    /// Whether blank lines stood before the last record.
    pub(super) fn is_after_gap(&self) -> bool {
        self.is_after_gap
    }

    /// The next record and the line on which it begins. Blank lines are skipped.
    pub(super) fn next_record(&mut self) -> Result<Option<(u64, StringRecord)>, Problem> {
        let before = self.line;
        loop {
            self.skip_line_ends();
            if self.at == self.buffer.len() {
                if !self.fill()? {
                    return Ok(None);
                }
                continue;
            }
            let line = self.line;
            self.is_after_gap = line > before;
            if let Attempt::Record(record) = self.attempt()? {
                self.bytes_hint = record.as_slice().len() * 5 / 4 + 16;
                self.fields_hint = record.len();
                return Ok(Some((line, record)));
            }
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

    /// Reads on until what waits has at least doubled, so that a record is scanned again a bounded number of times.
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
                if (line != opened || memchr(b'\r', source.as_bytes()).is_some()) && self.shape.is_in(source, record.len()) {
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
                let stop = memchr3(self.delimiter, b'\n', b'\r', &bytes[begin..]).map(|i| begin + i);
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
                Some(&byte) => {
                    line += 1;
                    self.after_cr = byte == b'\r';
                    break stop + 1;
                }
                None => break stop,
            }
        };
        self.at = end;
        self.line = line;
        Ok(Attempt::Record(record))
    }

    /// Where the quote stands that closes the field whose text begins at `from`, and whether there are doubled ones before it. `None`
    /// where the text that is there does not tell.
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

    /// The text that is there ends inside the field that begins at `begin`.
    fn unfinished(&self, begin: usize, line: u64, quoted: bool) -> Result<Attempt, Problem> {
        if self.ended {
            let problem = Problem::new(Place::Line(line), "a quote is opened here and never closed: truncated?");
            let hint = "close the quote, double it if it belongs to the text, or export the list again";
            return Err(problem.hint(if self.buffer[begin..].contains(ESCAPED) { BACKSLASH_HINT } else { hint }));
        }
        // Twice the limit, because doubled quotes count once.
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
    let problem = Problem::new(Place::Line(line), format!("the field that begins here is larger than {} MiB{question}", MAX_FIELD_BYTES >> 20));
    problem.hint("this is the limit for one merge field; put large content into the message instead")
}

fn too_large_record(line: u64) -> Problem {
    let problem = Problem::new(Place::Line(line), format!("the row that begins here is larger than {} MiB", MAX_RECORD_BYTES >> 20));
    problem.hint("check its quotes and line ends")
}

/// The place of the quote that follows after blanks, or `at` where none does.
fn before_quote(bytes: &[u8], at: usize, delimiter: u8) -> usize {
    let after = skip_blanks(bytes, at, delimiter);
    if bytes.get(after) == Some(&QUOTE) { after } else { at }
}

/// The first place from `at` on without a space, tab or no-break space that does not delimit fields.
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

/// Appends the text between two quotes, with one quote for each doubled one.
fn undouble(source: &str, out: &mut String) {
    let mut rest = source;
    while let Some(quote) = memchr(QUOTE, rest.as_bytes()) {
        out.push_str(&rest[..=quote]);
        rest = &rest[quote + 2..];
    }
    out.push_str(rest);
}

/// What the rows of a list look like.
struct Shape {
    delimiter: char,
    /// How many cells a row has; 0 before the header is known.
    columns: usize,
    /// Which of them is the address, once it is known.
    email: Option<usize>,
    /// Whether a blank follows a delimiter in the header; otherwise one shows that a comma belongs to prose.
    is_spaced: bool,
}

impl Shape {
    /// Whether a field over several lines, of which `before` stand before it, holds what looks like rows: a quote astray swallows the rest
    /// of its own row, whole rows below it, and the beginning of the last.
    fn is_in(&self, source: &str, before: usize) -> bool {
        let mut lines = source.split(['\n', '\r']).peekable();
        let first = lines.next().unwrap_or_default();
        if self.is_rest_of_row(first, before) {
            return true;
        }
        while let Some(line) = lines.next() {
            if self.is_row(line, lines.peek().is_some()) {
                return true;
            }
        }
        false
    }

    /// Whether a line is the end of a row whose first cells, `before` of them, stand elsewhere.
    fn is_rest_of_row(&self, line: &str, before: usize) -> bool {
        let Some(place) = self.email.and_then(|email| email.checked_sub(before)) else { return false };
        let cells: Vec<&str> = line.split(self.delimiter).collect();
        cells.len() > 1 && before + cells.len() == self.columns && looks_like_address(cells[place]) && !self.is_prose(&cells)
    }

    /// Whether a line is a row, or, where it need not be whole, the beginning of one.
    fn is_row(&self, line: &str, is_whole: bool) -> bool {
        let cells: Vec<&str> = line.split(self.delimiter).collect();
        // Notes hold signatures with a bare address on a line; in a wide list this is no row.
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
        r#"text follows a closing quote: a quote behind a backslash (\") closes the field all the same"#
    } else {
        "text follows a closing quote"
    };
    let line = if opened == closed { String::new() } else { format!(" (the quote opens here and closes on line {closed})") };
    let hint = if field.contains(ESCAPED) { BACKSLASH_HINT } else { r#"double each quote that belongs to the text (""), or export the list again"# };
    Problem::new(Place::Line(opened), format!("{what}{line}")).hint(hint)
}

fn swallowed_rows(opened: u64, closed: u64, source: &str) -> Problem {
    let what = format!("a quote opens here and closes on line {closed}, and the field between holds the address of another row");
    let hint = "close the quote where its field ends; a cell that really holds these lines has to be put on one line";
    Problem::new(Place::Line(opened), what).hint(if source.contains(ESCAPED) { BACKSLASH_HINT } else { hint })
}

#[cfg(test)]
mod tests {
    use std::io::Cursor;

    use proptest::prelude::*;

    use super::super::compression::Plain;
    use super::*;

    fn read(source: &str, delimiter: Option<u8>) -> Result<Vec<(u64, Vec<String>)>, String> {
        let show = |problem: Problem| problem.in_list("l").to_string();
        let plain = Plain::new("l", Box::new(Cursor::new(source.as_bytes().to_vec()))).map_err(show)?;
        let mut text = Text::new(plain, Some(encoding_rs::UTF_8), false).map_err(show)?;
        let mut first = String::new();
        text.fill(&mut first).map_err(show)?;
        let mut records = Delimited::new(text, first, (0, 1), delimiter.unwrap_or(b','));
        let mut out = Vec::new();
        while let Some((line, record)) = records.next_record().map_err(show)? {
            out.push((line, record.iter().map(str::to_owned).collect()));
        }
        Ok(out)
    }

    fn cells(source: &str) -> Vec<(u64, Vec<String>)> {
        read(source, None).unwrap()
    }

    fn row(line: u64, cells: &[&str]) -> (u64, Vec<String>) {
        (line, cells.iter().map(|&cell| cell.to_owned()).collect())
    }

    #[test]
    fn lines_are_physical_over_blank_lines_and_quoted_newlines() {
        for end in ["\n", "\r\n"] {
            let source = ["a,b", "", "1,\"x", "y\"", "2,z"].join(end);
            let expected = [row(1, &["a", "b"]), row(3, &["1", &format!("x{end}y")]), row(5, &["2", "z"])];
            assert_eq!(cells(&source), expected, "{source:?}");
        }
        assert_eq!(cells("a,b\r1,2\r\r3,4\r"), [row(1, &["a", "b"]), row(2, &["1", "2"]), row(4, &["3", "4"])]);
    }

    #[test]
    fn quotes_are_undone() {
        assert_eq!(cells("\"a\"\"b\",\"\",c\"d,\"e\"\n"), [row(1, &["a\"b", "", "c\"d", "e"])]);
        assert_eq!(cells("\"\"\"\",\"\"\"x\"\"\"\n"), [row(1, &["\"", "\"x\""])]);
        assert_eq!(cells("a,\"b\""), [row(1, &["a", "b"])]);
        assert_eq!(cells("a,"), [row(1, &["a", ""])]);
    }

    #[test]
    fn blanks_around_a_quoted_field_do_not_count_and_others_do() {
        assert_eq!(cells("a, \"b, c\" ,\u{a0}\t\"d\", e \n"), [row(1, &["a", "b, c", "d", " e "])]);
        assert_eq!(read("a\t \"b\"\t\t\"c\"\n", Some(b'\t')).unwrap(), [row(1, &["a", "b", "", "c"])]);
        assert_eq!(cells("a,  \n"), [row(1, &["a", "  "])]);
    }

    #[test]
    fn text_after_a_closing_quote_is_refused_by_line() {
        for (source, says) in [
            ("a,b\n1,\"x\"y\n", "l:2: text follows a closing quote\nhint: double each quote"),
            ("a,b\n1, \"x\" y\n", "l:2: text follows a closing quote\nhint: "),
            ("a,b\n1,\"x \\\"y\\\" z\"\n", "l:2: text follows a closing quote: a quote behind a backslash (\\\")"),
            ("a,b\n1,\"x\n2,y\n3,\"z\"\n", "l:2: text follows a closing quote (the quote opens here and closes on line 4)"),
            ("a,b\n1,\"x \\\"\"\n", "l:2: a quote is opened here and never closed: truncated?\nhint: the list escapes quotes by a backslash"),
        ] {
            let error = read(source, None).unwrap_err();
            assert!(error.starts_with(says), "{source}: {error}");
        }
    }

    #[test]
    fn a_field_that_swallows_another_row_is_refused_and_a_note_over_lines_is_not() {
        for source in
            ["1,\"Ann\nb@example.com,Ben\",x\n", "1,\"Ann\r2,\"\"b@example.com\"\",Ben\rc\",x\n", "1,\"Ann\r\n2, <b@example.com> ,\r\n\",x\n"]
        {
            let error = read(source, None).unwrap_err();
            assert!(error.starts_with("l:1: a quote opens here and closes on line "), "{source}: {error}");
        }
        let note = "1,\"Call Ann, or write to\nb@example.com, she said, or c@example.com please\nAnn\",x\n";
        assert!(read(note, None).is_err(), "a cell of its own could be a person");
        let note = "1,\"Call Ann, or write to\nMrs b@example.com at home\nAnn\",x\n";
        assert_eq!(read(note, None).unwrap()[0].1.len(), 3);
    }

    #[test]
    fn a_swallowed_row_is_told_from_prose_by_its_shape() {
        let shape = |header: &[&str], email| Shape {
            delimiter: ',',
            columns: header.len(),
            email: Some(email),
            is_spaced: header.iter().any(|name| name.starts_with(' ')),
        };
        let wide = shape(&["name", "email", "city", "note"], 1);
        for (note, before) in [
            ("Call her\nPhone, ann@example.com, Oslo", 3),
            ("Phone, ann@example.com, Oslo\nor so", 3),
            ("Best regards\nann@example.com\nAcme, Oslo", 3),
            ("x\nann@example.com,ben@example.com wrote\ny", 3),
            ("Phone, ann@example.com", 0),
        ] {
            assert!(!wide.is_in(note, before), "{note}");
        }
        for (swallowed, before) in [
            ("Ann\nBen,ben@example.com,Rome,x\nCem", 3),
            ("Ann\nBen,ben@example.com\nCem", 3),
            ("Ann\nBen,ben@example.com", 3),
            ("Ann,ann@example.com,Oslo,x\nBen", 0),
            ("Ann\nBen, ben@example.com, Rome, x\nCem", 3),
        ] {
            assert!(wide.is_in(swallowed, before), "{swallowed}");
        }
        assert!(shape(&["email", " name"], 0).is_in("Ann\nben@example.com, Ben", 1), "blanks are this list's way");
        assert!(shape(&["email", "note"], 0).is_in("Ann\nben@example.com\n", 1), "a row may be short");
    }

    #[test]
    fn an_unclosed_quote_names_the_line_where_it_was_opened() {
        let error = read("a,b\n1,2\n3,\"x\n4,5\n6,7\n", None).unwrap_err();
        assert!(error.starts_with("l:3: a quote is opened here and never closed"), "{error}");
        let long = format!("a,b\n1,\"x\n{}", "4,5\n".repeat(2 << 20));
        assert!(read(&long, None).unwrap_err().contains("l:2: the field that begins here is larger than 1 MiB: is its closing quote missing?"));
    }

    #[test]
    fn a_field_of_ten_megabytes_is_refused_by_line() {
        let huge = "x".repeat(10 << 20);
        for field in [huge.clone(), format!("\"{huge}\"")] {
            let error = read(&format!("a,b\n1,2\n3,{field}\n"), None).unwrap_err();
            assert!(error.starts_with("l:3: the field that begins here is larger than 1 MiB"), "{error}");
        }
        let fields = vec!["x".repeat(500_000); 20].join(",");
        assert!(read(&format!("a,b\n{fields}\n"), None).unwrap_err().starts_with("l:2: the row that begins here is larger than 4 MiB"));
        let fits = "x".repeat(MAX_FIELD_BYTES);
        assert_eq!(read(&format!("a,b\n\"{fits}\",2\n"), None).unwrap()[1].1[0].len(), MAX_FIELD_BYTES);
    }

    proptest! {
        #[test]
        fn every_text_is_read_as_the_csv_crate_reads_it(source in "[ab,;\"\n\ré]{0,60}", padding in 0_usize..3) {
            // The padding moves the text over a block border.
            let padding = if padding == 0 { String::new() } else { format!("{}\n", "p".repeat((64 << 10) - 20 * padding)) };
            let source = format!("{padding}{source}");
            let oracle: Vec<Vec<String>> = csv::ReaderBuilder::new().has_headers(false).flexible(true).from_reader(source.as_bytes())
                .records().map(|record| record.unwrap().iter().map(str::to_owned).collect()).collect();
            match read(&source, Some(b',')) {
                Ok(ours) => prop_assert_eq!(ours.into_iter().map(|(_, cells)| cells).collect::<Vec<_>>(), oracle),
                Err(error) => prop_assert!(error.contains("never closed") || error.contains("text follows"), "{}", error),
            }
        }

        #[test]
        fn what_the_csv_crate_writes_is_read_back(rows in proptest::collection::vec(proptest::collection::vec("[a-c,\"\n\ré]{0,5}", 3), 1..8)) {
            let mut writer = csv::Writer::from_writer(Vec::new());
            for row in &rows {
                writer.write_record(row).unwrap();
            }
            let source = String::from_utf8(writer.into_inner().unwrap()).unwrap();
            let ours: Vec<Vec<String>> = read(&source, Some(b',')).unwrap().into_iter().map(|(_, cells)| cells).collect();
            prop_assert_eq!(ours, rows);
        }
    }
}
