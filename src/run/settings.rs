//! The settings fixed with a run when it is planned, in addition to its message and rows. The
//! ledger stores them through serde.
//!
//! Invariant: a value is parsed once, where it was typed. It is stored in the form that can be
//! typed, so that runs of every earlier version stay readable.

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

/// The version of the stored form. Later versions only add fields. Runs that were stored before
/// this field existed have no version.
const VERSION: u32 = 1;

/// The settings fixed with a run when it is planned, in addition to its message and rows.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct RunSettings {
    pub(crate) v: u32,
    /// How duplicates were detected. The ledger uses the same method when it keeps outcomes of
    /// earlier runs.
    #[serde(with = "text")]
    pub(crate) dedupe: Dedupe,
    /// The address that all mail is redirected to.
    #[serde(with = "text_if_any")]
    pub(crate) redirect: Option<Address>,
    /// Whether all mail goes to the provider's own sandbox.
    pub(crate) provider_sandbox: bool,
    /// Whether reserved example names may leave the machine.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub(crate) allow_example: bool,
    /// Whether marketing mail may be sent without a per-recipient unsubscribe link.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub(crate) allow_no_unsubscribe: bool,
    /// The suppression files given by flag.
    pub(crate) suppress: Vec<PathBuf>,
    #[serde(with = "text_if_any")]
    pub(crate) canary: Option<CanarySize>,
    /// The message's path as typed, for display.
    pub(crate) message: String,
    /// The absolute paths of the run's lists, which no output may replace.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) lists: Vec<PathBuf>,
    /// The absolute path of the run's message.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) message_file: Option<PathBuf>,
    /// The other files that the run's message was read from.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) message_files: Vec<PathBuf>,
    /// The run's providers, if a route chooses between several.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) route: Option<RunRoute>,
    /// The inputs that the run was planned from; `None` for a run of an earlier version.
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
            message_files: Vec::new(),
            route: None,
            inputs: None,
        }
    }
}

impl RunSettings {
    /// Reads the settings of a run. Returns an error if the ledger's value is invalid.
    pub(crate) fn of(run: &Run) -> Result<Self> {
        Self::deserialize(&run.head.settings)
            .map_err(|e| Error::internal(format!("run {}: {e}", run.id)))
    }

    /// Returns the form that is stored in the ledger.
    pub(crate) fn to_json(&self) -> Result<serde_json::Value> {
        serde_json::to_value(self).map_err(|e| Error::internal(e.to_string()))
    }

    /// Whether the run's mail goes to the recipients of its list, that is, neither to one redirect
    /// address nor to a provider's sandbox.
    pub(crate) fn reaches_list(&self) -> bool {
        self.redirect.is_none() && !self.provider_sandbox
    }
}

/// The providers of a run, as stored with it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct RunRoute {
    /// Every provider that the plan may choose.
    pub(crate) providers: Vec<String>,
    /// The providers that take over from a failing one, in this order.
    pub(crate) order: Vec<String>,
}

impl RunRoute {
    /// The part of the provider choice that is stored with the run; `None` if a single provider was
    /// named or is the only one.
    pub(crate) fn of(chosen: &Chosen<'_>) -> Option<Self> {
        let route = chosen.route?;
        Some(Self {
            providers: chosen.providers.iter().map(|name| (*name).to_owned()).collect(),
            order: route.order.clone(),
        })
    }
}

/// Stores a value as the text that could be typed for it.
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

/// Stores an optional value as the text that could be typed for it.
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
        // The stored form before the version field and routes existed.
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
