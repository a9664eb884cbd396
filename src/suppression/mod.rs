//! The addresses that must not be mailed: the suppression files, what the ledger has learned, and
//! the index both are screened by.
//!
//! The rules it keeps: a line that cannot be understood stops the send, because it may name a
//! recipient who must not be mailed; while a run goes on entries are only ever added; and no
//! message names an address, only a file and a line.
//!
//! `entry` is one entry as a value, `format` the columns and quoting of a file, `records` reads it,
//! `gathering` does so into the index, `index` answers look-ups,
//! `watched` notices what changes in it, `screening` joins files and ledger, `edit` is the only
//! writer of a suppression file, `exchange` speaks to people and other tools, and `preset` reads
//! what certain services export.

mod edit;
mod entry;
mod exchange;
mod format;
mod gathering;
mod index;
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
