//! Refuses a configuration or state directory that every user can change.
//!
//! A configuration names commands to run and hosts that get secrets. The state directory records
//! the recipients already mailed. A user who can change them gains the rights of the operator. They
//! are therefore refused, as ssh refuses its own files. On a file system that gives all files this
//! mode, the operator cannot fix the mode, so only a warning is printed.

use std::fs::Metadata;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};

use super::workspace::Workspace;
use crate::model::error::{Error, Result};

const OTHERS_WRITE: u32 = 0o002;
const STICKY: u32 = 0o1000;

/// Refuses (exit 2) a configuration or state directory that every user can change.
pub(super) fn check(workspace: &Workspace) -> Result<()> {
    let file = &workspace.config_file;
    // If the metadata cannot be read, reading the file fails with its own error.
    let Ok(about) = std::fs::metadata(file) else { return Ok(()) };
    refuse(
        workspace,
        file,
        &about,
        "this file: it names commands that are run and hosts that secrets are sent to",
    )?;
    let mut dirs = vec![directory(file)];
    dirs.extend(std::fs::canonicalize(file).ok().map(|end| directory(&end)));
    dirs.dedup();
    for dir in dirs {
        let Ok(above) = std::fs::metadata(&dir) else { continue };
        if above.mode() & STICKY == 0 {
            refuse(workspace, &dir, &above, "this directory, and replace the configuration in it")?;
        } else if above.mode() & OTHERS_WRITE != 0 && !is_trusted(about.uid()) {
            return Err(another_users(workspace, file, about.uid()));
        }
    }
    for path in [workspace.state_dir.clone(), workspace.state_dir.join("ledger.db")] {
        if let Ok(about) = std::fs::metadata(&path) {
            refuse(
                workspace,
                &path,
                &about,
                "its records of recipients already mailed and of suppressions",
            )?;
        }
    }
    Ok(())
}

fn refuse(workspace: &Workspace, path: &Path, about: &Metadata, what: &str) -> Result<()> {
    if about.mode() & OTHERS_WRITE == 0 || is_read_only(path) {
        return Ok(());
    }
    let shown = named(workspace, path);
    let mode = about.permissions().mode() & 0o7777;
    if is_forced(if about.is_dir() { path } else { path.parent().unwrap_or(path) }) {
        tracing::warn!(
            "{shown}: every user on this machine can change {what}; its file system gives every file the mode {mode:03o}"
        );
        return Ok(());
    }
    let owner = if about.uid() == rustix::process::geteuid().as_raw() {
        String::new()
    } else {
        format!(" (it belongs to user {})", about.uid())
    };
    Err(Error::usage(format!(
        "{shown}: every user on this machine can change {what} (mode {mode:03o})"
    ))
    .hint(format!("chmod o-w {shown}{owner}")))
}

/// Builds the error for a configuration that belongs to another user and is in a shared directory
/// such as /tmp, where any user can put one for others to use.
fn another_users(workspace: &Workspace, file: &Path, owner: u32) -> Error {
    let shown = named(workspace, file);
    Error::usage(format!("{shown} belongs to user {owner}, and is in a directory that every user can write to"))
        .hint("if you trust it, copy it to a directory of your own and run mailbatch there; or name another with -C DIR or -c FILE")
}

fn is_trusted(owner: u32) -> bool {
    owner == 0 || owner == rustix::process::geteuid().as_raw()
}

fn is_read_only(path: &Path) -> bool {
    rustix::fs::statvfs(path)
        .is_ok_and(|about| about.f_flag.contains(rustix::fs::StatVfsMountFlags::RDONLY))
}

/// Tests whether a new file with mode 0600 can still be written by every user.
fn is_forced(dir: &Path) -> bool {
    let made = tempfile::Builder::new().prefix(".mailbatch-").suffix(".tmp").tempfile_in(dir);
    made.and_then(|file| file.as_file().metadata())
        .is_ok_and(|about| about.mode() & OTHERS_WRITE != 0)
}

fn directory(file: &Path) -> PathBuf {
    file.parent().filter(|dir| !dir.as_os_str().is_empty()).unwrap_or(Path::new(".")).to_owned()
}

fn named(workspace: &Workspace, path: &Path) -> String {
    match workspace.shown(path) {
        here if here.is_empty() => ".".to_owned(),
        shown => shown,
    }
}
