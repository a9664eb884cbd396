//! Reads the secrets that the configuration refers to by `{ env }`, `{ file }` or `{ command }`. No
//! other module reads secrets, and no error message contains a secret.

use std::fs::File;
use std::io::Read;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc;
use std::time::{Duration, Instant};

use super::workspace::Workspace;
use crate::files;
use crate::model::error::{Error, Result};
use crate::provider::SecretSource;
use crate::secret::Secret;

/// The keys that a reference to a secret may have.
pub(super) const SOURCES: [&str; 3] = ["env", "file", "command"];

const WRITE: &str = "write { env = \"NAME\" }, { file = \"PATH\" } or { command = \"...\" }";
const TLS_KEY: &str = "listen.tls_key";
const MOST_BYTES: u64 = 64 * 1024;
const COMMAND_TIME: Duration = Duration::from_secs(30);

/// Reads secrets. Relative paths start at the directory of the configuration.
#[derive(Clone, Debug)]
pub(crate) struct Secrets {
    root: PathBuf,
    command_time: Duration,
}

impl Secrets {
    /// Creates a reader for files and commands relative to `root`.
    pub(crate) fn new(root: PathBuf) -> Self {
        Self { root, command_time: COMMAND_TIME }
    }

    fn file(&self, key: &str, path: &str) -> Result<String> {
        text(key, path, private(key, path, &self.root.join(path), MOST_BYTES)?)
    }

    fn command(&self, key: &str, value: &toml::Value) -> Result<String> {
        let wrong = || {
            Error::usage(format!(
                "{key}: command is neither a text nor a list of texts (strings in quotes)"
            ))
            .hint("write { command = \"pass show relay\" }")
        };
        let mut command = match value {
            toml::Value::String(line) if !line.trim().is_empty() => {
                let mut shell = Command::new("sh");
                shell.arg("-c").arg(line);
                shell
            }
            toml::Value::Array(words) => {
                let words: Vec<&str> = words
                    .iter()
                    .map(toml::Value::as_str)
                    .collect::<Option<_>>()
                    .ok_or_else(wrong)?;
                let (program, arguments) = words.split_first().ok_or_else(wrong)?;
                let mut command = Command::new(program);
                command.args(arguments);
                command
            }
            _ => return Err(wrong()),
        };
        // The command inherits standard error and the terminal, so that it can ask the operator for
        // a passphrase.
        let child =
            command.current_dir(&self.root).stdin(Stdio::null()).stdout(Stdio::piped()).spawn();
        let child = child.map_err(|e| {
            Error::usage(format!("{key}: the command cannot be started: {e}")).hint(
                "name a program in PATH, or give its path; the command runs in the directory of mailbatch.toml",
            )
        })?;
        text(key, "the command's output", self.output(key, child)?)
    }

    /// Reads a command's output. The command may run for at most `command_time`.
    fn output(&self, key: &str, mut child: Child) -> Result<Vec<u8>> {
        let hint = "run it by hand to see what it says; it must print the secret and exit 0";
        let deadline = Instant::now() + self.command_time;
        let stdout = child.stdout.take().expect("the child was spawned with a pipe");
        let (done, output) = mpsc::channel();
        // If a grandchild process keeps the pipe open past the deadline, this thread keeps running.
        // It owns nothing but the pipe.
        std::thread::spawn(move || {
            let mut bytes = Vec::new();
            let read = stdout.take(MOST_BYTES + 1).read_to_end(&mut bytes);
            // Fails only if the deadline has passed and the receiver has been dropped.
            let _ = done.send(read.map(|_| bytes));
        });
        let late = || {
            Error::usage(format!(
                "{key}: the command took longer than {} s",
                self.command_time.as_secs()
            ))
            .hint(hint)
        };
        let stop = |child: &mut Child| {
            // Both calls fail only if the process has already exited.
            let _ = child.kill();
            let _ = child.wait();
        };
        let Ok(read) = output.recv_timeout(self.command_time) else {
            stop(&mut child);
            return Err(late());
        };
        let bytes = read.map_err(|e| {
            Error::usage(format!("{key}: the command's output cannot be read: {e}")).hint(hint)
        })?;
        let status = loop {
            match child.try_wait().map_err(|e| {
                Error::usage(format!("{key}: waiting for the command failed: {e}")).hint(hint)
            })? {
                Some(status) => break status,
                None if Instant::now() >= deadline => {
                    stop(&mut child);
                    return Err(late());
                }
                None => std::thread::sleep(Duration::from_millis(5)),
            }
        };
        if status.success() {
            Ok(bytes)
        } else {
            Err(Error::usage(format!("{key}: the command failed ({status})")).hint(hint))
        }
    }
}

/// Reads the private key of the HTTP endpoint's certificate, with the same checks as for a secret.
pub(crate) fn private_key(workspace: &Workspace, path: &Path) -> Result<Vec<u8>> {
    private(TLS_KEY, &workspace.shown(path), path, files::CERTIFICATES)
}

/// Reads a secret's file: up to `most` bytes, and one more to show that the file is longer. A file
/// that other users can read or change is an error. `shown` is the path as configured.
fn private(key: &str, shown: &str, path: &Path, most: u64) -> Result<Vec<u8>> {
    let cannot = |e: std::io::Error| {
        Error::usage(format!("{key}: {shown}: {e}"))
            .hint("the file must exist and be readable by you")
    };
    let file = files::open(path).map_err(|e| match e.kind() {
        std::io::ErrorKind::InvalidInput => Error::usage(format!("{key}: {shown}: {e}"))
            .hint("name a regular file that contains only the secret"),
        _ => cannot(e),
    })?;
    let about = file.metadata().map_err(cannot)?;
    let mode = about.permissions().mode() & 0o777;
    if !is_private(path, &file, about.uid(), mode) {
        let problem =
            format!("{key}: {shown}: others can read or change this secret (mode {mode:03o})");
        let is_ours = about.uid() == rustix::process::geteuid().as_raw() && !is_read_only(&file);
        let mend = match is_ours {
            true => format!("chmod 600 {shown}"),
            false if key == TLS_KEY => "you cannot change its mode: copy it to a file of your own with mode 600, and use that file".to_owned(),
            false => format!("you cannot change its mode: write {{ command = \"cat '{shown}'\" }}"),
        };
        return Err(Error::usage(problem).hint(mend));
    }
    let mut bytes = Vec::new();
    file.take(most + 1).read_to_end(&mut bytes).map_err(cannot)?;
    Ok(bytes)
}

/// Whether the file's mode keeps the secret private. Three cases are allowed. The file is readable
/// by its owner only. It belongs to root and is readable by a group, as orchestrators mount
/// secrets. It is readable by all users of a container, but the mount is read-only or under
/// /run/secrets, where the mode cannot be changed.
fn is_private(path: &Path, file: &File, owner: u32, mode: u32) -> bool {
    let others_can_write = mode & 0o022 != 0;
    let is_mounted = || {
        is_read_only(file)
            || std::fs::canonicalize(path).is_ok_and(|path| path.starts_with("/run/secrets"))
    };
    mode & 0o077 == 0 || owner == 0 && mode & 0o037 == 0 || !others_can_write && is_mounted()
}

fn is_read_only(file: &File) -> bool {
    rustix::fs::fstatvfs(file)
        .is_ok_and(|about| about.f_flag.contains(rustix::fs::StatVfsMountFlags::RDONLY))
}

impl SecretSource for Secrets {
    fn resolve(&self, key: &str, value: &toml::Value) -> Result<Secret> {
        let (source, inner) = source_of(key, value)?;
        let text = match (source, inner) {
            ("env", toml::Value::String(name)) => environment(key, name)?,
            ("file", toml::Value::String(path)) => self.file(key, path)?,
            ("command", value) => self.command(key, value)?,
            _ => return Err(Error::usage(format!("{key}: {source} is not a text")).hint(WRITE)),
        };
        Ok(Secret::new(text))
    }

    fn variable(&self, name: &str) -> Option<Secret> {
        std::env::var(name).ok().filter(|value| !value.is_empty()).map(Secret::new)
    }
}

/// Parses a reference to a secret. A literal secret, or any other value that is not a reference, is
/// an error.
pub(super) fn source_of<'v>(
    key: &str,
    value: &'v toml::Value,
) -> Result<(&'v str, &'v toml::Value)> {
    let Some(table) = value.as_table() else {
        return Err(Error::usage(format!("{key} holds a literal secret")).hint(WRITE));
    };
    let mut entries = table.iter();
    match (entries.next(), entries.next()) {
        (Some((source, inner)), None) if SOURCES.contains(&source.as_str()) => Ok((source, inner)),
        _ => Err(Error::usage(format!("{key} does not say where the secret is")).hint(WRITE)),
    }
}

fn environment(key: &str, name: &str) -> Result<String> {
    let value = match std::env::var(name) {
        Ok(value) => value,
        Err(std::env::VarError::NotPresent) => {
            return Err(Error::usage(format!("{key}: the environment has no {name}"))
                .hint(format!("export {name}=... before mailbatch starts")));
        }
        Err(std::env::VarError::NotUnicode(_)) => {
            return Err(Error::usage(format!("{key}: {name} is not UTF-8"))
                .hint("store the secret as UTF-8"));
        }
    };
    not_empty(key, name, value)
}

fn text(key: &str, from: &str, bytes: Vec<u8>) -> Result<String> {
    if bytes.len() as u64 > MOST_BYTES {
        return Err(Error::usage(format!(
            "{key}: {from} is longer than {} KiB",
            MOST_BYTES / 1024
        ))
        .hint("the source must contain only the secret"));
    }
    let mut text = String::from_utf8(bytes).map_err(|_| {
        Error::usage(format!("{key}: {from} is not UTF-8")).hint("store the secret as UTF-8")
    })?;
    text.truncate(text.trim_end_matches(['\r', '\n']).len());
    not_empty(key, from, text)
}

fn not_empty(key: &str, from: &str, text: String) -> Result<String> {
    if text.is_empty() {
        Err(Error::usage(format!("{key}: {from} is empty")).hint("it must contain the secret"))
    } else {
        Ok(text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn value(text: &str) -> toml::Value {
        toml::from_str::<toml::Table>(&format!("v = {text}")).unwrap().remove("v").unwrap()
    }

    fn resolve(dir: &std::path::Path, text: &str) -> Result<String> {
        Secrets::new(dir.to_path_buf())
            .resolve("providers.relay.password", &value(text))
            .map(|s| s.expose().to_owned())
    }

    fn file(dir: &std::path::Path, name: &str, content: &[u8], mode: u32) {
        std::fs::write(dir.join(name), content).unwrap();
        std::fs::set_permissions(dir.join(name), std::fs::Permissions::from_mode(mode)).unwrap();
    }

    #[test]
    fn a_file_is_read_without_its_last_line_end() {
        let dir = tempfile::tempdir().unwrap();
        file(dir.path(), "key", b" s3cret \r\n", 0o600);
        assert_eq!(resolve(dir.path(), "{ file = 'key' }").unwrap(), " s3cret ");
    }

    #[test]
    fn a_file_others_can_read_is_refused_with_the_command_that_mends_it() {
        let dir = tempfile::tempdir().unwrap();
        for mode in [0o644, 0o604, 0o620, 0o660, 0o444] {
            file(dir.path(), "key", b"s3cret", mode);
            let error = resolve(dir.path(), "{ file = 'key' }").unwrap_err().to_string();
            assert!(
                error.contains("chmod 600 key")
                    && error.contains("providers.relay.password")
                    && !error.contains("s3cret"),
                "{error}"
            );
        }
    }

    #[test]
    fn what_holds_no_secret_is_refused() {
        let dir = tempfile::tempdir().unwrap();
        file(dir.path(), "empty", b"\n", 0o600);
        file(dir.path(), "binary", b"\xff\xfe", 0o600);
        file(dir.path(), "long", &[b'x'; 70_000], 0o600);
        for (text, says) in [
            ("{ file = 'missing' }", "must exist"),
            ("{ file = 'empty' }", "is empty"),
            ("{ file = 'binary' }", "not UTF-8"),
            ("{ file = 'long' }", "longer than 64 KiB"),
            ("{ file = '.' }", "it is a directory, not a file"),
            ("{ file = '/dev/zero' }", "it is a device, not a file"),
            ("{ file = 7 }", "not a text"),
            (
                "{ env = 'MAILBATCH_TEST_NEVER_SET' }",
                "the environment has no MAILBATCH_TEST_NEVER_SET",
            ),
            ("{ command = 'exit 3' }", "command failed"),
            ("{ command = 'true' }", "is empty"),
            ("{ command = [] }", "neither a text"),
            ("{ command = ['/nowhere/at/all'] }", "cannot be started"),
            ("{ vault = 'x' }", "does not say where"),
            ("{ env = 'A', file = 'b' }", "does not say where"),
            ("'hunter2'", "literal secret"),
        ] {
            let error = resolve(dir.path(), text).unwrap_err();
            assert_eq!(error.exit(), crate::model::exit::Exit::USAGE);
            let error = error.to_string();
            assert!(
                error.contains(says) && error.contains("hint: ") && !error.contains("hunter2"),
                "{text}: {error}"
            );
        }
    }

    #[test]
    fn the_environment_is_read() {
        let dir = tempfile::tempdir().unwrap();
        assert_eq!(
            resolve(dir.path(), "{ env = 'PATH' }").unwrap(),
            std::env::var("PATH").unwrap()
        );
    }

    #[test]
    fn a_command_is_a_line_for_the_shell_or_a_list_of_words() {
        let dir = tempfile::tempdir().unwrap();
        assert_eq!(resolve(dir.path(), "{ command = 'echo s3cret | tr s z' }").unwrap(), "z3cret");
        assert_eq!(resolve(dir.path(), "{ command = ['echo', 'a b; c'] }").unwrap(), "a b; c");
    }

    #[test]
    fn a_command_that_does_not_end_is_given_up() {
        let dir = tempfile::tempdir().unwrap();
        let secrets =
            Secrets { root: dir.path().to_path_buf(), command_time: Duration::from_millis(50) };
        for line in [
            "{ command = 'exec tail -f /dev/null' }",
            "{ command = 'exec tail -f /dev/null >/dev/null' }",
        ] {
            let error = secrets.resolve("k", &value(line)).unwrap_err();
            assert!(error.to_string().contains("took longer"), "{error}");
        }
    }
}
