//! A relay whose name has several addresses, of which some are dead.

use std::net::{SocketAddr, TcpListener, TcpStream};
use std::time::{Duration, Instant};

use crate::support::peers::peer;
use crate::support::ran::Ran;
use crate::support::recorder::Recorder;
use crate::support::tools::OwnHosts;
use crate::support::{Workspace, lists, workspace};

const ROWS: usize = 60;

/// A listener at this address whose queue is full, so that what comes is dropped. It is one for as
/// long as what is returned is kept.
fn swallowing(
    address: SocketAddr,
) -> (tokio::runtime::Runtime, tokio::net::TcpListener, Vec<TcpStream>) {
    let runtime =
        tokio::runtime::Builder::new_current_thread().enable_io().build().expect("a runtime");
    let listener = runtime.block_on(async {
        let socket = tokio::net::TcpSocket::new_v4().expect("a socket");
        socket.bind(address).expect("the address is free");
        socket.listen(0).expect("it listens")
    });
    let mut queue = Vec::new();
    while let Ok(stream) = TcpStream::connect_timeout(&address, Duration::from_millis(300)) {
        queue.push(stream);
        assert!(queue.len() < 10, "the queue does not fill");
    }
    (runtime, listener, queue)
}

fn relayed(port: u16, relay: &str) -> Workspace {
    let work = workspace();
    work.smtp_config(&format!("smtp://relay.test:{port}"), relay);
    work.message("Hello {{ name }}", "Dear {{ name }}").file("list.csv", lists::csv(ROWS));
    work
}

#[test]
fn an_address_that_swallows_packets_does_not_keep_the_list_from_the_other() {
    let server = Recorder::start();
    let dead = swallowing(SocketAddr::from(([127, 0, 0, 2], server.port())));
    let work = relayed(server.port(), "in_flight = 3");
    let hosts = peer!(OwnHosts::of(&work, "127.0.0.2 relay.test\n127.0.0.1 relay.test\n"));
    let begun = Instant::now();
    Ran::from(assert_cmd::Command::from_std(hosts.command(&work, &["send", "list.csv"]))).ends(0);
    assert!(begun.elapsed() < Duration::from_secs(10), "it took {:?}", begun.elapsed());
    assert_eq!((server.count(), work.report().with("accepted").len()), (ROWS, ROWS));
    drop(dead);
}

#[test]
fn an_address_that_refuses_or_does_not_greet_is_passed_over() {
    for is_closing in [false, true] {
        let server = Recorder::start();
        let address = SocketAddr::from(([127, 0, 0, 2], server.port()));
        let other = is_closing.then(|| TcpListener::bind(address).expect("the address is free"));
        if let Some(listener) = other {
            // It takes connections and closes them: somebody listens, and it is no server.
            std::thread::spawn(move || listener.incoming().for_each(drop));
        }
        let work = relayed(server.port(), "");
        let hosts = peer!(OwnHosts::of(&work, "127.0.0.2 relay.test\n127.0.0.1 relay.test\n"));
        Ran::from(assert_cmd::Command::from_std(hosts.command(&work, &["send", "list.csv"])))
            .ends(0);
        assert_eq!(server.count(), ROWS);
    }
}

#[test]
fn what_is_wrong_with_each_address_is_said_when_all_are_dead() {
    let port = crate::support::free_port();
    let work = relayed(port, "retry = { for = \"0\" }");
    let hosts = peer!(OwnHosts::of(&work, "127.0.0.2 relay.test\n127.0.0.1 relay.test\n"));
    let ran = Ran::from(assert_cmd::Command::from_std(
        hosts.command(&work, &["provider", "test", "relay"]),
    ))
    .ends(7);
    ran.says("127.0.0.2: Connection refused").says("127.0.0.1: Connection refused");
}
