//! Receiving domains and single recipients that a provider refuses with a reply that looks like a
//! refusal of all mail: `421` at RCPT, or a closed connection.
//!
//! Invariants: such a refusal is first charged to the recipient's domain, and another recipient is
//! tried at once. If the provider accepts the other recipient, sending continues. If this repeats,
//! only the refused domain waits, and its recipients are charged. If several domains are refused at
//! the same time, the provider is at fault. The same is true for several recipients of the only
//! domain.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use crate::ledger::LedgerRow;

/// This many receiving domains refused at the same time prove that the provider is at fault. If the
/// list has only one domain, this many recipients prove it.
const DOMAINS: usize = 3;
const RECIPIENTS: usize = 2;
/// A name is proved to be refused on its own after this many refusals in a row, if another
/// recipient was accepted after each of them.
pub(super) const CONTRASTS: u32 = 2;
/// A refusal older than this is ignored.
const LASTS: Duration = Duration::from_secs(60);

/// The domains and recipients that one provider refuses although it may accept others.
#[derive(Debug, Default)]
pub(super) struct Exceptions {
    /// The key is the receiving domain, or the address if no other domain is left.
    by_name: HashMap<String, Trouble>,
    /// `Some` if another recipient must be tried for comparison; `true` once that recipient has
    /// been sent.
    question: Option<bool>,
}

#[derive(Debug)]
struct Trouble {
    /// Refusals in a row; an acceptance halves the number.
    times: u32,
    /// The time of the first of the refusals in a row.
    since: Option<Instant>,
    last: Instant,
    /// How many of the refusals were followed by the acceptance of another name.
    contrasts: u32,
    is_contrasted: bool,
}

impl Trouble {
    fn is_proved(&self) -> bool {
        self.contrasts >= CONTRASTS
    }

    fn is_open(&self, now: Instant) -> bool {
        self.since.is_some()
            && !self.is_proved()
            && now.saturating_duration_since(self.last) < LASTS
    }
}

/// Who a refusal applies to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum RefusedFor {
    /// The cause is this domain or recipient, which is proved.
    Recipient,
    /// The cause is not known until another recipient has been tried.
    Unclear,
    Provider,
}

impl Exceptions {
    pub(super) fn is_empty(&self) -> bool {
        self.by_name.is_empty()
    }

    /// Whether recipients are sent one at a time, to see if the provider accepts others.
    pub(super) fn is_asking(&self) -> bool {
        self.question.is_some()
    }

    /// Records that a claim is sent while nothing else is under way.
    pub(super) fn sent_alone(&mut self) {
        self.question = self.question.map(|_| true);
    }

    /// Records that a claim has returned. Returns true if this claim tried another recipient for
    /// comparison.
    pub(super) fn claim_returned(&mut self) -> bool {
        let was_asked = self.question == Some(true);
        self.question = self.question.map(|_| false);
        was_asked
    }

    /// Records that there is no other recipient to try.
    pub(super) fn has_no_other(&mut self) {
        self.question = None;
    }

    /// The receiving domains whose last answer was a refusal.
    pub(super) fn refused_domains(&self) -> Vec<String> {
        let refused = self
            .by_name
            .iter()
            .filter(|(name, trouble)| trouble.since.is_some() && !name.contains('@'));
        refused.map(|(name, _)| name.clone()).collect()
    }

    /// How often a name was refused in a row, and when it was first refused.
    pub(super) fn refusals(&self, name: &str) -> Option<(u32, Option<Instant>)> {
        self.by_name.get(name).map(|trouble| (trouble.times, trouble.since))
    }

    /// How many of a name's refusals in a row were followed by the acceptance of another name.
    pub(super) fn contrasts(&self, name: &str) -> u32 {
        self.by_name.get(name).map_or(0, |trouble| trouble.contrasts)
    }

    /// Records the acceptance of `rows`. `was_asked` is true if they were sent for comparison with
    /// a refused name. Returns the names newly proved to be refused on their own.
    pub(super) fn took(
        &mut self,
        rows: &[&LedgerRow],
        was_asked: bool,
        now: Instant,
    ) -> Vec<String> {
        let is_another = |row: &&LedgerRow| {
            [&row.domain, &row.email]
                .iter()
                .all(|name| self.by_name.get(*name).is_none_or(|known| !known.is_open(now)))
        };
        let has_contrast = was_asked && rows.iter().any(is_another);
        for name in rows.iter().flat_map(|row| [&row.domain, &row.email]) {
            if let Some(trouble) = self.by_name.get_mut(name) {
                (trouble.since, trouble.contrasts, trouble.times) = (None, 0, trouble.times / 2);
            }
        }
        self.by_name.retain(|_, trouble| trouble.since.is_some() || trouble.times > 0);
        if !has_contrast {
            return Vec::new();
        }
        self.question = None;
        let mut news = Vec::new();
        for (name, trouble) in self
            .by_name
            .iter_mut()
            .filter(|(_, trouble)| trouble.is_open(now) && !trouble.is_contrasted)
        {
            (trouble.contrasts, trouble.is_contrasted) = (trouble.contrasts + 1, true);
            if trouble.is_proved() {
                news.push(name.clone());
            }
        }
        news
    }

    /// Records the refusal of a name. `is_cautious` is true if the provider had already refused
    /// mail before. If no other recipient `is_left`, the acceptance of one other recipient is
    /// enough proof.
    pub(super) fn refused(
        &mut self,
        name: &str,
        is_left: bool,
        is_cautious: bool,
        now: Instant,
    ) -> RefusedFor {
        let new =
            || Trouble { times: 0, since: None, last: now, contrasts: 0, is_contrasted: false };
        let trouble = self.by_name.entry(name.to_owned()).or_insert_with(new);
        trouble.times += 1;
        trouble.since.get_or_insert(now);
        (trouble.last, trouble.is_contrasted) = (now, false);
        if trouble.is_proved() || (!is_left && trouble.contrasts > 0) {
            return RefusedFor::Recipient;
        }
        let is_address = name.contains('@');
        let refused = self
            .by_name
            .iter()
            .filter(|(other, trouble)| other.contains('@') == is_address && trouble.is_open(now))
            .count();
        if is_cautious || refused >= if is_address { RECIPIENTS } else { DOMAINS } {
            self.question = None;
            return RefusedFor::Provider;
        }
        self.question = Some(false);
        RefusedFor::Unclear
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pipeline::sameness::tests::row;

    fn at_once(exceptions: &mut Exceptions, taken: u64, now: Instant) -> Vec<String> {
        exceptions.sent_alone();
        let was_asked = exceptions.claim_returned();
        exceptions.took(&[&row(taken)], was_asked, now)
    }

    #[test]
    fn a_domain_is_refused_alone_when_others_are_taken_right_after_it_twice() {
        let (mut exceptions, now) = (Exceptions::default(), Instant::now());
        assert_eq!(exceptions.refused("d1.example", true, false, now), RefusedFor::Unclear);
        assert!(exceptions.is_asking());
        assert!(at_once(&mut exceptions, 2, now).is_empty() && !exceptions.is_asking());
        assert_eq!(exceptions.refused("d1.example", true, false, now), RefusedFor::Unclear);
        assert_eq!(at_once(&mut exceptions, 2, now), ["d1.example"]);
        assert_eq!(exceptions.refused("d1.example", true, true, now), RefusedFor::Recipient);
        exceptions.took(&[&row(1)], false, now);
        assert_eq!(
            exceptions.refused("d1.example", true, false, now),
            RefusedFor::Unclear,
            "it was taken meanwhile"
        );
    }

    #[test]
    fn three_domains_and_two_recipients_of_one_are_the_providers() {
        let (mut exceptions, now) = (Exceptions::default(), Instant::now());
        let refused = ["d1.example", "d1.example", "d2.example", "d3.example"]
            .map(|name| exceptions.refused(name, true, false, now));
        assert_eq!(
            refused,
            [RefusedFor::Unclear, RefusedFor::Unclear, RefusedFor::Unclear, RefusedFor::Provider]
        );
        assert!(!exceptions.is_asking());
        let mut exceptions = Exceptions::default();
        let refused = ["a@d1.example", "a@d1.example", "b@d1.example"]
            .map(|name| exceptions.refused(name, true, false, now));
        assert_eq!(refused, [RefusedFor::Unclear, RefusedFor::Unclear, RefusedFor::Provider]);
        assert_eq!(
            Exceptions::default().refused("d1.example", true, true, now),
            RefusedFor::Provider,
            "it was refusing before"
        );
    }

    #[test]
    fn what_was_on_its_way_and_what_is_long_ago_prove_nothing() {
        let (mut exceptions, now) = (Exceptions::default(), Instant::now());
        for _ in 0..4 {
            exceptions.refused("d1.example", true, false, now);
            let was_asked = exceptions.claim_returned();
            assert!(
                exceptions.took(&[&row(2)], was_asked, now).is_empty() && exceptions.is_asking()
            );
        }
        exceptions.refused("d2.example", true, false, now);
        assert_eq!(exceptions.refused("d3.example", true, false, now + LASTS), RefusedFor::Unclear);
    }
}
