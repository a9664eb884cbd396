//! Why the members of a batch are in doubt that a service has taken and not completed.

use std::fmt;

/// A batch that a service took and was still at work on when it was last asked for.
///
/// Its text is stored with each member, in the trace and in the ledger, and by it a later start
/// finds the batch again: it is a format on disk and does not change.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Pending<'a> {
    /// The service's id of the batch.
    pub(crate) batch: &'a str,
}

const BEFORE: &str = "batch ";
const AFTER: &str = " was taken and not completed while it was asked for";

impl<'a> Pending<'a> {
    /// The batch that a stored doubt names; `None` where the doubt has another cause.
    pub(crate) fn of(doubt: &'a str) -> Option<Self> {
        let batch = doubt.strip_prefix(BEFORE)?.strip_suffix(AFTER)?;
        (!batch.is_empty()).then_some(Self { batch })
    }
}

impl fmt::Display for Pending<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{BEFORE}{}{AFTER}", self.batch)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_stored_text_gives_the_batch_back_and_no_other_text_does() {
        assert_eq!(
            Pending { batch: "b7" }.to_string(),
            "batch b7 was taken and not completed while it was asked for"
        );
        for batch in ["batch_42", "7", "a was taken and not completed while it was asked for b"] {
            let pending = Pending { batch };
            assert_eq!(Pending::of(&pending.to_string()), Some(pending));
        }
        for other in [
            "",
            "batch  was taken and not completed while it was asked for",
            "the process ended before the answer",
            "batch b is completed without a result that can be read",
            "no answer within the time limit",
        ] {
            assert_eq!(Pending::of(other), None, "{other}");
        }
    }
}
