//! Counts the failures that a gate or a pause rule reacts to, and finds their most frequent
//! receiving domain and reply.

use std::fmt;

use jiff::Timestamp;

use crate::model::figures::{clean, grouped};
use crate::model::outcome::Cohort;
use crate::model::pause::Watched;

/// Selects failures of a run.
#[derive(Clone, Debug)]
pub struct FailuresQuery {
    pub watched: Watched,
    /// Only recipients of this cohort.
    pub cohort: Option<Cohort>,
    /// Only recipients that this provider attempted.
    pub provider: Option<String>,
    /// Only recipients at this receiving domain.
    pub domain: Option<String>,
    /// Only recipients submitted since this time.
    pub since: Timestamp,
}

/// The receiving domain with the most failures and the most frequent reply, each with its number of
/// recipients.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Failures {
    pub total: u64,
    pub at_domain: u64,
    pub domain: String,
    pub with_words: u64,
    /// The most frequent reply code, or the report's reason if the failures have no code.
    pub words: String,
}

impl fmt::Display for Failures {
    /// Formats as ``46 of 46 at yahoo.com, `554 5.7.9` ``, or ``30 of 46 at yahoo.com, 40 of 46
    /// `554 5.7.9` ``. Empty if nothing failed.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.total == 0 {
            return Ok(());
        }
        let of = |count: u64| format!("{} of {}", grouped(count), grouped(self.total));
        write!(f, "{} at {}", of(self.at_domain), clean(&self.domain))?;
        let words = clean(&self.words).replace('`', "'");
        match () {
            () if words.is_empty() => Ok(()),
            () if self.with_words == self.total => write!(f, ", `{words}`"),
            () => write!(f, ", {} `{words}`", of(self.with_words)),
        }
    }
}

/// Appends the most frequent domain and reply of the failures to a gate's evidence. Returns the
/// evidence unchanged if nothing failed.
pub(crate) fn with_failures(evidence: &str, failures: &Failures) -> String {
    if failures.total == 0 { evidence.to_owned() } else { format!("{evidence}: {failures}") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn failures_name_the_domain_and_the_words_with_their_shares() {
        let mut failures = Failures {
            total: 46,
            at_domain: 46,
            domain: "yahoo.com".into(),
            with_words: 46,
            words: "554 5.7.9".into(),
        };
        assert_eq!(
            with_failures("46 of 942 failed", &failures),
            "46 of 942 failed: 46 of 46 at yahoo.com, `554 5.7.9`"
        );
        (failures.at_domain, failures.with_words) = (30, 40);
        assert_eq!(failures.to_string(), "30 of 46 at yahoo.com, 40 of 46 `554 5.7.9`");
        failures.words.clear();
        assert_eq!(failures.to_string(), "30 of 46 at yahoo.com");
        assert_eq!(with_failures("0 of 9 failed", &Failures::default()), "0 of 9 failed");
    }
}
