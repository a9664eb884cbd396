//! Reads messages from files, directories, Maildirs, mboxes and standard input, one at a time.
//!
//! An unreadable file is reported, and reading continues. Only the part of a message that is
//! examined is kept in memory.

use std::cell::Cell;
use std::fs::File;
use std::io::{self, BufRead, BufReader, Read};
use std::path::{Path, PathBuf};

use serde::Deserialize;
use serde_json::value::RawValue;

use super::mail::{BYTE_ORDER_MARK, LOOKED_AT};
use crate::files;

/// The maximum size, in bytes, of a message, a JSON value, or the text before the first message. It
/// is far above the limits of mail systems and stops reading an endless stream.
const MOST: u64 = 1 << 28;

/// The maximum depth of nested directories. Links to directories are not followed.
const DEEPEST: usize = 16;

/// A message that was read, or the error that prevented reading it.
#[derive(Debug)]
pub struct Letter {
    /// The path of the file that contains the message, or `standard input`.
    pub file: String,
    /// The line number where the message begins, if it is in an mbox.
    pub line: Option<u64>,
    pub raw: io::Result<Vec<u8>>,
    /// The number of recipients named in the part of the message that was not read.
    pub left_out: u64,
}

/// Calls `take` for every message in `path`, ordered by file name, until `take` returns false. The
/// path `-` means standard input. `shown` is the path that errors show.
pub fn each_letter(path: &Path, shown: &str, take: &mut dyn FnMut(Letter) -> bool) -> bool {
    if shown == "-" {
        return each_in(io::stdin().lock(), "standard input", MOST, take);
    }
    each_below(path, shown, 0, take)
}

fn each_below(
    path: &Path,
    shown: &str,
    depth: usize,
    take: &mut dyn FnMut(Letter) -> bool,
) -> bool {
    let failed =
        |raw: io::Error| Letter { file: shown.to_owned(), line: None, raw: Err(raw), left_out: 0 };
    let metadata = match std::fs::metadata(path) {
        Ok(metadata) => metadata,
        Err(why) => return take(failed(why)),
    };
    if metadata.is_dir() {
        if depth >= DEEPEST {
            return take(failed(io::Error::other("is nested too deep in directories")));
        }
        return each_in_directory(path, shown, depth, take);
    }
    // Opening a pipe blocks until a process writes to it. A pipe is therefore read only if the
    // operator named it, and not if it is found in a directory.
    if !metadata.is_file() && depth > 0 {
        return take(failed(io::Error::other("is not a regular file")));
    }
    match files::refuse_devices(&metadata).and_then(|()| File::open(path)) {
        Ok(file) => each_in(BufReader::with_capacity(1 << 16, file), shown, MOST, take),
        Err(why) => take(failed(why)),
    }
}

fn each_in_directory(
    path: &Path,
    shown: &str,
    depth: usize,
    take: &mut dyn FnMut(Letter) -> bool,
) -> bool {
    // A Maildir stores its mail in `cur` and `new`. Its other files belong to the mail reader.
    let parts = ["cur", "new"]
        .map(|name| (path.join(name), format!("{}/{name}", shown.trim_end_matches('/'))));
    if parts.iter().all(|(part, _)| part.is_dir()) {
        return parts.iter().all(|(part, shown)| each_below(part, shown, depth + 1, take));
    }
    let entries: io::Result<Vec<PathBuf>> = std::fs::read_dir(path)
        .and_then(|entries| entries.map(|entry| Ok(entry?.path())).collect());
    let mut entries = match entries {
        Ok(entries) => entries,
        Err(why) => {
            return take(Letter { file: shown.to_owned(), line: None, raw: Err(why), left_out: 0 });
        }
    };
    entries.sort();
    entries.iter().all(|entry| {
        let name = entry.file_name().unwrap_or_default().to_string_lossy();
        let is_link_to_directory = entry.is_symlink() && entry.is_dir();
        is_link_to_directory
            || each_below(
                entry,
                &format!("{}/{name}", shown.trim_end_matches('/')),
                depth + 1,
                take,
            )
    })
}

/// Calls `letter` for each object of a provider's export. The objects may be consecutive values,
/// one per line, in an array, or in the `items` or `events` of a page.
fn each_object(
    input: impl BufRead,
    most: u64,
    letter: &mut dyn FnMut(Option<u64>, io::Result<Vec<u8>>) -> bool,
) -> bool {
    let left = Cell::new(most);
    let values = serde_json::Deserializer::from_reader(Bounded { input, left: &left, most })
        .into_iter::<Box<RawValue>>();
    for value in values {
        left.set(most);
        let value = match value {
            Ok(value) => value,
            Err(e) if e.is_io() => return letter(u64::try_from(e.line()).ok(), Err(e.into())),
            Err(e) => {
                return letter(
                    u64::try_from(e.line()).ok(),
                    Err(io::Error::other(format!("is not valid JSON: {e}"))),
                );
            }
        };
        let text = value.get();
        let page: Option<Page<'_>> = serde_json::from_str(text).ok();
        let inside: Option<Vec<&RawValue>> = match page.and_then(|page| page.items.or(page.events))
        {
            Some(items) => Some(items),
            None => serde_json::from_str(text).ok(),
        };
        let going = match inside {
            Some(items) => {
                items.iter().all(|item| letter(None, Ok(item.get().as_bytes().to_vec())))
            }
            None => letter(None, Ok(text.as_bytes().to_vec())),
        };
        if !going {
            return false;
        }
    }
    true
}

/// Limits how many bytes are read for one value.
struct Bounded<'l, R> {
    input: R,
    left: &'l Cell<u64>,
    most: u64,
}

impl<R: Read> Read for Bounded<'_, R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.input.read(buffer)?;
        let left = self
            .left
            .get()
            .checked_sub(read as u64)
            .ok_or_else(|| too_long("a value", self.most))?;
        self.left.set(left);
        Ok(read)
    }
}

fn too_long(what: &str, most: u64) -> io::Error {
    io::Error::other(format!("{what} is longer than {most} bytes: is it an endless stream?"))
}

/// One page of a provider's events API.
#[derive(Deserialize)]
struct Page<'a> {
    #[serde(borrow)]
    items: Option<Vec<&'a RawValue>>,
    #[serde(borrow)]
    events: Option<Vec<&'a RawValue>>,
}

/// Reads one stream and passes on its messages. If the stream begins like an mbox, it is read as an
/// mbox, otherwise as a single message. Each message may have at most `most` bytes.
fn each_in(
    mut input: impl BufRead,
    file: &str,
    most: u64,
    take: &mut dyn FnMut(Letter) -> bool,
) -> bool {
    let mut letter = |line: Option<u64>, raw: io::Result<Vec<u8>>| {
        take(Letter { file: file.to_owned(), line, raw, left_out: 0 })
    };
    let before = match skip_blanks(&mut input, most) {
        Ok(before) => before,
        Err(why) => return letter(None, Err(why)),
    };
    let start = input.fill_buf().unwrap_or_default();
    if matches!(start.first(), Some(b'{' | b'[')) {
        return each_object(input, most, &mut letter);
    }
    if start.starts_with(b"From ") {
        return Mbox { input, number: before.lines, ahead: Vec::new(), most }.each(file, take);
    }
    let mut raw = before.bytes;
    let read = input.by_ref().take(LOOKED_AT as u64).read_to_end(&mut raw);
    // The rest is read too, so that a program that pipes in a message gets no broken pipe.
    let mut rest = LeftOut::default();
    match read.and_then(|_| io::copy(&mut input.take(most), &mut rest)) {
        Ok(length) if length == most => take(Letter {
            file: file.to_owned(),
            line: None,
            raw: Err(too_long("a message", most)),
            left_out: 0,
        }),
        Ok(_) => {
            take(Letter { file: file.to_owned(), line: None, raw: Ok(raw), left_out: rest.count })
        }
        Err(why) => take(Letter { file: file.to_owned(), line: None, raw: Err(why), left_out: 0 }),
    }
}

/// The text before the first non-empty line.
struct Before {
    lines: u64,
    /// The white space at the beginning of the first non-empty line. It belongs to the message.
    bytes: Vec<u8>,
}

/// Skips a byte order mark and empty lines.
fn skip_blanks(input: &mut impl BufRead, most: u64) -> io::Result<Before> {
    let mut before = Before { lines: 0, bytes: Vec::new() };
    if input.fill_buf()?.starts_with(BYTE_ORDER_MARK) {
        input.consume(BYTE_ORDER_MARK.len());
    }
    for _ in 0..most {
        let start = input.fill_buf()?;
        let Some(byte) = start.first().copied().filter(u8::is_ascii_whitespace) else {
            return Ok(before);
        };
        input.consume(1);
        if byte == b'\n' {
            before.lines += 1;
            before.bytes.clear();
        } else if before.bytes.len() < LOOKED_AT {
            before.bytes.push(byte);
        }
    }
    Err(too_long("the empty text before the first line", most))
}

/// Counts the recipients that a bounce names in the part of the message that is not read.
#[derive(Default)]
struct LeftOut {
    count: u64,
    line: Vec<u8>,
}

impl LeftOut {
    const NAME: &[u8] = b"final-recipient:";

    fn line(&mut self, line: &[u8]) {
        self.count += u64::from(
            line.get(..Self::NAME.len())
                .is_some_and(|start| start.eq_ignore_ascii_case(Self::NAME)),
        );
    }
}

impl io::Write for LeftOut {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        for piece in bytes.split_inclusive(|byte| *byte == b'\n') {
            let room = Self::NAME.len().saturating_sub(self.line.len());
            self.line.extend_from_slice(&piece[..piece.len().min(room)]);
            if piece.ends_with(b"\n") {
                let line = std::mem::take(&mut self.line);
                self.line(&line);
            }
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Reads an mbox: a file in which each message follows a line that begins with `From ` (RFC 4155).
struct Mbox<R> {
    input: R,
    /// The number of the last line that was read.
    number: u64,
    /// A line that was read ahead to check whether a header follows.
    ahead: Vec<u8>,
    /// The maximum size of a message, in bytes.
    most: u64,
}

impl<R: BufRead> Mbox<R> {
    /// Calls `take` for each message until it returns false.
    fn each(mut self, file: &str, take: &mut dyn FnMut(Letter) -> bool) -> bool {
        let mut letter = |line: u64, raw: io::Result<Vec<u8>>, left_out: u64| {
            take(Letter { file: file.to_owned(), line: Some(line), raw, left_out })
        };
        let (mut raw, mut begins, mut rest) = (Vec::new(), self.number + 1, LeftOut::default());
        let (mut is_first, mut after_blank, mut length) = (true, false, 0_u64);
        loop {
            let line = match self.line() {
                Ok(Some(line)) => line,
                Ok(None) => return letter(begins, Ok(raw), rest.count),
                Err(why) => return letter(begins, Err(why), 0),
            };
            let is_cut =
                line.starts_with(b"From ") && (is_first || (after_blank && is_separator(&line)));
            if is_cut && (is_first || self.is_header_ahead()) {
                if !is_first
                    && !letter(
                        begins,
                        Ok(std::mem::take(&mut raw)),
                        std::mem::take(&mut rest).count,
                    )
                {
                    return false;
                }
                (begins, is_first, length) = (self.number, false, 0);
                continue;
            }
            length += line.len() as u64;
            if length > self.most {
                return letter(begins, Err(too_long("a message", self.most)), 0);
            }
            after_blank = line.iter().all(u8::is_ascii_whitespace);
            if raw.len() < LOOKED_AT {
                // In an mbox, a message's own lines that begin with `From ` are quoted with `>`.
                let quoted = line.iter().take_while(|b| **b == b'>').count();
                let unquoted = quoted > 0 && line[quoted..].starts_with(b"From ");
                raw.extend_from_slice(&line[usize::from(unquoted)..]);
            } else {
                rest.line(&line);
            }
        }
    }

    /// Reads the next line. Of a very long line only the part that is examined is returned.
    fn line(&mut self) -> io::Result<Option<Vec<u8>>> {
        self.number += 1;
        if !self.ahead.is_empty() {
            return Ok(Some(std::mem::take(&mut self.ahead)));
        }
        let mut line = Vec::new();
        let read = self.input.by_ref().take(LOOKED_AT as u64).read_until(b'\n', &mut line)?;
        Ok((read > 0).then_some(line))
    }

    /// Whether a header follows a line that looks like a separator. A sentence may begin with
    /// "From" and contain a date.
    fn is_header_ahead(&mut self) -> bool {
        // A read error is ignored here, because reading the next line reports it again.
        let read = self.input.by_ref().take(LOOKED_AT as u64).read_until(b'\n', &mut self.ahead);
        let name = self.ahead.split(|byte| *byte == b':').next().unwrap_or_default();
        let is_field = name.len() < self.ahead.len()
            && !name.is_empty()
            && name.trim_ascii_end().iter().all(u8::is_ascii_graphic);
        read.is_ok() && (is_field || self.ahead.starts_with(b">From "))
    }
}

/// Whether a line looks like `From sender Sat Nov 21 12:00:00 2026`. A sentence that begins with
/// "From" rarely contains a time and a year.
fn is_separator(line: &[u8]) -> bool {
    let line = String::from_utf8_lossy(line);
    let is_time = |word: &str| {
        word.len() >= 4
            && word.split(':').count() >= 2
            && word.split(':').all(|n| n.len() <= 2 && n.parse::<u8>().is_ok())
    };
    let is_year =
        |word: &str| word.len() == 4 && word.parse::<u16>().is_ok_and(|year| year >= 1970);
    line.split_whitespace().any(is_time) && line.split_whitespace().any(is_year)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(bytes: &[u8]) -> Vec<(Option<u64>, String)> {
        let mut letters = Vec::new();
        each_in(bytes, "x", MOST, &mut |letter| {
            letters.push((letter.line, String::from_utf8(letter.raw.unwrap()).unwrap()));
            true
        });
        letters
    }

    #[test]
    fn an_mbox_is_cut_at_its_separators_and_at_no_sentence() {
        let mbox = b"From a Sat Nov 21 12:00:00 2026\nA: 1\n\nFrom here on\n>From there\n\nFrom b Sat Nov 21 12:00:01 2026\nB: 2\n";
        assert_eq!(
            read(mbox),
            [(Some(1), "A: 1\n\nFrom here on\nFrom there\n\n".into()), (Some(7), "B: 2\n".into())]
        );
        assert_eq!(read(b"A: 1\n\nFrom b Sat Nov 21 12:00:01 2026\n").len(), 1);
        assert_eq!(read(b"From a Sat Nov 21 12:00:00 2026\nA: 1\n\nFrom 10:00 to 12:00 in 2026\nwe were away\n").len(), 1);
        assert_eq!(read(b""), [(None, String::new())]);
        assert_eq!(read(b"From a"), [(Some(1), String::new())]);
    }

    #[test]
    fn an_mbox_is_known_by_its_content() {
        let mbox =
            "From a Sat Nov 21 12:00:00 2026\nA: 1\n\nFrom b Sat Nov 21 12:00:01 2026\nB: 2\n";
        for before in ["", "\n", "\r\n\n", "\u{feff}", "\u{feff}\n\n"] {
            for name in ["x", "x.eml", "x.EML", "x.txt", "x.msg"] {
                let mut letters = Vec::new();
                let text = format!("{before}{mbox}")
                    .replace('\n', if before.contains('\r') { "\r\n" } else { "\n" });
                each_in(text.as_bytes(), name, MOST, &mut |letter| {
                    letters.push((
                        letter.line.unwrap() - before.matches('\n').count() as u64,
                        letter.raw.unwrap().len(),
                    ));
                    true
                });
                let lengths =
                    letters.iter().map(|(line, length)| (*line, *length > 4)).collect::<Vec<_>>();
                assert_eq!(lengths, [(1, true), (4, true)], "{before:?} {name}");
            }
        }
        assert_eq!(read(b"\xef\xbb\xbf\nA: 1\n\nB\n"), [(None, "A: 1\n\nB\n".into())]);
    }

    #[test]
    fn what_is_left_out_of_a_report_is_counted() {
        let mut large = b"From a Sat Nov 21 12:00:00 2026\nA: 1\n\n".to_vec();
        large.resize(LOOKED_AT + 100, b'x');
        large.extend_from_slice(b"\nFinal-Recipient: rfc822; ann@example.com\n\nfinal-recipient: rfc822; bob@example.com\n");
        for start in [0, large.iter().position(|byte| *byte == b'\n').unwrap() + 1] {
            let mut left_out = 0;
            each_in(&large[start..], "x", MOST, &mut |letter| {
                left_out += letter.left_out;
                true
            });
            assert_eq!(left_out, 2);
        }
    }

    #[test]
    fn a_stream_without_an_end_has_one_here() {
        let endless = |start: &str, part: &[u8]| {
            let mut given = 0;
            let input =
                io::Read::chain(start.as_bytes(), Forever(part.repeat(1 + 70_000 / part.len()), 0));
            let mut said = Vec::new();
            each_in(BufReader::new(input), "x", 10_000, &mut |letter| {
                given += 1;
                said.extend(letter.raw.err().map(|why| why.to_string()));
                given < 100
            });
            said
        };
        for (start, part) in [
            ("A: 1\n\n", "x"),
            ("", "\0"),
            ("", "\n"),
            ("", "\r"),
            ("", "X-A: b\n"),
            ("From a Sat Nov 21 12:00:00 2026\nA: 1\n\n", "x\n"),
            ("From a Sat Nov 21 12:00:00 2026\nA: 1\n\n", "x"),
            ("[", "{\"a\":1},"),
            ("{\"a\":\"", "x"),
            ("{}", " "),
        ] {
            // Reading stops at the size limit with a single error.
            let said = endless(start, part.as_bytes());
            assert!(
                said.len() == 1 && said[0].contains("is longer than 10000 bytes"),
                "{start:?} {part:?}: {said:?}"
            );
        }
        for (start, part) in
            [("From a", "\nA: 1\n\nFrom b Sat Nov 21 12:00:01 2026"), ("{}", "{\"a\":1}\n")]
        {
            assert_eq!(
                endless(start, part.as_bytes()),
                [""; 0],
                "one message after the other may go on for ever"
            );
        }
    }

    /// A reader that repeats the same bytes endlessly.
    struct Forever(Vec<u8>, usize);

    impl Read for Forever {
        fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
            let read = (&self.0[self.1..]).read(buffer)?;
            self.1 = (self.1 + read) % self.0.len();
            Ok(read)
        }
    }

    #[test]
    fn a_large_message_is_read_in_part() {
        let mut large = b"A: 1\n\n".to_vec();
        large.resize(LOOKED_AT + 100, b'x');
        assert_eq!(read(&large)[0].1.len(), LOOKED_AT);
    }

    #[test]
    fn of_a_maildir_only_its_mail_is_read_and_what_cannot_be_read_is_named() {
        let dir = tempfile::tempdir().unwrap();
        for (name, text) in [
            ("cur/b", "B: 1\n\n"),
            ("new/a", "A: 1\n\n"),
            ("tmp/c", "C: 1\n\n"),
            ("dovecot-uidlist", "3"),
        ] {
            std::fs::create_dir_all(dir.path().join(name).parent().unwrap()).unwrap();
            std::fs::write(dir.path().join(name), text).unwrap();
        }
        std::os::unix::fs::symlink("nowhere", dir.path().join("new/z")).unwrap();
        let mut seen = Vec::new();
        each_letter(dir.path(), "M", &mut |letter| {
            seen.push((letter.file, letter.raw.is_ok()));
            true
        });
        assert_eq!(
            seen,
            [("M/cur/b".into(), true), ("M/new/a".into(), true), ("M/new/z".into(), false)]
        );
    }
}
