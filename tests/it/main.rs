//! The integration tests: the real binary against real peers. One module for each theme.

mod docs;
