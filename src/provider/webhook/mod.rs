//! What providers tell by a request to us: is it theirs, and what does it say. What is here is the
//! same for all of them; the documented scheme and payloads of each service are in `webhook.rs` of
//! its folder.
//!
//! The rules it keeps: nothing is read out of a request before its signature has been verified,
//! compares take the same time whatever they find, and whatever a provider signs becomes an event,
//! of type `unknown` where the type is new to us. It touches no network and no ledger. An event's
//! id is a function of the signed body alone, so a replay is the same event whatever stands in its
//! headers.

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

/// How far the time of a signature may be from ours, either way.
pub const TOLERANCE: SignedDuration = SignedDuration::from_mins(5);

/// How long a one-time token of a signature has to be remembered, so that it is of no use to anyone
/// who has seen it: from [`TOLERANCE`] before the time that is signed with it to as long after.
pub(crate) const TOKEN_LIFE: SignedDuration = SignedDuration::from_mins(2 * 5);

/// Why a request is not believed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// Something that every request of the provider has is not there.
    Unsigned(&'static str),
    /// The signature is not one of the secret that is configured.
    Wrong,
    /// Signed so far from now, positive where the signature is older, and how far from now it may
    /// be.
    Stale(SignedDuration, SignedDuration),
    /// The configured secret cannot be one; says what it should be.
    Secret(&'static str),
    /// Signed, and yet not from where it has to be.
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

/// Verifies a request: its headers and its body as they came.
type Verify = fn(&Secret, &HeaderMap, &[u8], Timestamp) -> Result<(), Refusal>;

/// The one-time token in a body.
type Token = fn(&[u8]) -> Option<String>;

/// Reads the events out of a body. Errs with what is wrong where the body is not of the provider's
/// form at all.
type Read = fn(&[u8], Timestamp) -> Result<Vec<Event>, String>;

/// Reads an entry of a list of the provider's own log, which has the text `raw`. Leaves the id
/// empty where the log has none that stays.
type ReadLog = fn(list: &str, entry: &serde_json::Value, raw: &[u8], now: Timestamp) -> Event;

/// How the log of a kind of provider is read.
#[derive(Debug)]
pub struct Log {
    pub(super) read: ReadLog,
    /// Whether each of its events has the id under which the webhook reports it.
    pub shares_ids: bool,
}

/// How a kind of provider reports events.
#[derive(Debug)]
pub struct Webhook {
    /// The kind as in `[providers.NAME] kind`.
    pub kind: &'static str,
    /// How its requests are verified; `None` for SNS, whose certificate has to be fetched first
    /// ([`Envelope`]).
    pub verify: Option<Verify>,
    pub(super) read: Read,
    /// What `webhook_secret` is there.
    pub secret: &'static str,
    /// Whether a text can be that secret, or says what is wrong with it: one that is empty or short
    /// can be guessed.
    pub usable: fn(&str) -> Result<(), &'static str>,
    /// The one-time token in a body, where the signature covers the token and not the body.
    pub token: Option<Token>,
    /// How its log is read; `None` where its API has none.
    pub log: Option<Log>,
    pub(super) looks_like: fn(&serde_json::Value) -> bool,
}

impl Webhook {
    /// The events of a body in their order, each with an id.
    pub fn read(&self, body: &[u8], now: Timestamp) -> Result<Vec<Event>, String> {
        let mut events = (self.read)(body, now)?;
        for event in &mut events {
            // The id stays a function of what the provider wrote.
            event.identify();
            take_out_of_brackets(event);
        }
        Ok(events)
    }

    /// The event of an entry of the provider's log. Errs with what is wrong with it.
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
            // What is read again is the same event, also where it says nothing of when it happened.
            let hash = ring::digest::digest(&ring::digest::SHA256, raw.as_bytes());
            event.id = format!("{list}-{}", HEXLOWER.encode(&hash.as_ref()[..16]));
        }
        Ok(event)
    }
}

/// Leaves the bare address of a recipient that the provider writes as `Ann <ann@example.com>`.
fn take_out_of_brackets(event: &mut Event) {
    if let Some(address) = event.recipient.as_deref().and_then(bracketed_address) {
        event.recipient = Some(address.into_string());
    }
}
