//! Reads the keys of an SMTP provider in mailbatch.toml. They are checked before anything is sent.
//!
//! An error never repeats the URL or a part of it, because the URL may contain a password.

use std::net::{IpAddr, Ipv6Addr};
use std::num::NonZeroU32;
use std::sync::Arc;

use super::auth::{Credentials, Mechanism};
use super::limits::Limits;
use super::pipelining::Mode;
use super::tls::Tls;
use super::url::{self, Scheme};
use crate::dkim::Signers;
use crate::model::address::domain_to_ascii;
use crate::model::error::Result;
use crate::provider::ProviderSettings;
use crate::provider::keys::Keys;
use crate::secret::Secret;

/// The keys in addition to those that every provider accepts.
pub(super) const KEYS: &[&str] = &[
    "url",
    "password",
    "auth",
    "tls",
    "per_connection",
    "ca_file",
    "helo",
    "timeouts",
    "window",
    "pipelining",
    "dkim",
];

/// The largest window. After a failure, the outcome of all messages in a window may be unknown, on
/// each connection.
const MAX_WINDOW: usize = 64;

/// The rule that decides when a session uses TLS.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Encryption {
    /// TLS from the first byte (`smtps://`).
    Implicit,
    /// STARTTLS, always (`smtp+starttls://`, `tls = "required"`).
    Required,
    /// STARTTLS if the server offers it (`tls = "optional"`).
    Optional,
    /// STARTTLS is required, except on loopback. There it is used only if the server offers AUTH
    /// only after STARTTLS.
    UnlessLoopback,
}

/// A relay and how to connect to it.
#[derive(Debug)]
pub(super) struct Settings {
    /// The relay's name in ASCII, or an IP address.
    pub(super) host: String,
    pub(super) port: u16,
    pub(super) encryption: Encryption,
    pub(super) tls: Arc<Tls>,
    pub(super) credentials: Option<Credentials>,
    pub(super) mechanism: Option<Mechanism>,
    /// The name for EHLO; `None` means the address of the connection's local end.
    pub(super) helo: Option<String>,
    /// The maximum number of messages over one connection.
    pub(super) per_connection: NonZeroU32,
    /// The maximum number of messages in progress on one connection if the server accepts chunks. 1
    /// disables chunks.
    pub(super) window: usize,
    /// The rule that decides which commands may be sent together; `auto` is the default.
    pub(super) pipelining: Mode,
    pub(super) limits: Limits,
    /// The DKIM signers. `None` leaves signing to the relay.
    pub(super) dkim: Option<Signers>,
}

impl Settings {
    /// Returns the host and port, as used in facts about the relay.
    pub(super) fn place(&self) -> String {
        format!("{}:{}", self.host, self.port)
    }

    /// Checks every key, resolves the password and reads `ca_file`.
    pub(super) fn read(settings: &ProviderSettings) -> Result<Self> {
        let keys = Keys::checked(settings, KEYS)?;
        let url = match keys.text("url")? {
            Some(url) => {
                url::parse(url).map_err(|(what, hint)| keys.error("url", what).hint(hint))?
            }
            None => {
                return Err(keys
                    .error("url", "missing")
                    .hint("write url = \"smtp://relay.example\""));
            }
        };
        let encryption = match (url.scheme, keys.text("tls")?) {
            (_, Some(word)) if word != "required" && word != "optional" => {
                return Err(keys
                    .error("tls", "neither required nor optional")
                    .hint("remove the key for the default: required, except on loopback"));
            }
            (Scheme::Smtp, None) => Encryption::UnlessLoopback,
            (Scheme::Smtp, Some("optional")) => Encryption::Optional,
            (Scheme::Smtps | Scheme::StartTls, Some("optional")) => {
                return Err(keys
                    .error("tls", "optional contradicts the url, which requires TLS")
                    .hint("write smtp:// in the url, or remove tls"));
            }
            (Scheme::Smtps, _) => Encryption::Implicit,
            (Scheme::Smtp | Scheme::StartTls, _) => Encryption::Required,
        };
        Ok(Self {
            credentials: keys.credentials(url.user)?,
            mechanism: keys.mechanism()?,
            helo: keys.helo()?,
            per_connection: keys.per_connection()?,
            window: keys.window()?,
            pipelining: keys.pipelining()?,
            limits: keys.limits()?,
            dkim: keys.dkim()?,
            tls: Arc::new(Tls::new(url.server_name, keys.extra_roots("relay")?)),
            encryption,
            host: url.host,
            port: url.port,
        })
    }
}

impl Keys<'_> {
    fn credentials(&self, user: Option<String>) -> Result<Option<Credentials>> {
        match (user, self.settings.keys.get("password")) {
            (None, None) => Ok(None),
            (None, Some(_)) => Err(self
                .error("password", "set, but the url names no user")
                .hint("write the user in the url: smtp://user@host")),
            (Some(_), None) => Err(self
                .error("password", "missing, while the url names a user")
                .hint("write password = { env = \"RELAY_PASSWORD\" }")),
            (Some(user), Some(_)) => {
                let is_fit = |password: &Secret| {
                    let password = password.expose();
                    if password.is_empty() || password.contains(['\0', '\x01', '\r', '\n']) {
                        let what = "the secret is empty, or contains a line break or NUL";
                        Err((what, "store only the secret itself"))
                    } else {
                        Ok(())
                    }
                };
                let password = self.renewable("password", is_fit)?;
                Ok(password.map(|password| Credentials { user, password }))
            }
        }
    }

    fn mechanism(&self) -> Result<Option<Mechanism>> {
        let Some(word) = self.text("auth")? else { return Ok(None) };
        match Mechanism::WORDS.iter().find(|(known, _)| *known == word) {
            Some((_, mechanism)) => Ok(Some(*mechanism)),
            None => Err(self.error("auth", "not a mechanism").hint(
                "write plain, login or xoauth2, or remove the key to use plain or login as the server offers",
            )),
        }
    }

    fn helo(&self) -> Result<Option<String>> {
        let Some(name) = self.text("helo")? else { return Ok(own_name()) };
        let is_literal = name.starts_with('[')
            && name.ends_with(']')
            && name.bytes().all(|b| b.is_ascii_graphic());
        if is_literal {
            return Ok(Some(name.to_owned()));
        }
        let ascii = domain_to_ascii(name).map_err(|why| {
            self.error("helo", &why.to_string())
                .hint("set it to this machine's DNS name, such as mail.acme.example, or to its IP address in brackets, such as [192.0.2.1]")
        })?;
        Ok(Some(ascii))
    }

    fn per_connection(&self) -> Result<NonZeroU32> {
        let Some(value) = self.settings.keys.get("per_connection") else {
            return Ok(NonZeroU32::MIN.saturating_add(99));
        };
        let count =
            value.as_integer().and_then(|n| u32::try_from(n).ok()).and_then(NonZeroU32::new);
        count.ok_or_else(|| {
            self.error("per_connection", "not a valid number of messages")
                .hint("write a whole number, at least 1")
        })
    }

    fn window(&self) -> Result<usize> {
        let Some(value) = self.settings.keys.get("window") else { return Ok(1) };
        let count = value
            .as_integer()
            .and_then(|n| usize::try_from(n).ok())
            .filter(|n| (1..=MAX_WINDOW).contains(n));
        count.ok_or_else(|| {
            self.error("window", "not a valid number of messages")
                .hint(format!("write a whole number from 1 to {MAX_WINDOW}: 1 disables the window, 16 suits a relay that handles BDAT well"))
        })
    }

    fn pipelining(&self) -> Result<Mode> {
        let Some(word) = self.text("pipelining")? else { return Ok(Mode::Auto) };
        match Mode::WORDS.iter().find(|(known, _)| *known == word) {
            Some((_, mode)) => Ok(*mode),
            None => Err(self
                .error("pipelining", "not a pipelining mode")
                .hint("write auto, full, envelope or off, or remove the key for auto")),
        }
    }

    fn limits(&self) -> Result<Limits> {
        let mut limits = Limits::default();
        self.durations(
            "write timeouts = { connect = \"30s\", command = \"60s\", data = \"3m\", final = \"10m\" }",
            &mut [
                ("connect", &mut limits.connect),
                ("command", &mut limits.command),
                ("data", &mut limits.data),
                ("final", &mut limits.last),
            ],
        )?;
        Ok(limits)
    }
}

/// Returns this machine's name, if it is a full DNS name.
fn own_name() -> Option<String> {
    domain_to_ascii(&crate::host::name()).ok().filter(|name| name.contains('.'))
}

/// Returns an address in the form that EHLO and HELO accept instead of a name (RFC 5321 section
/// 4.1.3).
pub(super) fn address_literal(address: IpAddr) -> String {
    match address {
        IpAddr::V4(v4) => format!("[{v4}]"),
        IpAddr::V6(v6) => {
            v6.to_ipv4_mapped().map_or_else(|| v6_literal(v6), |v4| format!("[{v4}]"))
        }
    }
}

fn v6_literal(address: Ipv6Addr) -> String {
    format!("[IPv6:{address}]")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::provider::testing::settings;

    fn refused(keys: &str) -> String {
        let error =
            Settings::read(&settings(keys, "/nowhere/.mailbatch".as_ref())).expect_err(keys);
        assert_eq!(error.exit().code(), 2, "{error}");
        error.to_string()
    }

    fn taken(keys: &str) -> Settings {
        Settings::read(&settings(keys, "/nowhere/.mailbatch".as_ref())).expect(keys)
    }

    #[test]
    fn urls_have_their_schemes_default_port() {
        for (url, host, port, encryption) in [
            ("smtp://relay.example", "relay.example", 25, Encryption::UnlessLoopback),
            ("SMTP://localhost:2525/", "localhost", 2525, Encryption::UnlessLoopback),
            ("smtps://relay.example", "relay.example", 465, Encryption::Implicit),
            ("smtp+starttls://127.0.0.1", "127.0.0.1", 587, Encryption::Required),
            ("smtp://[::1]:2525", "::1", 2525, Encryption::UnlessLoopback),
            ("smtp://exämple.com", "xn--exmple-cua.com", 25, Encryption::UnlessLoopback),
        ] {
            let read = taken(&format!("url = \"{url}\""));
            assert_eq!(
                (read.host.as_str(), read.port, read.encryption),
                (host, port, encryption),
                "{url}"
            );
        }
    }

    #[test]
    fn a_user_is_decoded_and_needs_a_password() {
        let read = taken(
            "url = \"smtp://ann%40x.example@relay.example\"\npassword = { env = \"hunter2\" }",
        );
        assert_eq!(
            read.credentials
                .as_ref()
                .map(|c| (c.user.clone(), c.password.current().secret.expose().to_owned())),
            Some(("ann@x.example".to_owned(), "hunter2".to_owned()))
        );
        assert!(!format!("{read:?}").contains("hunter2"));
        assert!(refused("url = \"smtp://ann@relay.example\"").contains("missing"));
        assert!(
            refused("url = \"smtp://relay.example\"\npassword = { env = \"x\" }")
                .contains("no user")
        );
        assert!(refused("url = \"smtp://a%zz@relay.example\"").contains("user cannot be read"));
    }

    #[test]
    fn a_password_in_the_url_is_refused_and_never_repeated() {
        for url in [
            "smtp://ann:hunter2@relay.example",
            "smtp://ann:hunter2@@relay.example",
            "smtp://relay.example:hunter2",
            "smtp://ann:hunter2",
            "smtp://hunter2/x@relay example",
            "hunter2",
            "hunter2://relay.example",
        ] {
            let error = refused(&format!("url = \"{url}\""));
            assert!(error.contains("hint:") && !error.contains("hunter2"), "{error}");
        }
    }

    #[test]
    fn wrong_keys_are_refused_with_what_to_write() {
        for (keys, expected) in [
            ("ur = 1", "did you mean `url`"),
            ("", "url: missing"),
            ("url = 1", "not a text"),
            ("url = \"smtp://a.example\"\nwindow = 0", "from 1 to 64"),
            ("url = \"smtp://a.example\"\nwindow = 65", "from 1 to 64"),
            ("url = \"smtp://a.example\"\nwindow = \"x\"", "from 1 to 64"),
            ("url = \"smtp://a.example\"\nwindow = -1", "from 1 to 64"),
            ("url = \"smtp://a.example\"\npipelining = \"on\"", "auto, full, envelope or off"),
            ("url = \"smtp://a.example\"\npipelining = true", "not a text"),
            ("url = \"smtp://a.example\"\ntls = \"never\"", "neither required nor optional"),
            ("url = \"smtps://a.example\"\ntls = \"optional\"", "contradicts"),
            ("url = \"smtp://a.example\"\nauth = \"cram\"", "not a mechanism"),
            ("url = \"smtp://a.example\"\nper_connection = 0", "at least 1"),
            ("url = \"smtp://a.example\"\nhelo = \"a b\"", "helo"),
            ("url = \"smtp://a.example\"\ntimeouts = { conect = \"1s\" }", "unknown key"),
            ("url = \"smtp://a.example\"\ntimeouts = { connect = \"1\" }", "no unit"),
            ("url = \"smtp://a.example\"\ntimeouts = { connect = \"0\" }", "no time"),
            ("url = \"smtp://a.example\"\nca_file = \"no.pem\"", "/nowhere/no.pem"),
            ("url = \"smtp://a.example:0\"", "port"),
        ] {
            let error = refused(keys);
            assert!(error.contains(expected) && error.contains("hint:"), "{keys}: {error}");
        }
    }

    #[test]
    fn tls_can_be_made_optional_or_required() {
        assert_eq!(
            taken("url = \"smtp://a.example\"\ntls = \"optional\"").encryption,
            Encryption::Optional
        );
        assert_eq!(
            taken("url = \"smtp://localhost\"\ntls = \"required\"").encryption,
            Encryption::Required
        );
    }

    #[test]
    fn pipelining_is_auto_unless_the_operator_says_otherwise() {
        for (key, expected) in [
            ("", Mode::Auto),
            ("pipelining = \"full\"", Mode::Full),
            ("pipelining = \"off\"", Mode::Off),
        ] {
            assert_eq!(
                taken(&format!("url = \"smtp://a.example\"\n{key}")).pipelining,
                expected,
                "{key}"
            );
        }
    }

    #[test]
    fn there_is_no_window_unless_it_is_asked_for() {
        for (key, expected) in
            [("", 1), ("window = 1", 1), ("window = 16", 16), ("window = 64", 64)]
        {
            assert_eq!(
                taken(&format!("url = \"smtp://a.example\"\n{key}")).window,
                expected,
                "{key}"
            );
        }
    }

    #[test]
    fn addresses_stand_in_for_a_name() {
        assert_eq!(address_literal("127.0.0.1".parse().unwrap()), "[127.0.0.1]");
        assert_eq!(address_literal("::ffff:127.0.0.1".parse().unwrap()), "[127.0.0.1]");
        assert_eq!(address_literal("::1".parse().unwrap()), "[IPv6:::1]");
    }
}
