//! Events as the ledger keeps them: which recipient they are about, and what was learned from them.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::{LedgerSuppression, RunId};
use crate::model::event::{Event, EventKind};
use crate::provider::RowNumber;

/// How an event found the recipient it is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LinkedBy {
    /// By run and key, which the source returned to us.
    Correlation,
    /// By the token in the envelope sender or a link.
    Token,
    MessageId,
    ProviderId,
    /// By the address alone: the latest message that went there.
    Address,
}

impl LinkedBy {
    /// Whether it names one message of ours, which cannot be guessed, and not just a
    /// person.
    pub fn is_exact(self) -> bool {
        self != Self::Address
    }
}

/// What became of an event that was to be written down.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Seen {
    /// False for an event that is in the ledger already; nothing was changed then.
    pub is_new: bool,
    /// The run and the row it is about, as far as the ledger knows them.
    pub about: Option<(RunId, RowNumber)>,
    pub linked_by: Option<LinkedBy>,
    /// What was learned from it and was not known before. It waits to be written to the suppression
    /// file.
    pub learned: Option<LedgerSuppression>,
    /// It would have suppressed an address, had it not come by mail about one that the ledger
    /// does not know.
    pub doubted: bool,
    /// Free text alone reported it; it is kept and linked to no recipient.
    pub is_hearsay: bool,
}

/// An event as the ledger keeps it.
#[derive(Clone, Debug, Serialize)]
pub struct KeptEvent {
    /// Its number in the ledger; later events have higher ones.
    pub number: i64,
    pub run: Option<RunId>,
    pub row: Option<RowNumber>,
    pub linked_by: Option<LinkedBy>,
    pub received_at: Timestamp,
    #[serde(flatten)]
    pub event: Event,
}

/// Which events are asked for, by number.
#[derive(Clone, Debug, Default)]
pub struct EventQuery {
    /// Only events with a higher number.
    pub after: i64,
    pub limit: usize,
    pub run: Option<RunId>,
    pub kind: Option<EventKind>,
    /// The address, in any case.
    pub email: Option<String>,
    /// With the raw payload, which may be large.
    pub raw: bool,
}

/// A suppression that was learned from an event and is not known to be in the suppression file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unfiled {
    pub number: i64,
    /// Its writing was begun once, so it may be in the file.
    pub begun: bool,
    pub entry: LedgerSuppression,
}

/// The recipient that a token names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Person {
    pub campaign: String,
    pub env: Option<String>,
    /// `None` when the run has been removed.
    pub about: Option<(RunId, RowNumber)>,
    /// What a suppression of this person is called: the address, or after `runs rm` its `sha256:`
    /// form.
    pub entry: String,
    /// For 400 days after its run was removed; `None` while the run is there.
    pub expires_at: Option<Timestamp>,
}
