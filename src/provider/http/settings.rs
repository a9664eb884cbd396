//! Reads the keys in mailbatch.toml that every HTTP provider accepts.
//!
//! An error never repeats a value, because the value may be a secret written under the wrong key.

use std::time::Duration;

use url::Url;

use crate::model::error::Result;
use crate::provider::keys::Keys;
use crate::provider::proxies;

/// Lists the keys that every HTTP provider accepts, followed by those of one kind of provider.
macro_rules! keys {
    ($($own:literal),*) => {
        &["api_key", "base_url", "timeouts", "ca_file", "request_rate", "options", $($own),*]
    };
}
pub(in crate::provider) use keys;

/// The time limits of a request.
#[derive(Clone, Copy, Debug)]
pub(super) struct Timeouts {
    /// The limit for name lookup, connecting and the TLS handshake together.
    pub(super) connect: Duration,
    /// The limit for the wait before the first part of the reply, and between two parts.
    pub(super) read: Duration,
    /// The limit for a whole request including its reply.
    pub(super) total: Duration,
}

impl Keys<'_> {
    /// Reads the table `options`, whose fields are added to each request.
    ///
    /// A field that mailbatch writes itself (`owned`) is refused in every spelling, regardless of
    /// case and word separators, because services read `From` and `reply-to` as `from` and
    /// `replyTo`. A field to which mailbatch adds its own values (`shared`) must have exactly that
    /// spelling, because another spelling would become a second field.
    pub(in crate::provider) fn options(
        &self,
        owned: &[&str],
        shared: &[&str],
    ) -> Result<serde_json::Map<String, serde_json::Value>> {
        let Some(value) = self.settings.keys.get("options") else {
            return Ok(serde_json::Map::new());
        };
        let error = |what: &str| {
            self.error("options", what).hint(
                "write options = { FIELD = VALUE }, where FIELD is a field of the service's API",
            )
        };
        let serde_json::Value::Object(map) =
            serde_json::to_value(value).map_err(|_| error("cannot be converted to JSON"))?
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
                    .hint("remove it from options"));
            }
            if let Some(own) = like(shared).filter(|own| own != key) {
                return Err(self
                    .error(&format!("options.{key}"), &format!("the field is called {own} here"))
                    .hint(format!("write {own} = …")));
            }
        }
        Ok(map)
    }

    /// Returns the service's scheme and host. Plain HTTP is accepted only for this machine, because
    /// it would expose the credentials.
    pub(super) fn base_url(&self, default: &str) -> Result<Url> {
        let text = self.text("base_url")?.unwrap_or(default);
        let error = |what: &str| {
            self.error("base_url", what)
                .hint(format!("write only scheme and host, such as {default}"))
        };
        let url = Url::parse(text).map_err(|_| error("not a URL"))?;
        if !matches!(url.scheme(), "http" | "https") {
            return Err(error("the scheme is neither https nor http"));
        }
        if !url.username().is_empty() || url.password().is_some() {
            return Err(error("holds a user name; write credentials under their own keys"));
        }
        if url.path() != "/" || url.query().is_some() || url.fragment().is_some() {
            return Err(error("contains more than scheme and host"));
        }
        if url.scheme() == "http" && !proxies::is_loopback(&url) {
            return Err(error(
                "the key would be sent unencrypted; http is allowed only for this machine",
            ));
        }
        Ok(url)
    }

    /// Reads the key `timeouts`.
    pub(super) fn timeouts(&self) -> Result<Timeouts> {
        let [connect, read, total] = [10, 60, 120].map(Duration::from_secs);
        let mut timeouts = Timeouts { connect, read, total };
        self.durations(
            "write timeouts = { connect = \"10s\", read = \"60s\", total = \"2m\" }",
            &mut [
                ("connect", &mut timeouts.connect),
                ("read", &mut timeouts.read),
                ("total", &mut timeouts.total),
            ],
        )?;
        Ok(timeouts)
    }
}

/// The fields for recipients. `options` must not set them, because every recipient must be
/// screened.
const RECIPIENTS: [&str; 3] = ["to", "cc", "bcc"];

/// Returns a field name without case and word separators, which services ignore.
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
                .and_then(|_| keys.extra_roots("service"))
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
