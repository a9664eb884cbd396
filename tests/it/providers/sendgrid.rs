//! SendGrid's side of the contract.

use serde_json::json;

use super::contract::{Contract, Mail, text};
use super::shape::Need::{May, Must};
use super::shape::{Field, Shape};
use crate::support::http::{Answer, Request};

pub(super) const CONTRACT: Contract = Contract {
    kind: "sendgrid",
    path: "/v3/mail/send",
    auth: ("authorization", "Bearer "),
    per_request: 1,
    key_header: None,
    mails,
    answer,
    breach: |request| SHAPE.fault(&request.body),
    refused: |what| failure(400, what, None),
    max_bytes: 20_000_000,
    tells_suppressed: false,
    remembers_refusals: false,
    unauthorized: || failure(401, "The provided authorization grant is invalid, expired, or revoked", None),
    throttled: || failure(429, "too many requests", None),
    failed: || failure(500, "internal error", None),
    status_taken: 202,
};

const SHAPE: Shape = Shape::Object(&[
    Field("personalizations", Must, Shape::List(1, 1_000, &Shape::Object(PERSONALIZATION))),
    Field("from", Must, MAILBOX),
    Field("reply_to", May, MAILBOX),
    Field("subject", Must, Shape::Filled(usize::MAX)),
    Field("content", Must, Shape::List(1, 2, &Shape::Object(PART))),
    Field("headers", May, Shape::Map(usize::MAX, &Shape::Text(usize::MAX))),
    Field("categories", May, Shape::List(1, 10, &Shape::Filled(255))),
]);
const PERSONALIZATION: &[Field] =
    &[Field("to", Must, Shape::List(1, 1_000, &MAILBOX)), Field("custom_args", May, Shape::Map(usize::MAX, &Shape::Text(10_000)))];
const MAILBOX: Shape = Shape::Object(&[Field("email", Must, Shape::Mailbox), Field("name", May, Shape::Filled(usize::MAX))]);
const PART: &[Field] = &[Field("type", Must, Shape::OneOf(&["text/plain", "text/html"])), Field("value", Must, Shape::Filled(usize::MAX))];

fn mails(request: &Request) -> Vec<Mail> {
    let body = request.json();
    let [personalization] = body["personalizations"].as_array().expect("an array").as_slice() else { panic!("one body, one recipient") };
    let part = |kind: &str| {
        body["content"].as_array().and_then(|parts| parts.iter().find(|part| part["type"] == kind)).map_or(String::new(), |part| text(&part["value"]))
    };
    let name = personalization["to"][0]["name"].as_str().unwrap_or_default();
    assert!(!name.contains([';', ',']), "{name}");
    assert_eq!(body["content"][0]["type"], "text/plain", "the text part comes first");
    vec![Mail {
        to: text(&personalization["to"][0]["email"]),
        subject: text(&body["subject"]),
        text: part("text/plain"),
        html: part("text/html"),
        headers: body["headers"].as_object().map(|all| all.iter().map(|(name, value)| (name.clone(), text(value))).collect()).unwrap_or_default(),
        id: text(&personalization["custom_args"]["mailbatch_id"]),
    }]
}

fn answer(mails: &[Mail]) -> Answer {
    if mails.iter().any(Mail::is_bad) {
        return failure(400, "Does not contain a valid address.", Some("personalizations.0.to.0.email"));
    }
    Answer { status: 202, headers: vec![("X-Message-Id", format!("id-{}", mails[0].id))], body: Vec::new() }
}

fn failure(status: u16, message: &str, field: Option<&str>) -> Answer {
    Answer::json(status, json!({ "errors": [{ "message": message, "field": field, "help": null }] }).to_string())
}
