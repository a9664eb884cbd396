//! A payload of each documented type of each provider, and the event that it is.

use jiff::Timestamp;
use serde_json::{Value, json};

use crate::model::event::{Event, RAW_LIMIT};
use crate::provider::table::{PROVIDERS, recognise, webhook, webhooks};

const NOW: &str = "2026-11-21T12:00:00Z";
const TOKEN: &str = "0123456789abcdef01234567";

fn read(kind: &str, payload: &Value) -> Vec<Event> {
    webhook(kind).unwrap().read(payload.to_string().as_bytes(), NOW.parse().unwrap()).unwrap()
}

/// The events of a payload in an export of any provider.
fn exported(payload: &Value) -> Vec<Event> {
    recognise(payload).unwrap().read(payload.to_string().as_bytes(), NOW.parse().unwrap()).unwrap()
}

/// Type, class, status, address, provider's id and our token of the one event that a payload is.
fn in_words(kind: &str, payload: &Value) -> String {
    let events = read(kind, payload);
    assert_eq!(events.len(), 1, "{payload}");
    line(&events[0])
}

fn line(event: &Event) -> String {
    assert!(!event.id.is_empty() && event.raw.is_some());
    let class = event.class.map_or("-", |class| class.as_str());
    let status = if event.status.is_empty() { "-" } else { &event.status };
    let recipient = event.recipient.as_deref().unwrap_or("-");
    let suppresses = event.suppresses().map_or(String::new(), |reason| format!(" => {reason}"));
    let token = if event.token == TOKEN { " ours" } else { "" };
    format!("{} {class} {status} {recipient} {}{token}{suppresses}", event.word(), event.provider_id)
}

fn with(mut base: Value, more: Value) -> Value {
    for (key, value) in more.as_object().unwrap() {
        base[key] = value.clone();
    }
    base
}

#[test]
fn sendgrids_types() {
    let base = json!({"email": "a@example.com", "timestamp": 1513299569, "sg_event_id": "sg", "sg_message_id": "14c5d75ce93.filter0001.16648.0",
        "smtp-id": "<14c5d75ce93.dfd.64b469@ismtpd-555>", "mailbatch_id": TOKEN});
    for (more, expected) in [
        (json!({"event": "processed"}), "queued - - a@example.com 14c5d75ce93 ours"),
        (
            json!({"event": "deferred", "response": "400 try again later", "attempt": "5"}),
            "deferred routing - a@example.com 14c5d75ce93 ours",
        ),
        (
            json!({"event": "delivered", "response": "250 OK"}),
            "delivered - - a@example.com 14c5d75ce93 ours",
        ),
        (
            json!({"event": "bounce", "type": "bounce", "reason": "550 5.1.1 no such user", "status": "5.1.1"}),
            "bounced(hard) mailbox_gone 5.1.1 a@example.com 14c5d75ce93 ours => hard_bounce",
        ),
        (
            json!({"event": "bounce", "type": "bounce", "reason": "500 unknown recipient", "status": "5.0.0"}),
            "bounced(hard) mailbox_gone 5.0.0 a@example.com 14c5d75ce93 ours => hard_bounce",
        ),
        (
            json!({"event": "bounce", "type": "bounce", "reason": "550 5.7.1 blocked by policy", "status": "5.7.1"}),
            "bounced(soft) policy 5.7.1 a@example.com 14c5d75ce93 ours",
        ),
        (
            json!({"event": "bounce", "type": "blocked", "reason": "552 5.2.2 over quota", "status": "5.2.2"}),
            "bounced(soft) mailbox_full 5.2.2 a@example.com 14c5d75ce93 ours",
        ),
        (
            json!({"event": "dropped", "reason": "Bounced Address", "status": "5.0.0"}),
            "rejected - - a@example.com 14c5d75ce93 ours",
        ),
        (
            json!({"event": "spamreport"}),
            "complained abuse - a@example.com 14c5d75ce93 ours => complaint",
        ),
        (
            json!({"event": "unsubscribe"}),
            "unsubscribed - - a@example.com 14c5d75ce93 ours => unsubscribe",
        ),
        (
            json!({"event": "group_unsubscribe", "asm_group_id": 10}),
            "unsubscribed - - a@example.com 14c5d75ce93 ours => unsubscribe",
        ),
        (
            json!({"event": "group_resubscribe", "asm_group_id": 10}),
            "unknown - - a@example.com 14c5d75ce93 ours",
        ),
        (json!({"event": "open"}), "opened - - a@example.com 14c5d75ce93 ours"),
        (
            json!({"event": "click", "url": "https://acme.example/"}),
            "clicked - - a@example.com 14c5d75ce93 ours",
        ),
        (json!({"event": "brand_new"}), "unknown - - a@example.com 14c5d75ce93 ours"),
    ] {
        assert_eq!(in_words("sendgrid", &json!([with(base.clone(), more)])), expected);
    }
    let events = read(
        "sendgrid",
        &json!([
            with(base.clone(), json!({"event": "open"})),
            with(base, json!({"event": "click", "sg_event_id": "b"}))
        ]),
    );
    assert_eq!(events.iter().map(|event| event.id.as_str()).collect::<Vec<_>>(), ["sg", "b"]);
    assert_eq!(events[0].at, "2017-12-15T00:59:29Z".parse().unwrap());
    assert_eq!(events[0].message_id, "14c5d75ce93.dfd.64b469@ismtpd-555");
}

#[test]
fn mailguns_types() {
    let base = json!({"id": "hTWCTD81RtiDN", "timestamp": 1534108637.153125, "recipient": "a@example.com", "log-level": "info",
        "user-variables": {"mailbatch_id": TOKEN}, "message": {"headers": {"message-id": "2018.1@acme.example"}}});
    for (more, expected) in [
        (json!({"event": "accepted"}), "queued - - a@example.com 2018.1@acme.example ours"),
        (
            json!({"event": "delivered", "delivery-status": {"code": 250, "message": "OK"}}),
            "delivered - - a@example.com 2018.1@acme.example ours",
        ),
        (
            json!({"event": "failed", "severity": "permanent", "reason": "bounce", "delivery-status": {"code": 550,
                "message": "5.1.1 The email account that you tried to reach does not exist. Please try\n5.1.1 double-checking"}}),
            "bounced(hard) mailbox_gone 5.1.1 a@example.com 2018.1@acme.example ours => hard_bounce",
        ),
        (
            json!({"event": "failed", "severity": "permanent", "reason": "suppress-bounce", "delivery-status": {"code": 605, "message": "Not delivering"}}),
            "rejected - - a@example.com 2018.1@acme.example ours",
        ),
        (
            json!({"event": "failed", "severity": "permanent", "reason": "old", "delivery-status": {"code": 602, "message": "Too old"}}),
            "bounced(soft) expired - a@example.com 2018.1@acme.example ours",
        ),
        (
            json!({"event": "failed", "severity": "permanent", "reason": "generic", "delivery-status": {"code": 550, "message": "5.7.1 spam"}}),
            "bounced(soft) policy 5.7.1 a@example.com 2018.1@acme.example ours",
        ),
        (
            json!({"event": "failed", "severity": "temporary", "reason": "greylisted", "delivery-status": {"code": 450, "message": "4.2.0 Greylisted"}}),
            "deferred rate 4.2.0 a@example.com 2018.1@acme.example ours",
        ),
        (
            json!({"event": "failed", "severity": "temporary", "delivery-status": null}),
            "deferred other - a@example.com 2018.1@acme.example ours",
        ),
        (
            json!({"event": "rejected", "reject": {"reason": "Sandbox subdomains"}}),
            "rejected - - a@example.com 2018.1@acme.example ours",
        ),
        (json!({"event": "opened"}), "opened - - a@example.com 2018.1@acme.example ours"),
        (
            json!({"event": "clicked", "url": "https://acme.example/"}),
            "clicked - - a@example.com 2018.1@acme.example ours",
        ),
        (
            json!({"event": "unsubscribed"}),
            "unsubscribed - - a@example.com 2018.1@acme.example ours => unsubscribe",
        ),
        (
            json!({"event": "complained"}),
            "complained abuse - a@example.com 2018.1@acme.example ours => complaint",
        ),
        (json!({"event": "list_uploaded"}), "unknown - - a@example.com 2018.1@acme.example ours"),
    ] {
        let data = with(base.clone(), more);
        assert_eq!(in_words("mailgun", &json!({"signature": {}, "event-data": data})), expected);
        // The event log has the same objects by themselves.
        assert_eq!(in_words("mailgun", &data), expected);
    }
    // Mailgun's ids are unique within a day.
    assert_eq!(
        read("mailgun", &with(base, json!({"event": "opened"})))[0].id,
        "20180812-hTWCTD81RtiDN"
    );
}

#[test]
fn postmarks_types() {
    let base = json!({"MessageID": "883953f4", "Metadata": {"mailbatch_id": TOKEN}, "Recipient": "a@example.com"});
    let bounce = |kind: &str, details: &str, inactive: bool| {
        json!({"RecordType": "Bounce", "ID": 42, "Type": kind, "TypeCode": 1, "MessageID": "883953f4", "Email": "a@example.com", "Inactive": inactive,
            "BouncedAt": "2019-11-05T16:33:54.9070259Z", "Details": details, "Metadata": {"mailbatch_id": TOKEN}})
    };
    for (payload, expected) in [
        (
            with(
                base.clone(),
                json!({"RecordType": "Delivery", "DeliveredAt": "2014-08-01T13:28:10.2735393-04:00", "Details": "Test"}),
            ),
            "delivered - -",
        ),
        (bounce("HardBounce", "smtp;550 5.1.1 unknown", true), "bounced(hard) mailbox_gone 5.1.1"),
        (bounce("BadEmailAddress", "", true), "bounced(hard) bad_address -"),
        (bounce("SoftBounce", "smtp;452 4.2.2 full", false), "bounced(soft) mailbox_full 4.2.2"),
        (bounce("Transient", "", false), "bounced(soft) other -"),
        (bounce("DnsError", "", false), "bounced(soft) other -"),
        (bounce("Blocked", "550 5.7.1 listed", false), "bounced(soft) policy 5.7.1"),
        (bounce("SpamNotification", "", true), "bounced(soft) policy -"),
        (bounce("DMARCPolicy", "", false), "bounced(soft) policy -"),
        (bounce("VirusNotification", "", false), "bounced(soft) content -"),
        (bounce("ManuallyDeactivated", "", true), "bounced(hard) mailbox_gone -"),
        (bounce("Unknown", "", false), "bounced(soft) other -"),
        (bounce("AutoResponder", "I am away", false), "unknown - -"),
        (bounce("ChallengeVerification", "", false), "unknown - -"),
        (bounce("AddressChange", "", false), "unknown - -"),
        (bounce("Unsubscribe", "", false), "unsubscribed - -"),
        (bounce("TemplateRenderingFailed", "", false), "rejected - -"),
        (bounce("SpamComplaint", "", true), "complained abuse -"),
        (
            with(base.clone(), json!({"RecordType": "SpamComplaint", "Type": "SpamComplaint"})),
            "complained abuse -",
        ),
        (
            with(
                base.clone(),
                json!({"RecordType": "SubscriptionChange", "SuppressSending": true, "SuppressionReason": "ManualSuppression", "Origin": "Recipient"}),
            ),
            "unsubscribed - -",
        ),
        (
            with(
                base.clone(),
                json!({"RecordType": "SubscriptionChange", "SuppressSending": true, "SuppressionReason": "HardBounce", "Origin": "Recipient"}),
            ),
            "bounced(hard) mailbox_gone -",
        ),
        (
            with(
                base.clone(),
                json!({"RecordType": "SubscriptionChange", "SuppressSending": true, "SuppressionReason": "SpamComplaint"}),
            ),
            "complained abuse -",
        ),
        (
            with(
                base.clone(),
                json!({"RecordType": "SubscriptionChange", "SuppressSending": false, "SuppressionReason": null}),
            ),
            "unknown - -",
        ),
        (
            with(base.clone(), json!({"RecordType": "Open", "ReceivedAt": "2014-06-01T12:00:00Z"})),
            "opened - -",
        ),
        (
            with(
                base.clone(),
                json!({"RecordType": "Click", "OriginalLink": "https://acme.example"}),
            ),
            "clicked - -",
        ),
        (with(base, json!({"RecordType": "New"})), "unknown - -"),
    ] {
        let said = in_words("postmark", &payload);
        assert!(
            said.starts_with(&format!("{expected} a@example.com 883953f4 ours")),
            "{said}: {payload}"
        );
    }
    assert_eq!(read("postmark", &bounce("HardBounce", "", true))[0].id, "bounce-42");
}

#[test]
fn sess_types() {
    let mail = json!({"messageId": "0000", "timestamp": "2016-01-27T14:59:38.237Z", "destination": ["a@example.com"], "tags": {"mailbatch_id": [TOKEN]},
        "headers": [{"name": "Message-ID", "value": "<x@acme.example>"}]});
    let bounce = |kind: &str, sub: &str, status: &str, said: &str| {
        json!({"eventType": "Bounce", "bounce": {"bounceType": kind, "bounceSubType": sub, "timestamp": "2016-01-27T14:59:44.101Z",
            "bouncedRecipients": [{"emailAddress": "a@example.com", "status": status, "diagnosticCode": said}]}})
    };
    let greeting = json!({"Type": "Notification", "MessageId": "m", "TopicArn": "arn",
        "Message": "Successfully validated SNS topic for Amazon SES event publishing."});
    let complaint = |kind: &str| json!({"notificationType": "Complaint", "complaint": {"complainedRecipients": [{"emailAddress": "a@example.com"}], "complaintFeedbackType": kind}});
    for (payload, expected) in [
        (json!({"eventType": "Send", "send": {}}), "sent - - a@example.com 0000 ours"),
        (
            json!({"eventType": "Delivery", "delivery": {"recipients": ["a@example.com"], "smtpResponse": "250 ok"}}),
            "delivered - - a@example.com 0000 ours",
        ),
        (
            bounce("Permanent", "General", "5.1.1", "smtp; 550 5.1.1 unknown"),
            "bounced(hard) mailbox_gone 5.1.1 a@example.com 0000 ours => hard_bounce",
        ),
        (
            bounce("Permanent", "OnAccountSuppressionList", "", ""),
            "bounced(hard) mailbox_gone - a@example.com 0000 ours => hard_bounce",
        ),
        (
            bounce("Permanent", "General", "5.7.1", "smtp; 550 5.7.1 blocked"),
            "bounced(soft) policy 5.7.1 a@example.com 0000 ours",
        ),
        (
            bounce("Transient", "MailboxFull", "4.2.2", ""),
            "bounced(soft) mailbox_full 4.2.2 a@example.com 0000 ours",
        ),
        (
            bounce("Undetermined", "Undetermined", "", ""),
            "bounced(soft) other - a@example.com 0000 ours",
        ),
        (complaint("abuse"), "complained abuse - a@example.com 0000 ours => complaint"),
        (complaint("fraud"), "complained fraud - a@example.com 0000 ours => complaint"),
        (complaint("virus"), "complained virus - a@example.com 0000 ours => complaint"),
        (complaint("auth-failure"), "complained other - a@example.com 0000 ours => complaint"),
        (complaint("other"), "complained other - a@example.com 0000 ours => complaint"),
        (complaint("not-spam"), "complained not_spam - a@example.com 0000 ours"),
        (
            json!({"eventType": "Reject", "reject": {"reason": "Bad content"}}),
            "rejected - - a@example.com 0000 ours",
        ),
        (
            json!({"eventType": "Open", "open": {"timestamp": "2017-08-09T22:00:19.652Z"}}),
            "opened - - a@example.com 0000 ours",
        ),
        (
            json!({"eventType": "Click", "click": {"link": "https://acme.example"}}),
            "clicked - - a@example.com 0000 ours",
        ),
        (
            json!({"eventType": "Rendering Failure", "failure": {"errorMessage": "no such"}}),
            "rejected - - a@example.com 0000 ours",
        ),
        (
            json!({"eventType": "DeliveryDelay", "deliveryDelay": {"delayType": "TransientCommunicationFailure",
                "delayedRecipients": [{"emailAddress": "a@example.com", "status": "4.4.1", "diagnosticCode": "smtp; 421 4.4.1 timeout"}]}}),
            "deferred routing 4.4.1 a@example.com 0000 ours",
        ),
        (
            json!({"eventType": "Subscription", "subscription": {"source": "UnsubscribeHeader", "newTopicPreferences": {"unsubscribeAll": true}}}),
            "unsubscribed - - a@example.com 0000 ours => unsubscribe",
        ),
        (
            json!({"eventType": "Subscription", "subscription": {"newTopicPreferences": {"unsubscribeAll": false}}}),
            "unknown - - a@example.com 0000 ours",
        ),
    ] {
        let event = with(payload, json!({"mail": mail}));
        assert_eq!(exported(&event).iter().map(line).collect::<Vec<_>>(), [expected]);
        assert!(
            webhook("ses")
                .unwrap()
                .read(event.to_string().as_bytes(), NOW.parse().unwrap())
                .is_err(),
            "it carries no signature"
        );
        let envelope = json!({"Type": "Notification", "MessageId": "19ba9823", "TopicArn": "arn", "Message": event.to_string() + "\n",
            "Timestamp": "2018-03-26T17:58:59.675Z"});
        assert_eq!(in_words("ses", &envelope), expected);
        let read = read("ses", &envelope);
        assert_eq!(
            (read[0].id.as_str(), read[0].message_id.as_str()),
            ("19ba9823", "x@acme.example")
        );
        // What stands beside the fields that are signed.
        let forged = with(
            complaint("abuse"),
            json!({"mail": {"messageId": "0001", "destination": ["victim@example.com"]}}),
        );
        for (said, expected) in [
            (with(envelope.clone(), forged.clone()), expected),
            (with(greeting.clone(), forged), "unknown - - - "),
        ] {
            assert_eq!(
                (in_words("ses", &said), exported(&said).iter().map(line).collect::<Vec<_>>()),
                (expected.to_owned(), vec![expected.to_owned()])
            );
        }
    }
    let two = json!({"Type": "Notification", "MessageId": "m", "Message": json!({"notificationType": "Bounce", "mail": mail, "bounce":
        {"bounceType": "Permanent", "bouncedRecipients": [{"emailAddress": "a@example.com"}, {"emailAddress": "b@example.com"}]}}).to_string()});
    let both: Vec<_> =
        read("ses", &two).into_iter().map(|event| (event.id, event.recipient.unwrap())).collect();
    assert_eq!(
        both,
        [
            ("m-0".to_owned(), "a@example.com".to_owned()),
            ("m-1".to_owned(), "b@example.com".to_owned())
        ]
    );
    assert_eq!(in_words("ses", &greeting), "unknown - - - ");
    assert!(read("ses", &json!({"Type": "SubscriptionConfirmation", "MessageId": "m"})).is_empty());
}

#[test]
fn resends_types() {
    let payload = |word: &str, more: Value| {
        let data = with(
            json!({"email_id": "56761188", "to": ["a@example.com"], "created_at": "2026-11-22T23:41:11.894719+00:00",
            "tags": {"mailbatch_id": TOKEN}}),
            more,
        );
        json!({"type": word, "created_at": "2026-11-22T23:41:12.126Z", "data": data})
    };
    let bounce = |kind: &str, message: &str| json!({"bounce": {"type": kind, "subType": "General", "message": message, "diagnosticCode": []}});
    for (word, more, expected) in [
        ("email.sent", json!({}), "sent - -"),
        ("email.delivered", json!({}), "delivered - -"),
        ("email.delivery_delayed", json!({}), "deferred other -"),
        ("email.scheduled", json!({}), "queued - -"),
        (
            "email.bounced",
            bounce("Permanent", "The recipient does not exist"),
            "bounced(hard) mailbox_gone -",
        ),
        (
            "email.bounced",
            bounce("Transient", "The mailbox is full"),
            "bounced(soft) mailbox_full -",
        ),
        ("email.bounced", bounce("Undetermined", ""), "bounced(soft) other -"),
        ("email.complained", json!({}), "complained abuse -"),
        ("email.opened", json!({}), "opened - -"),
        ("email.clicked", json!({"click": {"link": "https://acme.example"}}), "clicked - -"),
        ("email.failed", json!({"failed": {"reason": "reached_daily_quota"}}), "rejected - -"),
        ("email.suppressed", json!({"suppressed": {"reason": "previous_bounce"}}), "rejected - -"),
        ("email.received", json!({}), "unknown - -"),
        ("domain.updated", json!({}), "unknown - -"),
        ("contact.updated", json!({"unsubscribed": true}), "unsubscribed - -"),
        ("contact.updated", json!({"unsubscribed": false}), "unknown - -"),
    ] {
        let said = in_words("resend", &payload(word, more));
        assert!(
            said.starts_with(&format!("{expected} a@example.com 56761188 ours")),
            "{word}: {said}"
        );
    }
    let listed = payload("email.sent", json!({"tags": [{"name": "mailbatch_id", "value": TOKEN}]}));
    assert_eq!(in_words("resend", &listed), "sent - - a@example.com 56761188 ours");
}

#[test]
fn birds_types() {
    let payload = |word: &str, more: Value| {
        let data = with(
            json!({"email_id": "em_1", "workspace_id": "w", "recipient": "a@example.com", "metadata": {"mailbatch_id": TOKEN}}),
            more,
        );
        json!({"type": word, "timestamp": "2026-11-21T10:00:00Z", "data": data})
    };
    for (word, more, expected) in [
        ("email.accepted", json!({}), "queued - -"),
        ("email.scheduled", json!({}), "queued - -"),
        ("email.processed", json!({}), "queued - -"),
        ("email.delivered", json!({}), "delivered - -"),
        (
            "email.deferred",
            json!({"bounce_code": "451", "bounce_description": "4.7.1 try later"}),
            "deferred policy 4.7.1",
        ),
        (
            "email.bounced",
            json!({"bounce_type": "hard", "bounce_code": "550", "bounce_description": "5.1.1 unknown"}),
            "bounced(hard) mailbox_gone 5.1.1",
        ),
        (
            "email.bounced",
            json!({"bounce_type": "soft", "bounce_description": "mailbox full"}),
            "bounced(soft) mailbox_full -",
        ),
        ("email.bounced", json!({"bounce_type": "block"}), "bounced(soft) policy -"),
        ("email.bounced", json!({"bounce_type": "admin"}), "bounced(soft) other -"),
        ("email.bounced", json!({"bounce_type": "undetermined"}), "bounced(soft) other -"),
        (
            "email.out_of_band_bounce",
            json!({"bounce_type": "hard"}),
            "bounced(hard) mailbox_gone -",
        ),
        ("email.rejected", json!({"rejection_reason": "recipient_suppressed"}), "rejected - -"),
        ("email.canceled", json!({}), "rejected - -"),
        ("email.complained", json!({"feedback_type": "abuse"}), "complained abuse -"),
        ("email.complained", json!({"feedback_type": "not-spam"}), "complained not_spam -"),
        ("email.opened", json!({}), "opened - -"),
        ("email.clicked", json!({"url": "https://acme.example"}), "clicked - -"),
        ("email.unsubscribed", json!({}), "unsubscribed - -"),
        ("email.list_unsubscribed", json!({}), "unsubscribed - -"),
        ("email.received", json!({}), "unknown - -"),
        (
            "email_suppression.created",
            json!({"reason": "hard_bounce"}),
            "bounced(hard) mailbox_gone -",
        ),
        ("email_suppression.created", json!({"reason": "complaint"}), "complained abuse -"),
        ("email_suppression.created", json!({"reason": "unsubscribe"}), "unsubscribed - -"),
        ("email_suppression.created", json!({"reason": "manual"}), "unknown - -"),
        ("domain.verified", json!({}), "unknown - -"),
    ] {
        let said = in_words("bird", &payload(word, more));
        assert!(said.starts_with(&format!("{expected} a@example.com em_1 ours")), "{word}: {said}");
    }
}

#[test]
fn drins_types_in_both_published_forms() {
    for (guide, product, more, expected) in [
        ("accepted", "email.accepted", json!({}), "queued - -"),
        ("queued", "email.queued", json!({}), "queued - -"),
        ("sending", "email.sending", json!({}), "sent - -"),
        ("sent", "email.sent", json!({}), "sent - -"),
        ("delivery", "email.delivered", json!({}), "delivered - -"),
        ("delivery_delayed", "email.delivery_delayed", json!({}), "deferred other -"),
        ("bounce", "email.bounced", json!({}), "bounced(hard) mailbox_gone -"),
        ("bounce", "email.bounced", json!({"bounceType": "Transient"}), "bounced(soft) other -"),
        (
            "bounce",
            "email.bounced",
            json!({"reason": "550 5.7.1 refused by policy"}),
            "bounced(soft) policy 5.7.1",
        ),
        ("complaint", "email.complained", json!({}), "complained abuse -"),
        ("open", "email.opened", json!({}), "opened - -"),
        ("click", "email.clicked", json!({}), "clicked - -"),
        ("rejected", "email.rejected", json!({}), "rejected - -"),
        ("rendering_failure", "email.rendering_failure", json!({}), "rejected - -"),
        ("failed", "email.failed", json!({}), "rejected - -"),
        ("inbound_received", "inbound.received", json!({}), "unknown - -"),
        ("inbound_rejected", "inbound.rejected", json!({}), "unknown - -"),
        ("contact.unsubscribed", "contact.unsubscribed", json!({}), "unsubscribed - -"),
    ] {
        let data = with(
            json!({"email": "a@example.com", "tags": [{"name": "mailbatch_id", "value": TOKEN}]}),
            more,
        );
        let first = json!({"id": "evt_1", "type": guide, "createdAt": "2026-11-21T10:00:00Z", "data": with(data.clone(), json!({"messageId": "msg_1"}))});
        let second = json!({"id": "evt_1", "type": product, "created_at": "2026-11-21T10:00:00Z", "data": with(data, json!({"id": "msg_1"}))});
        for payload in [first, second] {
            let said = in_words("drin", &payload);
            assert!(
                said.starts_with(&format!("{expected} a@example.com msg_1 ours")),
                "{payload}: {said}"
            );
            assert_eq!(read("drin", &payload)[0].id, "evt_1");
        }
    }
}

#[test]
fn emitlos_and_mailersios_types() {
    for (word, more, expected) in [
        ("delivered", json!({"tls": true}), "delivered - -"),
        (
            "soft_bounced",
            json!({"dsn_status": "4.2.2", "dsn_message": "full"}),
            "bounced(soft) mailbox_full 4.2.2",
        ),
        (
            "hard_bounced",
            json!({"dsn_status": "5.1.1", "dsn_action": "failed", "dsn_message": "unknown"}),
            "bounced(hard) mailbox_gone 5.1.1",
        ),
        ("bounced", json!({"dsn_status": "5.1.1"}), "bounced(hard) mailbox_gone 5.1.1"),
        ("complained", json!({}), "complained abuse -"),
        ("opened", json!({}), "opened - -"),
        ("clicked", json!({}), "clicked - -"),
        ("unsubscribed", json!({}), "unsubscribed - -"),
        ("deferred", json!({"dsn_status": "4.4.1"}), "deferred routing 4.4.1"),
        ("new", json!({}), "unknown - -"),
    ] {
        let data =
            with(json!({"message_id": "uuid", "to_email": "a@example.com", "subject": "s"}), more);
        let said = in_words(
            "emitlo",
            &json!({"event_type": word, "timestamp": "2026-11-21T10:00:00Z", "data": data}),
        );
        assert!(said.starts_with(&format!("{expected} a@example.com uuid")), "{word}: {said}");
    }
    for (word, more, expected) in [
        ("message.delivered", json!({}), "delivered - -"),
        ("message.bounced", json!({"bounce_type": "hard"}), "bounced(hard) mailbox_gone -"),
        ("message.bounced", json!({"reason": "mailbox full"}), "bounced(soft) mailbox_full -"),
        ("message.complained", json!({}), "complained abuse -"),
        ("message.opened", json!({}), "opened - -"),
        ("message.clicked", json!({}), "clicked - -"),
        ("message.unsubscribed", json!({}), "unsubscribed - -"),
        ("batch.progress", json!({}), "unknown - -"),
        ("batch.completed", json!({}), "unknown - -"),
    ] {
        let data = with(
            json!({"batch_id": "b", "message_id": "m", "email": "a@example.com", "metadata": {"mailbatch_id": TOKEN}}),
            more,
        );
        let said = in_words(
            "mailersio",
            &json!({"id": "evt", "type": word, "timestamp": "2026-11-21T10:00:00Z", "data": data}),
        );
        assert!(said.starts_with(&format!("{expected} a@example.com m ours")), "{word}: {said}");
    }
}

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
        // Fields of other types than the documented ones are as if they were not there.
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
