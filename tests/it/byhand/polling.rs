//! `events poll`, against each provider's documented log in pages: what it tells, once, and from
//! where the last poll ended.

use std::collections::BTreeMap;

use jiff::tz::Offset;
use jiff::{SignedDuration, Timestamp};
use ring::hmac;
use serde_json::{Value, json};

use super::{KEY, at};
use crate::listen::{base64, port_of};
use crate::support::http::{Act, Answer, HttpServer, Request, call};
use crate::support::{Signal, Workspace};

const KINDS: [&str; 4] = ["mailgun", "postmark", "sendgrid", "resend"];

/// So many seconds ago.
pub(super) fn ago(seconds: i64) -> Timestamp {
    Timestamp::now() - SignedDuration::from_secs(seconds)
}

/// The parts of a query.
pub(super) fn query(request: &Request) -> BTreeMap<String, String> {
    let (_, query) = request.path.split_once('?').unwrap_or_default();
    query
        .split('&')
        .filter_map(|part| part.split_once('='))
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .collect()
}

/// An entry of Mailgun's log.
pub(super) fn gun(event: &str, email: &str, id: &str, at: Timestamp) -> Value {
    let seconds = at.as_microsecond() as f64 / 1e6;
    let mut item = json!({ "event": event, "id": id, "timestamp": seconds, "recipient": email, "log-level": "info", "user-variables": {},
        "message": { "headers": { "message-id": format!("{id}@mg.acme.example") } } });
    if event == "failed" {
        item["severity"] = json!("permanent");
        item["reason"] = json!("bounce");
        item["delivery-status"] = json!({ "code": 550, "message": "5.1.1 no such user" });
    }
    item
}

/// A page of Mailgun's log, whose next page is called `next`.
pub(super) fn gun_page(request: &Request, items: Vec<Value>, next: &str) -> Answer {
    let link = format!("http://{}/v3/mg.acme.example/events/{next}", request.header("host"));
    Answer::json(200, json!({ "items": items, "paging": { "next": link, "previous": link, "first": link, "last": link } }).to_string())
}

/// What each provider's log tells of the hour before; everything else is a breach of its
/// documentation.
fn log(kind: &str, begun: Timestamp, request: &Request) -> Answer {
    let at = |seconds: i64| begun - SignedDuration::from_secs(seconds);
    let (path, asked) = (request.path.split('?').next().unwrap_or_default(), query(request));
    let number = |name: &str| {
        asked
            .get(name)
            .unwrap_or_else(|| panic!("{} has no {name}", request.path))
            .parse::<i64>()
            .expect("a number")
    };
    assert_eq!(request.method, "GET");
    match (kind, path) {
        ("mailgun", "/v3/mg.acme.example/events") => {
            assert!(request.header("authorization").starts_with("Basic "));
            assert_eq!((asked["ascending"].as_str(), asked["limit"].as_str()), ("yes", "300"));
            assert!(number("begin") < at(3_000).as_second() && number("end") >= begun.as_second());
            gun_page(
                request,
                vec![
                    gun("failed", "gone@x.example", "g1", at(900)),
                    gun("complained", "angry@x.example", "g2", at(800)),
                ],
                "two",
            )
        }
        ("mailgun", "/v3/mg.acme.example/events/two") => gun_page(
            request,
            vec![
                gun("unsubscribed", "left@x.example", "g3", at(700)),
                gun("delivered", "fine@x.example", "g4", at(600)),
            ],
            "three",
        ),
        ("mailgun", "/v3/mg.acme.example/events/three") => gun_page(request, Vec::new(), "four"),
        ("postmark", "/bounces" | "/messages/outbound") => {
            assert_eq!(
                (request.header("x-postmark-server-token"), request.header("accept")),
                (KEY, "application/json")
            );
            assert_eq!(asked["fromdate"], asked["todate"]);
            let (offset, is_today) = (
                number("offset"),
                asked["fromdate"] == Offset::constant(-5).to_datetime(begun).date().to_string(),
            );
            assert!((1..=500).contains(&number("count")) && offset + number("count") <= 10_000);
            let bounce = |id: i64, kind: &str, email: &str| {
                json!({ "ID": id, "Type": kind, "MessageID": format!("m{id}"), "Email": email, "BouncedAt": at(900 + id).to_string(),
                "Inactive": kind == "HardBounce", "Details": "smtp;550 5.1.1 no such user" })
            };
            match (path, is_today, offset) {
                ("/bounces", true, 0) => {
                    let many: Vec<Value> = (0..500)
                        .map(|n| bounce(n + 100, "Transient", &format!("many{n}@x.example")))
                        .collect();
                    Answer::json(200, json!({ "TotalCount": 502, "Bounces": many }).to_string())
                }
                ("/bounces", true, 450) => {
                    let mut rest: Vec<Value> = (450..500)
                        .map(|n| bounce(n + 100, "Transient", &format!("many{n}@x.example")))
                        .collect();
                    rest.extend([
                        bounce(1, "HardBounce", "gone@x.example"),
                        bounce(2, "SpamComplaint", "angry@x.example"),
                    ]);
                    Answer::json(200, json!({ "TotalCount": 502, "Bounces": rest }).to_string())
                }
                ("/bounces", ..) => Answer::json(200, r#"{"TotalCount":0,"Bounces":[]}"#),
                (_, true, 0) => {
                    let message = |id: &str, stream: &str| {
                        json!({ "MessageID": id, "Recipients": ["fine@x.example"], "ReceivedAt": at(950).to_string(), "Status": "Sent",
                        "MessageStream": stream, "Metadata": {} })
                    };
                    Answer::json(200, json!({ "TotalCount": 2, "Messages": [message("s1", "outbound"), message("s2", "other")] }).to_string())
                }
                _ => Answer::json(200, r#"{"TotalCount":0,"Messages":[]}"#),
            }
        }
        ("sendgrid", path) => {
            assert_eq!(request.header("authorization"), format!("Bearer {KEY}"));
            assert!(
                number("start_time") < at(3_000).as_second()
                    && number("end_time") >= begun.as_second()
                    && number("limit") == 500
            );
            let row = |email: &str, reason: &str, status: &str| json!({ "created": at(900).as_second(), "email": email, "reason": reason, "status": status });
            let rows = match (
                path.strip_prefix("/v3/suppression/").expect("a list"),
                number("offset"),
            ) {
                ("bounces", 0) => (0..500)
                    .map(|n| row(&format!("many{n}@x.example"), "552 5.2.2 full", "5.2.2"))
                    .collect(),
                ("bounces", 450) => {
                    let again = (450..500)
                        .map(|n| row(&format!("many{n}@x.example"), "552 5.2.2 full", "5.2.2"));
                    again
                        .chain([row("gone@x.example", "550 5.1.1 no such user", "5.1.1")])
                        .collect()
                }
                ("blocks", 0) => vec![row("wary@x.example", "550 5.7.1 blocked", "5.7.1")],
                ("invalid_emails", 0) => vec![row(
                    "typo@x.example",
                    "Mail domain mentioned in email address is unknown",
                    "",
                )],
                ("spam_reports", 0) => vec![
                    json!({ "created": at(900).as_second(), "email": "angry@x.example", "ip": "10.0.0.1" }),
                ],
                ("unsubscribes", 0) => {
                    vec![json!({ "created": at(900).as_second(), "email": "left@x.example" })]
                }
                other => panic!("{other:?}"),
            };
            Answer::json(200, Value::Array(rows).to_string())
        }
        ("resend", "/emails") => {
            assert_eq!(
                (request.header("authorization"), asked["limit"].as_str()),
                (format!("Bearer {KEY}").as_str(), "100")
            );
            let email = |id: &str, to: &str, word: &str, seconds: i64| {
                let at = at(seconds).to_string().replace('T', " ").replace('Z', "+00");
                json!({ "id": id, "to": [to], "from": "news@acme.example", "created_at": at, "subject": "Hello", "last_event": word })
            };
            let page = match asked.get("after").map(String::as_str) {
                None => vec![
                    email("r1", "fine@x.example", "delivered", 900),
                    email("r2", "angry@x.example", "complained", 910),
                ],
                Some("r2") => vec![
                    email("r3", "gone@x.example", "bounced", 920),
                    email("old", "old@x.example", "complained", 9 * 86_400),
                ],
                other => panic!("{other:?} is not asked for"),
            };
            Answer::json(
                200,
                json!({ "object": "list", "has_more": true, "data": page }).to_string(),
            )
        }
        other => panic!("{other:?}"),
    }
}

/// What each log tells, beside the five hundred, as `type recipient`.
fn wanted(kind: &str) -> Vec<&'static str> {
    match kind {
        "mailgun" => {
            vec![
                "bounced hard gone@x.example",
                "complained - angry@x.example",
                "delivered - fine@x.example",
                "unsubscribed - left@x.example",
            ]
        }
        "postmark" => vec![
            "bounced hard gone@x.example",
            "complained - angry@x.example",
            "sent - fine@x.example",
        ],
        "sendgrid" => vec![
            "bounced hard gone@x.example",
            "bounced hard typo@x.example",
            "bounced soft wary@x.example",
            "complained - angry@x.example",
            "unsubscribed - left@x.example",
        ],
        _ => vec![
            "bounced soft gone@x.example",
            "complained - angry@x.example",
            "delivered - fine@x.example",
        ],
    }
}

/// The events in the ledger, sorted; those of the five hundred only counted.
pub(super) fn listed(work: &Workspace) -> (Vec<String>, usize) {
    let text = |value: &Value| value.as_str().unwrap_or("-").to_owned();
    let all = work.run(&["events", "list", "--json"]).ends(0).objects();
    let word = |event: &Value| {
        format!("{} {} {}", text(&event["type"]), text(&event["bounce"]), text(&event["recipient"]))
    };
    let (many, mut rest): (Vec<String>, Vec<String>) =
        all.iter().map(word).partition(|word| word.contains("many"));
    rest.sort();
    (rest, many.len())
}

/// Who stands in the suppression file, sorted.
pub(super) fn stopped(work: &Workspace) -> Vec<String> {
    let mut lines: Vec<String> = work
        .read("stop.csv")
        .lines()
        .skip(1)
        .map(|line| line.split(',').take(2).collect::<Vec<_>>().join(" "))
        .collect();
    lines.sort();
    lines
}

#[test]
fn every_log_is_read_through_all_its_pages_and_the_next_poll_finds_nothing_new() {
    for kind in KINDS {
        let begun = Timestamp::now();
        let server = HttpServer::start(move |_, request| Act::Answer(log(kind, begun, request)));
        let work = at(kind, &server.url(), "", &[]);
        let first = work.run(&["events", "poll", "api", "--json"]).ends(0).object();
        let (events, many) = listed(&work);
        assert_eq!(events, wanted(kind), "{kind}");
        assert_eq!(many, if ["postmark", "sendgrid"].contains(&kind) { 500 } else { 0 }, "{kind}");
        let all = (events.len() + many) as u64;
        assert_eq!(
            (first["new"].as_u64(), first["known"].as_u64(), first["unreadable"].as_u64()),
            (Some(all), Some(0), Some(0)),
            "{first}"
        );
        let people = stopped(&work);
        // Of Resend's list nobody knows whether the bounce is hard; full mailboxes of SendGrid's
        // bounces stay hard, as it says.
        let hard = people.contains(&"gone@x.example hard_bounce".to_owned());
        assert_eq!(
            (hard, people.contains(&"angry@x.example complaint".to_owned())),
            (kind != "resend", true),
            "{kind}: {people:?}"
        );
        assert!(
            !people.iter().any(|line| line.starts_with("wary") || line.starts_with("fine")),
            "{people:?}"
        );
        let again = work.run(&["events", "poll", "api", "--json"]).ends(0).object();
        assert_eq!(
            (again["new"].as_u64(), again["known"].as_u64()),
            (Some(0), Some(all)),
            "{kind}: {again}"
        );
        assert_eq!((listed(&work).0, stopped(&work)), (events, people), "{kind}: once");
        let (until, from) =
            (first["until"].as_str().expect("a time"), again["from"].as_str().expect("a time"));
        let overlap = until.parse::<Timestamp>().unwrap().duration_since(from.parse().unwrap());
        assert_eq!(
            overlap.as_hours(),
            if kind == "resend" { 72 } else { 1 },
            "{kind}: late events are looked for"
        );
        let quiet = work.run(&["-q", "events", "poll", "api"]).ends(0);
        assert_eq!(
            (quiet.out.as_str(), quiet.err.as_str()),
            ("", ""),
            "{kind}: cron hears nothing"
        );
        work.run(&["events", "poll", "api"]).ends(0).says("0 new").says("known before");
    }
}

#[test]
fn a_dry_run_prints_what_the_log_tells_and_writes_nothing() {
    let begun = Timestamp::now();
    let server = HttpServer::start(move |_, request| Act::Answer(log("mailgun", begun, request)));
    let work = at("mailgun", &server.url(), "", &[]);
    work.run(&["events", "poll", "api", "--dry-run"])
        .ends(0)
        .says("gone@x.example")
        .says("nothing was written");
    let lines = work
        .run(&["events", "poll", "api", "--dry-run", "--json", "--since", "3d"])
        .ends(0)
        .objects();
    let types: Vec<&str> =
        lines.iter().map(|line| line["type"].as_str().expect("a type")).collect();
    assert_eq!(types, ["bounced", "complained", "unsubscribed", "delivered", "events.polled"]);
    assert_eq!(
        (lines[0]["source"].as_str(), lines[0]["provider"].as_str(), lines[4]["dry_run"].as_bool()),
        (Some("poll"), Some("api"), Some(true))
    );
    assert!(!work.join(".mailbatch").exists() && stopped(&work).is_empty());
}

#[test]
fn since_begins_where_it_says_and_a_gap_before_it_is_still_read_later() {
    let server =
        HttpServer::start(move |_, request| Act::Answer(gun_page(request, Vec::new(), "x")));
    let work = at("mailgun", &server.url(), "", &[]);
    let begin = |arguments: &[&str]| {
        let ran =
            work.run(&[&["events", "poll", "api", "--json"], arguments].concat()).ends(0).object();
        let from: Timestamp = ran["from"].as_str().expect("a time").parse().expect("RFC 3339");
        Timestamp::now().duration_since(from).as_secs()
    };
    assert!((86_400..86_500).contains(&begin(&[])), "a day at first");
    // Two days later in the eyes of the place that is kept.
    let place = work.join(".mailbatch/poll/api.json");
    let mut kept: Value = serde_json::from_slice(&std::fs::read(&place).unwrap()).unwrap();
    kept["read_until"] = json!(ago(2 * 86_400).to_string());
    std::fs::write(&place, kept.to_string()).unwrap();
    assert!((600..700).contains(&begin(&["--since", "10m"])));
    assert!(
        (2 * 86_400 + 3_600..2 * 86_400 + 3_700).contains(&begin(&[])),
        "the two days are not forgotten"
    );
    assert!((3_600..3_700).contains(&begin(&[])));
    work.run(&["events", "poll", "api", "--since", "31d"]).ends(2).says("30 days");
    work.run(&["events", "poll", "api", "--since", "soon"]).ends(2);
}

#[test]
fn an_event_that_came_by_webhook_before_is_the_same_event() {
    for kind in KINDS {
        let begun = Timestamp::now();
        let server = HttpServer::start(move |_, request| Act::Answer(log(kind, begun, request)));
        let work = at(kind, &server.url(), "webhook_secret = { file = \"hook\" }", &[]);
        let at = |seconds: i64| begun - SignedDuration::from_secs(seconds);
        // Each provider's webhook about one of the log's events; SendGrid's signature is made by
        // nobody here, so its export stands for it.
        let now = Timestamp::now().as_second().to_string();
        let (headers, body): (Vec<(&str, String)>, Value) = match kind {
            "mailgun" => {
                work.secret("hook", "signing-key");
                let tag = hmac::sign(
                    &hmac::Key::new(hmac::HMAC_SHA256, b"signing-key"),
                    format!("{now}token").as_bytes(),
                );
                let hex: String = tag.as_ref().iter().map(|octet| format!("{octet:02x}")).collect();
                let signature = json!({ "timestamp": now, "token": "token", "signature": hex });
                (
                    vec![],
                    json!({ "signature": signature, "event-data": gun("failed", "gone@x.example", "g1", at(900)) }),
                )
            }
            "postmark" => {
                work.secret("hook", "user:password");
                let told = json!({ "RecordType": "Bounce", "ID": 1, "Type": "HardBounce", "MessageID": "m1", "Email": "gone@x.example",
                    "BouncedAt": at(901).to_string(), "Inactive": true, "Details": "smtp;550 5.1.1 no such user", "Metadata": {} });
                (vec![("authorization", "Basic dXNlcjpwYXNzd29yZA==".into())], told)
            }
            "resend" => {
                work.secret("hook", "whsec_MDEyMzQ1Njc4OWFiY2RlZg==");
                let told = json!({ "type": "email.complained", "created_at": at(100).to_string(), "data": { "email_id": "r2", "to": ["angry@x.example"] } });
                let tag = hmac::sign(
                    &hmac::Key::new(hmac::HMAC_SHA256, b"0123456789abcdef"),
                    format!("w1.{now}.{told}").as_bytes(),
                );
                let tag = base64(tag.as_ref());
                (
                    vec![
                        ("svix-id", "w1".into()),
                        ("svix-timestamp", now),
                        ("svix-signature", format!("v1,{tag}")),
                    ],
                    told,
                )
            }
            _ => {
                work.secret("hook", "unused");
                let told = json!({ "event": "bounce", "type": "bounce", "email": "gone@x.example", "timestamp": at(897).as_second(),
                    "sg_event_id": "e1", "sg_message_id": "s1.x", "reason": "550 5.1.1 no such user", "status": "5.1.1" });
                (vec![], told)
            }
        };
        if kind == "sendgrid" {
            work.file("export.json", body.to_string())
                .run(&["events", "ingest", "export.json"])
                .ends(0)
                .says("1 new");
        } else {
            by_webhook(&work, &headers, &body.to_string());
        }
        let before = listed(&work).0;
        assert_eq!(before.len(), 1, "{kind}: {before:?}");
        let polled = work.run(&["events", "poll", "api", "--json"]).ends(0).object();
        assert_eq!(polled["known"], 1, "{kind}: {polled}");
        assert_eq!(listed(&work).0, wanted(kind), "{kind}: told twice, one event");
        let named = stopped(&work)
            .iter()
            .filter(|line| before[0].contains(line.split(' ').next().expect("an address")))
            .count();
        assert_eq!(named, 1, "{kind}: {:?}", stopped(&work));
    }
}

#[test]
fn a_hard_bounce_soon_after_a_soft_one_is_an_event_of_its_own() {
    let begun = Timestamp::now();
    let server = HttpServer::start(move |number, request| {
        let row = |seconds: i64, reason: &str, status: &str| {
            let at = (begun - SignedDuration::from_secs(seconds)).as_second();
            json!([{ "created": at, "email": "gone@x.example", "reason": reason, "status": status }])
        };
        let rows = match request
            .path
            .split('?')
            .next()
            .and_then(|path| path.strip_prefix("/v3/suppression/"))
        {
            Some("blocks") => row(900, "450 4.2.1 try later", "4.2.1"),
            // The first poll asks for five lists.
            Some("bounces") if number >= 5 => row(600, "550 5.1.1 no such user", "5.1.1"),
            _ => json!([]),
        };
        Act::Answer(Answer::json(200, rows.to_string()))
    });
    let work = at("sendgrid", &server.url(), "", &[]);
    work.run(&["events", "poll", "api"]).ends(0);
    assert_eq!(
        (listed(&work).0, stopped(&work)),
        (vec!["bounced soft gone@x.example".to_owned()], vec![])
    );
    work.run(&["events", "poll", "api"]).ends(0);
    assert_eq!(listed(&work).0, ["bounced hard gone@x.example", "bounced soft gone@x.example"]);
    assert_eq!(stopped(&work), ["gone@x.example hard_bounce"]);
}

/// Tells the endpoint of a workspace, which then ends.
#[track_caller]
fn by_webhook(work: &Workspace, headers: &[(&str, String)], body: &str) {
    let mut listen = work.start(&["listen", "--addr", "127.0.0.1:0"]);
    let port = port_of(&listen);
    let headers: Vec<(&str, &str)> =
        headers.iter().map(|(name, value)| (*name, value.as_str())).collect();
    let answer = call(port, "POST", "/events/api", &headers, body.as_bytes()).expect("it answers");
    assert!(
        (200..300).contains(&answer.status),
        "{} {}",
        answer.status,
        String::from_utf8_lossy(&answer.body)
    );
    listen.signal(Signal::TERM);
    listen.ends_with(&[0, 143]);
}
