//! Reads all rows of another program's CSV file, or returns an error that names the invalid line.

use std::io::Read;

use super::entry::{odd_note, parse_entry};
use crate::input::{Finding, Format, Kind, ListReader, ReadOptions};
use crate::model::address::has_unseen_ends;
use crate::model::error::{Error, Result};
use crate::model::recipient::Fields;

/// The error of a row and its hint.
pub(super) type Flaw = (String, &'static str);

/// Calls `take` for every non-empty row, including the header. Fields are trimmed. For a header,
/// `take` returns the column of the addresses; for an entry, it returns `None`.
///
/// If a row cannot be read, or if `take` returns an error, the result is an error with exit 4.
/// `name` is the name of the input in messages. Returns findings, such as rows that are commented
/// out.
pub(super) fn each(
    reader: impl Read + Send + 'static,
    name: &str,
    reading: &ReadOptions,
    mut take: impl FnMut(&[&str]) -> Result<Option<usize>, Flaw>,
) -> Result<Vec<Finding>> {
    let options = ReadOptions { format: Some(Format::Csv), ..reading.clone() };
    let mut list = ListReader::open_reader(name.to_owned(), Box::new(reader), &options)?;
    let refuse =
        |line: u64, (what, hint): Flaw| Error::refused(format!("{name}:{line}: {what}")).hint(hint);
    let mut place = 0;
    if let Some(line) = list.header_line() {
        let names = list.columns().names().to_vec();
        let fields: Vec<&str> = names.iter().map(|name| trimmed(name)).collect();
        if let Some(email) = take(&fields).map_err(|flaw| refuse(line, flaw))? {
            place = email;
            list.set_email(email, names.get(email).map_or("", String::as_str));
        }
    }
    while let Some(row) = list.next_row() {
        let row = row?;
        let Fields::Text(record) = &row.fields else { continue };
        let fields: Vec<&str> = record.iter().map(trimmed).collect();
        if record.get(place).is_some_and(has_unseen_ends) {
            list.found(Kind::UnseenEnds, row.line);
        }
        if record
            .get(place)
            .and_then(|entry| parse_entry(entry).ok())
            .is_some_and(|entry| odd_note(&entry).is_some())
        {
            list.found(Kind::OddEntry, row.line);
        }
        let is_other = |(other, cell): (usize, &str)| other != place && cell.contains('@');
        if row.defect.is_some() && record.iter().enumerate().any(is_other) {
            let flaw = (
                "row has more fields than the header, and another address".to_owned(),
                "were two rows joined? put each on its own line",
            );
            return Err(refuse(row.line, flaw));
        }
        // A row with too many cells, or one that may be commented out, still suppresses its address
        // if the address is valid.
        take(&fields).map_err(|flaw| refuse(row.line, flaw))?;
    }
    Ok(list.findings())
}

fn trimmed(field: &str) -> &str {
    field.trim_matches(|c: char| c.is_whitespace() || c == '\u{feff}')
}
