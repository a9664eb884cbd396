//! Clients that never read, clients that write a byte a second, and genuine events, all at once and
//! all from one address, as behind a proxy.
//!
//! `MAILBATCH_LOAD=full` runs it with the numbers that are promised, for a minute; it needs 3,000
//! open files and a release build of the binary. `MAILBATCH_LOAD=600/600/100/20` says how many are
//! silent, how many slow, how many events there are a second, and for how many seconds.

use std::io::{ErrorKind, Read, Write};
use std::net::{Ipv4Addr, TcpStream};
use std::process::Command;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use super::{event, lines, now, port_of, prepared, signed};
use crate::support::running::Running;
use crate::support::{Signal, Workspace};

/// How hostile and how genuine it is.
struct Load {
    silent: usize,
    slow: usize,
    /// Genuine events a second.
    rate: usize,
    time: Duration,
    /// The longest that one of them may wait. On a machine that does other things too the
    /// scaled-down load is judged by what is lost.
    longest: Duration,
    /// The most files that the endpoint may open, which bounds its connections.
    files: usize,
}

fn load() -> Load {
    let asked = std::env::var("MAILBATCH_LOAD");
    let numbers: Vec<usize> = asked
        .iter()
        .flat_map(|asked| asked.split('/'))
        .filter_map(|number| number.parse().ok())
        .collect();
    if let [silent, slow, rate, seconds] = numbers[..] {
        return Load {
            silent,
            slow,
            rate,
            time: Duration::from_secs(seconds as u64),
            longest: Duration::from_secs(5),
            files: 4096,
        };
    }
    match asked.as_deref() {
        Ok("full") => Load {
            silent: 600,
            slow: 600,
            rate: 500,
            time: Duration::from_secs(60),
            longest: Duration::from_secs(5),
            files: 4096,
        },
        _ => Load {
            silent: 150,
            slow: 150,
            rate: 60,
            time: Duration::from_secs(6),
            longest: Duration::from_secs(25),
            files: 464,
        },
    }
}

/// Starts the endpoint with at most so many open files.
fn limited(work: &Workspace, files: usize) -> Running {
    let plain = work.command();
    let mut command = Command::new("sh");
    command
        .args(["-c", &format!("ulimit -n {files} && exec \"$@\""), "sh"])
        .arg(plain.get_program())
        .arg("listen");
    command.env_clear().current_dir(work.path());
    for (name, value) in plain.get_envs() {
        if let Some(value) = value {
            command.env(name, value);
        }
    }
    work.start_with(command)
}

/// Connects, and waits while all local ports are taken: one that was used is free again only after
/// a minute, and the full load uses more in a minute than there are. A client of its own machine
/// does not meet that.
fn dial(port: u16) -> std::io::Result<TcpStream> {
    loop {
        match TcpStream::connect((Ipv4Addr::LOCALHOST, port)) {
            Err(e) if e.kind() == ErrorKind::AddrNotAvailable => {
                std::thread::sleep(Duration::from_millis(20))
            }
            other => return other,
        }
    }
}

fn connect(port: u16) -> Option<TcpStream> {
    let stream = dial(port).ok()?;
    stream.set_nonblocking(true).ok()?;
    Some(stream)
}

/// Whether a connection is still there, without taking anything that was sent to it.
fn is_open(stream: &TcpStream) -> bool {
    match stream.peek(&mut [0]) {
        Ok(0) => false,
        Ok(_) => true,
        Err(e) => e.kind() == ErrorKind::WouldBlock,
    }
}

/// Keeps so many connections open until it is told to stop, each written to as `write` has it;
/// those that are closed are opened again. Returns how many were closed.
fn besiege(
    port: u16,
    count: usize,
    stop: &AtomicBool,
    write: impl Fn(&mut TcpStream, usize),
) -> usize {
    let mut all: Vec<Option<(TcpStream, usize)>> = (0..count).map(|_| None).collect();
    let mut closed = 0;
    while !stop.load(Ordering::SeqCst) {
        let turn = Instant::now();
        for place in &mut all {
            if let Some((stream, _)) = place
                && !is_open(stream)
            {
                closed += 1;
                *place = None;
            }
            match place {
                Some((stream, times)) => {
                    write(stream, *times);
                    *times += 1;
                }
                None => *place = connect(port).map(|stream| (stream, 0)),
            }
        }
        std::thread::sleep(Duration::from_secs(1).saturating_sub(turn.elapsed()));
    }
    closed
}

/// Sends one genuine event over a connection of its own; the status, 0 where the connection broke.
fn send(port: u16, number: usize) -> u16 {
    let body = event("email.bounced", &format!("u{number}@example.com"), number);
    let mut request = format!(
        "POST /events/news HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nContent-Length: {}\r\n",
        body.len()
    );
    signed(&format!("m{number}"), now(), &body)
        .iter()
        .for_each(|(name, value)| request.push_str(&format!("{name}: {value}\r\n")));
    let mut stream = match dial(port) {
        Ok(stream) => stream,
        Err(e) => {
            eprintln!("no connection: {e}");
            return 0;
        }
    };
    stream.set_read_timeout(Some(Duration::from_secs(60))).expect("a time above zero");
    let mut answer = String::new();
    let sent = stream
        .write_all(format!("{request}\r\n{body}").as_bytes())
        .and_then(|()| stream.read_to_string(&mut answer));
    match sent {
        Ok(_) => answer.split(' ').nth(1).and_then(|status| status.parse().ok()).unwrap_or(0),
        Err(e) => {
            eprintln!("broken off: {e}");
            0
        }
    }
}

#[test]
fn neither_clients_that_never_read_nor_slow_ones_keep_genuine_events_waiting() {
    let load = load();
    let work = prepared("smtp://127.0.0.1:9");
    let mut endpoint = limited(&work, load.files);
    let port = port_of(&endpoint);
    let (stop, next, waits, lost) =
        (AtomicBool::new(false), AtomicUsize::new(0), Mutex::new(Vec::new()), AtomicUsize::new(0));
    let total = load.rate * usize::try_from(load.time.as_secs()).expect("a short time");
    let (silent, slow) = std::thread::scope(|scope| {
        // Requests one after another, as many as are taken, and not one answer read.
        let pipeline = "GET /u/no-such-link HTTP/1.1\r\nHost: x\r\n\r\n".repeat(400);
        let silent = scope.spawn(|| {
            besiege(port, load.silent, &stop, move |stream, _| {
                for _ in 0..8 {
                    if stream.write_all(pipeline.as_bytes()).is_err() {
                        break;
                    }
                }
            })
        });
        let drip =
            b"POST /events/news HTTP/1.1\r\nHost: localhost\r\nContent-Length: 500000\r\n\r\n";
        let slow = scope.spawn(|| {
            besiege(port, load.slow, &stop, |stream, times| {
                // Every other one has sent its head, and drips its body.
                let is_body = stream.local_addr().is_ok_and(|addr| addr.port() % 2 == 0);
                let part = if is_body && times == 0 {
                    &drip[..]
                } else {
                    &drip[times % drip.len()..][..1]
                };
                let _ = stream.write_all(part);
            })
        });
        // They are all there before the first event.
        std::thread::sleep(Duration::from_secs(2));
        let (begun, load, next, waits, lost) = (Instant::now(), &load, &next, &waits, &lost);
        let genuine: Vec<_> = (0..load.rate / 2)
            .map(|_| {
                scope.spawn(move || {
                    loop {
                        let number = next.fetch_add(1, Ordering::SeqCst);
                        if number >= total {
                            return;
                        }
                        let due = begun + Duration::from_secs_f64(number as f64 / load.rate as f64);
                        std::thread::sleep(due.saturating_duration_since(Instant::now()));
                        let asked = Instant::now();
                        if send(port, number) != 204 {
                            lost.fetch_add(1, Ordering::SeqCst);
                        }
                        waits.lock().unwrap().push(asked.elapsed());
                    }
                })
            })
            .collect();
        genuine.into_iter().for_each(|worker| worker.join().expect("it does not panic"));
        stop.store(true, Ordering::SeqCst);
        (silent.join().expect("it does not panic"), slow.join().expect("it does not panic"))
    });
    let mut waits = waits.into_inner().unwrap();
    waits.sort();
    let (longest, median, lost) =
        (waits[waits.len() - 1], waits[waits.len() / 2], lost.into_inner());
    let memory = endpoint.most_memory();
    println!(
        "{total} events: {lost} lost, median {median:?}, longest {longest:?}; {silent} silent and {slow} slow closed; {} MiB",
        memory >> 20
    );
    assert_eq!(lost, 0, "genuine events were not answered with 204\n{}", endpoint.err());
    assert!(longest < load.longest, "{longest:?}");
    assert!(memory < 200 << 20, "{memory} bytes");
    endpoint.signal(Signal::TERM);
    endpoint.ends(0);
    assert_eq!(lines(&work, &["events", "list", "--json"]).len(), total);
}
