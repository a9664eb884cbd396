//! An SMTP server of our own, for faults that no real server makes on order. It remembers
//! everything it heard and took.
//!
//! What it took is a plain list, the model that reports and ledgers are held against: a message is
//! in it if and only if the server would now be responsible for it, whatever the client was told.

mod script;
mod session;

use std::collections::BTreeSet;
use std::io::Write;
use std::net::{Ipv4Addr, Shutdown, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use super::lateness;

pub(crate) use script::{Action, Rule, Script, Step};

/// A message the server took responsibility for.
#[derive(Clone, Debug)]
pub(crate) struct Taken {
    /// When its final dot was read.
    pub(crate) at: Instant,
    /// Which connection brought it, from 0.
    pub(crate) connection: usize,
    pub(crate) sender: String,
    pub(crate) recipients: Vec<String>,
    /// The Message-ID with its brackets.
    pub(crate) message_id: Option<String>,
    /// The message without dot-stuffing; empty under [`Script::without_data`].
    pub(crate) data: Vec<u8>,
}

/// A command line as it came.
#[derive(Clone, Debug)]
pub(crate) struct Heard {
    pub(crate) at: Instant,
    /// Which connection said it, from 0.
    pub(crate) connection: usize,
    pub(crate) line: String,
    /// Whether it had come before the reply to the command before it was written.
    pub(crate) pipelined: bool,
}

#[derive(Default)]
struct State {
    script: Script,
    /// How often each rule was concerned.
    counts: Vec<usize>,
    taken: Vec<Taken>,
    /// To whom a message was asked for, in the order of the replies to DATA.
    opened: Vec<String>,
    /// Those of them who may believe either, because their message's end was not answered for
    /// certain.
    untold: Vec<String>,
    /// Those of them whose message came whole.
    whole: Vec<String>,
    /// Those of them who were sent to once more.
    guessed: Vec<String>,
    heard: Vec<Heard>,
    connections: usize,
    open: usize,
    most_at_once: usize,
    streams: Vec<(usize, TcpStream)>,
}

#[derive(Default)]
struct Shared {
    state: Mutex<State>,
    ended: AtomicBool,
}

impl Shared {
    /// A session that panicked has failed its own test; the rest still want their list.
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }

    fn has_ended(&self) -> bool {
        self.ended.load(Ordering::Acquire)
    }
}

/// A running recorder.
pub(crate) struct Recorder {
    shared: Arc<Shared>,
    port: u16,
    acceptor: Option<JoinHandle<()>>,
}

impl Recorder {
    /// Starts one that takes everything.
    pub(crate) fn start() -> Self {
        Self::with(Script::default())
    }

    /// Starts one that follows `script`.
    pub(crate) fn with(script: Script) -> Self {
        lateness::watch();
        let listener =
            TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("loopback has free ports");
        let port = listener.local_addr().expect("a bound listener has an address").port();
        let shared = Arc::new(Shared::default());
        shared.state().counts = vec![0; script.rules.len()];
        shared.state().script = script;
        let acceptor = std::thread::spawn({
            let shared = Arc::clone(&shared);
            move || accept(&listener, &shared)
        });
        Self { shared, port, acceptor: Some(acceptor) }
    }

    /// Follows another script from the next reply on; rules count anew.
    pub(crate) fn follow(&self, script: Script) {
        let mut state = self.shared.state();
        state.counts = vec![0; script.rules.len()];
        state.script = script;
    }

    /// The port on 127.0.0.1.
    pub(crate) fn port(&self) -> u16 {
        self.port
    }

    /// The relay's address for a configuration.
    pub(crate) fn url(&self) -> String {
        format!("smtp://127.0.0.1:{}", self.port)
    }

    /// Every message it took, oldest first.
    pub(crate) fn taken(&self) -> Vec<Taken> {
        self.shared.state().taken.clone()
    }

    /// How many it took.
    pub(crate) fn count(&self) -> usize {
        self.shared.state().taken.len()
    }

    /// The recipients of what it took, sorted, as often as it took something for them.
    pub(crate) fn recipients(&self) -> Vec<String> {
        let mut all: Vec<String> =
            self.shared.state().taken.iter().flat_map(|taken| taken.recipients.clone()).collect();
        all.sort();
        all
    }

    /// Whose message it asked for: nobody else's can have been on its way whole.
    pub(crate) fn opened(&self) -> BTreeSet<String> {
        self.shared.state().opened.iter().cloned().collect()
    }

    /// Those of them who were never told for certain what became of their message.
    pub(crate) fn untold(&self) -> BTreeSet<String> {
        self.shared.state().untold.iter().cloned().collect()
    }

    /// Whom it was sent another message for, although it had read one to its end and said nothing
    /// certain, whether it took that one or not.
    pub(crate) fn guessed(&self) -> BTreeSet<String> {
        self.shared.state().guessed.iter().cloned().collect()
    }

    /// When it took what, for [`most_a_second`].
    pub(crate) fn times(&self) -> Vec<Instant> {
        self.shared.state().taken.iter().map(|taken| taken.at).collect()
    }

    /// Every command line, in the order they came.
    pub(crate) fn heard(&self) -> Vec<Heard> {
        self.shared.state().heard.clone()
    }

    /// How many command lines begin with this word, in any case.
    pub(crate) fn heard_count(&self, verb: &str) -> usize {
        let begins = |heard: &&Heard| {
            heard.line.get(..verb.len()).is_some_and(|start| start.eq_ignore_ascii_case(verb))
        };
        self.shared.state().heard.iter().filter(begins).count()
    }

    /// How many connections there have been.
    pub(crate) fn connections(&self) -> usize {
        self.shared.state().connections
    }

    /// The most connections that were open at one time.
    pub(crate) fn most_at_once(&self) -> usize {
        self.shared.state().most_at_once
    }

    /// Closes every connection there is now, without a word.
    pub(crate) fn drop_connections(&self) {
        for (_, stream) in &self.shared.state().streams {
            let _ = stream.shutdown(Shutdown::Both);
        }
    }
}

impl Drop for Recorder {
    fn drop(&mut self) {
        self.shared.ended.store(true, Ordering::Release);
        self.drop_connections();
        // Wakes the acceptor.
        let _ = TcpStream::connect((Ipv4Addr::LOCALHOST, self.port));
        if let Some(acceptor) = self.acceptor.take() {
            let _ = acceptor.join();
        }
        let state = self.shared.state();
        let uncalled = state.script.must_be_called && state.connections == 0;
        drop(state);
        assert!(!uncalled || std::thread::panicking(), "nobody has called the recorder");
    }
}

fn accept(listener: &TcpListener, shared: &Arc<Shared>) {
    for stream in listener.incoming() {
        if shared.has_ended() {
            return;
        }
        let Ok(stream) = stream else { continue };
        // A client that closes one connection and opens another is accepted before the close is
        // read: look twice before calling it one more.
        let is_more = || {
            let state = shared.state();
            state.open + 1 > state.most_at_once
        };
        super::wait_for(|| !is_more(), Duration::from_millis(25));
        let mut state = shared.state();
        if state.script.most_connections.is_some_and(|most| state.open >= most) {
            let _ = (&stream).write_all(
                b"421 4.7.0 recorder.test Error: too many connections from 127.0.0.1\r\n",
            );
            continue;
        }
        let number = state.connections;
        state.connections += 1;
        state.open += 1;
        state.most_at_once = state.most_at_once.max(state.open);
        let Ok(copy) = stream.try_clone() else { continue };
        state.streams.push((number, copy));
        drop(state);
        let shared = Arc::clone(shared);
        std::thread::spawn(move || session::run(stream, number, &shared));
    }
}

/// The most events in any second, as far as a machine that wakes everybody late lets that be seen:
/// the judge of rates. Between two events `jitter` is nothing.
pub(crate) fn most_a_second(times: &[Instant], jitter: Duration) -> usize {
    let (Some(first), Some(last)) = (times.iter().min(), times.iter().max()) else { return 0 };
    most_in_any_window(times, lateness::second_between(*first, *last, jitter))
}

/// The most events in any half-open window of this length.
pub(crate) fn most_in_any_window(times: &[Instant], window: Duration) -> usize {
    let mut times = times.to_vec();
    times.sort();
    let mut first = 0;
    let mut most = 0;
    for (last, time) in times.iter().enumerate() {
        while time.duration_since(times[first]) >= window {
            first += 1;
        }
        most = most.max(last - first + 1);
    }
    most
}
