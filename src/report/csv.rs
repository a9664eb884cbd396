//! Writes the report as CSV (RFC 4180, with LF line endings): the columns of the lists in order,
//! then the report's columns with the prefix `mb_`.
//!
//! If a list is itself a report, it already has columns with these names. They are renamed to
//! `list_mb_…`, so that the `mb_` names always mean the new report's columns.

use std::borrow::Cow;
use std::fmt;
use std::io::{self, Write};

use jiff::Timestamp;
use xxhash_rust::xxh3::xxh3_64;

use super::row::Union;
use super::{Head, Layout, NAMES, Options, ReportRow};
use crate::model::figures::time;

pub(super) struct Csv {
    head: Head,
    union: Union,
    guard: bool,
    line: Vec<u8>,
    first_at: LastTime,
    last_at: LastTime,
    as_of: Option<String>,
    digest: Digest,
}

/// A checksum of a report's cells. It does not depend on the order of the rows or on quoting.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Digest(u64);

impl Digest {
    fn line(&mut self, line: &[u8]) {
        self.0 = self.0.wrapping_add(xxh3_64(line));
    }

    /// Adds the header or a row that was read from a file. `line` is a buffer to reuse.
    pub(crate) fn row(&mut self, row: &::csv::StringRecord, line: &mut Vec<u8>) {
        line.clear();
        row.iter().for_each(|text| cell(line, text, false));
        line.pop();
        line.push(b'\n');
        self.line(line);
    }

    /// Returns the checksum as the ledger stores it.
    pub(crate) const fn value(self) -> u64 {
        self.0
    }
}

impl Csv {
    pub(super) fn new(head: &Head, options: &Options) -> Self {
        Self {
            head: head.clone(),
            union: Union::new(&head.columns),
            guard: options.spreadsheet_safe,
            line: Vec::with_capacity(512),
            first_at: LastTime::default(),
            last_at: LastTime::default(),
            as_of: head.as_of.map(time),
            digest: Digest::default(),
        }
    }

    fn header(&self) -> Vec<String> {
        let ours: Vec<String> = NAMES.iter().map(|name| format!("mb_{name}")).collect();
        let mut header = Vec::with_capacity(self.union.names.len() + ours.len());
        for name in &self.union.names {
            if !ours.iter().any(|own| own.eq_ignore_ascii_case(name)) {
                header.push(name.clone());
                continue;
            }
            let mut name = format!("list_{name}");
            while self.union.names.contains(&name) {
                name.insert_str(0, "list_");
            }
            header.push(name);
        }
        header.extend(ours);
        header
    }

    fn end_line(&mut self, out: &mut dyn Write) -> io::Result<()> {
        // Each cell wrote a comma after itself, so the last comma is removed.
        self.line.pop();
        self.line.push(b'\n');
        self.digest.line(&self.line);
        out.write_all(&self.line)?;
        self.line.clear();
        Ok(())
    }
}

impl Layout for Csv {
    fn begin(&mut self, out: &mut dyn Write) -> io::Result<()> {
        for name in self.header() {
            cell(&mut self.line, &name, self.guard);
        }
        self.end_line(out)
    }

    fn row(&mut self, row: &ReportRow, out: &mut dyn Write) -> io::Result<()> {
        let mut own = Vec::with_capacity(self.union.names.len());
        self.union.spread(row, &mut own)?;
        for text in &own {
            cell(&mut self.line, text, self.guard);
        }
        number(&mut self.line, row.row);
        cell(&mut self.line, &self.head.list(row.list), self.guard);
        number(&mut self.line, row.line);
        cell(&mut self.line, &row.email, self.guard);
        word(&mut self.line, row.outcome.map(|o| o.as_str()));
        word(&mut self.line, row.reason.map(|r| r.as_str()));
        cell(&mut self.line, &row.code, self.guard);
        cell(&mut self.line, &row.detail, self.guard);
        cell(&mut self.line, &row.provider, self.guard);
        match row.batch {
            Some(batch) => number(&mut self.line, batch),
            None => self.line.push(b','),
        }
        number(&mut self.line, row.attempts);
        cell(&mut self.line, &row.message_id, self.guard);
        cell(&mut self.line, &row.provider_id, self.guard);
        word(&mut self.line, row.cohort.map(|c| c.as_str()));
        word(&mut self.line, row.first_at.map(|at| self.first_at.text(at)));
        word(&mut self.line, row.last_at.map(|at| self.last_at.text(at)));
        cell(&mut self.line, &row.feedback, self.guard);
        word(&mut self.line, self.as_of.as_deref());
        cell(&mut self.line, self.head.version(row), self.guard);
        self.end_line(out)
    }

    fn end(&mut self, _: &mut dyn Write) -> io::Result<()> {
        Ok(())
    }

    fn digest(&self) -> Option<u64> {
        Some(self.digest.value())
    }
}

/// Writes a word that never needs quotes, such as an outcome.
fn word<T: AsRef<str>>(line: &mut Vec<u8>, text: Option<T>) {
    line.extend_from_slice(text.as_ref().map_or("", AsRef::as_ref).as_bytes());
    line.push(b',');
}

fn number(line: &mut Vec<u8>, n: impl fmt::Display) {
    // Writing to memory cannot fail.
    let _ = write!(line, "{n},");
}

/// The last time that was formatted, and its text. Rows of one batch have the same time, so the
/// text is reused.
#[derive(Default)]
struct LastTime(Option<(Timestamp, String)>);

impl LastTime {
    fn text(&mut self, at: Timestamp) -> &str {
        if self.0.as_ref().is_none_or(|(last, _)| *last != at) {
            self.0 = None;
        }
        &self.0.get_or_insert_with(|| (at, time(at))).1
    }
}

fn cell(line: &mut Vec<u8>, text: &str, guard: bool) {
    let text = if guard && text.starts_with(['=', '+', '-', '@', '\t', '\r']) {
        Cow::Owned(format!("'{text}"))
    } else {
        Cow::Borrowed(text)
    };
    let bytes = text.as_bytes();
    if bytes.iter().any(|b| matches!(b, b',' | b'"' | b'\n' | b'\r')) {
        line.push(b'"');
        for byte in bytes {
            if *byte == b'"' {
                line.push(b'"');
            }
            line.push(*byte);
        }
        line.push(b'"');
    } else {
        line.extend_from_slice(bytes);
    }
    line.push(b',');
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::{Format, fixture, fixture::write};
    use super::*;
    use crate::ledger::Standing;
    use crate::model::recipient::Fields;

    fn csv(head: &Head, rows: Vec<ReportRow>, options: Options) -> String {
        let mut out = Vec::new();
        write(Format::Csv, head, &Standing::default(), rows, options, &mut out).unwrap();
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn a_report_has_the_lists_columns_and_then_ours() {
        let (head, _, rows) = fixture::run();
        insta::assert_snapshot!(csv(&head, rows, Options::default()), @r#"
        email,name,age,mb_row,mb_list,mb_line,mb_email,mb_outcome,mb_reason,mb_code,mb_detail,mb_provider,mb_batch,mb_attempts,mb_message_id,mb_provider_id,mb_cohort,mb_first_at,mb_last_at,mb_feedback,mb_as_of,mb_message
        ann@example.com,"Zoë ""Z""",,1,list.csv,2,ann@example.com,accepted,,250,2.0.0 Ok: queued as 4F1,relay,1,1,m1@mailbatch,,rest,2026-11-21T03:45:01.000Z,2026-11-21T03:45:01.250Z,,2026-11-21T03:48:00.000Z,m of 2026-11-21T03:45:00Z
        bob@example.org,"Zoë ""Z""",,2,list.csv,3,bob@example.org,rejected,mailbox_gone,550 5.1.1,"no <such> user, ""bob""",relay,1,1,m2@mailbatch,,rest,2026-11-21T03:45:01.000Z,2026-11-21T03:45:01.250Z,,2026-11-21T03:48:00.000Z,m of 2026-11-21T03:45:00Z
        not an address,"Zoë ""Z""",,3,list.csv,4,not an address,invalid,bad_address,,,,,0,,,,,,,2026-11-21T03:48:00.000Z,
        eve@example.net,"Zoë ""Z""",,4,list.csv,5,eve@example.net,,,,,relay,1,1,m4@mailbatch,,rest,2026-11-21T03:45:01.000Z,2026-11-21T03:45:01.250Z,,2026-11-21T03:48:00.000Z,m of 2026-11-21T03:45:00Z
        kim@example.com,,41,5,more.ndjson,1,kim@example.com,suppressed,unsubscribe,,,,,0,,,,,,,2026-11-21T03:48:00.000Z,
        "#);
    }

    #[test]
    fn a_report_that_is_read_back_has_the_digest_of_the_one_that_was_written() {
        let (head, standing, rows) = fixture::run();
        let options = Options { spreadsheet_safe: true, ..Options::default() };
        let mut writer =
            super::super::Writer::new(Format::Csv, &head, &standing, options, Vec::new()).unwrap();
        rows.iter().for_each(|row| writer.row(row).unwrap());
        let (written, text) = (writer.digest(), writer.finish().unwrap());
        let read = |text: &[u8]| {
            let mut reader = ::csv::ReaderBuilder::new().has_headers(false).from_reader(text);
            let (mut digest, mut line) = (Digest::default(), Vec::new());
            for row in reader.records() {
                digest.row(&row.unwrap(), &mut line);
            }
            Some(digest.value())
        };
        assert_eq!(read(&text), written);
        let text = String::from_utf8(text).unwrap();
        assert_eq!(read(text.replace('\n', "\r\n").as_bytes()), written);
        assert_ne!(read(text.replacen("bob@", "rob@", 1).as_bytes()), written);
        assert_ne!(read(text.replacen(",rejected,", ",accepted,", 1).as_bytes()), written);
    }

    #[test]
    fn formulas_are_guarded_only_when_asked_for() {
        let head = Head::of_lists(vec!["-".into()], vec![vec!["=note".into()]]);
        let row = ReportRow {
            fields: r#"["=HYPERLINK(\"x\")"]"#.into(),
            detail: "@cmd".into(),
            email: "+1@b.c".into(),
            ..ReportRow::default()
        };
        let plain = csv(&head, vec![row.clone()], Options::default());
        assert!(
            plain.starts_with("=note,") && plain.contains("\n\"=HYPERLINK(\"\"x\"\")\",0,-,"),
            "{plain}"
        );
        let safe = csv(&head, vec![row], Options { spreadsheet_safe: true, ..Options::default() });
        assert!(
            safe.starts_with("'=note,")
                && safe.contains("\n\"'=HYPERLINK(\"\"x\"\")\",0,'-,0,'+1@b.c,,,,'@cmd,"),
            "{safe}"
        );
    }

    #[test]
    fn columns_that_bear_our_names_are_kept_under_another() {
        let head = Head::of_lists(
            vec!["old.csv".into()],
            vec![vec![
                "MB_row".into(),
                "mb_outcome".into(),
                "list_mb_outcome".into(),
                "mb_mine".into(),
            ]],
        );
        let text = csv(&head, vec![], Options::default());
        assert!(
            text.starts_with(
                "list_MB_row,list_list_mb_outcome,list_mb_outcome,mb_mine,mb_row,mb_list,"
            ),
            "{text}"
        );
    }

    proptest! {
        #[test]
        fn every_cell_reads_back_as_it_was(cells in proptest::collection::vec(any::<String>(), 1..5), detail in any::<String>()) {
            let columns: Vec<String> = (0..cells.len()).map(|i| format!("c{i}")).collect();
            let head = Head::of_lists(vec!["a,\"b\".csv".into()], vec![columns]);
            let fields = Fields::Text(cells.iter().map(String::as_str).collect()).encode();
            let text = csv(&head, vec![ReportRow { fields, detail: detail.clone(), ..ReportRow::default() }], Options::default());
            let mut reader = ::csv::Reader::from_reader(text.as_bytes());
            let records: Vec<::csv::StringRecord> = reader.records().map(Result::unwrap).collect();
            prop_assert_eq!(records.len(), 1);
            prop_assert_eq!(records[0].len(), cells.len() + NAMES.len());
            for (i, cell) in cells.iter().enumerate() {
                prop_assert_eq!(&records[0][i], cell.as_str());
            }
            prop_assert_eq!(&records[0][cells.len() + 7], detail.as_str());
        }
    }
}
