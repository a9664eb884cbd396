//! Tests that apply to the readers of all services.

use jiff::Timestamp;
use serde_json::json;

use super::testing::{NOW, exported, read};
use crate::model::event::RAW_LIMIT;
use crate::provider::table::{PROVIDERS, recognise, webhook, webhooks};

#[test]
fn a_body_of_another_form_is_refused_and_never_a_panic() {
    let now: Timestamp = NOW.parse().unwrap();
    for webhook in PROVIDERS.iter().flat_map(|spec| spec.webhooks) {
        for body in [
            "",
            "x",
            "7",
            "null",
            "\"text\"",
            "{",
            "[{]",
            "\u{feff}{}",
            "{\"Type\":\"Other\"}".repeat(2).as_str(),
        ] {
            assert!(webhook.read(body.as_bytes(), now).is_err(), "{}: {body}", webhook.kind);
        }
        let deep = "[".repeat(100_000);
        assert!(webhook.read(deep.as_bytes(), now).is_err());
        assert!(webhook.read(&[0xff, 0xfe, 0x7b], now).is_err());
        // A field of an undocumented type counts as missing.
        for odd in [
            json!({"event": 7, "type": [], "Type": "Notification", "data": 3, "event-data": {"timestamp": "x"}, "mail": {}, "RecordType": {}, "timestamp": -1e300}),
        ] {
            for event in webhook.read(odd.to_string().as_bytes(), now).unwrap() {
                assert_eq!(event.at, now, "{}", webhook.kind);
            }
        }
    }
    let long = json!([{"event": "open", "email": "a@example.com", "sg_event_id": "x", "more": "y".repeat(RAW_LIMIT)}]);
    assert_eq!(read("sendgrid", &long)[0].raw.as_ref().unwrap().bytes().len(), RAW_LIMIT);
}

#[test]
fn the_same_body_is_the_same_event_and_exports_are_known_by_their_form() {
    let samples = [
        ("sendgrid", json!({"email": "a@example.com", "event": "open", "sg_event_id": "x"})),
        (
            "mailgun",
            json!({"event": "opened", "log-level": "info", "id": "x", "timestamp": 1534108637}),
        ),
        ("postmark", json!({"RecordType": "Open", "MessageID": "m", "Recipient": "a@example.com"})),
        (
            "ses",
            json!({"eventType": "Open", "mail": {"messageId": "m", "destination": ["a@example.com"]}, "open": {"timestamp": NOW}}),
        ),
        ("resend", json!({"type": "email.opened", "created_at": NOW, "data": {"email_id": "m"}})),
        (
            "bird",
            json!({"type": "email.opened", "timestamp": NOW, "data": {"email_id": "m", "workspace_id": "w"}}),
        ),
        ("drin", json!({"id": "e", "type": "open", "createdAt": NOW, "data": {"messageId": "m"}})),
        ("emitlo", json!({"event_type": "opened", "timestamp": NOW, "data": {"message_id": "m"}})),
        (
            "mailersio",
            json!({"type": "message.opened", "timestamp": NOW, "data": {"batch_id": "b", "message_id": "m"}}),
        ),
    ];
    for (kind, payload) in &samples {
        assert_eq!(recognise(payload).map(|webhook| webhook.kind), Some(*kind));
        assert_eq!(exported(payload)[0].id, exported(payload)[0].id);
        assert_eq!(exported(payload)[0].word(), "opened", "{kind}");
    }
    assert_eq!(samples.len(), webhooks().count());
    assert!(recognise(&json!({"hello": "world"})).is_none() && recognise(&json!(7)).is_none());
}

#[test]
fn the_recipient_of_every_providers_event_is_the_bare_address() {
    let now: Timestamp = NOW.parse().unwrap();
    let ses = |email: &str| {
        json!({"eventType": "Bounce", "mail": {"messageId": "m", "destination": [email]},
            "bounce": {"bounceType": "Permanent", "bouncedRecipients": [{"emailAddress": email}]}})
    };
    let posted = |email: &str| {
        vec![
            ("sendgrid", json!([{"email": email, "event": "spamreport", "sg_event_id": "x"}])),
            (
                "mailgun",
                json!({"event-data": {"event": "complained", "id": "x", "timestamp": 1534108637, "recipient": email}}),
            ),
            ("postmark", json!({"RecordType": "SpamComplaint", "MessageID": "m", "Email": email})),
            (
                "ses",
                json!({"Type": "Notification", "MessageId": "m", "TopicArn": "arn", "Message": ses(email).to_string()}),
            ),
            ("resend", json!({"type": "email.complained", "data": {"to": [email]}})),
            ("bird", json!({"type": "email.complained", "data": {"recipient": email}})),
            ("drin", json!({"id": "e", "type": "complaint", "data": {"email": email}})),
            ("emitlo", json!({"event_type": "complained", "data": {"to_email": email}})),
            ("mailersio", json!({"type": "message.complained", "data": {"email": email}})),
        ]
    };
    let logged = |email: &str| {
        vec![
            ("sendgrid", "bounces", json!({"email": email})),
            ("mailgun", "events", json!({"event": "complained", "recipient": email})),
            ("postmark", "bounces", json!({"Type": "SpamComplaint", "Email": email})),
            ("resend", "emails", json!({"to": [email], "last_event": "complained"})),
        ]
    };
    for (written, bare) in [
        ("Ann Lee <ann@example.com>", "ann@example.com"),
        ("<ann@example.com>", "ann@example.com"),
        ("\"Lee, Ann\" <ann@example.com>", "ann@example.com"),
        ("Ann@example.com", "Ann@example.com"),
        // A text that is not an address is kept as written.
        ("Ann <ann>", "Ann <ann>"),
    ] {
        let samples = posted(written);
        assert_eq!(samples.len(), webhooks().count());
        for (kind, payload) in samples {
            let events = read(kind, &payload);
            let recipients: Vec<_> =
                events.iter().map(|event| event.recipient.as_deref()).collect();
            assert_eq!(recipients, [Some(bare)], "{kind}");
        }
        assert_eq!(exported(&ses(written))[0].recipient.as_deref(), Some(bare));
        for (kind, list, entry) in logged(written) {
            let event = webhook(kind).unwrap().read_log(list, &entry, now).unwrap();
            assert_eq!(event.recipient.as_deref(), Some(bare), "log of {kind}");
        }
    }
}
