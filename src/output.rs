//! Writes output files that the operator names.
//!
//! Invariant: an output never replaces a file that belongs to the workspace.
//!
//! A regular file is written to a temporary file and renamed, so that it appears complete or not at
//! all. FIFOs, devices and names of standard output such as `/dev/stdout` are written in place,
//! because a rename would replace the device by a regular file.

use std::collections::HashMap;
use std::fs::{self, DirBuilder, File, Metadata, OpenOptions, Permissions};
use std::io::{self, ErrorKind, Write};
use std::os::fd::AsFd;
use std::os::unix::fs::{DirBuilderExt, FileTypeExt, MetadataExt, OpenOptionsExt, PermissionsExt};
use std::path::{Component, Path, PathBuf};
use std::time::{Duration, Instant};

use rustix::fs::{Access, OFlags};
use tempfile::NamedTempFile;

use crate::model::error::{Error, Result};
use crate::model::shown::Shown;

/// How long to wait for a program that reads from a FIFO.
const READER: Duration = Duration::from_secs(60);

/// Descriptions of files in a state directory.
const STATE: &str = "in the state directory, where mailbatch keeps its own files";
const LINKED: &str = "a file of the state directory under another name";

/// The most symbolic links to follow, one after the other.
const LINKS: usize = 40;

/// The files of a workspace that no output may replace. They are recognized by canonical path and
/// by inode, so that hard links and bind mounts count too.
#[derive(Clone, Debug, Default)]
pub(crate) struct OwnFiles {
    state_dirs: Vec<PathBuf>,
    files: Vec<(PathBuf, &'static str)>,
    open: Vec<((u64, u64), &'static str)>,
}

impl OwnFiles {
    /// Adds a state directory with all files in it, and with all files that are created in it
    /// later.
    pub(crate) fn add_state_dir(&mut self, dir: &Path) {
        self.state_dirs.push(canonical(dir));
    }

    /// Adds a file, which may not exist yet. `what` describes it, such as "the configuration".
    pub(crate) fn add(&mut self, path: &Path, what: &'static str) {
        self.files.push((canonical(path), what));
    }

    /// Adds the file that standard input reads from, if it is a regular file.
    pub(crate) fn add_stdin(&mut self, what: &'static str) {
        let file = io::stdin().as_fd().try_clone_to_owned().map(File::from);
        if let Ok(about) = file.and_then(|file| file.metadata())
            && about.is_file()
        {
            self.open.push((identity(&about), what));
        }
    }

    /// Describes the workspace's file at `path`; `None` if the path does not belong to the
    /// workspace.
    fn find(&self, path: &Path) -> Option<&'static str> {
        let path = canonical(path);
        if self.is_in_state_dir(&path) {
            return Some(STATE);
        }
        if let Some((_, what)) = self.files.iter().find(|(own, _)| *own == path) {
            return Some(what);
        }
        self.find_inode(&fs::metadata(&path).ok()?)
    }

    /// Describes the workspace's file that has this inode, if there is one.
    fn find_inode(&self, about: &Metadata) -> Option<&'static str> {
        let wanted = identity(about);
        let is_wanted =
            |path: &Path| fs::metadata(path).is_ok_and(|about| identity(&about) == wanted);
        let named = self.files.iter().find(|(own, _)| is_wanted(own)).map(|(_, what)| *what);
        let open = || self.open.iter().find(|(own, _)| *own == wanted).map(|(_, what)| *what);
        named.or_else(open).or_else(|| {
            let mut is_it = |found| found == wanted;
            self.state_dirs.iter().any(|dir| holds(dir, &mut is_it)).then_some(LINKED)
        })
    }

    /// Looks up the inodes of all files now, for many comparisons.
    pub(crate) fn inodes(&self) -> Inodes {
        let mut known: HashMap<(u64, u64), &'static str> = self.open.iter().copied().collect();
        let mut paths: Vec<(PathBuf, &'static str)> =
            self.state_dirs.iter().map(|dir| (dir.clone(), STATE)).collect();
        for dir in &self.state_dirs {
            holds(dir, &mut |found| {
                known.insert(found, LINKED);
                false
            });
        }
        for (path, what) in &self.files {
            if let Some(about) = fs::metadata(path).ok().filter(Metadata::is_file) {
                known.entry(identity(&about)).or_insert(what);
                paths.push((path.clone(), what));
            }
        }
        Inodes { known, paths, state_dirs: self.state_dirs.clone() }
    }

    fn is_in_state_dir(&self, path: &Path) -> bool {
        let identity_of = |path: &Path| fs::metadata(path).ok().map(|about| identity(&about));
        self.state_dirs.iter().any(|dir| {
            let own = identity_of(dir);
            path.starts_with(dir)
                || (own.is_some()
                    && path.ancestors().skip(1).any(|above| identity_of(above) == own))
        })
    }
}

/// The files of a workspace as they were at one moment. They are recognized by inode; new files of
/// a state directory are recognized by their path.
#[derive(Debug, Default)]
pub(crate) struct Inodes {
    known: HashMap<(u64, u64), &'static str>,
    paths: Vec<(PathBuf, &'static str)>,
    state_dirs: Vec<PathBuf>,
}

impl Inodes {
    /// The description of the workspace's file that was opened at `path`, which must be canonical.
    pub(crate) fn find(&self, path: &Path, about: &Metadata) -> Option<&'static str> {
        let is_state = self.state_dirs.iter().any(|dir| path.starts_with(dir));
        self.known.get(&identity(about)).copied().or(is_state.then_some(STATE))
    }

    /// A file or state directory of the workspace below a canonical path, with its description.
    pub(crate) fn first_below(&self, path: &Path) -> Option<(&Path, &'static str)> {
        let found = self.paths.iter().find(|(own, _)| own.starts_with(path));
        found.map(|(own, what)| (own.as_path(), *what))
    }
}

/// Whether a state directory contains a file that is `wanted`. Directories with copies of mail are
/// not searched, because they have many files that mailbatch never reads again.
fn holds(dir: &Path, wanted: &mut impl FnMut((u64, u64)) -> bool) -> bool {
    let Ok(entries) = fs::read_dir(dir) else { return false };
    entries.flatten().any(|entry| match entry.metadata() {
        Ok(about) if about.is_dir() => {
            !["outbox", "preview"].iter().any(|name| entry.file_name() == *name)
                && holds(&entry.path(), wanted)
        }
        Ok(about) => wanted(identity(&about)),
        Err(_) => false,
    })
}

fn identity(about: &Metadata) -> (u64, u64) {
    (about.dev(), about.ino())
}

/// Resolves links, `.` and `..` in a path as far as the path exists. The rest is appended as
/// written.
fn canonical(path: &Path) -> PathBuf {
    let mut known = path.to_owned();
    let mut rest = Vec::new();
    loop {
        if let Ok(mut found) = fs::canonicalize(&known) {
            for part in rest.into_iter().rev() {
                match part {
                    Component::ParentDir => {
                        found.pop();
                    }
                    part => found.push(part),
                }
            }
            return found;
        }
        let parts: Vec<Component<'_>> = path.components().collect();
        let taken = rest.len() + 1;
        if taken >= parts.len() {
            return path.to_owned();
        }
        rest.push(parts[parts.len() - taken]);
        known = parts[..parts.len() - taken].iter().collect();
    }
}

/// Where an output is written.
#[derive(Clone, Debug)]
pub(crate) struct Target {
    typed: PathBuf,
    path: PathBuf,
    way: Way,
    mode: u32,
}

/// The modes of new files. `PRIVATE` is for content that may have addresses, `SHARED` for content
/// without addresses. The process's umask restricts both.
const PRIVATE: u32 = 0o600;
const SHARED: u32 = 0o666;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Way {
    Aside,
    InPlace,
    Stdout,
    Stderr,
}

impl Target {
    /// Returns the destination at `path`; `shown` is its name in messages, with the flag. Exit 2
    /// for a file of the workspace, for a link that leads out of its directory, and for a
    /// directory.
    pub(crate) fn of(path: &Path, shown: &str, own: &OwnFiles) -> Result<Self> {
        let target = Self::resolve(path, shown)?;
        let what = match target.way {
            Way::Stdout => open_stream(Way::Stdout).ok().and_then(|file| file.metadata().ok()),
            Way::Stderr => open_stream(Way::Stderr).ok().and_then(|file| file.metadata().ok()),
            Way::Aside | Way::InPlace => None,
        };
        let what = match (what, target.way) {
            (Some(about), _) if about.is_file() => own.find_inode(&about),
            (_, Way::Aside | Way::InPlace) => own.find(&target.path),
            _ => None,
        };
        match what {
            None => Ok(target),
            Some(what) => {
                Err(Error::usage(format!("{shown}: this is {what}; an output would replace it"))
                    .hint("name another file"))
            }
        }
    }

    /// A destination chosen by the program itself.
    pub(crate) fn chosen(path: &Path) -> Self {
        Self { typed: path.to_owned(), path: path.to_owned(), way: Way::Aside, mode: PRIVATE }
    }

    /// Changes the destination to an output without addresses: the process's umask decides who can
    /// read a new file.
    pub(crate) fn shared(self) -> Self {
        Self { mode: SHARED, ..self }
    }

    fn resolve(path: &Path, shown: &str) -> Result<Self> {
        let target = |path: &Path, way| Self {
            typed: path.to_owned(),
            path: path.to_owned(),
            way,
            mode: PRIVATE,
        };
        if let Some(way) = stream(path) {
            return Ok(target(path, way));
        }
        let about = fs::metadata(path);
        let is_system = canonical(directory(path)).starts_with("/dev")
            || canonical(directory(path)).starts_with("/proc");
        let is_link = fs::symlink_metadata(path).is_ok_and(|about| about.is_symlink());
        let end = if is_link && !is_system { Self::follow(path, shown)? } else { path.to_owned() };
        match about {
            Ok(about) if about.is_dir() => Err(Error::usage(format!("{shown}: is a directory"))
                .hint("name a file, such as out/report.csv")),
            Ok(about) if !about.is_file() || (is_link && is_system) => {
                Ok(Self { path: end, ..target(path, Way::InPlace) })
            }
            _ => Ok(Self { path: end, ..target(path, Way::Aside) }),
        }
    }

    /// Finds the target of a symbolic link, even if the target does not exist. A link that leads
    /// out of its directory is refused.
    fn follow(path: &Path, shown: &str) -> Result<PathBuf> {
        let refused =
            |why: String| Error::usage(format!("{shown}: {why}")).hint("name the file itself");
        let home = canonical(directory(path));
        let mut end = path.to_owned();
        for _ in 0..LINKS {
            match fs::read_link(&end) {
                Ok(next) => end = directory(&end).join(next),
                Err(_) => {
                    let place = canonical(&end);
                    if !place.starts_with(&home) {
                        return Err(refused(format!(
                            "is a symbolic link that leads out of its directory, to {}",
                            place.shown()
                        )));
                    }
                    return Ok(place);
                }
            }
        }
        Err(refused("is a symbolic link that leads back to itself".to_owned()))
    }

    /// The path that the output is written to.
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// The path as given by the operator. The suffix determines the format.
    pub(crate) fn typed(&self) -> &Path {
        &self.typed
    }

    /// Tests whether the output can be written, without leaving a file. Creates missing directories
    /// with mode 0700.
    pub(crate) fn try_out(&self) -> io::Result<()> {
        match self.way {
            Way::Aside => beside(&self.path, self.mode).map(drop),
            Way::InPlace => Ok(rustix::fs::access(&self.path, Access::WRITE_OK)?),
            Way::Stdout | Way::Stderr => open_stream(self.way).map(drop),
        }
    }
}

/// Whether an output with this name is written in place, so that the suffix does not determine the
/// format.
pub(crate) fn is_in_place(path: &Path) -> bool {
    stream(path).is_some()
        || fs::metadata(path).is_ok_and(|about| !about.is_file() && !about.is_dir())
}

/// The standard stream that a path such as `/dev/stdout` means.
fn stream(path: &Path) -> Option<Way> {
    let is = |names: [&str; 3]| names.iter().any(|name| path == Path::new(name));
    if is(["/dev/stdout", "/dev/fd/1", "/proc/self/fd/1"]) {
        return Some(Way::Stdout);
    }
    is(["/dev/stderr", "/dev/fd/2", "/proc/self/fd/2"]).then_some(Way::Stderr)
}

/// Duplicates the stream. Opening the path again would truncate a file to which the shell appends,
/// and would fail for a socket.
fn open_stream(way: Way) -> io::Result<File> {
    let stream = if way == Way::Stderr {
        io::stderr().as_fd().try_clone_to_owned()
    } else {
        io::stdout().as_fd().try_clone_to_owned()
    };
    stream.map(File::from)
}

/// An output that is being written. If it is dropped before [`Output::finish`], an existing regular
/// file stays unchanged.
#[derive(Debug)]
pub(crate) struct Output {
    path: PathBuf,
    sink: Sink,
}

#[derive(Debug)]
enum Sink {
    Aside(NamedTempFile),
    InPlace(File),
}

impl Output {
    /// Starts writing. Creates missing directories with mode 0700. A new file has mode 0600 unless
    /// the output is shared.
    pub(crate) fn begin(target: &Target) -> io::Result<Self> {
        let sink = match target.way {
            Way::Aside => Sink::Aside(beside(&target.path, target.mode)?),
            Way::InPlace => Sink::InPlace(open_in_place(&target.path)?),
            Way::Stdout | Way::Stderr => Sink::InPlace(open_stream(target.way)?),
        };
        Ok(Self { path: target.path.clone(), sink })
    }

    /// Completes the output: syncs a regular file to disk and renames it to its final name.
    pub(crate) fn finish(self) -> io::Result<PathBuf> {
        match self.sink {
            Sink::InPlace(_) => Ok(self.path),
            Sink::Aside(file) => {
                file.as_file().sync_all()?;
                file.persist(&self.path).map_err(|e| e.error)?;
                // The rename is durable only after the directory is synced.
                File::open(directory(&self.path))?.sync_all()?;
                Ok(self.path)
            }
        }
    }
}

impl Write for Output {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match &mut self.sink {
            Sink::Aside(file) => file.write(bytes),
            // A closed pipe is not an error, because the reader may have read all that it needs.
            Sink::InPlace(file) => match file.write(bytes) {
                Err(e) if e.kind() == ErrorKind::BrokenPipe => Ok(bytes.len()),
                written => written,
            },
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        match &mut self.sink {
            Sink::Aside(file) => file.flush(),
            Sink::InPlace(file) => file.flush(),
        }
    }
}

/// Writes a complete output.
pub(crate) fn write(target: &Target, bytes: &[u8]) -> io::Result<()> {
    let mut output = Output::begin(target)?;
    output.write_all(bytes)?;
    output.finish().map(drop)
}

/// Creates a temporary file with this mode in the directory of `path`. A rename keeps the mode.
fn beside(path: &Path, mode: u32) -> io::Result<NamedTempFile> {
    let dir = directory(path);
    DirBuilder::new().recursive(true).mode(0o700).create(dir)?;
    tempfile::Builder::new()
        .prefix(".mailbatch-")
        .suffix(".tmp")
        .permissions(Permissions::from_mode(mode))
        .tempfile_in(dir)
}

/// Opens a FIFO or a device. Opening a FIFO without a reader would block, so opening is tried
/// repeatedly until a time limit.
fn open_in_place(path: &Path) -> io::Result<File> {
    let flags = |flags: OFlags| flags.bits().cast_signed();
    if !fs::metadata(path)?.file_type().is_fifo() {
        return OpenOptions::new().append(true).custom_flags(flags(OFlags::NOCTTY)).open(path);
    }
    let begun = Instant::now();
    loop {
        match OpenOptions::new().write(true).custom_flags(flags(OFlags::NONBLOCK)).open(path) {
            Ok(file) => {
                rustix::fs::fcntl_setfl(&file, OFlags::empty())?;
                return Ok(file);
            }
            Err(e) if e.raw_os_error() == Some(rustix::io::Errno::NXIO.raw_os_error()) => {
                if begun.elapsed() >= READER {
                    return Err(io::Error::new(ErrorKind::TimedOut, "no program reads this FIFO"));
                }
                std::thread::sleep(Duration::from_millis(20));
            }
            Err(e) => return Err(e),
        }
    }
}

fn directory(path: &Path) -> &Path {
    path.parent().filter(|dir| !dir.as_os_str().is_empty()).unwrap_or(Path::new("."))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_is_canonical_as_far_as_it_exists() {
        let dir = tempfile::tempdir().unwrap();
        let top = dir.path().canonicalize().unwrap();
        fs::create_dir(top.join("a")).unwrap();
        std::os::unix::fs::symlink(top.join("a"), top.join("b")).unwrap();
        for (path, place) in [
            ("b/x.csv", "a/x.csv"),
            ("a/../b/new/x", "a/new/x"),
            ("new/../x", "x"),
            ("a/./x", "a/x"),
            ("a", "a"),
        ] {
            assert_eq!(canonical(&top.join(path)), top.join(place), "{path}");
        }
    }

    #[test]
    fn own_files_are_known_by_path_and_by_inode() {
        let dir = tempfile::tempdir().unwrap();
        let at = |name: &str| dir.path().join(name);
        fs::create_dir_all(at("state/trace")).unwrap();
        for file in ["state/trace/x.log", "list.csv", "other.csv"] {
            fs::write(at(file), "x").unwrap();
        }
        fs::hard_link(at("state/trace/x.log"), at("hard.csv")).unwrap();
        fs::hard_link(at("list.csv"), at("again.csv")).unwrap();
        let mut own = OwnFiles::default();
        own.add_state_dir(&at("state"));
        own.add(&at("list.csv"), "a list");
        own.add(&at("not-yet.csv"), "a suppression file");
        for path in [
            "state/new.csv",
            "state/trace/x.log",
            "hard.csv",
            "list.csv",
            "again.csv",
            "not-yet.csv",
            "state/../list.csv",
        ] {
            assert!(Target::of(&at(path), path, &own).is_err(), "{path}");
        }
        Target::of(&at("other.csv"), "other.csv", &own).unwrap();
    }
}
