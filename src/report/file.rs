//! Writes report files. A file gets its name only after it is complete and synced. Only its owner
//! can read it, except for Markdown reports: they contain no addresses, so the umask decides.

use std::io::{self, BufWriter};
use std::path::{Path, PathBuf};

use super::{Format, Head, Options, ReportRow, Writer, ci};
use crate::ledger::Standing;
use crate::model::error::{Error, Result};
use crate::model::shown::Shown;
use crate::output::{self, Output, Target};

/// A report that is being written to a temporary file. [`finish`](Self::finish) renames the file.
/// If dropped before, it leaves no file.
pub(crate) struct ReportFile {
    path: PathBuf,
    writer: Writer<BufWriter<Output>>,
}

impl ReportFile {
    /// Begins a report. Creates missing directories with mode 0700. Fails if the directory is not
    /// writable.
    pub(crate) fn create(
        target: &Target,
        format: Format,
        head: &Head,
        standing: &Standing,
        options: Options,
    ) -> Result<Self> {
        let target = &placed(target, format);
        let path = target.path();
        if path.is_dir() {
            return Err(Error::usage(format!("{}: is a directory", path.shown()))
                .hint("name a file, such as --report out/report.csv"));
        }
        let options = Options { class: ci::class(target.typed()), ..options };
        let begin = || -> io::Result<_> {
            let file = BufWriter::with_capacity(1 << 16, Output::begin(target)?);
            Writer::new(format, head, standing, options, file)
        };
        let writer = begin().map_err(|e| unwritable(path, &e))?;
        Ok(Self { path: path.to_owned(), writer })
    }

    /// Adds a row. Fails if the disk is full or the row's fields are damaged.
    pub(crate) fn row(&mut self, row: &ReportRow) -> Result<()> {
        self.writer.row(row).map_err(|e| unwritable(&self.path, &e))
    }

    /// Returns the checksum of the rows so far. mailbatch recognizes a CSV report by it.
    pub(crate) fn digest(&self) -> Option<u64> {
        self.writer.digest()
    }

    /// Syncs the file and gives it its final name.
    pub(crate) fn finish(self) -> Result<PathBuf> {
        let Self { path, writer } = self;
        let place = || -> io::Result<PathBuf> {
            writer.finish()?.into_inner().map_err(io::IntoInnerError::into_error)?.finish()
        };
        place().map_err(|e| unwritable(&path, &e))
    }
}

/// Makes the target readable for others if the format contains no addresses.
fn placed(target: &Target, format: Format) -> Target {
    if format == Format::Markdown { target.clone().shared() } else { target.clone() }
}

/// Writes a complete report that was already formatted.
pub(crate) fn write_text(target: &Target, format: Format, text: &str) -> Result<()> {
    output::write(&placed(target, format), text.as_bytes())
        .map_err(|e| unwritable(target.path(), &e))
}

/// Checks that a report can be written to the target. Creates missing directories but leaves no
/// file. Fails with exit code 2 and an error that names `--report`.
pub(crate) fn check_writable(target: &Target) -> Result<()> {
    target.try_out().map_err(|e| {
        Error::usage(format!("--report {}: cannot be written there: {e}", target.typed().shown()))
            .hint("choose a file in a directory that you can write to")
    })
}

fn unwritable(path: &Path, why: &io::Error) -> Error {
    Error::internal(format!("{}: the report cannot be written: {why}", path.shown()))
        .hint("no data is lost: fix the cause, then write the report again with `mailbatch report RUN -o FILE`")
}

#[cfg(test)]
mod tests {
    use std::fs;

    /// Writes a complete report to a file, in the format of the file's suffix. Fails if the suffix
    /// is unknown or the file cannot be written.
    fn write_file<R: Into<ReportRow>>(
        path: &Path,
        head: &Head,
        standing: &Standing,
        rows: impl IntoIterator<Item = R>,
        options: Options,
    ) -> Result<PathBuf> {
        let format = Format::of_path(path).ok_or_else(|| {
            Error::usage(format!("{}: no report format has this suffix", path.shown()))
                .hint("use .csv, .ndjson, .jsonl, .json, .html, .xml (JUnit), .md or .txt")
        })?;
        let mut file = ReportFile::create(&Target::chosen(path), format, head, standing, options)?;
        for row in rows {
            file.row(&row.into())?;
        }
        file.finish()
    }

    use super::super::fixture;
    use super::*;

    #[test]
    fn a_finished_report_replaces_the_old_one_and_leaves_nothing_else() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("reports/run.csv");
        let (head, standing, rows) = fixture::run();
        write_file(&path, &head, &standing, rows.clone(), Options::default()).unwrap();
        write_file(&path, &head, &standing, rows, Options::default()).unwrap();
        let names: Vec<_> =
            fs::read_dir(path.parent().unwrap()).unwrap().map(|e| e.unwrap().file_name()).collect();
        assert_eq!(names, ["run.csv"]);
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt;
            assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        }
    }

    #[test]
    fn a_report_that_is_not_finished_leaves_nothing() {
        let dir = tempfile::tempdir().unwrap();
        let (head, standing, rows) = fixture::run();
        let mut file = ReportFile::create(
            &Target::chosen(&dir.path().join("run.html")),
            Format::Html,
            &head,
            &standing,
            Options::default(),
        )
        .unwrap();
        file.row(&rows[0]).unwrap();
        drop(file);
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 0);
    }

    #[test]
    fn an_unknown_suffix_and_a_directory_are_refused_with_the_way_out() {
        let dir = tempfile::tempdir().unwrap();
        let (head, standing, rows) = fixture::run();
        let error =
            write_file(&dir.path().join("run.pdf"), &head, &standing, rows, Options::default())
                .unwrap_err();
        assert!(error.to_string().contains("hint: use .csv"), "{error}");
        let error = ReportFile::create(
            &Target::chosen(dir.path()),
            Format::Csv,
            &head,
            &standing,
            Options::default(),
        )
        .err()
        .unwrap();
        assert!(error.to_string().contains("is a directory"), "{error}");
    }
}
