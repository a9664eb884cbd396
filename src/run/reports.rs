//! Writes the report files of a run: the standard report, which is always written, and the
//! requested ones.

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use futures_util::stream::{self, StreamExt};

use crate::ledger::record::{self, ReportMark, RunRecord};
use crate::ledger::reports::{Name, Reports};
use crate::ledger::state_files::report_directory;
use crate::ledger::{Ledger, LedgerRow, Run, Standing};
use crate::model::error::{Error, Result};
use crate::model::outcome::Outcome;
use crate::model::shown::Shown;
use crate::output::{OwnFiles, Target, is_in_place};
use crate::provider::RowNumber;
use crate::report::{self, Closing, Head, Options, ReportFile, ReportRow};
use crate::run::apart;
use crate::run::ci_reports;
use crate::run::context::Context;
use crate::run::own_files::{own_files, target};
use crate::run::verdict::ClosingOptions;

/// Opens the standard reports of a run. Creates their directory; returns an error if it cannot be
/// created or read.
pub(crate) fn kept_reports(context: &Context, run: &str) -> Result<Reports> {
    let dir = report_directory(&context.settings.workspace.state_dir);
    crate::run::state_dir::make_private_dir(&dir)?;
    Reports::of(&dir, run)
        .map_err(|e| Error::internal(format!("the reports of {run} cannot be stored: {e}")))
}

/// Makes a report the current report of its run.
pub(crate) fn publish(context: &Context, run: &str, report: &Path) -> Result<()> {
    kept_reports(context, run)?
        .publish(report)
        .map_err(|e| Error::internal(format!("the reports of {run} cannot be stored: {e}")))
}

/// Visits the rows of a run in order. Some pages are read ahead, in parallel, while earlier ones
/// are visited.
pub(crate) async fn each_row(
    ledger: &dyn Ledger,
    run: &str,
    mut visit: impl FnMut(LedgerRow) -> Result<()>,
) -> Result<()> {
    const PAGE: usize = 1_000;
    const AHEAD: usize = 4;
    let pages = (0..)
        .step_by(PAGE)
        .map(|after: RowNumber| async move { (after, ledger.rows(run, after, PAGE).await) });
    let mut pages = stream::iter(pages).buffered(AHEAD);
    while let Some((after, page)) = pages.next().await {
        let page = page?;
        if page.is_empty() {
            break;
        }
        // Rows are numbered without gaps. After a gap, rows beyond this page's numbers would belong
        // to the next page.
        page.into_iter()
            .take_while(|row| row.row <= after + PAGE as RowNumber)
            .try_for_each(&mut visit)?;
    }
    Ok(())
}

/// Moves the current report of a run aside before the run changes. If the process is then killed,
/// no outdated report remains current.
pub(crate) fn forget_report(context: &Context, run: &Run) -> Result<()> {
    kept_reports(context, &run.id)?.lay_aside().map_err(|e| {
        Error::internal(format!("the report of {} cannot be moved aside: {e}", run.id))
    })
}

/// Removes the files of a run outside the ledger. They contain addresses, or name a run that no
/// longer exists.
pub(crate) fn remove_files(context: &Context, run: &Run) -> Result<()> {
    let state_dir = &context.settings.workspace.state_dir;
    let reports = kept_reports(context, &run.id)?;
    reports.all().chain([record::path(state_dir, &run.id)]).try_for_each(|file| {
        gone(std::fs::remove_file(&file))
            .map_err(|e| Error::internal(format!("{}: {e}", file.shown())))
    })
}

fn gone(done: std::io::Result<()>) -> std::io::Result<()> {
    done.or_else(|e| if e.kind() == std::io::ErrorKind::NotFound { Ok(()) } else { Err(e) })
}

/// Writes the record of a planned run: its campaign, and the number of the ledger's latest batch.
pub(crate) async fn record(context: &Context, ledger: &dyn Ledger, run: &Run) -> Result<()> {
    let batches = ledger.batches().await?;
    write_record(context, run, |record| record.batches = batches)
}

/// Updates the record at the end of an execution, whether it succeeded or not. The ledger takes a
/// new batch number, so that an earlier copy of the ledger can be recognized by its lower number.
pub(crate) async fn record_end(context: &Context, ledger: &dyn Ledger, run: &Run) -> Result<()> {
    let batches = ledger.close_batches().await?;
    write_record(context, run, |record| record.batches = batches)
}

/// Changes the record of a run. Values that are not changed are kept.
fn write_record(context: &Context, run: &Run, change: impl FnOnce(&mut RunRecord)) -> Result<()> {
    let state_dir = &context.settings.workspace.state_dir;
    let mut record = RunRecord::new(run, apart::of_run(&context.settings, run), 0);
    if let Some(before) = RunRecord::read(state_dir, &run.id) {
        (record.batches, record.report) = (before.batches, before.report);
    }
    change(&mut record);
    record.write(state_dir).map_err(|e| {
        Error::internal(format!("{}: {e}", record::path(state_dir, &run.id).shown()))
            .hint("the state directory must be writable")
    })
}

/// Writes the standard report again, after the outcome of a recipient has changed.
pub(crate) async fn rewrite_report(
    context: &Context,
    ledger: &dyn Ledger,
    run: &str,
) -> Result<()> {
    let run = context.run(ledger, Some(run)).await?;
    let standing = ledger.standing(&run.id).await?;
    let report = kept_reports(context, &run.id)?.next();
    write_reports(
        context,
        ledger,
        (&run, &standing, None),
        (Some(&report), Vec::new()),
        Options::default(),
    )
    .await?;
    publish(context, &run.id, &report)
}

/// Returns the message version that each run sent, by run id.
pub(crate) async fn versions(ledger: &dyn Ledger) -> Result<HashMap<String, String>> {
    let runs = ledger.runs().await?;
    Ok(runs.iter().map(|run| (run.id.clone(), run.message_version())).collect())
}

/// Writes reports of a run in one pass over its rows: the standard report, which the run's record
/// then describes, and the requested ones.
async fn write_reports(
    context: &Context,
    ledger: &dyn Ledger,
    (run, standing, closing): (&Run, &Standing, Option<Closing>),
    (standard, asked): (Option<&Path>, Vec<Target>),
    options: Options,
) -> Result<()> {
    let head = Head { versions: versions(ledger).await?, closing, ..Head::from(run) };
    let mut files = Vec::with_capacity(asked.len() + 1);
    for target in standard.map(Target::chosen).into_iter().chain(asked) {
        files.push(ReportFile::create(
            &target,
            format_of(target.typed())?,
            &head,
            standing,
            options.clone(),
        )?);
    }
    let (mut rows, mut reached) = (0, 0);
    each_row(ledger, &run.id, |row| {
        let row: ReportRow = row.into();
        rows += 1;
        reached += u64::from(is_reached(row.outcome, row.batch.is_some()));
        files.iter_mut().try_for_each(|file| file.row(&row))
    })
    .await?;
    let digest = files.first().and_then(ReportFile::digest);
    let number = standard
        .and_then(Path::file_name)
        .and_then(|name| Name::parse(name.to_str()?))
        .map(|name| name.number);
    if let Some(number) = number {
        // The record is written before the report is moved into place, so that it describes every
        // report that exists, even after a crash.
        write_record(context, run, |record| {
            record.report = Some(ReportMark { number, rows, reached, digest })
        })?;
    }
    for file in files {
        file.finish()?;
    }
    Ok(())
}

/// Whether the recipient of a report row was reached or may have been. A claimed row without an
/// outcome was being sent.
pub(crate) fn is_reached(outcome: Option<Outcome>, was_claimed: bool) -> bool {
    outcome.map_or(was_claimed, |outcome| {
        matches!(outcome, Outcome::Accepted | Outcome::AlreadyAccepted | Outcome::Unknown)
    })
}

/// Writes the requested reports, and the standard report if `standard` gives its path. If a path
/// has become unusable, the other reports are still written, and the error is returned at the end.
pub(crate) async fn write_asked(
    context: &Context,
    ledger: &dyn Ledger,
    (run, standing, closing): (&Run, &Standing, Closing),
    options: &ClosingOptions,
    standard: Option<&Path>,
) -> Result<()> {
    let mut targets = Vec::with_capacity(options.reports.len());
    let mut refused = None;
    if !options.reports.is_empty() {
        let own = own_files(context, Some(ledger)).await;
        for path in &options.reports {
            match target(context, "--report", path, &own) {
                Ok(target) => targets.push(target),
                Err(error) => refused = Some(error),
            }
        }
    }
    let options = Options {
        spreadsheet_safe: options.spreadsheet_safe,
        failing: options.failing.clone(),
        ..Options::default()
    };
    write_reports(context, ledger, (run, standing, Some(closing)), (standard, targets), options)
        .await?;
    standard.map_or(Ok(()), |report| publish(context, &run.id, report))?;
    refused.map_or(Ok(()), Err)
}

/// Returns the report format for a file's suffix. It is CSV for a FIFO, a device and standard
/// output, whose names have no suffix. Exit 2 for an unknown suffix, before anything is sent.
pub(crate) fn format_of(path: &Path) -> Result<report::Format> {
    let unnamed =
        || (path.extension().is_none() && is_in_place(path)).then_some(report::Format::Csv);
    report::Format::of_path(path).or_else(unnamed).ok_or_else(|| {
        Error::usage(format!("{}: the suffix names no report format", path.shown()))
            .hint("use .csv .ndjson .json .html .xml .md or .txt")
    })
}

/// Refuses reports that cannot be written or that would replace a file of the workspace, before
/// anything is sent. With `trial`, creates missing directories and tests if they are writable.
pub(crate) fn check_reports(
    context: &Context,
    reports: &[PathBuf],
    own: &OwnFiles,
    trial: bool,
) -> Result<()> {
    for path in reports {
        let target = target(context, "--report", path, own)?;
        let format = format_of(&context.settings.workspace.path_from_arguments(path))?;
        if trial {
            report::check_writable(&target)?;
            ci_reports::begin(&target, format)?;
        }
    }
    Ok(())
}
