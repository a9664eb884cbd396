//! What a provider's API offers an operator beside sending: whether it would take mail, its logs,
//! and its suppressions.
//!
//! The rules it keeps: what an API does not report is said to be not reported, and never guessed;
//! nothing here sends mail; no finding holds a secret.
//!
//! A provider that says nothing about itself needs nothing of this: every method has a default.

use std::time::Duration;

use jiff::Timestamp;
use serde_json::Value;

use super::types::BoxFuture;
use crate::model::outcome::Reason;
use crate::model::verdict::{Health, Refusal, Verdict};

/// The most bytes of a page of a log: some hundred entries with the words of a receiving server,
/// which are long now and then.
pub(crate) const MAX_PAGE: usize = 16 * 1024 * 1024;

/// So many entries a page of a list that is read by offsets has in common with the one before:
/// where fewer are deleted between the two, none is passed over.
pub(crate) const OVERLAP: usize = 50;

/// How replies are matched to recipients where each message has an answer of its own.
pub(crate) const EACH_ITS_OWN: &str = "each message has an answer of its own";

/// What a provider's API offers besides taking mail.
pub trait AccountApi: Send + Sync {
    /// How an answer is matched to its recipient, in a few words.
    fn reply(&self) -> &'static str {
        EACH_ITS_OWN
    }

    /// Asks the provider about itself: whether the credentials hold, whether it takes mail from
    /// `sender`, what may be sent and has been, how old the key is. What is left out of the answer
    /// is added as not reported.
    fn examine<'a>(&'a self, _sender: Option<&'a str>) -> BoxFuture<'a, Vec<Finding>> {
        Box::pin(std::future::ready(Vec::new()))
    }

    /// The provider's log of messages; `None` where its API cannot be asked about a message by an
    /// id of ours.
    fn log(&self) -> Option<&dyn Log> {
        None
    }

    /// The provider's log of what became of messages; `None` where its API has none that can be
    /// read from a time on.
    fn event_log(&self) -> Option<&dyn EventLog> {
        None
    }

    /// The provider's own suppressions; `None` where its API has none.
    fn suppressions(&self) -> Option<&dyn RemoteList> {
        None
    }
}

/// What a finding is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum About {
    Connection,
    Encryption,
    Stream,
    Extensions,
    Pipelining,
    Credentials,
    Sender,
    Quota,
    KeyAge,
}

impl About {
    /// What every provider is asked.
    pub const ALWAYS: [Self; 4] = [Self::Credentials, Self::Sender, Self::Quota, Self::KeyAge];

    /// The word for people and scripts.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Connection => "connection",
            Self::Encryption => "encryption",
            Self::Stream => "stream",
            Self::Extensions => "extensions",
            Self::Pipelining => "pipelining",
            Self::Credentials => "credentials",
            Self::Sender => "sender",
            Self::Quota => "quota",
            Self::KeyAge => "key_age",
        }
    }
}

/// How it stands with what a finding is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    Good,
    /// Mail would be refused for it.
    Bad,
    /// The API does not report it, or could not be asked.
    NotReported,
}

impl State {
    /// The word for people and scripts.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Good => "ok",
            Self::Bad => "failed",
            Self::NotReported => "untold",
        }
    }
}

/// One thing that a provider reports about itself, or does not.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    pub about: About,
    pub state: State,
    /// One line for people.
    pub detail: String,
}

impl Finding {
    /// All is well with it.
    pub fn good(about: About, detail: impl Into<String>) -> Self {
        Self { about, state: State::Good, detail: detail.into() }
    }

    /// Mail would be refused for it.
    pub fn bad(about: About, detail: impl Into<String>) -> Self {
        Self { about, state: State::Bad, detail: detail.into() }
    }

    /// The API does not report it.
    pub fn not_reported(about: About, detail: impl Into<String>) -> Self {
        Self { about, state: State::NotReported, detail: detail.into() }
    }

    /// What a question about credentials that failed comes to: those of a provider that cannot be
    /// reached are not reported, and the connection is bad.
    pub fn of_trouble(trouble: &Trouble) -> Self {
        match trouble {
            Trouble::Refused(refusal)
                if matches!(refusal.reason, Reason::Auth | Reason::Policy) =>
            {
                Self::bad(About::Credentials, in_words(refusal))
            }
            Trouble::Refused(refusal) | Trouble::Failing(refusal) => {
                Self::bad(About::Connection, in_words(refusal))
            }
        }
    }
}

/// A refusal's code, if it has one, and what it says.
pub(crate) fn in_words(refusal: &Refusal) -> String {
    format!("{} {}", refusal.code, refusal.detail).trim().to_owned()
}

/// Why a question has no answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Trouble {
    /// Until an operator mends it: credentials, permissions, the address of the service.
    Refused(Refusal),
    /// It may do better later: no connection, throttled for long, a reply that cannot be read.
    Failing(Refusal),
}

impl Trouble {
    /// What the provider said.
    pub fn refusal(&self) -> &Refusal {
        let (Self::Refused(refusal) | Self::Failing(refusal)) = self;
        refusal
    }
}

impl From<Health> for Trouble {
    fn from(health: Health) -> Self {
        match health {
            Health::Failing(refusal) => Self::Failing(refusal),
            Health::Stop(refusal) | Health::Exhausted(refusal) => Self::Refused(refusal),
            Health::Fine | Health::SlowDown(_) => {
                Self::Failing(Refusal::new(Reason::Rate, "", "asks to be left alone for a while"))
            }
        }
    }
}

/// One address that a provider suppresses.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Theirs {
    /// As the provider writes it, not looked at.
    pub email: String,
    pub reason: Reason,
    pub created_at: Option<Timestamp>,
    /// The provider's own words, for the note.
    pub note: String,
}

/// One address of ours that may be sent to a provider.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ours {
    pub email: String,
    pub reason: Reason,
}

/// A hand-over of which it is not known whether it was taken.
#[derive(Clone, Copy, Debug)]
pub struct InDoubt<'a> {
    /// Where the message went.
    pub to: &'a str,
    /// Its Message-ID without the angle brackets.
    pub message_id: &'a str,
    /// Why it is in doubt, in the words of [`Verdict::Unknown`].
    pub detail: &'a str,
    pub claimed_at: Timestamp,
}

/// What a provider's log says of a message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Logged {
    /// What became of the hand-over; never in doubt again.
    pub verdict: Verdict,
    /// What it says, in one line for people.
    pub words: String,
}

/// How a hand-over is asked about that a provider took and was still at work on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Unfinished {
    /// The pause between two questions.
    pub every: Duration,
    /// For how long after the claim it is asked about.
    pub patience: Duration,
}

/// A provider's log of messages.
pub trait Log: Send + Sync {
    /// How to go on asking about a hand-over that is in doubt for this reason; `None` where asking
    /// again soon gives nothing new.
    fn unfinished(&self, _detail: &str) -> Option<Unfinished> {
        None
    }

    /// What the log says of one message. `None` proves nothing: a log may be behind, and it
    /// forgets.
    fn look_up<'a>(
        &'a self,
        about: &'a InDoubt<'a>,
    ) -> BoxFuture<'a, Result<Option<Logged>, Trouble>>;
}

/// The time of a log that is asked for, both ends included.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Span {
    pub from: Timestamp,
    pub until: Timestamp,
}

/// One entry of a provider's log, as it came.
#[derive(Clone, Debug, PartialEq)]
pub struct Entry {
    /// The list of the API that it stands in.
    pub list: &'static str,
    pub value: Value,
}

/// A piece of a provider's log.
#[derive(Clone, Debug, Default)]
pub struct Stretch {
    pub entries: Vec<Entry>,
    /// Where the next piece begins, in the adapter's own words; `None` at the end.
    pub next: Option<String>,
    /// Everything up to here has been read; `None` where that is not known before the end.
    pub read_until: Option<Timestamp>,
    /// What part of the log cannot be read, as a text to show.
    pub left_out: Option<String>,
    /// The provider's clock; `None` where the service does not say.
    pub clock: Option<Timestamp>,
}

/// A provider's log of what became of messages, read in pieces.
pub trait EventLog: Send + Sync {
    /// What the log contains, in a few words.
    fn holds(&self) -> &'static str;
    /// A hash of which log it is and of the credentials, the same for the same log and key.
    fn whose(&self) -> [u8; 32];
    /// For how long after an event its entry may still appear in the log, or change there.
    fn unsettled_for(&self) -> Duration {
        Duration::from_secs(3_600)
    }
    /// The piece of a time that begins at `cursor`, the first one without it.
    fn stretch<'a>(
        &'a self,
        span: Span,
        cursor: Option<&'a str>,
    ) -> BoxFuture<'a, Result<Stretch, Trouble>>;
}

/// A piece of a provider's suppressions.
#[derive(Clone, Debug, Default)]
pub struct Page {
    pub entries: Vec<Theirs>,
    /// How many entries are left out, and why: those that say nothing about all mail to a person.
    pub left_out: Option<(u64, &'static str)>,
    /// Where the next piece begins, in the adapter's own words; `None` at the end.
    pub next: Option<String>,
}

/// A provider's suppressions, read and written in pieces.
pub trait RemoteList: Send + Sync {
    /// The piece that begins at `cursor`, the first one without it.
    fn page<'a>(&'a self, cursor: Option<&'a str>) -> BoxFuture<'a, Result<Page, Trouble>>;
    /// Whether the API takes an address with this reason.
    fn takes(&self, reason: Reason) -> bool;
    /// The most entries of one [`RemoteList::push`].
    fn most_pushed(&self) -> usize {
        1
    }
    /// Sends these addresses to the provider, all with reasons that it takes. Sending them twice
    /// does no harm. Returns how many it did not take although the others were taken.
    fn push<'a>(&'a self, entries: &'a [Ours]) -> BoxFuture<'a, Result<u64, Trouble>>;
}
