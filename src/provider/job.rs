//! Messages of a claim, as they are handed to a provider.

use std::sync::Arc;

use jiff::Timestamp;

use super::types::RowNumber;
use crate::content::Content;
use crate::model::address::Address;

/// One recipient's message, rendered and encoded.
#[derive(Clone, Debug)]
pub struct Job {
    pub id: RowNumber,
    /// Where it goes: the envelope's one recipient.
    pub to: Address,
    /// The envelope sender; `None` is the null path `<>`.
    pub envelope_sender: Option<Address>,
    /// The whole message, CRLF line ends, not dot-stuffed; empty where the provider takes
    /// [`Form::Parts`](super::Form::Parts) alone.
    pub message: Vec<u8>,
    /// Where the message has bytes above ASCII.
    pub eight_bit: EightBit,
    /// As [`lines_stand`] says of the message.
    pub lines_stand: bool,
    /// The message's parts, unless the provider takes [`Form::Mime`](super::Form::Mime) alone.
    pub content: Option<Arc<Content>>,
    /// Its Message-ID without the angle brackets.
    pub message_id: String,
}

/// Where a message has bytes above ASCII, which not every server takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EightBit {
    Nowhere,
    /// In the body alone: needs 8BITMIME (RFC 6152).
    Body,
    /// In the header section: needs SMTPUTF8 (RFC 6532).
    Headers,
}

impl EightBit {
    /// Looks through a whole message.
    pub fn of(message: &[u8]) -> Self {
        if message.is_ascii() {
            return Self::Nowhere;
        }
        let end = memchr::memmem::find(message, b"\r\n\r\n").unwrap_or(message.len());
        if message[..end].is_ascii() { Self::Body } else { Self::Headers }
    }
}

/// Whether every line ends in CRLF and none begins with a dot, so that what follows DATA is the
/// message byte for byte (RFC 5321 sections 2.3.8 and 4.5.2).
pub(crate) fn lines_stand(message: &[u8]) -> bool {
    /// So many at once, without branches, which the compiler makes vector instructions.
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

/// A batch that is durable in the ledger; only what is claimed may touch the wire.
#[derive(Clone, Debug)]
pub struct Claim {
    /// The batch's number in the ledger.
    pub batch: i64,
    /// The idempotency key: a function of environment, campaign, members and body.
    pub key: String,
    pub claimed_at: Timestamp,
    pub jobs: Vec<Job>,
    /// It was handed over before, under the same key and byte for byte, and is in doubt: nothing
    /// but an answer about its members settles them, and it goes as the one request that it was.
    pub is_replay: bool,
}

/// Why a member of a claim may not be begun any more.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Stopped {
    /// This member is not mailed any more: it has been suppressed since it was claimed, or its
    /// retries are over. Go on with the next.
    Member,
    /// Nothing more of this claim may be begun: the run stops or is paused.
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
