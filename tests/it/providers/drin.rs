//! Drin's side of the contract.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::contract::{Contract, Mail, text};
use super::shape::Need::{May, Must, OneOfThese};
use super::shape::{Field, Shape};
use crate::support::http::{Act, Answer, HttpServer, Request};
use crate::support::lists;

pub(super) const CONTRACT: Contract = Contract {
    kind: "drin",
    path: "/v1/emails/batch",
    auth: ("authorization", "Bearer "),
    per_request: 100,
    key_header: Some("idempotency-key"),
    mails,
    answer,
    breach: |request| SHAPE.fault(&request.body),
    refused: |what| failure(422, "validation_error", what),
    max_bytes: 20_000_000,
    tells_suppressed: true,
    remembers_refusals: false,
    unauthorized: || failure(401, "authentication_error", "Invalid API key"),
    throttled: || failure(429, "rate_limited", "Too many requests"),
    failed: || failure(500, "internal_error", "Something went wrong"),
    status_taken: 207,
};

const SHAPE: Shape =
    Shape::Object(&[Field("emails", Must, Shape::List(1, 100, &Shape::Object(MAIL)))]);
const MAIL: &[Field] = &[
    Field("from", Must, MAILBOX),
    Field("to", Must, Shape::List(1, usize::MAX, &MAILBOX)),
    Field("replyTo", May, Shape::List(1, usize::MAX, &MAILBOX)),
    Field("subject", Must, Shape::Filled(usize::MAX)),
    Field("html", OneOfThese, Shape::Text(usize::MAX)),
    Field("text", OneOfThese, Shape::Text(usize::MAX)),
    Field("headers", May, Shape::Map(usize::MAX, &Shape::Text(usize::MAX))),
    Field("tags", May, Shape::List(1, usize::MAX, &Shape::Object(TAG))),
];
const MAILBOX: Shape = Shape::Object(&[
    Field("email", Must, Shape::Mailbox),
    Field("name", May, Shape::Filled(usize::MAX)),
]);
const TAG: &[Field] =
    &[Field("name", Must, Shape::Filled(256)), Field("value", Must, Shape::Filled(256))];

fn mails(request: &Request) -> Vec<Mail> {
    let body = request.json();
    let mail = |mail: &Value| {
        assert_eq!(mail["to"].as_array().map(Vec::len), Some(1), "a message is private");
        assert_eq!(mail["from"], json!({ "email": "news@acme.example", "name": "Acme, Inc." }));
        Mail {
            to: text(&mail["to"][0]["email"]),
            subject: text(&mail["subject"]),
            text: text(&mail["text"]),
            html: text(&mail["html"]),
            headers: mail["headers"]
                .as_object()
                .map(|all| all.iter().map(|(name, value)| (name.clone(), text(value))).collect())
                .unwrap_or_default(),
            id: mail["tags"]
                .as_array()
                .and_then(|tags| tags.iter().find(|tag| tag["name"] == "mailbatch_id"))
                .map_or(String::new(), |tag| text(&tag["value"])),
        }
    };
    body["emails"].as_array().expect("a list of messages").iter().map(mail).collect()
}

fn answer(mails: &[Mail]) -> Answer {
    let suppressed = || json!({ "type": "suppressed", "message": "Recipient is suppressed", "code": "hard_bounce", "param": "to" });
    let result = |(index, mail): (usize, &Mail)| match mail.is_bad() {
        false if mail.is_suppressed() => json!({ "index": index, "error": suppressed() }),
        true => {
            json!({ "index": index, "error": { "type": "validation_error", "message": "Invalid email address", "param": "to" } })
        }
        false => json!({ "index": index, "id": format!("id-{}", mail.id), "status": "queued" }),
    };
    // The index tells whose a result is, not its place.
    let results: Vec<Value> = mails.iter().enumerate().rev().map(result).collect();
    Answer::json(207, json!({ "results": results }).to_string())
}

fn failure(status: u16, kind: &str, message: &str) -> Answer {
    Answer::json(status, json!({ "error": { "type": kind, "message": message } }).to_string())
}

#[test]
fn whom_drin_suppresses_is_suppressed_for_its_reason_and_the_project_is_named() {
    let server = HttpServer::start(|_, request| {
        assert_eq!(request.header("x-drin-product"), "prj_spring");
        let result = |mail: Mail| match mail.address() {
            "ann@x.example" => {
                json!({ "error": { "type": "suppressed", "message": "Recipient is suppressed", "code": "complaint", "param": "to" } })
            }
            _ => json!({ "id": format!("id-{}", mail.id) }),
        };
        let data: Vec<Value> = mails(request).into_iter().map(result).collect();
        Act::Answer(Answer::json(207, json!({ "data": data }).to_string()))
    });
    let work = CONTRACT.workspace(&server.url(), "project = \"prj_spring\"", 0);
    work.file("list.csv", format!("{}a,ann@x.example,Ann\n", lists::csv(9)));
    work.run(&["send", "list.csv"]).ends(0);
    let report = work.report();
    assert_eq!(report.counts(), BTreeMap::from([("accepted", 9), ("suppressed", 1)]));
    assert_eq!(report.cell("ann@x.example", "mb_reason"), "complaint");
}
