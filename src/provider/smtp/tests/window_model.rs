//! Tests a window against servers that refuse, close and answer at random moments. A model, a plain
//! list of accepted messages, checks the result: no recipient twice, none missing, and no unknown
//! outcome without a cause on the wire.
//!
//! `MAILBATCH_SEED` repeats an earlier run.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

use tokio::net::TcpStream;

use super::*;
use crate::rng::Rng;

/// The recipient and message of each accepted message, in order.
type Taken = Arc<Mutex<Vec<(String, String)>>>;

/// One connection to a server that follows RFC 3030 and fails at random.
struct Server {
    draws: Rng,
    taken: Taken,
    /// Whether a refused recipient leaves the sender valid, as with Exim. Otherwise the end of the
    /// message clears it, as with Postfix.
    keeps_sender: bool,
    /// On average, the connection is closed once per this many commands, with or without a 421.
    fault: u64,
    has_sender: bool,
    recipients: Vec<String>,
    answers: Vec<u8>,
}

impl Server {
    fn say(&mut self, line: &str) {
        self.answers.extend_from_slice(line.as_bytes());
        self.answers.extend_from_slice(b"\r\n");
    }

    fn clear(&mut self) {
        self.has_sender = false;
        self.recipients.clear();
    }

    /// Serves until one side closes the connection. An error also ends the connection.
    async fn serve(mut self, stream: TcpStream) -> Option<()> {
        let mut peer = Peer { stream: Box::new(stream), buffer: Vec::new(), received: Vec::new() };
        self.say("220 model");
        loop {
            // Answers are sent when the input has been read, or at a random earlier moment.
            if !has_line(&peer.buffer) || self.draws.one_in(3) {
                let answers = std::mem::take(&mut self.answers);
                peer.stream.write_all(&answers).await.ok()?;
            }
            let line = read_line(&mut peer).await?;
            if self.draws.one_in(self.fault) && !line.starts_with("EHLO") {
                return self.fail(&mut peer).await;
            }
            match line.split_at(4.min(line.len())) {
                ("EHLO", _) => self.say("250-model\r\n250-PIPELINING\r\n250 CHUNKING"),
                ("RSET", _) => {
                    self.clear();
                    self.say("250 reset");
                }
                ("MAIL", _) if self.has_sender => self.say("503 sender already given"),
                ("MAIL", _) => {
                    self.has_sender = true;
                    self.say("250 ok");
                }
                ("RCPT", to) => self.rcpt(to),
                ("BDAT", bytes) => {
                    let bytes = bytes
                        .trim()
                        .strip_suffix(" LAST")
                        .and_then(|n| n.parse().ok())
                        .expect("BDAT N LAST");
                    let message = read_bytes(&mut peer, bytes).await?;
                    self.message(&message);
                    if self.draws.one_in(self.fault) {
                        return self.fail(&mut peer).await;
                    }
                }
                ("QUIT", _) => return None,
                _ => self.say("500 what?"),
            }
        }
    }

    fn rcpt(&mut self, to: &str) {
        let to = to.trim_start_matches(" TO:<").trim_end_matches('>').to_owned();
        match to.as_bytes()[0] {
            _ if !self.has_sender => self.say("503 no sender"),
            b'g' => self.say("550 5.1.1 gone"),
            b'b' if self.draws.one_in(2) => self.say("450 4.2.1 busy"),
            _ => {
                self.recipients.push(to);
                self.say("250 ok");
            }
        }
    }

    fn message(&mut self, message: &str) {
        if self.recipients.is_empty() {
            self.say("503 no recipients");
            if !self.keeps_sender {
                self.clear();
            }
            return;
        }
        let recipients = std::mem::take(&mut self.recipients);
        self.has_sender = false;
        match recipients[0].as_bytes()[0] {
            b's' => self.say("550 5.7.1 spam"),
            b'l' if self.draws.one_in(2) => self.say("451 4.3.0 later"),
            _ => {
                let mut taken = self.taken.lock().unwrap_or_else(PoisonError::into_inner);
                let id = taken.len();
                taken.extend(recipients.into_iter().map(|to| (to, message.to_owned())));
                drop(taken);
                self.say(&format!("250 ok: queued as Q{id}"));
            }
        }
    }

    /// Closes the connection, with or without the answers so far, and with or without a 421.
    async fn fail(mut self, peer: &mut Peer) -> Option<()> {
        if self.draws.one_in(2) {
            self.say("421 4.3.2 closing");
        }
        if self.draws.one_in(2) {
            let answers = std::mem::take(&mut self.answers);
            peer.stream.write_all(&answers).await.ok()?;
        }
        None
    }
}

fn has_line(buffer: &[u8]) -> bool {
    buffer.contains(&b'\n')
}

async fn more(peer: &mut Peer) -> Option<()> {
    let mut piece = [0; 4096];
    let n = peer.stream.read(&mut piece).await.ok().filter(|n| *n > 0)?;
    peer.buffer.extend_from_slice(&piece[..n]);
    Some(())
}

async fn read_line(peer: &mut Peer) -> Option<String> {
    while !has_line(&peer.buffer) {
        more(peer).await?;
    }
    Some(peer.line().await)
}

async fn read_bytes(peer: &mut Peer, bytes: usize) -> Option<String> {
    while peer.buffer.len() < bytes {
        more(peer).await?;
    }
    Some(String::from_utf8(peer.buffer.drain(..bytes).collect()).unwrap())
}

/// Sends claims until each recipient has a final verdict, and compares the verdicts with the
/// messages that the server accepted.
async fn judge(seed: u64) {
    let mut draws = Rng(seed);
    let (window, fault, keeps_sender) =
        (2 + draws.below(15), [20, 60, 1_000][draws.below(3) as usize], draws.one_in(2));
    let fates = ["user", "user", "user", "gone", "busy", "spam", "late"];
    let names: Vec<String> =
        (0..60).map(|i| format!("{}{i}@x.example", fates[draws.below(7) as usize])).collect();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let keys = format!(
        "url = \"smtp://127.0.0.1:{}\"\nwindow = {window}\nper_connection = {}",
        listener.local_addr().unwrap().port(),
        5 + draws.below(60)
    );
    let taken = Taken::default();
    let (theirs, mut fresh) = (Arc::clone(&taken), draws.clone());
    let server = tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            stream.set_nodelay(true).unwrap();
            let (draws, taken) = (Rng(fresh.below(u64::MAX)), Arc::clone(&theirs));
            let server = Server {
                draws,
                taken,
                keeps_sender,
                fault,
                has_sender: false,
                recipients: Vec::new(),
                answers: Vec::new(),
            };
            tokio::spawn(server.serve(stream));
        }
    });
    let provider = connect(&settings(&keys, Path::new("/nowhere/state"))).unwrap();
    let mut open: Vec<usize> = (0..names.len()).collect();
    let mut ended: BTreeMap<usize, Verdict> = BTreeMap::new();
    let mut claims = 0;
    while !open.is_empty() {
        claims += 1;
        assert!(claims < 2_000, "it never ends: {open:?}");
        let count = open.len().min(1 + draws.below(30) as usize);
        let length = if draws.one_in(5) { 20_000 } else { 20 };
        let members: Vec<Job> = open[..count]
            .iter()
            .map(|i| {
                job(
                    *i as u64,
                    &names[*i],
                    &format!("To: {}\r\n\r\n{}\r\n", names[*i], "x".repeat(length)),
                )
            })
            .collect();
        let wire = Recorder { is_unpaced: draws.one_in(2), ..Recorder::default() };
        let reply = provider.send(&claim(members), &wire).await;
        for (id, verdict) in reply.items {
            let index = id as usize;
            assert!(open.contains(&index) && !ended.contains_key(&index), "{id} has two verdicts");
            if !matches!(verdict, Verdict::NotTaken { .. }) {
                ended.insert(index, verdict);
            }
        }
        open.retain(|i| !ended.contains_key(i));
        let shift = draws.below(open.len().max(1) as u64) as usize;
        open.rotate_left(shift);
    }
    provider.close().await;
    server.abort();
    let taken = taken.lock().unwrap();
    for (index, verdict) in &ended {
        let got: Vec<&String> = taken
            .iter()
            .filter(|(to, _)| *to == names[*index])
            .map(|(_, message)| message)
            .collect();
        let name = &names[*index];
        assert!(
            got.iter().all(|message| message.starts_with(&format!("To: {name}\r\n"))),
            "{name} got another's message"
        );
        let fits = match verdict {
            Verdict::Accepted { .. } => got.len() == 1,
            Verdict::Rejected(_) => {
                got.is_empty() && (name.starts_with("gone") || name.starts_with("spam"))
            }
            Verdict::Unknown { .. } => got.len() <= 1,
            other => panic!("{name}: {other:?}"),
        };
        assert!(fits, "{name}: {verdict:?}, taken {} times", got.len());
    }
}

#[tokio::test]
async fn a_model_of_the_server_agrees_with_every_verdict() {
    let given = std::env::var("MAILBATCH_SEED").ok().map(|text| text.parse::<u64>().unwrap());
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_nanos()
        as u64;
    for round in 0..if given.is_some() { 1 } else { 300 } {
        let seed = given.unwrap_or(now.wrapping_add(round));
        println!("MAILBATCH_SEED={seed} repeats this round");
        tokio::time::timeout(Duration::from_secs(60), judge(seed)).await.expect("it hangs");
    }
}
