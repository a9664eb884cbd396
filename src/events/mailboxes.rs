//! Where mail to be taken in lies: files, directories, Maildirs, mboxes, standard input. Messages come one at a time, whatever is there.
//!
//! What cannot be read is named and the rest goes on; of a message only as much as is looked at is kept in memory.

use std::fs::File;
use std::io::{self, BufRead, BufReader, Read};
use std::path::{Path, PathBuf};

use serde::Deserialize;
use serde_json::value::RawValue;

use super::mail::LOOKED_AT;

/// Directories within directories are followed this far; a link to a directory is not followed.
const DEEPEST: usize = 16;

/// A message, or what kept one from being read.
#[derive(Debug)]
pub struct Letter {
    /// The file as it was named, or below the directory that was named; `standard input`.
    pub file: String,
    /// The line it begins at, in an mbox.
    pub line: Option<u64>,
    pub raw: io::Result<Vec<u8>>,
}

/// Hands every message in `path` to `take`, in order of names, until it says false. `-` is standard input; `shown` is what the path is called.
pub fn each_letter(path: &Path, shown: &str, take: &mut dyn FnMut(Letter) -> bool) -> bool {
    if shown == "-" {
        return each_in(io::stdin().lock(), "standard input", take);
    }
    each_below(path, shown, 0, take)
}

fn each_below(path: &Path, shown: &str, depth: usize, take: &mut dyn FnMut(Letter) -> bool) -> bool {
    let failed = |raw: io::Error| Letter { file: shown.to_owned(), line: None, raw: Err(raw) };
    let metadata = match std::fs::metadata(path) {
        Ok(metadata) => metadata,
        Err(why) => return take(failed(why)),
    };
    if metadata.is_dir() {
        if depth >= DEEPEST {
            return take(failed(io::Error::other("lies too deep in directories")));
        }
        return each_in_directory(path, shown, depth, take);
    }
    // Opening a pipe waits until somebody writes to it; one that was named is meant, one that lies in a directory is not.
    if !metadata.is_file() && depth > 0 {
        return take(failed(io::Error::other("is no file")));
    }
    match File::open(path) {
        Ok(file) => each_in(BufReader::with_capacity(1 << 16, file), shown, take),
        Err(why) => take(failed(why)),
    }
}

fn each_in_directory(path: &Path, shown: &str, depth: usize, take: &mut dyn FnMut(Letter) -> bool) -> bool {
    // A Maildir holds its mail in two directories; what lies beside them is the mail reader's own.
    let parts = ["cur", "new"].map(|name| (path.join(name), format!("{}/{name}", shown.trim_end_matches('/'))));
    if parts.iter().all(|(part, _)| part.is_dir()) {
        return parts.iter().all(|(part, shown)| each_below(part, shown, depth + 1, take));
    }
    let entries: io::Result<Vec<PathBuf>> = std::fs::read_dir(path).and_then(|entries| entries.map(|entry| Ok(entry?.path())).collect());
    let mut entries = match entries {
        Ok(entries) => entries,
        Err(why) => return take(Letter { file: shown.to_owned(), line: None, raw: Err(why) }),
    };
    entries.sort();
    entries.iter().all(|entry| {
        let name = entry.file_name().unwrap_or_default().to_string_lossy();
        let is_link_to_directory = entry.is_symlink() && entry.is_dir();
        is_link_to_directory || each_below(entry, &format!("{}/{name}", shown.trim_end_matches('/')), depth + 1, take)
    })
}

/// Hands the objects of a provider's export on: one after the other, one a line, in an array, or as `items` or `events` of a page.
fn each_object(input: impl BufRead, letter: &mut dyn FnMut(Option<u64>, io::Result<Vec<u8>>) -> bool) -> bool {
    for value in serde_json::Deserializer::from_reader(input).into_iter::<Box<RawValue>>() {
        let value = match value {
            Ok(value) => value,
            Err(e) => return letter(u64::try_from(e.line()).ok(), Err(io::Error::other(format!("is no JSON: {e}")))),
        };
        let text = value.get();
        let page: Option<Page<'_>> = serde_json::from_str(text).ok();
        let inside: Option<Vec<&RawValue>> = match page.and_then(|page| page.items.or(page.events)) {
            Some(items) => Some(items),
            None => serde_json::from_str(text).ok(),
        };
        let going = match inside {
            Some(items) => items.iter().all(|item| letter(None, Ok(item.get().as_bytes().to_vec()))),
            None => letter(None, Ok(text.as_bytes().to_vec())),
        };
        if !going {
            return false;
        }
    }
    true
}

/// A page of an events API.
#[derive(Deserialize)]
struct Page<'a> {
    #[serde(borrow)]
    items: Option<Vec<&'a RawValue>>,
    #[serde(borrow)]
    events: Option<Vec<&'a RawValue>>,
}

/// Hands the messages of one stream on: an mbox where it begins like one, else one message.
fn each_in(mut input: impl BufRead, file: &str, take: &mut dyn FnMut(Letter) -> bool) -> bool {
    let mut letter = |line: Option<u64>, raw: io::Result<Vec<u8>>| take(Letter { file: file.to_owned(), line, raw });
    let is_mbox = match input.fill_buf() {
        // A returned message in one that was saved alone may begin with the same line.
        Ok(start) => start.starts_with(b"From ") && !file.to_ascii_lowercase().ends_with(".eml"),
        Err(why) => return letter(None, Err(why)),
    };
    if input.fill_buf().is_ok_and(|start| matches!(start.trim_ascii_start().first(), Some(b'{' | b'['))) {
        return each_object(input, &mut letter);
    }
    if !is_mbox {
        let mut raw = Vec::new();
        let read = input.by_ref().take(LOOKED_AT as u64).read_to_end(&mut raw);
        // Whoever pipes a message in must not meet a closed pipe.
        let rest = read.and_then(|_| io::copy(&mut input, &mut io::sink()));
        return letter(None, rest.map(|_| raw));
    }
    let (mut raw, mut line, mut begins, mut number) = (Vec::new(), Vec::new(), 1, 0);
    let mut after_blank = false;
    loop {
        line.clear();
        // Bounded, for a line without an end.
        match input.by_ref().take(LOOKED_AT as u64).read_until(b'\n', &mut line) {
            Ok(0) => return letter(Some(begins), Ok(raw)),
            Ok(_) => {}
            Err(why) => return letter(Some(begins), Err(why)),
        }
        number += 1;
        if line.starts_with(b"From ") && (number == 1 || (after_blank && is_separator(&line))) {
            if number > 1 && !letter(Some(begins), Ok(std::mem::take(&mut raw))) {
                return false;
            }
            begins = number;
            continue;
        }
        after_blank = line.iter().all(u8::is_ascii_whitespace);
        if raw.len() < LOOKED_AT {
            // A line of the message that begins with From has been quoted.
            let quoted = line.iter().take_while(|b| **b == b'>').count();
            let unquoted = quoted > 0 && line[quoted..].starts_with(b"From ");
            raw.extend_from_slice(&line[usize::from(unquoted)..]);
        }
    }
}

/// `From sender Sat Nov 21 12:00:00 2026`: a sentence that begins with From seldom has the time in it.
fn is_separator(line: &[u8]) -> bool {
    let line = String::from_utf8_lossy(line);
    line.split_whitespace()
        .any(|word| word.len() >= 5 && word.split(':').count() >= 2 && word.split(':').all(|n| n.len() <= 2 && n.parse::<u8>().is_ok()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(bytes: &[u8]) -> Vec<(Option<u64>, String)> {
        let mut letters = Vec::new();
        each_in(bytes, "x", &mut |letter| {
            letters.push((letter.line, String::from_utf8(letter.raw.unwrap()).unwrap()));
            true
        });
        letters
    }

    #[test]
    fn an_mbox_is_cut_at_its_separators_and_at_no_sentence() {
        let mbox = b"From a Sat Nov 21 12:00:00 2026\nA: 1\n\nFrom here on\n>From there\n\nFrom b Sat Nov 21 12:00:01 2026\nB: 2\n";
        assert_eq!(read(mbox), [(Some(1), "A: 1\n\nFrom here on\nFrom there\n\n".into()), (Some(7), "B: 2\n".into())]);
        assert_eq!(read(b"A: 1\n\nFrom b Sat Nov 21 12:00:01 2026\n").len(), 1);
        assert_eq!(read(b""), [(None, String::new())]);
        assert_eq!(read(b"From a"), [(Some(1), String::new())]);
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
        for (name, text) in [("cur/b", "B: 1\n\n"), ("new/a", "A: 1\n\n"), ("tmp/c", "C: 1\n\n"), ("dovecot-uidlist", "3")] {
            std::fs::create_dir_all(dir.path().join(name).parent().unwrap()).unwrap();
            std::fs::write(dir.path().join(name), text).unwrap();
        }
        std::os::unix::fs::symlink("nowhere", dir.path().join("new/z")).unwrap();
        let mut seen = Vec::new();
        each_letter(dir.path(), "M", &mut |letter| {
            seen.push((letter.file, letter.raw.is_ok()));
            true
        });
        assert_eq!(seen, [("M/cur/b".into(), true), ("M/new/a".into(), true), ("M/new/z".into(), false)]);
    }
}
