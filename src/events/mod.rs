//! What comes back after the hand-over, whatever way it comes, read into the [`Event`]s of
//! [`crate::model::event`].
//!
//! The rule it keeps: an event is written down once, together with the suppression that follows
//! from it, and never changes an outcome. A person who knows where bounces go can forge mail, so an
//! event out of mail is believed only about recipients that the ledger knows, and about no
//! recipient where only free text names one. A verified webhook and a provider's event log are
//! believed about every address.

mod filing;
pub(crate) mod mail;
mod mailboxes;

pub use filing::file_learned;
pub(crate) use mailboxes::Letter;
pub use mailboxes::each_letter;
