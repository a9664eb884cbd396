//! The settings as `config show` prints them: each with its value and its origin. For a secret, the
//! value is its source.

use clap::CommandFactory;

use super::document::{Content, Table};
use super::provider::{ProviderConfig, RetryPolicy};
use super::tables::CanarySettings;

/// A setting with the value that applies.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
pub(crate) struct Shown {
    /// The key, such as `providers.relay.rate`, or a flag such as `--rate` if an environment
    /// variable sets it.
    pub key: String,
    pub value: String,
    /// Where the value was set: `mailbatch.toml:12`, `environment MAILBATCH_RATE`, or `default`.
    pub origin: String,
}

/// Returns the settings in the configuration file, in the order of the file.
pub(super) fn written(file: &str, table: &Table) -> Vec<Shown> {
    let mut all = Vec::new();
    walk(file, "", table, &mut all);
    all
}

fn walk(file: &str, path: &str, table: &Table, all: &mut Vec<Shown>) {
    for (key, node) in table.iter() {
        let key = if key.chars().all(|c| c.is_ascii_alphanumeric() || c == '_' || c == '-') {
            key.to_owned()
        } else {
            format!("{key:?}")
        };
        let key = if path.is_empty() { key } else { format!("{path}.{key}") };
        let value = match &node.content {
            Content::Table(inner) if inner.names_a_secret() => pointer(inner),
            Content::Table(inner) => {
                walk(file, &key, inner, all);
                continue;
            }
            Content::Value(value) => value.to_string(),
        };
        all.push(Shown { key, value, origin: format!("{file}:{}", node.line) });
    }
}

/// Describes where a secret is read from. The text of a command is left out, because it may contain
/// a secret.
fn pointer(table: &Table) -> String {
    match table.to_toml().iter().next() {
        Some((source, _)) if source == "command" => "{ command = … }".to_owned(),
        Some((source, value)) => format!("{{ {source} = {value} }}"),
        None => String::new(),
    }
}

/// Returns the defaults of all settings that the file does not set.
pub(super) fn defaults(written: &[Shown], providers: &[(String, ProviderConfig)]) -> Vec<Shown> {
    let retry = RetryPolicy::default();
    let mut all = Vec::new();
    let mut add = |key: String, value: String| {
        if written.iter().all(|shown| shown.key != key) {
            all.push(Shown { key, value, origin: "default".to_owned() });
        }
    };
    for (name, _) in providers {
        add(format!("providers.{name}.in_flight"), ProviderConfig::IN_FLIGHT.to_string());
        for (key, time) in [("for", retry.for_), ("base", retry.base), ("max", retry.max)] {
            add(format!("providers.{name}.retry.{key}"), format!("\"{}s\"", time.as_secs()));
        }
    }
    let canary = CanarySettings::default();
    for (key, share) in [
        ("max_failed", canary.max_failed),
        ("max_bounced", canary.max_bounced),
        ("max_complained", canary.max_complained),
    ] {
        add(format!("canary.{key}"), format!("\"{share}\""));
    }
    all
}

/// Returns the flags of `send` that are set by environment variables.
pub(super) fn environment() -> Vec<Shown> {
    let cli = crate::cli::Cli::command();
    let Some(send) = cli.find_subcommand("send") else { return Vec::new() };
    let set = |argument: &clap::Arg| {
        let name = argument.get_env()?.to_str()?;
        let value = std::env::var(name).ok()?;
        Some(Shown {
            key: format!("--{}", argument.get_long()?),
            value: format!("{value:?}"),
            origin: format!("environment {name}"),
        })
    };
    send.get_arguments().filter_map(set).collect()
}
