//! SIGKILL in the middle of a burst: what was acknowledged is there, once.

use std::collections::BTreeSet;
use std::io::{BufRead, BufReader, Write};
use std::net::{Ipv4Addr, TcpStream};
use std::sync::Mutex;
use std::sync::atomic::{AtomicU16, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use super::{event, lines, listening, now, prepared, signed};
use crate::support::Signal;

/// How often it is killed.
const KILLS: usize = 10;
/// How many events a second are sent while it runs.
const RATE: usize = 500;
/// How long each burst lasts at least.
const BURST: Duration = Duration::from_millis(700);

/// Sends one event over a connection that is kept; false when there is no 204.
fn send(stream: &mut BufReader<TcpStream>, number: usize) -> bool {
    let body = event("email.bounced", &format!("u{number}@example.com"), number);
    let mut request = format!(
        "POST /events/news HTTP/1.1\r\nHost: localhost\r\nContent-Length: {}\r\n",
        body.len()
    );
    for (name, value) in signed(&format!("m{number}"), now(), &body) {
        request.push_str(&format!("{name}: {value}\r\n"));
    }
    request.push_str("\r\n");
    request.push_str(&body);
    if stream.get_mut().write_all(request.as_bytes()).is_err() {
        return false;
    }
    let mut head = String::new();
    while !head.ends_with("\r\n\r\n") {
        if !matches!(stream.read_line(&mut head), Ok(1..)) {
            return false;
        }
    }
    head.starts_with("HTTP/1.1 204")
}

#[test]
fn what_was_acknowledged_before_a_kill_is_in_ledger_and_file_exactly_once() {
    let work = prepared("smtp://127.0.0.1:9");
    let acknowledged = Mutex::new(BTreeSet::new());
    let (next, port, tried) = (AtomicUsize::new(0), AtomicU16::new(0), AtomicUsize::new(0));
    for round in 0..=KILLS {
        let (mut endpoint, at) = listening(&work);
        port.store(at, Ordering::SeqCst);
        let begun = Instant::now();
        let ended = std::sync::atomic::AtomicBool::new(false);
        std::thread::scope(|scope| {
            for _ in 0..8 {
                scope.spawn(|| {
                    let Ok(stream) =
                        TcpStream::connect((Ipv4Addr::LOCALHOST, port.load(Ordering::SeqCst)))
                    else {
                        return;
                    };
                    let mut stream = BufReader::new(stream);
                    while !ended.load(Ordering::SeqCst) {
                        let number = next.fetch_add(1, Ordering::SeqCst);
                        // The rate is kept by the number that is sent, over all rounds.
                        let due = begun
                            + Duration::from_secs_f64(
                                (number - tried.load(Ordering::SeqCst)) as f64 / RATE as f64,
                            );
                        std::thread::sleep(due.saturating_duration_since(Instant::now()));
                        if !send(&mut stream, number) {
                            return;
                        }
                        acknowledged.lock().unwrap().insert(number);
                    }
                });
            }
            // A burst ends by time and by what has been done, so that a busy machine has its share
            // of kills in the middle too.
            let before = acknowledged.lock().unwrap().len();
            while begun.elapsed() < BURST || acknowledged.lock().unwrap().len() < before + 20 {
                assert!(
                    begun.elapsed() < Duration::from_secs(60),
                    "nothing is acknowledged\n{}",
                    endpoint.err()
                );
                std::thread::sleep(Duration::from_millis(5));
            }
            if round < KILLS {
                endpoint.signal(Signal::KILL);
            }
            ended.store(true, Ordering::SeqCst);
        });
        tried.store(next.load(Ordering::SeqCst), Ordering::SeqCst);
        if round == KILLS {
            endpoint.signal(Signal::TERM);
            endpoint.ends(0);
        } else {
            drop(endpoint);
        }
    }
    let acknowledged = acknowledged.into_inner().unwrap();
    let events = lines(&work, &["events", "list", "--json"]);
    let kept: Vec<&str> = events.iter().map(|event| event["recipient"].as_str().unwrap()).collect();
    let distinct: BTreeSet<&str> = kept.iter().copied().collect();
    assert_eq!(kept.len(), distinct.len(), "an event is there twice");
    let file = work.read("suppressions.csv");
    let filed: Vec<&str> =
        file.lines().skip(1).map(|line| line.split(',').next().unwrap()).collect();
    let listed: BTreeSet<&str> = filed.iter().copied().collect();
    assert_eq!(filed.len(), listed.len(), "somebody is listed twice");
    assert_eq!(listed, distinct, "the file has who the ledger has");
    let missing: Vec<_> = acknowledged
        .iter()
        .filter(|number| !distinct.contains(format!("u{number}@example.com").as_str()))
        .collect();
    assert!(missing.is_empty(), "{} acknowledged, missing: {missing:?}", acknowledged.len());
    println!("{} acknowledged, {} kept", acknowledged.len(), kept.len());
}
