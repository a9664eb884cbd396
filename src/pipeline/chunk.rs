//! Processes one chunk of recipients: screens, renders, claims and sends them. The loop admits the
//! chunk and settles the result.

use std::collections::{HashMap, HashSet};
use std::sync::atomic::{AtomicU64, AtomicUsize};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use jiff::Timestamp;
use tokio::sync::{Semaphore, watch};

use crate::ledger::{Claimed, Draft, InsteadOf, LedgerRow, Member};
use crate::model::address::Address;
use crate::model::error::{Error, Result};
use crate::model::outcome::{Outcome, Reason};
use crate::model::verdict::{Health, Reply, RowNumber};
use crate::pipeline::render::{Renderer, idempotency_key};
use crate::pipeline::verdicts::PendingVerdicts;
use crate::pipeline::wire::{ClaimWire, Cut, FirstRequest, Pacers, withdrawn};
use crate::pipeline::{ConfiguredProvider, Parts};
use crate::provider::{Claim, Job};

/// Which provider the plan chose for a chunk's recipients and which provider sends them. Providers
/// are indices into `Parts::configured`; `queue` is an index into the queues of `first`.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Route {
    /// The provider that the plan chose for the recipients.
    pub(crate) first: usize,
    pub(crate) queue: usize,
    /// The provider that sends the chunk.
    pub(crate) through: usize,
}

/// The result of a chunk.
pub(crate) enum Done {
    /// Nothing was claimed, and the rows did not change.
    NotClaimed {
        route: Route,
        rows: Vec<RowNumber>,
        suppressed: Vec<(RowNumber, Outcome)>,
        why: Claimed,
    },
    /// The claim was submitted to the provider. The loop settles the claim.
    Sent(Box<Sent>),
}

/// A claim with the provider's reply.
pub(crate) struct Sent {
    pub(crate) route: Route,
    pub(crate) batch: i64,
    pub(crate) rows: Arc<Vec<LedgerRow>>,
    pub(crate) claimed_at: Timestamp,
    pub(crate) reply: Reply,
    pub(crate) screened: Vec<(RowNumber, Reason, String)>,
    pub(crate) suppressed: Vec<(RowNumber, Outcome)>,
    /// Members whose retry period ended before another attempt could start.
    pub(crate) expired: Vec<RowNumber>,
    pub(crate) put_off: HashMap<RowNumber, Timestamp>,
}

/// The inputs of one chunk. The inputs that all chunks share are in [`Parts`].
pub(crate) struct ChunkContext {
    pub(crate) route: Route,
    /// The provider that the configured order prefers, if this chunk is sent through another one.
    pub(crate) instead_of: Option<InsteadOf>,
    pub(crate) pacers: Pacers,
    pub(crate) stop: watch::Receiver<bool>,
    pub(crate) opened: watch::Receiver<()>,
    pub(crate) patience: Duration,
    pub(crate) first_request: Option<FirstRequest>,
    /// The latest time for another attempt, for each member that was attempted before.
    pub(crate) deadlines: HashMap<RowNumber, Timestamp>,
    /// Limits how many chunks are rendered at once.
    pub(crate) render_permits: Arc<Semaphore>,
    pub(crate) connections: Arc<Semaphore>,
    pub(crate) buffers: Arc<Buffers>,
    pub(crate) verdicts: Arc<PendingVerdicts>,
    /// How many recipients of the run are neither finished nor under way.
    pub(crate) left: u64,
}

/// Screens, renders and claims `rows`, and sends them through the provider.
pub(crate) async fn dispatch(
    parts: Arc<Parts>,
    rows: Vec<LedgerRow>,
    context: ChunkContext,
) -> Result<Done> {
    let claimed_at = Timestamp::now();
    let configured = &parts.configured[context.route.through];
    let names: Vec<RowNumber> = rows.iter().map(|row| row.row).collect();
    let drafted = rendered(&parts, rows, &context, claimed_at).await?;
    let Drafted { rows, jobs, recipients, suppressed } = drafted;
    let key = idempotency_key(&parts.run, configured, &jobs, claimed_at, &parts.secret);
    let taken_out: Vec<(RowNumber, Outcome)> =
        suppressed.iter().map(|(row, reason, _)| (*row, Outcome::of_screening(*reason))).collect();
    let members =
        jobs.iter().map(|job| Member { row: job.id, message_id: job.message_id.clone() }).collect();
    let claim = parts
        .ledger
        .claim(Draft {
            run: parts.run.id.clone(),
            provider: configured.name.clone(),
            key: key.clone(),
            claimed_at,
            members,
            suppressed,
            caps: configured.caps.clone(),
            ramp: configured.ramp.clone(),
            instead_of: context.instead_of,
        })
        .await?;
    let Claimed::Batch(batch) = claim else {
        return Ok(Done::NotClaimed {
            route: context.route,
            rows: names,
            suppressed: taken_out,
            why: claim,
        });
    };
    // If a claim is withdrawn while it waits for a connection, it continues without one, and the
    // provider starts none of its members.
    let _connection = tokio::select! {
        biased;
        () = withdrawn(&context.stop, &context.opened) => None,
        permit = context.connections.acquire() => Some(permit.map_err(|_| Error::internal("the connection limit is closed"))?),
    };
    let rows = Arc::new(rows);
    let wire = ClaimWire {
        batch,
        pacers: context.pacers,
        suppressions: Arc::clone(&parts.suppressions),
        trace: Arc::clone(&parts.trace),
        verdicts: context.verdicts,
        stop: context.stop,
        opened: context.opened,
        patience: context.patience,
        first_request: context.first_request,
        screened: Mutex::new(Vec::new()),
        deadlines: context.deadlines,
        last_in_time: AtomicU64::new(0),
        expired: Mutex::new(Vec::new()),
        put_off: Mutex::new(HashMap::new()),
        cut: Cut::default(),
        left: context.left,
        recipients,
        rows: Arc::clone(&rows),
        next_row: AtomicUsize::new(0),
    };
    let claim = Claim { batch, key, claimed_at, jobs, is_replay: false };
    let reply = submitted(&parts, configured, &claim, &wire).await;
    if matches!(reply.health, Health::Stop(_) | Health::Exhausted(_)) {
        // The next claim must not start on this connection, so stop before the connection is
        // released.
        wire.verdicts.stop();
    }
    context.buffers.give_back(claim.jobs.into_iter().map(|job| job.message));
    let screened = wire.screened.into_inner().unwrap_or_else(PoisonError::into_inner);
    let expired = wire.expired.into_inner().unwrap_or_else(PoisonError::into_inner);
    let put_off = wire.put_off.into_inner().unwrap_or_else(PoisonError::into_inner);
    Ok(Done::Sent(Box::new(Sent {
        route: context.route,
        batch,
        rows,
        claimed_at,
        reply,
        screened,
        suppressed: taken_out,
        expired,
        put_off,
    })))
}

/// Screens and renders a chunk on a blocking thread, after waiting for a render permit.
async fn rendered(
    parts: &Arc<Parts>,
    rows: Vec<LedgerRow>,
    context: &ChunkContext,
    claimed_at: Timestamp,
) -> Result<Drafted> {
    let (parts, buffers) = (Arc::clone(parts), Arc::clone(&context.buffers));
    let route = context.route;
    let _permit = context
        .render_permits
        .acquire()
        .await
        .map_err(|_| Error::internal("the render queue is closed"))?;
    tokio::task::spawn_blocking(move || {
        draft(&parts, &parts.configured[route.through], &buffers, rows, claimed_at)
    })
    .await
    .map_err(|e| Error::internal(format!("rendering stopped: {e}")))?
}

/// Submits a claim to its provider, and writes the answers to the trace as they arrive.
async fn submitted(
    parts: &Parts,
    configured: &ConfiguredProvider,
    claim: &Claim,
    wire: &ClaimWire,
) -> Reply {
    let mut sending = configured.provider.send(claim, wire);
    std::future::poll_fn(|cx| {
        let polled = sending.as_mut().poll(cx);
        // The answers must be written to the trace before this task waits or ends. If writing
        // fails, the next write to the trace (`Wire::crossed`) fails too.
        let _ = parts.trace.rest();
        polled
    })
    .await
}

/// Message buffers kept for reuse, without oversized ones. There are at most as many as messages
/// were in flight at once.
#[derive(Debug, Default)]
pub(crate) struct Buffers(Mutex<Vec<Vec<u8>>>);

impl Buffers {
    /// The largest buffer that is kept, in bytes.
    const LARGEST: usize = 64 * 1024;

    fn take(&self) -> Vec<u8> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).pop().unwrap_or_default()
    }

    fn give_back(&self, buffers: impl Iterator<Item = Vec<u8>>) {
        self.0
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .extend(buffers.filter(|buffer| buffer.capacity() <= Self::LARGEST));
    }
}

struct Drafted {
    rows: Vec<LedgerRow>,
    jobs: Vec<Job>,
    recipients: HashMap<RowNumber, Address>,
    suppressed: Vec<(RowNumber, Reason, String)>,
}

/// The rendering thread yields after this many messages, because the connections that keep a server
/// busy may need the core.
const BEFORE_WIRE: usize = 8;

/// Screens and renders a chunk. Planning has already rendered every row, so an error here is a
/// defect in mailbatch and stops the run. A row whose attached files have changed since planning
/// becomes `invalid`.
fn draft(
    parts: &Parts,
    configured: &ConfiguredProvider,
    buffers: &Buffers,
    mut rows: Vec<LedgerRow>,
    claimed_at: Timestamp,
) -> Result<Drafted> {
    let provider = configured.provider.as_ref();
    let renderer = Renderer {
        message: &parts.message,
        columns: &parts.columns,
        run: &parts.run,
        secret: &parts.secret,
    };
    let mut jobs = Vec::with_capacity(rows.len());
    let mut recipients = HashMap::new();
    let mut suppressed = Vec::new();
    let mut taken_out = HashSet::new();
    for row in &rows {
        // An earlier version may have planned an address that this version considers invalid; it is
        // not mailed.
        let to = match Address::parse(&row.email) {
            Ok(to) => to,
            Err(why) => {
                suppressed.push((row.row, Reason::BadAddress, why.to_string()));
                taken_out.insert(row.row);
                continue;
            }
        };
        if let Some(hit) = parts.suppressions.screen(&to) {
            suppressed.push((row.row, hit.reason, hit.detail));
            taken_out.insert(row.row);
            continue;
        }
        let mut job = match renderer.job(row, &to, claimed_at, provider, buffers.take())? {
            Ok(job) => job,
            // The files that this row attaches have changed since planning.
            Err(why) => {
                suppressed.push((row.row, Reason::Render, why));
                taken_out.insert(row.row);
                continue;
            }
        };
        if let Some(redirect) = &parts.redirect {
            recipients.insert(row.row, to);
            job.to = redirect.clone();
        }
        jobs.push(job);
        if jobs.len().is_multiple_of(BEFORE_WIRE) {
            std::thread::yield_now();
        }
    }
    rows.retain(|row| !taken_out.contains(&row.row));
    Ok(Drafted { rows, jobs, recipients, suppressed })
}
