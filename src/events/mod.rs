//! Reads events that are received after submission, from any source, into the [`Event`]s of
//! [`crate::model::event`].
//!
//! An event is stored once, together with the suppression that follows from it. It never changes an
//! outcome.
//!
//! A person who knows the bounce address can forge mail. Events from mail are therefore trusted
//! only for recipients that the ledger knows, and not at all if only free text names the recipient.
//! A verified webhook and a provider's event log are trusted for every address.

mod filing;
pub(crate) mod mail;
mod mailboxes;

pub use filing::file_learned;
pub(crate) use mailboxes::Letter;
pub use mailboxes::each_letter;
