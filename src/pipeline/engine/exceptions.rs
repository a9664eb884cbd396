//! Receiving domains and single recipients that a provider refuses as if it took no mail at all:
//! `421` at RCPT, or a closed connection.
//!
//! The rules it keeps: such an answer is held against those it was given for first, and another
//! recipient is asked at once. Where that one is taken, all others go on as before; where it
//! happens again, the domain alone waits and its recipients are charged. Where several domains, or
//! recipients of the only one, are refused like this at the same time, it is the provider's.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use crate::ledger::LedgerRow;

/// So many receiving domains are not refused at the same time by chance, and so many recipients
/// where there is no other domain.
const DOMAINS: usize = 3;
const RECIPIENTS: usize = 2;
/// Another one was taken right after so many refusals in a row: the refusals are about this one.
pub(super) const CONTRASTS: u32 = 2;
/// A refusal that was not repeated for so long says nothing any more.
const LASTS: Duration = Duration::from_secs(60);

/// The names that one provider refuses, although it may take others.
#[derive(Debug, Default)]
pub(super) struct Exceptions {
    /// By receiving domain, or by address where no other domain is left.
    by_name: HashMap<String, Trouble>,
    /// Another recipient is to be asked, and whether it has been sent.
    question: Option<bool>,
}

#[derive(Debug)]
struct Trouble {
    /// Refusals in a row; half of them count on after an acceptance.
    times: u32,
    /// When the first of those in a row came.
    since: Option<Instant>,
    last: Instant,
    /// After how many of them another one was taken.
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

/// What a refusal is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum RefusedFor {
    /// That domain or recipient, for certain.
    Recipient,
    /// Another one has to be asked.
    Unclear,
    Provider,
}

impl Exceptions {
    pub(super) fn is_empty(&self) -> bool {
        self.by_name.is_empty()
    }

    /// Whether one recipient shows if the provider takes others.
    pub(super) fn is_asking(&self) -> bool {
        self.question.is_some()
    }

    /// A claim is sent with nothing else under way.
    pub(super) fn sent_alone(&mut self) {
        self.question = self.question.map(|_| true);
    }

    /// A claim came back. Returns whether it was the one that had been sent to ask.
    pub(super) fn claim_returned(&mut self) -> bool {
        let was_asked = self.question == Some(true);
        self.question = self.question.map(|_| false);
        was_asked
    }

    /// There is no other one to ask.
    pub(super) fn has_no_other(&mut self) {
        self.question = None;
    }

    /// Receiving domains that were refused last.
    pub(super) fn refused_domains(&self) -> Vec<String> {
        let refused = self
            .by_name
            .iter()
            .filter(|(name, trouble)| trouble.since.is_some() && !name.contains('@'));
        refused.map(|(name, _)| name.clone()).collect()
    }

    /// How often a name has been refused, and when the first refusal of those in a row came.
    pub(super) fn refusals(&self, name: &str) -> Option<(u32, Option<Instant>)> {
        self.by_name.get(name).map(|trouble| (trouble.times, trouble.since))
    }

    /// After how many of its refusals in a row another one was taken.
    pub(super) fn contrasts(&self, name: &str) -> u32 {
        self.by_name.get(name).map_or(0, |trouble| trouble.contrasts)
    }

    /// These were taken; `was_asked` says whether that was the question. Returns the names that are
    /// now known to be refused alone.
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

    /// One of this name was refused. A provider that `is_cautious` was refusing before; one
    /// contrast is enough where no other recipient `is_left`.
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
