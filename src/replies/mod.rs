//! Interprets the replies of SMTP servers and APIs, and the texts of bounces.
//!
//! Only this module compares reply texts. Its knowledge is data with sources ([`table`]). A refusal
//! concerns the provider, the recipient, the message or the session. A refusal that concerns the
//! provider never counts against a recipient.
//!
//! - A phrase or a status of the table decides first ([`Reading::is_known`]). One such reply can
//!   stop a provider.
//! - Otherwise the code, the enhanced status (RFC 3463, RFC 5248) and the SMTP step decide. One
//!   such reply counts for one recipient only. The caller counts equal replies in a row, which
//!   prove more.
//! - If the codes give no reason, words about recipients decide ([`text_reason`]). Bounces use them
//!   too.
//! - In replies during submission, words of languages other than English count only next to a word
//!   for the recipient ([`languages`]). A word for the sender nearby makes it a sentence about the
//!   sender, in bounces too.
//! - The first sentence about the recipient takes precedence over later sentences, links and help
//!   about the provider ([`recipient`]).
//! - The quoted reply of another server (`host mx.example said: ...`) concerns one recipient, so
//!   table phrases are not searched in it.

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

/// The step at which the server replied.
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
    /// An HTTP API's answer, whose status is the code.
    Api,
    /// A bounce, received after acceptance.
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

/// The meaning of a refusal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Meaning {
    /// Too many messages for the moment: send more slowly.
    Rate,
    /// Too many messages over one connection: open a new connection.
    Share,
    /// A quota of a day, plan or credit is used up: send nothing more in this run.
    Quota,
    /// The login was refused or is missing.
    Credentials,
    /// The sender's address, the account, or the IP address that mailbatch connects from.
    Sender,
    /// The server does not relay this sender's mail to other domains.
    Relay,
    /// The host name sent with EHLO.
    Hello,
    /// The mailbox or the domain does not exist.
    Gone,
    Full,
    Disabled,
    /// One mailbox receives too much mail for the moment.
    Busy,
    /// The server asks to retry this recipient later (greylisting).
    Greylisted,
    Policy,
    /// The address is malformed.
    Address,
    /// The message is refused for any recipient.
    Content,
    /// The message is too large.
    Size,
    /// The domain does not exist or accepts no mail. Only text yields this; a status yields
    /// [`Meaning::Gone`].
    Domain,
    /// The recipient's server cannot be reached. Reported by a relay in a bounce.
    Routing,
    /// The relay's time for retries has ended. Reported by a relay in a bounce.
    Expired,
    /// The receiving system has a fault. Reported by a relay in a bounce.
    System,
    /// An SMTP protocol error, or an unknown reply.
    Session,
}

/// What a refusal concerns.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum About {
    Provider,
    Recipient,
    Message,
    Session,
}

impl Meaning {
    /// What a refusal with this meaning concerns.
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

/// The interpretation of a refusal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Reading {
    pub(crate) means: Meaning,
    /// An entry of the table matched, so the caller may act on a single such reply.
    pub(crate) is_known: bool,
}

/// Interprets a refusal from its reply code (or an API's HTTP status), its enhanced status if there
/// is one, and its text without both. For a bounce the code may be 0.
pub(crate) fn classify(code: u16, status: Option<Status>, text: &str, at: Place) -> Reading {
    let text = prose(text);
    let text = prose::without_statuses(&text);
    // The quoted reply of another server concerns one recipient. A bounce consists mostly of such
    // quotes.
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

/// Whether a recipient was refused permanently with a code that gives no reason.
fn leaves_it_to_words(code: u16, status: Option<Status>, at: Place) -> bool {
    let is_vague = status
        .is_none_or(|status| matches!((status.subject, status.detail), (0, _) | (5, 0) | (2, 0)));
    let is_protocol = matches!(code, 500 | 502..=504 | 530 | 534 | 535 | 538);
    matches!(at, Place::Rcpt | Place::Message) && code / 100 == 5 && !is_protocol && is_vague
}

/// What the text says about a recipient, if it is unambiguous or describes the state of a mailbox.
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

/// Interprets a refusal whose code is stored as text: `550 5.1.1`, `550`.
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

/// Whether a code stored as text proves that the mailbox does not exist. Both reply code and status
/// must be permanent. The status must mean no such mailbox, moved without a new address, or a
/// domain that accepts no mail (RFC 7505).
pub(crate) fn is_certainly_gone(code: &str) -> bool {
    code.starts_with('5') && matches!(code.split_once(' '), Some((_, "5.1.1" | "5.1.6" | "5.1.10")))
}

/// The meaning of the code and the status without the text.
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
        // Outlook.com uses 5.5.0 for a missing mailbox: "550 5.5.0 Requested action not taken: mailbox
        // unavailable".
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
