//! Defines the messages of a claim, in the form in which a provider receives them.

use std::sync::Arc;

use jiff::Timestamp;

use super::types::RowNumber;
use crate::content::Content;
use crate::model::address::Address;

/// The message for one recipient, rendered and encoded.
#[derive(Clone, Debug)]
pub struct Job {
    pub id: RowNumber,
    /// The only recipient in the envelope.
    pub to: Address,
    /// The envelope sender; `None` means the null path `<>`.
    pub envelope_sender: Option<Address>,
    /// The whole message with CRLF line ends, not dot-stuffed. Empty if the provider accepts only
    /// [`Form::Parts`](super::Form::Parts).
    pub message: Vec<u8>,
    /// Whether the message has bytes above ASCII, and in which part.
    pub eight_bit: EightBit,
    /// Whether the message can follow DATA unchanged, as [`lines_stand`] decides.
    pub lines_stand: bool,
    /// The parts of the message; `None` if the provider accepts only
    /// [`Form::Mime`](super::Form::Mime).
    pub content: Option<Arc<Content>>,
    /// The Message-ID without the angle brackets.
    pub message_id: String,
}

/// Whether a message has bytes above ASCII, and in which part. Not every server accepts them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EightBit {
    Nowhere,
    /// In the body only, which needs 8BITMIME (RFC 6152).
    Body,
    /// In the header section, which needs SMTPUTF8 (RFC 6532).
    Headers,
}

impl EightBit {
    /// Examines a whole message.
    pub fn of(message: &[u8]) -> Self {
        if message.is_ascii() {
            return Self::Nowhere;
        }
        let end = memchr::memmem::find(message, b"\r\n\r\n").unwrap_or(message.len());
        if message[..end].is_ascii() { Self::Body } else { Self::Headers }
    }
}

/// Returns whether a message can follow DATA unchanged: every line ends in CRLF and no line begins
/// with a dot (RFC 5321 sections 2.3.8 and 4.5.2).
pub(crate) fn lines_stand(message: &[u8]) -> bool {
    /// The number of bytes examined per step. The step has no branches, so the compiler can use
    /// vector instructions.
    const TOGETHER: usize = 64;
    let is_broken = |before: u8, byte: u8| {
        u8::from((byte == b'\n') != (before == b'\r'))
            | (u8::from(before == b'\n') & u8::from(byte == b'.'))
    };
    let Some(after_first) = message.get(1..) else { return false };
    let (before, _) = message.as_chunks::<TOGETHER>();
    let (bytes, last) = after_first.as_chunks::<TOGETHER>();
    let mut broken = 0;
    for (before, bytes) in before.iter().zip(bytes) {
        for i in 0..TOGETHER {
            broken |= is_broken(before[i], bytes[i]);
        }
    }
    let last = message.len() - 1 - last.len();
    broken |=
        message[last..].windows(2).fold(0, |broken, pair| broken | is_broken(pair[0], pair[1]));
    broken == 0 && message.ends_with(b"\r\n") && !matches!(message.first(), Some(b'.' | b'\n'))
}

/// A batch of messages that is durably recorded in the ledger. Only claimed messages may be sent.
#[derive(Clone, Debug)]
pub struct Claim {
    /// The number of the batch in the ledger.
    pub batch: i64,
    /// The idempotency key. The same environment, campaign, members and body give the same key.
    pub key: String,
    pub claimed_at: Timestamp,
    pub jobs: Vec<Job>,
    /// Whether this claim repeats an earlier request whose outcome is unknown. The provider must
    /// send it as one request, with the same bytes and the same key as before. Only a reply about
    /// its messages resolves their outcomes.
    pub is_replay: bool,
}

/// The reason why a message of a claim must not be sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Stopped {
    /// Only this message must not be sent, because its recipient was suppressed after the claim, or
    /// its retry time has ended. The next message may be sent.
    Member,
    /// No further message of this claim must be sent, because the run has stopped or is paused.
    Run,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn headers_and_body_are_told_apart() {
        assert_eq!(EightBit::of("Subject: é\r\n\r\nx".as_bytes()), EightBit::Headers);
        assert_eq!(EightBit::of("Subject: e\r\n\r\né".as_bytes()), EightBit::Body);
        assert_eq!(EightBit::of(b"Subject: e\r\n\r\ne"), EightBit::Nowhere);
    }
}
