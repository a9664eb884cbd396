//! Writes reports with the outcome of each recipient, in several formats, and the closing summary
//! of a run.
//!
//! A report is written row by row, so that memory use does not grow with the list. The caller
//! passes each row to a [`Writer`] or a [`ReportFile`] and then calls `finish`. A report has one
//! line for each input row, in input order. All data is in the ledger, so a lost report can be
//! written again.

use std::fmt;
use std::io::{self, Write};
use std::path::Path;

use crate::ledger::Standing;
use crate::model::outcome::{Outcome, Reason};

mod checks;
pub(crate) mod ci;
pub(crate) mod csv;
mod file;
mod html;
mod json;
mod junit;
mod markdown;
mod row;
mod situation;
mod status;
mod summary;
mod table;
pub(crate) mod text;
mod trend;

#[cfg(test)]
mod fixture;

pub(crate) use file::{ReportFile, check_writable, write_text};
pub(crate) use row::{Closing, Head, NAMES, ReportRow};
pub(crate) use situation::{Situation, is_over};
pub(crate) use status::{
    Moment, run_json, runs_table, status, status_json, unfinished, who_table, why_json, why_table,
};
pub(crate) use summary::{SummaryExtra, summary, summary_json};
pub(crate) use trend::trend;

/// The format of a report.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Format {
    /// Counts, and the first rows that were not accepted, for a terminal.
    Table,
    /// One row per line, with the columns of the lists and those of the report.
    Csv,
    /// One JSON object per line.
    Ndjson,
    /// One JSON document with a version.
    Json,
    /// One HTML page without external resources.
    Html,
    /// Six test cases. `hand-over` fails if a recipient was not mailed.
    Junit,
    /// A GitHub-flavoured summary without addresses.
    Markdown,
}

impl Format {
    /// Returns the value of `--format` for this format.
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::Table => "table",
            Self::Csv => "csv",
            Self::Ndjson => "ndjson",
            Self::Json => "json",
            Self::Html => "html",
            Self::Junit => "junit",
            Self::Markdown => "md",
        }
    }

    /// Returns the format for a file's suffix, or `None` if the suffix is unknown.
    pub(crate) fn of_path(path: &Path) -> Option<Self> {
        match path.extension()?.to_str()?.to_ascii_lowercase().as_str() {
            "csv" => Some(Self::Csv),
            "ndjson" | "jsonl" => Some(Self::Ndjson),
            "json" => Some(Self::Json),
            "html" | "htm" => Some(Self::Html),
            "xml" => Some(Self::Junit),
            "md" => Some(Self::Markdown),
            "txt" => Some(Self::Table),
            _ => None,
        }
    }
}

impl fmt::Display for Format {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// Options of a report: which rows it contains, and how it is written.
#[derive(Clone, Debug, Default)]
pub(crate) struct Options {
    /// Only rows with one of these outcomes are written. `None` means all rows, including open
    /// ones.
    pub outcomes: Option<Vec<Outcome>>,
    /// For CSV: whether to write a `'` before cells that a spreadsheet would run as a formula.
    pub spreadsheet_safe: bool,
    /// The width of the terminal, for tables. `None` means 100 columns.
    pub width: Option<u16>,
    /// The outcomes that make a check fail, for JUnit and Markdown.
    pub failing: Failing,
    /// The class name of the checks in JUnit. If empty, it is `mailbatch`.
    pub class: String,
}

/// The outcomes that count as failures in a CI job.
#[derive(Clone, Debug, Default)]
pub(crate) struct Failing {
    /// Only these outcomes count. If empty, the default outcomes count: rejected, deferred, unknown
    /// and held.
    pub only: Vec<Outcome>,
    /// These outcomes count too.
    pub also: Vec<Outcome>,
}

impl Failing {
    /// Whether a row with this outcome and reason counts as a failure. A row held by `--limit`
    /// counts only if `held` is in one of the lists.
    pub(crate) fn fails(&self, outcome: Outcome, reason: Option<Reason>) -> bool {
        const USUAL: [Outcome; 4] =
            [Outcome::Rejected, Outcome::Deferred, Outcome::Unknown, Outcome::Held];
        let is_named = self.only.contains(&outcome) || self.also.contains(&outcome);
        let is_usual = self.only.is_empty() && USUAL.contains(&outcome);
        is_named || (is_usual && reason != Some(Reason::Limit))
    }
}

impl Options {
    fn wants(&self, outcome: Option<Outcome>) -> bool {
        match (&self.outcomes, outcome) {
            (None, _) => true,
            (Some(wanted), Some(outcome)) => wanted.contains(&outcome),
            (Some(_), None) => false,
        }
    }

    fn width(&self) -> u16 {
        self.width.unwrap_or(100)
    }
}

/// Writes the beginning, each selected row, and the end of a report in one format.
trait Layout: Send {
    fn begin(&mut self, out: &mut dyn Write) -> io::Result<()>;
    fn row(&mut self, row: &ReportRow, out: &mut dyn Write) -> io::Result<()>;
    fn end(&mut self, out: &mut dyn Write) -> io::Result<()>;

    /// Returns the checksum of the rows so far, if mailbatch can read the format back.
    fn digest(&self) -> Option<u64> {
        None
    }
}

fn layout(format: Format, head: &Head, standing: &Standing, options: &Options) -> Box<dyn Layout> {
    match format {
        Format::Table => Box::new(table::Table::new(head, standing, options)),
        Format::Csv => Box::new(csv::Csv::new(head, options)),
        Format::Ndjson => Box::new(json::Json::lines(head)),
        Format::Json => Box::new(json::Json::document(head, standing)),
        Format::Html => Box::new(html::Html::new(head, standing)),
        Format::Junit => Box::new(junit::Junit::new(head, standing, options)),
        Format::Markdown => Box::new(markdown::Markdown::new(head, standing, options)),
    }
}

/// Writes a report row by row. `out` should be buffered, because it is flushed only at the end.
pub(crate) struct Writer<W: Write> {
    layout: Box<dyn Layout>,
    options: Options,
    out: W,
}

impl<W: Write> Writer<W> {
    /// Begins a report. Fails if writing to `out` fails.
    pub(crate) fn new(
        format: Format,
        head: &Head,
        standing: &Standing,
        options: Options,
        mut out: W,
    ) -> io::Result<Self> {
        let mut layout = layout(format, head, standing, &options);
        layout.begin(&mut out)?;
        Ok(Self { layout, options, out })
    }

    /// Adds a row if its outcome is selected. Fails if writing to `out` fails or the row's fields
    /// are damaged.
    pub(crate) fn row(&mut self, row: &ReportRow) -> io::Result<()> {
        if self.options.wants(row.outcome) { self.layout.row(row, &mut self.out) } else { Ok(()) }
    }

    /// Returns the checksum of the rows so far, or `None` if mailbatch cannot read the format back.
    pub(crate) fn digest(&self) -> Option<u64> {
        self.layout.digest()
    }

    /// Ends the report, flushes `out` and returns it.
    pub(crate) fn finish(mut self) -> io::Result<W> {
        self.layout.end(&mut self.out)?;
        self.out.flush()?;
        Ok(self.out)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_suffix_chooses_the_format() {
        let of = |name: &str| Format::of_path(Path::new(name));
        assert_eq!(of("out/REPORT.CSV"), Some(Format::Csv));
        assert_eq!(of("a.jsonl"), Some(Format::Ndjson));
        assert_eq!(of("a.xml"), Some(Format::Junit));
        assert_eq!(of("a.txt"), Some(Format::Table));
        assert_eq!(of("a.pdf"), None);
        assert_eq!(of("a"), None);
    }

    #[test]
    fn a_filter_leaves_only_wanted_outcomes_and_no_open_rows() {
        let (head, standing, rows) = fixture::run();
        let options = Options { outcomes: Some(vec![Outcome::Rejected]), ..Options::default() };
        let mut out = Vec::new();
        fixture::write(Format::Ndjson, &head, &standing, rows, options, &mut out).unwrap();
        let text = String::from_utf8(out).unwrap();
        assert_eq!(text.lines().count(), 1, "{text}");
        assert!(text.contains(r#""outcome":"rejected""#));
    }
}
