//! What is frozen with a run beside its message and rows: one type, which goes to the ledger and
//! comes back through serde alone.
//!
//! The rule it keeps: a value is parsed once, where it was typed. Each text on disk is what can be
//! typed for it, so that runs of every earlier version stay readable.

use std::fmt::Display;
use std::path::PathBuf;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::config::Chosen;
use crate::ledger::Run;
use crate::model::address::{Address, Dedupe};
use crate::model::error::{Error, Result};
use crate::model::literal::CanarySize;
use crate::run::inputs::Inputs;

/// The version of the form below. Later ones only add to it; runs of before it was written down
/// have none.
const VERSION: u32 = 1;

/// What is frozen with a run beside its message and rows.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct RunSettings {
    pub(crate) v: u32,
    /// How duplicates were found; the ledger reads it when it carries earlier runs over.
    #[serde(with = "text")]
    pub(crate) dedupe: Dedupe,
    /// All mail goes here instead.
    #[serde(with = "text_if_any")]
    pub(crate) redirect: Option<Address>,
    /// Everything goes to the provider's own sandbox.
    pub(crate) provider_sandbox: bool,
    /// Names that are reserved for examples may leave the machine.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub(crate) allow_example: bool,
    /// Marketing mail may go without an unsubscribe link of the recipient's own.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub(crate) allow_no_unsubscribe: bool,
    /// Suppression files given by flag.
    pub(crate) suppress: Vec<PathBuf>,
    #[serde(with = "text_if_any")]
    pub(crate) canary: Option<CanarySize>,
    /// The message's path as typed, for people.
    pub(crate) message: String,
    /// Where its lists lie, absolute: no output may replace them.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) lists: Vec<PathBuf>,
    /// Where its message lies, absolute.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) message_file: Option<PathBuf>,
    /// Its providers, where there are several to choose from.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) route: Option<RunRoute>,
    /// What it was planned from; `None` for a run of an earlier version.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) inputs: Option<Inputs>,
}

impl Default for RunSettings {
    fn default() -> Self {
        Self {
            v: VERSION,
            dedupe: Dedupe::default(),
            redirect: None,
            provider_sandbox: false,
            allow_example: false,
            allow_no_unsubscribe: false,
            suppress: Vec::new(),
            canary: None,
            message: String::new(),
            lists: Vec::new(),
            message_file: None,
            route: None,
            inputs: None,
        }
    }
}

impl RunSettings {
    /// What was frozen with a run. Errs where the ledger holds something else.
    pub(crate) fn of(run: &Run) -> Result<Self> {
        Self::deserialize(&run.head.settings)
            .map_err(|e| Error::internal(format!("run {}: {e}", run.id)))
    }

    /// As the ledger keeps it.
    pub(crate) fn to_json(&self) -> Result<serde_json::Value> {
        serde_json::to_value(self).map_err(|e| Error::internal(e.to_string()))
    }

    /// Whether the mail of the run goes to the recipients of its list: it was neither redirected
    /// nor handed to a provider's sandbox.
    pub(crate) fn reaches_list(&self) -> bool {
        self.redirect.is_none() && !self.provider_sandbox
    }
}

/// The providers of a run, as frozen with it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct RunRoute {
    /// Each that may be a first choice.
    pub(crate) providers: Vec<String>,
    /// The providers that take over, in this order.
    pub(crate) order: Vec<String>,
}

impl RunRoute {
    /// What is frozen of a choice; `None` for a single provider that was named or is the only one.
    pub(crate) fn of(chosen: &Chosen<'_>) -> Option<Self> {
        let route = chosen.route?;
        Some(Self {
            providers: chosen.providers.iter().map(|name| (*name).to_owned()).collect(),
            order: route.order.clone(),
        })
    }
}

/// A value as the text that can be typed for it.
mod text {
    use super::*;

    pub(super) fn serialize<T: Display, S: Serializer>(
        value: &T,
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        serializer.collect_str(value)
    }

    pub(super) fn deserialize<'de, T, D>(deserializer: D) -> Result<T, D::Error>
    where
        T: FromStr<Err: Display>,
        D: Deserializer<'de>,
    {
        String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
    }
}

/// The same for a value that may be missing.
mod text_if_any {
    use super::*;

    pub(super) fn serialize<T: Display, S: Serializer>(
        value: &Option<T>,
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        match value {
            Some(value) => serializer.collect_str(value),
            None => serializer.serialize_none(),
        }
    }

    pub(super) fn deserialize<'de, T, D>(deserializer: D) -> Result<Option<T>, D::Error>
    where
        T: FromStr<Err: Display>,
        D: Deserializer<'de>,
    {
        let text = Option::<String>::deserialize(deserializer)?;
        text.map(|text| text.parse()).transpose().map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn settings_of_every_version_are_read_and_what_is_written_reads_the_same() {
        // As runs were frozen before there was a version, and before there were providers to
        // choose from.
        let old = serde_json::json!({
            "dedupe": "exact", "redirect": "me@example.com", "suppress": ["/ws/vip.csv"],
            "canary": "5%", "message": "welcome.md",
        });
        let read = RunSettings::deserialize(&old).expect("readable");
        assert_eq!(read.dedupe, Dedupe::Exact);
        assert_eq!(read.canary, "5%".parse().ok());
        assert_eq!(read.redirect.as_ref().map(Address::as_str), Some("me@example.com"));
        assert!(!read.reaches_list());
        let written = read.to_json().expect("writable");
        for (key, value) in old.as_object().expect("an object") {
            assert_eq!(written.get(key), Some(value), "{key}");
        }
        assert_eq!(written["v"], VERSION);
        let again = RunSettings::deserialize(&written).expect("readable");
        assert_eq!(again.to_json().expect("writable"), written);
        let plain =
            RunSettings::deserialize(serde_json::json!({ "redirect": null, "canary": null }))
                .expect("readable");
        assert!(plain.reaches_list() && plain.canary.is_none());
        for wrong in [
            serde_json::json!({ "canary": "many" }),
            serde_json::json!({ "dedupe": "sometimes" }),
            serde_json::json!({ "redirect": "no address" }),
        ] {
            assert!(RunSettings::deserialize(&wrong).is_err(), "{wrong}");
        }
    }
}
