//! What became of each recipient: CSV, NDJSON, JSON, HTML, JUnit, Markdown and tables, and the
//! words that close a run.
//!
//! Reports are pushed row by row, so that memory does not grow with the list: read the ledger in
//! pages, hand each row to a [`Writer`] or a [`ReportFile`], and finish it. There is one line for
//! each input row, in input order. Everything comes from the ledger; a report that is lost can be
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

/// A form in which a report is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Format {
    /// Counts, and the first rows that were not accepted; for a terminal.
    Table,
    /// The lists' columns and ours, one line a row.
    Csv,
    /// One object a line.
    Ndjson,
    /// One versioned document.
    Json,
    /// One self-contained page.
    Html,
    /// Six test cases, one of which fails where a recipient was not mailed.
    Junit,
    /// A GitHub-flavoured summary without addresses.
    Markdown,
}

impl Format {
    /// The word for `--format`.
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

    /// The format that a file's suffix asks for; `None` when it asks for none that there is.
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

/// What of a report is wanted, and for which reader.
#[derive(Clone, Debug, Default)]
pub(crate) struct Options {
    /// Only rows with one of these outcomes; `None` for all rows, unsettled ones included.
    pub outcomes: Option<Vec<Outcome>>,
    /// CSV only: a cell that a spreadsheet would take for a formula gets a `'` before it.
    pub spreadsheet_safe: bool,
    /// Columns of the terminal, for tables; 100 when not known.
    pub width: Option<u16>,
    /// Which outcomes make a check fail, in the forms for CI.
    pub failing: Failing,
    /// What JUnit calls the class of the checks; `mailbatch` when empty.
    pub class: String,
}

/// The outcomes that a pipeline calls a failure.
#[derive(Clone, Debug, Default)]
pub(crate) struct Failing {
    /// These alone; empty for the usual ones: a recipient who was to be mailed and was not.
    pub only: Vec<Outcome>,
    /// These as well.
    pub also: Vec<Outcome>,
}

impl Failing {
    /// Whether a recipient with this outcome and reason is a failure. One beyond `--limit` was not
    /// to be mailed, and is one only where `held` is named.
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

/// What a format does with the beginning, each wanted row, and the end.
trait Layout: Send {
    fn begin(&mut self, out: &mut dyn Write) -> io::Result<()>;
    fn row(&mut self, row: &ReportRow, out: &mut dyn Write) -> io::Result<()>;
    fn end(&mut self, out: &mut dyn Write) -> io::Result<()>;

    /// The digest of what has been written, where the format can be read back.
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

/// Writes one report row by row. Buffer what is behind it; nothing is flushed before the end.
pub(crate) struct Writer<W: Write> {
    layout: Box<dyn Layout>,
    options: Options,
    out: W,
}

impl<W: Write> Writer<W> {
    /// Begins a report. Errs as `out` does.
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

    /// Adds a row, unless its outcome is not wanted. Errs as `out` does, and where the row's fields
    /// are damaged.
    pub(crate) fn row(&mut self, row: &ReportRow) -> io::Result<()> {
        if self.options.wants(row.outcome) { self.layout.row(row, &mut self.out) } else { Ok(()) }
    }

    /// The digest of the rows so far; `None` for a format that is never read back.
    pub(crate) fn digest(&self) -> Option<u64> {
        self.layout.digest()
    }

    /// Ends the report, flushes, and gives back what was written to.
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
