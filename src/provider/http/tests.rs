//! Tests of the rules for submitting a claim, against a server with a script: one answer for each
//! request, in order.

use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use jiff::Timestamp;
use reqwest::StatusCode;
use reqwest::header::HeaderMap;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

mod expiring;

use super::answer::{Answer, Fault};
use super::api::*;
use super::client::Http;
use super::request::Request;
use crate::model::outcome::Reason;
use crate::provider::testing::{Recorder, claim, job, settings};
use crate::provider::{Claim, Health, Job, Reply, Verdict};
use crate::secret::Secret;

const FAILED: &str = "HTTP/1.1 500 Oh No\r\ncontent-length: 2\r\n\r\n{}";
const REFUSED: &str = "HTTP/1.1 422 No\r\ncontent-length: 2\r\n\r\n{}";
const TAKEN: &str = "HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n{}";
/// Accepts only the first member of the request.
const ONE_TAKEN: &str = "HTTP/1.1 207 Some\r\ncontent-length: 2\r\n\r\n{}";
const BUSY: &str = "HTTP/1.1 429 Slow\r\nretry-after: 0\r\ncontent-length: 2\r\n\r\n{}";
/// Closes the connection without an answer.
const LOST: &str = "";

/// A received request: its key, its body and its sender.
type Seen = Arc<Mutex<Vec<((String, String), String)>>>;

struct Server {
    port: u16,
    seen: Seen,
    task: JoinHandle<()>,
}

impl Drop for Server {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Server {
    /// Serves one connection after another. Each request gets the next answer of the script; the
    /// last answer is repeated.
    async fn start(script: &'static [&'static str]) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let seen = Seen::default();
        let log = Arc::clone(&seen);
        let task = tokio::spawn(async move {
            let mut count = 0;
            loop {
                let (mut stream, _) = listener.accept().await.unwrap();
                while let Some(request) = read(&mut stream).await {
                    log.lock().unwrap().push(request);
                    let answer = script[count.min(script.len() - 1)];
                    count += 1;
                    if answer.is_empty() || stream.write_all(answer.as_bytes()).await.is_err() {
                        break;
                    }
                }
            }
        });
        Self { port, seen, task }
    }

    fn seen(&self) -> Vec<(String, String)> {
        self.seen.lock().unwrap().iter().map(|(request, _)| request.clone()).collect()
    }

    /// The header `authorization` of each request, in lowercase.
    fn authorized(&self) -> Vec<String> {
        self.seen.lock().unwrap().iter().map(|(_, authorization)| authorization.clone()).collect()
    }

    fn bodies(&self) -> Vec<String> {
        self.seen().into_iter().map(|(_, body)| body).collect()
    }
}

async fn read(stream: &mut tokio::net::TcpStream) -> Option<((String, String), String)> {
    let mut bytes = Vec::new();
    loop {
        let text = String::from_utf8_lossy(&bytes).into_owned();
        if let Some((head, body)) = text.split_once("\r\n\r\n") {
            let header = |name: &str| {
                head.lines().find_map(|line| {
                    line.to_ascii_lowercase().strip_prefix(name).map(|v| v.trim().to_owned())
                })
            };
            let length: usize =
                header("content-length:").map_or(0, |length| length.parse().unwrap());
            if body.len() >= length {
                let header = |name: &str| header(name).unwrap_or_default();
                let request = (header("idempotency-key:"), body.to_owned());
                return Some((request, header("authorization:")));
            }
        }
        let mut piece = [0; 4_096];
        match stream.read(&mut piece).await {
            Ok(n) if n > 0 => bytes.extend_from_slice(&piece[..n]),
            _ => return None,
        }
    }
}

/// An API whose requests are the members' local parts, and which accepts every member.
struct Letters {
    limits: Limits,
}

fn letters(idempotent: bool) -> Letters {
    Letters {
        limits: Limits {
            recipients: 4,
            bytes: 40,
            idempotency_window: idempotent.then(|| Duration::from_secs(3_600)),
        },
    }
}

impl Api for Letters {
    fn limits(&self) -> &Limits {
        &self.limits
    }

    fn request(&self, jobs: &[&Job], key: &str) -> Result<Request, Inexpressible> {
        let names = jobs.iter().map(|job| job.to.local()).collect::<Vec<_>>().join(",");
        Ok(Request::post("/send", "text/plain", names).header("idempotency-key", key))
    }

    fn read(&self, jobs: &[&Job], answer: &Answer) -> Read {
        let accepted =
            || Verdict::Accepted { provider_id: None, code: "200".into(), detail: String::new() };
        match answer.status {
            StatusCode::OK => Read::Each(jobs.iter().map(|_| accepted()).collect()),
            StatusCode::MULTI_STATUS => {
                let refusal = answer.refusal(Reason::Cap, "", "no credits for b@x.example");
                let not_taken = |_| Verdict::NotTaken { refusal: refusal.clone(), counts: false };
                Read::EachAndStop(
                    std::iter::once(accepted()).chain(jobs.iter().skip(1).map(not_taken)).collect(),
                    refusal.clone(),
                )
            }
            StatusCode::UNPROCESSABLE_ENTITY => {
                Read::Unnamed(answer.refusal(Reason::Policy, "", ""))
            }
            _ => by_status(answer, answer.refusal(Reason::Policy, "", "")),
        }
    }
}

fn http(port: u16) -> Http {
    let keys = format!("base_url = \"http://127.0.0.1:{port}\"\ntimeouts = {{ read = \"300ms\" }}");
    let mut http =
        Http::new(&settings(&keys, Path::new("/nowhere")), "https://api.example").unwrap();
    http.secret_header("authorization", "Bearer ", Secret::new("hunter2")).unwrap();
    http
}

fn members(names: &[&str]) -> Claim {
    let jobs =
        names.iter().zip(1..).map(|(name, id)| job(id, &format!("{name}@x.example"), "")).collect();
    Claim { claimed_at: Timestamp::now(), ..claim(jobs) }
}

async fn send(server: &Server, names: &[&str], idempotent: bool, wire: &Recorder) -> Reply {
    http(server.port).hand_over(&members(names), wire, &letters(idempotent)).await
}

fn words(reply: &Reply) -> Vec<String> {
    let mut items: Vec<_> = reply.items.iter().collect();
    items.sort_by_key(|(id, _)| *id);
    let word = |verdict: &Verdict| match verdict {
        Verdict::Accepted { .. } => "accepted",
        Verdict::Rejected(_) => "rejected",
        Verdict::Suppressed(_) => "suppressed",
        Verdict::NotTaken { counts: false, .. } => "not taken",
        Verdict::NotTaken { counts: true, .. } => "counts",
        Verdict::Unknown { .. } => "unknown",
    };
    items.into_iter().map(|(id, verdict)| format!("{id} {}", word(verdict))).collect()
}

#[tokio::test]
async fn requests_are_cut_by_count_and_by_bytes() {
    let server = Server::start(&[TAKEN]).await;
    let long = "x".repeat(30);
    let reply = send(
        &server,
        &["a", "b", "c", "d", "e", &long, &format!("{long}y"), "f"],
        false,
        &Recorder::default(),
    )
    .await;
    assert_eq!(server.bodies(), ["a,b,c,d", &format!("e,{long}"), &format!("{long}y,f")]);
    assert_eq!(words(&reply).len(), 8);
    let keys: std::collections::BTreeSet<String> =
        server.seen().into_iter().map(|(key, _)| key).collect();
    assert_eq!(keys.len(), 3, "each request has a key of its own");
}

#[tokio::test]
async fn a_batch_that_is_too_large_is_cut_into_as_few_pieces_as_can_hold_it() {
    let server = Server::start(&[TAKEN]).await;
    let names = ["a", "b", "c", "d", "e", "f"].map(|name| name.repeat(17));
    let claim = members(&names.each_ref().map(String::as_str));
    let letters = Letters { limits: Limits { recipients: 6, bytes: 40, idempotency_window: None } };
    let reply = http(server.port).hand_over(&claim, &Recorder::default(), &letters).await;
    assert_eq!(words(&reply).len(), 6);
    assert_eq!(
        server.bodies(),
        [names[..2].join(","), names[2..4].join(","), names[4..].join(",")]
    );
}

#[tokio::test]
async fn a_message_that_no_request_can_hold_is_refused_alone_and_never_sent() {
    let server = Server::start(&[TAKEN]).await;
    let long = "x".repeat(41);
    let reply = send(&server, &["a", &long, "b"], false, &Recorder::default()).await;
    assert_eq!(words(&reply), ["1 accepted", "2 rejected", "3 accepted"]);
    assert!(server.bodies().iter().all(|body| !body.contains(&long)));
}

#[tokio::test]
async fn the_suppressed_are_left_out_under_another_key_and_a_stop_begins_nobody() {
    let server = Server::start(&[TAKEN]).await;
    let wire = Recorder { suppressed: vec![2], ..Recorder::default() };
    let reply = send(&server, &["a", "b", "c"], true, &wire).await;
    assert_eq!(
        (words(&reply), server.bodies()),
        (vec!["1 accepted".to_owned(), "3 accepted".into()], vec!["a,c".to_owned()])
    );
    assert_ne!(server.seen()[0].0, "key");
    assert_eq!(
        wire.events(),
        ["slot 1", "slot 3", "crossing 1", "crossing 3", "answered 1", "answered 3"]
    );

    let wire = Recorder { stop_at: Some(2), ..Recorder::default() };
    let reply = send(&server, &["a", "b", "c"], true, &wire).await;
    assert!(reply.items.is_empty() && server.seen().len() == 1);
}

#[tokio::test]
async fn a_lost_reply_is_asked_for_again_with_the_same_bytes_where_there_are_keys() {
    let server = Server::start(&[LOST, FAILED, TAKEN]).await;
    let reply = send(&server, &["a", "b"], true, &Recorder::default()).await;
    assert_eq!(words(&reply), ["1 accepted", "2 accepted"]);
    let one = ("key".to_owned(), "a,b".to_owned());
    assert_eq!(server.seen(), [one.clone(), one.clone(), one]);
    assert_eq!(reply.health, Health::Fine);
}

#[tokio::test]
async fn a_lost_reply_is_unknown_and_never_repeated_where_there_are_none() {
    for script in [&[LOST, TAKEN], &[FAILED, TAKEN]] {
        let server = Server::start(script).await;
        let wire = Recorder::default();
        let reply = send(&server, &["a", "b", "c", "d", "e"], false, &wire).await;
        assert_eq!(
            words(&reply),
            ["1 unknown", "2 unknown", "3 unknown", "4 unknown"],
            "the fifth was never begun"
        );
        assert_eq!(server.seen().len(), 1);
        assert!(matches!(reply.health, Health::Failing(_)));
        assert!(!wire.events().iter().any(|event| event.starts_with("answered")));
    }
}

#[tokio::test]
async fn a_key_older_than_two_thirds_of_its_window_is_not_used_again() {
    let server = Server::start(&[LOST, TAKEN]).await;
    let old = Claim {
        claimed_at: Timestamp::now() - jiff::SignedDuration::from_secs(2_401),
        ..members(&["a"])
    };
    let reply = http(server.port).hand_over(&old, &Recorder::default(), &letters(true)).await;
    assert_eq!((words(&reply), server.seen().len()), (vec!["1 unknown".to_owned()], 1));
}

#[tokio::test]
async fn a_refusal_of_the_repeat_does_not_lift_the_doubt() {
    for second in [REFUSED, "HTTP/1.1 401 No\r\ncontent-length: 0\r\n\r\n"] {
        let server = Server::start(Box::leak(Box::new([LOST, second]))).await;
        let reply = send(&server, &["a", "b"], true, &Recorder::default()).await;
        assert_eq!(
            (words(&reply), server.seen().len()),
            (vec!["1 unknown".to_owned(), "2 unknown".into()], 2)
        );
    }
}

#[tokio::test]
async fn a_refusal_that_names_nobody_is_bisected_down_to_whom_it_concerns() {
    let server = Server::start(&[REFUSED, TAKEN, REFUSED, REFUSED, TAKEN]).await;
    let wire = Recorder::default();
    let reply = send(&server, &["a", "b", "c", "d"], true, &wire).await;
    assert_eq!(server.bodies(), ["a,b,c,d", "a,b", "c,d", "c", "d"]);
    assert_eq!(words(&reply), ["1 accepted", "2 accepted", "3 rejected", "4 accepted"]);
    let keys: std::collections::BTreeSet<String> =
        server.seen().into_iter().map(|(key, _)| key).collect();
    assert_eq!(keys.len(), 5, "each half has a key of its own");
    let of_the_third: Vec<String> =
        wire.events().into_iter().filter(|event| event.ends_with(" 3")).collect();
    let once = ["slot 3", "crossing 3", "answered 3"];
    assert_eq!(
        of_the_third,
        [once, once, once].concat(),
        "what was not taken is off the wire before it goes again"
    );
}

#[tokio::test]
async fn a_refusal_that_no_documentation_has_stops_and_is_charged_to_no_recipient() {
    for status in [402, 415, 418, 420, 421, 423, 424, 426, 431, 450, 451, 498] {
        let answer = format!("HTTP/1.1 {status} No\r\ncontent-length: 2\r\n\r\n{{}}").leak();
        let server = Server::start(Box::leak(Box::new([&*answer]))).await;
        let reply = send(&server, &["a", "b", "c"], true, &Recorder::default()).await;
        assert_eq!(
            (words(&reply), server.seen().len()),
            (vec!["1 not taken".to_owned(), "2 not taken".into(), "3 not taken".into()], 1),
            "{status}"
        );
        // A 402 concerns the credit, which can be refilled.
        let is_quota = matches!(reply.health, Health::Exhausted(_));
        assert!(
            is_quota == (status == 402) && (is_quota || matches!(reply.health, Health::Stop(_))),
            "{status}: {:?}",
            reply.health
        );
    }
}

#[tokio::test]
async fn a_service_that_takes_some_and_then_nothing_more_is_left_alone() {
    let server = Server::start(&[ONE_TAKEN, TAKEN]).await;
    let reply = send(&server, &["a", "b", "c", "d", "e"], false, &Recorder::default()).await;
    assert_eq!(
        words(&reply),
        ["1 accepted", "2 not taken", "3 not taken", "4 not taken"],
        "the fifth was never begun"
    );
    assert!(
        matches!(&reply.health, Health::Exhausted(refusal) if refusal.detail == "no credits for …@x.example"),
        "{:?}",
        reply.health
    );
}

#[tokio::test]
async fn throttling_is_waited_for_shortly_and_given_back_where_it_lasts() {
    let server = Server::start(&[BUSY, TAKEN]).await;
    let reply = send(&server, &["a", "b"], false, &Recorder::default()).await;
    assert_eq!(
        (words(&reply), server.seen().len()),
        (vec!["1 accepted".to_owned(), "2 accepted".into()], 2)
    );

    let server =
        Server::start(&["HTTP/1.1 429 Slow\r\nretry-after: 30\r\ncontent-length: 0\r\n\r\n"]).await;
    let http = http(server.port);
    let reply = http.hand_over(&members(&["a", "b"]), &Recorder::default(), &letters(true)).await;
    assert_eq!(words(&reply), ["1 not taken", "2 not taken"]);
    assert_eq!(reply.health, Health::SlowDown(Duration::from_secs(30)));
    // The next claim sends no request.
    let reply = http.hand_over(&members(&["c"]), &Recorder::default(), &letters(true)).await;
    assert!(
        reply.items.is_empty()
            && matches!(reply.health, Health::SlowDown(_))
            && server.seen().len() == 1
    );
}

#[tokio::test]
async fn whoever_is_not_there_has_taken_nothing() {
    let port = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap().port();
    let wire = Recorder::default();
    let reply =
        http(port).hand_over(&members(&["a", "b", "c", "d", "e"]), &wire, &letters(true)).await;
    assert_eq!(words(&reply), ["1 not taken", "2 not taken", "3 not taken", "4 not taken"]);
    assert!(
        matches!(reply.health, Health::Failing(refusal) if refusal.detail.contains("cannot connect to 127.0.0.1"))
    );
    assert_eq!(
        wire.events().last().map(String::as_str),
        Some("answered 4"),
        "nobody of them is in doubt after a crash"
    );
}

#[tokio::test]
async fn pages_and_redirects_are_a_wrong_address() {
    const PAGE: &str =
        "HTTP/1.1 200 OK\r\ncontent-type: text/html\r\ncontent-length: 15\r\n\r\n<html>Hi</html>";
    const ELSEWHERE: &str =
        "HTTP/1.1 302 Found\r\nlocation: https://evil.example/send\r\ncontent-length: 0\r\n\r\n";
    for (answer, says) in [(PAGE, "web page"), (ELSEWHERE, "a redirect to evil.example")] {
        let server = Server::start(Box::leak(Box::new([answer]))).await;
        let reply = send(&server, &["a"], true, &Recorder::default()).await;
        assert_eq!((words(&reply), server.seen().len()), (vec!["1 not taken".to_owned()], 1));
        assert!(
            matches!(&reply.health, Health::Stop(refusal) if refusal.detail.contains(says)),
            "{:?}",
            reply.health
        );
    }
    // After an answer in the API's format, a web page may hide that the mail was accepted.
    let server = Server::start(&[TAKEN, PAGE]).await;
    let reply = send(&server, &["a", "b", "c", "d", "e"], false, &Recorder::default()).await;
    assert_eq!(words(&reply).last().map(String::as_str), Some("5 unknown"));
}

#[tokio::test]
async fn credentials_stop_and_blame_nobody_and_are_never_shown() {
    let server = Server::start(&[
        "HTTP/1.1 401 No\r\ncontent-length: 33\r\n\r\nkey hunter2 of ann@x.example: bad",
    ])
    .await;
    let reply = send(&server, &["a", "b"], true, &Recorder::default()).await;
    assert_eq!(words(&reply), ["1 not taken", "2 not taken"]);
    let Health::Stop(refusal) = &reply.health else { panic!("{:?}", reply.health) };
    assert_eq!(
        (refusal.reason, refusal.detail.as_str()),
        (Reason::Auth, "key … of …@x.example: bad")
    );
    assert!(!format!("{reply:?}").contains("hunter2"));
}

#[tokio::test]
async fn a_trace_that_cannot_be_written_sends_nothing() {
    let server = Server::start(&[TAKEN]).await;
    let wire = Recorder { trace_is_broken: true, ..Recorder::default() };
    let reply = send(&server, &["a", "b"], true, &wire).await;
    assert!(
        reply.items.is_empty()
            && server.seen().is_empty()
            && matches!(reply.health, Health::Failing(_))
    );
}

#[tokio::test]
async fn an_answer_that_never_ends_or_never_comes_is_doubt() {
    const ENDLESS: &str = "HTTP/1.1 200 OK\r\ncontent-length: 9000\r\n\r\n{";
    const SILENT: &str = "H";
    for answer in [ENDLESS, SILENT] {
        let server = Server::start(Box::leak(Box::new([answer]))).await;
        let reply = send(&server, &["a"], false, &Recorder::default()).await;
        assert_eq!((words(&reply), server.seen().len()), (vec!["1 unknown".to_owned()], 1));
    }
}

#[tokio::test]
async fn a_success_that_a_header_decides_may_be_cut_off_behind_its_head() {
    const CUT: &str = "HTTP/1.1 202 Accepted\r\nx-message-id: m1\r\ncontent-length: 9000\r\n\r\n{";
    let server = Server::start(&[CUT]).await;
    let post = || Request::post("/send", "text/plain", "a");
    let lost = http(server.port).exchange(&post().decided_by("x-other"), HeaderMap::new()).await;
    assert!(matches!(lost, Err(Fault::Lost(_))));
    let answer = http(server.port)
        .exchange(&post().decided_by("x-message-id"), HeaderMap::new())
        .await
        .unwrap();
    assert_eq!((answer.header("x-message-id"), answer.is_whole), ("m1", false));
}

#[tokio::test]
async fn a_byte_order_mark_before_the_answer_is_no_part_of_it() {
    let server = Server::start(&[
        "HTTP/1.1 200 OK\r\ncontent-length: 8\r\n\r\n\u{feff}{\"a\":",
        "HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\n\u{feff}{\"a\":1}",
    ])
    .await;
    let exchange = async || {
        http(server.port)
            .exchange(&Request::get("/"), HeaderMap::new())
            .await
            .unwrap()
            .json::<serde_json::Value>()
    };
    assert_eq!(exchange().await, None, "half of it");
    assert_eq!(exchange().await.unwrap()["a"], 1);
}

/// An API that accepts a batch as a whole, and reports later that every member was accepted.
struct Slow {
    limits: Limits,
    patience: Duration,
}

impl Api for Slow {
    fn limits(&self) -> &Limits {
        &self.limits
    }

    fn request(&self, jobs: &[&Job], key: &str) -> Result<Request, Inexpressible> {
        letters(true).request(jobs, key)
    }

    fn read(&self, jobs: &[&Job], answer: &Answer) -> Read {
        if answer.status != StatusCode::ACCEPTED {
            return letters(true).read(jobs, answer);
        }
        let so_far = jobs.iter().map(|_| Verdict::Unknown { detail: "batch b7".into() }).collect();
        let every = Duration::from_millis(5);
        Read::Later(Later {
            handle: "b7".into(),
            ask: Request::get("/batches/b7"),
            every,
            patience: self.patience,
            so_far,
        })
    }

    fn progress(&self, jobs: &[&Job], answer: &Answer, _later: &Later) -> Read {
        self.read(jobs, answer)
    }
}

const QUEUED: &str = "HTTP/1.1 202 Later\r\ncontent-length: 2\r\n\r\n{}";

#[tokio::test]
async fn what_is_reported_later_is_asked_for_until_it_is_known_and_the_batch_goes_once() {
    const REFUSED_KEY: &str = "HTTP/1.1 401 No\r\ncontent-length: 0\r\n\r\n";
    const PAGE: &str =
        "HTTP/1.1 200 OK\r\ncontent-type: text/html\r\ncontent-length: 15\r\n\r\n<html>Hi</html>";
    let server =
        Server::start(&[QUEUED, QUEUED, FAILED, LOST, BUSY, REFUSED_KEY, PAGE, REFUSED, TAKEN])
            .await;
    let api = Slow { limits: letters(true).limits, patience: Duration::from_secs(60) };
    let wire = Recorder::default();
    let reply = http(server.port).hand_over(&members(&["a", "b"]), &wire, &api).await;
    assert_eq!(
        (words(&reply), reply.health),
        (vec!["1 accepted".to_owned(), "2 accepted".into()], Health::Fine)
    );
    assert_eq!(server.bodies(), ["a,b", "", "", "", "", "", "", "", ""]);
    assert_eq!(wire.events().iter().filter(|event| event.starts_with("crossing")).count(), 2);
}

#[tokio::test]
async fn what_is_not_known_when_the_patience_ends_is_what_was_concluded_so_far() {
    let server = Server::start(&[QUEUED]).await;
    let api = Slow { limits: letters(true).limits, patience: Duration::from_millis(50) };
    let wire = Recorder::default();
    let reply =
        http(server.port).hand_over(&members(&["a", "b", "c", "d", "e"]), &wire, &api).await;
    assert_eq!(words(&reply), ["1 unknown", "2 unknown", "3 unknown", "4 unknown", "5 unknown"]);
    assert!(
        reply
            .items
            .iter()
            .all(|(_, verdict)| *verdict == Verdict::Unknown { detail: "batch b7".into() })
    );
    assert_eq!(
        server.bodies().iter().filter(|body| !body.is_empty()).count(),
        2,
        "each batch goes once"
    );
    assert!(!wire.events().iter().any(|event| event.starts_with("answered")));
}
