//! Checks whether most recipients of a planned run have received, or are about to receive, the same
//! message under another campaign.

use jiff::Timestamp;

use super::{People, RunId};

/// The overlap query of a run that is about to be sealed.
#[derive(Clone, Debug)]
pub struct OverlapQuery {
    /// The campaign of the planned run. Its own runs are ignored.
    pub campaign: String,
    pub env: Option<String>,
    /// The class of runs to compare with: empty for real mail, `sandbox` for the sandbox.
    pub apart: String,
    pub message_fingerprint: String,
    pub people: People,
    /// Submissions before this time are ignored.
    pub since: Timestamp,
    /// The names of sandbox providers, to classify runs that have no sketch.
    pub sandboxes: Vec<String>,
}

/// The result if other campaigns reached, may have reached, or are about to reach at least half of
/// the recipients and at least ten of them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Overlap {
    /// The number of recipients that other campaigns reached: accepted, or with an unknown outcome.
    pub reached: u64,
    /// The number of further recipients that are planned or claimed in an unfinished run.
    pub coming: u64,
    /// The number of recipients in the query.
    pub of: u64,
    /// Whether the numbers are exact counts. Otherwise they are estimates.
    pub is_exact: bool,
    /// The campaign that reaches the most of these recipients.
    pub campaign: String,
    /// The newest run of that campaign with some of these recipients; empty if its name is no
    /// longer stored.
    pub run: RunId,
    /// When that campaign last submitted a message to these recipients. The current time if some of
    /// them are still planned.
    pub at: Timestamp,
    /// False if the overlap is with a lost run whose message is unknown.
    pub is_message_known: bool,
    /// Every campaign that reaches some of the recipients, largest number first.
    pub others: Vec<OtherCampaign>,
}

/// Another campaign that reaches some of a planned run's recipients.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OtherCampaign {
    /// The campaign's id.
    pub campaign: String,
    /// The newest run with some of these recipients; empty if its name is no longer stored.
    pub run: RunId,
    /// The number of recipients that both have; an estimate unless `Overlap::is_exact`.
    pub people: u64,
}
