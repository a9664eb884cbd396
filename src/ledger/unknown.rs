//! Evidence that resolves recipients whose outcome is unknown.

use jiff::Timestamp;

use super::Settled;
use crate::provider::RowNumber;

/// Stored as detail if no trace shows how far the batch was sent or in which requests.
const UNTRACED: &str =
    "the machine or the process stopped before the answer, and no trace tells how far it came";
/// Stored as detail if the trace shows that the recipient's message may have been accepted.
const UNANSWERED: &str = "the process ended before the answer";

/// The reason why recovery left a recipient `unknown`. The ledger stores it as text in `detail`,
/// and the text is the same in all versions of mailbatch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Interrupted {
    /// No trace shows how far the batch was sent or in which requests.
    Untraced,
    /// The trace shows that the message was being sent, but contains no reply.
    Unanswered,
}

impl Interrupted {
    /// The text stored in `detail`.
    pub(crate) fn words(self) -> &'static str {
        match self {
            Self::Untraced => UNTRACED,
            Self::Unanswered => UNANSWERED,
        }
    }

    /// The cause with this text; `None` for any other text.
    pub(crate) fn of(detail: &str) -> Option<Self> {
        [Self::Untraced, Self::Unanswered].into_iter().find(|cause| cause.words() == detail)
    }
}

/// An event that proves that an unknown recipient was accepted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Proof {
    pub row: RowNumber,
    /// The event's type, such as `delivered`.
    pub kind: String,
    pub at: Timestamp,
    /// The source of the event, such as `webhook`.
    pub source: String,
    /// The provider that reported the event; empty for mail.
    pub provider: String,
    /// The provider's id for the message; may be empty.
    pub provider_id: String,
    /// The event's id.
    pub event: String,
}

/// A batch with the members that were claimed for it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BatchRecord {
    pub batch: i64,
    pub provider: String,
    pub key: String,
    pub claimed_at: Timestamp,
    pub members: Vec<RowNumber>,
}

/// How an unknown recipient was resolved.
#[derive(Clone, Debug)]
pub struct Reconciled {
    pub row: RowNumber,
    /// The new result. If it is not final, the recipient stays unknown.
    pub settled: Settled,
    /// The evidence for the result, or the operator who asserted it.
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
