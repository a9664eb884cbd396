//! The rows of somebody else's CSV: all of them, or an error that names the line.

use std::io::{self, Read};

use memchr::{memchr, memchr_iter};

use crate::error::{Error, Result};

/// What is wrong with a row, and how to mend it.
pub(super) type Flaw = (String, &'static str);

/// Hands every row that is not empty to `take`, its fields without spaces around them. A row that cannot be read or taken is an error with
/// exit 4; `name` is what messages call the input.
pub(super) fn each(mut reader: impl Read, name: &str, mut take: impl FnMut(&[&str]) -> Result<(), Flaw>) -> Result<()> {
    let mut text = Vec::new();
    let cannot_read = |why: io::Error| Error::refused(format!("{name} cannot be read: {why}")).hint("name a readable file");
    reader.read_to_end(&mut text).map_err(cannot_read)?;
    if memchr(0, &text).is_some() {
        return Err(Error::refused(format!("{name} holds a NUL byte")).hint("save the file as plain UTF-8 text"));
    }
    let mut rows = csv::ReaderBuilder::new().has_headers(false).flexible(true).comment(Some(b'#')).from_reader(text.as_slice());
    let mut row = csv::ByteRecord::new();
    // Reading from memory cannot fail, and bytes are never ill-formed.
    while rows.read_byte_record(&mut row).unwrap_or(false) {
        let refuse = |(what, hint): Flaw| {
            let line = line_of(&text, row.position().map_or(0, csv::Position::byte));
            Error::refused(format!("{name}:{line}: {what}")).hint(hint)
        };
        let fields: Vec<&str> = row
            .iter()
            .map(|field| std::str::from_utf8(field).map(|field| field.trim_matches(|c: char| c.is_whitespace() || c == '\u{feff}')))
            .collect::<Result<_, _>>()
            .map_err(|_| refuse(("line is not valid UTF-8".to_owned(), "save the file as UTF-8")))?;
        if fields.iter().any(|field| !field.is_empty()) {
            take(&fields).map_err(refuse)?;
        }
    }
    Ok(())
}

/// The line on which the record found at this offset really begins: the parser counts blank lines and comments before it as its own.
fn line_of(text: &[u8], offset: u64) -> usize {
    let mut start = usize::try_from(offset).unwrap_or(text.len()).min(text.len());
    loop {
        match text.get(start) {
            Some(b'\r' | b'\n') => start += 1,
            Some(b'#') => start += memchr(b'\n', &text[start..]).unwrap_or(text.len() - start),
            _ => return memchr_iter(b'\n', &text[..start]).count() + 1,
        }
    }
}
