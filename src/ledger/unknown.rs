//! What lifts the doubt about recipients of whom it is not known whether they were taken.

use jiff::Timestamp;

use super::Settled;
use crate::provider::JobId;

/// What is said of a recipient of whose batch nothing tells how far it came, nor as which requests it went.
pub const UNTRACED: &str = "the machine or the process stopped before the answer, and no trace tells how far it came";

/// An event which proves that a recipient in doubt was taken.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Proof {
    pub row: JobId,
    /// The event's type, such as `delivered`.
    pub kind: String,
    pub at: Timestamp,
    /// Where it came from, such as `webhook`.
    pub source: String,
    /// The provider that told it; empty for mail.
    pub provider: String,
    /// The provider's name for the message; may be empty.
    pub provider_id: String,
    /// The event's id.
    pub event: String,
}

/// A batch as it was claimed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BatchRecord {
    pub batch: i64,
    pub provider: String,
    pub key: String,
    pub generation: u32,
    pub claimed_at: Timestamp,
    pub members: Vec<JobId>,
}

/// What was found out about a recipient in doubt.
#[derive(Clone, Debug)]
pub struct Reconciled {
    pub row: JobId,
    /// What it becomes; anything that is not final leaves it in doubt.
    pub settled: Settled,
    /// How that is known, or whose word it is.
    pub evidence: String,
}
