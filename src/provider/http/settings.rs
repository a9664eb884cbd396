//! The keys of mailbatch.toml that every HTTP provider has, and how single keys are read.
//!
//! The rule it keeps: no error repeats a value, for it may be a secret in the wrong place.

use std::time::Duration;

use rustls_pki_types::CertificateDer;
use toml::Value;
use url::Url;

use crate::model::error::{Error, Result};
use crate::model::literal::parse_duration;
use crate::model::shown::Shown;
use crate::provider::{ProviderSettings, proxies, roots};
use crate::secret::Secret;

/// The keys that every HTTP provider has, and those of one.
macro_rules! keys {
    ($($own:literal),*) => {
        &["api_key", "base_url", "timeouts", "ca_file", "request_rate", "options", $($own),*]
    };
}
pub(in crate::provider) use keys;

/// The longest waits.
#[derive(Clone, Copy, Debug)]
pub(super) struct Timeouts {
    /// Looking the name up, connecting and the TLS handshake together.
    pub(super) connect: Duration,
    /// Between two pieces of the answer, and before the first.
    pub(super) read: Duration,
    /// A whole request with its answer.
    pub(super) total: Duration,
}

/// Reads single keys and names them in errors.
pub(in crate::provider) struct Keys<'a> {
    pub(super) settings: &'a ProviderSettings,
}

impl<'a> Keys<'a> {
    /// The keys of a provider.
    pub(in crate::provider) fn of(settings: &'a ProviderSettings) -> Self {
        Self { settings }
    }

    /// The same, where all of them are known.
    pub(in crate::provider) fn checked(
        settings: &'a ProviderSettings,
        known: &[&str],
    ) -> Result<Self> {
        settings.refuse_unknown_keys(known)?;
        Ok(Self::of(settings))
    }

    /// Takes a field out of `options` that goes into each message by itself. `refused` is what is
    /// wrong with one that `read` makes nothing of, and what to write.
    pub(in crate::provider) fn take<T: Default>(
        &self,
        options: &mut serde_json::Map<String, serde_json::Value>,
        name: &str,
        refused: (&str, &str),
        read: impl FnOnce(serde_json::Value) -> Option<T>,
    ) -> Result<T> {
        let Some(value) = options.remove(name) else { return Ok(T::default()) };
        read(value).ok_or_else(|| self.error(&format!("options.{name}"), refused.0).hint(refused.1))
    }

    fn name(&self, key: &str) -> String {
        format!("providers.{}.{key}", self.settings.name)
    }

    /// An error about a key: exit 2.
    pub(in crate::provider) fn error(&self, key: &str, what: &str) -> Error {
        Error::usage(format!("{}: {what}", self.name(key)))
    }

    /// A text.
    pub(in crate::provider) fn text(&self, key: &str) -> Result<Option<&'a str>> {
        match self.settings.keys.get(key) {
            None => Ok(None),
            Some(Value::String(text)) => Ok(Some(text)),
            Some(_) => Err(self.error(key, "not a text").hint(format!("write {key} = \"…\""))),
        }
    }

    /// Yes or no, and `default` where nothing is said.
    pub(in crate::provider) fn flag(&self, key: &str, default: bool) -> Result<bool> {
        match self.settings.keys.get(key) {
            None => Ok(default),
            Some(Value::Boolean(yes)) => Ok(*yes),
            Some(_) => Err(self
                .error(key, "neither true nor false")
                .hint(format!("write {key} = {}", !default))),
        }
    }

    /// A secret that must be there.
    pub(in crate::provider) fn secret(&self, key: &str) -> Result<Secret> {
        let Some(value) = self.settings.keys.get(key) else {
            return Err(self
                .error(key, "missing")
                .hint(format!("write {key} = {{ env = \"NAME\" }}")));
        };
        let secret = self.settings.secrets.resolve(&self.name(key), value)?;
        if secret.expose().is_empty() || !secret.expose().bytes().all(|b| matches!(b, 33..=126)) {
            return Err(self
                .error(key, "the secret is empty, or holds a space, a line break or a character that is not ASCII")
                .hint("store the bare key"));
        }
        Ok(secret)
    }

    /// The table `options`, to be laid into each request. A field that mailbatch writes itself is
    /// refused in any case and with any marks between its words, for services read `From` and
    /// `reply-to` as they read `from` and `replyTo`; and a field that mailbatch adds its own to
    /// (`shared`) in any spelling but that one, for it would stand beside ours.
    pub(in crate::provider) fn options(
        &self,
        owned: &[&str],
        shared: &[&str],
    ) -> Result<serde_json::Map<String, serde_json::Value>> {
        let Some(value) = self.settings.keys.get("options") else {
            return Ok(serde_json::Map::new());
        };
        let error = |what: &str| {
            self.error("options", what)
                .hint("write options = { FIELD = VALUE } with fields of the service's own API")
        };
        let serde_json::Value::Object(map) =
            serde_json::to_value(value).map_err(|_| error("cannot be JSON"))?
        else {
            return Err(error("not a table"));
        };
        for key in map.keys() {
            let like = |names: &[&str]| {
                names.iter().find(|name| bare(name) == bare(key)).map(|name| (*name).to_owned())
            };
            if let Some(own) = like(owned).or_else(|| like(&RECIPIENTS)) {
                let what = if own == *key {
                    "mailbatch writes this field itself".to_owned()
                } else {
                    format!("mailbatch writes {own} itself")
                };
                return Err(self
                    .error(&format!("options.{key}"), &what)
                    .hint("take it out of options"));
            }
            if let Some(own) = like(shared).filter(|own| own != key) {
                return Err(self
                    .error(&format!("options.{key}"), &format!("the field is called {own}"))
                    .hint(format!("write {own} = …")));
            }
        }
        Ok(map)
    }

    /// Where the service is: scheme and host. Credentials go over TLS, except to this machine.
    pub(super) fn base_url(&self, default: &str) -> Result<Url> {
        let text = self.text("base_url")?.unwrap_or(default);
        let error = |what: &str| {
            self.error("base_url", what)
                .hint(format!("write scheme and host alone, such as {default}"))
        };
        let url = Url::parse(text).map_err(|_| error("not a URL"))?;
        if !matches!(url.scheme(), "http" | "https") {
            return Err(error("neither https nor http"));
        }
        if !url.username().is_empty() || url.password().is_some() {
            return Err(error("holds a user; credentials have keys of their own"));
        }
        if url.path() != "/" || url.query().is_some() || url.fragment().is_some() {
            return Err(error("holds more than scheme and host"));
        }
        if url.scheme() == "http" && !proxies::is_loopback(&url) {
            return Err(error(
                "the key would travel unencrypted; only this machine itself is reached over http",
            ));
        }
        Ok(url)
    }

    pub(super) fn timeouts(&self) -> Result<Timeouts> {
        let [connect, read, total] = [10, 60, 120].map(Duration::from_secs);
        let mut timeouts = Timeouts { connect, read, total };
        let Some(value) = self.settings.keys.get("timeouts") else { return Ok(timeouts) };
        let example = "write timeouts = { connect = \"10s\", read = \"60s\", total = \"2m\" }";
        let table =
            value.as_table().ok_or_else(|| self.error("timeouts", "not a table").hint(example))?;
        for (key, value) in table {
            let name = format!("timeouts.{key}");
            let limit = match key.as_str() {
                "connect" => &mut timeouts.connect,
                "read" => &mut timeouts.read,
                "total" => &mut timeouts.total,
                _ => return Err(self.error(&name, "unknown key").hint(example)),
            };
            let text =
                value.as_str().ok_or_else(|| self.error(&name, "not a duration").hint(example))?;
            *limit = parse_duration(text).map_err(|what| self.error(&name, &what).hint(example))?;
            if limit.is_zero() {
                return Err(self.error(&name, "nothing can happen in no time").hint(example));
            }
        }
        Ok(timeouts)
    }

    pub(super) fn extra_roots(&self) -> Result<Vec<CertificateDer<'static>>> {
        let Some(path) = self.text("ca_file")? else { return Ok(Vec::new()) };
        let workspace = self.settings.state_dir.parent().unwrap_or(&self.settings.state_dir);
        let path = workspace.join(path);
        roots::read_roots(&path).map_err(|what| {
            self.error("ca_file", &format!("{}: {what}", path.shown()))
                .hint("name a PEM file with the service's root certificate")
        })
    }
}

/// Whoever is mailed has been screened, so no service may be given anybody else.
const RECIPIENTS: [&str; 3] = ["to", "cc", "bcc"];

/// A field's name without what services overlook: case, and marks between words.
pub(in crate::provider) fn bare(name: &str) -> String {
    name.chars()
        .filter(|c| !matches!(c, '_' | '-' | ' ') && !c.is_control())
        .flat_map(char::to_lowercase)
        .collect()
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::provider::testing::settings;

    #[test]
    fn a_base_is_scheme_and_host_over_tls_or_on_this_machine() {
        let base = |url: &str| {
            let settings =
                settings(&format!("base_url = \"{url}\""), Path::new("/nowhere/.mailbatch"));
            Keys::of(&settings)
                .base_url("https://api.example")
                .map(|url| url.to_string())
                .map_err(|e| e.to_string())
        };
        for good in [
            "https://api.eu.example",
            "https://api.example:8443/",
            "http://127.0.0.1:25000",
            "http://localhost:1",
            "http://[::1]:1",
        ] {
            assert!(base(good).is_ok(), "{good}");
        }
        for (bad, says) in [
            ("https://api.example/v3", "more than scheme and host"),
            ("https://api.example/?a=hunter2", "more than scheme and host"),
            ("http://api.example", "unencrypted"),
            ("http://127.0.0.1.example", "unencrypted"),
            ("https://key:hunter2@api.example", "holds a user"),
            ("ftp://api.example", "neither https"),
            ("hunter2", "not a URL"),
        ] {
            let error = base(bad).expect_err(bad);
            assert!(
                error.contains(says) && error.contains("hint:") && !error.contains("hunter2"),
                "{error}"
            );
        }
    }

    #[test]
    fn wrong_keys_are_refused_with_what_to_write() {
        let dir = Path::new("/nowhere/.mailbatch");
        let read = |toml: &str| {
            let settings = settings(toml, dir);
            let keys = Keys::of(&settings);
            keys.timeouts()
                .and_then(|_| keys.extra_roots())
                .and_then(|_| keys.options(&["to", "replyTo"], &["tags"]))
                .and_then(|_| keys.secret("api_key"))
                .err()
        };
        assert!(read("api_key = { env = \"k\" }\noptions = { tag = \"a\" }").is_none());
        for (toml, says) in [
            ("timeouts = { conect = \"1s\" }", "unknown key"),
            ("timeouts = { read = \"0s\" }", "no time"),
            ("timeouts = 3", "not a table"),
            ("ca_file = \"no.pem\"", "/nowhere/no.pem"),
            ("options = { to = \"x\" }", "options.to: mailbatch writes this field itself"),
            ("options = { TO = \"x\" }", "options.TO: mailbatch writes to itself"),
            ("options = { Reply-To = \"x\" }", "options.Reply-To: mailbatch writes replyTo itself"),
            ("options = { \"To \" = \"x\" }", "mailbatch writes to itself"),
            ("options = { Tags = [] }", "options.Tags: the field is called tags"),
            ("options = 3", "not a table"),
            ("", "api_key: missing"),
            ("api_key = { env = \"two words\" }", "store the bare key"),
        ] {
            let error = read(toml).expect(says).to_string();
            assert!(error.contains(says) && error.contains("hint:"), "{error}");
        }
    }
}
