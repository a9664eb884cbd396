//! The bytes of a report, of which one row takes so many at most: a sparse file is one row of
//! terabytes.

use std::fs::File;
use std::io::{self, Read};

/// The most bytes of a row, many times what a row of a list may have. What is read ahead counts.
const LONGEST: usize = 64 << 20;

/// A report that is read row by row.
pub(super) struct BoundedRows {
    file: File,
    left: usize,
}

impl BoundedRows {
    pub(super) fn of(file: File) -> Self {
        Self { file, left: LONGEST }
    }

    /// Another row is read from here on.
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
