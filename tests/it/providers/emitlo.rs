//! Emitlo's side of the contract.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};

use super::contract::{Contract, Mail, text};
use super::shape::Need::{May, Must};
use super::shape::{Field, Shape};
use crate::support::http::{Act, Answer, HttpServer, Request};
use crate::support::lists;

pub(super) const CONTRACT: Contract = Contract {
    kind: "emitlo",
    path: "/api/v1/messages/batch",
    auth: ("authorization", "Bearer "),
    per_request: 500,
    key_header: None,
    mails,
    answer,
    breach: |request| SHAPE.fault(&request.body),
    refused: |what| failure(422, "VALIDATION_ERROR", what, Value::Null),
    max_bytes: 10_000_000,
    tells_suppressed: true,
    remembers_refusals: false,
    unauthorized: || failure(401, "UNAUTHENTICATED", "Invalid credential.", Value::Null),
    throttled: || failure(429, "RATE_LIMITED", "Too many emails.", Value::Null),
    failed: || failure(500, "INTERNAL_ERROR", "Something went wrong.", Value::Null),
    status_taken: 202,
};

const FIELDS: [&str; 8] = [
    "from_email",
    "from_name",
    "to_email",
    "to_name",
    "subject",
    "body",
    "reply_to",
    "attachments",
];

const SHAPE: Shape =
    Shape::Object(&[Field("messages", Must, Shape::List(1, 500, &Shape::Object(MAIL)))]);
const MAIL: &[Field] = &[
    Field("from_email", Must, Shape::Mailbox),
    Field("from_name", May, Shape::Filled(usize::MAX)),
    Field("to_email", Must, Shape::Mailbox),
    Field("to_name", May, Shape::Filled(usize::MAX)),
    Field("subject", Must, Shape::Filled(998)),
    Field("body", Must, Shape::Filled(usize::MAX)),
    Field("reply_to", May, Shape::Mailbox),
];

fn mails(request: &Request) -> Vec<Mail> {
    let body = request.json();
    let messages = body["messages"].as_array().expect("an array");
    let once: BTreeSet<String> =
        messages.iter().map(|mail| text(&mail["to_email"]).to_lowercase()).collect();
    assert_eq!(once.len(), messages.len(), "a reply could not be told apart");
    messages.iter().map(mail).collect()
}

fn mail(mail: &Value) -> Mail {
    let fields = mail.as_object().expect("an object");
    assert!(fields.keys().all(|key| FIELDS.contains(&key.as_str())), "{mail}");
    assert_eq!(
        (&mail["from_email"], &mail["from_name"]),
        (&json!("news@acme.example"), &json!("Acme, Inc."))
    );
    let html = text(&mail["body"]);
    let shown = [
        ("&lt;", "<"),
        ("&gt;", ">"),
        ("&quot;", "\""),
        ("&#39;", "'"),
        ("&#x27;", "'"),
        ("&amp;", "&"),
    ];
    Mail {
        to: text(&mail["to_email"]),
        subject: text(&mail["subject"]),
        // As a reader sees the HTML, for there is no other text.
        text: shown.iter().fold(html.clone(), |text, (from, to)| text.replace(from, to)),
        html,
        headers: BTreeMap::new(),
        // No field takes a correlation id.
        id: text(&mail["to_email"]),
    }
}

fn answer(mails: &[Mail]) -> Answer {
    if mails.iter().any(Mail::is_bad) {
        return failure(
            422,
            "VALIDATION_ERROR",
            "The given data was invalid.",
            json!({ "to_email": ["must be a valid email address"] }),
        );
    }
    taken(mails, Mail::is_suppressed)
}

/// Ids of those who are not suppressed, in order, and the others by address.
fn taken(mails: &[Mail], is_suppressed: fn(&Mail) -> bool) -> Answer {
    let ids: Vec<String> = mails
        .iter()
        .filter(|mail| !is_suppressed(mail))
        .map(|mail| format!("id-{}", mail.id))
        .collect();
    let suppressed: Vec<Value> = mails
        .iter()
        .filter(|mail| is_suppressed(mail))
        .map(|mail| json!({ "email": mail.address().to_lowercase(), "reason": "complaint" }))
        .collect();
    let data = json!({ "accepted": ids.len(), "rejected": suppressed.len(), "message_ids": ids, "suppressed": suppressed });
    Answer::json(202, json!({ "status": "success", "data": data }).to_string())
}

fn failure(status: u16, code: &str, message: &str, details: Value) -> Answer {
    Answer::json(status, json!({ "status": "error", "error": { "code": code, "message": message, "details": details } }).to_string())
}

#[test]
fn recipients_that_emitlo_suppresses_are_told_apart_and_the_ids_still_belong_to_the_others() {
    let server = HttpServer::start(|_, request| {
        Act::Answer(taken(&mails(request), |mail| mail.address().contains("7@")))
    });
    let work = CONTRACT.workspace(&server.url(), "", 100);
    work.run(&["send", "list.csv"]).ends(0);
    let report = work.report();
    assert_eq!(report.counts(), BTreeMap::from([("accepted", 90), ("suppressed", 10)]));
    for address in lists::addresses(100) {
        let (reason, id) = if address.contains("7@") {
            ("complaint", String::new())
        } else {
            ("", format!("id-{address}"))
        };
        assert_eq!(
            (report.cell(&address, "mb_reason"), report.cell(&address, "mb_provider_id")),
            (reason, id.as_str()),
            "{address}"
        );
    }
}

#[test]
fn marketing_mail_is_refused_before_anybody_is_mailed() {
    let server = HttpServer::forbidden();
    let work = CONTRACT.workspace(&server.url(), "", 3);
    let config = std::fs::read_to_string(work.join("mailbatch.toml")).unwrap();
    work.config(&config.replace("\"transactional\"", "\"marketing\""));
    for command in ["check", "send"] {
        work.run(&[command, "list.csv"]).ends(4).says("cannot express unsubscribe headers");
    }
}
