//! One row of a list, as the readers of all formats give it.

use crate::model::recipient::Fields;

/// One row as it stands in its list.
#[derive(Clone, Debug, PartialEq)]
pub struct ListRow {
    /// The line on which it begins, from 1; in a JSON array the number of the element.
    pub line: u64,
    /// Its fields; a row that is too short is filled up with empty ones, one that is too long is
    /// kept as it is.
    pub fields: Fields,
    /// Why this row is no good although the list can be read on.
    pub defect: Option<String>,
}
