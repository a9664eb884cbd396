//! `suppress sync` and `suppress diff`, against each provider's documented list in pages, and
//! against replies that are none.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use serde_json::{Value, json};

use super::{KEY, at};
use crate::support::http::{Act, Answer, HttpServer, Request};
use crate::support::running::LONG;
use crate::support::{Workspace, wait_for};

const KINDS: [&str; 8] =
    ["ses", "sendgrid", "mailgun", "postmark", "resend", "bird", "drin", "emitlo"];

/// A page of each provider's list, as its documentation shows it. Every list holds these, and some
/// more: `gone@x.example` bounced, `angry@x.example` complained, and `left@x.example` unsubscribed
/// or was taken out by hand.
fn list(kind: &str, request: &Request) -> Answer {
    let path = request.path.as_str();
    let ses = |email: &str, reason: &str| json!({ "EmailAddress": email, "Reason": reason, "LastUpdateTime": 1_700_000_000.5 });
    let postmark = |email: &str, reason: &str, origin: &str| json!({ "EmailAddress": email, "SuppressionReason": reason, "Origin": origin, "CreatedAt": "2026-01-02T03:04:05-05:00" });
    let resend = |id: &str, email: &str, origin: &str| json!({ "object": "suppression", "id": id, "email": email, "origin": origin, "source_id": null, "created_at": "2026-01-02T03:04:05.000Z" });
    let plain = |email: &str, reason: &str| json!({ "id": 1, "email": email, "reason": reason, "created_at": "2026-01-02T03:04:05Z" });
    let row = |email: &str| json!({ "created": 1_700_000_000, "email": email, "reason": "550 5.1.1 no such user", "status": "5.1.1" });
    let many = || (0..500).map(|n| row(&format!("many{n}@x.example"))).collect::<Vec<_>>();
    let mailgun = |items: Value, list: &str, page: &str| {
        let next = format!(
            "http://{}/v3/mg.acme.example/{list}?page=next&address={page}&limit=1000",
            request.header("host")
        );
        json!({ "items": items, "paging": { "first": "http://x/", "next": next, "previous": "http://x/", "last": "http://x/" } })
    };
    let body = match (kind, path) {
        ("ses", "/v2/email/suppression/addresses?PageSize=100") => {
            json!({ "SuppressedDestinationSummaries": [ses("Gone@X.example", "BOUNCE")], "NextToken": "to/ken=" })
        }
        ("ses", "/v2/email/suppression/addresses?PageSize=100&NextToken=to%2Fken%3D") => {
            json!({ "SuppressedDestinationSummaries": [ses("angry@x.example", "COMPLAINT")] })
        }
        ("sendgrid", "/v3/suppression/bounces?limit=500&offset=0") => Value::Array(many()),
        ("sendgrid", "/v3/suppression/bounces?limit=500&offset=500") => {
            json!([row("gone@x.example")])
        }
        ("sendgrid", "/v3/suppression/invalid_emails?limit=500&offset=0") => {
            json!([row("typo@x.example")])
        }
        ("sendgrid", "/v3/suppression/spam_reports?limit=500&offset=0") => {
            json!([{ "created": 1, "email": "angry@x.example", "ip": "10.0.0.1" }])
        }
        ("sendgrid", "/v3/suppression/unsubscribes?limit=500&offset=0") => {
            json!([{ "created": 1, "email": "left@x.example" }])
        }
        ("mailgun", "/v3/mg.acme.example/bounces?limit=1000") => {
            let item = json!({ "address": "gone@x.example", "code": "550", "error": "no", "created_at": "Fri, 21 Oct 2011 11:02:55 UTC" });
            mailgun(json!([item]), "bounces", "gone%40x.example")
        }
        ("mailgun", "/v3/mg.acme.example/complaints?limit=1000") => mailgun(
            json!([{ "address": "angry@x.example", "created_at": "Fri, 21 Oct 2011 11:02:55 UTC" }]),
            "complaints",
            "angry",
        ),
        ("mailgun", "/v3/mg.acme.example/unsubscribes?limit=1000") => {
            let items = json!([{ "address": "left@x.example", "tags": ["*"] }, { "address": "picky@x.example", "tags": ["spring"] }]);
            mailgun(items, "unsubscribes", "left")
        }
        ("mailgun", path) if path.contains("page=next") => {
            let name = path.split(['/', '?']).nth(3).expect("a list");
            mailgun(json!([]), name, "end")
        }
        ("postmark", "/message-streams/outbound/suppressions/dump") => json!({ "Suppressions": [
            postmark("gone@x.example", "HardBounce", "Recipient"), postmark("angry@x.example", "SpamComplaint", "Recipient"),
            postmark("left@x.example", "ManualSuppression", "Recipient"), postmark("out@x.example", "ManualSuppression", "Customer")
        ] }),
        ("resend", "/suppressions?limit=100") => {
            json!({ "object": "list", "has_more": true, "data": [resend("s1", "gone@x.example", "bounce"), resend("s2", "angry@x.example", "complaint")] })
        }
        ("resend", "/suppressions?limit=100&after=s2") => {
            json!({ "object": "list", "has_more": false, "data": [resend("s3", "out@x.example", "manual")] })
        }
        ("bird", "/v1/email/suppressions?limit=100") => {
            json!({ "data": [plain("gone@x.example", "hard_bounce"), plain("angry@x.example", "complaint")], "next_cursor": "c 1", "prev_cursor": null })
        }
        ("bird", "/v1/email/suppressions?limit=100&starting_after=c%201") => {
            json!({ "data": [plain("left@x.example", "unsubscribe")], "next_cursor": null })
        }
        ("drin", "/v1/suppressions?limit=100") => {
            json!({ "data": [plain("gone@x.example", "hard_bounce")], "nextCursor": "n" })
        }
        ("drin", "/v1/suppressions?limit=100&cursor=n") => {
            json!({ "data": [plain("angry@x.example", "complaint"), plain("left@x.example", "unsubscribe")], "nextCursor": null })
        }
        ("emitlo", "/api/v1/suppressions") => {
            json!({ "status": "success", "data": { "total": 3, "suppressions": [
            plain("gone@x.example", "hard_bounce"), plain("angry@x.example", "complaint"), plain("left@x.example", "unsubscribe")
        ] } })
        }
        (kind, path) => panic!("{kind} has no {path}"),
    };
    Answer::json(200, body.to_string())
}

/// What is expected of a list, as `address,reason`.
fn wanted(kind: &str) -> BTreeSet<String> {
    let mut all: BTreeSet<String> =
        ["gone@x.example,hard_bounce", "angry@x.example,complaint"].map(str::to_owned).into();
    match kind {
        "ses" => {}
        "resend" => drop(all.insert("out@x.example,manual".into())),
        "postmark" => {
            all.extend(["left@x.example,unsubscribe".to_owned(), "out@x.example,manual".to_owned()])
        }
        _ => drop(all.insert("left@x.example,unsubscribe".into())),
    }
    if kind == "sendgrid" {
        all.insert("typo@x.example,hard_bounce".into());
        all.extend((0..500).map(|n| format!("many{n}@x.example,hard_bounce")));
    }
    all
}

/// The file's entries as `address,reason`; each must have the provider as its source.
#[track_caller]
fn file(work: &Workspace) -> Vec<String> {
    let text = work.read("stop.csv");
    let lines = text
        .lines()
        .skip(1)
        .map(|line| line.strip_suffix(",api").unwrap_or_else(|| panic!("{line}")).to_owned());
    lines.collect()
}

/// What a provider is told by one request.
fn told(kind: &str, request: &Request) -> Vec<String> {
    let body = request.json();
    let text = |value: &Value| value.as_str().expect("a text").to_owned();
    let all = |value: &Value, key: &str| -> Vec<String> {
        value.as_array().expect("a list").iter().map(|row| text(&row[key])).collect()
    };
    match (kind, request.method.as_str(), request.path.as_str()) {
        ("ses", "PUT", "/v2/email/suppression/addresses") => {
            vec![format!("{} {}", text(&body["EmailAddress"]), text(&body["Reason"]))]
        }
        ("sendgrid", "POST", "/v3/asm/suppressions/global") => {
            body["recipient_emails"].as_array().expect("a list").iter().map(text).collect()
        }
        ("mailgun", "POST", path) => {
            let list = path.strip_prefix("/v3/mg.acme.example/").expect("a list");
            all(&body, "address").into_iter().map(|email| format!("{email} {list}")).collect()
        }
        ("postmark", "POST", "/message-streams/outbound/suppressions") => {
            all(&body["Suppressions"], "EmailAddress")
        }
        ("resend", "POST", "/suppressions/batch/add") => {
            body["emails"].as_array().expect("a list").iter().map(text).collect()
        }
        ("bird", "POST", "/v1/email/suppressions") | ("drin", "POST", "/v1/suppressions") => {
            vec![text(&body["email"])]
        }
        ("emitlo", "POST", "/api/v1/suppressions") => {
            vec![format!("{} {}", text(&body["email"]), text(&body["reason"]))]
        }
        other => panic!("{other:?}"),
    }
}

fn server(kind: &'static str) -> HttpServer {
    HttpServer::start(move |_, request| match (kind, request.method.as_str()) {
        (_, "GET") => Act::Answer(list(kind, request)),
        ("postmark", _) => {
            let rows: Vec<Value> =
                told(kind, request).iter().map(|email| json!({ "EmailAddress": email, "Status": "Suppressed", "Message": null })).collect();
            Act::Answer(Answer::json(200, json!({ "Suppressions": rows }).to_string()))
        }
        _ => Act::Answer(Answer::json(if kind == "ses" { 200 } else { 201 }, "{}")),
    })
}

/// Everything the provider was told, in order.
fn pushed(kind: &str, server: &HttpServer) -> Vec<String> {
    server
        .requests()
        .iter()
        .filter(|request| request.method != "GET")
        .flat_map(|request| told(kind, request))
        .collect()
}

#[test]
fn their_list_is_pulled_through_all_its_pages_into_the_file_and_the_ledger_once() {
    for kind in KINDS {
        let server = server(kind);
        let work = at(kind, &server.url(), "", &[]);
        let object = work.run(&["suppress", "sync", "api", "--pull", "--json"]).ends(0).object();
        let wanted = wanted(kind);
        assert_eq!(file(&work).into_iter().collect::<BTreeSet<_>>(), wanted, "{kind}");
        assert_eq!(
            (object["pulled"].as_u64(), object["pushed"].as_u64()),
            (Some(wanted.len() as u64), Some(0)),
            "{kind}: {object}"
        );
        let again = work.run(&["suppress", "sync", "api", "--pull", "--json"]).ends(0).object();
        assert_eq!(
            (again["pulled"].as_u64(), file(&work).len()),
            (Some(0), wanted.len()),
            "{kind}: once"
        );
        assert!(pushed(kind, &server).is_empty());
        // The ledger has it too, and a file that lost it gets it again.
        work.file("stop.csv", "email,reason,source\n");
        work.run(&["suppress", "check", "GONE@x.example"])
            .ends(0)
            .says("hard_bounce")
            .says("ledger");
        work.run(&["suppress", "sync", "api", "--pull"]).ends(0);
        assert_eq!(file(&work).len(), wanted.len(), "{kind}");
        assert_eq!(
            std::fs::read_dir(work.join(".mailbatch/sync")).unwrap().count(),
            0,
            "nothing is left to go on with"
        );
    }
}

#[test]
fn what_stops_one_tag_only_is_left_out_and_told() {
    let server = server("mailgun");
    at("mailgun", &server.url(), "", &[])
        .run(&["suppress", "sync", "api", "--pull"])
        .ends(0)
        .says("1 of theirs were left out")
        .says("one tag only");
    let server = HttpServer::start(|_, _| {
        Act::Answer(Answer::json(
            200,
            r#"{"status":"success","data":{"suppressions":[{"id":1,"email":"a@x.example","reason":"manual"}],"total":40}}"#,
        ))
    });
    at("emitlo", &server.url(), "", &[])
        .run(&["suppress", "sync", "api", "--pull"])
        .ends(0)
        .says("39 of theirs were left out: not listed by the API");
}

const OURS: &str = "email,reason,scope,source,created_at,expires_at,note\n\
    gone@x.example,hard_bounce,,,,,\nnew1@x.example,hard_bounce,,,,,\nnew2@x.example,complaint,,,,,\nnew3@x.example,manual,,,,,\n\
    new4@x.example,unsubscribe,,,,,\n@all.example,manual,,,,,\nuntil@x.example,manual,,,,2099-01-01,\nold@x.example,manual,,,,2020-01-01,\n";

#[test]
fn they_are_told_of_ours_as_far_as_their_list_means_the_same() {
    for kind in KINDS {
        let server = server(kind);
        let work = at(kind, &server.url(), "", &[]);
        work.file("stop.csv", OURS);
        let object = work.run(&["suppress", "sync", "api", "--push", "--json"]).ends(0).object();
        let wanted: &[&str] = match kind {
            "ses" => &["new1@x.example BOUNCE", "new2@x.example COMPLAINT"],
            "mailgun" => &[
                "new1@x.example bounces",
                "new2@x.example complaints",
                "new3@x.example unsubscribes",
                "new4@x.example unsubscribes",
            ],
            "sendgrid" => &["new1@x.example", "new2@x.example", "new3@x.example", "new4@x.example"],
            "emitlo" => &[
                "new1@x.example hard_bounce",
                "new2@x.example complaint",
                "new3@x.example manual",
                "new4@x.example unsubscribe",
            ],
            _ => &["new1@x.example", "new2@x.example", "new3@x.example"],
        };
        assert_eq!(pushed(kind, &server), wanted, "{kind}");
        assert_eq!(
            (object["pushed"].as_u64(), object["pulled"].as_u64()),
            (Some(wanted.len() as u64), Some(0)),
            "{kind}"
        );
        assert_eq!(object["not_taken"].as_u64(), Some(6 - wanted.len() as u64), "{kind}: {object}");
        assert_eq!(work.read("stop.csv"), OURS, "{kind}: nothing is pulled");
    }
}

#[test]
fn a_dry_run_changes_nothing_on_either_side() {
    let server = server("ses");
    let work = at("ses", &server.url(), "", &[]);
    work.file("stop.csv", OURS);
    work.run(&["suppress", "sync", "api", "--dry-run"])
        .ends(0)
        .says("1 would be pulled")
        .says("2 of ours would be pushed");
    assert_eq!(work.read("stop.csv"), OURS);
    assert!(pushed("ses", &server).is_empty() && !work.join(".mailbatch").exists());
}

#[test]
fn both_ways_is_the_default_and_comes_to_rest() {
    let told = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&told);
    let server = HttpServer::start(move |_, request| {
        if request.method == "GET" {
            let mut data = vec![json!({ "email": "gone@x.example", "reason": "hard_bounce" })];
            if count.load(Ordering::Acquire) > 0 {
                data.push(json!({ "email": "ours@x.example", "reason": "manual" }));
            }
            return Act::Answer(Answer::json(
                200,
                json!({ "data": data, "nextCursor": null }).to_string(),
            ));
        }
        count.fetch_add(1, Ordering::AcqRel);
        Act::Answer(Answer::json(201, "{}"))
    });
    let work = at("drin", &server.url(), "", &[]);
    work.file("stop.csv", "email,reason,source\nours@x.example,manual,crm\n");
    for _ in 0..3 {
        work.run(&["suppress", "sync", "api"]).ends(0);
    }
    assert_eq!(told.load(Ordering::Acquire), 1);
    assert_eq!(work.read("stop.csv").lines().count(), 3, "{}", work.read("stop.csv"));
    work.run(&["suppress", "diff", "api"]).ends(0).says("2 on both, 0 only theirs, 0 only ours");
}

#[test]
fn a_page_that_fails_leaves_the_others_and_the_next_command_goes_on_there() {
    let server = HttpServer::start(|number, request| match number {
        // All five times that it is asked.
        1..=5 => Act::Answer(Answer::json(503, "{}")),
        _ => Act::Answer(list("ses", request)),
    });
    let work = at("ses", &server.url(), "", &[]);
    work.run(&["suppress", "sync", "api"]).ends(5).says("503").says("goes on where it stopped");
    assert_eq!(file(&work), ["gone@x.example,hard_bounce"]);
    let kept = std::fs::read_to_string(work.join(".mailbatch/sync/api.ndjson"))
        .expect("how far it has come");
    assert!(!kept.contains("gone"), "no address: {kept}");
    work.run(&["suppress", "sync", "api"]).ends(0);
    let paths: Vec<String> = server.requests().into_iter().map(|request| request.path).collect();
    assert!(paths[6].contains("NextToken"), "the first page is not asked for again: {paths:?}");
    assert_eq!(file(&work), ["gone@x.example,hard_bounce", "angry@x.example,complaint"]);
    assert_eq!(paths.len(), 7, "nobody of theirs is told to them: {paths:?}");
}

#[test]
fn a_place_that_is_forgotten_is_begun_anew() {
    let server = HttpServer::start(|number, request| match number {
        1..=5 => Act::Answer(Answer::json(500, "{}")),
        6 => Act::Answer(
            Answer::json(400, r#"{"message":"Invalid NextToken"}"#)
                .with("x-amzn-ErrorType", "BadRequestException"),
        ),
        _ => Act::Answer(list("ses", request)),
    });
    let work = at("ses", &server.url(), "", &[]);
    work.run(&["suppress", "sync", "api", "--pull"]).ends(5);
    work.run(&["suppress", "sync", "api", "--pull"]).ends(0);
    assert_eq!(file(&work), ["gone@x.example,hard_bounce", "angry@x.example,complaint"]);
}

#[test]
fn a_list_that_never_ends_is_given_up() {
    // The same cursor again and again, a new cursor with the same people, and an offset that is not
    // heeded.
    let same = |_: usize, _: &Request| json!({ "data": [{ "email": "a@x.example", "reason": "manual" }], "nextCursor": "n" });
    let new = |n: usize, _: &Request| json!({ "data": [{ "email": "a@x.example", "reason": "manual" }], "nextCursor": format!("n{n}") });
    let rows: Vec<Value> =
        (0..500).map(|n| json!({ "email": format!("u{n}@x.example") })).collect();
    let deaf = move |_: usize, _: &Request| Value::Array(rows.clone());
    type Body = Box<dyn Fn(usize, &Request) -> Value + Send + Sync>;
    let bodies: [(&str, Body); 3] =
        [("drin", Box::new(same)), ("drin", Box::new(new)), ("sendgrid", Box::new(deaf))];
    for (kind, body) in bodies {
        let server = HttpServer::start(move |number, request| {
            Act::Answer(Answer::json(200, body(number, request).to_string()))
        });
        at(kind, &server.url(), "", &[])
            .run(&["suppress", "sync", "api", "--pull"])
            .ends(5)
            .says("does not end");
        assert!(server.requests().len() <= 13, "{} requests", server.requests().len());
    }
}

#[test]
fn bad_replies_end_the_command_and_write_nothing() {
    type Case = (fn() -> Answer, i32, &'static str);
    let cases: [Case; 8] = [
        (|| Answer::json(401, format!("{{\"message\":\"no {KEY}\"}}")), 7, "401"),
        (|| Answer::json(403, r#"{"message":"no access"}"#), 7, "no access"),
        (|| Answer::html(200, "<html>"), 7, "web page"),
        (|| Answer::html(502, "<html>"), 5, "502"),
        (|| Answer::json(200, "{\"data\":[{\"email\""), 5, "cannot be read"),
        (|| Answer::json(200, "null"), 5, "cannot be read"),
        (|| Answer::json(429, "{}").with("Retry-After", "3600"), 5, "429"),
        (|| Answer::json(302, "").with("Location", "https://evil.example/"), 7, "redirect"),
    ];
    for (answer, code, says) in cases {
        let server = HttpServer::start(move |_, _| Act::Answer(answer()));
        // A server's failure is waited for, which takes its time.
        let kinds: &[&str] = if says == "502" { &["drin"] } else { &["drin", "postmark"] };
        for kind in kinds {
            let work = at(kind, &server.url(), "", &[]);
            let ran = work.run(&["-vv", "suppress", "sync", "api"]).ends(code).says(says);
            assert!(!ran.out.contains(KEY) && !ran.err.contains(KEY), "{}", ran.err);
            assert_eq!(work.read("stop.csv"), "email,reason,source\n");
            if says != "502" {
                work.run(&["suppress", "diff", "api"]).ends(code);
            }
        }
    }
}

#[test]
fn a_link_that_leads_elsewhere_is_not_followed_with_the_key() {
    let elsewhere = HttpServer::forbidden();
    let url = elsewhere.url();
    for next in [
        format!("{url}/v3/mg.acme.example/bounces?page=next"),
        "/v3/mg.acme.example/bounces".into(),
        "SAME/v3/other.example/bounces".into(),
    ] {
        let server = HttpServer::start(move |_, request| {
            let next = next.replace("SAME", &format!("http://{}", request.header("host")));
            Act::Answer(Answer::json(
                200,
                json!({ "items": [{ "address": "a@x.example" }], "paging": { "next": next } })
                    .to_string(),
            ))
        });
        let work = at("mailgun", &server.url(), "", &[]);
        work.run(&["suppress", "sync", "api", "--pull"]).ends(7).says("leads elsewhere");
        assert_eq!(server.requests().len(), 1);
    }
}

#[test]
fn hostile_entries_do_no_harm() {
    let hostile = [
        "",
        "nobody",
        "@x.example",
        "sha256:00",
        "a@x.example\nb@x.example,manual",
        "=cmd|' /C calc'!A0",
        "a b@x.example",
        "\"q,\"@x.example",
        "ok@x.example",
    ];
    let data: Vec<Value> = hostile
        .iter()
        .map(|email| json!({ "email": email, "reason": "no, \"such\"\nreason" }))
        .collect();
    let server = HttpServer::start(move |_, _| {
        Act::Answer(Answer::json(200, json!({ "data": data, "nextCursor": null }).to_string()))
    });
    let work = at("drin", &server.url(), "", &[]);
    work.file("stop.csv", "email,reason,source,note\n");
    let object = work.run(&["suppress", "sync", "api", "--pull", "--json"]).ends(0).object();
    let readable = object["pulled"].as_u64().expect("a count");
    assert_eq!(object["unreadable"].as_u64(), Some(hostile.len() as u64 - readable), "{object}");
    assert!((1..=2).contains(&readable), "{object}");
    work.run(&["suppress", "check", "ok@x.example"]).ends(0).says("manual");
    work.run(&["suppress", "check", "b@x.example"]).ends(9);
    work.run(&["suppress", "list"]).ends(0);
}

#[test]
fn a_second_command_waits_a_moment_for_the_first_and_then_says_who_is_at_it() {
    let is_open = Arc::new(AtomicBool::new(false));
    let opened = Arc::clone(&is_open);
    let server = HttpServer::start(move |_, request| match opened.load(Ordering::Acquire) {
        true => Act::Answer(list("drin", request)),
        false => Act::Silence,
    });
    let work = at("drin", &server.url(), "", &[]);
    let first = work.start(&["suppress", "sync", "api", "--pull"]);
    assert!(wait_for(|| !server.requests().is_empty(), LONG), "{}", first.err());
    work.run(&["suppress", "sync", "api", "--pull"])
        .ends(11)
        .says("another `mailbatch suppress sync api` is at it");
    // Those that start while it ends take their turn.
    let others: Vec<_> =
        (0..3).map(|_| work.start(&["suppress", "sync", "api", "--pull"])).collect();
    is_open.store(true, Ordering::Release);
    first.ends(0);
    for other in others {
        other.ends_with(&[0, 11]);
    }
    work.run(&["suppress", "sync", "api", "--pull"]).ends(0);
    assert_eq!(file(&work).len(), wanted("drin").len(), "each once");
}

#[test]
fn throttling_is_waited_for() {
    let server = HttpServer::start(|number, request| match number {
        1 => Act::Answer(Answer::json(429, "{}").with("Retry-After", "1")),
        _ => Act::Answer(list("resend", request)),
    });
    at("resend", &server.url(), "", &[]).run(&["suppress", "sync", "api", "--pull"]).ends(0);
    let requests = server.requests();
    assert!(requests[2].at - requests[1].at >= Duration::from_secs(1));
}

#[test]
fn a_difference_is_printed_by_whose_it_is() {
    let server = server("bird");
    let work = at("bird", &server.url(), "", &[]);
    work.file("stop.csv", OURS);
    work.run(&["suppress", "diff", "api"])
        .ends(0)
        .says("only theirs  angry@x.example complaint")
        .says("only ours    new3@x.example manual");
    let objects = work.run(&["suppress", "diff", "api", "--json"]).ends(0).objects();
    let last = objects.last().expect("a summary");
    assert_eq!(
        (&last["both"], &last["only_theirs"], &last["only_ours"]),
        (&json!(1), &json!(2), &json!(5)),
        "{last}"
    );
    assert_eq!(objects.len(), 8);
    assert_eq!(work.read("stop.csv"), OURS);
}

#[test]
fn an_api_without_a_list_says_so() {
    let work = at("mailersio", "https://api.example", "", &[]);
    for command in ["sync", "diff"] {
        work.run(&["suppress", command, "api"]).ends(2).says("this API has no suppression list");
        work.run(&["suppress", command, "nobody"]).ends(2).says("no provider");
    }
}
