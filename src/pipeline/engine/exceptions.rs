//! Receiving domains and single recipients that a provider refuses as if it took nothing from
//! anybody: `421` at RCPT, or a closed connection.
//!
//! The rules it keeps: such an answer is held against those it was given for first, and another
//! recipient is asked at once. Where that one is taken, all others go on as before; where it
//! happens again, the domain alone waits and its recipients are charged. Where several domains, or
//! recipients of the only one, are refused like this at the same time, it is the provider's.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use super::Engine;
use crate::ledger::{Ask, LedgerRow, Settled};
use crate::model::error::Result;
use crate::pipeline::chunk::Route;
use crate::pipeline::settle::Translated;
use crate::provider::{Health, Refusal, Reply, Verdict};

/// So many receiving domains are not refused at the same time by chance, and so many recipients
/// where there is no other domain.
const DOMAINS: usize = 3;
const RECIPIENTS: usize = 2;
/// Another one was taken right after so many refusals in a row: the refusals are about this one.
const CONTRASTS: u32 = 2;
/// A refusal that was not repeated for so long says nothing any more.
const LASTS: Duration = Duration::from_secs(60);

/// Those that one provider refuses, although it may take others.
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
enum Whose {
    /// That domain or recipient, for certain.
    Its,
    /// Another one has to be asked.
    Unclear,
    Providers,
}

/// A receiving domain of which nothing was taken for as long as retries last.
pub(super) struct GivenUp {
    domain: String,
    refusal: Refusal,
}

impl Exceptions {
    fn is_empty(&self) -> bool {
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
    fn claim_returned(&mut self) -> bool {
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

    /// After how many of its refusals in a row another one was taken.
    fn contrasts(&self, name: &str) -> u32 {
        self.by_name.get(name).map_or(0, |trouble| trouble.contrasts)
    }

    /// These were taken; `was_asked` says whether that was the question. Returns the names that are
    /// now known to be refused alone.
    fn took(&mut self, rows: &[&LedgerRow], was_asked: bool, now: Instant) -> Vec<String> {
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
    fn refused(&mut self, name: &str, is_left: bool, is_cautious: bool, now: Instant) -> Whose {
        let new =
            || Trouble { times: 0, since: None, last: now, contrasts: 0, is_contrasted: false };
        let trouble = self.by_name.entry(name.to_owned()).or_insert_with(new);
        trouble.times += 1;
        trouble.since.get_or_insert(now);
        (trouble.last, trouble.is_contrasted) = (now, false);
        if trouble.is_proved() || (!is_left && trouble.contrasts > 0) {
            return Whose::Its;
        }
        let is_address = name.contains('@');
        let refused = self
            .by_name
            .iter()
            .filter(|(other, trouble)| other.contains('@') == is_address && trouble.is_open(now))
            .count();
        if is_cautious || refused >= if is_address { RECIPIENTS } else { DOMAINS } {
            self.question = None;
            return Whose::Providers;
        }
        self.question = Some(false);
        Whose::Unclear
    }
}

impl Engine {
    /// Decides what a refusal is about that makes up how a provider fares and was given at one
    /// recipient. What is not the provider's is taken out of its health. Returns the domain that is
    /// given up.
    pub(super) async fn find_cause(
        &mut self,
        route: Route,
        rows: &[LedgerRow],
        reply: &mut Reply,
    ) -> Result<Option<GivenUp>> {
        let now = Instant::now();
        let exceptions = &mut self.providers[route.through].exceptions;
        let was_asked = exceptions.claim_returned();
        if exceptions.is_empty() && reply.concerns.is_none() {
            return Ok(None);
        }
        let of = |job| rows.iter().find(|row| row.row == job);
        let took =
            reply.items.iter().filter(|(_, verdict)| matches!(verdict, Verdict::Accepted { .. }));
        let took: Vec<&LedgerRow> = took.filter_map(|(job, _)| of(*job)).collect();
        let news = exceptions.took(&took, was_asked, now);
        if !news.is_empty() {
            // What slowed it down was about those.
            self.providers[route.through].pacers.throttle.lift();
        }
        for domain in news.iter().filter(|name| !name.contains('@')) {
            let configured = &self.parts.configured[route.through];
            tracing::info!(provider = configured.name, domain, "one receiving domain is refused");
            self.parts.progress.message(&format!(
                "{} takes nothing for {domain} for now: its recipients wait, the others go on",
                configured.name
            ));
        }
        let is_passing = matches!(reply.health, Health::SlowDown(_) | Health::Failing(_));
        let Some(row) = reply.concerns.filter(|_| is_passing).and_then(of) else { return Ok(None) };
        let name = if self.parts.redirect.is_some() {
            None
        } else {
            self.name_of(route, row, &not_begun_of(rows, reply)).await?
        };
        let Some((name, is_left)) = name else {
            reply.health = if_for_good(std::mem::take(&mut reply.health));
            return Ok(None);
        };
        let provider = &mut self.providers[route.through];
        let is_cautious = provider.is_cautious();
        let whose = provider.exceptions.refused(&name, is_left, is_cautious, now);
        if whose == Whose::Providers {
            reply.health = if_for_good(std::mem::take(&mut reply.health));
            return Ok(None);
        }
        if whose == Whose::Unclear {
            // What has not been begun waits for the answer, or would be refused too.
            provider.withdraw();
        }
        reply.health = Health::Fine;
        let Some((_, verdict)) = reply.items.iter_mut().find(|(job, _)| *job == row.row) else {
            return Ok(None);
        };
        let Verdict::NotTaken { refusal, .. } = &*verdict else { return Ok(None) };
        let refusal = refusal.clone();
        if whose == Whose::Its {
            *verdict = match refusal.code.starts_with('5') {
                true => Verdict::Rejected(refusal.clone()),
                false => Verdict::NotTaken { refusal: refusal.clone(), counts: true },
            };
        }
        let policy = self.parts.configured[route.through].retry;
        let Some(trouble) = provider.exceptions.by_name.get(&name).filter(|_| name == row.domain)
        else {
            return Ok(None);
        };
        let lasts =
            trouble.since.map_or(Duration::ZERO, |since| now.saturating_duration_since(since));
        if whose == Whose::Its && lasts >= policy.give_up_after {
            return Ok(Some(GivenUp { domain: name, refusal }));
        }
        let until = now + policy.ceiling(trouble.times);
        self.providers[route.first].queues.hold(&row.domain, until);
        Ok(None)
    }

    /// The domain that was refused, or the address where no other domain is left; and whether
    /// another recipient is left to ask. `None` where none is and nothing is known, or every domain
    /// that is left was refused. Members of its claim that were `not_begun`, and what else is under
    /// way, are asked as soon as they have come back.
    async fn name_of(
        &mut self,
        route: Route,
        row: &LedgerRow,
        not_begun: &[&LedgerRow],
    ) -> Result<Option<(String, bool)>> {
        let provider = &self.providers[route.through];
        let (exceptions, has_one_domain) =
            (&provider.exceptions, provider.verdicts.has_one_domain());
        let [of_domain, of_address] =
            [&row.domain, &row.email].map(|name| exceptions.contrasts(name));
        let mut refused = exceptions.refused_domains();
        let is_refused_elsewhere = refused.iter().any(|domain| *domain != row.domain);
        refused.push(row.domain.clone());
        let is_left_over = |not: &[String]| {
            !self.out.is_empty() || not_begun.iter().any(|member| !not.contains(&member.domain))
        };
        let names = [(&row.domain, of_domain, refused), (&row.email, of_address, Vec::new())];
        for (name, contrasts, not) in names.into_iter().skip(usize::from(has_one_domain)) {
            if contrasts >= CONTRASTS || is_left_over(&not) {
                return Ok(Some((name.clone(), true)));
            }
            let through = self.providers[route.first].recipients.clone();
            let ask = Ask {
                cohort: self.cohort(),
                not_domains: not,
                through,
                limit: 1,
                ..Ask::default()
            };
            if !self.parts.ledger.next(&self.parts.run.id, ask).await?.is_empty() {
                return Ok(Some((name.clone(), true)));
            }
            if contrasts > 0 {
                return Ok(Some((name.clone(), false)));
            }
            if is_refused_elsewhere {
                return Ok(None);
            }
        }
        Ok(None)
    }
}

/// The members of a claim that were not begun.
fn not_begun_of<'a>(rows: &'a [LedgerRow], reply: &Reply) -> Vec<&'a LedgerRow> {
    rows.iter().filter(|row| reply.items.iter().all(|(job, _)| *job != row.row)).collect()
}

/// What is refused for good and about the provider stops it.
fn if_for_good(health: Health) -> Health {
    match health {
        Health::Failing(refusal) if refusal.code.starts_with('5') => Health::Stop(refusal),
        other => other,
    }
}

/// Settles those of a claim that were not begun and whose domain is given up.
pub(super) fn give_up(given_up: GivenUp, rows: &[LedgerRow], translated: &mut Translated) {
    let GivenUp { domain, refusal } = given_up;
    let is_of_it = |row| rows.iter().any(|member| member.row == row && member.domain == domain);
    for (row, settled) in &mut translated.items {
        if matches!(settled, Settled::Void) && is_of_it(*row) {
            *settled = Settled::GaveUp { refusal: refusal.clone(), counts: false };
        }
    }
    translated.void.retain(|row| !is_of_it(*row));
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
        assert_eq!(exceptions.refused("d1.example", true, false, now), Whose::Unclear);
        assert!(exceptions.is_asking());
        assert!(at_once(&mut exceptions, 2, now).is_empty() && !exceptions.is_asking());
        assert_eq!(exceptions.refused("d1.example", true, false, now), Whose::Unclear);
        assert_eq!(at_once(&mut exceptions, 2, now), ["d1.example"]);
        assert_eq!(exceptions.refused("d1.example", true, true, now), Whose::Its);
        exceptions.took(&[&row(1)], false, now);
        assert_eq!(
            exceptions.refused("d1.example", true, false, now),
            Whose::Unclear,
            "it was taken meanwhile"
        );
    }

    #[test]
    fn three_domains_and_two_recipients_of_one_are_the_providers() {
        let (mut exceptions, now) = (Exceptions::default(), Instant::now());
        let refused = ["d1.example", "d1.example", "d2.example", "d3.example"]
            .map(|name| exceptions.refused(name, true, false, now));
        assert_eq!(refused, [Whose::Unclear, Whose::Unclear, Whose::Unclear, Whose::Providers]);
        assert!(!exceptions.is_asking());
        let mut exceptions = Exceptions::default();
        let refused = ["a@d1.example", "a@d1.example", "b@d1.example"]
            .map(|name| exceptions.refused(name, true, false, now));
        assert_eq!(refused, [Whose::Unclear, Whose::Unclear, Whose::Providers]);
        assert_eq!(
            Exceptions::default().refused("d1.example", true, true, now),
            Whose::Providers,
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
        assert_eq!(exceptions.refused("d3.example", true, false, now + LASTS), Whose::Unclear);
    }
}
