//! An HTTP server that takes every batch and forgets it: it reads a request to its end, counts the
//! messages in it, and replies like the service whose path was requested.
//!
//! The rule it keeps: whoever posts to it has the same work done for them, so that only what the
//! clients do is compared.

use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;

use memchr::memmem;

/// As much as is read at once.
const BUFFER: usize = 256 * 1024;
/// Byte strings that occur once for each message of a batch: in JSON, and in Mailgun's forms.
const MARKS: [&[u8]; 2] = [b"\"mailbatch_id\"", b"form-data; name=\"to\"\r\n"];
/// The header of requests from a yardstick. Their bodies are not kept.
pub(crate) const YARDSTICK: &str = "x-yardstick";

/// A running sink; it ends when it is dropped.
pub(crate) struct HttpSink {
    address: SocketAddr,
    shared: Arc<Shared>,
}

#[derive(Default)]
struct Shared {
    messages: AtomicU64,
    octets: AtomicU64,
    last: Mutex<Vec<u8>>,
    stopped: AtomicBool,
}

impl HttpSink {
    /// Starts a sink on a free port of the loopback.
    pub(crate) fn start() -> io::Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
        let address = listener.local_addr()?;
        let shared = Arc::new(Shared::default());
        let accepting = Arc::clone(&shared);
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                if accepting.stopped.load(Relaxed) {
                    return;
                }
                let shared = Arc::clone(&accepting);
                // A client that leaves in the middle of a request is the client's affair: that
                // request is not counted.
                thread::spawn(move || serve(&stream, &shared));
            }
        });
        Ok(Self { address, shared })
    }

    /// The value of `base_url`.
    pub(crate) fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// How many messages it has taken since this was asked last.
    pub(crate) fn take_count(&self) -> u64 {
        self.shared.messages.swap(0, Relaxed)
    }

    /// How many octets the bodies had that were taken since this was asked last.
    pub(crate) fn take_octets(&self) -> u64 {
        self.shared.octets.swap(0, Relaxed)
    }

    /// The body that came last.
    pub(crate) fn last(&self) -> Vec<u8> {
        self.shared.last.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl Drop for HttpSink {
    fn drop(&mut self) {
        self.shared.stopped.store(true, Relaxed);
        // Wakes the thread that accepts; where nothing can connect any more there is nothing to
        // wake.
        let _ = TcpStream::connect(self.address);
    }
}

fn serve(stream: &TcpStream, shared: &Shared) -> io::Result<()> {
    stream.set_nodelay(true)?;
    let mut reader = BufReader::with_capacity(BUFFER, stream);
    let mut body = Vec::new();
    let mut line = String::new();
    loop {
        let (mut length, mut is_ours, mut path) = (0, true, String::new());
        loop {
            line.clear();
            if reader.read_line(&mut line)? == 0 {
                return Ok(());
            }
            let Some((name, value)) = line.trim_end().split_once(':') else {
                // The empty line and the request line have no colon.
                if line.trim_end().is_empty() {
                    break;
                }
                line.split(' ').nth(1).unwrap_or_default().clone_into(&mut path);
                continue;
            };
            match name.to_ascii_lowercase().as_str() {
                "content-length" => length = value.trim().parse().map_err(io::Error::other)?,
                YARDSTICK => is_ours = false,
                _ => {}
            }
        }
        body.resize(length, 0);
        reader.read_exact(&mut body)?;
        let messages: usize = MARKS.iter().map(|mark| memmem::find_iter(&body, mark).count()).sum();
        shared.messages.fetch_add(messages as u64, Relaxed);
        shared.octets.fetch_add(length as u64, Relaxed);
        let (status, answer) = answer(&path, messages);
        let head = format!(
            "HTTP/1.1 {status}\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n",
            answer.len()
        );
        (&mut &*stream).write_all(&[head.as_bytes(), answer.as_bytes()].concat())?;
        if is_ours {
            std::mem::swap(
                &mut *shared.last.lock().unwrap_or_else(PoisonError::into_inner),
                &mut body,
            );
        }
    }
}

/// The status line's status, followed by headers of the service, and the body.
fn answer(path: &str, messages: usize) -> (&'static str, String) {
    const ID: &str = "49a3999c-0ce1-4ea6-ab68-afcd6dc2e794";
    let list = |of_one: String| vec![of_one; messages].join(",");
    match path {
        "/v3/mail/send" => ("202 Accepted\r\nX-Message-Id: 49a3999c0ce1", String::new()),
        "/email/batch" => {
            let one = format!("{{\"ErrorCode\":0,\"Message\":\"OK\",\"MessageID\":\"{ID}\"}}");
            ("200 OK", format!("[{}]", list(one)))
        }
        "/v2/email/outbound-bulk-emails" => {
            let one = format!("{{\"Status\":\"SUCCESS\",\"MessageId\":\"{ID}\"}}");
            ("200 OK", format!("{{\"BulkEmailEntryResults\":[{}]}}", list(one)))
        }
        path if path.ends_with("/messages") => {
            ("200 OK", format!("{{\"id\":\"<{ID}>\",\"message\":\"Queued. Thank you.\"}}"))
        }
        _ => ("200 OK", format!("{{\"data\":[{}]}}", list(format!("{{\"id\":\"{ID}\"}}")))),
    }
}
