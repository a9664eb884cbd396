//! The ledger in one SQLite file: `ledger.db` in the workspace's state directory, in WAL mode with `synchronous = FULL`.
//!
//! A request is answered after its commit has reached the disk. Several processes may share the file; each has one thread that writes and
//! two that read, one for the questions that the pipeline asks while it sends and one for everything that may take longer.

mod aliases;
mod blame;
mod canary;
mod caps;
mod carry;
mod claim;
mod copy;
mod events;
mod evidence;
mod facts;
mod failures;
mod fault;
mod foreign;
mod former;
mod known;
mod lease;
mod names;
mod opening;
mod patience;
mod pauses;
mod place;
mod plan;
mod ramp;
mod read;
mod reconcile;
mod recover;
mod schema;
mod sketches;
mod threads;
mod trend;
mod used_tokens;
mod why;
pub(crate) mod words;
mod workspace;

use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use futures_util::future::try_join;
use jiff::Timestamp;
use rusqlite::Connection;

use self::claim::Origin;
use self::place::Place;
use self::plan::Sealed;
use self::read::Halves;
use self::threads::Worker;
use super::{
    Ask, BatchRecord, CanaryEvidence, Claimed, Decision, Draft, EventQuery, ExitReason, Fact, Failures, FailuresQuery, Gate, Hold, KeptEvent, Leased,
    Ledger, LedgerResult, LedgerRow, LedgerSuppression, NewPause, Overlap, OverlapQuery, Pause, PauseScope, Person, PlannedRow, Proof, Reconciled,
    Recovered, Refusals, Run, RunHead, RunId, RunState, Seal, Seen, Settled, Spent, Standing, Through, Trend, UnderWay, Unfiled, UsedToken, Wish,
};
use crate::events::{Believe, Event};
use crate::literal::Rate;
use crate::outcome::{Cohort, Outcome, Reason};
use crate::pause::{Fared, Watched};
use crate::provider::{BoxFuture, Feedback, JobId};

/// The ledger of a workspace.
pub struct SqliteLedger {
    writer: Worker,
    quick: Worker,
    long: Worker,
    trace_dir: PathBuf,
    origin: Mutex<Origin>,
    place: Arc<Place>,
    path: Arc<str>,
    /// Set where no other process is waited for any more.
    is_hurried: Arc<AtomicBool>,
    is_copy: bool,
}

impl SqliteLedger {
    /// Whether this is a copy that was made to read the ledger.
    pub fn is_copy(&self) -> bool {
        self.is_copy
    }

    /// Names the trace of this execution; it is recorded with every batch that is claimed from now on. Without it a crash makes every
    /// open claim `unknown`.
    pub fn set_trace(&self, name: impl Into<String>) {
        self.origin.lock().unwrap_or_else(PoisonError::into_inner).trace = Some(name.into());
    }

    fn origin(&self) -> Origin {
        self.origin.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn write<T: Send + 'static>(&self, work: impl Fn(&Connection) -> fault::Result<T> + Send + 'static) -> BoxFuture<'_, LedgerResult<T>> {
        Box::pin(self.writer.ask(work))
    }

    /// The same for what begins something: it errs with `LedgerError::Lost` where the ledger's files are no longer in their place. What has
    /// begun is settled all the same, so that the process can account for it.
    fn begins<T: Send + 'static>(&self, work: impl Fn(&Connection) -> fault::Result<T> + Send + 'static) -> BoxFuture<'_, LedgerResult<T>> {
        let place = Arc::clone(&self.place);
        self.write(move |conn| place.check().and_then(|()| work(conn)))
    }

    fn quick<T: Send + 'static>(&self, work: impl Fn(&Connection) -> fault::Result<T> + Send + 'static) -> BoxFuture<'_, LedgerResult<T>> {
        Box::pin(self.quick.ask(work))
    }

    fn long<T: Send + 'static>(&self, work: impl Fn(&Connection) -> fault::Result<T> + Send + 'static) -> BoxFuture<'_, LedgerResult<T>> {
        Box::pin(self.long.ask(work))
    }

    /// Deletes the traces of a run none of whose claims is open.
    fn sweep(&self, run: &str) {
        recover::sweep(&self.trace_dir, run, self.origin().trace.as_deref());
    }
}

impl Ledger for SqliteLedger {
    fn begin(&self, head: RunHead) -> BoxFuture<'_, LedgerResult<RunId>> {
        self.begins(move |conn| plan::begin(conn, &head, Timestamp::now()))
    }

    fn plan(&self, run: &str, rows: Vec<PlannedRow>) -> BoxFuture<'_, LedgerResult<()>> {
        let run = run.to_owned();
        // A run counts from its seal on.
        Box::pin(self.writer.ask_early(move |conn| plan::plan(conn, &run, &rows)))
    }

    fn seal(&self, run: &str, seal: Seal) -> BoxFuture<'_, LedgerResult<Option<Overlap>>> {
        let (run, origin, trace_dir, place) = (run.to_owned(), self.origin(), self.trace_dir.clone(), Arc::clone(&self.place));
        Box::pin(async move {
            let seal = move |conn: &Connection| {
                place.check()?;
                plan::seal(conn, &origin.boot, &trace_dir, &run, &seal, Timestamp::now())
            };
            match self.writer.ask(seal).await? {
                Sealed::Open { closed } => closed.iter().for_each(|old| self.sweep(old)),
                Sealed::Overlaps(found) => return Ok(Some(found)),
            }
            Ok(None)
        })
    }

    fn discard(&self, run: &str) -> BoxFuture<'_, LedgerResult<()>> {
        let run = run.to_owned();
        self.write(move |conn| plan::discard(conn, &run))
    }

    fn next(&self, run: &str, ask: Ask) -> BoxFuture<'_, LedgerResult<Vec<LedgerRow>>> {
        let run = run.to_owned();
        self.quick(move |conn| read::next(conn, &run, &ask, Timestamp::now()))
    }

    fn next_retry_at(&self, run: &str, cohort: Option<Cohort>, through: Through) -> BoxFuture<'_, LedgerResult<Option<Timestamp>>> {
        let run = run.to_owned();
        self.quick(move |conn| read::next_retry_at(conn, &run, cohort, &through))
    }

    fn claim(&self, draft: Draft) -> BoxFuture<'_, LedgerResult<Claimed>> {
        let (origin, place, path) = (self.origin(), Arc::clone(&self.place), Arc::clone(&self.path));
        self.write(move |conn| match place.lost() {
            Some(what) => {
                known::note_loss(conn, place.directory(), &draft.run)?;
                Ok(Claimed::Lost { path: path.to_string(), what })
            }
            None => claim::claim(conn, &origin, &draft, Timestamp::now()),
        })
    }

    fn settle(&self, run: &str, batch: i64, items: Vec<(JobId, Settled)>, feedback: Vec<(JobId, Feedback)>) -> BoxFuture<'_, LedgerResult<()>> {
        let run = run.to_owned();
        self.write(move |conn| claim::settle(conn, &run, batch, &items, &feedback, Timestamp::now()))
    }

    fn recover(&self, run: &str) -> BoxFuture<'_, LedgerResult<Recovered>> {
        let (run, origin, trace_dir) = (run.to_owned(), self.origin(), self.trace_dir.clone());
        Box::pin(async move {
            let name = run.clone();
            let recovered = self.writer.ask(move |conn| recover::recover(conn, &origin.boot, &trace_dir, &name, Timestamp::now())).await?;
            self.sweep(&run);
            Ok(recovered)
        })
    }

    fn unlearned(&self, run: &str) -> BoxFuture<'_, LedgerResult<Vec<LedgerSuppression>>> {
        let (run, origin, trace_dir) = (run.to_owned(), self.origin(), self.trace_dir.clone());
        self.write(move |conn| recover::unlearned(conn, &origin.boot, &trace_dir, &run, Timestamp::now()))
    }

    fn lease(&self, key: &str, rate: Rate, wish: Wish) -> BoxFuture<'_, LedgerResult<Leased>> {
        let key = key.to_owned();
        self.write(move |conn| lease::lease(conn, &key, rate, &wish, Timestamp::now()))
    }

    fn take_back(&self, key: &str, spent: Vec<Spent>) -> BoxFuture<'_, LedgerResult<()>> {
        let key = key.to_owned();
        self.write(move |conn| lease::take_back(conn, &key, &spent))
    }

    fn note(&self, run: &str, what: &'static str, detail: &str) -> BoxFuture<'_, LedgerResult<()>> {
        let (run, detail) = (run.to_owned(), detail.to_owned());
        self.write(move |conn| plan::note(conn, plan::seq_of(conn, &run)?, what, &detail, Timestamp::now()))
    }

    fn set_gate(&self, run: &str, gate: Gate) -> BoxFuture<'_, LedgerResult<()>> {
        let run = run.to_owned();
        let host = crate::host::name();
        self.write(move |conn| plan::set_gate(conn, &run, &gate, &host, Timestamp::now()))
    }

    fn hold_rest(&self, run: &str, reason: Reason, detail: &str) -> BoxFuture<'_, LedgerResult<u64>> {
        let (run, detail) = (run.to_owned(), detail.to_owned());
        self.write(move |conn| plan::hold(conn, plan::seq_of(conn, &run)?, reason, &detail, Timestamp::now()))
    }

    fn give_up(&self, run: &str) -> BoxFuture<'_, LedgerResult<u64>> {
        let run = run.to_owned();
        self.write(move |conn| plan::give_up(conn, plan::seq_of(conn, &run)?, Timestamp::now()))
    }

    fn kept(&self, run: &str, since: Timestamp) -> BoxFuture<'_, LedgerResult<Vec<(Reason, u64)>>> {
        let run = run.to_owned();
        self.long(move |conn| former::kept(conn, &run, since))
    }

    fn hold(&self, run: &str, hold: Hold, except: Vec<JobId>, detail: &str) -> BoxFuture<'_, LedgerResult<u64>> {
        let (run, detail) = (run.to_owned(), detail.to_owned());
        self.write(move |conn| evidence::hold(conn, &run, &hold, &except, &detail, Timestamp::now()))
    }

    fn extend_canary(&self, run: &str, more: u64, provider: Option<&str>) -> BoxFuture<'_, LedgerResult<u64>> {
        let (run, provider) = (run.to_owned(), provider.map(str::to_owned));
        self.write(move |conn| canary::extend(conn, &run, more, provider.as_deref(), Timestamp::now()))
    }

    fn reopen(&self, run: &str, outcomes: &[Outcome]) -> BoxFuture<'_, LedgerResult<u64>> {
        let (run, outcomes) = (run.to_owned(), outcomes.to_vec());
        self.write(move |conn| plan::reopen(conn, &run, &outcomes, Timestamp::now()))
    }

    fn finish(&self, run: &str, state: RunState, exit: u8, reasons: Vec<ExitReason>) -> BoxFuture<'_, LedgerResult<()>> {
        let run = run.to_owned();
        self.write(move |conn| plan::finish(conn, &run, state, exit, &reasons, Timestamp::now()))
    }

    fn remove(&self, run: &str) -> BoxFuture<'_, LedgerResult<()>> {
        let run = run.to_owned();
        Box::pin(async move {
            let name = run.clone();
            self.writer.ask(move |conn| plan::remove(conn, &name, Timestamp::now())).await?;
            self.sweep(&run);
            Ok(())
        })
    }

    fn runs(&self) -> BoxFuture<'_, LedgerResult<Vec<Run>>> {
        self.long(read::runs)
    }

    fn run(&self, run: &str) -> BoxFuture<'_, LedgerResult<Option<Run>>> {
        let run = run.to_owned();
        self.quick(move |conn| read::run(conn, &run))
    }

    fn latest_run(&self, campaign: &str, env: Option<&str>) -> BoxFuture<'_, LedgerResult<Option<Run>>> {
        let (campaign, env) = (campaign.to_owned(), env.map(str::to_owned));
        self.quick(move |conn| read::latest_run(conn, &campaign, env.as_deref()))
    }

    fn aliases(&self) -> BoxFuture<'_, LedgerResult<Vec<(String, String)>>> {
        self.quick(aliases::all)
    }

    fn add_aliases(&self, pairs: Vec<(String, String)>) -> BoxFuture<'_, LedgerResult<()>> {
        self.write(move |conn| aliases::add(conn, &pairs))
    }

    fn kin(&self, campaign: &str) -> BoxFuture<'_, LedgerResult<Vec<String>>> {
        let campaign = campaign.to_owned();
        self.quick(move |conn| aliases::kin(conn, &campaign))
    }

    fn overlap(&self, query: OverlapQuery) -> BoxFuture<'_, LedgerResult<Option<Overlap>>> {
        self.long(move |conn| sketches::overlap(conn, &query, Timestamp::now()))
    }

    fn standing(&self, run: &str) -> BoxFuture<'_, LedgerResult<Standing>> {
        let run = run.to_owned();
        Box::pin(async move {
            let Halves { front, back, feedback } = self.quick.ask(move |conn| read::halves(conn, &run)).await?;
            // Side by side. Between the two a row may change, but none goes from one half to the other: each is counted once.
            let front = self.long.ask(move |conn| read::alike(conn, &front));
            let (front, back) = try_join(front, self.quick.ask(move |conn| read::alike(conn, &back))).await?;
            read::standing(front.into_iter().chain(back), feedback).map_err(|fault| self.quick.blamed(fault))
        })
    }

    fn rows(&self, run: &str, after: JobId, limit: usize) -> BoxFuture<'_, LedgerResult<Vec<LedgerRow>>> {
        let run = run.to_owned();
        let work = move |conn: &Connection| read::rows(conn, &run, after, limit);
        // Pages that follow each other are read side by side.
        if (after / limit.max(1) as JobId).is_multiple_of(2) { self.long(work) } else { self.quick(work) }
    }

    fn why(&self, run: &str, email: &str) -> BoxFuture<'_, LedgerResult<Vec<Decision>>> {
        let (run, email) = (run.to_owned(), email.to_owned());
        self.long(move |conn| why::why(conn, &run, &email))
    }

    fn rows_of(&self, email: &str) -> BoxFuture<'_, LedgerResult<Vec<(RunId, LedgerRow)>>> {
        let email = email.to_owned();
        self.long(move |conn| failures::rows_of(conn, &email))
    }

    fn event(&self, mut event: Event, believe: Believe) -> BoxFuture<'_, LedgerResult<Seen>> {
        event.identify();
        let event = Arc::new(event);
        Box::pin(async move {
            // What events are found by is gathered when it is first needed, so many at a time that others are not kept waiting.
            loop {
                let (event, place) = (event.clone(), Arc::clone(&self.place));
                let step = self.writer.ask(move |conn| place.check().and_then(|()| events::take(conn, &event, believe, Timestamp::now()))).await?;
                if let Some(seen) = step {
                    return Ok(seen);
                }
            }
        })
    }

    fn use_token(&self, token: UsedToken) -> BoxFuture<'_, LedgerResult<bool>> {
        self.write(move |conn| used_tokens::use_up(conn, &token))
    }

    fn events(&self, query: EventQuery) -> BoxFuture<'_, LedgerResult<Vec<KeptEvent>>> {
        self.long(move |conn| events::list(conn, &query))
    }

    fn has_heard(&self, since: Timestamp) -> BoxFuture<'_, LedgerResult<bool>> {
        self.quick(move |conn| evidence::has_heard(conn, since))
    }

    fn canary_evidence(&self, run: &str) -> BoxFuture<'_, LedgerResult<CanaryEvidence>> {
        let run = run.to_owned();
        self.quick(move |conn| evidence::canary(conn, &run))
    }

    fn canary_at(&self, run: &str, domains: &'static [&'static str]) -> BoxFuture<'_, LedgerResult<Vec<(String, u64)>>> {
        let run = run.to_owned();
        self.long(move |conn| evidence::canary_at(conn, &run, domains))
    }

    fn fared(&self, run: &str, watched: Watched, since: Timestamp, least: u64) -> BoxFuture<'_, LedgerResult<Vec<Fared>>> {
        let run = run.to_owned();
        self.long(move |conn| evidence::fared(conn, &run, watched, since, least))
    }

    fn failures(&self, run: &str, query: FailuresQuery) -> BoxFuture<'_, LedgerResult<Failures>> {
        let run = run.to_owned();
        self.long(move |conn| failures::failures(conn, &run, &query))
    }

    fn trend(&self, weeks: u32) -> BoxFuture<'_, LedgerResult<Vec<Trend>>> {
        self.long(move |conn| trend::trend(conn, weeks, Timestamp::now()))
    }

    fn proofs(&self, run: &str) -> BoxFuture<'_, LedgerResult<Vec<Proof>>> {
        let run = run.to_owned();
        self.long(move |conn| reconcile::proofs(conn, &run))
    }

    fn batch(&self, run: &str, batch: i64) -> BoxFuture<'_, LedgerResult<Option<BatchRecord>>> {
        let run = run.to_owned();
        self.quick(move |conn| reconcile::batch(conn, &run, batch))
    }

    fn reconcile(&self, run: &str, verdicts: Vec<Reconciled>) -> BoxFuture<'_, LedgerResult<u64>> {
        let run = run.to_owned();
        self.write(move |conn| reconcile::reconcile(conn, &run, &verdicts, Timestamp::now()))
    }

    fn unfiled(&self, limit: usize) -> BoxFuture<'_, LedgerResult<Vec<Unfiled>>> {
        self.quick(move |conn| events::unfiled(conn, limit))
    }

    fn filed(&self, numbers: Vec<i64>, done: bool) -> BoxFuture<'_, LedgerResult<()>> {
        self.write(move |conn| events::filed(conn, &numbers, done))
    }

    fn person(&self, token: &str) -> BoxFuture<'_, LedgerResult<Option<Person>>> {
        let token: Arc<str> = token.into();
        Box::pin(async move {
            loop {
                let token = token.clone();
                if let Some(person) = self.writer.ask(move |conn| names::person(conn, &token, Timestamp::now())).await? {
                    return Ok(person);
                }
            }
        })
    }

    fn remember(&self, fact: Fact) -> BoxFuture<'_, LedgerResult<()>> {
        self.write(move |conn| facts::remember(conn, &fact))
    }

    fn remember_if(&self, fact: Fact, may: crate::ledger::FactCondition) -> BoxFuture<'_, LedgerResult<bool>> {
        self.write(move |conn| facts::remember_if(conn, &fact, &may))
    }

    fn refusals(&self, run: &str, provider: &str, has_history: bool) -> BoxFuture<'_, LedgerResult<Refusals>> {
        let (run, provider) = (run.to_owned(), provider.to_owned());
        self.write(move |conn| blame::refusals(conn, &run, &provider, has_history))
    }

    fn absolve(&self, run: &str, rows: Vec<JobId>, fact: Option<Fact>) -> BoxFuture<'_, LedgerResult<u64>> {
        let run = run.to_owned();
        self.write(move |conn| blame::absolve(conn, &run, &rows, fact.as_ref(), Timestamp::now()))
    }

    fn recall(&self, kind: &'static str) -> BoxFuture<'_, LedgerResult<Vec<Fact>>> {
        self.quick(move |conn| facts::recall(conn, kind))
    }

    fn forget(&self, kind: &'static str, subject: &str) -> BoxFuture<'_, LedgerResult<bool>> {
        let subject = subject.to_owned();
        self.write(move |conn| facts::forget(conn, kind, &subject))
    }

    fn hurry(&self) {
        self.is_hurried.store(true, Ordering::Relaxed);
    }

    fn pause(&self, pause: NewPause) -> BoxFuture<'_, LedgerResult<()>> {
        self.begins(move |conn| pauses::begin(conn, &pause, Timestamp::now()))
    }

    fn unpause(&self, scope: PauseScope, by: &str) -> BoxFuture<'_, LedgerResult<bool>> {
        let by = by.to_owned();
        self.write(move |conn| pauses::end(conn, &scope, &by, Timestamp::now()))
    }

    fn pauses(&self) -> BoxFuture<'_, LedgerResult<Vec<Pause>>> {
        self.quick(|conn| pauses::in_force(conn, Timestamp::now()))
    }

    fn latched_by(&self, run: &str) -> BoxFuture<'_, LedgerResult<Option<Pause>>> {
        let run = run.to_owned();
        self.quick(move |conn| pauses::latched_by(conn, &run))
    }

    fn under_way(&self) -> BoxFuture<'_, LedgerResult<Vec<UnderWay>>> {
        self.quick(pauses::under_way)
    }

    fn suppress(&self, entries: Vec<LedgerSuppression>) -> BoxFuture<'_, LedgerResult<u64>> {
        self.write(move |conn| workspace::suppress(conn, &entries))
    }

    fn not_kept(&self, entries: Vec<LedgerSuppression>) -> BoxFuture<'_, LedgerResult<Vec<LedgerSuppression>>> {
        self.quick(move |conn| workspace::not_kept(conn, &entries))
    }

    fn unsuppress(&self, entries: Vec<String>, by: &str) -> BoxFuture<'_, LedgerResult<u64>> {
        let by = by.to_owned();
        self.write(move |conn| workspace::unsuppress(conn, &entries, &by, Timestamp::now()))
    }

    fn suppressions(&self, after: i64, limit: usize) -> BoxFuture<'_, LedgerResult<Vec<(i64, LedgerSuppression)>>> {
        self.quick(move |conn| workspace::suppressions(conn, after, limit))
    }

    fn secret_key(&self) -> BoxFuture<'_, LedgerResult<[u8; 32]>> {
        self.write(workspace::secret_key)
    }
}

impl std::fmt::Debug for SqliteLedger {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("SqliteLedger").field("trace_dir", &self.trace_dir).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
