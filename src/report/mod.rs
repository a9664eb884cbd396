//! Reports of the outcome of each recipient as CSV, NDJSON, JSON, HTML, JUnit, Markdown and tables,
//! and the closing summary of a run.
//!
//! Reports are written row by row, so that memory does not grow with the list: read the ledger in
//! pages, pass each row to a [`Writer`] or a [`ReportFile`], then finish it. There is one line for
//! each input row, in input order. All data comes from the ledger, so a lost report can be written
//! again.

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
    /// The lists' columns and the report's own, one row per line.
    Csv,
    /// One object per line.
    Ndjson,
    /// One versioned document.
    Json,
    /// One self-contained page.
    Html,
    /// Six test cases. A case fails if a recipient was not mailed.
    Junit,
    /// A GitHub-flavoured summary without addresses.
    Markdown,
}

impl Format {
    /// The format's name for `--format`.
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

    /// The format for a file's suffix; `None` if no format has this suffix.
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

/// Which rows of a report to write, and how.
#[derive(Clone, Debug, Default)]
pub(crate) struct Options {
    /// Only rows with one of these outcomes; `None` for all rows, including open ones.
    pub outcomes: Option<Vec<Outcome>>,
    /// CSV only: put a `'` before cells that a spreadsheet would run as a formula.
    pub spreadsheet_safe: bool,
    /// The terminal's width for tables; 100 if unknown.
    pub width: Option<u16>,
    /// The outcomes that make a check fail, in the formats for CI.
    pub failing: Failing,
    /// The class name of the checks in JUnit; `mailbatch` if empty.
    pub class: String,
}

/// The outcomes that count as a failure in a CI pipeline.
#[derive(Clone, Debug, Default)]
pub(crate) struct Failing {
    /// Only these outcomes; empty for the default: recipients that should have been mailed and were
    /// not.
    pub only: Vec<Outcome>,
    /// These outcomes in addition.
    pub also: Vec<Outcome>,
}

impl Failing {
    /// Whether a recipient with this outcome and reason counts as a failure. A recipient held by
    /// `--limit` counts only if `held` is listed explicitly.
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

/// How a format writes the start, each selected row, and the end.
trait Layout: Send {
    fn begin(&mut self, out: &mut dyn Write) -> io::Result<()>;
    fn row(&mut self, row: &ReportRow, out: &mut dyn Write) -> io::Result<()>;
    fn end(&mut self, out: &mut dyn Write) -> io::Result<()>;

    /// The digest of the rows so far, for a format that can be read back.
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

/// Writes one report row by row. `out` should be buffered; nothing is flushed before the end.
pub(crate) struct Writer<W: Write> {
    layout: Box<dyn Layout>,
    options: Options,
    out: W,
}

impl<W: Write> Writer<W> {
    /// Starts a report. Errs if writing to `out` fails.
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

    /// Adds a row, unless its outcome is excluded. Errs if writing to `out` fails or the row's
    /// fields are damaged.
    pub(crate) fn row(&mut self, row: &ReportRow) -> io::Result<()> {
        if self.options.wants(row.outcome) { self.layout.row(row, &mut self.out) } else { Ok(()) }
    }

    /// The digest of the rows so far; `None` for a format that is never read back.
    pub(crate) fn digest(&self) -> Option<u64> {
        self.layout.digest()
    }

    /// Ends the report, flushes, and returns `out`.
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
