//! Builds an event with the fields that all events of one message share.

use jiff::Timestamp;

use super::correlation::{bare_id, token};
use super::headers;
use super::parts::Parts;
use crate::message::token_of;
use crate::model::event::{Event, EventKind, Source};

/// Creates an event with the fields that all events of the message share.
pub(super) fn blank(parts: &Parts, kind: EventKind, source: Source, now: Timestamp) -> Event {
    let date = parts
        .get("date")
        .and_then(mail_parser::DateTime::parse_rfc822)
        .and_then(|date| Timestamp::from_second(date.to_timestamp()).ok());
    // A date in the future, or before 1970, comes from a wrong clock. It is ignored, because pause
    // rules and reports would miss the event.
    let at = date
        .filter(|at| *at <= now + jiff::SignedDuration::from_hours(24))
        .filter(|at| at.as_second() > 0);
    let mut event = Event::new(kind, source, at.unwrap_or(now));
    if at.is_none() {
        event.id = "undated".to_owned();
    }
    event.message_id = headers::get(&parts.original, "message-id").map(bare_id).unwrap_or_default();
    if token_of(&event.message_id).is_none() {
        // If the returned message has no token of ours, our Message-ID may be in one of these
        // fields.
        let names = ["references", "in-reply-to", "x-original-message-id"];
        if let Some(ours) = names
            .iter()
            .filter_map(|name| parts.get(name))
            .flat_map(str::split_whitespace)
            .find(|id| token_of(id).is_some())
        {
            event.message_id = bare_id(ours);
        }
    }
    event.token = token(parts).unwrap_or_default();
    event
}

/// Shortens a text to one line of at most 300 characters.
pub(super) fn shortened(text: &str) -> String {
    let mut out = String::new();
    for word in text.split_whitespace() {
        if out.len() + word.len() > 300 {
            break;
        }
        if !out.is_empty() {
            out.push(' ');
        }
        out.push_str(word);
    }
    if out.is_empty() { text.trim().chars().take(300).collect() } else { out }
}
