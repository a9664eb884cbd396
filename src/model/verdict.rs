//! The result of submitting a claim: a verdict for each member that was attempted, and the health
//! of the provider itself.

use std::time::Duration;

use crate::model::outcome::{Outcome, Reason};

/// The number of a recipient's row in the run's lists.
pub type RowNumber = u64;

/// A provider's refusal of one message, with mailbatch's interpretation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    pub reason: Reason,
    /// The code in the form used by scripts: `550 5.1.1`, or an API's own code.
    pub code: String,
    /// One line of the provider's text, without control characters and secrets.
    pub detail: String,
    /// Whether the reply proves that the mailbox does not exist; the address then becomes a
    /// `hard_bounce` suppression. False for policy or reputation refusals, and if the reply's first
    /// digit contradicts its enhanced code.
    pub mailbox_gone: bool,
}

impl Refusal {
    /// Creates a refusal with `mailbox_gone` false.
    pub fn new(reason: Reason, code: impl Into<String>, detail: impl Into<String>) -> Self {
        Self { reason, code: code.into(), detail: detail.into(), mailbox_gone: false }
    }

    /// The provider's text, or a text with the reply code if the provider sent no text.
    pub(crate) fn words(self) -> String {
        if self.detail.trim().is_empty() { format!("answered {}", self.code) } else { self.detail }
    }
}

/// The result of one member of a claim.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// The provider accepted responsibility for the message. `code` and `detail` are from its
    /// reply; `provider_id` is the provider's id for the message.
    Accepted { provider_id: Option<String>, code: String, detail: String },
    /// The provider permanently refused the message.
    Rejected(Refusal),
    /// The provider suppresses this address, for the reason in the refusal.
    Suppressed(Refusal),
    /// The provider certainly did not accept the message, and a retry may succeed. `counts` is
    /// false if the connection failed, which does not count as an attempt.
    NotTaken { refusal: Refusal, counts: bool },
    /// The provider may have accepted the message: its last byte was sent, but mailbatch received
    /// no reply that it understands.
    Unknown { detail: String },
}

impl Verdict {
    /// The outcome that follows from the verdict; `None` if a retry may follow.
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

/// How long to pause if a provider asks for a lower rate and does not say how long.
pub(crate) const SLOW_DOWN: Duration = Duration::from_secs(30);

/// The health of the provider itself, independent of single recipients.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Health {
    #[default]
    Fine,
    /// The provider asks mailbatch to pause for this time. This counts neither as an attempt of the
    /// recipients nor as a failure of the provider.
    SlowDown(Duration),
    /// The whole request or connection failed, for example because the connection was refused. The
    /// circuit breaker counts such failures.
    Failing(Refusal),
    /// The provider's daily quota, plan or credit is used up. It accepts nothing more in this run.
    /// No attempt is counted for the recipients.
    Exhausted(Refusal),
    /// The provider accepts nothing until an operator fixes the credentials, the account, or a TLS
    /// certificate that does not verify.
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

/// The complete result of submitting one claim.
#[derive(Clone, Debug, Default)]
pub struct Reply {
    /// One verdict for each member that was attempted, in any order.
    pub items: Vec<(RowNumber, Verdict)>,
    pub health: Health,
    /// The recipient whose reply determined the health. `None` if the cause certainly concerns more
    /// than this recipient and its receiving domain.
    pub concerns: Option<RowNumber>,
    /// Whether the provider named the waiting time of [`Health::SlowDown`]. Otherwise mailbatch
    /// chose it.
    pub is_wait_named: bool,
    /// How long the submission took, if it was measured and the provider accepted nothing.
    pub lasted: Duration,
    /// The maximum number of recipients per request, if the account allows fewer than the API
    /// documents.
    pub most_per_request: Option<usize>,
    /// Events that the provider reports together with its reply. Only the sandbox does this.
    pub feedback: Vec<(RowNumber, Feedback)>,
}

/// The refusal without addresses, because refusals of a provider are visible to every operator.
pub(crate) fn without_addresses(refusal: Refusal) -> Refusal {
    let hidden = |word: &str| match word.rsplit_once('@') {
        Some((_, domain)) => format!("…@{domain}"),
        None => word.to_owned(),
    };
    let detail = refusal.detail.split(' ').map(hidden).collect::<Vec<_>>().join(" ");
    Refusal { detail, mailbox_gone: false, ..refusal }
}

impl Reply {
    /// The refusal of the first member whose failed attempt does not count.
    pub(crate) fn given_back_for(&self) -> Option<Refusal> {
        self.items.iter().find_map(|(_, verdict)| match verdict {
            Verdict::NotTaken { refusal, counts: false } => Some(refusal.clone()),
            _ => None,
        })
    }
}
