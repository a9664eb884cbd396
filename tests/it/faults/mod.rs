//! Faults on order: killed and stopped processes, servers that drop, garble and delay, disks that
//! fill up or are slow, clocks that jump.
//!
//! The judge of all of them is a model: the plain list of what the server took, and of whom it left
//! in doubt.

mod claims;
mod clock;
mod disk;
pub(crate) mod draws;
mod hours;
mod judge;
pub(crate) mod kills;
mod silence;
mod sinks;
