//! The failures that a gate or a pause rule counts: their receiving domains and most frequent
//! replies.

use std::fmt;

use jiff::Timestamp;

use crate::model::figures::{clean, grouped};
use crate::model::outcome::Cohort;
use crate::model::pause::Watched;

/// Which failures of a run are looked at.
#[derive(Clone, Debug)]
pub struct FailuresQuery {
    pub watched: Watched,
    /// Only of this cohort.
    pub cohort: Option<Cohort>,
    /// Only of recipients that this provider had.
    pub provider: Option<String>,
    /// Only at this receiving domain.
    pub domain: Option<String>,
    /// Only of those who were handed over since then.
    pub since: Timestamp,
}

/// The receiving domain with the most failures, and what was said most, with the number of
/// recipients of each.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Failures {
    pub total: u64,
    pub at_domain: u64,
    pub domain: String,
    pub with_words: u64,
    /// The reply code, or the word of the report for a failure without one.
    pub words: String,
}

impl fmt::Display for Failures {
    /// ``46 of 46 at yahoo.com, `554 5.7.9` ``, or ``30 of 46 at yahoo.com, 40 of 46 `554 5.7.9`
    /// ``; empty where nothing failed.
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

/// Adds to a gate's evidence where its failures are; leaves it as it is where nothing failed.
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
