//! Submits a claim (a batch of messages recorded in the ledger) to a relay.

use std::collections::VecDeque;
use std::sync::atomic::Ordering;

use tokio::time::Instant;

use super::change::{After, Change};
use super::fault::Fault;
use super::greeting::is_crowded;
use super::pool::Smtp;
use super::reply::Answer;
use super::sender::names_our_sender;
use super::session::{Session, Unopened};
use super::step::Step;
use super::transaction::{Ended, check};
use crate::model::outcome::Reason;
use crate::provider::{Health, Job, Refusal, Reply, RowNumber, Stopped, Verdict, Wire};

/// The error that stops a claim: no further message of it may be started.
pub(super) struct Halt;

/// The state of a claim while it is submitted.
pub(super) struct HandOver<'a> {
    pub(super) smtp: &'a Smtp,
    pub(super) wire: &'a dyn Wire,
    /// The jobs that have not been started, in order.
    pub(super) todo: VecDeque<&'a Job>,
    /// The job that already has its slot (the permission to send now). Its envelope was sent with
    /// the previous message, or it has waited for its turn.
    pub(super) granted: Option<RowNumber>,
    /// The session in use. If an envelope is in progress on the session, it belongs to the granted
    /// job.
    pub(super) session: Option<Session>,
    pub(super) begun_at: Instant,
    /// Whether the server refused an additional connection that was needed.
    pub(super) is_crowded: bool,
    /// The recipient that the current reply may concern alone.
    pub(super) at_hand: Option<RowNumber>,
    pub(super) reply: Reply,
}

impl<'a> HandOver<'a> {
    /// Creates the state for these jobs, none of which has been started.
    pub(super) fn new(smtp: &'a Smtp, wire: &'a dyn Wire, jobs: &'a [Job]) -> Self {
        Self {
            smtp,
            wire,
            todo: jobs.iter().collect(),
            granted: None,
            session: None,
            begun_at: Instant::now(),
            is_crowded: false,
            at_hand: None,
            reply: Reply::default(),
        }
    }

    /// Sends the remaining jobs: several at a time if the session allows a window, else one by one.
    pub(super) async fn advance(&mut self) -> Result<(), Halt> {
        let session = match self.session.take() {
            Some(session) => session,
            None => self.ready(None).await?,
        };
        if !session.envelope_is_out && self.smtp.width(&session).is_some() {
            return self.stream(session).await;
        }
        match self.todo.pop_front() {
            Some(job) => self.one(job, session).await,
            None => Ok(()),
        }
    }

    /// Sends one job and settles it. The function is long because every outcome affects the same
    /// session, slot and trial of another connection.
    async fn one(&mut self, job: &Job, mut session: Session) -> Result<(), Halt> {
        if let Some((verdict, health)) = check(&session, job) {
            self.session = Some(session);
            self.reply.items.push((job.id, verdict));
            return self.note_health(health);
        }
        let mut may_reconnect = true;
        let mut change: Option<Change> = None;
        loop {
            if let Err(stopped) = self.permitted(job).await {
                // The server waits for this job's message, so the connection can only be closed.
                self.session = Some(session).filter(|session| !session.envelope_is_out);
                return match stopped {
                    Stopped::Member => Ok(()),
                    Stopped::Run => Err(Halt),
                };
            }
            // Waiting for the slot may have taken long, and the server may have closed the
            // connection meanwhile.
            if !session.envelope_is_out {
                session = self.ready(Some(session)).await?;
            }
            let was_used = session.transactions > 0;
            let was_behind = session.envelope_is_out;
            let next = self.next_behind(&mut session).await;
            let ended = session.deliver(job, next, self.wire).await;
            self.learn_behind(&mut session, was_behind, &ended).await;
            match ended {
                Ended::Settled { verdict, refused: Some((step, answer)), .. }
                    if self.has_no_room(step, &answer) =>
                {
                    drop(session);
                    self.is_crowded = true;
                    return self.settle(job, blameless(verdict), Health::Fine).and(Err(Halt));
                }
                Ended::Settled { verdict, health, is_usable, refused } => {
                    let after = match &refused {
                        Some((step, answer)) if may_reconnect && session.taken > 0 => {
                            Change::after(&session.relay, *step, answer, job)
                        }
                        _ => After::Nothing,
                    };
                    if let Some(change) = change.take() {
                        change.ended(refused.as_ref(), job);
                    }
                    match after {
                        After::Change(begun) => {
                            (change, may_reconnect) = (Some(begun), false);
                            if let Err(error) = self.wire.answered(job.id, &blameless(verdict)) {
                                return self.note_health(untraced(&error));
                            }
                            drop(session);
                            session = self.opened(self.smtp.open(self.begun_at).await)?;
                            continue;
                        }
                        After::Unclear => {
                            let health = if matches!(health, Health::Failing(_)) {
                                Health::Fine
                            } else {
                                health
                            };
                            let is_at_it = refused
                                .is_some_and(|(step, answer)| step.names_a_recipient(&answer));
                            return self.settle_at(job, blameless(verdict), health, is_at_it);
                        }
                        After::Nothing if is_usable => self.session = Some(session),
                        After::Nothing => {}
                    }
                    let is_at_it = refused.is_some_and(|(step, answer)| {
                        step.names_a_recipient(&answer) || names_our_sender(&answer, job)
                    });
                    return self.settle_at(job, verdict, health, is_at_it);
                }
                Ended::Broken(fault)
                    if was_used && may_reconnect && fault.is_closed_connection() =>
                {
                    // The job asks for a new slot, because reconnecting takes time, in which rate
                    // limits and suppressions may change.
                    may_reconnect = false;
                    if let Fault::Spent(..) = &fault
                        && let Err(error) = self.wire.answered(
                            job.id,
                            &Verdict::NotTaken { refusal: fault.refusal(), counts: false },
                        )
                    {
                        return self.note_health(untraced(&error));
                    }
                    drop(session);
                    session = self.opened(self.smtp.open(self.begun_at).await)?;
                }
                Ended::Broken(fault) => {
                    let verdict = Verdict::NotTaken { refusal: fault.refusal(), counts: false };
                    if let Fault::Closing(step, answer) = &fault
                        && self.has_no_room(*step, answer)
                    {
                        self.is_crowded = true;
                        return self.settle(job, verdict, Health::Fine).and(Err(Halt));
                    }
                    return self.settle_at(job, verdict, fault.health(), fault.is_at_a_recipient());
                }
                // The message was not started, so it is sent again, without an envelope right after
                // its final dot.
                Ended::NotBehind => {
                    drop(session);
                    session = self.opened(self.smtp.open(self.begun_at).await)?;
                }
                Ended::Untraced(error) => return self.note_health(untraced(&error)),
            }
        }
    }

    /// Returns whether the server has reached its connection limit. Some servers report this only
    /// at a message. Other connections of this run must exist.
    pub(super) fn has_no_room(&self, step: Step, answer: &Answer) -> bool {
        matches!(step, Step::Mail | Step::Data | Step::Message)
            && answer.class() == 4
            && is_crowded(answer)
            && self.smtp.has_others()
    }

    /// Waits until the job may be started, unless it already has its slot.
    pub(super) async fn permitted(&mut self, job: &Job) -> Result<(), Stopped> {
        if self.granted.take() == Some(job.id) {
            // While the previous message was sent, the recipient may have been suppressed or the
            // run stopped.
            self.wire.slot_now(job).unwrap_or(Ok(()))
        } else {
            self.wire.slot(job).await
        }
    }

    /// Returns the next job if it can be started without waiting. Its envelope may be sent with the
    /// current message.
    pub(super) fn ahead(&mut self, session: &Session) -> Option<&'a Job> {
        if !session.groups || session.transactions + 1 >= self.smtp.settings.per_connection.get() {
            return None;
        }
        loop {
            let job = *self.todo.front()?;
            if check(session, job).is_some() {
                return None;
            }
            match self.wire.slot_now(job)? {
                Ok(()) => {
                    self.granted = Some(job.id);
                    return Some(job);
                }
                Err(Stopped::Member) => drop(self.todo.pop_front()),
                Err(Stopped::Run) => return None,
            }
        }
    }

    pub(super) async fn ready(&mut self, session: Option<Session>) -> Result<Session, Halt> {
        self.opened(self.smtp.ready(session, self.begun_at).await)
    }

    /// Returns the session, or records why it could not be opened and stops the claim. If the
    /// server refuses an additional connection while others of this run exist, those send the
    /// remaining jobs, and the provider's health stays fine.
    pub(super) fn opened(&mut self, session: Result<Session, Unopened>) -> Result<Session, Halt> {
        session.map_err(|unopened| {
            match unopened {
                Unopened::Crowded(_) if self.smtp.has_others() => self.is_crowded = true,
                Unopened::Crowded(health) | Unopened::Other(health) => self.reply.health = health,
            }
            Halt
        })
    }

    pub(super) fn settle(
        &mut self,
        job: &Job,
        verdict: Verdict,
        health: Health,
    ) -> Result<(), Halt> {
        // A message without a reply is not recorded as answered.
        let traced = if matches!(verdict, Verdict::Unknown { .. }) {
            Ok(())
        } else {
            self.wire.answered(job.id, &verdict)
        };
        if matches!(verdict, Verdict::Accepted { .. }) {
            self.smtp.refused_outright.store(0, Ordering::Relaxed);
        }
        self.reply.items.push((job.id, verdict));
        self.note_health(health)?;
        traced.or_else(|error| self.note_health(untraced(&error)))
    }

    /// Settles a job whose reply may concern only its recipient.
    pub(super) fn settle_at(
        &mut self,
        job: &Job,
        verdict: Verdict,
        health: Health,
        is_at_it: bool,
    ) -> Result<(), Halt> {
        self.at_hand = is_at_it.then_some(job.id);
        let settled = self.settle(job, verdict, health);
        self.at_hand = None;
        settled
    }

    /// Records the provider's health. Returns an error unless the provider is healthy.
    pub(super) fn note_health(&mut self, health: Health) -> Result<(), Halt> {
        // A failure that may concern one recipient is judged by the pipeline, which knows the
        // failures of other recipients.
        let health = if self.at_hand.is_some() { health } else { self.smtp.weighed(health) };
        let is_fine = health == Health::Fine;
        if !is_fine {
            // If there are several failures, none of them counts as concerning one recipient only.
            self.reply.concerns = self.at_hand.take().filter(|_| self.reply.health == Health::Fine);
        }
        // Of several failures, the most serious one is kept.
        if gravity(&health) > gravity(&self.reply.health) {
            self.reply.health = health;
        }
        if is_fine { Ok(()) } else { Err(Halt) }
    }
}

/// Returns the same verdict, but not counted as an attempt of the recipient.
pub(super) fn blameless(verdict: Verdict) -> Verdict {
    match verdict {
        Verdict::NotTaken { refusal, .. } => Verdict::NotTaken { refusal, counts: false },
        other => other,
    }
}

fn gravity(health: &Health) -> u8 {
    match health {
        Health::Fine => 0,
        Health::Failing(_) => 1,
        Health::SlowDown(_) => 2,
        Health::Exhausted(_) => 3,
        Health::Stop(_) => 4,
    }
}

pub(super) fn untraced(error: &std::io::Error) -> Health {
    Health::Failing(Refusal::new(
        Reason::Session,
        "",
        format!("the trace cannot be written: {error}"),
    ))
}
