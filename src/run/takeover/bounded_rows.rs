//! Limits the size of a row when a report is read, because a sparse file can contain a single row
//! of terabytes.

use std::fs::File;
use std::io::{self, Read};

/// The most bytes of a row, which is many times the limit for a list's row. Bytes that were read
/// ahead count too.
const LONGEST: usize = 64 << 20;

/// Reads a report row by row.
pub(super) struct BoundedRows {
    file: File,
    left: usize,
}

impl BoundedRows {
    pub(super) fn of(file: File) -> Self {
        Self { file, left: LONGEST }
    }

    /// Starts a new row, with the full limit.
    pub(super) fn begin_row(&mut self) {
        self.left = LONGEST;
    }
}

impl Read for BoundedRows {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let most = into.len().min(self.left);
        if most == 0 && !into.is_empty() {
            let why = format!("one of its rows is longer than {} MiB", LONGEST >> 20);
            return Err(io::Error::new(io::ErrorKind::FileTooLarge, why));
        }
        let read = self.file.read(&mut into[..most])?;
        self.left -= read;
        Ok(read)
    }
}
