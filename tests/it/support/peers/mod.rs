//! Mail servers, and a browser, written by others. Each runs on a loopback port of its own, out of
//! a directory of its own, and ends when dropped.
//!
//! A server that is not installed makes `start` answer `None`, with a line on standard error; with
//! `MAILBATCH_REQUIRE_PEERS=1` it fails the test.

mod aiosmtpd;
mod chromium;
mod opensmtpd;
mod postfix;
mod readers;
mod relays;
mod require;
mod services;
mod smtp_sink;
mod tls;
mod verifiers;

pub(crate) use aiosmtpd::Aiosmtpd;
pub(crate) use chromium::Chromium;
pub(crate) use opensmtpd::OpenSmtpd;
pub(crate) use postfix::{Postfix, PostfixOptions};
pub(crate) use readers::{Reading, SpamAssassin, read_by_python};
pub(crate) use relays::Relay;
pub(crate) use require::require;
use require::unpacked;
pub(crate) use services::Service;
pub(crate) use smtp_sink::SmtpSink;
pub(crate) use tls::Authority;
pub(crate) use verifiers::Verifier;

use std::io::{Read, Write};
use std::net::{Ipv4Addr, TcpStream};
use std::os::unix::fs::{PermissionsExt, chown};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use super::{Signal, wait_for};

const READY: Duration = Duration::from_secs(30);

/// A message as a server stored it.
#[derive(Clone, Debug)]
pub(crate) struct Stored {
    /// The address of MAIL FROM, without brackets.
    pub(crate) sender: String,
    /// The addresses of RCPT TO, without brackets.
    pub(crate) recipients: Vec<String>,
    /// The message from its first header of ours on; line ends as the server keeps them.
    pub(crate) raw: Vec<u8>,
}

/// The peer out of an `Option`, or the end of the test.
macro_rules! peer {
    ($start:expr) => {
        match $start {
            Some(peer) => peer,
            None => return,
        }
    };
}
pub(crate) use peer;

/// The path of a program in `PATH` or one of the system's directories.
pub(crate) fn program(name: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path)
        .chain(["/usr/sbin", "/usr/bin", "/sbin"].map(PathBuf::from))
        .map(|dir| dir.join(name))
        .find(|path| path.is_file())
}

fn is_root() -> bool {
    rustix::process::geteuid().is_root()
}

/// A directory that servers running as other users can reach.
fn open_directory() -> tempfile::TempDir {
    let dir = tempfile::Builder::new()
        .prefix("mailbatch-peer-")
        .tempdir_in("/tmp")
        .expect("/tmp is writable");
    mode(dir.path(), 0o755);
    dir
}

fn mode(path: &Path, mode: u32) {
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode))
        .unwrap_or_else(|error| panic!("{}: {error}", path.display()));
}

fn give(path: &Path, user: u32, group: u32) {
    chown(path, Some(user), Some(group))
        .unwrap_or_else(|error| panic!("{}: {error}", path.display()));
}

/// The numeric user and group of a system user, if there is one.
fn user(name: &str) -> Option<(u32, u32)> {
    let table = std::fs::read_to_string("/etc/passwd").ok()?;
    let fields: Vec<&str> = table
        .lines()
        .map(|line| line.split(':').collect())
        .find(|fields: &Vec<&str>| fields[0] == name)?;
    Some((fields[2].parse().ok()?, fields[3].parse().ok()?))
}

fn write(path: impl AsRef<Path>, content: impl AsRef<[u8]>) {
    let path = path.as_ref();
    std::fs::write(path, content).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
}

/// A running server; it and its process group are ended when dropped.
struct Server {
    child: Child,
    log: PathBuf,
    stop: Signal,
}

impl Server {
    /// Starts `command` in a process group of its own, with both outputs in `log`.
    fn spawn(command: &mut Command, log: PathBuf) -> Self {
        let out = std::fs::File::create(&log).expect("the peer's directory is writable");
        let err = out.try_clone().expect("a file handle can be cloned");
        let child = command.stdin(Stdio::null()).stdout(out).stderr(err).process_group(0).spawn();
        Self {
            child: child.unwrap_or_else(|error| panic!("{command:?}: {error}")),
            log,
            stop: Signal::TERM,
        }
    }

    fn has_ended(&mut self) -> bool {
        self.child.try_wait().is_ok_and(|status| status.is_some())
    }

    /// Waits until `ready`; panics with the log when the server ends before or takes too long.
    fn wait_until(&mut self, what: &str, ready: impl Fn() -> bool) {
        let mut ended = false;
        let ok = wait_for(
            || {
                ended = self.has_ended();
                ended || ready()
            },
            READY,
        );
        assert!(ok && !ended, "{what} did not start:\n{}", self.log());
    }

    fn log(&self) -> String {
        std::fs::read(&self.log)
            .map(|bytes| String::from_utf8_lossy(&bytes).into_owned())
            .unwrap_or_default()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let group = rustix::process::Pid::from_raw(self.child.id().cast_signed())
            .expect("a process id is not zero");
        if !self.has_ended() {
            let _ = rustix::process::kill_process(group, self.stop);
            wait_for(|| self.has_ended(), Duration::from_secs(5));
        }
        // What the first process left behind, or all of it if it would not go.
        let _ = rustix::process::kill_process_group(group, Signal::KILL);
        let _ = self.child.wait();
    }
}

/// Whether somebody on the port greets with 220.
fn greets(port: u16) -> bool {
    let Ok(mut stream) = TcpStream::connect((Ipv4Addr::LOCALHOST, port)) else { return false };
    let mut code = [0; 3];
    let greeted = stream.set_read_timeout(Some(Duration::from_secs(10))).is_ok()
        && stream.read_exact(&mut code).is_ok()
        && &code == b"220";
    let _ = stream.write_all(b"QUIT\r\n");
    let _ = stream.read(&mut [0; 64]);
    greeted
}

/// Removes a header of the server's own from the top of a stored message, folded lines included.
fn take_header(raw: &mut Vec<u8>, name: &str) -> Option<String> {
    let first = raw.split(|&byte| byte == b'\n').next()?;
    let value = first.strip_prefix(format!("{name}:").as_bytes())?;
    let mut value = String::from_utf8_lossy(value).trim().to_owned();
    let mut end = first.len() + 1;
    while raw.get(end).is_some_and(|byte| matches!(byte, b' ' | b'\t')) {
        let line = raw[end..].split(|&byte| byte == b'\n').next()?;
        value.push(' ');
        value.push_str(String::from_utf8_lossy(line).trim());
        end += line.len() + 1;
    }
    raw.drain(..end.min(raw.len()));
    Some(value)
}

/// The address inside `<...>`, or the whole argument where there are no brackets.
fn bare(argument: &str) -> String {
    let inner = argument
        .split_once('<')
        .and_then(|(_, rest)| rest.split_once('>'))
        .map_or(argument, |(inner, _)| inner);
    inner.trim().to_owned()
}

/// The files of a directory, whole, in no particular order; files that vanish meanwhile are left
/// out.
fn files(dir: &Path) -> Vec<Vec<u8>> {
    let Ok(entries) = std::fs::read_dir(dir) else { return Vec::new() };
    entries.flatten().filter_map(|entry| std::fs::read(entry.path()).ok()).collect()
}
