//! A claim reserves recipients of a run for one batch, and is stored durably before the batch is
//! sent. Settling the claim stores the result of each member.

use jiff::Timestamp;

use super::{Pause, RunId};
use crate::model::literal::Rate;
use crate::model::outcome::{Cohort, Outcome, Reason};
use crate::provider::{Refusal, RowNumber, Verdict};

/// Selects recipients by the provider assigned to them: the provider of the latest attempt, or the
/// planned provider if there was no attempt.
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
    /// Only open rows after this row; rows are numbered from 1. Retries that are due are returned
    /// regardless of their row.
    pub after: RowNumber,
    /// Only recipients at this receiving domain.
    pub only_domain: Option<String>,
    /// No recipients at these receiving domains.
    pub not_domains: Vec<String>,
    pub through: Through,
    pub limit: usize,
    /// Only rows that wait for a retry.
    pub only_due: bool,
    /// Selects only retries that are due at this time. `None` means the current time.
    pub now: Option<Timestamp>,
}

/// A recipient in a claim.
#[derive(Clone, Debug)]
pub struct Member {
    pub row: RowNumber,
    pub message_id: String,
}

/// A batch to claim. The ledger stores it durably before its first byte is sent.
#[derive(Clone, Debug)]
pub struct Draft {
    pub run: RunId,
    pub provider: String,
    pub key: String,
    pub claimed_at: Timestamp,
    pub members: Vec<Member>,
    /// Members that were suppressed after planning. The claim settles them as suppressed, and they
    /// are never sent.
    pub suppressed: Vec<(RowNumber, Reason, String)>,
    /// Caps to check in the same transaction. The ledger refuses a claim that would exceed one of
    /// them.
    pub caps: Vec<Rate>,
    /// The provider's warm-up: the maximum number of submissions on each of its first days. The
    /// ledger checks it like the caps.
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
    /// A cap allows only `room` more recipients now. At `until` it allows the whole draft. Nothing
    /// was claimed.
    Capped { cap: String, room: u64, until: Timestamp },
    /// A pause stops the run or its provider. Nothing was claimed.
    Paused(Box<Pause>),
    /// The ledger file was removed or replaced. Nothing was claimed.
    Lost { ledger: String, what: String },
    /// All members were suppressed; nothing was claimed.
    Nothing,
}

/// The result of one member of a claim.
#[derive(Clone, Debug)]
pub enum Settled {
    /// The verdict is final. The ledger derives the outcome and the reason from it.
    Final(Verdict),
    /// The member waits for a retry at `at` or later. `counts` says whether the failed attempt is
    /// counted.
    Retry { refusal: Refusal, at: Timestamp, counts: bool },
    /// The member's provider failed transiently and is no longer used. The member is reopened at
    /// once and assigned to the provider `to`. `refusal` is `None` if the failed provider did not
    /// attempt the member.
    PassedOn { refusal: Option<Refusal>, counts: bool, to: String, why: String },
    /// The last attempt failed transiently and no retry follows, so the outcome is `deferred`.
    GaveUp { refusal: Refusal, counts: bool },
    /// The time for retries ended before the next attempt began, so the outcome is `deferred`. The
    /// reply of the last attempt is kept.
    Expired,
    /// The attempt never began. The member is reopened, and no attempt is counted.
    Void,
    /// The recipient was suppressed after the claim and before submission, so the message is not
    /// sent.
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

/// The numbers of recipients that recovery after a crash has reopened, settled, or left unknown.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Recovered {
    /// Recipients whose message was certainly not sent completely. Recovery has reopened them.
    pub reopened: u64,
    /// Recipients that were settled by a reply found in the trace.
    pub settled: u64,
    /// Recipients whose message the provider may have accepted.
    pub unknown: u64,
}
