//! An HTTP server of our own for providers' APIs: it does what a function says, and remembers every
//! request.
//!
//! It knows nothing of any API. Whoever starts it says what each request is answered with; it fails
//! the test if it was never called.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{Ipv4Addr, Shutdown, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

/// A request as it came.
#[derive(Clone, Debug)]
pub(crate) struct Request {
    pub(crate) at: Instant,
    /// The number of the connection on which it came, from 0.
    pub(crate) connection: usize,
    pub(crate) method: String,
    pub(crate) path: String,
    /// Names in lowercase.
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: Vec<u8>,
}

impl Request {
    /// A header's value; empty where there is none.
    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers.iter().find(|(known, _)| known == name).map_or("", |(_, value)| value)
    }

    /// The body as JSON.
    #[track_caller]
    pub(crate) fn json(&self) -> serde_json::Value {
        serde_json::from_slice(&self.body)
            .unwrap_or_else(|error| panic!("{error}: {}", String::from_utf8_lossy(&self.body)))
    }
}

/// An answer.
#[derive(Clone, Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) headers: Vec<(&'static str, String)>,
    pub(crate) body: Vec<u8>,
}

impl Answer {
    /// JSON, or nothing where the body is empty.
    pub(crate) fn json(status: u16, body: impl Into<String>) -> Self {
        Self {
            status,
            headers: vec![("Content-Type", "application/json".into())],
            body: body.into().into_bytes(),
        }
    }

    /// A page for people.
    pub(crate) fn html(status: u16, body: impl Into<Vec<u8>>) -> Self {
        Self {
            status,
            headers: vec![("Content-Type", "text/html; charset=utf-8".into())],
            body: body.into(),
        }
    }

    /// The body as JSON.
    #[track_caller]
    pub(crate) fn value(&self) -> serde_json::Value {
        serde_json::from_slice(&self.body)
            .unwrap_or_else(|error| panic!("{error}: {}", String::from_utf8_lossy(&self.body)))
    }

    /// The same with another header.
    pub(crate) fn with(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.headers.push((name, value.into()));
        self
    }
}

/// What becomes of a request.
#[derive(Clone, Debug)]
pub(crate) enum Act {
    Answer(Answer),
    /// The connection is closed without a word.
    Close,
    /// Nothing more is said until the client leaves.
    Silence,
    /// A head with this status, and then octets for as long as the client reads, or waits between
    /// them.
    Endless(u16, Duration),
}

type Handler = dyn Fn(usize, &Request) -> Act + Send + Sync;

struct Shared {
    handler: Box<Handler>,
    requests: Mutex<Vec<Request>>,
    streams: Mutex<Vec<TcpStream>>,
    ended: AtomicBool,
    /// `None` where it does not matter.
    must_be_called: Option<bool>,
}

/// A running server.
pub(crate) struct HttpServer {
    shared: Arc<Shared>,
    port: u16,
    acceptor: Option<JoinHandle<()>>,
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl HttpServer {
    /// Starts one that asks `handler` what to do with each request, numbered from 0.
    pub(crate) fn start(handler: impl Fn(usize, &Request) -> Act + Send + Sync + 'static) -> Self {
        Self::with(handler, Some(true))
    }

    /// Starts one that may be called or not.
    pub(crate) fn perhaps(
        handler: impl Fn(usize, &Request) -> Act + Send + Sync + 'static,
    ) -> Self {
        Self::with(handler, None)
    }

    /// Starts one that nobody may call.
    pub(crate) fn forbidden() -> Self {
        Self::with(|_, request| panic!("called: {request:?}"), Some(false))
    }

    fn with(
        handler: impl Fn(usize, &Request) -> Act + Send + Sync + 'static,
        must_be_called: Option<bool>,
    ) -> Self {
        super::lateness::watch();
        let listener =
            TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("loopback has free ports");
        let port = listener.local_addr().expect("a bound listener has an address").port();
        let shared = Arc::new(Shared {
            handler: Box::new(handler),
            requests: Mutex::default(),
            streams: Mutex::default(),
            ended: AtomicBool::new(false),
            must_be_called,
        });
        let acceptor = std::thread::spawn({
            let shared = Arc::clone(&shared);
            move || {
                for (number, stream) in listener.incoming().flatten().enumerate() {
                    if shared.ended.load(Ordering::Acquire) {
                        return;
                    }
                    let Ok(copy) = stream.try_clone() else { continue };
                    locked(&shared.streams).push(copy);
                    let shared = Arc::clone(&shared);
                    std::thread::spawn(move || serve(&stream, number, &shared));
                }
            }
        });
        Self { shared, port, acceptor: Some(acceptor) }
    }

    /// The value of `base_url`.
    pub(crate) fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    /// Every request so far, in the order they came.
    pub(crate) fn requests(&self) -> Vec<Request> {
        locked(&self.shared.requests).clone()
    }
}

impl Drop for HttpServer {
    fn drop(&mut self) {
        self.shared.ended.store(true, Ordering::Release);
        for stream in locked(&self.shared.streams).iter() {
            let _ = stream.shutdown(Shutdown::Both);
        }
        // Wakes the acceptor.
        let _ = TcpStream::connect((Ipv4Addr::LOCALHOST, self.port));
        if let Some(acceptor) = self.acceptor.take() {
            let _ = acceptor.join();
        }
        let was_called = !locked(&self.shared.requests).is_empty();
        assert!(
            self.shared.must_be_called.is_none_or(|must| must == was_called)
                || std::thread::panicking(),
            "called: {was_called}"
        );
    }
}

/// Sends a request to a port of this machine and reads the answer to its end.
pub(crate) fn call(
    port: u16,
    method: &str,
    path: &str,
    headers: &[(&str, &str)],
    body: &[u8],
) -> std::io::Result<Answer> {
    let mut stream = TcpStream::connect((Ipv4Addr::LOCALHOST, port))?;
    stream.set_read_timeout(Some(Duration::from_secs(30)))?;
    // An answer in HTTP/1.0 ends where the connection does, and is never chunked.
    let mut head = format!(
        "{method} {path} HTTP/1.0\r\nHost: 127.0.0.1:{port}\r\nContent-Length: {}\r\n",
        body.len()
    );
    for (name, value) in headers {
        head.push_str(&format!("{name}: {value}\r\n"));
    }
    head.push_str("\r\n");
    stream.write_all(&[head.as_bytes(), body].concat())?;
    let mut octets = Vec::new();
    stream.read_to_end(&mut octets)?;
    let end = octets
        .windows(4)
        .position(|window| window == b"\r\n\r\n")
        .ok_or(std::io::ErrorKind::UnexpectedEof)?;
    let head = String::from_utf8_lossy(&octets[..end]).into_owned();
    let status = head
        .split(' ')
        .nth(1)
        .and_then(|status| status.parse().ok())
        .ok_or(std::io::ErrorKind::InvalidData)?;
    Ok(Answer::json(status, String::from_utf8_lossy(&octets[end + 4..])))
}

fn serve(stream: &TcpStream, connection: usize, shared: &Shared) {
    let mut reader = BufReader::new(stream);
    while let Some(request) = read(&mut reader, connection) {
        let number = {
            let mut requests = locked(&shared.requests);
            requests.push(request.clone());
            requests.len() - 1
        };
        let go_on = match (shared.handler)(number, &request) {
            Act::Answer(answer) => write(stream, &answer),
            Act::Close => Err(std::io::ErrorKind::ConnectionAborted.into()),
            Act::Silence => {
                // Until the client, or the end of the test, closes it.
                let _ = (&mut reader).bytes().next();
                Err(std::io::ErrorKind::ConnectionAborted.into())
            }
            Act::Endless(status, pause) => endless(stream, status, pause),
        };
        if go_on.is_err() {
            break;
        }
    }
    let _ = stream.shutdown(Shutdown::Both);
}

fn read(reader: &mut BufReader<&TcpStream>, connection: usize) -> Option<Request> {
    let mut line = String::new();
    reader.read_line(&mut line).ok()?;
    let at = Instant::now();
    let (method, rest) = line.trim_end().split_once(' ')?;
    let (path, _) = rest.split_once(' ')?;
    let mut headers = Vec::new();
    loop {
        let mut header = String::new();
        reader.read_line(&mut header).ok()?;
        let Some((name, value)) = header.trim_end().split_once(':') else { break };
        headers.push((name.to_ascii_lowercase(), value.trim().to_owned()));
    }
    let mut request = Request {
        at,
        connection,
        method: method.into(),
        path: path.into(),
        headers,
        body: Vec::new(),
    };
    request.body = vec![0; request.header("content-length").parse().unwrap_or(0)];
    reader.read_exact(&mut request.body).ok()?;
    Some(request)
}

fn write(mut stream: &TcpStream, answer: &Answer) -> std::io::Result<()> {
    let mut head =
        format!("HTTP/1.1 {} Reason\r\nContent-Length: {}\r\n", answer.status, answer.body.len());
    for (name, value) in &answer.headers {
        head.push_str(&format!("{name}: {value}\r\n"));
    }
    head.push_str("\r\n");
    stream.write_all(&[head.as_bytes(), &answer.body].concat())
}

fn endless(mut stream: &TcpStream, status: u16, pause: Duration) -> std::io::Result<()> {
    stream.write_all(format!("HTTP/1.1 {status} Reason\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n").as_bytes())?;
    loop {
        stream.write_all(format!("2000\r\n{}\r\n", " ".repeat(0x2000)).as_bytes())?;
        std::thread::sleep(pause);
    }
}
