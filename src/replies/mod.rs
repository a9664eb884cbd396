//! What a reply means: the one body of knowledge for hand-over, APIs and bounces.
//!
//! The rules it keeps: sentences are compared here and nowhere else; what is known is data with a
//! source ([`table`]); a refusal is about the provider, the recipient, the message or the session,
//! and what is about the provider is never charged to a recipient.
//!
//! - A phrase or status of the table decides ([`Reading::is_known`]); a provider may be stopped at
//!   the first of these.
//! - Otherwise the code and the enhanced status (RFC 3463, RFC 5248) decide, with the step at which
//!   they were said. Such a reading is believed about one recipient; several equal ones in a row
//!   prove more, which is judged where they can be counted.
//! - Where those say nothing of the reason, the words about recipients decide ([`text_reason`]),
//!   which bounces are read by too.
//! - Words of other languages than English count at hand-over only beside a word for the recipient
//!   ([`languages`]); one for the sender near by makes it a sentence about the sender, in bounces
//!   too.
//! - What the first sentence about the recipient says outranks what later ones, links and help say
//!   about the provider ([`recipient`]).
//! - What a server repeats of another one's words (`host mx.example said: ...`) is about one
//!   recipient: phrases are not looked for in it.

mod absent;
pub(crate) mod bounce;
mod known;
mod languages;
mod normal;
mod phrase;
mod prose;
mod reasons;
mod recipient;
mod sentence;
mod sign;
mod table;
mod text_reason;
mod unknown;
mod wait;

pub(crate) use languages::{labels_recipient, says_not_yet, says_undelivered};
pub(crate) use normal::{forms, normal, without_addresses};
use prose::prose;
pub(crate) use sign::{anonymous, sign};
pub(crate) use text_reason::{TextReason, gives_reason, text_reason};
pub(crate) use unknown::says_absent;
pub(crate) use wait::named_wait;

/// Where something was said.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Place {
    Greeting,
    /// EHLO, HELO, STARTTLS.
    Hello,
    Auth,
    Mail,
    Rcpt,
    /// DATA, the end of the message, or a chunk.
    Message,
    /// An HTTP API's answer; its status is the code.
    Api,
    /// A bounce, which comes after acceptance.
    Bounce,
}

/// An enhanced status code (RFC 3463).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Status {
    pub(crate) class: u16,
    pub(crate) subject: u16,
    pub(crate) detail: u16,
}

impl std::fmt::Display for Status {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}.{}.{}", self.class, self.subject, self.detail)
    }
}

/// What a refusal comes to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Meaning {
    /// Too much for now: slow down.
    Rate,
    /// So many messages over one connection: change the connection.
    Share,
    /// The quota of a day, plan or credit is used up: nothing more in this run.
    Quota,
    /// The login is refused or missing.
    Credentials,
    /// The sender's address, the account, or the address that we connect from.
    Sender,
    /// It takes nothing from us for others.
    Relay,
    /// The name that we say at EHLO.
    Hello,
    /// No such mailbox or domain.
    Gone,
    Full,
    Disabled,
    /// One mailbox gets too much for now.
    Busy,
    /// Asked to come again for this recipient.
    Greylisted,
    Policy,
    /// The address is malformed.
    Address,
    /// The message, for any recipient.
    Content,
    /// The message is too large.
    Size,
    /// No such domain, or one that takes no mail. Only words say so; a status says
    /// [`Meaning::Gone`].
    Domain,
    /// The way to the recipient's server; a relay says so in a bounce.
    Routing,
    /// Tried for as long as a relay tries; a relay says so in a bounce.
    Expired,
    /// The receiving system is at fault; a relay says so in a bounce.
    System,
    /// The exchange of commands, or nothing that is known.
    Session,
}

/// What a refusal is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum About {
    Provider,
    Recipient,
    Message,
    Session,
}

impl Meaning {
    /// What it is about.
    pub(crate) fn about(self) -> About {
        match self {
            Self::Rate
            | Self::Quota
            | Self::Credentials
            | Self::Sender
            | Self::Relay
            | Self::Hello => About::Provider,
            Self::Gone
            | Self::Domain
            | Self::Full
            | Self::Disabled
            | Self::Busy
            | Self::Greylisted
            | Self::Policy
            | Self::Address => About::Recipient,
            Self::Routing | Self::Expired | Self::System => About::Recipient,
            Self::Content | Self::Size => About::Message,
            Self::Share | Self::Session => About::Session,
        }
    }
}

/// A refusal that has been read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Reading {
    pub(crate) means: Meaning,
    /// An entry of the table says so, and not the code alone: the sender may act at the first of
    /// these.
    pub(crate) is_known: bool,
}

/// Reads a refusal: a reply code (or an API's HTTP status), an enhanced status where there is one,
/// and the text without either. For a bounce the code may be 0.
pub(crate) fn classify(code: u16, status: Option<Status>, text: &str, at: Place) -> Reading {
    let text = prose(text);
    let text = prose::without_statuses(&text);
    // The words of another server are about one recipient; a bounce is made of little else.
    let own = if at == Place::Bounce { &text } else { prose::own_words(&text) };
    if let Some(known) = known::at(code, status, own, at) {
        tracing::debug!(means = ?known.means, source = known.source, "a known reply");
        return Reading { means: known.means, is_known: true };
    }
    let means = by_code(code, status, at);
    let means =
        if leaves_it_to_words(code, status, at) { in_words(&text).unwrap_or(means) } else { means };
    Reading { means, is_known: false }
}

/// Whether a recipient is refused for good with a code that says nothing of the reason.
fn leaves_it_to_words(code: u16, status: Option<Status>, at: Place) -> bool {
    let is_vague = status
        .is_none_or(|status| matches!((status.subject, status.detail), (0, _) | (5, 0) | (2, 0)));
    let is_protocol = matches!(code, 500 | 502..=504 | 530 | 534 | 535 | 538);
    matches!(at, Place::Rcpt | Place::Message) && code / 100 == 5 && !is_protocol && is_vague
}

/// What the words say about a recipient, where they can mean nothing else, or name what a mailbox
/// is or is not.
fn in_words(text: &str) -> Option<Meaning> {
    let stated = text_reason(&normal(text), 0, None);
    if stated.is_loose {
        return None;
    }
    match stated.means? {
        Meaning::Domain => Some(Meaning::Gone),
        Meaning::Policy if !stated.is_clear => None,
        means @ (Meaning::Gone
        | Meaning::Full
        | Meaning::Disabled
        | Meaning::Address
        | Meaning::Policy
        | Meaning::Sender) => Some(means),
        _ => None,
    }
}

/// Reads a refusal again whose code is kept as text: `550 5.1.1`, `550`.
pub(crate) fn classify_again(code: &str, text: &str, at: Place) -> Reading {
    let (digits, status) = code.split_once(' ').unwrap_or((code, ""));
    let mut parts = status.split('.').map(|part| part.parse().ok());
    let mut next = || parts.next().flatten();
    let status = next().zip(next()).zip(next()).map(|((class, subject), detail)| Status {
        class,
        subject,
        detail,
    });
    classify(digits.parse().unwrap_or(0), status, text, at)
}

/// Whether a code kept as text says for certain that the mailbox does not exist: both digits
/// permanent, and no such mailbox, moved without a new address, or a domain that takes no mail (RFC
/// 7505).
pub(crate) fn is_certainly_gone(code: &str) -> bool {
    code.starts_with('5') && matches!(code.split_once(' '), Some((_, "5.1.1" | "5.1.6" | "5.1.10")))
}

/// What the code and the status say by themselves.
fn by_code(code: u16, status: Option<Status>, at: Place) -> Meaning {
    let is_early = !matches!(at, Place::Rcpt | Place::Message | Place::Bounce | Place::Api);
    if matches!(code, 530 | 534 | 535 | 538) || (at == Place::Auth && code / 100 == 5) {
        return if is_early { Meaning::Credentials } else { Meaning::Policy };
    }
    let Some(status) = status else { return by_code_alone(code, at) };
    let is_permanent = status.class == 5 || code / 100 == 5;
    match (status.subject, status.detail) {
        (7, 8 | 9 | 11) if is_early => Meaning::Credentials,
        (7, _) => Meaning::Policy,
        (1, 7 | 8) => Meaning::Sender,
        (1, 3) if is_permanent => Meaning::Address,
        (1, _) => Meaning::Gone,
        (2, 1) => Meaning::Disabled,
        (2, 2) => Meaning::Full,
        (2, 3) | (3, 4) => Meaning::Content,
        (2, _) => Meaning::Disabled,
        (6, 7) if at == Place::Rcpt => Meaning::Address,
        (6, _) => Meaning::Content,
        // Outlook.com: "550 5.5.0 Requested action not taken: mailbox unavailable".
        (5, 0) | (0, _) => by_code_alone(code, at),
        _ => Meaning::Session,
    }
}

fn by_code_alone(code: u16, at: Place) -> Meaning {
    match (code, at) {
        (501, Place::Rcpt) => Meaning::Address,
        (550 | 551 | 553 | 556, Place::Rcpt) => Meaning::Gone,
        (450 | 452 | 552, Place::Rcpt) => Meaning::Full,
        (552, Place::Mail | Place::Message) => Meaning::Content,
        (550 | 551 | 553 | 554, Place::Rcpt | Place::Message) => Meaning::Policy,
        (454, _) => Meaning::Credentials,
        _ => Meaning::Session,
    }
}

#[cfg(test)]
mod tests;
