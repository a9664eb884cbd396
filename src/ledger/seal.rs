//! The data that the ledger needs to end the planning of a run.

use super::{OverlapQuery, People};
use crate::model::literal::CanarySize;
use crate::model::outcome::{Cohort, Outcome};

/// The results of planning that are complete only after the last row.
#[derive(Clone, Debug)]
pub struct Seal {
    pub list_fingerprint: String,
    pub columns: Vec<Vec<String>>,
    pub filtered: u64,
    /// The canary's size, as a share or number of the sendable recipients; `None` for no canary.
    pub canary: Option<CanarySize>,
    /// The maximum number of sendable rows to send. Further rows become `held` with reason `limit`.
    pub limit: Option<u64>,
    /// The provider to try first for a whole cohort, instead of the provider planned for each row.
    pub cohorts: Vec<(Cohort, String)>,
    /// The class of runs to compare with (see [`OverlapQuery::apart`]) and the sketch of the
    /// recipients. `None` if the run reaches no recipient of its list.
    pub people: Option<(String, People)>,
    /// The overlap query to run before sealing, in the same transaction. `None` if the operator has
    /// already decided to send.
    pub overlap: Option<OverlapQuery>,
    /// Send only to recipients that have one of these outcomes in the campaign's previous run,
    /// including rejected ones. Other recipients keep their outcome from that run, or become `held`
    /// if that run did not contain them. `None` sends to all recipients that were not reached.
    pub only: Option<Vec<Outcome>>,
}

/// The value of `apart` for runs whose mail stays in the sandbox. For runs with real mail it is
/// empty.
pub(crate) const APART_SANDBOX: &str = "sandbox";
