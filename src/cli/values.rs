//! The values that flags accept, and parsers for values that have no type in the model.

use clap::ValueEnum;
use encoding_rs::Encoding;
use jiff::Timestamp;

use crate::model::address::Address;
use crate::model::event::EventKind;
use crate::model::literal::parse_duration;
use crate::model::outcome::{Kind, Reason};

/// The format of a list.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum ListFormat {
    Csv,
    Tsv,
    /// A JSON array of objects
    Json,
    /// One JSON object per line
    Ndjson,
}

/// What to do after the canary passes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Then {
    /// Ask on a terminal; elsewhere wait for `resume --continue` (exit 13)
    Ask,
    /// Send the rest
    Continue,
    /// Wait for `resume --continue` (exit 13)
    Stop,
}

/// What to do with recipients whose outcome is unknown.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum OnUnknown {
    /// Leave them unknown (the default)
    #[default]
    Keep,
    /// Send to them again, at the risk of mailing a recipient twice
    Retry,
}

/// What to do when an hourly or daily cap is reached.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum OnCap {
    /// Stop with exit 8 (the default)
    #[default]
    Stop,
    /// Wait until the cap allows more
    Wait,
}

/// How a run shows its progress.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum ProgressMode {
    /// Bars on a terminal, plain lines elsewhere (the default)
    #[default]
    Auto,
    Bar,
    Plain,
    /// NDJSON on standard output
    Json,
    None,
}

/// The format of a report.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum ReportFormat {
    #[default]
    Table,
    Csv,
    Ndjson,
    Json,
    Html,
    Junit,
    Md,
}

/// The format of exported suppressions.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum ExportFormat {
    #[default]
    Csv,
    Ndjson,
}

/// The service that exported a list of suppressions.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
#[value(rename_all = "lower")]
pub enum Preset {
    HubSpot,
    Mailchimp,
    SendGrid,
    Ses,
}

/// The kinds of mail that a suppression stops.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Scope {
    /// All mail
    All,
    /// Marketing only
    Marketing,
}

impl Scope {
    /// The name of this scope in a suppression file.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::All => "all",
            Self::Marketing => "marketing",
        }
    }
}

pub(super) fn address(text: &str) -> Result<Address, String> {
    Address::parse(text).map_err(|e| e.to_string())
}

/// Parses a recipient's address. The error mentions `--email-column`, because the user may have
/// wanted to name the column with the addresses.
pub(super) fn recipient(text: &str) -> Result<Address, String> {
    address(text)
        .map_err(|why| format!("{why}; to name the column with the addresses, use --email-column"))
}

/// Parses an encoding, given as one of the labels in the WHATWG Encoding Standard.
pub(crate) fn encoding(text: &str) -> Result<&'static Encoding, String> {
    Encoding::for_label_no_replacement(text.as_bytes())
        .ok_or_else(|| "unknown encoding; use a label such as utf-8, utf-16le, windows-1252, windows-1251, windows-1250, shift_jis or gbk; convert cp850 and cp437 first: iconv -f CP850 -t UTF-8".to_owned())
}

/// Parses the delimiter between fields: one character or its name.
pub(crate) fn delimiter(text: &str) -> Result<u8, String> {
    match text {
        "tab" | "\\t" => Ok(b'\t'),
        "comma" => Ok(b','),
        "semicolon" => Ok(b';'),
        "pipe" => Ok(b'|'),
        "space" => Ok(b' '),
        "colon" => Ok(b':'),
        _ => match text.as_bytes() {
            [byte] if crate::input::is_delimiter(*byte) => Ok(*byte),
            _ => {
                Err("write one character such as ; or | (no letter, digit, quote, @ . - _), or tab, comma, semicolon, pipe, colon, space".to_owned())
            }
        },
    }
}

/// Parses a point in time (`2027-01-31T09:00:00Z`) or a day, which means its first moment in UTC.
pub(super) fn moment(text: &str) -> Result<Timestamp, String> {
    let wrong = || format!("{text:?} is not a time; write 2027-01-31 or 2027-01-31T09:00:00Z");
    text.parse::<Timestamp>().or_else(|_| {
        let day: jiff::civil::Date = text.parse().map_err(|_| wrong())?;
        day.to_zoned(jiff::tz::TimeZone::UTC).map(|z| z.timestamp()).map_err(|_| wrong())
    })
}

/// Parses a receiving domain, with or without a leading @, into the form stored in the ledger.
pub(super) fn domain(text: &str) -> Result<String, String> {
    crate::model::address::domain_to_ascii(text.trim_start_matches('@'))
        .map_err(|e| format!("{text:?} is no domain: {e}"))
}

/// Parses a point in time, or an age such as `24h`.
pub(super) fn since(text: &str) -> Result<Timestamp, String> {
    if let Ok(length) = parse_duration(text) {
        let length = jiff::SignedDuration::try_from(length).map_err(|e| e.to_string())?;
        return Timestamp::now()
            .checked_sub(length)
            .map_err(|_| format!("{text:?} is too long ago"));
    }
    moment(text).map_err(|_| {
        format!("{text:?} is not a time; write 24h, 2027-01-31 or 2027-01-31T09:00:00Z")
    })
}

/// Parses a reason for a suppression.
pub(super) fn suppression_reason(text: &str) -> Result<Reason, String> {
    const REASONS: [Reason; 4] =
        [Reason::HardBounce, Reason::Complaint, Reason::Unsubscribe, Reason::Manual];
    REASONS
        .into_iter()
        .find(|r| r.as_str() == text)
        .ok_or_else(|| "expected one of: hard_bounce, complaint, unsubscribe, manual".to_owned())
}

/// Parses a kind of mail.
pub(super) fn kind(text: &str) -> Result<Kind, String> {
    text.parse().map_err(|_| "expected one of: marketing, transactional".to_owned())
}

/// Parses a type of event.
pub(super) fn event_kind(text: &str) -> Result<EventKind, String> {
    text.parse()
}

/// Parses a duration into weeks, rounded up, at most ten years.
pub(super) fn weeks(text: &str) -> Result<u32, String> {
    const MOST: u64 = 520;
    let weeks = parse_duration(text)?.as_secs().div_ceil(7 * 86_400);
    u32::try_from(weeks)
        .ok()
        .filter(|weeks| (1..=MOST).contains(&u64::from(*weeks)))
        .ok_or_else(|| format!("{text:?} is not a duration from 1s to {MOST}w"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_day_means_its_beginning_in_utc() {
        assert_eq!(moment("2027-01-31"), moment("2027-01-31T00:00:00Z"));
        assert!(moment("31.1.2027").is_err());
    }
}
