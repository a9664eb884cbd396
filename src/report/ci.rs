//! Writes JUnit and Markdown reports of commands without a run: before a command has ended, after a
//! refusal, and after a dry run.
//!
//! The file always describes the latest command. It shows a failure until the command has
//! succeeded.

use std::io::Write;
use std::path::Path;

use super::checks::{self, Check};
use super::{Format, Layout, junit, markdown};
use crate::model::error::Subject;
use crate::model::outcome::Tally;

/// The text of a report while the command is running. [`content`] searches for it.
const UNFINISHED: &str =
    "the command has not ended, or was stopped before it could say how it went";

/// The number of bytes to read from a file to recognize it as a report.
const HEAD: usize = 4_096;

/// The kind of report that an existing file contains.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Content {
    Missing,
    /// The file is the report of a command that has not ended.
    Unfinished,
    /// The file is a report with a failing check.
    Failing,
    /// The file is a report without a failing check.
    Passing,
    /// The file is not a report.
    Foreign,
}

/// Whether this format is made for CI jobs.
pub(crate) fn is_for_ci(format: Format) -> bool {
    matches!(format, Format::Junit | Format::Markdown)
}

/// Whether a file begins like a report of this format. Every JUnit file counts as a report.
fn is_report(text: &str, format: Format) -> bool {
    match format {
        Format::Junit => {
            text.trim_start_matches('\u{feff}').trim_start().starts_with('<')
                && text.contains("<testsuite")
        }
        // Reports of earlier versions of mailbatch have no mark, only this table.
        _ => {
            text.starts_with(markdown::MARK)
                || text.contains("| outcome | recipients | share | reasons |")
        }
    }
}

/// Whether the file may be replaced before the command starts. It may if it is a report or does not
/// exist.
pub(crate) fn is_replaceable(path: &Path, format: Format) -> bool {
    match std::fs::File::open(path) {
        Err(e) => e.kind() == std::io::ErrorKind::NotFound,
        Ok(file) => {
            let mut head = Vec::new();
            let read =
                std::io::Read::read_to_end(&mut std::io::Read::take(file, HEAD as u64), &mut head);
            read.is_ok() && is_report(&String::from_utf8_lossy(&head), format)
        }
    }
}

/// Returns the kind of report that the file contains.
pub(crate) fn content(path: &Path, format: Format) -> Content {
    let text = match std::fs::read(path) {
        Ok(bytes) => String::from_utf8_lossy(&bytes).into_owned(),
        Err(e) if e.kind() == std::io::ErrorKind::NotFound => return Content::Missing,
        Err(_) => return Content::Foreign,
    };
    let fails = if format == Format::Junit { "<failure " } else { markdown::FAILED };
    match () {
        () if !is_report(&text, format) => Content::Foreign,
        () if text.contains(UNFINISHED) => Content::Unfinished,
        () if text.contains(fails) => Content::Failing,
        () => Content::Passing,
    }
}

/// Returns the class name of the checks in JUnit. It is derived from the file's name, so it is the
/// same in every run.
pub(crate) fn class(path: &Path) -> String {
    let stem = path
        .file_stem()
        .map(|stem| stem.to_string_lossy().into_owned())
        .filter(|stem| !stem.is_empty());
    stem.map_or_else(|| "mailbatch".to_owned(), |stem| format!("mailbatch.{stem}"))
}

/// Writes the report of a command that has not ended.
pub(crate) fn unfinished(format: Format, class: &str) -> String {
    text(format, class, checks::of_refusal(None, UNFINISHED))
}

/// Writes the report of a command that was refused. `blamed` is the input that caused the refusal,
/// if known.
pub(crate) fn refusal(format: Format, class: &str, blamed: Option<Subject>, why: &str) -> String {
    text(format, class, checks::of_refusal(blamed, why))
}

/// Writes the report of a dry run without errors. It shows the counts, the rows that cannot be
/// rendered, the rows that `--where` excluded, and the recipients that `send` would mail.
pub(crate) fn dry_run(
    format: Format,
    class: &str,
    (tally, unrendered): (&Tally, u64),
    filtered: u64,
    would_send: u64,
) -> String {
    text(format, class, checks::of_dry_run(tally, unrendered, filtered, would_send))
}

fn text(format: Format, class: &str, checks: Vec<Check>) -> String {
    let mut layout: Box<dyn Layout> = match format {
        Format::Markdown => Box::new(markdown::Checked::new(checks)),
        _ => Box::new(junit::Junit::of_checks(class, checks)),
    };
    let mut out = Vec::new();
    // Writing to memory cannot fail.
    let _ = layout.begin(&mut out).and_then(|()| layout.end(&mut out)).and_then(|()| out.flush());
    String::from_utf8_lossy(&out).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reports_are_told_from_other_files() {
        let dir = tempfile::tempdir().unwrap();
        let junit =
            "<?xml version=\"1.0\"?>\n<testsuite name=\"a\"><testcase name=\"b\"/></testsuite>";
        let old = "## spring\n\n| outcome | recipients | share | reasons |\n| --- |\n";
        for (text, format, expected) in [
            (junit, Format::Junit, Content::Passing),
            ("\u{feff}<testsuites/>", Format::Junit, Content::Passing),
            ("<html></html>", Format::Junit, Content::Foreign),
            ("email\nann@example.com\n", Format::Junit, Content::Foreign),
            ("", Format::Junit, Content::Foreign),
            (old, Format::Markdown, Content::Passing),
            ("+++\nsubject = \"x\"\n+++\nHello", Format::Markdown, Content::Foreign),
            (&unfinished(Format::Junit, "m"), Format::Junit, Content::Unfinished),
            (&unfinished(Format::Markdown, "m"), Format::Markdown, Content::Unfinished),
            (&refusal(Format::Junit, "m", None, "no"), Format::Junit, Content::Failing),
            (&refusal(Format::Markdown, "m", None, "no"), Format::Markdown, Content::Failing),
            (
                &dry_run(Format::Junit, "m", (&Tally::default(), 0), 0, 0),
                Format::Junit,
                Content::Passing,
            ),
            (
                &dry_run(Format::Markdown, "m", (&Tally::default(), 0), 0, 0),
                Format::Markdown,
                Content::Passing,
            ),
        ] {
            let path = dir.path().join("file");
            std::fs::write(&path, text).unwrap();
            assert_eq!(content(&path, format), expected, "{text}");
            assert_eq!(is_replaceable(&path, format), expected != Content::Foreign, "{text}");
        }
        let missing = dir.path().join("missing");
        assert!(
            content(&missing, Format::Junit) == Content::Missing
                && is_replaceable(&missing, Format::Junit)
        );
        assert!(!is_replaceable(dir.path(), Format::Junit));
    }

    #[test]
    fn the_class_is_named_after_the_file() {
        let names =
            ["ci/run.xml", "nightly.news.xml", ".xml", "/"].map(|path| class(Path::new(path)));
        assert_eq!(
            names,
            ["mailbatch.run", "mailbatch.nightly.news", "mailbatch..xml", "mailbatch"]
        );
    }
}
