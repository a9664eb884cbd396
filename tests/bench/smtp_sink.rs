//! An SMTP server that takes every message and forgets it, faster than any client here can send.
//!
//! The rule it keeps: it is quick because it does little, not because it guesses. Every command is
//! parsed, a transaction needs its MAIL and RCPT, the end of DATA is found in the stream, and
//! replies to what arrived in one read leave in one write.

use std::io;
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};
use std::thread;

use memchr::memmem;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use tokio_rustls::TlsAcceptor;

/// As much as is read at once.
const BUFFER: usize = 256 * 1024;

/// A running sink; it ends when it is dropped.
pub(crate) struct SmtpSink {
    address: SocketAddr,
    shared: Arc<Shared>,
}

struct Shared {
    chunking: bool,
    tls: Option<TlsAcceptor>,
    messages: AtomicU64,
    octets: AtomicU64,
    stopped: AtomicBool,
}

impl SmtpSink {
    /// Starts a sink on a free port of the loopback; with `chunking` it also offers BDAT.
    pub(crate) fn start(chunking: bool) -> io::Result<Self> {
        Self::listen(chunking, None)
    }

    /// Starts a sink with implicit TLS.
    pub(crate) fn start_tls(tls: TlsAcceptor) -> io::Result<Self> {
        Self::listen(false, Some(tls))
    }

    fn listen(chunking: bool, tls: Option<TlsAcceptor>) -> io::Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
        let address = listener.local_addr()?;
        let shared = Shared {
            chunking,
            tls,
            messages: AtomicU64::new(0),
            octets: AtomicU64::new(0),
            stopped: AtomicBool::new(false),
        };
        let shared = Arc::new(shared);
        // Half of the machine is the client's. A thread for each connection would have to be woken
        // for each command, and more threads than cores would be in the client's way: both cost the
        // client more than the command itself.
        let threads = thread::available_parallelism().map_or(1, |cores| cores.get().div_ceil(2));
        let mut workers = Vec::with_capacity(threads);
        for _ in 0..threads {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_io().build()?;
            let (sender, receiver) = unbounded_channel();
            let shared = Arc::clone(&shared);
            thread::spawn(move || runtime.block_on(serve(receiver, shared)));
            workers.push(sender);
        }
        let accepting = Arc::clone(&shared);
        thread::spawn(move || accept(&listener, &workers, &accepting));
        Ok(Self { address, shared })
    }

    /// Where it listens.
    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    /// How many messages it has taken since this was asked last.
    pub(crate) fn take_count(&self) -> u64 {
        self.shared.messages.swap(0, Relaxed)
    }

    /// How many octets the messages had that were taken since this was asked last.
    pub(crate) fn take_octets(&self) -> u64 {
        self.shared.octets.swap(0, Relaxed)
    }
}

impl Drop for SmtpSink {
    fn drop(&mut self) {
        self.shared.stopped.store(true, Relaxed);
        // Wakes the thread that accepts; where nothing can connect any more there is nothing to
        // wake.
        let _ = TcpStream::connect(self.address);
    }
}

/// Hands each connection to the next thread, until the sink is dropped.
fn accept(listener: &TcpListener, workers: &[UnboundedSender<TcpStream>], shared: &Shared) {
    for (stream, worker) in listener.incoming().zip(workers.iter().cycle()) {
        if shared.stopped.load(Relaxed) {
            return;
        }
        // A connection that is gone before it is served needs no service.
        let _ = stream.map(|stream| worker.send(stream));
    }
}

async fn serve(mut connections: UnboundedReceiver<TcpStream>, shared: Arc<Shared>) {
    while let Some(stream) = connections.recv().await {
        let session = Session::new(Arc::clone(&shared));
        // A client that leaves in mid-session is the client's affair: what it sent is not counted.
        tokio::spawn(async move { session.serve(stream).await });
    }
}

/// What the next octet belongs to.
enum Expected {
    Command,
    /// The lines after DATA; the octets from here on begin with the CRLF before the first of them.
    Data,
    /// The rest of a chunk: how many octets, whether it is the last of its message, and the answer.
    Chunk {
        left: usize,
        last: bool,
        taken: bool,
    },
    Nothing,
}

struct Session {
    shared: Arc<Shared>,
    expected: Expected,
    /// MAIL was accepted, and so many RCPT.
    sender: bool,
    recipients: u32,
    octets: u64,
    replies: Vec<u8>,
}

impl Session {
    fn new(shared: Arc<Shared>) -> Self {
        Self {
            shared,
            expected: Expected::Command,
            sender: false,
            recipients: 0,
            octets: 0,
            replies: b"220 sink ESMTP\r\n".to_vec(),
        }
    }

    async fn serve(self, stream: TcpStream) -> io::Result<()> {
        stream.set_nodelay(true)?;
        stream.set_nonblocking(true)?;
        let stream = tokio::net::TcpStream::from_std(stream)?;
        match self.shared.tls.clone() {
            Some(tls) => self.run(tls.accept(stream).await?).await,
            None => self.run(stream).await,
        }
    }

    async fn run(mut self, mut stream: impl AsyncRead + AsyncWrite + Unpin) -> io::Result<()> {
        let mut buffer = vec![0; BUFFER];
        let mut filled = 0;
        loop {
            if !self.replies.is_empty() {
                stream.write_all(&self.replies).await?;
                stream.flush().await?;
                self.replies.clear();
            }
            if matches!(self.expected, Expected::Nothing) || filled == buffer.len() {
                return Ok(());
            }
            match stream.read(&mut buffer[filled..]).await? {
                0 => return Ok(()),
                read => filled += read,
            }
            let used = self.consume(&buffer[..filled]);
            buffer.copy_within(used..filled, 0);
            filled -= used;
        }
    }

    /// Takes what is complete and returns how many octets that was.
    fn consume(&mut self, input: &[u8]) -> usize {
        let mut at = 0;
        loop {
            let rest = &input[at..];
            match &mut self.expected {
                Expected::Nothing => return input.len(),
                Expected::Command => {
                    let Some(end) = memchr::memchr(b'\n', rest) else { return at };
                    self.command(rest[..end].trim_ascii());
                    // The CRLF before the data may be the first half of the CRLF.CRLF that ends
                    // them.
                    at += if matches!(self.expected, Expected::Data) {
                        end.saturating_sub(1)
                    } else {
                        end + 1
                    };
                }
                Expected::Data => {
                    let Some(end) = memmem::find(rest, b"\r\n.\r\n") else {
                        let used = rest.len().saturating_sub(4);
                        self.octets += used as u64;
                        return at + used;
                    };
                    self.octets += end as u64;
                    self.taken();
                    at += end + 5;
                }
                Expected::Chunk { left, last, taken } => {
                    let used = rest.len().min(*left);
                    *left -= used;
                    at += used;
                    let (last, taken, whole) = (*last, *taken, *left == 0);
                    self.octets += used as u64;
                    if !whole {
                        return at;
                    }
                    match (taken, last) {
                        (false, _) => {
                            self.reply(Expected::Command, "503 5.5.1 MAIL and RCPT first")
                        }
                        (true, false) => self.reply(Expected::Command, "250 2.0.0 chunk taken"),
                        (true, true) => self.taken(),
                    }
                }
            }
        }
    }

    fn reply(&mut self, next: Expected, line: &str) {
        self.replies.extend_from_slice(line.as_bytes());
        self.replies.extend_from_slice(b"\r\n");
        self.expected = next;
    }

    fn taken(&mut self) {
        self.shared.messages.fetch_add(1, Relaxed);
        self.shared.octets.fetch_add(self.octets, Relaxed);
        self.reset();
        self.reply(Expected::Command, "250 2.0.0 taken");
    }

    fn reset(&mut self) {
        (self.sender, self.recipients, self.octets) = (false, 0, 0);
    }

    fn command(&mut self, line: &[u8]) {
        let (verb, argument) =
            line.split_at(line.iter().position(|octet| *octet == b' ').unwrap_or(line.len()));
        match verb.to_ascii_uppercase().as_slice() {
            b"MAIL" if self.sender => self.reply(Expected::Command, "503 5.5.1 nested MAIL"),
            b"MAIL" => {
                self.sender = true;
                self.reply(Expected::Command, "250 2.1.0 ok");
            }
            b"RCPT" if !self.sender => self.reply(Expected::Command, "503 5.5.1 MAIL first"),
            b"RCPT" => {
                self.recipients += 1;
                self.reply(Expected::Command, "250 2.1.5 ok");
            }
            b"DATA" if self.recipients == 0 => {
                self.reply(Expected::Command, "503 5.5.1 RCPT first")
            }
            b"DATA" => self.reply(Expected::Data, "354 end with a dot"),
            b"BDAT" if self.shared.chunking => self.chunk(argument),
            b"HELO" => {
                self.reset();
                self.reply(Expected::Command, "250 sink");
            }
            b"EHLO" => {
                self.reset();
                let chunking = if self.shared.chunking { "250-CHUNKING\r\n" } else { "" };
                self.reply(Expected::Command, &format!("250-sink\r\n250-PIPELINING\r\n250-8BITMIME\r\n{chunking}250 ENHANCEDSTATUSCODES"));
            }
            b"RSET" => {
                self.reset();
                self.reply(Expected::Command, "250 2.0.0 ok");
            }
            b"NOOP" => self.reply(Expected::Command, "250 2.0.0 ok"),
            b"QUIT" => self.reply(Expected::Nothing, "221 2.0.0 bye"),
            _ => self.reply(Expected::Command, "500 5.5.2 unknown"),
        }
    }

    /// A chunk's octets follow whatever the answer is, so they are read also when they are refused
    /// (RFC 3030 section 2).
    fn chunk(&mut self, argument: &[u8]) {
        let mut words = argument.split(|octet| *octet == b' ').filter(|word| !word.is_empty());
        let size = words
            .next()
            .and_then(|word| std::str::from_utf8(word).ok())
            .and_then(|word| word.parse().ok());
        match size {
            Some(left) => {
                let last = words.next().is_some_and(|word| word.eq_ignore_ascii_case(b"LAST"));
                self.expected = Expected::Chunk { left, last, taken: self.recipients > 0 };
            }
            None => self.reply(Expected::Nothing, "501 5.5.4 the size of the chunk is unreadable"),
        }
    }
}
