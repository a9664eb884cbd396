//! Selects the rows of the next chunk: first retries that are due, then the queues of the receiving
//! domains in turn.

use std::time::{Duration, Instant};

use jiff::Timestamp;

use super::Admission;
use crate::ledger::{Ask, LedgerRow, fitting};
use crate::model::error::Result;
use crate::model::verdict::RowNumber;
use crate::pipeline::engine::shared::Shared;
use crate::pipeline::retry;

/// How many chunks' worth of rows are read from the plan at once.
const READ_AHEAD: usize = 8;
/// The ledger may not show due retries until their settlement is committed. After this time the
/// ledger is asked again.
const AGAIN: Duration = Duration::from_millis(20);

/// The last row in plan order, ignoring retries: a retry may come from anywhere in the plan and
/// does not move the cursor.
fn last_in_order(rows: &[LedgerRow]) -> Option<RowNumber> {
    rows.iter().filter(|row| !row.is_retry).map(|row| row.row).max()
}

impl Admission {
    /// Picks the recipient of the first attempt after a start with a stored brake. The pick is
    /// random, so that the order of the list does not affect the result. Recipients whose refusals
    /// caused the brake are excluded.
    pub(super) async fn probe_row(
        &mut self,
        shared: &mut Shared,
        first: usize,
    ) -> Result<Option<LedgerRow>> {
        let rows = shared.counts.standing.tally.total();
        let ask = Ask {
            cohort: shared.counts.cohort(),
            after: (rows as f64 * retry::draw()) as RowNumber,
            not_domains: shared.providers[first].queues.domains(),
            through: shared.providers[first].recipients.clone(),
            limit: READ_AHEAD + self.under_way.len(),
            ..Ask::default()
        };
        let mut rows = shared.parts.ledger.next(&shared.parts.run.id, ask).await?;
        rows.retain(|row| {
            !self.under_way.contains(&row.row) && !shared.holds.covers_domain(&row.domain)
        });
        let verdicts = &shared.providers[first].verdicts;
        Ok(rows.into_iter().find(|row| !verdicts.is_absolved(row.row)))
    }

    /// Returns up to `most` recipients of this provider whose retries are due, from all queues
    /// without a rate, except for the domains in `not`. Returns none for a batch provider, because
    /// its retries share chunks with first attempts.
    pub(super) async fn next_due_rows(
        &mut self,
        shared: &mut Shared,
        first: usize,
        most: usize,
        now: Instant,
        not: &[String],
    ) -> Result<Vec<LedgerRow>> {
        let provider = &shared.providers[first];
        let is_due = shared.retries.waiting.next_of(first).is_some_and(|at| at <= Timestamp::now());
        if !is_due
            || provider.trust.takes_batches()
            || provider.ask_due_at.is_some_and(|at| at > now)
        {
            return Ok(Vec::new());
        }
        let ask = Ask {
            cohort: shared.counts.cohort(),
            not_domains: shared.providers[first]
                .queues
                .paced_domains()
                .into_iter()
                .chain(not.iter().cloned())
                .collect(),
            through: shared.providers[first].recipients.clone(),
            limit: most + self.under_way.len(),
            only_due: true,
            ..Ask::default()
        };
        let mut rows = shared.parts.ledger.next(&shared.parts.run.id, ask).await?;
        rows.retain(|row| {
            !self.under_way.contains(&row.row) && !shared.holds.covers_domain(&row.domain)
        });
        rows.truncate(most.min(fitting(&rows)));
        if not.is_empty() {
            shared.providers[first].ask_due_at = rows.is_empty().then(|| now + AGAIN);
        }
        Ok(rows)
    }

    pub(super) async fn next_rows(
        &mut self,
        shared: &mut Shared,
        first: usize,
        most: usize,
    ) -> Result<Option<(usize, Vec<LedgerRow>)>> {
        let (recipients, cohort) =
            (shared.providers[first].recipients.clone(), shared.counts.cohort());
        let queues = &mut shared.providers[first].queues;
        let domains = queues.domains();
        for index in queues.ready(Instant::now()) {
            let now = Instant::now();
            let limit = queues.chunk(index, most);
            // The rows read ahead are too few for a full batch: read them again together with the
            // rows that follow.
            let mut ready = queues.take_ahead(index, limit, now);
            if ready.len() == limit {
                let rest = ready.split_off(fitting(&ready).min(limit));
                queues.put_back(index, rest);
                queues.advanced(index, last_in_order(&ready).unwrap_or(0), ready.len(), now);
                return Ok(Some((index, ready)));
            }
            let queue = queues.queue(index);
            let ask = Ask {
                cohort,
                after: queue.cursor,
                only_due: queue.is_held(now),
                only_domain: queue.domain.clone(),
                not_domains: if queue.domain.is_none() { domains.clone() } else { Vec::new() },
                through: recipients.clone(),
                limit: READ_AHEAD * limit + self.under_way.len().min(limit),
                now: Some(self.due_by.take().unwrap_or_else(Timestamp::now)),
            };
            let cursor = queue.cursor;
            let mut rows = shared.parts.ledger.next(&shared.parts.run.id, ask).await?;
            let found = rows.len();
            rows.retain(|row| {
                !self.under_way.contains(&row.row) && !shared.holds.covers_domain(&row.domain)
            });
            let more = rows.split_off(limit.min(rows.len()).min(fitting(&rows)));
            queues.keep_ahead(index, more, now);
            if rows.is_empty() {
                if found == 0 {
                    queues.exhausted(index);
                }
                continue;
            }
            queues.advanced(index, last_in_order(&rows).unwrap_or(cursor), rows.len(), now);
            return Ok(Some((index, rows)));
        }
        Ok(None)
    }

    pub(super) async fn next_due(
        &mut self,
        shared: &mut Shared,
        first: usize,
        now: Instant,
    ) -> Result<Option<Instant>> {
        let recipients = shared.providers[first].recipients.clone();
        let due = shared
            .parts
            .ledger
            .next_retry_at(&shared.parts.run.id, shared.counts.cohort(), recipients)
            .await?;
        let longest = shared
            .parts
            .configured
            .iter()
            .map(|configured| configured.retry.max)
            .max()
            .unwrap_or_default();
        let queues = &mut shared.providers[first].queues;
        let due = due.map(|at| {
            let mut wait =
                Duration::try_from(at.duration_since(Timestamp::now())).unwrap_or(Duration::ZERO);
            // No retry is scheduled this far ahead, so the clock was set back. Every retry is due
            // within `longest` of this time.
            if wait > longest + Duration::from_secs(1) {
                self.due_by = at.checked_add(longest).ok();
                wait = Duration::ZERO;
            }
            if wait.is_zero() {
                queues.wake();
            }
            now + wait
        });
        Ok([due, queues.opens_at(now)].into_iter().flatten().min())
    }
}
