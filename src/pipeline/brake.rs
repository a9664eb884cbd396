//! Two facts about a provider that the ledger stores for the next run: the refusal that stopped the
//! provider, and the time until which the provider wants no mail. The next run waits until that
//! time and starts with a single recipient.
//!
//! A fact of kind `brake` has the provider's name as its subject. Its value is JSON: `v` is 1, and
//! `sign` is the normalized text of the refusal, without addresses.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::ledger::Fact;

/// The kind of the fact about the refusal that stopped a provider.
pub(crate) const KIND: &str = "brake";

#[derive(Serialize, Deserialize)]
struct Value {
    v: u32,
    sign: String,
}

/// The kind of the fact that stores until when a provider wants no mail. Its subject is the
/// provider's name. Its value is JSON: `v` is 1, `until` is that time, `said` is the provider's
/// reply without addresses.
pub(crate) const LEFT_ALONE: &str = "left_alone";

/// Until when a provider wants no mail, with the reply that says so.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct LeftAlone {
    pub(crate) until: Timestamp,
    pub(crate) said: String,
}

#[derive(Serialize, Deserialize)]
struct WaitValue {
    v: u32,
    until: Timestamp,
    said: String,
}

impl LeftAlone {
    /// Builds the fact that stores this wait for the next run.
    pub(crate) fn fact(&self, provider: &str, now: Timestamp) -> Fact {
        let value =
            serde_json::json!(WaitValue { v: 1, until: self.until, said: self.said.clone() })
                .to_string();
        Fact { kind: LEFT_ALONE.to_owned(), subject: provider.to_owned(), value, at: now }
    }

    /// Reads a stored fact; `None` if a newer version wrote its value.
    pub(crate) fn of(fact: &Fact) -> Option<Self> {
        serde_json::from_str(&fact.value)
            .ok()
            .filter(|value: &WaitValue| value.v == 1)
            .map(|WaitValue { until, said, .. }| Self { until, said })
    }

    /// Returns a line for the operator: which provider waits, until when, and its reply.
    pub(crate) fn words(&self, provider: &str) -> String {
        let said = if self.said.is_empty() { String::new() } else { format!(" ({})", self.said) };
        format!(
            "{provider} asks to be left alone until {:.0}{said}; after that one recipient goes first",
            self.until
        )
    }
}

/// Builds the fact that a refusal stopped this provider. `sign` is the refusal's normalized text.
pub(crate) fn fact(provider: &str, sign: &str, now: Timestamp) -> Fact {
    let value = serde_json::json!(Value { v: 1, sign: sign.to_owned() }).to_string();
    Fact { kind: KIND.to_owned(), subject: provider.to_owned(), value, at: now }
}

/// Reads the normalized text of the refusal that stopped the provider. Returns an empty text, which
/// matches no refusal, if a newer version wrote the fact.
pub(crate) fn sign(fact: &Fact) -> String {
    serde_json::from_str::<Value>(&fact.value).map(|value| value.sign).unwrap_or_default()
}
