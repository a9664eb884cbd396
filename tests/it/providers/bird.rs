//! Bird's side of the contract.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use serde_json::{Value, json};

use super::contract::{Contract, Mail, text};
use super::shape::Need::{May, Must, OneOfThese};
use super::shape::{Field, Shape};
use crate::support::http::{Act, Answer, HttpServer, Request};
use crate::support::lists;
use crate::support::running::everybody;

pub(super) const CONTRACT: Contract = Contract {
    kind: "bird",
    path: "/v1/email/batches",
    auth: ("authorization", "Bearer "),
    per_request: 100,
    key_header: Some("idempotency-key"),
    mails,
    answer,
    breach: |request| SHAPE.fault(&request.body),
    refused: |what| {
        failure(422, "validation_error", "ValidationFailed", &json!({ "message": what }))
    },
    max_bytes: 20_000_000,
    tells_suppressed: true,
    remembers_refusals: true,
    unauthorized: || failure(401, "auth_error", "Unauthorized", &json!({})),
    throttled: || {
        failure(429, "rate_limit_error", "RateLimitExceeded", &json!({}))
            .with("RateLimit", "\"email_batch\";r=0;t=1")
    },
    failed: || failure(500, "internal_error", "InternalError", &json!({})),
    status_taken: 202,
};

const SHAPE: Shape = Shape::List(1, 100, &Shape::Object(MAIL));
const MAIL: &[Field] = &[
    Field("from", Must, MAILBOX),
    Field("to", Must, Shape::List(1, 50, &MAILBOX)),
    Field("reply_to", May, Shape::List(1, 25, &MAILBOX)),
    Field("subject", Must, Shape::Filled(998)),
    Field("html", OneOfThese, Shape::Text(524_288)),
    Field("text", OneOfThese, Shape::Text(524_288)),
    Field("headers", May, Shape::Map(25, &Shape::Text(998))),
    Field("category", May, Shape::OneOf(&["marketing", "transactional"])),
    Field("metadata", May, Shape::Map(usize::MAX, &Shape::Text(2_048))),
    Field("tags", May, Shape::List(1, 20, &Shape::Object(TAG))),
];
const MAILBOX: Shape = Shape::Object(&[
    Field("email", Must, Shape::Mailbox),
    Field("name", May, Shape::Filled(usize::MAX)),
]);
const TAG: &[Field] =
    &[Field("name", Must, Shape::Filled(32)), Field("value", Must, Shape::Filled(64))];

fn mails(request: &Request) -> Vec<Mail> {
    let body = request.json();
    let mail = |mail: &Value| {
        assert_eq!(mail["to"].as_array().map(Vec::len), Some(1), "one recipient of a message");
        assert_eq!(mail["from"], json!({ "email": "news@acme.example", "name": "Acme, Inc." }));
        let headers = mail["headers"]
            .as_object()
            .map(|all| all.iter().map(|(name, value)| (name.clone(), text(value))).collect());
        let headers: BTreeMap<String, String> = headers.unwrap_or_default();
        match mail["category"].as_str() {
            Some("marketing") => {
                assert!(!headers.contains_key("List-Unsubscribe"), "refused with 422")
            }
            Some("transactional") => {}
            other => panic!("the default of category is not certain: {other:?}"),
        }
        Mail {
            to: text(&mail["to"][0]["email"]),
            subject: text(&mail["subject"]),
            text: text(&mail["text"]),
            html: text(&mail["html"]),
            headers,
            id: text(&mail["metadata"]["mailbatch_id"]),
        }
    };
    body.as_array().expect("a bare array").iter().map(mail).collect()
}

/// All or nothing, and the refusal does not tell which message it was.
fn answer(mails: &[Mail]) -> Answer {
    if mails.iter().any(Mail::is_bad) {
        let details = json!({ "details": [{ "param": "to[0].email", "message": "must be a valid email address" }] });
        return failure(422, "validation_error", "ValidationFailed", &details);
    }
    if mails.iter().any(Mail::is_suppressed) {
        return failure(422, "validation_error", "RecipientSuppressed", &json!({}));
    }
    let data: Vec<Value> =
        mails.iter().map(|mail| json!({ "id": format!("id-{}", mail.id), "status": "accepted", "category": "marketing" })).collect();
    Answer::json(202, json!({ "data": data }).to_string())
}

fn failure(status: u16, class: &str, name: &str, more: &Value) -> Answer {
    let mut error = json!({ "type": class, "name": name, "message": "in words", "doc_url": "https://bird.com/docs", "request_id": "req_1" });
    for (key, value) in more.as_object().expect("an object") {
        error[key] = value.clone();
    }
    Answer::json(status, json!({ "error": error }).to_string())
}

#[test]
fn a_recipient_that_bird_suppresses_is_suppressed_and_the_other_ninety_nine_are_mailed() {
    let taken = Arc::new(Mutex::new(Vec::new()));
    let log = Arc::clone(&taken);
    let server = HttpServer::start(move |_, request| {
        let mails = mails(request);
        if mails.iter().any(|mail| mail.address() == lists::address(7)) {
            return Act::Answer(failure(
                422,
                "validation_error",
                "RecipientSuppressed",
                &json!({}),
            ));
        }
        log.lock().unwrap().extend(mails.iter().map(|mail| mail.address().to_owned()));
        Act::Answer(answer(&mails))
    });
    let work = CONTRACT.workspace(&server.url(), "", 100);
    work.run(&["send", "list.csv"]).ends(0);
    let report = work.report();
    assert_eq!(report.counts(), BTreeMap::from([("accepted", 99), ("suppressed", 1)]));
    assert_eq!(report.with("suppressed"), [lists::address(7)]);
    let mut once: Vec<String> =
        everybody(100).into_iter().filter(|address| *address != lists::address(7)).collect();
    let mut taken = taken.lock().unwrap().clone();
    once.sort();
    taken.sort();
    assert_eq!(taken, once);
}

#[test]
fn transactional_mail_says_so_and_keeps_our_unsubscribe_headers() {
    let (server, service) = CONTRACT.service(|_, _| None);
    let work = CONTRACT.workspace(&server.url(), "", 3);
    let config = std::fs::read_to_string(work.join("mailbatch.toml")).unwrap();
    work.config(&config.replace("\"marketing\"", "\"transactional\""));
    work.run(&["send", "list.csv"]).ends(0);
    assert!(
        server.requests().iter().all(|request| request.json()[0]["category"] == "transactional")
    );
    assert!(
        service
            .lock()
            .unwrap()
            .taken
            .iter()
            .all(|mail| mail.headers.contains_key("List-Unsubscribe"))
    );
}
