//! A provider's reply to one claim: a verdict for each member that was started, and the health of
//! the provider itself.

use std::time::Duration;

use crate::model::outcome::{Outcome, Reason};

/// The number of a recipient's input row.
pub type RowNumber = u64;

/// A provider's refusal of one message, with its interpretation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    pub reason: Reason,
    /// The code in the form used by scripts: `550 5.1.1`, or an API's own code.
    pub code: String,
    /// One line of the provider's text, without control characters and secrets.
    pub detail: String,
    /// The mailbox certainly does not exist, so the address is learned as `hard_bounce`. Never true
    /// for policy or reputation refusals, or if the reply's first digit and its enhanced code
    /// disagree.
    pub mailbox_gone: bool,
}

impl Refusal {
    /// Creates a refusal that proves nothing about the mailbox.
    pub fn new(reason: Reason, code: impl Into<String>, detail: impl Into<String>) -> Self {
        Self { reason, code: code.into(), detail: detail.into(), mailbox_gone: false }
    }

    /// The provider's text, or its code if there is no text.
    pub(crate) fn words(self) -> String {
        if self.detail.trim().is_empty() { format!("answered {}", self.code) } else { self.detail }
    }
}

/// The result of one member of a claim.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// The provider accepted responsibility. `code` and `detail` are from its reply; `provider_id`
    /// is its id of the message.
    Accepted { provider_id: Option<String>, code: String, detail: String },
    /// Permanently refused.
    Rejected(Refusal),
    /// The provider suppresses this address, for the given reason.
    Suppressed(Refusal),
    /// Certainly not accepted, and worth another attempt. `counts` is false if the connection
    /// failed, not the recipient.
    NotTaken { refusal: Refusal, counts: bool },
    /// The provider may have accepted it: the last byte was sent, and no reply was understood.
    Unknown { detail: String },
}

impl Verdict {
    /// The recipient's outcome; `None` if a retry may change it.
    pub(crate) fn outcome(&self) -> Option<Outcome> {
        match self {
            Self::Accepted { .. } => Some(Outcome::Accepted),
            Self::Rejected(_) => Some(Outcome::Rejected),
            Self::Suppressed(_) => Some(Outcome::Suppressed),
            Self::Unknown { .. } => Some(Outcome::Unknown),
            Self::NotTaken { .. } => None,
        }
    }

    /// The reason for the outcome; `None` if the message was accepted.
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

/// How long to pause if a provider asks to slow down without naming a time.
pub(crate) const SLOW_DOWN: Duration = Duration::from_secs(30);

/// The health of the provider itself, in addition to the verdicts.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Health {
    #[default]
    Fine,
    /// The provider asks for a pause. Being throttled counts neither as an attempt nor as a
    /// failure.
    SlowDown(Duration),
    /// The exchange failed as a whole, for example a refused connection. The breaker counts such
    /// failures.
    Failing(Refusal),
    /// The quota of a day, plan or credit is used up. The provider accepts nothing more in this
    /// run; no recipient is charged.
    Exhausted(Refusal),
    /// The provider accepts nothing until an operator fixes the cause: credentials, account, or a
    /// TLS certificate that does not verify.
    Stop(Refusal),
}

/// A provider's report about a recipient after it accepted the message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Feedback {
    Delivered,
    BouncedHard,
    Complained,
}

impl Feedback {
    /// The word in the report's `mb_feedback` column.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Delivered => "delivered",
            Self::BouncedHard => "bounced(hard)",
            Self::Complained => "complained",
        }
    }
}

/// The whole result of one claim.
#[derive(Clone, Debug, Default)]
pub struct Reply {
    /// One verdict for each member that was started, in no particular order.
    pub items: Vec<(RowNumber, Verdict)>,
    pub health: Health,
    /// The recipient whose reply determined the health, if the reply may concern only this
    /// recipient or its receiving domain.
    pub concerns: Option<RowNumber>,
    /// Whether the provider named the wait of [`Health::SlowDown`]; otherwise mailbatch guessed it.
    pub is_wait_named: bool,
    /// How long an exchange without an acceptance lasted, if it was measured.
    pub lasted: Duration,
    /// The most recipients per request, if the account turned out to allow fewer than the API.
    pub most_per_request: Option<usize>,
    /// Events that the provider reports at once about accepted messages (the sandbox).
    pub feedback: Vec<(RowNumber, Feedback)>,
}

/// The refusal without addresses, because every operator can see what is held against a provider.
pub(crate) fn without_addresses(refusal: Refusal) -> Refusal {
    let hidden = |word: &str| match word.rsplit_once('@') {
        Some((_, domain)) => format!("…@{domain}"),
        None => word.to_owned(),
    };
    let detail = refusal.detail.split(' ').map(hidden).collect::<Vec<_>>().join(" ");
    Refusal { detail, mailbox_gone: false, ..refusal }
}

impl Reply {
    /// The refusal of the first member that was given back and not charged.
    pub(crate) fn given_back_for(&self) -> Option<Refusal> {
        self.items.iter().find_map(|(_, verdict)| match verdict {
            Verdict::NotTaken { refusal, counts: false } => Some(refusal.clone()),
            _ => None,
        })
    }
}
