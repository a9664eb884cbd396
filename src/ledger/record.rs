//! One small file for each run beside the ledger: which campaign the run belongs to and how far the
//! ledger had come.
//!
//! Reports name recipients and no campaign. If the ledger is lost, these records name the campaign
//! that a report belongs to. A ledger that is older than a record is recognised by the number of
//! its last batch. They hold no addresses.

use std::io::{self, Write};
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::files;
use crate::ledger::RunId;
use crate::model::shown::Shown;

/// The version that this program writes; later versions only add fields. Version 1 had neither
/// `message_fingerprint` nor `apart`, version 2 no `report`, version 3 no `report.digest`.
const VERSION: u32 = 4;

/// The most that a record may have, in bytes: many times what is written.
const MOST: u64 = 1 << 20;

/// The word in `apart` for a run whose mail reached no recipient of its list: redirected, or handed
/// to a provider's own sandbox.
pub(crate) const UNREACHED: &str = "unreached";

/// What is known of a run without the ledger.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct RunRecord {
    v: u32,
    pub run: RunId,
    /// The campaign's identity as the ledger has it.
    pub campaign: String,
    pub env: Option<String>,
    /// Hash of the lists' rows: the same hash means the same row numbers.
    pub list_fingerprint: String,
    /// Hash of the message; `None` in a record of version 1.
    #[serde(default)]
    pub message_fingerprint: Option<String>,
    /// With which runs its people are compared: empty for real mail, `sandbox`, or [`UNREACHED`];
    /// `None` in a record of version 1.
    #[serde(default)]
    pub apart: Option<String>,
    /// The number of the ledger's last batch when the run was planned, and a number of its own,
    /// which is higher, when its latest execution ended.
    pub batches: i64,
    /// What its newest report holds; `None` before the first, and in records of versions 1 and 2.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub report: Option<ReportMark>,
}

/// What a report held when it was written. One that is read back is proven to be whole by it, and
/// to be the newest.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct ReportMark {
    /// Which of the run's reports it is, from 1.
    pub number: u32,
    /// How many rows it has.
    pub rows: u64,
    /// How many of them are of recipients who were reached or may have been.
    pub reached: u64,
    /// The digest of its cells, whatever the order of its rows; `None` in a record of version 3.
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

    /// Writes the record, replacing an older one. Not synced: a record that a power cut loses costs
    /// certainty, and no mail.
    pub(crate) fn write(&self, state_dir: &Path) -> io::Result<()> {
        let dir = directory(state_dir);
        std::fs::DirBuilder::new().recursive(true).mode(0o700).create(&dir)?;
        let mut file = tempfile::Builder::new().prefix(".run-").suffix(".tmp").tempfile_in(&dir)?;
        serde_json::to_writer(&mut file, self)?;
        file.write_all(b"\n")?;
        file.persist(path(state_dir, &self.run)).map_err(|e| e.error)?;
        Ok(())
    }

    /// Reads a record; `None` for one that is damaged or of another form.
    pub(crate) fn read(state_dir: &Path, run: &str) -> Option<Self> {
        let text = files::read(&path(state_dir, run), MOST).ok()?;
        serde_json::from_slice::<Self>(&text).ok().filter(|record| record.run == run)
    }
}

/// Errs with [`io::ErrorKind::InvalidInput`] where something else than a file stands in the place
/// of a record. A directory there is a record that cannot be read.
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

/// Where the record of a run lies.
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
