//! Counts of acceptances and feedback by week.

use jiff::Timestamp;
use serde::Serialize;

/// The counts for one provider and one receiving domain in one week. An event counts in the week in
/// which it happened.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Trend {
    /// When the week begins: Monday, 00:00 UTC.
    pub week: Timestamp,
    /// The provider's name. Empty for an event that came by mail about an address that the ledger
    /// does not know.
    pub provider: String,
    /// The receiving domain; empty if the ledger no longer knows it.
    pub domain: String,
    pub accepted: u64,
    /// Permanently rejected by the provider during submission.
    pub rejected: u64,
    pub bounced_hard: u64,
    pub bounced_soft: u64,
    pub complained: u64,
    pub unsubscribed: u64,
}
