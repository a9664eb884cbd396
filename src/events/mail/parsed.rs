//! What a message is read into.

use crate::model::event::Event;

/// What a message reports.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Parsed {
    /// One event for each recipient that it is about, at least one.
    Events(Vec<Event>),
    /// Nothing to learn from, and why.
    Nothing(&'static str),
}
