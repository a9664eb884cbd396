//! Reads list files row by row. Memory use does not grow with the list. An error stops the reader,
//! and names the list and the line.
//!
//! ```text
//! file or stdin ─► compression ─► encoding (UTF-8 text, lines counted) ─► delimited | json ─► ListReader ─► rows
//! ```
//!
//! An error in the structure of a list (encoding, columns, damaged file) ends the list. A malformed
//! row is returned with a description of its defect, so that it is counted.

mod column;
mod compression;
pub(crate) mod context;
mod delimited;
mod detect;
mod encoding;
mod filter;
mod findings;
mod fingerprint;
mod foreign;
mod format;
mod json;
mod layout;
mod marks;
mod place;
mod problem;
mod reader;
mod row;
mod source;
mod tidy;

pub(crate) use column::{is_about_mail, is_email_heading, nearest_name};
pub(crate) use detect::{Guess, ReadAs};
pub use filter::Filter;
pub(crate) use findings::{Finding, Kind};
pub(crate) use fingerprint::Fingerprint;
pub(crate) use foreign::{Foreign, foreign};
pub use format::Format;
pub(crate) use layout::{is_delimiter, separator};
pub(crate) use marks::{is_marked, looks_like_address};
pub(crate) use place::Place;
pub use reader::{ListReader, ReadOptions};
pub use row::ListRow;
pub(crate) use source::Source;
pub(crate) use tidy::unwrapped;

/// The maximum size of a single field, in bytes of UTF-8: 1 MiB. A larger field means a missing
/// quote or the wrong file.
pub const MAX_FIELD_BYTES: usize = 1 << 20;

/// The maximum size of a row, in bytes of UTF-8: 4 MiB.
pub(crate) const MAX_RECORD_BYTES: usize = 4 << 20;

/// The maximum number of columns, or of different JSON keys, of one list.
pub(crate) const MAX_COLUMNS: usize = 10_000;
