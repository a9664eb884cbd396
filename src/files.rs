//! Reads files that the operator names: regular files up to a maximum size.
//!
//! Invariant: an endless device, a FIFO without a writer and a sparse file of a terabyte are
//! errors. None of them makes the process wait or use much memory.

use std::fs::{File, Metadata, OpenOptions};
use std::io::{self, Read};
use std::os::unix::fs::{FileTypeExt, MetadataExt, OpenOptionsExt};
use std::path::Path;

use rustix::fs::OFlags;
use rustix::io::Errno;

use crate::model::error::Error;
use crate::model::shown::Shown;

/// The maximum size of a configuration, in bytes.
pub(crate) const CONFIGURATION: u64 = 4 << 20;
/// The maximum size of a message file, in bytes: several times the size that mail servers accept.
pub(crate) const MESSAGE: u64 = 32 << 20;
/// The maximum size of an attachment, in bytes.
pub(crate) const ATTACHMENT: u64 = 128 << 20;
/// The maximum size of a file with certificates or keys, in bytes. The complete root store of a
/// system has about 256 KiB.
pub(crate) const CERTIFICATES: u64 = 16 << 20;

/// Builds the error, with a fix, for a file or directory of the workspace that cannot be created or
/// opened. Exit 1.
pub(crate) fn unusable(path: &Path, why: &io::Error) -> Error {
    use io::ErrorKind::{
        AlreadyExists, IsADirectory, NotADirectory, PermissionDenied, QuotaExceeded,
        ReadOnlyFilesystem, StorageFull,
    };
    let shown = path.shown();
    let is_loop = why.raw_os_error() == Some(Errno::LOOP.raw_os_error());
    let hint = match why.kind() {
        StorageFull | QuotaExceeded => {
            "free some disk space or inodes (`df -i`), then run the same command again".to_owned()
        }
        AlreadyExists | NotADirectory | IsADirectory => in_its_place(&shown),
        _ if is_loop => in_its_place(&shown),
        PermissionDenied | ReadOnlyFilesystem => {
            format!(
                "this user must be able to write there: see `ls -ld {shown}` and `findmnt -T {shown}`"
            )
        }
        _ => format!("`ls -ld {shown}` and `df {shown}` show what is there"),
    };
    Error::internal(format!("{shown}: {why}")).hint(hint)
}

fn in_its_place(shown: &str) -> String {
    format!(
        "something else is in the place of {shown}: move it away, then run the same command again"
    )
}

/// Opens a regular file. Any other type of file is refused before it is opened, because opening a
/// FIFO waits for its writer, and opening a device can have effects, such as rewinding a tape.
pub(crate) fn open(path: &Path) -> io::Result<File> {
    refuse_others(&std::fs::metadata(path)?)?;
    // Check the type again after opening, because the file may have been replaced. Without
    // NONBLOCK, opening special files such as /proc/kmsg would block.
    let flags = (OFlags::NONBLOCK | OFlags::NOCTTY).bits().cast_signed();
    let file = OpenOptions::new().read(true).custom_flags(flags).open(path)?;
    refuse_others(&file.metadata()?)?;
    Ok(file)
}

/// Reads a whole regular file of at most `most` bytes.
pub(crate) fn read(path: &Path, most: u64) -> io::Result<Vec<u8>> {
    read_open(open(path)?, most)
}

/// Reads an open regular file of at most `most` bytes to its end.
pub(crate) fn read_open(file: File, most: u64) -> io::Result<Vec<u8>> {
    let length = file.metadata()?.len();
    let too_long =
        || io::Error::new(io::ErrorKind::FileTooLarge, format!("it is longer than {}", size(most)));
    if length > most {
        return Err(too_long());
    }
    let mut bytes = Vec::with_capacity(usize::try_from(length).unwrap_or_default());
    // Read past the reported length: files in /proc report the length 0, and another process may be
    // appending to the file.
    file.take(most + 1).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > most { Err(too_long()) } else { Ok(bytes) }
}

/// Reads a whole regular file of UTF-8 text, of at most `most` bytes.
pub(crate) fn read_text(path: &Path, most: u64) -> io::Result<String> {
    String::from_utf8(read(path, most)?)
        .map_err(|_| io::Error::new(io::ErrorKind::InvalidData, "it is not UTF-8"))
}

/// Opens a file that is read once, from its start: a regular file, a pipe of the shell's `<(…)`, or
/// /dev/null.
pub(crate) fn open_once(path: &Path) -> io::Result<File> {
    refuse_endless(path)?;
    File::open(path)
}

/// Refuses files that have no end, and FIFOs whose writer may never appear. Allowed are pipes of
/// the shell, which have a writer, and /dev/null, which is empty.
pub(crate) fn refuse_endless(path: &Path) -> io::Result<()> {
    let Ok(about) = std::fs::metadata(path) else { return Ok(()) };
    let kind = about.file_type();
    let is_of_a_shell = ["/dev/fd", "/dev/stdin", "/proc"].iter().any(|dir| path.starts_with(dir));
    if is_null(&about) || is_of_a_shell && (kind.is_fifo() || kind.is_socket()) {
        Ok(())
    } else {
        refuse_others(&about)
    }
}

/// Refuses devices, which have no end, except /dev/null, which is empty.
pub(crate) fn refuse_devices(about: &Metadata) -> io::Result<()> {
    let kind = about.file_type();
    if (kind.is_char_device() || kind.is_block_device()) && !is_null(about) {
        refuse_others(about)
    } else {
        Ok(())
    }
}

fn is_null(about: &Metadata) -> bool {
    about.file_type().is_char_device()
        && std::fs::metadata("/dev/null").is_ok_and(|null| null.rdev() == about.rdev())
}

fn refuse_others(about: &Metadata) -> io::Result<()> {
    let kind = about.file_type();
    let what = match () {
        () if kind.is_file() => return Ok(()),
        () if kind.is_dir() => "it is a directory, not a file",
        () if kind.is_fifo() => "it is a FIFO, not a file",
        () if kind.is_socket() => "it is a socket, not a file",
        () => "it is a device, not a file",
    };
    Err(io::Error::new(io::ErrorKind::InvalidInput, what))
}

fn size(bytes: u64) -> String {
    if bytes >= 1 << 20 { format!("{} MiB", bytes >> 20) } else { format!("{} KiB", bytes >> 10) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_files_of_a_length_that_is_allowed_are_read() {
        let dir = tempfile::tempdir().expect("a directory");
        let at = |name: &str| dir.path().join(name);
        std::fs::write(at("whole"), "0123456789").expect("written");
        assert_eq!(read(&at("whole"), 10).expect("read"), b"0123456789");
        let sparse = File::create(at("sparse")).expect("made");
        // An error is ignored: some file systems do not support files of this size.
        let _ = sparse.set_len(1 << 40).or_else(|_| sparse.set_len(1 << 33));
        rustix::fs::mknodat(
            rustix::fs::CWD,
            at("fifo"),
            rustix::fs::FileType::Fifo,
            0o600.into(),
            0,
        )
        .expect("a FIFO");
        for (path, says) in [
            (at("whole"), "longer than"),
            (at("sparse"), "longer than"),
            (at("fifo"), "it is a FIFO"),
            (dir.path().to_owned(), "it is a directory"),
            ("/dev/zero".into(), "it is a device"),
            ("/dev/urandom".into(), "it is a device"),
        ] {
            let error = read(&path, 9).expect_err("refused").to_string();
            assert!(error.contains(says), "{}: {error}", path.display());
        }
        // The file reports no length, but reading it ends.
        assert!(!read(Path::new("/proc/self/status"), 1 << 20).is_ok_and(|text| text.is_empty()));
    }
}
