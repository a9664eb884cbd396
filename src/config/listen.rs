//! `[listen]`: the address of the HTTP endpoint, its public URL, and the key of its unsubscribe
//! links.

use std::net::SocketAddr;
use std::path::PathBuf;

use url::Url;

use super::keys;
use super::secrets;
use super::section::Section;
use super::workspace::Workspace;
use crate::model::error::Result;

/// The settings of the HTTP endpoint.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct ListenSettings {
    /// The address to listen on; loopback by default.
    pub addr: SocketAddr,
    /// The public URL, without a trailing slash.
    pub public_url: Option<String>,
    /// Where to read the secret that signs unsubscribe links.
    pub(super) unsubscribe_key: Option<toml::Value>,
    /// The PEM files of the TLS certificate (with its chain) and of its key. Without them, a proxy
    /// in front must handle TLS.
    pub tls: Option<(PathBuf, PathBuf)>,
}

impl Default for ListenSettings {
    fn default() -> Self {
        Self {
            addr: SocketAddr::from(([127, 0, 0, 1], 8025)),
            public_url: None,
            unsubscribe_key: None,
            tls: None,
        }
    }
}

pub(super) fn read(root: &Section<'_>, workspace: &Workspace) -> Result<ListenSettings> {
    let Some(section) = root.section("listen")? else { return Ok(ListenSettings::default()) };
    section.check_keys(&keys::names(keys::LISTEN), &[])?;
    let default = ListenSettings::default();
    let path = |text: &str| Ok(workspace.path_from_config(text));
    let tls = match (
        section.read("tls_cert", "cert.pem", path)?,
        section.read("tls_key", "key.pem", path)?,
    ) {
        (Some(cert), Some(key)) => Some((cert, key)),
        (None, None) => None,
        (cert, _) => {
            let (there, missing) =
                if cert.is_some() { ("tls_cert", "tls_key") } else { ("tls_key", "tls_cert") };
            let node = section.get(there).expect("the path was parsed from this node");
            return Err(section
                .error(node, format!("listen.{there} is set without listen.{missing}"))
                .hint(format!("add {missing} = \"FILE.pem\"")));
        }
    };
    Ok(ListenSettings {
        addr: section
            .read("addr", "127.0.0.1:8025", |text| {
                text.parse().map_err(|_| format!("{text:?} is not an IP address and a port"))
            })?
            .unwrap_or(default.addr),
        public_url: section.read("public_url", "https://mail.acme.example", public_url)?,
        unsubscribe_key: secret(&section, "unsubscribe_key")?,
        tls,
    })
}

/// Parses a reference to a secret. A literal secret is an error.
fn secret(section: &Section<'_>, key: &str) -> Result<Option<toml::Value>> {
    let Some(node) = section.get(key) else { return Ok(None) };
    let value = node.to_toml();
    secrets::source_of(&section.name(key), &value).map_err(|e| section.error(node, e))?;
    Ok(Some(value))
}

/// Parses the public URL: http or https, without a query. It may have a path, which a proxy can
/// remove.
fn public_url(text: &str) -> Result<String, String> {
    let url = Url::parse(text).map_err(|e| format!("{text:?} is not a valid URL: {e}"))?;
    let is_plain = url.query().is_none()
        && url.fragment().is_none()
        && url.username().is_empty()
        && url.password().is_none();
    if !matches!(url.scheme(), "http" | "https") || !url.has_host() || !is_plain {
        return Err(format!(
            "{text:?} must be an https address alone, without user, query and fragment"
        ));
    }
    Ok(url.as_str().trim_end_matches('/').to_owned())
}

/// How to verify the events that a provider sends.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct WebhookKeys {
    /// Where to read the secret: `webhook_secret`.
    pub(super) secret: Option<toml::Value>,
    /// The ARN of the SNS topic: `webhook_topic`.
    pub topic: Option<String>,
}

/// The keys of `[providers.NAME]` that are about events.
pub(super) const WEBHOOK_KEYS: [&str; 2] = ["webhook_secret", "webhook_topic"];

/// Reads these keys for a kind of provider. A key that does not apply to the kind is an error.
pub(super) fn webhook(section: &Section<'_>, kind: &str) -> Result<WebhookKeys> {
    let webhook = crate::provider::table::webhook(kind);
    let is_sns = webhook.is_some_and(|webhook| webhook.verify.is_none());
    for (key, fits) in [(WEBHOOK_KEYS[0], webhook.is_some() && !is_sns), (WEBHOOK_KEYS[1], is_sns)]
    {
        if let (Some(node), false) = (section.get(key), fits) {
            let hint = if is_sns {
                "write webhook_topic = \"arn:aws:sns:...\"; SNS signs events with its certificate"
            } else {
                "remove this key"
            };
            return Err(section
                .error(
                    node,
                    format!(
                        "{}: a provider of kind {kind} has none of this name",
                        section.name(key)
                    ),
                )
                .hint(hint));
        }
    }
    let is_topic = |text: &str| crate::provider::ses::sns::region_of(text).is_some();
    let arn = |text: &str| {
        if is_topic(text) {
            Ok(text.to_owned())
        } else {
            Err(format!("{text:?} is not the ARN of a topic of Amazon SNS"))
        }
    };
    Ok(WebhookKeys {
        secret: secret(section, WEBHOOK_KEYS[0])?,
        topic: section.read(
            WEBHOOK_KEYS[1],
            "arn:aws:sns:eu-west-1:123456789012:ses-events",
            arn,
        )?,
    })
}
