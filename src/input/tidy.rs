//! Cleans the rows of a delimited list: fills short rows, drops empty cells beyond the header,
//! unwraps cells, and skips rows that are not recipients. Each change is counted as a finding.

use std::borrow::Cow;

use csv::StringRecord;
use memchr::memchr;

use super::column::{is_email_heading, normal};
use super::findings::{Findings, Kind};
use super::layout::Alike;
use super::marks::{
    is_data, is_marked, is_struck_address, looks_like_address, mark_of, odd_domain, shape,
    strikes_row, without_mark,
};
use super::problem::{Place, Problem};
use super::row::ListRow;
use crate::model::recipient::Fields;

/// Converts records into clean rows.
#[derive(Debug, Default)]
pub(super) struct Tidy {
    /// The number of columns in the header.
    pub(super) width: usize,
    /// The column of the addresses, once it is known.
    pub(super) email: Option<usize>,
    /// A mark that begins the first cells of the list and is part of their text, so it does not
    /// strike out rows.
    pub(super) own_mark: Option<&'static str>,
    /// The number of fields that almost all rows have, if known.
    pub(super) usual: Option<usize>,
    /// The properties of the rows of the most frequent length.
    pub(super) alike: Alike,
    /// The shape of more than half of the first cells without a mark.
    pub(super) plain_shape: Option<String>,
    /// Whether the list omits empty cells at the end of its rows. A row may then end before its
    /// address.
    pub(super) is_trimmed: bool,
    /// Whether almost all addresses are at public domains.
    pub(super) has_plain_domains: bool,
    /// The rows so far whose leading mark is treated as text.
    pub(super) marked: Marked,
    /// The header's names, which identify a repeated header, and its line.
    pub(super) header: (Vec<String>, u64),
    /// Whether an empty line or row comes before the next row.
    pub(super) is_after_gap: bool,
    /// Whether the next row is the end of the file and has no line ending.
    pub(super) is_last_open: bool,
}

/// The rows that begin with `#` and data, such as order names. The other rows decide whether the
/// `#` strikes them out.
#[derive(Debug, Default)]
pub(super) struct Marked {
    count: u64,
    /// The line numbers of the first rows with such a mark.
    lines: Vec<u64>,
    /// The shape that the first cells of these rows have without the mark.
    shape: String,
    /// Whether another row has a first cell of this shape without the mark.
    is_mixed: bool,
}

impl Marked {
    /// Examines the first cell of a row that is not skipped.
    fn look(&mut self, first: &str, line: u64, findings: &mut Findings) {
        const LINES: usize = 3;
        if is_marked(first) && is_data(first) {
            if self.is_mixed {
                findings.add(Kind::MarkedNames, line);
            } else {
                if self.count == 0 {
                    self.shape = shape(without_mark(first));
                }
                self.count += 1;
                self.lines.extend((self.lines.len() < LINES).then_some(line));
            }
        } else if self.count > 0 && !self.is_mixed && shape(first) == self.shape {
            self.is_mixed = true;
            findings.add_all(Kind::MarkedNames, &self.lines, self.count);
        }
    }
}

impl Tidy {
    /// Converts a record into a row. Returns `None` if the row is skipped.
    pub(super) fn row(
        &mut self,
        line: u64,
        mut record: StringRecord,
        findings: &mut Findings,
    ) -> Result<Option<ListRow>, Problem> {
        if let Some(kind) = self.left_out(line, &record)? {
            self.is_after_gap |= kind == Kind::Blank;
            findings.add(kind, line);
            return Ok(None);
        }
        self.is_after_gap = false;
        if record.get(0).is_some_and(|first| self.has_own_mark(first)) {
            findings.add(Kind::MarkedNames, line);
        }
        if let Some(first) = record.get(0)
            && self.email != Some(0)
        {
            self.marked.look(first, line, findings);
        }
        let found = record.len();
        let mut defect = self
            .doubt(&record)
            .or_else(|| self.shift(&record))
            .or_else(|| self.odd_domain(&record));
        if found < self.width {
            let is_odd = self.usual.is_some_and(|usual| usual < self.width && usual != found);
            findings.add(if is_odd { Kind::OddLength } else { Kind::Short }, line);
            (found..self.width).for_each(|_| record.push_field(""));
        } else if found > self.width {
            if self.is_wider(&record) {
                findings.add(Kind::Beyond, line);
                record.truncate(self.width);
            } else if record.iter().skip(self.width).all(|cell| cell.trim().is_empty()) {
                findings.add(Kind::Surplus, line);
                record.truncate(self.width);
            } else {
                defect = Some(format!("row has {found} fields, the header has {}", self.width));
            }
        }
        if memchr(b'=', record.as_slice().as_bytes()).is_some() {
            if record.iter().any(|cell| unwrapped(cell).is_some()) {
                findings.add(Kind::Formula, line);
                record = unwrap(&record);
            }
            if record.iter().any(is_formula) {
                findings.add(Kind::OtherFormula, line);
            }
        }
        if !record.as_slice().is_ascii() && record.iter().any(is_encoded_twice) {
            findings.add(Kind::TwiceEncoded, line);
        }
        if !record.as_slice().is_ascii() && record.as_slice().contains(char::REPLACEMENT_CHARACTER)
        {
            findings.add(Kind::Lost, line);
        }
        Ok(Some(ListRow { line, fields: Fields::Text(record), defect }))
    }

    /// Returns the kind of finding for which a record is skipped, if it is.
    fn left_out(&self, line: u64, record: &StringRecord) -> Result<Option<Kind>, Problem> {
        if record.as_slice().trim_start().is_empty() {
            return Ok(Some(Kind::Blank));
        }
        if self.is_after_gap && self.is_footer(record) {
            return Ok(Some(Kind::Footer));
        }
        if self.is_struck(record) {
            return Ok(Some(Kind::Struck));
        }
        Ok(self.repeats_header(line, record)?.then_some(Kind::HeaderRows))
    }

    /// Returns whether a mark strikes out the row or its address, or the row is only a comment.
    fn is_struck(&self, record: &StringRecord) -> bool {
        let Some(email) = self.email else { return false };
        if record.get(email).is_some_and(is_struck_address) {
            return true;
        }
        let Some(first) = record.get(0) else { return false };
        if email == 0 {
            return strikes_row(first) && record.iter().skip(1).all(|cell| cell.trim().is_empty());
        }
        strikes_row(first) && !self.has_own_mark(first)
    }

    fn has_own_mark(&self, cell: &str) -> bool {
        self.own_mark.is_some() && mark_of(cell) == self.own_mark
    }

    /// Returns whether a row is a single text that is not a recipient. Exported reports end with
    /// totals and notes below an empty line.
    fn is_footer(&self, record: &StringRecord) -> bool {
        let mut texts = record.iter().enumerate().filter(|(_, cell)| !cell.trim().is_empty());
        let (Some((place, text)), None) = (texts.next(), texts.next()) else { return false };
        // If the address is in the first column, a line with one cell may be a row with an invalid
        // address.
        let is_elsewhere = self.email.is_some_and(|email| email != place || record.len() == 1);
        self.width > 1 && is_elsewhere && !text.contains('@')
    }

    /// Returns whether a row repeats the header, as in files that were joined. A header with
    /// different columns is an error, because the cells of the rows below it would get wrong names.
    fn repeats_header(&self, line: u64, record: &StringRecord) -> Result<bool, Problem> {
        let (names, header_line) = &self.header;
        let Some(email) = self.email else { return Ok(false) };
        if names.is_empty() || record.get(email).is_some_and(|cell| cell.contains('@')) {
            return Ok(false);
        }
        let cells: Vec<String> = record.iter().map(normal).collect();
        let named = || cells.iter().filter(|cell| !cell.is_empty());
        let (all, known) = (named().count(), named().filter(|cell| names.contains(cell)).count());
        let has_heading = record.iter().any(is_email_heading)
            || names.get(email).is_some_and(|name| cells.contains(name));
        // If the address cell contains an address, the row is not a header. After an empty line, a
        // header with other columns may begin another table.
        let is_at_place =
            record.get(email).is_some_and(is_email_heading) && (all > 1 || self.width == 1);
        let is_below_gap = self.is_after_gap && all > 1 && record.iter().any(is_email_heading);
        let is_known = has_heading && 2 * known >= all && (known > 1 || self.width == 1);
        if !is_at_place && !is_below_gap && !is_known {
            return Ok(false);
        }
        if named().eq(names.iter().filter(|name| !name.is_empty())) {
            return Ok(true);
        }
        let what = format!(
            "is a header with other columns than that on line {header_line}, so the rows below it do not fit that header"
        );
        Err(Problem::new(Place::Line(line), what).hint("were two exports joined? send them as two lists, or arrange the rows in the same columns"))
    }

    /// Returns the reason why it is unclear whether to mail the row's recipient, or which address
    /// to mail. The operator must decide.
    fn doubt(&self, record: &StringRecord) -> Option<String> {
        let email = self.email?;
        let is_text = |first: &str| {
            is_data(first) && self.plain_shape.as_deref() != Some(&shape(without_mark(first)))
        };
        let is_doubtful =
            |first: &str| is_marked(first) && !is_text(first) && !self.has_own_mark(first);
        if email != 0 && record.get(0).is_some_and(is_doubtful) {
            return Some("row begins with a mark that strikes it out or belongs to its text: delete the row, or the mark".to_owned());
        }
        // Google Contacts writes several addresses into one cell, with this separator.
        let address = record.get(email)?;
        (memchr(b':', address.as_bytes()).is_some() && address.contains(" ::: ")).then(|| {
            "cell holds several addresses, separated by :::; keep only one of them".to_owned()
        })
    }

    /// Returns the reason why the address's domain is doubtful, compared to the domains of the
    /// other rows.
    fn odd_domain(&self, record: &StringRecord) -> Option<String> {
        self.has_plain_domains
            .then(|| odd_domain(record.get(self.email?)?))
            .flatten()
            .map(str::to_owned)
    }

    /// Returns whether the header has fewer names than the rows have cells. The address column is
    /// then the last one with a name.
    fn is_wider(&self, record: &StringRecord) -> bool {
        self.usual == Some(record.len())
            && self.email == Some(self.width - 1)
            && record.get(self.width - 1).is_some_and(looks_like_address)
    }

    /// Returns whether a row of unusual length has an address in a column where most rows have
    /// none.
    fn has_stray_address(&self, email: usize, record: &StringRecord) -> bool {
        let Alike { length, addresses, .. } = &self.alike;
        let is_stray = |(place, cell): (usize, &str)| {
            place != email && addresses.get(place) == Some(&false) && holds_address(cell)
        };
        *length > 0 && record.len() != *length && record.iter().enumerate().any(is_stray)
    }

    /// Returns the reason why the row's cells seem to be in the wrong columns, or cut off.
    fn shift(&self, record: &StringRecord) -> Option<String> {
        let (email, found) = (self.email?, record.len());
        let is_full = found == self.width
            && record.get(found - 1).is_some_and(|last| !last.trim().is_empty());
        if is_full {
            return None;
        }
        if found <= email && !self.is_trimmed {
            let what = if self.is_last_open {
                "file ends inside this row: is it truncated?"
            } else {
                "row ends before its address: is it cut in two?"
            };
            return Some(what.to_owned());
        }
        let address = record.get(email)?.trim();
        let goes_on = self.usual.is_none_or(|usual| usual > found);
        if found < self.width && goes_on && found == email + 1 && is_cut(address) {
            return Some("row ends inside its address: is it cut off?".to_owned());
        }
        if self.is_last_open && found < self.width && self.usual.is_some_and(|usual| usual > found)
        {
            return Some("file ends inside this row: is it truncated?".to_owned());
        }
        if record.get(email + 1).is_some_and(|next| is_stump(address, next.trim())) {
            return Some("address goes on in the next cell: did a comma cut it in two?".to_owned());
        }
        let is_home =
            |place: usize| place == email || self.alike.addresses.get(place) == Some(&true);
        let is_other = |(place, cell): (usize, &str)| !is_home(place) && cell.contains('@');
        if found > self.width
            && self.usual != Some(found)
            && record.iter().enumerate().any(is_other)
        {
            return Some(format!(
                "row has {found} fields, the header has {}, and the row has a second address: were two rows joined?",
                self.width
            ));
        }
        if self.has_stray_address(email, record) {
            let most = self.alike.length;
            return Some(format!(
                "row has {found} fields, most rows have {most}, and an address where they have none: are its cells shifted?"
            ));
        }
        let usual = self.usual.filter(|usual| found > self.width && found != *usual)?;
        // If all rows of the usual length have a value in their last column, a shifted row has a
        // value beyond it.
        if self.alike.is_last_filled
            && record.iter().skip(usual.max(self.width)).all(|cell| cell.trim().is_empty())
        {
            return None;
        }
        Some(format!(
            "row has {found} fields, most rows have {usual}: does a field contain the delimiter without quotes around it?"
        ))
    }
}

/// Returns whether a cell is an address, or contains an address among several texts.
fn holds_address(cell: &str) -> bool {
    cell.contains('@') && cell.split([';', ',', '|', '\t']).any(looks_like_address)
}

/// Returns whether a text is an address whose end is missing.
fn is_cut(address: &str) -> bool {
    let Some((_, domain)) = address.rsplit_once('@') else { return false };
    domain.rsplit_once('.').is_none_or(|(_, last)| last.len() < 2)
}

/// Returns whether `address` is an address up to its last dot, and `next` the rest of its domain.
fn is_stump(address: &str, next: &str) -> bool {
    let Some((_, domain)) = address.rsplit_once('@') else { return false };
    let is_end = (2..=24).contains(&next.len())
        && next.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'.');
    !domain.contains('.') && is_end
}

/// Returns the value of a cell that is written as a formula so that a spreadsheet does not read it
/// as a number: `00123` for `="00123"`, `= "00123"` or `=T("00123")`.
pub(crate) fn unwrapped(cell: &str) -> Option<Cow<'_, str>> {
    let formula = cell.trim().strip_prefix('=')?.trim();
    let formula = formula
        .strip_prefix("T(")
        .and_then(|inner| inner.strip_suffix(')'))
        .unwrap_or(formula)
        .trim();
    let inner = formula.strip_prefix('"')?.strip_suffix('"')?;
    if !inner.contains('"') {
        return Some(Cow::Borrowed(inner));
    }
    let is_doubled = inner.replace("\"\"", "").chars().all(|c| c != '"');
    is_doubled.then(|| Cow::Owned(inner.replace("\"\"", "\"")))
}

/// Returns whether a cell is a formula: an equals sign, followed by a function, a cell, a number or
/// a text.
fn is_formula(cell: &str) -> bool {
    let Some(formula) = cell.trim_start().strip_prefix('=') else { return false };
    formula.trim_start().starts_with(|c: char| {
        c.is_ascii_uppercase() || c.is_ascii_digit() || matches!(c, '"' | '(' | '-' | '+' | '$')
    })
}

/// Returns a record whose cells are unwrapped: `="00123"` becomes `00123`.
pub(super) fn unwrap(record: &StringRecord) -> StringRecord {
    record
        .iter()
        .map(|cell| unwrapped(cell).unwrap_or(Cow::Borrowed(cell)))
        .collect::<Vec<_>>()
        .into_iter()
        .collect()
}

/// Returns whether a text is UTF-8 that was wrongly read as Windows-1252 and then encoded as UTF-8
/// again.
pub(super) fn is_encoded_twice(text: &str) -> bool {
    // Read as Windows-1252, the first byte of a multi-byte character gives one of these characters,
    // and each further byte another non-ASCII character.
    let mut chars = text.chars();
    let is_suspicious = std::iter::from_fn(|| chars.next())
        .zip(text.chars().skip(1))
        .any(|(lead, next)| ('Â'..='ô').contains(&lead) && !next.is_ascii());
    if !is_suspicious {
        return false;
    }
    let (bytes, _, has_failed) = encoding_rs::WINDOWS_1252.encode(text);
    !has_failed && std::str::from_utf8(&bytes).is_ok()
}

#[cfg(test)]
mod tests;
