//! Mailgun's side of the contract.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::contract::{Contract, Mail};
use crate::support::http::{Act, Answer, Request};

/// The sending domain.
pub(super) const DOMAIN: &str = "domain = \"mg.acme.example\"";

pub(super) const CONTRACT: Contract = Contract {
    kind: "mailgun",
    path: "/v3/mg.acme.example/messages",
    auth: ("authorization", "Basic "),
    per_request: 1_000,
    key_header: None,
    mails,
    answer,
    breach,
    refused: |what| failure(400, what),
    max_bytes: 25_000_000,
    tells_suppressed: false,
    remembers_refusals: false,
    unauthorized: || Answer {
        status: 401,
        headers: vec![("Content-Type", "text/plain".into())],
        body: b"Forbidden".to_vec(),
    },
    throttled: || {
        failure(
            429,
            "Domain mg.acme.example is not allowed to send: account-requests-per-sec limit exceeded, try again after 120 seconds",
        )
    },
    failed: || failure(500, "Internal Server Error"),
    status_taken: 200,
};

/// The fields of a form, in order.
fn fields(request: &Request) -> Vec<(String, String)> {
    let boundary = request
        .header("content-type")
        .strip_prefix("multipart/form-data; boundary=")
        .expect("a form")
        .trim_matches('"')
        .to_owned();
    let body = String::from_utf8(request.body.clone()).expect("texts alone");
    let (begin, end) = (format!("--{boundary}\r\n"), format!("--{boundary}--\r\n"));
    let parts = body
        .strip_suffix(end.as_str())
        .expect("a whole form")
        .split(begin.as_str())
        .skip(1)
        .map(str::to_owned);
    let part = |part: String| {
        let (head, value) =
            part.strip_suffix("\r\n").expect("a line end").split_once("\r\n\r\n").expect("a head");
        let name = head
            .strip_prefix("Content-Disposition: form-data; name=\"")
            .expect("a name")
            .trim_end_matches('"');
        (name.to_owned(), value.to_owned())
    };
    parts.map(part).collect()
}

/// The fields that are known, and how often each may stand.
fn breach(request: &Request) -> Option<String> {
    if !request.header("content-type").starts_with("multipart/form-data; boundary=") {
        return Some("not a form".into());
    }
    let fields = fields(request);
    let count = |name: &str| fields.iter().filter(|(known, _)| known == name).count();
    let is_known = |name: &str| {
        ["from", "to", "subject", "text", "html", "recipient-variables"].contains(&name)
    };
    let is_custom = |name: &str| ["h:", "v:", "o:"].iter().any(|prefix| name.starts_with(prefix));
    let custom: usize = fields
        .iter()
        .filter(|(name, _)| is_custom(name))
        .map(|(name, value)| name.len() + value.len())
        .sum();
    if let Some((name, _)) = fields.iter().find(|(name, _)| !is_known(name) && !is_custom(name)) {
        return Some(format!("{name} is not a field"));
    }
    match count("to") {
        0 => return Some("to parameter is missing".into()),
        1..=1_000 => {}
        _ => return Some("Too many recipients, max is 1000".into()),
    }
    if ["from", "subject", "recipient-variables"].iter().any(|name| count(name) != 1)
        || count("text") + count("html") == 0
    {
        return Some("a parameter is missing, or there twice".into());
    }
    (custom > 16 * 1_024).then(|| "options, headers and variables are larger than 16 KB".into())
}

fn mails(request: &Request) -> Vec<Mail> {
    let fields = fields(request);
    let field =
        |name: &str| fields.iter().find(|(known, _)| known == name).map_or("", |(_, value)| value);
    assert_eq!(field("from"), "\"Acme, Inc.\" <news@acme.example>");
    let variables: Value = serde_json::from_str(field("recipient-variables"))
        .expect("without them everybody sees the whole list");
    let to = fields.iter().filter(|(name, _)| name == "to").map(|(_, value)| value.clone());
    let mail = |to: String| {
        let address =
            to.rsplit_once('<').map_or(to.as_str(), |(_, rest)| rest.trim_end_matches('>'));
        let own =
            variables[address].as_object().expect("everybody has an entry under the bare address");
        let got = |text: &str| {
            own.iter().fold(text.to_owned(), |text, (key, value)| {
                text.replace(&format!("%recipient.{key}%"), value.as_str().unwrap())
            })
        };
        let headers = fields
            .iter()
            .filter_map(|(name, value)| Some((name.strip_prefix("h:")?.to_owned(), got(value))));
        Mail {
            subject: got(field("subject")),
            text: got(field("text")),
            html: got(field("html")),
            headers: headers.collect(),
            id: got(field("v:mailbatch_id")),
            to,
        }
    };
    to.map(mail).collect()
}

/// The one id of all of a request.
pub(super) fn id(mails: &[Mail]) -> String {
    format!("id-{}@mg.acme.example", mails[0].id)
}

fn answer(mails: &[Mail]) -> Answer {
    if mails.iter().any(Mail::is_bad) {
        return failure(400, "to parameter is not a valid address. please check documentation");
    }
    Answer::json(
        200,
        json!({ "id": format!("<{}>", id(mails)), "message": "Queued. Thank you." }).to_string(),
    )
}

pub(super) fn failure(status: u16, message: &str) -> Answer {
    Answer::json(status, json!({ "message": message }).to_string())
}

#[test]
fn success_at_a_path_that_is_not_the_apis_is_a_wrong_address() {
    let text = || Answer {
        status: 200,
        headers: vec![("Content-Type", "text/plain".into())],
        body: b"Mailgun Magnificent API".to_vec(),
    };
    let (server, _service) = CONTRACT.service(move |_, _| Some(Act::Answer(text())));
    let work = CONTRACT.workspace(&server.url(), "", 30);
    work.run(&["send", "list.csv"]).ends(7).says("Magnificent").says("base_url");
    assert_eq!(work.report().counts(), BTreeMap::from([("held", 30)]));
    assert_eq!(server.requests().len(), 1);
}

#[test]
fn one_address_twice_is_mailed_twice_where_that_is_wanted() {
    let (server, service) = CONTRACT.service(|_, _| None);
    let work = CONTRACT.workspace(&server.url(), "", 0);
    work.file(
        "list.csv",
        "email,name\nann@example.com,Ann\nbob@example.com,Bob\nANN@example.com,Anna\n",
    );
    work.run(&["send", "list.csv", "--redirect-all-to", "seed@acme.example"]).ends(0);
    assert_eq!(service.lock().unwrap().addresses(), ["seed@acme.example", "seed@acme.example"]);
    assert!(
        server.requests().iter().all(|request| mails(request).len() == 1),
        "Mailgun drops an address that stands twice in a request"
    );
}
