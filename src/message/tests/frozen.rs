//! Tests of messages that earlier versions stored in the ledger.

use super::*;

const V1: &str = include_str!("../fixtures/frozen-v1.json");
const V2: &str = include_str!("../fixtures/frozen-v2.json");
const V2_FINGERPRINT: &str = "fad111b3e2bf3b10b48d5c448fb820c26fb5806c344e56c3e93fec05cd49121c";

#[test]
fn a_message_frozen_by_version_1_stays_readable() {
    let frozen: serde_json::Value = serde_json::from_str(V1).expect("JSON");
    let message = Message::thaw(&frozen).expect("thaws");
    assert_eq!(message.freeze(), frozen);
    let mail = render(&message, "Zoë").expect("renders");
    let parsed = MessageParser::default().parse(&mail.bytes).expect("a message");
    assert_eq!((parsed.subject(), parsed.attachment_count()), (Some("Hi Zoë"), 1));
}

#[test]
fn a_message_frozen_by_version_2_stays_readable() {
    let frozen: serde_json::Value = serde_json::from_str(V2).expect("JSON");
    let message = Message::thaw(&frozen).expect("thaws");
    assert_eq!(message.freeze(), frozen);
    assert_eq!(message.fingerprint(), V2_FINGERPRINT);
    for (name, text) in [("de", "Hallo de\n\nAcme GmbH"), ("en", "Hello en\n\nAcme GmbH")] {
        let mail = render(&message, name).expect("renders");
        assert_eq!(mail.text.as_deref(), Some(text));
        let parsed = MessageParser::default().parse(&mail.bytes).expect("a message");
        assert_eq!(parsed.subject(), Some(format!("Hi {name}")).as_deref());
        assert!(mail.html.is_some_and(|html| html.contains("cid:logo.png")));
    }
}

#[test]
fn a_newer_or_damaged_frozen_message_is_refused() {
    let newer = Message::thaw(&serde_json::json!({"v": VERSION + 1, "surprise": true}))
        .expect_err("refused")
        .to_string();
    assert!(newer.contains(&format!("version {}", VERSION + 1)), "{newer}");
    for damaged in [serde_json::json!({"v": 1}), serde_json::json!(null)] {
        assert_eq!(Message::thaw(&damaged).expect_err("refused").exit(), Exit::INTERNAL);
    }
}
