//! What happens to a message after the hand-over, in one form for all sources, and what follows
//! from it for the recipient.

use std::sync::Arc;

use data_encoding::HEXLOWER;
use jiff::Timestamp;
use ring::digest;
use serde::{Deserialize, Serialize};

mod rule;

pub use rule::Believe;
pub(crate) use rule::SoftBounces;

use crate::model::outcome::{Reason, words};

/// The version of [`Event`] as it is written in output and read back.
pub(crate) const VERSION: u32 = 1;

/// How much of a raw payload is kept. What reports a bounce stands before the returned message, so
/// of a longer one the beginning is kept.
pub const RAW_LIMIT: usize = 256 * 1024;

words! {
    /// What happened to a message after it was handed over.
    EventKind {
        Queued = "queued",
        Sent = "sent",
        Delivered = "delivered",
        Bounced = "bounced",
        Deferred = "deferred",
        Complained = "complained",
        Unsubscribed = "unsubscribed",
        Opened = "opened",
        Clicked = "clicked",
        Rejected = "rejected",
        Unknown = "unknown",
    }
}

impl EventKind {
    /// Whether it proves that the provider took the message. What it refused proves nothing: by
    /// this word Mailgun reports what it never took, and others what they dropped after they had
    /// taken it.
    pub const fn proves_taken(self) -> bool {
        match self {
            Self::Queued
            | Self::Sent
            | Self::Delivered
            | Self::Bounced
            | Self::Deferred
            | Self::Complained
            | Self::Unsubscribed
            | Self::Opened
            | Self::Clicked => true,
            Self::Rejected | Self::Unknown => false,
        }
    }
}

words! {
    /// Whether a bounce says that the address is of no use.
    Bounce {
        /// The mailbox or its domain does not exist: nothing sent there will ever arrive.
        Hard = "hard",
        /// Anything else: another message, or another day, may arrive.
        Soft = "soft",
    }
}

words! {
    /// Why it happened, in a word that programs can compare.
    Class {
        /// No user has this address (RFC 3463 X.1.1, X.1.6, X.1.10).
        MailboxGone = "mailbox_gone",
        /// The domain does not exist or takes no mail at all (X.1.2, X.1.10 of RFC 7505).
        DomainGone = "domain_gone",
        /// The address cannot be an address (X.1.3).
        BadAddress = "bad_address",
        /// The mailbox exists and is switched off (X.2.1).
        MailboxDisabled = "mailbox_disabled",
        /// The mailbox or the system has no room left (X.2.2, X.3.1).
        MailboxFull = "mailbox_full",
        /// The message is larger than is taken (X.2.3, X.3.4).
        TooLarge = "too_large",
        /// The message itself was not liked (X.6.z).
        Content = "content",
        /// Spam filters, block lists, authentication, authorization (X.7.z): about the sender,
        /// never about the person.
        Policy = "policy",
        /// Too much at once.
        Rate = "rate",
        /// The way there is broken: no answer, a loop, a name that could not be looked up (X.4.z).
        Routing = "routing",
        /// It was tried for as long as the system tries (X.4.7).
        Expired = "expired",
        /// The receiving system is at fault (X.3.z).
        System = "system",
        /// The two systems did not understand each other (X.5.z).
        Protocol = "protocol",
        /// A complaint that calls it unwanted (RFC 5965 `abuse`).
        Abuse = "abuse",
        /// A complaint about forgery or phishing (`fraud`).
        Fraud = "fraud",
        /// A complaint about malware (`virus`).
        Virus = "virus",
        /// The recipient took the message out of the spam folder (`not-spam`).
        NotSpam = "not_spam",
        /// The source gives no reason.
        Other = "other",
    }
}

words! {
    /// Where an event comes from.
    Source {
        /// A delivery status notification or a bounce in free text.
        Dsn = "dsn",
        /// A feedback loop's report (RFC 5965).
        Arf = "arf",
        /// A provider's verified request to our endpoint, or a press of the unsubscribe button.
        Webhook = "webhook",
        /// A provider's event log, asked by us.
        Poll = "poll",
        /// A file that a person exported from a provider.
        Export = "export",
        /// Reported by the provider with its reply.
        Reply = "reply",
    }
}

impl Source {
    /// Whether only the provider or the operator can be its source. Any sender can write a mail.
    pub fn is_authenticated(self) -> bool {
        !matches!(self, Self::Dsn | Self::Arf)
    }
}

/// The recipient that an event is about, where its source names our own run and recipient.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Correlation {
    /// The run.
    pub run: String,
    /// The recipient's key in it.
    pub key: String,
}

/// Something that happened after the hand-over, in the same form for every source.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Event {
    /// [`VERSION`].
    pub v: u32,
    #[serde(rename = "type")]
    pub kind: EventKind,
    /// For `bounced` only.
    pub bounce: Option<Bounce>,
    /// Why; `None` where nothing went wrong.
    pub class: Option<Class>,
    /// The SMTP reply code, such as `550`; empty where there is none.
    pub code: String,
    /// The status of RFC 3463, such as `5.1.1`; empty where there is none.
    pub status: String,
    /// What the source says about it, in its words.
    pub reason: String,
    /// When it happened; when it was read where the source does not say.
    pub at: Timestamp,
    /// The name of the provider in the configuration; empty for mail.
    pub provider: String,
    pub source: Source,
    /// The address; `None` where the source hides it.
    pub recipient: Option<String>,
    /// The provider's id of the message; empty where there is none.
    pub provider_id: String,
    /// Our Message-ID without angle brackets; empty where the source does not name it.
    pub message_id: String,
    /// The token of [`crate::message::token_of`] out of an envelope sender or a link; empty where
    /// there is none.
    pub token: String,
    pub correlation: Option<Correlation>,
    /// What distinguishes this event from all others of the provider; filled in by
    /// [`Event::identify`] where the source has no name for it.
    pub id: String,
    /// Only free text reports it, which any sender can write: it is kept, belongs to no recipient
    /// and suppresses none.
    #[serde(skip)]
    pub is_hearsay: bool,
    /// What the source sent, word for word, its first [`RAW_LIMIT`] bytes.
    #[serde(skip)]
    pub raw: Option<Arc<Raw>>,
}

/// What a source sent, and its hash: a report about a hundred thousand people is one, which all of
/// their events share.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Raw {
    bytes: Box<[u8]>,
    hash: [u8; 16],
}

impl Raw {
    /// The first [`RAW_LIMIT`] bytes.
    pub fn of(raw: &[u8]) -> Self {
        let bytes = &raw[..raw.len().min(RAW_LIMIT)];
        let mut hash = [0; 16];
        hash.copy_from_slice(&digest::digest(&digest::SHA256, bytes).as_ref()[..16]);
        Self { bytes: bytes.into(), hash }
    }

    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// The beginning of its SHA-256.
    pub fn hash(&self) -> &[u8] {
        &self.hash
    }
}

impl Event {
    /// An event without a recipient and a reason.
    pub fn new(kind: EventKind, source: Source, at: Timestamp) -> Self {
        Self {
            v: VERSION,
            kind,
            bounce: None,
            class: None,
            code: String::new(),
            status: String::new(),
            reason: String::new(),
            at,
            provider: String::new(),
            source,
            recipient: None,
            provider_id: String::new(),
            message_id: String::new(),
            token: String::new(),
            correlation: None,
            id: String::new(),
            is_hearsay: false,
            raw: None,
        }
    }

    /// Gives an event without an id one that is a function of what it says, so that the same event
    /// that comes twice is seen to.
    pub fn identify(&mut self) {
        if !self.id.is_empty() {
            return;
        }
        let mut hash = digest::Context::new(&digest::SHA256);
        let at = self.at.to_string();
        let recipient = self.recipient.as_deref().unwrap_or_default();
        for part in [
            self.word(),
            &at,
            recipient,
            &self.provider_id,
            &self.message_id,
            &self.token,
            &self.code,
            &self.status,
            &self.reason,
        ] {
            // The length goes first, so that no two lists of parts are the same bytes.
            hash.update(&(part.len() as u64).to_be_bytes());
            hash.update(part.as_bytes());
        }
        self.id = HEXLOWER.encode(&hash.finish().as_ref()[..16]);
    }

    /// Keeps the beginning of what the source sent.
    pub fn keep_raw(&mut self, raw: &[u8]) {
        self.raw = Some(Arc::new(Raw::of(raw)));
    }

    /// The word of the report's `mb_feedback` column: the type, for bounces with hard or soft.
    pub fn word(&self) -> &'static str {
        feedback_word(self.kind, self.bounce)
    }

    /// Why the recipient must not be mailed again, if that follows from this event alone. A policy
    /// answer is about the sender, and a report of `not-spam` is no complaint.
    pub fn suppresses(&self) -> Option<Reason> {
        match (self.kind, self.bounce, self.class) {
            (EventKind::Bounced, _, Some(Class::Policy)) => None,
            (EventKind::Bounced, Some(Bounce::Hard), _)
                if !self.status.get(1..).is_some_and(|rest| rest.starts_with(".7.")) =>
            {
                Some(Reason::HardBounce)
            }
            (EventKind::Complained, _, class) if class != Some(Class::NotSpam) => {
                Some(Reason::Complaint)
            }
            (EventKind::Unsubscribed, ..) => Some(Reason::Unsubscribe),
            _ => None,
        }
    }
}

/// The word of a type in the report's `mb_feedback` column.
pub(crate) fn feedback_word(kind: EventKind, bounce: Option<Bounce>) -> &'static str {
    match (kind, bounce) {
        (EventKind::Bounced, Some(Bounce::Hard)) => "bounced(hard)",
        (EventKind::Bounced, Some(Bounce::Soft)) => "bounced(soft)",
        (kind, _) => kind.as_str(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bounce(bounce: Bounce, class: Class, status: &str) -> Event {
        let mut event = Event::new(EventKind::Bounced, Source::Dsn, Timestamp::UNIX_EPOCH);
        (event.bounce, event.class, event.status) = (Some(bounce), Some(class), status.into());
        event
    }

    #[test]
    fn policy_and_soft_bounces_and_not_spam_suppress_nobody_by_themselves() {
        assert_eq!(
            bounce(Bounce::Hard, Class::MailboxGone, "5.1.1").suppresses(),
            Some(Reason::HardBounce)
        );
        assert_eq!(bounce(Bounce::Hard, Class::Policy, "5.1.1").suppresses(), None);
        assert_eq!(bounce(Bounce::Hard, Class::MailboxGone, "5.7.1").suppresses(), None);
        assert_eq!(bounce(Bounce::Soft, Class::MailboxFull, "5.2.2").suppresses(), None);
        let mut complaint = Event::new(EventKind::Complained, Source::Arf, Timestamp::UNIX_EPOCH);
        assert_eq!(complaint.suppresses(), Some(Reason::Complaint));
        complaint.class = Some(Class::NotSpam);
        assert_eq!(complaint.suppresses(), None);
        assert_eq!(
            Event::new(EventKind::Unsubscribed, Source::Webhook, Timestamp::UNIX_EPOCH)
                .suppresses(),
            Some(Reason::Unsubscribe)
        );
        assert_eq!(
            Event::new(EventKind::Delivered, Source::Webhook, Timestamp::UNIX_EPOCH).suppresses(),
            None
        );
    }

    #[test]
    fn an_id_is_a_function_of_what_the_event_says() {
        let id = |change: &dyn Fn(&mut Event)| {
            let mut event = bounce(Bounce::Hard, Class::MailboxGone, "5.1.1");
            change(&mut event);
            event.identify();
            event.id
        };
        let same = id(&|_| {});
        assert_eq!(same, id(&|event| event.keep_raw(b"other")));
        assert_ne!(same, id(&|event| event.recipient = Some("ann@example.com".into())));
        assert_ne!(
            id(&|e| (e.code, e.status) = ("55".into(), "0".into())),
            id(&|e| (e.code, e.status) = ("5".into(), "50".into()))
        );
        assert_eq!(id(&|event| event.id = "given".into()), "given");
    }

    #[test]
    fn an_event_reads_back_as_it_was_written() {
        let mut event = bounce(Bounce::Soft, Class::MailboxFull, "4.2.2");
        event.recipient = Some("ann@example.com".into());
        let text = serde_json::to_string(&event).unwrap();
        assert!(
            text.starts_with(r#"{"v":1,"type":"bounced","bounce":"soft","class":"mailbox_full""#),
            "{text}"
        );
        assert_eq!(serde_json::from_str::<Event>(&text).unwrap(), event);
    }
}
