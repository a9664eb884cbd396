//! The only code that writes suppression files. Writers take turns by an advisory lock on the file.
//! Readers need no lock, because entries are added by a single write at the end of the file, and
//! removed by replacing the file atomically.

use std::collections::{HashMap, HashSet};
use std::fs::{self, File, OpenOptions};
use std::io::{self, BufWriter, Read, Write};
use std::os::unix::fs::{FileExt, MetadataExt, OpenOptionsExt, fchown};
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::entry::{Entry, Form, key_of, parse_entry, sha256_keys};
use super::format::{Columns, HEADER};
use super::gathering::Range;
use super::records::{Position, Record, Records, Step, Tail, Trouble};
use super::watched::refused;
use crate::files;
use crate::holder;
use crate::ledger::LedgerSuppression;
use crate::model::address::Address;
use crate::model::error::{Error, Result};
use crate::model::outcome::Reason;
use crate::model::shown::Shown;

/// How long a writer waits for another writer.
const TURN: Duration = Duration::from_secs(60);

/// The result of [`remove`].
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Removed {
    /// The number of records removed from the file.
    pub lines: u64,
    /// Domain entries of the file that still suppress an address that was to be removed. Each is
    /// listed once.
    pub domains: Vec<String>,
}

/// Appends entries to a suppression file, all of them or none, and syncs the file to disk. A
/// missing file is created, readable only by its owner.
///
/// A value is omitted if the file has no column for it. If this would suppress less, a stricter
/// reason is written instead.
pub fn append(file: &Path, entries: &[LedgerSuppression]) -> Result<()> {
    add(file, entries, false).map(drop)
}

/// Repeats an append that may have been interrupted at any point. Omits entries that the file
/// already contains, and completes an incomplete last line. Returns how many entries were missing
/// or incomplete.
pub(crate) fn append_missing(file: &Path, entries: &[LedgerSuppression]) -> Result<u64> {
    add(file, entries, true)
}

fn add(file: &Path, entries: &[LedgerSuppression], may_be_there: bool) -> Result<u64> {
    if entries.is_empty() {
        return Ok(0);
    }
    files::refuse_endless(file).map_err(|why| cannot_write(file, &why))?;
    let (locked, is_new) = open_locked(file, true)?;
    let failed = |why: io::Error| cannot_write(file, &why);
    let length = locked.metadata().map_err(failed)?.len();
    let mut text = Vec::new();
    let tail = if may_be_there { torn_line(&locked, length).map_err(failed)? } else { Vec::new() };
    // The columns are read without the incomplete last line.
    let whole = length - tail.len() as u64;
    let is_torn_header = length > 0 && whole == 0 && HEADER.as_bytes().starts_with(&tail);
    let columns = if length == 0 || is_torn_header {
        text.extend(&HEADER.as_bytes()[tail.len()..]);
        text.push(b'\n');
        Columns::named_standard()
    } else {
        let records =
            Records::new(Range::from(&locked, 0).take(whole), Position::default(), Tail::Take);
        // If the first line is not a valid entry, the columns are unknown, and a guess could write
        // another invalid line.
        records
            .learn_columns()
            .map_err(|trouble| refused(file, trouble))?
            .unwrap_or_else(Columns::standard)
    };
    // Omits entries that this version does not accept as addresses, although an earlier version
    // did. They would make the file invalid, and this version never mails them.
    let mut lines: Vec<(String, Entry)> = entries
        .iter()
        .map(Entry::from)
        .filter(|entry| parse_entry(&entry.entry).is_ok())
        .map(|entry| (columns.line(&entry), entry))
        .collect();
    if may_be_there && !is_torn_header {
        leave_out_present(&locked, whole, &mut lines).map_err(|trouble| refused(file, trouble))?;
    }
    let count = lines.len() as u64;
    if length > 0 && !is_torn_header && !ends_line(&locked, length).map_err(failed)? {
        // If an interrupted append left an incomplete line, the rest of the line is written. Any
        // other last line without a line feed is from another program and gets only the line feed.
        if let Some(torn) = lines
            .iter()
            .position(|(line, _)| !tail.is_empty() && line.as_bytes().starts_with(&tail))
        {
            text.extend(&lines.remove(torn).0.as_bytes()[tail.len()..]);
        }
        text.push(b'\n');
    }
    for (line, _) in &lines {
        text.extend(line.as_bytes());
        text.push(b'\n');
    }
    // The text is written at once, so that a reader never sees an incomplete entry followed by
    // another one.
    let written = (&locked).write_all(&text).and_then(|()| locked.sync_all());
    if let Err(why) = written {
        // The next send would fail because of an incomplete line, so the file gets its old length
        // back. If that fails too, the first error is reported.
        let _ = locked.set_len(length);
        return Err(failed(why));
    }
    if is_new {
        sync_directory(file).map_err(failed)?;
    }
    Ok(count)
}

/// Removes the entries from `lines` that are already in the first `length` bytes of the file. An
/// entry counts as present if the file has the same line, or the same address with the same reason.
fn leave_out_present(
    file: &File,
    length: u64,
    lines: &mut Vec<(String, Entry)>,
) -> Result<(), Trouble> {
    let mut present: HashSet<usize> = HashSet::new();
    let by_line: HashMap<&str, usize> =
        lines.iter().enumerate().map(|(place, (line, _))| (line.as_str(), place)).collect();
    let by_entry: HashMap<(&str, Reason), usize> = lines
        .iter()
        .enumerate()
        .map(|(place, (_, entry))| ((entry.entry.as_str(), entry.reason), place))
        .collect();
    let mut records =
        Records::new(Range::from(file, 0).take(length), Position::default(), Tail::Take)
            .with_entries();
    loop {
        let found = records.careful();
        let raw =
            std::str::from_utf8(records.raw()).unwrap_or_default().trim_end_matches(['\r', '\n']);
        present.extend(by_line.get(raw));
        match found {
            Ok(None) => break,
            Ok(Some(Step::Record(Record::Entry(entry)))) => {
                present.extend(by_entry.get(&(entry.entry.as_str(), entry.reason)))
            }
            Ok(Some(_)) => {}
            // The invalid line cannot be one of these entries.
            Err(Trouble::Line(..)) if !records.raw().is_empty() => {}
            Err(trouble) => return Err(trouble),
        }
    }
    let mut place = 0..;
    lines.retain(|_| !place.next().is_some_and(|place| present.contains(&place)));
    Ok(())
}

/// Whether the last line of a file ends with a line feed.
fn ends_line(file: &File, length: u64) -> io::Result<bool> {
    let mut last = [0];
    file.read_exact_at(&mut last, length - 1)?;
    Ok(last == *b"\n")
}

/// The last line of a file that does not end with a line feed. Empty if the file ends with one, or
/// if the line is longer than any line that this program writes.
fn torn_line(file: &File, length: u64) -> io::Result<Vec<u8>> {
    const LONGEST: u64 = 1 << 16;
    let mut end = vec![0; usize::try_from(length.min(LONGEST)).unwrap_or_default()];
    let begins = length - end.len() as u64;
    file.read_exact_at(&mut end, begins)?;
    Ok(match memchr::memrchr(b'\n', &end) {
        Some(at) => end.split_off(at + 1),
        None if length <= LONGEST => end,
        None => Vec::new(),
    })
}

/// The reason why entries cannot be appended to a suppression file; `None` if they can. Changes
/// nothing.
pub(crate) fn unwritable(file: &Path) -> Option<String> {
    let tried = match files::refuse_endless(file)
        .and_then(|()| OpenOptions::new().append(true).open(file))
    {
        Err(why) if why.kind() == io::ErrorKind::NotFound => {
            tempfile::tempfile_in(directory(file)).map(drop)
        }
        opened => opened.map(drop),
    };
    tried.err().map(|why| why.to_string())
}

/// Removes entries from a suppression file. For an address, removes both its own entry and its
/// `sha256:` form.
///
/// The file is replaced atomically and keeps its mode, comments, columns and invalid lines. Fails
/// with exit 2 if a text is not a valid entry.
pub fn remove(file: &Path, entries: &[String]) -> Result<Removed> {
    let unwanted = Unwanted::new(entries)?;
    // If the path is a symbolic link, the link is kept and its target is replaced.
    let target = fs::canonicalize(file).map_err(|why| refused(file, why.into()))?;
    let (locked, _) = open_locked(&target, false)?;
    let failed = |why: io::Error| cannot_write(file, &why);
    let metadata = locked.metadata().map_err(failed)?;
    let copy = tempfile::Builder::new()
        .prefix(".suppressions-")
        .tempfile_in(directory(&target))
        .map_err(failed)?;
    let mut out = BufWriter::with_capacity(1 << 20, copy.as_file());
    let mut removed = Removed::default();
    let mut records = Records::new(&locked, Position::default(), Tail::Take);
    loop {
        let keeps = match records.careful() {
            Ok(None) => break,
            Ok(Some(Step::Record(Record::Entry(entry)))) => {
                if unwanted.is_under(&entry.entry) && !removed.domains.contains(&entry.entry) {
                    removed.domains.push(entry.entry.clone());
                }
                !unwanted.holds(&entry.entry)
            }
            Ok(Some(_)) => true,
            Err(trouble @ Trouble::Io(_)) => return Err(refused(file, trouble)),
            Err(trouble) if records.raw().is_empty() => return Err(refused(file, trouble)),
            Err(Trouble::Line(..)) => true,
        };
        if keeps {
            out.write_all(records.raw()).map_err(failed)?;
        } else {
            removed.lines += 1;
        }
    }
    if removed.lines == 0 {
        return Ok(removed);
    }
    out.flush().map_err(failed)?;
    drop(out);
    copy.as_file().set_permissions(metadata.permissions()).map_err(failed)?;
    // Only root can change the owner. For any other user the copy already has the right owner, or
    // cannot get it.
    let _ = fchown(copy.as_file(), Some(metadata.uid()), Some(metadata.gid()));
    copy.as_file().sync_all().map_err(failed)?;
    copy.persist(&target).map_err(|why| failed(why.error))?;
    sync_directory(&target).map_err(failed)?;
    Ok(removed)
}

/// The entries to remove, in every form in which the file may contain them.
struct Unwanted {
    entries: HashSet<String>,
    hashes: HashSet<u128>,
    domains: HashSet<String>,
}

impl Unwanted {
    fn new(entries: &[String]) -> Result<Self> {
        let mut unwanted =
            Self { entries: HashSet::new(), hashes: HashSet::new(), domains: HashSet::new() };
        for (i, text) in entries.iter().enumerate() {
            let entry = parse_entry(text).map_err(|why| {
                Error::usage(format!("entry {} to remove: {why}", i + 1))
                    .hint("write an address, @domain, or sha256:<64 hex digits>")
            })?;
            match key_of(&entry) {
                (_, Form::Address) => {
                    unwanted.hashes.extend(sha256_keys(&entry));
                    unwanted.domains.extend(
                        Address::parse(&entry).ok().map(|address| format!("@{}", address.domain())),
                    );
                }
                (hash, Form::Hash) => {
                    unwanted.hashes.insert(hash);
                }
                (_, Form::Domain) => {}
            }
            unwanted.entries.insert(entry);
        }
        Ok(unwanted)
    }

    fn holds(&self, entry: &str) -> bool {
        self.entries.contains(entry)
            || matches!(key_of(entry), (hash, Form::Hash) if self.hashes.contains(&hash))
    }

    /// Whether this is a domain entry that also suppresses an address to remove, but is not itself
    /// to be removed.
    fn is_under(&self, entry: &str) -> bool {
        self.domains.contains(entry) && !self.entries.contains(entry)
    }
}

/// Opens a file for appending and waits for the lock. Returns the file and whether it was created.
/// If the file was replaced during the wait, opens the new one, because a write to the old one
/// would be lost.
fn open_locked(path: &Path, may_create: bool) -> Result<(File, bool)> {
    let open = || -> io::Result<(File, bool)> {
        loop {
            let is_new = may_create && !path.exists();
            let file = OpenOptions::new()
                .read(true)
                .append(true)
                .create(may_create)
                .mode(0o600)
                .open(path)?;
            holder::lock(&file, path, TURN)?;
            let mine = file.metadata()?;
            match fs::metadata(path) {
                Ok(there) if (there.dev(), there.ino()) == (mine.dev(), mine.ino()) => {
                    return Ok((file, is_new));
                }
                Ok(_) => {}
                Err(why) if why.kind() == io::ErrorKind::NotFound && may_create => {}
                Err(why) => return Err(why),
            }
        }
    };
    open().map_err(|why| match why.kind() {
        _ if may_create => cannot_write(path, &why),
        io::ErrorKind::NotFound => refused(path, why.into()),
        _ => Error::refused(format!(
            "suppression file {} cannot be changed: {why}",
            path.display()
        ))
        .hint(
            "nothing was changed; correct the permissions of the file, then run the command again",
        ),
    })
}

fn cannot_write(path: &Path, why: &io::Error) -> Error {
    Error::internal(format!("suppression file {} cannot be written: {why}", path.shown()))
        .hint("nothing was changed; free disk space or correct the permissions, then run the command again")
}

fn directory(path: &Path) -> PathBuf {
    path.parent()
        .filter(|parent| !parent.as_os_str().is_empty())
        .map_or_else(|| PathBuf::from("."), Path::to_owned)
}

/// Syncs the file's directory. Without this, a new file may be missing after a power cut.
fn sync_directory(path: &Path) -> io::Result<()> {
    File::open(directory(path))?.sync_all()
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;
    use crate::model::outcome::Reason;
    use crate::suppression::list;

    fn kept(entry: &str, reason: Reason, note: &str) -> LedgerSuppression {
        LedgerSuppression {
            entry: entry.to_owned(),
            reason,
            scope: String::new(),
            source: "run".to_owned(),
            created_at: "2026-11-21T12:00:00Z".parse().expect("a time"),
            expires_at: None,
            note: note.to_owned(),
        }
    }

    fn place() -> (tempfile::TempDir, PathBuf) {
        let dir = tempfile::tempdir().expect("a directory");
        let file = dir.path().join("suppressions.csv");
        (dir, file)
    }

    fn text(file: &Path) -> String {
        fs::read_to_string(file).expect("a file")
    }

    /// A killed process may have written any part of its append.
    #[test]
    fn wherever_an_append_was_broken_off_each_line_is_there_once_and_whole() {
        let entries = [
            kept("u1@x.org", Reason::HardBounce, "5.1.1, \"gone\""),
            kept("u12@x.org", Reason::Complaint, ""),
            kept("jös@x.org", Reason::Manual, "n"),
        ];
        let later = [kept("later@x.org", Reason::HardBounce, "")];
        let heads = [
            "",
            "email\n",
            "email,reason,source,note\r\nold@x.org,manual,,\r\n",
            "email\nold@x.org",
            "# by hand\n",
        ];
        for (nth, head) in heads.into_iter().enumerate() {
            let (_dir, file) = place();
            fs::write(&file, head).expect("room");
            append(&file, &entries).expect("room");
            let whole = fs::read(&file).expect("a file");
            append(&file, &later).expect("room");
            let wanted = text(&file);
            // Only every third position is tested, to save time. `nth` shifts the start, so
            // consecutive files cover different positions.
            for end in (head.len() + nth % 3..=whole.len())
                .step_by(3)
                .chain([whole.len() - 1, whole.len()])
            {
                fs::write(&file, &whole[..end]).expect("room");
                append_missing(&file, &entries).expect("room");
                append(&file, &later).expect("room");
                let sorted = |text: &str| {
                    let mut lines: Vec<String> = text.lines().map(str::to_owned).collect();
                    lines.sort();
                    lines
                };
                assert_eq!(sorted(&text(&file)), sorted(&wanted), "{head:?}, {end} bytes");
            }
        }
    }

    #[test]
    fn what_may_be_there_already_and_is_not_ours_is_left_as_it_is() {
        let (_dir, file) = place();
        fs::write(&file, "email,reason\nann@x.org,manual\nu1@x.o").expect("room");
        assert_eq!(
            append_missing(
                &file,
                &[kept("ann@x.org", Reason::Manual, ""), kept("bob@x.org", Reason::Complaint, "")]
            )
            .expect("room"),
            1
        );
        assert_eq!(text(&file), "email,reason\nann@x.org,manual\nu1@x.o\nbob@x.org,complaint\n");
    }

    #[test]
    fn a_new_file_has_a_header_and_is_private() {
        let (_dir, file) = place();
        append(&file, &[kept("ann@x.org", Reason::HardBounce, "5.1.1, \"gone\"\nreally")])
            .expect("room");
        assert_eq!(
            text(&file),
            format!(
                "{HEADER}\nann@x.org,hard_bounce,,run,2026-11-21T12:00:00Z,,\"5.1.1, \"\"gone\"\" really\"\n"
            )
        );
        assert_eq!(fs::metadata(&file).expect("a file").permissions().mode() & 0o777, 0o600);
    }

    #[test]
    fn appending_uses_the_columns_there_are() {
        let (_dir, file) = place();
        fs::write(&file, "# ours\nname,email,reason\nAnn,ann@x.org,manual").expect("a file");
        append(
            &file,
            &[
                kept("\"b,b\"@x.org", Reason::Complaint, "n"),
                kept("#bob@x.org", Reason::Complaint, "n"),
            ],
        )
        .expect("room");
        assert_eq!(
            text(&file),
            "# ours\nname,email,reason\nAnn,ann@x.org,manual\n,\"\"\"b,b\"\"@x.org\",complaint\n"
        );

        fs::write(&file, "ann@x.org\n").expect("a file");
        let bare =
            LedgerSuppression { source: String::new(), ..kept("bob@x.org", Reason::Manual, "") };
        append(&file, &[bare, kept("\"e e\"@x.org", Reason::Unsubscribe, "")]).expect("room");
        assert_eq!(
            text(&file),
            "ann@x.org\nbob@x.org\n\"\"\"e e\"\"@x.org\",unsubscribe,,run,2026-11-21T12:00:00Z,,\n"
        );
        let entries: Vec<String> =
            list(&[file]).map(|listed| listed.expect("sound").entry.entry).collect();
        assert_eq!(entries, ["ann@x.org", "bob@x.org", "\"e e\"@x.org"]);
    }

    #[test]
    fn two_writers_and_a_remover_lose_nothing() {
        let (_dir, file) = place();
        append(&file, &[kept("start@x.org", Reason::Manual, "")]).expect("room");
        std::thread::scope(|scope| {
            for writer in 0..3 {
                let file = &file;
                scope.spawn(move || {
                    for i in 0..40 {
                        append(
                            file,
                            &[kept(&format!("w{writer}-{i}@x.org"), Reason::Complaint, "")],
                        )
                        .expect("room");
                        if i % 5 == 0 {
                            remove(file, &[format!("w{writer}-{i}@x.org")]).expect("room");
                        }
                    }
                });
            }
        });
        assert_eq!(
            list(&[file]).collect::<Result<Vec<_>>>().expect("sound lines").len(),
            1 + 3 * 32
        );
    }

    #[test]
    fn removing_takes_the_hash_too_and_tells_which_domain_stays() {
        let (_dir, file) = place();
        let hash = {
            let digest = ring::digest::digest(&ring::digest::SHA256, b"ann@x.org");
            digest.as_ref().iter().map(|b| format!("{b:02x}")).collect::<String>()
        };
        let before = format!(
            "\u{feff}email,team\r\n# note\r\nAnn@X.org,a\r\nsha256:{hash},b\r\n@x.org,c\r\nbroken@@line,d\r\n\r\nbob@x.org,\"e\n2\"\r\n"
        );
        fs::write(&file, &before).expect("a file");
        fs::set_permissions(&file, fs::Permissions::from_mode(0o640)).expect("a file of ours");
        let removed = remove(&file, &["ANN@x.org".to_owned()]).expect("room");
        assert_eq!(removed, Removed { lines: 2, domains: vec!["@x.org".to_owned()] });
        assert_eq!(
            text(&file),
            "\u{feff}email,team\r\n# note\r\n@x.org,c\r\nbroken@@line,d\r\n\r\nbob@x.org,\"e\n2\"\r\n"
        );
        assert_eq!(fs::metadata(&file).expect("a file").permissions().mode() & 0o777, 0o640);
        let removed = remove(&file, &["@x.org".to_owned(), "bob@x.org".to_owned()]).expect("room");
        assert_eq!(removed, Removed { lines: 2, domains: Vec::new() });
        assert_eq!(remove(&file, &["absent@y.org".to_owned()]).expect("room"), Removed::default());
        assert!(text(&file).ends_with("broken@@line,d\r\n\r\n"));
    }

    #[test]
    fn removing_follows_a_link_and_refuses_what_is_no_entry() {
        let (dir, file) = place();
        let target = dir.path().join("real.csv");
        fs::write(&target, "ann@x.org\nbob@x.org").expect("a file");
        std::os::unix::fs::symlink(&target, &file).expect("a link");
        assert_eq!(remove(&file, &["ann@x.org".to_owned()]).expect("room").lines, 1);
        assert_eq!(text(&target), "bob@x.org");
        assert!(fs::symlink_metadata(&file).expect("a link").is_symlink());
        assert_eq!(
            remove(&file, &["ann".to_owned()]).expect_err("no entry").exit(),
            crate::model::exit::Exit::USAGE
        );
        assert_eq!(
            remove(&dir.path().join("none"), &["ann@x.org".to_owned()])
                .expect_err("no file")
                .exit(),
            crate::model::exit::Exit::REFUSED
        );
    }
}
