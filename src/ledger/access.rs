//! Finds out why this process cannot read or write a file of the state directory, and how the
//! operator can fix it.
//!
//! A file with missing permissions is not damaged, so no caller may move it away.

use std::fs::{File, Metadata};
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use rustix::fs::{Access, IFlags, access, ioctl_getflags};
use rustix::io::Errno;
use rustix::process::geteuid;

use crate::model::shown::Shown;

/// A file or directory that this process lacks permission to use.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Denied {
    pub path: PathBuf,
    /// The reason, worded to follow the path in an error message.
    pub why: String,
    /// The fix, worded to follow "hint: ".
    pub mend: String,
}

/// The access that the caller needs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Need {
    Read,
    Write,
}

/// Checks the state directory, its ledger files and its subdirectories. Returns the first one that
/// this process cannot use, or `None` if all existing ones can be used. Changes nothing.
pub(crate) fn denied(state_dir: &Path, need: Need) -> Option<Denied> {
    if let Some(above) = closed_above(state_dir) {
        return Some(above);
    }
    let there = state_dir.ancestors().find(|dir| dir.exists()).filter(|dir| dir.is_dir())?;
    // If the state directory does not exist yet, it must be created. This needs write access to its
    // parent.
    let need_there = if there == state_dir { need } else { Need::Write };
    look(there, true, need_there)?.map_or_else(
        || {
            let files = ["ledger.db", "ledger.db-wal", "ledger.db-shm"]
                .map(|name| (state_dir.join(name), false));
            let inside = std::fs::read_dir(state_dir)
                .into_iter()
                .flatten()
                .flatten()
                .map(|entry| (entry.path(), true));
            let inside = inside.filter(|(path, _)| path.is_dir());
            files
                .into_iter()
                .chain(inside)
                .find_map(|(path, is_dir)| look(&path, is_dir, need).flatten())
        },
        Some,
    )
}

/// Returns the topmost parent directory that this process may not enter. Nothing below that
/// directory can be examined.
fn closed_above(path: &Path) -> Option<Denied> {
    let above: Vec<&Path> =
        path.ancestors().skip(1).filter(|dir| !dir.as_os_str().is_empty()).collect();
    let closed =
        above.into_iter().rev().find(|dir| access(*dir, Access::EXEC_OK) == Err(Errno::ACCESS))?;
    Some(explain(closed, true, Errno::ACCESS))
}

/// Checks the access to one path. Returns `None` if the path does not exist, and `Some(None)` if
/// this process may use it.
fn look(path: &Path, is_dir: bool, need: Need) -> Option<Option<Denied>> {
    let mut wanted = Access::READ_OK;
    if need == Need::Write {
        wanted |= Access::WRITE_OK;
    }
    if is_dir {
        wanted |= Access::EXEC_OK;
    }
    match access(path, wanted) {
        Ok(()) if need == Need::Write => {
            Some(attribute(path).map(|flags| explain_flags(path, flags)))
        }
        Ok(()) => Some(None),
        Err(Errno::NOENT | Errno::NOTDIR) => None,
        Err(errno) => Some(Some(explain(path, is_dir, errno))),
    }
}

/// Returns the immutable and append-only attributes that are set on a file. Returns `None` if
/// neither is set, or if the attributes cannot be read.
fn attribute(path: &Path) -> Option<IFlags> {
    let flags = ioctl_getflags(File::open(path).ok()?).ok()?;
    Some(flags & (IFlags::IMMUTABLE | IFlags::APPEND)).filter(|flags| !flags.is_empty())
}

fn explain_flags(path: &Path, flags: IFlags) -> Denied {
    let (word, letter) =
        if flags.contains(IFlags::IMMUTABLE) { ("immutable", 'i') } else { ("append-only", 'a') };
    let shown = path.shown();
    Denied {
        path: path.to_owned(),
        why: format!(
            "{}: the file attribute {word} is set, as `lsattr -d {shown}` shows",
            io::Error::from(Errno::PERM)
        ),
        mend: format!("`chattr -{letter} {shown}`, run as root, removes the attribute"),
    }
}

fn explain(path: &Path, is_dir: bool, errno: Errno) -> Denied {
    if errno == Errno::PERM
        && let Some(flags) = attribute(path)
    {
        return explain_flags(path, flags);
    }
    let shown = path.shown();
    let error = io::Error::from(errno);
    let about = std::fs::metadata(path).ok();
    let (why, mend) = match (errno, about) {
        (Errno::ROFS, _) => {
            let mount = mount_of(path);
            let mount = mount.shown();
            (
                format!("{error}: {mount} is mounted read-only"),
                format!(
                    "`mount -o remount,rw {mount}` makes it writable; its files are intact and can be copied to a writable file system"
                ),
            )
        }
        (Errno::ACCESS, Some(about)) => {
            let (uid, mode) = (geteuid().as_raw(), about.mode() & 0o7777);
            let bits = if is_dir { "u+rwx" } else { "u+rw" };
            let owner = about.uid();
            (
                format!(
                    "{error}: its owner is user {owner}, its mode is {mode:04o}, and this process runs as user {uid}"
                ),
                mending(
                    &about,
                    uid,
                    &format!("`chmod {bits} {shown}`"),
                    &format!("`chown {uid} {shown}`"),
                ),
            )
        }
        _ => (
            error.to_string(),
            format!(
                "`ls -ld {shown}`, `lsattr -d {shown}` and `findmnt -T {shown}` show the owner, the attributes and the mount"
            ),
        ),
    };
    Denied { path: path.to_owned(), why, mend }
}

fn mending(about: &Metadata, uid: u32, chmod: &str, chown: &str) -> String {
    if about.uid() == uid {
        return format!("{chmod} gives its owner access");
    }
    format!("run the command as user {}, or change the owner as root: {chown}", about.uid())
}

/// Returns the mount point of the file system that contains a path, according to
/// `/proc/self/mounts`. Returns the path itself if no mount point is found.
fn mount_of(path: &Path) -> PathBuf {
    let path = std::fs::canonicalize(path).unwrap_or_else(|_| path.to_owned());
    let mounts = std::fs::read_to_string("/proc/self/mounts").unwrap_or_default();
    let places = mounts
        .lines()
        .filter_map(|line| line.split(' ').nth(1))
        .map(|place| PathBuf::from(place.replace("\\040", " ")));
    places
        .filter(|place| path.starts_with(place))
        .max_by_key(|place| place.as_os_str().len())
        .unwrap_or(path)
}
