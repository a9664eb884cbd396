//! The interface of the ledger, independent of the database. Each group of calls serves one part of
//! the program; [`Ledger`] combines them.
//!
//! Every call is one transaction (or takes part in one group commit) and has reached the disk when
//! its future resolves. No call names a database, a file or a connection. The suite in
//! `conformance` tests every implementation against these descriptions.

use jiff::Timestamp;

use super::{
    Adopted, Ask, BatchRecord, CanaryEvidence, CarryQuery, Claimed, Decision, Draft, EventQuery,
    ExitReason, Fact, FactCondition, Failures, FailuresQuery, Gate, Hold, KeptEvent, Leased,
    LedgerResult, LedgerRow, LedgerSuppression, LostPeople, NewPause, Overlap, OverlapQuery, Pause,
    PauseScope, Person, PlannedRow, Proof, Reconciled, Recovered, Refusals, Run, RunHead, RunId,
    RunState, Seal, Seen, Settled, Spent, Standing, Through, Trend, UnderWay, Unfiled, UsedToken,
    Wish,
};
use crate::model::event::{Believe, Event};
use crate::model::literal::Rate;
use crate::model::outcome::{Cohort, Outcome, Reason};
use crate::model::pause::{FeedbackRate, Watched};
use crate::provider::{BoxFuture, Feedback, RowNumber};

/// The durable state of a workspace: planned recipients, claims and outcomes. Any number of
/// processes may have it open.
pub trait Ledger:
    PlanStore
    + ClaimStore
    + RunStore
    + ReadStore
    + FeedbackStore
    + UnknownStore
    + LossStore
    + WorkspaceStore
    + std::fmt::Debug
    + Send
    + Sync
{
    /// Names the trace of this execution. Every batch that is claimed from now on records the name.
    /// Without a trace, a crash makes every open claim `unknown`.
    fn set_trace(&self, name: &str);
    /// Stops waiting for transactions of other processes. A transaction that would have to wait
    /// fails at once from now on.
    fn hurry(&self) {}
    /// Whether this is a read-only snapshot: a temporary copy that shows the ledger as it was when
    /// the copy was opened.
    fn is_copy(&self) -> bool {
        false
    }
}

/// Creates and plans runs, and records which campaign ids belong to the same campaign.
pub trait PlanStore {
    /// Creates a run in state `Planning` and returns its id.
    fn begin(&self, head: RunHead) -> BoxFuture<'_, LedgerResult<RunId>>;
    /// Writes planned rows. Each call commits, so that other processes can write between two calls.
    fn plan(&self, run: &str, rows: Vec<PlannedRow>) -> BoxFuture<'_, LedgerResult<()>>;
    /// Ends planning and opens the run. Carries over the outcomes of earlier runs of the same
    /// campaign and environment, draws the canary, and stores the fingerprints and columns.
    ///
    /// A recipient accepted earlier, by key or address, becomes `already_accepted`, which has
    /// precedence over `suppressed`. Rejected and unknown recipients keep their outcome.
    ///
    /// If `seal.overlap` finds an overlap, the call returns it and changes nothing. If two runs are
    /// sealed at the same time, the second one finds the first.
    fn seal(&self, run: &str, seal: Seal) -> BoxFuture<'_, LedgerResult<Option<Overlap>>>;
    /// Returns the outcome that `seal` would carry over to each of these recipients, or `None` for
    /// a recipient that would keep its own. Returns `None` if the campaign has nothing to carry
    /// over. Changes nothing.
    fn foresee(
        &self,
        query: CarryQuery,
    ) -> BoxFuture<'_, LedgerResult<Option<Vec<Option<Outcome>>>>>;
    /// Deletes a run that was never sealed.
    fn discard(&self, run: &str) -> BoxFuture<'_, LedgerResult<()>>;
    /// Checks whether most of these recipients were sent the same message under another campaign.
    fn overlap(&self, query: OverlapQuery) -> BoxFuture<'_, LedgerResult<Option<Overlap>>>;
    /// Returns every campaign identity with the campaign ids that it has been used for.
    fn aliases(&self) -> BoxFuture<'_, LedgerResult<Vec<(String, String)>>>;
    /// Records pairs of identity and campaign id. Ids with the same identity count as one campaign
    /// from then on.
    fn add_aliases(&self, pairs: Vec<(String, String)>) -> BoxFuture<'_, LedgerResult<()>>;
    /// Returns all ids of the campaign with this id, starting with this id.
    fn kin(&self, campaign: &str) -> BoxFuture<'_, LedgerResult<Vec<String>>>;
}

/// The calls of the sending loop: selecting recipients, claims, leases of rates, and recovery of
/// interrupted processes.
pub trait ClaimStore {
    /// Returns the next recipients that may be claimed: retries that are due, then open rows in
    /// plan order. Of earlier attempts a row contains only their number and the time of the first.
    fn next(&self, run: &str, ask: Ask) -> BoxFuture<'_, LedgerResult<Vec<LedgerRow>>>;
    /// Returns when the run's earliest retry is due, optionally for one cohort or some providers.
    fn next_retry_at(
        &self,
        run: &str,
        cohort: Option<Cohort>,
        through: Through,
    ) -> BoxFuture<'_, LedgerResult<Option<Timestamp>>>;
    /// Claims a batch in one transaction: checks the pause, the caps and the state of each member,
    /// then stores the batch.
    fn claim(&self, draft: Draft) -> BoxFuture<'_, LedgerResult<Claimed>>;
    /// Closes a batch with the result of each member. Members without a result are void.
    fn settle(
        &self,
        run: &str,
        batch: i64,
        items: Vec<(RowNumber, Settled)>,
        feedback: Vec<(RowNumber, Feedback)>,
    ) -> BoxFuture<'_, LedgerResult<()>>;
    /// Settles the open claims of a run whose process has ended, using the traces. The caller holds
    /// the campaign's lock.
    fn recover(&self, run: &str) -> BoxFuture<'_, LedgerResult<Recovered>>;
    /// Returns the suppressions that follow from replies an ended process had received but not
    /// settled. Changes nothing. Must be called before `recover`.
    fn unlearned(&self, run: &str) -> BoxFuture<'_, LedgerResult<Vec<LedgerSuppression>>>;
    /// Leases part of a rate's window, which all runs of the workspace share, and takes back the
    /// unused part of earlier leases. `key` names the rate (`relay`, `relay/gmail.com`).
    fn lease(&self, key: &str, rate: Rate, wish: Wish) -> BoxFuture<'_, LedgerResult<Leased>>;
    /// Takes back the unused part of leases of this key that no process uses any more.
    fn take_back(&self, key: &str, spent: Vec<Spent>) -> BoxFuture<'_, LedgerResult<()>>;
}

/// Holds, reopens, pauses and ends runs.
pub trait RunStore {
    /// Records a decision about all recipients of a run without an outcome, for `why`.
    fn note(&self, run: &str, what: &'static str, detail: &str) -> BoxFuture<'_, LedgerResult<()>>;
    /// Stores the run's gate: whether the canary or a pause rule stops the run.
    fn set_gate(&self, run: &str, gate: Gate) -> BoxFuture<'_, LedgerResult<()>>;
    /// Makes every row without an outcome (open or waiting for a retry) `held` for this reason.
    /// `reopen` opens these rows again.
    fn hold_rest(
        &self,
        run: &str,
        reason: Reason,
        detail: &str,
    ) -> BoxFuture<'_, LedgerResult<u64>>;
    /// Holds some of these rows. Rows in `except` stay open, because they may be about to be
    /// claimed.
    fn hold(
        &self,
        run: &str,
        hold: Hold,
        except: Vec<RowNumber>,
        detail: &str,
    ) -> BoxFuture<'_, LedgerResult<u64>>;
    /// Makes every row `deferred` that waits for a retry because its recipient was refused or
    /// because the provider asked for a lower rate. Each row keeps the last reply. Returns the
    /// number of rows.
    fn give_up(&self, run: &str) -> BoxFuture<'_, LedgerResult<u64>>;
    /// Counts the recipients that were reopened and, since then, got their previous outcome back
    /// without an attempt. Groups them by the reason for the missing attempt.
    fn kept(&self, run: &str, since: Timestamp) -> BoxFuture<'_, LedgerResult<Vec<(Reason, u64)>>>;
    /// Moves up to `more` open recipients of the rest into the canary, spread like the first draw.
    /// Assigns them to `provider` if one is given.
    fn extend_canary(
        &self,
        run: &str,
        more: u64,
        provider: Option<&str>,
    ) -> BoxFuture<'_, LedgerResult<u64>>;
    /// Reopens the rows with one of these outcomes. Returns how many.
    fn reopen(&self, run: &str, outcomes: &[Outcome]) -> BoxFuture<'_, LedgerResult<u64>>;
    /// Returns how a provider has answered for the run's recipients so far. Reads all rows of a run
    /// that already has outcomes.
    fn refusals(
        &self,
        run: &str,
        provider: &str,
        has_history: bool,
    ) -> BoxFuture<'_, LedgerResult<Refusals>>;
    /// Undoes the effects of a provider's fault in one transaction. Reopens those of these rows
    /// that were rejected, and does not count the last attempt of rows that wait for a retry.
    /// Stores the fact about the provider. Returns how many rows were reopened.
    fn absolve(
        &self,
        run: &str,
        rows: Vec<RowNumber>,
        fact: Option<Fact>,
    ) -> BoxFuture<'_, LedgerResult<u64>>;
    /// Ends an execution. Stores the state, the exit code, and every exit code that applied with
    /// its cause.
    fn finish(
        &self,
        run: &str,
        state: RunState,
        exit: u8,
        reasons: Vec<ExitReason>,
    ) -> BoxFuture<'_, LedgerResult<()>>;
    /// Deletes a run's rows. Keeps keyed hashes of the recipients that were accepted, rejected or
    /// unknown.
    fn remove(&self, run: &str) -> BoxFuture<'_, LedgerResult<()>>;
}

/// Reads the state of runs and their recipients.
pub trait ReadStore {
    /// Returns all runs, newest first, including those still being planned. Their `head.message` is
    /// null, because a message may be large; `run` returns it.
    fn runs(&self) -> BoxFuture<'_, LedgerResult<Vec<Run>>>;
    fn run(&self, run: &str) -> BoxFuture<'_, LedgerResult<Option<Run>>>;
    /// Returns the newest run of a campaign, under any of its ids, in an environment. Ignores runs
    /// that are still being planned.
    fn latest_run(
        &self,
        campaign: &str,
        env: Option<&str>,
    ) -> BoxFuture<'_, LedgerResult<Option<Run>>>;
    fn standing(&self, run: &str) -> BoxFuture<'_, LedgerResult<Standing>>;
    /// Returns up to `limit` rows of the run after row `after`, in input order.
    fn rows(
        &self,
        run: &str,
        after: RowNumber,
        limit: usize,
    ) -> BoxFuture<'_, LedgerResult<Vec<LedgerRow>>>;
    /// Returns every decision about the rows with this address (compared in lowercase), oldest
    /// first. Empty if the run has no such row.
    fn why(&self, run: &str, email: &str) -> BoxFuture<'_, LedgerResult<Vec<Decision>>>;
    /// Returns the rows with this address in all existing runs, newest run first.
    fn rows_of(&self, email: &str) -> BoxFuture<'_, LedgerResult<Vec<(RunId, LedgerRow)>>>;
    /// Returns the events received about the canary's recipients.
    fn canary_evidence(&self, run: &str) -> BoxFuture<'_, LedgerResult<CanaryEvidence>>;
    /// Counts the canary's accepted recipients at each of these domains, largest count first. Reads
    /// all rows of the run.
    fn canary_at(
        &self,
        run: &str,
        domains: &'static [&'static str],
    ) -> BoxFuture<'_, LedgerResult<Vec<(String, u64)>>>;
    /// Counts the recipients submitted since then that bounced or complained, by provider and
    /// domain. Empty if there are fewer than `least`.
    fn feedback_rates(
        &self,
        run: &str,
        watched: Watched,
        since: Timestamp,
        least: u64,
    ) -> BoxFuture<'_, LedgerResult<Vec<FeedbackRate>>>;
    /// Returns where failures of a run occurred and which replies were most frequent.
    fn failures(&self, run: &str, query: FailuresQuery) -> BoxFuture<'_, LedgerResult<Failures>>;
    /// Counts acceptances and feedback events of the last `weeks` weeks, including the current one,
    /// by week, provider and receiving domain.
    fn trend(&self, weeks: u32) -> BoxFuture<'_, LedgerResult<Vec<Trend>>>;
    /// Counts claimed recipients that are not settled, by run and provider.
    fn under_way(&self) -> BoxFuture<'_, LedgerResult<Vec<UnderWay>>>;
    /// Returns what latched the gate of this run, when and on which host. `None` if the gate is not
    /// latched, or if an earlier version latched it.
    fn latched_by(&self, run: &str) -> BoxFuture<'_, LedgerResult<Option<Pause>>>;
}

/// Stores events received after submission (bounces, complaints, deliveries) and the suppressions
/// that follow from them.
pub trait FeedbackStore {
    /// Stores an event once, with the suppression that follows from it, and adds its type to the
    /// recipient's `feedback`.
    fn event(&self, event: Event, believe: Believe) -> BoxFuture<'_, LedgerResult<Seen>>;
    /// Marks a one-time webhook token as used. Returns true if the token is new, or if it came
    /// before with the same body, as it does when the sender missed the first answer. If several
    /// processes use one token at once, only the first succeeds.
    fn use_token(&self, token: UsedToken) -> BoxFuture<'_, LedgerResult<bool>>;
    /// Returns events, ordered by number.
    fn events(&self, query: EventQuery) -> BoxFuture<'_, LedgerResult<Vec<KeptEvent>>>;
    /// Whether an event was received since then by mail, from an event log or from an export.
    /// Ignores events that came with a reply or by webhook.
    fn has_feedback(&self, since: Timestamp) -> BoxFuture<'_, LedgerResult<bool>>;
    /// Returns suppressions learned from events that are not in the suppression file yet, oldest
    /// first.
    fn unfiled(&self, limit: usize) -> BoxFuture<'_, LedgerResult<Vec<Unfiled>>>;
    /// Records that these suppressions are about to be written to the file (`done` false), or that
    /// the file contains them.
    fn filed(&self, numbers: Vec<i64>, done: bool) -> BoxFuture<'_, LedgerResult<()>>;
    /// Returns the recipient that a token (`message::token_of`) names. Works for 400 days after the
    /// recipient's run was removed.
    fn person(&self, token: &str) -> BoxFuture<'_, LedgerResult<Option<Person>>>;
}

/// Resolves recipients whose outcome is unknown.
pub trait UnknownStore {
    /// Returns events that prove that unknown recipients were accepted, one for each recipient.
    fn proofs(&self, run: &str) -> BoxFuture<'_, LedgerResult<Vec<Proof>>>;
    /// Returns a batch of a run; `None` if the run has no batch with this number.
    fn batch(&self, run: &str, batch: i64) -> BoxFuture<'_, LedgerResult<Option<BatchRecord>>>;
    /// Settles `unknown` recipients, each with its evidence, in this run and in every run of the
    /// campaign that carried the unknown outcome over. Returns how many recipients of this run were
    /// settled.
    fn reconcile(&self, run: &str, verdicts: Vec<Reconciled>) -> BoxFuture<'_, LedgerResult<u64>>;
}

/// Detects lost runs by their names, and imports their results from the files that remain.
pub trait LossStore {
    /// Returns the number of the last batch that was ever created.
    fn batches(&self) -> BoxFuture<'_, LedgerResult<i64>>;
    /// Reserves the next batch number at the end of an execution and returns it. No older copy of
    /// the ledger contains this number.
    fn close_batches(&self) -> BoxFuture<'_, LedgerResult<i64>>;
    /// Removes a run for which the ledger holds an outdated state, and keeps its reached
    /// recipients. The run's files still count as a sign of a loss until `adopted` records the run.
    /// If the import fails half-way, the next attempt therefore reads them again.
    fn set_aside(&self, run: &str) -> BoxFuture<'_, LedgerResult<()>>;
    /// Stores hashed outcomes of recipients from lost runs of a campaign, so that these recipients
    /// count as reached. A later call overrides an earlier one, but never an acceptance.
    fn adopt(
        &self,
        campaign: &str,
        env: Option<&str>,
        people: Vec<Adopted>,
    ) -> BoxFuture<'_, LedgerResult<()>>;
    /// Stores the outcomes of lost runs for rows of a run that is planned but not sealed. Returns
    /// the hashes of the recipients that were reached or may have been reached, as used by
    /// sketches.
    fn adopt_rows(
        &self,
        run: &str,
        rows: Vec<(RowNumber, Outcome, Option<Reason>)>,
    ) -> BoxFuture<'_, LedgerResult<Vec<u64>>>;
    /// Stores the recipients that a lost run reached, for the check whether most of another list
    /// had the message.
    fn keep_lost(&self, lost: LostPeople) -> BoxFuture<'_, LedgerResult<()>>;
    /// Records that the results of these lost runs have been imported. Files that name these runs
    /// are no longer a sign of a loss.
    fn adopted(&self, runs: Vec<RunId>) -> BoxFuture<'_, LedgerResult<()>>;
}

/// Data of the workspace that belongs to no single run: facts, pauses, suppressions, the secret
/// key.
pub trait WorkspaceStore {
    /// Stores a fact about a provider for later runs. Replaces an earlier fact of the same kind and
    /// subject.
    fn remember(&self, fact: Fact) -> BoxFuture<'_, LedgerResult<()>>;
    /// Stores a fact if `may` allows it. `may` sees all facts of its kind in the same transaction,
    /// so concurrent processes see each other's facts. Returns whether the fact was stored.
    fn remember_if(&self, fact: Fact, may: FactCondition) -> BoxFuture<'_, LedgerResult<bool>>;
    /// Returns all facts of a kind, ordered by subject.
    fn recall(&self, kind: &'static str) -> BoxFuture<'_, LedgerResult<Vec<Fact>>>;
    /// Removes a fact. Returns whether it existed.
    fn forget(&self, kind: &'static str, subject: &str) -> BoxFuture<'_, LedgerResult<bool>>;
    /// Begins a pause. Ends an earlier pause of the same scope.
    fn pause(&self, pause: NewPause) -> BoxFuture<'_, LedgerResult<()>>;
    /// Ends the pauses of this scope and records who ended them. Returns whether there was one.
    fn unpause(&self, scope: PauseScope, by: &str) -> BoxFuture<'_, LedgerResult<bool>>;
    /// Returns the pauses in force, oldest first, without the latched gates of runs.
    fn pauses(&self) -> BoxFuture<'_, LedgerResult<Vec<Pause>>>;
    /// Stores suppressions, each once. Returns how many were new.
    fn suppress(&self, entries: Vec<LedgerSuppression>) -> BoxFuture<'_, LedgerResult<u64>>;
    /// Returns the `entries` that `suppress` would store as new, each once.
    fn not_kept(
        &self,
        entries: Vec<LedgerSuppression>,
    ) -> BoxFuture<'_, LedgerResult<Vec<LedgerSuppression>>>;
    /// Removes suppressions and records who removed them. Returns how many existed.
    fn unsuppress(&self, entries: Vec<String>, by: &str) -> BoxFuture<'_, LedgerResult<u64>>;
    /// Returns up to `limit` suppressions after number `after`, ordered by number. A suppression
    /// added later always has a higher number, whichever process adds it.
    fn suppressions(
        &self,
        after: i64,
        limit: usize,
    ) -> BoxFuture<'_, LedgerResult<Vec<(i64, LedgerSuppression)>>>;
    /// Returns the workspace's secret key for draws and keyed hashes. The first start creates it.
    fn secret_key(&self) -> BoxFuture<'_, LedgerResult<[u8; 32]>>;
}
