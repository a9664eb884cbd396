//! mailbatch.toml(5) has every key that the configuration knows, and its defaults are those in
//! force.

use std::collections::BTreeSet;

use mailbatch::internals::config::{COMMON, Key, OF_PROVIDERS, ProviderKey, TABLES};
use mailbatch::internals::provider::PROVIDERS;

use super::compare_blocks;
use crate::support::workspace;

fn row(key: &Key) -> String {
    let default =
        if key.default.is_empty() { String::new() } else { format!(" Default: {}.", key.default) };
    format!("| `{} = {}` | {}{default} |\n", key.name, key.example, key.doc.replace('|', "\\|"))
}

fn table(heading: &str, keys: &[&Key]) -> String {
    let rows: String = keys.iter().map(|key| row(key)).collect();
    format!("### {heading}\n\n| key | what it is for |\n| --- | --- |\n{rows}\n")
}

/// The kinds that share these keys, as a heading.
fn kinds(row: &ProviderKey) -> String {
    let known = PROVIDERS.iter().map(|spec| spec.kind).filter(|kind| row.kinds.contains(kind));
    format!("[providers.NAME] of kind {}", known.collect::<Vec<_>>().join(", "))
}

fn generated() -> String {
    let mut text = String::from("\n");
    for (path, keys) in TABLES {
        text.push_str(&table(&format!("[{path}]"), &keys.iter().collect::<Vec<_>>()));
    }
    let mut headings: Vec<String> = Vec::new();
    for heading in OF_PROVIDERS.iter().map(kinds) {
        if !headings.contains(&heading) {
            headings.push(heading);
        }
    }
    for heading in headings {
        let keys: Vec<&Key> =
            OF_PROVIDERS.iter().filter(|row| kinds(row) == heading).map(|row| &row.key).collect();
        text.push_str(&table(&heading, &keys));
    }
    text
}

#[test]
fn the_keys_in_the_page_are_those_of_the_configuration() {
    compare_blocks("man/guides/mailbatch.toml.md", &[("keys", generated())]);
}

/// The keys that a table of the configuration takes, as the refusal of an unknown one lists them.
fn known(toml: &str) -> BTreeSet<String> {
    let ws = workspace();
    ws.config(toml);
    let refused = ws.run(&["config", "validate"]).ends(2);
    let (_, list) = refused
        .err
        .split_once("hint: known here: ")
        .unwrap_or_else(|| panic!("{toml}\n{}", refused.err));
    list.lines().next().expect("a line").split(", ").map(str::to_owned).collect()
}

#[test]
fn no_key_that_the_binary_takes_is_missing() {
    let page = super::guides::markdown("mailbatch.toml");
    let rows_below = |heading: &str| -> BTreeSet<String> {
        let (_, below) = page
            .split_once(&format!("### {heading}\n"))
            .unwrap_or_else(|| panic!("no heading {heading}"));
        let rows = below
            .lines()
            .take_while(|line| !line.starts_with('#'))
            .filter_map(|line| line.strip_prefix("| `")?.split_once(" = "));
        rows.map(|(name, _)| name.to_owned()).collect()
    };
    const PROVIDER: &str = "[providers.NAME]\nkind = \"sandbox\"\n";
    for (path, _) in
        TABLES.iter().filter(|(path, _)| *path != "env.NAME" && *path != "providers.NAME")
    {
        let more = if path.starts_with("route") { "[route]\norder = [\"NAME\"]\n" } else { "" };
        let toml = match *path {
            "route" => format!("{PROVIDER}{more}zzz = 1\n"),
            _ => format!("{PROVIDER}{more}[{path}]\nzzz = 1\n"),
        };
        assert_eq!(known(&toml), rows_below(&format!("[{path}]")), "{path}");
    }
    let webhook = |key: &str| key == "webhook_secret" || key == "webhook_topic";
    for spec in PROVIDERS {
        let shown = known(&format!("[providers.x]\nkind = \"{}\"\nzzz = 1\n", spec.kind));
        let explained = OF_PROVIDERS
            .iter()
            .filter(|row| row.kinds.contains(&spec.kind))
            .map(|row| &row.key)
            .chain(COMMON);
        let explained: BTreeSet<String> = explained.map(|key| key.name.to_owned()).collect();
        let missing: Vec<&String> =
            shown.difference(&explained).filter(|key| !webhook(key)).collect();
        assert!(missing.is_empty(), "{}: {missing:?}", spec.kind);
        assert!(explained.is_subset(&shown), "{}: {:?}", spec.kind, explained.difference(&shown));
    }
    let ws = workspace();
    ws.config("[providers.x]\nkind = \"mailersio\"\napi_key = { env = \"HOME\" }\nnames = { zzz = \"1\" }\n");
    let refused = ws.run(&["config", "validate"]).ends(2);
    let (_, names) = refused.err.split_once("any of: ").expect("the names");
    let providers = super::guides::markdown("providers");
    for name in names.lines().next().expect("a line").split(", ") {
        assert!(providers.contains(&format!("\n{name} = \"")), "{name}");
    }
}

#[test]
fn the_defaults_in_the_page_are_those_in_force() {
    let ws = workspace();
    ws.config("[providers.NAME]\nkind = \"sandbox\"\n");
    let shown = ws.run(&["--json", "config", "show", "--origin"]).ends(0);
    let all: Vec<(&str, &Key)> =
        TABLES.iter().flat_map(|(path, keys)| keys.iter().map(move |key| (*path, key))).collect();
    let mut compared = 0;
    for line in shown.out.lines() {
        let setting: serde_json::Value = serde_json::from_str(line).expect("JSON");
        if setting["origin"] != "default" {
            continue;
        }
        let (path, name) =
            setting["key"].as_str().expect("a key").rsplit_once('.').expect("a table");
        let (_, key) = all
            .iter()
            .find(|(table, key)| *table == path && key.name == name)
            .unwrap_or_else(|| panic!("{line}"));
        let value = setting["value"].as_str().expect("a value").trim_matches('"');
        assert!(key.default.contains(value), "{path}.{name}: {value} and {}", key.default);
        compared += 1;
    }
    assert!(compared >= 7, "{}", shown.out);
}
