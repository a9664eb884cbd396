//! Verifies and reads the requests with which providers report events.
//!
//! This module contains the common parts. The signature scheme and the payloads of each service are
//! in `webhook.rs` of its folder.
//!
//! No field of a request is used before its signature has been verified. Comparisons take constant
//! time. Every signed event becomes a mailbatch event, of type `unknown` if its type is not known.
//! The module uses neither network nor ledger. An event's id is computed only from the signed body,
//! so a replay is the same event whatever its headers say.

pub(super) mod reading;
pub(super) mod scheme;
#[cfg(test)]
pub(super) mod testing;
#[cfg(test)]
mod tests;
#[cfg(test)]
mod vectors;

use std::fmt;

use axum::http::HeaderMap;
use data_encoding::HEXLOWER;
use jiff::{SignedDuration, Timestamp};

use crate::message::bracketed_address;
use crate::model::event::Event;
use crate::secret::Secret;

/// The maximum difference between a signature's time and this machine's clock.
pub const TOLERANCE: SignedDuration = SignedDuration::from_mins(5);

/// The time for which a signature's one-time token is remembered, so that it cannot be used again:
/// from [`TOLERANCE`] before the signed time until [`TOLERANCE`] after it.
pub(crate) const TOKEN_LIFE: SignedDuration = SignedDuration::from_mins(2 * 5);

/// The reason why a request is refused.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// The request lacks a part that every request of the provider has. The text names the part.
    Unsigned(&'static str),
    /// The signature does not match the configured secret.
    Wrong,
    /// The signature's time is too far from the current time. The first value is the signature's
    /// age, negative for a time in the future. The second value is the limit.
    Stale(SignedDuration, SignedDuration),
    /// The configured secret cannot be valid. The text says what it must be.
    Secret(&'static str),
    /// The request is signed, but does not come from the configured source.
    Foreign(String),
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unsigned(what) => write!(f, "no {what}"),
            Self::Wrong => {
                f.write_str("the signature does not fit the body and the configured webhook_secret")
            }
            Self::Stale(age, most) => {
                let when = if age.is_negative() { "ahead of" } else { "behind" };
                let seconds = age.as_secs().unsigned_abs();
                write!(
                    f,
                    "signed {seconds} s {when} this machine's clock, {} s are allowed; is the clock right?",
                    most.as_secs()
                )
            }
            Self::Secret(what) => write!(f, "webhook_secret is not {what}"),
            Self::Foreign(why) => f.write_str(why),
        }
    }
}

/// Verifies a request by its headers and raw body.
type Verify = fn(&Secret, &HeaderMap, &[u8], Timestamp) -> Result<(), Refusal>;

/// Reads the one-time token of a body.
type Token = fn(&[u8]) -> Option<String>;

/// Reads the events of a body. The error says what is wrong if the body does not have the
/// provider's format.
type Read = fn(&[u8], Timestamp) -> Result<Vec<Event>, String>;

/// Reads an entry of one list in the provider's log. `raw` is the entry's JSON text. The id of the
/// event stays empty if the log has no stable id.
type ReadLog = fn(list: &str, entry: &serde_json::Value, raw: &[u8], now: Timestamp) -> Event;

/// The reader for the log of a kind of provider.
#[derive(Debug)]
pub struct Log {
    pub(super) read: ReadLog,
    /// Whether an event has the same id in the log as in the webhook.
    pub shares_ids: bool,
}

/// The reader for the events of a kind of provider.
#[derive(Debug)]
pub struct Webhook {
    /// The kind of provider, as in `[providers.NAME] kind`.
    pub kind: &'static str,
    /// Verifies a request. `None` for SNS, whose certificate must be fetched first ([`Envelope`]).
    pub verify: Option<Verify>,
    pub(super) read: Read,
    /// A description of the value of `webhook_secret`.
    pub secret: &'static str,
    /// Checks that a text can be that secret. The error says what is wrong with the text. An empty
    /// or short secret is refused because it can be guessed.
    pub usable: fn(&str) -> Result<(), &'static str>,
    /// Reads the one-time token of a body, if the signature covers a token instead of the body.
    pub token: Option<Token>,
    /// The reader for the provider's log; `None` if its API has no log.
    pub log: Option<Log>,
    pub(super) looks_like: fn(&serde_json::Value) -> bool,
}

impl Webhook {
    /// Returns the events of a body in order, each with an id.
    pub fn read(&self, body: &[u8], now: Timestamp) -> Result<Vec<Event>, String> {
        let mut events = (self.read)(body, now)?;
        for event in &mut events {
            // The id is computed before the address is changed, so that it depends only on the
            // provider's text.
            event.identify();
            take_out_of_brackets(event);
        }
        Ok(events)
    }

    /// Reads the event of an entry in the provider's log. The error says what is wrong with the
    /// entry.
    pub fn read_log(
        &self,
        list: &str,
        entry: &serde_json::Value,
        now: Timestamp,
    ) -> Result<Event, String> {
        let log = self.log.as_ref().ok_or_else(|| format!("{} has no log", self.kind))?;
        if !entry.is_object() {
            return Err("an entry is no JSON object".to_owned());
        }
        let raw = entry.to_string();
        let mut event = (log.read)(list, entry, raw.as_bytes(), now);
        event.source = crate::model::event::Source::Poll;
        take_out_of_brackets(&mut event);
        if event.id.is_empty() {
            // The id is a hash of the entry. Reading the entry again therefore gives the same
            // event, even if the entry has no time.
            let hash = ring::digest::digest(&ring::digest::SHA256, raw.as_bytes());
            event.id = format!("{list}-{}", HEXLOWER.encode(&hash.as_ref()[..16]));
        }
        Ok(event)
    }
}

/// Reduces a recipient such as `Ann <ann@example.com>` to the bare address.
fn take_out_of_brackets(event: &mut Event) {
    if let Some(address) = event.recipient.as_deref().and_then(bracketed_address) {
        event.recipient = Some(address.into_string());
    }
}
