//! The run record: one small file for each run, in addition to the ledger. It stores the run's
//! campaign and the ledger's last batch number.
//!
//! Reports name recipients but no campaign. If the ledger is lost, the record shows which campaign
//! a report belongs to. If an older copy replaces the ledger, the batch number in the record
//! reveals this. Records contain no addresses.

use std::io::{self, Write};
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::files;
use crate::ledger::RunId;
use crate::model::shown::Shown;

/// The format version that this program writes; later versions only add fields. Version 1 had
/// neither `message_fingerprint` nor `apart`, version 2 no `report`, version 3 no `report.digest`.
const VERSION: u32 = 4;

/// The maximum size of a record in bytes, far above the real size.
const MOST: u64 = 1 << 20;

/// The value of `apart` for a run that reached no recipient of its list, because its messages were
/// redirected or submitted to a provider's own sandbox.
pub(crate) const UNREACHED: &str = "unreached";

/// The facts about a run that survive a loss of the ledger.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct RunRecord {
    v: u32,
    pub run: RunId,
    /// The campaign's id, as in the ledger.
    pub campaign: String,
    pub env: Option<String>,
    /// Hash of the rows of all lists. Runs with equal hashes number their rows in the same way.
    pub list_fingerprint: String,
    /// Hash of the message; `None` in a record of version 1.
    #[serde(default)]
    pub message_fingerprint: Option<String>,
    /// The class of runs that this run is compared with: empty for real mail, `sandbox`, or
    /// [`UNREACHED`]. `None` in a record of version 1.
    #[serde(default)]
    pub apart: Option<String>,
    /// The number of the ledger's last batch when the run was planned. Each later execution ends by
    /// replacing it with a higher number that the ledger has reserved.
    pub batches: i64,
    /// Describes the run's newest report; `None` before the first report, and in records of
    /// versions 1 and 2.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub report: Option<ReportMark>,
}

/// Describes a report as it was written. It shows later whether a report is complete and the
/// newest.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct ReportMark {
    /// The number of this report among the reports of the run, counted from 1.
    pub number: u32,
    /// The number of rows.
    pub rows: u64,
    /// The number of rows whose recipients were reached or may have been reached.
    pub reached: u64,
    /// A digest of the report's cells that does not depend on the order of rows; `None` in a record
    /// of version 3.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub digest: Option<u64>,
}

impl RunRecord {
    pub(crate) fn new(run: &crate::ledger::Run, apart: &str, batches: i64) -> Self {
        let head = &run.head;
        Self {
            v: VERSION,
            run: run.id.clone(),
            campaign: head.campaign.clone(),
            env: head.env.clone(),
            list_fingerprint: head.list_fingerprint.clone(),
            message_fingerprint: Some(head.message_fingerprint.clone()),
            apart: Some(apart.to_owned()),
            batches,
            report: None,
        }
    }

    /// Writes the record and replaces an older one. The file is not synced: if a power cut destroys
    /// it, a later check is less certain, but no recipient is mailed twice.
    pub(crate) fn write(&self, state_dir: &Path) -> io::Result<()> {
        let dir = directory(state_dir);
        std::fs::DirBuilder::new().recursive(true).mode(0o700).create(&dir)?;
        let mut file = tempfile::Builder::new().prefix(".run-").suffix(".tmp").tempfile_in(&dir)?;
        serde_json::to_writer(&mut file, self)?;
        file.write_all(b"\n")?;
        file.persist(path(state_dir, &self.run)).map_err(|e| e.error)?;
        Ok(())
    }

    /// Reads a record; `None` if it is damaged or has another format.
    pub(crate) fn read(state_dir: &Path, run: &str) -> Option<Self> {
        let text = files::read(&path(state_dir, run), MOST).ok()?;
        serde_json::from_slice::<Self>(&text).ok().filter(|record| record.run == run)
    }
}

/// Fails with [`io::ErrorKind::InvalidInput`] if the record's path is neither a regular file nor a
/// directory. A directory at this path counts as a record that cannot be read.
pub(crate) fn refuse_others(state_dir: &Path, run: &str) -> io::Result<()> {
    let path = path(state_dir, run);
    match files::open(&path) {
        Err(e) if e.kind() == io::ErrorKind::InvalidInput && !path.is_dir() => {
            Err(io::Error::new(e.kind(), format!("{}: {e}", path.shown())))
        }
        _ => Ok(()),
    }
}

/// The directory of the records.
pub(crate) fn directory(state_dir: &Path) -> PathBuf {
    state_dir.join("runs")
}

/// The path of a run's record.
pub(crate) fn path(state_dir: &Path, run: &str) -> PathBuf {
    directory(state_dir).join(format!("{run}.json"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_record_of_version_1_is_read() {
        let dir = tempfile::tempdir().expect("a directory");
        std::fs::create_dir(directory(dir.path())).expect("writable");
        let run = "20261121-034500-k3f9";
        let text = format!(
            r#"{{"v":1,"run":"{run}","campaign":"spring","env":null,"list_fingerprint":"ab","batches":7}}"#
        );
        std::fs::write(path(dir.path(), run), text).expect("writable");
        let record = RunRecord::read(dir.path(), run).expect("a record");
        assert_eq!(
            (record.batches, record.message_fingerprint, record.apart, record.report),
            (7, None, None, None)
        );
    }

    #[test]
    fn a_record_of_version_3_has_no_digest() {
        let mark: ReportMark = serde_json::from_str(r#"{"number":2,"rows":9,"reached":7}"#)
            .expect("what version 3 wrote");
        assert_eq!(mark, ReportMark { number: 2, rows: 9, reached: 7, digest: None });
    }
}
