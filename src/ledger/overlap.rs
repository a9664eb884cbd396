//! Checks whether the recipients of a planned run received the same message under another campaign,
//! or are about to receive it.

use jiff::Timestamp;

use super::{People, RunId};

/// The query that is answered before a run is sealed.
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

/// Other campaigns reached, may have reached, or are about to reach at least half of the recipients
/// and at least ten of them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Overlap {
    /// How many of them were accepted or are unknown under other campaigns.
    pub reached: u64,
    /// How many more are planned or claimed in an unfinished run.
    pub coming: u64,
    /// The number of recipients in the query.
    pub of: u64,
    /// Whether the numbers are exact counts. Otherwise they are estimates.
    pub is_exact: bool,
    /// The campaign that covers the most recipients.
    pub campaign: String,
    /// The newest run of that campaign that covers recipients; empty if its name is no longer
    /// stored.
    pub run: RunId,
    /// When that campaign last submitted a message to them; the current time if some are still
    /// planned.
    pub at: Timestamp,
    /// False if the overlap depends on a lost run whose message is unknown.
    pub is_message_known: bool,
    /// Every campaign that covers some of the recipients, the largest first.
    pub others: Vec<OtherCampaign>,
}

/// The part of a planned run's recipients that another campaign covers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OtherCampaign {
    /// The campaign's id.
    pub campaign: String,
    /// The newest run that covers some; empty if its name is no longer stored.
    pub run: RunId,
    /// The number of recipients; an estimate unless `Overlap::is_exact`.
    pub people: u64,
}
