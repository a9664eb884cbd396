//! The durable truth: who goes, who was claimed, what came of it. The seam that the pipeline and the commands know.
//!
//! Every call is one transaction (or takes part in one group commit) and has reached the disk when its future resolves. One thread owns
//! the only writing connection of the process; several processes may share the file.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::Serialize;

use crate::events::{Believe, Event};
use crate::literal::Rate;
use crate::outcome::{Cohort, Outcome, Reason, Tally};
use crate::pause::{Fared, Watched};
use crate::provider::{BoxFuture, Feedback, JobId, Refusal, Verdict};

pub use self::doubt::{BatchRecord, Proof, Reconciled, UNTRACED};

/// What the planner decides about a row when it writes it.
#[derive(Clone, Debug)]
pub struct PlannedRow {
    pub row: JobId,
    pub list: u32,
    pub line: u64,
    /// The address as it goes on the wire, or the raw text of the cell when it is no address.
    pub email: String,
    /// The receiving domain; empty when the address is invalid.
    pub domain: String,
    /// The recipient's key; empty when the address is invalid.
    pub key: String,
    /// `Fields::encode`.
    pub fields: String,
    /// `None` for a row that is to be sent.
    pub outcome: Option<(Outcome, Reason, String)>,
    /// Keyed hash that orders the draw of the canary; the same after a restart.
    pub draw: i64,
    /// In every canary (`always`).
    pub always: bool,
    /// Who goes first; empty where the run has one provider.
    pub provider: String,
}

/// A row as the ledger holds it.
#[derive(Clone, Debug)]
pub struct LedgerRow {
    pub row: JobId,
    pub list: u32,
    pub line: u64,
    pub email: String,
    pub domain: String,
    pub key: String,
    pub fields: String,
    pub cohort: Cohort,
    pub outcome: Option<Outcome>,
    pub reason: Option<Reason>,
    pub code: String,
    pub detail: String,
    pub provider: String,
    pub batch: Option<i64>,
    pub attempts: u32,
    pub message_id: String,
    pub provider_id: String,
    pub first_at: Option<Timestamp>,
    pub last_at: Option<Timestamp>,
    pub feedback: String,
    /// The run whose outcome this one has taken over.
    pub carried_from: Option<RunId>,
    /// Waits for another attempt; such a row is handed out when it is due, out of plan order.
    pub is_retry: bool,
}

/// Recipients by the provider that is to take them: their first choice, or who had them last.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Through {
    #[default]
    Any,
    Only(String),
    /// Everybody but those of these providers.
    Not(Vec<String>),
}

/// Which recipients of a run may be claimed next.
#[derive(Clone, Debug, Default)]
pub struct Ask {
    pub cohort: Option<Cohort>,
    /// Rows after this one (rows are counted from 1); retries that are due come first whatever their row.
    pub after: JobId,
    /// Only this receiving domain.
    pub only_domain: Option<String>,
    /// None of these receiving domains.
    pub not_domains: Vec<String>,
    pub through: Through,
    pub limit: usize,
    /// Only rows waiting for another attempt.
    pub only_due: bool,
    /// Rows waiting for another attempt count when they are due by then; `None` is the present.
    pub now: Option<Timestamp>,
}

/// A member of a claim.
#[derive(Clone, Debug)]
pub struct Member {
    pub row: JobId,
    pub message_id: String,
}

/// What becomes durable before the wire is touched.
#[derive(Clone, Debug)]
pub struct Draft {
    pub run: RunId,
    pub provider: String,
    pub key: String,
    pub generation: u32,
    pub claimed_at: Timestamp,
    pub members: Vec<Member>,
    /// Members that are suppressed by now: settled in the same transaction, never sent.
    pub suppressed: Vec<(JobId, Reason, String)>,
    /// Checked in the same transaction; the claim is refused where one would be passed.
    pub caps: Vec<Rate>,
    /// The most hand-overs on each of the provider's first days; checked as caps are.
    pub ramp: Vec<u32>,
    /// Whom the members were to go through, and why they do not; `None` where this provider is the one.
    pub instead_of: Option<InsteadOf>,
}

/// A provider that is passed over.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InsteadOf {
    pub provider: String,
    pub why: String,
}

/// The answer to a claim.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Claimed {
    /// The batch's number.
    Batch(i64),
    /// A cap allows only `room` more now, and the whole draft again at `until`. Nothing was claimed.
    Capped { cap: String, room: u64, until: Timestamp },
    /// A pause is in force for the run, or for the provider alone. Nothing was claimed.
    Paused(Box<Pause>),
    /// The ledger's file is gone or another one stands in its place. Nothing was claimed.
    Lost { path: String, what: String },
    /// All members were suppressed; nothing was claimed.
    Nothing,
}

/// What a settled member becomes.
#[derive(Clone, Debug)]
pub enum Settled {
    /// The verdict is final; the ledger derives outcome and reason.
    Final(Verdict),
    /// Open again, not before `at`.
    Retry { refusal: Refusal, at: Timestamp, counts: bool },
    /// Still transient when its provider was given up: open again at once, and to go through the provider `to` from now on. Without a
    /// refusal it was not attempted once more.
    PassedOn { refusal: Option<Refusal>, counts: bool, to: String, why: String },
    /// Still transient when we gave up: `deferred`.
    GaveUp { refusal: Refusal, counts: bool },
    /// Its retries were over before another attempt could begin: `deferred`, as its last attempt left it.
    Expired,
    /// Never begun: open again, nothing counted.
    Void,
    /// Suppressed by us between claim and hand-over.
    Screened { reason: Reason, detail: String },
}

/// What recovery found and did.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Recovered {
    /// Claimed, but certainly never completed: open again.
    pub reopened: u64,
    /// Answered before the crash; the verdict was in the trace.
    pub settled: u64,
    /// May have been taken.
    pub unknown: u64,
}

/// A learned or manual suppression kept in the ledger beside the files.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LedgerSuppression {
    /// Lowercased address, `@domain`, or `sha256:…`.
    pub entry: String,
    pub reason: Reason,
    /// `all`, `marketing`, or empty for the reason's own.
    pub scope: String,
    pub source: String,
    pub created_at: Timestamp,
    pub expires_at: Option<Timestamp>,
    pub note: String,
}

/// What became of a person in a run that the ledger has lost.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Adopted {
    /// The recipient's key.
    pub key: String,
    /// The address as it was mailed.
    pub email: String,
    /// `None` where they may be mailed: `deferred` and `held`.
    pub outcome: Option<(Outcome, Option<Reason>)>,
}

/// One decision about one recipient, for `why`.
#[derive(Clone, Debug, Serialize)]
pub struct Decision {
    pub at: Timestamp,
    /// A few words: `planned`, `claimed in batch 12`, `deferred`.
    pub what: String,
    pub detail: String,
}

/// How a run's rows stand.
#[derive(Clone, Debug, Default)]
pub struct Standing {
    pub tally: Tally,
    /// By cohort: canary, rest.
    pub canary: Tally,
    /// When the last of the canary was handed over.
    pub canary_at: Option<Timestamp>,
    /// Rejected after an attempt of this run, not carried over from an earlier one.
    pub rejected_here: u64,
    /// Outcomes by reason.
    pub reasons: BTreeMap<(Outcome, Reason), u64>,
    /// How many recipients have heard each word of `mb_feedback` said about them.
    pub feedback: BTreeMap<String, u64>,
}

/// The durable truth. SQLite on one host; each call is one transaction.
pub trait Ledger: Send + Sync {
    // ----- plan
    /// Begins a run in state `Planning` and gives it a name.
    fn begin(&self, head: RunHead) -> BoxFuture<'_, LedgerResult<RunId>>;
    /// Writes planned rows. Called many times; each call commits, so that other runs are not locked out.
    fn plan(&self, run: &str, rows: Vec<PlannedRow>) -> BoxFuture<'_, LedgerResult<()>>;
    /// Carries over what earlier runs of the same campaign and environment decided (accepted by key or address: `already_accepted`, which
    /// comes before `suppressed`; rejected and unknown are kept), draws the canary, stores the fingerprints and columns, and opens the run.
    /// Where `seal.overlap` finds something, nothing is changed and that is returned; of two runs that are sealed at once, the second one
    /// finds the first.
    fn seal(&self, run: &str, seal: Seal) -> BoxFuture<'_, LedgerResult<Option<Overlap>>>;
    /// Drops a run that was never sealed.
    fn discard(&self, run: &str) -> BoxFuture<'_, LedgerResult<()>>;

    // ----- send
    /// The next recipients that may be claimed, in plan order, retries that are due first. What came of earlier attempts is left out but
    /// for their number and the time of the first.
    fn next(&self, run: &str, ask: Ask) -> BoxFuture<'_, LedgerResult<Vec<LedgerRow>>>;
    /// When the earliest waiting retry of the run (of one cohort, of some providers) is due.
    fn next_retry_at(&self, run: &str, cohort: Option<Cohort>, through: Through) -> BoxFuture<'_, LedgerResult<Option<Timestamp>>>;
    /// Makes a batch durable: pause, caps and members in one transaction.
    fn claim(&self, draft: Draft) -> BoxFuture<'_, LedgerResult<Claimed>>;
    /// Closes a batch: what became of each of its members. Members not named are void.
    fn settle(&self, run: &str, batch: i64, items: Vec<(JobId, Settled)>, feedback: Vec<(JobId, Feedback)>) -> BoxFuture<'_, LedgerResult<()>>;
    /// Settles the open claims of a run whose process is gone, with the help of the traces. The caller holds the campaign's lock.
    fn recover(&self, run: &str) -> BoxFuture<'_, LedgerResult<Recovered>>;
    /// What the answers that such a process had heard and not settled teach; changes nothing. To be asked before `recover`.
    fn unlearned(&self, run: &str) -> BoxFuture<'_, LedgerResult<Vec<LedgerSuppression>>>;
    /// Leases part of a rate's window, shared by all runs of the workspace, and takes back what is left of earlier leases. `key` names the
    /// rate (`relay`, `relay/gmail.com`).
    fn lease(&self, key: &str, rate: Rate, wish: Wish) -> BoxFuture<'_, LedgerResult<Leased>>;
    /// Takes back what is left of leases of this key that nobody uses any more.
    fn take_back(&self, key: &str, spent: Vec<Spent>) -> BoxFuture<'_, LedgerResult<()>>;
    /// Remembers a decision about everybody of a run who has no outcome, for `why`.
    fn note(&self, run: &str, what: &'static str, detail: &str) -> BoxFuture<'_, LedgerResult<()>>;
    /// Stores the gate of a run.
    fn set_gate(&self, run: &str, gate: Gate) -> BoxFuture<'_, LedgerResult<()>>;
    /// Every row without an outcome (open or waiting for a retry) becomes `held` for this reason; they are opened again by `reopen`.
    fn hold_rest(&self, run: &str, reason: Reason, detail: &str) -> BoxFuture<'_, LedgerResult<u64>>;
    /// Gives every row up that waits after a refusal of its own or a wish for less: `deferred` with what was said last. Returns how many.
    fn give_up(&self, run: &str) -> BoxFuture<'_, LedgerResult<u64>>;
    /// The same for some of them, without the rows in `except`, who may be about to be claimed.
    fn hold(&self, run: &str, hold: Hold, except: Vec<JobId>, detail: &str) -> BoxFuture<'_, LedgerResult<u64>>;
    /// How many recipients were opened again and have been given back the outcome they had since then, by why they were not attempted.
    fn kept(&self, run: &str, since: Timestamp) -> BoxFuture<'_, LedgerResult<Vec<(Reason, u64)>>>;
    /// Moves up to `more` open recipients of the rest into the canary, spread as it was drawn. They go through `provider` if one is named.
    fn extend_canary(&self, run: &str, more: u64, provider: Option<&str>) -> BoxFuture<'_, LedgerResult<u64>>;
    /// Opens rows with one of these outcomes again. Returns how many.
    fn reopen(&self, run: &str, outcomes: &[Outcome]) -> BoxFuture<'_, LedgerResult<u64>>;
    /// How a provider has treated the run's recipients so far; reads the run through where it has a history.
    fn refusals(&self, run: &str, provider: &str, has_history: bool) -> BoxFuture<'_, LedgerResult<Refusals>>;
    /// In one transaction: opens those of these rows again that were rejected, takes back the attempt that waiting ones were charged, and
    /// remembers the fact about the provider whose fault it was. Returns how many were opened.
    fn absolve(&self, run: &str, rows: Vec<JobId>, fact: Option<Fact>) -> BoxFuture<'_, LedgerResult<u64>>;
    /// Ends an execution: state, exit code, and every code that was earned with what earned it.
    fn finish(&self, run: &str, state: RunState, exit: u8, reasons: Vec<ExitReason>) -> BoxFuture<'_, LedgerResult<()>>;
    /// Removes a run's rows, keeping keyed hashes of who was accepted, rejected or is unknown.
    fn remove(&self, run: &str) -> BoxFuture<'_, LedgerResult<()>>;

    // ----- read
    /// All runs, newest first, planning ones included. Their `head.message` is null, because it may be large; `run` has it.
    fn runs(&self) -> BoxFuture<'_, LedgerResult<Vec<Run>>>;
    fn run(&self, run: &str) -> BoxFuture<'_, LedgerResult<Option<Run>>>;
    /// The newest run of a campaign, under any of its ids, in an environment; planning ones left out.
    fn latest_run(&self, campaign: &str, env: Option<&str>) -> BoxFuture<'_, LedgerResult<Option<Run>>>;
    /// Every identity with the ids of campaigns that it has stood for.
    fn aliases(&self) -> BoxFuture<'_, LedgerResult<Vec<(String, String)>>>;
    /// Records that identities stand for campaigns: pairs of both. Ids under one identity are one campaign from then on.
    fn add_aliases(&self, pairs: Vec<(String, String)>) -> BoxFuture<'_, LedgerResult<()>>;
    /// All ids of the campaign with this id, itself first.
    fn kin(&self, campaign: &str) -> BoxFuture<'_, LedgerResult<Vec<String>>>;
    /// Whether most of these people had the same message under another campaign.
    fn overlap(&self, query: OverlapQuery) -> BoxFuture<'_, LedgerResult<Option<Overlap>>>;
    fn standing(&self, run: &str) -> BoxFuture<'_, LedgerResult<Standing>>;
    /// The run's rows in input order, `limit` at a time, after row `after`.
    fn rows(&self, run: &str, after: JobId, limit: usize) -> BoxFuture<'_, LedgerResult<Vec<LedgerRow>>>;
    /// Every decision about the rows with this address (lowercased comparison), oldest first; empty when the run has no such row.
    fn why(&self, run: &str, email: &str) -> BoxFuture<'_, LedgerResult<Vec<Decision>>>;

    /// The rows with this address in all runs that are still there, newest run first.
    fn rows_of(&self, email: &str) -> BoxFuture<'_, LedgerResult<Vec<(RunId, LedgerRow)>>>;

    // ----- feedback
    /// Writes an event down, once, with the suppression that follows from it and the word in its recipient's `feedback`.
    fn event(&self, event: Event, believe: Believe) -> BoxFuture<'_, LedgerResult<Seen>>;
    /// Uses a one-time token of a webhook up. Returns whether it is good: it has not come before, or came with the same body, as it does when
    /// an answer was lost. Of several processes that ask at once, one is the first.
    fn use_token(&self, token: UsedToken) -> BoxFuture<'_, LedgerResult<bool>>;
    /// Events by number.
    fn events(&self, query: EventQuery) -> BoxFuture<'_, LedgerResult<Vec<KeptEvent>>>;
    /// Whether an event was received since then by mail, out of an event log or an export: not with a reply, and not by a webhook.
    fn has_heard(&self, since: Timestamp) -> BoxFuture<'_, LedgerResult<bool>>;
    /// What has come back about the canary.
    fn canary_evidence(&self, run: &str) -> BoxFuture<'_, LedgerResult<CanaryEvidence>>;
    /// How many of the canary's accepted recipients are at each of these domains, most first; reads the run through.
    fn canary_at(&self, run: &str, domains: &'static [&'static str]) -> BoxFuture<'_, LedgerResult<Vec<(String, u64)>>>;
    /// How those fared who were handed over since then; empty while it has happened to fewer than `least`.
    fn fared(&self, run: &str, watched: Watched, since: Timestamp, least: u64) -> BoxFuture<'_, LedgerResult<Vec<Fared>>>;
    /// Where failures of a run are, and what was said of them most.
    fn failures(&self, run: &str, query: FailuresQuery) -> BoxFuture<'_, LedgerResult<Failures>>;
    /// What was accepted and what came back in so many weeks, this one included, by week, provider and receiving domain.
    fn trend(&self, weeks: u32) -> BoxFuture<'_, LedgerResult<Vec<Trend>>>;
    /// Suppressions learned from events that still have to be written to the suppression file, oldest first.
    fn unfiled(&self, limit: usize) -> BoxFuture<'_, LedgerResult<Vec<Unfiled>>>;
    /// Records that writing these to the file begins (`done` false), or that they are in it.
    fn filed(&self, numbers: Vec<i64>, done: bool) -> BoxFuture<'_, LedgerResult<()>>;
    /// Whom a token (`message::token_of`) names, also for 400 days after its run was removed.
    fn person(&self, token: &str) -> BoxFuture<'_, LedgerResult<Option<Person>>>;

    // ----- doubt
    /// Events which prove that recipients of whom it was unknown were taken: one for each.
    fn proofs(&self, run: &str) -> BoxFuture<'_, LedgerResult<Vec<Proof>>>;
    /// A batch of a run; `None` where it has none with this number.
    fn batch(&self, run: &str, batch: i64) -> BoxFuture<'_, LedgerResult<Option<BatchRecord>>>;
    /// Settles recipients whose outcome is `unknown`, each with its evidence, in this run and wherever the campaign has carried the doubt.
    /// Returns how many of this run were settled.
    fn reconcile(&self, run: &str, verdicts: Vec<Reconciled>) -> BoxFuture<'_, LedgerResult<u64>>;

    // ----- workspace
    /// Stores a fact about a provider for later runs; it replaces an earlier one of the same kind and subject.
    fn remember(&self, fact: Fact) -> BoxFuture<'_, LedgerResult<()>>;
    /// The same if `may` allows it, to which all facts of its kind are shown in the same transaction: of several processes that ask at once,
    /// each sees what those before it have stored. Returns whether it was stored.
    fn remember_if(&self, fact: Fact, may: FactCondition) -> BoxFuture<'_, LedgerResult<bool>>;
    /// All facts of a kind, by subject.
    fn recall(&self, kind: &'static str) -> BoxFuture<'_, LedgerResult<Vec<Fact>>>;
    /// Removes a fact. Returns whether there was one.
    fn forget(&self, kind: &'static str, subject: &str) -> BoxFuture<'_, LedgerResult<bool>>;
    /// From now on no transaction waits for one of another process: one that would fails at once.
    fn hurry(&self) {}
    /// Begins a pause; one of the same scope is over then.
    fn pause(&self, pause: NewPause) -> BoxFuture<'_, LedgerResult<()>>;
    /// Ends the pauses of this scope, and records who did. Returns whether there was one.
    fn unpause(&self, scope: PauseScope, by: &str) -> BoxFuture<'_, LedgerResult<bool>>;
    /// The pauses in force, the oldest first; latched gates of runs are left out.
    fn pauses(&self) -> BoxFuture<'_, LedgerResult<Vec<Pause>>>;
    /// What latched the gate of this run, when and where; `None` where nothing did, or an earlier version.
    fn latched_by(&self, run: &str) -> BoxFuture<'_, LedgerResult<Option<Pause>>>;
    /// What is claimed and not settled, by run and provider.
    fn under_way(&self) -> BoxFuture<'_, LedgerResult<Vec<UnderWay>>>;
    /// Keeps suppressions, each once; returns how many were new.
    fn suppress(&self, entries: Vec<LedgerSuppression>) -> BoxFuture<'_, LedgerResult<u64>>;
    /// Those of `entries` that `suppress` would keep as new ones, each once.
    fn not_kept(&self, entries: Vec<LedgerSuppression>) -> BoxFuture<'_, LedgerResult<Vec<LedgerSuppression>>>;
    /// Takes suppressions back and records who did it. Returns how many there were.
    fn unsuppress(&self, entries: Vec<String>, by: &str) -> BoxFuture<'_, LedgerResult<u64>>;
    /// Suppressions by number, `limit` at a time, after number `after`. Whatever any process adds gets a higher number than all before it.
    fn suppressions(&self, after: i64, limit: usize) -> BoxFuture<'_, LedgerResult<Vec<(i64, LedgerSuppression)>>>;
    /// The workspace's secret key, made at the first start; for draws and keyed hashes.
    fn secret_key(&self) -> BoxFuture<'_, LedgerResult<[u8; 32]>>;
}

pub mod access;
mod blame;
mod doubt;
mod errors;
mod facts;
mod failures;
mod feedback;
mod gates;
mod learned;
mod leases;
pub mod loss;
mod overlap;
mod pauses;
pub mod record;
pub(crate) mod reports;
mod run;
mod seal;
mod sketch;
pub mod sqlite;
mod tokens;
pub mod trace;
mod trend;

pub use blame::{Refusals, Refused};
pub use errors::{Leaves, LedgerError, LedgerResult};
pub use facts::{Fact, FactCondition};
pub use failures::{Failures, FailuresQuery, with_failures};
pub use feedback::{EventQuery, KeptEvent, LinkedBy, Person, Seen, Unfiled};
pub use gates::{CanaryEvidence, Gate, Hold};
pub use leases::{LEASED_AHEAD, Lease, Leased, Portion, Spent, Wish};
pub use overlap::{LostPeople, OtherCampaign, Overlap, OverlapQuery};
pub use pauses::{NewPause, Pause, PauseScope, UnderWay};
pub use run::{ExitReason, Run, RunHead, RunId, RunState};
pub use seal::{APART_SANDBOX, Seal};
pub use sketch::{People, Sketch, person_of, person_seed};
pub use tokens::UsedToken;
pub use trend::Trend;
