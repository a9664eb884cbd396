//! Whole hand-overs against a scripted server: what it is told, in which groups, and what its answers come to.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use rcgen::{CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use rustls_pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio::task::JoinHandle;
use tokio_rustls::TlsAcceptor;

use super::connect;
use crate::outcome::Reason;
use crate::provider::testing::{Recorder, claim, job, settings};
use crate::provider::{Health, Job, ProviderSettings, Reply, Verdict};

/// What the server does next on a connection; after the last act it closes.
#[derive(Clone, Copy)]
enum Act {
    /// Writes this and a CRLF.
    Say(&'static str),
    /// Reads a command that begins so, and nothing after it: the client waits.
    Hear(&'static str),
    /// Reads commands that begin so and came in one piece.
    Together(&'static [&'static str]),
    /// Reads up to the lone dot.
    Body,
    /// Reads up to the lone dot, and commands that came in one piece with it.
    Piped(&'static [&'static str]),
    /// Shakes hands as a TLS server.
    Tls,
    /// Says nothing until the client closes.
    Silence,
}

use Act::{Body, Hear, Piped, Say, Silence, Tls, Together};

const PLAIN: &[Act] = &[Say("220 hi"), Hear("EHLO "), Say("250 hi")];
const PIPELINING: &[Act] = &[Say("220 hi"), Hear("EHLO "), Say("250-hi\r\n250 PIPELINING")];
const GROUP: &[&str] = &["MAIL FROM:<news@mailbatch.example>", "RCPT TO:<", "DATA"];
const GROUP_AFTER_RESET: &[&str] = &["RSET", "MAIL FROM:<news@mailbatch.example>", "RCPT TO:<", "DATA"];
const TAKEN: &[Act] = &[Together(GROUP), Say("250 ok\r\n250 ok\r\n354 go"), Body, Say("250 2.0.0 Ok: queued as 4XYZ")];
const QUICK: &str = "timeouts = { connect = \"2s\", command = \"150ms\", data = \"1s\", final = \"150ms\" }";

trait Duplex: AsyncRead + AsyncWrite + Unpin + Send {}
impl<T: AsyncRead + AsyncWrite + Unpin + Send> Duplex for T {}

struct Peer {
    stream: Box<dyn Duplex>,
    buffer: Vec<u8>,
    heard: Vec<String>,
}

impl Peer {
    async fn line(&mut self) -> String {
        loop {
            if let Some(end) = self.buffer.iter().position(|b| *b == b'\n') {
                let line: Vec<u8> = self.buffer.drain(..=end).collect();
                let line = String::from_utf8(line).unwrap();
                return line.strip_suffix("\r\n").expect("lines end in CRLF").to_owned();
            }
            let mut piece = [0; 65_536];
            let n = self.stream.read(&mut piece).await.unwrap();
            assert!(n > 0, "the client closed in the middle; heard {:?}", self.heard);
            self.buffer.extend_from_slice(&piece[..n]);
        }
    }

    async fn act(&mut self, act: Act) {
        match act {
            Say(text) => {
                // The client may have left already; what it makes of that is what is tested.
                let _ = self.stream.write_all(format!("{text}\r\n").as_bytes()).await;
            }
            Hear(prefix) => {
                self.hear(prefix).await;
                assert!(self.buffer.is_empty(), "more after {prefix}: {}", self.buffer.escape_ascii());
            }
            Together(prefixes) => {
                for (i, prefix) in prefixes.iter().enumerate() {
                    assert!(i == 0 || !self.buffer.is_empty(), "{prefix} came alone");
                    self.hear(prefix).await;
                }
                assert!(self.buffer.is_empty());
            }
            Body => {
                self.body().await;
                assert!(self.buffer.is_empty());
            }
            Piped(prefixes) => {
                self.body().await;
                for prefix in prefixes {
                    assert!(!self.buffer.is_empty(), "{prefix} did not come with the message");
                    self.hear(prefix).await;
                }
                assert!(self.buffer.is_empty());
            }
            Silence => {
                let mut rest = Vec::new();
                let _ = self.stream.read_to_end(&mut rest).await;
            }
            Tls => unreachable!("done by play"),
        }
    }

    async fn body(&mut self) {
        let mut body = String::new();
        loop {
            match self.line().await.as_str() {
                "." => break,
                line => body.push_str(&format!("{line}|")),
            }
        }
        self.heard.push(body);
    }

    async fn hear(&mut self, prefix: &str) {
        let line = self.line().await;
        assert!(line.starts_with(prefix), "{line:?} instead of {prefix:?}");
        self.heard.push(line);
    }
}

/// Plays one script for each connection, in order, and returns what was heard on all of them.
fn play(listener: TcpListener, scripts: Vec<Vec<Act>>, acceptor: Option<TlsAcceptor>) -> JoinHandle<Vec<String>> {
    tokio::spawn(async move {
        let mut heard = Vec::new();
        for script in scripts {
            let (stream, _) = listener.accept().await.unwrap();
            let mut peer = Peer { stream: Box::new(stream), buffer: Vec::new(), heard };
            for act in script {
                if let Tls = act {
                    let acceptor = acceptor.clone().expect("a server with a certificate");
                    let stream = std::mem::replace(&mut peer.stream, Box::new(tokio::io::empty()));
                    match acceptor.accept(stream).await {
                        Ok(stream) => peer.stream = Box::new(stream),
                        Err(_) => break,
                    }
                } else {
                    peer.act(act).await;
                }
            }
            heard = peer.heard;
        }
        heard
    })
}

struct Ran {
    reply: Reply,
    heard: Vec<String>,
    events: Vec<String>,
}

/// Sends `jobs` to a server with these scripts, all of which must be played to the end.
async fn run_with(scheme: &str, keys: &str, scripts: Vec<Vec<Act>>, acceptor: Option<TlsAcceptor>, jobs: Vec<Job>, wire: Recorder) -> Ran {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let server = play(listener, scripts, acceptor);
    let provider = connect(&settings(&format!("url = \"{scheme}127.0.0.1:{port}\"\n{keys}"), Path::new("/nowhere/state"))).unwrap();
    let whole = async {
        let reply = provider.send(&claim(jobs), &wire).await;
        provider.close().await;
        Ran { reply, heard: server.await.unwrap(), events: wire.events() }
    };
    tokio::time::timeout(Duration::from_secs(20), whole).await.expect("the hand-over hangs")
}

async fn run(keys: &str, scripts: &[&[&[Act]]], to: &[&str]) -> Ran {
    let scripts = scripts.iter().map(|parts| parts.concat()).collect();
    run_with("smtp://", keys, scripts, None, jobs(to), Recorder::default()).await
}

fn jobs(to: &[&str]) -> Vec<Job> {
    to.iter().zip(1..).map(|(to, id)| job(id, to, "Subject: x\r\n\r\n.hello\r\n")).collect()
}

fn words(reply: &Reply) -> Vec<String> {
    let word = |verdict: &Verdict| match verdict {
        Verdict::Accepted { .. } => "accepted".to_owned(),
        Verdict::Rejected(r) => format!("rejected {}", r.code),
        Verdict::Suppressed(r) => format!("suppressed {}", r.code),
        Verdict::NotTaken { refusal, counts } => format!("not taken {}{}", refusal.code, if *counts { " counts" } else { "" }),
        Verdict::Unknown { .. } => "unknown".to_owned(),
    };
    reply.items.iter().map(|(id, verdict)| format!("{id} {}", word(verdict))).collect()
}

fn failing(health: &Health) -> String {
    match health {
        Health::Failing(refusal) => refusal.detail.clone(),
        other => panic!("{other:?}"),
    }
}

fn stopped(health: &Health) -> (Reason, String) {
    match health {
        Health::Stop(refusal) => (refusal.reason, refusal.detail.clone()),
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn with_pipelining_the_envelope_is_one_write_and_the_message_another() {
    let ran = run("", &[&[PIPELINING, TAKEN, TAKEN, &[Hear("QUIT")]]], &["a@x.example", "b@x.example"]).await;
    assert_eq!(words(&ran.reply), ["1 accepted", "2 accepted"]);
    assert_eq!(ran.reply.health, Health::Fine);
    let expected = Verdict::Accepted { provider_id: Some("4XYZ".into()), code: "250 2.0.0".into(), detail: "Ok: queued as 4XYZ".into() };
    assert_eq!(ran.reply.items[0].1, expected);
    assert!(ran.heard.contains(&"RCPT TO:<b@x.example>".into()) && ran.heard.contains(&"Subject: x||..hello|".into()), "{:?}", ran.heard);
    assert_eq!(ran.events, ["slot 1", "crossing 1", "answered 1", "slot 2", "crossing 2", "answered 2"]);
}

/// As `run`, over a wire that has a slot for everybody at once.
async fn run_unpaced(scripts: &[&[&[Act]]], to: &[&str], suppressed: &[u64]) -> Ran {
    let scripts = scripts.iter().map(|parts| parts.concat()).collect();
    let wire = Recorder { is_unpaced: true, suppressed: suppressed.to_vec(), ..Recorder::default() };
    run_with("smtp://", "", scripts, None, jobs(to), wire).await
}

const OPEN: Act = Say("250 ok\r\n250 ok\r\n354 go");
const TAKEN_AND_OPEN: Act = Say("250 ok\r\n250 ok\r\n250 ok\r\n354 go");

#[tokio::test]
async fn unpaced_messages_cost_one_round_trip_each() {
    let script = [Together(GROUP), OPEN, Piped(GROUP), TAKEN_AND_OPEN, Piped(GROUP), TAKEN_AND_OPEN, Body, Say("250 ok")];
    let ran = run_unpaced(&[&[PIPELINING, &script, &[Hear("QUIT")]]], &["a@x.example", "b@x.example", "c@x.example"], &[]).await;
    assert_eq!(words(&ran.reply), ["1 accepted", "2 accepted", "3 accepted"]);
    assert_eq!(ran.events[..4], ["slot 1", "crossing 1", "answered 1", "crossing 2"]);
}

#[tokio::test]
async fn a_refused_message_leaves_the_envelope_behind_it_alone() {
    let script = [Together(GROUP), OPEN, Piped(GROUP), Say("550 5.7.1 no\r\n250 ok\r\n250 ok\r\n354 go"), Body, Say("250 ok")];
    let ran = run_unpaced(&[&[PIPELINING, &script]], &["a@x.example", "b@x.example"], &[]).await;
    assert_eq!(words(&ran.reply), ["1 rejected 550 5.7.1", "2 accepted"]);
}

#[tokio::test]
async fn a_recipient_refused_behind_a_message_is_refused_alone() {
    let refused = Say("250 ok\r\n250 ok\r\n550 5.1.1 no\r\n503 5.5.1 no recipients");
    let script =
        [Together(GROUP), OPEN, Piped(GROUP), refused, Together(GROUP_AFTER_RESET), Say("250 ok\r\n250 ok\r\n250 ok\r\n354 go"), Body, Say("250 ok")];
    let ran = run_unpaced(&[&[PIPELINING, &script]], &["a@x.example", "b@x.example", "c@x.example"], &[]).await;
    assert_eq!(words(&ran.reply), ["1 accepted", "2 rejected 550 5.1.1", "3 accepted"]);
}

#[tokio::test]
async fn a_connection_lost_behind_an_answer_loses_nobody() {
    for answer in ["250 ok", "250 ok\r\n250 ok", "250 ok\r\n421 bye", "250 ok\r\n250 ok\r\n250 ok"] {
        let script = [Together(GROUP), OPEN, Piped(GROUP), Say(answer)];
        let ran = run_unpaced(&[&[PIPELINING, &script], &[PIPELINING, TAKEN]], &["a@x.example", "b@x.example"], &[]).await;
        assert_eq!(words(&ran.reply), ["1 accepted", "2 accepted"], "{answer}");
    }
}

#[tokio::test]
async fn without_an_answer_only_the_message_that_was_sent_is_unknown() {
    let script = [Together(GROUP), OPEN, Piped(GROUP)];
    let ran = run_unpaced(&[&[PIPELINING, &script]], &["a@x.example", "b@x.example", "c@x.example"], &[]).await;
    assert_eq!(words(&ran.reply), ["1 unknown"]);
    assert!(!ran.events.contains(&"crossing 2".into()));
}

#[tokio::test]
async fn nobody_who_is_suppressed_stands_in_the_pipe() {
    let script = [Together(GROUP), OPEN, Piped(GROUP), TAKEN_AND_OPEN, Body, Say("250 ok")];
    let ran = run_unpaced(&[&[PIPELINING, &script]], &["a@x.example", "b@x.example", "c@x.example"], &[2]).await;
    assert_eq!(words(&ran.reply), ["1 accepted", "3 accepted"]);
    assert!(!ran.heard.contains(&"RCPT TO:<b@x.example>".into()));
}

#[tokio::test]
async fn without_pipelining_there_is_one_command_at_a_time() {
    let one = [Hear("MAIL FROM:"), Say("250 ok"), Hear("RCPT TO:"), Say("251 ok"), Hear("DATA"), Say("354 go"), Body, Say("250 ok")];
    let refused = [Hear("MAIL FROM:"), Say("250 ok"), Hear("RCPT TO:"), Say("550 5.1.1 no"), Hear("RSET"), Say("250 ok")];
    let ran = run("", &[&[PLAIN, &one, &refused, &one]], &["a@x.example", "b@x.example", "c@x.example"]).await;
    assert_eq!(words(&ran.reply), ["1 accepted", "2 rejected 550 5.1.1", "3 accepted"]);
}

#[tokio::test]
async fn a_refused_recipient_leaves_the_session_usable_though_data_was_sent() {
    let refused = [Together(GROUP), Say("250 ok\r\n550-5.1.1 no\r\n550 5.1.1 such user\r\n503 5.5.1 no recipients")];
    let again = [Together(GROUP_AFTER_RESET), Say("250 ok\r\n250 ok\r\n250 ok\r\n354 go"), Body, Say("250 ok")];
    let ran = run("", &[&[PIPELINING, &refused, &again]], &["a@x.example", "b@x.example"]).await;
    assert_eq!(words(&ran.reply), ["1 rejected 550 5.1.1", "2 accepted"]);
    assert_eq!(ran.events, ["slot 1", "answered 1", "slot 2", "crossing 2", "answered 2"]);
}

#[tokio::test]
async fn a_lone_dot_closes_a_data_that_has_no_recipient() {
    let refused = [Together(GROUP), Say("250 ok\r\n450 4.2.0 busy\r\n354 go"), Hear("."), Say("554 5.5.1 no recipients")];
    let again = [Together(GROUP_AFTER_RESET), Say("250 ok\r\n250 ok\r\n250 ok\r\n354 go"), Body, Say("250 ok")];
    let ran = run("", &[&[PIPELINING, &refused, &again]], &["a@x.example", "b@x.example"]).await;
    assert_eq!(words(&ran.reply), ["1 not taken 450 4.2.0 counts", "2 accepted"]);
    assert!(!ran.events.contains(&"crossing 1".into()));
}

#[tokio::test]
async fn a_recipient_taken_under_a_refused_sender_never_gets_an_empty_message() {
    let ran = run("", &[&[PIPELINING, &[Together(GROUP), Say("550 5.7.1 no\r\n250 ok\r\n354 go"), Silence]]], &["a@x.example"]).await;
    assert_eq!(words(&ran.reply), ["1 not taken 550 5.7.1"]);
    assert_eq!(failing(&ran.reply.health), "no");
}

#[tokio::test]
async fn a_421_or_a_close_between_messages_reconnects_and_blames_nobody() {
    for farewell in [&[Together(GROUP), Say("421 4.4.2 bye")][..], &[Together(GROUP), Say("250 ok\r\n421 bye")], &[Together(GROUP)], &[]] {
        let ran = run("", &[&[PIPELINING, TAKEN, farewell], &[PIPELINING, TAKEN]], &["a@x.example", "b@x.example"]).await;
        assert_eq!(words(&ran.reply), ["1 accepted", "2 accepted"]);
        assert_eq!(ran.reply.health, Health::Fine);
    }
}

#[tokio::test]
async fn a_new_connection_that_closes_at_once_is_the_providers_failure() {
    let ran = run("", &[&[PIPELINING, &[Together(GROUP), Say("421 4.3.2 going down")]]], &["a@x.example", "b@x.example"]).await;
    assert_eq!(words(&ran.reply), ["1 not taken 421 4.3.2"]);
    assert_eq!(failing(&ran.reply.health), "at MAIL: going down");
}

#[tokio::test]
async fn being_told_to_slow_down_is_neither_failure_nor_attempt() {
    let ran = run("", &[&[PIPELINING, &[Together(GROUP), Say("421 4.7.0 too many messages")]]], &["a@x.example"]).await;
    assert_eq!(words(&ran.reply), ["1 not taken 421 4.7.0"]);
    assert!(matches!(ran.reply.health, Health::SlowDown(_)));
}

#[tokio::test]
async fn a_connection_lost_after_the_final_dot_is_unknown() {
    let begun = [Together(GROUP), Say("250 ok\r\n250 ok\r\n354 go"), Body];
    for end in [&[][..], &[Silence], &[Say("354 go on")], &[Say("what?")]] {
        let ran = run(QUICK, &[&[PIPELINING, &begun, end]], &["a@x.example", "b@x.example"]).await;
        assert_eq!(words(&ran.reply), ["1 unknown"]);
        assert!(matches!(ran.reply.health, Health::Failing(_)));
        assert_eq!(ran.events, ["slot 1", "crossing 1"]);
    }
}

#[tokio::test]
async fn a_connection_lost_before_the_message_was_whole_is_not_taken() {
    let ran = run("", &[&[PIPELINING, &[Together(GROUP), Say("250 ok\r\n250 ok")]]], &["a@x.example"]).await;
    assert_eq!(words(&ran.reply), ["1 not taken "]);
    assert_eq!(ran.events, ["slot 1", "answered 1"]);

    let large = job(1, "a@x.example", &"0123456789abcdef\r\n".repeat(2_000_000));
    let script = [PIPELINING, &[Together(GROUP), Say("250 ok\r\n250 ok\r\n354 go")]].concat();
    let ran = run_with("smtp://", "", vec![script], None, vec![large], Recorder::default()).await;
    assert_eq!(words(&ran.reply), ["1 not taken "]);
}

#[tokio::test]
async fn refusals_of_the_message_are_certain() {
    let begun = [Together(GROUP), Say("250 ok\r\n250 ok\r\n354 go"), Body];
    for (answer, expected) in [
        ("451 4.3.0 try later", "1 not taken 451 4.3.0 counts"),
        ("550 5.7.1 spam", "1 rejected 550 5.7.1"),
        ("421 4.3.2 bye", "1 not taken 421 4.3.2"),
    ] {
        let ran = run("", &[&[PIPELINING, &begun, &[Say(answer)]]], &["a@x.example"]).await;
        assert_eq!(words(&ran.reply), [expected]);
        assert_eq!(ran.events, ["slot 1", "crossing 1", "answered 1"]);
    }
}

#[tokio::test]
async fn what_is_no_smtp_server_is_told_by_name() {
    for (script, expected) in [
        (&[Say("HTTP/1.1 400 Bad Request")][..], "not an SMTP answer at the greeting"),
        (&[Say("354 go")], "not an SMTP answer at the greeting"),
        (&[Say("250 ok")], "not an SMTP answer at the greeting"),
        (&[Silence], "no answer at the greeting within 150ms"),
        (&[], "connection lost at the greeting"),
        (&[Say("554 5.3.2 go away")], "at the greeting: go away"),
        (&[Say("220 hi"), Hear("EHLO"), Say("354 go")], "not an SMTP answer at EHLO"),
        (&[Say("220 hi"), Hear("EHLO"), Silence], "no answer at EHLO within 150ms"),
    ] {
        let ran = run(QUICK, &[&[script]], &["a@x.example"]).await;
        assert!(ran.reply.items.is_empty(), "nobody was begun");
        let detail = failing(&ran.reply.health);
        assert!(detail.starts_with(expected), "{detail}");
    }
}

#[tokio::test]
async fn a_354_to_everything_never_completes_a_message() {
    let ran = run(QUICK, &[&[PIPELINING, &[Together(GROUP), Say("354 go\r\n354 go\r\n354 go"), Silence]]], &["a@x.example"]).await;
    assert_eq!(words(&ran.reply), ["1 not taken "]);
    assert!(!ran.events.contains(&"crossing 1".into()));
}

#[tokio::test]
async fn answers_that_come_before_the_message_are_not_believed() {
    for answers in ["250 ok\r\n250 ok\r\n250 ok", "250 ok\r\n250 ok\r\n354 go\r\n250 taken"] {
        let script: &[Act] = if answers.ends_with("taken") {
            &[Together(GROUP), Say("250 ok\r\n250 ok\r\n354 go\r\n250 taken"), Silence]
        } else {
            &[Together(GROUP), Say("250 ok\r\n250 ok\r\n250 ok"), Silence]
        };
        let ran = run(QUICK, &[&[PIPELINING, script]], &["a@x.example"]).await;
        assert_eq!(words(&ran.reply), ["1 not taken "], "{answers}");
        assert!(!ran.events.contains(&"crossing 1".into()));
    }
}

#[tokio::test]
async fn a_connection_carries_no_more_messages_than_its_cap() {
    let scripts: [&[&[Act]]; 2] = [&[PIPELINING, TAKEN, TAKEN, &[Hear("QUIT"), Say("221 bye")]], &[PIPELINING, TAKEN]];
    let ran = run("per_connection = 2", &scripts, &["a@x.example", "b@x.example", "c@x.example"]).await;
    assert_eq!(words(&ran.reply), ["1 accepted", "2 accepted", "3 accepted"]);
}

#[tokio::test]
async fn suppressed_members_and_a_stopped_run_are_left_out() {
    let wire = Recorder { suppressed: vec![1], stop_at: Some(3), ..Recorder::default() };
    let script = [PIPELINING, TAKEN, &[Hear("QUIT")]].concat();
    let ran = run_with("smtp://", "", vec![script], None, jobs(&["a@x.example", "b@x.example", "c@x.example"]), wire).await;
    assert_eq!(words(&ran.reply), ["2 accepted"]);
    assert!(ran.heard.contains(&"RCPT TO:<b@x.example>".into()));
}

#[tokio::test]
async fn a_message_that_cannot_be_traced_is_not_completed() {
    let wire = Recorder { trace_is_broken: true, ..Recorder::default() };
    let script = [PIPELINING, &[Together(GROUP), Say("250 ok\r\n250 ok\r\n354 go"), Silence]].concat();
    let ran = run_with("smtp://", "", vec![script], None, jobs(&["a@x.example", "b@x.example"]), wire).await;
    assert!(ran.reply.items.is_empty());
    assert_eq!(failing(&ran.reply.health), "the trace cannot be written: no space left");
}

#[tokio::test]
async fn what_the_server_cannot_take_is_refused_without_the_wire() {
    let hello = [Say("220 hi"), Hear("EHLO "), Say("250-hi\r\n250 SIZE 20"), Hear("QUIT")];
    let ran = run("", &[&[&hello]], &["a@x.example"]).await;
    let Verdict::Rejected(refusal) = &ran.reply.items[0].1 else { panic!("{:?}", ran.reply) };
    assert_eq!((refusal.code.as_str(), refusal.detail.as_str()), ("552 5.3.4", "message is 22 octets, the server takes 20"));

    let jobs = vec![job(1, "jösé@x.example", "Subject: x\r\n\r\nx\r\n"), job(2, "a@x.example", "Subject: x\r\n\r\né\r\n")];
    let script = [PIPELINING, &[Hear("QUIT")]].concat();
    let ran = run_with("smtp://", "", vec![script], None, jobs, Recorder::default()).await;
    assert_eq!(words(&ran.reply), ["1 rejected 553 5.6.7", "2 rejected 554 5.6.1"]);
    assert!(ran.events.is_empty());
}

#[tokio::test]
async fn mail_says_what_the_message_needs() {
    let hello = [Say("220 hi"), Hear("EHLO "), Say("250-hi\r\n250-SIZE 0\r\n250-8BITMIME\r\n250 SMTPUTF8")];
    let one = [Say("250 ok"), Hear("RCPT TO:"), Say("250 ok"), Hear("DATA"), Say("354 go"), Body, Say("250 ok")];
    let first = [Hear("MAIL FROM:<news@mailbatch.example> SIZE=17 SMTPUTF8")];
    let second = [Hear("MAIL FROM:<> SIZE=18 BODY=8BITMIME")];
    let bounce = Job { envelope_sender: None, ..job(2, "a@x.example", "Subject: x\r\n\r\né\r\n") };
    let jobs = vec![job(1, "jösé@x.example", "Subject: x\r\n\r\nx\r\n"), bounce];
    let ran = run_with("smtp://", "", vec![[&hello[..], &first, &one, &second, &one].concat()], None, jobs, Recorder::default()).await;
    assert_eq!(words(&ran.reply), ["1 accepted", "2 accepted"]);
    assert!(!ran.heard.iter().any(|line| line.ends_with("BODY=8BITMIME SMTPUTF8")));
}

#[tokio::test]
async fn helo_is_tried_where_ehlo_is_not_known() {
    let hello = [Say("220 hi"), Hear("EHLO me.example"), Say("502 what?"), Hear("HELO me.example"), Say("250 hi"), Hear("MAIL")];
    let ran = run("helo = \"me.example\"", &[&[&hello, &[Say("250 ok"), Hear("RCPT"), Say("550 no")]]], &["a@x.example"]).await;
    assert_eq!(words(&ran.reply), ["1 rejected 550"]);
}

#[tokio::test]
async fn every_mechanism_says_who_we_are() {
    let offer = [Say("220 hi"), Hear("EHLO "), Say("250-hi\r\n250-PIPELINING\r\n250 AUTH LOGIN PLAIN XOAUTH2")];
    // base64 of "\0ann\0hunter2", "ann", "hunter2" and "user=ann^Aauth=Bearer hunter2^A^A".
    for (keys, exchange) in [
        ("", &[Hear("AUTH PLAIN AGFubgBodW50ZXIy"), Say("235 ok")][..]),
        ("auth = \"login\"", &[Hear("AUTH LOGIN"), Say("334 x"), Hear("YW5u"), Say("334 x"), Hear("aHVudGVyMg=="), Say("235 ok")]),
        ("auth = \"xoauth2\"", &[Hear("AUTH XOAUTH2 dXNlcj1hbm4BYXV0aD1CZWFyZXIgaHVudGVyMgEB"), Say("235 ok")]),
    ] {
        let keys = format!("password = {{ env = \"hunter2\" }}\n{keys}");
        let script = [&offer, exchange, TAKEN].concat();
        let ran = run_with("smtp://ann@", &keys, vec![script], None, jobs(&["a@x.example"]), Recorder::default()).await;
        assert_eq!(words(&ran.reply), ["1 accepted"], "{keys}");
    }
}

#[tokio::test]
async fn refused_credentials_stop_the_provider_and_are_not_repeated() {
    let offer = [Say("220 hi"), Hear("EHLO "), Say("250-hi\r\n250 AUTH PLAIN XOAUTH2")];
    for (keys, exchange) in [
        ("", &[Hear("AUTH PLAIN "), Say("535 5.7.8 no: AGFubgBodW50ZXIy is hunter2")][..]),
        ("auth = \"xoauth2\"", &[Hear("AUTH XOAUTH2 "), Say("334 eyJzdGF0dXMiOiI0MDAifQ=="), Hear(""), Say("535 5.7.8 hunter2 expired")]),
        ("auth = \"login\"", &[]),
    ] {
        let keys = format!("password = {{ env = \"hunter2\" }}\n{keys}");
        let script = [&offer, exchange].concat();
        let ran = run_with("smtp://ann@", &keys, vec![script], None, jobs(&["a@x.example"]), Recorder::default()).await;
        let (reason, detail) = stopped(&ran.reply.health);
        assert_eq!(reason, Reason::Auth);
        assert!(!detail.contains("hunter2") && !detail.contains("AGFub"), "{detail}");
        assert!(ran.reply.items.is_empty());
    }
}

/// A server certificate for 127.0.0.1, and the root that signed it as a file.
fn certificate() -> (TlsAcceptor, tempfile::NamedTempFile) {
    let mut root = CertificateParams::new(Vec::new()).unwrap();
    root.is_ca = IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
    let root = CertifiedIssuer::self_signed(root, KeyPair::generate().unwrap()).unwrap();
    let key = KeyPair::generate().unwrap();
    let leaf = CertificateParams::new(vec!["127.0.0.1".into()]).unwrap().signed_by(&key, &root).unwrap();
    let private = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(key.serialize_der()));
    let config = rustls::ServerConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![leaf.der().clone()], private)
        .unwrap();
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), root.pem()).unwrap();
    (TlsAcceptor::from(Arc::new(config)), file)
}

const STARTTLS: &[Act] = &[Say("220 hi"), Hear("EHLO "), Say("250-hi\r\n250-AUTH LOGIN\r\n250 STARTTLS"), Hear("STARTTLS"), Say("220 go"), Tls];

#[tokio::test]
async fn starttls_forgets_what_was_announced_in_clear_text() {
    let (acceptor, root) = certificate();
    let keys = format!("ca_file = {:?}\npassword = {{ env = \"hunter2\" }}", root.path());
    let inside = [Hear("EHLO "), Say("250-hi\r\n250-PIPELINING\r\n250 AUTH PLAIN"), Hear("AUTH PLAIN "), Say("235 ok")];
    let script = [STARTTLS, &inside, TAKEN].concat();
    let ran = run_with("smtp+starttls://ann@", &keys, vec![script], Some(acceptor), jobs(&["a@x.example"]), Recorder::default()).await;
    assert_eq!(words(&ran.reply), ["1 accepted"]);
}

#[tokio::test]
async fn implicit_tls_comes_before_the_greeting() {
    let (acceptor, root) = certificate();
    let script = [&[Tls], PIPELINING, TAKEN].concat();
    let keys = format!("ca_file = {:?}", root.path());
    let ran = run_with("smtps://", &keys, vec![script], Some(acceptor), jobs(&["a@x.example"]), Recorder::default()).await;
    assert_eq!(words(&ran.reply), ["1 accepted"]);
}

#[tokio::test]
async fn a_certificate_that_does_not_verify_stops_the_provider() {
    let (acceptor, _) = certificate();
    for (scheme, keys, script) in [("smtps://", "", vec![Tls]), ("smtp://", "tls = \"optional\"", STARTTLS.to_vec())] {
        let ran = run_with(scheme, keys, vec![script], Some(acceptor.clone()), jobs(&["a@x.example"]), Recorder::default()).await;
        let (reason, detail) = stopped(&ran.reply.health);
        assert_eq!(reason, Reason::Session);
        assert!(detail.contains("does not verify") && detail.contains("ca_file"), "{detail}");
    }
}

#[tokio::test]
async fn what_is_injected_before_the_handshake_is_never_read() {
    let script =
        vec![Say("220 hi"), Hear("EHLO "), Say("250-hi\r\n250 STARTTLS"), Hear("STARTTLS"), Say("220 go\r\n250-hi\r\n250 AUTH PLAIN"), Silence];
    let ran = run_with("smtp+starttls://", "", vec![script], None, jobs(&["a@x.example"]), Recorder::default()).await;
    assert!(stopped(&ran.reply.health).1.contains("before the TLS handshake"));
}

#[tokio::test]
async fn required_tls_that_is_not_offered_stops_the_provider() {
    let ran = run_with("smtp+starttls://", "", vec![PLAIN.to_vec()], None, jobs(&["a@x.example"]), Recorder::default()).await;
    assert!(stopped(&ran.reply.health).1.contains("does not offer STARTTLS"));
}

#[tokio::test]
async fn a_refused_connection_is_the_providers_failure() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    drop(listener);
    let provider = connect(&settings(&format!("url = \"smtp://127.0.0.1:{port}\""), Path::new("/nowhere/state"))).unwrap();
    let reply = provider.send(&claim(jobs(&["a@x.example"])), &Recorder::default()).await;
    assert!(reply.items.is_empty());
    assert!(failing(&reply.health).starts_with(&format!("cannot connect to 127.0.0.1:{port}: ")));
}

#[tokio::test]
async fn claims_sent_at_once_share_the_connections_there_may_be() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let claims = 5;
    let server = play(listener, vec![[&[PIPELINING], &vec![TAKEN; claims][..], &[&[Hear("QUIT")]]].concat().concat()], None);
    let provider = connect(&settings(&format!("url = \"smtp://127.0.0.1:{port}\""), Path::new("/nowhere/state"))).unwrap();
    let claim = claim(jobs(&["a@x.example"]));
    let wire = Recorder::default();
    let replies = futures_util::future::join_all((0..claims).map(|_| provider.send(&claim, &wire))).await;
    assert!(replies.iter().all(|reply| words(reply) == ["1 accepted"]));
    provider.close().await;
    server.await.unwrap();
}

#[tokio::test]
async fn there_are_never_more_connections_than_in_flight() {
    const ONE: &[Act] = &[Hear("QUIT")];
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let open = Arc::new(AtomicUsize::new(0));
    let most = Arc::new(AtomicUsize::new(0));
    let count = (Arc::clone(&open), Arc::clone(&most));
    let server = tokio::spawn(async move {
        let mut served = tokio::task::JoinSet::new();
        for _ in 0..12 {
            let (stream, _) = listener.accept().await.unwrap();
            count.1.fetch_max(count.0.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
            let open = Arc::clone(&count.0);
            served.spawn(async move {
                let mut peer = Peer { stream: Box::new(stream), buffer: Vec::new(), heard: Vec::new() };
                for act in [PIPELINING, TAKEN, ONE].concat() {
                    peer.act(act).await;
                }
                open.fetch_sub(1, Ordering::SeqCst);
            });
        }
        served.join_all().await;
    });
    let keys = format!("url = \"smtp://127.0.0.1:{port}\"\nper_connection = 1");
    let provider = connect(&ProviderSettings { in_flight: 3, ..settings(&keys, Path::new("/nowhere/state")) }).unwrap();
    let claim = claim(jobs(&["a@x.example", "b@x.example"]));
    let wire = Recorder::default();
    let replies = futures_util::future::join_all((0..6).map(|_| provider.send(&claim, &wire))).await;
    assert!(replies.iter().all(|reply| words(reply) == ["1 accepted", "2 accepted"]));
    provider.close().await;
    server.await.unwrap();
    assert_eq!(most.load(Ordering::SeqCst), 3);
}
