//! Facts about providers that the workspace remembers from one run to the next.

use jiff::Timestamp;

/// One fact, such as whether a relay accepts commands sent right after the final dot of a message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fact {
    /// The kind of fact. Each kind is written and read by one module, which documents the values.
    pub kind: String,
    /// The provider's name, or the server's host, port and software. Never an address or a secret.
    pub subject: String,
    /// The value, in the format that the kind's module defines.
    pub value: String,
    /// When the fact was observed.
    pub at: Timestamp,
}

/// Decides from all facts of the same kind whether a new fact may be stored.
pub(crate) type FactCondition = Box<dyn Fn(&[Fact]) -> bool + Send>;
