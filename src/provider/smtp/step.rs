//! The steps of an SMTP session.

use std::fmt;

use super::reply::Answer;

/// What an answer is the answer to.
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
    /// The bytes up to the final dot, and the answer to it.
    Message,
    /// A dot alone, which ends a DATA without a recipient (RFC 2920 section 3.1).
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
    /// Whether an answer that is about the provider by its words may still be about the recipient
    /// at hand, or its receiving domain, alone: it is the answer to RCPT, or closes the connection
    /// at the message.
    pub(super) fn names_a_recipient(self, answer: &Answer) -> bool {
        self == Self::Rcpt || (answer.code == 421 && matches!(self, Self::Data | Self::Message))
    }
}
