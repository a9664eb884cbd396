//! Resend's side of the contract.

use serde_json::{Value, json};

use super::contract::{Contract, Mail, text};
use super::shape::Need::{May, Must, OneOfThese};
use super::shape::{Field, Shape};
use crate::support::http::{Answer, Request};
use crate::support::workspace;

pub(super) const CONTRACT: Contract = Contract {
    kind: "resend",
    path: "/emails/batch",
    auth: ("authorization", "Bearer "),
    per_request: 100,
    key_header: Some("idempotency-key"),
    mails,
    answer,
    breach: |request| SHAPE.fault(&request.body),
    refused: |what| failure(422, "validation_error", what),
    max_bytes: 40_000_000,
    tells_suppressed: false,
    remembers_refusals: false,
    unauthorized: || failure(401, "invalid_api_key", "API key is invalid"),
    throttled: || {
        failure(
            429,
            "rate_limit_exceeded",
            "Too many requests. You can only make 5 requests per second.",
        )
    },
    failed: || failure(500, "application_error", "An unexpected error occurred"),
    status_taken: 200,
};

const SHAPE: Shape = Shape::List(1, 100, &Shape::Object(MAIL));
const MAIL: &[Field] = &[
    Field("from", Must, Shape::Mailbox),
    Field("to", Must, Shape::List(1, 50, &Shape::Mailbox)),
    Field("subject", Must, Shape::Filled(usize::MAX)),
    Field("cc", May, Shape::List(1, 50, &Shape::Mailbox)),
    Field("bcc", May, Shape::List(1, 50, &Shape::Mailbox)),
    Field("reply_to", May, Shape::Mailbox),
    Field("html", OneOfThese, Shape::Text(usize::MAX)),
    Field("text", OneOfThese, Shape::Text(usize::MAX)),
    Field("headers", May, Shape::Map(usize::MAX, &Shape::Text(usize::MAX))),
    Field("tags", May, Shape::List(1, usize::MAX, &Shape::Object(TAG))),
    Field("topic_id", May, Shape::Filled(256)),
];
const TAG: &[Field] =
    &[Field("name", Must, Shape::Filled(256)), Field("value", Must, Shape::Filled(256))];

fn mails(request: &Request) -> Vec<Mail> {
    let body = request.json();
    let mail = |mail: &Value| Mail {
        to: text(&mail["to"][0]),
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
    };
    assert_eq!(request.header("x-batch-validation"), "permissive");
    body.as_array().expect("a bare array").iter().map(mail).collect()
}

fn answer(mails: &[Mail]) -> Answer {
    let data: Vec<Value> = mails
        .iter()
        .filter(|mail| !mail.is_bad())
        .map(|mail| json!({ "id": format!("id-{}", mail.id) }))
        .collect();
    let bad = mails.iter().enumerate().filter(|(_, mail)| mail.is_bad());
    let message = "Invalid `to` field. The email address needs to follow the `email@example.com` or `Name <email@example.com>` format.";
    let errors: Vec<Value> =
        bad.map(|(index, _)| json!({ "index": index, "message": message })).collect();
    Answer::json(200, json!({ "data": data, "errors": errors }).to_string())
}

fn failure(status: u16, name: &str, message: &str) -> Answer {
    Answer::json(
        status,
        json!({ "statusCode": status, "name": name, "message": message }).to_string(),
    )
}

#[test]
fn attachments_are_refused_before_anybody_is_mailed() {
    let work = workspace();
    work.config(
        "[message]\nfrom = \"news@acme.example\"\nkind = \"transactional\"\nsubject = \"Hi\"\ntext = \"Hi\"\nattachments = [{ path = \"a.txt\" }]\n\
         [providers.api]\nkind = \"resend\"\napi_key = { file = \"key\" }\nbase_url = \"http://127.0.0.1:9\"\n",
    );
    work.secret("key", "hunter2").file("a.txt", "x").file("list.csv", "email\nann@x.example\n");
    for command in ["check", "send"] {
        work.run(&[command, "list.csv"]).ends(4).says("cannot express attachments");
    }
}
