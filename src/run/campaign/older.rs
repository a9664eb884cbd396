//! The ids that earlier versions gave to campaigns without a name: a digest of the paths as they
//! were typed.
//!
//! The ledger has the lists as typed and, in the message, its file's path. What is missing is the
//! directory that the lists were typed in; candidates are tried until one gives the id. Of a
//! workspace that has moved since, the paths are looked for in its new place.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use ring::digest;

use super::SIGN;
use super::paths::{Files, Root, hex, lexical, nfc};
use crate::config::Workspace;
use crate::ledger::Run;

/// The most directories of the workspace that are tried, and how deep they lie.
const MOST_DIRS: usize = 500;
const DEPTH: usize = 3;

/// Where lists may have been typed.
pub(super) struct Places<'a> {
    workspace: &'a Workspace,
    root: &'a Root,
    /// The workspace's directories, relative to it.
    below: Vec<PathBuf>,
}

impl<'a> Places<'a> {
    pub(super) fn new(workspace: &'a Workspace, root: &'a Root) -> Self {
        let mut below = vec![PathBuf::new()];
        directories(root.path(), Path::new(""), DEPTH, &mut below);
        Self { workspace, root, below }
    }

    /// The canonical identity of the campaign that an old run belongs to; `None` where its paths
    /// cannot be found out. `id` is the run's campaign without what sets redirected and sandboxed
    /// mail apart.
    pub(super) fn identity(&self, run: &Run, id: &str) -> Option<String> {
        let (_, fingerprint) = id.rsplit_once(SIGN)?;
        let file = message_file(&run.head.message).map(PathBuf::from);
        let message = file.clone().unwrap_or_else(|| self.workspace.config_file.clone());
        let typed: Vec<&Path> = run.head.lists.iter().map(Path::new).collect();
        let dir = self
            .candidates(&message)
            .into_iter()
            .find(|dir| digest_of(&message, dir, &typed) == fingerprint)?;
        let files = Files {
            message: file,
            config: self.workspace.config_file.clone(),
            lists: typed.iter().map(|list| dir.join(list)).collect(),
        };
        Some(self.moved_here(files)?.identity(self.root).canonical)
    }

    fn candidates(&self, message: &Path) -> Vec<PathBuf> {
        let root = self.root.path();
        let start = &self.workspace.start_dir;
        let mut dirs: Vec<PathBuf> = std::iter::once(start.clone())
            .chain(start.ancestors().map(Path::to_path_buf))
            .collect();
        dirs.extend(self.below.iter().map(|below| joined(root, below)));
        // Where the workspace was then, if the message lay in it.
        for old in lexical(message).ancestors().skip(1) {
            dirs.extend(self.below.iter().map(|below| joined(old, below)));
        }
        dirs
    }

    /// The files where they are now; of a workspace that was moved or copied, those below its old
    /// place are taken from its new one.
    fn moved_here(&self, files: Files) -> Option<Files> {
        let root = self.root.path();
        let all = || files.message.iter().chain(&files.lists).map(|path| lexical(path));
        if all().any(|path| path.starts_with(root)) {
            return there(&files);
        }
        let olds: BTreeSet<PathBuf> = all()
            .flat_map(|path| path.ancestors().skip(1).map(Path::to_path_buf).collect::<Vec<_>>())
            .collect();
        let mut olds: Vec<PathBuf> = olds.into_iter().collect();
        olds.sort_by_key(|old| old.components().count());
        let translated = |old: &Path| {
            let at = |path: &PathBuf| {
                lexical(path)
                    .strip_prefix(old)
                    .map_or_else(|_| path.clone(), |below| root.join(below))
            };
            Files {
                message: files.message.as_ref().map(at),
                config: files.config.clone(),
                lists: files.lists.iter().map(at).collect(),
            }
        };
        let is_below = |files: &Files| {
            files.message.iter().chain(&files.lists).any(|path| path.starts_with(root))
        };
        olds.iter()
            .map(|old| translated(old))
            .filter(is_below)
            .find_map(|files| there(&files))
            .or_else(|| there(&files))
    }
}

/// The files as they are found now; `None` where one of them is not there.
fn there(files: &Files) -> Option<Files> {
    let message = match &files.message {
        Some(message) => Some(found(message)?),
        None => None,
    };
    let lists = files.lists.iter().map(|list| found(list)).collect::<Option<_>>()?;
    Some(Files { message, config: files.config.clone(), lists })
}

/// Where a path leads now: its names may be written in another normal form, and a directory that
/// `..` leads out of may be gone.
fn found(path: &Path) -> Option<PathBuf> {
    if path.exists() {
        return Some(path.to_path_buf());
    }
    let path = lexical(path);
    if path.exists() {
        return Some(path);
    }
    let name = nfc(path.file_name()?.to_str()?);
    if name.is_ascii() {
        return found(path.parent()?).map(|dir| dir.join(&name)).filter(|path| path.exists());
    }
    let mut entries = std::fs::read_dir(found(path.parent()?)?).ok()?.flatten();
    entries
        .find(|entry| entry.file_name().to_str().is_some_and(|other| nfc(other) == name))
        .map(|entry| entry.path())
}

/// The fingerprint that earlier versions made.
fn digest_of(message: &Path, dir: &Path, lists: &[&Path]) -> String {
    let mut hash = digest::Context::new(&digest::SHA256);
    for path in
        std::iter::once(message.to_path_buf()).chain(lists.iter().map(|list| dir.join(list)))
    {
        hash.update(path.as_os_str().as_encoded_bytes());
        hash.update(&[0]);
    }
    hex(hash, 6)
}

/// `join` with an empty path would end in a slash.
fn joined(dir: &Path, below: &Path) -> PathBuf {
    if below.as_os_str().is_empty() { dir.to_path_buf() } else { dir.join(below) }
}

/// The file in which the body of a frozen message stood.
fn message_file(message: &serde_json::Value) -> Option<String> {
    fn file(value: &serde_json::Value) -> Option<String> {
        match value {
            serde_json::Value::Object(map) => map
                .get("file")
                .and_then(|file| file.as_str())
                .map(str::to_owned)
                .or_else(|| map.values().find_map(file)),
            serde_json::Value::Array(values) => values.iter().find_map(file),
            _ => None,
        }
    }
    file(message.get("body")?)
}

fn directories(root: &Path, below: &Path, depth: usize, found: &mut Vec<PathBuf>) {
    let Ok(entries) = std::fs::read_dir(joined(root, below)) else { return };
    for entry in entries.flatten() {
        let is_dir = entry.file_type().is_ok_and(|kind| kind.is_dir());
        if found.len() >= MOST_DIRS
            || !is_dir
            || entry.file_name().as_encoded_bytes().starts_with(b".")
        {
            continue;
        }
        let dir = below.join(entry.file_name());
        found.push(dir.clone());
        if depth > 1 {
            directories(root, &dir, depth - 1, found);
        }
    }
}
