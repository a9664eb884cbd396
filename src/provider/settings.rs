//! Defines the settings with which a provider is connected.

use std::fmt;
use std::sync::Arc;

use crate::model::error::{Error, Result};

/// The settings of a provider. `keys` contains the settings of its kind.
#[derive(Clone, Debug)]
pub struct ProviderSettings {
    /// The name under `[providers]`.
    pub name: String,
    /// The maximum number of connections or requests at the same time.
    pub in_flight: usize,
    /// The workspace's `.mailbatch` directory, which contains the sandbox's outbox.
    pub state_dir: std::path::PathBuf,
    /// The provider's own keys in `mailbatch.toml`. Secrets in them are not resolved yet.
    pub keys: toml::Table,
    /// Resolves `{ env }`, `{ file }` and `{ command }`.
    pub secrets: Arc<dyn SecretSource>,
}

impl ProviderSettings {
    /// Checks that `keys` contains only keys in `known`. Otherwise fails with exit 2 and suggests a
    /// similar key.
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

/// Resolves a secret named in the configuration. It is a trait because only the module `config`
/// reads the environment.
pub trait SecretSource: Send + Sync + fmt::Debug {
    /// Returns the secret that `key` (such as `providers.relay.password`) refers to. An error names
    /// the key, never the secret.
    fn resolve(&self, key: &str, value: &toml::Value) -> Result<crate::secret::Secret>;

    /// Returns an environment variable that a service's own tools define, such as `AWS_PROFILE`.
    /// Returns `None` if it is unset or empty.
    fn variable(&self, _name: &str) -> Option<crate::secret::Secret> {
        None
    }
}
