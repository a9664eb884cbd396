//! Reads a report back after the ledger was lost: the recipients that it lists as reached or
//! refused, and the suppressions that follow from their rows.

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use jiff::Timestamp;
use xxhash_rust::xxh3::xxh3_64;

use super::bounded_rows::BoundedRows;
use crate::files;
use crate::ledger::{Adopted, LedgerSuppression};
use crate::model::error::{Error, Result};
use crate::model::event::{Bounce, EventKind, feedback_word};
use crate::model::outcome::{Outcome, Reason};
use crate::model::shown::Shown;

/// The number of people that one page of a report has.
const PAGE: usize = 1_000;

/// A CSV report that is read after the ledger was lost.
pub(super) struct Report {
    path: PathBuf,
    reader: csv::Reader<BoundedRows>,
    pub(super) columns: Columns,
    /// How often each recipient key has been seen. Under `--dedupe off`, repeated keys are
    /// numbered.
    occurrences: HashMap<u64, u32>,
    /// The time of the latest submission seen so far.
    pub(super) latest: Option<Timestamp>,
}

/// The positions of the columns that are used.
pub(super) struct Columns {
    pub(super) row: Option<usize>,
    email: usize,
    pub(super) outcome: usize,
    reason: usize,
    provider: usize,
    code: usize,
    pub(super) batch: usize,
    feedback: usize,
    last_at: Option<usize>,
    id: Option<usize>,
}

impl Report {
    /// Opens a report. `id` is the name of the list's column with the recipients' ids. Exit 2 if
    /// the file is not a report.
    pub(super) fn open(path: PathBuf, id: Option<&str>) -> Result<Self> {
        let file = files::open(&path).map_err(|e| unreadable(&path, &e.to_string()))?;
        let mut reader = csv::ReaderBuilder::new().from_reader(BoundedRows::of(file));
        let header = reader.headers().map_err(|e| unreadable(&path, &e.to_string()))?.clone();
        // The report's own columns are the last ones; the list may have columns of the same names.
        let at = |name: &str| {
            header.iter().enumerate().filter(|(_, column)| *column == name).last().map(|(at, _)| at)
        };
        let ours = |name: &str| {
            at(name).ok_or_else(|| unreadable(&path, &format!("it has no column {name}")))
        };
        let columns = Columns {
            row: at("mb_row"),
            email: ours("mb_email")?,
            outcome: ours("mb_outcome")?,
            reason: ours("mb_reason")?,
            provider: ours("mb_provider")?,
            code: ours("mb_code")?,
            batch: ours("mb_batch")?,
            feedback: ours("mb_feedback")?,
            last_at: at("mb_last_at"),
            id: id.and_then(|id| header.iter().position(|column| column == id)),
        };
        Ok(Self { path, reader, columns, occurrences: HashMap::new(), latest: None })
    }

    /// The names of the columns.
    pub(super) fn header(&mut self) -> Result<csv::StringRecord> {
        self.reader.headers().cloned().map_err(|e| unreadable(&self.path, &e.to_string()))
    }

    /// Reads the next row; returns false at the end.
    pub(super) fn next(&mut self, record: &mut csv::StringRecord) -> Result<bool> {
        self.reader.get_mut().begin_row();
        self.reader.read_record(record).map_err(|e| unreadable(&self.path, &e.to_string()))
    }

    /// Reads the next page of people, and the suppressions that follow from their rows. Both are
    /// empty at the end.
    pub(super) fn page(&mut self) -> Result<(Vec<Adopted>, Vec<LedgerSuppression>)> {
        let (mut people, mut learned) = (Vec::with_capacity(PAGE), Vec::new());
        let mut record = csv::StringRecord::new();
        while people.len() < PAGE && self.next(&mut record)? {
            let line = record.position().map_or(0, csv::Position::line);
            let outcome = self.outcome(&record, line)?;
            let Some(outcome) = outcome else { continue };
            let cell = |at: usize| record.get(at).unwrap_or_default();
            self.latest =
                self.latest.max(self.columns.last_at.and_then(|at| cell(at).parse().ok()));
            let email = unguarded(cell(self.columns.email)).to_owned();
            let key = match self.columns.id.map(cell).filter(|id| !id.trim().is_empty()) {
                Some(id) => unguarded(id).to_owned(),
                None => email.to_lowercase(),
            };
            learned.extend(suppressions(&email, &record, &self.columns));
            let seen = self.occurrences.entry(xxh3_64(key.as_bytes())).or_default();
            *seen += 1;
            let key = if *seen > 1 { format!("{key}#{seen}") } else { key };
            people.push(Adopted { key, email, outcome: outcome.0 });
        }
        Ok((people, learned))
    }

    /// Returns the outcome to store for a row's recipient; `None` if the row is suppressed, invalid
    /// or a duplicate.
    fn outcome(&self, record: &csv::StringRecord, line: u64) -> Result<Option<Kept>> {
        let word = record.get(self.columns.outcome).unwrap_or_default();
        let reason =
            || record.get(self.columns.reason).and_then(|reason| reason.parse::<Reason>().ok());
        if word.is_empty() {
            // The row was being sent when the report was written, or had not been started.
            let was_claimed = record.get(self.columns.batch).is_some_and(|batch| !batch.is_empty());
            return Ok(Some(Kept(
                was_claimed.then_some((Outcome::Unknown, Some(Reason::NoReply))),
            )));
        }
        let outcome: Outcome = word.parse().map_err(|_| {
            unreadable(&self.path, &format!("line {line}: {word:?} is not a valid outcome"))
        })?;
        Ok(match outcome {
            Outcome::Accepted | Outcome::AlreadyAccepted => {
                Some(Kept(Some((Outcome::Accepted, None))))
            }
            Outcome::Rejected => Some(Kept(Some((Outcome::Rejected, reason())))),
            Outcome::Unknown => {
                Some(Kept(Some((Outcome::Unknown, reason().or(Some(Reason::NoReply))))))
            }
            Outcome::Deferred | Outcome::Held => Some(Kept(None)),
            Outcome::Suppressed | Outcome::Invalid | Outcome::Duplicate => None,
        })
    }
}

/// Returns the outcome to store for a person; empty if the person may be mailed.
struct Kept(Option<(Outcome, Option<Reason>)>);

/// Returns the suppressions that a report row proves: by a nonexistent mailbox reported at
/// submission, or by later feedback.
fn suppressions(
    email: &str,
    record: &csv::StringRecord,
    columns: &Columns,
) -> Vec<LedgerSuppression> {
    let cell = |at: usize| record.get(at).unwrap_or_default();
    let mut reasons = Vec::new();
    if cell(columns.outcome) == Outcome::Rejected.as_str()
        && cell(columns.reason) == Reason::MailboxGone.as_str()
    {
        reasons.push(Reason::HardBounce);
    }
    reasons.extend(cell(columns.feedback).split_whitespace().filter_map(|word| match word {
        word if word == feedback_word(EventKind::Bounced, Some(Bounce::Hard)) => {
            Some(Reason::HardBounce)
        }
        word if word == EventKind::Complained.as_str() => Some(Reason::Complaint),
        word if word == EventKind::Unsubscribed.as_str() => Some(Reason::Unsubscribe),
        _ => None,
    }));
    reasons.dedup();
    let entry = |reason| LedgerSuppression {
        entry: email.to_lowercase(),
        reason,
        scope: String::new(),
        source: cell(columns.provider).to_owned(),
        created_at: Timestamp::now(),
        expires_at: None,
        note: cell(columns.code).to_owned(),
    };
    reasons.into_iter().map(entry).collect()
}

/// Removes the quote that `--spreadsheet-safe` added to a cell.
fn unguarded(cell: &str) -> &str {
    cell.strip_prefix('\'').filter(|rest| rest.starts_with(['=', '+', '-', '@'])).unwrap_or(cell)
}

fn unreadable(path: &Path, why: &str) -> Error {
    Error::usage(format!("{}: the file is not a valid report: {why}", path.shown()))
        .hint("restore it from a backup; moving it away discards its contents, and the people in it may be mailed twice")
}
