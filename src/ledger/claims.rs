//! Claims: which recipients may be claimed, what a claim makes durable, and how its members are
//! settled.

use jiff::Timestamp;

use super::{Pause, RunId};
use crate::model::literal::Rate;
use crate::model::outcome::{Cohort, Outcome, Reason};
use crate::provider::{Refusal, RowNumber, Verdict};

/// Recipients by the provider that is to take them: their first choice, or who had them last.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Through {
    #[default]
    Any,
    Only(String),
    /// All but those of these providers.
    Not(Vec<String>),
}

/// Which recipients of a run may be claimed next.
#[derive(Clone, Debug, Default)]
pub struct Ask {
    pub cohort: Option<Cohort>,
    /// Rows after this one (rows are counted from 1); retries that are due come first whatever
    /// their row.
    pub after: RowNumber,
    /// Only this receiving domain.
    pub only_domain: Option<String>,
    /// None of these receiving domains.
    pub not_domains: Vec<String>,
    pub through: Through,
    pub limit: usize,
    /// Only rows waiting for another attempt.
    pub only_due: bool,
    /// Rows waiting for another attempt count when they are due by then; `None` is the present.
    pub now: Option<Timestamp>,
}

/// A member of a claim.
#[derive(Clone, Debug)]
pub struct Member {
    pub row: RowNumber,
    pub message_id: String,
}

/// What becomes durable before the wire is touched.
#[derive(Clone, Debug)]
pub struct Draft {
    pub run: RunId,
    pub provider: String,
    pub key: String,
    pub claimed_at: Timestamp,
    pub members: Vec<Member>,
    /// Members that are suppressed by now: settled in the same transaction, never sent.
    pub suppressed: Vec<(RowNumber, Reason, String)>,
    /// Checked in the same transaction; the claim is refused where one would be passed.
    pub caps: Vec<Rate>,
    /// The most hand-overs on each of the provider's first days; checked as caps are.
    pub ramp: Vec<u32>,
    /// The provider that the members were planned for, and why it is not used; `None` where this
    /// one is the one.
    pub instead_of: Option<InsteadOf>,
}

/// A provider that is passed over.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InsteadOf {
    pub provider: String,
    pub why: String,
}

/// The answer to a claim.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Claimed {
    /// The batch's number.
    Batch(i64),
    /// A cap allows only `room` more now, and the whole draft again at `until`. Nothing was
    /// claimed.
    Capped { cap: String, room: u64, until: Timestamp },
    /// A pause is in force for the run, or for the provider alone. Nothing was claimed.
    Paused(Box<Pause>),
    /// The ledger is gone, or another one stands in its place. Nothing was claimed.
    Lost { ledger: String, what: String },
    /// All members were suppressed; nothing was claimed.
    Nothing,
}

/// What a settled member becomes.
#[derive(Clone, Debug)]
pub enum Settled {
    /// The verdict is final; the ledger derives outcome and reason.
    Final(Verdict),
    /// Open again, not before `at`.
    Retry { refusal: Refusal, at: Timestamp, counts: bool },
    /// Still transient when its provider was given up: open again at once, and to go through the
    /// provider `to` from now on. Without a refusal it was not attempted once more.
    PassedOn { refusal: Option<Refusal>, counts: bool, to: String, why: String },
    /// Still transient when we gave up: `deferred`.
    GaveUp { refusal: Refusal, counts: bool },
    /// Its retries were over before another attempt could begin: `deferred`, as its last attempt
    /// left it.
    Expired,
    /// Never begun: open again, nothing counted.
    Void,
    /// Suppressed by us between claim and hand-over.
    Screened { reason: Reason, detail: String },
}

impl Settled {
    /// The outcome that the member has now; `None` where it is open again.
    pub(crate) fn outcome(&self) -> Option<Outcome> {
        match self {
            Self::Final(verdict) => verdict.outcome(),
            Self::Screened { .. } => Some(Outcome::Suppressed),
            Self::GaveUp { .. } | Self::Expired => Some(Outcome::Deferred),
            Self::Retry { .. } | Self::PassedOn { .. } | Self::Void => None,
        }
    }
}

/// What recovery found and did.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Recovered {
    /// Claimed, but certainly never completed: open again.
    pub reopened: u64,
    /// Answered before the crash; the verdict was in the trace.
    pub settled: u64,
    /// May have been taken.
    pub unknown: u64,
}
