//! Literal requests and answers of Bird's API.

use std::path::Path;
use std::sync::Arc;

use super::*;
use crate::content::Party;
use crate::provider::http::testing::answer;
use crate::provider::testing::{job, settings};

const LIMITED: [(&str, &str); 1] = [("ratelimit", "\"email_batch\";r=0;t=35")];

fn read(status: u16, body: &str) -> Read {
    let answer = answer(status, &LIMITED, body);
    if status == 202 { verdicts(2, &answer) } else { failure(2, &answer) }
}

fn error(status: u16, fields: &str) -> Read {
    read(
        status,
        &format!(
            r#"{{"error":{{{fields},"message":"words","doc_url":"https://bird.com","request_id":"req_1"}}}}"#
        ),
    )
}

fn bird(options: &str) -> Bird {
    let settings = settings(
        &format!("api_key = {{ env = \"k\" }}\n{options}"),
        Path::new("/nowhere/.mailbatch"),
    );
    let options = Keys::of(&settings).options(&[], &[]).unwrap();
    let http = Http::new(&settings, BASE).unwrap();
    Bird {
        http,
        is_sandboxed: false,
        kind: Kind::Marketing,
        capabilities: CAPABILITIES,
        metadata: Map::new(),
        options,
    }
}

fn content(subject: &str) -> Content {
    Content {
        from: Arc::new(Party { name: "Acme".into(), address: "news@acme.example".into() }),
        reply_to: Arc::default(),
        to_name: "Ann".into(),
        subject: subject.into(),
        text: "Dear Ann".into(),
        html: None,
        headers: vec![("Feedback-ID".into(), "spring".into())],
        attachments: Arc::new([]),
    }
}

#[test]
fn a_message_has_one_recipient_and_always_a_category() {
    let ann = Job { content: Some(Arc::new(content("Hi"))), ..job(1, "ann@x.example", "") };
    let mut bird = bird("options = { tags = [{ name = \"a\", value = \"b\" }] }");
    let body = |bird: &Bird| {
        String::from_utf8(bird.request(&[&ann], "key").unwrap().body.to_vec()).unwrap()
    };
    let marketing = body(&bird);
    assert_eq!(
        marketing,
        "[{\"from\":{\"email\":\"news@acme.example\",\"name\":\"Acme\"},\"to\":[{\"email\":\"ann@x.example\",\"name\":\"Ann\"}],\
         \"subject\":\"Hi\",\"text\":\"Dear Ann\",\"headers\":{\"Feedback-ID\":\"spring\"},\"category\":\"marketing\",\
         \"metadata\":{\"mailbatch_id\":\"1.id\"},\"tags\":[{\"name\":\"a\",\"value\":\"b\"}]}]"
    );
    assert_eq!(bird.capabilities().unsubscribe_headers, UnsubscribeHeaders::Provider);
    bird.prepare("p", &Needs::default()).unwrap();
    assert_eq!(body(&bird), marketing.replace("\"marketing\"", "\"transactional\""));
    assert_eq!(bird.capabilities().unsubscribe_headers, UnsubscribeHeaders::Ours);
    assert!(bird.prepare("p", &Needs { attachments: true, ..Needs::default() }).is_err());
    assert!(
        bird.prepare("p", &Needs { headers: vec!["Sender".into()], ..Needs::default() }).is_err()
    );
}

#[test]
fn a_message_that_is_too_long_is_refused_alone() {
    assert!(refuse_too_long(&content(&"ü".repeat(998))).is_ok());
    let Err(Inexpressible(refusal)) = refuse_too_long(&content(&"ü".repeat(999))) else {
        panic!("too long")
    };
    assert_eq!(
        (refusal.reason, refusal.detail.as_str()),
        (Reason::Content, "subject has 999 characters, the service takes 998")
    );
    assert!(
        refuse_too_long(&Content { html: Some("x".repeat(MAX_BODY + 1)), ..content("") }).is_err()
    );
}

#[test]
fn a_key_goes_to_its_region() {
    assert_eq!([base("bk_us1_abc"), base("bk_eu1_abc"), base("other")], [BASE, BASE_EU, BASE]);
}

#[test]
fn ids_belong_to_the_messages_in_order() {
    let Read::Each(verdicts) = read(
        202,
        r#"{"data":[{"id":"em_1","status":"accepted","category":"marketing","resolved_language":"en"},{"id":"em_2","status":"accepted"}]}"#,
    ) else {
        panic!("a verdict for each")
    };
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
    assert_eq!(ids, [Some("em_1"), Some("em_2")]);
    let Read::Each(verdicts) =
        read(202, r#"{"data":[{"id":"em_1"},{"id":"em_2","status":"strange"}]}"#)
    else {
        panic!("a verdict for each")
    };
    assert!(
        matches!(&verdicts[..], [Verdict::Accepted { .. }, Verdict::Unknown { detail }] if detail == "202 strange")
    );
}

#[test]
fn a_reply_that_does_not_account_for_everybody_concludes_nothing() {
    for body in [
        r#"{"data":[{"id":"em_1","status":"accepted"}]}"#,
        r#"{"data":[null,{"id":"b"}]}"#,
        r#"{"data":{}}"#,
        "{}",
        "",
        "OK",
    ] {
        assert!(matches!(read(202, body), Read::Doubt(_)), "{body}");
    }
    assert!(matches!(failure(2, &answer(204, &[], "")), Read::Doubt(_)));
}

#[test]
fn one_refused_message_is_looked_for_and_the_sender_is_not() {
    let unprocessable =
        |fields: &str| error(422, &format!("\"type\":\"validation_error\",{fields}"));
    for fields in [
        r#""code":"E02001","name":"ValidationFailed","details":[{"param":"to[0].email","message":"must be an address"}]"#,
        r#""code":"E02001","name":"ValidationFailed","param":"[3].to[0].email""#,
        r#""code":"E03001","name":"RecipientDomainNotAllowed""#,
    ] {
        assert!(
            matches!(unprocessable(fields), Read::Unnamed(r) if r.reason == Reason::BadAddress),
            "{fields}"
        );
    }
    assert!(
        matches!(unprocessable(r#""code":"E1","name":"ValidationFailed""#), Read::Unnamed(r) if r.reason == Reason::Policy)
    );
    let said = unprocessable(
        r#""code":"E1","name":"ValidationFailed","details":[{"param":"subject","message":"too long"}]"#,
    );
    assert!(
        matches!(said, Read::Unnamed(r) if r.detail == "words; too long" && r.code == "422 ValidationFailed")
    );
    for fields in [
        r#""name":"DomainNotVerified""#,
        r#""name":"ValidationFailed","param":"[0].from""#,
        r#""code":"domain_unverified""#,
    ] {
        assert!(matches!(unprocessable(fields), Read::Stop(_)), "{fields}");
    }
}

#[test]
fn a_suppressed_recipient_is_suppressed_once_it_stands_alone() {
    let body = r#"{"error":{"type":"validation_error","name":"RecipientSuppressed","message":"all recipients are suppressed","param":"to[0].email"}}"#;
    assert!(matches!(failure(2, &answer(422, &[], body)), Read::Unnamed(_)));
    let Read::Each(verdicts) = failure(1, &answer(422, &[], body)) else { panic!("a verdict") };
    assert!(
        matches!(&verdicts[..], [Verdict::Suppressed(refusal)] if !refusal.mailbox_gone && refusal.code == "422 RecipientSuppressed")
    );
}

#[test]
fn failures_are_told_apart() {
    for (status, fields) in [
        (401, r#""type":"auth_error""#),
        (402, r#""type":"billing_error""#),
        (403, r#""type":"permission_error""#),
        (404, r#""type":"not_found_error""#),
        (409, r#""type":"conflict_error","code":"E01005","name":"IdempotencyKeyReuse""#),
        (412, r#""type":"precondition_error""#),
        (421, r#""type":"misdirected_error""#),
        (428, r#""type":"precondition_error""#),
        (429, r#""type":"rate_limit_error","name":"OnboardingSendLimitExceeded""#),
        (501, r#""type":"not_implemented_error""#),
    ] {
        assert!(matches!(error(status, fields), Read::Stop(_)), "{status}");
    }
    assert!(matches!(
        error(400, r#""type":"bad_request_error","code":"E01002","name":"InvalidRequest""#),
        Read::Unnamed(_)
    ));
    assert!(
        matches!(error(413, r#""type":"payload_too_large_error""#), Read::Unnamed(r) if r.reason == Reason::Content)
    );
    let busy = error(409, r#""type":"conflict_error","code":"E01004","name":"RequestInProgress""#);
    assert!(matches!(busy, Read::Again { refusal, .. } if refusal.reason != Reason::Rate));
    assert!(matches!(error(409, r#""type":"conflict_error""#), Read::Doubt(_)));
    assert!(matches!(error(500, r#""type":"internal_error""#), Read::Doubt(_)));
    assert!(matches!(error(503, r#""type":"service_unavailable_error""#), Read::Again { .. }));
    assert!(matches!(read(503, "upstream"), Read::Doubt(_)));
    assert!(matches!(read(504, ""), Read::Doubt(_)));
}

#[test]
fn throttling_tells_how_long_nested_or_bare() {
    for body in [
        r#"{"error":{"type":"rate_limit_error","message":"slow down"}}"#,
        r#"{"type":"rate_limited","message":"slow down"}"#,
    ] {
        let Read::Again { wait, refusal } = read(429, body) else { panic!("{body}") };
        assert_eq!(
            (wait, refusal.reason, refusal.detail.as_str()),
            (Some(Duration::from_secs(35)), Reason::Rate, "slow down")
        );
        let asked = failure(1, &answer(429, &[("retry-after", "7"), LIMITED[0]], body));
        assert!(
            matches!(asked, Read::Again { wait: Some(wait), .. } if wait == Duration::from_secs(7))
        );
    }
}
