//! Reads a file line by line through a buffer, as fast as the disk delivers it.

use std::io::{self, Read};

use memchr::memchr;

/// The size of the buffer. A block stays in the processor's cache until its lines have been parsed.
const BLOCK: usize = 1 << 17;
/// The maximum length of a line. A file with a longer line is not a suppression file.
const LONGEST_LINE: usize = 1 << 20;

/// The position of a line in the buffer, without its line feed.
#[derive(Clone, Copy)]
pub(super) struct Line {
    start: usize,
    end: usize,
    pub(super) is_terminated: bool,
}

pub(super) enum LineError {
    Io(io::Error),
    TooLong,
}

/// Reads the lines of a file, without regard to quotes.
pub(super) struct Lines<R> {
    reader: R,
    buffer: Vec<u8>,
    start: usize,
    end: usize,
    is_over: bool,
    /// The number of bytes that have been read.
    pub(super) passed: u64,
    /// The number of lines that have been read.
    pub(super) number: u64,
}

impl<R: Read> Lines<R> {
    /// Creates a reader that continues after the first `passed` bytes and `number` lines of a file.
    pub(super) fn new(reader: R, passed: u64, number: u64) -> Self {
        Self { reader, buffer: Vec::new(), start: 0, end: 0, is_over: false, passed, number }
    }

    #[inline]
    pub(super) fn bytes(&self, line: Line) -> &[u8] {
        &self.buffer[line.start..line.end]
    }

    #[inline]
    pub(super) fn next(&mut self) -> Result<Option<Line>, LineError> {
        let mut searched = 0;
        loop {
            if let Some(length) = memchr(b'\n', &self.buffer[self.start + searched..self.end]) {
                let line = Line {
                    start: self.start,
                    end: self.start + searched + length,
                    is_terminated: true,
                };
                self.pass(line.end + 1);
                return Ok(Some(line));
            }
            searched = self.end - self.start;
            if searched > LONGEST_LINE {
                return Err(LineError::TooLong);
            }
            if !self.is_over {
                self.fill().map_err(LineError::Io)?;
            } else if searched == 0 {
                return Ok(None);
            } else {
                let line = Line { start: self.start, end: self.end, is_terminated: false };
                self.pass(line.end);
                return Ok(Some(line));
            }
        }
    }

    #[inline]
    fn pass(&mut self, to: usize) {
        self.passed += (to - self.start) as u64;
        self.start = to;
        self.number += 1;
    }

    /// Moves the remaining bytes to the front of the buffer, then reads more bytes after them.
    fn fill(&mut self) -> io::Result<()> {
        self.buffer.copy_within(self.start..self.end, 0);
        self.end -= self.start;
        self.start = 0;
        if self.buffer.len() < self.end + BLOCK / 2 {
            self.buffer.resize(self.end + BLOCK, 0);
        }
        loop {
            match self.reader.read(&mut self.buffer[self.end..]) {
                Ok(n) => {
                    self.end += n;
                    self.is_over = n == 0;
                    return Ok(());
                }
                Err(why) if why.kind() == io::ErrorKind::Interrupted => {}
                Err(why) => return Err(why),
            }
        }
    }
}
