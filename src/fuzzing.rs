//! Functions through which the fuzz targets in `tests/fuzz` call parsers that are otherwise
//! private. Each function calls the program's own code and returns a value that can be compared.

use std::path::Path;
use std::time::Duration;

use base64::prelude::{BASE64_STANDARD, Engine as _};
use jiff::Timestamp;

use crate::commands::events::cursor::Cursor;
use crate::commands::suppress::sync::progress::{Head, Progress};
use crate::ledger::codes;
use crate::model::outcome::{Outcome, Reason};
use crate::provider::smtp::classify;
use crate::provider::smtp::reply::{Answer, ReplyBuffer};
use crate::provider::smtp::step::Step;
use crate::provider::smtp::{body, url};
use crate::provider::{Health, RowNumber, Verdict};
use crate::replies;

/// Encodes `bytes` as base64 with padding.
pub fn base64(bytes: &[u8]) -> String {
    BASE64_STANDARD.encode(bytes)
}

/// Decodes base64 with padding; `None` if the text is invalid.
pub fn base64_read(text: &str) -> Option<Vec<u8>> {
    BASE64_STANDARD.decode(text).ok()
}

/// One reply of an SMTP server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reply {
    /// The three-digit code.
    pub code: u16,
    /// The code in the form that reports show.
    pub code_text: String,
    /// The text in the form that reports show.
    pub text: String,
    /// The number of lines in the reply.
    pub lines: usize,
}

/// The replies before the first invalid reply or the end of the data.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Replies {
    pub replies: Vec<Reply>,
    /// The error, if a reply is invalid.
    pub wrong: Option<&'static str>,
}

fn answers(pieces: &[&[u8]]) -> (Vec<Answer>, Option<&'static str>) {
    let mut buffer = ReplyBuffer::default();
    let mut answers = Vec::new();
    for piece in pieces {
        buffer.extend(piece);
        loop {
            match buffer.next() {
                Ok(Some(answer)) => answers.push(answer),
                Ok(None) => break,
                Err(wrong) => return (answers, Some(wrong)),
            }
        }
    }
    (answers, None)
}

/// Parses replies from data that arrives in pieces.
pub fn smtp_replies(pieces: &[&[u8]]) -> Replies {
    let (answers, wrong) = answers(pieces);
    let reply = |answer: &Answer| Reply {
        code: answer.code,
        code_text: answer.code_text(),
        text: answer.text(),
        lines: answer.lines.len(),
    };
    Replies { replies: answers.iter().map(reply).collect(), wrong }
}

/// How a refusal is classified.
#[derive(Clone, Debug, PartialEq)]
pub struct Reading {
    /// The three-digit code.
    pub code: u16,
    pub verdict: Verdict,
    pub health: Health,
    /// The delay that the server asks for in the reply's text.
    pub wait: Option<Duration>,
}

/// Classifies each refusal among the replies, once for each step of a transaction.
pub fn smtp_readings(bytes: &[u8]) -> Vec<Reading> {
    let (answers, _) = answers(&[bytes]);
    let mut readings = Vec::new();
    for answer in answers.iter().filter(|answer| answer.class() >= 4) {
        let wait = replies::named_wait(&answer.whole_text());
        for step in [Step::Mail, Step::Rcpt, Step::Data, Step::Message] {
            let (verdict, health) = classify::judge(step, answer);
            readings.push(Reading { code: answer.code, verdict, health, wait });
        }
    }
    readings
}

/// Returns a message as it is sent after DATA.
pub fn smtp_data(message: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    body::append(&mut out, message);
    out
}

/// Returns a message as one chunk (RFC 3030).
pub fn smtp_chunk(message: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    body::append_chunk(&mut out, message);
    out
}

/// Parses user, host and port from a relay's URL. The error contains the problem and a fix.
pub fn relay_url(
    text: &str,
) -> Result<(Option<String>, String, u16), (&'static str, &'static str)> {
    url::parse(text).map(|url| (url.user, url.host, url.port))
}

/// Loads the position up to which the log of provider `name` has been read, from the file in `dir`,
/// and checks it against the clock `now`. If `advanced` is given, moves the position there first.
/// The error is the message for the operator.
pub fn poll_place(
    dir: &Path,
    name: &str,
    now: Timestamp,
    advanced: Option<Timestamp>,
) -> Result<Option<Timestamp>, String> {
    let mut cursor =
        Cursor::open(dir, name, "postmark", None, true).map_err(|error| error.to_string())?;
    // The returned warning is not needed here; the call also corrects the position.
    let _ = cursor.doubt(now, None, Duration::from_secs(3_600));
    if let Some(until) = advanced {
        let from = cursor.read_until().unwrap_or(Timestamp::UNIX_EPOCH);
        cursor.advance(from, until).map_err(|error| error.to_string())?;
    }
    Ok(cursor.read_until())
}

/// Loads the progress of a synchronization with provider `name` from the file in `dir`: the next
/// cursor, whether all pages have been read, and the number of addresses seen. If `next` is given,
/// first adds a step with that cursor. The error is the message for the operator.
pub fn sync_place(
    dir: &Path,
    name: &str,
    next: Option<&str>,
) -> Result<(Option<String>, bool, usize), String> {
    let head = Head::new(name, "postmark", None, true);
    let mut progress = Progress::open(dir, &head).map_err(|error| error.to_string())?;
    let (cursor, is_over, seen) = progress.take();
    if next.is_some() {
        progress.add(next, [7].into_iter()).map_err(|error| error.to_string())?;
    }
    Ok((cursor, is_over, seen.len()))
}

/// An outcome or a reason with its number in the ledger; `None` if the number is not valid.
pub type Word<T> = Option<(T, i64)>;

/// Returns the outcome and the reason that have this number in the ledger.
pub fn ledger_words(number: i64) -> (Word<Outcome>, Word<Reason>) {
    let outcome = codes::outcome(Some(number))
        .ok()
        .flatten()
        .map(|outcome| (outcome, codes::outcome_number(outcome)));
    let reason = codes::reason(Some(number))
        .ok()
        .flatten()
        .map(|reason| (reason, codes::reason_number(reason)));
    (outcome, reason)
}

/// Converts a number in the ledger to a time; `None` if the number is not a valid time.
pub fn ledger_time(micros: i64) -> Option<Timestamp> {
    codes::time(micros).ok()
}

/// Decodes the members of a batch from the ledger's bytes, and encodes them again.
pub fn ledger_members(bytes: &[u8]) -> (Vec<RowNumber>, Vec<u8>) {
    let members: Vec<RowNumber> = codes::unpack(bytes).collect();
    let packed = codes::pack(members.iter().copied());
    (members, packed)
}

/// Encodes a run's number and a row as a recipient's id, and decodes the id again; `None` if the row
/// exceeds the maximum of a run.
pub fn ledger_id(run: i64, row: RowNumber) -> Option<(i64, RowNumber)> {
    codes::id_of(run, row).ok().map(|id| (codes::seq_of(id), codes::row_of(id)))
}
