//! What came back in a week.

use jiff::Timestamp;
use serde::Serialize;

/// Recipients of one provider at one receiving domain, in one week. What came back counts in the
/// week in which it happened.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Trend {
    /// When the week begins: Monday, 00:00 UTC.
    pub week: Timestamp,
    /// Empty where mail reported an address that the ledger does not know.
    pub provider: String,
    /// Empty where it is not known any more.
    pub domain: String,
    pub accepted: u64,
    /// Refused for good at the hand-over.
    pub rejected: u64,
    pub bounced_hard: u64,
    pub bounced_soft: u64,
    pub complained: u64,
    pub unsubscribed: u64,
}
