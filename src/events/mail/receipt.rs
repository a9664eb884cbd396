//! Reads rejections in the form of a receipt. Sieve's `reject` (RFC 5429) and Dovecot's deliver
//! send a message/disposition-notification (RFC 8098) that the message was deleted, with the reason
//! in the text.
//!
//! They are sent after the mailbox was found, so none of them means that the mailbox does not
//! exist.

use jiff::Timestamp;

use super::addresses;
use super::blank::{blank, shortened};
use super::headers::{fields, get};
use super::parts::Parts;
use crate::model::event::{Bounce, Class, Event, EventKind, Source};
use crate::replies::bounce::judge;
use crate::replies::normal;

/// The rejections that a message reports; none if it is another kind of receipt, or not a receipt.
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

/// Whether a program says that it deleted the message because it rejected it. A message that a
/// person deleted unread was not rejected.
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

/// The text after the sentence that names the recipient.
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
