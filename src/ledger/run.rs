//! A run as the ledger stores it.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::Gate;
use crate::model::outcome::Kind;

/// The id of a run: sortable by time and short enough to type (`20261121-034500-k3f9`).
pub(crate) type RunId = String;

/// The stage of a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RunState {
    /// The run's rows are still being written, and nothing may be sent. The next start deletes such
    /// a run.
    Planning,
    /// The run is planned, and some rows have no final outcome.
    Open,
    /// Every row has a final outcome, or a newer run or `--abandon` closed the run.
    Finished,
}

/// The data of a run that is fixed when it is planned.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct RunHead {
    pub campaign: String,
    pub env: Option<String>,
    pub kind: Kind,
    /// The planned provider.
    pub provider: String,
    /// The lists as typed, in order.
    pub lists: Vec<String>,
    /// Hash of the rows of all lists.
    pub list_fingerprint: String,
    /// Hash of the message and its attachments.
    pub message_fingerprint: String,
    /// The message with its attachments, as stored by `message`. A run can be resumed from the
    /// ledger alone.
    pub message: serde_json::Value,
    /// Other settings fixed by the pipeline (`--redirect-all-to`, dedupe, the canary's rule).
    pub settings: serde_json::Value,
}

impl RunHead {
    /// The campaign's name as shown to the operator. Omits the fingerprint of paths that
    /// distinguishes unnamed campaigns.
    pub fn name(&self) -> &str {
        self.campaign.split('#').next().unwrap_or(&self.campaign)
    }
}

/// A run as `runs`, `status` and the planner read it.
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
    /// Every exit code that applied to the latest execution, with its cause. Empty if an earlier
    /// version of mailbatch ran it.
    pub exit_reasons: Vec<ExitReason>,
    /// The number of rows excluded by `--where`. They do not count as rows of the list.
    pub filtered: u64,
}

/// An exit code that applied to an execution, and its cause.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ExitReason {
    pub exit: u8,
    pub why: String,
}

impl Run {
    /// The version of the run's message: the first digits of its fingerprint, and the time at which
    /// the run was planned.
    pub fn message_version(&self) -> String {
        let fingerprint = &self.head.message_fingerprint;
        format!("{} of {:.0}", fingerprint.get(..12).unwrap_or(fingerprint), self.started_at)
    }
}
