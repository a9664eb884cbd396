//! OpenSMTPD: announces no PIPELINING and answers 500 and closes when a client pipelines all the
//! same.
//!
//! Its queue and its control socket have fixed places in the system, so one runs at a time; others
//! wait for it. It relays what it took to a recorder, out of which it is read back.

use std::fs::File;
use std::os::unix::fs::DirBuilderExt;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use super::Server;
use crate::support::recorder::{Recorder, Taken};

const SPOOL: &str = "/var/spool/smtpd";

/// A running OpenSMTPD.
pub(crate) struct OpenSmtpd {
    server: Server,
    port: u16,
    behind: Recorder,
    _dir: tempfile::TempDir,
    _alone: File,
}

impl OpenSmtpd {
    /// Starts it, after any other test's has ended.
    pub(crate) fn start() -> Option<Self> {
        Self::start_refusing(&[])
    }

    /// The same, which refuses these addresses.
    pub(crate) fn start_refusing(gone: &[String]) -> Option<Self> {
        let program = super::unpacked().join("opensmtpd/usr/sbin/smtpd");
        if !super::is_root() {
            return super::require("OpenSMTPD", "needs root");
        }
        if !program.is_file()
            || super::user("opensmtpd").is_none()
            || super::user("opensmtpq").is_none()
        {
            return super::require("OpenSMTPD", "not unpacked (tests/run does it)");
        }
        if Path::new("/usr/sbin/smtpctl").exists() {
            return super::require(
                "OpenSMTPD",
                "the system has one of its own, whose queue must not be touched",
            );
        }
        let alone = File::create("/tmp/mailbatch-opensmtpd.lock").expect("/tmp is writable");
        alone.lock().expect("locks work in /tmp");
        // What an earlier test left in the queue would reach this test's recorder.
        let _ = std::fs::remove_dir_all(SPOOL);
        std::fs::DirBuilder::new().mode(0o711).create(SPOOL).expect("root writes to /var/spool");
        super::mode(Path::new(SPOOL), 0o711);

        let behind = Recorder::start();
        let dir = super::open_directory();
        let port = crate::support::free_port();
        let config = dir.path().join("smtpd.conf");
        let table: Vec<String> = gone.iter().map(|address| format!("\"{address}\"")).collect();
        let refusing = if gone.is_empty() {
            String::new()
        } else {
            format!("match from any for rcpt-to {{ {} }} reject\n", table.join(", "))
        };
        super::write(
            &config,
            format!(
                "listen on 127.0.0.1 port {port} hostname mx.test\n\
                 action \"relay\" relay host \"smtp://127.0.0.1:{}\"\n\
                 {refusing}match from any for any action \"relay\"\n",
                behind.port()
            ),
        );
        super::mode(&config, 0o600);
        let mut server = Server::spawn(
            Command::new(program).arg("-d").arg("-f").arg(config),
            dir.path().join("log"),
        );
        server.wait_until("OpenSMTPD", || super::greets(port));
        Some(Self { server, port, behind, _dir: dir, _alone: alone })
    }

    /// The port on 127.0.0.1.
    pub(crate) fn port(&self) -> u16 {
        self.port
    }

    /// The relay's address for a configuration.
    pub(crate) fn url(&self) -> String {
        format!("smtp://127.0.0.1:{}", self.port)
    }

    /// Waits until `count` messages came out of it; panics with its log if they do not.
    pub(crate) fn stored(&self, count: usize) -> Vec<Taken> {
        let came = crate::support::wait_for(
            || self.behind.taken().len() >= count,
            Duration::from_secs(30),
        );
        assert!(
            came,
            "{} of {count} messages were relayed:\n{}",
            self.behind.taken().len(),
            self.log()
        );
        self.behind.taken()
    }

    /// What it printed.
    pub(crate) fn log(&self) -> String {
        self.server.log()
    }
}
