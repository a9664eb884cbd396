//! No octet of a message leaves before the sync that made its claim durable has returned: judged by
//! the system calls themselves.

use std::collections::HashMap;

use super::judge;
use crate::support::recorder::Recorder;
use crate::support::running::relayed;
use crate::support::tools::Strace;

/// What every Message-ID of these tests ends with, and the length of what stands before it.
const DOMAIN: &str = "@acme.example";
const NAME: usize = 24;

/// Where a message's claim and its first octet stand in a log.
#[derive(Default)]
struct Message {
    /// The line of the first write to the ledger's log that holds its claim.
    written: Option<usize>,
    /// The line at which a sync that had begun after that returned.
    durable: Option<usize>,
}

/// What a log of strace (`-f -y`) tells.
#[derive(Default)]
struct Watched {
    messages: HashMap<String, Message>,
    /// Messages that were written to a socket.
    sent: usize,
    /// What is wrong with them.
    faults: Vec<String>,
    /// The lines at which each thread has begun a sync of the ledger's log.
    syncing: HashMap<String, usize>,
}

impl Watched {
    fn read(log: &str) -> Self {
        let mut watched = Self::default();
        log.lines().enumerate().for_each(|(at, line)| watched.line(at, line));
        watched
    }

    fn line(&mut self, at: usize, line: &str) {
        let Some((thread, call)) = line.split_once(' ') else { return };
        let call = call.trim_start();
        let is_sync = |text: &str| text.starts_with("fsync") || text.starts_with("fdatasync");
        if let Some(resumed) = call.strip_prefix("<... ") {
            if is_sync(resumed)
                && let Some(begun) = self.syncing.remove(thread)
                && resumed.trim_end().ends_with("= 0")
            {
                self.synced(begun, at);
            }
        } else if is_sync(call) && call.contains("ledger.db-wal>") {
            if call.contains("<unfinished ...>") {
                self.syncing.insert(thread.to_owned(), at);
            } else if call.trim_end().ends_with("= 0") {
                self.synced(at, at);
            }
        } else if call.contains("ledger.db-wal>, ") {
            for name in names(call, "") {
                self.messages.entry(name).or_default().written.get_or_insert(at);
            }
        } else if call.contains("<socket:[") || call.contains("<TCP") {
            for name in names(call, "Message-ID: <") {
                self.sent += 1;
                match self.messages.get(&name) {
                    Some(Message { durable: Some(_), .. }) => {}
                    Some(Message { written: Some(written), .. }) => {
                        self.faults.push(format!("{name}: claimed in line {written}, sent in line {at}, with no sync between"));
                    }
                    _ => self
                        .faults
                        .push(format!("{name}: sent in line {at}, and never claimed before")),
                }
            }
        }
    }

    /// A sync has returned: what was written before it began is durable.
    fn synced(&mut self, begun: usize, at: usize) {
        for message in self.messages.values_mut() {
            if message.durable.is_none() && message.written.is_some_and(|written| written < begun) {
                message.durable = Some(at);
            }
        }
    }
}

/// The Message-IDs in a line that stand behind `before`, without their domain.
fn names(line: &str, before: &str) -> Vec<String> {
    let is_name =
        |name: &str| name.len() == NAME && name.bytes().all(|byte| byte.is_ascii_hexdigit());
    let ends = line.match_indices(DOMAIN).map(|(end, _)| end);
    ends.filter_map(|end| {
        let name = line.get(end.checked_sub(NAME)?..end)?;
        (is_name(name) && line[..end - NAME].ends_with(before)).then(|| name.to_owned())
    })
    .collect()
}

#[test]
fn no_octet_of_a_message_leaves_before_its_claim_is_on_the_disk() {
    const ROWS: usize = 300;
    let Some(strace) = Strace::find() else { return };
    let server = Recorder::start();
    let work = relayed(&server, "in_flight = 4", ROWS);
    let calls = "trace=fsync,fdatasync,write,writev,pwrite64,pwritev,sendto,sendmsg,sendmmsg,sendfile,splice";
    let mut command = strace.command(
        &work,
        &["-f", "--seccomp-bpf", "-y", "-s", "1000000", "-e", calls, "-o", "calls"],
    );
    command.args(["send", "list.csv", "-q"]);
    work.start_with(command).ends(0);
    assert_eq!(judge::told_apart(&work, &server, ROWS).accepted, ROWS);
    let watched = Watched::read(&work.read("calls"));
    assert_eq!(watched.faults, Vec::<String>::new());
    assert_eq!(watched.sent, ROWS, "every message was seen on its way");
}

#[test]
fn a_message_that_leaves_too_early_is_noticed() {
    let claim = r#"7 pwrite64(9</w/.mailbatch/ledger.db-wal>, "\0\0news@acme.example0123456789abcdef01234567@acme.example", 4096, 0) = 4096"#;
    let sync = "7 fsync(9</w/.mailbatch/ledger.db-wal>) = 0";
    let (begins, returns) =
        ("7 fsync(9</w/.mailbatch/ledger.db-wal> <unfinished ...>", "7 <... fsync resumed>) = 0");
    let other = "7 fsync(8</w/.mailbatch/ledger.db>) = 0";
    let sent = r#"8 sendto(5<socket:[1]>, "To: a\r\nMessage-ID: <0123456789abcdef01234567@acme.example>\r\n", 9, 0, NULL, 0) = 9"#;
    let faults = |lines: &[&str]| {
        let watched = Watched::read(&lines.join("\n"));
        assert_eq!(watched.sent, 1);
        watched.faults.len()
    };
    assert_eq!(faults(&[claim, sync, sent]), 0);
    assert_eq!(faults(&[claim, begins, returns, sent]), 0);
    assert_eq!(faults(&[claim, sent, sync]), 1, "not synced");
    assert_eq!(faults(&[claim, begins, sent, returns]), 1, "the sync has not returned");
    assert_eq!(
        faults(&[begins, claim, returns, sent]),
        1,
        "the sync had begun before the claim was written"
    );
    assert_eq!(
        faults(&[claim, begins, &returns.replace("= 0", "= -1 EIO"), sent]),
        1,
        "the sync failed"
    );
    assert_eq!(faults(&[claim, other, sent]), 1, "another file was synced");
    assert_eq!(faults(&[sync, sent, claim, sync]), 1, "claimed afterwards");
    assert_eq!(faults(&[sent]), 1, "never claimed");
}
