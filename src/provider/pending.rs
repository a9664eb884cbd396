//! Defines the reason that is stored for a batch that a service accepted but had not completed when
//! mailbatch last asked.

use std::fmt;

/// A batch that a service accepted and had not completed when mailbatch last asked.
///
/// Its text is stored for each message in the trace and in the ledger. A later run finds the batch
/// by that text, so the text is an on-disk format and must not change.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Pending<'a> {
    /// The service's id for the batch.
    pub(crate) batch: &'a str,
}

const BEFORE: &str = "batch ";
const AFTER: &str = " was taken and not completed while it was asked for";

impl<'a> Pending<'a> {
    /// Finds the batch in the stored reason of an unknown outcome. Returns `None` for any other
    /// reason.
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
