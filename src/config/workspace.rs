//! The paths of a workspace: the start directory, the workspace's root, its configuration and its
//! state directory.

use std::path::{Path, PathBuf};

use crate::cli::Globals;
use crate::model::error::{Error, Result};
use crate::model::shown::Shown;

/// The default name of the configuration file.
pub(crate) const FILE_NAME: &str = "mailbatch.toml";
/// The name of the state directory, inside the workspace's root.
const STATE_DIR: &str = ".mailbatch";

/// The directory that contains a configuration, and the paths that depend on it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Workspace {
    /// The directory of the configuration. Paths in the configuration are relative to it.
    pub root: PathBuf,
    pub config_file: PathBuf,
    /// The directory for ledger, reports and outbox: `.mailbatch` under the root. It may not exist
    /// yet.
    pub state_dir: PathBuf,
    /// The directory that paths on the command line are relative to.
    pub start_dir: PathBuf,
}

impl Workspace {
    /// Finds the workspace: from `-c`, else from the nearest `mailbatch.toml` in this directory or
    /// in one above it. Exit 2 if there is none.
    pub(crate) fn find(globals: &Globals) -> Result<Self> {
        let start_dir = start_dir(globals)?;
        let config_file = match &globals.config {
            Some(file) => start_dir.join(file),
            None => start_dir
                .ancestors()
                .map(|dir| dir.join(FILE_NAME))
                .find(|file| file.is_file())
                .ok_or_else(|| {
                    Error::usage(format!("no {FILE_NAME} here or above"))
                        .hint("create one with `mailbatch config init`, or name another directory with -C DIR")
                })?,
        };
        let root = config_file.parent().unwrap_or(&start_dir).to_path_buf();
        Ok(Self { state_dir: root.join(STATE_DIR), root, config_file, start_dir })
    }

    /// Returns another workspace that uses the same configuration file: if the configuration is a
    /// symbolic link, the directory of the link's target, if that has a ledger. The workspace stays
    /// at the link, because the target may move with each update.
    pub(crate) fn behind_link(&self) -> Option<PathBuf> {
        const MOST_LINKS: usize = 40;
        let here = std::fs::canonicalize(&self.root).ok()?;
        let mut file = self.config_file.clone();
        for _ in 0..MOST_LINKS {
            file = file.parent()?.join(std::fs::read_link(&file).ok()?);
            let dir = std::fs::canonicalize(file.parent()?).ok()?;
            if dir != here && dir.join(STATE_DIR).join("ledger.db").exists() {
                return Some(dir);
            }
        }
        None
    }

    /// Resolves a path that was read from the configuration.
    pub(crate) fn path_from_config(&self, path: impl AsRef<Path>) -> PathBuf {
        self.root.join(path)
    }

    /// Resolves a path from the command line.
    pub(crate) fn path_from_arguments(&self, path: impl AsRef<Path>) -> PathBuf {
        self.start_dir.join(path)
    }

    /// The path as messages show it: relative if it is below the start directory.
    pub(crate) fn shown(&self, path: &Path) -> String {
        path.strip_prefix(&self.start_dir).unwrap_or(path).shown()
    }
}

/// Returns the directory of `-C`, or the current one. Exit 2 if it is not a directory.
pub(crate) fn start_dir(globals: &Globals) -> Result<PathBuf> {
    let typed = globals.directory.as_deref().unwrap_or(Path::new("."));
    let dir = std::fs::canonicalize(typed).map_err(|e| {
        Error::usage(format!("{}: {e}", typed.shown())).hint("-C takes a directory that exists")
    })?;
    if dir.is_dir() {
        Ok(dir)
    } else {
        Err(Error::usage(format!("{}: not a directory", typed.shown()))
            .hint("-C takes a directory"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn globals(dir: &Path) -> Globals {
        Globals { directory: Some(dir.to_path_buf()), ..Globals::default() }
    }

    #[test]
    fn the_nearest_configuration_upwards_is_taken() {
        let dir = tempfile::tempdir().unwrap();
        let top = dir.path().canonicalize().unwrap();
        std::fs::create_dir_all(top.join("a/b")).unwrap();
        std::fs::write(top.join(FILE_NAME), "").unwrap();
        let workspace = Workspace::find(&globals(&top.join("a/b"))).unwrap();
        assert_eq!((&workspace.root, &workspace.start_dir), (&top, &top.join("a/b")));
        std::fs::write(top.join("a").join(FILE_NAME), "").unwrap();
        let workspace = Workspace::find(&globals(&top.join("a/b"))).unwrap();
        assert_eq!(workspace.root, top.join("a"));
        assert_eq!(workspace.state_dir, top.join("a/.mailbatch"));
        let named = Workspace::find(&Globals {
            config: Some("../../mailbatch.toml".into()),
            ..globals(&top.join("a/b"))
        })
        .unwrap();
        assert_eq!(named.root.canonicalize().unwrap(), top);
    }

    #[test]
    fn without_a_workspace_the_way_to_make_one_is_told() {
        let dir = tempfile::tempdir().unwrap();
        let error = Workspace::find(&globals(dir.path())).unwrap_err();
        assert_eq!(error.exit(), crate::model::exit::Exit::USAGE);
        assert!(
            error.to_string().contains("no mailbatch.toml here or above")
                && error.to_string().contains("config init"),
            "{error}"
        );
        let error = Workspace::find(&globals(&dir.path().join("missing"))).unwrap_err();
        assert!(error.to_string().contains("-C takes a directory"), "{error}");
    }
}
