//! The result of reading a message.

use crate::model::event::Event;

/// The events in a message, or the reason why there are none.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Parsed {
    /// One or more events, one for each recipient.
    Events(Vec<Event>),
    /// There is no event, for this reason.
    Nothing(&'static str),
}
