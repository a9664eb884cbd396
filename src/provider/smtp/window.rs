//! Several messages under way on one connection: each is MAIL, RCPT and the whole message as one chunk (RFC 3030), with no wait between
//! them.
//!
//! The rules it keeps: answers come in the order of the commands, so each belongs to a known step of a known message; the trace is told
//! before the write that holds a message's last octet, and whatever was handed over whole and not answered is `Unknown`; after any refusal
//! nothing more is begun until all that is under way has been answered and RSET too; an answer that cannot belong to its step closes the
//! connection at once.
//!
//! - Each message but the first in the pipe begins with RSET. A refused recipient can leave the sender in force (Exim answers the next
//!   MAIL with `503 sender already given` and takes its RCPT and its message all the same), and nothing but 250 answers RSET, so that a
//!   server that answers twice, or reads a refused chunk as commands, is found out before it is believed.
//! - Until one chunk has been taken by this relay, there is one message at a time.
//! - A 421 refuses the message that it answers. Those behind it that were handed over and not answered are `Unknown`: the server may have
//!   been reading them.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use tokio::time::{Instant, sleep_until};

use super::classify::judge;
use super::connection::Broken;
use super::reply::Answer;
use super::session::Session;
use super::settings::Settings;
use super::step::{Fault, Step};
use super::transaction::{check, queue_id, rcpt_command};
use super::{Halt, HandOver, untraced};
use crate::outcome::Reason;
use crate::provider::{BoxFuture, Health, Job, JobId, Refusal, Stopped, Verdict, Wire};

/// With more octets than this waiting to be written, no message is put behind them.
const MOST_QUEUED: usize = 256 * 1024;

/// A session that has been idle for longer has to show first that it is still there, because all that is written to a lost connection
/// would be in doubt.
const FRESH: Duration = Duration::from_secs(1);

/// What is known about how a relay takes chunks.
#[derive(Debug, Default)]
pub(super) struct Experience {
    has_taken: AtomicBool,
    is_broken: AtomicBool,
    has_been_told: AtomicBool,
}

impl Experience {
    /// How many messages may be under way on this session; `None` where chunks are not to be used.
    pub(super) fn width(&self, settings: &Settings, session: &Session) -> Option<usize> {
        if settings.window < 2 || self.is_broken.load(Ordering::Relaxed) {
            return None;
        }
        if !(session.extensions.chunking && session.extensions.pipelining) {
            if !self.has_been_told.swap(true, Ordering::Relaxed) {
                tracing::info!(server = settings.host, "`window` does nothing here: the server does not announce both CHUNKING and PIPELINING");
            }
            return None;
        }
        Some(if self.has_taken.load(Ordering::Relaxed) { settings.window } else { 1 })
    }

    fn found_broken(&self, settings: &Settings) {
        if !self.is_broken.swap(true, Ordering::Relaxed) {
            tracing::warn!(server = settings.host, "the server announces CHUNKING and does not know BDAT; the rest goes by DATA; take `window` out");
        }
    }
}

/// A message on its way.
struct Flight<'a> {
    job: &'a Job,
    /// Where it ends in the outbox; `None` once all of it has been handed over.
    end: Option<usize>,
    is_traced: bool,
    is_recipient_taken: bool,
    /// The first refusal; what is refused after it is refused because of it.
    refused: Option<(Step, Answer)>,
}

/// A session with the messages under way on it.
struct Pipe<'a> {
    session: Session,
    /// Oldest first; the next answer belongs to the first of them.
    flights: VecDeque<Flight<'a>>,
    /// Messages that cannot be handed over whole any more.
    cut: Vec<Flight<'a>>,
    /// Nothing more may be begun on this session before it has been cleared.
    is_held: bool,
    /// Nothing more of the claim may be begun.
    is_stopped: bool,
    /// Why nothing more is written; the session is closed once what is under way has been answered.
    fault: Option<Fault>,
    /// Whether the server had answered a message on this connection before.
    was_used: bool,
    /// Where the last write was to end in the outbox.
    slice_end: usize,
    moved_at: Instant,
    answered_at: Instant,
}

impl<'a> Pipe<'a> {
    fn new(session: Session) -> Self {
        let now = Instant::now();
        Self {
            was_used: session.transactions > 0,
            session,
            flights: VecDeque::new(),
            cut: Vec::new(),
            is_held: false,
            is_stopped: false,
            fault: None,
            slice_end: 0,
            moved_at: now,
            answered_at: now,
        }
    }

    /// Puts a message behind those under way.
    fn begin(&mut self, job: &'a Job) {
        let connection = &mut self.session.connection;
        if connection.queued() == 0 {
            self.moved_at = Instant::now();
        }
        if !self.flights.is_empty() {
            connection.queue(Step::Reset, "RSET");
        }
        let mail = self.session.mail_command(job);
        let connection = &mut self.session.connection;
        connection.queue(Step::Mail, &mail);
        connection.queue(Step::Rcpt, &rcpt_command(job));
        let end = Some(connection.queue_chunk(&job.message));
        self.flights.push_back(Flight { job, end, is_traced: false, is_recipient_taken: false, refused: None });
        self.session.transactions += 1;
    }

    /// Tells the trace whom the next write can complete.
    fn trace(&mut self, wire: &dyn Wire) -> std::io::Result<()> {
        self.slice_end = self.session.connection.slice_end();
        let completed = |flight: &&mut Flight<'_>| !flight.is_traced && flight.end.is_some_and(|end| end <= self.slice_end);
        let completed: Vec<JobId> = self
            .flights
            .iter_mut()
            .filter(completed)
            .map(|flight| {
                flight.is_traced = true;
                flight.job.id
            })
            .collect();
        if completed.is_empty() { Ok(()) } else { wire.crossing(&completed) }
    }

    /// Takes note of what has been written.
    fn note_progress(&mut self, queued: usize) {
        let now = Instant::now();
        if queued > 0 {
            self.moved_at = now;
        }
        if self.session.connection.queued() > 0 {
            return;
        }
        if self.flights.front().is_some_and(|first| first.end.is_some()) {
            self.answered_at = now;
        }
        self.flights.iter_mut().for_each(|flight| flight.end = None);
    }

    /// When to give up, and what then has failed to come.
    fn deadline(&self) -> (Instant, Fault) {
        let connection = &self.session.connection;
        let step = self.step();
        let limits = connection.limits();
        let is_writing = connection.queued() > 0 && self.fault.is_none();
        let (since, limit) = if is_writing { (self.moved_at, limits.data) } else { (self.answered_at, limits.answer(step)) };
        (since + limit, Fault::Silent(step, limit))
    }

    fn step(&self) -> Step {
        self.session.connection.awaited().unwrap_or(Step::Message)
    }

    /// Writes nothing more. Messages that may have been handed over whole stay, because their answers may still come.
    fn stop_writing(&mut self, fault: Fault) {
        if self.fault.is_some() {
            return;
        }
        let left = self.session.connection.may_have_left(self.slice_end);
        let whole = self.flights.iter().take_while(|flight| flight.end.is_none_or(|end| end <= left)).count();
        self.cut.extend(self.flights.drain(whole..));
        self.flights.iter_mut().for_each(|flight| flight.end = None);
        self.session.connection.discard();
        self.fault = Some(fault);
        self.answered_at = Instant::now();
    }
}

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
            return self.fares(health);
        }
        if let Err(stopped) = self.permitted(job).await {
            self.session = Some(session);
            return match stopped {
                Stopped::Suppressed => Ok(()),
                Stopped::Run => Err(Halt),
            };
        }
        let mut session = self.ready(Some(session)).await?;
        if (session.needs_reset || session.used_at.elapsed() >= FRESH) && !session.reset().await {
            drop(session);
            session = self.opened(Session::open(&self.smtp.settings).await)?;
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

    async fn keep_full(&mut self, mut pipe: Pipe<'a>) -> Result<(), Halt> {
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
                () = sleep_until(deadline) => self.break_off(&mut pipe, silent),
            }
        }
        // A slot that is about to come is not thrown away, since it counts.
        if let Some(slot) = slot.take().filter(|_| !pipe.is_stopped && self.reply.health == Health::Fine) {
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
                pipe.is_held |= self.fares(health).is_err();
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
            Ok(()) if pipe.is_held || pipe.flights.is_empty() => self.granted = self.todo.front().map(|job| job.id),
            Ok(()) => {
                if let Some(job) = self.todo.pop_front() {
                    pipe.begin(job);
                }
            }
            Err(Stopped::Suppressed) => drop(self.todo.pop_front()),
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

    /// One answer, which belongs to the first message under way. An error is an answer that cannot be one to its step.
    fn absorb(&mut self, pipe: &mut Pipe<'a>, step: Step, answer: Answer) -> Result<(), Fault> {
        pipe.answered_at = Instant::now();
        let Some(flight) = pipe.flights.front_mut() else { return Ok(()) };
        let garbled = Fault::Garbled(step, format!("{} {}", answer.code_text(), answer.text()));
        let is_unknown_command = matches!(answer.code, 500 | 502);
        match (step, answer.code) {
            (Step::Message, _) if answer.class() != 2 && answer.class() != 3 => return self.refused_message(pipe, answer),
            (Step::Message, _) => return self.taken_message(pipe, &answer),
            (Step::Reset, 250) if !speaks_of_a_message(&answer) && !speaks_of_an_address(&answer) => {}
            (Step::Mail, 250) => {}
            (Step::Rcpt, 250..=252) => flight.is_recipient_taken = true,
            (Step::Mail | Step::Rcpt, 400..) if !(is_unknown_command && pipe.session.needs_reset) => {
                pipe.is_held = true;
                pipe.session.needs_reset = true;
                flight.refused.get_or_insert((step, answer.clone()));
            }
            (Step::Reset, 421) => drop(flight.refused.get_or_insert((step, answer.clone()))),
            _ => return Err(garbled),
        }
        if answer.code == 421 {
            pipe.is_held = true;
            pipe.stop_writing(Fault::Closing(step, answer));
        }
        Ok(())
    }

    /// BDAT was refused, because the message was or something before it.
    fn refused_message(&mut self, pipe: &mut Pipe<'a>, answer: Answer) -> Result<(), Fault> {
        let Some(mut flight) = pipe.flights.pop_front() else { return Ok(()) };
        pipe.is_held = true;
        pipe.was_used = true;
        pipe.session.needs_reset = true;
        let is_whole = flight.end.is_none_or(|end| end <= pipe.session.connection.handed_over());
        let (step, told) = flight.refused.take().unwrap_or((Step::Message, answer.clone()));
        if matches!(answer.code, 500 | 502) {
            // A server that does not know the command reads what follows it, the message itself, as commands.
            self.smtp.experience.found_broken(&self.smtp.settings);
        }
        let (verdict, health) = judge_chunk(step, &told);
        self.conclude(pipe, flight.job, verdict, health);
        match answer.code {
            500 | 502 => Err(Fault::Garbled(Step::Message, format!("{} {}", answer.code_text(), answer.text()))),
            _ if !is_whole => Err(Fault::Garbled(Step::Message, "an answer before the message was whole".into())),
            421 => {
                pipe.stop_writing(Fault::Closing(Step::Message, answer));
                Ok(())
            }
            _ => Ok(()),
        }
    }

    /// BDAT was answered as if the message had been taken.
    fn taken_message(&mut self, pipe: &mut Pipe<'a>, answer: &Answer) -> Result<(), Fault> {
        let Some(flight) = pipe.flights.front_mut() else { return Ok(()) };
        let provider_id = queue_id(answer);
        let is_whole = flight.end.is_none_or(|end| end <= pipe.session.connection.handed_over());
        let is_nameless = pipe.session.names_messages && provider_id.is_none();
        if answer.code != 250 || !is_whole || (is_nameless && flight.refused.is_none()) || speaks_of_an_address(answer) {
            return Err(Fault::Garbled(Step::Message, format!("{} {}", answer.code_text(), answer.text())));
        }
        if flight.refused.is_some() && flight.is_recipient_taken {
            // Refused and taken: the sender of another transaction was in force. Nobody can say who has got it.
            flight.refused = None;
            return Err(Fault::Garbled(Step::Message, "the message was taken although its sender was refused".into()));
        }
        let Some(flight) = pipe.flights.pop_front() else { return Ok(()) };
        pipe.was_used = true;
        if let Some((step, told)) = flight.refused {
            // Taken for nobody.
            pipe.session.needs_reset = true;
            let (verdict, health) = judge_chunk(step, &told);
            self.conclude(pipe, flight.job, verdict, health);
            return Ok(());
        }
        pipe.session.names_messages |= provider_id.is_some();
        self.smtp.experience.has_taken.store(true, Ordering::Relaxed);
        let verdict = Verdict::Accepted { provider_id, code: answer.code_text(), detail: answer.first_line() };
        self.conclude(pipe, flight.job, verdict, Health::Fine);
        Ok(())
    }

    fn conclude(&mut self, pipe: &mut Pipe<'a>, job: &Job, verdict: Verdict, health: Health) {
        pipe.is_held |= self.settle(job, verdict, health).is_err();
    }

    /// The trace is broken: whoever is not handed over whole was never begun.
    fn give_up_untraced(&mut self, pipe: &mut Pipe<'a>, error: &std::io::Error) {
        pipe.is_held = true;
        // The slice that was to be traced has not been written.
        pipe.slice_end = 0;
        pipe.stop_writing(Fault::Lost(Step::Message, format!("the trace cannot be written: {error}")));
        pipe.cut.clear();
        // The provider's health says what stops the claim.
        let _ = self.fares(untraced(error));
    }

    /// Nothing more can be read either: what was handed over and not answered is in doubt.
    fn break_off(&mut self, pipe: &mut Pipe<'a>, fault: Fault) {
        pipe.is_held = true;
        let is_closed = fault.is_closed_connection();
        pipe.stop_writing(fault);
        let Some(cause) = pipe.fault.clone() else { return };
        let handed_over = std::mem::take(&mut pipe.flights);
        let cut = std::mem::take(&mut pipe.cut);
        let is_doubtful = handed_over.iter().any(|flight| flight.refused.is_none());
        // As for one message at a time: a server may close when it likes, and the same messages then go over a new connection.
        let may_go_again = !is_doubtful && is_closed && cause.is_closed_connection() && pipe.was_used && self.reply.health == Health::Fine;
        let mut again = Vec::new();
        for (flight, is_whole) in handed_over.into_iter().map(|flight| (flight, true)).chain(cut.into_iter().map(|flight| (flight, false))) {
            let closing = match flight.refused {
                Some((step, answer)) if answer.code == 421 && step != Step::Message => Some(Fault::Closing(step, answer)),
                Some((step, answer)) => {
                    let (verdict, health) = judge_chunk(step, &answer);
                    self.conclude(pipe, flight.job, verdict, health);
                    continue;
                }
                None if is_whole => {
                    let refusal = Refusal { reason: Reason::NoReply, ..cause.refusal() };
                    self.conclude(pipe, flight.job, Verdict::Unknown { detail: refusal.detail.clone() }, Health::Failing(refusal));
                    continue;
                }
                None => None,
            };
            if may_go_again {
                again.push(flight.job);
            } else {
                let fault = closing.as_ref().unwrap_or(&cause);
                self.conclude(pipe, flight.job, Verdict::NotTaken { refusal: fault.refusal(), counts: false }, fault.health());
            }
        }
        again.into_iter().rev().for_each(|job| self.todo.push_front(job));
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

/// Names a message that it took, as only the answer to a message does.
fn speaks_of_a_message(answer: &Answer) -> bool {
    queue_id(answer).is_some()
}

/// X.1.Z is about an address (RFC 3463), as only answers to MAIL and RCPT are that say yes.
fn speaks_of_an_address(answer: &Answer) -> bool {
    answer.enhanced().is_some_and(|enhanced| enhanced.subject == 1)
}

/// As for DATA; but that BDAT is not known is no fault of the recipient's.
fn judge_chunk(step: Step, answer: &Answer) -> (Verdict, Health) {
    if step == Step::Message && matches!(answer.code, 500 | 502) {
        let refusal = Refusal::new(Reason::Session, answer.code_text(), format!("at BDAT: {}", answer.text()));
        return (Verdict::NotTaken { refusal: refusal.clone(), counts: false }, Health::Failing(refusal));
    }
    judge(step, answer)
}
