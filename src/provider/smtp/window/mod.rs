//! Several messages under way on one connection: each is MAIL, RCPT and the whole message as one
//! chunk (RFC 3030), with no wait between them.
//!
//! The rules it keeps: answers come in the order of the commands, so each belongs to a known step
//! of a known message; the trace is written before the write that holds a message's last byte, and
//! whatever was handed over whole and not answered is `Unknown`; after any refusal nothing more is
//! begun until all that is under way has been answered and RSET too; an answer that cannot belong
//! to its step closes the connection at once.
//!
//! - Each message but the first in the pipe begins with RSET. A refused recipient can leave the
//!   sender in force (Exim answers the next MAIL with `503 sender already given` and takes its RCPT
//!   and its message all the same), and nothing but 250 answers RSET, so that a server that answers
//!   twice, or reads a refused chunk as commands, is found out before it is believed.
//! - Where nothing but the recipient was refused, the next one goes under the sender that is in
//!   force, and no RSET is spent; servers count those. Behind messages under way they cannot be
//!   spared, so there are fewer of these once recipients are refused.
//! - Until one chunk has been taken by this relay, there is one message at a time; after the first
//!   reply that cannot be understood there is no chunk any more, on no connection and in no later
//!   run.
//! - 4yz or 5yz to RSET (Exim's `554 Too many nonmail commands`) says that the server closes. What
//!   stood behind it and was not answered when it had closed was not begun: it answers in order.
//! - A 421 refuses the message that it answers. Those behind it that were handed over and not
//!   answered are `Unknown`: the server may have been reading them.

mod answers;
mod pipe;

use std::time::Duration;

use self::pipe::Pipe;
use super::classify::judge_for;
use super::connection::{Broken, expired};
use super::fault::Fault;
use super::hand_over::{Halt, HandOver, untraced};
use super::session::Session;
use super::step::Step;
use super::transaction::{Followed, check};
use crate::provider::{BoxFuture, Health, Job, Stopped, Verdict};

/// With more bytes than this waiting to be written, no message is put behind them.
const MOST_QUEUED: usize = 256 * 1024;

/// A session that has been idle for longer has to show first that it is still there, because all
/// that is written to a lost connection would be in doubt.
const FRESH: Duration = Duration::from_secs(1);

/// The slot that the next message waits for.
type Slot<'a> = Option<BoxFuture<'a, Result<(), Stopped>>>;

async fn granted(slot: &mut Slot<'_>) -> Result<(), Stopped> {
    match slot {
        Some(slot) => slot.await,
        None => std::future::pending().await,
    }
}

impl<'a> HandOver<'a> {
    /// Sends what it can over a session that takes chunks, until the pipe has run empty.
    pub(super) async fn stream(&mut self, session: Session) -> Result<(), Halt> {
        let Some(job) = self.todo.pop_front() else { return Ok(()) };
        if let Some((verdict, health)) = check(&session, job) {
            self.session = Some(session);
            self.reply.items.push((job.id, verdict));
            return self.note_health(health);
        }
        if let Err(stopped) = self.permitted(job).await {
            self.session = Some(session);
            return match stopped {
                Stopped::Member => Ok(()),
                Stopped::Run => Err(Halt),
            };
        }
        let mut session = self.ready(Some(session)).await?;
        if session.in_force.is_some() && session.used_at.elapsed() < FRESH {
            match session.follow(job).await {
                Followed::Taken => {
                    let mut pipe = Pipe::new(session);
                    pipe.go_on(job);
                    return self.keep_full(pipe).await;
                }
                Followed::Refused(answer) => {
                    self.session = Some(session);
                    let (verdict, health) = judge_for(job, Step::Rcpt, &answer);
                    return self.settle_at(job, verdict, health, true);
                }
                Followed::Forgotten => {}
                Followed::Broken(fault) if fault.is_closed_connection() => {
                    let verdict = Verdict::NotTaken { refusal: fault.refusal(), counts: false };
                    if matches!(fault, Fault::Spent(..))
                        && let Err(error) = self.wire.answered(job.id, &verdict)
                    {
                        return self.note_health(untraced(&error));
                    }
                    drop(session);
                    session = self.opened(self.smtp.open(self.begun_at).await)?;
                }
                Followed::Broken(fault) => {
                    let verdict = Verdict::NotTaken { refusal: fault.refusal(), counts: false };
                    return self.settle_at(job, verdict, fault.health(), fault.is_at_a_recipient());
                }
            }
        }
        if (session.needs_reset || session.used_at.elapsed() >= FRESH) && !session.reset().await {
            drop(session);
            session = self.opened(self.smtp.open(self.begun_at).await)?;
        }
        if self.smtp.width(&session).is_none() {
            // Not the server that it was; this one gets the message by DATA.
            self.granted = Some(job.id);
            self.todo.push_front(job);
            self.session = Some(session);
            return Ok(());
        }
        let mut pipe = Pipe::new(session);
        pipe.begin(job);
        self.keep_full(pipe).await
    }

    async fn keep_full(&mut self, pipe: Pipe<'a>) -> Result<(), Halt> {
        let relay = std::sync::Arc::clone(&pipe.session.relay);
        let kept = self.run_empty(pipe).await;
        self.smtp.relays.record_chunks(&relay).await;
        kept
    }

    async fn run_empty(&mut self, mut pipe: Pipe<'a>) -> Result<(), Halt> {
        let mut slot: Slot<'a> = None;
        loop {
            if slot.is_none()
                && let Some(job) = self.fill(&mut pipe)
            {
                slot = Some(self.wire.slot(job));
            }
            if pipe.flights.is_empty() {
                break;
            }
            if pipe.fault.is_none()
                && let Err(error) = pipe.trace(self.wire)
            {
                self.give_up_untraced(&mut pipe, &error);
                continue;
            }
            let queued = pipe.session.connection.queued();
            // After a fault nothing is written: an empty slice only reads.
            let end = if pipe.fault.is_none() { pipe.slice_end } else { 0 };
            let (deadline, silent) = pipe.deadline();
            tokio::select! {
                biased;
                broken = pipe.session.connection.exchange(end) => {
                    pipe.note_progress(queued);
                    self.take_in(&mut pipe, broken);
                }
                permitted = granted(&mut slot) => {
                    slot = None;
                    self.continue_with(&mut pipe, permitted);
                }
                () = expired(deadline) => self.break_off(&mut pipe, silent),
            }
        }
        // A slot that is about to come is not thrown away, since it counts.
        if let Some(slot) =
            slot.take().filter(|_| !pipe.is_stopped && self.reply.health == Health::Fine)
        {
            let permitted = slot.await;
            pipe.is_held = true;
            self.continue_with(&mut pipe, permitted);
        }
        self.finish(pipe)
    }

    /// Begins what may be begun, and returns the message that has to wait for its slot.
    fn fill(&mut self, pipe: &mut Pipe<'a>) -> Option<&'a Job> {
        while !(pipe.is_held || pipe.flights.is_empty())
            && pipe.session.connection.queued() < MOST_QUEUED
            && pipe.session.transactions < self.smtp.settings.per_connection.get()
            && self.smtp.width(&pipe.session).is_some_and(|width| pipe.flights.len() < width)
        {
            let job = *self.todo.front()?;
            if let Some((verdict, health)) = check(&pipe.session, job) {
                self.todo.pop_front();
                self.reply.items.push((job.id, verdict));
                pipe.is_held |= self.note_health(health).is_err();
                continue;
            }
            let Some(permitted) = self.wire.slot_now(job) else { return Some(job) };
            self.continue_with(pipe, permitted);
        }
        None
    }

    /// The first job that is left may be begun, or it may not.
    fn continue_with(&mut self, pipe: &mut Pipe<'a>, permitted: Result<(), Stopped>) {
        match permitted {
            Ok(()) if pipe.is_held || pipe.flights.is_empty() => {
                self.granted = self.todo.front().map(|job| job.id)
            }
            Ok(()) => {
                if let Some(job) = self.todo.pop_front() {
                    pipe.begin(job);
                }
            }
            Err(Stopped::Member) => drop(self.todo.pop_front()),
            Err(Stopped::Run) => {
                pipe.is_held = true;
                pipe.is_stopped = true;
            }
        }
    }

    fn take_in(&mut self, pipe: &mut Pipe<'a>, broken: Broken) {
        while !pipe.flights.is_empty() {
            let absorbed = match pipe.session.connection.answered() {
                Ok(Some((step, answer))) => self.absorb(pipe, step, answer),
                Ok(None) => break,
                Err(fault) => Err(fault),
            };
            if let Err(fault) = absorbed {
                return self.break_off(pipe, fault);
            }
        }
        let step = pipe.step();
        if let Some(detail) = broken.writing {
            pipe.is_held = true;
            pipe.stop_writing(Fault::Lost(step, detail));
        }
        if let Some(detail) = broken.reading {
            self.break_off(pipe, Fault::Lost(step, detail));
        }
    }

    /// The trace is broken: a message that is not handed over whole was never begun.
    fn give_up_untraced(&mut self, pipe: &mut Pipe<'a>, error: &std::io::Error) {
        pipe.is_held = true;
        // The slice that was to be traced has not been written.
        pipe.slice_end = 0;
        pipe.stop_writing(Fault::Lost(
            Step::Message,
            format!("the trace cannot be written: {error}"),
        ));
        pipe.cut.clear();
        // The provider's health says what stops the claim.
        let _ = self.note_health(untraced(error));
    }

    fn finish(&mut self, mut pipe: Pipe<'a>) -> Result<(), Halt> {
        match pipe.fault.clone() {
            Some(fault) => self.break_off(&mut pipe, fault),
            None => {
                pipe.session.used_at = pipe.answered_at;
                self.session = Some(pipe.session);
            }
        }
        if pipe.is_stopped || self.reply.health != Health::Fine { Err(Halt) } else { Ok(()) }
    }
}
