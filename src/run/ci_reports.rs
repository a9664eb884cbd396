//! Keeps the CI report files up to date. If a command is refused or killed, the CI job must not
//! find the report of an earlier command and mistake it for the new one.

use std::ffi::{OsStr, OsString};
use std::path::{Path, PathBuf};

use crate::cli::{Command, Globals, ReportFormat};
use crate::config::{Workspace, start_dir};
use crate::model::error::{Error, Result, Subject};
use crate::model::exit::Exit;
use crate::model::shown::Shown;
use crate::output::{OwnFiles, Target, is_in_place};
use crate::report::ci::{self, Content, is_for_ci};
use crate::report::{self, Format};
use crate::run::console::eprintln_quietly;
use crate::run::own_files::of_workspace;

/// The CI reports that a command was asked to write.
pub(crate) struct CiReports {
    places: Vec<Place>,
}

struct Place {
    typed: PathBuf,
    format: Format,
    target: Target,
}

impl CiReports {
    /// Marks the CI reports of a starting command as unfinished. A file that may not be a report is
    /// not changed yet; it is replaced after the command has checked its path.
    pub(crate) fn begin(globals: &Globals, command: &Command) -> Self {
        let (reports, format, inputs) = asked(command);
        Self::of(globals, &reports, format, &inputs)
    }

    fn of(globals: &Globals, reports: &[&Path], format: Option<Format>, inputs: &[&Path]) -> Self {
        let forms = reports
            .iter()
            .filter_map(|path| Some((*path, format.or_else(|| Format::of_path(path))?)));
        let forms: Vec<(&Path, Format)> = forms.filter(|(_, format)| is_for_ci(*format)).collect();
        let Some(base) = start_dir(globals).ok().filter(|_| !forms.is_empty()) else {
            return Self { places: Vec::new() };
        };
        let mut own = Workspace::find(globals)
            .map_or_else(|_| OwnFiles::default(), |workspace| of_workspace(&workspace));
        own.add_state_dir(&base.join(".mailbatch"));
        inputs.iter().for_each(|input| own.add(&base.join(input), "an input of this command"));
        let places = forms.into_iter().filter_map(|(typed, format)| {
            // A path that cannot be written is refused by the command itself.
            let target = Target::of(&base.join(typed), &typed.shown(), &own).ok()?;
            Some(Place { typed: typed.to_owned(), format, target })
        });
        let reports = Self { places: places.collect() };
        for place in &reports.places {
            if !is_in_place(place.target.path())
                && ci::is_replaceable(place.target.path(), place.format)
            {
                // If the report cannot be written, remove the report of the earlier command. The
                // command itself reports the error.
                if begin(&place.target, place.format).is_err() {
                    let _ = std::fs::remove_file(place.target.path());
                }
            }
        }
        reports
    }

    /// Writes why a command ended into each report that the command has not written, or that says
    /// "passed" although the command failed later.
    pub(crate) fn end(&self, ended: Result<Exit>) -> Result<Exit> {
        for place in &self.places {
            place.end(&ended);
        }
        ended
    }
}

impl Place {
    fn end(&self, ended: &Result<Exit>) {
        let content = match is_in_place(self.target.path()) {
            true => Content::Missing,
            false => ci::content(self.target.path(), self.format),
        };
        let (subject, why) = match (ended, content) {
            (Err(error), Content::Missing | Content::Unfinished | Content::Passing) => {
                // Exit 4 without a subject means that a list was refused: refusals of the message
                // and of a suppression file name their subject.
                let list = (error.exit() == Exit::REFUSED).then_some(Subject::List);
                (error.subject().or(list), format!("exit {}: {error}", error.exit().code()))
            }
            (Ok(exit), Content::Unfinished) => {
                (None, format!("exit {}: no report was written", exit.code()))
            }
            (Err(_), Content::Foreign) => {
                return eprintln_quietly(&format!(
                    "mailbatch: {}: what lies there is no report of mailbatch, so the file was kept; this command ended without writing its report",
                    self.typed.shown()
                ));
            }
            (Err(_), Content::Failing) | (Ok(_), _) => return,
        };
        let text = ci::refusal(self.format, &ci::class(&self.typed), subject, &why);
        // Errors are ignored: the command already ends with an error.
        let _ = report::write_text(&self.target, self.format, &text);
    }
}

/// Writes a CI report that says that the command has not ended. The caller has checked that the
/// file may be written.
pub(crate) fn begin(target: &Target, format: Format) -> Result<()> {
    if !is_for_ci(format) || is_in_place(target.path()) {
        return Ok(());
    }
    report::write_text(target, format, &ci::unfinished(format, &ci::class(target.typed())))
}

/// Returns the reports that a command was asked to write, the format if a flag names it, and the
/// files that the command reads.
fn asked(command: &Command) -> (Vec<&Path>, Option<Format>, Vec<&Path>) {
    match command {
        Command::Send(args) => {
            let inputs = args
                .list
                .lists
                .iter()
                .chain(&args.list.screening.suppress)
                .chain(&args.message.message);
            (
                args.sending.report.iter().map(PathBuf::as_path).collect(),
                None,
                inputs.map(PathBuf::as_path).collect(),
            )
        }
        Command::Resume(args) => {
            (args.sending.report.iter().map(PathBuf::as_path).collect(), None, Vec::new())
        }
        Command::Retry(args) => {
            (args.sending.report.iter().map(PathBuf::as_path).collect(), None, Vec::new())
        }
        Command::Report(args) if args.trend.is_none() => {
            let format = args.format.map(|format| match format {
                ReportFormat::Junit => Format::Junit,
                ReportFormat::Md => Format::Markdown,
                // CI jobs do not read reports in the other formats.
                _ => Format::Csv,
            });
            (args.output.iter().map(PathBuf::as_path).collect(), format, Vec::new())
        }
        _ => (Vec::new(), None, Vec::new()),
    }
}

/// If the command line is invalid, writes that into the CI reports it names. `typed` starts with
/// the program's name.
pub(crate) fn refuse_command_line(typed: &[OsString], why: &str) {
    let sends =
        |argument: &OsString| ["send", "resume", "retry"].iter().any(|word| argument == word);
    if !typed.iter().skip(1).any(sends) {
        return;
    }
    let (mut reports, mut others) = (Vec::new(), Vec::new());
    let mut globals = Globals::default();
    let mut arguments = typed.iter().skip(1).map(OsString::as_os_str);
    while let Some(argument) = arguments.next() {
        let (flag, value) = flag_and_value(argument);
        let mut value = || value.map(PathBuf::from).or_else(|| arguments.next().map(PathBuf::from));
        match flag {
            "--report" => reports.extend(value()),
            "-C" | "--directory" => globals.directory = value(),
            "-c" | "--config" => globals.config = value(),
            _ => others.push(Path::new(argument)),
        }
    }
    let reports: Vec<&Path> = reports.iter().map(PathBuf::as_path).collect();
    let _ = CiReports::of(&globals, &reports, None, &others).end(Err(Error::usage(why)));
}

/// Splits a flag at the `=` before its value.
fn flag_and_value(argument: &OsStr) -> (&str, Option<&str>) {
    let text = argument.to_str().unwrap_or_default();
    match text.split_once('=') {
        Some((flag, value)) if flag.starts_with("--") => (flag, Some(value)),
        _ => (text, None),
    }
}
