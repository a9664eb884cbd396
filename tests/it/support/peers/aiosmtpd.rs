//! aiosmtpd: a server in Python that does not announce PIPELINING and keeps a Maildir.

use std::path::PathBuf;
use std::process::{Command, Stdio};

use super::{Authority, Server, Stored};

/// A running aiosmtpd.
pub(crate) struct Aiosmtpd {
    server: Server,
    port: u16,
    maildir: PathBuf,
    authority: Option<Authority>,
    _dir: tempfile::TempDir,
}

impl Aiosmtpd {
    /// Starts it in plain text.
    pub(crate) fn start() -> Option<Self> {
        Self::start_with(false)
    }

    /// Starts it with STARTTLS, which it then requires before MAIL.
    pub(crate) fn start_tls() -> Option<Self> {
        Self::start_with(true)
    }

    fn start_with(tls: bool) -> Option<Self> {
        let library = super::unpacked().join("aiosmtpd");
        let can_run = |python: &&str| {
            let mut import = Command::new(python);
            import
                .args(["-c", "import aiosmtpd"])
                .env("PYTHONPATH", &library)
                .stdin(Stdio::null())
                .stdout(Stdio::null())
                .stderr(Stdio::null());
            import.status().is_ok_and(|status| status.success())
        };
        let Some(python) = ["python3", "/usr/bin/python3"].into_iter().find(can_run) else {
            return super::require("aiosmtpd", "not installed (PyPI aiosmtpd)");
        };
        let dir = super::open_directory();
        let maildir = dir.path().join("mail");
        let port = crate::support::free_port();
        let mut command = Command::new(python);
        command.env("PYTHONPATH", &library).args([
            "-m",
            "aiosmtpd",
            "-n",
            "-u",
            "-c",
            "aiosmtpd.handlers.Mailbox",
        ]);
        command.arg("-l").arg(format!("127.0.0.1:{port}"));
        let authority = tls.then(|| Authority::create(dir.path()));
        if let Some(authority) = &authority {
            command
                .arg("--tlscert")
                .arg(&authority.certificate)
                .arg("--tlskey")
                .arg(&authority.key);
        }
        command.arg(&maildir);
        let mut server = Server::spawn(&mut command, dir.path().join("log"));
        server.wait_until("aiosmtpd", || super::greets(port));
        Some(Self { server, port, maildir, authority, _dir: dir })
    }

    /// The port on 127.0.0.1.
    pub(crate) fn port(&self) -> u16 {
        self.port
    }

    /// The relay's address for a configuration.
    pub(crate) fn url(&self) -> String {
        let scheme = if self.authority.is_some() { "smtp+starttls" } else { "smtp" };
        format!("{scheme}://localhost:{}", self.port)
    }

    /// The authority a client has to trust, after [`Aiosmtpd::start_tls`].
    pub(crate) fn authority(&self) -> Option<&Authority> {
        self.authority.as_ref()
    }

    /// What it has taken. It parses and writes messages anew, so header folding is its own.
    pub(crate) fn stored(&self) -> Vec<Stored> {
        super::files(&self.maildir.join("new")).into_iter().map(parse).collect()
    }

    /// What it printed.
    pub(crate) fn log(&self) -> String {
        self.server.log()
    }
}

/// It adds its headers behind those of the message, one `X-RcptTo` with commas for all recipients.
fn parse(raw: Vec<u8>) -> Stored {
    let text = String::from_utf8_lossy(&raw);
    let value = |name: &str| {
        let head =
            text.split("\n\n").next().unwrap_or_default().replace("\n ", " ").replace("\n\t", " ");
        head.lines()
            .find_map(|line| Some(line.strip_prefix(name)?.trim().to_owned()))
            .unwrap_or_default()
    };
    let recipients = value("X-RcptTo:").split(',').map(super::bare).collect();
    Stored { sender: super::bare(&value("X-MailFrom:")), recipients, raw }
}
