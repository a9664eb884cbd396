//! The canary's judgement: what the provider answered, against what is tolerated.

use crate::literal::Percent;
use crate::outcome::{Outcome, Tally};

/// The judgement, with the evidence in words.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Judgement {
    Passed(String),
    Failed(String),
    /// Nobody of the canary could be attempted, so there is nothing to judge by.
    NoEvidence(String),
}

/// Judges a canary by the provider's replies: the share of (rejected + deferred + unknown) among the attempted.
pub(crate) fn judge(canary: &Tally, max_failed: Percent) -> Judgement {
    let failed = canary.get(Outcome::Rejected) + canary.get(Outcome::Deferred) + canary.get(Outcome::Unknown);
    let attempted = failed + canary.get(Outcome::Accepted);
    if attempted == 0 {
        return Judgement::NoEvidence("nobody of the canary could be attempted, so it proves nothing".into());
    }
    let share = failed as f64 / attempted as f64;
    let words = format!("{failed} of {attempted} failed, {:.2} %, {max_failed} tolerated (provider replies only)", share * 100.0);
    if share > max_failed.fraction() + 1e-12 { Judgement::Failed(words) } else { Judgement::Passed(words) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tally(accepted: u64, rejected: u64, deferred: u64, unknown: u64) -> Tally {
        let mut tally = Tally::default();
        tally.add(Outcome::Accepted, accepted);
        tally.add(Outcome::Rejected, rejected);
        tally.add(Outcome::Deferred, deferred);
        tally.add(Outcome::Unknown, unknown);
        tally
    }

    #[test]
    fn the_limit_itself_is_tolerated_and_one_more_is_not() {
        let five = Percent::new(5.0).expect("a percentage");
        assert!(matches!(judge(&tally(95, 3, 1, 1), five), Judgement::Passed(_)));
        assert!(matches!(judge(&tally(94, 3, 2, 1), five), Judgement::Failed(_)));
        assert!(matches!(judge(&tally(1, 1, 0, 0), Percent::new(0.0).expect("zero")), Judgement::Failed(_)));
    }

    #[test]
    fn nobody_attempted_is_no_evidence() {
        let mut nobody = Tally::default();
        nobody.add(Outcome::Suppressed, 7);
        assert!(matches!(judge(&nobody, Percent::new(5.0).expect("a percentage")), Judgement::NoEvidence(_)));
    }
}
