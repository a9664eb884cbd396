//! One row of a list, the same for all formats.

use crate::model::recipient::Fields;

/// One row of a list.
#[derive(Clone, Debug, PartialEq)]
pub struct ListRow {
    /// The line on which the row begins, counted from 1. In a JSON array, the number of the
    /// element.
    pub line: u64,
    /// The fields of the row. A row with too few fields is filled with empty ones. A row with too
    /// many fields is kept as it is.
    pub fields: Fields,
    /// The reason why this row is unusable. Reading continues with the next row.
    pub defect: Option<String>,
}
