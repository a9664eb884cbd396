//! The text format of a trace. The first line contains the format's name and version, the name of
//! the trace, and the mount through which the file was written.
//!
//! Each following line is a record: eight hexadecimal digits (the low half of the xxh3-64 of the
//! text after the space), a space, and the record as a JSON array.

use serde::{Deserialize, Serialize};
use xxhash_rust::xxh3::xxh3_64;

use crate::model::outcome::Reason;
use crate::provider::{Refusal, RowNumber, Verdict};

/// The first line of version 1, without the trace's name and the mount.
pub(super) const HEADER_1: &str = "mailbatch-trace 1";

/// The beginning of the first line of version 2. The trace's name and the mount follow.
pub(super) const HEADER_2: &str = "mailbatch-trace 2 ";

/// The maximum length of a first line, in bytes.
pub(super) const LONGEST_HEADER: u64 = 512;

/// Replaces the mount in the first line if the system does not report one.
const UNKNOWN_MOUNT: &str = "-";

/// Builds the first line of the trace with this name and mount.
pub(super) fn first_line(name: &str, mount: Option<&str>) -> String {
    format!("{HEADER_2}{name} {}\n", mount.unwrap_or(UNKNOWN_MOUNT))
}

/// The parsed first line of a trace.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Header<'l> {
    V1,
    V2 { name: &'l str, mount: &'l str },
}

impl<'l> Header<'l> {
    pub(super) fn of(line: &'l [u8]) -> Option<Self> {
        let line = std::str::from_utf8(line).ok()?;
        if line == HEADER_1 {
            return Some(Self::V1);
        }
        let (name, mount) = line.strip_prefix(HEADER_2)?.split_once(' ')?;
        (!name.is_empty() && !mount.is_empty() && !mount.contains(' '))
            .then_some(Self::V2 { name, mount })
    }
}

/// Whether the bytes are an incomplete first line.
pub(super) fn is_cut_header(bytes: &[u8]) -> bool {
    let begins = |header: &str| {
        let shared = bytes.len().min(header.len());
        bytes[..shared] == header.as_bytes()[..shared]
    };
    !bytes.contains(&b'\n')
        && bytes.len() < LONGEST_HEADER as usize
        && (begins(HEADER_2) || bytes.len() <= HEADER_1.len() && begins(HEADER_1))
}

/// The length of a record's checksum and space, and the beginning of the JSON of a "crossing".
pub(super) const CHECKSUM: usize = 9;
pub(super) const CROSSING: &[u8] = b"{\"crossing\"";

#[derive(Serialize, Deserialize)]
pub(super) enum Record {
    #[serde(rename = "crossing")]
    Crossing(i64, Vec<RowNumber>),
    #[serde(rename = "answered")]
    Answered(i64, RowNumber, Words),
    /// The provider accepted these members as a whole. The text identifies the request, so that the
    /// provider can be asked about each member later.
    #[serde(rename = "pending")]
    Pending(i64, Vec<RowNumber>, String),
}

/// A verdict as it is stored in a record.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Words {
    Accepted(Option<String>, String, String),
    Rejected(Reason, String, String, bool),
    Suppressed(Reason, String, String, bool),
    NotTaken(Reason, String, String, bool, bool),
    Unknown(String),
}

impl From<&Verdict> for Words {
    fn from(verdict: &Verdict) -> Self {
        let parts = |r: &Refusal| (r.reason, r.code.clone(), r.detail.clone(), r.mailbox_gone);
        match verdict {
            Verdict::Accepted { provider_id, code, detail } => {
                Self::Accepted(provider_id.clone(), code.clone(), detail.clone())
            }
            Verdict::Rejected(refusal) => {
                let (reason, code, detail, gone) = parts(refusal);
                Self::Rejected(reason, code, detail, gone)
            }
            Verdict::Suppressed(refusal) => {
                let (reason, code, detail, gone) = parts(refusal);
                Self::Suppressed(reason, code, detail, gone)
            }
            Verdict::NotTaken { refusal, counts } => {
                let (reason, code, detail, gone) = parts(refusal);
                Self::NotTaken(reason, code, detail, gone, *counts)
            }
            Verdict::Unknown { detail } => Self::Unknown(detail.clone()),
        }
    }
}

impl From<Words> for Verdict {
    fn from(words: Words) -> Self {
        match words {
            Words::Accepted(provider_id, code, detail) => {
                Self::Accepted { provider_id, code, detail }
            }
            Words::Rejected(reason, code, detail, mailbox_gone) => {
                Self::Rejected(Refusal { reason, code, detail, mailbox_gone })
            }
            Words::Suppressed(reason, code, detail, mailbox_gone) => {
                Self::Suppressed(Refusal { reason, code, detail, mailbox_gone })
            }
            Words::NotTaken(reason, code, detail, mailbox_gone, counts) => {
                Self::NotTaken { refusal: Refusal { reason, code, detail, mailbox_gone }, counts }
            }
            Words::Unknown(detail) => Self::Unknown { detail },
        }
    }
}

pub(super) fn checksum(text: &[u8]) -> u32 {
    (xxh3_64(text) & 0xffff_ffff) as u32
}

pub(super) fn parse(line: &[u8]) -> Option<Record> {
    serde_json::from_slice(checked(line)?).ok()
}

/// Returns the JSON of a line if the line's checksum is right.
fn checked(line: &[u8]) -> Option<&[u8]> {
    let (sum, json) = line.split_at_checked(8)?;
    let json = json.strip_prefix(b" ")?;
    let sum = u32::from_str_radix(std::str::from_utf8(sum).ok()?, 16).ok()?;
    (sum == checksum(json)).then_some(json)
}

/// Returns the number of the batch that a record is about, which is the first number in every
/// record.
pub(super) fn batch_of(line: &[u8]) -> Option<i64> {
    let json = checked(line)?;
    let digits = &json[json.iter().position(|byte| *byte == b'[')? + 1..];
    let end = digits.iter().position(|byte| !byte.is_ascii_digit())?;
    std::str::from_utf8(&digits[..end]).ok()?.parse().ok()
}
