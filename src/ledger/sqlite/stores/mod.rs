//! Implements the traits that [`Ledger`](crate::ledger::Ledger) combines. Each call passes its work
//! to the thread for writing or to a thread for reading.

mod claims;
mod feedback;
mod loss;
mod plan;
mod read;
mod runs;
mod unknown;
mod workspace;
