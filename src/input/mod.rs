//! List files become rows, one at a time: memory does not grow with the list.

pub mod context;
