//! A server that takes every message and drops the connection instead of answering: `smtp-sink -q
//! .`, with a recorder of octets before it.

use std::collections::BTreeMap;
use std::io::{Read, Write};
use std::net::{Ipv4Addr, Shutdown, TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::thread;

use crate::support::peers::{SmtpSink, peer};
use crate::support::{lists, workspace};

/// Passes every connection on to a server, and keeps what clients say.
struct Wiretap {
    port: u16,
    said: Arc<Mutex<Vec<Vec<u8>>>>,
}

impl Wiretap {
    fn before(server: u16) -> Self {
        let listener =
            TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("loopback has free ports");
        let port = listener.local_addr().expect("a bound listener has an address").port();
        let said = Arc::new(Mutex::new(Vec::new()));
        let all = Arc::clone(&said);
        // It ends with the process of the tests.
        thread::spawn(move || {
            for client in listener.incoming().flatten() {
                let all = Arc::clone(&all);
                thread::spawn(move || pass_on(client, server, &all));
            }
        });
        Self { port, said }
    }

    /// How often each address stands in a To header of what was said.
    fn messages(&self) -> BTreeMap<String, usize> {
        let mut messages = BTreeMap::new();
        for connection in self.said.lock().expect("nobody panics with it").iter() {
            for line in String::from_utf8_lossy(connection).split("\r\n") {
                let address = line.strip_prefix("To: ").map(|to| to.trim_matches(['<', '>']));
                address
                    .into_iter()
                    .for_each(|address| *messages.entry(address.to_owned()).or_default() += 1);
            }
        }
        messages
    }
}

fn pass_on(mut client: TcpStream, server: u16, all: &Mutex<Vec<Vec<u8>>>) {
    let Ok(mut sink) = TcpStream::connect((Ipv4Addr::LOCALHOST, server)) else { return };
    let (Ok(mut back), Ok(mut answers)) = (client.try_clone(), sink.try_clone()) else { return };
    let nth = {
        let mut all = all.lock().expect("nobody panics with it");
        all.push(Vec::new());
        all.len() - 1
    };
    thread::spawn(move || {
        let _ = std::io::copy(&mut answers, &mut back);
        let _ = back.shutdown(Shutdown::Both);
    });
    let mut piece = [0; 16_384];
    while let Ok(n) = client.read(&mut piece) {
        all.lock().expect("nobody panics with it")[nth].extend_from_slice(&piece[..n]);
        if n == 0 || sink.write_all(&piece[..n]).is_err() {
            break;
        }
    }
    let _ = sink.shutdown(Shutdown::Write);
}

#[test]
fn what_is_taken_without_an_answer_is_never_sent_again_and_named() {
    const ROWS: usize = 60;
    let sink = peer!(SmtpSink::start(&["-q", "."]));
    let wire = Wiretap::before(sink.port());
    let work = workspace();
    work.smtp_config(
        &format!("smtp://127.0.0.1:{}", wire.port),
        "in_flight = 5\nretry = { for = \"5m\", base = \"2ms\", max = \"10ms\" }",
    )
    .message("Hello {{ id }}", "Dear reader")
    .file("list.csv", lists::csv(ROWS));
    let everybody: BTreeMap<String, usize> =
        lists::addresses(ROWS).into_iter().map(|address| (address, 1)).collect();
    work.run(&["send", "list.csv", "-q"]).ends(6);
    assert_eq!(wire.messages(), everybody);
    for arguments in
        [&["send", "list.csv", "-q"][..], &["resume", "-q"], &["send", "list.csv", "-q"]]
    {
        work.run(arguments).ends(6);
        assert_eq!(wire.messages(), everybody, "{arguments:?} sent again");
    }
    let run = work.newest_run();
    let named = work.run(&["report", &run, "--outcome", "unknown", "--format", "csv"]).ends(0).out;
    let mut reader = csv::Reader::from_reader(named.as_bytes());
    let email = reader
        .headers()
        .expect("a header")
        .iter()
        .position(|name| name == "mb_email")
        .expect("its column");
    let named: Vec<String> =
        reader.records().map(|row| row.expect("a row")[email].to_owned()).collect();
    assert_eq!(named, lists::addresses(ROWS));
}
