//! The one loop: it admits chunks, collects verdicts and obeys the stop signal; it never touches
//! single messages on the wire.
//!
//! Rate, concurrency, canary, pause and resume are data for this loop. The ledger is not an
//! observer: the loop waits for it.

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

/// A provider of an execution, and what limits it.
#[derive(Clone, Debug)]
pub(crate) struct ConfiguredProvider {
    /// As under `[providers]`.
    pub name: String,
    pub provider: Arc<dyn Provider>,
    /// Recipients per window over all runs of the workspace.
    pub rate: Option<Rate>,
    /// Recipients per hour or day, counted from the ledger.
    pub caps: Vec<Rate>,
    /// The most recipients on each of its first days, counted from the ledger; no such limit
    /// afterwards.
    pub ramp: Vec<u32>,
    /// Rates by receiving domain.
    pub per_domain: Vec<(String, Rate)>,
    /// Requests per window over all runs of the workspace.
    pub request_rate: Option<Rate>,
    /// Connections or requests at once.
    pub in_flight: usize,
    /// What of its configuration shapes the requests, in one text.
    pub shape: String,
    pub retry: RetryPolicy,
}

/// What limits an execution as a whole.
#[derive(Clone, Debug)]
pub(crate) struct Limits {
    /// No more recipients than this in this execution (`--limit`).
    pub limit: Option<u64>,
    /// Wait for a cap's window instead of stopping.
    pub wait_on_cap: bool,
}

/// Everything an execution of a run needs.
pub(crate) struct Parts {
    pub ledger: Arc<dyn Ledger>,
    /// Never empty. Each may be the first choice of some recipients.
    pub configured: Vec<ConfiguredProvider>,
    /// The providers that take over for one that takes nothing, in this order: places in
    /// `configured`.
    pub order: Vec<usize>,
    pub limits: Limits,
    pub message: Arc<Message>,
    /// The columns of each list of the run.
    pub columns: Vec<Arc<ColumnIndex>>,
    pub suppressions: Arc<Suppressions>,
    /// Where learned suppressions are written; `None` learns nothing.
    pub learn: Option<Learn>,
    pub trace: Arc<Trace>,
    pub run: Run,
    /// How its rows stand now.
    pub standing: Standing,
    pub secret: [u8; 32],
    /// All mail goes here instead (`--redirect-all-to`).
    pub redirect: Option<Address>,
    pub canary: CanaryRule,
    /// Whether the endpoint that receives bounces is still there; `None` where bounces come from
    /// elsewhere, or not at all.
    pub is_listened: Option<Arc<dyn Fn() -> bool + Send + Sync>>,
    /// Watched while the rest goes out.
    pub rules: Vec<PauseRule>,
    pub then: Then,
    /// Asks a person whether the rest may go; `None` where no person can be asked.
    pub ask: Option<fn(&str) -> bool>,
    pub progress: Arc<dyn Progress>,
}

impl Parts {
    /// The providers in one text.
    pub(crate) fn label(&self) -> String {
        self.configured
            .iter()
            .map(|configured| configured.name.as_str())
            .collect::<Vec<_>>()
            .join(", ")
    }
}

/// Where learned suppressions go besides the ledger.
#[derive(Clone, Debug)]
pub(crate) struct Learn {
    /// The first suppression file; `None` when there is none.
    pub file: Option<std::path::PathBuf>,
}

/// Why an execution ended before every row had its outcome.
#[derive(Debug)]
pub(crate) enum Why {
    /// A signal; the code says which. With the providers that were failing then, and what each said
    /// last.
    Signal {
        exit: crate::model::exit::Exit,
        failing: Vec<(String, Refusal)>,
    },
    /// No provider will take anything more; each with what it said.
    NoProvider(Vec<(String, Refusal)>),
    /// None takes anything, and at least one of them has failed for longer than retries last.
    Failing(Vec<(String, Refusal)>),
    CanaryFailed(String),
    Waiting(String),
    /// Pause rules hold the run, or some of its recipients.
    Rule(String),
    Capped(String),
    Paused(Pause),
    /// `--limit` is reached.
    Limit,
    /// The suppression file cannot be read any more.
    Suppression(Error),
    /// The ledger's file is gone. What was under way has been settled in the file that is still
    /// open.
    LedgerLost(Error),
}
