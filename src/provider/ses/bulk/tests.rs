//! The bulk requests that SES expects, the messages that it would assemble from them, and its
//! statuses.

use std::path::Path;
use std::sync::Arc;

use proptest::prelude::*;
use serde_json::json;

use super::*;

#[test]
fn the_mailboxes_of_a_list_are_taken_apart_at_its_own_commas() {
    for (list, expected) in [
        ("a@x.example", &["a@x.example"][..]),
        (
            "\"Lee, \\\"Bob\\\"\" <b@x.example>, =?utf-8?q?Zo=C3=AB=2C?= <z@x.example>, a@x.example",
            &[
                "\"Lee, \\\"Bob\\\"\" <b@x.example>",
                "=?utf-8?q?Zo=C3=AB=2C?= <z@x.example>",
                "a@x.example",
            ],
        ),
    ] {
        assert_eq!(mailboxes_of(list), expected);
    }
}
use crate::content::Party;
use crate::provider::http::testing::answer;
use crate::provider::http::{Api, Read};
use crate::provider::testing::{job, settings};
use crate::provider::{Capabilities, Form, Provider};

fn connected(keys: &str) -> Result<Ses, String> {
    let keys = format!(
        "region = \"us-east-1\"\naccess_key_id = \"AKOWN\"\nsecret_access_key = {{ env = \"hunter2\" }}\n{keys}"
    );
    Ses::new(&settings(&keys, Path::new("/nowhere/.mailbatch"))).map_err(|error| error.to_string())
}

fn content(subject: &str, text: &str, html: Option<&str>) -> Content {
    Content {
        from: Arc::new(Party { name: "Acme, Inc.".into(), address: "news@acme.example".into() }),
        reply_to: Arc::default(),
        to_name: "Zoë".into(),
        subject: subject.into(),
        text: text.into(),
        html: html.map(str::to_owned),
        headers: vec![("List-Unsubscribe".into(), "<https://acme.example/u?a=b&c=d>".into())],
        attachments: Arc::new([]),
    }
}

/// A job with parts and an encoded message, which has only headers.
fn both(id: u64, content: Content) -> Job {
    let to = format!("user{id}@x.example");
    let head = format!(
        "From: \"Acme, Inc.\" <news@acme.example>\r\nTo: =?utf-8?q?Zo=C3=AB?=\r\n <{to}>\r\nSubject: s\r\n\r\nTo: x\r\n"
    );
    Job {
        content: Some(Arc::new(content)),
        message_id: format!("id-{id}@x"),
        ..job(id, &to, &head)
    }
}

/// Renders a Handlebars template that has only variables, without escaping and without expanding
/// the values again.
fn put_together(template: &str, values: &Map<String, Value>) -> String {
    let mut out = String::new();
    let mut rest = template;
    while let Some((before, after)) = rest.split_once("{{") {
        let (name, after) = after.split_once("}}").expect("a variable ends");
        assert!(!before.ends_with(['\\', '{']) && !after.starts_with('}'), "{template}");
        assert!(
            !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_alphanumeric()),
            "{name}"
        );
        out.push_str(before);
        out.push_str(values[name].as_str().expect("a text"));
        rest = after;
    }
    out + rest
}

fn hostile() -> impl Strategy<Value = String> {
    let pieces = [
        "a", "{", "}", "}}", "{{x}}", "\\", "\\\\", "\"", "'", "\n", "\r\n", "\u{2028}",
        "\u{2029}", "&amp;", "<b>", "é", "🦀", "t0", "h0", " ", "\t", "$1", "\u{1}",
    ];
    prop::collection::vec(prop::sample::select(pieces.to_vec()), 0..12)
        .prop_map(|pieces| pieces.concat())
}

/// The subject, text and HTML that SES assembles for each entry of a request.
fn read_back(body: &Value) -> Vec<[String; 3]> {
    let template = &body["DefaultContent"]["Template"]["TemplateContent"];
    let entry = |entry: &Value| {
        let data =
            entry["ReplacementEmailContent"]["ReplacementTemplate"]["ReplacementTemplateData"]
                .as_str()
                .expect("a text");
        let values: Map<String, Value> = serde_json::from_str(data).expect("an object");
        ["Subject", "Text", "Html"]
            .map(|part| put_together(template[part].as_str().unwrap_or_default(), &values))
    };
    body["BulkEmailEntries"].as_array().expect("a list").iter().map(entry).collect()
}

proptest! {
    #[test]
    fn what_ses_puts_together_is_what_was_rendered(texts in prop::collection::vec((hostile(), hostile(), hostile()), 2..6)) {
        let ses = connected("").unwrap();
        let jobs: Vec<Job> = texts.iter().zip(1..).map(|((subject, text, html), id)| {
            both(id, content(&format!("s{subject}"), &format!("t{text}"), Some(&format!("<p>{html}"))))
        }).collect();
        let is_hostile = texts.iter().any(|(subject, text, html)| [subject, text, html].into_iter().any(|text| text.contains("{{")));
        match ses.request(&jobs.iter().collect::<Vec<_>>(), "key") {
            Err(_) => prop_assert!(is_hostile, "nothing else keeps them apart"),
            Ok(request) => {
                let told = read_back(&serde_json::from_slice(&request.body).unwrap());
                for (told, (subject, text, html)) in told.iter().zip(&texts) {
                    prop_assert_eq!(told, &[format!("s{subject}"), format!("t{text}"), format!("<p>{html}")]);
                }
            }
        }
    }
}

#[test]
fn several_share_a_request_with_what_is_their_own() {
    let ses = connected("options = { ConfigurationSetName = \"bulk\", EmailTags = [{ Name = \"list\", Value = \"spring\" }] }").unwrap();
    let jobs = [
        both(1, content("Hi", "Dear A,\nbye", None)),
        both(2, content("Hi", "Dear B,\nbye", None)),
    ];
    let request = ses.request(&[&jobs[0], &jobs[1]], "key").unwrap();
    let entry = |id: u32, value: &str| {
        json!({
            "Destination": { "ToAddresses": [format!("=?utf-8?q?Zo=C3=AB?= <user{id}@x.example>")] },
            "ReplacementEmailContent": { "ReplacementTemplate": { "ReplacementTemplateData": json!({ "t0": value }).to_string() } },
            "ReplacementTags": [{ "Name": "list", "Value": "spring" }, { "Name": "mailbatch_id", "Value": format!("id-{id}") }],
            "ReplacementHeaders": [{ "Name": "List-Unsubscribe", "Value": "<https://acme.example/u?a=b&c=d>" }],
        })
    };
    let expected = json!({
        "FromEmailAddress": "\"Acme, Inc.\" <news@acme.example>",
        "DefaultContent": { "Template": { "TemplateContent": { "Subject": "Hi", "Text": "Dear {{t0}},\nbye" }, "TemplateData": "{}" } },
        "BulkEmailEntries": [entry(1, "A"), entry(2, "B")],
        "ConfigurationSetName": "bulk",
    });
    assert_eq!(
        (request.path.as_str(), serde_json::from_slice::<Value>(&request.body).unwrap()),
        (PATH, expected)
    );
}

#[test]
fn what_a_bulk_request_cannot_carry_goes_whole_and_by_itself() {
    let ses = connected("").unwrap();
    let good = both(1, content("Hi", "Hello", Some("<p>Hello")));
    let with = |change: fn(&mut Content)| {
        let mut changed = content("Hi", "Hello", Some("<p>Hello"));
        change(&mut changed);
        both(2, changed)
    };
    let file = |name: &str| Attachment {
        name: name.into(),
        content_type: "text/plain".into(),
        data: "eA==".into(),
        cid: None,
    };
    let mut odd = vec![
        with(|content| content.headers = (0..16).map(|n| (format!("X-{n}"), "x".into())).collect()),
        with(|content| content.headers[0].1 = "x".repeat(996)),
        with(|content| content.headers[0].1 = "é".into()),
        with(|content| content.headers[0].1 = "<https://acme.example/?{{t0}}>".into()),
        with(|content| content.headers[0].0 = "X-{{t0}}".into()),
        with(|content| content.text = "{{ x".into()),
        with(|content| content.subject = String::new()),
        with(|content| content.subject = "{{x}}".into()),
        with(|content| content.html = Some("x\0".into())),
        Job { message_id: "a:b@x".into(), ..with(|_| {}) },
        Job { message: b"To: other@x.example\r\n\r\n".to_vec(), ..with(|_| {}) },
    ];
    odd.push(both(
        2,
        Content { attachments: Arc::new([file(&"x".repeat(256))]), ..content("Hi", "Hello", None) },
    ));
    for odd in &odd {
        assert!(ses.request(&[&good, odd], "key").is_err(), "{odd:?}");
        assert_eq!((kind_of(odd), kind_of(&good) == 0), (0, false), "{odd:?}");
        assert_eq!(ses.request(&[odd], "key").unwrap().path, crate::provider::ses::PATH);
    }
    // These differ too much to share a request, and each shares one with others of its kind.
    let mut apart = vec![
        with(|content| content.text.clear()),
        with(|content| content.text = format!("é{}", "x".repeat(MAX_VALUES))),
    ];
    apart.push(with(|content| content.reply_to = Arc::from([Party::clone(&content.from)])));
    apart.push(both(
        2,
        Content { attachments: Arc::new([file("a")]), ..content("Hi", "Hello", Some("<p>Hello")) },
    ));
    for apart in &apart {
        assert!(ses.request(&[&good, apart], "key").is_err(), "{apart:?}");
        assert!(kind_of(apart) != 0);
    }
    let files = both(
        3,
        Content { attachments: Arc::new([file("a")]), ..content("Hi", "Bye", Some("<p>Hello")) },
    );
    let body: Value =
        serde_json::from_slice(&ses.request(&[&apart[3], &files], "key").unwrap().body).unwrap();
    assert_eq!(body["DefaultContent"]["Template"]["Attachments"][0]["FileName"], "a");
    let large = |id| both(id, content("Hi", &"x".repeat(MAX_BYTES), None));
    assert!(ses.request(&[&large(1), &large(2)], "key").is_err());
}

#[test]
fn bulk_is_the_default_and_can_be_turned_off() {
    let form = |keys: &str| {
        connected(keys).map(|ses| (ses.capabilities().form, ses.capabilities().per_request))
    };
    let topic = "options = { ListManagementOptions = { ContactListName = \"x\" } }";
    assert_eq!(form(""), Ok((Form::Both, 50)));
    assert_eq!(form("bulk = false"), Ok((Form::Mime, 1)));
    assert_eq!(form(topic), Ok((Form::Mime, 1)), "SendBulkEmail does not have it");
    assert!(
        form(&format!("bulk = true\n{topic}"))
            .unwrap_err()
            .contains("no field ListManagementOptions")
    );
    assert!(form("bulk = \"yes\"").unwrap_err().contains("neither true nor false"));
    let Capabilities { max_recipients, .. } = *connected("").unwrap().capabilities();
    assert_eq!(max_recipients, 50);
}

#[test]
fn everybody_in_the_simulator_keeps_their_name() {
    let mut ses = connected("").unwrap();
    ses.enter_sandbox("api").unwrap();
    let jobs = [both(1, content("Hi", "A", None)), both(2, content("Hi", "B", None))];
    let body: Value =
        serde_json::from_slice(&ses.request(&[&jobs[0], &jobs[1]], "key").unwrap().body).unwrap();
    assert_eq!(
        body["BulkEmailEntries"][1]["Destination"]["ToAddresses"][0],
        "=?utf-8?q?Zo=C3=AB?= <success+id-2@simulator.amazonses.com>"
    );
}

/// The verdicts for a list of statuses.
fn told(statuses: &[&str]) -> Read {
    let result =
        |status: &&str| json!({ "Status": status, "Error": "Illegal address", "MessageId": "m" });
    let body = json!({ "BulkEmailEntryResults": statuses.iter().map(result).collect::<Vec<_>>() });
    read(statuses.len(), &answer(200, &[], &body.to_string()))
}

#[test]
fn each_entry_is_what_its_status_says_in_either_spelling() {
    let Read::Each(verdicts) = told(&[
        "SUCCESS",
        "MESSAGE_REJECTED",
        "INVALID_PARAMETER",
        "INVALID_PARAMETER_VALUE",
        "TRANSIENT_FAILURE",
        "FAILED",
        "NEWS",
    ]) else {
        panic!("each")
    };
    assert!(matches!(&verdicts[0], Verdict::Accepted { provider_id: Some(id), .. } if id == "m"));
    assert!(
        matches!(&verdicts[1], Verdict::Rejected(refusal) if refusal.reason == Reason::Policy && refusal.code.ends_with("MESSAGE_REJECTED"))
    );
    assert!(verdicts[2..4].iter().all(|verdict| matches!(verdict, Verdict::Rejected(refusal) if refusal.reason == Reason::BadAddress)));
    assert!(matches!(&verdicts[4], Verdict::NotTaken { counts: true, .. }));
    assert!(
        verdicts[5..].iter().all(|verdict| matches!(verdict, Verdict::Unknown { .. })),
        "{verdicts:?}"
    );
    for status in [
        "MAIL_FROM_DOMAIN_NOT_VERIFIED",
        "CONFIGURATION_SET_NOT_FOUND",
        "CONFIGURATION_SET_DOES_NOT_EXIST",
        "TEMPLATE_NOT_FOUND",
        "TEMPLATE_DOES_NOT_EXIST",
        "INVALID_SENDING_POOL_NAME",
        "ACCOUNT_SUSPENDED",
        "ACCOUNT_SENDING_PAUSED",
        "CONFIGURATION_SET_SENDING_PAUSED",
        "ACCOUNT_DAILY_QUOTA_EXCEEDED",
    ] {
        let Read::EachAndStop(verdicts, refusal) = told(&["SUCCESS", status]) else {
            panic!("{status}")
        };
        assert_eq!(refusal.reason == Reason::Cap, status == "ACCOUNT_DAILY_QUOTA_EXCEEDED");
        assert!(
            matches!(
                verdicts[..],
                [Verdict::Accepted { .. }, Verdict::NotTaken { counts: false, .. }]
            ),
            "{status}"
        );
    }
    assert!(
        matches!(told(&["ACCOUNT_THROTTLED", "ACCOUNT_THROTTLED"]), Read::Again { refusal, .. } if refusal.reason == Reason::Rate)
    );
    assert!(matches!(told(&["ACCOUNT_THROTTLED", "SUCCESS"]), Read::Each(_)));
}

#[test]
fn a_reply_that_cannot_be_read_is_doubt() {
    for body in [
        "",
        "{}",
        "[]",
        "OK",
        r#"{"BulkEmailEntryResults":7}"#,
        r#"{"MessageId":"x"}"#,
        r#"{"BulkEmailEntryResults":[7]}"#,
    ] {
        assert!(matches!(read(1, &answer(200, &[], body)), Read::Doubt(_)), "{body}");
    }
    let nameless = read(1, &answer(200, &[], r#"{"BulkEmailEntryResults":[{}]}"#));
    assert!(
        matches!(nameless, Read::Each(verdicts) if matches!(verdicts[0], Verdict::Unknown { .. }))
    );
    // With a list of another length every outcome is unknown, whatever the statuses: a throttled
    // entry may belong to another recipient.
    for status in ["SUCCESS", "ACCOUNT_THROTTLED", "ACCOUNT_DAILY_QUOTA_EXCEEDED", "FAILED"] {
        for told in [0, 1, 3] {
            let body = json!({ "BulkEmailEntryResults": vec![json!({ "Status": status }); told] })
                .to_string();
            assert!(matches!(read(2, &answer(200, &[], &body)), Read::Doubt(_)), "{body}");
        }
    }
}
