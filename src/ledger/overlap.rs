//! The question whether the people of a planned run had the same message under another campaign.

use jiff::Timestamp;

use super::{People, RunId};

/// What is asked before a run is sealed.
#[derive(Clone, Debug)]
pub struct OverlapQuery {
    /// The campaign that asks; its own runs do not count.
    pub campaign: String,
    pub env: Option<String>,
    /// Only runs with the same word count: real mail is compared with real mail, the sandbox with the sandbox.
    pub apart: String,
    pub message_fingerprint: String,
    pub people: People,
    /// Hand-overs before this moment do not count.
    pub since: Timestamp,
    /// The names of providers that are the sandbox; for runs of which no sketch was kept.
    pub sandboxes: Vec<String>,
}

/// Other campaigns have reached, or may have reached, at least half of the people and at least ten.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Overlap {
    /// How many of them, under any other campaign.
    pub reached: u64,
    /// How many people there are.
    pub of: u64,
    /// Whether both numbers were counted; they are estimates otherwise.
    pub is_exact: bool,
    /// The campaign that reached most of them.
    pub campaign: String,
    /// Its newest run that did; empty when it has been removed.
    pub run: RunId,
    /// Its latest hand-over to them.
    pub at: Timestamp,
}
