//! The recipients of a run as the ledger stores them, and their totals.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::Serialize;

use super::RunId;
use crate::model::outcome::{Cohort, Outcome, Reason, Tally};
use crate::model::planned_file;
use crate::provider::RowNumber;

/// A row as the planner writes it.
#[derive(Clone, Debug)]
pub struct PlannedRow {
    pub row: RowNumber,
    pub list: u32,
    pub line: u64,
    /// The address as it is sent to the server, or the raw cell if it is not a valid address.
    pub email: String,
    /// The receiving domain; empty if the address is invalid.
    pub domain: String,
    /// The recipient's key; empty if the address is invalid.
    pub key: String,
    /// The list's columns, encoded by `Fields::encode`.
    pub fields: String,
    /// The attachments of this row, encoded by `planned_file::encode`.
    pub files: Option<String>,
    /// The outcome, reason and detail of a row that is not sent; `None` for a row to be sent.
    pub outcome: Option<(Outcome, Reason, String)>,
    /// A keyed hash that orders the canary's draw. It is the same after a restart.
    pub draw: i64,
    /// Whether the recipient is in every canary (`always`).
    pub always: bool,
    /// The provider to try first; empty if the run has only one.
    pub provider: String,
}

/// A row as the ledger stores it.
#[derive(Clone, Debug)]
pub struct LedgerRow {
    pub row: RowNumber,
    pub list: u32,
    pub line: u64,
    pub email: String,
    pub domain: String,
    pub key: String,
    pub fields: String,
    /// The attachments of this row, encoded by `planned_file::encode`.
    pub files: Option<String>,
    pub cohort: Cohort,
    pub outcome: Option<Outcome>,
    pub reason: Option<Reason>,
    pub code: String,
    pub detail: String,
    pub provider: String,
    pub batch: Option<i64>,
    pub attempts: u32,
    pub message_id: String,
    pub provider_id: String,
    pub first_at: Option<Timestamp>,
    pub last_at: Option<Timestamp>,
    pub feedback: String,
    /// The earlier run from which this outcome was carried over.
    pub carried_from: Option<RunId>,
    /// Whether the row waits for a retry. It is claimed when the retry is due, regardless of the
    /// plan order.
    pub is_retry: bool,
}

/// The maximum total size of the rows' attachments in one claim, in bytes. A single row may exceed
/// it.
const FILES_TOGETHER: u64 = 4 << 20;

/// Returns how many of the first rows, at least one, may be rendered together. Their attachments
/// are in memory at the same time, so their total size is limited.
pub(crate) fn fitting(rows: &[LedgerRow]) -> usize {
    let mut bytes = 0;
    let fits = |row: &&LedgerRow| {
        let files = planned_file::decode(row.files.as_deref()).unwrap_or_default();
        bytes += files.iter().map(|file| file.size).sum::<u64>();
        bytes <= FILES_TOGETHER
    };
    rows.iter().take_while(fits).count().max(1)
}

/// The totals of a run's rows.
#[derive(Clone, Debug, Default)]
pub struct Standing {
    pub tally: Tally,
    /// The totals of the canary alone.
    pub canary: Tally,
    /// When the last recipient of the canary was submitted.
    pub canary_at: Option<Timestamp>,
    /// Recipients rejected by an attempt of this run. Rejections carried over from an earlier run
    /// do not count.
    pub rejected_here: u64,
    /// The number of recipients for each outcome and reason.
    pub reasons: BTreeMap<(Outcome, Reason), u64>,
    /// The number of recipients for each value of `mb_feedback`.
    pub feedback: BTreeMap<String, u64>,
}

/// One entry in the history of a recipient, as `why` shows it.
#[derive(Clone, Debug, Serialize)]
pub struct Decision {
    pub at: Timestamp,
    /// A short description of the decision: `planned`, `claimed in batch 12`, `deferred`.
    pub what: String,
    pub detail: String,
}
