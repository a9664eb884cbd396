//! Splits the beginning of a text, from which the layout is detected, into lines and records.

use memchr::{memchr, memchr2, memchr3};

/// The nonblank lines of a text, with their offsets and their line numbers from 1.
pub(super) struct Lines {
    pub(super) starts: Vec<(usize, u64)>,
    pub(super) last: u64,
}

impl Lines {
    pub(super) fn of(text: &str) -> Self {
        // The maximum number of lines, including the lines before the header.
        const MOST: usize = 2_000;
        let bytes = text.as_bytes();
        let (mut starts, mut at, mut line) = (Vec::new(), 0, 1);
        while at < bytes.len() && starts.len() < MOST {
            let end = memchr2(b'\r', b'\n', &bytes[at..]).map_or(bytes.len(), |i| at + i);
            if !text[at..end].trim().is_empty() {
                starts.push((at, line));
            }
            at = if bytes[end..].starts_with(b"\r\n") { end + 2 } else { end + 1 };
            line += 1;
        }
        Self { starts, last: line }
    }
}

pub(super) fn line_text(text: &str, at: usize) -> &str {
    let rest = &text[at..];
    &rest[..memchr2(b'\r', b'\n', rest.as_bytes()).unwrap_or(rest.len())]
}

/// The beginning of a text.
#[derive(Clone, Copy)]
pub(super) struct Sample<'a> {
    pub(super) text: &'a str,
    pub(super) whole: bool,
}

impl<'a> Sample<'a> {
    /// Returns the cells of the record at `at`, without surrounding quotes and blanks, and the
    /// offset of the next record. A quote that is not closed in the sample counts as text. Returns
    /// `None` at the end, and for a record that the end of the sample may have cut.
    pub(super) fn record(self, at: usize, delimiter: u8) -> Option<(Vec<&'a str>, usize)> {
        let bytes = self.text.as_bytes();
        let mut at =
            at + bytes.get(at..)?.iter().take_while(|byte| matches!(byte, b'\r' | b'\n')).count();
        if at >= bytes.len() {
            return None;
        }
        let mut cells = Vec::new();
        loop {
            let begin = at;
            while bytes
                .get(at)
                .is_some_and(|byte| matches!(byte, b' ' | b'\t') && *byte != delimiter)
            {
                at += 1;
            }
            if bytes.get(at) == Some(&b'"')
                && let Some(end) = closing(bytes, at + 1)
            {
                at = end;
            } else {
                at = begin;
            }
            let stop = memchr3(delimiter, b'\n', b'\r', &bytes[at..]).map(|i| at + i);
            let end = match stop {
                Some(end) => end,
                None if self.whole => bytes.len(),
                None => return None,
            };
            cells.push(unwrapped(&self.text[begin..end]));
            match bytes.get(end) {
                Some(&byte) if byte == delimiter => at = end + 1,
                Some(_) => return Some((cells, end + 1)),
                None => return Some((cells, end)),
            }
        }
    }
}

/// Returns the offset after the quote that closes a field.
fn closing(bytes: &[u8], mut at: usize) -> Option<usize> {
    loop {
        at += memchr(b'"', bytes.get(at..)?)? + 1;
        if bytes.get(at) != Some(&b'"') {
            return Some(at);
        }
        at += 1;
    }
}

/// Returns a cell without surrounding blanks and quotes, and without a spreadsheet's `="…"`.
fn unwrapped(cell: &str) -> &str {
    let cell = cell.trim();
    let cell = cell.strip_prefix('"').and_then(|inner| inner.strip_suffix('"')).unwrap_or(cell);
    cell.strip_prefix('=').unwrap_or(cell).trim_matches('"').trim()
}
