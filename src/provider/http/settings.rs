//! The keys of mailbatch.toml that every HTTP provider has.
//!
//! The rule it keeps: no error repeats a value, for it may be a secret in the wrong place.

use std::time::Duration;

use url::Url;

use crate::model::error::Result;
use crate::provider::keys::Keys;
use crate::provider::proxies;

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

impl Keys<'_> {
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

    /// The key `timeouts`.
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

/// Every recipient has been screened, so no service may be given another address.
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
