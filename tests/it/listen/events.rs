//! Providers' requests: forged, replayed, truncated, twice, in another order, too long, about
//! nobody.

use std::io::{Read, Write};

use jiff::Timestamp;
use ring::hmac;
use serde_json::json;

use super::{ask, event, lines, listening, now, port_of, prepared, signed, tell};
use crate::support::recorder::{Recorder, Script};
use crate::support::running::LONG;
use crate::support::{Signal, wait_for};

#[test]
fn what_is_signed_is_taken_once_and_nothing_else_is() {
    let server = Recorder::with(Script::default().must_be_called());
    let work = prepared(&server.url());
    work.mailbatch()
        .args(["send", "list.csv", "--provider", "relay", "--progress", "none"])
        .assert()
        .success();
    let (mut endpoint, port) = listening(&work);
    let body = event("email.bounced", "bob@example.com", 1);
    let headers = signed("msg_1", now(), &body);
    let post = |headers: &[(&'static str, String)], body: &[u8]| {
        ask(port, "POST", "/events/news", headers, body).0
    };

    // Forged, truncated, old, early, unsigned, for nobody: nothing of it is kept.
    assert_eq!(post(&headers, body.replace("bob", "ann").as_bytes()), 401);
    assert_eq!(post(&headers, &body.as_bytes()[..body.len() - 1]), 401);
    assert_eq!(post(&signed("msg_1", now() - 3600, &body), body.as_bytes()), 401);
    assert_eq!(post(&signed("msg_1", now() + 3600, &body), body.as_bytes()), 401);
    assert_eq!(post(&[], body.as_bytes()), 401);
    assert_eq!(ask(port, "POST", "/events/relay", &headers, body.as_bytes()).0, 404);
    assert_eq!(ask(port, "POST", "/events/nobody", &headers, body.as_bytes()).0, 404);
    assert_eq!(ask(port, "GET", "/events/news", &[], b"").0, 405);
    assert_eq!(post(&signed("msg_x", now(), "no JSON"), b"no JSON"), 400);
    assert!(lines(&work, &["events", "list", "--json"]).is_empty());

    // A clock that is off is told so.
    let (_, said) =
        ask(port, "POST", "/events/news", &signed("m", now() - 3600, &body), body.as_bytes());
    assert!(
        said.contains("behind this machine's clock") && said.contains("is the clock right?"),
        "{said}"
    );

    // Delivered after it bounced, the bounce three times, and somebody whom we never mailed.
    assert_eq!(post(&headers, body.as_bytes()), 204);
    assert_eq!(post(&headers, body.as_bytes()), 204);
    assert_eq!(tell(port, "msg_2", &body), 204);
    assert_eq!(tell(port, "msg_3", &event("email.delivered", "bob@example.com", 0)), 204);
    assert_eq!(tell(port, "msg_4", &event("email.complained", "zoe@example.net", 2)), 204);
    let kept = lines(&work, &["events", "list", "--json"]);
    let told: Vec<_> = kept
        .iter()
        .map(|e| {
            (e["type"].as_str().unwrap(), e["recipient"].as_str().unwrap(), e["run"].is_string())
        })
        .collect();
    assert_eq!(
        told,
        [
            ("bounced", "bob@example.com", true),
            ("delivered", "bob@example.com", true),
            ("complained", "zoe@example.net", false)
        ]
    );
    assert!(kept.iter().all(|event| event["provider"] == "news" && event["source"] == "webhook"));

    let (status, metrics) = ask(port, "GET", "/metrics", &[], b"");
    assert_eq!(status, 200);
    for line in [
        "mailbatch_requests_total{provider=\"news\",result=\"accepted\"} 5",
        "mailbatch_requests_total{provider=\"news\",result=\"refused\"} 6",
        "mailbatch_requests_total{provider=\"news\",result=\"unreadable\"} 1",
        "mailbatch_events_total{provider=\"news\",type=\"bounced(hard)\"} 1",
        "mailbatch_events_known_before_total{provider=\"news\"} 2",
        "mailbatch_events_without_run_total{provider=\"news\"} 1",
        "mailbatch_suppressions_total{reason=\"hard_bounce\"} 1",
    ] {
        assert!(metrics.contains(line), "{line}\n{metrics}");
    }
    assert!(!metrics.contains('@'));
    assert_eq!(ask(port, "GET", "/healthz", &[], b"").0, 200);

    endpoint.signal(Signal::TERM);
    let ran = endpoint.ends(0);
    assert!(
        ran.err.contains("events of gun, news")
            && !ran.err.contains("@example")
            && !ran.err.contains("whsec"),
        "{}",
        ran.err
    );
    let file = work.read("suppressions.csv");
    assert_eq!(
        (
            file.matches("bob@example.com,hard_bounce,news,").count(),
            file.matches("zoe@example.net,complaint,").count()
        ),
        (1, 1),
        "{file}"
    );
    assert_eq!(file.lines().count(), 3, "{file}");
    assert_eq!(
        lines(&work, &["status", "--json"])[0]["feedback"],
        json!({"bounced(hard)": 1, "delivered": 1})
    );
}

#[test]
fn long_bodies_are_refused_without_being_read() {
    let work = prepared("smtp://127.0.0.1:9");
    let (endpoint, port) = listening(&work);
    for octets in [(1 << 20) + 1, 100 << 20] {
        let (status, _) = ask(port, "POST", "/events/news", &[], &vec![b'x'; octets]);
        // The connection may break before all of it is written and the answer is read.
        assert!(status == 413 || status == 0, "{status}");
    }
    // One that does not say how long it is.
    let chunked = format!("{:x}\r\n{}\r\n", 2 << 20, "x".repeat(2 << 20));
    let mut stream = std::net::TcpStream::connect(("127.0.0.1", port)).unwrap();
    let head = "POST /events/news HTTP/1.1\r\nHost: x\r\nConnection: close\r\nTransfer-Encoding: chunked\r\n\r\n";
    let _ = stream.write_all(format!("{head}{chunked}").as_bytes());
    let mut answer = String::new();
    let _ = stream.read_to_string(&mut answer);
    assert!(answer.is_empty() || answer.starts_with("HTTP/1.1 413"), "{answer}");
    let limit = "a".repeat((1 << 20) - 1);
    assert_eq!(ask(port, "POST", "/events/news", &[], limit.as_bytes()).0, 401);
    assert_eq!(ask(port, "GET", "/healthz", &[], b"").0, 200);
    assert!(endpoint.kill());
}

#[test]
fn bodies_of_100_mb_take_no_memory_whether_they_say_how_long_they_are_or_not() {
    const OCTETS: usize = 100 << 20;
    let work = prepared("smtp://127.0.0.1:9");
    let (endpoint, port) = listening(&work);
    let before = endpoint.most_memory();
    let lengths = [format!("Content-Length: {OCTETS}"), "Transfer-Encoding: chunked".to_owned()];
    std::thread::scope(|scope| {
        for head in lengths.iter().cycle().take(8) {
            scope.spawn(move || {
                let piece = format!("100000\r\n{}\r\n", "x".repeat(1 << 20));
                let mut stream = std::net::TcpStream::connect(("127.0.0.1", port)).unwrap();
                let head = format!(
                    "POST /events/news HTTP/1.1\r\nHost: x\r\nConnection: close\r\n{head}\r\n\r\n"
                );
                let mut sent = stream.write_all(head.as_bytes());
                // Until the endpoint has had enough of it.
                for _ in 0..OCTETS >> 20 {
                    sent = sent.and_then(|()| stream.write_all(piece.as_bytes()));
                }
                let mut answer = String::new();
                let _ = stream.read_to_string(&mut answer);
                assert!(answer.is_empty() || answer.starts_with("HTTP/1.1 413"), "{answer}");
            });
        }
    });
    let grown = endpoint.most_memory().saturating_sub(before);
    assert!(grown < 48 << 20, "{grown} octets more for 8 bodies of {OCTETS}");
    assert_eq!(tell(port, "m", &event("email.bounced", "ann@example.com", 1)), 204);
    assert!(endpoint.kill());
}

#[test]
fn an_address_that_is_taken_is_told_and_nothing_is_sent_without_the_endpoint_that_was_asked_for() {
    let server = Recorder::start();
    let work = prepared(&server.url());
    let (mut endpoint, port) = listening(&work);
    let addr = format!("127.0.0.1:{port}");
    work.run(&["listen", "--addr", &addr])
        .ends(2)
        .says(&format!("{addr}: cannot listen: "))
        .says("listen.addr");
    let config = work.read("mailbatch.toml").replace("127.0.0.1:0", &addr);
    work.config(&config);
    work.run(&["send", "list.csv", "--provider", "relay", "--listen"])
        .ends(2)
        .says("cannot listen");
    assert_eq!(server.count(), 0);
    // The one that has it goes on, and one at another address beside it.
    let other = work.start(&["listen", "--addr", "127.0.0.1:0"]);
    let body = event("email.complained", "ann@example.com", 1);
    assert_eq!((tell(port, "m", &body), tell(port_of(&other), "m", &body)), (204, 204));
    assert_eq!(lines(&work, &["events", "list", "--json"]).len(), 1);
    work.run(&["send", "list.csv", "--provider", "relay"]).ends(0);
    assert_eq!(server.recipients(), ["bob@example.com", "cyd@example.com"]);
    endpoint.signal(Signal::TERM);
    endpoint.ends(0);
}

#[test]
fn what_a_provider_dates_an_hour_off_counts_all_the_same() {
    let server = Recorder::start();
    let work = prepared(&server.url());
    work.run(&["send", "list.csv", "--provider", "relay"]).ends(0);
    let (endpoint, port) = listening(&work);
    for (number, (name, off)) in
        [("ann", -3600), ("bob", 3600), ("cyd", 3600 * 24 * 400)].into_iter().enumerate()
    {
        let at = Timestamp::from_second(now() + off).unwrap();
        let mut body: serde_json::Value =
            serde_json::from_str(&event("email.bounced", &format!("{name}@example.com"), number))
                .unwrap();
        body["created_at"] = json!(at.to_string());
        assert_eq!(tell(port, &format!("m{number}"), &body.to_string()), 204);
    }
    assert_eq!(
        work.run(&["status", "--json"]).ends(0).object()["feedback"],
        json!({"bounced(hard)": 3})
    );
    for name in ["ann", "bob", "cyd"] {
        work.run(&["suppress", "check", &format!("{name}@example.com")]).ends(0);
    }
    assert!(endpoint.kill());
}

/// A complaint of Mailgun's, signed with the token alone.
fn complaint(token: &str, email: &str) -> String {
    let at = now().to_string();
    let tag = hmac::sign(
        &hmac::Key::new(hmac::HMAC_SHA256, b"signing-key"),
        format!("{at}{token}").as_bytes(),
    );
    let signature: String = tag.as_ref().iter().map(|byte| format!("{byte:02x}")).collect();
    let data = json!({"event": "complained", "recipient": email, "id": email, "timestamp": Timestamp::now().as_second()});
    json!({"signature": {"timestamp": at, "token": token, "signature": signature}, "event-data": data}).to_string()
}

#[test]
fn a_token_of_mailgun_is_good_for_one_body_after_a_restart_at_another_endpoint_and_on_another_path_too()
 {
    let work = prepared("smtp://127.0.0.1:9");
    let config = work.read("mailbatch.toml");
    work.config(&config.replace("[providers.gun]", "[providers.gun2]\nkind = \"mailgun\"\ndomain = \"b.example\"\napi_key = { env = \"UNSET\" }\nwebhook_secret = { file = \"gun.secret\" }\n\n[providers.gun]"));
    let (endpoint, port) = listening(&work);
    let other = work.start(&["listen"]);
    let first = complaint("token-1", "ann@example.com");
    let forged = first.replace("ann@", "bob@");
    let post = |port: u16, path: &str, body: &str| ask(port, "POST", path, &[], body.as_bytes()).0;
    assert_eq!(
        (
            post(port, "/events/gun", &first),
            post(port, "/events/gun", &first),
            post(port, "/events/gun", &forged)
        ),
        (204, 204, 401)
    );
    assert_eq!(post(port, "/events/gun", &complaint("token-2", "cyd@example.com")), 204);
    assert_eq!(
        (post(port, "/events/gun2", &forged), post(port_of(&other), "/events/gun", &forged)),
        (401, 401)
    );
    assert!(endpoint.kill());
    let (_again, port) = listening(&work);
    assert_eq!((post(port, "/events/gun", &forged), post(port, "/events/gun", &first)), (401, 204));
    let kept = lines(&work, &["events", "list", "--json"]);
    assert_eq!(
        kept.iter().map(|event| event["recipient"].as_str().unwrap()).collect::<Vec<_>>(),
        ["ann@example.com", "cyd@example.com"]
    );
}

#[test]
fn secrets_that_anyone_could_guess_are_refused_before_anything_listens() {
    let work = prepared("smtp://127.0.0.1:9");
    let config = work.read("mailbatch.toml");
    work.config(&format!(
        "{config}\n[providers.post]\nkind = \"postmark\"\napi_key = {{ env = \"UNSET\" }}\nwebhook_secret = {{ file = \"post.secret\" }}\n"
    ));
    super::secret(&work, "post.secret", "user:password");
    for (file, bad, name) in [
        ("news.secret", "whsec_", "news"),
        ("news.secret", "whsec_c2VjcmV0\n", "news"),
        ("gun.secret", "key", "gun"),
        ("gun.secret", "        ", "gun"),
        ("post.secret", ":", "post"),
        ("post.secret", "user:", "post"),
    ] {
        let good = work.read(file);
        super::secret(&work, file, bad);
        let ran = work
            .run(&["listen"])
            .ends(2)
            .says(&format!("providers.{name}.webhook_secret: "))
            .says("hint: ");
        assert!(!ran.err.contains("c2VjcmV0"), "{}", ran.err);
        super::secret(&work, file, &good);
    }
    let (endpoint, _) = listening(&work);
    assert!(endpoint.kill());
}

#[test]
fn two_listeners_on_one_workspace_take_and_file_each_event_once() {
    let work = prepared("smtp://127.0.0.1:9");
    let (one, two) = (listening(&work), listening(&work));
    std::thread::scope(|scope| {
        for port in [one.1, two.1, one.1, two.1] {
            scope.spawn(move || {
                for number in 0..50 {
                    assert_eq!(
                        tell(
                            port,
                            &format!("m{number}"),
                            &event("email.bounced", &format!("u{number}@example.com"), number)
                        ),
                        204
                    );
                }
            });
        }
    });
    for (mut endpoint, _) in [one, two] {
        endpoint.signal(Signal::TERM);
        endpoint.ends(0);
    }
    let file = work.read("suppressions.csv");
    assert_eq!(file.lines().count(), 51);
    assert!((0..50).all(|number| file.matches(&format!("u{number}@example.com,")).count() == 1));
    assert_eq!(lines(&work, &["events", "list", "--json"]).len(), 50);
}

#[test]
fn a_suppression_file_that_cannot_be_written_is_written_later() {
    let work = prepared("smtp://127.0.0.1:9");
    let (mut endpoint, port) = listening(&work);
    std::fs::rename(work.join("suppressions.csv"), work.join("kept.csv")).unwrap();
    std::fs::create_dir(work.join("suppressions.csv")).unwrap();
    assert_eq!(tell(port, "m", &event("email.bounced", "ann@example.com", 1)), 204);
    assert!(wait_for(
        || ask(port, "GET", "/metrics", &[], b"").1.contains("mailbatch_filing_failures_total 1"),
        LONG
    ));
    std::fs::remove_dir(work.join("suppressions.csv")).unwrap();
    std::fs::rename(work.join("kept.csv"), work.join("suppressions.csv")).unwrap();
    assert!(
        wait_for(
            || work.read("suppressions.csv").contains("ann@example.com,hard_bounce,news,"),
            LONG
        ),
        "{}",
        endpoint.err()
    );
    endpoint.signal(Signal::TERM);
    endpoint.ends(0);
    assert_eq!(work.read("suppressions.csv").matches("ann@").count(), 1);
}

#[test]
fn an_export_is_read_as_the_webhook_is_and_what_the_webhook_told_is_known() {
    let work = prepared("smtp://127.0.0.1:9");
    let (endpoint, port) = listening(&work);
    let [one, two, three] = ["ann", "bob", "cyd"].map(|name| {
        event(
            "email.bounced",
            &format!("{name}@example.com"),
            name.len() + usize::from(name.as_bytes()[0]),
        )
    });
    assert_eq!(tell(port, "m", &one), 204);
    assert!(endpoint.kill());
    work.file("array.json", format!("[{one},\n{two}]"))
        .file("lines.ndjson", format!("{two}\n{three}\n"))
        .file("odd.json", "{\"hello\": 1}\n{\"broken\"");
    let ingest = |names: &[&str], code: i32| {
        let run = work.mailbatch().args(["events", "ingest"]).args(names).assert().code(code);
        String::from_utf8(run.get_output().stdout.clone()).unwrap()
    };
    let said = ingest(&["array.json", "lines.ndjson"], 0);
    assert!(
        said.contains("4 messages read: 4 bounced(hard)") && said.contains("2 new, 2 known before"),
        "{said}"
    );
    let said = ingest(&["odd.json"], 5);
    assert!(said.contains("1 without feedback; 1 unreadable"), "{said}");
    let kept = lines(&work, &["events", "list", "--json"]);
    let told: Vec<_> = kept
        .iter()
        .map(|e| (e["provider"].as_str().unwrap(), e["source"].as_str().unwrap()))
        .collect();
    assert_eq!(told, [("news", "webhook"), ("news", "export"), ("news", "export")]);
    assert_eq!(work.read("suppressions.csv").lines().count(), 4);
}

#[test]
fn a_recipient_with_a_display_name_is_suppressed_by_the_bare_address() {
    let work = prepared("smtp://127.0.0.1:9");
    work.file(
        "named.json",
        format!(
            "[{},\n{}]",
            event("email.complained", "Ann Lee <ann@example.com>", 1),
            event("email.complained", "<bob@example.com>", 2)
        ),
    );
    work.run(&["events", "ingest", "named.json"]).ends(0).says("2 new");
    let kept = lines(&work, &["events", "list", "--json"]);
    assert!(kept.iter().all(|e| e["recipient"].as_str().is_some_and(|email| !email.contains('<'))));
    let filed = work.read("suppressions.csv");
    for email in ["ann@example.com", "bob@example.com"] {
        let line = filed.lines().find(|line| line.contains(email));
        let is_bare = |line: &str| line.contains("complaint") && !line.contains('<');
        assert!(line.is_some_and(is_bare), "{filed}");
    }
}
