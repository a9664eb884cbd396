//! Sessions that cannot be as the configuration has them: a server of TLS alone, and logins that
//! are lost while a run goes on.

use std::collections::BTreeMap;
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{CertificateDer, PrivateKeyDer};

use crate::support::peers::Authority;
use crate::support::recorder::{Action, Recorder, Script, Step};
use crate::support::running::LONG;
use crate::support::{lists, wait_for, workspace};

/// A server that speaks TLS alone and serves one connection at a time; the flag ends it with its
/// next connection.
fn one_at_a_time(authority: &Authority) -> (u16, JoinHandle<()>, Arc<AtomicBool>) {
    let certificates = CertificateDer::pem_file_iter(&authority.certificate)
        .unwrap()
        .map(Result::unwrap)
        .collect();
    let key = PrivateKeyDer::from_pem_file(&authority.key).unwrap();
    let config = rustls::ServerConfig::builder_with_provider(Arc::new(
        rustls::crypto::ring::default_provider(),
    ));
    let config = config
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(certificates, key)
        .unwrap();
    let config = Arc::new(config);
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let ended = Arc::new(AtomicBool::new(false));
    let also = Arc::clone(&ended);
    let server = std::thread::spawn(move || {
        for stream in listener.incoming() {
            if also.load(Ordering::Acquire) {
                return;
            }
            let session = rustls::ServerConnection::new(Arc::clone(&config)).unwrap();
            let mut stream = rustls::StreamOwned::new(session, stream.unwrap());
            // Whatever becomes of it, the next connection is looked at only then.
            let _ = stream.write_all(b"220 one.test\r\n");
            let _ = stream.read(&mut [0; 512]);
        }
    });
    (port, server, ended)
}

#[test]
fn a_server_of_tls_alone_is_found_out_although_it_serves_one_connection_at_a_time() {
    let dir = tempfile::tempdir().unwrap();
    let (port, server, ended) = one_at_a_time(&Authority::create(dir.path()));
    let work = workspace();
    // TLS is tried after a share of the time for which a greeting is waited for.
    let relay = "in_flight = 1\ntimeouts = { command = \"6s\" }";
    work.smtp_config(&format!("smtp://127.0.0.1:{port}"), relay)
        .message("Hello {{ name }}", "Dear {{ name }}")
        .file("list.csv", lists::csv(3));
    let begun = Instant::now();
    work.run(&["send", "list.csv"]).ends(7).says(&format!("smtps://127.0.0.1:{port}"));
    assert!(begun.elapsed() < Duration::from_secs(25), "{:?}", begun.elapsed());
    assert_eq!(work.report().counts(), BTreeMap::from([("held", 3)]));
    ended.store(true, Ordering::Release);
    drop(TcpStream::connect(("127.0.0.1", port)));
    server.join().unwrap();
}

#[test]
fn a_login_that_is_lost_in_mid_run_is_tried_by_one_connection_at_a_time() {
    let slow = || {
        Script::default()
            .delay_at(Step::Dot, Duration::from_millis(20))
            .delay_at(Step::Auth, Duration::from_millis(300))
    };
    let server = Recorder::with(slow());
    let work = workspace();
    let relay = "password = { command = [\"printf\", \"pw\"] }\nin_flight = 6\nretry = { for = \"2s\", base = \"500ms\", max = \"10s\" }";
    work.smtp_config(&format!("smtp://user@127.0.0.1:{}", server.port()), relay);
    work.message("Hello {{ name }}", "Dear {{ name }}").file("list.csv", lists::csv(2_000));
    let running = work.start(&["send", "list.csv"]);
    assert!(
        wait_for(|| server.count() > 10 && server.most_at_once() > 2, LONG),
        "{}",
        server.count()
    );
    // The last login is longer ago than it vouches for others, and then every connection is lost at
    // once.
    std::thread::sleep(Duration::from_millis(2_000));
    let before = server.heard_count("AUTH");
    server
        .follow(slow().on(Step::Auth, Action::reply("454 4.7.0 Temporary authentication failure")));
    server.drop_connections();
    running.ends_with(&[5, 6]);
    let logins: Vec<_> = server
        .heard()
        .into_iter()
        .filter(|heard| heard.line.starts_with("AUTH"))
        .skip(before)
        .collect();
    assert!((1..=6).contains(&logins.len()), "{} logins", logins.len());
    // Each is answered after 300 ms, so that two under way at once would be nearer to each other.
    assert!(
        logins.windows(2).all(|two| two[1].at - two[0].at >= Duration::from_millis(300)),
        "{logins:?}"
    );
}
