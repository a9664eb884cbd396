//! Computes a digest of a list's content. A later start of the run compares it to detect a changed
//! list.

use ring::digest::{Context, SHA256};

use crate::model::recipient::{Columns, Fields};

/// The SHA-256 of the columns and rows of a list as read. Compression, encoding, delimiter and
/// quoting make no difference.
#[derive(Clone)]
pub(crate) struct Fingerprint {
    digest: Context,
    scratch: Vec<u8>,
}

impl Fingerprint {
    /// Creates an empty fingerprint.
    pub(crate) fn new() -> Self {
        Self { digest: Context::new(&SHA256), scratch: Vec::new() }
    }

    /// Adds the columns of a list. For CSV and TSV, the columns are added before the rows.
    pub(crate) fn columns(&mut self, columns: &Columns) {
        self.cells(b'C', columns.names().len(), columns.names().iter().map(String::as_str));
    }

    /// Adds one row.
    pub(crate) fn row(&mut self, fields: &Fields) {
        match fields {
            Fields::Text(record) => self.cells(b'T', record.len(), record.iter()),
            Fields::Json(_) => self.cells(b'J', 1, [fields.encode().as_str()].into_iter()),
        }
    }

    /// Returns the digest in lowercase hexadecimal.
    pub(crate) fn finish(self) -> String {
        self.digest.finish().as_ref().iter().map(|byte| format!("{byte:02x}")).collect()
    }

    /// Adds several cells. A length precedes every part, so that different lists never give the
    /// same bytes.
    fn cells<'a>(&mut self, tag: u8, count: usize, cells: impl Iterator<Item = &'a str>) {
        self.scratch.clear();
        self.scratch.push(tag);
        self.scratch.extend_from_slice(&(count as u64).to_le_bytes());
        for cell in cells {
            self.scratch.extend_from_slice(&(cell.len() as u64).to_le_bytes());
            self.scratch.extend_from_slice(cell.as_bytes());
        }
        self.digest.update(&self.scratch);
    }
}

impl Default for Fingerprint {
    fn default() -> Self {
        Self::new()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(columns: &[&str], rows: &[&[&str]]) -> String {
        let mut fingerprint = Fingerprint::new();
        fingerprint.columns(&Columns::new(columns.iter().map(|&name| name.to_owned()).collect()));
        for row in rows {
            fingerprint.row(&Fields::Text(csv::StringRecord::from(row.to_vec())));
        }
        fingerprint.finish()
    }

    #[test]
    fn the_same_content_has_the_same_fingerprint_and_any_change_another() {
        let original = of(&["a", "b"], &[&["1", "2"], &["3", "4"]]);
        assert_eq!(original.len(), 64);
        assert_eq!(original, of(&["a", "b"], &[&["1", "2"], &["3", "4"]]));
        let others = [
            of(&["a", "c"], &[&["1", "2"], &["3", "4"]]),
            of(&["a", "b"], &[&["3", "4"], &["1", "2"]]),
            of(&["a", "b"], &[&["12", ""], &["3", "4"]]),
            of(&["a", "b"], &[&["1", "2"], &["3", "4"], &["5", "6"]]),
            of(&["a", "b"], &[&["1", "2"]]),
        ];
        assert!(others.iter().all(|other| *other != original));
    }
}
