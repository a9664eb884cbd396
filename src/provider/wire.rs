//! Defines the interface between the run and a provider that is sending.

use std::time::Duration;

use super::job::{Job, Stopped};
use super::types::{BoxFuture, RowNumber, Ticket};
use crate::model::verdict::Verdict;

/// The default time for which a provider repeats a request while the replies say that no message
/// was accepted.
pub(crate) const PATIENCE: Duration = Duration::from_secs(60);

/// The interface of the run to a provider that is sending: limits, a last check for suppression,
/// and the trace.
pub trait Wire: Send + Sync {
    /// Waits until every limit allows `job`, then checks a last time whether its recipient is
    /// suppressed. Call it right before the first byte of the job's transaction is written.
    fn slot<'a>(&'a self, job: &'a Job) -> BoxFuture<'a, Result<(), Stopped>>;
    /// Like [`Wire::slot`], but never waits. If it would have to wait, it returns `None` and grants
    /// nothing. A session uses it to start the next message early.
    fn slot_now(&self, job: &Job) -> Option<Result<(), Stopped>>;
    /// Returns how many of these jobs, counted from the first, the limits allow in one request; at
    /// least one.
    fn fit(&self, jobs: &[&Job]) -> usize;
    /// Waits until every limit allows all these jobs and their request at the same moment, then
    /// checks a last time which recipients are suppressed. Returns the jobs that may be sent. Call
    /// it right before the first byte of their request is written.
    fn together<'a>(
        &'a self,
        jobs: &'a [&'a Job],
    ) -> BoxFuture<'a, Result<Vec<RowNumber>, Stopped>>;
    /// Like [`Wire::together`], for a repeat of the same request. It does not check for
    /// suppression, because the repeat belongs to the same submission. If the repeat can resolve an
    /// unknown outcome (`lifts_doubt`), it is allowed even while the run stops.
    fn again<'a>(
        &'a self,
        jobs: &'a [&'a Job],
        lifts_doubt: bool,
    ) -> BoxFuture<'a, Result<(), Stopped>>;
    /// Reports that the provider asks for a lower rate, and for a pause of `quiet` before the next
    /// request. A session that continues sending calls it at once.
    fn throttled(&self, quiet: Duration);
    /// Returns how many recipients of the run remain in addition to those in the current claims. A
    /// session tests a server's behaviour only if enough recipients remain to benefit. The default
    /// is 0, which disables these tests.
    fn left(&self) -> u64 {
        0
    }
    /// Records in the trace that a coming write can complete these jobs. The caller must not write
    /// before [`Wire::crossed`] has succeeded for the returned ticket.
    fn announce(&self, jobs: &[RowNumber]) -> std::io::Result<Ticket>;
    /// Waits until the announcement with this ticket is in the trace. Announcements made before the
    /// first call share one write.
    fn crossed(&self, ticket: Ticket) -> std::io::Result<()>;
    /// Records in the trace that the next write can complete these jobs. Call it before that write.
    fn crossing(&self, jobs: &[RowNumber]) -> std::io::Result<()> {
        self.crossed(self.announce(jobs)?)
    }
    /// Records the provider's reply in the trace. Call it as soon as the reply is known. The record
    /// is written before the claim waits for anything else.
    fn answered(&self, job: RowNumber, verdict: &Verdict) -> std::io::Result<()>;
    /// Records in the trace that the provider accepted these jobs as one batch, whose results are
    /// requested later. `detail` identifies the batch. The default does nothing.
    fn pending(&self, _jobs: &[RowNumber], _detail: &str) -> std::io::Result<()> {
        Ok(())
    }
    /// Returns how long a request may be repeated while no message in it was accepted. After that
    /// time the provider counts as failed.
    fn patience(&self) -> Duration {
        PATIENCE
    }
    /// Reports that a request waits for a time that the provider named. This wait does not count as
    /// a failure, however long it lasts. The default ignores the report.
    fn waits_as_asked(&self) {}
    /// Returns whether to give back the jobs that have not started, because the run stops, or the
    /// provider's circuit breaker has opened since the claim. The default is never.
    fn is_withdrawn(&self) -> bool {
        false
    }
    /// Resolves when the jobs that have not started must be given back. The default is never.
    fn withdrawn(&self) -> BoxFuture<'_, ()> {
        Box::pin(std::future::pending())
    }
    /// Resolves when the run stops. The default is never.
    fn stopped(&self) -> BoxFuture<'_, ()> {
        Box::pin(std::future::pending())
    }
}
