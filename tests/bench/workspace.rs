//! A workspace for one run of mailbatch, fresh each time, because a campaign that has been sent is
//! not sent again.

use std::fs;
use std::path::Path;
use std::process::Command;

use anyhow::Result;
use tempfile::TempDir;

use crate::message::{self, Form};

/// A directory with a `mailbatch.toml`; it goes when this is dropped.
pub(crate) struct Workspace {
    dir: TempDir,
}

impl Workspace {
    /// Makes a workspace under `parent` whose only provider has these keys.
    pub(crate) fn new(parent: &Path, provider: &str, form: Form) -> Result<Self> {
        let dir = tempfile::Builder::new().prefix("workspace-").tempdir_in(parent)?;
        let (from, subject, body) = (message::FROM, message::SUBJECT, form.keys());
        let toml = format!(
            "[message]\nkind = \"transactional\"\nfrom = \"{from}\"\nsubject = \"{subject}\"\n\
             {body}\n[providers.bench]\n{provider}\n",
        );
        if let Some((name, content)) = form.file() {
            fs::write(dir.path().join(name), content)?;
        }
        fs::write(dir.path().join("mailbatch.toml"), toml)?;
        Ok(Self { dir })
    }

    /// The command `mailbatch ARGUMENTS` in this workspace, without the settings of whoever runs
    /// the benchmark.
    pub(crate) fn command(&self, mailbatch: &Path, arguments: &[&str]) -> Command {
        let mut command = Command::new(mailbatch);
        command.arg("-C").arg(self.dir.path()).args(arguments);
        for (name, _) in std::env::vars_os() {
            if name.to_string_lossy().starts_with("MAILBATCH") {
                command.env_remove(name);
            }
        }
        command
    }
}
