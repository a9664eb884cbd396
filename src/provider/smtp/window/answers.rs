//! Interprets the replies to the messages in progress, and missing replies.
//!
//! A reply that does not fit its step is not used, nor is any reply after it.

use std::sync::atomic::Ordering;

use tokio::time::Instant;

use super::pipe::Pipe;
use crate::model::outcome::Reason;
use crate::provider::smtp::classify::{is_spent, judge_for};
use crate::provider::smtp::fault::Fault;
use crate::provider::smtp::hand_over::{HandOver, blameless, untraced};
use crate::provider::smtp::queue_id::queue_id;
use crate::provider::smtp::reply::Answer;
use crate::provider::smtp::sender::names_our_sender;
use crate::provider::smtp::step::Step;
use crate::provider::{Health, Job, Refusal, Verdict};

impl<'a> HandOver<'a> {
    /// Handles one reply, which belongs to the first message in progress. Fails if the reply does
    /// not fit its step.
    pub(super) fn absorb(
        &mut self,
        pipe: &mut Pipe<'a>,
        step: Step,
        answer: Answer,
    ) -> Result<(), Fault> {
        pipe.answered_at = Instant::now();
        let Some(flight) = pipe.flights.front_mut() else { return Ok(()) };
        flight.is_begun = true;
        let garbled = Fault::Garbled(step, format!("{} {}", answer.code_text(), answer.text()));
        let is_unknown_command = matches!(answer.code, 500 | 502);
        match (step, answer.code) {
            (Step::Message, _) if answer.class() != 2 && answer.class() != 3 => {
                return self.refused_message(pipe, answer);
            }
            (Step::Message, _) => return self.taken_message(pipe, &answer),
            // Any 250 is a success, whatever its text: `250 2.1.5 Flushed`, `250 OK <id>`.
            (Step::Reset | Step::Mail, 250) => {}
            (Step::Rcpt, 250..=252) => flight.is_recipient_taken = true,
            (Step::Mail | Step::Rcpt, 400..)
                if !(is_unknown_command && pipe.session.needs_reset) =>
            {
                pipe.is_held = true;
                pipe.session.needs_reset = true;
                flight.refused.get_or_insert((step, answer.clone()));
            }
            (Step::Reset, 400..) if !(is_unknown_command && pipe.session.needs_reset) => {
                flight.refused.get_or_insert((step, answer.clone()));
            }
            _ => return Err(garbled),
        }
        if answer.code == 421 || step == Step::Reset && answer.code >= 400 {
            if step == Step::Reset {
                pipe.session.relay.counts_resets.store(true, Ordering::Relaxed);
            }
            pipe.is_held = true;
            pipe.stop_writing(Fault::Closing(step, answer));
        }
        Ok(())
    }

    /// Handles a refusal of BDAT. The message, or a command before it, may be the cause.
    fn refused_message(&mut self, pipe: &mut Pipe<'a>, answer: Answer) -> Result<(), Fault> {
        let Some(mut flight) = pipe.flights.pop_front() else { return Ok(()) };
        pipe.is_held = true;
        let was_used = std::mem::replace(&mut pipe.was_used, true);
        pipe.session.needs_reset = true;
        let is_whole = flight.end.is_none_or(|end| end <= pipe.session.connection.handed_over());
        let (step, refusal) = flight.refused.take().unwrap_or((Step::Message, answer.clone()));
        if matches!(answer.code, 500 | 502) {
            // A server that does not know BDAT reads the message that follows it as commands.
            pipe.session.relay.break_chunks();
        }
        let leaves_sender = step == Step::Rcpt
            && is_whole
            && refusal.code != 421
            && !matches!(answer.code, 421 | 500 | 502);
        if leaves_sender && !pipe.flights.is_empty() {
            pipe.session.spare_resets += 1;
        }
        let forgets = pipe.session.relay.forgets_sender.load(Ordering::Relaxed);
        pipe.session.in_force =
            (leaves_sender && !forgets).then(|| pipe.session.mail_command_without_size(flight.job));
        if step == Step::Reset {
            // The server ends the session, and this message was not started.
            pipe.again.push(flight.job);
            return Ok(());
        }
        if is_spent(step, &refusal) && is_whole {
            self.left_for_another_connection(
                pipe,
                flight.job,
                Fault::Spent(step, refusal),
                was_used,
            );
            return Ok(());
        }
        let (verdict, health) = judge_chunk(flight.job, step, &refusal);
        if is_whole && refusal.code != 421 && self.has_no_room(step, &refusal) {
            // No further message of the claim is sent over this connection.
            self.is_crowded = true;
            pipe.is_stopped = true;
            self.conclude(pipe, flight.job, blameless(verdict), Health::Fine);
            return Ok(());
        }
        pipe.is_held |= self
            .settle_at(
                flight.job,
                verdict,
                health,
                step.names_a_recipient(&refusal) || names_our_sender(&refusal, flight.job),
            )
            .is_err();
        match answer.code {
            500 | 502 => Err(Fault::Garbled(
                Step::Message,
                format!("{} {}", answer.code_text(), answer.text()),
            )),
            _ if !is_whole => Err(Fault::Garbled(
                Step::Message,
                "the server answered before the message was complete".into(),
            )),
            421 => {
                pipe.stop_writing(Fault::Closing(Step::Message, answer));
                Ok(())
            }
            _ => Ok(()),
        }
    }

    /// Sends the message over another connection if this one has carried a message. If a new
    /// connection accepts nothing, the provider's health asks for a pause.
    fn left_for_another_connection(
        &mut self,
        pipe: &mut Pipe<'a>,
        job: &'a Job,
        fault: Fault,
        was_used: bool,
    ) {
        let verdict = Verdict::NotTaken { refusal: fault.refusal(), counts: false };
        if was_used {
            match self.wire.answered(job.id, &verdict) {
                Ok(()) => self.todo.push_front(job),
                Err(error) => pipe.is_stopped |= self.note_health(untraced(&error)).is_err(),
            }
        } else {
            self.conclude(pipe, job, verdict, fault.health());
        }
        pipe.stop_writing(fault);
    }

    /// Handles a positive reply to BDAT.
    fn taken_message(&mut self, pipe: &mut Pipe<'a>, answer: &Answer) -> Result<(), Fault> {
        let Some(flight) = pipe.flights.front_mut() else { return Ok(()) };
        let provider_id = queue_id(answer);
        let is_whole = flight.end.is_none_or(|end| end <= pipe.session.connection.handed_over());
        let is_nameless =
            pipe.session.names_messages && provider_id.is_none() && !may_name_a_message(answer);
        if answer.code != 250
            || !is_whole
            || (is_nameless && flight.refused.is_none())
            || speaks_of_an_address(answer)
        {
            return Err(Fault::Garbled(
                Step::Message,
                format!("{} {}", answer.code_text(), answer.text()),
            ));
        }
        if flight.refused.is_some() && flight.is_recipient_taken {
            // The server accepted the recipient although it refused the sender, so the sender of
            // another transaction was valid. It is unknown which recipients got the message.
            flight.refused = None;
            return Err(Fault::Garbled(
                Step::Message,
                "the message was accepted although its sender was refused".into(),
            ));
        }
        let Some(flight) = pipe.flights.pop_front() else { return Ok(()) };
        pipe.was_used = true;
        if let Some((step, refusal)) = flight.refused {
            // The server accepted the message without a recipient, so it delivers it to no address.
            pipe.session.needs_reset = true;
            let (verdict, health) = judge_chunk(flight.job, step, &refusal);
            self.conclude(pipe, flight.job, verdict, health);
            return Ok(());
        }
        // The message's own RSET has cleared any earlier refusal.
        pipe.session.needs_reset = false;
        pipe.session.in_force = None;
        pipe.session.names_messages |= provider_id.is_some();
        pipe.session.relay.takes_chunks.store(true, Ordering::Relaxed);
        let verdict = Verdict::Accepted {
            provider_id,
            code: answer.code_text(),
            detail: answer.texts().last().unwrap_or_default(),
        };
        self.conclude(pipe, flight.job, verdict, Health::Fine);
        Ok(())
    }

    fn conclude(&mut self, pipe: &mut Pipe<'a>, job: &Job, verdict: Verdict, health: Health) {
        pipe.is_held |= self.settle(job, verdict, health).is_err();
    }

    /// Ends reading. The outcome of messages that were completely written and got no reply is
    /// unknown.
    pub(super) fn break_off(&mut self, pipe: &mut Pipe<'a>, fault: Fault) {
        pipe.is_held = true;
        if matches!(fault, Fault::Garbled(..)) {
            pipe.session.relay.break_chunks();
        }
        let is_closed = fault.is_closed_connection();
        let is_lost = matches!(fault, Fault::Lost(..) | Fault::Closing(..));
        pipe.stop_writing(fault);
        let Some(cause) = pipe.fault.clone() else { return };
        let handed_over = std::mem::take(&mut pipe.flights);
        let cut = std::mem::take(&mut pipe.cut);
        // The server announced that it closes, and closed. It had not started a message unless it
        // had replied to a command of that message.
        let was_announced = is_lost && matches!(cause, Fault::Closing(Step::Reset, _));
        let is_doubtful = handed_over
            .iter()
            .any(|flight| flight.refused.is_none() && (flight.is_begun || !was_announced));
        // A server may close a connection at any time. The same messages are then sent over a new
        // connection, as without a window.
        let may_go_again = !is_doubtful
            && is_closed
            && cause.is_closed_connection()
            && pipe.was_used
            && self.reply.health == Health::Fine;
        let mut again = std::mem::take(&mut pipe.again);
        for (flight, is_whole) in handed_over
            .into_iter()
            .map(|flight| (flight, true))
            .chain(cut.into_iter().map(|flight| (flight, false)))
        {
            let closing = match flight.refused {
                Some((step, answer))
                    if step == Step::Reset || (answer.code == 421 && step != Step::Message) =>
                {
                    Some(Fault::Closing(step, answer))
                }
                None if was_announced && !flight.is_begun => None,
                Some((step, answer)) => {
                    let (verdict, health) = judge_chunk(flight.job, step, &answer);
                    self.conclude(pipe, flight.job, verdict, health);
                    continue;
                }
                None if is_whole => {
                    let refusal = Refusal { reason: Reason::NoReply, ..cause.refusal() };
                    self.conclude(
                        pipe,
                        flight.job,
                        Verdict::Unknown { detail: refusal.detail.clone() },
                        Health::Failing(refusal),
                    );
                    continue;
                }
                None => None,
            };
            if may_go_again {
                again.push(flight.job);
            } else {
                let fault = closing.as_ref().unwrap_or(&cause);
                let verdict = Verdict::NotTaken { refusal: fault.refusal(), counts: false };
                let is_at_it = closing.as_ref().is_some_and(Fault::is_at_a_recipient);
                pipe.is_held |=
                    self.settle_at(flight.job, verdict, fault.health(), is_at_it).is_err();
            }
        }
        again.into_iter().rev().for_each(|job| self.todo.push_front(job));
    }
}

/// Returns whether a reply has the form `250 OK <id>` with an id of any length, in addition to the
/// certain forms.
fn may_name_a_message(answer: &Answer) -> bool {
    answer.texts().any(|text| matches!(text.split_whitespace().collect::<Vec<_>>()[..], [ok, _] if ok.eq_ignore_ascii_case("ok")))
}

/// Returns whether the enhanced code concerns an address (X.1.Z in RFC 3463). Among positive
/// replies, only those to MAIL and RCPT do.
fn speaks_of_an_address(answer: &Answer) -> bool {
    answer.enhanced().is_some_and(|enhanced| enhanced.subject == 1)
}

/// Judges a refusal like one of DATA, except that an unknown BDAT command is not charged to the
/// recipient.
fn judge_chunk(job: &Job, step: Step, answer: &Answer) -> (Verdict, Health) {
    if step == Step::Message && matches!(answer.code, 500 | 502) {
        let refusal = Refusal::new(
            Reason::Session,
            answer.code_text(),
            format!("at BDAT: {}", answer.text()),
        );
        return (
            Verdict::NotTaken { refusal: refusal.clone(), counts: false },
            Health::Failing(refusal),
        );
    }
    judge_for(job, step, answer)
}
