//! Detects that the ledger was lost or replaced by an older copy. Compares it with the state
//! directory's other files: reports, traces, records and locks.
//!
//! These files must be read before the ledger. The ledger stores a run or a batch before any other
//! file names it, so reading in this order causes no false alarm. The check compares names and
//! numbers, never times.

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::path::Path;

use crate::ledger::record::{self, RunRecord};
use crate::ledger::reports::Name;
use crate::ledger::state_files::{RUN_ID, is_run_id, names, report_directory};
use crate::ledger::trace;
use crate::ledger::{Leaves, RunId};

/// The runs that are named by the files of a state directory.
#[derive(Clone, Debug, Default)]
pub(crate) struct Remains {
    pub reports: BTreeSet<RunId>,
    /// The traces of each run. A trace without records is not a sign of a loss if the ledger knows
    /// its run.
    pub traces: BTreeMap<RunId, Vec<TraceFile>>,
    /// The record of each run; `None` if it cannot be read.
    pub records: BTreeMap<RunId, Option<RunRecord>>,
    /// The number of campaign locks.
    pub locks: usize,
}

/// A file in the trace directory.
#[derive(Clone, Debug)]
pub(crate) struct TraceFile {
    pub name: String,
    /// Whether the file contains more than its header.
    pub has_records: bool,
    /// The highest batch number in the trace. The ledger has stored this batch before the trace
    /// named it.
    pub last_batch: Option<i64>,
}

/// The differences between a ledger and the state directory's other files.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Loss {
    /// Runs that the ledger does not know.
    pub unknown: Vec<RunId>,
    /// Runs whose latest changes are missing from the ledger.
    pub stale: Vec<RunId>,
}

impl Loss {
    pub(crate) fn is_empty(&self) -> bool {
        self.unknown.is_empty() && self.stale.is_empty()
    }

    /// The unknown and the stale runs, oldest first.
    pub(crate) fn runs(&self) -> BTreeSet<&RunId> {
        self.unknown.iter().chain(&self.stale).collect()
    }

    /// Describes what is missing from the ledger, and names the newest run in it.
    pub(crate) fn describe(&self, remains: &Remains, newest: Option<&str>) -> String {
        let runs = self.runs();
        let Some(last) = runs.last() else { return String::new() };
        let knows = newest.map_or_else(
            || "it contains no run".to_owned(),
            |newest| format!("the newest run that it knows is {newest}"),
        );
        let what = if self.unknown.is_empty() { "the latest changes of run" } else { "the run" };
        let more =
            if runs.len() > 1 { format!(" and {} more", runs.len() - 1) } else { String::new() };
        format!(
            "this is an older copy or another ledger: it does not know {what} {last}{more}, although {}; {knows}",
            remains.places(last)
        )
    }
}

impl Remains {
    /// Reads the file names in a state directory. Ignores names that mailbatch does not use.
    pub(crate) fn read(state_dir: &Path) -> io::Result<Self> {
        let mut remains = Self::default();
        for name in names(&report_directory(state_dir))? {
            remains.reports.extend(Name::parse(&name).map(|name| name.run.to_owned()));
        }
        for name in names(&record::directory(state_dir))? {
            if let Some(run) = name.strip_suffix(".json").filter(|run| is_run_id(run)) {
                record::refuse_others(state_dir, run)?;
                remains.records.insert(run.to_owned(), RunRecord::read(state_dir, run));
            }
        }
        let traces = trace::directory(state_dir);
        for name in names(&traces)? {
            let Some(run) = name.get(..RUN_ID).filter(|run| {
                is_run_id(run) && name[RUN_ID..].starts_with('-') && name.ends_with(".log")
            }) else {
                continue;
            };
            let path = traces.join(&name);
            let has_records = trace::proof::has_records(&path);
            // An unreadable trace is not a sign of a loss. The code that needs its records reports
            // the error.
            let last_batch =
                if has_records { trace::proof::last_batch(&path).ok().flatten() } else { None };
            remains.traces.entry(run.to_owned()).or_default().push(TraceFile {
                name,
                has_records,
                last_batch,
            });
        }
        let locks = names(&state_dir.join("locks"))?;
        remains.locks = locks.iter().filter(|name| name.ends_with(".lock")).count();
        Ok(remains)
    }

    /// All runs that any of the files names, oldest first.
    pub(crate) fn runs(&self) -> BTreeSet<&RunId> {
        self.reports.iter().chain(self.traces.keys()).chain(self.records.keys()).collect()
    }

    /// Describes the files that a missing ledger has left; `None` if there is no sign of an earlier
    /// ledger.
    pub(crate) fn describe(&self) -> Option<String> {
        let runs = self.runs();
        let count = |n: usize, one: &str| match n {
            0 => None,
            1 => Some(format!("1 {one}")),
            n => Some(format!("{n} {one}s")),
        };
        let traces = self.traces.values().map(Vec::len).sum();
        let found = [
            count(self.reports.len(), "report"),
            count(traces, "trace"),
            count(self.records.len(), "record"),
            count(self.locks, "lock"),
        ];
        let found: Vec<String> = found.into_iter().flatten().collect();
        let newest = runs
            .last()
            .map_or_else(String::new, |run| format!("; the newest of these runs is {run}"));
        (!found.is_empty()).then(|| {
            format!("the ledger is gone, but {} of its runs still exist{newest}", found.join(", "))
        })
    }

    /// The kind of files that remain.
    pub(crate) fn leaves(&self) -> Leaves {
        match (self.runs().is_empty(), self.locks) {
            (false, _) => Leaves::Runs,
            (true, 0) => Leaves::Nothing,
            (true, _) => Leaves::Locks,
        }
    }

    fn places(&self, run: &str) -> String {
        let mut places = Vec::new();
        if self.reports.contains(run) {
            places.push("a report");
        }
        if self.traces.contains_key(run) {
            places.push("a trace");
        }
        if self.records.contains_key(run) {
            places.push("a record");
        }
        format!(
            "{} of it {}",
            places.join(" and "),
            if places.len() > 1 { "exist" } else { "exists" }
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_of_other_names_prove_nothing() {
        let dir = tempfile::tempdir().unwrap();
        assert_eq!(Remains::read(dir.path()).unwrap().describe(), None);
        for file in [
            "reports/today.csv",
            "reports/.report-x.tmp",
            "trace/notes.log",
            "runs/x.json",
            "outbox/1.eml",
        ] {
            let path = dir.path().join(file);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, "x").unwrap();
        }
        assert_eq!(Remains::read(dir.path()).unwrap().describe(), None);
        std::fs::write(dir.path().join("reports/.20261121-034500-k3f9.csv.before"), "x").unwrap();
        let said = Remains::read(dir.path()).unwrap().describe().unwrap();
        assert!(said.contains("1 report") && said.contains("20261121-034500-k3f9"), "{said}");
    }
}
