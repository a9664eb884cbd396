//! Decides whether to try another connection after a temporary refusal on a connection that has
//! accepted mail.
//!
//! Some servers limit the messages per connection. At the limit they refuse a command, at any step
//! and with various texts, and leave the connection open. If the text is known to mean the limit
//! ([`super::classify::is_spent`]), another connection is used without a trial. For any other text,
//! one message is tried over another connection. If the same refusal does not occur there, every
//! later message with this refusal also changes the connection; otherwise none does. The refusal
//! does not count as an attempt of the message. During the trial, the same refusal of another
//! message does not count as an attempt either.

use std::sync::Arc;

use super::changes::Known;
use super::classify::may_be_spent;
use super::relay::Relay;
use super::reply::Answer;
use super::step::Step;
use crate::provider::Job;
use crate::replies;

/// The next step after a refusal.
pub(super) enum After {
    /// Send the message over another connection.
    Change(Change),
    /// The cause is not known yet, because another message is still trying another connection.
    Unclear,
    Nothing,
}

/// A message that is sent over another connection because of a refusal. If this value is dropped
/// without a result, another message can repeat the trial.
#[derive(Debug)]
pub(super) struct Change {
    relay: Arc<Relay>,
    sign: String,
    result: Option<Known>,
}

impl Change {
    /// Decides the next step after a refusal on a connection that has accepted mail.
    pub(super) fn after(relay: &Arc<Relay>, step: Step, answer: &Answer, job: &Job) -> After {
        if !may_be_spent(step, answer) {
            return After::Nothing;
        }
        let sign = sign(step, answer, job);
        match relay.changes.begin(&sign) {
            None | Some(Known::Helps) => {
                After::Change(Self { relay: Arc::clone(relay), sign, result: None })
            }
            Some(Known::UnderWay) => After::Unclear,
            Some(Known::DoesNotHelp) => After::Nothing,
        }
    }

    /// Records the server's reply on the other connection. `refused` is the refusal, if the reply
    /// was one.
    pub(super) fn ended(mut self, refused: Option<&(Step, Answer)>, job: &Job) {
        let is_same = refused.is_some_and(|(step, answer)| sign(*step, answer, job) == self.sign);
        self.result = Some(if is_same { Known::DoesNotHelp } else { Known::Helps });
        if !is_same {
            tracing::debug!(
                server = self.relay.subject,
                refusal = self.sign,
                "another connection accepted the message after this refusal"
            );
        }
    }
}

impl Drop for Change {
    fn drop(&mut self) {
        self.relay.changes.end(&self.sign, self.result);
    }
}

fn sign(step: Step, answer: &Answer, job: &Job) -> String {
    format!(
        "{step}: {}",
        replies::sign(&answer.code_text(), &answer.text(), job.to.local(), job.to.domain())
    )
}
