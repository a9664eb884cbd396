//! Reads files below a directory. Their names come from the recipient list and are not trusted.
//!
//! The rule it keeps: no file outside the directory is opened. Each part of a path is opened
//! relative to the part before it, without following symbolic links, so a link that replaces a
//! directory is refused. Only regular files are opened, and opening never blocks, even if a FIFO
//! replaces the file.

use std::fs::File;
use std::io::Read;
use std::os::fd::OwnedFd;
use std::path::Path;

use rustix::fs::{AtFlags, CWD, FileType, Mode, OFlags, fstat, openat, statat};
use rustix::io::Errno;

/// Why a file is not read. The text is a sentence fragment that does not name the file.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Refused {
    pub(super) what: String,
    /// Whether the process or the machine is the cause, for example a lack of memory, and not the
    /// file.
    pub(super) is_ours: bool,
}

fn refused(what: &str) -> Refused {
    Refused { what: what.to_owned(), is_ours: false }
}

fn failed(why: Errno) -> Refused {
    let is_ours = [Errno::MFILE, Errno::NFILE, Errno::NOMEM, Errno::IO].contains(&why);
    let what = match why {
        Errno::NOENT => "there is no such file below attach_dir".to_owned(),
        Errno::LOOP => LINK.to_owned(),
        Errno::NOTDIR => NO_DIRECTORY.to_owned(),
        Errno::NAMETOOLONG => "its name is longer than a file's can be".to_owned(),
        why => format!("the file cannot be read: {}", std::io::Error::from(why)),
    };
    Refused { what, is_ours }
}

const LINK: &str = "its path contains a symbolic link, which is not followed";
const NO_DIRECTORY: &str = "a part of its path is no directory";

/// Checks that a path is relative and has no empty part, `.` or `..`.
pub(super) fn check(path: &str) -> Result<(), Refused> {
    if path.starts_with('/') {
        return Err(refused("its path begins at the root, but must be relative to attach_dir"));
    }
    if path.contains('\0') {
        return Err(refused("its path contains a NUL character"));
    }
    if path.split('/').any(|part| matches!(part, "" | "." | "..")) {
        return Err(refused("its path contains an empty part, `.` or `..`"));
    }
    Ok(())
}

/// Reads a whole file. The file must have between 1 and `most` bytes.
pub(super) fn read(directory: &Path, path: &str, most: u64) -> Result<Vec<u8>, Refused> {
    check(path)?;
    let flags = OFlags::RDONLY | OFlags::CLOEXEC;
    let mut at =
        openat(CWD, directory, flags | OFlags::DIRECTORY, Mode::empty()).map_err(|why| {
            let is_ours = failed(why).is_ours;
            Refused {
                what: format!("attach_dir cannot be opened: {}", std::io::Error::from(why)),
                is_ours,
            }
        })?;
    let (parents, name) = path.rsplit_once('/').unwrap_or(("", path));
    for part in parents.split('/').filter(|part| !part.is_empty()) {
        match kind(&at, part)? {
            FileType::Directory => {}
            FileType::Symlink => return Err(refused(LINK)),
            _ => return Err(refused(NO_DIRECTORY)),
        }
        let directory = flags | OFlags::DIRECTORY | OFlags::NOFOLLOW;
        at = openat(&at, part, directory, Mode::empty()).map_err(failed)?;
    }
    require_file(kind(&at, name)?)?;
    let waits_for_nothing = OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::NOCTTY;
    let file = openat(&at, name, flags | waits_for_nothing, Mode::empty()).map_err(failed)?;
    let about = fstat(&file).map_err(failed)?;
    require_file(FileType::from_raw_mode(about.st_mode))?;
    let size = u64::try_from(about.st_size).unwrap_or_default();
    if size > most {
        return Err(too_large());
    }
    let mut bytes = Vec::with_capacity(usize::try_from(size).unwrap_or_default());
    // The file may have grown since its size was read.
    File::from(file).take(most + 1).read_to_end(&mut bytes).map_err(|why| {
        why.raw_os_error().map_or_else(
            || refused("the file cannot be read"),
            |code| failed(Errno::from_raw_os_error(code)),
        )
    })?;
    match bytes.len() as u64 {
        0 => Err(refused("the file is empty")),
        length if length > most => Err(too_large()),
        _ => Ok(bytes),
    }
}

pub(super) fn too_large() -> Refused {
    refused("with these attachments, the message has more than 60 MB after base64 encoding")
}

fn kind(at: &OwnedFd, name: &str) -> Result<FileType, Refused> {
    let about = statat(at, name, AtFlags::SYMLINK_NOFOLLOW).map_err(failed)?;
    Ok(FileType::from_raw_mode(about.st_mode))
}

fn require_file(kind: FileType) -> Result<(), Refused> {
    Err(refused(match kind {
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
        let read = |path: &str| read(directory.path(), path, 10);
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
        let device = super::read(Path::new("/dev"), "zero", 10).expect_err("a device");
        assert!(device.what.contains("device"), "{}", device.what);
        let gone = super::read(&at("gone"), "x", 10).expect_err("no directory");
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
                match read(directory.path(), "d/f", 10) {
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
