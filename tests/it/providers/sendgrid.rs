//! SendGrid's side of the contract.

use std::collections::BTreeSet;
use std::io::Read as _;
use std::sync::{Arc, Mutex};

use serde_json::{Value, json};

use super::contract::{Contract, Mail, Service, text};
use super::shape::Need::{May, Must};
use super::shape::{Field, Shape};
use crate::support::http::{Act, Answer, HttpServer, Request};

pub(super) const CONTRACT: Contract = Contract {
    kind: "sendgrid",
    path: "/v3/mail/send",
    auth: ("authorization", "Bearer "),
    per_request: 1_000,
    key_header: None,
    mails,
    answer,
    breach,
    refused: |what| failure(400, what, None),
    max_bytes: 20_000_000,
    tells_suppressed: false,
    remembers_refusals: false,
    unauthorized: || {
        failure(401, "The provided authorization grant is invalid, expired, or revoked", None)
    },
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
const PERSONALIZATION: &[Field] = &[
    Field("to", Must, Shape::List(1, 1_000, &MAILBOX)),
    Field("subject", May, Shape::Filled(usize::MAX)),
    Field("headers", May, Shape::Map(usize::MAX, &Shape::Text(usize::MAX))),
    Field("substitutions", May, Shape::Map(10_000, &Shape::Text(10_000))),
    Field("custom_args", May, Shape::Map(usize::MAX, &Shape::Text(10_000))),
];
const MAILBOX: Shape = Shape::Object(&[
    Field("email", Must, Shape::Mailbox),
    Field("name", May, Shape::Filled(usize::MAX)),
]);
const PART: &[Field] = &[
    Field("type", Must, Shape::OneOf(&["text/plain", "text/html"])),
    Field("value", Must, Shape::Filled(usize::MAX)),
];

fn mails(request: &Request) -> Vec<Mail> {
    let body = request.json();
    assert_eq!(body["content"][0]["type"], "text/plain", "the text part comes first");
    body["personalizations"]
        .as_array()
        .expect("an array")
        .iter()
        .map(|personalization| mail(&body, personalization))
        .collect()
}

/// What SendGrid puts together for one recipient: each tag is replaced literally, what a
/// personalization says comes before what all say.
fn mail(body: &Value, personalization: &Value) -> Mail {
    let tags: Vec<(&String, &Value)> =
        personalization["substitutions"].as_object().into_iter().flatten().collect();
    let replaced = |text: String, (tag, value): &(&String, &Value)| {
        text.replace(tag.as_str(), value.as_str().unwrap())
    };
    let filled = |text: &str| {
        let once = tags.iter().fold(text.to_owned(), replaced);
        // Whether a value is looked through for further tags is not documented, so it must make no
        // difference in which order they come.
        assert_eq!(once, tags.iter().rev().fold(text.to_owned(), replaced));
        once
    };
    let part = |kind: &str| {
        body["content"]
            .as_array()
            .and_then(|parts| parts.iter().find(|part| part["type"] == kind))
            .map_or(String::new(), |part| filled(part["value"].as_str().unwrap_or_default()))
    };
    let own = |name: &str| {
        if personalization[name].is_null() {
            body[name].clone()
        } else {
            personalization[name].clone()
        }
    };
    let name = personalization["to"][0]["name"].as_str().unwrap_or_default();
    assert!(!name.contains([';', ',']), "{name}");
    Mail {
        to: text(&personalization["to"][0]["email"]),
        subject: filled(&text(&own("subject"))),
        text: part("text/plain"),
        html: part("text/html"),
        headers: own("headers")
            .as_object()
            .map(|all| all.iter().map(|(name, value)| (name.clone(), text(value))).collect())
            .unwrap_or_default(),
        id: text(&personalization["custom_args"]["mailbatch_id"]),
    }
}

/// What SendGrid refuses for other reasons than its fields.
fn breach(request: &Request) -> Option<String> {
    let fault = SHAPE.fault(&request.body);
    if fault.is_some() {
        return fault;
    }
    let body = request.json();
    let all = body["personalizations"].as_array().expect("an array");
    let substitutions = |personalization: &Value| {
        personalization["substitutions"]
            .as_object()
            .into_iter()
            .flatten()
            .map(|(tag, value)| tag.len() + text(value).len())
            .sum::<usize>()
    };
    if all.iter().any(|personalization| substitutions(personalization) >= 10_000) {
        return Some(
            "Each personalization block is limited to a maximum of 10000 bytes of substitutions."
                .into(),
        );
    }
    let people: BTreeSet<String> = all
        .iter()
        .map(|personalization| text(&personalization["to"][0]["email"]).to_lowercase())
        .collect();
    (people.len() < all.len())
        .then(|| "Each email address in the personalization block should be unique".into())
}

/// The one id of all of a request.
pub(super) fn id(mails: &[Mail]) -> String {
    format!("id-{}", mails[0].id)
}

fn answer(mails: &[Mail]) -> Answer {
    let bad = mails.iter().enumerate().filter(|(_, mail)| mail.is_bad());
    let errors: Vec<Value> = bad
        .map(|(place, _)| {
            let field = format!("personalizations.{place}.to.0.email");
            json!({ "message": "Does not contain a valid address.", "field": field, "help": null })
        })
        .collect();
    if !errors.is_empty() {
        return Answer::json(400, json!({ "errors": errors }).to_string());
    }
    Answer { status: 202, headers: vec![("X-Message-Id", id(mails))], body: Vec::new() }
}

fn failure(status: u16, message: &str, field: Option<&str>) -> Answer {
    Answer::json(
        status,
        json!({ "errors": [{ "message": message, "field": field, "help": null }] }).to_string(),
    )
}

/// What is sent to a service that takes everything, of a message with these parts and a list with
/// these lines.
fn sent(subject: &str, body: &str, list: &str) -> (HttpServer, Arc<Mutex<Service>>) {
    let (server, service) = CONTRACT.service(|_, _| None);
    let work = CONTRACT.workspace(&server.url(), "", 0);
    work.message(subject, body).file("list.csv", list);
    work.run(&["send", "list.csv"]).ends(0);
    (server, service)
}

#[test]
fn whole_bodies_that_differ_share_requests_as_far_as_substitutions_reach() {
    // A branch makes bodies of two shapes; what differs in one is more than substitutions hold, so
    // each shape goes by itself.
    let long = "Nothing like this line has ever been sent to anybody before today.\n\n".repeat(300);
    let body = format!(
        "Dear {{{{ name }}}},\n\n{{% if id == '1' %}}{long}{{% else %}}{}{{% endif %}}\n",
        long.to_uppercase().repeat(2)
    );
    let rows: String =
        (0..120).map(|n| format!("user{n}@example.com,Name {n},{}\n", n % 2)).collect();
    let (server, service) = sent("Hello {{ name }}", &body, &format!("email,name,id\n{rows}"));
    let service = service.lock().unwrap();
    service.nobody_twice();
    assert_eq!(service.taken.len(), 120);
    for mail in &service.taken {
        let name = mail.address().trim_start_matches("user").trim_end_matches("@example.com");
        let is_odd = name.parse::<u32>().unwrap() % 2 == 1;
        assert!(
            mail.text.starts_with(&format!("Dear Name {name},"))
                && mail.text.contains("Nothing like this") == is_odd,
            "{}",
            mail.text
        );
    }
    // Chunks double from two recipients on, and each goes in two requests.
    let requests = super::handed_over(&server).len();
    assert!(requests <= 2 * (1 + 120_u32.ilog2() as usize), "{requests} requests");
}

#[test]
fn values_that_look_like_tags_arrive_as_they_are() {
    let hostile = [
        "-name-",
        "%name%",
        "{{ name }}",
        "-t0-",
        "-",
        "--",
        "$&",
        "\\1",
        "[%name%]",
        "<b>",
        "é-ü",
        "-0123456789ab.t0-",
    ];
    let rows: String = hostile
        .iter()
        .enumerate()
        .map(|(n, value)| format!("user{n}@example.com,\"{value}\"\n"))
        .collect();
    let (_server, service) = sent(
        "-{{ name }}-",
        "a-{{ name }}-{{ name }}-b {{ email }}\n",
        &format!("email,name\n{rows}"),
    );
    let service = service.lock().unwrap();
    service.nobody_twice();
    for (n, value) in hostile.iter().enumerate() {
        let mail = service
            .taken
            .iter()
            .find(|mail| mail.address() == format!("user{n}@example.com"))
            .expect("everybody is mailed");
        assert_eq!(mail.subject, format!("-{value}-"));
        // Markdown's text part is the source, so values stand in it as they are.
        assert!(mail.text.contains(&format!("a-{value}-{value}-b")), "{value}: {}", mail.text);
    }
}

#[test]
fn a_body_that_travels_in_gzip_is_the_same_request() {
    let inflated = |request: &Request| {
        assert_eq!(
            (request.header("content-encoding"), request.header("content-type")),
            ("gzip", "application/json")
        );
        let mut body = Vec::new();
        flate2::read::GzDecoder::new(&request.body[..]).read_to_end(&mut body).expect("gzip");
        assert!(request.body.len() < body.len(), "{} {}", request.body.len(), body.len());
        Request { body, ..request.clone() }
    };
    let service: Arc<Mutex<Service>> = Arc::default();
    let shared = Arc::clone(&service);
    let server = HttpServer::start(move |_, request| {
        Act::Answer(CONTRACT.take(&shared, &inflated(request)))
    });
    let work = CONTRACT.workspace(&server.url(), "gzip = true", 60);
    work.run(&["send", "list.csv"]).ends(0);
    service.lock().unwrap().nobody_twice();
    assert_eq!(service.lock().unwrap().addresses(), crate::support::running::everybody(60));
    // It is for accounts that have it enabled, so nobody gets it unasked.
    let (plain, _service) = CONTRACT.service(|_, _| None);
    CONTRACT.workspace(&plain.url(), "", 3).run(&["send", "list.csv"]).ends(0);
    assert!(plain.requests().iter().all(|request| request.header("content-encoding").is_empty()));
    CONTRACT
        .workspace(&plain.url(), "gzip = \"yes\"", 3)
        .run(&["check", "list.csv"])
        .ends(2)
        .says("gzip: neither true nor false");
}
