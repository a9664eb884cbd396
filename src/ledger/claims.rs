//! Claims. A claim reserves recipients of a run for one batch, durably, before the batch is sent.
//! Settling a claim records the result of each member.

use jiff::Timestamp;

use super::{Pause, RunId};
use crate::model::literal::Rate;
use crate::model::outcome::{Cohort, Outcome, Reason};
use crate::provider::{Refusal, RowNumber, Verdict};

/// Selects recipients by the provider assigned to them: the planned provider, or the one that had
/// the latest attempt.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Through {
    #[default]
    Any,
    Only(String),
    /// Recipients assigned to any provider that is not in this list.
    Not(Vec<String>),
}

/// Selects the recipients of a run that may be claimed next.
#[derive(Clone, Debug, Default)]
pub struct Ask {
    pub cohort: Option<Cohort>,
    /// Only rows after this one; rows are counted from 1. Retries that are due come first, whatever
    /// their row.
    pub after: RowNumber,
    /// Only recipients at this receiving domain.
    pub only_domain: Option<String>,
    /// No recipients at these receiving domains.
    pub not_domains: Vec<String>,
    pub through: Through,
    pub limit: usize,
    /// Only rows that wait for a retry.
    pub only_due: bool,
    /// The time at which a retry must be due to be selected. `None` means now.
    pub now: Option<Timestamp>,
}

/// A recipient in a claim.
#[derive(Clone, Debug)]
pub struct Member {
    pub row: RowNumber,
    pub message_id: String,
}

/// What the ledger stores durably before the first byte of the batch is sent.
#[derive(Clone, Debug)]
pub struct Draft {
    pub run: RunId,
    pub provider: String,
    pub key: String,
    pub claimed_at: Timestamp,
    pub members: Vec<Member>,
    /// Members that have been suppressed since they were planned. The claim's transaction settles
    /// them, and they are never sent.
    pub suppressed: Vec<(RowNumber, Reason, String)>,
    /// Caps to check in the same transaction. The ledger refuses a claim that would exceed one of
    /// them.
    pub caps: Vec<Rate>,
    /// The maximum number of submissions on each of the provider's first days, checked like the
    /// caps.
    pub ramp: Vec<u32>,
    /// The planned provider that this claim bypasses, and why. `None` if `provider` is the planned
    /// one.
    pub instead_of: Option<InsteadOf>,
}

/// A provider that was bypassed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InsteadOf {
    pub provider: String,
    pub why: String,
}

/// The result of a claim.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Claimed {
    /// The batch's number.
    Batch(i64),
    /// A cap has room for only `room` more recipients now, and for the whole draft at `until`.
    /// Nothing was claimed.
    Capped { cap: String, room: u64, until: Timestamp },
    /// A pause is in force for the run or for its provider. Nothing was claimed.
    Paused(Box<Pause>),
    /// The ledger file was removed or replaced. Nothing was claimed.
    Lost { ledger: String, what: String },
    /// All members were suppressed; nothing was claimed.
    Nothing,
}

/// The result of a claim's member.
#[derive(Clone, Debug)]
pub enum Settled {
    /// The verdict is final. The ledger derives the outcome and the reason from it.
    Final(Verdict),
    /// Reopened, with a retry at `at` or later. `counts` says whether the attempt counts.
    Retry { refusal: Refusal, at: Timestamp, counts: bool },
    /// The provider failed transiently and is not used any more. The member is reopened at once and
    /// assigned to the provider `to`. `refusal` is `None` if there was no further attempt.
    PassedOn { refusal: Option<Refusal>, counts: bool, to: String, why: String },
    /// The last attempt failed transiently and no retry follows: `deferred`.
    GaveUp { refusal: Refusal, counts: bool },
    /// The time for retries ended before the next attempt could begin: `deferred`, with the reply
    /// of the last attempt.
    Expired,
    /// The attempt never began. The member is reopened and nothing is counted.
    Void,
    /// The recipient was suppressed between claim and submission.
    Screened { reason: Reason, detail: String },
}

impl Settled {
    /// The member's new outcome; `None` if the member is open again.
    pub(crate) fn outcome(&self) -> Option<Outcome> {
        match self {
            Self::Final(verdict) => verdict.outcome(),
            Self::Screened { .. } => Some(Outcome::Suppressed),
            Self::GaveUp { .. } | Self::Expired => Some(Outcome::Deferred),
            Self::Retry { .. } | Self::PassedOn { .. } | Self::Void => None,
        }
    }
}

/// What recovery after a crash found and changed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Recovered {
    /// Recipients whose message was certainly not sent completely. They are open again.
    pub reopened: u64,
    /// Recipients whose reply was in the trace. That reply settled them.
    pub settled: u64,
    /// Recipients that the provider may have accepted.
    pub unknown: u64,
}
