//! Sends several messages at a time over one connection. Each consists of MAIL, RCPT and the whole
//! message as one chunk (RFC 3030). The client does not wait for replies between them.
//!
//! Replies come in the order of the commands, so each belongs to a known step of a known message.
//! The trace is written before the write that contains a message's last byte. If a message was
//! completely written and got no reply, its outcome is `Unknown`. After any refusal, no further
//! message starts until all commands in progress and an RSET have been answered. A reply that does
//! not fit its step closes the connection at once.
//!
//! - Each message except the first one begins with RSET, for two reasons. A refused recipient can
//!   leave the sender valid: Exim answers the next MAIL with `503 sender already given`, and still
//!   accepts the RCPT and the message after it. Also, only 250 is a success for RSET. A server that
//!   replies twice, or reads a refused chunk as commands, is therefore detected before its replies
//!   are used.
//! - If the server refused only the recipient, the next message uses the sender that is still
//!   valid. This saves an RSET, because servers count RSETs. While other messages are in progress,
//!   the RSET is needed, so fewer messages are in progress after recipients were refused.
//! - Until this relay has accepted one chunk, one message is sent at a time. After the first
//!   invalid reply, no chunk is sent any more, on any connection and in any later run.
//! - A 4yz or 5yz reply to RSET (Exim's `554 Too many nonmail commands`) means that the server
//!   closes the connection. Because the server replies in order, it has not started a later message
//!   to which it has not replied.
//! - A 421 refuses the message to which it replies. If later messages were completely written and
//!   got no reply, their outcome is `Unknown`, because the server may have read them.

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

/// The number of unwritten bytes from which no further message is added.
const MOST_QUEUED: usize = 256 * 1024;

/// The idle time after which an RSET tests the session first. Otherwise every message written to a
/// lost connection would have an unknown outcome.
const FRESH: Duration = Duration::from_secs(1);

/// The slot (the permission to send) for which the next message waits.
type Slot<'a> = Option<BoxFuture<'a, Result<(), Stopped>>>;

async fn granted(slot: &mut Slot<'_>) -> Result<(), Stopped> {
    match slot {
        Some(slot) => slot.await,
        None => std::future::pending().await,
    }
}

impl<'a> HandOver<'a> {
    /// Sends messages over a session that accepts chunks, until none is in progress.
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
            // The server's software has changed since the last session. It receives this message by
            // DATA.
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
            // After a fault, the slice is empty, so `exchange` only reads.
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
        // A slot counts against the rate limits, so a requested one is awaited and used.
        if let Some(slot) =
            slot.take().filter(|_| !pipe.is_stopped && self.reply.health == Health::Fine)
        {
            let permitted = slot.await;
            pipe.is_held = true;
            self.continue_with(&mut pipe, permitted);
        }
        self.finish(pipe)
    }

    /// Starts the messages that may start, and returns the message that must wait for its slot.
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

    /// Handles the permission for the first remaining job, or the refusal of permission.
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

    /// Stops because the trace cannot be written. A message that was not written completely was
    /// never started.
    fn give_up_untraced(&mut self, pipe: &mut Pipe<'a>, error: &std::io::Error) {
        pipe.is_held = true;
        // The part that the trace did not record has not been written.
        pipe.slice_end = 0;
        pipe.stop_writing(Fault::Lost(
            Step::Message,
            format!("the trace cannot be written: {error}"),
        ));
        pipe.cut.clear();
        // The provider's health already reports why the claim stops.
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
