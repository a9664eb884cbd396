//! Represents a session with its messages in progress: how much of each was written, and when to
//! stop waiting.
//!
//! A message counts as completely written if the server may have received all of it.

use std::collections::VecDeque;

use tokio::time::Instant;

use crate::provider::smtp::fault::Fault;
use crate::provider::smtp::reply::Answer;
use crate::provider::smtp::session::Session;
use crate::provider::smtp::step::Step;
use crate::provider::smtp::transaction::rcpt_command;
use crate::provider::{Job, RowNumber, Wire};

/// A message in progress.
pub(super) struct Flight<'a> {
    pub(super) job: &'a Job,
    /// The position in the outbox where the message ends; `None` after the whole message has been
    /// written.
    pub(super) end: Option<usize>,
    pub(super) is_traced: bool,
    /// Whether the server has replied to any of the message's commands.
    pub(super) is_begun: bool,
    pub(super) is_recipient_taken: bool,
    /// The first refusal of a command of this message. It causes any later refusals.
    pub(super) refused: Option<(Step, Answer)>,
}

/// A session with its messages in progress.
pub(super) struct Pipe<'a> {
    pub(super) session: Session,
    /// The messages in progress, oldest first. The next reply belongs to the first one.
    pub(super) flights: VecDeque<Flight<'a>>,
    /// Messages that cannot be written completely any more.
    pub(super) cut: Vec<Flight<'a>>,
    /// Messages that were not started because the server was about to close.
    pub(super) again: Vec<&'a Job>,
    /// Whether no further message may start on this session before an RSET has cleared it.
    pub(super) is_held: bool,
    /// Whether no further message of the claim may start.
    pub(super) is_stopped: bool,
    /// The reason why writing has stopped. The session is closed after the messages in progress
    /// have been answered.
    pub(super) fault: Option<Fault>,
    /// Whether the server has replied to an earlier message on this connection.
    pub(super) was_used: bool,
    /// The position in the outbox where the last write was planned to end.
    pub(super) slice_end: usize,
    pub(super) moved_at: Instant,
    pub(super) answered_at: Instant,
}

impl<'a> Pipe<'a> {
    pub(super) fn new(session: Session) -> Self {
        let now = Instant::now();
        Self {
            was_used: session.transactions > 0,
            session,
            flights: VecDeque::new(),
            cut: Vec::new(),
            again: Vec::new(),
            is_held: false,
            is_stopped: false,
            fault: None,
            slice_end: 0,
            moved_at: now,
            answered_at: now,
        }
    }

    /// Starts with a message whose recipient was accepted under the sender that was still valid.
    pub(super) fn go_on(&mut self, job: &'a Job) {
        let end = Some(self.session.connection.queue_chunk(&job.message));
        self.flights.push_back(Flight {
            job,
            end,
            is_traced: false,
            is_begun: true,
            is_recipient_taken: true,
            refused: None,
        });
        self.session.transactions += 1;
    }

    /// Adds a message after those in progress.
    pub(super) fn begin(&mut self, job: &'a Job) {
        let connection = &mut self.session.connection;
        if connection.queued() == 0 {
            self.moved_at = Instant::now();
        }
        if !self.flights.is_empty() {
            connection.queue(Step::Reset, "RSET");
        }
        self.session.in_force = None;
        let mail = self.session.mail_command(job);
        let connection = &mut self.session.connection;
        connection.queue(Step::Mail, &mail);
        connection.queue(Step::Rcpt, &rcpt_command(job));
        let end = Some(connection.queue_chunk(&job.message));
        self.flights.push_back(Flight {
            job,
            end,
            is_traced: false,
            is_begun: false,
            is_recipient_taken: false,
            refused: None,
        });
        self.session.transactions += 1;
    }

    /// Records in the trace the messages that the next write can complete.
    pub(super) fn trace(&mut self, wire: &dyn Wire) -> std::io::Result<()> {
        self.slice_end = self.session.connection.slice_end();
        let completed = |flight: &&mut Flight<'_>| {
            !flight.is_traced && flight.end.is_some_and(|end| end <= self.slice_end)
        };
        let completed: Vec<RowNumber> = self
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

    /// Updates which messages are completely written.
    pub(super) fn note_progress(&mut self, queued: usize) {
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

    /// Returns the deadline, and the failure to report after it.
    pub(super) fn deadline(&self) -> (Instant, Fault) {
        let connection = &self.session.connection;
        let step = self.step();
        let limits = connection.limits();
        let is_writing = connection.queued() > 0 && self.fault.is_none();
        let (since, limit) = if is_writing {
            (self.moved_at, limits.data)
        } else {
            (self.answered_at, limits.answer(step))
        };
        (since + limit, Fault::Silent(step, limit))
    }

    pub(super) fn step(&self) -> Step {
        self.session.connection.awaited().unwrap_or(Step::Message)
    }

    /// Stops writing. Messages that may have been written completely stay in progress, because
    /// their replies may still arrive.
    pub(super) fn stop_writing(&mut self, fault: Fault) {
        if self.fault.is_some() {
            return;
        }
        let left = self.session.connection.may_have_left(self.slice_end);
        let whole = self
            .flights
            .iter()
            .take_while(|flight| flight.end.is_none_or(|end| end <= left))
            .count();
        self.cut.extend(self.flights.drain(whole..));
        self.flights.iter_mut().for_each(|flight| flight.end = None);
        self.session.connection.discard();
        self.fault = Some(fault);
        self.answered_at = Instant::now();
    }
}
