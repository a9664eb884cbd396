//! Requests of the nine providers: what is signed verifies, what was changed does not, and whatever
//! was signed is read without harm.

use axum::http::{HeaderMap, HeaderName, HeaderValue};
use jiff::{SignedDuration, Timestamp};
use mailbatch::internals::events::webhook::{
    Refusal, TOLERANCE, Webhook, read_export, recognise, webhooks as readers,
};
use mailbatch::internals::fuzzing;
use mailbatch::internals::secret::Secret;
use ring::hmac;
use serde_json::Value;

use crate::engine::{Target, fuzz};
use crate::seeds;

/// The services in the order of the digits with which examples begin.
const KINDS: [&str; 9] =
    ["ses", "sendgrid", "mailgun", "postmark", "bird", "emitlo", "drin", "mailersio", "resend"];

const WORDS: &[&str] = &[
    "\"type\":\"email.bounced\",",
    "\"event\":\"bounce\",",
    "\"RecordType\":\"Bounce\",",
    "\"event_type\":\"hard_bounced\",",
    "\"data\":{",
    "\"event-data\":{",
    "\"timestamp\":1600112492,",
    "\"timestamp\":\"2026-11-21T03:45:00Z\",",
    "\"created_at\":\"2026-11-21 03:45:00+00\",",
    "\"email\":\"ann@example.com\",",
    "\"recipient\":[\"ann@example.com\"],",
    "\"severity\":\"permanent\",",
    "\"reason\":\"bounce\",",
    "\"bounce_type\":\"hard\",",
    "\"mailbatch_id\":\"00112233445566778899aabb\"",
    "\"signature\":{\"timestamp\":\"1600112502\",\"token\":\"t\",\"signature\":\"00\"},",
    "\\u0000",
    "\\ud800",
    "[[[[",
    "{\"",
    "}",
    "]",
    "1e400",
    "-0",
];

const EXAMPLES: &[&str] = &[
    "0{\"Type\":\"Notification\",\"MessageId\":\"m1\",\"TopicArn\":\"arn:aws:sns:eu-west-1:1:t\",\"Timestamp\":\"2026-11-21T03:45:00Z\",\"Message\":\"{\\\"eventType\\\":\\\"Bounce\\\",\\\"mail\\\":{\\\"messageId\\\":\\\"x\\\",\\\"destination\\\":[\\\"ann@example.com\\\"]},\\\"bounce\\\":{\\\"bounceType\\\":\\\"Permanent\\\",\\\"bouncedRecipients\\\":[{\\\"emailAddress\\\":\\\"ann@example.com\\\",\\\"status\\\":\\\"5.1.1\\\",\\\"diagnosticCode\\\":\\\"smtp; 550 5.1.1\\\"}]}}\"}",
    "1[{\"email\":\"ann@example.com\",\"event\":\"bounce\",\"type\":\"blocked\",\"reason\":\"550 5.1.1\",\"status\":\"5.1.1\",\"sg_event_id\":\"e1\",\"sg_message_id\":\"m.filter\",\"timestamp\":1600112492}]",
    "2{\"signature\":{\"timestamp\":\"1600112502\",\"token\":\"t0\",\"signature\":\"ab\"},\"event-data\":{\"event\":\"failed\",\"severity\":\"permanent\",\"reason\":\"bounce\",\"recipient\":\"ann@example.com\",\"timestamp\":1600112502.5,\"id\":\"i1\",\"log-level\":\"error\",\"delivery-status\":{\"code\":550,\"message\":\"5.1.1 gone\"},\"message\":{\"headers\":{\"message-id\":\"a@b\"}}}}",
    "3{\"RecordType\":\"Bounce\",\"Type\":\"HardBounce\",\"ID\":42,\"MessageID\":\"m\",\"Email\":\"ann@example.com\",\"BouncedAt\":\"2026-11-21T03:45:00Z\",\"Inactive\":true,\"Details\":\"550 5.1.1\",\"Metadata\":{\"mailbatch_id\":\"00112233445566778899aabb\"}}",
    "4{\"type\":\"email.bounced\",\"timestamp\":\"2026-11-21T03:45:00Z\",\"data\":{\"workspace_id\":\"w\",\"recipient\":{\"email\":\"ann@example.com\"},\"bounce_type\":\"hard\",\"bounce_code\":550,\"email_id\":\"e\"}}",
    "5{\"event_type\":\"hard_bounced\",\"timestamp\":\"2026-11-21T03:45:00Z\",\"data\":{\"message_id\":\"m\",\"to_email\":\"ann@example.com\",\"dsn_status\":\"5.1.1\",\"dsn_message\":\"gone\"}}",
    "6{\"id\":\"evt_1\",\"type\":\"bounce\",\"createdAt\":\"2026-11-21T03:45:00Z\",\"data\":{\"messageId\":\"m\",\"email\":\"ann@example.com\",\"bounceType\":\"hard\",\"diagnostic\":\"550 5.1.1\"}}",
    "7{\"id\":\"e\",\"type\":\"bounced\",\"timestamp\":\"2026-11-21T03:45:00Z\",\"data\":{\"batch_id\":\"b\",\"email\":\"ann@example.com\",\"bounce_type\":\"permanent\",\"message_id\":\"m\"}}",
    "8{\"type\":\"email.bounced\",\"created_at\":\"2026-11-21T03:45:00Z\",\"data\":{\"email_id\":\"e\",\"to\":[\"ann@example.com\"],\"bounce\":{\"type\":\"Permanent\",\"subType\":\"General\",\"message\":\"gone\"}}}",
];

#[test]
fn webhooks() {
    fuzz(Target { name: "webhooks", seeds: seeds::texts(EXAMPLES), words: WORDS, check });
}

fn now() -> Timestamp {
    Timestamp::from_second(1_600_112_502).expect("a time")
}

/// The first byte of a document says whose body the rest is.
fn check(document: &[u8]) {
    let Some((whose, body)) = document.split_first() else { return };
    let kind = KINDS[usize::from(whose.wrapping_sub(b'0')) % KINDS.len()];
    let webhook = readers().find(|webhook| webhook.kind == kind).expect(kind);
    check_reading(webhook, body);
    check_export(body);
    check_signature(webhook, body);
}

fn check_reading(webhook: &Webhook, body: &[u8]) {
    let read = webhook.read(body, now());
    assert_eq!(read, webhook.read(body, now()), "{}: reading twice gives the same", webhook.kind);
    let Ok(events) = &read else {
        let why = read.expect_err("no events");
        assert!(!why.is_empty() && why.len() < 300 && !why.contains(char::is_control), "{why:?}");
        return;
    };
    assert!(
        events.len() <= body.len(),
        "{}: {} events out of {} bytes",
        webhook.kind,
        events.len(),
        body.len()
    );
    for event in events {
        assert!(!event.id.is_empty(), "{}: an event without an id", webhook.kind);
        assert_eq!(
            event.bounce.is_some(),
            event.kind == mailbatch::internals::event::EventKind::Bounced,
            "{}",
            webhook.kind
        );
        assert!(event.recipient.as_deref() != Some(""), "{}: an empty recipient", webhook.kind);
        let text = serde_json::to_string(event).expect("an event is JSON");
        let again: mailbatch::internals::event::Event =
            serde_json::from_str(&text).expect("an event reads back");
        let told = |event: &mailbatch::internals::event::Event| {
            serde_json::to_string(event).expect("an event is JSON")
        };
        assert_eq!(told(&again), text, "{}: an event reads back as it was written", webhook.kind);
    }
    // White space between the values of a body is not its meaning. A number that serde_json cannot
    // hold is written back with other digits.
    if let (Ok(value), true) =
        (serde_json::from_slice::<Value>(body), webhook.kind != "ses" && !has_long_number(body))
    {
        let pretty = serde_json::to_vec_pretty(&value).expect("a value is JSON");
        let said = |events: &[mailbatch::internals::event::Event]| {
            events
                .iter()
                .map(|event| (event.word(), event.recipient.clone(), event.id.clone()))
                .collect::<Vec<_>>()
        };
        if let Ok(other) = webhook.read(&pretty, now()) {
            assert_eq!(
                said(&other),
                said(events),
                "{}: the same body with other white space",
                webhook.kind
            );
        }
    }
}

fn check_export(body: &[u8]) {
    let value = serde_json::from_slice::<Value>(body).ok();
    let known = value.as_ref().and_then(recognise);
    match read_export(body, now()) {
        Ok(events) => {
            let kind = known.expect("what is read is recognised").kind;
            assert!(
                !events.is_empty()
                    && events.iter().all(|event| event.provider == kind && !event.id.is_empty())
            );
        }
        Err(why) => assert!(!why.is_empty()),
    }
}

const HMAC_SECRET: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";

/// The headers of a request with this body, signed as the provider's documentation has it; `None`
/// where the signature is inside the body or needs the provider's private key.
fn signed(kind: &str, secret: &str, body: &[u8], at: Timestamp) -> Option<HeaderMap> {
    let at = at.as_second().to_string();
    let tag = |key: &[u8], parts: &[&[u8]]| {
        hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, key), &parts.concat())
    };
    let hex =
        |tag: hmac::Tag| tag.as_ref().iter().map(|byte| format!("{byte:02x}")).collect::<String>();
    let headers: Vec<(&'static str, String)> = match kind {
        "bird" | "mailersio" | "resend" => {
            let key = fuzzing::base64_read(secret.strip_prefix("whsec_")?)?;
            let tag = tag(&key, &[b"msg_1", b".", at.as_bytes(), b".", body]);
            vec![
                ("webhook-id", "msg_1".into()),
                ("webhook-timestamp", at),
                ("webhook-signature", format!("v1,{}", fuzzing::base64(tag.as_ref()))),
            ]
        }
        "drin" => {
            let tag = hex(tag(secret.as_bytes(), &[at.as_bytes(), b".", body]));
            vec![("drin-signature", format!("t={at},v1={tag}"))]
        }
        "emitlo" => {
            vec![("x-emitlo-signature", format!("sha256={}", hex(tag(secret.as_bytes(), &[body]))))]
        }
        _ => return None,
    };
    Some(
        headers
            .into_iter()
            .map(|(name, value)| {
                (HeaderName::from_static(name), HeaderValue::from_str(&value).expect("ASCII"))
            })
            .collect(),
    )
}

fn check_signature(webhook: &Webhook, body: &[u8]) {
    let Some(verify) = webhook.verify else { return };
    let secret = Secret::new(HMAC_SECRET);
    assert!(verify(&secret, &HeaderMap::new(), body, now()).is_err(), "{}: unsigned", webhook.kind);
    // What was drawn stands in every header that any of them looks at.
    let drawn = String::from_utf8_lossy(body)
        .chars()
        .filter(|c| matches!(c, ' '..='~'))
        .take(200)
        .collect::<String>();
    let names = [
        "webhook-id",
        "webhook-timestamp",
        "webhook-signature",
        "svix-id",
        "drin-signature",
        "x-emitlo-signature",
        "authorization",
    ];
    let all: HeaderMap = names
        .iter()
        .map(|name| {
            (HeaderName::from_static(name), HeaderValue::from_str(&drawn).expect("printable"))
        })
        .collect();
    assert!(verify(&secret, &all, body, now()).is_err(), "{}: signed by chance", webhook.kind);
    let Some(headers) = signed(webhook.kind, HMAC_SECRET, body, now()) else { return };
    assert_eq!(verify(&secret, &headers, body, now()), Ok(()), "{}: signed", webhook.kind);
    assert_eq!(
        verify(&Secret::new("whsec_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"), &headers, body, now()),
        Err(Refusal::Wrong),
        "{}",
        webhook.kind
    );
    let mut other = body.to_vec();
    match other.len() / 2 {
        0 => other.push(b' '),
        middle => other[middle] ^= 1,
    }
    assert_eq!(
        verify(&secret, &headers, &other, now()),
        Err(Refusal::Wrong),
        "{}: a changed body",
        webhook.kind
    );
    if webhook.kind != "emitlo" {
        for late in [TOLERANCE, -TOLERANCE] {
            let when =
                now() + late + SignedDuration::from_secs(if late.is_negative() { -1 } else { 1 });
            assert!(
                matches!(verify(&secret, &headers, body, when), Err(Refusal::Stale(..))),
                "{}: stale",
                webhook.kind
            );
        }
    }
}

/// Whether digits stand in a body that may be more than a number holds.
fn has_long_number(body: &[u8]) -> bool {
    body.split(|byte| !byte.is_ascii_digit()).any(|digits| digits.len() > 15)
}
