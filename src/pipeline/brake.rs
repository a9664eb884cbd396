//! What stopped a provider, and until when it wants to be left alone, is remembered from one run to
//! the next, so that the next one begins in time and with one recipient.
//!
//! A fact of kind `brake` is about a provider by its name; its value is JSON: `v` is 1, `sign` the
//! sign of the refusal, which holds no address.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::ledger::Fact;

/// The kind of the fact.
pub(crate) const KIND: &str = "brake";

#[derive(Serialize, Deserialize)]
struct Value {
    v: u32,
    sign: String,
}

/// The kind of the fact that a provider named a time until which nothing is to go through it. It is
/// about a provider by its name; its value is JSON: `v` is 1, `until` that time, `said` what the
/// provider said, without addresses.
pub(crate) const LEFT_ALONE: &str = "left_alone";

/// Until when a provider wants to be left alone.
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
    /// The fact to remember about this provider.
    pub(crate) fn fact(&self, provider: &str, now: Timestamp) -> Fact {
        let value =
            serde_json::json!(WaitValue { v: 1, until: self.until, said: self.said.clone() })
                .to_string();
        Fact { kind: LEFT_ALONE.to_owned(), subject: provider.to_owned(), value, at: now }
    }

    /// What a fact says; `None` for a value that a newer version wrote.
    pub(crate) fn of(fact: &Fact) -> Option<Self> {
        serde_json::from_str(&fact.value)
            .ok()
            .filter(|value: &WaitValue| value.v == 1)
            .map(|WaitValue { until, said, .. }| Self { until, said })
    }

    /// For people: who said what, and until when nothing goes there.
    pub(crate) fn words(&self, provider: &str) -> String {
        let said = if self.said.is_empty() { String::new() } else { format!(" ({})", self.said) };
        format!(
            "{provider} asks to be left alone until {:.0}{said}; after that one recipient goes first",
            self.until
        )
    }
}

/// The fact that this provider was stopped by a refusal with this sign.
pub(crate) fn fact(provider: &str, sign: &str, now: Timestamp) -> Fact {
    let value = serde_json::json!(Value { v: 1, sign: sign.to_owned() }).to_string();
    Fact { kind: KIND.to_owned(), subject: provider.to_owned(), value, at: now }
}

/// The sign by which a provider was stopped. A value that a newer version wrote is a brake with a
/// sign that nothing has.
pub(crate) fn sign(fact: &Fact) -> String {
    serde_json::from_str::<Value>(&fact.value).map(|value| value.sign).unwrap_or_default()
}
