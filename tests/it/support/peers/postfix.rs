//! A whole Postfix in a directory of its own, with Dovecot answering for AUTH, delivering
//! everything into one Maildir.

use std::fmt::Write;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process_group};

use super::{Authority, Server, Stored};
use crate::support::wait_for;

/// The owner of the mailbox; needs no entry among the system's users.
const VMAIL: u32 = 5000;

/// How Postfix is to behave.
#[derive(Clone, Debug, Default)]
pub(crate) struct PostfixOptions {
    /// STARTTLS with a certificate from [`Postfix::authority`].
    pub(crate) tls: bool,
    /// Nothing is taken before TLS.
    pub(crate) tls_required: bool,
    /// AUTH PLAIN and LOGIN, under TLS only if there is TLS; nobody may send without it.
    pub(crate) auth: bool,
    /// Replies to RCPT by address, such as `("full@example.com", "452 4.2.2 Mailbox full")`.
    pub(crate) replies: Vec<(&'static str, &'static str)>,
    /// The largest message in bytes; 10 MB without it.
    pub(crate) size_limit: Option<u64>,
    /// More lines for `main.cf`.
    pub(crate) settings: Vec<&'static str>,
}

/// A running Postfix.
pub(crate) struct Postfix {
    _auth: Option<Server>,
    _master: Master,
    server: Server,
    port: u16,
    root: PathBuf,
    authority: Option<Authority>,
    options: PostfixOptions,
    _dir: tempfile::TempDir,
}

impl Postfix {
    /// The name AUTH accepts.
    pub(crate) const USER: &str = "mailbatch";
    /// Its password.
    pub(crate) const PASSWORD: &str = "correct horse battery";

    /// Starts it; all mail from loopback to `example.com`, `example.net` and `example.org` is
    /// taken.
    pub(crate) fn start(options: PostfixOptions) -> Option<Self> {
        let (Some(postfix), Some((mail_owner, _))) =
            (super::program("postfix"), super::user("postfix"))
        else {
            return super::require("Postfix", "not installed");
        };
        if !super::is_root() {
            return super::require("Postfix", "needs root");
        }
        let dovecot = super::program("dovecot");
        if options.auth && dovecot.is_none() {
            return super::require("Dovecot", "not installed (package dovecot-core)");
        }

        let dir = super::open_directory();
        let root = dir.path().to_owned();
        for name in ["etc", "spool", "data", "mail"] {
            std::fs::create_dir(root.join(name)).expect("the directory is ours");
            super::mode(&root.join(name), 0o755);
        }
        super::give(&root.join("data"), mail_owner, 0);
        super::give(&root.join("mail"), VMAIL, VMAIL);
        let authority = options.tls.then(|| Authority::create(&root));
        let port = crate::support::free_port();
        super::write(root.join("etc/main.cf"), main_cf(&root, &options, authority.as_ref()));
        super::write(root.join("etc/master.cf"), MASTER.replace("PORT", &port.to_string()));

        let mut server = Server::spawn(
            Command::new(postfix).arg("-c").arg(root.join("etc")).arg("start-fg"),
            root.join("postfix.log"),
        );
        // smtpd ends at once when nobody answers for AUTH, so Dovecot comes before the first
        // connection; its socket lies in Postfix's queue directory.
        let master = Master { pid_file: root.join("spool/pid/master.pid") };
        server.wait_until("Postfix", || root.join("spool/private/smtp").exists());
        let auth = dovecot.filter(|_| options.auth).map(|program| start_dovecot(&program, &root));
        server.wait_until("Postfix", || super::greets(port));
        Some(Self {
            _auth: auth,
            _master: master,
            server,
            port,
            root,
            authority,
            options,
            _dir: dir,
        })
    }

    /// The port on 127.0.0.1.
    pub(crate) fn port(&self) -> u16 {
        self.port
    }

    /// The relay's address for a configuration, with the user in it where there is AUTH.
    pub(crate) fn url(&self) -> String {
        let scheme = if self.options.tls { "smtp+starttls" } else { "smtp" };
        let user = if self.options.auth { format!("{}@", Self::USER) } else { String::new() };
        format!("{scheme}://{user}localhost:{}", self.port)
    }

    /// The authority a client has to trust, where there is TLS.
    pub(crate) fn authority(&self) -> Option<&Authority> {
        self.authority.as_ref()
    }

    /// What has been delivered so far, one file for each recipient.
    pub(crate) fn delivered(&self) -> Vec<Stored> {
        super::files(&self.mailbox()).into_iter().map(parse).collect()
    }

    /// Waits until `count` messages are delivered; panics with the log if they are not within a
    /// minute for each thousand.
    pub(crate) fn wait_delivered(&self, count: usize) -> Vec<Stored> {
        let patience = Duration::from_secs(60 + count as u64 * 60 / 1000);
        let delivered = || std::fs::read_dir(self.mailbox()).map_or(0, Iterator::count);
        let came = wait_for(|| delivered() >= count, patience);
        assert!(came, "{} of {count} messages were delivered:\n{}", delivered(), self.log());
        self.delivered()
    }

    /// What it logged.
    pub(crate) fn log(&self) -> String {
        self.server.log() + &std::fs::read_to_string(self.root.join("mail.log")).unwrap_or_default()
    }

    fn mailbox(&self) -> PathBuf {
        self.root.join("mail/all/new")
    }
}

/// Postfix's master process, which leaves the process group it was started in.
struct Master {
    pid_file: PathBuf,
}

impl Drop for Master {
    fn drop(&mut self) {
        let pid = std::fs::read_to_string(&self.pid_file)
            .ok()
            .and_then(|text| text.trim().parse().ok())
            .and_then(Pid::from_raw);
        let Some(pid) = pid else { return };
        // It leads a group of its own, so its services end with it.
        let _ = kill_process_group(pid, Signal::TERM);
        if !wait_for(|| has_ended(pid), Duration::from_secs(5)) {
            let _ = kill_process_group(pid, Signal::KILL);
        }
    }
}

/// Whether the process is gone, or waits only for somebody to ask how it ended.
fn has_ended(pid: Pid) -> bool {
    let status =
        std::fs::read_to_string(format!("/proc/{}/stat", pid.as_raw_nonzero())).unwrap_or_default();
    status
        .rsplit(')')
        .next()
        .is_none_or(|rest| matches!(rest.trim_start().chars().next(), None | Some('Z')))
}

fn main_cf(root: &Path, options: &PostfixOptions, authority: Option<&Authority>) -> String {
    let root = root.display();
    let mut text = format!(
        "compatibility_level = 3.6\n\
         queue_directory = {root}/spool\n\
         data_directory = {root}/data\n\
         command_directory = /usr/sbin\n\
         daemon_directory = /usr/lib/postfix/sbin\n\
         mail_owner = postfix\n\
         setgid_group = postdrop\n\
         inet_interfaces = 127.0.0.1\n\
         inet_protocols = ipv4\n\
         myhostname = mx.test\n\
         mydestination =\n\
         mynetworks = 127.0.0.0/8\n\
         alias_maps =\n\
         maillog_file = {root}/mail.log\n\
         maillog_file_prefixes = /tmp\n\
         smtputf8_autodetect_classes = all\n\
         in_flow_delay = 0s\n\
         smtpd_error_sleep_time = 0s\n\
         virtual_mailbox_domains = example.com, example.net, example.org\n\
         virtual_mailbox_base = {root}/mail\n\
         virtual_mailbox_maps = static:all/\n\
         virtual_uid_maps = static:{VMAIL}\n\
         virtual_gid_maps = static:{VMAIL}\n\
         virtual_mailbox_limit = 0\n\
         message_size_limit = {}\n",
        options.size_limit.unwrap_or(10_240_000)
    );
    let mut put = |line: &str| writeln!(text, "{line}").expect("writing to a string");
    if let Some(authority) = authority {
        put(&format!("smtpd_tls_cert_file = {}", authority.certificate.display()));
        put(&format!("smtpd_tls_key_file = {}", authority.key.display()));
        put(if options.tls_required {
            "smtpd_tls_security_level = encrypt"
        } else {
            "smtpd_tls_security_level = may"
        });
        put("smtpd_tls_auth_only = yes");
    }
    if options.auth {
        put("smtpd_sasl_auth_enable = yes");
        put("smtpd_sasl_type = dovecot");
        put("smtpd_sasl_path = private/auth");
    }
    let replies: Vec<String> =
        options.replies.iter().map(|(address, reply)| format!("{{{address}={reply}}}")).collect();
    let check = if replies.is_empty() {
        String::new()
    } else {
        format!("check_recipient_access inline:{{ {} }}, ", replies.join(", "))
    };
    let permit = if options.auth { "permit_sasl_authenticated" } else { "permit_mynetworks" };
    put(&format!("smtpd_recipient_restrictions = {check}{permit}, reject"));
    put(&format!("smtpd_relay_restrictions = {permit}, reject"));
    for line in &options.settings {
        put(line);
    }
    text
}

/// The services needed to take mail and to deliver it here; nothing is chrooted.
const MASTER: &str = "\
127.0.0.1:PORT inet n - n - - smtpd
pickup unix n - n 60 1 pickup
cleanup unix n - n - 0 cleanup
qmgr unix n - n 300 1 qmgr
tlsmgr unix - - n 1000? 1 tlsmgr
rewrite unix - - n - - trivial-rewrite
bounce unix - - n - 0 bounce
defer unix - - n - 0 bounce
trace unix - - n - 0 bounce
flush unix n - n 1000? 0 flush
proxymap unix - - n - - proxymap
smtp unix - - n - - smtp
error unix - - n - - error
retry unix - - n - - error
discard unix - - n - - discard
virtual unix - n n - - virtual
anvil unix - - n - 1 anvil
postlog unix-dgram n - n - 1 postlogd
";

/// Starts Dovecot for nothing but the AUTH socket in Postfix's queue directory.
fn start_dovecot(program: &Path, root: &Path) -> Server {
    let shown = root.display();
    let socket = root.join("spool/private/auth");
    let config = root.join("dovecot.conf");
    super::write(root.join("users"), format!("{}:{{PLAIN}}{}\n", Postfix::USER, Postfix::PASSWORD));
    super::write(
        &config,
        format!(
            "base_dir = {shown}/dovecot\n\
             state_dir = {shown}/dovecot\n\
             log_path = {shown}/dovecot.log\n\
             protocols =\n\
             ssl = no\n\
             disable_plaintext_auth = no\n\
             auth_mechanisms = plain login\n\
             auth_failure_delay = 0 secs\n\
             passdb {{\n  driver = passwd-file\n  args = {shown}/users\n}}\n\
             userdb {{\n  driver = static\n  args = uid={VMAIL} gid={VMAIL} home=/nonexistent\n}}\n\
             service anvil {{\n  unix_listener anvil-auth-penalty {{\n    mode = 0\n  }}\n}}\n\
             service auth {{\n  unix_listener {} {{\n    mode = 0666\n  }}\n}}\n",
            socket.display()
        ),
    );
    // The penalty, switched off above, makes everybody wait for seconds after one wrong password.
    let mut server = Server::spawn(
        Command::new(program).arg("-F").arg("-c").arg(&config),
        root.join("dovecot.out"),
    );
    server.wait_until("Dovecot", || std::os::unix::net::UnixStream::connect(&socket).is_ok());
    server
}

fn parse(mut raw: Vec<u8>) -> Stored {
    let mut stored = Stored { sender: String::new(), recipients: Vec::new(), raw: Vec::new() };
    loop {
        if let Some(value) = super::take_header(&mut raw, "Return-Path") {
            stored.sender = super::bare(&value);
        } else if let Some(value) = super::take_header(&mut raw, "Delivered-To") {
            stored.recipients.push(super::bare(&value));
        } else if !["X-Original-To", "Received"]
            .iter()
            .any(|name| super::take_header(&mut raw, name).is_some())
        {
            stored.raw = raw;
            return stored;
        }
    }
}
