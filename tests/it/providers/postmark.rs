//! Postmark's side of the contract.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::contract::{Contract, Mail, text};
use super::shape::Need::{May, Must, OneOfThese};
use super::shape::{Field, Shape};
use crate::support::http::{Act, Answer, Request};

pub(super) const CONTRACT: Contract = Contract {
    kind: "postmark",
    path: "/email/batch",
    auth: ("x-postmark-server-token", ""),
    per_request: 500,
    key_header: None,
    mails,
    answer,
    breach,
    refused: |what| failure(422, 403, what),
    max_bytes: 50_000_000,
    tells_suppressed: true,
    remembers_refusals: false,
    unauthorized: || failure(401, 10, "Request does not contain a valid Server token."),
    throttled: || failure(429, 429, "Rate Limit Exceeded"),
    failed: || failure(500, 0, "Internal Server Error"),
    status_taken: 200,
};

const SHAPE: Shape = Shape::List(1, 500, &Shape::Object(MAIL));
const MAIL: &[Field] = &[
    Field("From", Must, Shape::Mailbox),
    Field("To", Must, Shape::Mailbox),
    Field("Cc", May, Shape::Mailbox),
    Field("Bcc", May, Shape::Mailbox),
    Field("ReplyTo", May, Shape::Mailbox),
    Field("Subject", May, Shape::Text(2_000)),
    Field("HtmlBody", OneOfThese, Shape::Text(5_242_880)),
    Field("TextBody", OneOfThese, Shape::Text(5_242_880)),
    Field("Headers", May, Shape::List(0, usize::MAX, &Shape::Object(HEADER))),
    Field("Tag", May, Shape::Text(1_000)),
    Field("Metadata", May, Shape::Map(10, &Shape::Text(80))),
    Field("MessageStream", May, Shape::Filled(256)),
    Field("TrackLinks", May, Shape::OneOf(&["None", "HtmlAndText", "HtmlOnly", "TextOnly"])),
];
const HEADER: &[Field] =
    &[Field("Name", Must, Shape::Filled(256)), Field("Value", Must, Shape::Text(usize::MAX))];

/// Both headers are required besides.
fn breach(request: &Request) -> Option<String> {
    let declared = (request.header("accept"), request.header("content-type"));
    if declared == ("application/json", "application/json") {
        SHAPE.fault(&request.body)
    } else {
        Some(format!("declared as {declared:?}"))
    }
}

fn mails(request: &Request) -> Vec<Mail> {
    assert_eq!(
        (request.header("accept"), request.header("content-type")),
        ("application/json", "application/json")
    );
    let header = |header: &Value| (text(&header["Name"]), text(&header["Value"]));
    let mail = |mail: &Value| {
        assert_eq!(mail["From"], "\"Acme, Inc.\" <news@acme.example>");
        assert_eq!(mail["MessageStream"], "outbound");
        Mail {
            to: text(&mail["To"]),
            subject: text(&mail["Subject"]),
            text: text(&mail["TextBody"]),
            html: text(&mail["HtmlBody"]),
            headers: mail["Headers"].as_array().expect("a list").iter().map(header).collect(),
            id: text(&mail["Metadata"]["mailbatch_id"]),
        }
    };
    let body = request.json();
    let mails: Vec<Mail> = body.as_array().expect("a bare array").iter().map(mail).collect();
    assert!(mails.iter().all(|mail| !mail.address().contains(',')), "one address of each message");
    mails
}

fn answer(mails: &[Mail]) -> Answer {
    let item = |mail: &Mail| match mail.is_bad() {
        false if mail.is_suppressed() => {
            json!({ "ErrorCode": 406, "Message": "You tried to send to a recipient that has been marked as inactive." })
        }
        true => {
            json!({ "ErrorCode": 300, "Message": format!("Invalid 'To' address: '{}'.", mail.address()) })
        }
        false => json!({
            "ErrorCode": 0, "Message": "OK", "MessageID": format!("id-{}", mail.id), "SubmittedAt": "2026-11-21T08:00:00Z", "To": mail.address()
        }),
    };
    Answer::json(200, Value::Array(mails.iter().map(item).collect()).to_string())
}

fn failure(status: u16, code: i64, message: &str) -> Answer {
    Answer::json(status, json!({ "ErrorCode": code, "Message": message }).to_string())
}

#[test]
fn whom_the_stream_suppresses_is_suppressed_and_whom_an_account_may_not_mail_is_held() {
    let (server, _service) = CONTRACT.service(|number, take| {
        let mut answer = take();
        let mut items: Vec<Value> = serde_json::from_slice(&answer.body).expect("a list");
        match number {
            0 => items[0] = json!({ "ErrorCode": 406, "Message": "You tried to send to a recipient that has been marked as inactive." }),
            _ => items[0] = json!({ "ErrorCode": 412, "Message": "While your account is pending approval, all recipients must share your domain." }),
        }
        answer.body = Value::Array(items).to_string().into_bytes();
        Some(Act::Answer(answer))
    });
    let work = CONTRACT.workspace(&server.url(), "", 30);
    work.run(&["send", "list.csv"]).ends(7).says("pending approval");
    let accepted = server.requests().iter().map(|request| mails(request).len()).sum::<usize>() - 2;
    assert_eq!(
        work.report().counts(),
        BTreeMap::from([("accepted", accepted), ("held", 30 - 1 - accepted), ("suppressed", 1)])
    );
    assert_eq!(server.requests().len(), 2, "nothing is tried again");
}

#[test]
fn a_broadcast_stream_gets_no_unsubscribe_headers_of_ours() {
    let (server, _service) = CONTRACT.service(|_, _| {
        let item = json!({ "ErrorCode": 0, "Message": "OK", "MessageID": "m" });
        Some(Act::Answer(Answer::json(200, json!([item]).to_string())))
    });
    let work = CONTRACT.workspace(
        &server.url(),
        "stream = \"broadcast\"\noptions = { Tag = \"spring\" }",
        1,
    );
    work.run(&["send", "list.csv"]).ends(0);
    let request = server.requests()[0].json();
    assert_eq!(
        (&request[0]["MessageStream"], &request[0]["Headers"], &request[0]["Tag"]),
        (&json!("broadcast"), &json!([]), &json!("spring"))
    );
}
