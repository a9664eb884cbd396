//! Mailers.io's side of the contract, in the form that is assumed for it, and what is particular to
//! results that come later.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicUsize, Ordering};

use serde_json::{Value, json};

use super::contract::{Contract, Mail, text};
use super::handed_over;
use super::shape::Need::{May, Must, OneOfThese};
use super::shape::{Field, Shape};
use crate::support::http::{Act, Answer, HttpServer, Request};
use crate::support::running::everybody;

pub(super) const CONTRACT: Contract = Contract {
    kind: "mailersio",
    path: "/batches",
    auth: ("authorization", "Bearer "),
    per_request: 1_000,
    key_header: Some("idempotency-key"),
    mails,
    answer,
    breach: |request| SHAPE.fault(&request.body),
    refused: |what| failure(422, "invalid", what),
    max_bytes: 20_000_000,
    tells_suppressed: true,
    remembers_refusals: false,
    unauthorized: || failure(401, "unauthorized", "The API key is not valid"),
    throttled: || failure(429, "rate_limited", "Too many requests"),
    failed: || failure(500, "internal", "Something went wrong"),
    status_taken: 202,
};

const SHAPE: Shape = Shape::Object(&[
    Field("from", Must, Shape::Mailbox),
    Field("recipients", Must, Shape::List(1, 1_000, &Shape::Object(RECIPIENT))),
    Field("tags", May, Shape::List(1, usize::MAX, &Shape::Filled(256))),
]);
const RECIPIENT: &[Field] = &[
    Field("email", Must, Shape::Mailbox),
    Field("name", May, Shape::Filled(usize::MAX)),
    Field("subject", Must, Shape::Filled(usize::MAX)),
    Field("html", OneOfThese, Shape::Text(usize::MAX)),
    Field("text", OneOfThese, Shape::Text(usize::MAX)),
    Field("headers", May, Shape::Map(usize::MAX, &Shape::Text(usize::MAX))),
    Field("metadata", May, Shape::Map(usize::MAX, &Shape::Text(usize::MAX))),
];

fn mails(request: &Request) -> Vec<Mail> {
    let body = request.json();
    assert_eq!(body["from"], "\"Acme, Inc.\" <news@acme.example>");
    let mail = |mail: &Value| Mail {
        to: text(&mail["email"]),
        subject: text(&mail["subject"]),
        text: text(&mail["text"]),
        html: text(&mail["html"]),
        headers: mail["headers"]
            .as_object()
            .map(|all| all.iter().map(|(name, value)| (name.clone(), text(value))).collect())
            .unwrap_or_default(),
        id: text(&mail["metadata"]["mailbatch_id"]),
    };
    body["recipients"].as_array().expect("a list of recipients").iter().map(mail).collect()
}

/// A batch is named after its first message.
fn batch_of(mails: &[Mail]) -> String {
    format!("batch_{}", mails.first().map_or("", |mail| &mail.id))
}

fn answer(mails: &[Mail]) -> Answer {
    Answer::json(
        202,
        json!({ "id": batch_of(mails), "status": "queued", "total": mails.len() }).to_string(),
    )
}

/// What the service tells about a batch that it has taken.
pub(super) fn progress(request: &Request, submitted: &[Vec<Mail>]) -> Answer {
    let id = request.path.strip_prefix("/batches/").expect("a batch is asked for");
    let Some(mails) = submitted.iter().find(|mails| batch_of(mails) == id) else {
        return failure(404, "not_found", "No such batch");
    };
    let result = |mail: &Mail| match mail.is_bad() {
        false if mail.is_suppressed() => json!({ "email": mail.address(), "status": "suppressed" }),
        true => json!({ "email": mail.address(), "status": "rejected", "reason": "bad_address" }),
        false => {
            json!({ "email": mail.address(), "status": "sent", "message_id": format!("id-{}", mail.id) })
        }
    };
    // Results need not come in the order of the request.
    let results: Vec<Value> = mails.iter().rev().map(result).collect();
    Answer::json(
        200,
        json!({ "id": id, "status": "completed", "total": mails.len(), "recipients": results })
            .to_string(),
    )
}

fn failure(status: u16, code: &str, message: &str) -> Answer {
    Answer::json(status, json!({ "error": { "code": code, "message": message } }).to_string())
}

#[test]
fn a_question_that_fails_is_asked_again_and_nobody_is_sent_to_twice() {
    let asked = AtomicUsize::new(0);
    let submitted = std::sync::Mutex::new(Vec::new());
    let server = HttpServer::start(move |_, request| {
        let mut submitted = submitted.lock().expect("the service goes on");
        if request.method == "POST" {
            submitted.push(mails(request));
            return Act::Answer(answer(&mails(request)));
        }
        match asked.fetch_add(1, Ordering::AcqRel) {
            0 => Act::Answer(failure(500, "internal", "Something went wrong")),
            1 => Act::Close,
            2 => Act::Answer(failure(404, "not_found", "not yet")),
            3 => Act::Answer(Answer::html(502, "<html>Bad Gateway</html>")),
            4 => Act::Answer(Answer::json(
                200,
                "{\"id\":\"batch_1\",\"status\":\"processing\",\"total\":2}",
            )),
            5 => Act::Answer(Answer::json(200, "{\"id\":")),
            _ => Act::Answer(progress(request, &submitted)),
        }
    });
    let work = CONTRACT.workspace(&server.url(), "poll = \"20ms\"", 12);
    work.run(&["send", "list.csv"]).ends(0);
    assert_eq!(work.report().counts(), BTreeMap::from([("accepted", 12)]));
    let mut sent: Vec<String> =
        handed_over(&server).iter().flat_map(mails).map(|mail| mail.address().to_owned()).collect();
    sent.sort();
    assert_eq!(sent, everybody(12));
}

#[test]
fn whoever_has_no_result_in_time_is_unknown_with_the_batchs_id_and_is_not_sent_to_again() {
    let server = HttpServer::start(|_, request| match request.method.as_str() {
        "POST" => Act::Answer(Answer::json(202, "{\"id\":\"batch_42\",\"status\":\"queued\"}")),
        _ => {
            let done = json!([{ "email": "ann@x.example", "status": "sent", "message_id": "m1" }, { "email": "ben@x.example", "status": "suppressed" }]);
            Act::Answer(Answer::json(
                200,
                json!({ "id": "batch_42", "status": "processing", "recipients": done }).to_string(),
            ))
        }
    });
    let work = CONTRACT.workspace(&server.url(), "poll = \"20ms\"\npatience = \"200ms\"", 0);
    work.file("list.csv", "id,email,name\n1,ann@x.example,Ann\n2,ben@x.example,Ben\n3,cat@x.example,Cat\n4,dan@x.example,Dan\n");
    work.run(&["send", "list.csv"]).ends(6);
    let report = work.report();
    assert_eq!(
        report.counts(),
        BTreeMap::from([("accepted", 1), ("suppressed", 1), ("unknown", 2)])
    );
    assert_eq!(report.cell("ann@x.example", "mb_provider_id"), "m1");
    assert!(report.cell("cat@x.example", "mb_detail").contains("batch_42"));
    let requests = handed_over(&server).len();
    work.run(&["send", "list.csv"]).ends(6);
    assert_eq!(handed_over(&server).len(), requests, "not by guess");
}

#[test]
fn every_name_can_be_changed() {
    let server = HttpServer::start(|_, request| {
        assert_eq!(request.header("x-api-key"), super::KEY);
        match (request.method.as_str(), request.path.as_str()) {
            ("POST", "/v1/batches") => {
                assert!(!request.header("x-request-key").is_empty());
                assert!(request.json()["to_list"][0]["address"].is_string());
                Act::Answer(Answer::json(200, "{\"data\":{\"batch_id\":7}}"))
            }
            ("GET", "/v1/batches/7") => {
                let list = json!([{ "rcpt": { "to": "ann@x.example" }, "state": "ok" }, { "rcpt": { "to": "ben@x.example" }, "state": "no" }]);
                Act::Answer(Answer::json(
                    200,
                    json!({ "data": { "state": "done", "list": list } }).to_string(),
                ))
            }
            other => panic!("{other:?}"),
        }
    });
    let names = "names = { path = \"/v1/batches\", auth_header = \"X-Api-Key\", auth_prefix = \"\", key_header = \"X-Request-Key\", \
         recipients = \"to_list\", email = \"address\", id = \"data.batch_id\", status = \"data.state\", completed = \"done\", \
         results = \"data.list\", result_email = \"rcpt.to\", result_status = \"state\", sent = \"ok\", rejected = \"no\" }";
    let work = CONTRACT.workspace(&server.url(), names, 0);
    work.file("list.csv", "id,email,name\n1,ann@x.example,Ann\n2,ben@x.example,Ben\n");
    work.run(&["send", "list.csv"]).ends(3);
    assert_eq!(work.report().counts(), BTreeMap::from([("accepted", 1), ("rejected", 1)]));
}
