//! Refusals of a run as evidence about a provider, and reversing what recipients were charged with
//! for a provider's own fault.

use crate::provider::RowNumber;

/// How a provider has treated the recipients of a run so far.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Refusals {
    /// Whether it has accepted a message of the run.
    pub has_accepted: bool,
    /// The recipients that it refused for good since it last accepted one, oldest first.
    pub since: Vec<Refused>,
    /// Recipients that a person has opened again after they were rejected.
    pub retried: Vec<RowNumber>,
    /// Recipients that were opened again because their refusals proved a provider's fault.
    pub absolved: Vec<RowNumber>,
    /// The receiving domains of open recipients, three at most.
    pub domains: Vec<String>,
}

/// A recipient that was rejected, with the provider's words.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refused {
    pub row: RowNumber,
    pub email: String,
    pub domain: String,
    pub code: String,
    pub detail: String,
}
