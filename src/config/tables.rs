//! The tables `[message]`, `[list]`, `[suppression]`, `[canary]` and `[pause]` of the
//! configuration.

use std::path::PathBuf;
use std::time::Duration;

use clap::ValueEnum;

use super::document::Content;
use super::keys;
use super::section::Section;
use super::workspace::Workspace;
use crate::cli::{self, Then};
use crate::input::Format;
use crate::model::address::Address;
use crate::model::error::Result;
use crate::model::event::SoftBounces;
use crate::model::literal::{CanarySize, Percent, parse_wait};
use crate::model::outcome::Kind;
use crate::model::pause::PauseRule;

/// `[list]`: which columns are used, and how lists are read unless a flag says otherwise.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct ListSettings {
    /// The address column; detected if absent.
    pub email: Option<String>,
    /// The column with the recipient's id; never detected.
    pub id: Option<String>,
    /// The lists' format; detected by name and content if absent.
    pub format: Option<Format>,
    /// The encoding of lists. If absent, it is detected, and an encoding that is only a guess is
    /// refused.
    pub encoding: Option<String>,
    /// The delimiter of CSV lists; detected if absent.
    pub delimiter: Option<u8>,
    /// How many lines to skip before the header of CSV lists; detected if absent.
    pub skip_lines: Option<u64>,
    /// The time zone for `{date}`, `{week}` and `{month}` in a campaign's name; the host's if
    /// absent.
    pub zone: Option<jiff::tz::TimeZone>,
}

/// `[canary]`.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct CanarySettings {
    /// The size of the canary; `None` for no canary.
    pub size: Option<CanarySize>,
    /// What to do after the canary passes; `None` to ask on a terminal and continue otherwise.
    pub then: Option<Then>,
    /// The largest share of attempted recipients that may fail, 5% by default.
    pub max_failed: Percent,
    /// The largest share of accepted recipients that may bounce, 2% by default.
    pub max_bounced: Percent,
    /// The largest share of accepted recipients that may complain, 0.1% by default.
    pub max_complained: Percent,
    /// How long to wait for bounces and complaints; `None` for 15 minutes if a source reports them,
    /// and otherwise no wait.
    pub wait: Option<Duration>,
    /// How long to wait for complaints, if different from `wait`.
    pub wait_complained: Option<Duration>,
    /// The largest size to which an inconclusive canary may grow automatically; `None` for no
    /// growth.
    pub extend: Option<CanarySize>,
    /// The evidence that the canary needs, if configured.
    pub require: Option<CanaryRequires>,
    /// Addresses that are part of every canary, if the list contains them.
    pub always: Vec<Address>,
}

/// The minimum evidence for a canary.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum CanaryRequires {
    /// The provider's replies are enough.
    Replies,
    /// Bounce reports are needed: without a source of them, the canary waits for a decision instead
    /// of passing.
    Bounces,
}

impl Default for CanarySettings {
    fn default() -> Self {
        let percent = |percent| Percent::new(percent).expect("the value must be between 0 and 100");
        Self {
            size: None,
            then: None,
            max_failed: percent(5.0),
            max_bounced: percent(2.0),
            max_complained: percent(0.1),
            wait: None,
            wait_complained: None,
            extend: None,
            require: None,
            always: Vec::new(),
        }
    }
}

/// Reads `[message]` and makes `file` absolute; all other keys stay as written.
pub(super) fn message(root: &Section<'_>, workspace: &Workspace) -> Result<toml::Table> {
    let Some(section) = root.section("message")? else { return Ok(toml::Table::new()) };
    section.check_keys(&keys::names(keys::MESSAGE), &["mjml"])?;
    section.read("kind", "marketing", str::parse::<Kind>)?;
    for (key, example) in [
        ("from", "Acme <news@acme.example>"),
        ("subject", "Hello {{ name }}"),
        ("unsubscribe_url", "https://acme.example/u/{{ id }}"),
        ("body", "emails/{{ locale }}.html"),
    ] {
        section.text(key, example)?;
    }
    section.flag("inline_css")?;
    if let Some(headers) = section.section("headers")? {
        for (name, _) in headers.table.iter() {
            headers.text(name, "value")?;
        }
    }
    let mut table = section.table.to_toml();
    if let Some(file) = section.text("file", "welcome.md")? {
        table.insert(
            "file".to_owned(),
            toml::Value::String(workspace.path_from_config(file).to_string_lossy().into_owned()),
        );
    }
    Ok(table)
}

pub(super) fn list(root: &Section<'_>) -> Result<ListSettings> {
    let Some(section) = root.section("list")? else { return Ok(ListSettings::default()) };
    section.check_keys(&keys::names(keys::LIST), &[])?;
    Ok(ListSettings {
        email: section.text("email", "email")?.map(str::to_owned),
        id: section.text("id", "id")?.map(str::to_owned),
        format: section.read("format", "csv", str::parse)?,
        encoding: section
            .read("encoding", "windows-1252", cli::encoding)?
            .map(|encoding| encoding.name().to_owned()),
        delimiter: section.read("delimiter", ";", cli::delimiter)?,
        skip_lines: section.number("skip_lines", 0..=1_000)?.map(|lines| lines as u64),
        zone: section.read("zone", "Europe/Berlin", zone)?,
    })
}

fn zone(text: &str) -> std::result::Result<jiff::tz::TimeZone, String> {
    jiff::tz::TimeZone::get(text).map_err(|_| {
        format!(
            "{text:?} is no time zone of the IANA database; use a name such as Europe/Berlin or UTC"
        )
    })
}

pub(super) fn suppression(root: &Section<'_>, workspace: &Workspace) -> Result<Vec<PathBuf>> {
    let Some(section) = root.section("suppression")? else { return Ok(Vec::new()) };
    section.check_keys(&keys::names(keys::SUPPRESSION), &[])?;
    let path = |text: &str| {
        if text.is_empty() {
            Err("the path is empty".to_owned())
        } else {
            Ok(workspace.path_from_config(text))
        }
    };
    Ok(section.read_all("files", "suppressions.csv", path)?.unwrap_or_default())
}

/// Parses `soft_bounces = "5 in 14d"`, or `"never"`.
pub(super) fn soft_bounces(root: &Section<'_>) -> Result<Option<SoftBounces>> {
    let Some(section) = root.section("suppression")? else { return Ok(Some(SoftBounces::DEFAULT)) };
    let read = |text: &str| if text == "never" { Ok(None) } else { text.parse().map(Some) };
    Ok(section.read("soft_bounces", "5 in 14d", read)?.unwrap_or(Some(SoftBounces::DEFAULT)))
}

fn requires(text: &str) -> std::result::Result<CanaryRequires, String> {
    match text {
        "replies" => Ok(CanaryRequires::Replies),
        "bounces" => Ok(CanaryRequires::Bounces),
        _ => Err(format!("{text:?} is none of replies, bounces")),
    }
}

pub(super) fn canary(root: &Section<'_>) -> Result<CanarySettings> {
    let Some(section) = root.section("canary")? else { return Ok(CanarySettings::default()) };
    section.check_keys(&keys::names(keys::CANARY), &[])?;
    let default = CanarySettings::default();
    Ok(CanarySettings {
        size: size(&section, "size")?,
        then: section.read("then", "ask", |text| {
            Then::from_str(text, false)
                .map_err(|_| format!("{text:?} is not one of ask, continue, stop"))
        })?,
        max_failed: section.read("max_failed", "5%", str::parse)?.unwrap_or(default.max_failed),
        max_bounced: section.read("max_bounced", "2%", str::parse)?.unwrap_or(default.max_bounced),
        max_complained: section
            .read("max_complained", "0.1%", str::parse)?
            .unwrap_or(default.max_complained),
        wait: wait(&section, "wait")?,
        wait_complained: wait(&section, "wait_complained")?,
        extend: size(&section, "extend")?,
        require: section.read("require", "bounces", requires)?,
        always: section
            .read_all("always", "seed@acme.example", |text| {
                Address::parse(text).map_err(|e| e.to_string())
            })?
            .unwrap_or_default(),
    })
}

/// Parses `size = "5%"`, `"200"`, or the plain number 200.
fn size(section: &Section<'_>, key: &str) -> Result<Option<CanarySize>> {
    match section.get(key).map(|node| &node.content) {
        Some(Content::Value(toml::Value::Integer(number))) if *number >= 0 => {
            Ok(u64::try_from(*number).ok().map(CanarySize::Count))
        }
        _ => section.read(key, "5%", str::parse),
    }
}

/// Parses `wait = "15m"`, or the plain number 0.
fn wait(section: &Section<'_>, key: &str) -> Result<Option<Duration>> {
    match section.get(key).map(|node| &node.content) {
        Some(Content::Value(toml::Value::Integer(0))) => Ok(Some(Duration::ZERO)),
        _ => section.read(key, "15m", parse_wait),
    }
}

/// `[pause]`: the rules that pause a run if too many messages sent after the canary fail, bounce or
/// cause complaints.
pub(super) fn pause(root: &Section<'_>) -> Result<Vec<PauseRule>> {
    let Some(section) = root.section("pause")? else { return Ok(Vec::new()) };
    section.check_keys(&keys::names(keys::PAUSE), &[])?;
    Ok(section.read_all("rules", "bounced > 5% over 1h", str::parse)?.unwrap_or_default())
}
