//! What is taken over from the files of runs that the ledger has lost.

use jiff::Timestamp;

use super::{People, RunId};
use crate::model::outcome::{Outcome, Reason};

/// What became of a person in a run that the ledger has lost.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Adopted {
    /// The recipient's key.
    pub key: String,
    /// The address as it was mailed.
    pub email: String,
    /// `None` where they may be mailed: `deferred` and `held`.
    pub outcome: Option<(Outcome, Option<Reason>)>,
}

/// The recipients that a lost run reached, as far as what lies beside the ledger says. What
/// nothing says is `None`, and then every question is answered as if it were the same.
#[derive(Clone, Debug)]
pub struct LostPeople {
    pub run: RunId,
    pub campaign: String,
    /// The environment, which may be none.
    pub env: Option<Option<String>>,
    pub apart: Option<String>,
    pub message_fingerprint: Option<String>,
    pub people: People,
    /// Its latest hand-over to them.
    pub at: Timestamp,
}
