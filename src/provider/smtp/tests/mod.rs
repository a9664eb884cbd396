//! Tests of whole submissions against a scripted server: which commands it receives, in which
//! groups, and the resulting verdicts.

mod behind;
mod expiring;
mod session;
mod transaction;
mod window;
mod window_model;

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
use crate::model::outcome::Reason;
use crate::provider::memory::{Condition, Memory};
use crate::provider::testing::{Recorder, claim, job, settings};
use crate::provider::{BoxFuture, Health, Job, ProviderSettings, Reply, Verdict};

/// The next action of the server on a connection. After the last one it closes.
#[derive(Clone, Copy)]
enum Act {
    /// Writes this text and a CRLF.
    Say(&'static str),
    /// Reads one command with this prefix. Nothing may follow it, because the client must wait.
    Hear(&'static str),
    /// Reads commands with these prefixes, which arrived together.
    Together(&'static [&'static str]),
    /// Reads up to the lone dot.
    Body,
    /// Reads up to the lone dot, and commands that arrived together with it.
    Piped(&'static [&'static str]),
    /// Reads this many messages as chunks, which arrived together.
    Chunks(usize),
    /// The same behind messages in progress, so that each begins with RSET.
    MoreChunks(usize),
    /// Reads this many messages as chunks, in any number of parts.
    Stream(usize),
    /// Reads one message as a chunk, without an envelope.
    Chunk,
    /// Reads one command with this prefix; more may follow it.
    Start(&'static str),
    /// Does the TLS handshake as a server.
    Tls,
    /// Sends nothing until the client closes.
    Silence,
}

use Act::{
    Body, Chunk, Chunks, Hear, MoreChunks, Piped, Say, Silence, Start, Stream, Tls, Together,
};

const PLAIN: &[Act] = &[Say("220 hi"), Hear("EHLO "), Say("250 hi")];
const PIPELINING: &[Act] = &[Say("220 hi"), Hear("EHLO "), Say("250-hi\r\n250 PIPELINING")];
const GROUP: &[&str] = &["MAIL FROM:<news@mailbatch.example>", "RCPT TO:<", "DATA"];
/// The commands after a refused recipient: the sender is still valid.
const MORE: &[&str] = &["RCPT TO:<", "DATA"];
const GROUP_AFTER_RESET: &[&str] =
    &["RSET", "MAIL FROM:<news@mailbatch.example>", "RCPT TO:<", "DATA"];
const TAKEN: &[Act] = &[
    Together(GROUP),
    Say("250 ok\r\n250 ok\r\n354 go"),
    Body,
    Say("250 2.0.0 Ok: queued as 4XYZ"),
];
const OPEN: Act = Say("250 ok\r\n250 ok\r\n354 go");
const TAKEN_AND_OPEN: Act = Say("250 ok\r\n250 ok\r\n250 ok\r\n354 go");
const QUICK: &str =
    "timeouts = { connect = \"2s\", command = \"150ms\", data = \"1s\", final = \"150ms\" }";

trait Duplex: AsyncRead + AsyncWrite + Unpin + Send {}
impl<T: AsyncRead + AsyncWrite + Unpin + Send> Duplex for T {}

struct Peer {
    stream: Box<dyn Duplex>,
    buffer: Vec<u8>,
    received: Vec<String>,
}

impl Peer {
    async fn line(&mut self) -> String {
        loop {
            if let Some(end) = self.buffer.iter().position(|b| *b == b'\n') {
                let line: Vec<u8> = self.buffer.drain(..=end).collect();
                let line = String::from_utf8(line).unwrap();
                return line.strip_suffix("\r\n").expect("lines end in CRLF").to_owned();
            }
            let mut piece = [0; 4_096];
            let n = self.stream.read(&mut piece).await.unwrap();
            assert!(n > 0, "the client closed in the middle; received {:?}", self.received);
            self.buffer.extend_from_slice(&piece[..n]);
        }
    }

    async fn act(&mut self, act: Act) {
        match act {
            Say(text) => {
                // The client may have closed already. The test checks its reaction.
                let _ = self.stream.write_all(format!("{text}\r\n").as_bytes()).await;
            }
            Hear(prefix) => {
                self.hear(prefix).await;
                assert!(
                    self.buffer.is_empty(),
                    "more after {prefix}: {}",
                    self.buffer.escape_ascii()
                );
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
            Chunks(count) => self.chunks(count, false, true).await,
            Chunk => {
                self.chunk().await;
                assert!(
                    self.buffer.is_empty(),
                    "more after the chunk: {}",
                    self.buffer.escape_ascii()
                );
            }
            MoreChunks(count) => self.chunks(count, true, true).await,
            Stream(count) => self.chunks(count, false, false).await,
            Start(prefix) => self.hear(prefix).await,
            Silence => {
                let mut rest = Vec::new();
                let _ = self.stream.read_to_end(&mut rest).await;
            }
            Tls => unreachable!("done by play"),
        }
    }

    async fn chunks(&mut self, count: usize, is_behind: bool, is_one_piece: bool) {
        for i in 0..count {
            if is_behind || i > 0 {
                assert!(i == 0 || !is_one_piece || !self.buffer.is_empty(), "a message came alone");
                self.hear("RSET").await;
            }
            self.hear("MAIL FROM:<news@mailbatch.example>").await;
            self.hear("RCPT TO:<").await;
            self.chunk().await;
        }
        assert!(self.buffer.is_empty(), "more after the chunks: {}", self.buffer.escape_ascii());
    }

    async fn chunk(&mut self) {
        let command = self.line().await;
        let bytes = command
            .strip_prefix("BDAT ")
            .and_then(|rest| rest.strip_suffix(" LAST"))
            .expect("BDAT with its bytes, and the last");
        let bytes: usize = bytes.parse().unwrap();
        while self.buffer.len() < bytes {
            let mut piece = [0; 4_096];
            let n = self.stream.read(&mut piece).await.unwrap();
            assert!(n > 0, "the client closed in a chunk");
            self.buffer.extend_from_slice(&piece[..n]);
        }
        self.received.push(String::from_utf8(self.buffer.drain(..bytes).collect()).unwrap());
    }

    async fn body(&mut self) {
        let mut body = String::new();
        loop {
            match self.line().await.as_str() {
                "." => break,
                line => body.push_str(&format!("{line}|")),
            }
        }
        self.received.push(body);
    }

    async fn hear(&mut self, prefix: &str) {
        let line = self.line().await;
        assert!(line.starts_with(prefix), "{line:?} instead of {prefix:?}");
        self.received.push(line);
    }
}

/// Plays one script per connection, in order, and returns everything received on all connections.
fn play(
    listener: TcpListener,
    scripts: Vec<Vec<Act>>,
    acceptor: Option<TlsAcceptor>,
) -> JoinHandle<Vec<String>> {
    tokio::spawn(async move {
        let mut received = Vec::new();
        for script in scripts {
            let (stream, _) = listener.accept().await.unwrap();
            let mut peer = Peer { stream: Box::new(stream), buffer: Vec::new(), received };
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
            received = peer.received;
        }
        received
    })
}

struct Ran {
    reply: Reply,
    received: Vec<String>,
    events: Vec<String>,
}

/// Sends `jobs` to a server with these scripts, all of which must be played completely.
async fn run_with(
    scheme: &str,
    keys: &str,
    scripts: Vec<Vec<Act>>,
    acceptor: Option<TlsAcceptor>,
    jobs: Vec<Job>,
    wire: Recorder,
) -> Ran {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let server = play(listener, scripts, acceptor);
    let provider = connect(&settings(
        &format!("url = \"{scheme}127.0.0.1:{port}\"\n{keys}"),
        Path::new("/nowhere/state"),
    ))
    .unwrap();
    let whole = async {
        let reply = provider.send(&claim(jobs), &wire).await;
        provider.close().await;
        Ran { reply, received: server.await.unwrap(), events: wire.events() }
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
        Verdict::NotTaken { refusal, counts } => {
            format!("not taken {}{}", refusal.code, if *counts { " counts" } else { "" })
        }
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

/// Like `run`, over a wire that grants every slot at once.
async fn run_unpaced(scripts: &[&[&[Act]]], to: &[&str], suppressed: &[u64]) -> Ran {
    let scripts = scripts.iter().map(|parts| parts.concat()).collect();
    let wire =
        Recorder { is_unpaced: true, suppressed: suppressed.to_vec(), ..Recorder::default() };
    run_with("smtp://", "pipelining = \"full\"", scripts, None, jobs(to), wire).await
}

/// A server certificate for 127.0.0.1, and a file with the root that signed it.
fn certificate() -> (TlsAcceptor, tempfile::NamedTempFile) {
    let mut root = CertificateParams::new(Vec::new()).unwrap();
    root.is_ca = IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
    let root = CertifiedIssuer::self_signed(root, KeyPair::generate().unwrap()).unwrap();
    let key = KeyPair::generate().unwrap();
    let leaf =
        CertificateParams::new(vec!["127.0.0.1".into()]).unwrap().signed_by(&key, &root).unwrap();
    let private = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(key.serialize_der()));
    let config = rustls::ServerConfig::builder_with_provider(Arc::new(
        rustls::crypto::ring::default_provider(),
    ))
    .with_safe_default_protocol_versions()
    .unwrap()
    .with_no_client_auth()
    .with_single_cert(vec![leaf.der().clone()], private)
    .unwrap();
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), root.pem()).unwrap();
    (TlsAcceptor::from(Arc::new(config)), file)
}

/// A memory like the ledger's for a run of the workspace.
#[derive(Default)]
struct Kept {
    facts: std::sync::Mutex<std::collections::BTreeMap<(String, String), String>>,
    /// Whether storing fails.
    is_full: bool,
}

impl Kept {
    fn of(&self, kind: &str) -> Vec<String> {
        self.facts
            .lock()
            .unwrap()
            .iter()
            .filter(|((of, _), _)| of == kind)
            .map(|(_, value)| value.clone())
            .collect()
    }
}

impl Memory for Kept {
    fn recall(&self, kind: &'static str) -> BoxFuture<'_, Result<Vec<(String, String)>, String>> {
        let facts = self.facts.lock().unwrap();
        let of = facts
            .iter()
            .filter(|((of, _), _)| of == kind)
            .map(|((_, subject), value)| (subject.clone(), value.clone()))
            .collect();
        Box::pin(std::future::ready(Ok(of)))
    }

    fn remember(
        &self,
        kind: &'static str,
        subject: String,
        value: String,
    ) -> BoxFuture<'_, Result<(), String>> {
        if self.is_full {
            return Box::pin(std::future::ready(Err("no space left".into())));
        }
        self.facts.lock().unwrap().insert((kind.to_owned(), subject), value);
        Box::pin(std::future::ready(Ok(())))
    }

    fn remember_if(
        &self,
        kind: &'static str,
        subject: String,
        value: String,
        may: Condition,
    ) -> BoxFuture<'_, Result<bool, String>> {
        Box::pin(async move {
            let facts = self.recall(kind).await?;
            let is_allowed = may(&facts);
            if is_allowed {
                self.remember(kind, subject, value).await?;
            }
            Ok(is_allowed)
        })
    }
}
