//! Reads the keys of a provider in mailbatch.toml, one by one.
//!
//! An error never repeats a value, because the value may be a secret written under the wrong key.

use std::sync::Arc;
use std::time::Duration;

use rustls_pki_types::CertificateDer;
use toml::Value;

use super::renewable::{Fetch, Renewable};
use super::roots;
use super::settings::ProviderSettings;
use crate::model::error::{Error, Result};
use crate::model::literal::parse_duration;
use crate::model::shown::Shown;
use crate::secret::Secret;

/// Checks a secret. The error says what is wrong with the secret, and how to fix it.
pub(super) type IsFit = fn(&Secret) -> Result<(), (&'static str, &'static str)>;

/// Reads single keys and names them in errors.
pub(super) struct Keys<'a> {
    pub(super) settings: &'a ProviderSettings,
}

impl<'a> Keys<'a> {
    /// Creates a reader for the keys of a provider.
    pub(super) fn of(settings: &'a ProviderSettings) -> Self {
        Self { settings }
    }

    /// Like [`Self::of`], but fails if the provider has a key that is not in `known`.
    pub(super) fn checked(settings: &'a ProviderSettings, known: &[&str]) -> Result<Self> {
        settings.refuse_unknown_keys(known)?;
        Ok(Self::of(settings))
    }

    /// Removes a field from `options` and reads it. Such a field is sent separately with each
    /// message. `refused` is the error and hint for a value that `read` does not accept.
    pub(super) fn take<T: Default>(
        &self,
        options: &mut serde_json::Map<String, serde_json::Value>,
        name: &str,
        refused: (&str, &str),
        read: impl FnOnce(serde_json::Value) -> Option<T>,
    ) -> Result<T> {
        let Some(value) = options.remove(name) else { return Ok(T::default()) };
        read(value).ok_or_else(|| self.error(&format!("options.{name}"), refused.0).hint(refused.1))
    }

    pub(super) fn name(&self, key: &str) -> String {
        format!("providers.{}.{key}", self.settings.name)
    }

    /// Returns an error about a key: exit 2.
    pub(super) fn error(&self, key: &str, what: &str) -> Error {
        Error::usage(format!("{}: {what}", self.name(key)))
    }

    /// Returns a string value.
    pub(super) fn text(&self, key: &str) -> Result<Option<&'a str>> {
        match self.settings.keys.get(key) {
            None => Ok(None),
            Some(Value::String(text)) => Ok(Some(text)),
            Some(_) => Err(self.error(key, "not a text").hint(format!("write {key} = \"…\""))),
        }
    }

    /// Returns a boolean value, or `default` if the key is missing.
    pub(super) fn flag(&self, key: &str, default: bool) -> Result<bool> {
        match self.settings.keys.get(key) {
            None => Ok(default),
            Some(Value::Boolean(yes)) => Ok(*yes),
            Some(_) => Err(self
                .error(key, "neither true nor false")
                .hint(format!("write {key} = {}", !default))),
        }
    }

    /// Returns a required secret that is resolved only once.
    pub(super) fn secret(&self, key: &str) -> Result<Secret> {
        Ok(self.key(key)?.current().secret)
    }

    /// Returns a required secret that can be fetched again when it expires.
    pub(super) fn key(&self, key: &str) -> Result<Renewable> {
        let is_fit = |secret: &Secret| {
            let is_bare = !secret.expose().is_empty()
                && secret.expose().bytes().all(|b| matches!(b, 33..=126));
            if is_bare {
                Ok(())
            } else {
                Err((
                    "the secret is empty, or contains a space, a line break or a character that is not ASCII",
                    "store the bare key, without other text",
                ))
            }
        };
        self.renewable(key, is_fit)?.ok_or_else(|| {
            self.error(key, "missing").hint(format!("write {key} = {{ env = \"NAME\" }}"))
        })
    }

    /// Returns an optional secret that can be fetched again. `is_fit` checks its first value and
    /// each value fetched later.
    pub(super) fn renewable(&self, key: &str, is_fit: IsFit) -> Result<Option<Renewable>> {
        let Some(value) = self.settings.keys.get(key).cloned() else { return Ok(None) };
        // An environment variable does not change while the process runs.
        let is_fixed = value.get("env").is_some();
        let (name, secrets) = (self.name(key), Arc::clone(&self.settings.secrets));
        let fetch = move || {
            let secret = secrets.resolve(&name, &value)?;
            match is_fit(&secret) {
                Ok(()) => Ok(secret),
                Err((what, hint)) => Err(Error::usage(format!("{name}: {what}")).hint(hint)),
            }
        };
        let secret = fetch()?;
        let fetch: Option<Fetch> = if is_fixed { None } else { Some(Arc::new(fetch)) };
        Ok(Some(Renewable::new(self.name(key), secret, fetch)))
    }

    /// Reads the table `timeouts` into the limits with the same names. `example` is the hint of
    /// each error.
    pub(super) fn durations(
        &self,
        example: &str,
        limits: &mut [(&str, &mut Duration)],
    ) -> Result<()> {
        let Some(value) = self.settings.keys.get("timeouts") else { return Ok(()) };
        let table =
            value.as_table().ok_or_else(|| self.error("timeouts", "not a table").hint(example))?;
        for (key, value) in table {
            let name = format!("timeouts.{key}");
            let Some((_, limit)) = limits.iter_mut().find(|(known, _)| known == key) else {
                return Err(self.error(&name, "unknown key").hint(example));
            };
            let text =
                value.as_str().ok_or_else(|| self.error(&name, "not a duration").hint(example))?;
            **limit =
                parse_duration(text).map_err(|what| self.error(&name, &what).hint(example))?;
            if limit.is_zero() {
                return Err(self.error(&name, "nothing can happen in no time").hint(example));
            }
        }
        Ok(())
    }

    /// Returns the certificates in `ca_file`, which are trusted in addition to the system's. `of`
    /// names the kind of server in the hint.
    pub(super) fn extra_roots(&self, of: &str) -> Result<Vec<CertificateDer<'static>>> {
        let Some(path) = self.text("ca_file")? else { return Ok(Vec::new()) };
        let workspace = self.settings.state_dir.parent().unwrap_or(&self.settings.state_dir);
        let path = workspace.join(path);
        roots::read_roots(&path).map_err(|what| {
            self.error("ca_file", &format!("{}: {what}", path.shown()))
                .hint(format!("name a PEM file with the {of}'s root certificate"))
        })
    }
}
