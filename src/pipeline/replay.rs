//! Sends a batch with unknown outcomes again: with the same idempotency key, byte for byte, and
//! only while the provider still remembers the key.
//!
//! Invariant: the same content goes to the same recipients, or nothing is sent. The key depends on
//! everything that affects the request. A request that would differ therefore has a different key
//! and is refused.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;

use super::ConfiguredProvider;
use super::render::{Renderer, account_mark, idempotency_key};
use super::wire::Pacers;
use crate::input::context::ColumnIndex;
use crate::ledger::{BatchRecord, Ledger, LedgerRow, Pause, Run};
use crate::message::Message;
use crate::model::address::Address;
use crate::model::error::Result;
use crate::model::verdict::{Reply, RowNumber, Verdict};
use crate::provider::{BoxFuture, Claim, Job, Stopped, Ticket, Wire};
use crate::suppression::Suppressions;

/// The inputs of a replay that all batches of a run share.
pub(crate) struct ReplaySource {
    pub ledger: Arc<dyn Ledger>,
    pub run: Run,
    pub message: Arc<Message>,
    /// The columns of each list of the run.
    pub columns: Vec<Arc<ColumnIndex>>,
    pub secret: [u8; 32],
    /// The address that all mail of the run was redirected to.
    pub redirect: Option<Address>,
    pub suppressions: Arc<Suppressions>,
}

/// The result of a replay.
#[derive(Debug)]
pub(crate) enum Replayed {
    /// The batch was not sent; the text gives the reason.
    Refused(String),
    /// The batch was sent. Members that the reply omits, or reports as `Unknown`, stay unknown.
    Answered(Reply),
}

/// Sends a batch again. `rows` are all members of the batch in their original order, each with the
/// outcome unknown.
pub(crate) async fn replay(
    source: &ReplaySource,
    configured: &ConfiguredProvider,
    batch: &BatchRecord,
    rows: &[LedgerRow],
) -> Result<Replayed> {
    let refused = |why: String| Ok(Replayed::Refused(why));
    if let Some(why) = ineligible(source, configured, batch, rows.len()) {
        return refused(why);
    }
    let provider = configured.provider.as_ref();
    let renderer = Renderer {
        message: &source.message,
        columns: &source.columns,
        run: &source.run,
        secret: &source.secret,
    };
    let mut jobs = Vec::with_capacity(rows.len());
    for row in rows {
        // Use the spelling that was sent, which an earlier version may have stored.
        let to = match Address::as_planned(&row.email) {
            Ok(to) => to,
            Err(why) => {
                return refused(format!(
                    "row {} has no address that can be mailed now ({why}), and the batch can only be sent whole",
                    row.row
                ));
            }
        };
        if source.suppressions.screen(&to).is_some() {
            return refused(format!(
                "row {} has been suppressed since, and the batch can only be sent whole",
                row.row
            ));
        }
        let mut job = match renderer.job(row, &to, batch.claimed_at, provider, Vec::new())? {
            Ok(job) => job,
            Err(why) => {
                return refused(format!(
                    "row {}: {why}, and the batch can only be sent whole",
                    row.row
                ));
            }
        };
        if let Some(redirect) = &source.redirect {
            job.to = redirect.clone();
        }
        jobs.push(job);
    }
    if idempotency_key(&source.run, configured, &jobs, batch.claimed_at, &source.secret)
        != batch.key
    {
        return refused("the request would not be the same as the one sent before: the provider's configuration or the mailbatch version has changed since".into());
    }
    let head = &source.run.head;
    let holds = |pause: &Pause| {
        pause.scope.holds(&head.campaign, head.kind) || pause.scope.holds_provider(&configured.name)
    };
    if let Some(pause) = source.ledger.pauses().await?.into_iter().find(holds) {
        return refused(format!("{} has been paused since {}", pause.scope.words(), pause.words()));
    }
    let wire = ReplayWire { pacers: Pacers::new(&source.ledger, configured) };
    if wire.pacers.fit(&jobs.iter().collect::<Vec<_>>()) < jobs.len() {
        return refused(
            "the batch has more recipients than the provider's rate allows at once".into(),
        );
    }
    let claim = Claim {
        batch: batch.batch,
        key: batch.key.clone(),
        claimed_at: batch.claimed_at,
        jobs,
        is_replay: true,
    };
    Ok(Replayed::Answered(configured.provider.send(&claim, &wire).await))
}

/// Returns why a batch of this many rows cannot be sent again, or `None` if nothing that is known
/// before rendering prevents it.
fn ineligible(
    source: &ReplaySource,
    configured: &ConfiguredProvider,
    batch: &BatchRecord,
    rows: usize,
) -> Option<String> {
    let can = configured.provider.capabilities();
    let Some(window) = can.idempotency_window else {
        return Some(format!("{} knows no idempotency keys", configured.name));
    };
    let age = Duration::try_from(Timestamp::now().duration_since(batch.claimed_at))
        .unwrap_or(Duration::ZERO);
    if age > window * 2 / 3 {
        let hours = (window * 2 / 3).as_secs() / 3_600;
        return Some(format!(
            "it was claimed more than {hours} hours ago, and {} may have forgotten its key",
            configured.name
        ));
    }
    // A new key for the same account looks the same as a key for another account. Another account
    // would mail all members again.
    let mark = account_mark(configured, &source.secret);
    if batch.key.find('-').is_some_and(|at| batch.key[at..] != mark) {
        let name = &configured.name;
        return Some(format!(
            "api_key or base_url of {name} have changed since, so this may be another account, which does not know the batch"
        ));
    }
    if rows > can.per_request {
        return Some(
            "it was sent in more than one request, and the ledger does not say which".into(),
        );
    }
    None
}

/// The connection between a replay and the pipeline: it applies the limits and writes no trace. The
/// ledger lists the members as unknown until the reply is recorded.
struct ReplayWire {
    pacers: Pacers,
}

impl ReplayWire {
    async fn granted(&self, jobs: &[&Job]) -> Result<(), Stopped> {
        // If the ledger fails, nothing is granted; the error is reported when the reply is
        // recorded.
        self.pacers.together(jobs).await.map_err(|_| Stopped::Run)
    }
}

impl Wire for ReplayWire {
    fn slot<'a>(&'a self, job: &'a Job) -> BoxFuture<'a, Result<(), Stopped>> {
        Box::pin(async move { self.granted(&[job]).await })
    }

    fn slot_now(&self, _job: &Job) -> Option<Result<(), Stopped>> {
        None
    }

    fn fit(&self, jobs: &[&Job]) -> usize {
        jobs.len()
    }

    fn together<'a>(
        &'a self,
        jobs: &'a [&'a Job],
    ) -> BoxFuture<'a, Result<Vec<RowNumber>, Stopped>> {
        Box::pin(async move {
            self.granted(jobs).await.map(|()| jobs.iter().map(|job| job.id).collect())
        })
    }

    fn again<'a>(
        &'a self,
        jobs: &'a [&'a Job],
        _lifts_doubt: bool,
    ) -> BoxFuture<'a, Result<(), Stopped>> {
        Box::pin(async move { self.granted(jobs).await })
    }

    fn throttled(&self, quiet: Duration) {
        self.pacers.throttle.slow_down(quiet, std::time::Instant::now());
    }

    fn announce(&self, _jobs: &[RowNumber]) -> io::Result<Ticket> {
        Ok(0)
    }

    fn crossed(&self, _ticket: Ticket) -> io::Result<()> {
        Ok(())
    }

    fn answered(&self, _job: RowNumber, _verdict: &Verdict) -> io::Result<()> {
        Ok(())
    }
}
