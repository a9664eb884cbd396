//! Checks that the remaining reports of a lost run are complete.
//!
//! Invariant: a recipient that a missing report listed as reached must not count as not reached.
//! The run's record describes its newest report. If it does not, because an earlier version wrote
//! it, the row numbers, the link to the newest report, and the last batch number are checked
//! instead.

use std::path::Path;

use super::report::Report;
use crate::ledger::record::{self, ReportMark, RunRecord};
use crate::ledger::reports::Reports;
use crate::model::error::{Error, Result};
use crate::model::outcome::Outcome;
use crate::model::shown::Shown;
use crate::report::csv::Digest;
use crate::run::reports::is_reached;

/// The totals of a report.
#[derive(Clone, Copy, Debug, Default)]
struct Counted {
    rows: u64,
    reached: u64,
    /// How many row numbers are missing in the sequence.
    gaps: u64,
    last_batch: i64,
    digest: Digest,
}

/// Exit 2 if a report of the run is missing or shortened, or if it cannot be shown to be complete.
pub(super) fn prove(
    reports: &Reports,
    record: Option<&RunRecord>,
    run: &str,
    state_dir: &Path,
) -> Result<()> {
    let newest = reports.newest().zip(reports.number());
    let counted = newest.map(|(path, _)| count(path)).transpose()?.unwrap_or_default();
    let number = newest.map_or(0, |(_, number)| number);
    let left = newest.map_or_else(
        || "no report is left".to_owned(),
        |(path, _)| format!("{} is left", name(path)),
    );
    let refuse = |what: String, wanted: u32| {
        Err(refusal(run, &what, (&reports.place(wanted), record.map(|_| run), reports, state_dir)))
    };
    match record.and_then(|record| record.report) {
        Some(mark) if mark.number > number => {
            let ReportMark { reached, .. } = mark;
            let missing = reached.saturating_sub(counted.reached);
            refuse(
                format!(
                    "its newest report, {}, is gone ({left}): it listed {reached} recipients as reached or possibly reached, and the reports left \
                     list {} of them, so that {missing} are missing",
                    name(&reports.place(mark.number)),
                    counted.reached
                ),
                mark.number,
            )
        }
        Some(mark)
            if mark.number == number
                && (mark.rows, mark.reached) != (counted.rows, counted.reached) =>
        {
            refuse(
                format!(
                    "its report {} is not as it was written: it had {} rows and has {}; it listed {} recipients as reached or possibly reached and \
                 now lists {}, so that {} are missing",
                    name(&reports.place(number)),
                    mark.rows,
                    counted.rows,
                    mark.reached,
                    counted.reached,
                    mark.reached.saturating_sub(counted.reached)
                ),
                number,
            )
        }
        Some(mark)
            if mark.number == number
                && mark.digest.is_some_and(|digest| digest != counted.digest.value()) =>
        {
            refuse(
                format!(
                    "its report {} is not as it was written: it has the same number of rows, but the content of at least one row differs",
                    name(&reports.place(number))
                ),
                number,
            )
        }
        Some(mark) if mark.number == number => Ok(()),
        _ => prove_without_mark((reports, number, counted), record, &left, refuse),
    }
}

/// Does the same check for a report that no record describes.
fn prove_without_mark(
    (reports, number, counted): (&Reports, u32, Counted),
    record: Option<&RunRecord>,
    left: &str,
    refuse: impl Fn(String, u32) -> Result<()>,
) -> Result<()> {
    if let Some(linked) = reports.linked().filter(|linked| *linked > number) {
        let (link, gone) = (reports.link(), reports.place(linked));
        return refuse(
            format!(
                "its newest report, {}, which the link {} points to, is gone; {left}",
                name(&gone),
                name(&link)
            ),
            linked,
        );
    }
    if number == 0 {
        return Ok(());
    }
    if counted.gaps > 0 {
        return refuse(
            format!(
                "its report {} lacks {} rows, as its row numbers show",
                name(&reports.place(number)),
                counted.gaps
            ),
            number,
        );
    }
    match record {
        Some(record) if record.batches > counted.last_batch => refuse(
            format!(
                "its report {} may be incomplete or outdated: its last batch is {}, and the run's record says {}",
                name(&reports.place(number)),
                counted.last_batch,
                record.batches
            ),
            number,
        ),
        _ => Ok(()),
    }
}

fn refusal(
    run: &str,
    what: &str,
    (report, record, reports, state_dir): (&Path, Option<&str>, &Reports, &Path),
) -> Error {
    let mut away =
        record.map(|run| record::path(state_dir, run).shown()).into_iter().collect::<Vec<_>>();
    away.extend(reports.linked().map(|_| reports.link().shown()));
    let go_on = match away.is_empty() {
        true => "moving it away discards its contents".to_owned(),
        false => format!("moving {} away continues with the remaining reports", away.join(" and ")),
    };
    Error::usage(format!("run {run}: {what}")).hint(format!(
        "restore {} or the newest ledger.db from a backup; {go_on}, and the recipients missing from the remaining reports may be mailed twice",
        report.shown()
    ))
}

fn name(path: &Path) -> String {
    path.file_name().unwrap_or_default().to_string_lossy().into_owned()
}

/// Counts the rows of a report. Exit 2 if it cannot be read as a report.
fn count(path: &Path) -> Result<Counted> {
    let mut report = Report::open(path.to_owned(), None)?;
    let (mut counted, mut last_row) = (Counted::default(), 0);
    let (mut row, mut line) = (report.header()?, Vec::new());
    counted.digest.row(&row, &mut line);
    while report.next(&mut row)? {
        counted.digest.row(&row, &mut line);
        let cell = |at: usize| row.get(at).unwrap_or_default();
        let batch = cell(report.columns.batch);
        counted.rows += 1;
        counted.last_batch = counted.last_batch.max(batch.parse().unwrap_or(0));
        // An invalid outcome is refused later, when the report is imported.
        let outcome = cell(report.columns.outcome);
        let is_known = outcome.is_empty() || outcome.parse::<Outcome>().is_ok();
        counted.reached +=
            u64::from(is_known && is_reached(outcome.parse().ok(), !batch.is_empty()));
        if let Some(number) = report.columns.row.and_then(|at| cell(at).parse::<u64>().ok()) {
            counted.gaps += number.saturating_sub(last_row + 1);
            last_row = number;
        }
    }
    Ok(counted)
}
