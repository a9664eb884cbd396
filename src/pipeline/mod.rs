//! The loop that sends a run: it admits chunks, collects verdicts and obeys stop signals. It never
//! handles single messages on the wire.
//!
//! Rate, concurrency, canary, pause and resume are data for this loop. The loop waits for every
//! write to the ledger.
//!
//! Terms used in this module:
//!
//! - *execution*: one process sending a run.
//! - *chunk*: rows that are admitted together, to be rendered and claimed.
//! - *claim*: the ledger's durable record that the members of a chunk are about to be sent. A
//!   member is *started* when it may have gone to the provider; the others are given back.
//! - *trace*: a log of what is about to be sent and what was answered, for recovery after a crash.
//! - *settle*: to store the verdicts of a claim in the ledger.
//! - *retry period*: `retry.for` of a provider, the time in which a recipient is retried.
//! - *hold*: a pause rule keeps the recipients of a provider or a domain back.

mod allowance;
mod binomial;
mod brake;
mod breaker;
mod chunk;
mod engine;
pub(crate) mod gate;
mod learning;
mod memory;
mod queues;
pub(crate) mod receivers;
mod render;
mod replay;
pub(crate) mod retry;
mod sameness;
mod settle;
mod signals;
mod throttle;
mod verdicts;
mod wire;

use std::sync::Arc;

use crate::input::context::ColumnIndex;
use crate::ledger::trace::Trace;
use crate::ledger::{Ledger, Pause, Run, Standing};
use crate::message::Message;
use crate::model::address::Address;
use crate::model::error::Error;
use crate::model::literal::Rate;
use crate::model::pause::PauseRule;
use crate::model::verdict::Refusal;
use crate::progress::Progress;
use crate::provider::Provider;
use crate::suppression::Suppressions;

pub(crate) use crate::cli::Then;
pub(crate) use brake::LEFT_ALONE;
pub(crate) use engine::execute;
pub(crate) use gate::CanaryRule;
pub(crate) use learning::{keep_learned, keep_unlearned};
pub(crate) use memory::LedgerMemory;
pub(crate) use replay::{ReplaySource, Replayed, replay};
pub(crate) use retry::RetryPolicy;
pub(crate) use signals::{SignalRequest, Signals, install_sigusr1_handler};

/// A provider of an execution, with its limits.
#[derive(Clone, Debug)]
pub(crate) struct ConfiguredProvider {
    /// The provider's name under `[providers]`.
    pub name: String,
    pub provider: Arc<dyn Provider>,
    /// Recipients per window, across all runs of the workspace.
    pub rate: Option<Rate>,
    /// Recipients per hour or day, counted in the ledger.
    pub caps: Vec<Rate>,
    /// The most recipients on each of the provider's first days, counted in the ledger. Later days
    /// have no daily limit.
    pub ramp: Vec<u32>,
    /// A rate for each receiving domain that has one.
    pub per_domain: Vec<(String, Rate)>,
    /// Requests per window, across all runs of the workspace.
    pub request_rate: Option<Rate>,
    /// The most connections or requests at once.
    pub in_flight: usize,
    /// All settings that affect the content of requests, as one text.
    pub shape: String,
    pub retry: RetryPolicy,
}

/// The limits of an execution as a whole.
#[derive(Clone, Debug)]
pub(crate) struct Limits {
    /// The most recipients of this execution (`--limit`).
    pub limit: Option<u64>,
    /// Whether to wait until a full cap has room, instead of stopping.
    pub wait_on_cap: bool,
}

/// The inputs of an execution of a run.
pub(crate) struct Parts {
    pub ledger: Arc<dyn Ledger>,
    /// The providers, at least one. The plan may choose any of them for a recipient.
    pub configured: Vec<ConfiguredProvider>,
    /// The providers that take over from a failing one, in this order, as indices into
    /// `configured`.
    pub order: Vec<usize>,
    pub limits: Limits,
    pub message: Arc<Message>,
    /// The columns of each list of the run.
    pub columns: Vec<Arc<ColumnIndex>>,
    pub suppressions: Arc<Suppressions>,
    /// Where learned suppressions are written; `None` if suppressions are not learned.
    pub learn: Option<Learn>,
    pub trace: Arc<Trace>,
    pub run: Run,
    /// The number of rows per outcome at the start.
    pub standing: Standing,
    pub secret: [u8; 32],
    /// All mail goes to this address instead (`--redirect-all-to`).
    pub redirect: Option<Address>,
    pub canary: CanaryRule,
    /// Whether the listener that receives bounces is still running; `None` if no listener is
    /// needed.
    pub is_listened: Option<Arc<dyn Fn() -> bool + Send + Sync>>,
    /// The pause rules, checked while the rest is sent after the canary.
    pub rules: Vec<PauseRule>,
    pub then: Then,
    /// Asks the operator whether to send the rest; `None` without a terminal.
    pub ask: Option<fn(&str) -> bool>,
    pub progress: Arc<dyn Progress>,
}

impl Parts {
    /// The names of the providers, separated by commas.
    pub(crate) fn label(&self) -> String {
        self.configured
            .iter()
            .map(|configured| configured.name.as_str())
            .collect::<Vec<_>>()
            .join(", ")
    }
}

/// Where learned suppressions are written.
#[derive(Clone, Debug)]
pub(crate) struct Learn {
    /// The first suppression file, which learned suppressions are appended to; `None` if none is
    /// configured.
    pub file: Option<std::path::PathBuf>,
}

/// Why an execution ended before every row had an outcome.
#[derive(Debug)]
pub(crate) enum Why {
    /// A signal, with its exit code. `failing` lists the providers that were failing, with the last
    /// reply of each.
    Signal {
        exit: crate::model::exit::Exit,
        failing: Vec<(String, Refusal)>,
    },
    /// No provider accepts mail any more. The list contains each provider with its last reply.
    NoProvider(Vec<(String, Refusal)>),
    /// No provider accepts mail, and at least one has failed for longer than the retry period.
    Failing(Vec<(String, Refusal)>),
    CanaryFailed(String),
    Waiting(String),
    /// Pause rules hold the run, or some of its recipients.
    Rule(String),
    Capped(String),
    Paused(Pause),
    /// The run reached `--limit`.
    Limit,
    /// The suppression file has become unreadable.
    Suppression(Error),
    /// The ledger file was removed. Outstanding answers have been settled in the removed file,
    /// which is still open.
    LedgerLost(Error),
}
