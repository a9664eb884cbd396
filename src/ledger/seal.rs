//! What is known of a run when its last row has been planned.

use super::{OverlapQuery, People};
use crate::model::literal::CanarySize;
use crate::model::outcome::{Cohort, Outcome};

/// What is known when the last row has been planned.
#[derive(Clone, Debug)]
pub struct Seal {
    pub list_fingerprint: String,
    pub columns: Vec<Vec<String>>,
    pub filtered: u64,
    /// The canary's size for a number of sendable recipients; `None` for no canary.
    pub canary: Option<CanarySize>,
    /// Only this many of the sendable rows go; the others are `held` with reason `limit`.
    pub limit: Option<u64>,
    /// First choices of whole cohorts, which come before those of the rows.
    pub cohorts: Vec<(Cohort, String)>,
    /// The recipients of the run, and the word that keeps it apart from runs of another kind;
    /// `None` where the run reaches no recipient of its list.
    pub people: Option<(String, People)>,
    /// The overlap to ask for before sealing, in the same transaction; `None` where it has been
    /// answered.
    pub overlap: Option<OverlapQuery>,
    /// Only the recipients go that the campaign's run before left with one of these outcomes, the
    /// rejected included; all others keep the outcome that they have there, or are held. `None`
    /// where all go that were not reached.
    pub only: Option<Vec<Outcome>>,
}

/// The word for runs whose mail stays in the sandbox; that for others is empty.
pub(crate) const APART_SANDBOX: &str = "sandbox";
