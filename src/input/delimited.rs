//! CSV and its relatives (RFC 4180 with any delimiter and any line ending), a record at a time.
//!
//! Written here rather than taken from the csv crate because errors name the physical line of a record and of an unclosed quote, and a
//! record is bounded; a property test holds it to the csv crate's reading of the same text.

use csv::StringRecord;
use memchr::{memchr, memchr_iter, memchr3};

use super::encoding::Text;
use super::problem::{Place, Problem};
use super::{MAX_FIELD_BYTES, MAX_RECORD_BYTES};

const QUOTE: u8 = b'"';

/// The delimiters that are looked for, the likeliest first.
const DELIMITERS: [u8; 4] = [b',', b';', b'\t', b'|'];

/// How many records are compared to find the delimiter.
const SAMPLE_RECORDS: usize = 20;

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
    delimiter: u8,
    cell: String,
    bytes_hint: usize,
    fields_hint: usize,
}

/// What came of trying to read a record out of the buffer.
enum Attempt {
    Record(StringRecord),
    MoreTextNeeded,
}

impl Delimited {
    /// Records of `buffer` and what follows it in `text`; without a `delimiter` it is found by looking at `buffer`.
    pub(super) fn new(text: Text, buffer: String, delimiter: Option<u8>) -> Self {
        let delimiter = delimiter.unwrap_or_else(|| find_delimiter(&buffer));
        let (bytes_hint, fields_hint) = (128, 8);
        Self { text, buffer, at: 0, line: 1, after_cr: false, ended: false, delimiter, cell: String::new(), bytes_hint, fields_hint }
    }

    /// The next record and the line on which it begins. Blank lines are skipped.
    pub(super) fn next_record(&mut self) -> Result<Option<(u64, StringRecord)>, Problem> {
        loop {
            self.skip_line_ends();
            if self.at == self.buffer.len() {
                if !self.fill()? {
                    return Ok(None);
                }
                continue;
            }
            let line = self.line;
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
            let mut from = at;
            self.cell.clear();
            if bytes.get(at) == Some(&QUOTE) {
                // The quoted part: a doubled quote stands for one.
                at += 1;
                from = at;
                loop {
                    let Some(quote) = memchr(QUOTE, &bytes[at..]).map(|i| at + i) else {
                        return self.unfinished(begin, opened, true);
                    };
                    line += memchr_iter(b'\n', &bytes[at..quote]).count() as u64;
                    at = quote + 1;
                    match bytes.get(at) {
                        None if !self.ended => return self.unfinished(begin, opened, true),
                        Some(&QUOTE) => {
                            self.cell.push_str(&self.buffer[from..at]);
                            at += 1;
                            from = at;
                        }
                        _ => {
                            self.cell.push_str(&self.buffer[from..quote]);
                            from = at;
                            break;
                        }
                    }
                }
            }
            let stop = memchr3(self.delimiter, b'\n', b'\r', &bytes[at..]).map(|i| at + i);
            let Some(stop) = stop.or(self.ended.then_some(bytes.len())) else {
                return self.unfinished(begin, opened, false);
            };
            let rest = &self.buffer[from..stop];
            let cell = if self.cell.is_empty() {
                rest
            } else {
                self.cell.push_str(rest);
                &self.cell
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

    /// The text that is there ends inside the field that begins at `begin`.
    fn unfinished(&self, begin: usize, line: u64, quoted: bool) -> Result<Attempt, Problem> {
        if self.ended {
            let problem = Problem::new(Place::Line(line), "a quote is opened here and never closed: truncated?");
            return Err(problem.hint("close the quote, double it if it belongs to the text, or export the list again"));
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

/// The delimiter under which the first line has several fields and most of the following lines have as many.
fn find_delimiter(sample: &str) -> u8 {
    let mut best = (b',', 0.0, 1);
    for delimiter in DELIMITERS {
        let widths = widths(sample.as_bytes(), delimiter);
        let Some(&header) = widths.first() else { continue };
        let agreeing = widths.iter().filter(|&&width| width == header).count() as f64 / widths.len() as f64;
        if header > 1 && (agreeing, header) > (best.1, best.2) {
            best = (delimiter, agreeing, header);
        }
    }
    best.0
}

/// How many fields each of the first records has.
fn widths(sample: &[u8], delimiter: u8) -> Vec<usize> {
    let mut widths = Vec::new();
    let (mut width, mut quoted, mut field_begins, mut blank) = (1, false, true, true);
    for &byte in sample {
        if quoted {
            quoted = byte != QUOTE;
            continue;
        }
        match byte {
            b'\r' | b'\n' => {
                if !blank {
                    widths.push(width);
                }
                if widths.len() == SAMPLE_RECORDS {
                    return widths;
                }
                (width, field_begins, blank) = (1, true, true);
                continue;
            }
            QUOTE if field_begins => quoted = true,
            _ if byte == delimiter => width += 1,
            _ => {}
        }
        field_begins = byte == delimiter;
        blank = false;
    }
    if widths.is_empty() && !blank {
        widths.push(width);
    }
    widths
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
        let mut text = Text::new(plain, Some(encoding_rs::UTF_8)).map_err(show)?;
        let mut first = String::new();
        text.fill(&mut first).map_err(show)?;
        let mut records = Delimited::new(text, first, delimiter);
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
        assert_eq!(cells("\"a\"\"b\",\"\",c\"d,\"e\"f\"g\n"), [row(1, &["a\"b", "", "c\"d", "ef\"g"])]);
        assert_eq!(cells("a,\"b\""), [row(1, &["a", "b"])]);
        assert_eq!(cells("a,"), [row(1, &["a", ""])]);
    }

    #[test]
    fn the_delimiter_is_found_by_looking() {
        assert_eq!(cells("email;name\na@b.example;\"x, y\"\n")[1], row(2, &["a@b.example", "x, y"]));
        assert_eq!(cells("email\tname\na\tx,y\n")[1], row(2, &["a", "x,y"]));
        assert_eq!(cells("email|name\na|b\n")[1], row(2, &["a", "b"]));
        assert_eq!(cells("\"a;b;c\",d\n1,2\n")[0], row(1, &["a;b;c", "d"]));
        assert_eq!(cells("email\na;b\n")[1], row(2, &["a;b"]), "one column has no delimiter");
        assert_eq!(cells("email,tags;more\na,x\nb,y;z;w\n")[0], row(1, &["email", "tags;more"]));
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
        fn every_text_is_read_as_the_csv_crate_reads_it(source in "[ab,;\"\n\r é]{0,60}", padding in 0_usize..3) {
            // The padding moves the text over a block border.
            let padding = if padding == 0 { String::new() } else { format!("{}\n", "p".repeat((64 << 10) - 20 * padding)) };
            let source = format!("{padding}{source}");
            let oracle: Vec<Vec<String>> = csv::ReaderBuilder::new().has_headers(false).flexible(true).from_reader(source.as_bytes())
                .records().map(|record| record.unwrap().iter().map(str::to_owned).collect()).collect();
            match read(&source, Some(b',')) {
                Ok(ours) => prop_assert_eq!(ours.into_iter().map(|(_, cells)| cells).collect::<Vec<_>>(), oracle),
                Err(error) => prop_assert!(error.contains("never closed"), "{}", error),
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
