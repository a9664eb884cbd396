//! What the fuzz targets in `tests/fuzz` reach of the readers that nothing else outside needs. Each
//! function calls what the program itself calls, and gives its result in a form that can be
//! compared.

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

/// The padded base64 of `bytes`.
pub fn base64(bytes: &[u8]) -> String {
    BASE64_STANDARD.encode(bytes)
}

/// Reads padded base64 back; `None` for anything else.
pub fn base64_read(text: &str) -> Option<Vec<u8>> {
    BASE64_STANDARD.decode(text).ok()
}

/// One reply of an SMTP server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reply {
    /// Its three digits.
    pub code: u16,
    /// The code as the report has it.
    pub code_text: String,
    /// The text as the report has it.
    pub text: String,
    /// How many lines it has.
    pub lines: usize,
}

/// What was read until the end, or until something that is no reply.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Replies {
    pub replies: Vec<Reply>,
    /// What is wrong with what came instead of a reply.
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

/// Reads replies as they arrive.
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

/// What a refusal comes to.
#[derive(Clone, Debug, PartialEq)]
pub struct Reading {
    /// Its three digits.
    pub code: u16,
    pub verdict: Verdict,
    pub health: Health,
    /// How long its words ask to wait.
    pub wait: Option<Duration>,
}

/// What each refusal among the replies comes to, at each step of a transaction.
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

/// A message as it follows DATA.
pub fn smtp_data(message: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    body::append(&mut out, message);
    out
}

/// A message as one chunk (RFC 3030).
pub fn smtp_chunk(message: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    body::append_chunk(&mut out, message);
    out
}

/// User, host and port of a relay's URL. Errs with what is wrong, and how to mend it.
pub fn relay_url(
    text: &str,
) -> Result<(Option<String>, String, u16), (&'static str, &'static str)> {
    url::parse(text).map(|url| (url.user, url.host, url.port))
}

/// How far the log of the provider `name` has been read, by the file that the last poll left in
/// `dir`, held against the clock `now`. The place is moved on first to `advanced`. Errs with the
/// message for the operator.
pub fn poll_place(
    dir: &Path,
    name: &str,
    now: Timestamp,
    advanced: Option<Timestamp>,
) -> Result<Option<Timestamp>, String> {
    let mut cursor =
        Cursor::open(dir, name, "postmark", None, true).map_err(|error| error.to_string())?;
    // What is odd about the place is said, and changes what is believed of it.
    let _ = cursor.doubt(now, None, Duration::from_secs(3_600));
    if let Some(until) = advanced {
        let from = cursor.read_until().unwrap_or(Timestamp::UNIX_EPOCH);
        cursor.advance(from, until).map_err(|error| error.to_string())?;
    }
    Ok(cursor.read_until())
}

/// Where a synchronisation with the provider `name` goes on, whether all pages have been read, and
/// how many addresses were seen, by the file in `dir`; afterwards a step is added that leads to
/// `next`. Errs with the message for the operator.
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

/// A word, and the number that it has in the ledger; `None` for a number without a word.
pub type Word<T> = Option<(T, i64)>;

/// The words that stand behind a number in the ledger: of an outcome, and of a reason.
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

/// The time behind a number in the ledger; `None` where it is none.
pub fn ledger_time(micros: i64) -> Option<Timestamp> {
    codes::time(micros).ok()
}

/// The members of a batch out of the ledger's bytes, and the bytes of them again.
pub fn ledger_members(bytes: &[u8]) -> (Vec<RowNumber>, Vec<u8>) {
    let members: Vec<RowNumber> = codes::unpack(bytes).collect();
    let packed = codes::pack(members.iter().copied());
    (members, packed)
}

/// The run and the row of the id of a recipient; `None` where the row is beyond what a run can
/// hold.
pub fn ledger_id(run: i64, row: RowNumber) -> Option<(i64, RowNumber)> {
    codes::id_of(run, row).ok().map(|id| (codes::seq_of(id), codes::row_of(id)))
}
