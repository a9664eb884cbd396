//! Shared by the tests of all webhook readers: parses payloads and summarises each event in one
//! line.

use serde_json::Value;

use crate::model::event::Event;
use crate::provider::table::{recognise, webhook};

pub(in crate::provider) const NOW: &str = "2026-11-21T12:00:00Z";
pub(in crate::provider) const TOKEN: &str = "0123456789abcdef01234567";

pub(in crate::provider) fn read(kind: &str, payload: &Value) -> Vec<Event> {
    webhook(kind).unwrap().read(payload.to_string().as_bytes(), NOW.parse().unwrap()).unwrap()
}

/// Returns the events of a payload in an export, in the format of any provider.
pub(in crate::provider) fn exported(payload: &Value) -> Vec<Event> {
    recognise(payload).unwrap().read(payload.to_string().as_bytes(), NOW.parse().unwrap()).unwrap()
}

/// Returns a summary of the payload's only event: type, class, status, address, the provider's id,
/// and whether it has the test's token.
pub(in crate::provider) fn in_words(kind: &str, payload: &Value) -> String {
    let events = read(kind, payload);
    assert_eq!(events.len(), 1, "{payload}");
    line(&events[0])
}

pub(in crate::provider) fn line(event: &Event) -> String {
    assert!(!event.id.is_empty() && event.raw.is_some());
    let class = event.class.map_or("-", |class| class.as_str());
    let status = if event.status.is_empty() { "-" } else { &event.status };
    let recipient = event.recipient.as_deref().unwrap_or("-");
    let suppresses = event.suppresses().map_or(String::new(), |reason| format!(" => {reason}"));
    let token = if event.token == TOKEN { " ours" } else { "" };
    format!(
        "{} {class} {status} {recipient} {}{token}{suppresses}",
        event.word(),
        event.provider_id
    )
}

pub(in crate::provider) fn with(mut base: Value, more: Value) -> Value {
    for (key, value) in more.as_object().unwrap() {
        base[key] = value.clone();
    }
    base
}
