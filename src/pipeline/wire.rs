//! The calls that a provider makes while it sends: it asks for permission by the limits and for the
//! last screening, and it writes the trace.

use std::collections::HashMap;
use std::io;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::{Duration, Instant};

use jiff::Timestamp;
use tokio::sync::watch;

use crate::ledger::trace::Trace;
use crate::ledger::{Ledger, LedgerResult, LedgerRow};
use crate::limit::{Pacer, together};
use crate::model::outcome::Reason;
use crate::model::verdict::{RowNumber, Verdict};
use crate::pipeline::ConfiguredProvider;
use crate::pipeline::throttle::Throttle;
use crate::pipeline::verdicts::PendingVerdicts;
use crate::provider::{BoxFuture, Job, Stopped, Ticket, Wire};
use crate::suppression::Suppressions;

/// The rate limiters of one provider: one for all recipients, one for each receiving domain that
/// has a rate, and one for requests.
#[derive(Clone)]
pub(crate) struct Pacers {
    pub(crate) all: Option<Arc<Pacer>>,
    pub(crate) domains: HashMap<String, Arc<Pacer>>,
    pub(crate) requests: Option<Arc<Pacer>>,
    /// Slows the provider down further if it asks for a lower rate.
    pub(crate) throttle: Arc<Throttle>,
}

impl Pacers {
    /// Creates the rate limiters, whose leases are shared with all runs of the workspace.
    pub(crate) fn new(ledger: &Arc<dyn Ledger>, configured: &ConfiguredProvider) -> Self {
        let pacer = |key: String, rate| Arc::new(Pacer::new(Arc::clone(ledger), key, rate));
        let rate = configured.rate.map(|rate| rate.per_second());
        Self {
            all: configured.rate.map(|rate| pacer(configured.name.clone(), rate)),
            domains: configured
                .per_domain
                .iter()
                .map(|(d, rate)| (d.clone(), pacer(format!("{}/{d}", configured.name), *rate)))
                .collect(),
            requests: configured
                .request_rate
                .map(|rate| pacer(format!("{}//requests", configured.name), rate)),
            throttle: Arc::new(Throttle::new(
                rate,
                configured.provider.capabilities().per_request,
                Instant::now(),
            )),
        }
    }

    /// Returns the unused part of the leases to the ledger.
    pub(super) async fn close(&self) {
        let all = self.all.iter().chain(self.requests.iter()).chain(self.domains.values());
        // If returning them fails, the next run waits until the leases expire.
        futures_util::future::join_all(all.map(|pacer| pacer.close())).await;
    }

    /// How many of the first `jobs` may be sent together; at least one.
    pub(super) fn fit(&self, jobs: &[&Job]) -> usize {
        let most = self
            .all
            .as_ref()
            .map_or(jobs.len(), |all| jobs.len().min(all.rate().count.get() as usize));
        let mut counts: HashMap<&str, usize> = HashMap::new();
        for (at, job) in jobs[..most].iter().enumerate().filter(|_| !self.domains.is_empty()) {
            let count = counts.entry(job.to.domain()).or_default();
            *count += 1;
            if self
                .domains
                .get(job.to.domain())
                .is_some_and(|pacer| *count > pacer.rate().count.get() as usize)
            {
                return at.max(1);
            }
        }
        most.max(1)
    }

    /// Whether no limit delays single messages now.
    fn has_no_limit(&self) -> bool {
        self.all.is_none() && self.domains.is_empty() && !self.throttle.is_active()
    }

    /// Returns the rate limiters that apply to one request with these members, each with the number
    /// of slots needed; the slowest limiter comes first.
    fn shares(&self, jobs: &[&Job]) -> Vec<(&Arc<Pacer>, u32)> {
        let mut shares: Vec<(&Arc<Pacer>, u32)> = Vec::new();
        if !self.domains.is_empty() {
            let mut counts: HashMap<&str, u32> = HashMap::new();
            jobs.iter().for_each(|job| *counts.entry(job.to.domain()).or_default() += 1);
            shares.extend(
                counts
                    .into_iter()
                    .filter_map(|(domain, count)| Some((self.domains.get(domain)?, count))),
            );
        }
        shares.extend(
            self.all.as_ref().map(|all| (all, u32::try_from(jobs.len()).unwrap_or(u32::MAX))),
        );
        shares.extend(self.requests.as_ref().map(|requests| (requests, 1)));
        shares.sort_by_key(|(pacer, count)| std::cmp::Reverse(pacer.pace(*count)));
        shares
    }

    /// Waits until all rate limiters allow a request with these members at the same time.
    pub(super) async fn together(&self, jobs: &[&Job]) -> LedgerResult<()> {
        self.throttle.wait(jobs.len()).await;
        together(&self.shares(jobs)).await
    }
}

/// When the provider's first request was written. Its answer will show whether the provider accepts
/// anything. The claims and the loop share this value.
#[derive(Clone, Debug, Default)]
pub(crate) struct FirstRequest {
    since: Arc<Mutex<Option<Instant>>>,
    is_answered: Arc<AtomicBool>,
}

impl FirstRequest {
    fn since(&self) -> std::sync::MutexGuard<'_, Option<Instant>> {
        // The value is a single instant, so a panic in another thread cannot leave it half written.
        self.since.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn begins(&self) {
        let mut since = self.since();
        if !self.is_answered.load(Ordering::Acquire) {
            since.get_or_insert_with(Instant::now);
        }
    }

    /// Records that the provider accepted a recipient, before the claim returns.
    fn was_taken(&self) {
        self.is_answered.store(true, Ordering::Release);
        self.is_over();
    }

    /// Records that the request has ended, or is interrupted by a wait that the provider asked for.
    pub(crate) fn is_over(&self) {
        *self.since() = None;
    }

    /// How long the first request has taken so far.
    pub(crate) fn lasts(&self, now: Instant) -> Duration {
        self.since().map_or(Duration::ZERO, |since| now.saturating_duration_since(since))
    }
}

/// Resolves when a claim must give back the members that have not started: the run stops, or the
/// breaker has opened since the claim was made. A dropped sender also counts as a stop.
pub(crate) async fn withdrawn(stop: &watch::Receiver<bool>, opened: &watch::Receiver<()>) {
    let (mut stop, mut opened) = (stop.clone(), opened.clone());
    tokio::select! {
        _ = stop.wait_for(|stopped| *stopped) => {}
        _ = opened.changed() => {}
    }
}

/// After its first temporary refusal, a claim of single messages continues only for this time. The
/// loop cannot schedule the retry until the claim has returned.
pub(crate) const AFTER_PUT_OFF: Duration = Duration::from_millis(1500);

/// Ends a claim early after a temporary refusal. Members that have not started in time are given
/// back.
#[derive(Debug, Default)]
pub(crate) struct Cut {
    ends_at: OnceLock<Instant>,
    /// The last member that was allowed to start. Its envelope may have been written, so it is
    /// always allowed again.
    last: AtomicU64,
}

impl Cut {
    fn put_off(&self, now: Instant) {
        self.ends_at.get_or_init(|| now + AFTER_PUT_OFF);
    }

    /// Whether this member may still start.
    fn lets_go(&self, job: RowNumber) -> bool {
        let is_over = self.ends_at.get().is_some_and(|at| *at <= Instant::now());
        if is_over {
            return self.last.load(Ordering::Relaxed) == job;
        }
        self.last.store(job, Ordering::Relaxed);
        true
    }
}

/// The wire of one claim.
pub(crate) struct ClaimWire {
    pub(crate) batch: i64,
    pub(crate) pacers: Pacers,
    pub(crate) suppressions: Arc<Suppressions>,
    pub(crate) trace: Arc<Trace>,
    pub(crate) verdicts: Arc<PendingVerdicts>,
    /// Set to true when no more members may start.
    pub(crate) stop: watch::Receiver<bool>,
    /// Changes when the provider's breaker opens. Members that have not started are then given
    /// back.
    pub(crate) opened: watch::Receiver<()>,
    /// How long a request is repeated while the provider accepts none of it.
    pub(crate) patience: Duration,
    /// The record of the provider's first request; `None` once the provider has accepted a
    /// recipient.
    pub(crate) first_request: Option<FirstRequest>,
    /// Members that were suppressed between claim and submission.
    pub(crate) screened: Mutex<Vec<(RowNumber, Reason, String)>>,
    /// The latest time for another attempt, for each member that was attempted before.
    pub(crate) deadlines: HashMap<RowNumber, Timestamp>,
    /// The last member that was allowed to start, in a claim with deadlines.
    pub(crate) last_in_time: AtomicU64,
    /// Members whose deadline passed before they were started.
    pub(crate) expired: Mutex<Vec<RowNumber>>,
    /// When each member that was not accepted was answered. The wait before a retry starts at this
    /// time, even if the claim takes longer.
    pub(crate) put_off: Mutex<HashMap<RowNumber, Timestamp>>,
    pub(crate) cut: Cut,
    /// How many recipients of the run were left when the claim was made, in addition to those under
    /// way.
    pub(crate) left: u64,
    /// The original addresses, which are screened even if mail is redirected.
    pub(crate) recipients: HashMap<RowNumber, crate::model::address::Address>,
    /// The members' rows in the ledger.
    pub(crate) rows: Arc<Vec<LedgerRow>>,
    /// The index in `rows` of the member whose answer is expected next.
    pub(crate) next_row: AtomicUsize,
}

impl ClaimWire {
    /// Checks that the member may still start: its retry period has not ended, and it has not been
    /// suppressed.
    fn screen(&self, job: &Job) -> Result<(), Stopped> {
        if !self.deadlines.is_empty() {
            // The envelope of the last allowed member may have been written, so the member may
            // continue after its deadline.
            let is_late =
                self.deadlines.get(&job.id).is_some_and(|until| *until < Timestamp::now());
            if is_late && self.last_in_time.load(Ordering::Relaxed) != job.id {
                self.expired.lock().unwrap_or_else(PoisonError::into_inner).push(job.id);
                return Err(Stopped::Member);
            }
            self.last_in_time.store(job.id, Ordering::Relaxed);
        }
        let address = self.recipients.get(&job.id).unwrap_or(&job.to);
        match self.suppressions.screen(address) {
            None => Ok(()),
            Some(hit) => {
                self.screened
                    .lock()
                    .unwrap_or_else(PoisonError::into_inner)
                    .push((job.id, hit.reason, hit.detail));
                Err(Stopped::Member)
            }
        }
    }

    /// Returns the row of a member. Replies arrive roughly in the order of the members, so the
    /// search starts after the last match.
    fn row_of(&self, job: RowNumber) -> Option<&LedgerRow> {
        let expected = self.next_row.load(Ordering::Relaxed).min(self.rows.len());
        let (before, from) = self.rows.split_at(expected);
        let found = from.iter().chain(before).enumerate().find(|(_, row)| row.row == job);
        found.map(|(offset, row)| {
            self.next_row.store((expected + offset + 1) % self.rows.len(), Ordering::Relaxed);
            row
        })
    }

    /// Whether no further member of this claim may start.
    fn is_stopped(&self) -> bool {
        self.verdicts.is_quiet() || *self.stop.borrow()
    }

    async fn granted(&self, job: &Job) -> LedgerResult<()> {
        self.pacers.throttle.wait(1).await;
        match (self.pacers.domains.get(job.to.domain()), &self.pacers.all) {
            (Some(domain), Some(all)) => domain.slot_of_both(all).await,
            (Some(pacer), None) | (None, Some(pacer)) => pacer.slot().await,
            (None, None) => Ok(()),
        }
    }

    /// Waits for the limits, unless the claim is withdrawn first.
    async fn unless_stopped(
        &self,
        granted: impl Future<Output = LedgerResult<()>>,
    ) -> Result<(), Stopped> {
        tokio::select! {
            biased;
            () = withdrawn(&self.stop, &self.opened) => Err(Stopped::Run),
            // If the ledger fails, the claim stops. The loop gets the same error and reports it.
            granted = granted => granted.map_err(|_| Stopped::Run),
        }
    }
}

impl Wire for ClaimWire {
    fn slot<'a>(&'a self, job: &'a Job) -> BoxFuture<'a, Result<(), Stopped>> {
        Box::pin(async move {
            if self.is_withdrawn() || !self.cut.lets_go(job.id) {
                return Err(Stopped::Run);
            }
            self.screen(job)?;
            if self.pacers.has_no_limit() {
                return Ok(());
            }
            self.unless_stopped(self.granted(job)).await?;
            // The recipient may have been suppressed during the wait.
            self.screen(job)
        })
    }

    fn slot_now(&self, job: &Job) -> Option<Result<(), Stopped>> {
        if !self.pacers.has_no_limit() {
            return None;
        }
        Some(if self.is_withdrawn() || !self.cut.lets_go(job.id) {
            Err(Stopped::Run)
        } else {
            self.screen(job)
        })
    }

    fn fit(&self, jobs: &[&Job]) -> usize {
        self.pacers.fit(jobs)
    }

    fn together<'a>(
        &'a self,
        jobs: &'a [&'a Job],
    ) -> BoxFuture<'a, Result<Vec<RowNumber>, Stopped>> {
        Box::pin(async move {
            let going: Vec<&Job> =
                jobs.iter().copied().filter(|job| self.screen(job).is_ok()).collect();
            if self.is_withdrawn() {
                return Err(Stopped::Run);
            }
            if !going.is_empty() {
                self.unless_stopped(self.pacers.together(&going)).await?;
            }
            // The recipient may have been suppressed during the wait.
            Ok(going.into_iter().filter(|job| self.screen(job).is_ok()).map(|job| job.id).collect())
        })
    }

    fn again<'a>(
        &'a self,
        jobs: &'a [&'a Job],
        lifts_doubt: bool,
    ) -> BoxFuture<'a, Result<(), Stopped>> {
        Box::pin(async move {
            if lifts_doubt {
                return self.pacers.together(jobs).await.map_err(|_| Stopped::Run);
            }
            self.unless_stopped(self.pacers.together(jobs)).await
        })
    }

    fn throttled(&self, quiet: Duration) {
        self.pacers.throttle.slow_down(quiet, Instant::now());
    }

    fn left(&self) -> u64 {
        self.left
    }

    fn announce(&self, jobs: &[RowNumber]) -> io::Result<Ticket> {
        if let Some(first) = &self.first_request {
            first.begins();
        }
        self.trace.announce(self.batch, jobs)
    }

    fn crossed(&self, ticket: Ticket) -> io::Result<()> {
        self.trace.crossed(ticket)
    }

    fn answered(&self, job: RowNumber, verdict: &Verdict) -> io::Result<()> {
        if let Some(first) =
            self.first_request.as_ref().filter(|_| matches!(verdict, Verdict::Accepted { .. }))
        {
            first.was_taken();
        }
        if let Verdict::NotTaken { counts, .. } = verdict {
            if *counts {
                self.cut.put_off(Instant::now());
            }
            self.put_off
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
                .insert(job, Timestamp::now());
        }
        self.verdicts.answered(self.batch, self.row_of(job), verdict);
        self.trace.answered(self.batch, job, verdict)
    }

    fn pending(&self, jobs: &[RowNumber], detail: &str) -> io::Result<()> {
        self.trace.pending(self.batch, jobs, detail)
    }

    fn patience(&self) -> Duration {
        self.patience
    }

    fn waits_as_asked(&self) {
        if let Some(first) = &self.first_request {
            first.is_over();
        }
    }

    fn is_withdrawn(&self) -> bool {
        self.is_stopped() || self.opened.has_changed().unwrap_or(true)
    }

    fn withdrawn(&self) -> BoxFuture<'_, ()> {
        Box::pin(withdrawn(&self.stop, &self.opened))
    }

    fn stopped(&self) -> BoxFuture<'_, ()> {
        let mut stop = self.stop.clone();
        Box::pin(async move {
            // A dropped sender also counts as a stop.
            let _ = stop.wait_for(|stopped| *stopped).await;
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_claim_ends_a_while_after_a_member_was_put_off() {
        let cut = Cut::default();
        assert!(cut.lets_go(1));
        let now = Instant::now();
        cut.put_off(now);
        assert!(cut.lets_go(2), "the others have a while");
        let cut = Cut { last: AtomicU64::new(2), ..Cut::default() };
        cut.put_off(now.checked_sub(AFTER_PUT_OFF).expect("the clock runs for so long"));
        cut.put_off(now);
        assert!(cut.lets_go(2), "its envelope may be with the server");
        assert!(!cut.lets_go(3) && !cut.lets_go(4), "the first that is put off counts");
        assert!(cut.lets_go(2), "who is not let go changes nothing");
    }
}
