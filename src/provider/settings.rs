//! What a provider is connected with.

use std::fmt;
use std::sync::Arc;

use crate::model::error::{Error, Result};

/// What every provider is given when it is connected; its own keys stand in `settings`.
#[derive(Clone, Debug)]
pub struct ProviderSettings {
    /// The name under `[providers]`.
    pub name: String,
    /// Connections or requests at once; never more.
    pub in_flight: usize,
    /// Where the sandbox keeps its outbox: the workspace's `.mailbatch`.
    pub state_dir: std::path::PathBuf,
    /// The provider's own keys of `mailbatch.toml`, secrets not resolved.
    pub keys: toml::Table,
    /// Resolves `{ env }`, `{ file }` and `{ command }`.
    pub secrets: Arc<dyn SecretSource>,
}

impl ProviderSettings {
    /// Fails with exit 2 and a suggestion where `keys` holds one that the provider does not know.
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
            _ => format!("it knows: {}", known.join(", ")),
        };
        Err(Error::usage(format!("providers.{}: unknown key `{key}`", self.name)).hint(hint))
    }
}

/// Resolves a secret named in the configuration. Lives behind a trait because only `config` reads
/// the environment.
pub trait SecretSource: Send + Sync + fmt::Debug {
    /// The secret that `key` (such as `providers.relay.password`) points to; the error names the
    /// key and never the secret.
    fn resolve(&self, key: &str, value: &toml::Value) -> Result<crate::secret::Secret>;

    /// A variable that a service's own tools define, such as `AWS_PROFILE`; `None` where it is
    /// unset or empty.
    fn variable(&self, _name: &str) -> Option<crate::secret::Secret> {
        None
    }
}
