//! Suppressed addresses: the suppression files, the suppressions that the ledger has learned, and
//! the index that screens recipients.
//!
//! Rules of this module: An invalid line in a file stops the send, because it may name a suppressed
//! recipient. During a run, entries are only added. Messages name a file and a line, never an
//! address.
//!
//! The modules: `entry` defines one entry. `format` defines the columns and quoting of a file.
//! `lines` and `records` read a file, and `gathering` reads it into the index. `index` answers
//! lookups. `watched` detects changes in a file. `screening` combines files and ledger. `edit` is
//! the only code that writes suppression files. `exchange` imports and exports. `preset` reads the
//! exports of certain services.

mod edit;
mod entry;
mod exchange;
mod format;
mod gathering;
mod index;
mod lines;
mod plain;
mod preset;
mod records;
mod rows;
mod screening;
mod watched;

pub use edit::{append, remove};
pub(crate) use edit::{append_missing, unwritable};
pub(crate) use entry::odd_note;
pub use entry::{Entry, parse_entry};
pub use exchange::{ExportFormat, Listed, export, list};
pub(crate) use exchange::{Import, import};
pub(crate) use preset::{Exported, Preset, import_preset};
pub(crate) use records::Places;
pub use screening::Suppressions;
