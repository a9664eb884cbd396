//! The durable data of a workspace: planned, claimed and settled recipients with their outcomes.
//! This module is the interface for the pipeline and the commands.
//!
//! Callers use the trait [`Ledger`]; only `opening` names the database that implements it. Each
//! process writes to an SQLite ledger through one thread with one connection. Several processes may
//! share the file.

pub(crate) mod access;
mod adopted;
mod blame;
mod carry;
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
pub(crate) mod loss;
mod opening;
mod overlap;
mod pauses;
pub(crate) mod record;
pub(crate) mod reports;
mod rows;
mod run;
mod seal;
mod sketch;
mod sqlite;
pub(crate) mod state_files;
mod tokens;
pub(crate) mod trace;
mod trend;
mod unknown;

pub(crate) use adopted::{Adopted, LostPeople};
pub(crate) use blame::{Refusals, Refused};
pub(crate) use carry::{CarryQuery, PlannedPerson};
pub(crate) use claims::{Ask, Claimed, Draft, InsteadOf, Member, Recovered, Settled, Through};
pub(crate) use contract::{
    ClaimStore, FeedbackStore, Ledger, LossStore, PlanStore, ReadStore, RunStore, UnknownStore,
    WorkspaceStore,
};
pub(crate) use errors::LedgerResult;
pub(crate) use errors::{Leaves, LedgerError};
pub(crate) use facts::Fact;
pub(crate) use facts::FactCondition;
pub(crate) use failures::with_failures;
pub(crate) use failures::{Failures, FailuresQuery};
pub(crate) use feedback::{EventQuery, KeptEvent, LinkedBy, Person, Seen, Unfiled};
pub(crate) use gates::{CanaryEvidence, Gate, Hold};
pub use learned::LedgerSuppression;
pub(crate) use leases::LEASED_AHEAD;
pub(crate) use leases::{Lease, Leased, Portion, Spent, Wish};
pub use opening::open;
pub(crate) use opening::{exists, open_after_loss, open_copy, open_existing};
pub(crate) use overlap::{OtherCampaign, Overlap, OverlapQuery};
pub(crate) use pauses::{NewPause, Pause, PauseScope, UnderWay};
pub(crate) use rows::{Decision, LedgerRow, PlannedRow, Standing, fitting};
pub(crate) use run::RunId;
pub(crate) use run::{ExitReason, Run, RunHead, RunState};
pub(crate) use seal::APART_SANDBOX;
pub(crate) use seal::Seal;
pub(crate) use sketch::People;
pub(crate) use sketch::{Sketch, person_of, person_seed};
pub(crate) use sqlite::codes;
pub(crate) use tokens::UsedToken;
pub(crate) use trend::Trend;
pub(crate) use unknown::Interrupted;
pub(crate) use unknown::{BatchRecord, Proof, Reconciled};
