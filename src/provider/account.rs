//! Defines the account functions of a provider's API: account checks, logs and suppression lists.
//!
//! Information that an API does not report is marked as not reported and never guessed. Nothing
//! here sends mail. No finding contains a secret.
//!
//! Every method has a default, so the adapter of an API without these functions implements nothing.

use std::time::Duration;

use jiff::Timestamp;
use serde_json::Value;

use super::types::BoxFuture;
use crate::model::outcome::Reason;
use crate::model::verdict::{Health, Refusal, Verdict};

/// The maximum number of bytes of one log page. A page has some hundred entries, each with the
/// receiving server's reply, which is sometimes long.
pub(crate) const MAX_PAGE: usize = 16 * 1024 * 1024;

/// The number of entries that two adjacent pages of a list share if the list is read by offset. If
/// fewer entries are deleted between the two requests, no entry is skipped.
pub(crate) const OVERLAP: usize = 50;

/// Describes how replies are matched to recipients by a provider that answers each message
/// separately.
pub(crate) const EACH_ITS_OWN: &str = "each message gets its own reply";

/// The account functions of a provider's API, in addition to accepting mail.
pub trait AccountApi: Send + Sync {
    /// Returns a short description of how a reply is matched to its recipient.
    fn reply(&self) -> &'static str {
        EACH_ITS_OWN
    }

    /// Asks the provider about the account: whether the credentials are valid, whether it accepts
    /// mail from `sender`, the quota and how much of it is used, and the age of the key. The caller
    /// adds a not-reported finding for each subject missing from the result.
    fn examine<'a>(&'a self, _sender: Option<&'a str>) -> BoxFuture<'a, Vec<Finding>> {
        Box::pin(std::future::ready(Vec::new()))
    }

    /// Returns the provider's log of messages. Returns `None` if the API cannot look up a message
    /// by an id that mailbatch assigned.
    fn log(&self) -> Option<&dyn Log> {
        None
    }

    /// Returns the provider's log of events. Returns `None` if the API has no log that can be read
    /// from a given time on.
    fn event_log(&self) -> Option<&dyn EventLog> {
        None
    }

    /// Returns the provider's own suppression list. Returns `None` if the API has none.
    fn suppressions(&self) -> Option<&dyn RemoteList> {
        None
    }
}

/// The subject of a finding about the account.
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
    /// The subjects that every provider is asked about.
    pub const ALWAYS: [Self; 4] = [Self::Credentials, Self::Sender, Self::Quota, Self::KeyAge];

    /// Returns the word for text and JSON output.
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

/// The state of a finding about the account.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    Good,
    /// The provider would refuse mail because of this finding.
    Bad,
    /// The API does not report this information, or the request for it failed.
    NotReported,
}

impl State {
    /// Returns the word for text and JSON output.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Good => "ok",
            Self::Bad => "failed",
            Self::NotReported => "untold",
        }
    }
}

/// One fact that the provider's API reports about the account, or a note that it does not report
/// the fact.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    pub about: About,
    pub state: State,
    /// One line of text for the operator.
    pub detail: String,
}

impl Finding {
    /// Creates a finding without a problem.
    pub fn good(about: About, detail: impl Into<String>) -> Self {
        Self { about, state: State::Good, detail: detail.into() }
    }

    /// Creates a finding because of which the provider would refuse mail.
    pub fn bad(about: About, detail: impl Into<String>) -> Self {
        Self { about, state: State::Bad, detail: detail.into() }
    }

    /// Creates a finding for information that the API does not report.
    pub fn not_reported(about: About, detail: impl Into<String>) -> Self {
        Self { about, state: State::NotReported, detail: detail.into() }
    }

    /// Converts the failure of a request that checks the credentials into a finding. If the
    /// provider could not be reached, the connection is bad and the credentials are not reported.
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

/// Returns the code of a refusal, if it has one, and its text.
pub(crate) fn in_words(refusal: &Refusal) -> String {
    format!("{} {}", refusal.code, refusal.detail).trim().to_owned()
}

/// The reason why a request about the account failed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Trouble {
    /// An operator must fix the cause, such as wrong credentials, missing permissions, or a wrong
    /// address of the service.
    Refused(Refusal),
    /// The same request may succeed later: the connection failed, the service throttled for long,
    /// or the reply was unreadable.
    Failing(Refusal),
}

impl Trouble {
    /// Returns the provider's reply.
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
            Health::Fine | Health::SlowDown(_) => Self::Failing(Refusal::new(
                Reason::Rate,
                "",
                "asks the client to wait before the next request",
            )),
        }
    }
}

/// One entry of a provider's suppression list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Theirs {
    /// The address exactly as the provider writes it, not validated.
    pub email: String,
    pub reason: Reason,
    pub created_at: Option<Timestamp>,
    /// The provider's own text about the entry, for the note column.
    pub note: String,
}

/// One suppressed address of this workspace, to be added to a provider's list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ours {
    pub email: String,
    pub reason: Reason,
}

/// A message that was submitted and whose outcome is unknown.
#[derive(Clone, Copy, Debug)]
pub struct InDoubt<'a> {
    /// The recipient's address.
    pub to: &'a str,
    /// The message's Message-ID without angle brackets.
    pub message_id: &'a str,
    /// The reason why the outcome is unknown, as in [`Verdict::Unknown`].
    pub detail: &'a str,
    pub claimed_at: Timestamp,
}

/// The report of a provider's log about one message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Logged {
    /// The outcome of the submission, never `Unknown`.
    pub verdict: Verdict,
    /// One line of text for the operator.
    pub words: String,
}

/// The settings for polling the log about a batch that the provider accepted but has not completed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Unfinished {
    /// The pause between two requests.
    pub every: Duration,
    /// The time after the claim at which polling ends.
    pub patience: Duration,
}

/// A provider's log of messages.
pub trait Log: Send + Sync {
    /// Returns how to poll about a message whose outcome is unknown for this reason. Returns `None`
    /// if an early second request would give the same answer.
    fn unfinished(&self, _detail: &str) -> Option<Unfinished> {
        None
    }

    /// Looks up one message in the log. `None` proves nothing, because a log may lag and old
    /// entries are deleted.
    fn look_up<'a>(
        &'a self,
        about: &'a InDoubt<'a>,
    ) -> BoxFuture<'a, Result<Option<Logged>, Trouble>>;
}

/// The period of the log to read. It includes both ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Span {
    pub from: Timestamp,
    pub until: Timestamp,
}

/// One entry of a provider's log, exactly as received.
#[derive(Clone, Debug, PartialEq)]
pub struct Entry {
    /// The name of the API's list that contains the entry.
    pub list: &'static str,
    pub value: Value,
}

/// One page of a provider's log.
#[derive(Clone, Debug, Default)]
pub struct Stretch {
    pub entries: Vec<Entry>,
    /// The position of the next page, in the adapter's own format; `None` at the end.
    pub next: Option<String>,
    /// The time up to which all entries have been read. `None` if the adapter knows it only at the
    /// end.
    pub read_until: Option<Timestamp>,
    /// A description of the part of the log that cannot be read, for the operator.
    pub left_out: Option<String>,
    /// The time of the provider's clock; `None` if the service does not report it.
    pub clock: Option<Timestamp>,
}

/// A provider's log of events, read page by page.
pub trait EventLog: Send + Sync {
    /// Returns a short description of what the log contains.
    fn holds(&self) -> &'static str;
    /// Returns a hash that identifies the log and the credentials. The same log and key give the
    /// same hash.
    fn whose(&self) -> [u8; 32];
    /// Returns how long after an event its entry may still appear or change in the log.
    fn unsettled_for(&self) -> Duration {
        Duration::from_secs(3_600)
    }
    /// Reads the page of a period that begins at `cursor`, or the first page.
    fn stretch<'a>(
        &'a self,
        span: Span,
        cursor: Option<&'a str>,
    ) -> BoxFuture<'a, Result<Stretch, Trouble>>;
}

/// One page of a provider's suppression list.
#[derive(Clone, Debug, Default)]
pub struct Page {
    pub entries: Vec<Theirs>,
    /// The number of entries left out because they do not suppress all mail to a person, and the
    /// reason.
    pub left_out: Option<(u64, &'static str)>,
    /// The position of the next page, in the adapter's own format; `None` at the end.
    pub next: Option<String>,
}

/// A provider's suppression list, which is read and extended page by page.
pub trait RemoteList: Send + Sync {
    /// Reads the page that begins at `cursor`, or the first page.
    fn page<'a>(&'a self, cursor: Option<&'a str>) -> BoxFuture<'a, Result<Page, Trouble>>;
    /// Returns whether the API accepts an address with this reason.
    fn takes(&self, reason: Reason) -> bool;
    /// Returns the maximum number of entries of one [`RemoteList::push`].
    fn most_pushed(&self) -> usize {
        1
    }
    /// Adds these addresses to the provider's list, each with a reason that the API accepts.
    /// Repeating the call does no harm. Returns how many addresses the provider refused while it
    /// accepted the others.
    fn push<'a>(&'a self, entries: &'a [Ours]) -> BoxFuture<'a, Result<u64, Trouble>>;
}
