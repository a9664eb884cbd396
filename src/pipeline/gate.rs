//! Judges the canary: compares the provider's replies and the later bounces and complaints with the
//! configured limits.
//!
//! Bounces and complaints of the canary are a sample of what the rest of the list will produce, so
//! they are judged statistically. A canary with too many fails as soon as that is proved. A canary
//! with few enough passes only when the waiting time is over.
//!
//! Invariant: a canary whose true share is at or under a limit fails by that limit at most once in
//! twenty times, however often it is checked. For a fixed number of recipients the count only
//! grows, so checking more often proves nothing earlier than the final check. A canary that grows
//! is judged again at each size: each size may use half of the remaining error probability, and the
//! last size all of it.

use std::time::Duration;

use crate::model::figures::grouped;
use crate::model::literal::{CanarySize, Percent};
use crate::model::outcome::{Outcome, Tally};
use crate::pipeline::binomial;

/// The limits and waiting times that a canary is judged by.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct CanaryRule {
    /// The largest tolerated share of (rejected + deferred + unknown) among the attempted
    /// recipients.
    pub max_failed: Percent,
    /// The largest tolerated share of bounces among the accepted recipients.
    pub max_bounced: Percent,
    /// The largest tolerated share of complaints among the accepted recipients.
    pub max_complained: Percent,
    /// How long to wait for bounces after the last submission.
    pub wait: Duration,
    /// How long to wait for complaints after the last submission.
    pub wait_complained: Duration,
    /// Whether any source reports bounces or complaints. Without a source, their absence proves
    /// nothing.
    pub has_feedback: bool,
    /// Whether bounce reports are required, but no source reports bounces. If so, the canary waits
    /// for the operator's decision, unless a bounce arrives anyway.
    pub lacks_bounces: bool,
    /// The size up to which the canary may grow while its evidence is insufficient; `None` disables
    /// growing.
    pub extend: Option<CanarySize>,
    /// The provider that sends recipients added to the canary later; `None` keeps the provider that
    /// the plan chose for each recipient.
    pub provider: Option<String>,
}

/// The judgement of the provider's replies, with the evidence as text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Replies {
    Passed(String),
    Failed(String),
    /// No member of the canary could be attempted, so there is no evidence.
    NoEvidence(String),
}

/// Judges a canary by the provider's replies.
pub(crate) fn replies(canary: &Tally, max_failed: Percent) -> Replies {
    let failed = canary.get(Outcome::Rejected)
        + canary.get(Outcome::Deferred)
        + canary.get(Outcome::Unknown);
    let attempted = failed + canary.get(Outcome::Accepted);
    if attempted == 0 {
        return Replies::NoEvidence(
            "no recipient of the canary could be attempted, so there is no evidence".into(),
        );
    }
    let share = failed as f64 / attempted as f64;
    let words = format!(
        "{} of {} failed, {:.2} %, {max_failed} tolerated",
        grouped(failed),
        grouped(attempted),
        share * 100.0
    );
    if share > max_failed.fraction() + 1e-12 {
        Replies::Failed(words)
    } else {
        Replies::Passed(words)
    }
}

/// The error probability: one wrong failure in twenty canaries.
const ALPHA: f64 = 0.05;

/// How far a canary has grown, and how far it may still grow.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Growth {
    /// How often recipients have been added to the canary.
    pub times: u32,
    /// The current number of recipients.
    pub size: u64,
    /// How many recipients may still be added; 0 if the canary cannot grow any more.
    pub room: u64,
}

impl Growth {
    /// The error probability that is left after the canary has grown `times` times.
    fn left(times: u32) -> f64 {
        ALPHA / 2f64.powi(times.min(1_000) as i32)
    }

    /// The part of the remaining error probability that the judgement at this size may use.
    pub fn alpha(self) -> f64 {
        let left = Self::left(self.times);
        if self.room > 0 { left / 2.0 } else { left }
    }
}

/// Whether the observed events prove the share to be over or under a limit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Proof {
    /// The share is proved to be over the limit.
    Over,
    /// The share is proved to be at or under the limit.
    Under,
    /// Neither is proved. `is_over` says whether the observed share is over the limit.
    Open { is_over: bool },
}

/// A measured share with its judgement.
#[derive(Clone, Debug, PartialEq)]
pub struct Measured {
    pub proof: Proof,
    /// The measurement as text, for example `9 of 2,461 bounced, 0.37 %, at most 0.64 %: passes 2
    /// %`.
    pub words: String,
    count: u64,
    of: u64,
    limit: f64,
}

/// Compares the share of accepted recipients that have `done` something (bounced, complained) with
/// `limit`. `alpha` is the probability of a wrong conclusion.
pub fn measure(done: &str, count: u64, of: u64, limit: Percent, alpha: f64) -> Measured {
    let (count, share) = (count.min(of), limit.fraction());
    let (low, high) = (binomial::at_least(count, of, alpha), binomial::at_most(count, of, alpha));
    let observed = if of == 0 { 0.0 } else { count as f64 / of as f64 };
    let proof = match () {
        () if low > share => Proof::Over,
        () if high <= share => Proof::Under,
        () => Proof::Open { is_over: observed > share + 1e-12 },
    };
    let percent = |share: f64| format!("{:.2} %", share * 100.0);
    let shown = if count == 0 { String::new() } else { format!(" {},", percent(observed)) };
    let seen = format!("{} of {} {done},{shown}", grouped(count), grouped(of));
    let tolerated = limit.to_string().replace('%', " %");
    let words = match (proof, binomial::fewest(share, alpha)) {
        (Proof::Over, _) => format!("{seen} at least {}: over {tolerated}", percent(low)),
        (Proof::Under, _) => format!("{seen} at most {}: passes {tolerated}", percent(high)),
        (Proof::Open { is_over: true }, _) => {
            format!(
                "{seen} at least {} and at most {}: over {tolerated}, but so few do not prove it",
                percent(low),
                percent(high)
            )
        }
        (Proof::Open { is_over: false }, Some(fewest)) if of < fewest => {
            format!(
                "{seen} at most {}: cannot show {tolerated} with fewer than {}",
                percent(high),
                grouped(fewest)
            )
        }
        (Proof::Open { is_over: false }, _) => format!(
            "{seen} at most {}: not over {tolerated}, but so few do not prove it",
            percent(high)
        ),
    };
    Measured { proof, words, count, of, limit: share }
}

/// The decision about a canary when the waiting time for bounces and complaints is over.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Next {
    /// A share is proved to be over its limit.
    Failed,
    /// The evidence is insufficient: add this many recipients.
    Grow(u64),
    /// An observed share is over its limit, but the evidence is insufficient, and no more
    /// recipients can be added.
    Unclear,
    Passed,
}

/// Judges a canary. `measured` measures the shares for a given error probability. Returns the
/// measurements and the decision.
pub fn next<const N: usize>(
    measured: impl Fn(f64) -> [Measured; N],
    growth: Growth,
) -> ([Measured; N], Next) {
    let has =
        |shares: &[Measured; N], proof: Proof| shares.iter().any(|share| share.proof == proof);
    let shares = measured(growth.alpha());
    if has(&shares, Proof::Over) {
        return (shares, Next::Failed);
    }
    let more = shares.iter().map(|share| share.wanted(growth)).max().unwrap_or(0).min(growth.room);
    if more > 0 {
        return (shares, Next::Grow(more));
    }
    // No recipient can be added any more, so this judgement is final.
    let shares = measured(Growth { room: 0, ..growth }.alpha());
    let next = match () {
        () if has(&shares, Proof::Over) => Next::Failed,
        () if has(&shares, Proof::Open { is_over: true }) => Next::Unclear,
        () => Next::Passed,
    };
    (shares, next)
}

impl Measured {
    /// How many recipients to add in order to prove this share over or under its limit. If the
    /// observed share is over the limit, the canary doubles. Otherwise, it grows until the same
    /// share would be proved to be under the limit.
    fn wanted(&self, growth: Growth) -> u64 {
        match self.proof {
            Proof::Open { is_over: true } => growth.size,
            Proof::Open { is_over: false } => self.missing(growth),
            Proof::Over | Proof::Under => 0,
        }
    }

    /// How many more accepted recipients would prove the observed share to be under the limit; 0 if
    /// the canary cannot grow that far.
    fn missing(&self, growth: Growth) -> u64 {
        let next = Growth { times: growth.times + 1, ..growth };
        let most = self.of + growth.room;
        let last = Growth { room: 0, ..next }.alpha();
        let enough = self
            .enough(most, next.alpha())
            .or_else(|| (growth.room > 0 && self.proves(most, last)).then_some(most));
        enough.map_or(0, |enough| enough - self.of)
    }

    /// Whether the observed share among `of` recipients would be proved to be under the limit.
    fn proves(&self, of: u64, alpha: f64) -> bool {
        let count = (self.count as f64 / self.of.max(1) as f64 * of as f64).ceil() as u64;
        binomial::at_most(count, of, alpha) <= self.limit
    }

    /// The number of accepted recipients that would prove the observed share to be under the limit;
    /// `None` if none does, or if it exceeds `most`.
    fn enough(&self, most: u64, alpha: f64) -> Option<u64> {
        if self.of >= most || !self.proves(most, alpha) {
            return None;
        }
        let (mut low, mut high) = (self.of, most);
        while low + 1 < high {
            let middle = low + (high - low) / 2;
            if self.proves(middle, alpha) { high = middle } else { low = middle }
        }
        Some(high)
    }
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

    fn percent(text: &str) -> Percent {
        text.parse().expect("a percentage")
    }

    #[test]
    fn the_limit_itself_is_tolerated_and_one_more_is_not() {
        assert!(matches!(replies(&tally(95, 3, 1, 1), percent("5%")), Replies::Passed(_)));
        assert!(matches!(replies(&tally(94, 3, 2, 1), percent("5%")), Replies::Failed(_)));
        assert!(matches!(replies(&tally(1, 1, 0, 0), percent("0%")), Replies::Failed(_)));
    }

    #[test]
    fn nobody_attempted_is_no_evidence() {
        let mut suppressed = Tally::default();
        suppressed.add(Outcome::Suppressed, 7);
        assert!(matches!(replies(&suppressed, percent("5%")), Replies::NoEvidence(_)));
    }

    #[test]
    fn a_share_is_judged_by_what_it_proves() {
        let measure = |done: &str, count, of, limit| measure(done, count, of, limit, ALPHA);
        let said = |done, count, of, limit| measure(done, count, of, percent(limit)).words;
        assert_eq!(
            said("bounced", 9, 2_461, "2%"),
            "9 of 2,461 bounced, 0.37 %, at most 0.64 %: passes 2 %"
        );
        assert_eq!(
            said("complained", 0, 1_000, "0.1%"),
            "0 of 1,000 complained, at most 0.30 %: cannot show 0.1 % with fewer than 2,995"
        );
        assert_eq!(
            said("bounced", 40, 1_000, "2%"),
            "40 of 1,000 bounced, 4.00 %, at least 3.03 %: over 2 %"
        );
        assert_eq!(
            measure("bounced", 25, 1_000, percent("2%")).proof,
            Proof::Open { is_over: true }
        );
        assert_eq!(
            measure("bounced", 20, 1_000, percent("2%")).proof,
            Proof::Open { is_over: false },
            "the limit itself"
        );
        assert_eq!(measure("bounced", 0, 0, percent("2%")).proof, Proof::Open { is_over: false });
        assert_eq!(measure("bounced", 5, 5, percent("100%")).proof, Proof::Under);
        assert_eq!(measure("bounced", 0, 5, percent("0%")).proof, Proof::Open { is_over: false });
        assert_eq!(measure("bounced", 1, 5, percent("0%")).proof, Proof::Over);
    }

    #[test]
    fn a_canary_knows_how_large_it_has_to_be() {
        let measure = |done: &str, count, of, limit| measure(done, count, of, limit, ALPHA);
        assert_eq!(
            measure("complained", 0, 1_000, percent("0.1%")).enough(100_000, ALPHA),
            Some(2_995)
        );
        assert_eq!(measure("complained", 0, 1_000, percent("0.1%")).enough(2_000, ALPHA), None);
        assert_eq!(
            measure("bounced", 25, 1_000, percent("2%")).enough(1_000_000, ALPHA),
            None,
            "more of the same is never under it"
        );
        let enough = measure("bounced", 15, 1_000, percent("2%"))
            .enough(100_000, ALPHA)
            .expect("it can be shown");
        assert!((1_000..10_000).contains(&enough), "{enough}");
    }

    #[test]
    fn all_sizes_of_a_canary_together_spend_what_one_may() {
        assert_eq!(Growth { times: 0, size: 50, room: 0 }.alpha(), ALPHA);
        for last in 0..8 {
            let grew: f64 =
                (0..last).map(|times| Growth { times, size: 50, room: 1 }.alpha()).sum();
            let spent = grew + Growth { times: last, size: 50, room: 0 }.alpha();
            assert!((spent - ALPHA).abs() < 1e-12, "{spent} after {last}");
        }
    }

    #[test]
    fn a_canary_that_cannot_tell_grows_as_far_as_it_may_and_is_judged_then() {
        let shares = |count, of| move |alpha| [measure("bounced", count, of, percent("2%"), alpha)];
        let next =
            |count, of, times, room| next(shares(count, of), Growth { times, size: of, room }).1;
        assert_eq!(
            next(0, 50, 0, 200),
            Next::Grow(167),
            "217 without a bounce prove it at the next size"
        );
        assert_eq!(next(0, 217, 1, 33), Next::Passed);
        assert_eq!(next(0, 50, 0, 0), Next::Passed, "not over, and no room");
        assert_eq!(next(3, 50, 0, 70), Next::Grow(50), "as many again");
        assert_eq!(next(3, 100, 1, 20), Next::Grow(20));
        assert_eq!(next(3, 120, 2, 0), Next::Unclear);
        assert_eq!(next(9, 50, 0, 70), Next::Failed);
        // A size that may still grow has half the error probability and proves less than the final
        // size.
        let (alone, growing) = (next(4, 61, 0, 0), next(4, 61, 0, 100));
        assert_eq!((alone, growing), (Next::Failed, Next::Grow(61)));
    }
}
