//! Attachments that a column names: a template of a path below `attach_dir`.
//!
//! The rules it keeps: a row is sent with the bytes that it was planned with, or not at all; the
//! bytes are read when the message is built, and little is kept of them.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use base64::prelude::{BASE64_STANDARD, Engine as _};
use data_encoding::HEXLOWER;
use ring::digest;
use serde::{Deserialize, Serialize};

use super::attachment::{self, Attachment};
use super::beneath::{self, Refused};
use super::row::Row;
use super::template::{RenderError, Source, Templates};
use super::{Frozen, Message};
use crate::input::context::ColumnIndex;
use crate::model::error::Result;
use crate::model::planned_file::{self, PlannedFile};
use crate::model::recipient::Fields;

/// The most bytes that files, as they stand in a message, may have.
const MOST: u64 = 60_000_000;
/// So many bytes of a file make so many of a line of a message.
const LINE: (u64, u64) = (57, 78);
/// The most bytes of files that are kept encoded, and of one of them.
const KEPT: usize = 32 << 20;
const KEPT_FILE: usize = 8 << 20;
/// The most files of which the plan remembers what is in them.
const KNOWN: usize = 4_096;

/// An attachment of each row as the ledger keeps it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RowFile {
    /// Its place among the attachments of the message, from 1.
    pub(super) number: usize,
    pub(super) path: Source,
    /// The file's own name unless set.
    pub(super) name: Option<Source>,
    pub(super) content_type: Option<String>,
    pub(super) cid: Option<String>,
}

impl RowFile {
    fn path_template(&self) -> String {
        format!("path of attachment {}", self.number)
    }

    fn name_template(&self) -> String {
        format!("name of attachment {}", self.number)
    }
}

/// What is wrong with a row's files.
#[derive(Debug)]
pub(crate) enum Trouble {
    /// The row cannot be sent.
    Row(RenderError),
    /// The process or the machine lacks something; no row is to blame.
    Ours(RenderError),
}

impl Trouble {
    fn into_error(self) -> RenderError {
        match self {
            Self::Row(why) | Self::Ours(why) => why,
        }
    }
}

impl From<RenderError> for Trouble {
    fn from(why: RenderError) -> Self {
        Self::Row(why)
    }
}

/// The files of one row.
#[derive(Clone, Debug, Default)]
pub(crate) struct Attached(pub(super) Vec<OwnFile>);

/// One of them.
#[derive(Clone, Debug)]
pub(super) struct OwnFile {
    pub(super) name: String,
    pub(super) content_type: String,
    pub(super) cid: Option<String>,
    /// The bytes in base64, in one line.
    pub(super) data: Arc<str>,
    /// The part's headers with the empty line behind them; `None` where the part is not base64 or
    /// says what is in it.
    pub(super) head: Option<Vec<u8>>,
}

impl OwnFile {
    /// As an attachment of the whole message.
    pub(super) fn attachment(&self) -> Attachment {
        Attachment { data: self.data.as_ref().to_owned(), ..self.without_bytes() }
    }

    fn without_bytes(&self) -> Attachment {
        Attachment {
            name: self.name.clone(),
            content_type: self.content_type.clone(),
            data: String::new(),
            cid: self.cid.clone(),
        }
    }
}

/// The attachments of rows, and what is kept of their bytes.
#[derive(Debug, Default)]
pub(super) struct RowFiles {
    directory: PathBuf,
    files: Vec<RowFile>,
    /// The bytes that the attachments of all rows have in a message.
    shared: u64,
    known: Mutex<HashMap<(usize, String), PlannedFile>>,
    kept: Mutex<Kept>,
}

/// Files as base64, by their hashes: those that were used last.
#[derive(Debug, Default)]
struct Kept {
    files: HashMap<String, (Arc<str>, u64)>,
    bytes: usize,
    clock: u64,
}

/// A lock; entries are added and taken out whole, so a panic elsewhere leaves nothing half done.
fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl RowFiles {
    /// Compiles the templates.
    pub(super) fn compile(frozen: &Frozen, templates: &mut Templates) -> Result<Self> {
        for file in &frozen.row_files {
            templates.add(&file.path_template(), &file.path)?;
            if let Some(name) = &file.name {
                templates.add(&file.name_template(), name)?;
            }
        }
        Ok(Self {
            directory: frozen.attach_dir.as_ref().map(PathBuf::from).unwrap_or_default(),
            files: frozen.row_files.clone(),
            shared: frozen.attachments.iter().map(|file| in_a_message(file.bytes() as u64)).sum(),
            ..Self::default()
        })
    }

    /// The files that a row names, with their paths; one whose path is nothing is left out.
    fn named<'f>(
        &'f self,
        templates: &Templates,
        row: &Row<'_>,
    ) -> Result<Vec<(&'f RowFile, String)>, RenderError> {
        let mut named = Vec::with_capacity(self.files.len());
        for file in &self.files {
            let template = file.path_template();
            let path = templates.render(&template, row)?;
            let path = path.trim();
            if !path.is_empty() {
                beneath::check(path).map_err(|why| refuse(templates, &template, &why.what))?;
                let is_twice = |(known, _): &(&RowFile, _)| known.cid == file.cid;
                if file.cid.is_some() && named.iter().any(is_twice) {
                    let what = "another file of the row has the same cid";
                    return Err(refuse(templates, &template, what));
                }
                named.push((file, path.to_owned()));
            }
        }
        Ok(named)
    }

    /// The name under which a file is sent.
    fn name(
        &self,
        templates: &Templates,
        row: &Row<'_>,
        file: &RowFile,
        path: &str,
    ) -> Result<String, RenderError> {
        let own = path.rsplit('/').next().unwrap_or(path);
        let name = match &file.name {
            Some(_) => templates.render(&file.name_template(), row)?,
            None => own.to_owned(),
        };
        attachment::clean_name(&name)
            .ok_or_else(|| refuse(templates, &file.name_template(), "the name is empty"))
    }

    /// Reads a file, and says what it is. `room` is how many bytes the message has left.
    fn read(&self, path: &str, room: u64) -> Result<(Vec<u8>, PlannedFile), Refused> {
        let most = room / LINE.1 * LINE.0;
        let bytes = beneath::read(&self.directory, path, most)?;
        let hash = digest::digest(&digest::SHA256, &bytes);
        let (size, sha256) = (bytes.len() as u64, HEXLOWER.encode(hash.as_ref()));
        Ok((bytes, PlannedFile { path: path.to_owned(), size, sha256 }))
    }

    fn plan(&self, templates: &Templates, row: &Row<'_>) -> Result<Vec<PlannedFile>, RenderError> {
        let mut room = MOST.saturating_sub(self.shared);
        let mut planned = Vec::new();
        for (file, path) in self.named(templates, row)? {
            let template = file.path_template();
            let refused = |what: &str| refuse(templates, &template, what);
            let name = self.name(templates, row, file, &path)?;
            let key = (file.number, path);
            let known = locked(&self.known).get(&key).cloned();
            let found = match known {
                Some(known) if in_a_message(known.size) <= room => known,
                Some(_) => return Err(refused(&beneath::too_large().what)),
                None => {
                    let (bytes, found) =
                        self.read(&key.1, room).map_err(|why| refused(&why.what))?;
                    // A file of a type that allows not every content is tried.
                    own_file(file, name, &bytes, None).map_err(|why| refused(&why))?;
                    let mut known = locked(&self.known);
                    if known.len() >= KNOWN {
                        known.clear();
                    }
                    known.insert(key, found.clone());
                    found
                }
            };
            room = room.saturating_sub(in_a_message(found.size));
            planned.push(found);
        }
        Ok(planned)
    }

    /// The files of a row: those that were planned, or as they are now.
    fn attach(
        &self,
        templates: &Templates,
        row: &Row<'_>,
        planned: Option<&[PlannedFile]>,
    ) -> Result<Attached, Trouble> {
        let named = self.named(templates, row)?;
        let changed = || {
            let template = self.files.first().map(RowFile::path_template).unwrap_or_default();
            Trouble::Row(refuse(templates, &template, "the run was planned with other files"))
        };
        if planned.is_some_and(|planned| planned.len() != named.len()) {
            return Err(changed());
        }
        let mut room = MOST.saturating_sub(self.shared);
        let mut attached = Vec::with_capacity(named.len());
        for (place, (file, path)) in named.into_iter().enumerate() {
            let template = file.path_template();
            let name = self.name(templates, row, file, &path)?;
            let wanted = planned.and_then(|planned| planned.get(place));
            if wanted.is_some_and(|wanted| wanted.path != path) {
                return Err(changed());
            }
            let kept = wanted.and_then(|wanted| locked(&self.kept).get(&wanted.sha256));
            let own = match kept {
                Some(data) => own_file(file, name, &[], Some(data)),
                None => {
                    let (bytes, found) = self.read(&path, room).map_err(|why| {
                        let was = if planned.is_some() {
                            ", and was good when the run was planned"
                        } else {
                            ""
                        };
                        let error = refuse(templates, &template, &format!("{}{was}", why.what));
                        if why.is_ours { Trouble::Ours(error) } else { Trouble::Row(error) }
                    })?;
                    if wanted.is_some_and(|wanted| *wanted != found) {
                        let what = "the file has changed since the run was planned";
                        return Err(Trouble::Row(refuse(templates, &template, what)));
                    }
                    room = room.saturating_sub(in_a_message(found.size));
                    let own = own_file(file, name, &bytes, None);
                    if let Ok(own) = &own {
                        locked(&self.kept).add(found.sha256, &own.data);
                    }
                    own
                }
            };
            attached.push(own.map_err(|why| refuse(templates, &template, &why))?);
        }
        Ok(Attached(attached))
    }
}

impl Kept {
    fn get(&mut self, hash: &str) -> Option<Arc<str>> {
        self.clock += 1;
        let (data, used) = self.files.get_mut(hash)?;
        *used = self.clock;
        Some(Arc::clone(data))
    }

    fn add(&mut self, hash: String, data: &Arc<str>) {
        if data.len() > KEPT_FILE || self.files.contains_key(&hash) {
            return;
        }
        while self.bytes + data.len() > KEPT {
            let oldest = self.files.iter().min_by_key(|(_, (_, used))| *used);
            let Some(oldest) = oldest.map(|(hash, _)| hash.clone()) else { break };
            self.bytes -= self.files.remove(&oldest).map_or(0, |(data, _)| data.len());
        }
        self.bytes += data.len();
        self.files.insert(hash, (Arc::clone(data), self.clock));
    }
}

/// How many bytes a file has in a message.
fn in_a_message(size: u64) -> u64 {
    size.div_ceil(LINE.0) * LINE.1
}

fn refuse(templates: &Templates, template: &str, why: &str) -> RenderError {
    RenderError::of(template, templates.line(template), why)
}

/// A file ready for messages, from its bytes or from them as base64; the error is a fragment.
fn own_file(
    file: &RowFile,
    name: String,
    bytes: &[u8],
    data: Option<Arc<str>>,
) -> Result<OwnFile, String> {
    let guessed = file.content_type.as_deref().unwrap_or_else(|| attachment::guess(&name));
    // Whether text is UTF-8, and whether a message can go as it is, depends on the bytes.
    let lower = guessed.to_ascii_lowercase();
    let looks_inside = lower.starts_with("text/") || lower.starts_with("message/");
    let mut content_type = guessed.to_owned();
    if looks_inside {
        let decoded;
        let bytes = match &data {
            Some(data) => {
                decoded = BASE64_STANDARD
                    .decode(data.as_bytes())
                    .map_err(|_| "its content is not base64")?;
                decoded.as_slice()
            }
            None => bytes,
        };
        content_type = attachment::type_of(&name, file.content_type.as_deref(), bytes);
    }
    let data = data.unwrap_or_else(|| BASE64_STANDARD.encode(bytes).into());
    let mut own = OwnFile { name, content_type, cid: file.cid.clone(), data, head: None };
    if looks_inside {
        own.attachment().part()?;
    } else {
        let mut head = own.without_bytes().part()?.formatted();
        // Behind the headers stand an empty line and the end of a part of nothing.
        head.truncate(head.len().saturating_sub("\r\n".len()));
        own.head = Some(head);
    }
    Ok(own)
}

impl Message {
    /// Whether rows have files of their own.
    pub(crate) fn has_row_files(&self) -> bool {
        !self.row_files.files.is_empty()
    }

    /// The directory of the rows' files.
    pub(crate) fn attach_dir(&self) -> Option<&Path> {
        self.has_row_files().then_some(self.row_files.directory.as_path())
    }

    /// Finds the files of a row, and what is in them, as the ledger keeps it; `None` where there are
    /// none.
    pub(crate) fn plan_files(
        &self,
        index: &Arc<ColumnIndex>,
        fields: &Fields,
    ) -> Result<Option<String>, RenderError> {
        if !self.has_row_files() {
            return Ok(None);
        }
        let planned = self.row_files.plan(&self.templates, &Row::new(index, fields))?;
        Ok(planned_file::encode(&planned))
    }

    /// Reads the files of a row that was planned with these.
    pub(crate) fn attach(
        &self,
        index: &Arc<ColumnIndex>,
        fields: &Fields,
        planned: Option<&str>,
    ) -> Result<Attached, Trouble> {
        if !self.has_row_files() {
            return Ok(Attached::default());
        }
        let damaged = || {
            let what = "the plan of its files cannot be read back from the ledger";
            Trouble::Row(RenderError::of("attachments", None, what))
        };
        let planned = planned_file::decode(planned).ok_or_else(damaged)?;
        self.row_files.attach(&self.templates, &Row::new(index, fields), Some(&planned))
    }

    /// Reads the files of a row that is not planned.
    pub(super) fn attach_now(
        &self,
        index: &Arc<ColumnIndex>,
        fields: &Fields,
    ) -> Result<Attached, RenderError> {
        let row = Row::new(index, fields);
        self.row_files.attach(&self.templates, &row, None).map_err(Trouble::into_error)
    }
}
