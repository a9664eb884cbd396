//! The interface of the ledger, independent of the database. Each trait serves one part of the
//! program; [`Ledger`] combines them.
//!
//! Every call is one transaction, or part of a transaction shared by several calls. Its changes
//! have reached the disk when its future resolves. No call names a database, a file or a
//! connection. The tests in `conformance` check every implementation against these descriptions.

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
    /// Sets the name of this execution's trace, the log of its submissions. Every later claim
    /// records this name. If there is no trace, a crash makes every open claim `unknown`.
    fn set_trace(&self, name: &str);
    /// Stops waiting for transactions of other processes. From now on, a transaction that would
    /// have to wait fails at once.
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
    /// A recipient that an earlier run accepted, by key or address, becomes `already_accepted`,
    /// which has precedence over `suppressed`. Rejected and unknown recipients keep that outcome.
    ///
    /// If the query in `seal.overlap` finds an overlap with other campaigns, the call returns the
    /// overlap and changes nothing. If two runs are sealed at the same time, the second call finds
    /// the overlap with the first run.
    fn seal(&self, run: &str, seal: Seal) -> BoxFuture<'_, LedgerResult<Option<Overlap>>>;
    /// Returns the outcome that `seal` would carry over to each recipient, or `None` for a
    /// recipient without such an outcome. Returns `None` for the whole query if the campaign has
    /// nothing to carry over. Changes nothing.
    fn foresee(
        &self,
        query: CarryQuery,
    ) -> BoxFuture<'_, LedgerResult<Option<Vec<Option<Outcome>>>>>;
    /// Deletes a run that was never sealed.
    fn discard(&self, run: &str) -> BoxFuture<'_, LedgerResult<()>>;
    /// Checks whether most of these recipients were sent the same message under another campaign.
    fn overlap(&self, query: OverlapQuery) -> BoxFuture<'_, LedgerResult<Option<Overlap>>>;
    /// Returns all recorded pairs of a campaign identity and a campaign id.
    fn aliases(&self) -> BoxFuture<'_, LedgerResult<Vec<(String, String)>>>;
    /// Records pairs of a campaign identity and a campaign id. From now on, ids with the same
    /// identity belong to one campaign.
    fn add_aliases(&self, pairs: Vec<(String, String)>) -> BoxFuture<'_, LedgerResult<()>>;
    /// Returns all ids that belong to the same campaign as this id, starting with this id.
    fn kin(&self, campaign: &str) -> BoxFuture<'_, LedgerResult<Vec<String>>>;
}

/// What the sending loop needs from the ledger: selecting and claiming recipients, leasing rates,
/// and recovering claims of interrupted processes.
pub trait ClaimStore {
    /// Returns the next recipients that may be claimed: retries that are due, then open rows in
    /// plan order. A returned row contains the number of earlier attempts and the time of the
    /// first, but not their results.
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
    /// Closes a batch and stores the result of each member. A member without a result counts as not
    /// attempted.
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
    /// Returns the suppressions that follow from replies that an ended process had received but not
    /// settled. Changes nothing. Must be called before `recover`.
    fn unlearned(&self, run: &str) -> BoxFuture<'_, LedgerResult<Vec<LedgerSuppression>>>;
    /// Leases part of a rate's window, which all runs of the workspace share. Also takes back the
    /// unused part of the leases in `wish`. `key` names the rate (`relay`, `relay/gmail.com`).
    fn lease(&self, key: &str, rate: Rate, wish: Wish) -> BoxFuture<'_, LedgerResult<Leased>>;
    /// Takes back the unused part of this key's leases that are no longer in use.
    fn take_back(&self, key: &str, spent: Vec<Spent>) -> BoxFuture<'_, LedgerResult<()>>;
}

/// Holds, reopens, pauses and ends runs.
pub trait RunStore {
    /// Records a decision that concerns all recipients of a run that have no outcome yet. `why`
    /// shows the decision.
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
    /// Makes the unclaimed rows of one domain or of some providers `held`. Rows in `except` stay
    /// open, because they may be about to be claimed.
    fn hold(
        &self,
        run: &str,
        hold: Hold,
        except: Vec<RowNumber>,
        detail: &str,
    ) -> BoxFuture<'_, LedgerResult<u64>>;
    /// Makes every row `deferred` that waits for a retry, if its recipient was refused or the
    /// provider asked for a lower rate. Each row keeps the last reply. Returns the number of rows.
    fn give_up(&self, run: &str) -> BoxFuture<'_, LedgerResult<u64>>;
    /// Counts the recipients that were reopened but not attempted, and got their previous outcome
    /// back at `since` or later. Groups them by the reason for not attempting them.
    fn kept(&self, run: &str, since: Timestamp) -> BoxFuture<'_, LedgerResult<Vec<(Reason, u64)>>>;
    /// Moves up to `more` open recipients from the rest of the list into the canary, distributed
    /// over domains like the first draw. Assigns them to `provider` if it is given.
    fn extend_canary(
        &self,
        run: &str,
        more: u64,
        provider: Option<&str>,
    ) -> BoxFuture<'_, LedgerResult<u64>>;
    /// Reopens the rows with one of these outcomes. Returns the number of rows.
    fn reopen(&self, run: &str, outcomes: &[Outcome]) -> BoxFuture<'_, LedgerResult<u64>>;
    /// Returns a provider's acceptances and refusals in a run so far. Reads all rows of a run that
    /// already has outcomes.
    fn refusals(
        &self,
        run: &str,
        provider: &str,
        has_history: bool,
    ) -> BoxFuture<'_, LedgerResult<Refusals>>;
    /// Undoes the effects of a provider's fault in one transaction. Of the given rows, it reopens
    /// the rejected ones and does not count the last attempt of those waiting for a retry. Stores
    /// the fact about the provider. Returns the number of reopened rows.
    fn absolve(
        &self,
        run: &str,
        rows: Vec<RowNumber>,
        fact: Option<Fact>,
    ) -> BoxFuture<'_, LedgerResult<u64>>;
    /// Ends an execution. Stores the run's state, its exit code, and all exit codes that applied
    /// with their causes.
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

/// Reads the data of runs and their recipients.
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
    /// Counts the events received about the canary's recipients.
    fn canary_evidence(&self, run: &str) -> BoxFuture<'_, LedgerResult<CanaryEvidence>>;
    /// Counts the canary's accepted recipients at each of these domains, largest count first. Reads
    /// all rows of the run.
    fn canary_at(
        &self,
        run: &str,
        domains: &'static [&'static str],
    ) -> BoxFuture<'_, LedgerResult<Vec<(String, u64)>>>;
    /// Counts the recipients submitted at `since` or later that bounced or complained, by provider
    /// and domain. Returns an empty list if fewer than `least` recipients have such an event.
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
    /// Returns when the gate of this run was latched, and the user and host. `None` if the gate is
    /// not latched, or if an earlier version of mailbatch latched it.
    fn latched_by(&self, run: &str) -> BoxFuture<'_, LedgerResult<Option<Pause>>>;
}

/// Stores events received after submission (bounces, complaints, deliveries) and the suppressions
/// that follow from these events.
pub trait FeedbackStore {
    /// Stores an event unless the ledger already has it. Also stores the suppression that follows
    /// from it, and adds its type to the recipient's `feedback`.
    fn event(&self, event: Event, believe: Believe) -> BoxFuture<'_, LedgerResult<Seen>>;
    /// Marks a one-time webhook token as used. Returns true if the token is new, or if it was used
    /// before with the same body: a sender repeats a webhook whose response it did not receive. If
    /// several processes use one token at once, only the first succeeds.
    fn use_token(&self, token: UsedToken) -> BoxFuture<'_, LedgerResult<bool>>;
    /// Returns events, ordered by number.
    fn events(&self, query: EventQuery) -> BoxFuture<'_, LedgerResult<Vec<KeptEvent>>>;
    /// Whether an event was received at `since` or later by mail, from an event log or from an
    /// export. Ignores events that came with a reply or by webhook.
    fn has_feedback(&self, since: Timestamp) -> BoxFuture<'_, LedgerResult<bool>>;
    /// Returns up to `limit` suppressions learned from events that are not in the suppression file
    /// yet, oldest first.
    fn unfiled(&self, limit: usize) -> BoxFuture<'_, LedgerResult<Vec<Unfiled>>>;
    /// Records the progress of writing these suppressions to the file. `done` is false before the
    /// write and true after it.
    fn filed(&self, numbers: Vec<i64>, done: bool) -> BoxFuture<'_, LedgerResult<()>>;
    /// Returns the recipient that a token (`message::token_of`) names. Works for 400 days after the
    /// recipient's run was removed.
    fn person(&self, token: &str) -> BoxFuture<'_, LedgerResult<Option<Person>>>;
}

/// Resolves recipients whose outcome is unknown.
pub trait UnknownStore {
    /// Returns events that prove that unknown recipients were accepted, one for each recipient.
    fn proofs(&self, run: &str) -> BoxFuture<'_, LedgerResult<Vec<Proof>>>;
    /// Returns the batch of a run with this number; `None` if the run has no such batch.
    fn batch(&self, run: &str, batch: i64) -> BoxFuture<'_, LedgerResult<Option<BatchRecord>>>;
    /// Settles `unknown` recipients and stores the evidence for each. Also settles them in every
    /// run of the campaign that carried the unknown outcome over. Returns how many recipients of
    /// this run were settled.
    fn reconcile(&self, run: &str, verdicts: Vec<Reconciled>) -> BoxFuture<'_, LedgerResult<u64>>;
}

/// Finds runs that are missing from the ledger but named by other files, and imports their results
/// from these files.
pub trait LossStore {
    /// Returns the highest batch number that the ledger has ever used.
    fn batches(&self) -> BoxFuture<'_, LedgerResult<i64>>;
    /// Reserves the next batch number at the end of an execution and returns it. A copy of the
    /// ledger that was made earlier does not contain this number.
    fn close_batches(&self) -> BoxFuture<'_, LedgerResult<i64>>;
    /// Removes a run for which the ledger holds outdated data, and keeps hashes of the recipients
    /// that it reached. The run's files count as a sign of a loss until `adopted` records the run.
    /// If the import fails half-way, the next attempt therefore reads the files again.
    fn set_aside(&self, run: &str) -> BoxFuture<'_, LedgerResult<()>>;
    /// Stores hashed outcomes of recipients from lost runs of a campaign, so that later runs treat
    /// these recipients as reached. A later call overrides an earlier one, but never an acceptance.
    fn adopt(
        &self,
        campaign: &str,
        env: Option<&str>,
        people: Vec<Adopted>,
    ) -> BoxFuture<'_, LedgerResult<()>>;
    /// Stores the outcomes of lost runs in the rows of a run that is planned but not sealed.
    /// Returns hashes of the recipients that were reached or may have been reached. Sketches use
    /// the same hashes.
    fn adopt_rows(
        &self,
        run: &str,
        rows: Vec<(RowNumber, Outcome, Option<Reason>)>,
    ) -> BoxFuture<'_, LedgerResult<Vec<u64>>>;
    /// Stores the recipients that a lost run reached. The overlap check of later runs compares
    /// their recipients with these.
    fn keep_lost(&self, lost: LostPeople) -> BoxFuture<'_, LedgerResult<()>>;
    /// Records that the results of these lost runs have been imported. Files that name these runs
    /// are no longer a sign of a loss.
    fn adopted(&self, runs: Vec<RunId>) -> BoxFuture<'_, LedgerResult<()>>;
}

/// Data of the workspace that belongs to no single run: facts about providers, pauses,
/// suppressions, the secret key.
pub trait WorkspaceStore {
    /// Stores a fact about a provider for later runs. Replaces an earlier fact of the same kind and
    /// subject.
    fn remember(&self, fact: Fact) -> BoxFuture<'_, LedgerResult<()>>;
    /// Stores a fact if `may` returns true for the existing facts of its kind. `may` runs in the
    /// same transaction, so it sees the facts of concurrent processes. Returns whether the fact was
    /// stored.
    fn remember_if(&self, fact: Fact, may: FactCondition) -> BoxFuture<'_, LedgerResult<bool>>;
    /// Returns all facts of a kind, ordered by subject.
    fn recall(&self, kind: &'static str) -> BoxFuture<'_, LedgerResult<Vec<Fact>>>;
    /// Removes a fact. Returns whether it existed.
    fn forget(&self, kind: &'static str, subject: &str) -> BoxFuture<'_, LedgerResult<bool>>;
    /// Begins a pause. Ends an earlier pause of the same scope.
    fn pause(&self, pause: NewPause) -> BoxFuture<'_, LedgerResult<()>>;
    /// Ends the pauses of this scope and records who ended them. Returns whether a pause was in
    /// force.
    fn unpause(&self, scope: PauseScope, by: &str) -> BoxFuture<'_, LedgerResult<bool>>;
    /// Returns the pauses in force, oldest first, without the latched gates of runs.
    fn pauses(&self) -> BoxFuture<'_, LedgerResult<Vec<Pause>>>;
    /// Stores suppressions that are not stored yet. Returns how many were new.
    fn suppress(&self, entries: Vec<LedgerSuppression>) -> BoxFuture<'_, LedgerResult<u64>>;
    /// Returns those of `entries` that `suppress` would store as new, without repetitions.
    fn not_kept(
        &self,
        entries: Vec<LedgerSuppression>,
    ) -> BoxFuture<'_, LedgerResult<Vec<LedgerSuppression>>>;
    /// Removes suppressions and records who removed them. Returns how many existed.
    fn unsuppress(&self, entries: Vec<String>, by: &str) -> BoxFuture<'_, LedgerResult<u64>>;
    /// Returns up to `limit` suppressions with a number above `after`, ordered by number. Later
    /// suppressions always have higher numbers, even if another process adds them.
    fn suppressions(
        &self,
        after: i64,
        limit: usize,
    ) -> BoxFuture<'_, LedgerResult<Vec<(i64, LedgerSuppression)>>>;
    /// Returns the workspace's secret key for random draws and keyed hashes. The first start
    /// creates the key.
    fn secret_key(&self) -> BoxFuture<'_, LedgerResult<[u8; 32]>>;
}
