//! Why a file of a state directory cannot be used by this process, and what mends it. The files are
//! complete: do not move any of them away for this reason.

use std::fs::{File, Metadata};
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use rustix::fs::{Access, IFlags, access, ioctl_getflags};
use rustix::io::Errno;
use rustix::process::geteuid;

use crate::model::shown::Shown;

/// A file or a directory that this process may not use as it has to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Denied {
    pub path: PathBuf,
    /// In words that follow the path.
    pub why: String,
    /// In words that follow "hint: ".
    pub mend: String,
}

/// What is to be done with the files.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Need {
    Read,
    Write,
}

/// Looks at a state directory, its ledger and its other directories, and names the first that
/// cannot be used; `None` where all can be, or are not there. Changes nothing.
pub(crate) fn denied(state_dir: &Path, need: Need) -> Option<Denied> {
    if let Some(above) = closed_above(state_dir) {
        return Some(above);
    }
    let there = state_dir.ancestors().find(|dir| dir.exists()).filter(|dir| dir.is_dir())?;
    // Where there is none yet, it is to be made.
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

/// The first directory above that cannot be entered, which hides everything in it.
fn closed_above(path: &Path) -> Option<Denied> {
    let above: Vec<&Path> =
        path.ancestors().skip(1).filter(|dir| !dir.as_os_str().is_empty()).collect();
    let closed =
        above.into_iter().rev().find(|dir| access(*dir, Access::EXEC_OK) == Err(Errno::ACCESS))?;
    Some(explain(closed, true, Errno::ACCESS))
}

/// The outer `None` stands for a path that holds nothing.
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

/// The attributes that keep a file from being changed, where the file system has them and the file
/// can be opened.
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
            "{}: it has the attribute {word}, as `lsattr -d {shown}` shows",
            io::Error::from(Errno::PERM)
        ),
        mend: format!("`chattr -{letter} {shown}` takes the attribute away, and needs root"),
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
                    "`mount -o remount,rw {mount}` makes it writable; what lies there is whole and can be copied to a place that is"
                ),
            )
        }
        (Errno::ACCESS, Some(about)) => {
            let (uid, mode) = (geteuid().as_raw(), about.mode() & 0o7777);
            let bits = if is_dir { "u+rwx" } else { "u+rw" };
            let owner = about.uid();
            (
                format!(
                    "{error}: it belongs to user {owner}, its mode is {mode:04o}, and this process runs as user {uid}"
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
                "`ls -ld {shown}`, `lsattr -d {shown}` and `findmnt -T {shown}` show its owner, attributes and mount"
            ),
        ),
    };
    Denied { path: path.to_owned(), why, mend }
}

fn mending(about: &Metadata, uid: u32, chmod: &str, chown: &str) -> String {
    if about.uid() == uid {
        return format!("{chmod} lets its owner use it");
    }
    format!("run the command as user {}, or give it to this one: {chown}, as root", about.uid())
}

/// Where the file system of a path is mounted, as far as the system says.
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
