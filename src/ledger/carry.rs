//! The question what a run that is not planned would take over from earlier ones.

use crate::model::address::Dedupe;

/// Recipients of a send that is only tried, as they would be planned.
#[derive(Clone, Debug)]
pub struct CarryQuery {
    pub campaign: String,
    pub env: Option<String>,
    /// How duplicates are found, and so which recipients are the same.
    pub dedupe: Dedupe,
    pub people: Vec<PlannedPerson>,
}

/// A recipient with a key, as a plan would hold it.
#[derive(Clone, Debug)]
pub struct PlannedPerson {
    pub key: String,
    pub email: String,
    /// It is to be sent. One that is suppressed instead takes over nothing but an acceptance.
    pub is_open: bool,
}
