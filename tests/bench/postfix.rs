//! The yardsticks that come with Postfix: `smtp-source`, a client that does nothing but send, and
//! `smtp-sink`, a server.

use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};

use crate::program;

/// A running `smtp-sink`; it ends when this is dropped.
pub(crate) struct Sink {
    child: Child,
    address: SocketAddr,
}

impl Sink {
    /// Starts `smtp-sink`, or returns `None` where it is not installed.
    pub(crate) fn start() -> Result<Option<Self>> {
        let Some(program) = program::find("smtp-sink") else { return Ok(None) };
        let address = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()?;
        let mut command = Command::new(program);
        command.arg("-4");
        if rustix::process::geteuid().is_root() {
            command.args(["-u", "nobody"]);
        }
        command.args(["-m", "512", &address.to_string(), "1024"]);
        let child = command
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .context("smtp-sink cannot be started")?;
        let mut sink = Self { child, address };
        let started = Instant::now();
        while TcpStream::connect(address).is_err() {
            if sink.child.try_wait()?.is_some() || started.elapsed() > Duration::from_secs(10) {
                bail!("smtp-sink does not listen on {address}");
            }
            std::thread::yield_now();
        }
        Ok(Some(sink))
    }

    /// Where it listens.
    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }
}

impl Drop for Sink {
    fn drop(&mut self) {
        // Both fail only if it has ended by itself, and then there is nothing to end.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Where `smtp-source` is, if it is installed.
pub(crate) fn source() -> Option<PathBuf> {
    program::find("smtp-source")
}

/// `smtp-source` with `sessions` connections that stay open, `messages` messages of 5 KiB, to
/// `server`.
pub(crate) fn send(source: &Path, server: SocketAddr, sessions: u32, messages: u64) -> Command {
    send_long(source, server, sessions, messages, 5_120)
}

/// The same with messages of so many bytes.
pub(crate) fn send_long(
    source: &Path,
    server: SocketAddr,
    sessions: u32,
    messages: u64,
    bytes: usize,
) -> Command {
    let mut command = Command::new(source);
    command.args([
        "-4",
        "-d",
        "-s",
        &sessions.to_string(),
        "-m",
        &messages.to_string(),
        "-l",
        &bytes.to_string(),
    ]);
    command.args(["-f", "news@acme.example", "-t", "user@dest.example", &server.to_string()]);
    command
}
