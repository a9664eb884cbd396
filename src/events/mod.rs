//! Reads events that arrive after submission, such as bounces and complaints, from mail, webhooks
//! and provider logs into [`Event`]s of [`crate::model::event`].
//!
//! Each event is stored once, together with the suppression that follows from it. An event never
//! changes the outcome of a row.
//!
//! Anyone who knows the bounce address can forge mail. Events from mail are therefore trusted only
//! for recipients that the ledger knows, and never if only free text names the recipient. Verified
//! webhooks and provider logs are trusted for every address.

mod filing;
pub(crate) mod mail;
mod mailboxes;

pub use filing::file_learned;
pub(crate) use mailboxes::Letter;
pub use mailboxes::each_letter;
