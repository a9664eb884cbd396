//! What a provider asks the run, and reports to it, while it sends.

use std::time::Duration;

use super::job::{Job, Stopped};
use super::types::{BoxFuture, RowNumber, Ticket};
use crate::model::verdict::Verdict;

/// For how long a request is repeated at most while the provider says that nothing of it was taken.
pub(crate) const PATIENCE: Duration = Duration::from_secs(60);

/// What a provider asks the run and reports to it while it sends.
pub trait Wire: Send + Sync {
    /// Waits until `job` may be begun by every limit, and screens it a last time. To be asked right
    /// before the first byte of the job's transaction is written.
    fn slot<'a>(&'a self, job: &'a Job) -> BoxFuture<'a, Result<(), Stopped>>;
    /// The same where the answer can be had without waiting, so that a session may keep its pipe
    /// full; `None` where it would have to wait, and nothing has been granted.
    fn slot_now(&self, job: &Job) -> Option<Result<(), Stopped>>;
    /// How many of these jobs, from the first on, the limits let go in one request; at least one.
    fn fit(&self, jobs: &[&Job]) -> usize;
    /// Waits until all these jobs may go at one instant by every limit, the request they make
    /// included, and screens each a last time. Returns who may go. To be asked right before the
    /// first byte of their request is written.
    fn together<'a>(
        &'a self,
        jobs: &'a [&'a Job],
    ) -> BoxFuture<'a, Result<Vec<RowNumber>, Stopped>>;
    /// The same before a request goes once more: no recipient is screened, for they belong to one
    /// hand-over. Where a repeat lifts a doubt it goes although the run stops.
    fn again<'a>(
        &'a self,
        jobs: &'a [&'a Job],
        lifts_doubt: bool,
    ) -> BoxFuture<'a, Result<(), Stopped>>;
    /// The provider asks for less at a time, and for `quiet` without anything first. Called at
    /// once, where a session goes on by itself.
    fn throttled(&self, quiet: Duration);
    /// How many recipients of the run are left besides those of claims under way; what is tried out
    /// on a server has to be worth it for so many. By default none, and nothing is tried out.
    fn left(&self) -> u64 {
        0
    }
    /// Records in the trace that a coming write can complete these jobs. That write may happen once
    /// `crossed` has said so.
    fn announce(&self, jobs: &[RowNumber]) -> std::io::Result<Ticket>;
    /// Makes sure that what was announced is on record. Several that are announced before the first
    /// is asked for cost one write.
    fn crossed(&self, ticket: Ticket) -> std::io::Result<()>;
    /// Records in the trace that the next write can complete these jobs. To be called before that
    /// write.
    fn crossing(&self, jobs: &[RowNumber]) -> std::io::Result<()> {
        self.crossed(self.announce(jobs)?)
    }
    /// Records in the trace what was answered. To be called as soon as it is known; it is on record
    /// before the claim waits for anything.
    fn answered(&self, job: RowNumber, verdict: &Verdict) -> std::io::Result<()>;
    /// Records in the trace that these jobs were taken as a whole and what becomes of them is asked
    /// for by `detail`. By default nothing.
    fn pending(&self, _jobs: &[RowNumber], _detail: &str) -> std::io::Result<()> {
        Ok(())
    }
    /// For how long a request of which nothing was taken may be repeated; then the provider has
    /// failed.
    fn patience(&self) -> Duration {
        PATIENCE
    }
    /// A request waits for a time that the provider named, which is no failure however long it
    /// lasts. By default of no matter.
    fn waits_as_asked(&self) {}
    /// Whether what has not been begun is to be given back: the run stops, or the provider's
    /// breaker has opened since the claim. By default never.
    fn is_withdrawn(&self) -> bool {
        false
    }
    /// Resolves when what has not been begun is to be given back. By default never.
    fn withdrawn(&self) -> BoxFuture<'_, ()> {
        Box::pin(std::future::pending())
    }
    /// Resolves when the run stops. By default never.
    fn stopped(&self) -> BoxFuture<'_, ()> {
        Box::pin(std::future::pending())
    }
}
