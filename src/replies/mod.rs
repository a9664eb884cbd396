//! Interprets the replies of SMTP servers and APIs, and the texts of bounces.
//!
//! Only this module compares reply texts. Its phrases are data with sources ([`table`]). A refusal
//! concerns the provider, the recipient, the message or the session. A refusal that concerns the
//! provider never counts against a recipient.
//!
//! - First, a phrase or a status of the table decides ([`Reading::is_known`]). A single such reply
//!   can stop a provider.
//! - Second, the code, the enhanced status (RFC 3463, RFC 5248) and the SMTP step decide. Such a
//!   reply counts for one recipient only. The caller counts equal replies in a row, which prove
//!   that the provider has a problem.
//! - Third, if the codes give no reason, the words of the text decide ([`text_reason`]). Bounces
//!   are interpreted in the same way.
//! - Words of languages other than English count in replies only next to a word for the recipient
//!   ([`languages`]). If a word for the sender is near, the sentence is about the sender.
//! - The first sentence about the recipient takes precedence over later sentences, links and help
//!   about the provider ([`recipient`]).
//! - If a relay quotes another server's reply (`host mx.example said: ...`), the quote concerns one
//!   recipient, so it is not searched for phrases of the table.

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

/// The step of the submission at which the server replied.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Place {
    Greeting,
    /// The reply to EHLO, HELO or STARTTLS.
    Hello,
    Auth,
    Mail,
    Rcpt,
    /// The reply to DATA, to the end of the message, or to a chunk (BDAT).
    Message,
    /// The answer of an HTTP API. Its HTTP status is used as the reply code.
    Api,
    /// A bounce, which is received after the message was accepted.
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

/// The reason for a refusal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Meaning {
    /// Messages are sent too fast: mailbatch must slow down.
    Rate,
    /// Too many messages were sent over one connection: mailbatch must open a new one.
    Share,
    /// A quota per day, plan or credit is used up: mailbatch must send nothing more in this run.
    Quota,
    /// The login was refused or is missing.
    Credentials,
    /// The sender's address, its account, or its IP address is refused.
    Sender,
    /// The server does not relay this sender's mail to other domains.
    Relay,
    /// The host name sent with EHLO is refused.
    Hello,
    /// The mailbox or the domain does not exist.
    Gone,
    Full,
    Disabled,
    /// The mailbox receives too much mail at the moment.
    Busy,
    /// The server asks to retry this recipient later (greylisting).
    Greylisted,
    Policy,
    /// The address is malformed.
    Address,
    /// The server would refuse this message for any recipient.
    Content,
    /// The message is too large.
    Size,
    /// The domain does not exist or accepts no mail. Only a text gives this meaning; a status gives
    /// [`Meaning::Gone`].
    Domain,
    /// A relay reports in a bounce that it cannot reach the recipient's server.
    Routing,
    /// A relay reports in a bounce that it has given up retrying.
    Expired,
    /// A relay reports in a bounce that the receiving system has a fault.
    System,
    /// The reply is an SMTP protocol error or is unknown.
    Session,
}

/// Whether a refusal concerns the provider, the recipient, the message or the session.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum About {
    Provider,
    Recipient,
    Message,
    Session,
}

impl Meaning {
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
    /// Whether the reply is in the table. A single such reply is then reliable enough to act on.
    pub(crate) is_known: bool,
}

/// Interprets a refusal. `code` is the reply code or an API's HTTP status, and may be 0 for a
/// bounce. `text` contains neither the code nor the enhanced status.
pub(crate) fn classify(code: u16, status: Option<Status>, text: &str, at: Place) -> Reading {
    let text = prose(text);
    let text = prose::without_statuses(&text);
    // If a relay quotes another server's reply, that reply concerns one recipient. Table phrases
    // are searched in quotes only for bounces, which consist mostly of quotes.
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

/// Whether the server permanently refused a recipient with a code that gives no reason.
fn leaves_it_to_words(code: u16, status: Option<Status>, at: Place) -> bool {
    let is_vague = status
        .is_none_or(|status| matches!((status.subject, status.detail), (0, _) | (5, 0) | (2, 0)));
    let is_protocol = matches!(code, 500 | 502..=504 | 530 | 534 | 535 | 538);
    matches!(at, Place::Rcpt | Place::Message) && code / 100 == 5 && !is_protocol && is_vague
}

/// Returns the reason for which the text says that the recipient was refused, if the text is clear
/// enough.
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

/// Interprets a refusal whose code is stored as text, such as `550 5.1.1` or `550`.
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

/// Whether a code stored as text proves that the mailbox does not exist. The reply code must be
/// permanent. The status must mean no such mailbox, moved without a new address, or a domain that
/// accepts no mail (RFC 7505).
pub(crate) fn is_certainly_gone(code: &str) -> bool {
    code.starts_with('5') && matches!(code.split_once(' '), Some((_, "5.1.1" | "5.1.6" | "5.1.10")))
}

/// Returns the meaning of the code and the status. The text is not considered.
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
