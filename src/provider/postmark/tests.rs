//! Postmark's literal replies, and the documented request.

use std::path::Path;
use std::sync::Arc;

use super::*;
use crate::provider::http::testing::answer;
use crate::provider::testing::{job, settings};

const TAKEN: &str = r#"{"ErrorCode":0,"Message":"OK","MessageID":"b7bc2f4a-e38e-4336-af7d-e6c392c2f817","SubmittedAt":"2010-11-26T12:01:05.1794748-05:00","To":"ann@x.example"}"#;
const INACTIVE: &str = r#"{"ErrorCode":406,"Message":"You tried to send to a recipient that has been marked as inactive. Found inactive addresses: bob@x.example. Inactive recipients are ones that have generated a hard bounce, a spam complaint, or a manual suppression."}"#;

fn read_for(who: &[&str], status: u16, body: &str) -> Read {
    let jobs: Vec<Job> = who.iter().zip(1..).map(|(to, id)| job(id, to, "")).collect();
    let jobs: Vec<&Job> = jobs.iter().collect();
    let answer = answer(status, &[("content-type", "application/json")], body);
    if status == 200 { verdicts(&jobs, &answer) } else { failure(jobs.len(), &answer) }
}

fn read(status: u16, body: &str) -> Read {
    read_for(&["ann@x.example", "bob@x.example"], status, body)
}

/// The verdict for the second of two messages, of which the first was accepted.
fn second(item: &str) -> Verdict {
    match read(200, &format!("[{TAKEN},{item}]")) {
        Read::Each(verdicts) | Read::EachAndStop(verdicts, _) => {
            verdicts.into_iter().nth(1).unwrap()
        }
        other => panic!("{other:?}"),
    }
}

fn failed(code: i64, message: &str) -> String {
    format!(r#"{{"ErrorCode":{code},"Message":"{message}"}}"#)
}

#[test]
fn each_element_is_the_verdict_about_the_message_in_its_place() {
    let Read::Each(verdicts) = read(200, &format!("[{TAKEN},{INACTIVE}]")) else {
        panic!("a verdict for each")
    };
    assert_eq!(
        verdicts[0],
        Verdict::Accepted {
            provider_id: Some("b7bc2f4a-e38e-4336-af7d-e6c392c2f817".into()),
            code: "200".into(),
            detail: String::new()
        }
    );
    let Verdict::Suppressed(refusal) = &verdicts[1] else { panic!("{:?}", verdicts[1]) };
    assert_eq!((refusal.reason, refusal.code.as_str()), (Reason::Manual, "200 ErrorCode 406"));
    assert!(
        refusal
            .detail
            .starts_with("You tried to send to a recipient that has been marked as inactive.")
    );
    let bad = second(&failed(300, "Invalid 'To' address: 'From'."));
    assert!(
        matches!(&bad, Verdict::Rejected(r) if r.reason == Reason::BadAddress && r.detail == "Invalid 'To' address: 'From'."),
        "{bad:?}"
    );
    let parsed = second(&failed(300, "Error parsing 'To': Illegal email domain 'x'"));
    assert!(matches!(parsed, Verdict::Rejected(r) if r.reason == Reason::BadAddress));
    for code in [300, 403, 411] {
        assert!(
            matches!(second(&failed(code, "Invalid metadata")), Verdict::Rejected(r) if r.reason == Reason::Content),
            "{code}"
        );
    }
    assert!(
        matches!(second(&failed(9_999, "new")), Verdict::Rejected(r) if r.reason == Reason::Policy)
    );
    assert!(
        matches!(second(&failed(500, "query exception")), Verdict::Unknown { detail } if detail == "query exception")
    );
    assert!(matches!(second(&failed(100, "Maintenance")), Verdict::NotTaken { counts: true, .. }));
    assert!(matches!(
        second(&failed(429, "Rate Limit Exceeded")),
        Verdict::NotTaken { counts: false, .. }
    ));
}

#[test]
fn a_message_taken_during_an_incident_has_no_error_code() {
    let item = r#"{"Message":"Message accepted, but delivery may be delayed.","MessageID":"m","SubmittedAt":"2010-11-26T12:01:05Z","To":"\"Bob, B.\" <BOB@x.example>"}"#;
    let verdict = second(item);
    assert!(
        matches!(&verdict, Verdict::Accepted { provider_id: Some(id), detail, .. } if id == "m" && detail.starts_with("Message accepted")),
        "{verdict:?}"
    );
    let without_to = second(r#"{"ErrorCode":0,"Message":"Test job accepted","MessageID":"m"}"#);
    assert!(
        matches!(without_to, Verdict::Accepted { detail, .. } if detail == "Test job accepted")
    );
}

#[test]
fn an_element_that_contradicts_itself_is_unknown() {
    for item in [
        r#"{"ErrorCode":0,"Message":"OK","To":"bob@x.example"}"#,
        r#"{"ErrorCode":0,"Message":"OK","MessageID":""}"#,
        r#"{"ErrorCode":406,"Message":"inactive","MessageID":"m"}"#,
        r#"{"ErrorCode":0,"Message":"OK","MessageID":"m","To":"eve@x.example"}"#,
        "{}",
    ] {
        assert!(matches!(second(item), Verdict::Unknown { .. }), "{item}");
    }
}

#[test]
fn a_reply_that_does_not_account_for_everybody_in_order_concludes_nothing() {
    let other = TAKEN.replace("ann@", "bob@");
    for body in [
        "[]".to_owned(),
        format!("[{TAKEN}]"),
        format!("[{TAKEN},{other},{other}]"),
        format!("[{other},{TAKEN}]"),
        format!("[{TAKEN},null]"),
        format!("[{TAKEN},{{\"ErrorCode\":\"x\"}}]"),
        TAKEN.to_owned(),
        "OK".to_owned(),
        String::new(),
        format!("[{TAKEN},"),
    ] {
        assert!(matches!(read(200, &body), Read::Doubt(_)), "{body}");
    }
}

#[test]
fn what_is_the_same_for_everybody_stops_and_blames_nobody() {
    for (code, message, reason) in [
        (10, "No Account or Server API tokens were supplied", Reason::Auth),
        (300, "Invalid 'From' address: 'x'.", Reason::Policy),
        (
            400,
            "The 'From' address you supplied is not a Sender Signature on your account.",
            Reason::Policy,
        ),
        (401, "Sender signature not confirmed", Reason::Policy),
        (405, "Not allowed to send", Reason::Cap),
        (412, "While your account is pending approval", Reason::Policy),
        (413, "Account may not send", Reason::Policy),
        (402, "Invalid JSON", Reason::Session),
        (410, "Too many batch messages", Reason::Session),
        (1_122, "Template body", Reason::Session),
        (1_235, "The stream provided: 'x' does not exist on this server.", Reason::Session),
    ] {
        let item = failed(code, message);
        let Read::EachAndStop(verdicts, refusal) = read(200, &format!("[{TAKEN},{item}]")) else {
            panic!("{item}")
        };
        assert_eq!(
            (refusal.reason, refusal.code.as_str()),
            (reason, format!("200 ErrorCode {code}").as_str())
        );
        assert!(
            matches!(
                verdicts[..],
                [Verdict::Accepted { .. }, Verdict::NotTaken { counts: false, .. }]
            ),
            "{verdicts:?}"
        );
        assert!(
            matches!(read(422, &item), Read::Stop(refusal) if refusal.reason == reason),
            "{item}"
        );
    }
}

#[test]
fn several_errors_are_looked_into() {
    let several =
        |errors: &str| format!(r#"{{"ErrorCode":11,"Message":"several","Errors":[{errors}]}}"#);
    let to = failed(300, "Invalid 'To' address");
    let from = failed(400, "not a Sender Signature");
    assert!(
        matches!(second(&several(&to)), Verdict::Rejected(r) if r.reason == Reason::BadAddress)
    );
    assert!(matches!(
        read(200, &format!("[{TAKEN},{}]", several(&format!("{to},{from}")))),
        Read::EachAndStop(..)
    ));
    assert!(
        matches!(second(&several("\"words\",7")), Verdict::Rejected(r) if r.reason == Reason::Policy)
    );
}

#[test]
fn failures_are_distinguished_by_status_and_only_then_by_code() {
    assert!(
        matches!(read(422, &failed(300, "Invalid 'To' address")), Read::Unnamed(r) if r.reason == Reason::BadAddress)
    );
    assert!(matches!(read(422, INACTIVE), Read::Unnamed(_)));
    assert!(
        matches!(read_for(&["bob@x.example"], 422, INACTIVE), Read::Each(v) if matches!(v[..], [Verdict::Suppressed(_)]))
    );
    assert!(
        matches!(read(422, &failed(100, "Maintenance")), Read::Again { refusal, .. } if refusal.reason != Reason::Rate)
    );
    assert!(matches!(read(422, &failed(500, "exception")), Read::Doubt(_)));
    assert!(
        matches!(read(401, &failed(10, "Invalid token")), Read::Stop(r) if r.reason == Reason::Auth && r.code == "401 ErrorCode 10")
    );
    assert!(matches!(read(413, &failed(413, "")), Read::Unnamed(r) if r.reason == Reason::Content));
    assert!(matches!(read(429, ""), Read::Again { refusal, .. } if refusal.reason == Reason::Rate));
    assert!(matches!(read(503, ""), Read::Again { .. }));
    for status in [404, 415] {
        assert!(matches!(read(status, ""), Read::Stop(_)), "{status}");
    }
    for status in [500, 502, 504] {
        assert!(
            matches!(read(status, &failed(406, "inactive")), Read::Doubt(_)),
            "{status}: a code is not believed there"
        );
    }
    let page = |status: u16| {
        failure(2, &answer(status, &[("content-type", "text/html")], "<html>Blocked</html>"))
    };
    assert!(matches!(page(403), Read::Stop(r) if r.detail == "a web page instead of an answer"));
    assert!(matches!(page(503), Read::Doubt(_)), "some gateway speaks in place of the API");
}

fn connected(keys: &str) -> Result<Box<dyn Provider>> {
    connect(&settings(
        &format!("api_key = {{ env = \"token\" }}\n{keys}"),
        Path::new("/nowhere/.mailbatch"),
    ))
}

#[test]
fn a_broadcast_stream_writes_the_unsubscribe_headers() {
    let who = |keys: &str| connected(keys).unwrap().capabilities().unsubscribe_headers;
    assert_eq!(who(""), UnsubscribeHeaders::Ours);
    assert_eq!(who("stream = \"broadcast\""), UnsubscribeHeaders::Provider);
    assert_eq!(who("stream = \"news\""), UnsubscribeHeaders::Ours);
    assert_eq!(
        who("stream = \"news\"\nunsubscribe_headers = \"provider\""),
        UnsubscribeHeaders::Provider
    );
    assert_eq!(
        who("stream = \"broadcast\"\nunsubscribe_headers = \"ours\""),
        UnsubscribeHeaders::Ours
    );
}

#[test]
fn wrong_keys_are_refused() {
    for (keys, says) in [
        ("unsubscribe_headers = \"none\"", "neither ours nor provider"),
        ("options = { Bcc = \"x@x.example\" }", "options.Bcc"),
        ("options = { bcc = \"x@x.example\" }", "options.bcc"),
        ("options = { Metadata = { a = 1 } }", "options.Metadata"),
        ("streem = \"x\"", "did you mean `stream`"),
    ] {
        let error = connected(keys).expect_err(says).to_string();
        assert!(error.contains(says) && error.contains("hint:"), "{error}");
    }
}

fn postmark() -> Postmark {
    let keys = "api_key = { env = \"token\" }\noptions = { Tag = \"spring\", Metadata = { team = \"a\" } }";
    let settings = settings(keys, Path::new("/nowhere/.mailbatch"));
    let mut options = Keys::of(&settings).options(&OWNED, &["Metadata"]).unwrap();
    let Some(Value::Object(metadata)) = options.remove("Metadata") else { panic!("a table") };
    let http = Http::new(&settings, BASE).unwrap();
    Postmark {
        http,
        capabilities: http::capabilities(&LIMITS),
        stream: "outbound".into(),
        metadata,
        options,
    }
}

fn with_content(text: String, bytes: usize) -> Job {
    let file = Attachment {
        name: "a.txt".into(),
        content_type: "text/plain".into(),
        data: "A".repeat(bytes / 3 * 4),
        cid: None,
    };
    let content = Content {
        from: Arc::new(Party { name: "Acme, Inc.".into(), address: "news@acme.example".into() }),
        reply_to: Arc::default(),
        to_name: "Ann".into(),
        subject: "Hello".into(),
        text,
        html: Some("<p>Hi</p>".into()),
        headers: vec![("X-A".into(), "b".into())],
        attachments: if bytes > 0 { Arc::from([file]) } else { Arc::from([]) },
    };
    Job { content: Some(Arc::new(content)), ..job(7, "ann@x.example", "") }
}

#[test]
fn a_request_is_a_bare_list_of_messages() {
    let job = with_content("Hi".into(), 3);
    let request = postmark().request(&[&job], "key").unwrap();
    assert_eq!(
        (request.path.as_str(), request.headers["content-type"].to_str().unwrap()),
        ("/email/batch", "application/json")
    );
    assert_eq!(
        serde_json::from_slice::<Value>(&request.body).unwrap(),
        serde_json::json!([{
            "From": "\"Acme, Inc.\" <news@acme.example>", "To": "Ann <ann@x.example>", "Subject": "Hello", "HtmlBody": "<p>Hi</p>",
            "TextBody": "Hi", "Headers": [{ "Name": "X-A", "Value": "b" }],
            "Attachments": [{ "Name": "a.txt", "Content": "AAAA", "ContentType": "text/plain" }],
            "Metadata": { "team": "a", "mailbatch_id": "7.id" }, "MessageStream": "outbound", "Tag": "spring"
        }])
    );
}

#[test]
fn what_is_too_large_is_refused_alone() {
    let postmark = postmark();
    let refused = |jobs: &[&Job]| {
        postmark
            .request(jobs, "key")
            .err()
            .map(|Inexpressible(refusal)| refusal.detail)
            .unwrap_or_default()
    };
    assert_eq!(
        refused(&[&with_content("x".repeat(MAX_TEXT + 1), 0)]),
        "a text of the message is larger than 5 MB"
    );
    assert_eq!(
        refused(&[&with_content("x".into(), MAX_MESSAGE)]),
        "the message is larger than 10 MB"
    );
    let large = with_content("x".into(), 9_000_000);
    assert_eq!(refused(&[&large]), "");
    assert_eq!(refused(&[&large; 5]), "the messages of a request are larger than 50 MB");
}
