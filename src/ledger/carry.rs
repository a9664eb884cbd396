//! The query that asks which outcomes a run would take over from earlier runs. It needs no planned
//! run.

use crate::model::address::Dedupe;

/// The recipients of a dry run, as a plan would store them.
#[derive(Clone, Debug)]
pub struct CarryQuery {
    pub campaign: String,
    pub env: Option<String>,
    /// The rule that decides which recipients count as the same.
    pub dedupe: Dedupe,
    pub people: Vec<PlannedPerson>,
}

/// A recipient with a key, as a plan would store it.
#[derive(Clone, Debug)]
pub struct PlannedPerson {
    pub key: String,
    pub email: String,
    /// Whether the plan would send to this recipient. A suppressed recipient takes over an earlier
    /// acceptance and no other outcome.
    pub is_open: bool,
}
