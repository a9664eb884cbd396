//! A directory to run mailbatch in, and the real binary run there with nothing of the environment
//! around it.

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

/// A temporary workspace, removed when dropped.
pub(crate) struct Workspace {
    dir: tempfile::TempDir,
}

/// An empty workspace; see [`Workspace::file`].
pub(crate) fn workspace() -> Workspace {
    Workspace {
        dir: tempfile::Builder::new()
            .prefix("mailbatch-it-")
            .tempdir()
            .expect("the temporary directory is writable"),
    }
}

impl Workspace {
    /// The directory.
    pub(crate) fn path(&self) -> &Path {
        self.dir.path()
    }

    /// The path of `name` inside the workspace.
    pub(crate) fn join(&self, name: impl AsRef<Path>) -> PathBuf {
        self.path().join(name)
    }

    /// Writes a file, with the directories above it.
    pub(crate) fn file(&self, name: impl AsRef<Path>, content: impl AsRef<[u8]>) -> &Self {
        let path = self.join(name);
        std::fs::create_dir_all(path.parent().expect("a file lies in a directory"))
            .expect("the workspace is writable");
        std::fs::write(&path, content)
            .unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        self
    }

    /// Writes `mailbatch.toml`.
    pub(crate) fn config(&self, toml: &str) -> &Self {
        self.file("mailbatch.toml", toml);
        // Whatever umask the tests run under: one that everybody can write is refused.
        let private = std::os::unix::fs::PermissionsExt::from_mode(0o644);
        std::fs::set_permissions(self.join("mailbatch.toml"), private).expect("a mode");
        self
    }

    /// Writes `mailbatch.toml` for one SMTP relay at `url`: a marketing message in `message.md`,
    /// and `relay` lines such as `rate = "50/s"`.
    pub(crate) fn smtp_config(&self, url: &str, relay: &str) -> &Self {
        self.config(&format!(
            "[message]\nfile = \"message.md\"\nfrom = \"Acme <news@acme.example>\"\nkind = \"marketing\"\n\
             unsubscribe_url = \"https://acme.example/u/{{{{ email | default('x') | urlencode }}}}\"\n\n\
             [providers.relay]\nkind = \"smtp\"\nurl = \"{url}\"\n{relay}\n"
        ))
    }

    /// Writes `mailbatch.toml` for the sandbox, and `sandbox` lines such as `in_flight = 2`.
    pub(crate) fn sandbox_config(&self, sandbox: &str) -> &Self {
        self.config(&format!(
            "[message]\nfile = \"message.md\"\nfrom = \"Acme <news@acme.example>\"\nkind = \"marketing\"\n\
             unsubscribe_url = \"https://acme.example/u/{{{{ email | default('x') | urlencode }}}}\"\n\n\
             [providers.sandbox]\nkind = \"sandbox\"\n{sandbox}\n"
        ))
    }

    /// Writes `message.md` with a subject that is a template.
    pub(crate) fn message(&self, subject: &str, body: &str) -> &Self {
        self.file(
            "message.md",
            format!("+++\nsubject = {}\n+++\n{body}\n", toml::Value::from(subject)),
        )
    }

    /// Reads a file as text.
    pub(crate) fn read(&self, name: impl AsRef<Path>) -> String {
        let path = self.join(name);
        std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
    }

    /// The binary with a clean environment, started in the workspace, with nothing on its standard
    /// input.
    pub(crate) fn mailbatch(&self) -> assert_cmd::Command {
        assert_cmd::Command::from_std(self.command())
    }

    /// The same for tests that need the running process.
    pub(crate) fn command(&self) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_mailbatch"));
        command.env_clear().env("HOME", self.path()).current_dir(self.path()).stdin(Stdio::null());
        if let Some(path) = std::env::var_os("PATH") {
            command.env("PATH", path);
        }
        command
    }

    /// Starts the binary with both outputs piped.
    pub(crate) fn spawn(&self, arguments: &[&str]) -> Child {
        self.command()
            .args(arguments)
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("the binary is built")
    }
}
