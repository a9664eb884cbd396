//! Data that the ledger imports from the files of lost runs. A run is lost if its report or trace
//! still exists, but the ledger does not contain the run.

use jiff::Timestamp;

use super::{People, RunId};
use crate::model::outcome::{Outcome, Reason};

/// The outcome of a recipient in a lost run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Adopted {
    /// The recipient's key.
    pub key: String,
    /// The address that the lost run mailed.
    pub email: String,
    /// `None` for `deferred` and `held` recipients, because a later run may mail them.
    pub outcome: Option<(Outcome, Option<Reason>)>,
}

/// The recipients that a lost run reached, according to the files that remain in the state
/// directory. A field is `None` if no file gives its value. Comparisons treat `None` as equal to
/// any value.
#[derive(Clone, Debug)]
pub struct LostPeople {
    pub run: RunId,
    pub campaign: String,
    /// The outer `None` means that the environment is unknown. The inner `None` means that the run
    /// had no environment.
    pub env: Option<Option<String>>,
    pub apart: Option<String>,
    pub message_fingerprint: Option<String>,
    pub people: People,
    /// When the lost run last submitted a message to one of these recipients.
    pub at: Timestamp,
}
