//! Events about a message after its submission. They have the same form for all sources. This file
//! also decides what an event means for the recipient.

use std::sync::Arc;

use data_encoding::HEXLOWER;
use jiff::Timestamp;
use ring::digest;
use serde::{Deserialize, Serialize};

mod rule;

pub use rule::Believe;
pub(crate) use rule::SoftBounces;

use crate::model::outcome::{Reason, words};

/// The version of the JSON form of [`Event`].
pub(crate) const VERSION: u32 = 1;

/// The maximum number of bytes of a raw payload to keep. The beginning is kept, because in a bounce
/// message the report comes before the returned message.
pub const RAW_LIMIT: usize = 256 * 1024;

words! {
    /// The type of an event about a submitted message.
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
    /// Whether the event proves that the provider accepted the message. `rejected` proves nothing:
    /// Mailgun uses it for messages that it never accepted, other providers for messages that they
    /// accepted and dropped.
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
    /// Whether a bounced message shows that the address cannot be used.
    Bounce {
        /// The mailbox or its domain does not exist, so no message to the address will ever arrive.
        Hard = "hard",
        /// Any other reason. Another message, or the same one later, may arrive.
        Soft = "soft",
    }
}

words! {
    /// The reason for an event, in words that programs can compare.
    Class {
        /// No user has this address (RFC 3463 X.1.1, X.1.6, X.1.10).
        MailboxGone = "mailbox_gone",
        /// The domain does not exist or accepts no mail at all (X.1.2, X.1.10 of RFC 7505).
        DomainGone = "domain_gone",
        /// The address is syntactically invalid (X.1.3).
        BadAddress = "bad_address",
        /// The mailbox exists and is disabled (X.2.1).
        MailboxDisabled = "mailbox_disabled",
        /// The mailbox or the system is full (X.2.2, X.3.1).
        MailboxFull = "mailbox_full",
        /// The message is too large (X.2.3, X.3.4).
        TooLarge = "too_large",
        /// The content of the message was refused (X.6.z).
        Content = "content",
        /// Spam filters, block lists, authentication, authorization (X.7.z): caused by the sender,
        /// never by the recipient.
        Policy = "policy",
        /// Too many messages in a short time.
        Rate = "rate",
        /// Delivery failed on the way to the receiving system: no answer, a loop, or an unresolved
        /// name (X.4.z).
        Routing = "routing",
        /// The sending system stopped retrying, because its retry period ended (X.4.7).
        Expired = "expired",
        /// The receiving system is at fault (X.3.z).
        System = "system",
        /// A protocol error between the two systems (X.5.z).
        Protocol = "protocol",
        /// A complaint about unwanted mail (RFC 5965 `abuse`).
        Abuse = "abuse",
        /// A complaint about forgery or phishing (`fraud`).
        Fraud = "fraud",
        /// A complaint about malware (`virus`).
        Virus = "virus",
        /// The recipient marked the message as not spam (`not-spam`).
        NotSpam = "not_spam",
        /// The source gives no reason.
        Other = "other",
    }
}

words! {
    /// The source of an event.
    Source {
        /// A delivery status notification, or a bounce in free text.
        Dsn = "dsn",
        /// A report of a feedback loop (RFC 5965).
        Arf = "arf",
        /// A verified request that a provider sent to mailbatch's listener, or a click on an
        /// unsubscribe button.
        Webhook = "webhook",
        /// A provider's event log, polled by mailbatch.
        Poll = "poll",
        /// A file that an operator exported from a provider.
        Export = "export",
        /// The provider's reply to the submission.
        Reply = "reply",
    }
}

impl Source {
    /// Whether events of this source can be trusted to be genuine. Events from mail cannot, because
    /// any sender can write such mail.
    pub fn is_authenticated(self) -> bool {
        !matches!(self, Self::Dsn | Self::Arf)
    }
}

/// The run and the recipient of an event, as mailbatch gave them to the provider with the message.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Correlation {
    /// The run.
    pub run: String,
    /// The recipient's key in the run.
    pub key: String,
}

/// An event after submission. It has the same form for every source.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Event {
    /// The format version, [`VERSION`].
    pub v: u32,
    #[serde(rename = "type")]
    pub kind: EventKind,
    /// Whether the bounce is hard or soft. `None` if the event is not a bounce.
    pub bounce: Option<Bounce>,
    /// The reason; `None` if nothing went wrong.
    pub class: Option<Class>,
    /// The SMTP reply code, for example `550`; empty if there is none.
    pub code: String,
    /// The status code of RFC 3463, for example `5.1.1`; empty if there is none.
    pub status: String,
    /// The text in which the source describes the event.
    pub reason: String,
    /// When the event happened. If the source does not say this, when the event was read.
    pub at: Timestamp,
    /// The name of the provider in the configuration; empty for mail.
    pub provider: String,
    pub source: Source,
    /// The address; `None` if the source hides it.
    pub recipient: Option<String>,
    /// The provider's id of the message; empty if there is none.
    pub provider_id: String,
    /// The Message-ID without angle brackets; empty if the source does not report it.
    pub message_id: String,
    /// The token of [`crate::message::token_of`] from an envelope sender or a link; empty if there
    /// is none.
    pub token: String,
    pub correlation: Option<Correlation>,
    /// Identifies the event among all events of the provider. [`Event::identify`] sets it if the
    /// source gives no id.
    pub id: String,
    /// Whether the event is reported only by free text, which any sender can write. Such an event
    /// is stored, but not linked to a recipient, and suppresses no address.
    #[serde(skip)]
    pub is_hearsay: bool,
    /// The first [`RAW_LIMIT`] bytes of the source's data, unchanged.
    #[serde(skip)]
    pub raw: Option<Arc<Raw>>,
}

/// The raw data of a source, with its hash. The events of one report share it, so that a report
/// about many recipients is stored once.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Raw {
    bytes: Box<[u8]>,
    hash: [u8; 16],
}

impl Raw {
    /// Keeps the first [`RAW_LIMIT`] bytes.
    pub fn of(raw: &[u8]) -> Self {
        let bytes = &raw[..raw.len().min(RAW_LIMIT)];
        let mut hash = [0; 16];
        hash.copy_from_slice(&digest::digest(&digest::SHA256, bytes).as_ref()[..16]);
        Self { bytes: bytes.into(), hash }
    }

    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// The first bytes of the data's SHA-256.
    pub fn hash(&self) -> &[u8] {
        &self.hash
    }
}

impl Event {
    /// Creates an event without a recipient or a reason.
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

    /// Sets the event's id to a hash of its content, unless it has an id. A repeated event thus has
    /// the same id.
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
            // The length of each part is hashed before the part, so that different lists of parts
            // never give the same bytes.
            hash.update(&(part.len() as u64).to_be_bytes());
            hash.update(part.as_bytes());
        }
        self.id = HEXLOWER.encode(&hash.finish().as_ref()[..16]);
    }

    /// Stores the beginning of the source's data in the event.
    pub fn keep_raw(&mut self, raw: &[u8]) {
        self.raw = Some(Arc::new(Raw::of(raw)));
    }

    /// The word in the report's `mb_feedback` column: the type, and for bounces hard or soft.
    pub fn word(&self) -> &'static str {
        feedback_word(self.kind, self.bounce)
    }

    /// The suppression that follows from this event alone. Policy refusals concern the sender, and
    /// a `not-spam` report is not a complaint, so these suppress nothing.
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

/// The word for this type of event in the report's `mb_feedback` column.
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
