//! What a provider's API offers an operator in addition to sending: account checks, logs and
//! suppressions.
//!
//! The rules: information that an API does not report is marked as not reported, never guessed.
//! Nothing here sends mail. No finding contains a secret.
//!
//! Every method has a default, so a provider without such an API implements nothing.

use std::time::Duration;

use jiff::Timestamp;
use serde_json::Value;

use super::types::BoxFuture;
use crate::model::outcome::Reason;
use crate::model::verdict::{Health, Refusal, Verdict};

/// The most bytes of one page of a log. A page has some hundred entries, each with the receiving
/// server's reply, which is sometimes long.
pub(crate) const MAX_PAGE: usize = 16 * 1024 * 1024;

/// How many entries two adjacent pages of an offset-paged list share. If fewer entries are deleted
/// between the two requests, no entry is skipped.
pub(crate) const OVERLAP: usize = 50;

/// The description of how replies are matched to recipients if the provider answers each message
/// separately.
pub(crate) const EACH_ITS_OWN: &str = "each message gets its own reply";

/// What a provider's API offers in addition to accepting mail.
pub trait AccountApi: Send + Sync {
    /// How a reply is matched to its recipient, in a few words.
    fn reply(&self) -> &'static str {
        EACH_ITS_OWN
    }

    /// Asks the provider about the account: whether the credentials are valid, whether it accepts
    /// mail from `sender`, the quota and its use, and the age of the key. The caller adds a
    /// not-reported finding for each subject missing from the result.
    fn examine<'a>(&'a self, _sender: Option<&'a str>) -> BoxFuture<'a, Vec<Finding>> {
        Box::pin(std::future::ready(Vec::new()))
    }

    /// The provider's log of messages; `None` if its API cannot look up a message by an id that
    /// mailbatch assigned.
    fn log(&self) -> Option<&dyn Log> {
        None
    }

    /// The provider's log of events; `None` if the API has none that can be read from a given time
    /// on.
    fn event_log(&self) -> Option<&dyn EventLog> {
        None
    }

    /// The provider's own suppression list; `None` if its API has none.
    fn suppressions(&self) -> Option<&dyn RemoteList> {
        None
    }
}

/// The subject of a finding.
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

    /// The word in text and JSON output.
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

/// The state that a finding reports.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    Good,
    /// The provider would refuse mail because of it.
    Bad,
    /// The API does not report it, or it could not be asked.
    NotReported,
}

impl State {
    /// The word in text and JSON output.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Good => "ok",
            Self::Bad => "failed",
            Self::NotReported => "untold",
        }
    }
}

/// One fact that a provider reports about the account, or a note that it does not report it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    pub about: About,
    pub state: State,
    /// One line of text for the operator.
    pub detail: String,
}

impl Finding {
    /// A finding without a problem.
    pub fn good(about: About, detail: impl Into<String>) -> Self {
        Self { about, state: State::Good, detail: detail.into() }
    }

    /// A finding because of which the provider would refuse mail.
    pub fn bad(about: About, detail: impl Into<String>) -> Self {
        Self { about, state: State::Bad, detail: detail.into() }
    }

    /// A finding that the API does not report.
    pub fn not_reported(about: About, detail: impl Into<String>) -> Self {
        Self { about, state: State::NotReported, detail: detail.into() }
    }

    /// The finding after a failed request that checks the credentials. If the provider could not be
    /// reached, the connection is bad and the credentials are not reported.
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

/// The code of a refusal, if it has one, and its text.
pub(crate) fn in_words(refusal: &Refusal) -> String {
    format!("{} {}", refusal.code, refusal.detail).trim().to_owned()
}

/// Why a request about the account failed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Trouble {
    /// An operator must fix the cause: credentials, permissions, the address of the service.
    Refused(Refusal),
    /// The request may succeed later: no connection, throttled for long, an unreadable reply.
    Failing(Refusal),
}

impl Trouble {
    /// The provider's reply.
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
    /// The address as the provider writes it, not validated.
    pub email: String,
    pub reason: Reason,
    pub created_at: Option<Timestamp>,
    /// The provider's own text, for the note column.
    pub note: String,
}

/// One suppressed address that mailbatch may send to a provider.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ours {
    pub email: String,
    pub reason: Reason,
}

/// A submission with an unknown outcome.
#[derive(Clone, Copy, Debug)]
pub struct InDoubt<'a> {
    /// The recipient's address.
    pub to: &'a str,
    /// Its Message-ID without the angle brackets.
    pub message_id: &'a str,
    /// Why the outcome is unknown, as in [`Verdict::Unknown`].
    pub detail: &'a str,
    pub claimed_at: Timestamp,
}

/// What a provider's log reports about a message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Logged {
    /// The outcome of the submission, never `Unknown`.
    pub verdict: Verdict,
    /// One line of text for the operator.
    pub words: String,
}

/// How to poll the log about a submission that the provider accepted but had not completed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Unfinished {
    /// The pause between two requests.
    pub every: Duration,
    /// How long after the claim to continue polling.
    pub patience: Duration,
}

/// A provider's log of messages.
pub trait Log: Send + Sync {
    /// How to poll about a submission whose outcome is unknown for this reason; `None` if an early
    /// second request would give the same answer.
    fn unfinished(&self, _detail: &str) -> Option<Unfinished> {
        None
    }

    /// What the log reports about one message. `None` proves nothing, because a log may lag and
    /// deletes old entries.
    fn look_up<'a>(
        &'a self,
        about: &'a InDoubt<'a>,
    ) -> BoxFuture<'a, Result<Option<Logged>, Trouble>>;
}

/// The period of the log to read, both ends included.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Span {
    pub from: Timestamp,
    pub until: Timestamp,
}

/// One entry of a provider's log, as received.
#[derive(Clone, Debug, PartialEq)]
pub struct Entry {
    /// The list of the API that contains the entry.
    pub list: &'static str,
    pub value: Value,
}

/// One page of a provider's log.
#[derive(Clone, Debug, Default)]
pub struct Stretch {
    pub entries: Vec<Entry>,
    /// Where the next page begins, in the adapter's own format; `None` at the end.
    pub next: Option<String>,
    /// The time up to which all entries have been read; `None` if that is not known before the end.
    pub read_until: Option<Timestamp>,
    /// Describes the part of the log that cannot be read, for the operator.
    pub left_out: Option<String>,
    /// The provider's clock; `None` if the service does not report it.
    pub clock: Option<Timestamp>,
}

/// A provider's log of events, read page by page.
pub trait EventLog: Send + Sync {
    /// What the log contains, in a few words.
    fn holds(&self) -> &'static str;
    /// A hash that identifies the log and the credentials: equal for the same log and key.
    fn whose(&self) -> [u8; 32];
    /// How long after an event its entry may still appear or change in the log.
    fn unsettled_for(&self) -> Duration {
        Duration::from_secs(3_600)
    }
    /// The page of a period that begins at `cursor`, or the first page.
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
    /// How many entries are left out, and why: those that do not suppress all mail to a person.
    pub left_out: Option<(u64, &'static str)>,
    /// Where the next page begins, in the adapter's own format; `None` at the end.
    pub next: Option<String>,
}

/// A provider's suppression list, read and written page by page.
pub trait RemoteList: Send + Sync {
    /// The page that begins at `cursor`, or the first page.
    fn page<'a>(&'a self, cursor: Option<&'a str>) -> BoxFuture<'a, Result<Page, Trouble>>;
    /// Whether the API accepts an address with this reason.
    fn takes(&self, reason: Reason) -> bool;
    /// The most entries of one [`RemoteList::push`].
    fn most_pushed(&self) -> usize {
        1
    }
    /// Sends these addresses to the provider, each with a reason that it accepts. Repeating the
    /// call does no harm. Returns how many addresses the provider refused while it accepted the
    /// others.
    fn push<'a>(&'a self, entries: &'a [Ours]) -> BoxFuture<'a, Result<u64, Trouble>>;
}
