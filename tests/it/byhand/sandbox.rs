//! `--provider-sandbox`: everything but the mail itself, exactly as each provider documents it.

use serde_json::{Value, json};

use super::{KEY, at};
use crate::support::http::{Act, Answer, HttpServer, Request};
use crate::support::workspace;

const LIST: [&str; 2] = ["ann@example.org", "ben@example.org"];

/// What each API answers to a hand-over to its sandbox.
fn answer(kind: &str, request: &Request) -> Answer {
    let count = || request.json().as_array().expect("a list").len();
    match kind {
        "sendgrid" => Answer { status: 200, headers: Vec::new(), body: Vec::new() },
        "mailgun" => {
            Answer::json(200, r#"{"id":"<1@mg.acme.example>","message":"Queued. Thank you."}"#)
        }
        "postmark" => {
            let item = |mail: &Value| json!({ "ErrorCode": 0, "Message": "Test job accepted", "MessageID": "m", "SubmittedAt": "2026-11-21T08:00:00Z", "To": mail["To"] });
            Answer::json(
                200,
                Value::Array(request.json().as_array().expect("a list").iter().map(item).collect())
                    .to_string(),
            )
        }
        "ses" => {
            let one = json!({ "MessageId": "0100-000000", "Status": "SUCCESS" });
            let entries = request.json()["BulkEmailEntries"].as_array().map(Vec::len);
            Answer::json(
                200,
                entries
                    .map_or(
                        one.clone(),
                        |count| json!({ "BulkEmailEntryResults": vec![one; count] }),
                    )
                    .to_string(),
            )
        }
        "resend" => {
            Answer::json(200, json!({ "data": vec![json!({ "id": "r" }); count()] }).to_string())
        }
        "bird" => Answer::json(
            202,
            json!({ "data": vec![json!({ "id": "em_1", "status": "accepted" }); count()] })
                .to_string(),
        ),
        other => panic!("{other}"),
    }
}

/// To whom the messages of a request go, and whether it is marked as a test.
fn sent(kind: &str, request: &Request) -> (Vec<String>, bool) {
    let text = String::from_utf8_lossy(&request.body).into_owned();
    let to = |value: &Value| value.as_str().expect("an address").to_owned();
    match kind {
        "mailgun" => (
            LIST.iter()
                .filter(|address| text.contains(**address))
                .map(|address| (*address).to_owned())
                .collect(),
            { text.contains("name=\"o:testmode\"\r\n\r\nyes\r\n") },
        ),
        "sendgrid" => {
            let body = request.json();
            let all = body["personalizations"]
                .as_array()
                .expect("a list")
                .iter()
                .map(|one| to(&one["to"][0]["email"]))
                .collect();
            (all, body["mail_settings"]["sandbox_mode"]["enable"] == json!(true))
        }
        "postmark" => {
            let mails = request.json();
            let all =
                mails.as_array().expect("a list").iter().map(|mail| to(&mail["To"])).collect();
            (all, request.header("x-postmark-server-token") == "POSTMARK_API_TEST")
        }
        "ses" => {
            let body = request.json();
            let entries = body["BulkEmailEntries"]
                .as_array()
                .map_or_else(|| std::slice::from_ref(&body), Vec::as_slice);
            (
                entries.iter().map(|entry| to(&entry["Destination"]["ToAddresses"][0])).collect(),
                false,
            )
        }
        "resend" => (
            request
                .json()
                .as_array()
                .expect("a list")
                .iter()
                .map(|mail| to(&mail["to"][0]))
                .collect(),
            false,
        ),
        "bird" => (
            request
                .json()
                .as_array()
                .expect("a list")
                .iter()
                .map(|mail| to(&mail["to"][0]["email"]))
                .collect(),
            false,
        ),
        other => panic!("{other}"),
    }
}

#[test]
fn each_provider_is_handed_what_its_documentation_says_and_nobody_else_is_named() {
    for (kind, ends) in [
        ("sendgrid", None),
        ("mailgun", None),
        ("postmark", None),
        ("ses", Some("@simulator.amazonses.com")),
        ("resend", Some("@resend.dev")),
        ("bird", Some("delivered@messagebird.dev")),
    ] {
        let server = HttpServer::start(move |_, request| Act::Answer(answer(kind, request)));
        let work = at(kind, &server.url(), "", &LIST);
        work.run(&["send", "list.csv", "--provider-sandbox"]).ends(0).says("no recipient got mail");
        assert_eq!(work.report().counts()["accepted"], 2, "{kind}");
        let mut all = Vec::new();
        for request in server.requests() {
            let (to, is_marked) = sent(kind, &request);
            assert!(
                ends.is_some() || is_marked,
                "{kind}: {}",
                String::from_utf8_lossy(&request.body)
            );
            assert!(
                kind != "postmark" || !format!("{request:?}").contains(KEY),
                "{kind}: the real token stays at home"
            );
            all.extend(to);
        }
        assert_eq!(all.len(), 2, "{kind}");
        match ends {
            Some(end) => assert!(all.iter().all(|to| to.ends_with(end)), "{kind}: {all:?}"),
            None => {
                assert!(LIST.iter().all(|to| all.contains(&(*to).to_owned())), "{kind}: {all:?}")
            }
        }
        // Nobody of them counts as reached: the real send begins anew.
        let before = server.requests().len();
        work.run(&["send", "list.csv", "--provider-sandbox"]).ends(0).says("nothing to do");
        assert_eq!(server.requests().len(), before);
        if kind != "postmark" {
            work.run(&["send", "list.csv"]).ends(0);
            let real: Vec<String> = server.requests()[before..]
                .iter()
                .flat_map(|request| sent(kind, request).0)
                .collect();
            assert!(LIST.iter().all(|to| real.contains(&(*to).to_owned())), "{kind}: {real:?}");
            assert!(
                server.requests()[before..].iter().all(|request| !sent(kind, request).1),
                "{kind}"
            );
        }
    }
}

#[test]
fn a_run_that_began_in_the_sandbox_stays_there() {
    let server = HttpServer::start(|_, request| Act::Answer(answer("ses", request)));
    let work = at("ses", &server.url(), "", &LIST);
    work.run(&["send", "list.csv", "--provider-sandbox", "--limit", "1"]).ends(0);
    work.run(&["resume"]).ends(0);
    assert_eq!(server.requests().len(), 2);
    assert!(
        server
            .requests()
            .iter()
            .all(|request| sent("ses", request).0[0].ends_with("@simulator.amazonses.com"))
    );
}

#[test]
fn a_provider_without_a_sandbox_is_refused_by_name_before_anything_happens() {
    for kind in ["emitlo", "drin", "mailersio"] {
        let server = HttpServer::forbidden();
        let work = at(kind, &server.url(), "", &LIST);
        work.run(&["send", "list.csv", "--provider-sandbox"])
            .ends(2)
            .says("providers.api: this API has no sandbox mode");
        assert!(work.run(&["runs", "--json"]).out.is_empty());
    }
    let work = workspace();
    work.smtp_config("smtp://127.0.0.1:1", "")
        .message("Hi", "Body.")
        .file("list.csv", "email\na@example.com\n");
    work.run(&["send", "list.csv", "--provider-sandbox"]).ends(2).says("providers.relay");
    work.sandbox_config("");
    work.run(&["send", "list.csv", "--provider-sandbox"]).ends(0);
}

#[test]
fn settings_of_ones_own_are_kept_beside_the_mode() {
    let server = HttpServer::start(|_, request| Act::Answer(answer("sendgrid", request)));
    let more =
        "options = { mail_settings = { footer = { enable = true } }, categories = [\"spring\"] }";
    at("sendgrid", &server.url(), more, &LIST)
        .run(&["send", "list.csv", "--provider-sandbox"])
        .ends(0);
    let body = server.requests()[0].json();
    assert_eq!(
        body["mail_settings"],
        json!({ "footer": { "enable": true }, "sandbox_mode": { "enable": true } })
    );
}
