//! Whether another connection helps where the server refuses for now over one that it has taken
//! mail over: servers that count the messages of a connection say so in words of their own, at any
//! step, and leave it open.
//!
//! The rules it keeps: words decide where they are known ([`super::classify::is_spent`]); for
//! others it is tried once, by one message, and what came of it counts for all connections. The
//! message is charged nothing, and nor is one that is refused so in the meantime.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::classify::may_be_spent;
use super::relay::Relay;
use super::reply::Answer;
use super::step::Step;
use crate::provider::Job;
use crate::replies;

/// So many different refusals are remembered; a server has a handful.
const MOST: usize = 64;

/// What is known about a refusal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Known {
    /// A message is on its way over another connection.
    UnderWay,
    Helps,
    DoesNotHelp,
}

/// Refusals of one relay, by what is the same about each.
#[derive(Debug, Default)]
pub(super) struct Changes(Mutex<HashMap<String, Known>>);

impl Changes {
    fn known(&self) -> MutexGuard<'_, HashMap<String, Known>> {
        // Each change is one step.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What was known, where a message was refused so and is to go over another connection to find
    /// out or because that helps.
    fn begin(&self, sign: &str) -> Option<Known> {
        let mut known = self.known();
        let before = known.get(sign).copied();
        if before.is_none() && known.len() < MOST {
            known.insert(sign.to_owned(), Known::UnderWay);
            return None;
        }
        before.or(Some(Known::DoesNotHelp))
    }

    fn end(&self, sign: &str, result: Option<Known>) {
        let mut known = self.known();
        match result {
            Some(Known::Helps) => drop(known.insert(sign.to_owned(), Known::Helps)),
            // It has helped before, so the server has another cause this time.
            _ if known.get(sign) == Some(&Known::Helps) => {}
            Some(result) => drop(known.insert(sign.to_owned(), result)),
            None => drop(known.remove(sign)),
        }
    }
}

/// What is to be done about a refusal.
pub(super) enum After {
    /// The message goes over another connection.
    Change(Change),
    /// Another message is finding out whether that helps.
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_change_is_tried_once_and_what_came_of_it_counts() {
        let changes = Changes::default();
        assert_eq!(
            [changes.begin("452 later"), changes.begin("452 later")],
            [None, Some(Known::UnderWay)]
        );
        changes.end("452 later", None);
        assert_eq!(changes.begin("452 later"), None, "it came to nothing");
        changes.end("452 later", Some(Known::DoesNotHelp));
        assert_eq!(changes.begin("452 later"), Some(Known::DoesNotHelp));
        assert_eq!(changes.begin("451 no more"), None);
        changes.end("451 no more", Some(Known::Helps));
        changes.end("451 no more", Some(Known::DoesNotHelp));
        assert_eq!(changes.begin("451 no more"), Some(Known::Helps));
        assert_eq!(
            (0..2 * MOST).filter(|n| changes.begin(&format!("450 {n}x")).is_none()).count(),
            MOST - 2
        );
    }
}
