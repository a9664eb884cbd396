//! Defines the failures that end an SMTP session.

use std::time::Duration;

use super::classify::{closing, spent_at_once};
use super::reply::{Answer, shorten};
use super::step::Step;
use crate::model::outcome::Reason;
use crate::provider::{Health, Refusal};

/// The reason why a connection cannot be used any more.
#[derive(Clone, Debug)]
pub(super) enum Fault {
    /// The server or the network closed the connection.
    Lost(Step, String),
    /// The server did not answer within the time limit.
    Silent(Step, Duration),
    /// The reply was not a valid SMTP reply to this step.
    Garbled(Step, String),
    /// The server announced that it closes the connection (421).
    Closing(Step, Answer),
    /// The server refused this message because the connection has reached its message limit. The
    /// connection is still open.
    Spent(Step, Answer),
}

impl Fault {
    /// Returns whether a new connection may succeed, because the server or the network only closed
    /// this one.
    pub(super) fn is_closed_connection(&self) -> bool {
        match self {
            Self::Lost(..) | Self::Silent(..) | Self::Spent(..) => true,
            Self::Garbled(..) => false,
            Self::Closing(_, answer) => closing(answer).is_none(),
        }
    }

    /// Returns whether the failure may concern only the current recipient or its receiving domain.
    pub(super) fn is_at_a_recipient(&self) -> bool {
        match self {
            Self::Lost(step, _) => *step == Step::Rcpt,
            Self::Closing(step, answer) | Self::Spent(step, answer) => {
                step.names_a_recipient(answer)
            }
            Self::Silent(..) | Self::Garbled(..) => false,
        }
    }

    /// Returns the failure as a refusal for the report.
    pub(super) fn refusal(&self) -> Refusal {
        let detail = match self {
            Self::Lost(step, detail) => format!("connection lost at {step}: {detail}"),
            Self::Silent(step, limit) => format!("no answer at {step} within {limit:?}"),
            Self::Garbled(step, detail) => format!("not an SMTP answer at {step}: {detail}"),
            Self::Closing(step, answer) | Self::Spent(step, answer) => {
                return Refusal::new(
                    Reason::Session,
                    answer.code_text(),
                    format!("at {step}: {}", answer.text()),
                );
            }
        };
        Refusal::new(Reason::Session, "", shorten(&detail))
    }

    /// Returns the provider's health after this failure.
    pub(super) fn health(&self) -> Health {
        match self {
            Self::Closing(_, answer) => {
                closing(answer).unwrap_or_else(|| Health::Failing(self.refusal()))
            }
            Self::Spent(..) => spent_at_once(),
            _ => Health::Failing(self.refusal()),
        }
    }
}
