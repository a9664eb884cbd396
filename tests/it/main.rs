//! The integration tests: the real binary against real peers. One module for each theme.

mod support;

mod bad_input;
mod breaker;
mod canary;
mod crash;
mod docs;
mod examples;
mod limits;
mod peers;
mod resume;
mod send;
mod servers;
mod signals;
mod suppression;
mod surface;
