//! Events as the ledger stores them, with the recipient of each event and the suppression learned
//! from the event.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::{LedgerSuppression, RunId};
use crate::model::event::{Event, EventKind};
use crate::provider::RowNumber;

/// How the recipient of an event was identified.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LinkedBy {
    /// By the run and key that the provider returned with the event.
    Correlation,
    /// By the token in the envelope sender or in a link.
    Token,
    MessageId,
    ProviderId,
    /// By the address alone. The event is assigned to the latest message sent to the address.
    Address,
}

impl LinkedBy {
    /// Whether the event names a single message by an identifier that cannot be guessed. False if
    /// the event names only an address.
    pub fn is_exact(self) -> bool {
        self != Self::Address
    }
}

/// The result of storing an event.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Seen {
    /// False if the ledger already had the event. In this case nothing was changed.
    pub is_new: bool,
    /// The run and row that the event is about; `None` if the ledger finds no such recipient.
    pub about: Option<(RunId, RowNumber)>,
    pub linked_by: Option<LinkedBy>,
    /// The new suppression learned from the event. The suppression file does not contain it yet.
    pub learned: Option<LedgerSuppression>,
    /// The event came by mail and the ledger does not know its address, so the event did not
    /// suppress the address.
    pub doubted: bool,
    /// Only free text reported the event. The ledger stores the event, but does not link it to a
    /// recipient.
    pub is_hearsay: bool,
}

/// An event as the ledger stores it.
#[derive(Clone, Debug, Serialize)]
pub struct KeptEvent {
    /// The event's number in the ledger. Later events have higher numbers.
    pub number: i64,
    pub run: Option<RunId>,
    pub row: Option<RowNumber>,
    pub linked_by: Option<LinkedBy>,
    pub received_at: Timestamp,
    #[serde(flatten)]
    pub event: Event,
}

/// Selects events, ordered by number.
#[derive(Clone, Debug, Default)]
pub struct EventQuery {
    /// Only events with a number above this one.
    pub after: i64,
    pub limit: usize,
    pub run: Option<RunId>,
    pub kind: Option<EventKind>,
    /// Only events about this address, compared without case.
    pub email: Option<String>,
    /// Include the raw payload, which may be large.
    pub raw: bool,
}

/// A suppression that was learned from an event, and that may be missing from the suppression file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unfiled {
    pub number: i64,
    /// An earlier process began to write the suppression to the file, so the file may already
    /// contain it.
    pub begun: bool,
    pub entry: LedgerSuppression,
}

/// The recipient that a token names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Person {
    pub campaign: String,
    pub env: Option<String>,
    /// The run and row of the recipient; `None` if the run has been removed.
    pub about: Option<(RunId, RowNumber)>,
    /// The suppression entry for this recipient: the address, or its `sha256:` form after `runs
    /// rm`.
    pub entry: String,
    /// When the token expires: 400 days after the run was removed. `None` while the run exists.
    pub expires_at: Option<Timestamp>,
}
