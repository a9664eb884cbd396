//! Plans the rows of a run: reads the lists, screens and renders every row, and passes the rows to
//! the caller, which stores them.
//!
//! One thread reads; another screens, renders and passes rows on. The queue between them is
//! bounded, so memory does not grow with the list, except for a small hash per recipient that
//! detects duplicates. If rendering is slower than reading, the reading thread renders some rows
//! too.

mod empties;
pub(crate) mod missing;
mod route;
mod screen;
mod seen;
mod survey;

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::mpsc::{SyncSender, TrySendError, sync_channel};

use crate::input::context::ColumnIndex;
use crate::input::{
    Filter, Finding, Fingerprint, Format, Guess, ListReader, ListRow, Place, ReadAs, ReadOptions,
    Source,
};
use crate::ledger::{PlannedRow, Sketch};
use crate::message::{Message, RenderError};
use crate::model::address::{Address, has_unseen_ends};
use crate::model::error::{Error, Result};
use crate::model::outcome::{Outcome, Reason};
use crate::model::recipient::{Columns, Fields};
use crate::model::shown::Shown;

pub(crate) use route::Router;
pub(crate) use screen::Screen;
pub(crate) use screen::{Screened, Screening};
pub(crate) use survey::without_rows;
pub(crate) use survey::{Defect, Judgement, Survey};

/// The number of rows in a chunk. Rows pass through the queue in chunks.
const TOGETHER: usize = 1_000;
/// The maximum number of chunks in the queue.
const WAITING: usize = 4;

/// The lists of a run and how to read them.
#[derive(Clone, Debug)]
pub(crate) struct Lists {
    /// The lists in order, with their names as typed.
    pub sources: Vec<(Source, String)>,
    pub options: ReadOptions,
    /// The name of the address column, if given.
    pub email: Option<String>,
    /// The name of the id column, if there is one.
    pub id: Option<String>,
}

impl Lists {
    /// Creates the lists from the arguments. `resolve` makes relative paths absolute.
    pub(crate) fn new(
        lists: &[PathBuf],
        resolve: impl Fn(&PathBuf) -> PathBuf,
        options: ReadOptions,
        email: Option<String>,
        id: Option<String>,
    ) -> Self {
        let source = |path: &PathBuf| {
            if path.as_os_str() == "-" { Source::Stdin } else { Source::Path(resolve(path)) }
        };
        Self {
            sources: lists.iter().map(|path| (source(path), path.shown())).collect(),
            options,
            email,
            id,
        }
    }

    /// The names of the lists, as typed.
    pub(crate) fn names(&self) -> Vec<String> {
        self.sources.iter().map(|(_, name)| name.clone()).collect()
    }

    /// The paths of the lists, except standard input.
    pub(crate) fn paths(&self) -> Vec<PathBuf> {
        let path = |(source, _): &(Source, String)| {
            if let Source::Path(path) = source { Some(path.clone()) } else { None }
        };
        self.sources.iter().filter_map(path).collect()
    }

    /// Opens a source. Errors name the source as the operator typed it.
    pub(crate) fn open(source: &Source, typed: &str, options: &ReadOptions) -> Result<ListReader> {
        match source {
            Source::Stdin => ListReader::open(source, options),
            Source::Path(_) => ListReader::open_as(source, typed, options),
        }
    }

    /// Whether a list comes from standard input, which can be read only once.
    pub(crate) fn has_stdin(&self) -> bool {
        self.sources.iter().any(|(source, _)| matches!(source, Source::Stdin))
    }
}

/// An open list whose columns are known.
struct Opened {
    reader: ListReader,
    view: View,
    name: String,
}

fn open(lists: &Lists, at: usize) -> Result<Opened> {
    let (source, name) = &lists.sources[at];
    let mut reader = Lists::open(source, name, &lists.options)?;
    let email = Place::of_email(&reader, lists.email.as_deref(), name)?;
    email.mark_in(&mut reader);
    let id =
        lists.id.as_deref().map(|id| Place::named(&reader, id, "list.id", name)).transpose()?;
    let view = View { index: Arc::new(ColumnIndex::new(reader.columns())), email, id };
    Ok(Opened { reader, view, name: name.clone() })
}

/// Computes the fingerprint of the lists. Reads only the rows that `filter` admits.
pub(crate) fn fingerprint(lists: &Lists, filter: Option<&Filter>) -> Result<String> {
    walk(lists, filter, &mut |_, _| {})
}

/// Like `fingerprint`, but also passes each row to `visit`: the text of its address, and its fields
/// as stored in the ledger.
pub(crate) fn each(
    lists: &Lists,
    filter: Option<&Filter>,
    visit: &mut dyn FnMut(&str, &str),
) -> Result<String> {
    walk(lists, filter, &mut |view, row| visit(&view.email.of(&row.fields), &row.fields.encode()))
}

fn walk(
    lists: &Lists,
    filter: Option<&Filter>,
    visit: &mut dyn FnMut(&View, &ListRow),
) -> Result<String> {
    let mut fingerprint = Fingerprint::new();
    for at in 0..lists.sources.len() {
        let Opened { mut reader, mut view, name } = open(lists, at)?;
        add_header(&mut fingerprint, &reader);
        while let Some(row) = reader.next_row() {
            let row = row.map_err(Error::from)?;
            if view.is_behind(reader.columns()) {
                view.follow(reader.columns());
            }
            if view.admits(&row, filter, &name)? {
                fingerprint.row(&row.fields);
                visit(&view, &row);
            }
        }
    }
    Ok(fingerprint.finish())
}

/// Adds a CSV header to the fingerprint. The columns of a JSON list grow while it is read, and its
/// rows contain their names, so they are not added.
fn add_header(fingerprint: &mut Fingerprint, reader: &ListReader) {
    if !matches!(reader.format(), Format::Json | Format::Ndjson) {
        fingerprint.columns(reader.columns());
    }
}

/// The columns of one list. Rows in the queue share it.
#[derive(Clone)]
struct View {
    index: Arc<ColumnIndex>,
    email: Place,
    id: Option<Place>,
}

impl View {
    /// Whether a JSON list has more columns than this view knows.
    fn is_behind(&self, columns: &Columns) -> bool {
        self.index.columns().names().len() != columns.names().len()
    }

    fn follow(&mut self, columns: &Columns) {
        self.index = Arc::new(ColumnIndex::new(columns));
    }

    fn admits(&self, row: &ListRow, filter: Option<&Filter>, list: &str) -> Result<bool> {
        filter.map_or(Ok(true), |filter| filter.admits(&self.index, row, list))
    }
}

/// A row that is waiting to be screened and rendered.
struct OnItsWay {
    row: u64,
    list: u32,
    line: u64,
    fields: Fields,
    /// The fields as stored in the ledger.
    encoded: String,
    defect: Option<String>,
    view: Arc<View>,
    /// The result of rendering the row, if the reading thread has rendered it.
    rendered: Option<Result<Option<String>, RenderError>>,
}

impl OnItsWay {
    /// Renders the message for this row as a test. Returns the row's attachments as the ledger
    /// stores them.
    fn render(&self, message: &Message) -> Result<Option<String>, RenderError> {
        message.probe(&self.view.index, &self.fields)?;
        message.plan_files(&self.view.index, &self.fields)
    }
}

/// Reads, screens and renders every row, and passes chunks of planned rows to `sink` in input
/// order. Stops at the first error that concerns the whole list.
pub(crate) fn read(
    lists: &Lists,
    filter: Option<&Filter>,
    screening: &Screening<'_>,
    sink: &mut (dyn FnMut(Vec<PlannedRow>) -> Result<()> + Send),
) -> Result<Survey> {
    let (sender, receiver) = sync_channel::<Vec<OnItsWay>>(WAITING);
    std::thread::scope(|scope| {
        let names = lists.names();
        let screener = scope.spawn(move || -> Result<Survey> {
            let (mut survey, mut screen) = (Survey::new(names), screen::Screen::new(screening));
            for chunk in receiver {
                for row in &chunk {
                    let cell = row.view.email.of(&row.fields);
                    survey.empties.look(row, &cell);
                    if has_unseen_ends(&cell) {
                        survey.count_trimmed(row.list, row.line);
                    }
                }
                let people = &mut survey.people;
                let rows = chunk.into_iter().map(|row| {
                    screen_and_render(row, &mut screen, screening, &lists.sources, people)
                });
                let rows = rows.collect::<Result<Vec<PlannedRow>>>()?;
                rows.iter().for_each(|row| survey.count(row));
                sink(rows)?;
            }
            survey.always_missing = screen.always_missing();
            Ok(survey)
        });
        let read = read_all(
            lists,
            filter,
            Queue { sender, message: screening.message, chunk: Vec::with_capacity(TOGETHER) },
        );
        let screened =
            screener.join().map_err(|_| Error::internal("the screening thread stopped"))?;
        // If screening or the sink fails, reading ends with an error too. The first of these errors
        // is reported.
        let mut survey = screened?;
        let read = read?;
        survey.columns = read.columns;
        survey.filtered = read.filtered.iter().sum();
        survey.filtered_of = read.filtered;
        survey.fingerprint = read.fingerprint;
        survey.guesses = read.guesses;
        survey.encodings = read.encodings;
        survey.findings = read.findings;
        Ok(survey)
    })
}

/// The sending end of the queue to the screening thread.
struct Queue<'a> {
    sender: SyncSender<Vec<OnItsWay>>,
    message: &'a Message,
    chunk: Vec<OnItsWay>,
}

impl Queue<'_> {
    /// Adds a row. Returns false if the screening thread has stopped.
    fn push(&mut self, row: OnItsWay) -> bool {
        self.chunk.push(row);
        self.chunk.len() < TOGETHER || self.hand_on()
    }

    fn hand_on(&mut self) -> bool {
        let chunk = std::mem::replace(&mut self.chunk, Vec::with_capacity(TOGETHER));
        match self.sender.try_send(chunk) {
            Ok(()) => true,
            // The screening thread is slower than reading, so this thread renders the chunk instead
            // of waiting.
            Err(TrySendError::Full(mut chunk)) => {
                for row in &mut chunk {
                    row.rendered = Some(row.render(self.message));
                }
                self.sender.send(chunk).is_ok()
            }
            Err(TrySendError::Disconnected(_)) => false,
        }
    }
}

#[derive(Default)]
struct Read {
    columns: Vec<Vec<String>>,
    /// How many rows of each list the filter excludes.
    filtered: Vec<u64>,
    fingerprint: String,
    guesses: Vec<(String, Guess)>,
    encodings: Vec<(String, ReadAs)>,
    findings: Vec<Finding>,
}

fn read_all(lists: &Lists, filter: Option<&Filter>, mut queue: Queue<'_>) -> Result<Read> {
    let mut fingerprint = Fingerprint::new();
    let mut read = Read::default();
    let mut row_number = 0;
    for at in 0..lists.sources.len() {
        let list = u32::try_from(at).map_err(|_| Error::refused("too many lists"))?;
        let Opened { mut reader, view, name } = open(lists, at)?;
        add_header(&mut fingerprint, &reader);
        let mut view = Arc::new(view);
        let mut filtered = 0;
        while let Some(row) = reader.next_row() {
            let row = row.map_err(Error::from)?;
            if view.is_behind(reader.columns()) {
                Arc::make_mut(&mut view).follow(reader.columns());
                view.email.still_only(&reader, lists.email.as_deref(), &name)?;
            }
            if !view.admits(&row, filter, &name)? {
                filtered += 1;
                continue;
            }
            fingerprint.row(&row.fields);
            row_number += 1;
            let ListRow { line, fields, defect } = row;
            let encoded = fields.encode();
            if !queue.push(OnItsWay {
                row: row_number,
                list,
                line,
                fields,
                encoded,
                defect,
                view: Arc::clone(&view),
                rendered: None,
            }) {
                return Ok(read);
            }
        }
        read.filtered.push(filtered);
        read.columns.push(reader.columns().names().to_vec());
        read.encodings.push((name.clone(), reader.read_as()));
        read.guesses.extend(reader.guess().map(|guess| (name, guess.clone())));
        read.findings.extend(reader.findings());
    }
    queue.hand_on();
    read.fingerprint = fingerprint.finish();
    Ok(read)
}

/// The error for a list in which two people have the same id.
pub(crate) fn ambiguous_id(list: &str, line: u64, what: &str) -> Error {
    Error::refused(format!("{list}:{line}: {what}"))
        .hint("give each person a different id, or remove list.id")
}

fn screen_and_render(
    row: OnItsWay,
    screen: &mut screen::Screen<'_>,
    screening: &Screening<'_>,
    lists: &[(Source, String)],
    people: &mut Sketch,
) -> Result<PlannedRow> {
    let cell = row.view.email.of(&row.fields);
    let id = row.view.id.as_ref().map(|id| id.of(&row.fields));
    let Screened { to, key, person, mut outcome, draw, always } =
        screen.row(&cell, id.as_deref(), row.defect.as_deref()).map_err(|what| {
            let list = lists.get(row.list as usize).map_or("?", |(_, name)| name);
            ambiguous_id(list, row.line, &what)
        })?;
    let mut files = None;
    if outcome.is_none() {
        match row.rendered.clone().unwrap_or_else(|| row.render(screening.message)) {
            Ok(found) => files = found,
            Err(error) => outcome = Some((Outcome::Invalid, Reason::Render, error.to_string())),
        }
    }
    if outcome.is_none() {
        people.offer(person, row.row);
    }
    let domain = to.as_ref().map_or_else(String::new, |to| to.domain().to_owned());
    let provider = match &screening.router {
        Some(router) if outcome.is_none() => router.first(&key, &domain).to_owned(),
        _ => String::new(),
    };
    Ok(PlannedRow {
        row: row.row,
        list: row.list,
        line: row.line,
        domain,
        provider,
        email: to.map_or_else(|| cell.chars().take(320).collect(), Address::into_string),
        key,
        fields: row.encoded,
        files,
        outcome,
        draw,
        always,
    })
}
