//! Literal requests and answers of SendGrid's API.

use super::*;
use crate::provider::http::testing::answer;
use crate::provider::testing::job;

#[test]
fn an_id_is_kept_and_a_reply_that_is_not_sendgrids_concludes_nothing() {
    let job = job(1, "ann@x.example", "");
    let read = |answer: &Answer| accepted(&[&job], answer, "");
    let Read::Each(verdicts) = read(&answer(202, &[("x-message-id", "abc")], "")) else {
        panic!("accepted")
    };
    assert!(
        matches!(&verdicts[..], [Verdict::Accepted { provider_id: Some(id), .. }] if id == "abc")
    );
    assert!(matches!(read(&answer(202, &[], "")), Read::Each(_)));
    assert!(matches!(read(&answer(200, &[], "hello")), Read::Doubt(_)));
}

#[test]
fn failures_are_distinguished_by_status_and_field() {
    let body = |field: &str| {
        format!(
            r#"{{"errors":[{{"message":"Does not contain a valid address.","field":{field},"help":"http://x"}}]}}"#
        )
    };
    let somebody = job(1, "ann@x.example", "");
    let read = |status: u16, field: &str| failure(&[&somebody], &answer(status, &[], &body(field)));
    assert!(
        matches!(read(400, "\"personalizations.0.to.0.email\""), Read::Unnamed(r) if r.reason == Reason::BadAddress)
    );
    assert!(
        matches!(read(400, "\"from.email\""), Read::Stop(r) if r.detail == "Does not contain a valid address.")
    );
    assert!(
        matches!(read(400, "null"), Read::Unnamed(r) if r.reason == Reason::Policy && r.code == "400")
    );
    assert!(matches!(read(413, "null"), Read::Unnamed(r) if r.reason == Reason::Content));
    for status in [401, 403, 404, 405, 406, 451] {
        assert!(matches!(read(status, "null"), Read::Stop(_)), "{status}");
    }
    for status in [500, 502, 503, 408] {
        assert!(matches!(read(status, "null"), Read::Doubt(_)), "{status}");
    }
    let soon = (Timestamp::now().as_second() + 30).to_string();
    let throttled =
        failure(&[&somebody], &answer(429, &[("x-ratelimit-reset", &soon)], &body("null")));
    assert!(
        matches!(throttled, Read::Again { wait: Some(wait), .. } if wait > Duration::from_secs(25) && wait <= Duration::from_secs(30))
    );
}
