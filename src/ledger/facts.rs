//! What the workspace remembers about providers from one run to the next.

use jiff::Timestamp;

/// One fact, such as whether a relay takes commands behind the final dot.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fact {
    /// What the fact says; each kind is written and read by one module, which documents its value.
    pub kind: String,
    /// What it is about: a provider's name, or a server's host, port and software. Never an address
    /// or a secret.
    pub subject: String,
    /// In the form that the kind's module gives it.
    pub value: String,
    /// When it was found out.
    pub at: Timestamp,
}

/// Whether a fact may be stored, decided from all facts of its kind.
pub(crate) type FactCondition = Box<dyn Fn(&[Fact]) -> bool + Send>;
