//! The tables of the configuration other than `[providers]`: message, list, suppression, canary.

use std::path::PathBuf;

use clap::ValueEnum;

use super::document::Content;
use super::section::Section;
use super::workspace::Workspace;
use crate::address::Address;
use crate::cli::Then;
use crate::error::Result;
use crate::events::SoftBounces;
use crate::literal::{CanarySize, Percent, parse_duration};
use crate::outcome::Kind;

/// The keys of `[message]`; its front matter knows the same.
pub const MESSAGE_KEYS: [&str; 12] =
    ["file", "from", "reply_to", "kind", "unsubscribe_url", "headers", "envelope_sender", "to_name", "subject", "html", "text", "attachments"];

/// `[list]`: the names of columns.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ListSettings {
    /// The column with the address; guessed when absent.
    pub email: Option<String>,
    /// The column with the recipient's key; never guessed.
    pub id: Option<String>,
}

/// `[canary]`.
#[derive(Clone, Debug, PartialEq)]
pub struct CanarySettings {
    /// `None` for no canary.
    pub size: Option<CanarySize>,
    /// `None`: ask on a terminal, continue elsewhere.
    pub then: Option<Then>,
    /// The largest share of attempted recipients that may have failed, 5% unless told otherwise.
    pub max_failed: Percent,
    /// In every canary, if they are in the list.
    pub always: Vec<Address>,
}

impl Default for CanarySettings {
    fn default() -> Self {
        Self { size: None, then: None, max_failed: Percent::new(5.0).expect("5 is between 0 and 100"), always: Vec::new() }
    }
}

/// `[message]` with `file` made absolute; everything else is as written.
pub(super) fn message(root: &Section<'_>, workspace: &Workspace) -> Result<toml::Table> {
    let Some(section) = root.section("message")? else { return Ok(toml::Table::new()) };
    section.check_keys(&MESSAGE_KEYS, &["mjml"])?;
    section.read("kind", "marketing", str::parse::<Kind>)?;
    for (key, example) in
        [("from", "Acme <news@acme.example>"), ("subject", "Hello {{ name }}"), ("unsubscribe_url", "https://acme.example/u/{{ id }}")]
    {
        section.text(key, example)?;
    }
    if let Some(headers) = section.section("headers")? {
        for (name, _) in headers.table.iter() {
            headers.text(name, "value")?;
        }
    }
    let mut table = section.table.to_toml();
    if let Some(file) = section.text("file", "welcome.md")? {
        if file.ends_with(".mjml") {
            let node = section.get("file").expect("the text was read from it");
            return Err(section.not_built(node, "an .mjml message", "write the message as .html, .md or .txt"));
        }
        table.insert("file".to_owned(), toml::Value::String(workspace.from_config(file).to_string_lossy().into_owned()));
    }
    Ok(table)
}

pub(super) fn list(root: &Section<'_>) -> Result<ListSettings> {
    let Some(section) = root.section("list")? else { return Ok(ListSettings::default()) };
    section.check_keys(&["email", "id"], &[])?;
    Ok(ListSettings { email: section.text("email", "email")?.map(str::to_owned), id: section.text("id", "id")?.map(str::to_owned) })
}

pub(super) fn suppression(root: &Section<'_>, workspace: &Workspace) -> Result<Vec<PathBuf>> {
    let Some(section) = root.section("suppression")? else { return Ok(Vec::new()) };
    section.check_keys(&["files", "soft_bounces"], &[])?;
    let path = |text: &str| if text.is_empty() { Err("the path is empty".to_owned()) } else { Ok(workspace.from_config(text)) };
    Ok(section.read_all("files", "suppressions.csv", path)?.unwrap_or_default())
}

/// `soft_bounces = "5 in 14d"`, or `"never"`.
pub(super) fn soft_bounces(root: &Section<'_>) -> Result<Option<SoftBounces>> {
    let Some(section) = root.section("suppression")? else { return Ok(Some(SoftBounces::DEFAULT)) };
    let read = |text: &str| if text == "never" { Ok(None) } else { text.parse().map(Some) };
    Ok(section.read("soft_bounces", "5 in 14d", read)?.unwrap_or(Some(SoftBounces::DEFAULT)))
}

pub(super) fn canary(root: &Section<'_>) -> Result<CanarySettings> {
    let Some(section) = root.section("canary")? else { return Ok(CanarySettings::default()) };
    section.check_keys(&["size", "wait", "then", "max_failed", "always"], &["max_bounced", "max_complained"])?;
    no_wait(&section)?;
    let default = CanarySettings::default();
    Ok(CanarySettings {
        size: size(&section)?,
        then: section.read("then", "ask", |text| Then::from_str(text, false).map_err(|_| format!("{text:?} is none of ask, continue, stop")))?,
        max_failed: section.read("max_failed", "5%", str::parse)?.unwrap_or(default.max_failed),
        always: section.read_all("always", "seed@acme.example", |text| Address::parse(text).map_err(|e| e.to_string()))?.unwrap_or_default(),
    })
}

/// `size = "5%"`, `"200"`, or the plain number 200.
fn size(section: &Section<'_>) -> Result<Option<CanarySize>> {
    match section.get("size").map(|node| &node.content) {
        Some(Content::Value(toml::Value::Integer(number))) if *number >= 0 => Ok(u64::try_from(*number).ok().map(CanarySize::Count)),
        _ => section.read("size", "5%", str::parse),
    }
}

/// Replies are judged as they come; there is no source of later events to wait for.
fn no_wait(section: &Section<'_>) -> Result<()> {
    let Some(node) = section.get("wait") else { return Ok(()) };
    if matches!(&node.content, Content::Value(toml::Value::Integer(0))) {
        return Ok(());
    }
    match section.read("wait", "0", parse_duration)? {
        Some(wait) if !wait.is_zero() => {
            Err(section.not_built(node, "canary.wait", "write wait = \"0\"; the canary is judged by the provider's replies"))
        }
        _ => Ok(()),
    }
}
