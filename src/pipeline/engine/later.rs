//! Who waits for another attempt: how many, until when, and when the next of them is due.
//!
//! An observer of what is settled, so that retries leave when they are due beside all others, and
//! the ledger is not asked for the count. It knows those of this execution; those of an earlier one
//! are found by the ledger when they are due.

use std::collections::{BTreeSet, HashMap};
use std::time::{Duration, Instant};

use jiff::Timestamp;

use super::Engine;
use crate::ledger::{Ask, LedgerRow, Settled};
use crate::model::error::Result;
use crate::model::outcome::Cohort;
use crate::pipeline::chunk::Route;
use crate::provider::RowNumber;

/// Where the ledger did not have those who are due, because their settling has not been committed,
/// it is asked again after so long.
const AGAIN: Duration = Duration::from_millis(20);
/// An attempt that was due before the end of retries may begin so much later, and none after that:
/// its claim may have had to wait.
const GRACE: Duration = Duration::from_secs(1);

/// Those who wait.
#[derive(Debug, Default)]
pub(super) struct Later {
    /// By the place of the provider that is their first choice, then by time.
    due: BTreeSet<(usize, Timestamp, RowNumber)>,
    by_row: HashMap<RowNumber, Wait>,
    /// How many of them were never refused by themselves.
    untried: usize,
    /// When the last of them is given up.
    until: Option<Timestamp>,
}

#[derive(Clone, Copy, Debug)]
struct Wait {
    first: usize,
    at: Timestamp,
    is_tried: bool,
}

impl Later {
    /// What became of a row: whether it waits, was tried by now, and until when at most it waits.
    fn settled(
        &mut self,
        first: usize,
        row: RowNumber,
        settled: &Settled,
        attempts: u32,
        until: Option<Timestamp>,
    ) {
        self.left(row);
        if let Settled::Retry { at, counts, .. } = settled {
            let wait = Wait { first, at: *at, is_tried: *counts || attempts > 0 };
            self.due.insert((first, *at, row));
            self.by_row.insert(row, wait);
            self.untried += usize::from(!wait.is_tried);
            self.until = self.until.max(until);
        }
    }

    /// A row waits no more: it is on its way again, or has an outcome.
    pub(super) fn left(&mut self, row: RowNumber) {
        if let Some(wait) = self.by_row.remove(&row) {
            self.due.remove(&(wait.first, wait.at, row));
            self.untried -= usize::from(!wait.is_tried);
        }
        if self.by_row.is_empty() {
            self.until = None;
        }
    }

    /// How many wait.
    pub(super) fn count(&self) -> u64 {
        self.by_row.len() as u64
    }

    /// Whether exactly so many wait, each refused once by itself.
    pub(super) fn are_all_tried(&self, count: u64) -> bool {
        self.count() == count && self.untried == 0
    }

    /// When the next of them is due.
    pub(super) fn next_at(&self) -> Option<Timestamp> {
        let places = self.due.first().zip(self.due.last()).map(|(first, last)| first.0..=last.0);
        places.into_iter().flatten().filter_map(|place| self.next_of(place)).min()
    }

    /// When the next of those is due whose first choice this provider is.
    fn next_of(&self, first: usize) -> Option<Timestamp> {
        let mut theirs = self.due.range((first, Timestamp::MIN, 0)..(first + 1, Timestamp::MIN, 0));
        theirs.next().map(|(_, at, _)| *at)
    }

    /// Whether any of them is due by then, or has been.
    pub(super) fn is_due_within(&self, time: Duration) -> bool {
        let by = || Timestamp::now().checked_add(time).ok();
        self.next_at().is_some_and(|at| by().is_none_or(|by| at <= by))
    }

    /// When the last of them is given up.
    pub(super) fn until(&self) -> Option<Timestamp> {
        self.until
    }
}

impl Engine {
    /// Takes note of who waits after a claim, and of who waits no more.
    pub(super) fn note_later(
        &mut self,
        route: Route,
        rows: &[LedgerRow],
        items: &[(RowNumber, Settled)],
    ) {
        let lasts = self.parts.configured[route.through].retry.give_up_after;
        for (row, settled) in items {
            if !matches!(settled, Settled::Retry { .. }) {
                self.later.left(*row);
                continue;
            }
            let member = rows.iter().find(|member| member.row == *row);
            let anew = self.passes.by_row.get(row).map(|anew| anew.at);
            let first = anew
                .or_else(|| member.and_then(|member| member.first_at))
                .unwrap_or_else(Timestamp::now);
            let attempts = member.map_or(0, |member| member.attempts);
            self.later.settled(route.first, *row, settled, attempts, first.checked_add(lasts).ok());
        }
    }

    /// Until when those of a claim who were put off before may be attempted again. Whose retries
    /// begin anew with the next attempt has no such time.
    pub(super) fn deadlines(
        &self,
        through: usize,
        rows: &[LedgerRow],
    ) -> HashMap<RowNumber, Timestamp> {
        let lasts = self.parts.configured[through].retry.give_up_after.saturating_add(GRACE);
        let deadline = |row: &LedgerRow| {
            let (first, before) = match self.passes.by_row.get(&row.row) {
                Some(anew) => (anew.at, anew.attempts),
                None => (row.first_at.filter(|at| *at >= self.began)?, 0),
            };
            let until = first.checked_add(lasts).ok().filter(|_| row.attempts > before)?;
            Some((row.row, until))
        };
        rows.iter().filter(|row| row.is_retry).filter_map(deadline).collect()
    }

    /// The cohort that goes now; both where some of the canary wait beside the rest.
    pub(super) fn cohort(&self) -> Option<Cohort> {
        (!self.has_canary_beside).then_some(self.phase)
    }

    /// Up to `most` recipients of this provider who are due again, whatever queue holds those who go
    /// for the first time. One that takes batches gets them together with those. None of the
    /// domains in `not`.
    pub(super) async fn next_due_rows(
        &mut self,
        first: usize,
        most: usize,
        now: Instant,
        not: &[String],
    ) -> Result<Vec<LedgerRow>> {
        let provider = &self.providers[first];
        let is_due = self.later.next_of(first).is_some_and(|at| at <= Timestamp::now());
        if !is_due
            || provider.trust.takes_batches()
            || provider.ask_due_at.is_some_and(|at| at > now)
        {
            return Ok(Vec::new());
        }
        let ask = Ask {
            cohort: self.cohort(),
            not_domains: self.providers[first]
                .queues
                .paced_domains()
                .into_iter()
                .chain(not.iter().cloned())
                .collect(),
            through: self.providers[first].recipients.clone(),
            limit: most + self.out.len(),
            only_due: true,
            ..Ask::default()
        };
        let mut rows = self.parts.ledger.next(&self.parts.run.id, ask).await?;
        rows.retain(|row| !self.out.contains(&row.row) && !self.watch.holds_domain(&row.domain));
        rows.truncate(most);
        if not.is_empty() {
            self.providers[first].ask_due_at = rows.is_empty().then(|| now + AGAIN);
        }
        Ok(rows)
    }

    /// Whether each member of the canary has an outcome or was refused by itself once, and waits.
    pub(super) fn canary_was_tried(&self) -> bool {
        self.phase == Cohort::Canary && self.later.are_all_tried(self.standing.canary.open)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::outcome::Reason;
    use crate::provider::Refusal;

    fn retry(at: i64, counts: bool) -> Settled {
        let at = Timestamp::from_second(at).expect("in range");
        Settled::Retry {
            refusal: Refusal::new(Reason::MailboxTransient, "452", "full"),
            at,
            counts,
        }
    }

    #[test]
    fn it_knows_who_waits_until_when_and_who_was_tried() {
        let second = |n| Timestamp::from_second(n).expect("in range");
        let mut later = Later::default();
        later.settled(1, 1, &retry(20, true), 0, Some(second(90)));
        later.settled(0, 2, &retry(10, false), 0, Some(second(80)));
        assert_eq!(
            (later.next_of(0), later.next_of(1), later.next_of(2)),
            (Some(second(10)), Some(second(20)), None)
        );
        assert_eq!(
            (later.count(), later.next_at(), later.until()),
            (2, Some(second(10)), Some(second(90)))
        );
        assert!(!later.are_all_tried(2));
        later.settled(0, 2, &retry(30, true), 0, Some(second(80)));
        assert!(later.are_all_tried(2) && !later.are_all_tried(3));
        assert_eq!(later.next_at(), Some(second(20)));
        later.left(1);
        later.left(2);
        later.left(2);
        assert_eq!((later.count(), later.next_at(), later.until()), (0, None, None));
    }
}
