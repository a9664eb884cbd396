//! What reading the lists found, in numbers and in the words of an error.

use std::collections::BTreeMap;

use crate::error::Error;
use crate::ledger::{PlannedRow, Sketch};
use crate::literal::{ExpectCount, Percent};
use crate::outcome::{Outcome, Reason, Tally};

/// Places that an error names before it only counts.
const PLACES: usize = 5;

/// The sum of a reading.
#[derive(Debug)]
pub struct Survey {
    lists: Vec<String>,
    /// Rows in, by outcome; `open` are the sendable ones.
    pub tally: Tally,
    pub filtered: u64,
    pub fingerprint: String,
    pub columns: Vec<Vec<String>>,
    /// Lines for people: guessed encodings and the like.
    pub notes: Vec<String>,
    /// Addresses under `always` that are in no list.
    pub always_missing: usize,
    /// Addresses that had invisible characters at an end, which were taken off, and the places of the first ones.
    pub trimmed: (u64, Vec<String>),
    /// The sendable ones, for a comparison with other runs.
    pub people: Sketch,
    bad: u64,
    bad_places: Vec<String>,
    unrendered: BTreeMap<String, (u64, Vec<String>)>,
}

impl Survey {
    pub(crate) fn new(lists: Vec<String>) -> Self {
        Self {
            lists,
            tally: Tally::default(),
            filtered: 0,
            fingerprint: String::new(),
            columns: Vec::new(),
            notes: Vec::new(),
            always_missing: 0,
            trimmed: (0, Vec::new()),
            people: Sketch::default(),
            bad: 0,
            bad_places: Vec::new(),
            unrendered: BTreeMap::new(),
        }
    }

    pub(crate) fn count(&mut self, row: &PlannedRow) {
        match &row.outcome {
            None => self.tally.open += 1,
            Some((outcome, reason, detail)) => {
                self.tally.add(*outcome, 1);
                if *reason == Reason::Render {
                    self.unrendered(detail, row.list, row.line);
                } else if *outcome == Outcome::Invalid && *reason == Reason::BadAddress {
                    self.bad += 1;
                    if self.bad_places.len() < PLACES {
                        self.bad_places.push(format!("{}: {detail}", self.place(row.list, row.line)));
                    }
                }
            }
        }
    }

    /// Counts an address that had invisible characters at an end.
    pub(crate) fn count_trimmed(&mut self, list: u32, line: u64) {
        self.trimmed.0 += 1;
        if self.trimmed.1.len() < PLACES {
            let place = self.place(list, line);
            self.trimmed.1.push(place);
        }
    }

    fn unrendered(&mut self, detail: &str, list: u32, line: u64) {
        let place = self.place(list, line);
        // A hostile list could make every message different; one more group than people read is enough.
        let group = if self.unrendered.len() < 20 || self.unrendered.contains_key(detail) { detail } else { "other causes" };
        let (count, places) = self.unrendered.entry(group.to_owned()).or_default();
        *count += 1;
        if places.len() < PLACES {
            places.push(place);
        }
    }

    fn place(&self, list: u32, line: u64) -> String {
        format!("{}:{line}", self.lists.get(list as usize).map_or("?", String::as_str))
    }

    /// Rows in.
    pub fn rows(&self) -> u64 {
        self.tally.total()
    }

    /// One line for each kind of defect, with places.
    pub fn defects(&self) -> Vec<String> {
        let mut lines = self.bad_places.clone();
        if self.bad > lines.len() as u64 {
            lines.push(format!("and {} more bad rows", self.bad - lines.len() as u64));
        }
        let (count, places) = &self.trimmed;
        if *count > 0 {
            let more = if *count > places.len() as u64 { ", …" } else { "" };
            let addresses = if *count == 1 { "address" } else { "addresses" };
            lines.push(format!("{count} {addresses} had invisible characters at an end, which were taken off: {}{more}", places.join(", ")));
        }
        for (detail, (count, places)) in &self.unrendered {
            let more = if *count > places.len() as u64 { ", …" } else { "" };
            let rows = if *count == 1 { "row" } else { "rows" };
            lines.push(format!("{detail}, in {count} {rows}: {}{more}", places.join(", ")));
        }
        lines
    }

    /// The refusals that can be told only when the last row has been read: a wrong or truncated list.
    pub fn judge(&self, max_invalid: Percent, expect: Option<&ExpectCount>) -> Result<(), Error> {
        if let Some(expect) = expect
            && !expect.admits(self.rows())
        {
            return Err(Error::refused(format!("the lists have {} rows, expected {expect}", self.rows()))
                .hint("is a list truncated or the wrong one? if it is right, change --expect-count"));
        }
        let invalid = self.tally.get(Outcome::Invalid);
        if invalid as f64 > self.rows() as f64 * max_invalid.fraction() + 1e-9 {
            let share = 100.0 * invalid as f64 / self.rows() as f64;
            let defects = self.defects().join("\n  ");
            return Err(Error::refused(format!(
                "{invalid} of {} rows cannot be mailed ({share:.1} %, {max_invalid} tolerated)\n  {defects}",
                self.rows()
            ))
            .hint("`mailbatch check` writes all of them to a file; fix the rows or the message, or raise --max-invalid"));
        }
        Ok(())
    }
}
