//! Sends one message over a session: MAIL, RCPT, DATA, the message, and the reply to it.
//!
//! Each transaction has one recipient. Without PIPELINING, commands are sent one at a time. The
//! trace is written before the write that contains the final dot. A verdict is given only if it is
//! certain; otherwise it is `Unknown`.

use std::io;
use std::sync::atomic::Ordering;
use std::time::Duration;

use tokio::time::Instant;

use super::classify::{is_spent, judge_for};
use super::fault::Fault;
use super::queue_id::queue_id;
use super::reply::Answer;
use super::session::Session;
use super::step::Step;
use crate::model::outcome::Reason;
use crate::provider::{EightBit, Health, Job, Refusal, Verdict, Wire};

/// The wait for the replies to an envelope sent right after the final dot, during the trial.
const TRIAL: Duration = Duration::from_secs(10);

/// The result of a transaction.
pub(super) enum Ended {
    /// The transaction has a verdict. `is_usable` says whether the session can continue. `refused`
    /// is the reply if it was a refusal.
    Settled { verdict: Verdict, health: Health, is_usable: bool, refused: Option<(Step, Answer)> },
    /// The session failed before anything was written that could complete the message. Or the
    /// server refused the message because the connection has reached its limit.
    Broken(Fault),
    /// The server does not accept an envelope right after the final dot. This message was not
    /// started, or was certainly not accepted.
    NotBehind,
    /// The trace could not be written, so the message was not completed.
    Untraced(io::Error),
}

/// The result of sending another recipient's RCPT under the previous message's sender.
pub(super) enum Followed {
    Taken,
    Refused(Answer),
    /// The server has no sender, as at the beginning of a session.
    Forgotten,
    Broken(Fault),
}

/// Checks without network access whether this server can accept the message. Returns `None` if it
/// can.
pub(super) fn check(session: &Session, job: &Job) -> Option<(Verdict, Health)> {
    let offered = &session.extensions;
    let rejected = |reason, code: &str, detail: String| {
        Some((Verdict::Rejected(Refusal::new(reason, code, detail)), Health::Fine))
    };
    if let Some(limit) = offered.exceeded_by(job.message.len()) {
        return rejected(
            Reason::Content,
            "552 5.3.4",
            format!("message is {} bytes, the server takes {limit}", job.message.len()),
        );
    }
    if job.eight_bit != EightBit::Nowhere && !offered.eight_bit_mime {
        return rejected(
            Reason::Content,
            "554 5.6.1",
            "message has 8-bit bytes, but the server does not support 8BITMIME".into(),
        );
    }
    if offered.smtputf8 {
        return None;
    }
    if job.envelope_sender.as_ref().is_some_and(|sender| sender.needs_smtputf8()) {
        let refusal = Refusal::new(
            Reason::Session,
            "550 5.6.7",
            "the envelope sender is not ASCII, but the server does not support SMTPUTF8",
        );
        return Some((
            Verdict::NotTaken { refusal: refusal.clone(), counts: false },
            Health::Stop(refusal),
        ));
    }
    if job.to.needs_smtputf8() {
        return rejected(
            Reason::BadAddress,
            "553 5.6.7",
            "address is not ASCII, but the server does not support SMTPUTF8".into(),
        );
    }
    if job.eight_bit == EightBit::Headers {
        return rejected(
            Reason::Content,
            "554 5.6.9",
            "message has headers that are not ASCII, but the server does not support SMTPUTF8"
                .into(),
        );
    }
    None
}

/// The replies to the commands before the message.
#[derive(Default)]
struct Envelope {
    is_sender_taken: bool,
    is_recipient_taken: bool,
    /// Whether the server waits for a message.
    is_data_open: bool,
    /// The first refusal of a command. It causes any later refusals.
    refused: Option<(Step, Answer)>,
}

impl Envelope {
    fn absorb(&mut self, step: Step, answer: Answer) -> Result<(), Fault> {
        if answer.code == 421 {
            return Err(Fault::Closing(step, answer));
        }
        match (answer.class(), step) {
            (3, Step::Data) if answer.code == 354 => self.is_data_open = true,
            (2, Step::Reset) => {}
            // The server ends the session, whatever the text says, as with Exim's `554 Too many
            // nonmail commands`. No recipient is to blame.
            (4 | 5, Step::Reset) => return Err(Fault::Closing(step, answer)),
            (2, Step::Mail) => self.is_sender_taken = true,
            (2, Step::Rcpt) => self.is_recipient_taken = true,
            (4 | 5, Step::Mail | Step::Rcpt | Step::Data) => {
                self.refused.get_or_insert((step, answer));
            }
            _ => {
                return Err(Fault::Garbled(
                    step,
                    format!("{} {}", answer.code_text(), answer.text()),
                ));
            }
        }
        Ok(())
    }
}

impl Session {
    /// Sends one message. No command may be in progress except this job's own envelope. If the
    /// server supports PIPELINING, the envelope of `next` is sent with the end of this message, so
    /// that each message costs one round trip.
    pub(super) async fn deliver(
        &mut self,
        job: &Job,
        next: Option<&Job>,
        wire: &dyn Wire,
    ) -> Ended {
        self.transactions += 1;
        let ended = self.transact(job, next, wire).await;
        let is_taken = matches!(ended, Ended::Settled { verdict: Verdict::Accepted { .. }, .. });
        self.taken += u32::from(is_taken);
        if self.envelope_is_out {
            self.dot_went_well = is_taken;
        }
        self.used_at = Instant::now();
        ended
    }

    async fn transact(&mut self, job: &Job, next: Option<&Job>, wire: &dyn Wire) -> Ended {
        let mut envelope = Envelope::default();
        let exchanged = if std::mem::take(&mut self.envelope_is_out) {
            let exchanged = self.absorb_behind(&mut envelope).await;
            if self.is_auto && is_not_taken_behind(&exchanged, &envelope) {
                return Ended::NotBehind;
            }
            exchanged
        } else {
            match self.exchange_more(job, &mut envelope).await {
                Some(exchanged) => exchanged,
                None => self.exchange_envelope(job, &mut envelope).await,
            }
        };
        if let Some((step, answer)) = envelope.refused.take() {
            if is_spent(step, &answer) {
                return Ended::Broken(Fault::Spent(step, answer));
            }
            let is_usable = exchanged.is_ok() && self.clear_away(&envelope).await;
            if is_usable && step == Step::Rcpt && envelope.is_sender_taken && !envelope.is_data_open
            {
                self.in_force = Some(self.mail_command_without_size(job));
            }
            let (verdict, health) = judge_for(job, step, &answer);
            return Ended::Settled { verdict, health, is_usable, refused: Some((step, answer)) };
        }
        match exchanged {
            Err(fault) => Ended::Broken(fault),
            Ok(()) => self.complete(job, next, wire).await,
        }
    }

    /// Sends the job's RCPT under the sender that is still valid, if the job has the same sender.
    /// No command may be in progress.
    pub(super) async fn follow(&mut self, job: &Job) -> Followed {
        let Some(in_force) = self
            .in_force
            .take()
            .filter(|in_force| *in_force == self.mail_command_without_size(job))
        else {
            return Followed::Forgotten;
        };
        let answer = match self.connection.command(Step::Rcpt, &rcpt_command(job)).await {
            Ok(answer) => answer,
            Err(fault) => return Followed::Broken(fault),
        };
        self.used_at = Instant::now();
        match answer.code {
            250..=252 => {
                self.needs_reset = false;
                Followed::Taken
            }
            503 => {
                self.relay.forgets_sender.store(true, Ordering::Relaxed);
                Followed::Forgotten
            }
            421 => Followed::Broken(Fault::Closing(Step::Rcpt, answer)),
            400.. if is_spent(Step::Rcpt, &answer) => {
                Followed::Broken(Fault::Spent(Step::Rcpt, answer))
            }
            400.. => {
                self.transactions += 1;
                self.in_force = Some(in_force);
                Followed::Refused(answer)
            }
            _ => Followed::Broken(Fault::Garbled(
                Step::Rcpt,
                format!("{} {}", answer.code_text(), answer.text()),
            )),
        }
    }

    /// Continues with the sender that is still valid. This saves an RSET, because servers count
    /// RSETs that clear nothing. Returns `None` if there is no such sender, or the server has
    /// forgotten it.
    async fn exchange_more(
        &mut self,
        job: &Job,
        envelope: &mut Envelope,
    ) -> Option<Result<(), Fault>> {
        let in_force = self.in_force.take()?;
        if in_force != self.mail_command_without_size(job) {
            return None;
        }
        envelope.is_sender_taken = true;
        for (step, command) in [(Step::Rcpt, rcpt_command(job)), (Step::Data, "DATA".to_owned())] {
            self.connection.queue(step, &command);
            if (!self.groups || step == Step::Data)
                && let Err(fault) = self.absorb_answers(envelope, None).await
            {
                return Some(Err(fault));
            }
            if envelope.refused.is_some() {
                break;
            }
        }
        if !matches!(&envelope.refused, Some((Step::Rcpt, answer)) if answer.code == 503) {
            self.needs_reset = false;
            return Some(Ok(()));
        }
        // The refusal does not concern this recipient. The transaction starts again with RSET and
        // MAIL, unless the server now waits for a message.
        if envelope.is_data_open {
            envelope.refused = None;
            return Some(Err(Fault::Lost(
                Step::Rcpt,
                "the server has forgotten the sender".into(),
            )));
        }
        *envelope = Envelope::default();
        None
    }

    async fn absorb_behind(&mut self, envelope: &mut Envelope) -> Result<(), Fault> {
        // During the trial, a shorter limit detects a server that discards the commands. The normal
        // limit allows for slow servers.
        let limit =
            self.trial.as_ref().map(|_| TRIAL.min(self.connection.limits().answer(Step::Mail)));
        let exchanged = self.absorb_answers(envelope, limit).await;
        self.behind_went_well = self.dot_went_well
            && exchanged.is_ok()
            && !matches!(&envelope.refused, Some((Step::Mail | Step::Data, _)));
        exchanged
    }

    async fn exchange_envelope(&mut self, job: &Job, envelope: &mut Envelope) -> Result<(), Fault> {
        let reset = std::mem::take(&mut self.needs_reset).then(|| (Step::Reset, "RSET".to_owned()));
        for (step, command) in reset.into_iter().chain(self.envelope_commands(job)) {
            self.connection.queue(step, &command);
            if !self.groups {
                self.absorb_answers(envelope, None).await?;
                if envelope.refused.is_some() {
                    return Ok(());
                }
            }
        }
        self.absorb_answers(envelope, None).await
    }

    fn envelope_commands(&self, job: &Job) -> [(Step, String); 3] {
        [
            (Step::Mail, self.mail_command(job)),
            (Step::Rcpt, rcpt_command(job)),
            (Step::Data, "DATA".to_owned()),
        ]
    }

    async fn absorb_answers(
        &mut self,
        envelope: &mut Envelope,
        limit: Option<Duration>,
    ) -> Result<(), Fault> {
        self.connection.flush().await.map_err(|unsent| unsent.fault)?;
        loop {
            let next = match limit {
                None => self.connection.next().await?,
                Some(limit) => self.connection.next_within(limit).await?,
            };
            let Some((step, answer)) = next else { return Ok(()) };
            envelope.absorb(step, answer)?;
        }
    }

    pub(super) fn mail_command(&self, job: &Job) -> String {
        self.mail_command_with(job, self.extensions.size.is_some())
    }

    /// Returns the MAIL command without SIZE, because the size has already been compared with the
    /// server's limit.
    pub(super) fn mail_command_without_size(&self, job: &Job) -> String {
        self.mail_command_with(job, false)
    }

    fn mail_command_with(&self, job: &Job, has_size: bool) -> String {
        let sender = job.envelope_sender.as_ref().map_or("", |sender| sender.as_str());
        let mut command = format!("MAIL FROM:<{sender}>");
        if has_size {
            command.push_str(&format!(" SIZE={}", job.message.len()));
        }
        if job.eight_bit != EightBit::Nowhere {
            command.push_str(" BODY=8BITMIME");
        }
        if !sender.is_ascii() || job.to.needs_smtputf8() || job.eight_bit == EightBit::Headers {
            command.push_str(" SMTPUTF8");
        }
        command
    }

    /// Prepares the session for another transaction after a refusal. Returns false if the session
    /// must be closed.
    async fn clear_away(&mut self, envelope: &Envelope) -> bool {
        self.needs_reset = true;
        if !envelope.is_data_open {
            return true;
        }
        // A dot would now complete an empty message to an accepted recipient, so the connection
        // must be closed.
        if envelope.is_recipient_taken {
            return false;
        }
        // DATA was sent with RCPT, and the server accepted DATA although there is no recipient (RFC
        // 2920 section 3.1). An empty message then reaches no recipient, whatever the server
        // replies.
        self.connection.queue(Step::LoneDot, ".");
        let answered = match self.connection.flush().await {
            Ok(()) => self.connection.next().await,
            Err(unsent) => Err(unsent.fault),
        };
        matches!(answered, Ok(Some((_, answer))) if answer.class() != 3 && answer.code != 421)
    }

    /// Writes the message with its final dot and waits for the reply.
    async fn complete(&mut self, job: &Job, next: Option<&Job>, wire: &dyn Wire) -> Ended {
        // A reply that arrives before the message was sent cannot belong to the message.
        if self.connection.has_been_disturbed() {
            return Ended::Broken(Fault::Garbled(
                Step::Data,
                "more than one answer, or closed by the server".into(),
            ));
        }
        let message = self.connection.queue_message(job);
        // DATA must be the last command of its group, but MAIL may follow the end of a message (RFC
        // 2920 section 3.1).
        if let Some(next) = next.filter(|_| self.groups) {
            for (step, command) in self.envelope_commands(next) {
                self.connection.queue(step, &command);
            }
            self.envelope_is_out = true;
        }
        let announced = wire.announce(&[job.id]);
        // Yielding lets messages that are ready at the same moment share one trace write. A server
        // on the same machine is then also woken only once for all of them.
        tokio::task::yield_now().await;
        if let Err(error) = announced.and_then(|ticket| wire.crossed(ticket)) {
            return Ended::Untraced(error);
        }
        if let Err(unsent) = self.connection.flush_after(message).await {
            let refusal = unsent.fault.refusal();
            let verdict = if unsent.may_have_left {
                Verdict::Unknown { detail: refusal.detail.clone() }
            } else {
                Verdict::NotTaken { refusal: refusal.clone(), counts: false }
            };
            return Ended::Settled {
                verdict,
                health: Health::Failing(refusal),
                is_usable: false,
                refused: None,
            };
        }
        match self.connection.next().await {
            Ok(Some((_, answer))) => self.conclude(job, &answer),
            Ok(None) => {
                unknown(Refusal::new(Reason::NoReply, "", "no answer to the message was expected"))
            }
            Err(fault) => unknown(Refusal { reason: Reason::NoReply, ..fault.refusal() }),
        }
    }

    fn conclude(&mut self, job: &Job, answer: &Answer) -> Ended {
        match answer.class() {
            2 => {
                let verdict = Verdict::Accepted {
                    provider_id: queue_id(answer),
                    code: answer.code_text(),
                    detail: answer.first_line(),
                };
                Ended::Settled { verdict, health: Health::Fine, is_usable: true, refused: None }
            }
            4 | 5
                if self.envelope_is_out
                    && self.is_auto
                    && is_about_what_follows(answer, self.trial.is_some()) =>
            {
                Ended::NotBehind
            }
            4 | 5 if is_spent(Step::Message, answer) => {
                Ended::Broken(Fault::Spent(Step::Message, answer.clone()))
            }
            4 | 5 => {
                // The envelope that followed the message has started its own transaction.
                self.needs_reset = !self.envelope_is_out;
                let (verdict, health) = judge_for(job, Step::Message, answer);
                Ended::Settled {
                    verdict,
                    health,
                    is_usable: answer.code != 421,
                    refused: Some((Step::Message, answer.clone())),
                }
            }
            _ => unknown(
                Fault::Garbled(Step::Message, format!("{} {}", answer.code_text(), answer.text()))
                    .refusal(),
            ),
        }
    }
}

/// Returns whether a message was refused because an envelope followed its final dot. The reply's
/// code means a wrong sequence or protocol, or its text says so. During a trial, a 421 counts too.
fn is_about_what_follows(answer: &Answer, is_trial: bool) -> bool {
    const WORDS: [&str; 3] = ["pipelin", "synchroni", "protocol"];
    let is_of_the_protocol =
        answer.class() == 5 && answer.enhanced().is_some_and(|enhanced| enhanced.subject == 5);
    let text = answer.text().to_ascii_lowercase();
    answer.code == 503
        || is_of_the_protocol
        || WORDS.iter().any(|word| text.contains(word))
        || (is_trial && answer.code == 421)
}

/// Returns whether the replies to an envelope right after the final dot show that the server does
/// not accept one there.
fn is_not_taken_behind(exchanged: &Result<(), Fault>, envelope: &Envelope) -> bool {
    match (exchanged, &envelope.refused) {
        (_, Some((_, answer))) if answer.code == 503 => true,
        (Err(fault), _) => !matches!(fault, Fault::Closing(..)),
        (Ok(()), Some((Step::Mail, answer))) => matches!(answer.code, 500..=502),
        (Ok(()), _) => false,
    }
}

/// Returns the RCPT command for the job's recipient.
pub(super) fn rcpt_command(job: &Job) -> String {
    format!("RCPT TO:<{}>", job.to)
}

fn unknown(refusal: Refusal) -> Ended {
    let verdict = Verdict::Unknown { detail: refusal.detail.clone() };
    Ended::Settled { verdict, health: Health::Failing(refusal), is_usable: false, refused: None }
}
