//! Whether the recipients of a planned run got the same message under another campaign, or are
//! about to get it.

use jiff::Timestamp;

use super::{People, RunId};

/// What is asked before a run is sealed.
#[derive(Clone, Debug)]
pub struct OverlapQuery {
    /// The campaign that asks; its own runs do not count.
    pub campaign: String,
    pub env: Option<String>,
    /// Only runs with the same word count: real mail is compared with real mail, the sandbox with
    /// the sandbox.
    pub apart: String,
    pub message_fingerprint: String,
    pub people: People,
    /// Hand-overs before this moment do not count.
    pub since: Timestamp,
    /// The names of providers that are the sandbox; for runs of which no sketch was kept.
    pub sandboxes: Vec<String>,
}

/// Other campaigns have reached, may have reached, or are about to reach at least half of the
/// people and at least ten.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Overlap {
    /// How many of them were accepted or are unknown, under any other campaign.
    pub reached: u64,
    /// How many more are planned or under way in a run that is not finished.
    pub coming: u64,
    /// How many recipients the question is about.
    pub of: u64,
    /// Whether the numbers were counted; they are estimates otherwise.
    pub is_exact: bool,
    /// The campaign that has most of them.
    pub campaign: String,
    /// Its newest run that does; empty when its name is not known any more.
    pub run: RunId,
    /// Its latest hand-over to them; now where some are still to come.
    pub at: Timestamp,
    /// False where it counts only if a run that the ledger has lost had this message, which nothing
    /// says.
    pub is_message_known: bool,
    /// Every campaign that has some of them, the one with most first.
    pub others: Vec<OtherCampaign>,
}

/// What one campaign has of the people of a planned run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OtherCampaign {
    /// Its id.
    pub campaign: String,
    /// Its newest run that has some; empty when its name is not known any more.
    pub run: RunId,
    /// How many of them; an estimate where the overlap is one.
    pub people: u64,
}
