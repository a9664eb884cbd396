//! The files of a run's reports. `RUN.csv` is the report of the first command. Each later command
//! that changes the run writes the next one: `RUN.2.csv`, and so on. No report is ever overwritten.
//! `RUN.latest.csv` is a symbolic link to the newest report.
//!
//! While a run changes, its newest report is renamed to `.RUN.csv.before` and the link is removed.
//! If the process is killed, no file claims to be current, but the reached recipients can still be
//! read, even without the ledger.

use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};

use super::state_files::{RUN_ID, is_run_id, names};

/// The parts of a report's file name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Name<'a> {
    pub(crate) run: &'a str,
    /// The number of the report, from 1.
    pub(crate) number: u32,
    /// Whether the file name has the form `.RUN.csv.before`, which means that the run has changed
    /// since this report.
    pub(crate) aside: bool,
}

impl<'a> Name<'a> {
    /// Parses a file name. Returns `None` for other files and for the link to the newest report.
    pub(crate) fn parse(name: &'a str) -> Option<Self> {
        let (name, aside) = match name.strip_prefix('.') {
            Some(name) => (name.strip_suffix(".before")?, true),
            None => (name, false),
        };
        let run = name.get(..RUN_ID).filter(|run| is_run_id(run))?;
        let number = match name[RUN_ID..].strip_suffix(".csv")? {
            "" => 1,
            number => number.strip_prefix('.')?.parse().ok().filter(|number| *number > 1)?,
        };
        Some(Self { run, number, aside })
    }

    fn path(self, dir: &Path) -> PathBuf {
        let Self { run, number, aside } = self;
        let (dot, before) = if aside { (".", ".before") } else { ("", "") };
        let number = if number == 1 { String::new() } else { format!(".{number}") };
        dir.join(format!("{dot}{run}{number}.csv{before}"))
    }
}

/// The reports of one run in the report directory.
pub(crate) struct Reports {
    dir: PathBuf,
    run: String,
    /// The path of each report by its number, and whether the file is renamed to `.before`.
    files: BTreeMap<u32, (PathBuf, bool)>,
}

impl Reports {
    /// Lists the reports of a run. A missing directory counts as empty.
    pub(crate) fn of(dir: &Path, run: &str) -> io::Result<Self> {
        let mut files = BTreeMap::new();
        for name in names(dir)? {
            let Some(name) = Name::parse(&name).filter(|name| name.run == run) else { continue };
            // If two files have the same number, the one renamed to `.before` is older.
            if !name.aside || !files.contains_key(&name.number) {
                files.insert(name.number, (name.path(dir), name.aside));
            }
        }
        Ok(Self { dir: dir.to_owned(), run: run.to_owned(), files })
    }

    /// The path of the newest report, even if it is renamed to `.before`.
    pub(crate) fn newest(&self) -> Option<&Path> {
        self.files.last_key_value().map(|(_, (path, _))| path.as_path())
    }

    /// The number of the newest report, even if it is renamed to `.before`.
    pub(crate) fn number(&self) -> Option<u32> {
        self.files.last_key_value().map(|(number, _)| *number)
    }

    /// The number of the report that the link points to, even if that file is missing.
    pub(crate) fn linked(&self) -> Option<u32> {
        let target = std::fs::read_link(self.link()).ok()?;
        Name::parse(target.file_name()?.to_str()?).map(|name| name.number)
    }

    /// The path for the report with this number.
    pub(crate) fn place(&self, number: u32) -> PathBuf {
        Name { run: &self.run, number, aside: false }.path(&self.dir)
    }

    /// The newest report, if it shows the current state of the run.
    pub(crate) fn current(&self) -> Option<&Path> {
        self.files
            .last_key_value()
            .filter(|(_, (_, aside))| !aside)
            .map(|(_, (path, _))| path.as_path())
    }

    /// The newest report, if it is current but no link points to it because the process was killed
    /// first.
    pub(crate) fn unpublished(&self) -> Option<&Path> {
        let target = std::fs::read_link(self.link()).ok();
        self.current().filter(|report| target.as_deref().map(Path::as_os_str) != report.file_name())
    }

    /// The path for the next report.
    pub(crate) fn next(&self) -> PathBuf {
        let number = self.files.last_key_value().map_or(1, |(number, _)| number + 1);
        Name { run: &self.run, number, aside: false }.path(&self.dir)
    }

    /// The path of the link to the newest report.
    pub(crate) fn link(&self) -> PathBuf {
        self.dir.join(format!("{}.latest.csv", self.run))
    }

    /// Renames the newest report to `.before`, because the run is about to change.
    pub(crate) fn lay_aside(&self) -> io::Result<()> {
        gone(std::fs::remove_file(self.link()))?;
        let Some((number, (path, false))) = self.files.last_key_value() else { return Ok(()) };
        gone(std::fs::rename(
            path,
            Name { run: &self.run, number: *number, aside: true }.path(&self.dir),
        ))
    }

    /// Restores the names of reports that were renamed to `.before`, and points the link to the
    /// newest report.
    pub(crate) fn publish(&self, newest: &Path) -> io::Result<()> {
        for (number, (path, aside)) in &self.files {
            if *aside {
                gone(std::fs::rename(
                    path,
                    Name { run: &self.run, number: *number, aside: false }.path(&self.dir),
                ))?;
            }
        }
        let Some(target) = newest.file_name() else { return Ok(()) };
        gone(std::fs::remove_file(self.link()))?;
        std::os::unix::fs::symlink(target, self.link())
    }

    /// All report files of the run, including the link.
    pub(crate) fn all(&self) -> impl Iterator<Item = PathBuf> + '_ {
        self.files.values().map(|(path, _)| path.clone()).chain([self.link()])
    }
}

fn gone(done: io::Result<()>) -> io::Result<()> {
    done.or_else(|e| if e.kind() == io::ErrorKind::NotFound { Ok(()) } else { Err(e) })
}

#[cfg(test)]
mod tests {
    use super::*;

    const RUN: &str = "20261121-034500-k3f9";

    fn names(dir: &Path) -> Vec<String> {
        let mut names = super::names(dir).unwrap();
        names.sort();
        names
    }

    /// Writes the next report, like a command that changed the run.
    fn write(dir: &Path, text: &str) {
        let reports = Reports::of(dir, RUN).unwrap();
        let path = reports.next();
        std::fs::write(&path, text).unwrap();
        reports.publish(&path).unwrap();
    }

    #[test]
    fn only_names_that_the_program_gives_are_reports() {
        let name = |number, aside| Some(Name { run: RUN, number, aside });
        assert_eq!(Name::parse(&format!("{RUN}.csv")), name(1, false));
        assert_eq!(Name::parse(&format!("{RUN}.12.csv")), name(12, false));
        assert_eq!(Name::parse(&format!(".{RUN}.csv.before")), name(1, true));
        assert_eq!(Name::parse(&format!(".{RUN}.3.csv.before")), name(3, true));
        for other in [
            "latest.csv",
            "1.csv",
            "0.csv",
            "x.csv",
            "2.csv.before",
            "csv.bak",
            "-2.csv",
            "999999999999.csv",
        ] {
            assert_eq!(Name::parse(&format!("{RUN}.{other}")), None, "{other}");
        }
        assert_eq!(Name::parse("today.csv"), None);
    }

    #[test]
    fn each_state_keeps_its_report_and_the_link_follows() {
        let dir = tempfile::tempdir().unwrap();
        write(dir.path(), "one");
        Reports::of(dir.path(), RUN).unwrap().lay_aside().unwrap();
        assert_eq!(names(dir.path()), [format!(".{RUN}.csv.before")]);
        let reports = Reports::of(dir.path(), RUN).unwrap();
        assert_eq!((reports.current(), reports.newest().is_some()), (None, true));
        write(dir.path(), "two");
        assert_eq!(
            names(dir.path()),
            [format!("{RUN}.2.csv"), format!("{RUN}.csv"), format!("{RUN}.latest.csv")]
        );
        assert_eq!(
            std::fs::read_to_string(dir.path().join(format!("{RUN}.latest.csv"))).unwrap(),
            "two"
        );
        assert_eq!(std::fs::read_to_string(dir.path().join(format!("{RUN}.csv"))).unwrap(), "one");
        let reports = Reports::of(dir.path(), RUN).unwrap();
        assert!(reports.current().unwrap().ends_with(format!("{RUN}.2.csv")));
        assert_eq!(reports.unpublished(), None);
        std::fs::write(reports.next(), "three").unwrap();
        let reports = Reports::of(dir.path(), RUN).unwrap();
        assert!(
            reports.unpublished().unwrap().ends_with(format!("{RUN}.3.csv")),
            "killed before the link was moved"
        );
        reports.publish(reports.unpublished().unwrap()).unwrap();
        assert_eq!(reports.unpublished(), None);
        for file in reports.all() {
            std::fs::remove_file(file).unwrap();
        }
        assert!(names(dir.path()).is_empty());
    }

    #[test]
    fn a_report_that_an_older_version_left_aside_is_not_lost() {
        let dir = tempfile::tempdir().unwrap();
        std::fs::write(dir.path().join(format!(".{RUN}.csv.before")), "one").unwrap();
        write(dir.path(), "two");
        assert_eq!(
            names(dir.path()),
            [format!("{RUN}.2.csv"), format!("{RUN}.csv"), format!("{RUN}.latest.csv")]
        );
    }
}
