//! The recipients that wait for another attempt: how many there are, until when they wait, and when
//! the next retry is due.
//!
//! The state is updated with each settlement, so that retries start when they are due without
//! counting in the ledger. It covers only retries scheduled by this execution. The ledger returns
//! retries scheduled by earlier executions when they are due.

use std::collections::{BTreeSet, HashMap, HashSet};
use std::time::Duration;

use jiff::Timestamp;

use crate::ledger::{LedgerRow, Settled};
use crate::model::verdict::RowNumber;
use crate::pipeline::settle::RetryStart;

/// An attempt that is due within the retry period may start this much later than the period's end,
/// because its claim may have had to wait.
const GRACE: Duration = Duration::from_secs(1);

/// The state of retries in an execution.
pub(super) struct Retries {
    pub(super) waiting: WaitingRetries,
    /// When the retry period of a recipient starts, if it does not start at the claim. For example,
    /// the recipient was passed to another provider.
    pub(super) starts: HashMap<RowNumber, RetryStart>,
    /// The pairs of providers (from, to) of which a note to the operator said that recipients are
    /// passed on.
    pub(super) failovers: HashSet<(usize, usize)>,
    /// When this execution began.
    pub(super) began: Timestamp,
}

impl Retries {
    pub(super) fn new(began: Timestamp) -> Self {
        Self {
            waiting: WaitingRetries::default(),
            starts: HashMap::new(),
            failovers: HashSet::new(),
            began,
        }
    }

    /// Updates the waiting retries from the settled members of a claim. `first` is the index of the
    /// provider planned for the members; `lasts` is the retry period.
    pub(super) fn note(
        &mut self,
        first: usize,
        rows: &[LedgerRow],
        items: &[(RowNumber, Settled)],
        lasts: Duration,
    ) {
        for (row, settled) in items {
            if !matches!(settled, Settled::Retry { .. }) {
                self.waiting.left(*row);
                continue;
            }
            let member = rows.iter().find(|member| member.row == *row);
            let start = self.starts.get(row).map(|start| start.at);
            let from = start
                .or_else(|| member.and_then(|member| member.first_at))
                .unwrap_or_else(Timestamp::now);
            let attempts = member.map_or(0, |member| member.attempts);
            self.waiting.settled(first, *row, settled, attempts, from.checked_add(lasts).ok());
        }
    }

    /// The latest time of another attempt for each row that was attempted before. `lasts` is the
    /// retry period. A recipient whose retry period starts with the next attempt has no such time.
    pub(super) fn deadlines(
        &self,
        rows: &[LedgerRow],
        lasts: Duration,
    ) -> HashMap<RowNumber, Timestamp> {
        let lasts = lasts.saturating_add(GRACE);
        let deadline = |row: &LedgerRow| {
            let (first, before) = match self.starts.get(&row.row) {
                Some(start) => (start.at, start.attempts),
                None => (row.first_at.filter(|at| *at >= self.began)?, 0),
            };
            let until = first.checked_add(lasts).ok().filter(|_| row.attempts > before)?;
            Some((row.row, until))
        };
        rows.iter().filter(|row| row.is_retry).filter_map(deadline).collect()
    }
}

/// The recipients that wait for another attempt.
#[derive(Debug, Default)]
pub(super) struct WaitingRetries {
    /// The retry times by the index of the planned provider, in order of time.
    due: BTreeSet<(usize, Timestamp, RowNumber)>,
    by_row: HashMap<RowNumber, Wait>,
    /// How many of the waiting recipients have never been refused individually.
    untried: usize,
    /// When the last of the waiting recipients is given up.
    until: Option<Timestamp>,
}

#[derive(Clone, Copy, Debug)]
struct Wait {
    first: usize,
    at: Timestamp,
    is_tried: bool,
}

impl WaitingRetries {
    /// Updates the wait of a row from its result.
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

    /// Records that a row no longer waits: it is under way again, or has an outcome.
    pub(super) fn left(&mut self, row: RowNumber) {
        if let Some(wait) = self.by_row.remove(&row) {
            self.due.remove(&(wait.first, wait.at, row));
            self.untried -= usize::from(!wait.is_tried);
        }
        if self.by_row.is_empty() {
            self.until = None;
        }
    }

    /// How many recipients wait.
    pub(super) fn count(&self) -> u64 {
        self.by_row.len() as u64
    }

    /// Whether exactly `count` recipients wait and each has been refused individually at least
    /// once.
    pub(super) fn are_all_tried(&self, count: u64) -> bool {
        self.count() == count && self.untried == 0
    }

    /// When the next retry is due.
    pub(super) fn next_at(&self) -> Option<Timestamp> {
        let places = self.due.first().zip(self.due.last()).map(|(first, last)| first.0..=last.0);
        places.into_iter().flatten().filter_map(|place| self.next_of(place)).min()
    }

    /// When the next retry is due among the recipients planned for this provider.
    pub(super) fn next_of(&self, first: usize) -> Option<Timestamp> {
        let mut theirs = self.due.range((first, Timestamp::MIN, 0)..(first + 1, Timestamp::MIN, 0));
        theirs.next().map(|(_, at, _)| *at)
    }

    /// Whether a retry is overdue or due within this time.
    pub(super) fn is_due_within(&self, time: Duration) -> bool {
        let by = || Timestamp::now().checked_add(time).ok();
        self.next_at().is_some_and(|at| by().is_none_or(|by| at <= by))
    }

    /// When the last waiting recipient is given up.
    pub(super) fn until(&self) -> Option<Timestamp> {
        self.until
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::outcome::Reason;
    use crate::model::verdict::Refusal;

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
        let mut later = WaitingRetries::default();
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
