//! `[providers.NAME]`: parses the keys that all providers share. The names of the other keys are
//! checked, and their values are passed to the provider.

use std::time::Duration;

use super::document::Content;
use super::keys;
use super::listen::{self, WEBHOOK_KEYS, WebhookKeys};
use super::secrets;
use super::section::Section;
use crate::model::address::domain_to_ascii;
use crate::model::error::Result;
use crate::model::literal::{Rate, parse_duration};
use crate::provider::{ProviderSpec, table};

/// The key `dkim`, whose value contains private keys.
const DKIM: &str = "dkim";

/// The key for the rate of requests, which this module reads for all providers with an API.
const REQUEST_RATE: &str = "request_rate";

/// How long and how often a recipient is retried. Waits are exponential with full jitter.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct RetryPolicy {
    /// The time from the first attempt; zero for no retry.
    pub for_: Duration,
    /// The upper bound of the first wait.
    pub base: Duration,
    /// The upper bound of every wait.
    pub max: Duration,
}

impl Default for RetryPolicy {
    fn default() -> Self {
        Self {
            for_: Duration::from_secs(15 * 60),
            base: Duration::from_secs(2),
            max: Duration::from_secs(5 * 60),
        }
    }
}

/// One provider as configured.
#[derive(Clone, Debug)]
pub(crate) struct ProviderConfig {
    /// The entry for the provider's kind in the table of kinds.
    pub kind: String,
    /// The maximum rate in recipients; `None` for no limit.
    pub rate: Option<Rate>,
    /// Maximum numbers of recipients per hour, day and so on, over all runs.
    pub caps: Vec<Rate>,
    /// Maximum numbers of recipients on the first days, over all runs; empty for no warm-up.
    pub ramp: Vec<u32>,
    /// Maximum rates for receiving domains. The domains are in lowercase ASCII.
    pub per_domain: Vec<(String, Rate)>,
    /// The maximum rate in requests, for providers with an API; `None` for the provider's
    /// documented rate.
    pub request_rate: Option<Rate>,
    /// The maximum number of simultaneous connections or requests, from 1 to 256.
    pub in_flight: usize,
    pub retry: RetryPolicy,
    /// How the provider's events are verified.
    pub webhook: WebhookKeys,
    /// The keys that only this kind of provider accepts, with secrets not yet read.
    pub keys: toml::Table,
}

impl ProviderConfig {
    /// The default number of simultaneous connections or requests.
    pub(crate) const IN_FLIGHT: usize = 8;

    pub(super) fn read(section: &Section<'_>, specs: &[&'static ProviderSpec]) -> Result<Self> {
        let spec = spec(section, specs)?;
        let common = keys::names(keys::COMMON);
        let known: Vec<&str> =
            common.iter().chain(&WEBHOOK_KEYS).chain(spec.keys).copied().collect();
        if let Some(node) = section.get(DKIM).filter(|_| !spec.keys.contains(&DKIM)) {
            let what = format!("{} is for kind smtp; {}", section.name(DKIM), signs(spec));
            return Err(section.error(node, what).hint("leave it out"));
        }
        section.check_keys(&known, &[])?;
        let mut own = toml::Table::new();
        for key in spec.keys.iter().filter(|key| !common.contains(key)) {
            let Some(node) = section.get(key).filter(|_| *key != REQUEST_RATE) else { continue };
            let value = node.to_toml();
            if is_secret(key)
                || matches!(&node.content, Content::Table(table) if table.names_a_secret())
            {
                secrets::source_of(&section.name(key), &value)
                    .map_err(|e| section.error(node, e))?;
            }
            if *key == DKIM {
                dkim_keys(&value).try_for_each(|source| {
                    let name = format!("{}.key", section.name(key));
                    secrets::source_of(&name, source).map(drop).map_err(|e| section.error(node, e))
                })?;
            }
            if value.as_str().is_some_and(has_password) {
                let name = section.name(key);
                return Err(section
                    .error(node, format!("{name} holds a password"))
                    .hint("keep the user in the URL and write password = { env = \"NAME\" }"));
            }
            own.insert((*key).to_owned(), value);
        }
        Ok(Self {
            kind: spec.kind.to_owned(),
            rate: section.read("rate", "50/s", str::parse)?,
            caps: section.read_all("caps", "10000/hour", str::parse)?.unwrap_or_default(),
            ramp: ramp(section)?,
            per_domain: per_domain(section)?,
            request_rate: section.read(REQUEST_RATE, "5/min", str::parse)?,
            in_flight: section.number("in_flight", 1..=256)?.unwrap_or(Self::IN_FLIGHT),
            retry: retry(section)?,
            webhook: listen::webhook(section, spec.kind)?,
            keys: own,
        })
    }
}

impl ProviderConfig {
    /// Whether mail leaves mailbatch; the sandbox only stores it.
    pub(crate) fn leaves_the_machine(&self) -> bool {
        table::find(&self.kind).is_none_or(|spec| spec.leaves_the_machine)
    }

    /// Whether no mail can leave this machine through the provider. This is so for the sandbox, and
    /// if all addresses of the provider's host are loopback addresses. Looks up the name of the
    /// host.
    pub(crate) fn is_on_this_machine(&self) -> bool {
        if !self.leaves_the_machine() {
            return true;
        }
        let url = ["url", "base_url"]
            .iter()
            .find_map(|key| self.keys.get(*key).and_then(toml::Value::as_str));
        match url.and_then(|url| url::Url::parse(url).ok()).as_ref().and_then(url::Url::host) {
            Some(url::Host::Ipv4(ip)) => ip.is_loopback(),
            Some(url::Host::Ipv6(ip)) => ip.to_canonical().is_loopback(),
            Some(url::Host::Domain(name)) => match name.parse::<std::net::IpAddr>() {
                Ok(ip) => ip.to_canonical().is_loopback(),
                Err(_) => is_loopback_name(name),
            },
            None => false,
        }
    }
}

fn is_loopback_name(name: &str) -> bool {
    let name = name.trim_end_matches('.').to_ascii_lowercase();
    if name == "localhost" || name.ends_with(".localhost") {
        return true;
    }
    let found = std::net::ToSocketAddrs::to_socket_addrs(&(name.as_str(), 25))
        .map(Iterator::collect::<Vec<_>>)
        .unwrap_or_default();
    !found.is_empty() && found.iter().all(|address| address.ip().to_canonical().is_loopback())
}

fn spec(section: &Section<'_>, specs: &[&'static ProviderSpec]) -> Result<&'static ProviderSpec> {
    let kinds = || specs.iter().map(|spec| spec.kind).collect::<Vec<_>>().join(", ");
    let Some(kind) = section.text("kind", "smtp")? else {
        let at = section.table.iter().next().map(|(_, node)| node.line).unwrap_or(section.line);
        return Err(section
            .error_on(at, format!("{} is missing", section.name("kind")))
            .hint(format!("write kind = one of: {}", kinds())));
    };
    let node = section.get("kind").expect("the text was parsed from this node");
    match specs.iter().find(|spec| spec.kind == kind) {
        Some(spec) => Ok(spec),
        None => Err(section
            .error(node, format!("unknown provider kind `{kind}`"))
            .hint(format!("use one of: {}", kinds()))),
    }
}

fn ramp(section: &Section<'_>) -> Result<Vec<u32>> {
    let Some(node) = section.get("ramp") else { return Ok(Vec::new()) };
    let wrong = |what: &str| {
        section
            .error(node, format!("{} {what}", section.name("ramp")))
            .hint("write ramp = [50, 100, 200, 500, 1000]")
    };
    let Content::Value(toml::Value::Array(days)) = &node.content else {
        return Err(wrong("is not a list of numbers"));
    };
    if days.is_empty() {
        return Err(wrong("has no day; for no warm-up, remove the key"));
    }
    let day = |(at, day): (usize, &toml::Value)| {
        let number = day
            .as_integer()
            .and_then(|number| u32::try_from(number).ok())
            .filter(|number| *number > 0);
        number.ok_or_else(|| {
            wrong(&format!("needs a number of recipients, 1 or more, for day {}", at + 1))
        })
    };
    days.iter().enumerate().map(day).collect()
}

fn per_domain(section: &Section<'_>) -> Result<Vec<(String, Rate)>> {
    let Some(domains) = section.section("per_domain")? else { return Ok(Vec::new()) };
    let mut rates: Vec<(String, Rate)> = Vec::new();
    for (typed, node) in domains.table.iter() {
        let domain = domain_to_ascii(typed).map_err(|e| {
            domains
                .error(node, format!("{}: {e}", domains.name(typed)))
                .hint("write \"gmail.com\" = \"20/s\"")
        })?;
        if rates.iter().any(|(known, _)| *known == domain) {
            return Err(domains
                .error(node, format!("{} is there twice", domains.name(typed)))
                .hint("keep one of them"));
        }
        rates.extend(domains.read(typed, "20/s", str::parse)?.map(|rate| (domain, rate)));
    }
    Ok(rates)
}

fn retry(section: &Section<'_>) -> Result<RetryPolicy> {
    let Some(section) = section.section("retry")? else { return Ok(RetryPolicy::default()) };
    section.check_keys(&keys::names(keys::RETRY), &[])?;
    let default = RetryPolicy::default();
    let base = section.read("base", "2s", positive)?.unwrap_or(default.base);
    let policy = RetryPolicy {
        for_: section.read("for", "15m", parse_duration)?.unwrap_or(default.for_),
        base,
        max: section.read("max", "5m", positive)?.unwrap_or(default.max.max(base)),
    };
    match section.get("max") {
        Some(node) if policy.max < policy.base => Err(section
            .error(node, "retry.max is shorter than retry.base")
            .hint("raise max, or lower base")),
        _ => Ok(policy),
    }
}

fn positive(text: &str) -> Result<Duration, String> {
    parse_duration(text).and_then(|time| {
        if time.is_zero() {
            Err("with a wait of zero, retries would never let go of the provider; write a longer time".to_owned())
        } else {
            Ok(time)
        }
    })
}

/// Explains why a kind of provider needs no key `dkim`.
fn signs(spec: &ProviderSpec) -> String {
    if spec.leaves_the_machine {
        format!("{} signs the mail that it sends itself", spec.kind)
    } else {
        format!("mail of {} stays on this machine", spec.kind)
    }
}

/// Returns the private keys in `dkim`, which is a table or a list of tables.
fn dkim_keys(value: &toml::Value) -> impl Iterator<Item = &toml::Value> {
    let tables = match value {
        toml::Value::Array(tables) => tables.as_slice(),
        table => std::slice::from_ref(table),
    };
    tables.iter().filter_map(|table| table.get("key"))
}

/// Whether a key's value is a secret, judged by the key's name.
fn is_secret(key: &str) -> bool {
    ["password", "secret", "token", "api_key"].iter().any(|word| key.contains(word))
}

/// Whether a text is a URL with a password in it (RFC 3986 section 3.2.1).
fn has_password(text: &str) -> bool {
    let Some((_, rest)) = text.split_once("://") else { return false };
    let authority = rest.split(['/', '?', '#']).next().unwrap_or(rest);
    authority.rsplit_once('@').is_some_and(|(user, _)| user.contains(':'))
}
