//! One list, whatever its format: its columns and its rows.

use std::io::Read;

use csv::StringRecord;
use serde_json::Value;

use super::compression::Plain;
use super::delimited::Delimited;
use super::detect::Guess;
use super::encoding::{self, Text};
use super::findings::{Finding, Findings, Kind};
use super::json::{Array, Lines};
use super::layout::{self, Known, is_marked, without_mark};
use super::problem::{Place, Problem, ReadError};
use super::tidy::{self, Tidy};
use super::{Format, MAX_COLUMNS, Source};
use crate::error::{Error, Result};
use crate::recipient::{Columns, Fields, JsonRow};

/// What is known about a list before it is opened; all found by looking where not given.
#[derive(Clone, Debug, Default)]
pub struct ReadOptions {
    /// Its format, over suffix and content.
    pub format: Option<Format>,
    /// The label of its encoding, as the Encoding Standard names it.
    pub encoding: Option<String>,
    /// The byte between the fields of CSV and TSV.
    pub delimiter: Option<u8>,
    /// How many lines stand before the header of CSV and TSV.
    pub skip_lines: Option<u64>,
    /// The name of the column with the addresses, by which the header is known.
    pub email: Option<String>,
    /// Whether to read a list whose encoding can only be guessed; otherwise it is refused.
    pub accept_guess: bool,
}

/// One row as it stands in its list.
#[derive(Clone, Debug, PartialEq)]
pub struct ListRow {
    /// The line on which it begins, from 1; in a JSON array the number of the element.
    pub line: u64,
    /// Its fields; a row that is too short is filled up with empty ones, one that is too long is kept as it is.
    pub fields: Fields,
    /// Why this row is no good although the list can be read on.
    pub defect: Option<String>,
}

enum Body {
    Delimited(Delimited),
    Array(Array),
    Lines(Lines),
}

/// Reads the rows of one list in order.
pub struct ListReader {
    name: String,
    format: Format,
    columns: Columns,
    body: Body,
    /// The first object of a JSON list, read early so that there are columns to choose from.
    ahead: Option<ListRow>,
    guess: Option<Guess>,
    findings: Findings,
    tidy: Tidy,
    /// The key of the addresses of a JSON list, once it is known.
    email_key: Option<String>,
    ended: bool,
}

impl ListReader {
    /// Opens a list that errors call by its path, and reads its header, or its first object. Errs with exit 4 where it cannot be read, with
    /// exit 2 for an unknown encoding.
    pub fn open(source: &Source, options: &ReadOptions) -> Result<Self> {
        Self::open_as(source, &source.name(), options)
    }

    /// The same for a list that errors call `name`, as it was typed.
    pub fn open_as(source: &Source, name: &str, options: &ReadOptions) -> Result<Self> {
        // Checked before the file is touched.
        label(options)?;
        Self::open_reader(name.to_owned(), source.open(name)?, options)
    }

    /// The same for bytes that come from elsewhere; the suffix of `name` counts as a file's would.
    pub fn open_reader(name: String, reader: Box<dyn Read + Send>, options: &ReadOptions) -> Result<Self> {
        let label = label(options)?;
        Self::build(&name, reader, options, label).map_err(|problem| problem.in_list(&name).into())
    }

    fn build(
        name: &str,
        reader: Box<dyn Read + Send>,
        options: &ReadOptions,
        label: Option<&'static encoding_rs::Encoding>,
    ) -> Result<Self, Problem> {
        let mut text = Text::new(Plain::new(name, reader)?, label, options.accept_guess)?;
        let mut first = String::new();
        text.fill(&mut first)?;
        if first.is_empty() {
            return Err(Problem::new(Place::List, "is empty").hint("even a list without recipients has a header; did the export fail?"));
        }
        let guess = text.guess().cloned();
        let format = options.format.or_else(|| Format::by_suffix(name)).unwrap_or_else(|| Format::by_content(&first));
        let body = match format {
            Format::Json => Body::Array(Array::new(text, first)),
            Format::Ndjson => Body::Lines(Lines::new(text, first)),
            Format::Csv | Format::Tsv => return Self::build_delimited(name, format, (text, first), options, guess),
        };
        let mut list = Self {
            name: name.to_owned(),
            format,
            columns: Columns::default(),
            body,
            ahead: None,
            guess,
            findings: Findings::default(),
            tidy: Tidy { width: 0, email: None, has_marked_names: false },
            email_key: None,
            ended: false,
        };
        list.ahead = list.read()?;
        Ok(list)
    }

    fn build_delimited(
        name: &str,
        format: Format,
        (text, first): (Text, String),
        options: &ReadOptions,
        guess: Option<Guess>,
    ) -> Result<Self, Problem> {
        let known = Known {
            delimiter: options.delimiter,
            preferred: (format == Format::Tsv).then_some(b'\t'),
            skip_lines: options.skip_lines,
            email: options.email.as_deref(),
        };
        let mut findings = Findings::default();
        let layout = layout::find(&first, text.has_ended(), &known, &mut findings)?;
        let mut records = Delimited::new(text, first, (layout.at, layout.line), layout.delimiter);
        let Some((line, header)) = records.next_record()? else {
            return Err(Problem::new(Place::List, "has no header line").hint("the first line names the columns, e.g. email,first_name"));
        };
        too_many(Place::Line(line), header.len())?;
        records.set_columns(header.len());
        let mut tidy = Tidy { width: header.len(), email: None, has_marked_names: layout.has_marked_names };
        let mut ahead = None;
        let columns = match layout.headless {
            Some(place) => {
                tidy.email = Some(place);
                ahead = tidy.row(line, header, &mut findings);
                headless_columns(tidy.width, place)
            }
            None => columns(&header, layout.is_marked),
        };
        if layout.is_marked {
            findings.add(Kind::MarkedHeader, line);
        }
        for _ in 0..layout.descriptions {
            if let Some((line, _)) = records.next_record()? {
                findings.add(Kind::HeaderRows, line);
            }
        }
        let body = Body::Delimited(records);
        Ok(Self { name: name.to_owned(), format, columns, body, ahead, guess, findings, tidy, email_key: None, ended: false })
    }

    /// What messages call this list.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The format it is read as.
    pub fn format(&self) -> Format {
        self.format
    }

    /// The columns: the header of a CSV list; of a JSON list the keys seen so far, at first those of its first object.
    pub fn columns(&self) -> &Columns {
        &self.columns
    }

    /// The encoding, where it is only a guess that was accepted.
    pub fn guess(&self) -> Option<&Guess> {
        self.guess.as_ref()
    }

    /// What reading it has changed or left out up to now, by kind.
    pub fn findings(&self) -> Vec<Finding> {
        self.findings.all(&self.name)
    }

    /// Says where the addresses are: rows that are struck out by a mark before them are left out from now on.
    pub fn set_email(&mut self, place: usize, name: &str) {
        self.tidy.email = Some(place);
        self.email_key = Some(name.to_owned());
        if self.ahead.as_ref().is_some_and(|row| self.is_struck_object(&row.fields)) {
            let line = self.ahead.take().map_or(0, |row| row.line);
            self.findings.add(Kind::Struck, line);
        }
    }

    /// The next row; after an error or the end there are no more.
    pub fn next_row(&mut self) -> Option<Result<ListRow, ReadError>> {
        if let Some(row) = self.ahead.take() {
            return Some(Ok(row));
        }
        if self.ended {
            return None;
        }
        match self.read() {
            Ok(Some(row)) => Some(Ok(row)),
            Ok(None) => {
                self.ended = true;
                None
            }
            Err(problem) => {
                self.ended = true;
                Some(Err(problem.in_list(&self.name)))
            }
        }
    }

    fn read(&mut self) -> Result<Option<ListRow>, Problem> {
        loop {
            let object = match &mut self.body {
                Body::Delimited(records) => {
                    let Some((line, record)) = records.next_record()? else { return Ok(None) };
                    match self.tidy.row(line, record, &mut self.findings) {
                        Some(row) => return Ok(Some(row)),
                        None => continue,
                    }
                }
                Body::Array(array) => array.next_object()?,
                Body::Lines(lines) => lines.next_object()?,
            };
            let Some((line, row)) = object else { return Ok(None) };
            self.learn_columns(&row)?;
            let fields = Fields::Json(row);
            if self.is_struck_object(&fields) {
                self.findings.add(Kind::Struck, line);
                continue;
            }
            return Ok(Some(ListRow { line, fields, defect: None }));
        }
    }

    fn is_struck_object(&self, fields: &Fields) -> bool {
        match (fields, &self.email_key) {
            (Fields::Json(row), Some(key)) => row.get(key).and_then(Value::as_str).is_some_and(is_marked),
            _ => false,
        }
    }

    fn learn_columns(&mut self, row: &JsonRow) -> Result<(), Problem> {
        for (place, key) in row.keys().enumerate() {
            // Objects of one list mostly have the same keys in the same order.
            if self.columns.names().get(place) != Some(key) {
                self.columns.add(key);
            }
        }
        too_many(Place::List, self.columns.names().len())
    }
}

/// Shows the list's name and format; never its rows.
impl std::fmt::Debug for ListReader {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ListReader").field("name", &self.name).field("format", &self.format).finish_non_exhaustive()
    }
}

fn label(options: &ReadOptions) -> Result<Option<&'static encoding_rs::Encoding>> {
    let Some(label) = &options.encoding else { return Ok(None) };
    match encoding::by_label(label) {
        Some(encoding) => Ok(Some(encoding)),
        None => Err(Error::usage(format!("--encoding: unknown encoding {label:?}"))
            .hint("known are utf-8, utf-16, windows-1252, shift_jis and others of the Encoding Standard")),
    }
}

/// The columns of a header; what a cell is called does not depend on blanks, a mark before the address, or a spreadsheet's `="…"`.
fn columns(header: &StringRecord, is_marked: bool) -> Columns {
    let name = |(place, cell): (usize, &str)| {
        let name = cell.trim();
        if is_marked && place == 0 { without_mark(name).to_owned() } else { name.to_owned() }
    };
    Columns::new(tidy::unwrap(header).iter().enumerate().map(name).collect())
}

/// The columns of a list without a header: only the one with the addresses has a name.
fn headless_columns(width: usize, email: usize) -> Columns {
    Columns::new((0..width).map(|place| if place == email { "email".to_owned() } else { String::new() }).collect())
}

fn too_many(place: Place, count: usize) -> Result<(), Problem> {
    if count > MAX_COLUMNS {
        return Err(Problem::new(place, format!("the list has more than {MAX_COLUMNS} different columns")).hint("is data used as a column name?"));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::io::Cursor;

    use super::super::compression::tests::gzip;
    use super::super::encoding::tests::utf_16;
    use super::*;
    use crate::exit::Exit;

    fn open_with(name: &str, data: impl Into<Vec<u8>>, options: &ReadOptions) -> Result<ListReader> {
        ListReader::open_reader(name.to_owned(), Box::new(Cursor::new(data.into())), options)
    }

    fn open(name: &str, data: impl Into<Vec<u8>>) -> Result<ListReader> {
        open_with(name, data, &ReadOptions::default())
    }

    fn refused(name: &str, data: impl Into<Vec<u8>>) -> String {
        let error = match open(name, data) {
            Err(error) => error,
            Ok(mut list) => loop {
                match list.next_row().expect("an error before the end") {
                    Ok(_) => {}
                    Err(error) => {
                        assert!(list.next_row().is_none(), "nothing follows an error");
                        break error.into();
                    }
                }
            },
        };
        assert_eq!(error.exit(), Exit::REFUSED, "{error}");
        error.to_string()
    }

    /// Line, first and last text of every row.
    fn rows(name: &str, data: impl Into<Vec<u8>>) -> Vec<(u64, String)> {
        let mut list = open(name, data).unwrap();
        let mut rows = Vec::new();
        while let Some(row) = list.next_row() {
            let row = row.unwrap();
            let texts: Vec<String> = list.columns().names().iter().map(|name| row.fields.text(list.columns(), name).unwrap_or_default()).collect();
            rows.push((row.line, texts.join("/")));
        }
        rows
    }

    fn row(line: u64, text: &str) -> (u64, String) {
        (line, text.to_owned())
    }

    #[test]
    fn an_empty_list_is_refused_whatever_its_name() {
        for name in ["l.csv", "l.json", "l.ndjson", "l.csv.gz", "standard input"] {
            assert!(refused(name, "").starts_with(&format!("{name}: is empty\nhint: ")), "{name}");
        }
        assert!(refused("l.csv", gzip(b"")).starts_with("l.csv: is empty"));
        assert!(refused("l.csv", "\u{feff}").starts_with("l.csv: is empty"));
        assert!(refused("l.csv", "\n\n").starts_with("l.csv: has no header line"));
    }

    #[test]
    fn a_header_alone_and_an_empty_array_have_no_rows() {
        assert_eq!(rows("l.csv", "email,name"), []);
        assert_eq!(rows("l.json", " [ ] \n"), []);
        assert_eq!(rows("l.ndjson", "\n"), []);
    }

    #[test]
    fn a_header_is_trimmed_and_loses_its_mark() {
        let list = open("l.csv", "\u{feff} email , First Name\n").unwrap();
        assert_eq!(list.columns().names(), ["email", "First Name"]);
    }

    #[test]
    fn nameless_and_repeated_columns_are_read() {
        assert_eq!(open("l.csv", ",email,name,,name\n").unwrap().columns().names(), ["", "email", "name", "", "name"]);
        assert_eq!(open("l.csv", "a@example.com,x\n").unwrap().columns().names(), ["email", ""]);
        assert_eq!(open("l.csv", "#email,=\"x\"\n").unwrap().columns().names(), ["email", "x"]);
    }

    #[test]
    fn a_list_without_a_header_keeps_its_first_row() {
        assert_eq!(rows("l.csv", "a@example.com\nb@example.com\n"), [row(1, "a@example.com"), row(2, "b@example.com")]);
    }

    #[test]
    fn a_ragged_row_is_filled_or_kept_with_its_defect() {
        let mut list = open("l.csv", "email,name\na\nb,c,d\ne,f\n").unwrap();
        let mut next = || list.next_row().unwrap().unwrap();
        let short = next();
        assert_eq!((short.defect, short.fields), (None, Fields::Text(StringRecord::from(vec!["a", ""]))));
        let long = next();
        assert_eq!(long.defect.as_deref(), Some("row has 3 fields, the header has 2"));
        assert_eq!(long.fields, Fields::Text(StringRecord::from(vec!["b", "c", "d"])));
        let good = next();
        assert_eq!((good.defect, good.line), (None, 4));
        assert_eq!(list.findings(), [Finding { kind: Kind::Short, count: 1, places: vec!["l.csv:2".to_owned()] }]);
    }

    #[test]
    fn rows_that_are_struck_out_are_left_out_of_every_format() {
        for (name, source) in [
            ("l.csv", "email\n# of spring\n#a@example.com\nb@example.com\n"),
            ("l.ndjson", "{\"email\":\"#x@example.com\"}\n{\"email\":\"b@example.com\"}\n{\"email\":\"-- c@example.com\"}\n"),
        ] {
            let mut list = open(name, source).unwrap();
            list.set_email(0, "email");
            let row = list.next_row().unwrap().unwrap();
            assert_eq!(row.fields.text(list.columns(), "email").as_deref(), Some("b@example.com"));
            assert!(list.next_row().is_none());
            assert_eq!((list.findings()[0].kind, list.findings()[0].count), (Kind::Struck, 2), "{name}");
        }
    }

    #[test]
    fn formats_go_by_flag_then_suffix_then_content() {
        assert_eq!(open("l.tsv", "a\tb,c\n").unwrap().columns().names(), ["a", "b,c"]);
        assert_eq!(open("list", "[{\"a\":1}]").unwrap().format(), Format::Json);
        assert_eq!(open("list", "\n{\"a\":1}").unwrap().format(), Format::Ndjson);
        assert_eq!(open("list", "a,b\n").unwrap().format(), Format::Csv);
        assert_eq!(open("l.csv", "{\"a\":1}").unwrap().format(), Format::Csv);
        let options = ReadOptions { format: Some(Format::Ndjson), ..ReadOptions::default() };
        assert_eq!(open_with("l.csv", "{\"a\":1}", &options).unwrap().columns().names(), ["a"]);
        let options = ReadOptions { delimiter: Some(b'!'), ..ReadOptions::default() };
        assert_eq!(open_with("l.csv", "a!b,c\n", &options).unwrap().columns().names(), ["a", "b,c"]);
    }

    #[test]
    fn encodings_reach_the_rows_and_are_noted() {
        let source = "email;name\na@example.com;Zoë\n";
        let expected = [row(2, "a@example.com/Zoë")];
        assert_eq!(rows("l.csv", source), expected);
        assert_eq!(rows("l.csv", utf_16(source, false)), expected);
        assert_eq!(rows("l.csv.gz", gzip(&utf_16(&format!("\u{feff}{source}"), true))), expected);
        let old = b"email;name\na@example.com;Zo\xeb\n";
        assert!(refused("l.csv", *old).contains("--encoding windows-1252"));
        let accepted = ReadOptions { accept_guess: true, ..ReadOptions::default() };
        assert_eq!(open_with("l.csv", *old, &accepted).unwrap().guess().map(Guess::label).as_deref(), Some("windows-1252"));
        let options = ReadOptions { encoding: Some("klingon".to_owned()), ..ReadOptions::default() };
        assert_eq!(open_with("l.csv", source, &options).unwrap_err().exit(), Exit::USAGE);
    }

    #[test]
    fn nul_bytes_and_late_invalid_utf_8_are_refused_by_line() {
        assert!(refused("l.csv", "email\na@example.com\nb\0@example.com\n").starts_with("l.csv:3: holds a NUL byte"));
        let mut late = "email\n".to_owned() + &"a@example.com\n".repeat(10_000);
        late.push('b');
        let late = [late.as_bytes(), b"\xff\n"].concat();
        assert!(refused("l.csv", late).starts_with("l.csv:10002: byte 0xFF at offset 140007 is no UTF-8"));
    }

    #[test]
    fn a_truncated_gzip_is_refused_after_the_rows_it_has() {
        let source: String = (0_u64..50_000).map(|i| format!("{:x}@example.com\n", i.wrapping_mul(0x9e37_79b9_7f4a_7c15))).collect();
        let mut packed = gzip(format!("email\n{source}").as_bytes());
        packed.truncate(packed.len() - 1000);
        assert!(refused("l.csv.gz", packed).starts_with("l.csv.gz: the file ends in the middle of its compressed data: truncated?"));
    }

    #[test]
    fn arrays_and_lines_of_objects_are_read_with_columns_in_order_of_appearance() {
        let array = r#" [ {"email":"a@example.com","n":1}, {"email":"b","tags":["]}\"","{"],"n":null} ] "#;
        assert_eq!(open("l.json", array).unwrap().columns().names(), ["email", "n"]);
        assert_eq!(rows("l.json", array), [row(1, "a@example.com/1"), row(2, r#"b//["]}\"","{"]"#)]);
        let lines = "{\"email\":\"a\"}\r\n\n  {\"email\":\"b\",\"x\":true}";
        assert_eq!(rows("l.jsonl", lines), [row(1, "a"), row(3, "b/true")]);
        let many = format!("[{}]", vec![r#"{"email":"é@example.com"}"#; 20_000].join(",\n"));
        assert_eq!(rows("l.json", many).len(), 20_000);
    }

    #[test]
    fn broken_json_is_refused_by_element_or_line() {
        let cases = [
            ("l.json", r#"[{"a":1},{"a":"#, "l.json: the file ends inside the JSON array, at element 2: truncated?"),
            ("l.json", r#"[{"a":1}"#, "l.json: the file ends inside the JSON array, at element 1: truncated?"),
            ("l.json", "[", "l.json: the file ends inside the JSON array, at element 1: truncated?"),
            ("l.json", r#"[{"a":1},]"#, "l.json: element 2: is the end of the array after a comma, not an object"),
            ("l.json", r#"[{"a":1} {"a":2}]"#, "l.json: element 1: is followed by neither"),
            ("l.json", r#"[{"a":1}] x"#, "l.json: something follows the end"),
            ("l.json", r#"[{"a":1},"b"]"#, "l.json: element 2: is a string, not an object"),
            ("l.json", r#"[{"a":1,"a":2}]"#, "l.json: element 1: key \"a\" stands twice"),
            ("l.json", r#"[{"a":[1}]}]"#, "l.json: element 1: expected `,` or `]`"),
            ("l.json", r#"{"contacts":[]}"#, "l.json: holds an object where an array of objects is expected\nhint: "),
            ("l.json", "email\n", "l.json: is no JSON array"),
            ("l.ndjson", "{\"a\":1}\n[1]\n", "l.ndjson:2: is an array, not an object"),
            ("l.ndjson", "{\"a\":1}\n{\"a\":", "l.ndjson:2: EOF while parsing a value (column 5)"),
            ("l.ndjson", "{\"a\":1,\"a\":1}\n", "l.ndjson:1: key \"a\" stands twice"),
            ("l.ndjson", "{\"a\":1} {\"a\":2}\n", "l.ndjson:1: trailing characters"),
        ];
        for (name, source, expected) in cases {
            let error = refused(name, source);
            assert!(error.starts_with(expected), "{source}: {error}");
        }
    }

    #[test]
    fn huge_json_values_are_refused() {
        let huge = "x".repeat(10 << 20);
        assert!(refused("l.json", format!(r#"[{{"a":1}},{{"a":"{huge}"}}]"#)).starts_with("l.json: element 2: is larger than 4 MiB"));
        assert!(refused("l.ndjson", format!("{{\"a\":1}}\n{{\"a\":\"{huge}\"}}\n")).starts_with("l.ndjson:2: is larger than 4 MiB"));
        let large = "x".repeat(2 << 20);
        assert!(refused("l.json", format!(r#"[{{"a":"{large}"}}]"#)).starts_with("l.json: element 1: one of its values is larger than 1 MiB"));
    }

    #[test]
    fn a_list_with_data_for_column_names_is_refused() {
        let source: String = (0..=MAX_COLUMNS).map(|i| format!("{{\"k{i}\":1}}\n")).collect();
        assert!(refused("l.ndjson", source).starts_with("l.ndjson: the list has more than 10000 different columns"));
    }
}
