//! Literal requests and answers of Resend's API.

use super::*;
use crate::provider::http::testing::answer;

fn read(status: u16, body: &str) -> Read {
    let answer = answer(status, &[("ratelimit-reset", "2")], body);
    if status == 200 { verdicts(3, &answer) } else { failure(&answer) }
}

#[test]
fn ids_belong_to_those_who_were_not_refused_in_order() {
    let body = r#"{"data":[{"id":"a"},{"id":"c"}],"errors":[{"index":1,"message":"Invalid `to` field. The email address needs to follow the format."}]}"#;
    let Read::Each(verdicts) = read(200, body) else { panic!("a verdict for each") };
    let ids: Vec<_> = verdicts
        .iter()
        .map(|v| {
            if let Verdict::Accepted { provider_id, .. } = v {
                provider_id.as_deref()
            } else {
                None
            }
        })
        .collect();
    assert_eq!(ids, [Some("a"), None, Some("c")]);
    assert!(
        matches!(&verdicts[1], Verdict::Rejected(refusal) if refusal.reason == Reason::BadAddress)
    );
}

#[test]
fn a_reply_that_does_not_account_for_everybody_concludes_nothing() {
    for body in [
        r#"{"data":[{"id":"a"}]}"#,
        r#"{"data":[{"id":"a"},{"id":"b"},{"id":"c"},{"id":"d"}]}"#,
        r#"{"data":[{"id":"a"},{"id":"b"}],"errors":[{"index":3,"message":""}]}"#,
        r#"{"data":[{"id":"a"}],"errors":[{"index":1},{"index":1}]}"#,
        r#"{"data":[null,{"id":"b"},{"id":"c"}]}"#,
        "{}",
        "",
        "OK",
    ] {
        assert!(matches!(read(200, body), Read::Doubt(_)), "{body}");
    }
}

#[test]
fn failures_are_distinguished_by_name() {
    let named = |status: u16, name: &str| {
        read(status, &format!(r#"{{"statusCode":{status},"name":"{name}","message":"words"}}"#))
    };
    assert!(
        matches!(named(429, "rate_limit_exceeded"), Read::Again { wait: Some(wait), .. } if wait == Duration::from_secs(2))
    );
    assert!(
        matches!(named(409, "concurrent_idempotent_requests"), Read::Again { refusal, .. } if refusal.reason != Reason::Rate)
    );
    for (status, name) in [
        (429, "daily_quota_exceeded"),
        (429, "monthly_quota_exceeded"),
        (401, "missing_api_key"),
        (403, "invalid_api_key"),
        (403, "validation_error"),
        (409, "invalid_idempotent_request"),
        (422, "invalid_from_address"),
        (451, "security_error"),
    ] {
        assert!(
            matches!(named(status, name), Read::Stop(refusal) if refusal.code == format!("{status} {name}")),
            "{name}"
        );
    }
    assert!(matches!(named(422, "missing_required_field"), Read::Unnamed(_)));
    assert!(matches!(named(500, "application_error"), Read::Doubt(_)));
    assert!(matches!(read(502, "bad gateway"), Read::Doubt(_)));
}
