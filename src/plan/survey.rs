//! The findings about the lists: counts of rows, notes for the operator, and the errors that refuse
//! a bad list.

use std::collections::{BTreeMap, HashSet};
use std::fmt;

use crate::input::{Finding, Guess, ReadAs};
use crate::ledger::{PlannedRow, Sketch};
use crate::model::address::AddressError;
use crate::model::error::{Error, Subject};
use crate::model::literal::{ExpectCount, Percent};
use crate::model::outcome::{Outcome, Reason, Tally};
use crate::plan::empties::{Empties, Judged};
use crate::plan::missing;
use xxhash_rust::xxh3::xxh3_64;

/// The maximum number of places that are named for each kind of defect.
const PLACES: usize = 3;
/// The maximum number of places that are named for rows that cannot be rendered. It is larger,
/// because such rows refuse the list.
const UNRENDERED_PLACES: usize = 10;
/// The maximum number of kinds of defects. A hostile list could cause a different error message in
/// every row.
const KINDS: usize = 20;

/// One reason why rows cannot be mailed, with the number and places of these rows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Defect {
    pub what: String,
    pub count: u64,
    /// The first places, for example `list.csv:3`.
    pub places: Vec<String>,
    pub fix: String,
}

/// Formats a defect as one line for the operator.
impl fmt::Display for Defect {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { what, count, places, .. } = self;
        if *count == 1 {
            return write!(f, "{}: {what}", places.join(""));
        }
        let more = if *count > places.len() as u64 { ", …" } else { "" };
        write!(f, "{what}, in {count} rows: {}{more}", places.join(", "))
    }
}

/// The limits beyond which a list is refused.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Judgement<'a> {
    /// The largest tolerated share of rows without a valid address. Rows with an empty address cell
    /// do not count, unless they point to a broken list.
    pub max_invalid: Percent,
    /// The largest tolerated share of rows with an empty address cell.
    pub max_empty: Percent,
    /// The expected number of rows.
    pub expect: Option<&'a ExpectCount>,
    /// Whether rows that cannot be rendered are left out. Otherwise such rows refuse the list.
    pub skip_unrendered: bool,
}

/// The result of reading the lists.
#[derive(Debug)]
pub(crate) struct Survey {
    lists: Vec<String>,
    /// The number of input rows with each outcome; `open` counts the sendable rows.
    pub tally: Tally,
    /// The number of rows that the filter excludes, in total and for each list.
    pub filtered: u64,
    pub(crate) filtered_of: Vec<u64>,
    pub fingerprint: String,
    pub columns: Vec<Vec<String>>,
    /// Lists whose encoding was guessed, with the guess.
    pub guesses: Vec<(String, Guess)>,
    /// The encoding of each list, in order.
    pub encodings: Vec<(String, ReadAs)>,
    /// The findings about rows that the reader changed or left out.
    pub findings: Vec<Finding>,
    /// The number of addresses of `canary.always` that are in no list.
    pub always_missing: usize,
    /// The number of addresses from which invisible characters at an end were removed, and the
    /// first places.
    pub trimmed: (u64, Vec<String>),
    /// The number of rows that cannot be rendered. They also count as invalid.
    pub unrendered: u64,
    /// The number of sendable addresses whose domain has no dot, and the first places.
    pub no_dot: (u64, Vec<String>),
    /// A sketch of the sendable recipients, to compare them with other runs.
    pub people: Sketch,
    /// The number of sendable rows with their own attachments, and a hash of each different set of
    /// attachments.
    pub(crate) with_files: u64,
    files: HashSet<u64>,
    pub(super) empties: Empties,
    /// The number and the first places of each defect, by whether it is a rendering error, and by
    /// its text.
    defects: BTreeMap<(bool, String), (u64, Vec<String>)>,
}

impl Survey {
    pub(crate) fn new(lists: Vec<String>) -> Self {
        Self {
            empties: Empties::of(lists.len()),
            lists,
            tally: Tally::default(),
            filtered: 0,
            filtered_of: Vec::new(),
            fingerprint: String::new(),
            columns: Vec::new(),
            guesses: Vec::new(),
            encodings: Vec::new(),
            findings: Vec::new(),
            always_missing: 0,
            trimmed: (0, Vec::new()),
            unrendered: 0,
            no_dot: (0, Vec::new()),
            people: Sketch::default(),
            with_files: 0,
            files: HashSet::new(),
            defects: BTreeMap::new(),
        }
    }

    pub(crate) fn count(&mut self, row: &PlannedRow) {
        match &row.outcome {
            None => {
                self.tally.open += 1;
                if let Some(files) = &row.files {
                    self.with_files += 1;
                    self.files.insert(xxh3_64(files.as_bytes()));
                }
                if !row.domain.contains('.') {
                    self.no_dot.0 += 1;
                    if self.no_dot.1.len() < PLACES {
                        let place = self.place(row.list, row.line);
                        self.no_dot.1.push(place);
                    }
                }
            }
            Some((outcome, reason, detail)) => {
                self.tally.add(*outcome, 1);
                self.unrendered +=
                    u64::from(*outcome == Outcome::Invalid && *reason == Reason::Render);
                if *outcome == Outcome::Invalid
                    && matches!(reason, Reason::Render | Reason::BadAddress)
                {
                    self.defect(*reason == Reason::Render, detail, row.list, row.line);
                }
            }
        }
    }

    /// Counts an address with invisible characters at its beginning or end.
    pub(crate) fn count_trimmed(&mut self, list: u32, line: u64) {
        self.trimmed.0 += 1;
        if self.trimmed.1.len() < PLACES {
            let place = self.place(list, line);
            self.trimmed.1.push(place);
        }
    }

    fn defect(&mut self, is_rendering: bool, detail: &str, list: u32, line: u64) {
        let most = if is_rendering { UNRENDERED_PLACES } else { PLACES };
        let place = self.place(list, line);
        let mut kind = (is_rendering, detail.to_owned());
        if self.defects.len() >= KINDS && !self.defects.contains_key(&kind) {
            kind.1 = "other causes".to_owned();
        }
        let (count, places) = self.defects.entry(kind).or_default();
        *count += 1;
        if places.len() < most {
            places.push(place);
        }
    }

    fn place(&self, list: u32, line: u64) -> String {
        format!("{}:{line}", self.lists.get(list as usize).map_or("?", String::as_str))
    }

    /// The note for a provider whose requests have the same attachments for all recipients. It says
    /// how many requests the rows' own attachments need at least.
    pub(crate) fn requests_note(&self, provider: &str) -> Option<String> {
        let (rows, sets) = (self.with_files, self.files.len());
        (sets > 1).then(|| {
            format!("{provider} sends the same attachments to all recipients of a request: {rows} recipients with files of their own need at least {sets} requests")
        })
    }

    /// The number of input rows.
    pub(crate) fn rows(&self) -> u64 {
        self.tally.total()
    }

    /// The reasons why rows cannot be mailed. Rendering errors come last.
    pub(crate) fn defects(&self) -> Vec<Defect> {
        let absent = [AddressError::Empty, AddressError::Nothing].map(|why| why.to_string());
        let defect = |((is_rendering, what), (count, places)): (
            &(bool, String),
            &(u64, Vec<String>),
        )| {
            Defect {
            what: what.clone(),
            count: *count,
            places: places.clone(),
            fix: match is_rendering {
                true => self.fix(what),
                false if absent.contains(what) => {
                    "no change is needed if these people have no address; --max-empty 5% refuses a list with more of them".to_owned()
                }
                false if what.starts_with("row has") => "put quotes around a field that contains the delimiter, or correct the row".to_owned(),
                false => "correct the address, or remove the row".to_owned(),
            },
        }
        };
        self.defects.iter().map(defect).collect()
    }

    /// Returns an error for a list whose encoding was guessed and not confirmed by the operator.
    pub(crate) fn judge_encoding(&self) -> Result<(), Error> {
        match self.guesses.first() {
            Some((list, guess)) => {
                Err(Error::refused(format!("{list}: {}", guess.message())).hint(guess.hint()))
            }
            None => Ok(()),
        }
    }

    /// The notes that explain which recipients are mailed. They are printed even with `-q`.
    pub(crate) fn decisive(&self) -> Vec<String> {
        let findings = self
            .findings
            .iter()
            .filter(|finding| finding.kind.changes_who())
            .map(ToString::to_string);
        let defects = self.defects();
        findings
            .chain(defects.iter().map(ToString::to_string))
            .chain(self.with_another())
            .chain(self.no_dot_note())
            .collect()
    }

    /// The notes about rows whose address cell is empty, but which have an address in another
    /// address column.
    pub(crate) fn with_another(&self) -> Vec<String> {
        self.empties.with_another(&self.lists, &self.columns)
    }

    /// One note for each list that adds no recipient.
    pub(crate) fn without_rows(&self) -> Vec<String> {
        let list = |(at, name): (usize, &String)| {
            let filtered = self.filtered_of.get(at).copied().unwrap_or_default();
            (self.empties.rows(at) == 0).then(|| without_rows(name, filtered))
        };
        self.lists.iter().enumerate().filter_map(list).collect()
    }

    /// The note about addresses whose domain has no dot; `None` if there are none.
    pub(crate) fn no_dot_note(&self) -> Option<String> {
        let (count, places) = &self.no_dot;
        let more = if *count > places.len() as u64 { ", …" } else { "" };
        (*count > 0).then(|| format!("addresses whose domain has no dot, which only a local network delivers ({count}): {}{more}", places.join(", ")))
    }

    /// The note about addresses whose invisible characters were removed; `None` if there are none.
    pub(crate) fn trimmed_note(&self) -> Option<String> {
        let (count, places) = &self.trimmed;
        let more = if *count > places.len() as u64 { ", …" } else { "" };
        let addresses = if *count == 1 { "address" } else { "addresses" };
        (*count > 0).then(|| format!("{count} {addresses} had invisible characters at an end; these characters were removed: {}{more}", places.join(", ")))
    }

    /// The hint for a row that cannot be rendered. It may suggest columns of all lists.
    fn fix(&self, what: &str) -> String {
        missing::fix(what, self.columns.iter().flatten().map(String::as_str))
    }

    /// The error for rows that cannot be rendered. The list is refused, because the cause is the
    /// message or the list rather than a few addresses.
    fn unrendered_refusal(&self, listed: Option<&str>) -> Error {
        let rows = self.unrendered;
        let defects = self.defects.iter().filter(|((is_rendering, _), _)| *is_rendering);
        let lines: Vec<String> = defects
            .map(|((_, what), (count, places))| {
                Defect {
                    what: what.clone(),
                    count: *count,
                    places: places.clone(),
                    fix: String::new(),
                }
                .to_string()
            })
            .collect();
        let fix = self
            .defects
            .keys()
            .find(|(is_rendering, _)| *is_rendering)
            .map(|(_, what)| self.fix(what))
            .unwrap_or_default();
        let what = format!(
            "the message cannot be rendered for {rows} of {} rows\n  {}",
            self.rows(),
            lines.join("\n  ")
        );
        let all = match listed {
            None => "; `mailbatch check` writes all of them to a file".to_owned(),
            Some("") => "; --rejected FILE writes all of them to a file".to_owned(),
            Some(files) => format!("; all of them are in {files}"),
        };
        Error::refused(what).hint(format!("{fix}; --skip-unrendered leaves these rows out{all}"))
    }

    /// Returns an error if the lists are wrong or truncated, which is known only after the last
    /// row. `listed` names the files to which the bad rows were written; it is empty if none was
    /// written, and `None` if the command cannot write them.
    pub(crate) fn judge(&self, by: &Judgement<'_>, listed: Option<&str>) -> Result<(), Error> {
        let Judgement { max_invalid, max_empty, expect, skip_unrendered } = *by;
        if let Some(expect) = expect
            && !expect.admits(self.rows())
        {
            return Err(Error::refused(format!(
                "the lists have {} rows, expected {expect}",
                self.rows()
            ))
            .about(Subject::List)
            .hint("check whether a list is truncated or the wrong one; if the lists are right, change --expect-count"));
        }
        if self.unrendered > 0 && !skip_unrendered {
            return Err(self.unrendered_refusal(listed).about(Subject::Template));
        }
        let judged = self.empties.judge(&self.lists, &self.columns);
        if is_more(judged.all, self.rows(), max_empty) {
            let share = percentage(judged.all, self.rows());
            let what = format!(
                "{} of {} rows have no address ({share:.1} %, {max_empty} tolerated)",
                judged.all,
                self.rows()
            );
            return Err(Error::refused(what)
                .hint("did the export lose the addresses? if these people have none, raise --max-empty")
                .about(Subject::List));
        }
        // People without an address do not count as invalid addresses.
        let apart = judged.all - judged.faults;
        let (invalid, rows) = (
            (self.tally.get(Outcome::Invalid) - self.unrendered).saturating_sub(apart),
            self.rows().saturating_sub(apart),
        );
        if is_more(invalid, rows, max_invalid) {
            return Err(self
                .invalid_refusal((invalid, rows), max_invalid, &judged, listed)
                .about(Subject::List));
        }
        // Each list is checked separately, because a small list hardly changes the share of bad
        // rows in all lists.
        if judged.broken.iter().any(|(faults, rows)| is_more(*faults, *rows, max_invalid)) {
            let ways =
                judged.hint.unwrap_or_else(|| "leave the list out, or export it again".to_owned());
            return Err(Error::refused(judged.why.join("\n")).hint(ways).about(Subject::List));
        }
        Ok(())
    }

    fn invalid_refusal(
        &self,
        (invalid, rows): (u64, u64),
        tolerated: Percent,
        judged: &Judged,
        listed: Option<&str>,
    ) -> Error {
        let share = percentage(invalid, rows);
        let apart = match judged.all - judged.faults {
            0 => String::new(),
            1 => ", apart from one row without an address".to_owned(),
            apart => format!(", apart from {apart} rows without an address"),
        };
        let mut what = format!(
            "{invalid} of {rows} rows cannot be mailed ({share:.1} %, {tolerated} tolerated){apart}"
        );
        judged.why.iter().for_each(|why| what.push_str(&format!("\n  {why}")));
        let mut ways: Vec<String> = judged.hint.iter().cloned().collect();
        if listed.is_none_or(str::is_empty) {
            self.defects().iter().for_each(|defect| what.push_str(&format!("\n  {defect}")));
        }
        ways.push(match listed {
            None => "`mailbatch check` writes all of them to a file; fix the rows or the message, or raise --max-invalid".to_owned(),
            Some("") => "fix the rows or the message, or raise --max-invalid; --rejected FILE writes all of them to a file".to_owned(),
            Some(file) => format!("fix the rows, which are in {file}, or the message; or raise --max-invalid"),
        });
        Error::refused(what).hint(ways.join("; "))
    }
}

/// The note about a list that adds no recipient. `filtered` is the number of its rows that
/// `--where` excludes.
pub(crate) fn without_rows(list: &str, filtered: u64) -> String {
    match filtered {
        0 => format!("{list} has no rows, so that it adds no recipient"),
        _ => format!("{list} adds no recipient: --where leaves out all of its {filtered} rows"),
    }
}

fn is_more(count: u64, of: u64, than: Percent) -> bool {
    count as f64 > of as f64 * than.fraction() + 1e-9
}

fn percentage(count: u64, of: u64) -> f64 {
    100.0 * count as f64 / of as f64
}
