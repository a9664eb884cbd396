//! Decides whether a mail system wrote a bounce, or a person who mentions, asks about or forwards
//! one.
//!
//! Text alone suppresses no address. A suppression needs evidence that only programs produce, such
//! as a null return path (RFC 5321 section 4.5.5), a mailer daemon's address, a report, or a
//! returned message. Other messages that read like a bounce become events marked as hearsay
//! (unproven).

use std::collections::HashSet;

use super::addresses::all_in;
use super::delay::is_delay;
use super::headers::get;
use super::origin::{has_null_path, is_answering, is_from_mail_system, is_from_program};
use super::parts::Parts;
use super::replies;
use super::sentences::{has_signature, quotes_reply, says_failure, unquoted};
use super::subjects::is_answer;
use super::text::Bounce;
use crate::replies::bounce::codes_in;
use crate::replies::{Meaning, gives_reason, normal, text_reason, without_addresses};

/// How strong the evidence is that a message is a bounce.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Evidence {
    /// The message is not a bounce.
    None,
    /// The text is that of a bounce, but a person may have written it.
    Words,
    /// A program wrote the bounce.
    Program,
}

/// Classifies a message in free text. One sign never proves a bounce, because a person may forward
/// a bounce and an automatic reply may use the same phrases. `subject` is true if the subject is
/// that of a bounce.
pub(super) fn of_text(parts: &Parts, bounce: &Bounce, subject: bool) -> Evidence {
    let said = unquoted(&bounce.said);
    let signed = has_signature(&said);
    let says_failure = signed || says_failure(&said);
    let is_warning = is_delay(&parts.subject, &said);
    let quotes_reply = quotes_reply(&said);
    let gives_why = gives_why(bounce);
    let is_program = is_from_program(parts);
    if is_from_mail_system(parts) {
        // A known sentence of a mail system always counts as a sign. Other words about a failure
        // count only if the message is not a reply.
        let is_signed = signed || (says_failure && !is_answering(parts));
        return match () {
            () if is_program && (subject || is_signed || quotes_reply || is_warning) => {
                Evidence::Program
            }
            () if bounce.has_original && (subject || is_signed) => Evidence::Program,
            () if subject
                || says_failure
                || quotes_reply
                || gives_why
                || is_refusal(bounce, &said) =>
            {
                Evidence::Words
            }
            () => Evidence::None,
        };
    }
    if is_answer(&parts.subject) || is_own_answer(parts, bounce) {
        return Evidence::None;
    }
    // A token in the address that received the message proves nothing, because people's replies are
    // sent to that address too.
    let names_original = bounce.has_original && bounce.names_recipient_of_original;
    if has_null_path(parts) && !replies::is_automatic(parts) && !replies::is_absence(&parts.subject)
    {
        return match subject {
            true if signed || quotes_reply => Evidence::Program,
            false if signed && names_original => Evidence::Program,
            _ => Evidence::None,
        };
    }
    let is_by_hand = is_answering(parts) || (is_ordinary_path(parts) && !bounce.has_original);
    let is_returned = names_original || (bounce.has_original && gives_why);
    if says_failure && (is_returned || subject) && !is_by_hand {
        Evidence::Words
    } else {
        Evidence::None
    }
}

/// Whether the text about a recipient contains a reply code or a reason.
fn gives_why(bounce: &Bounce) -> bool {
    bounce.recipients.iter().take(20).any(|(_, about)| {
        !codes_in(about).code.is_empty() || gives_reason(&without_addresses(&normal(about)))
    })
}

/// Whether a short text that names an address says that the mailbox does not exist or is full.
pub(super) fn is_refusal(bounce: &Bounce, said: &str) -> bool {
    const SHORT: usize = 600;
    said.len() < SHORT && !bounce.recipients.is_empty() && {
        let words = text_reason(&without_addresses(&normal(said)), 0, None);
        words.says_absent || words.means == Some(Meaning::Full)
    }
}

/// Whether the return path looks like a person's address.
fn is_ordinary_path(parts: &Parts) -> bool {
    const MACHINES: [&str; 9] =
        ["daemon", "gateway", "virus", "smtp", "mailer", "noreply", "no-reply", "system", "master"];
    get(&parts.header, "return-path").map(str::to_ascii_lowercase).is_some_and(|path| {
        let local = path.split('@').next().unwrap_or_default();
        path.contains('@') && !MACHINES.iter().any(|machine| local.contains(machine))
    })
}

/// Whether the sender is the address that the message reports as unreachable. A bounce never comes
/// from that address.
fn is_own_answer(parts: &Parts, bounce: &Bounce) -> bool {
    let from = parts.get("from").map(all_in).unwrap_or_default();
    let from: HashSet<String> = from.iter().map(|own| own.to_ascii_lowercase()).collect();
    bounce.recipients.iter().any(|(address, _)| from.contains(&address.to_ascii_lowercase()))
}
