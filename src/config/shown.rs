//! The settings as `config show` prints them: each with its value and where that was read. Secrets
//! appear as what they point to.

use clap::CommandFactory;

use super::document::{Content, Table};
use super::provider::{ProviderConfig, RetryPolicy};
use super::tables::CanarySettings;

/// One effective setting.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
pub(crate) struct Shown {
    /// As in `providers.relay.rate`, or `--rate` for one that the environment gives to a flag.
    pub key: String,
    pub value: String,
    /// `mailbatch.toml:12`, `environment MAILBATCH_RATE`, or `default`.
    pub origin: String,
}

/// What the configuration says, in its order.
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

/// A secret's source; the text of a command is left out, because an argument in it may be secret
/// too.
fn pointer(table: &Table) -> String {
    match table.to_toml().iter().next() {
        Some((source, _)) if source == "command" => "{ command = … }".to_owned(),
        Some((source, value)) => format!("{{ {source} = {value} }}"),
        None => String::new(),
    }
}

/// The defaults of everything that was not written.
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

/// The flags of `send` that the environment sets.
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
