//! What becomes of a row of a delimited list before it is used: filled, cut, unwrapped, or left out. Each of it is counted.

use csv::StringRecord;
use memchr::memchr;

use super::findings::{Findings, Kind};
use super::marks::{is_marked, strikes_row};
use super::reader::ListRow;
use crate::recipient::Fields;

/// Makes rows of records.
#[derive(Debug)]
pub(super) struct Tidy {
    /// How many columns the header has.
    pub(super) width: usize,
    /// The column of the addresses, once it is known.
    pub(super) email: Option<usize>,
    /// First cells of this list begin with marks that mean nothing, such as order names (`#1001`).
    pub(super) has_marked_names: bool,
    /// Whether an empty line or row stands before the next one.
    pub(super) is_after_gap: bool,
}

impl Tidy {
    /// The row that a record is; `None` for one that is left out.
    pub(super) fn row(&mut self, line: u64, mut record: StringRecord, findings: &mut Findings) -> Option<ListRow> {
        if record.as_slice().trim_start().is_empty() {
            findings.add(Kind::Blank, line);
            self.is_after_gap = true;
            return None;
        }
        if self.is_after_gap && self.is_footer(&record) {
            findings.add(Kind::Footer, line);
            return None;
        }
        self.is_after_gap = false;
        if self.is_struck(&record) {
            findings.add(Kind::Struck, line);
            return None;
        }
        let found = record.len();
        let mut defect = self.doubt(&record);
        if found < self.width {
            findings.add(Kind::Short, line);
            (found..self.width).for_each(|_| record.push_field(""));
        } else if found > self.width {
            if record.iter().skip(self.width).all(|cell| cell.trim().is_empty()) {
                findings.add(Kind::Surplus, line);
                record.truncate(self.width);
            } else {
                defect = Some(format!("row has {found} fields, the header has {}", self.width));
            }
        }
        if memchr(b'=', record.as_slice().as_bytes()).is_some() && record.iter().any(|cell| unwrapped(cell).is_some()) {
            findings.add(Kind::Formula, line);
            record = unwrap(&record);
        }
        if !record.as_slice().is_ascii() && record.iter().any(is_encoded_twice) {
            findings.add(Kind::TwiceEncoded, line);
        }
        Some(ListRow { line, fields: Fields::Text(record), defect })
    }

    fn is_struck(&self, record: &StringRecord) -> bool {
        let Some(email) = self.email else { return false };
        record.get(email).is_some_and(is_marked) || (email != 0 && !self.has_marked_names && record.get(0).is_some_and(strikes_row))
    }

    /// Whether a row is one text that is no recipient: exports of reports end with totals and notes, below an empty line.
    fn is_footer(&self, record: &StringRecord) -> bool {
        let mut texts = record.iter().enumerate().filter(|(_, cell)| !cell.trim().is_empty());
        let (Some((place, text)), None) = (texts.next(), texts.next()) else { return false };
        self.width > 2 && self.email.is_some_and(|email| email != place) && !text.contains('@')
    }

    /// Why it cannot be known whether the row's person is meant, or who: that is for the operator to say.
    fn doubt(&self, record: &StringRecord) -> Option<String> {
        let email = self.email?;
        if email != 0 && !self.has_marked_names && record.get(0).is_some_and(is_marked) {
            return Some("row begins with a mark that strikes it out or belongs to its text: delete the row, or the mark".to_owned());
        }
        // As Google Contacts writes several values into one cell.
        let address = record.get(email)?;
        (memchr(b':', address.as_bytes()).is_some() && address.contains(" ::: "))
            .then(|| "cell holds several addresses, separated by ::: : leave one of them".to_owned())
    }
}

/// What stands in a cell that a spreadsheet was kept from reading as a number: `00123` of `="00123"`.
fn unwrapped(cell: &str) -> Option<&str> {
    let inner = cell.trim().strip_prefix("=\"")?.strip_suffix('"')?;
    (!inner.contains('"')).then_some(inner)
}

/// A record without such wrapping.
pub(super) fn unwrap(record: &StringRecord) -> StringRecord {
    record.iter().map(|cell| unwrapped(cell).unwrap_or(cell)).collect()
}

/// Whether a text is the UTF-8 of another one, read as Windows-1252 and written as UTF-8 again.
pub(super) fn is_encoded_twice(text: &str) -> bool {
    // The lead byte of two to four became one of these, and each byte that continued it another character that is not ASCII.
    let mut chars = text.chars();
    let is_suspicious =
        std::iter::from_fn(|| chars.next()).zip(text.chars().skip(1)).any(|(lead, next)| ('Â'..='ô').contains(&lead) && !next.is_ascii());
    if !is_suspicious {
        return false;
    }
    let (bytes, _, has_failed) = encoding_rs::WINDOWS_1252.encode(text);
    !has_failed && std::str::from_utf8(&bytes).is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tidy(cells: &[&str]) -> (Option<ListRow>, Vec<Kind>) {
        let (mut tidy, mut findings) = (Tidy { width: 3, email: Some(1), has_marked_names: false, is_after_gap: false }, Findings::default());
        let row = tidy.row(2, StringRecord::from(cells.to_vec()), &mut findings);
        (row, findings.all("l").into_iter().map(|finding| finding.kind).collect())
    }

    fn read(cells: &[&str]) -> (Vec<String>, Vec<Kind>) {
        let (row, kinds) = tidy(cells);
        let Fields::Text(record) = row.expect("a row").fields else { panic!("text") };
        (record.iter().map(str::to_owned).collect(), kinds)
    }

    #[test]
    fn rows_are_filled_and_cut_where_nothing_is_lost() {
        let row = |cells: &[&str]| cells.iter().map(|cell| (*cell).to_owned()).collect::<Vec<_>>();
        assert_eq!(read(&["1", "a@b.example"]), (row(&["1", "a@b.example", ""]), vec![Kind::Short]));
        assert_eq!(read(&["1", "a@b.example", "x", "", " "]), (row(&["1", "a@b.example", "x"]), vec![Kind::Surplus]));
        assert_eq!(tidy(&["1", "a@b.example", "x", "y"]).0.expect("kept").defect.as_deref(), Some("row has 4 fields, the header has 3"));
        assert_eq!(read(&["=\"007\"", "=\"a@b.example\"", "=1+1"]), (row(&["007", "a@b.example", "=1+1"]), vec![Kind::Formula]));
        assert_eq!(read(&["1", "a@b.example", "x=\"y\""]).1, []);
    }

    #[test]
    fn a_single_text_below_an_empty_row_is_a_footer() {
        let mut findings = Findings::default();
        let mut tidy = Tidy { width: 3, email: Some(1), has_marked_names: false, is_after_gap: false };
        let mut row = |cells: &[&str]| tidy.row(2, StringRecord::from(cells.to_vec()), &mut findings).is_some();
        assert!(row(&["Ann"]), "a person without an address is counted");
        assert!(!row(&["", "", ""]) && !row(&["Grand Totals (2 records)"]) && !row(&["Copyright", "", ""]));
        assert!(row(&["", "a@b.example", ""]) && row(&["Ben"]));
        assert_eq!(findings.all("l").iter().map(|finding| (finding.kind, finding.count)).collect::<Vec<_>>()[0], (Kind::Footer, 2));
    }

    #[test]
    fn rows_that_are_struck_out_or_empty_are_left_out() {
        for cells in [
            ["#1", "a@b.example", ""],
            ["1", "# a@b.example", ""],
            ["// x", "", ""],
            ["--Ann", "a@b.example", ""],
            ["1", "*a@b.example", ""],
            ["# of spring", "", ""],
        ] {
            let (row, kinds) = tidy(&cells);
            assert!(row.is_none() && kinds == [Kind::Struck], "{cells:?}");
        }
        for (cells, says) in [
            (["*VIP Ann", "a@b.example", ""], "begins with a mark"),
            (["!", "a@b.example", ""], "begins with a mark"),
            (["--", "a@b.example", ""], "begins with a mark"),
            (["1", "a@b.example ::: c@d.example", ""], "several addresses"),
        ] {
            let row = tidy(&cells).0.expect("kept, so that it is counted");
            assert!(row.defect.is_some_and(|defect| defect.contains(says)), "{cells:?}");
        }
        assert_eq!(tidy(&["", " ", "\u{a0}"]).1, [Kind::Blank]);
        assert!(tidy(&["1", "a@b.example", "#1001"]).0.is_some() && tidy(&["-1", "-a@b.example", ""]).0.is_some());
        let mut names = Tidy { width: 2, email: Some(1), has_marked_names: true, is_after_gap: false };
        assert!(names.row(2, StringRecord::from(vec!["#1001", "a@b.example"]), &mut Findings::default()).is_some());
    }

    #[test]
    fn text_that_was_encoded_twice_is_known() {
        for text in ["MÃ¼ller", "ZoÃ«", "â‚¬ 5", "JosÃ© and Ann"] {
            assert!(is_encoded_twice(text), "{text}");
        }
        for text in ["Müller", "Ã", "São", "Â", "ÄÖÜ", "Zoë", "山田", "Ânâ", "ÉÈ"] {
            assert!(!is_encoded_twice(text), "{text}");
        }
    }
}
