//! A query for the outcomes that a run would take over from earlier runs. The run need not be
//! planned yet.

use crate::model::address::Dedupe;

/// The recipients of a dry run, in the form in which planning would store them.
#[derive(Clone, Debug)]
pub struct CarryQuery {
    pub campaign: String,
    pub env: Option<String>,
    /// The rule that decides whether two addresses belong to the same recipient.
    pub dedupe: Dedupe,
    pub people: Vec<PlannedPerson>,
}

/// A recipient with its key, in the form in which planning would store it.
#[derive(Clone, Debug)]
pub struct PlannedPerson {
    pub key: String,
    pub email: String,
    /// Whether the plan would send to this recipient. A suppressed recipient takes over an
    /// acceptance from an earlier run, but no other outcome.
    pub is_open: bool,
}
