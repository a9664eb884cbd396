//! Opens files below a directory by names that are not trusted, such as those from the recipient
//! list.
//!
//! The rule it keeps: no file outside the directory is opened. Each part of a path is opened
//! relative to the part before it, without following symbolic links, so a link that replaces a
//! directory is refused. Only regular files are opened, and opening never blocks, even if a FIFO
//! replaces the file.

use std::fs::File;
use std::io;
use std::os::fd::OwnedFd;
use std::path::Path;

use rustix::fs::{AtFlags, CWD, FileType, Mode, OFlags, fstat, openat, statat};
use rustix::io::Errno;

use crate::files;

/// Why a file is not read. The text is a sentence fragment that does not name the file.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Refused {
    pub(super) what: String,
    /// Whether the process or the machine is the cause, for example a lack of memory, and not the
    /// file.
    pub(super) is_ours: bool,
}

impl Refused {
    /// An error for which the file is the cause.
    pub(super) fn of(what: &str) -> Self {
        Self { what: what.to_owned(), is_ours: false }
    }

    fn failed(why: Errno, what: String) -> Self {
        let is_ours = [Errno::MFILE, Errno::NFILE, Errno::NOMEM, Errno::IO].contains(&why);
        Self { what, is_ours }
    }
}

const LINK: &str = "its path contains a symbolic link, which is not followed";
const NO_DIRECTORY: &str = "a part of its path is no directory";
const UNREADABLE: &str = "the file cannot be read";

/// Checks that a path is relative and has no empty part, `.` or `..`. `below` is the name of the
/// directory in errors.
pub(super) fn check(path: &str, below: &str) -> Result<(), Refused> {
    if path.starts_with('/') {
        let what = format!("its path begins at the root, but must be relative to {below}");
        return Err(Refused::of(&what));
    }
    if path.contains('\0') {
        return Err(Refused::of("its path contains a NUL character"));
    }
    if path.split('/').any(|part| matches!(part, "" | "." | "..")) {
        return Err(Refused::of("its path contains an empty part, `.` or `..`"));
    }
    Ok(())
}

/// Opens a regular file. `below` is the name of the directory in errors.
pub(super) fn open(directory: &Path, path: &str, below: &str) -> Result<File, Refused> {
    check(path, below)?;
    let failed = |why: Errno| {
        let what = match why {
            Errno::NOENT => format!("there is no such file below {below}"),
            Errno::LOOP => LINK.to_owned(),
            Errno::NOTDIR => NO_DIRECTORY.to_owned(),
            Errno::NAMETOOLONG => "its name is longer than a file's can be".to_owned(),
            why => format!("{UNREADABLE}: {}", io::Error::from(why)),
        };
        Refused::failed(why, what)
    };
    let kind = |at: &OwnedFd, name: &str| {
        let about = statat(at, name, AtFlags::SYMLINK_NOFOLLOW).map_err(failed)?;
        Ok(FileType::from_raw_mode(about.st_mode))
    };
    let flags = OFlags::RDONLY | OFlags::CLOEXEC;
    let mut at =
        openat(CWD, directory, flags | OFlags::DIRECTORY, Mode::empty()).map_err(|why| {
            Refused::failed(why, format!("{below} cannot be opened: {}", io::Error::from(why)))
        })?;
    let (parents, name) = path.rsplit_once('/').unwrap_or(("", path));
    for part in parents.split('/').filter(|part| !part.is_empty()) {
        match kind(&at, part)? {
            FileType::Directory => {}
            FileType::Symlink => return Err(Refused::of(LINK)),
            _ => return Err(Refused::of(NO_DIRECTORY)),
        }
        let directory = flags | OFlags::DIRECTORY | OFlags::NOFOLLOW;
        at = openat(&at, part, directory, Mode::empty()).map_err(failed)?;
    }
    require_file(kind(&at, name)?)?;
    let waits_for_nothing = OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::NOCTTY;
    let file = openat(&at, name, flags | waits_for_nothing, Mode::empty()).map_err(failed)?;
    let about = fstat(&file).map_err(failed)?;
    require_file(FileType::from_raw_mode(about.st_mode))?;
    Ok(File::from(file))
}

/// Reads a whole attachment. The file must have between 1 and `most` bytes.
pub(super) fn read(file: File, most: u64) -> Result<Vec<u8>, Refused> {
    let bytes = files::read_open(file, most).map_err(|why| match why.raw_os_error() {
        _ if why.kind() == io::ErrorKind::FileTooLarge => too_large(),
        None => Refused::of(UNREADABLE),
        Some(code) => {
            Refused::failed(Errno::from_raw_os_error(code), format!("{UNREADABLE}: {why}"))
        }
    })?;
    if bytes.is_empty() { Err(Refused::of("the file is empty")) } else { Ok(bytes) }
}

pub(super) fn too_large() -> Refused {
    Refused::of("with these attachments, the message has more than 60 MB after base64 encoding")
}

fn require_file(kind: FileType) -> Result<(), Refused> {
    Err(Refused::of(match kind {
        FileType::RegularFile => return Ok(()),
        FileType::Symlink => LINK,
        FileType::Directory => "it is a directory, not a file",
        FileType::Fifo => "it is a FIFO, not a file",
        FileType::Socket => "it is a socket, not a file",
        _ => "it is a device, not a file",
    }))
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use super::*;

    #[test]
    fn only_files_below_the_directory_are_read() {
        let outside = tempfile::tempdir().expect("a directory");
        std::fs::write(outside.path().join("secret"), "secret").expect("written");
        let directory = tempfile::tempdir().expect("a directory");
        let at = |name: &str| directory.path().join(name);
        std::fs::create_dir_all(at("a/b")).expect("made");
        std::fs::write(at("a/b/c ü.pdf"), "0123456789").expect("written");
        std::fs::write(at("hollow"), "").expect("written");
        let sparse = File::create(at("sparse")).expect("made");
        sparse.set_len(60_000_000).expect("a file with holes");
        symlink(outside.path().join("secret"), at("l1nk")).expect("a link");
        symlink(outside.path(), at("a/out")).expect("a link");
        symlink(at("a/b/c ü.pdf"), at("inside")).expect("a link");
        rustix::fs::mknodat(CWD, at("fifo"), FileType::Fifo, 0o600.into(), 0).expect("a FIFO");
        let _socket = std::os::unix::net::UnixListener::bind(at("s0cket")).expect("a socket");
        let read = |path: &str| read(open(directory.path(), path, "attach_dir")?, 10);
        assert_eq!(read("a/b/c ü.pdf").as_deref(), Ok(b"0123456789".as_slice()));
        let long = "x".repeat(300);
        for (path, says) in [
            ("none", "no such file"),
            ("a/none/c", "no such file"),
            ("hollow", "is empty"),
            ("sparse", "more than 60 MB"),
            ("l1nk", "symbolic link"),
            ("inside", "symbolic link"),
            ("a/out/secret", "symbolic link"),
            ("fifo", "FIFO"),
            ("s0cket", "socket"),
            ("a", "directory"),
            ("hollow/x", "no directory"),
            ("../secret", "`..`"),
            ("a/../../secret", "`..`"),
            ("a//b", "empty part"),
            ("a/b/", "empty part"),
            ("./a", "`.`"),
            ("", "empty part"),
            ("/etc/passwd", "root"),
            ("a\0b", "NUL"),
            (&long, "longer"),
        ] {
            let why = read(path).expect_err(path);
            assert!(why.what.contains(says) && !why.is_ours, "{path}: {}", why.what);
            assert!(path.len() < 4 || !why.what.contains(path), "it does not name the file");
        }
        let device = open(Path::new("/dev"), "zero", "attach_dir").expect_err("a device");
        assert!(device.what.contains("device"), "{}", device.what);
        let gone = open(&at("gone"), "x", "attach_dir").expect_err("no directory");
        assert!(gone.what.starts_with("attach_dir cannot be opened"), "{}", gone.what);
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn a_link_that_is_put_there_meanwhile_leads_nowhere() {
        let outside = tempfile::tempdir().expect("a directory");
        std::fs::write(outside.path().join("f"), "secret").expect("written");
        let directory = tempfile::tempdir().expect("a directory");
        let at = |name: &str| directory.path().join(name);
        std::fs::create_dir(at("d")).expect("made");
        std::fs::write(at("d/f"), "own").expect("written");
        symlink(outside.path(), at("out")).expect("a link");
        let swaps = std::thread::scope(|scope| {
            let swapper = scope.spawn(|| {
                for _ in 0..2_000 {
                    // Exchanges the directory and the link in one step.
                    let _ = rustix::fs::renameat_with(
                        CWD,
                        at("d"),
                        CWD,
                        at("out"),
                        rustix::fs::RenameFlags::EXCHANGE,
                    );
                }
            });
            let mut found = [0, 0];
            while !swapper.is_finished() {
                match open(directory.path(), "d/f", "attach_dir").and_then(|file| read(file, 10)) {
                    Ok(bytes) => {
                        assert_eq!(bytes, b"own");
                        found[0] += 1;
                    }
                    Err(_) => found[1] += 1,
                }
            }
            found
        });
        assert!(swaps[0] + swaps[1] > 0);
    }
}
