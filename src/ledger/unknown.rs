//! What resolves recipients whose outcome is unknown.

use jiff::Timestamp;

use super::Settled;
use crate::provider::RowNumber;

/// What recovery says of a recipient where nothing shows how far its batch came, nor as which
/// requests it went.
const UNTRACED: &str =
    "the machine or the process stopped before the answer, and no trace tells how far it came";
/// The same where the trace shows that it may have been accepted.
const UNANSWERED: &str = "the process ended before the answer";

/// Why recovery left a recipient `unknown`. The ledger keeps it as the text in `detail`, as all
/// versions have written it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Interrupted {
    /// No trace shows how far its batch came, nor as which requests it went.
    Untraced,
    /// The trace shows that it was on its way, and no answer.
    Unanswered,
}

impl Interrupted {
    /// As it stands in `detail`.
    pub(crate) fn words(self) -> &'static str {
        match self {
            Self::Untraced => UNTRACED,
            Self::Unanswered => UNANSWERED,
        }
    }

    /// The cause whose words `detail` holds; `None` for any other text.
    pub(crate) fn of(detail: &str) -> Option<Self> {
        [Self::Untraced, Self::Unanswered].into_iter().find(|cause| cause.words() == detail)
    }
}

/// An event which proves that an unknown recipient was accepted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Proof {
    pub row: RowNumber,
    /// The event's type, such as `delivered`.
    pub kind: String,
    pub at: Timestamp,
    /// Where it came from, such as `webhook`.
    pub source: String,
    /// The provider that reported it; empty for mail.
    pub provider: String,
    /// The provider's name for the message; may be empty.
    pub provider_id: String,
    /// The event's id.
    pub event: String,
}

/// A batch as it was claimed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BatchRecord {
    pub batch: i64,
    pub provider: String,
    pub key: String,
    pub claimed_at: Timestamp,
    pub members: Vec<RowNumber>,
}

/// What was found out about an unknown recipient.
#[derive(Clone, Debug)]
pub struct Reconciled {
    pub row: RowNumber,
    /// What it becomes; anything that is not final leaves it unknown.
    pub settled: Settled,
    /// How that is known, or whose word it is.
    pub evidence: String,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cause_is_read_back_from_what_earlier_versions_wrote() {
        assert_eq!(
            Interrupted::of(
                "the machine or the process stopped before the answer, and no trace tells how far it came"
            ),
            Some(Interrupted::Untraced)
        );
        assert_eq!(
            Interrupted::of("the process ended before the answer"),
            Some(Interrupted::Unanswered)
        );
        assert_eq!(Interrupted::of("the process ended before the answer."), None);
        assert_eq!(Interrupted::of(""), None);
    }
}
