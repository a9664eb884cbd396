//! Reads one list of any format: its columns and its rows.

use std::io::Read;

use csv::StringRecord;
use serde_json::Value;

use super::column::normal;
use super::compression::Plain;
use super::delimited::Delimited;
use super::detect::{Guess, ReadAs};
use super::encoding::{self, Text};
use super::findings::{Finding, Findings, Kind};
use super::json::{Array, Lines};
use super::layout::{self, Known};
use super::marks::{is_struck_address, looks_like_address, without_mark};
use super::problem::{Place, Problem, ReadError};
use super::row::ListRow;
use super::tidy::{self, Tidy};
use super::{Format, MAX_COLUMNS, Source};
use crate::model::error::{Error, Result};
use crate::model::recipient::{Columns, Fields, JsonRow};

/// The settings with which a list is opened. Everything that they do not set is detected.
#[derive(Clone, Debug, Default)]
pub struct ReadOptions {
    /// The format. It takes precedence over the suffix and the content.
    pub format: Option<Format>,
    /// The label of the encoding, as in the Encoding Standard.
    pub encoding: Option<String>,
    /// The byte between the fields of CSV and TSV.
    pub delimiter: Option<u8>,
    /// The number of lines before the header of CSV and TSV.
    pub skip_lines: Option<u64>,
    /// The name of the address column. It also identifies the header.
    pub email: Option<String>,
    /// Whether to read a list whose encoding is only a guess. If false, the list is refused.
    pub accept_guess: bool,
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
    /// The line of the header; `None` if the list has none.
    header_line: Option<u64>,
    /// The first object of a JSON list. It is read early because its keys are the columns.
    ahead: Option<ListRow>,
    guess: Option<Guess>,
    read_as: ReadAs,
    findings: Findings,
    tidy: Tidy,
    /// The key of the addresses in a JSON list, once it is known.
    email_key: Option<String>,
    /// The only column that contains addresses in the first rows.
    by_content: Option<usize>,
    ended: bool,
}

impl ListReader {
    /// Opens a list and reads its header, or its first object. Errors contain the list's path. Exit
    /// 4 if the list cannot be read, exit 2 for an unknown encoding.
    pub fn open(source: &Source, options: &ReadOptions) -> Result<Self> {
        Self::open_as(source, &source.name(), options)
    }

    /// Like [`Self::open`], but errors name the list by `name`, as the operator typed it.
    pub fn open_as(source: &Source, name: &str, options: &ReadOptions) -> Result<Self> {
        // The label is checked before the file is opened.
        label(options)?;
        Self::open_reader(name.to_owned(), source.open(name)?, options)
    }

    /// Like [`Self::open`], for bytes from another source. The suffix of `name` is used like that
    /// of a file.
    pub fn open_reader(
        name: String,
        reader: Box<dyn Read + Send>,
        options: &ReadOptions,
    ) -> Result<Self> {
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
            return Err(Problem::new(Place::List, "is empty")
                .hint("even a list without recipients must have a header; did the export fail?"));
        }
        let (guess, read_as) = (text.guess().cloned(), text.read_as());
        let format = options
            .format
            .or_else(|| Format::by_suffix(name))
            .unwrap_or_else(|| Format::by_content(&first));
        let body = match format {
            Format::Json => Body::Array(Array::new(text, first)),
            Format::Ndjson => Body::Lines(Lines::new(text, first)),
            Format::Csv | Format::Tsv => {
                return Self::build_delimited(name, format, (text, first), options);
            }
        };
        let mut list = Self {
            name: name.to_owned(),
            format,
            columns: Columns::default(),
            body,
            header_line: None,
            ahead: None,
            guess,
            read_as,
            findings: Findings::of(name),
            tidy: Tidy::default(),
            email_key: None,
            by_content: None,
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
    ) -> Result<Self, Problem> {
        let (guess, read_as) = (text.guess().cloned(), text.read_as());
        let known = Known {
            delimiter: options.delimiter,
            preferred: (format == Format::Tsv).then_some(b'\t'),
            skip_lines: options.skip_lines,
            email: options.email.as_deref(),
        };
        let mut findings = Findings::of(name);
        let layout = layout::find(&first, text.has_ended(), &known, &mut findings)?;
        let mut records = Delimited::new(text, first, (layout.at, layout.line), layout.delimiter);
        let Some((line, header)) = records.next_record()? else {
            return Err(Problem::new(Place::List, "has no header line")
                .hint("the first line names the columns, e.g. email,first_name"));
        };
        too_many(Place::Line(line), header.len())?;
        records.set_header(&header);
        if layout.headless.is_none() && header.iter().any(looks_like_address) {
            let problem = Problem::new(
                Place::Line(line),
                "the header holds an address: is the header missing, or a line break after it?",
            );
            return Err(problem.hint("put the names of the columns on a separate line"));
        }
        let mut tidy = Tidy {
            width: header.len(),
            own_mark: layout.own_mark,
            usual: layout.usual,
            alike: layout.alike,
            plain_shape: layout.plain_shape,
            is_trimmed: layout.is_trimmed,
            has_plain_domains: layout.has_plain_domains,
            ..Tidy::default()
        };
        let mut ahead = None;
        let columns = match layout.headless {
            Some(place) => {
                tidy.email = Some(place);
                records.set_email(place);
                ahead = tidy.row(line, header, &mut findings)?;
                headless_columns(tidy.width, place)
            }
            None => columns(&header, layout.is_marked),
        };
        if layout.headless.is_none() {
            tidy.header = (columns.names().iter().map(|name| normal(name)).collect(), line);
        }
        if layout.is_marked {
            findings.add(Kind::MarkedHeader, line);
        }
        for _ in 0..layout.descriptions {
            if let Some((line, _)) = records.next_record()? {
                findings.add(Kind::HeaderRows, line);
            }
        }
        let header_line = layout.headless.is_none().then_some(line);
        let body = Body::Delimited(records);
        let (name, by_content) = (name.to_owned(), layout.by_content);
        Ok(Self {
            name,
            format,
            columns,
            body,
            header_line,
            ahead,
            guess,
            read_as,
            findings,
            tidy,
            email_key: None,
            by_content,
            ended: false,
        })
    }

    /// Returns the name of the list for messages.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Returns the format in which the list is read.
    pub fn format(&self) -> Format {
        self.format
    }

    /// Returns the columns: the header of a CSV list, or the keys of a JSON list that have occurred
    /// so far.
    pub fn columns(&self) -> &Columns {
        &self.columns
    }

    /// Returns the line of the header, counted from 1. Returns `None` for JSON and for a list
    /// without a header.
    pub fn header_line(&self) -> Option<u64> {
        self.header_line
    }

    /// Returns the only column that contains addresses in the first rows. Returns `None` for JSON,
    /// and if no column or several columns contain addresses.
    pub(super) fn by_content(&self) -> Option<usize> {
        self.by_content
    }

    /// Returns the guess, if the encoding is a guess that the operator accepted.
    pub fn guess(&self) -> Option<&Guess> {
        self.guess.as_ref()
    }

    /// Returns the encoding and how mailbatch knows it.
    pub fn read_as(&self) -> ReadAs {
        self.read_as
    }

    /// Returns all findings of the reader so far, by kind.
    pub fn findings(&self) -> Vec<Finding> {
        self.findings.all(&self.name)
    }

    /// Adds a finding of the caller on this line.
    pub(crate) fn found(&mut self, kind: Kind, line: u64) {
        self.findings.add(kind, line);
    }

    /// Sets the address column. From now on, rows with a mark before their address are skipped as
    /// struck out.
    pub fn set_email(&mut self, place: usize, name: &str) {
        self.tidy.email = Some(place);
        if let Body::Delimited(records) = &mut self.body {
            records.set_email(place);
        }
        self.email_key = Some(name.to_owned());
        if self.ahead.as_ref().is_some_and(|row| self.is_struck_object(&row.fields)) {
            let line = self.ahead.take().map_or(0, |row| row.line);
            self.findings.add(Kind::Struck, line);
        }
    }

    /// Returns the next row. Returns `None` at the end and after an error.
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
                    self.tidy.is_after_gap |= records.is_after_gap();
                    self.tidy.is_last_open = records.is_last_open();
                    match self.tidy.row(line, record, &mut self.findings)? {
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
            (Fields::Json(row), Some(key)) => {
                row.get(key).and_then(Value::as_str).is_some_and(is_struck_address)
            }
            _ => false,
        }
    }

    fn learn_columns(&mut self, row: &JsonRow) -> Result<(), Problem> {
        for (place, key) in row.keys().enumerate() {
            // Most objects of a list have the same keys in the same order, so the key's index is
            // tried first.
            if self.columns.names().get(place) != Some(key) {
                self.columns.add(key);
            }
        }
        too_many(Place::List, self.columns.names().len())
    }
}

/// Writes the list's name and format, never its rows.
impl std::fmt::Debug for ListReader {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ListReader")
            .field("name", &self.name)
            .field("format", &self.format)
            .finish_non_exhaustive()
    }
}

fn label(options: &ReadOptions) -> Result<Option<&'static encoding_rs::Encoding>> {
    let Some(label) = &options.encoding else { return Ok(None) };
    match encoding::by_label(label) {
        Some(encoding) => Ok(Some(encoding)),
        None => Err(Error::usage(format!("--encoding: unknown encoding {label:?}")).hint(
            "use utf-8, utf-16, windows-1252, shift_jis or another label of the Encoding Standard",
        )),
    }
}

/// Returns the columns of a header. Blanks, a mark before the first name, and a spreadsheet's
/// `="…"` are not part of the names.
fn columns(header: &StringRecord, is_marked: bool) -> Columns {
    let name = |(place, cell): (usize, &str)| {
        let name = cell.trim();
        if is_marked && place == 0 { without_mark(name).to_owned() } else { name.to_owned() }
    };
    Columns::new(tidy::unwrap(header).iter().enumerate().map(name).collect())
}

/// Returns the columns of a list without a header, in which only the address column has a name.
fn headless_columns(width: usize, email: usize) -> Columns {
    Columns::new(
        (0..width)
            .map(|place| if place == email { "email".to_owned() } else { String::new() })
            .collect(),
    )
}

fn too_many(place: Place, count: usize) -> Result<(), Problem> {
    if count > MAX_COLUMNS {
        return Err(Problem::new(
            place,
            format!("the list has more than {MAX_COLUMNS} different columns"),
        )
        .hint("is data used as column names?"));
    }
    Ok(())
}

#[cfg(test)]
mod tests;
