//! `provider list`, `show` and `test`: what is told, what is not, and what is never shown.

use std::time::Duration;

use serde_json::{Value, json};

use super::{KEY, at};
use crate::support::http::{Act, Answer, HttpServer, Request};
use crate::support::recorder::{Action, Recorder, Rule, Script, Step};
use crate::support::running::relayed;
use crate::support::{Workspace, free_port, workspace};

/// What each API answers to questions of a key that may do everything, as its documentation shows
/// it.
fn answer(kind: &str, request: &Request) -> Answer {
    assert_eq!(request.method, "GET", "{kind} is only asked");
    let body = match (kind, request.path.as_str()) {
        ("ses", "/v2/email/account") => json!({
            "DedicatedIpAutoWarmupEnabled": true, "EnforcementStatus": "HEALTHY", "ProductionAccessEnabled": true, "SendingEnabled": true,
            "SendQuota": { "Max24HourSend": 50000.0, "MaxSendRate": 14.0, "SentLast24Hours": 1200.0 }
        }),
        ("ses", "/v2/email/identities/news%40acme.example") => {
            return Answer::json(
                404,
                r#"{"message":"Email identity news@acme.example does not exist."}"#,
            )
            .with("x-amzn-ErrorType", "NotFoundException");
        }
        ("ses", "/v2/email/identities/acme.example") => {
            json!({ "IdentityType": "DOMAIN", "VerifiedForSendingStatus": true })
        }
        ("sendgrid", "/v3/scopes") => json!({ "scopes": ["mail.send", "user.profile.read"] }),
        ("sendgrid", "/v3/whitelabel/domains?domain=acme.example") => {
            json!([{ "id": 1, "domain": "acme.example", "valid": true }])
        }
        ("sendgrid", "/v3/user/credits") => json!({
            "remain": 200, "total": 300, "overage": 0, "used": 100, "last_reset": "2026-11-01", "next_reset": "2026-12-01", "reset_frequency": "monthly"
        }),
        ("mailgun", "/v4/domains/mg.acme.example") => {
            json!({ "domain": { "name": "mg.acme.example", "state": "active", "is_disabled": false } })
        }
        ("postmark", "/server") => {
            json!({ "ID": 1, "Name": "Production", "ApiTokens": [KEY], "DeliveryType": "Live" })
        }
        ("postmark", "/message-streams/outbound") => {
            json!({ "ID": "outbound", "ServerID": 1, "Name": "Transactional", "MessageStreamType": "Transactional", "ArchivedAt": null })
        }
        ("resend", "/domains?limit=100") => {
            json!({ "object": "list", "has_more": false, "data": [{ "id": "d", "name": "acme.example", "status": "verified" }] })
        }
        ("bird", "/v1/email/suppressions?limit=1") => {
            json!({ "data": [], "next_cursor": null, "prev_cursor": null })
        }
        ("emitlo", "/api/v1/suppressions") => {
            json!({ "status": "success", "data": { "suppressions": [], "total": 0 } })
        }
        ("drin", "/v1/suppressions?limit=1") => json!({ "data": [], "nextCursor": null }),
        (kind, path) => panic!("{kind} has no {path}"),
    };
    Answer::json(200, body.to_string())
}

const KINDS: [&str; 8] =
    ["ses", "sendgrid", "mailgun", "postmark", "resend", "bird", "emitlo", "drin"];

/// The state and the detail of each finding.
fn findings(object: &Value) -> Vec<(String, String, String)> {
    let text = |value: &Value| value.as_str().expect("a text").to_owned();
    let all = object["findings"].as_array().expect("a list").iter();
    all.map(|finding| (text(&finding["about"]), text(&finding["state"]), text(&finding["detail"])))
        .collect()
}

fn state(object: &Value, about: &str) -> String {
    findings(object)
        .into_iter()
        .find(|(known, ..)| known == about)
        .unwrap_or_else(|| panic!("nothing about {about}: {object}"))
        .1
}

#[track_caller]
fn hides_the_key(texts: &[&str]) {
    texts.iter().for_each(|text| assert!(!text.contains(KEY), "{text}"));
}

#[test]
fn a_provider_that_would_take_mail_says_so_and_what_it_cannot_tell_is_said() {
    for kind in KINDS {
        let server = HttpServer::start(move |_, request| Act::Answer(answer(kind, request)));
        let work = at(kind, &server.url(), "", &[]);
        let ran = work.run(&["provider", "test", "api", "--json"]).ends(0);
        let object = ran.object();
        assert_eq!(
            (&object["type"], &object["usable"]),
            (&json!("provider.test"), &json!(true)),
            "{kind}"
        );
        let told = ["credentials", "sender", "quota", "key_age"].map(|about| state(&object, about));
        let wanted = match kind {
            "ses" | "sendgrid" => ["ok", "ok", "ok", "untold"],
            "mailgun" | "resend" => ["ok", "ok", "untold", "untold"],
            _ => ["ok", "untold", "untold", "untold"],
        };
        assert_eq!(told, wanted, "{kind}: {object}");
        hides_the_key(&[&ran.out, &ran.err]);
        let plain =
            work.run(&["-vv", "provider", "test", "api"]).ends(0).says("usable").says("key_age");
        hides_the_key(&[&plain.out, &plain.err]);
    }
}

#[test]
fn numbers_that_an_api_tells_are_shown() {
    let server = HttpServer::start(|_, request| Act::Answer(answer("ses", request)));
    at("ses", &server.url(), "", &[])
        .run(&["provider", "test", "api"])
        .ends(0)
        .says("14 a second, 50000 in 24 hours, 1200 sent, 48800 left");
    assert!(server.requests().iter().all(|request| {
        request.header("authorization").starts_with("AWS4-HMAC-SHA256 Credential=AKIAEXAMPLE/")
    }));
    let server = HttpServer::start(|_, request| Act::Answer(answer("sendgrid", request)));
    at("sendgrid", &server.url(), "", &[])
        .run(&["provider", "test", "api"])
        .ends(0)
        .says("200 of 300 credits left until 2026-12-01");
}

#[test]
fn a_wrong_key_ends_with_7_whatever_the_reply_echoes() {
    for kind in KINDS {
        for html in [false, true] {
            let server = HttpServer::start(move |_, _| {
                let body = format!(
                    r#"{{"message":"Forbidden key {KEY}","error":{{"message":"no {KEY}"}}}}"#
                );
                Act::Answer(if html {
                    Answer::html(401, format!("<h1>no {KEY}</h1>"))
                } else {
                    Answer::json(401, body)
                })
            });
            let work = at(kind, &server.url(), "", &[]);
            let ran = work
                .run(&["-vv", "provider", "test", "api"])
                .ends(7)
                .says("credentials  failed")
                .says("would not take mail")
                .says("401");
            hides_the_key(&[&ran.out, &ran.err]);
            assert_eq!(server.requests().len(), 1, "{kind}: nothing is tried again");
        }
    }
}

#[test]
fn replies_that_are_not_the_apis_are_no_yes() {
    let answers: [fn() -> Act; 5] = [
        || Act::Answer(Answer::html(200, "<html>hello</html>")),
        || Act::Answer(Answer::json(200, "{\"garb")),
        || Act::Answer(Answer::json(200, "[]")),
        || {
            Act::Answer(Answer {
                status: 200,
                headers: Vec::new(),
                body: b"Mailgun Magnificent API".to_vec(),
            })
        },
        || Act::Answer(Answer::json(302, "").with("Location", "https://evil.example/")),
    ];
    for answer in answers {
        let server = HttpServer::start(move |_, _| answer());
        for kind in ["ses", "postmark", "mailgun"] {
            at(kind, &server.url(), "", &[])
                .run(&["provider", "test", "api"])
                .ends(7)
                .says("failed");
        }
    }
}

#[test]
fn a_busy_service_is_asked_again_and_one_that_is_not_there_is_told_about() {
    let server = HttpServer::start(|number, request| match number {
        0 => Act::Answer(Answer::json(429, r#"{"message":"slow down"}"#).with("Retry-After", "1")),
        1 => Act::Answer(Answer::json(503, "{}")),
        2 => Act::Close,
        _ => Act::Answer(answer("bird", request)),
    });
    at("bird", &server.url(), "", &[]).run(&["provider", "test", "api"]).ends(0);
    let requests = server.requests();
    assert!(requests[1].at - requests[0].at >= Duration::from_secs(1));
    assert_eq!(requests.len(), 4);

    let nobody = format!("http://127.0.0.1:{}", free_port());
    let object =
        at("bird", &nobody, "", &[]).run(&["provider", "test", "api", "--json"]).ends(7).object();
    assert_eq!(
        (state(&object, "connection"), state(&object, "credentials")),
        ("failed".into(), "untold".into()),
        "{object}"
    );
}

#[test]
fn what_stands_in_the_way_of_sending_is_found() {
    let cases: [(&str, &str, Value, &str); 6] = [
        (
            "ses",
            "/v2/email/account",
            json!({ "SendingEnabled": false, "EnforcementStatus": "SHUTDOWN" }),
            "sending is disabled",
        ),
        (
            "ses",
            "/v2/email/identities/acme.example",
            json!({ "VerifiedForSendingStatus": false }),
            "nor acme.example is verified",
        ),
        (
            "sendgrid",
            "/v3/scopes",
            json!({ "scopes": ["user.profile.read"] }),
            "no scope mail.send",
        ),
        (
            "mailgun",
            "/v4/domains/mg.acme.example",
            json!({ "domain": { "name": "mg.acme.example", "state": "unverified" } }),
            "is unverified",
        ),
        (
            "postmark",
            "/message-streams/outbound",
            json!({ "MessageStreamType": "Transactional", "ArchivedAt": "2026-01-01T00:00:00Z" }),
            "is archived",
        ),
        (
            "resend",
            "/domains?limit=100",
            json!({ "data": [{ "id": "d", "name": "acme.example", "status": "pending" }] }),
            "not verified yet",
        ),
    ];
    for (kind, path, body, says) in cases {
        let server = HttpServer::start(move |_, request| {
            Act::Answer(if request.path == path {
                Answer::json(200, body.to_string())
            } else {
                answer(kind, request)
            })
        });
        at(kind, &server.url(), "", &[]).run(&["provider", "test", "api"]).ends(7).says(says);
    }
    // Keys that may only do what they are for.
    let restricted = r#"{"statusCode":401,"name":"restricted_api_key","message":"This API key is restricted to only send emails"}"#;
    let server = HttpServer::start(move |_, _| Act::Answer(Answer::json(401, restricted)));
    at("resend", &server.url(), "", &[])
        .run(&["provider", "test", "api"])
        .ends(0)
        .says("may only send");
    let server = HttpServer::start(|_, _| {
        Act::Answer(Answer::json(
            403,
            r#"{"status":"error","error":{"code":"FORBIDDEN","message":"Needs admin."}}"#,
        ))
    });
    at("emitlo", &server.url(), "", &[])
        .run(&["provider", "test", "api"])
        .ends(0)
        .says("credentials  untold")
        .says("Needs admin.");
}

fn relay(server: &Recorder) -> Workspace {
    let work = relayed(server, "password = { file = \"key\" }", 0);
    let config = work.read("mailbatch.toml").replace("smtp://", "smtp://me@");
    work.config(&config).secret("key", KEY);
    work
}

#[test]
fn a_relay_is_tried_up_to_auth_and_no_further() {
    let server = Recorder::with(Script::default().with("AUTH PLAIN LOGIN"));
    let ran = relay(&server)
        .run(&["provider", "test", "relay"])
        .ends(0)
        .says("AUTH succeeded")
        .says("PIPELINING")
        .says("encryption   ok      none");
    hides_the_key(&[&ran.out, &ran.err]);
    assert_eq!(server.count(), 0);
    let script = Script::default()
        .with("AUTH PLAIN LOGIN")
        .rule(Rule::new(Step::Auth, Action::reply("535 5.7.8 wrong")));
    let server = Recorder::with(script);
    let ran = relay(&server)
        .run(&["provider", "test", "relay"])
        .ends(7)
        .says("credentials  failed")
        .says("535 5.7.8");
    hides_the_key(&[&ran.out, &ran.err]);
}

#[test]
fn the_list_tells_whether_secrets_resolve_and_never_what_they_are() {
    let work = at(
        "resend",
        "https://api.resend.com",
        "rate = \"5/s\"\n[providers.other]\nkind = \"resend\"\napi_key = { env = \"NOT_THERE\" }",
        &[],
    );
    let ran = work
        .run(&["provider", "list"])
        .ends(0)
        .says("5/s")
        .says("secrets resolve")
        .says("NOT_THERE");
    hides_the_key(&[&ran.out, &ran.err]);
    let rows = work.run(&["provider", "list", "--json"]).ends(0).objects();
    let told: Vec<_> = rows
        .iter()
        .map(|row| (row["provider"].as_str(), row["usable"].as_bool(), row["in_flight"].as_u64()))
        .collect();
    assert_eq!(told, [(Some("api"), Some(true), Some(1)), (Some("other"), Some(false), Some(8))]);
    assert!(
        rows[0]["origin"].as_str().is_some_and(|origin| origin.starts_with("mailbatch.toml:")),
        "{}",
        rows[0]
    );
    work.run(&["provider", "test", "other"]).ends(2).says("NOT_THERE");
    work.run(&["provider", "test", "nobody"]).ends(2).says("no provider");
    let empty = workspace();
    empty.config("");
    empty.run(&["provider", "list"]).ends(2).says("no provider is configured");
}

#[test]
fn a_provider_shows_what_it_can_do() {
    for (kind, says) in [
        ("postmark", ["up to 500 recipients", "50000000 bytes", "by its place"]),
        ("emitlo", ["marketing mail", "unsubscribe headers  none", "idempotency          none"]),
        ("bird", ["up to 100 recipients", "3 hours", "unsubscribe headers  provider"]),
        ("mailersio", ["suppression list     none", "sandbox mode         none", "24 hours"]),
    ] {
        let more = if kind == "mailersio" { "" } else { "rate = \"1/s\"" };
        let work = at(kind, "https://api.example", more, &[]);
        let ran = work.run(&["provider", "show", "api"]).ends(0);
        for text in says {
            assert!(ran.out.contains(text), "{kind}: no {text} in\n{}", ran.out);
        }
        let object = work.run(&["provider", "show", "api", "--json"]).ends(0).object();
        assert_eq!((&object["type"], &object["kind"]), (&json!("provider.show"), &json!(kind)));
    }
}

#[test]
fn the_sandbox_is_always_ready() {
    let work = workspace();
    work.sandbox_config("");
    work.run(&["provider", "test", "sandbox"]).ends(0).says("usable");
}
