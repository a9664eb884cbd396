//! Unsubscribe links: a GET shows a page and changes nothing, a POST suppresses at once, a changed
//! link does nothing.

use std::io::{Read, Write};
use std::time::{Duration, Instant};

use super::{ask, event, lines, listening, port_of, prepared, tell};
use crate::support::recorder::{Recorder, Script};
use crate::support::running::LONG;
use crate::support::{Signal, Workspace, wait_for};

const PRESS: &[u8] = b"List-Unsubscribe=One-Click";

/// Sends to the list; the path of each recipient's link.
pub(super) fn sent(work: &Workspace, server: &Recorder) -> Vec<(String, String)> {
    work.mailbatch()
        .args(["send", "list.csv", "--provider", "relay", "--progress", "none"])
        .assert()
        .success();
    let path = |data: &[u8]| {
        let text = String::from_utf8_lossy(data).replace("\r\n ", "").replace("=\r\n", "");
        assert!(text.contains("List-Unsubscribe-Post: List-Unsubscribe=One-Click"), "{text}");
        let link = text
            .split_once("List-Unsubscribe: <https://mail.acme.example")
            .expect("a link")
            .1
            .split_once('>')
            .expect("its end")
            .0
            .to_owned();
        assert!(text.contains(&format!("Body. https://mail.acme.example{link}")), "{text}");
        link
    };
    server.taken().iter().map(|taken| (taken.recipients[0].clone(), path(&taken.data))).collect()
}

pub(super) fn link_of<'l>(links: &'l [(String, String)], email: &str) -> &'l str {
    links.iter().find(|(to, _)| to == email).map(|(_, link)| link.as_str()).expect("it was sent to")
}

pub(super) fn is_suppressed(work: &Workspace, email: &str) -> bool {
    work.mailbatch().args(["suppress", "check", email]).output().unwrap().status.code() == Some(0)
}

#[test]
fn a_post_suppresses_within_the_second_a_get_never_does_and_a_changed_link_is_refused() {
    let server = Recorder::with(Script::default().must_be_called());
    let work = prepared(&server.url());
    let links = sent(&work, &server);
    let (mut endpoint, port) = listening(&work);
    let bob = link_of(&links, "bob@example.com");
    assert!(
        bob.starts_with("/u/")
            && links.iter().all(|(email, link)| !link.contains(email.split('@').next().unwrap()))
    );

    for method in ["GET", "HEAD", "GET"] {
        let (status, page) = ask(port, method, bob, &[], b"");
        assert_eq!(status, 200);
        assert!(page.contains("no-store") && !page.contains("bob"), "{page}");
        assert_eq!(
            page.contains("<button type=\"submit\">Unsubscribe</button>"),
            method == "GET",
            "{page}"
        );
    }
    assert_eq!(ask(port, "GET", &format!("{bob}?List-Unsubscribe=One-Click"), &[], b"").0, 200);
    assert_eq!(ask(port, "POST", bob, &[], b"").0, 400);
    for place in [4, bob.len() - 1] {
        let mut other = bob.to_owned().into_bytes();
        other[place] = if other[place] == b'0' { b'1' } else { b'0' };
        let other = String::from_utf8(other).unwrap();
        assert_eq!(
            (ask(port, "POST", &other, &[], PRESS).0, ask(port, "GET", &other, &[], b"").0),
            (404, 404)
        );
    }
    for odd in
        ["/u/", "/u/x", "/u/%00", "/u/..%2f..%2fetc", &format!("{bob}0"), &bob[..bob.len() - 1]]
    {
        assert_eq!(ask(port, "POST", odd, &[], PRESS).0, 404, "{odd}");
    }
    assert_eq!(ask(port, "POST", bob, &[], &vec![b'x'; 20_000]).0, 413);
    assert!(!is_suppressed(&work, "bob@example.com"));

    let pressed = Instant::now();
    let (status, page) = ask(
        port,
        "POST",
        bob,
        &[("Content-Type", "application/x-www-form-urlencoded".into())],
        PRESS,
    );
    assert!(status == 200 && page.contains("You are unsubscribed"), "{page}");
    assert!(pressed.elapsed() < Duration::from_secs(1), "{:?}", pressed.elapsed());
    assert!(is_suppressed(&work, "bob@example.com") && !is_suppressed(&work, "ann@example.com"));
    // As several parts, and again.
    let parts = "--b\r\nContent-Disposition: form-data; name=\"List-Unsubscribe\"\r\n\r\nOne-Click\r\n--b--\r\n";
    let form = [("Content-Type", "multipart/form-data; boundary=b".to_owned())];
    assert_eq!(
        ask(port, "POST", link_of(&links, "cyd@example.com"), &form, parts.as_bytes()).0,
        200
    );
    assert_eq!(ask(port, "POST", bob, &[], PRESS).0, 200);
    endpoint.signal(Signal::TERM);
    endpoint.ends(0);
    let file = work.read("suppressions.csv");
    assert_eq!(
        (
            file.matches("bob@example.com,unsubscribe,webhook,").count(),
            file.matches("cyd@example.com,unsubscribe,").count()
        ),
        (1, 1),
        "{file}"
    );
    let report = lines(&work, &["report", "latest", "--format", "ndjson"]);
    assert_eq!(
        report.iter().map(|row| row["feedback"].as_str().unwrap()).collect::<Vec<_>>(),
        ["", "unsubscribed", "unsubscribed"]
    );
    // An unsubscribe stops marketing.
    let again = work
        .mailbatch()
        .args([
            "send",
            "list.csv",
            "--provider",
            "relay",
            "--campaign",
            "two",
            "--progress",
            "none",
        ])
        .assert()
        .success();
    assert!(String::from_utf8_lossy(&again.get_output().stdout).contains("suppressed"));
    assert_eq!(server.recipients().iter().filter(|to| to.as_str() == "bob@example.com").count(), 1);
}

#[test]
fn a_link_works_when_its_run_has_been_removed() {
    let server = Recorder::with(Script::default().must_be_called());
    let work = prepared(&server.url());
    let links = sent(&work, &server);
    let run = lines(&work, &["runs", "--json"])[0]["run"].as_str().unwrap().to_owned();
    work.mailbatch().args(["runs", "rm", &run, "--yes"]).assert().success();
    let (mut endpoint, port) = listening(&work);
    assert_eq!(ask(port, "GET", link_of(&links, "ann@example.com"), &[], b"").0, 200);
    assert_eq!(ask(port, "POST", link_of(&links, "ann@example.com"), &[], PRESS).0, 200);
    assert!(is_suppressed(&work, "ann@example.com") && !is_suppressed(&work, "bob@example.com"));
    endpoint.signal(Signal::TERM);
    endpoint.ends(0);
    let file = work.read("suppressions.csv");
    assert!(file.contains("\nsha256:") && !file.contains("ann@"), "{file}");
}

#[test]
fn a_run_that_listens_honours_an_unsubscribe_from_the_next_claim_on() {
    let server = Recorder::with(Script::default().must_be_called());
    let work = prepared(&server.url());
    let people: String = (0..200).map(|number| format!("u{number}@example.com\n")).collect();
    work.file("long.csv", format!("email\n{people}"));
    let mut run = work.start(&[
        "send",
        "long.csv",
        "--provider",
        "relay",
        "--listen",
        "--rate",
        "20/s",
        "--progress",
        "none",
        "--yes",
    ]);
    let port = port_of(&run);
    assert!(wait_for(|| server.count() > 0, LONG), "{}", run.err());
    // The last one on the list is claimed seconds later.
    assert_eq!(tell(port, "m", &event("email.complained", "u199@example.com", 1)), 204);
    assert!(!run.has_ended());
    let ran = run.ends_within(0, LONG);
    assert!(ran.err.contains("listening on http://127.0.0.1:"), "{}", ran.err);
    assert!(server.recipients().iter().all(|to| to != "u199@example.com"));
    let rows = lines(&work, &["report", "latest", "--format", "ndjson"]);
    assert_eq!(
        (rows[199]["outcome"].as_str(), rows[199]["reason"].as_str()),
        (Some("suppressed"), Some("complaint"))
    );
    assert_eq!(
        work.read("suppressions.csv").matches("u199@example.com,complaint,news,").count(),
        1
    );
}

#[test]
fn over_tls_the_same_is_answered() {
    let work = prepared("smtp://127.0.0.1:9");
    let certified = rcgen::generate_simple_self_signed(vec!["localhost".to_owned()]).unwrap();
    work.file("cert.pem", certified.cert.pem())
        .file("key.pem", certified.signing_key.serialize_pem());
    let config = work
        .read("mailbatch.toml")
        .replace("[listen]\n", "[listen]\ntls_cert = \"cert.pem\"\ntls_key = \"key.pem\"\n");
    work.config(&config);
    let readable = |mode: u32| {
        std::fs::set_permissions(
            work.join("key.pem"),
            std::os::unix::fs::PermissionsExt::from_mode(mode),
        )
        .unwrap()
    };
    for mode in [0o644, 0o604, 0o620] {
        readable(mode);
        let ran = work.run(&["listen", "--addr", "127.0.0.1:0"]).ends(2);
        ran.says("listen.tls_key: key.pem: others can read or change this secret")
            .says("hint: chmod 600 key.pem");
    }
    readable(0o600);
    let (endpoint, port) = listening(&work);
    assert!(endpoint.err().contains("https://127.0.0.1:"), "{}", endpoint.err());
    let mut roots = rustls::RootCertStore::empty();
    roots.add(certified.cert.der().clone()).unwrap();
    let client = rustls::ClientConfig::builder_with_provider(std::sync::Arc::new(
        rustls::crypto::ring::default_provider(),
    ))
    .with_safe_default_protocol_versions()
    .unwrap()
    .with_root_certificates(roots)
    .with_no_client_auth();
    let mut session =
        rustls::ClientConnection::new(std::sync::Arc::new(client), "localhost".try_into().unwrap())
            .unwrap();
    let mut socket = std::net::TcpStream::connect(("127.0.0.1", port)).unwrap();
    let mut stream = rustls::Stream::new(&mut session, &mut socket);
    stream
        .write_all(b"GET /healthz HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
        .unwrap();
    let mut answer = String::new();
    let _ = stream.read_to_string(&mut answer);
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    // Without TLS there is no answer, and the endpoint goes on.
    assert_eq!(ask(port, "GET", "/healthz", &[], b"").0, 0);
    assert!(endpoint.kill());
    for (name, text, says) in
        [("cert.pem", "nothing", "cert.pem"), ("key.pem", "nothing", "no private key")]
    {
        let kept = work.read(name);
        work.file(name, text);
        let ran = work.mailbatch().arg("listen").assert().code(2);
        assert!(String::from_utf8_lossy(&ran.get_output().stderr).contains(says));
        work.file(name, kept);
    }
}
