//! Postfix's `smtp-sink`: takes everything, fast, with faults by flags, and keeps each transaction
//! it answered as a file.

use std::path::PathBuf;
use std::process::Command;

use super::{Server, Stored};

/// A running `smtp-sink`.
pub(crate) struct SmtpSink {
    server: Server,
    port: u16,
    dumps: PathBuf,
    _dir: tempfile::TempDir,
}

impl SmtpSink {
    /// Starts it with more flags, such as `["-q", "."]` (drop the connection after a whole message)
    /// or `["-f", "RCPT"]` (refuse recipients). `-r` and `-f` also switch PIPELINING off.
    pub(crate) fn start(flags: &[&str]) -> Option<Self> {
        let Some(program) = super::program("smtp-sink") else {
            return super::require("smtp-sink", "not installed (package postfix)");
        };
        let dir = super::open_directory();
        let dumps = dir.path().join("dumps");
        std::fs::create_dir(&dumps).expect("the directory is ours");
        let port = crate::support::free_port();
        let mut command = Command::new(program);
        command.arg("-4").args(flags);
        if super::is_root() {
            let Some((uid, gid)) = super::user("nobody") else {
                return super::require("smtp-sink", "there is no user nobody");
            };
            super::give(&dumps, uid, gid);
            command.args(["-u", "nobody"]);
        }
        command.arg("-d").arg(dumps.join("%M.")).arg(format!("127.0.0.1:{port}")).arg("1000");
        let mut server = Server::spawn(&mut command, dir.path().join("log"));
        // A connection is enough: with `-Q CONNECT` it does not greet.
        server
            .wait_until("smtp-sink", || std::net::TcpStream::connect(("127.0.0.1", port)).is_ok());
        Some(Self { server, port, dumps, _dir: dir })
    }

    /// The port on 127.0.0.1.
    pub(crate) fn port(&self) -> u16 {
        self.port
    }

    /// The relay's address for a configuration.
    pub(crate) fn url(&self) -> String {
        format!("smtp://127.0.0.1:{}", self.port)
    }

    /// Every transaction it has kept. It drops those of connections that were lost before the end
    /// of the message.
    pub(crate) fn stored(&self) -> Vec<Stored> {
        super::files(&self.dumps).into_iter().map(parse).collect()
    }

    /// How many it has kept.
    pub(crate) fn count(&self) -> usize {
        std::fs::read_dir(&self.dumps).map_or(0, Iterator::count)
    }

    /// What it printed.
    pub(crate) fn log(&self) -> String {
        self.server.log()
    }
}

fn parse(mut raw: Vec<u8>) -> Stored {
    let mut stored = Stored { sender: String::new(), recipients: Vec::new(), raw: Vec::new() };
    loop {
        if let Some(argument) = super::take_header(&mut raw, "X-Mail-Args") {
            stored.sender = super::bare(&argument);
        } else if let Some(argument) = super::take_header(&mut raw, "X-Rcpt-Args") {
            stored.recipients.push(super::bare(&argument));
        } else if !["X-Client-Addr", "X-Client-Proto", "X-Helo-Args", "Received"]
            .iter()
            .any(|name| super::take_header(&mut raw, name).is_some())
        {
            stored.raw = raw;
            return stored;
        }
    }
}
