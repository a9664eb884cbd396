//! The durable truth: who goes, who was claimed, what came of it. The seam that the pipeline and
//! the commands know.
//!
//! [`Ledger`] is what they hold, and `opening` the only place that says which database is behind
//! it. One thread owns the only writing connection of a process to an SQLite ledger; several
//! processes may share the file.

pub mod access;
mod adopted;
mod blame;
mod claims;
#[cfg(test)]
mod conformance;
mod contract;
mod errors;
mod facts;
mod failures;
mod feedback;
mod gates;
mod learned;
mod leases;
pub mod loss;
mod opening;
mod overlap;
mod pauses;
pub mod record;
pub(crate) mod reports;
mod rows;
mod run;
mod seal;
mod sketch;
mod sqlite;
mod tokens;
pub mod trace;
mod trend;
mod unknown;

pub use adopted::{Adopted, LostPeople};
pub use blame::{Refusals, Refused};
pub use claims::{Ask, Claimed, Draft, InsteadOf, Member, Recovered, Settled, Through};
pub use contract::{
    ClaimStore, FeedbackStore, Ledger, LossStore, PlanStore, ReadStore, RunStore, UnknownStore,
    WorkspaceStore,
};
pub use errors::{Leaves, LedgerError, LedgerResult};
pub use facts::{Fact, FactCondition};
pub use failures::{Failures, FailuresQuery, with_failures};
pub use feedback::{EventQuery, KeptEvent, LinkedBy, Person, Seen, Unfiled};
pub use gates::{CanaryEvidence, Gate, Hold};
pub use learned::LedgerSuppression;
pub use leases::{LEASED_AHEAD, Lease, Leased, Portion, Spent, Wish};
pub use opening::{exists, open, open_after_loss, open_copy, open_existing};
pub use overlap::{OtherCampaign, Overlap, OverlapQuery};
pub use pauses::{NewPause, Pause, PauseScope, UnderWay};
pub use rows::{Decision, LedgerRow, PlannedRow, Standing};
pub use run::{ExitReason, Run, RunHead, RunId, RunState};
pub use seal::{APART_SANDBOX, Seal};
pub use sketch::{People, Sketch, person_of, person_seed};
pub(crate) use sqlite::words;
pub use tokens::UsedToken;
pub use trend::Trend;
pub use unknown::{BatchRecord, Interrupted, Proof, Reconciled};
