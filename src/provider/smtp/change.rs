//! Whether another connection helps where the server refuses for now over one that it has taken
//! mail over: servers that count the messages of a connection say so in words of their own, at any
//! step, and leave it open.
//!
//! The rules it keeps: words decide where they are known ([`super::classify::is_spent`]); for
//! others it is tried once, by one message, and what came of it counts for all connections. The
//! message is charged nothing, and nor is one that is refused so in the meantime.

use std::sync::Arc;

use super::changes::Known;
use super::classify::may_be_spent;
use super::relay::Relay;
use super::reply::Answer;
use super::step::Step;
use crate::provider::Job;
use crate::replies;

/// What is to be done about a refusal.
pub(super) enum After {
    /// The message goes over another connection.
    Change(Change),
    /// Another message is trying whether another connection helps.
    Unclear,
    Nothing,
}

/// A message that goes over another connection because of a refusal. Dropped without a result it
/// can be tried again.
#[derive(Debug)]
pub(super) struct Change {
    relay: Arc<Relay>,
    sign: String,
    result: Option<Known>,
}

impl Change {
    /// What a refusal asks for over a connection that has taken mail.
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

    /// The message was answered over the other connection, with this refusal where it was one.
    pub(super) fn ended(mut self, refused: Option<&(Step, Answer)>, job: &Job) {
        let is_same = refused.is_some_and(|(step, answer)| sign(*step, answer, job) == self.sign);
        self.result = Some(if is_same { Known::DoesNotHelp } else { Known::Helps });
        if !is_same {
            tracing::debug!(
                server = self.relay.subject,
                refusal = self.sign,
                "another connection takes what one refused"
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
