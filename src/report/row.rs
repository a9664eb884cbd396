//! Defines a row of a report, the facts about its run, and the combined columns of several lists.

use std::borrow::Cow;
use std::collections::HashMap;
use std::io;

use jiff::Timestamp;
use serde::Deserialize;

use crate::ledger::{ExitReason, Gate, LedgerRow, Run};
use crate::model::exit::Exit;
use crate::model::outcome::{Cohort, Kind, Outcome, Reason};
use crate::model::recipient::{Fields, each_plain_cell};

/// The names of the report's own columns, without prefix, in the order of all formats.
pub(crate) const NAMES: [&str; 19] = [
    "row",
    "list",
    "line",
    "email",
    "outcome",
    "reason",
    "code",
    "detail",
    "provider",
    "batch",
    "attempts",
    "message_id",
    "provider_id",
    "cohort",
    "first_at",
    "last_at",
    "feedback",
    "as_of",
    "message",
];

/// An input row with its outcome, from the ledger or from `check`.
#[derive(Clone, Debug, Default)]
pub(crate) struct ReportRow {
    /// The row's number across all lists, starting at 1.
    pub row: u64,
    /// The index of the row's list, starting at 0.
    pub list: u32,
    /// The row's line in its list, starting at 1.
    pub line: u64,
    /// The address. If it is not valid, the text of the cell.
    pub email: String,
    /// The outcome, or `None` while the row is open.
    pub outcome: Option<Outcome>,
    /// The reason for the outcome, or `None` if the message was accepted.
    pub reason: Option<Reason>,
    pub code: String,
    pub detail: String,
    pub provider: String,
    pub batch: Option<i64>,
    pub attempts: u32,
    pub message_id: String,
    pub provider_id: String,
    /// Whether the row belongs to the canary. `None` if it was never to be sent.
    pub cohort: Option<Cohort>,
    pub first_at: Option<Timestamp>,
    pub last_at: Option<Timestamp>,
    pub feedback: String,
    /// The earlier run from which the outcome was taken.
    pub carried_from: Option<String>,
    /// The cells of the row, encoded by `Fields::encode`. Empty if there are none.
    pub fields: String,
}

impl From<LedgerRow> for ReportRow {
    fn from(row: LedgerRow) -> Self {
        let screened = matches!(
            row.outcome,
            Some(Outcome::Invalid | Outcome::Duplicate | Outcome::AlreadyAccepted)
        );
        Self {
            row: row.row,
            list: row.list,
            line: row.line,
            email: row.email,
            outcome: row.outcome,
            reason: row.reason.filter(|_| row.outcome != Some(Outcome::Accepted)),
            code: row.code,
            detail: row.detail,
            // Before the first attempt the provider may still change, so the report leaves it
            // empty.
            provider: if row.batch.is_some() { row.provider } else { String::new() },
            batch: row.batch,
            attempts: row.attempts,
            message_id: row.message_id,
            provider_id: row.provider_id,
            cohort: (!screened).then_some(row.cohort),
            first_at: row.first_at,
            last_at: row.last_at,
            feedback: row.feedback,
            carried_from: row.carried_from,
            fields: row.fields,
        }
    }
}

/// The result of the command that writes the report.
#[derive(Clone, Debug)]
pub(crate) struct Closing {
    pub exit: Exit,
    /// The reasons for the exit code.
    pub reasons: Vec<String>,
    /// Whether the command sent nothing because no recipients were left.
    pub had_nothing_to_do: bool,
}

impl Closing {
    /// Creates the result of a command with this exit code and no reasons.
    pub(crate) fn new(exit: Exit) -> Self {
        Self { exit, reasons: Vec::new(), had_nothing_to_do: false }
    }
}

/// Facts about the whole run, and the columns of its lists.
#[derive(Clone, Debug, Default)]
pub(crate) struct Head {
    pub run: String,
    pub campaign: String,
    pub env: Option<String>,
    pub kind: Option<Kind>,
    pub provider: String,
    /// The names of the lists as given on the command line, in order.
    pub lists: Vec<String>,
    /// The columns of each list, in order.
    pub columns: Vec<Vec<String>>,
    pub started_at: Option<Timestamp>,
    pub finished_at: Option<Timestamp>,
    pub exit: Option<u8>,
    /// The reasons for the exit codes of the run's last execution. Runs of earlier versions of
    /// mailbatch have none.
    pub exit_reasons: Vec<ExitReason>,
    /// The result of the command that writes this report. `None` if another command executed the
    /// run.
    pub closing: Option<Closing>,
    /// The result of the canary and the pause rules. `None` for a report without a run or about
    /// several runs.
    pub gate: Option<Gate>,
    /// The number of rows that `--where` excluded. The rows are not part of the input.
    pub filtered: u64,
    /// The time of the data in the report. Every row repeats it, so that it is not lost if rows are
    /// extracted.
    pub as_of: Option<Timestamp>,
    /// The version of the message that the run sends. Empty without a run.
    pub message: String,
    /// The message versions of other runs by run id, for rows whose outcome was taken from them.
    pub versions: HashMap<String, String>,
    /// In a report about several runs, the message version for each list.
    pub by_list: Vec<String>,
}

impl Head {
    /// Creates the facts for a report about lists without a run, as `check` writes it.
    pub(crate) fn of_lists(lists: Vec<String>, columns: Vec<Vec<String>>) -> Self {
        Self { lists, columns, as_of: Some(Timestamp::now()), ..Self::default() }
    }

    /// Returns the version of the message that the recipient got or may have got. Empty if no
    /// attempt was made.
    pub(super) fn version(&self, row: &ReportRow) -> &str {
        match &row.carried_from {
            _ if row.batch.is_some() => {
                self.by_list.get(row.list as usize).unwrap_or(&self.message)
            }
            Some(run) => self.versions.get(run).map_or("", String::as_str),
            None => "",
        }
    }

    /// Describes an exit code of the run by its recorded reason, or else by its general meaning.
    pub(super) fn exit_why(&self, exit: Exit) -> String {
        let recorded = self
            .exit_reasons
            .iter()
            .find(|reason| reason.exit == exit.code())
            .map(|reason| reason.why.clone());
        recorded.unwrap_or_else(|| match &self.gate {
            Some(Gate::Failed { evidence }) if exit == Exit::STOPPED => {
                format!("canary failed: {evidence}")
            }
            Some(Gate::Stopped { evidence }) if exit == Exit::STOPPED => {
                format!("pause rule: {evidence}")
            }
            _ => exit.meaning().to_owned(),
        })
    }

    /// Returns the name of a list as given on the command line, or its number (from 1) if the run
    /// has no name for it.
    pub(super) fn list(&self, index: u32) -> Cow<'_, str> {
        match self.lists.get(index as usize) {
            Some(name) => Cow::Borrowed(name),
            None => Cow::Owned((u64::from(index) + 1).to_string()),
        }
    }

    /// Returns the position of a row in its list, such as `list.csv:42`.
    pub(super) fn place(&self, row: &ReportRow) -> String {
        format!("{}:{}", self.list(row.list), row.line)
    }
}

impl From<&Run> for Head {
    fn from(run: &Run) -> Self {
        Self {
            run: run.id.clone(),
            campaign: run.head.name().to_owned(),
            env: run.head.env.clone(),
            kind: Some(run.head.kind),
            provider: run.head.provider.clone(),
            lists: run.head.lists.clone(),
            columns: run.columns.clone(),
            started_at: Some(run.started_at),
            finished_at: run.finished_at,
            exit: run.exit,
            exit_reasons: run.exit_reasons.clone(),
            closing: None,
            gate: Some(run.gate.clone()),
            filtered: run.filtered,
            as_of: Some(Timestamp::now()),
            message: run.message_version(),
            versions: HashMap::new(),
            by_list: Vec::new(),
        }
    }
}

/// The columns of all lists, each once, in order of first appearance. If a list has two columns
/// with one name, both are kept.
pub(super) struct Union {
    pub(super) names: Vec<String>,
    /// For each list, the index in `names` of each column.
    places: Vec<Vec<usize>>,
    by_name: HashMap<String, usize>,
}

/// A cell of a row. It is borrowed from the encoded row if possible.
#[derive(Deserialize)]
struct Cell<'a>(#[serde(borrow)] Cow<'a, str>);

impl Union {
    pub(super) fn new(lists: &[Vec<String>]) -> Self {
        let mut names = Vec::new();
        let mut seen: HashMap<(&str, usize), usize> = HashMap::new();
        let mut places = Vec::with_capacity(lists.len());
        for columns in lists {
            let mut times: HashMap<&str, usize> = HashMap::new();
            let mut here = Vec::with_capacity(columns.len());
            for name in columns {
                let time = times.entry(name).or_default();
                here.push(*seen.entry((name, *time)).or_insert_with(|| {
                    names.push(name.clone());
                    names.len() - 1
                }));
                *time += 1;
            }
            places.push(here);
        }
        let by_name = seen
            .into_iter()
            .filter(|((_, time), _)| *time == 0)
            .map(|((name, _), place)| (name.to_owned(), place))
            .collect();
        Self { names, places, by_name }
    }

    /// Writes the row's cells to the columns of `names`. Cells beyond the list's columns are
    /// dropped.
    pub(super) fn spread<'r>(
        &self,
        row: &'r ReportRow,
        into: &mut Vec<Cow<'r, str>>,
    ) -> io::Result<()> {
        into.clear();
        into.resize(self.names.len(), Cow::Borrowed(""));
        if row.fields.starts_with('[') {
            let places = self.places.get(row.list as usize).map(Vec::as_slice).unwrap_or_default();
            let mut next = places.iter();
            let is_read = each_plain_cell(&row.fields, |cell| {
                if let Some(place) = next.next() {
                    into[*place] = Cow::Borrowed(cell);
                }
            });
            if is_read {
                return Ok(());
            }
            let cells: Vec<Cell<'_>> =
                serde_json::from_str(&row.fields).map_err(|e| unreadable(row, &e))?;
            for (cell, place) in cells.into_iter().zip(places) {
                into[*place] = cell.0;
            }
        } else if !row.fields.is_empty() {
            let Fields::Json(object) =
                Fields::decode(&row.fields).map_err(|e| unreadable(row, &e))?
            else {
                return Ok(());
            };
            for name in object.keys() {
                if let Some(place) = self.by_name.get(name) {
                    into[*place] = Cow::Owned(object.text(name).unwrap_or_default().into_owned());
                }
            }
        }
        Ok(())
    }

    /// Appends the row's cells as a JSON object. Values from a JSON list keep their types.
    pub(super) fn object(
        &self,
        row: &ReportRow,
        columns: &[Vec<String>],
        out: &mut Vec<u8>,
    ) -> io::Result<()> {
        if row.fields.starts_with('{') {
            out.extend_from_slice(row.fields.as_bytes());
            return Ok(());
        }
        out.push(b'{');
        if !row.fields.is_empty() {
            let cells: Vec<Cell<'_>> =
                serde_json::from_str(&row.fields).map_err(|e| unreadable(row, &e))?;
            let names = columns.get(row.list as usize).map(Vec::as_slice).unwrap_or_default();
            for (i, (name, cell)) in names.iter().zip(cells).enumerate() {
                if i > 0 {
                    out.push(b',');
                }
                let earlier = names[..i].iter().filter(|n| *n == name).count();
                if earlier == 0 {
                    serde_json::to_writer(&mut *out, name)?;
                } else {
                    serde_json::to_writer(&mut *out, &format!("{name}_{}", earlier + 1))?;
                }
                out.push(b':');
                serde_json::to_writer(&mut *out, &cell.0)?;
            }
        }
        out.push(b'}');
        Ok(())
    }
}

fn unreadable(row: &ReportRow, why: &serde_json::Error) -> io::Error {
    io::Error::new(
        io::ErrorKind::InvalidData,
        format!("row {}: its fields in the ledger cannot be read: {why}", row.row),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(columns: &[&str]) -> Vec<String> {
        columns.iter().map(|c| (*c).to_owned()).collect()
    }

    #[test]
    fn columns_of_all_lists_are_joined_by_first_appearance() {
        let union = Union::new(&[names(&["email", "name", "name"]), names(&["id", "email"])]);
        assert_eq!(union.names, ["email", "name", "name", "id"]);
        let mut cells = Vec::new();
        let row = ReportRow {
            list: 1,
            fields: r#"["7","ann@example.com"]"#.to_owned(),
            ..ReportRow::default()
        };
        union.spread(&row, &mut cells).unwrap();
        assert_eq!(cells, ["ann@example.com", "", "", "7"]);
    }

    #[test]
    fn json_rows_find_their_columns_by_name() {
        let union = Union::new(&[names(&["email", "age", "tags", "gone"])]);
        let mut cells = Vec::new();
        let row = ReportRow {
            fields: r#"{"age":3,"email":"a@b.c","tags":["x"],"gone":null}"#.to_owned(),
            ..ReportRow::default()
        };
        union.spread(&row, &mut cells).unwrap();
        assert_eq!(cells, ["a@b.c", "3", r#"["x"]"#, ""]);
    }

    #[test]
    fn a_ragged_row_takes_what_columns_there_are() {
        let columns = [names(&["email", "name"])];
        let union = Union::new(&columns);
        let mut cells = Vec::new();
        let mut object = Vec::new();
        let long = ReportRow { fields: r#"["a","b","c"]"#.to_owned(), ..ReportRow::default() };
        union.spread(&long, &mut cells).unwrap();
        union.object(&long, &columns, &mut object).unwrap();
        assert_eq!(
            (cells.len(), String::from_utf8(object).unwrap().as_str()),
            (2, r#"{"email":"a","name":"b"}"#)
        );
        let short = ReportRow { fields: r#"["a"]"#.to_owned(), ..ReportRow::default() };
        let mut cells = Vec::new();
        union.spread(&short, &mut cells).unwrap();
        assert_eq!(cells, ["a", ""]);
    }

    #[test]
    fn damaged_fields_are_an_error_that_names_the_row() {
        let row = ReportRow { row: 9, fields: "[\"a".to_owned(), ..ReportRow::default() };
        let error = Union::new(&[names(&["email"])]).spread(&row, &mut Vec::new()).unwrap_err();
        assert!(error.to_string().starts_with("row 9: "), "{error}");
    }
}
