//! What stopped a provider is remembered from one run to the next, so that the next one begins with one recipient.
//!
//! A fact of kind `brake` is about a provider by its name; its value is JSON: `v` is 1, `sign` the sign of the refusal, which holds no address.

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

/// The fact that this provider was stopped by a refusal with this sign.
pub(crate) fn fact(provider: &str, sign: &str, now: Timestamp) -> Fact {
    let value = serde_json::json!(Value { v: 1, sign: sign.to_owned() }).to_string();
    Fact { kind: KIND.to_owned(), subject: provider.to_owned(), value, at: now }
}

/// The sign by which a provider was stopped. A value that a newer version wrote is a brake with a sign that nothing has.
pub(crate) fn sign(fact: &Fact) -> String {
    serde_json::from_str::<Value>(&fact.value).map(|value| value.sign).unwrap_or_default()
}
