//! Checks the kind of file at the ledger's path before SQLite opens it. Otherwise SQLite would turn
//! a short file into a database, and would change the journal mode of another program's database.

use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

/// The kind of file at the ledger's path.
pub(super) enum Found {
    /// No file, or an empty file.
    Nothing,
    /// A database with a complete header, and not truncated.
    Database,
    /// Any other file, described so that the text follows "in the ledger's place is".
    Other(String),
}

/// The first bytes of every SQLite database.
const MAGIC: &[u8] = b"SQLite format 3\0";
/// The length of a database header, in bytes.
const HEADER: usize = 100;

/// Reads the beginning of the file and returns its kind. Fails if the file cannot be read.
pub(super) fn look(path: &Path) -> io::Result<Found> {
    let about = match std::fs::metadata(path) {
        Err(e) if e.kind() == io::ErrorKind::NotFound => {
            let is_link = std::fs::symlink_metadata(path).is_ok();
            return Ok(if is_link {
                Found::Other("a link that leads to no file".to_owned())
            } else {
                Found::Nothing
            });
        }
        about => about?,
    };
    if about.is_dir() {
        return Ok(Found::Other("a directory".to_owned()));
    }
    if !about.is_file() {
        return Ok(Found::Other("something other than a regular file".to_owned()));
    }
    if about.len() == 0 {
        return Ok(Found::Nothing);
    }
    let mut start = Vec::with_capacity(512);
    File::open(path)?.take(512).read_to_end(&mut start)?;
    if !start.starts_with(MAGIC) {
        return Ok(Found::Other(kind_of(&start).to_owned()));
    }
    let cut = |whole: String| {
        Found::Other(format!(
            "a database that was cut short: {} of {whole} bytes are left",
            about.len()
        ))
    };
    let Some(header) = start.first_chunk::<HEADER>() else {
        return Ok(cut("100 or more".to_owned()));
    };
    Ok(match whole_length(header) {
        // The missing bytes may be in the write-ahead log.
        Some(whole) if about.len() < whole && !has_log(path) => cut(whole.to_string()),
        _ => Found::Database,
    })
}

/// Describes a file that does not begin like an SQLite database.
fn kind_of(start: &[u8]) -> &'static str {
    let text = match std::str::from_utf8(start) {
        Ok(text) => Some(text),
        // The last character may be incomplete because only the beginning was read.
        Err(e) if e.error_len().is_none() => std::str::from_utf8(&start[..e.valid_up_to()]).ok(),
        Err(_) => None,
    };
    match text {
        _ if start.iter().all(|byte| *byte == 0) => "zeros where a database begins",
        Some(text) if !text.chars().any(|c| c.is_control() && !c.is_whitespace()) => "a text file",
        _ => "a file that is no SQLite database, or a database with a damaged beginning",
    }
}

/// The length of the file according to its header, in bytes; `None` if the header does not contain
/// a valid length.
fn whole_length(header: &[u8; HEADER]) -> Option<u64> {
    let number = |at: usize| {
        header[at..at + 4].iter().fold(0_u64, |number, byte| number << 8 | u64::from(*byte))
    };
    let page_size = match number(16) >> 16 {
        1 => 65_536,
        size => size,
    };
    // The number of pages is valid only if the change counters match.
    (number(24) == number(92)).then(|| page_size * number(28))
}

fn has_log(path: &Path) -> bool {
    let mut log = path.as_os_str().to_owned();
    log.push("-wal");
    std::fs::metadata(log).is_ok_and(|about| about.len() > 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said(content: &[u8]) -> String {
        let dir = tempfile::tempdir().expect("a directory");
        let path = dir.path().join("ledger.db");
        std::fs::write(&path, content).expect("writable");
        match look(&path).expect("it can be read") {
            Found::Nothing => "nothing".to_owned(),
            Found::Database => "database".to_owned(),
            Found::Other(what) => what,
        }
    }

    #[test]
    fn files_are_called_what_they_are() {
        let dir = tempfile::tempdir().expect("a directory");
        let path = dir.path().join("whole.db");
        let conn = rusqlite::Connection::open(&path).expect("a database");
        conn.execute_batch("CREATE TABLE t(x); INSERT INTO t VALUES (zeroblob(100000))")
            .expect("writable");
        drop(conn);
        let whole = std::fs::read(&path).expect("readable");
        assert_eq!(said(&whole), "database");
        assert!(said(&whole[..whole.len() / 2]).starts_with("a database that was cut short"));
        assert!(said(&whole[..50]).starts_with("a database that was cut short"));
        assert_eq!(said(b""), "nothing");
        assert_eq!(said("name\nZo\u{eb}\n".as_bytes()), "a text file");
        assert_eq!(said(&[b"x".repeat(511), "\u{eb}".into()].concat()), "a text file");
        assert_eq!(said(&[0; 600]), "zeros where a database begins");
        assert!(said(&[0xff, 0xd8, 0xff, 0xe0]).starts_with("a file that is no SQLite database"));
    }
}
