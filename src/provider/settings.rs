//! The settings with which a provider is connected.

use std::fmt;
use std::sync::Arc;

use crate::model::error::{Error, Result};

/// The settings of a provider. Those that only its kind has are in `keys`.
#[derive(Clone, Debug)]
pub struct ProviderSettings {
    /// The name under `[providers]`.
    pub name: String,
    /// The most connections or requests at once.
    pub in_flight: usize,
    /// The workspace's `.mailbatch` directory, where the sandbox keeps its outbox.
    pub state_dir: std::path::PathBuf,
    /// The provider's own keys in `mailbatch.toml`, with unresolved secrets.
    pub keys: toml::Table,
    /// Resolves `{ env }`, `{ file }` and `{ command }`.
    pub secrets: Arc<dyn SecretSource>,
}

impl ProviderSettings {
    /// Fails with exit 2 and a suggestion if `keys` contains a key that is not in `known`.
    pub fn refuse_unknown_keys(&self, known: &[&str]) -> Result<()> {
        let Some(key) = self.keys.keys().find(|key| !known.contains(&key.as_str())) else {
            return Ok(());
        };
        let nearest = known
            .iter()
            .map(|k| (strsim::jaro_winkler(k, key), k))
            .max_by(|a, b| a.0.total_cmp(&b.0));
        let hint = match nearest {
            Some((likeness, nearest)) if likeness > 0.8 => format!("did you mean `{nearest}`?"),
            _ => format!("the accepted keys are: {}", known.join(", ")),
        };
        Err(Error::usage(format!("providers.{}: unknown key `{key}`", self.name)).hint(hint))
    }
}

/// Resolves a secret named in the configuration. It is a trait because only `config` reads the
/// environment.
pub trait SecretSource: Send + Sync + fmt::Debug {
    /// The secret that `key` (such as `providers.relay.password`) refers to. An error names the
    /// key, never the secret.
    fn resolve(&self, key: &str, value: &toml::Value) -> Result<crate::secret::Secret>;

    /// An environment variable that a service's own tools define, such as `AWS_PROFILE`; `None` if
    /// it is unset or empty.
    fn variable(&self, _name: &str) -> Option<crate::secret::Secret> {
        None
    }
}
