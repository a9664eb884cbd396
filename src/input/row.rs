//! One row of a list, from the readers of all formats.

use crate::model::recipient::Fields;

/// One row of a list.
#[derive(Clone, Debug, PartialEq)]
pub struct ListRow {
    /// The line on which it begins, from 1; in a JSON array the number of the element.
    pub line: u64,
    /// Its fields. A row that is too short is filled with empty ones; one that is too long is kept.
    pub fields: Fields,
    /// Why this row is unusable although reading can continue.
    pub defect: Option<String>,
}
