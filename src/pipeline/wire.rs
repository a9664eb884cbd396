//! What the pipeline answers a provider while it sends: slots, the last screening, the trace.

use std::collections::HashMap;
use std::io;
use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::watch;

use crate::ledger::trace::Trace;
use crate::limit::Pacer;
use crate::outcome::Reason;
use crate::pipeline::heard::Heard;
use crate::provider::{BoxFuture, Job, JobId, Stopped, Verdict, Wire};
use crate::suppression::Suppressions;

/// The pacers of one provider: one for all its recipients, and one for each receiving domain that has a rate of its own.
#[derive(Clone, Default)]
pub(crate) struct Pacers {
    pub(crate) all: Option<Arc<Pacer>>,
    pub(crate) domains: HashMap<String, Arc<Pacer>>,
}

/// The wire of one claim.
pub(crate) struct ClaimWire {
    pub(crate) batch: i64,
    pub(crate) pacers: Pacers,
    pub(crate) suppressions: Arc<Suppressions>,
    pub(crate) trace: Arc<Trace>,
    pub(crate) heard: Arc<Heard>,
    /// True as soon as nothing more may be begun.
    pub(crate) stop: watch::Receiver<bool>,
    /// Members that were suppressed between claim and hand-over.
    pub(crate) screened: Mutex<Vec<(JobId, Reason, String)>>,
    /// Screens by the recipient's own address even where mail is redirected.
    pub(crate) recipients: HashMap<JobId, crate::address::Address>,
}

impl ClaimWire {
    fn screen(&self, job: &Job) -> Result<(), Stopped> {
        let address = self.recipients.get(&job.id).unwrap_or(&job.to);
        match self.suppressions.screen(address) {
            None => Ok(()),
            Some(hit) => {
                self.screened.lock().unwrap_or_else(PoisonError::into_inner).push((job.id, hit.reason, hit.detail));
                Err(Stopped::Suppressed)
            }
        }
    }

    async fn granted(&self, job: &Job) -> Result<(), Stopped> {
        // A ledger that can grant nothing any more stops the claim; the loop meets the same error and reports it.
        if let Some(pacer) = self.pacers.domains.get(job.to.domain()) {
            pacer.slot().await.map_err(|_| Stopped::Run)?;
        }
        if let Some(pacer) = &self.pacers.all {
            pacer.slot().await.map_err(|_| Stopped::Run)?;
        }
        Ok(())
    }
}

impl Wire for ClaimWire {
    fn slot<'a>(&'a self, job: &'a Job) -> BoxFuture<'a, Result<(), Stopped>> {
        Box::pin(async move {
            if *self.stop.borrow() {
                return Err(Stopped::Run);
            }
            self.screen(job)?;
            if self.pacers.all.is_none() && self.pacers.domains.is_empty() {
                return Ok(());
            }
            let mut stop = self.stop.clone();
            tokio::select! {
                biased;
                _ = stop.wait_for(|stopped| *stopped) => Err(Stopped::Run),
                granted = self.granted(job) => {
                    granted?;
                    // The wait may have been long enough for somebody to be suppressed.
                    self.screen(job)
                }
            }
        })
    }

    fn slot_now(&self, job: &Job) -> Option<Result<(), Stopped>> {
        if self.pacers.all.is_some() || !self.pacers.domains.is_empty() {
            return None;
        }
        Some(if *self.stop.borrow() { Err(Stopped::Run) } else { self.screen(job) })
    }

    fn crossing(&self, jobs: &[JobId]) -> io::Result<()> {
        self.trace.crossing(self.batch, jobs)
    }

    fn answered(&self, job: JobId, verdict: &Verdict) -> io::Result<()> {
        self.heard.answered(self.batch, verdict);
        self.trace.answered(self.batch, job, verdict)
    }
}
