//! Recipients of a run as the ledger holds them, and how they stand.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::Serialize;

use super::RunId;
use crate::model::outcome::{Cohort, Outcome, Reason, Tally};
use crate::provider::RowNumber;

/// What the planner decides about a row when it writes it.
#[derive(Clone, Debug)]
pub struct PlannedRow {
    pub row: RowNumber,
    pub list: u32,
    pub line: u64,
    /// The address as it goes on the wire, or the raw text of the cell when it is no address.
    pub email: String,
    /// The receiving domain; empty when the address is invalid.
    pub domain: String,
    /// The recipient's key; empty when the address is invalid.
    pub key: String,
    /// `Fields::encode`.
    pub fields: String,
    /// `None` for a row that is to be sent.
    pub outcome: Option<(Outcome, Reason, String)>,
    /// Keyed hash that orders the draw of the canary; the same after a restart.
    pub draw: i64,
    /// In every canary (`always`).
    pub always: bool,
    /// Who goes first; empty where the run has one provider.
    pub provider: String,
}

/// A row as the ledger holds it.
#[derive(Clone, Debug)]
pub struct LedgerRow {
    pub row: RowNumber,
    pub list: u32,
    pub line: u64,
    pub email: String,
    pub domain: String,
    pub key: String,
    pub fields: String,
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
    /// The run whose outcome this one has taken over.
    pub carried_from: Option<RunId>,
    /// Waits for another attempt; such a row is handed out when it is due, out of plan order.
    pub is_retry: bool,
}

/// How a run's rows stand.
#[derive(Clone, Debug, Default)]
pub struct Standing {
    pub tally: Tally,
    /// By cohort: canary, rest.
    pub canary: Tally,
    /// When the last of the canary was handed over.
    pub canary_at: Option<Timestamp>,
    /// Rejected after an attempt of this run, not carried over from an earlier one.
    pub rejected_here: u64,
    /// Outcomes by reason.
    pub reasons: BTreeMap<(Outcome, Reason), u64>,
    /// How many recipients each word of `mb_feedback` is recorded for.
    pub feedback: BTreeMap<String, u64>,
}

/// One decision about one recipient, for `why`.
#[derive(Clone, Debug, Serialize)]
pub struct Decision {
    pub at: Timestamp,
    /// A few words: `planned`, `claimed in batch 12`, `deferred`.
    pub what: String,
    pub detail: String,
}
