//! Literal requests and answers of Drin's API.

use std::path::Path;

use super::*;
use crate::provider::http::testing::answer;
use crate::provider::testing::settings;

fn read(status: u16, body: &str) -> Read {
    let answer = answer(status, &[("retry-after", "2")], body);
    if status < 300 { verdicts(3, &answer) } else { failure(3, &answer) }
}

fn words(read: Read) -> Vec<String> {
    let Read::Each(verdicts) = read else { panic!("{read:?}") };
    let word = |verdict: Verdict| match verdict {
        Verdict::Accepted { provider_id, .. } => {
            format!("accepted {}", provider_id.unwrap_or_default())
        }
        Verdict::Rejected(refusal) => format!("rejected {}", refusal.reason),
        Verdict::Suppressed(refusal) => format!("suppressed {}", refusal.reason),
        Verdict::NotTaken { counts, .. } => format!("not taken, counts {counts}"),
        Verdict::Unknown { .. } => "unknown".into(),
    };
    verdicts.into_iter().map(word).collect()
}

#[test]
fn both_published_shapes_are_read() {
    let by_index = r#"{"results":[{"index":2,"error":{"type":"suppressed","message":"Suppressed.","param":"to"}},
        {"index":0,"id":"msg_1","status":"queued"},{"index":1,"id":"msg_2","status":"scheduled"}]}"#;
    assert_eq!(
        words(read(207, by_index)),
        ["accepted msg_1", "accepted msg_2", "suppressed manual"]
    );
    let in_order = r#"{"data":[{"id":"msg_1"},{"error":{"type":"validation_error","message":"Invalid.","param":"emails[1].to[0].email"}},
        {"error":{"type":"suppressed","message":"Bounced.","code":"hard_bounce"}}]}"#;
    assert_eq!(
        words(read(207, in_order)),
        ["accepted msg_1", "rejected bad_address", "suppressed hard_bounce"]
    );
}

#[test]
fn each_error_of_one_message_has_its_own_meaning() {
    let one = |error: &str| {
        words(read(
            207,
            &format!(r#"{{"results":[{{"id":"a"}},{{"id":"b"}},{{"error":{error}}}]}}"#),
        ))
        .remove(2)
    };
    assert_eq!(
        one(r#"{"type":"validation_error","message":"too long","param":"subject"}"#),
        "rejected policy"
    );
    assert_eq!(one(r#"{"type":"rate_limited","message":""}"#), "not taken, counts false");
    assert_eq!(
        one(r#"{"type":"permission_error","message":"daily quota"}"#),
        "not taken, counts false"
    );
    assert_eq!(one(r#"{"type":"internal_error","message":""}"#), "not taken, counts true");
    assert_eq!(one(r#"{"type":"brand_new","message":""}"#), "rejected policy");
    assert_eq!(one("{}"), "unknown");
    // The element has an id and an error, an unknown status, or neither.
    for odd in [
        r#"{"id":"c","error":{"type":"suppressed"}}"#,
        r#"{"id":"c","status":"failed"}"#,
        "{}",
        r#"{"id":""}"#,
    ] {
        let body = format!(r#"{{"data":[{{"id":"a"}},{odd},{{"id":"b"}}]}}"#);
        assert_eq!(words(read(207, &body)), ["accepted a", "unknown", "accepted b"], "{odd}");
    }
}

#[test]
fn a_reply_that_does_not_account_for_everybody_concludes_nothing() {
    for body in [
        r#"{"data":[{"id":"a"},{"id":"b"}]}"#,
        r#"{"data":[{"id":"a"},{"id":"b"},{"id":"c"},{"id":"d"}]}"#,
        r#"{"results":[{"index":0,"id":"a"},{"index":0,"id":"b"},{"index":1,"id":"c"}]}"#,
        r#"{"results":[{"index":1,"id":"a"},{"index":2,"id":"b"},{"index":3,"id":"c"}]}"#,
        r#"{"results":[],"data":[{"id":"a"},{"id":"b"},{"id":"c"}]}"#,
        r#"{"data":[null,{"id":"b"},{"id":"c"}]}"#,
        "{}",
        "",
        "OK",
    ] {
        assert!(matches!(read(207, body), Read::Doubt(_)), "{body}");
    }
}

#[test]
fn failures_are_distinguished_by_status_and_type() {
    let of = |status: u16, kind: &str, more: &str| {
        read(status, &format!(r#"{{"error":{{"type":"{kind}","message":"words{more}"}}}}"#))
    };
    let param = |name: &str| format!("\",\"param\":\"{name}");
    assert!(
        matches!(of(400, "validation_error", &param("emails.1.to")), Read::Unnamed(r) if r.reason == Reason::BadAddress)
    );
    assert!(
        matches!(of(422, "validation_error", ""), Read::Unnamed(r) if r.reason == Reason::Policy && r.code == "422 validation_error")
    );
    assert!(matches!(of(422, "validation_error", &param("from")), Read::Stop(_)));
    assert!(
        matches!(of(429, "rate_limited", ""), Read::Again { wait: Some(wait), refusal } if wait.as_secs() == 2 && refusal.reason == Reason::Rate)
    );
    assert!(
        matches!(of(409, "conflict", " is still in progress"), Read::Again { refusal, .. } if refusal.reason == Reason::NoReply)
    );
    for (status, kind) in [
        (401, "authentication_error"),
        (403, "permission_error"),
        (404, "not_found"),
        (409, "conflict"),
    ] {
        assert!(
            matches!(of(status, kind, ""), Read::Stop(refusal) if refusal.detail == "words"),
            "{kind}"
        );
    }
    assert!(matches!(of(500, "internal_error", ""), Read::Doubt(_)));
    assert!(matches!(read(502, "bad gateway"), Read::Doubt(_)));
    assert!(matches!(read(409, "?"), Read::Doubt(_)));
    assert_eq!(words(of(409, "suppressed", "")), ["suppressed manual"; 3]);
}

#[test]
fn what_concerns_everybody_stops_and_blames_nobody() {
    let quota = r#"{"error":{"type":"permission_error","message":"daily quota reached"}}"#;
    let body = format!(r#"{{"results":[{quota},{quota},{quota}]}}"#);
    assert!(
        matches!(read(207, &body), Read::Stop(refusal) if refusal.detail == "daily quota reached")
    );
    let body = format!(r#"{{"results":[{{"id":"a"}},{quota},{quota}]}}"#);
    assert_eq!(
        words(read(207, &body)),
        ["accepted a", "not taken, counts false", "not taken, counts false"]
    );
}

#[test]
fn a_project_is_what_a_header_can_hold() {
    let connects = |project: &str| {
        connect(&settings(
            &format!("api_key = {{ env = \"k\" }}\n{project}"),
            Path::new("/nowhere"),
        ))
        .is_ok()
    };
    assert!(connects("") && connects("project = \"prj_1\""));
    for wrong in [
        "project = \"\"",
        "project = \"a b\"",
        "project = \"a\\nb\"",
        "project = 3",
        "options = { to = 1 }",
        "projekt = \"a\"",
    ] {
        assert!(!connects(wrong), "{wrong}");
    }
}
