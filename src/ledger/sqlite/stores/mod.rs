//! The groups of calls of [`Ledger`](crate::ledger::Ledger): each hands the work to the thread that
//! it belongs to.

mod claims;
mod feedback;
mod loss;
mod plan;
mod read;
mod runs;
mod unknown;
mod workspace;
