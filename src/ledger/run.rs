//! A run as the ledger knows it.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::Gate;
use crate::model::outcome::Kind;

/// The name of a run: sortable by time and short enough to type (`20261121-034500-k3f9`).
pub(crate) type RunId = String;

/// How far a run has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RunState {
    /// Its rows are still being written; nothing may be sent. Dropped when found at the next start.
    Planning,
    /// Planned, and there is work left.
    Open,
    /// Every row has a final outcome, or the run was closed by a newer one or by `--abandon`.
    Finished,
}

/// Everything about a run that is frozen when it is planned.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct RunHead {
    pub campaign: String,
    pub env: Option<String>,
    pub kind: Kind,
    /// The provider it was planned for.
    pub provider: String,
    /// The lists as typed, in order.
    pub lists: Vec<String>,
    /// Hash of the lists' rows.
    pub list_fingerprint: String,
    /// Hash of the message and its attachments.
    pub message_fingerprint: String,
    /// The message as `message` freezes it, attachments included: a run needs nothing but the
    /// ledger.
    pub message: serde_json::Value,
    /// Whatever else the pipeline froze (`--redirect-all-to`, dedupe, the canary's rule).
    pub settings: serde_json::Value,
}

impl RunHead {
    /// The campaign as people see it: without the fingerprint of paths that
    /// separates unnamed ones.
    pub fn name(&self) -> &str {
        self.campaign.split('#').next().unwrap_or(&self.campaign)
    }
}

/// A run as `runs`, `status` and the planner see it.
#[derive(Clone, Debug, Serialize)]
pub struct Run {
    pub id: RunId,
    pub head: RunHead,
    pub state: RunState,
    pub gate: Gate,
    pub started_at: Timestamp,
    pub finished_at: Option<Timestamp>,
    /// The columns of each list, in order.
    pub columns: Vec<Vec<String>>,
    /// Exit code of the latest execution.
    pub exit: Option<u8>,
    /// What earned it, and every other code that was earned. Empty for an execution of an earlier
    /// version.
    pub exit_reasons: Vec<ExitReason>,
    /// Rows filtered out by `--where`; not rows in.
    pub filtered: u64,
}

/// An exit code that an execution has earned, and what earned it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ExitReason {
    pub exit: u8,
    pub why: String,
}

impl Run {
    /// The version of the message that the run sends: the first digits of its fingerprint, and when
    /// it was planned.
    pub fn message_version(&self) -> String {
        let fingerprint = &self.head.message_fingerprint;
        format!("{} of {:.0}", fingerprint.get(..12).unwrap_or(fingerprint), self.started_at)
    }
}
