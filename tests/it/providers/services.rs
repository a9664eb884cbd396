//! Runs against stand-ins for the services that others wrote: what they refuse, we do not send;
//! what they say, we understand.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex};

use serde_json::{Value, json};

use super::contract::{Contract, text};
use super::{handed_over, postmark, resend, sendgrid, ses};
use crate::support::http::{Act, Answer, HttpServer, Request};
use crate::support::peers::{Service, peer};
use crate::support::{lists, wait_for};

/// The ids of everybody's messages in a report, in order.
fn ids(work: &crate::support::Workspace) -> Vec<String> {
    work.report().column("mb_provider_id").into_iter().map(str::to_owned).collect()
}

/// Hands a request on as it came.
fn passed_on(service: &Service, request: &Request) -> Answer {
    let headers: Vec<(&str, &str)> = request
        .headers
        .iter()
        .filter(|(name, _)| !["host", "content-length"].contains(&name.as_str()))
        .map(|(n, v)| (n.as_str(), v.as_str()))
        .collect();
    service.call(&request.method, &request.path, &headers, &request.body)
}

#[test]
fn emulates_resend_takes_everybody_once_and_a_lost_reply_gives_the_same_ids() {
    const ROWS: usize = 250;
    let resend = Arc::new(peer!(Service::emulate()));
    // What emulate answered to each key.
    let told: Arc<Mutex<BTreeMap<String, Vec<Value>>>> = Arc::default();
    let server = HttpServer::start({
        let (resend, told) = (Arc::clone(&resend), Arc::clone(&told));
        move |number, request| {
            let answer = passed_on(&resend, request);
            told.lock()
                .unwrap()
                .entry(request.header("idempotency-key").to_owned())
                .or_default()
                .push(answer.value());
            if [1, 3].contains(&number) { Act::Close } else { Act::Answer(answer) }
        }
    });
    let work = resend::CONTRACT.workspace(&server.url(), "", ROWS);
    work.run(&["send", "list.csv"]).ends(0);
    let told = told.lock().unwrap();
    assert!(
        told.values().all(|answers| answers.iter().all(|answer| answer == &answers[0])),
        "a replay gives the same ids"
    );
    assert_eq!(
        told.values().filter(|answers| answers.len() == 2).count(),
        2,
        "both lost replies were asked for again"
    );
    let emails = resend.call("GET", "/emails?limit=1000", &[], b"").value();
    let kept: BTreeMap<String, String> = emails["data"]
        .as_array()
        .unwrap()
        .iter()
        .map(|mail| (text(&mail["id"]), text(&mail["to"][0])))
        .collect();
    let ids = ids(&work);
    assert_eq!(
        ids.iter().collect::<BTreeSet<_>>(),
        kept.keys().collect(),
        "one message for each recipient, under the id of the report"
    );
    for (address, id) in lists::addresses(ROWS).iter().zip(&ids) {
        assert!(kept[id].contains(address.as_str()), "{address} is {}", kept[id]);
    }
}

#[test]
fn a_key_that_emulates_resend_knows_for_another_body_stops_the_run() {
    let resend = Arc::new(peer!(Service::emulate()));
    let server = HttpServer::start({
        let resend = Arc::clone(&resend);
        move |_, request| {
            let mut other = request.json();
            other[0]["subject"] = "Another".into();
            assert_eq!(
                passed_on(
                    &resend,
                    &Request { body: other.to_string().into_bytes(), ..request.clone() }
                )
                .status,
                200
            );
            Act::Answer(passed_on(&resend, request))
        }
    });
    let work = resend::CONTRACT.workspace(&server.url(), "", 20);
    work.run(&["send", "list.csv"]).ends(7).says("409 invalid_idempotent_request");
    assert_eq!(work.report().counts(), BTreeMap::from([("held", 20)]));
    assert_eq!(handed_over(&server).len(), 1, "nothing is tried again");
}

/// What Prism thinks of our requests, and of those in which an option is of another type than the
/// description says.
fn is_described(contract: &Contract, api: &Service, wrong: &str) -> BTreeMap<String, usize> {
    let counts = |report: &crate::support::ran::Report| {
        report.counts().into_iter().map(|(outcome, count)| (outcome.to_owned(), count)).collect()
    };
    let work = contract.workspace(&api.url(), wrong, 10);
    // The same refusal for everybody is about our requests, so it costs nobody.
    work.run(&["send", "list.csv"]).ends(7);
    let refused: BTreeMap<String, usize> = counts(&work.report());
    assert_eq!(
        refused,
        BTreeMap::from([("held".into(), 10)]),
        "Prism looks at what it is sent:\n{}",
        api.log()
    );
    let before = violations(api);
    assert!(before > 0, "Prism names what it refuses:\n{}", api.log());
    let work = contract.workspace(&api.url(), "", 10);
    work.run(&["send", "list.csv"]);
    assert_eq!(violations(api), before, "{}", api.log());
    counts(&work.report())
}

/// The requests that Prism has found to differ from the description.
fn violations(api: &Service) -> usize {
    api.log().matches("Violation:").count()
}

#[test]
fn sendgrids_own_description_of_its_api_has_everything_that_is_sent() {
    let api = peer!(Service::prism("sendgrid"));
    let counts =
        is_described(&sendgrid::CONTRACT, &api, "options = { asm = { group_id = \"seven\" } }");
    assert_eq!(counts, BTreeMap::from([("accepted".into(), 10)]));
}

#[test]
fn postmarks_own_description_of_its_api_has_everything_that_is_sent() {
    let api = peer!(Service::prism("postmark"));
    let counts = is_described(&postmark::CONTRACT, &api, "options = { TrackOpens = \"seven\" }");
    // The example that it answers is about somebody else, of which nothing is concluded.
    assert_eq!(counts, BTreeMap::from([("unknown".into(), 10)]));
}

#[test]
fn motos_ses_refuses_a_sender_that_is_not_verified_before_anybody_is_blamed_and_then_takes_everybody()
 {
    const ROWS: usize = 60;
    let aws = peer!(Service::moto());
    // moto does not know SendBulkEmail.
    let work = ses::CONTRACT.workspace(&aws.url(), "bulk = false", ROWS);
    work.run(&["send", "list.csv"])
        .ends(7)
        .says("authority to send from")
        .says("takes nothing more");
    assert_eq!(work.report().counts(), BTreeMap::from([("held", ROWS)]));
    let authorization = "AWS4-HMAC-SHA256 Credential=AKIA/20261121/eu-west-1/ses/aws4_request, SignedHeaders=host, Signature=0";
    let headers = [("Authorization", authorization), ("Content-Type", "application/json")];
    let identity = json!({ "EmailIdentity": "news@acme.example" }).to_string();
    assert_eq!(aws.call("POST", "/v2/email/identities", &headers, identity.as_bytes()).status, 200);
    work.run(&["resume"]).ends(0);
    assert_eq!(work.report().counts(), BTreeMap::from([("accepted", ROWS)]));
    // More than 50 in one request are refused; each has a message of their own.
    let fifty_one: Vec<String> = lists::addresses(51);
    let raw = json!({ "Destination": { "ToAddresses": fifty_one }, "Content": { "Raw": { "Data": "RnJvbTogbmV3c0BhY21lLmV4YW1wbGUNCg0KeA==" } } });
    let refused =
        aws.call("POST", "/v2/email/outbound-emails", &headers, raw.to_string().as_bytes());
    assert_eq!(refused.status, 400, "{refused:?}");
    let kept = aws.call("GET", "/moto-api/data.json", &[], b"").value();
    let kept = kept["ses"]["RawMessage"].as_array().map_or(0, Vec::len);
    assert_eq!(kept, ROWS);
}

/// What aws-ses-v2-local has, by its ids, once it has so many.
fn stored(aws: &Service, count: usize) -> BTreeMap<String, Value> {
    let store = || {
        aws.call("GET", "/store", &[], b"").value()["emails"]
            .as_array()
            .cloned()
            .unwrap_or_default()
    };
    assert!(
        wait_for(|| store().len() == count, crate::support::running::LONG),
        "{}",
        store().len()
    );
    store().into_iter().map(|mail| (text(&mail["messageId"]), mail)).collect()
}

#[test]
fn aws_ses_v2_locals_handlebars_puts_together_what_was_rendered() {
    let hostile = [
        "Ann",
        "{",
        "}}",
        "\\",
        "\\\\{",
        "{{name}}",
        "O'Brien & <Sons>",
        "a\"b",
        "\u{2028}",
        "t0",
        "$&",
        "{{{x}}}",
        "é 🦀",
        "{{! x }}",
    ];
    let aws = peer!(Service::aws_ses_v2_local());
    let work = ses::CONTRACT.workspace(&aws.url(), "", 0);
    // It takes no display name in a bulk request.
    work.config(&work.read("mailbatch.toml").replace("to_name = \"{{ name }}\"\n", ""));
    let rows: String = hostile
        .iter()
        .enumerate()
        .map(|(n, value)| format!("{n},user{n}@example.com,\"{}\"\n", value.replace('"', "\"\"")))
        .collect();
    work.file("list.csv", format!("id,email,name\n{rows}"));
    work.message("\\{{ name }} {", "\\{{ name }}}\n{{ name }}{{ id }}\n\nsame\n");
    work.run(&["send", "list.csv"]).ends(0);
    let kept = stored(&aws, hostile.len());
    for ((n, value), id) in hostile.iter().enumerate().zip(ids(&work)) {
        let mail = &kept[&id];
        assert_eq!(text(&mail["subject"]), format!("\\{value} {{"), "{mail}");
        assert!(
            text(&mail["body"]["text"]).starts_with(&format!("\\{value}}}\n{value}{n}\n")),
            "{value}: {mail}"
        );
        assert!(text(&mail["destination"]["to"][0]).contains(&format!("user{n}@")), "{mail}");
        let header = mail["headers"]
            .as_array()
            .into_iter()
            .flatten()
            .find(|header| header["name"] == "List-Unsubscribe");
        // A message that goes by itself is kept without its headers.
        assert!(
            header.is_none_or(|header| text(&header["value"])
                == format!("<https://acme.example/u/user{n}%40example.com>")),
            "{mail}"
        );
        assert_eq!(
            header.is_none(),
            value.contains("{{"),
            "what has nothing of a template shares requests: {mail}"
        );
    }
}

#[test]
fn aws_ses_v2_local_reads_every_message_as_it_was_meant() {
    const ROWS: usize = 30;
    let aws = peer!(Service::aws_ses_v2_local());
    let work = ses::CONTRACT.workspace(&aws.url(), "bulk = false", ROWS);
    work.run(&["send", "list.csv"]).ends(0);
    let kept = stored(&aws, ROWS);
    for (index, id) in ids(&work).iter().enumerate() {
        let (mail, name) = (&kept[id], lists::name(index));
        assert!(text(&mail["destination"]["to"][0]).contains(&lists::address(index)), "{mail}");
        assert_eq!(text(&mail["subject"]), format!("Hello {name}"));
        assert_eq!(text(&mail["body"]["text"]).trim(), format!("Dear {name}"));
        assert!(text(&mail["body"]["html"]).starts_with('<'), "{mail}");
        assert!(text(&mail["from"]).contains("news@acme.example"), "{mail}");
    }
}
