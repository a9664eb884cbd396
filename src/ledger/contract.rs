//! What every ledger does, whichever database it is kept in. Each group of calls serves one part of
//! the program; [`Ledger`] is all of them.
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

/// The durable truth of a workspace: who goes, who was claimed, what came of it. Any number of
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
    /// Names the trace of this execution; it is recorded with every batch that is claimed from now
    /// on. Without it a crash makes every open claim `unknown`.
    fn set_trace(&self, name: &str);
    /// From now on no transaction waits for one of another process: one that would fails at once.
    fn hurry(&self) {}
    /// Whether this is a copy that was made to be read: it shows what was there when it was opened,
    /// and nothing that came later.
    fn is_copy(&self) -> bool {
        false
    }
}

/// How a run comes to be, and which campaigns are one.
pub trait PlanStore {
    /// Begins a run in state `Planning` and gives it a name.
    fn begin(&self, head: RunHead) -> BoxFuture<'_, LedgerResult<RunId>>;
    /// Writes planned rows. Called many times; each call commits, so that other runs are not locked
    /// out.
    fn plan(&self, run: &str, rows: Vec<PlannedRow>) -> BoxFuture<'_, LedgerResult<()>>;
    /// Carries over what earlier runs of the same campaign and environment decided (accepted by key
    /// or address: `already_accepted`, which comes before `suppressed`; rejected and unknown are
    /// kept), draws the canary, stores the fingerprints and columns, and opens the run. Where
    /// `seal.overlap` finds something, nothing is changed and that is returned; of two runs that
    /// are sealed at once, the second one finds the first.
    fn seal(&self, run: &str, seal: Seal) -> BoxFuture<'_, LedgerResult<Option<Overlap>>>;
    /// What `seal` would carry over to a run of these recipients, by the same rules: the outcome of
    /// each, `None` for one that keeps its own. Plans and changes nothing. `None` where nothing can
    /// be carried over to any recipient at all.
    fn foresee(
        &self,
        query: CarryQuery,
    ) -> BoxFuture<'_, LedgerResult<Option<Vec<Option<Outcome>>>>>;
    /// Drops a run that was never sealed.
    fn discard(&self, run: &str) -> BoxFuture<'_, LedgerResult<()>>;
    /// Whether most of these people had the same message under another campaign.
    fn overlap(&self, query: OverlapQuery) -> BoxFuture<'_, LedgerResult<Option<Overlap>>>;
    /// Every identity with the ids of campaigns that it has stood for.
    fn aliases(&self) -> BoxFuture<'_, LedgerResult<Vec<(String, String)>>>;
    /// Records that identities stand for campaigns: pairs of both. Ids under one identity are one
    /// campaign from then on.
    fn add_aliases(&self, pairs: Vec<(String, String)>) -> BoxFuture<'_, LedgerResult<()>>;
    /// All ids of the campaign with this id, itself first.
    fn kin(&self, campaign: &str) -> BoxFuture<'_, LedgerResult<Vec<String>>>;
}

/// What the sending loop asks for: recipients, claims, leases of rates, and what interrupted
/// processes have left.
pub trait ClaimStore {
    /// The next recipients that may be claimed, in plan order, retries that are due first. What
    /// came of earlier attempts is left out but for their number and the time of the first.
    fn next(&self, run: &str, ask: Ask) -> BoxFuture<'_, LedgerResult<Vec<LedgerRow>>>;
    /// When the earliest waiting retry of the run (of one cohort, of some providers) is due.
    fn next_retry_at(
        &self,
        run: &str,
        cohort: Option<Cohort>,
        through: Through,
    ) -> BoxFuture<'_, LedgerResult<Option<Timestamp>>>;
    /// Makes a batch durable: pause, caps and members in one transaction.
    fn claim(&self, draft: Draft) -> BoxFuture<'_, LedgerResult<Claimed>>;
    /// Closes a batch: what became of each of its members. Members not named are void.
    fn settle(
        &self,
        run: &str,
        batch: i64,
        items: Vec<(RowNumber, Settled)>,
        feedback: Vec<(RowNumber, Feedback)>,
    ) -> BoxFuture<'_, LedgerResult<()>>;
    /// Settles the open claims of a run whose process is gone, with the help of the traces. The
    /// caller holds the campaign's lock.
    fn recover(&self, run: &str) -> BoxFuture<'_, LedgerResult<Recovered>>;
    /// What follows from the answers that such a process had received and not settled; changes
    /// nothing. To be asked before `recover`.
    fn unlearned(&self, run: &str) -> BoxFuture<'_, LedgerResult<Vec<LedgerSuppression>>>;
    /// Leases part of a rate's window, shared by all runs of the workspace, and takes back what is
    /// left of earlier leases. `key` names the rate (`relay`, `relay/gmail.com`).
    fn lease(&self, key: &str, rate: Rate, wish: Wish) -> BoxFuture<'_, LedgerResult<Leased>>;
    /// Takes back what is left of leases of this key that no process uses any more.
    fn take_back(&self, key: &str, spent: Vec<Spent>) -> BoxFuture<'_, LedgerResult<()>>;
}

/// How a run is held, opened again, judged and ended.
pub trait RunStore {
    /// Remembers a decision about all recipients of a run without an outcome, for `why`.
    fn note(&self, run: &str, what: &'static str, detail: &str) -> BoxFuture<'_, LedgerResult<()>>;
    /// Stores the gate of a run.
    fn set_gate(&self, run: &str, gate: Gate) -> BoxFuture<'_, LedgerResult<()>>;
    /// Every row without an outcome (open or waiting for a retry) becomes `held` for this reason;
    /// they are opened again by `reopen`.
    fn hold_rest(
        &self,
        run: &str,
        reason: Reason,
        detail: &str,
    ) -> BoxFuture<'_, LedgerResult<u64>>;
    /// The same for some of them, without the rows in `except`, who may be about to be claimed.
    fn hold(
        &self,
        run: &str,
        hold: Hold,
        except: Vec<RowNumber>,
        detail: &str,
    ) -> BoxFuture<'_, LedgerResult<u64>>;
    /// Gives every row up that waits after a refusal of its own or a wish for less: `deferred` with
    /// what was said last. Returns how many.
    fn give_up(&self, run: &str) -> BoxFuture<'_, LedgerResult<u64>>;
    /// How many recipients were opened again and have been given back the outcome they had since
    /// then, by why they were not attempted.
    fn kept(&self, run: &str, since: Timestamp) -> BoxFuture<'_, LedgerResult<Vec<(Reason, u64)>>>;
    /// Moves up to `more` open recipients of the rest into the canary, spread as it was drawn. They
    /// go through `provider` if one is named.
    fn extend_canary(
        &self,
        run: &str,
        more: u64,
        provider: Option<&str>,
    ) -> BoxFuture<'_, LedgerResult<u64>>;
    /// Opens rows with one of these outcomes again. Returns how many.
    fn reopen(&self, run: &str, outcomes: &[Outcome]) -> BoxFuture<'_, LedgerResult<u64>>;
    /// How a provider has treated the run's recipients so far; reads the run through where it has a
    /// history.
    fn refusals(
        &self,
        run: &str,
        provider: &str,
        has_history: bool,
    ) -> BoxFuture<'_, LedgerResult<Refusals>>;
    /// In one transaction: opens those of these rows again that were rejected, takes back the
    /// attempt that waiting ones were charged, and remembers the fact about the provider whose
    /// fault it was. Returns how many were opened.
    fn absolve(
        &self,
        run: &str,
        rows: Vec<RowNumber>,
        fact: Option<Fact>,
    ) -> BoxFuture<'_, LedgerResult<u64>>;
    /// Ends an execution: state, exit code, and every code that was earned with what earned it.
    fn finish(
        &self,
        run: &str,
        state: RunState,
        exit: u8,
        reasons: Vec<ExitReason>,
    ) -> BoxFuture<'_, LedgerResult<()>>;
    /// Removes a run's rows, keeping keyed hashes of who was accepted, rejected or is unknown.
    fn remove(&self, run: &str) -> BoxFuture<'_, LedgerResult<()>>;
}

/// How runs and their recipients stand.
pub trait ReadStore {
    /// All runs, newest first, planning ones included. Their `head.message` is null, because it may
    /// be large; `run` has it.
    fn runs(&self) -> BoxFuture<'_, LedgerResult<Vec<Run>>>;
    fn run(&self, run: &str) -> BoxFuture<'_, LedgerResult<Option<Run>>>;
    /// The newest run of a campaign, under any of its ids, in an environment; planning ones left
    /// out.
    fn latest_run(
        &self,
        campaign: &str,
        env: Option<&str>,
    ) -> BoxFuture<'_, LedgerResult<Option<Run>>>;
    fn standing(&self, run: &str) -> BoxFuture<'_, LedgerResult<Standing>>;
    /// The run's rows in input order, `limit` at a time, after row `after`.
    fn rows(
        &self,
        run: &str,
        after: RowNumber,
        limit: usize,
    ) -> BoxFuture<'_, LedgerResult<Vec<LedgerRow>>>;
    /// Every decision about the rows with this address (lowercased comparison), oldest first; empty
    /// when the run has no such row.
    fn why(&self, run: &str, email: &str) -> BoxFuture<'_, LedgerResult<Vec<Decision>>>;
    /// The rows with this address in all runs that are still there, newest run first.
    fn rows_of(&self, email: &str) -> BoxFuture<'_, LedgerResult<Vec<(RunId, LedgerRow)>>>;
    /// What has come back about the canary.
    fn canary_evidence(&self, run: &str) -> BoxFuture<'_, LedgerResult<CanaryEvidence>>;
    /// How many of the canary's accepted recipients are at each of these domains, most first; reads
    /// the run through.
    fn canary_at(
        &self,
        run: &str,
        domains: &'static [&'static str],
    ) -> BoxFuture<'_, LedgerResult<Vec<(String, u64)>>>;
    /// How many of those handed over since then bounced or complained, by provider and domain; empty
    /// while fewer than `least` did.
    fn feedback_rates(
        &self,
        run: &str,
        watched: Watched,
        since: Timestamp,
        least: u64,
    ) -> BoxFuture<'_, LedgerResult<Vec<FeedbackRate>>>;
    /// Where failures of a run are, and what was said of them most.
    fn failures(&self, run: &str, query: FailuresQuery) -> BoxFuture<'_, LedgerResult<Failures>>;
    /// What was accepted and what came back in so many weeks, this one included, by week, provider
    /// and receiving domain.
    fn trend(&self, weeks: u32) -> BoxFuture<'_, LedgerResult<Vec<Trend>>>;
    /// What is claimed and not settled, by run and provider.
    fn under_way(&self) -> BoxFuture<'_, LedgerResult<Vec<UnderWay>>>;
    /// What latched the gate of this run, when and where; `None` where nothing did, or an earlier
    /// version.
    fn latched_by(&self, run: &str) -> BoxFuture<'_, LedgerResult<Option<Pause>>>;
}

/// What comes back after the hand-over, and what is learned from it.
pub trait FeedbackStore {
    /// Writes an event down, once, with the suppression that follows from it and the word in its
    /// recipient's `feedback`.
    fn event(&self, event: Event, believe: Believe) -> BoxFuture<'_, LedgerResult<Seen>>;
    /// Uses a one-time token of a webhook up. Returns whether it is good: it has not come before,
    /// or came with the same body, as it does when an answer was lost. Of several processes that
    /// ask at once, one is the first.
    fn use_token(&self, token: UsedToken) -> BoxFuture<'_, LedgerResult<bool>>;
    /// Events by number.
    fn events(&self, query: EventQuery) -> BoxFuture<'_, LedgerResult<Vec<KeptEvent>>>;
    /// Whether an event was received since then by mail, out of an event log or an export: not with
    /// a reply, and not by a webhook.
    fn has_feedback(&self, since: Timestamp) -> BoxFuture<'_, LedgerResult<bool>>;
    /// Suppressions learned from events that still have to be written to the suppression file,
    /// oldest first.
    fn unfiled(&self, limit: usize) -> BoxFuture<'_, LedgerResult<Vec<Unfiled>>>;
    /// Records that writing these to the file begins (`done` false), or that they are in it.
    fn filed(&self, numbers: Vec<i64>, done: bool) -> BoxFuture<'_, LedgerResult<()>>;
    /// The recipient that a token (`message::token_of`) names, also for 400 days after its run was
    /// removed.
    fn person(&self, token: &str) -> BoxFuture<'_, LedgerResult<Option<Person>>>;
}

/// Recipients whose outcome is unknown.
pub trait UnknownStore {
    /// Events which prove that unknown recipients were accepted: one for each.
    fn proofs(&self, run: &str) -> BoxFuture<'_, LedgerResult<Vec<Proof>>>;
    /// A batch of a run; `None` where it has none with this number.
    fn batch(&self, run: &str, batch: i64) -> BoxFuture<'_, LedgerResult<Option<BatchRecord>>>;
    /// Settles recipients whose outcome is `unknown`, each with its evidence, in this run and
    /// wherever the campaign has carried the unknown outcome. Returns how many of this run were
    /// settled.
    fn reconcile(&self, run: &str, verdicts: Vec<Reconciled>) -> BoxFuture<'_, LedgerResult<u64>>;
}

/// What the ledger knows of runs by name, and what it takes over from the files of runs that it has
/// lost.
pub trait LossStore {
    /// The number of the last batch that was ever made.
    fn batches(&self) -> BoxFuture<'_, LedgerResult<i64>>;
    /// Takes the number of the next batch for the end of an execution, and returns it: no copy of
    /// the ledger that was made before knows it.
    fn close_batches(&self) -> BoxFuture<'_, LedgerResult<i64>>;
    /// Removes a run that the ledger knows from an earlier time, and keeps what it reached. Its
    /// files stay and are a sign of a loss until the run is recorded by `adopted`, so that they are
    /// read again should taking them over fail half-way.
    fn set_aside(&self, run: &str) -> BoxFuture<'_, LedgerResult<()>>;
    /// Keeps hashes of what became of people in runs of a campaign that the ledger has lost, so
    /// that they count as reached. What is kept later decides, but nothing takes an acceptance
    /// back.
    fn adopt(
        &self,
        campaign: &str,
        env: Option<&str>,
        people: Vec<Adopted>,
    ) -> BoxFuture<'_, LedgerResult<()>>;
    /// The same for rows of a run that has been planned and not sealed. Returns those of them who
    /// were reached or may have been, as sketches know them.
    fn adopt_rows(
        &self,
        run: &str,
        rows: Vec<(RowNumber, Outcome, Option<Reason>)>,
    ) -> BoxFuture<'_, LedgerResult<Vec<u64>>>;
    /// Keeps the recipients that a lost run reached, for the question whether most of another list
    /// had the message.
    fn keep_lost(&self, lost: LostPeople) -> BoxFuture<'_, LedgerResult<()>>;
    /// Records that what these lost runs did has been taken over: what names them is no sign of a
    /// loss any more.
    fn adopted(&self, runs: Vec<RunId>) -> BoxFuture<'_, LedgerResult<()>>;
}

/// What belongs to the workspace and not to one run: facts, pauses, suppressions, the secret key.
pub trait WorkspaceStore {
    /// Stores a fact about a provider for later runs; it replaces an earlier one of the same kind
    /// and subject.
    fn remember(&self, fact: Fact) -> BoxFuture<'_, LedgerResult<()>>;
    /// The same if `may` allows it, to which all facts of its kind are shown in the same
    /// transaction: of several processes that ask at once, each sees what those before it have
    /// stored. Returns whether it was stored.
    fn remember_if(&self, fact: Fact, may: FactCondition) -> BoxFuture<'_, LedgerResult<bool>>;
    /// All facts of a kind, by subject.
    fn recall(&self, kind: &'static str) -> BoxFuture<'_, LedgerResult<Vec<Fact>>>;
    /// Removes a fact. Returns whether there was one.
    fn forget(&self, kind: &'static str, subject: &str) -> BoxFuture<'_, LedgerResult<bool>>;
    /// Begins a pause; one of the same scope is over then.
    fn pause(&self, pause: NewPause) -> BoxFuture<'_, LedgerResult<()>>;
    /// Ends the pauses of this scope, and records who did. Returns whether there was one.
    fn unpause(&self, scope: PauseScope, by: &str) -> BoxFuture<'_, LedgerResult<bool>>;
    /// The pauses in force, the oldest first; latched gates of runs are left out.
    fn pauses(&self) -> BoxFuture<'_, LedgerResult<Vec<Pause>>>;
    /// Keeps suppressions, each once; returns how many were new.
    fn suppress(&self, entries: Vec<LedgerSuppression>) -> BoxFuture<'_, LedgerResult<u64>>;
    /// Those of `entries` that `suppress` would keep as new ones, each once.
    fn not_kept(
        &self,
        entries: Vec<LedgerSuppression>,
    ) -> BoxFuture<'_, LedgerResult<Vec<LedgerSuppression>>>;
    /// Takes suppressions back and records who did it. Returns how many there were.
    fn unsuppress(&self, entries: Vec<String>, by: &str) -> BoxFuture<'_, LedgerResult<u64>>;
    /// Suppressions by number, `limit` at a time, after number `after`. Whatever any process adds
    /// gets a higher number than all before it.
    fn suppressions(
        &self,
        after: i64,
        limit: usize,
    ) -> BoxFuture<'_, LedgerResult<Vec<(i64, LedgerSuppression)>>>;
    /// The workspace's secret key, made at the first start; for draws and keyed hashes.
    fn secret_key(&self) -> BoxFuture<'_, LedgerResult<[u8; 32]>>;
}
