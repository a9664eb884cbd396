//! What a provider says of one claim: a verdict for each member that was begun, and the
//! health of the provider itself.

use std::time::Duration;

use crate::model::outcome::{Outcome, Reason};

/// A recipient of a run: the number of its input row.
pub type RowNumber = u64;

/// A provider's words about one message, and what they come to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    pub reason: Reason,
    /// The code as a script wants it: `550 5.1.1`, or an API's own.
    pub code: String,
    /// One line of the provider's text, with control characters and secrets taken out.
    pub detail: String,
    /// The mailbox is certainly gone, so the address is learned as `hard_bounce`. Never true for
    /// policy or reputation answers, nor where the reply's first digit and its enhanced code
    /// disagree.
    pub mailbox_gone: bool,
}

impl Refusal {
    /// A refusal that says nothing about the mailbox.
    pub fn new(reason: Reason, code: impl Into<String>, detail: impl Into<String>) -> Self {
        Self { reason, code: code.into(), detail: detail.into(), mailbox_gone: false }
    }

    /// The provider's words; its code where it gave none.
    pub(crate) fn words(self) -> String {
        if self.detail.trim().is_empty() { format!("answered {}", self.code) } else { self.detail }
    }
}

/// What came of one member of a claim.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// The provider took responsibility. `code` and `detail` are its words, `provider_id` its name
    /// for the message.
    Accepted { provider_id: Option<String>, code: String, detail: String },
    /// Permanently refused.
    Rejected(Refusal),
    /// The provider suppresses this address, for the given reason.
    Suppressed(Refusal),
    /// Certainly not taken, and worth another attempt. `counts` is false where the failure was the
    /// connection's and not the recipient's.
    NotTaken { refusal: Refusal, counts: bool },
    /// It may have been taken: the last byte was handed over and no answer was understood.
    Unknown { detail: String },
}

impl Verdict {
    /// The outcome of the recipient; `None` where a retry may change it.
    pub(crate) fn outcome(&self) -> Option<Outcome> {
        match self {
            Self::Accepted { .. } => Some(Outcome::Accepted),
            Self::Rejected(_) => Some(Outcome::Rejected),
            Self::Suppressed(_) => Some(Outcome::Suppressed),
            Self::Unknown { .. } => Some(Outcome::Unknown),
            Self::NotTaken { .. } => None,
        }
    }

    /// The reason beside the outcome; `None` where the message was accepted.
    pub(crate) fn reason(&self) -> Option<Reason> {
        match self {
            Self::Accepted { .. } => None,
            Self::Rejected(refusal)
            | Self::Suppressed(refusal)
            | Self::NotTaken { refusal, .. } => Some(refusal.reason),
            Self::Unknown { .. } => Some(Reason::NoReply),
        }
    }
}

/// How long a provider is left alone that is sent too much and names no time.
pub(crate) const SLOW_DOWN: Duration = Duration::from_secs(30);

/// The health of the provider itself, beside the verdicts.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Health {
    #[default]
    Fine,
    /// Asks to be left alone for a while; throttling is no attempt and no failure.
    SlowDown(Duration),
    /// Failed as a whole, as in a refused connection: the breaker counts these.
    Failing(Refusal),
    /// The quota of a day, plan or credit is used up: takes nothing more in this run, and no
    /// recipient is to blame.
    Exhausted(Refusal),
    /// Will not take anything until an operator mends it: credentials, account, TLS that does not
    /// verify.
    Stop(Refusal),
}

/// Something the provider reports about a recipient after taking the message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Feedback {
    Delivered,
    BouncedHard,
    Complained,
}

impl Feedback {
    /// The word for the report's `mb_feedback` column.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Delivered => "delivered",
            Self::BouncedHard => "bounced(hard)",
            Self::Complained => "complained",
        }
    }
}

/// All that came of one claim.
#[derive(Clone, Debug, Default)]
pub struct Reply {
    /// One verdict for each member that was begun, in no particular order.
    pub items: Vec<(RowNumber, Verdict)>,
    pub health: Health,
    /// The recipient at which the provider said what makes up the health, where that may be about
    /// this one or its receiving domain alone.
    pub concerns: Option<RowNumber>,
    /// Whether the wait of [`Health::SlowDown`] is the provider's own, and no guess of ours.
    pub is_wait_named: bool,
    /// How long the exchange went on in which nothing was taken, where it is measured.
    pub lasted: Duration,
    /// The most recipients of one request, where the account turned out to be allowed fewer than
    /// the API.
    pub most_per_request: Option<usize>,
    /// What the provider reports at once about messages that it took (the sandbox).
    pub feedback: Vec<(RowNumber, Feedback)>,
}

/// The same refusal without addresses: what is held against a provider is shown to every operator.
pub(crate) fn without_addresses(refusal: Refusal) -> Refusal {
    let hidden = |word: &str| match word.rsplit_once('@') {
        Some((_, domain)) => format!("…@{domain}"),
        None => word.to_owned(),
    };
    let detail = refusal.detail.split(' ').map(hidden).collect::<Vec<_>>().join(" ");
    Refusal { detail, mailbox_gone: false, ..refusal }
}

impl Reply {
    /// What was said about the first member that was given back and is not to blame.
    pub(crate) fn given_back_for(&self) -> Option<Refusal> {
        self.items.iter().find_map(|(_, verdict)| match verdict {
            Verdict::NotTaken { refusal, counts: false } => Some(refusal.clone()),
            _ => None,
        })
    }
}
