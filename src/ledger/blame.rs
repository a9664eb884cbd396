//! Collects a provider's refusals in a run. If the refusals prove a fault of the provider, the
//! ledger reopens the refused recipients and does not count the failed attempts.

use crate::provider::RowNumber;

/// A provider's acceptances and refusals in a run so far.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Refusals {
    /// Whether the provider has accepted a message of the run.
    pub has_accepted: bool,
    /// The recipients that the provider rejected permanently since it last accepted a message,
    /// oldest first.
    pub since: Vec<Refused>,
    /// Recipients that the operator reopened after a rejection.
    pub retried: Vec<RowNumber>,
    /// Recipients that were reopened because their refusals proved a fault of the provider.
    pub absolved: Vec<RowNumber>,
    /// The receiving domains of up to three open recipients.
    pub domains: Vec<String>,
}

/// A rejected recipient, with the provider's reply.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refused {
    pub row: RowNumber,
    pub email: String,
    pub domain: String,
    pub code: String,
    pub detail: String,
}
