//! Implements the groups of calls of [`Ledger`](crate::ledger::Ledger). Each call passes its work
//! to the right thread.

mod claims;
mod feedback;
mod loss;
mod plan;
mod read;
mod runs;
mod unknown;
mod workspace;
