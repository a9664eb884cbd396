//! Who goes: reads the lists, screens every row, renders it once, and hands on what is to be made durable.
//!
//! One thread reads and screens, another renders and hands on; between them stands a bounded queue, so memory does not grow with the list
//! (but for one small hash for each recipient, which finds duplicates).

mod screen;
mod seen;
mod survey;

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::mpsc::sync_channel;

use crate::error::{Error, Result};
use crate::input::context::ColumnIndex;
use crate::input::{Filter, Fingerprint, Format, ListReader, ListRow, Place, ReadOptions, Source};
use crate::ledger::PlannedRow;
use crate::outcome::{Outcome, Reason};
use crate::recipient::{Columns, Fields};

pub use screen::{Screened, Screening};
pub use survey::Survey;

/// Rows that go through the queue together.
const TOGETHER: usize = 1_000;

/// The lists of a run and how to read them.
#[derive(Clone, Debug)]
pub struct Lists {
    /// In order, with the names that people typed.
    pub sources: Vec<(Source, String)>,
    pub options: ReadOptions,
    /// The name of the e-mail column, when it is told.
    pub email: Option<String>,
    /// The name of the id column, when there is one.
    pub id: Option<String>,
}

impl Lists {
    /// The lists typed as `lists`; relative paths are resolved by `resolve`.
    pub fn new(lists: &[PathBuf], resolve: impl Fn(&PathBuf) -> PathBuf, options: ReadOptions, email: Option<String>, id: Option<String>) -> Self {
        let source = |path: &PathBuf| if path.as_os_str() == "-" { Source::Stdin } else { Source::Path(resolve(path)) };
        Self { sources: lists.iter().map(|path| (source(path), path.display().to_string())).collect(), options, email, id }
    }

    /// The names, as typed.
    pub fn names(&self) -> Vec<String> {
        self.sources.iter().map(|(_, name)| name.clone()).collect()
    }

    /// Opens one of the sources; its errors name it as it was typed.
    pub fn open(source: &Source, typed: &str, options: &ReadOptions) -> Result<ListReader> {
        match source {
            Source::Stdin => ListReader::open(source, options),
            Source::Path(_) => ListReader::open_as(source, typed, options),
        }
    }

    /// Whether a list can be read only once.
    pub fn has_stdin(&self) -> bool {
        self.sources.iter().any(|(source, _)| matches!(source, Source::Stdin))
    }
}

/// One list, opened, with its columns found.
struct Opened {
    reader: ListReader,
    email: Place,
    id: Option<Place>,
    name: String,
}

fn open(lists: &Lists, at: usize) -> Result<Opened> {
    let (source, name) = &lists.sources[at];
    let reader = Lists::open(source, name, &lists.options)?;
    let email = Place::of_email(&reader, lists.email.as_deref(), name)?;
    let id = lists.id.as_deref().map(|id| Place::named(&reader, id, "list.id", name)).transpose()?;
    Ok(Opened { reader, email, id, name: name.clone() })
}

/// Reads the lists for their fingerprint alone: the rows that `filter` admits.
pub fn fingerprint(lists: &Lists, filter: Option<&Filter>) -> Result<String> {
    let mut fingerprint = Fingerprint::new();
    for at in 0..lists.sources.len() {
        let Opened { mut reader, name, .. } = open(lists, at)?;
        add_header(&mut fingerprint, &reader);
        let mut view = View::new(reader.columns());
        while let Some(row) = reader.next_row() {
            let row = row.map_err(Error::from)?;
            view.follow(reader.columns());
            if view.admits(&row, filter, &name)? {
                fingerprint.row(&row.fields);
            }
        }
    }
    Ok(fingerprint.finish())
}

/// A JSON list's columns grow while it is read, and its rows carry them; only a header of its own is part of the fingerprint.
fn add_header(fingerprint: &mut Fingerprint, reader: &ListReader) {
    if !matches!(reader.format(), Format::Json | Format::Ndjson) {
        fingerprint.columns(reader.columns());
    }
}

/// The columns of one list, shared with the rows that are on their way.
struct View {
    index: Arc<ColumnIndex>,
}

impl View {
    fn new(columns: &Columns) -> Self {
        Self { index: Arc::new(ColumnIndex::new(columns)) }
    }

    /// Follows a JSON list; returns whether it has gained columns.
    fn follow(&mut self, columns: &Columns) -> bool {
        let grown = self.index.columns().names().len() != columns.names().len();
        if grown {
            *self = Self::new(columns);
        }
        grown
    }

    fn admits(&self, row: &ListRow, filter: Option<&Filter>, list: &str) -> Result<bool> {
        filter.map_or(Ok(true), |filter| filter.admits(&self.index, row, list))
    }
}

/// A screened row on its way to be rendered.
struct OnItsWay {
    planned: PlannedRow,
    fields: Fields,
    index: Arc<ColumnIndex>,
    to: Option<crate::address::Address>,
}

/// Reads, screens and renders every row, handing on chunks of planned rows in input order. Stops at the first structural error.
pub fn read(
    lists: &Lists,
    filter: Option<&Filter>,
    screening: &Screening<'_>,
    sink: &mut (dyn FnMut(Vec<PlannedRow>) -> Result<()> + Send),
) -> Result<Survey> {
    let (sender, receiver) = sync_channel::<Vec<OnItsWay>>(4);
    std::thread::scope(|scope| {
        let names = lists.names();
        let renderer = scope.spawn(move || -> Result<Survey> {
            let mut survey = Survey::new(names);
            for chunk in receiver {
                let rows: Vec<PlannedRow> = chunk.into_iter().map(|row| render_once(row, screening, &mut survey)).collect();
                rows.iter().for_each(|row| survey.count(row));
                sink(rows)?;
            }
            Ok(survey)
        });
        let read = screen_all(lists, filter, screening, |chunk| sender.send(chunk).is_ok());
        drop(sender);
        let rendered = renderer.join().map_err(|_| Error::internal("rendering stopped"))?;
        // An error of the sink ends the reading too, and is the one to tell.
        let mut survey = rendered?;
        let read = read?;
        survey.columns = read.columns;
        survey.filtered = read.filtered;
        survey.fingerprint = read.fingerprint;
        survey.notes.extend(read.notes);
        survey.always_missing = read.always_missing;
        Ok(survey)
    })
}

struct Read {
    columns: Vec<Vec<String>>,
    filtered: u64,
    fingerprint: String,
    notes: Vec<String>,
    always_missing: usize,
}

fn screen_all(lists: &Lists, filter: Option<&Filter>, screening: &Screening<'_>, mut hand_on: impl FnMut(Vec<OnItsWay>) -> bool) -> Result<Read> {
    let mut fingerprint = Fingerprint::new();
    let mut screen = screen::Screen::new(screening);
    let (mut filtered, mut row_number) = (0, 0);
    let (mut all_columns, mut notes) = (Vec::new(), Vec::new());
    let mut chunk = Vec::with_capacity(TOGETHER);
    for at in 0..lists.sources.len() {
        let Opened { mut reader, email, id, name } = open(lists, at)?;
        add_header(&mut fingerprint, &reader);
        let mut view = View::new(reader.columns());
        while let Some(row) = reader.next_row() {
            let row = row.map_err(Error::from)?;
            if view.follow(reader.columns()) {
                email.still_only(&reader, lists.email.as_deref(), &name)?;
            }
            if !view.admits(&row, filter, &name)? {
                filtered += 1;
                continue;
            }
            fingerprint.row(&row.fields);
            row_number += 1;
            let cell = email.of(&row.fields);
            let id = id.as_ref().map(|id| id.of(&row.fields));
            let Screened { to, key, outcome, draw, always } = screen
                .row(&cell, id.as_deref(), row.defect)
                .map_err(|what| Error::refused(format!("{name}:{}: {what}", row.line)).hint("give each person one id, or leave list.id out"))?;
            chunk.push(OnItsWay {
                planned: PlannedRow {
                    row: row_number,
                    list: u32::try_from(at).map_err(|_| Error::refused("too many lists"))?,
                    line: row.line,
                    email: to.as_ref().map_or_else(|| cell.chars().take(320).collect(), |to| to.as_str().to_owned()),
                    domain: to.as_ref().map_or_else(String::new, |to| to.domain().to_owned()),
                    key,
                    fields: row.fields.encode(),
                    outcome,
                    draw,
                    always,
                },
                fields: row.fields,
                index: Arc::clone(&view.index),
                to,
            });
            if chunk.len() == TOGETHER && !hand_on(std::mem::replace(&mut chunk, Vec::with_capacity(TOGETHER))) {
                break;
            }
        }
        all_columns.push(reader.columns().names().to_vec());
        notes.extend(reader.notes().iter().cloned());
    }
    hand_on(chunk);
    Ok(Read { columns: all_columns, filtered, fingerprint: fingerprint.finish(), notes, always_missing: screen.always_missing() })
}

fn render_once(row: OnItsWay, screening: &Screening<'_>, survey: &mut Survey) -> PlannedRow {
    let OnItsWay { mut planned, fields, index, to } = row;
    if let (None, Some(_)) = (&planned.outcome, &to)
        && let Err(error) = screening.message.probe(&index, &fields)
    {
        let detail = error.to_string();
        survey.unrendered(&detail, planned.list, planned.line);
        planned.outcome = Some((Outcome::Invalid, Reason::Render, detail));
    }
    planned
}
