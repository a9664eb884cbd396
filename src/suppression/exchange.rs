//! Suppressions for people and other tools: listing files, reading what a provider or CRM exported, writing what others can read.

use std::collections::VecDeque;
use std::fs::File;
use std::io::{self, Read, Write};
use std::path::PathBuf;

use jiff::Timestamp;
use jiff::civil::DateTime;
use jiff::tz::TimeZone;
use serde_json::json;

use super::entry::{Entry, Scope, parse_entry, parse_reason};
use super::format::{Columns, Day, HEADER, TIME_HINT, time};
use super::records::{Position, Record, Records, Tail};
use super::watched::refused;
use crate::error::{Error, Result};
use crate::ledger::LedgerSuppression;
use crate::outcome::Reason;

/// One entry and where it stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Listed {
    /// The file, as it was named.
    pub file: PathBuf,
    /// The line its record begins at, from 1.
    pub line: u64,
    /// The entry, expired or not.
    pub entry: Entry,
}

/// Every entry of these files, in their order, expired ones too; memory does not grow with the files. A file that cannot be read or a
/// line that cannot be understood is an error with exit 4, after which that file is left.
pub fn list(files: &[PathBuf]) -> List {
    List { files: VecDeque::from(files.to_vec()), open: None }
}

/// The iterator of [`list`].
pub struct List {
    files: VecDeque<PathBuf>,
    open: Option<(PathBuf, Records<File>)>,
}

impl Iterator for List {
    type Item = Result<Listed>;

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            let Some((path, records)) = &mut self.open else {
                let path = self.files.pop_front()?;
                match File::open(&path) {
                    Ok(file) => self.open = Some((path, Records::new(file, Position::default(), Tail::Take).with_entries())),
                    Err(why) => return Some(Err(refused(&path, why.into()))),
                }
                continue;
            };
            match records.next() {
                Ok(Some(Record::Entry(entry))) => return Some(Ok(Listed { file: path.clone(), line: records.line(), entry: *entry })),
                Ok(Some(Record::Plain(_))) => {}
                Ok(None) => self.open = None,
                Err(trouble) => {
                    let error = refused(path, trouble);
                    self.open = None;
                    return Some(Err(error));
                }
            }
        }
    }
}

/// How a list of suppressions is to be read by [`import`].
#[derive(Clone, Debug)]
pub struct Import<'a> {
    /// What messages call the input.
    pub name: &'a str,
    /// The column that holds the addresses; guessed when only one can be meant.
    pub column: Option<&'a str>,
    /// The reason of rows that tell none; without it such rows are `manual`.
    pub reason: Option<Reason>,
    /// What becomes the source of rows that tell none.
    pub source: &'a str,
    /// The date of rows that tell none.
    pub now: Timestamp,
}

const EMAIL_NAMES: [&str; 7] = ["email", "emailaddress", "recipient", "recipientemail", "address", "subscriber", "entry"];
const REASON_NAMES: [&str; 4] = ["reason", "type", "suppressionreason", "status"];
const CREATED_NAMES: [&str; 7] = ["createdat", "created", "createdtime", "timestamp", "date", "lastupdatetime", "suppressedat"];

/// Reads a CSV of suppressions, ours or somebody else's: a column of addresses, and if there are any, columns of reasons and dates under
/// their usual names; without a header the first field of each line. All or nothing: a row that cannot be understood is an error with
/// exit 4.
pub fn import(reader: impl Read, how: &Import<'_>) -> Result<Vec<LedgerSuppression>> {
    let mut rows = csv::ReaderBuilder::new().has_headers(false).flexible(true).from_reader(reader);
    let mut row = csv::StringRecord::new();
    let mut layout = None;
    let mut entries = Vec::new();
    loop {
        let line = rows.position().line();
        match rows.read_record(&mut row) {
            Ok(true) => {}
            Ok(false) => return Ok(entries),
            Err(why) => return Err(unreadable(how.name, line, why)),
        }
        let line = row.position().map_or(line, csv::Position::line);
        if row.iter().all(|field| without_mark(field).trim().is_empty()) {
            continue;
        }
        let layout = match &layout {
            Some(layout) => layout,
            None => {
                let (found, is_header) = Layout::of(&row, how, line)?;
                let found = layout.insert(found);
                if is_header {
                    continue;
                }
                found
            }
        };
        entries.push(layout.read(&row, how).map_err(|(what, hint)| Error::refused(format!("{}:{line}: {what}", how.name)).hint(hint))?);
    }
}

fn unreadable(name: &str, line: u64, why: csv::Error) -> Error {
    match why.kind() {
        csv::ErrorKind::Io(why) => Error::refused(format!("{name} cannot be read: {why}")).hint("name a readable file"),
        csv::ErrorKind::Utf8 { pos, .. } => {
            let line = pos.as_ref().map_or(line, csv::Position::line);
            Error::refused(format!("{name}:{line}: line is not valid UTF-8")).hint("save the file as UTF-8")
        }
        _ => Error::refused(format!("{name}:{line}: line is not CSV")).hint("save the file as CSV, with commas"),
    }
}

/// Where an import has what.
struct Layout {
    email: usize,
    reason: Option<usize>,
    scope: Option<usize>,
    source: Option<usize>,
    created_at: Option<usize>,
    expires_at: Option<usize>,
    note: Option<usize>,
}

impl Layout {
    /// The layout, and whether this first row is a header.
    fn of(first: &csv::StringRecord, how: &Import<'_>, line: u64) -> Result<(Self, bool)> {
        let names: Vec<String> = first.iter().map(|name| plain_name(without_mark(name))).collect();
        let find = |known: &[&str]| known.iter().find_map(|known| names.iter().position(|name| name == known));
        let candidates: Vec<usize> = (0..names.len()).filter(|i| EMAIL_NAMES.contains(&names[*i].as_str())).collect();
        let email = match (how.column, candidates.as_slice()) {
            (Some(wanted), _) => names.iter().position(|name| *name == plain_name(wanted)).ok_or_else(|| {
                let columns = first.iter().map(|name| without_mark(name).trim()).filter(|name| !name.contains('@')).collect::<Vec<_>>().join(", ");
                Error::refused(format!("{}:{line}: there is no column {wanted:?}; the columns are: {columns}", how.name)).hint("name one of them")
            })?,
            (None, [one]) => *one,
            (None, []) if first.get(0).is_some_and(|field| parse_entry(without_mark(field)).is_ok()) => {
                let layout = Self { email: 0, reason: None, scope: None, source: None, created_at: None, expires_at: None, note: None };
                return Ok((layout, false));
            }
            (None, []) => {
                return Err(Error::refused(format!("{}:{line}: no column can be meant for the addresses", how.name))
                    .hint("name the column with --column, or call it email in the header"));
            }
            // Between `email` and, say, `status` nothing is in doubt, but between `email` and `recipient` everything is.
            (None, many) => {
                let columns = many.iter().filter_map(|i| first.get(*i)).map(|name| without_mark(name).trim()).collect::<Vec<_>>().join(", ");
                return Err(Error::refused(format!("{}:{line}: several columns can be meant for the addresses: {columns}", how.name))
                    .hint("name one with --column"));
            }
        };
        let layout = Self {
            email,
            reason: find(&REASON_NAMES),
            scope: find(&["scope"]),
            source: find(&["source"]),
            created_at: find(&CREATED_NAMES),
            expires_at: find(&["expiresat"]),
            note: find(&["note"]),
        };
        Ok((layout, true))
    }

    fn read(&self, row: &csv::StringRecord, how: &Import<'_>) -> Result<LedgerSuppression, (String, &'static str)> {
        let of = |column: Option<usize>| column.and_then(|i| row.get(i)).map_or("", |field| without_mark(field).trim());
        let entry = parse_entry(of(Some(self.email))).map_err(|what| (what, "correct the row, or remove it"))?;
        let reason = match of(self.reason) {
            "" => how.reason.unwrap_or(Reason::Manual),
            word => foreign_reason(word).or(how.reason).ok_or_else(|| {
                ("reason is not known".to_owned(), "use hard_bounce, complaint, unsubscribe or manual, or give --reason for what is not known")
            })?,
        };
        let scope: Scope = of(self.scope).parse().map_err(|what| (what, "leave it empty for what the reason says"))?;
        let created_at = match of(self.created_at) {
            "" => how.now,
            text => foreign_time(text).ok_or_else(|| {
                ("date is not known".to_owned(), "write 2026-11-21, 2026-11-21T08:00:00Z, or seconds since 1970, or leave it empty")
            })?,
        };
        let expires_at = time("expires_at", of(self.expires_at), Day::End).map_err(|problem| (problem.what, TIME_HINT))?;
        Ok(LedgerSuppression {
            entry,
            reason,
            scope: scope.as_str().to_owned(),
            source: Some(of(self.source)).filter(|text| !text.is_empty()).unwrap_or(how.source).to_owned(),
            created_at,
            expires_at,
            note: of(self.note).to_owned(),
        })
    }
}

fn without_mark(field: &str) -> &str {
    field.strip_prefix('\u{feff}').unwrap_or(field)
}

/// A column name without case, spaces and punctuation: `E-mail Address` and `email_address` are one.
fn plain_name(name: &str) -> String {
    name.chars().filter(|c| c.is_alphanumeric()).flat_map(char::to_lowercase).collect()
}

/// The reason that a word of some provider's export means.
fn foreign_reason(word: &str) -> Option<Reason> {
    parse_reason(word).or_else(|| match plain_name(word).as_str() {
        "bounce" | "bounced" | "hardbounce" | "hard" | "permanent" | "permanentbounce" | "invalid" => Some(Reason::HardBounce),
        "complaint" | "complained" | "spam" | "spamreport" | "spamcomplaint" | "abuse" => Some(Reason::Complaint),
        "unsubscribe" | "unsubscribed" | "optout" | "optedout" => Some(Reason::Unsubscribe),
        "manual" | "manualsuppression" | "blocked" | "cleaned" => Some(Reason::Manual),
        _ => None,
    })
}

/// A time as exports have it: RFC 3339, a date, a date and a time (taken as UTC), or seconds since 1970.
fn foreign_time(text: &str) -> Option<Timestamp> {
    if text.len() >= 9 && text.bytes().all(|b| b.is_ascii_digit()) {
        return Timestamp::from_second(text.parse().ok()?).ok();
    }
    if let Ok(at) = text.parse::<Timestamp>() {
        return Some(at);
    }
    let local: DateTime = text.parse().ok()?;
    local.to_zoned(TimeZone::UTC).ok().map(|at| at.timestamp())
}

/// What [`export`] writes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ExportFormat {
    /// A suppression file with a header.
    #[default]
    Csv,
    /// One JSON object a line.
    Ndjson,
}

impl std::str::FromStr for ExportFormat {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "csv" => Ok(Self::Csv),
            "ndjson" => Ok(Self::Ndjson),
            _ => Err(format!("unknown format {text:?}, expected one of: csv, ndjson")),
        }
    }
}

/// Writes entries in full and returns how many; what it writes as CSV is a suppression file.
pub fn export(entries: impl IntoIterator<Item = Entry>, format: ExportFormat, mut writer: impl Write) -> io::Result<u64> {
    let columns = Columns::named_standard();
    if format == ExportFormat::Csv {
        writeln!(writer, "{HEADER}")?;
    }
    let mut count = 0;
    for entry in entries {
        match format {
            ExportFormat::Csv => writeln!(writer, "{}", columns.line(&entry))?,
            ExportFormat::Ndjson => {
                let time = |at: Option<Timestamp>| at.map(|at| at.to_string());
                let object = json!({
                    "email": entry.entry,
                    "reason": entry.reason.as_str(),
                    "scope": entry.scope.as_str(),
                    "source": entry.source,
                    "created_at": time(entry.created_at),
                    "expires_at": time(entry.expires_at),
                    "note": entry.note,
                });
                writeln!(writer, "{object}")?;
            }
        }
        count += 1;
    }
    writer.flush()?;
    Ok(count)
}
