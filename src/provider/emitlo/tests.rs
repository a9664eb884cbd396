//! Literal requests and answers of Emitlo's API.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use super::*;
use crate::content::{Needs, Party};
use crate::provider::http::testing::answer;
use crate::provider::testing::{job, settings};

/// The verdicts for three members.
fn read(body: &str) -> Read {
    let jobs = ["ann@x.example", "Bob@X.example", "cy@x.example"].map(|to| job(1, to, ""));
    verdicts(&jobs.iter().collect::<Vec<_>>(), &answer(202, &[], body))
}

fn data(accepted: usize, rejected: usize, ids: &[&str], suppressed: &[(&str, &str)]) -> Read {
    let suppressed: Vec<Value> = suppressed
        .iter()
        .map(|(email, reason)| serde_json::json!({ "email": email, "reason": reason }))
        .collect();
    let data = serde_json::json!({ "accepted": accepted, "rejected": rejected, "message_ids": ids, "suppressed": suppressed });
    read(&serde_json::json!({ "status": "success", "data": data }).to_string())
}

fn words(read: Read) -> Vec<String> {
    let Read::Each(verdicts) = read else { panic!("a verdict for each, not {read:?}") };
    let word = |verdict| match verdict {
        Verdict::Accepted { provider_id, .. } => {
            format!("accepted {}", provider_id.unwrap_or_default())
        }
        Verdict::Suppressed(refusal) => format!("suppressed {}", refusal.reason),
        other => panic!("{other:?}"),
    };
    verdicts.into_iter().map(word).collect()
}

#[test]
fn ids_belong_to_those_who_are_not_suppressed_in_order() {
    assert_eq!(
        words(data(3, 0, &["a", "b", "c"], &[])),
        ["accepted a", "accepted b", "accepted c"]
    );
    for (said, reason) in [
        ("hard_bounce", "hard_bounce"),
        ("complaint", "complaint"),
        ("unsubscribe", "unsubscribe"),
        ("manual", "manual"),
        ("rate", "policy"),
        ("", "policy"),
    ] {
        let read = data(2, 1, &["a", "c"], &[("bob@x.example", said)]);
        assert_eq!(
            words(read),
            ["accepted a", &format!("suppressed {reason}"), "accepted c"],
            "{said}"
        );
    }
    let none = data(
        0,
        3,
        &[],
        &[("ann@x.example", "manual"), ("bob@x.example", "manual"), ("CY@x.example", "manual")],
    );
    assert_eq!(words(none), ["suppressed manual"; 3]);
}

#[test]
fn the_number_that_was_accepted_decides_where_the_ids_do_not_match() {
    let nameless = ["accepted ", "accepted ", "accepted "];
    assert_eq!(words(data(3, 0, &["a", "b"], &[])), nameless);
    assert_eq!(words(data(3, 0, &["a", "b", "c", "d"], &[])), nameless);
    assert_eq!(words(data(3, 1, &["a", "b", "c"], &[])), nameless);
    assert_eq!(words(read(r#"{"data":{"accepted":3,"suppressed":null}}"#)), nameless);
    assert_eq!(
        words(data(2, 1, &["a"], &[("bob@x.example", "complaint")])),
        ["accepted ", "suppressed complaint", "accepted "]
    );
}

#[test]
fn that_nobody_was_accepted_is_certain_without_names() {
    assert!(
        matches!(data(0, 3, &[], &[]), Read::Unnamed(refusal) if refusal.detail.contains("0 accepted"))
    );
}

#[test]
fn a_reply_that_does_not_account_for_everybody_concludes_nothing() {
    for read in [
        data(2, 1, &["a", "b"], &[]),
        data(2, 0, &["a", "b"], &[]),
        data(0, 0, &[], &[]),
        data(0, 3, &["a"], &[]),
        data(2, 1, &["a", "b"], &[("dan@x.example", "manual")]),
        data(1, 1, &["a"], &[("bob@x.example", "manual")]),
        data(1, 2, &["a"], &[("bob@x.example", "manual"), ("bob@x.example", "manual")]),
        data(4, 0, &["a", "b", "c", "d"], &[]),
        read(r#"{"status":"success","data":{"accepted":-1}}"#),
        read(r#"{"status":"success"}"#),
        read(""),
        read("OK"),
    ] {
        assert!(matches!(read, Read::Doubt(_)), "{read:?}");
    }
}

#[test]
fn an_address_stands_once_in_a_request() {
    let settings = settings("", Path::new("/nowhere/.mailbatch"));
    let emitlo = Emitlo { http: Http::new(&settings, BASE).unwrap(), options: Map::new() };
    let party =
        |name: &str| Arc::new(Party { name: name.into(), address: "news@acme.example".into() });
    let content = Arc::new(Content {
        from: party("Acme"),
        reply_to: Arc::from([Party::clone(&party("Help"))]),
        to_name: String::new(),
        subject: "Hi".into(),
        text: "1 < 2 & 3".into(),
        html: None,
        headers: Vec::new(),
        attachments: Arc::new([Attachment {
            name: "a.txt".into(),
            content_type: "text/plain".into(),
            data: "eA==".into(),
            cid: None,
        }]),
    });
    let jobs = ["ann@x.example", "Ann@x.example"]
        .map(|to| Job { content: Some(Arc::clone(&content)), ..job(1, to, "") });
    assert!(emitlo.request(&[&jobs[0], &jobs[1]], "").is_err());
    let body = emitlo.request(&[&jobs[0]], "").unwrap().body;
    assert_eq!(
        String::from_utf8_lossy(&body),
        "{\"messages\":[{\"from_email\":\"news@acme.example\",\"from_name\":\"Acme\",\"to_email\":\"ann@x.example\",\"subject\":\"Hi\",\
         \"body\":\"<pre style=\\\"white-space: pre-wrap; font-family: inherit\\\">1 &lt; 2 &amp; 3</pre>\",\"reply_to\":\"news@acme.example\",\
         \"attachments\":[{\"filename\":\"a.txt\",\"content\":\"eA==\",\"content_type\":\"text/plain\"}]}]}"
    );
    for needs in [
        Needs { is_marketing: true, ..Needs::default() },
        Needs { headers: vec!["Feedback-ID".into()], ..Needs::default() },
    ] {
        assert!(emitlo.capabilities().refuse_inexpressible("p", &needs).is_err());
    }
    assert!(
        emitlo
            .capabilities()
            .refuse_inexpressible("p", &Needs { attachments: true, ..Needs::default() })
            .is_ok()
    );
}

#[test]
fn failures_are_distinguished_by_code_and_field() {
    let read = |status: u16, code: &str, details: &str| {
        let body = format!(
            r#"{{"status":"error","error":{{"code":"{code}","message":"Words.","details":{details}}}}}"#
        );
        failure(&answer(status, &[("retry-after", "9")], &body))
    };
    for (status, code) in [
        (401, "UNAUTHENTICATED"),
        (403, "FORBIDDEN"),
        (404, "NOT_FOUND"),
        (422, "ATTACHMENT_TOO_LARGE"),
    ] {
        assert!(
            matches!(read(status, code, "null"), Read::Stop(r) if r.code == format!("{status} {code}") && r.detail == "Words."),
            "{code}"
        );
    }
    assert!(
        matches!(read(429, "RATE_LIMITED", "null"), Read::Again { wait: Some(wait), refusal } if wait == Duration::from_secs(9) && refusal.reason == Reason::Rate)
    );
    assert!(
        matches!(read(422, "VALIDATION_ERROR", r#"{"subject":["too long"]}"#), Read::Unnamed(r) if r.detail == "Words.; subject: too long")
    );
    for field in ["to_email", "messages.3.to_email", "messages[3].to_email"] {
        let details = format!(r#"{{"{field}":["not an address"]}}"#);
        assert!(
            matches!(read(422, "VALIDATION_ERROR", &details), Read::Unnamed(r) if r.reason == Reason::BadAddress),
            "{field}"
        );
    }
    assert!(matches!(
        read(422, "VALIDATION_ERROR", r#"{"from_email":["domain is not verified"]}"#),
        Read::Stop(_)
    ));
    assert!(
        matches!(read(422, "MESSAGE_TOO_LARGE", "null"), Read::Unnamed(r) if r.reason == Reason::Content)
    );
    assert!(matches!(read(409, "CONFLICT", "null"), Read::Unnamed(_)));
    assert!(matches!(failure(&answer(409, &[], "")), Read::Doubt(_)));
    assert!(matches!(read(500, "INTERNAL_ERROR", "null"), Read::Doubt(_)));
    assert!(matches!(failure(&answer(502, &[], "bad gateway")), Read::Doubt(_)));
}
