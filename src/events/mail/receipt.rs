//! Reads rejections that have the form of a receipt. Sieve's `reject` (RFC 5429) and Dovecot's
//! deliver send a message/disposition-notification (RFC 8098), with the reason in the text.
//!
//! The server had already found the mailbox, so a rejection never means that the mailbox does not
//! exist.

use jiff::Timestamp;

use super::addresses;
use super::blank::{blank, shortened};
use super::headers::{fields, get};
use super::parts::Parts;
use crate::model::event::{Bounce, Class, Event, EventKind, Source};
use crate::replies::bounce::judge;
use crate::replies::normal;

/// Returns the rejections that a message reports. Other receipts and other mail yield none.
pub(super) fn rejections(parts: &Parts, now: Timestamp) -> Vec<Event> {
    if !is_rejection(parts) {
        return Vec::new();
    }
    let said = parts.texts.iter().find_map(|text| reason(text)).unwrap_or_default();
    let judged = judge("", said, "");
    let class = match judged.class {
        Class::MailboxGone | Class::DomainGone | Class::BadAddress | Class::Other => Class::Policy,
        class => class,
    };
    let event = |receipt: &String| {
        let fields = fields(receipt);
        let named = ["original-recipient", "final-recipient"]
            .iter()
            .find_map(|name| get(&fields, name).and_then(addresses::of_field))?;
        let mut event = blank(parts, EventKind::Bounced, Source::Dsn, now);
        (event.bounce, event.class, event.recipient) =
            (Some(Bounce::Soft), Some(class), Some(named));
        event.status.clone_from(&judged.status);
        event.code.clone_from(&judged.code);
        event.reason = shortened(said);
        Some(event)
    };
    parts.receipts.iter().filter_map(event).collect()
}

/// Whether a program rejected the message. If a person deleted it unread, it was not rejected.
fn is_rejection(parts: &Parts) -> bool {
    let is_deleted = parts.receipts.iter().any(|receipt| {
        get(&fields(receipt), "disposition")
            .map(str::to_ascii_lowercase)
            .is_some_and(|what| what.contains("automatic-action") && what.contains("deleted"))
    });
    let is_marked = parts
        .get("auto-submitted")
        .is_some_and(|value| value.to_ascii_lowercase().contains("rejected"));
    is_deleted
        && (is_marked
            || normal(&parts.subject).contains("automatically rejected")
            || parts.texts.iter().any(|text| reason(text).is_some()))
}

/// Returns the text after the sentence that names the recipient.
fn reason(text: &str) -> Option<&str> {
    const SENTENCES: [&str; 3] = [
        "was automatically rejected:",
        "was automatically rejected.",
        "has been automatically rejected",
    ];
    let low = text.to_ascii_lowercase();
    let end =
        SENTENCES.iter().find_map(|sentence| low.find(sentence).map(|at| at + sentence.len()))?;
    Some(text[end..].trim_start_matches([':', '.']).trim())
}
