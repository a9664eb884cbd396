//! The result of reading a message.

use crate::model::event::Event;

/// What a message reports.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Parsed {
    /// One event for each recipient, at least one.
    Events(Vec<Event>),
    /// No event, and the reason.
    Nothing(&'static str),
}
