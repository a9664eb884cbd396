//! Recognizes campaigns without a name that earlier versions created. Their id is a digest of the
//! paths as typed.
//!
//! The ledger stores the lists as typed and the message's path, but not the directory in which they
//! were typed. So candidate directories are tried until one gives the id. If the workspace has
//! moved since, the paths are also tried in the new place.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use ring::digest;

use super::SIGN;
use super::paths::{Files, Root, hex, lexical, nfc};
use crate::config::Workspace;
use crate::ledger::Run;

/// The most workspace directories to try, and how deep they may be nested.
const MOST_DIRS: usize = 500;
const DEPTH: usize = 3;

/// Candidates for the directory in which the lists were typed.
pub(super) struct Places<'a> {
    workspace: &'a Workspace,
    root: &'a Root,
    /// The directories in the workspace, as relative paths.
    below: Vec<PathBuf>,
}

impl<'a> Places<'a> {
    pub(super) fn new(workspace: &'a Workspace, root: &'a Root) -> Self {
        let mut below = vec![PathBuf::new()];
        directories(root.path(), Path::new(""), DEPTH, &mut below);
        Self { workspace, root, below }
    }

    /// The canonical identity of the campaign that an old run belongs to; `None` if its paths
    /// cannot be determined. `id` is the run's plain campaign id, without the suffix for redirected
    /// or sandboxed mail.
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
        // Candidates for the earlier place of the workspace, if the message was in the workspace.
        for old in lexical(message).ancestors().skip(1) {
            dirs.extend(self.below.iter().map(|below| joined(old, below)));
        }
        dirs
    }

    /// Finds the present paths of the files. If the workspace was moved or copied, paths below the
    /// old directory are tried below the new one.
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

/// Returns the files at their present paths; `None` if one of them does not exist.
fn there(files: &Files) -> Option<Files> {
    let message = match &files.message {
        Some(message) => Some(found(message)?),
        None => None,
    };
    let lists = files.lists.iter().map(|list| found(list)).collect::<Option<_>>()?;
    Some(Files { message, config: files.config.clone(), lists })
}

/// Finds the present path of a file. The names on disk may have another Unicode normal form, and a
/// directory before `..` may no longer exist.
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

/// Computes the fingerprint that earlier versions used.
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

/// Joins two paths. A plain `join` with an empty path would add a slash at the end.
fn joined(dir: &Path, below: &Path) -> PathBuf {
    if below.as_os_str().is_empty() { dir.to_path_buf() } else { dir.join(below) }
}

/// The file that the body of a frozen message was read from.
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
