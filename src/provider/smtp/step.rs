//! Defines the steps of an SMTP session.

use std::fmt;

use super::reply::Answer;

/// The step of a session to which a reply belongs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Step {
    Greeting,
    Hello,
    StartTls,
    Auth,
    Reset,
    Mail,
    Rcpt,
    Data,
    /// The message up to the final dot, and the reply to it.
    Message,
    /// A lone dot, which ends a DATA without a recipient (RFC 2920 section 3.1).
    LoneDot,
    Quit,
}

impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Greeting => "the greeting",
            Self::Hello => "EHLO",
            Self::StartTls => "STARTTLS",
            Self::Auth => "AUTH",
            Self::Reset => "RSET",
            Self::Mail => "MAIL",
            Self::Rcpt => "RCPT",
            Self::Data => "DATA",
            Self::Message | Self::LoneDot => "the end of the message",
            Self::Quit => "QUIT",
        })
    }
}

impl Step {
    /// Returns whether a reply may concern only the current recipient or its receiving domain,
    /// although its text concerns the provider. This is so for a reply to RCPT, and for a 421 to
    /// the message.
    pub(super) fn names_a_recipient(self, answer: &Answer) -> bool {
        self == Self::Rcpt || (answer.code == 421 && matches!(self, Self::Data | Self::Message))
    }
}
