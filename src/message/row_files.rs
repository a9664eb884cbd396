//! Attachments that differ for each row: a template gives the path of a file below `attach_dir`.
//!
//! The rules it keeps: a row is sent with exactly the bytes that were planned, or it is not sent.
//! Files are read when the message is built, and only a limited number of bytes is cached.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use data_encoding::HEXLOWER;
use ring::digest;
use serde::{Deserialize, Serialize};

use super::attachment;
use super::beneath::{self, Refused};
use super::own_file::OwnFile;
use super::row::Row;
use super::template::{RenderError, Source, Templates};
use super::{Frozen, Message};
use crate::input::context::ColumnIndex;
use crate::model::error::Result;
use crate::model::planned_file::{self, PlannedFile};
use crate::model::recipient::Fields;
use crate::model::shown::Shown;
use crate::output::{Inodes, OwnFiles};

/// The most bytes that all files may add to a message after encoding.
const MOST: u64 = 60_000_000;
/// Base64 turns 57 bytes of a file into a line of 78 bytes, including its line end.
const LINE: (u64, u64) = (57, 78);
/// The most encoded bytes in the cache. `KEPT_FILE` is the limit for one file.
const KEPT: usize = 32 << 20;
const KEPT_FILE: usize = 8 << 20;
/// The most files whose size and hash the plan remembers.
const KNOWN: usize = 4_096;

const ATTACH_DIR: &str = "attach_dir";

/// An attachment that differs for each row, as it is stored in the ledger.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RowFile {
    /// Its position among the message's attachments, from 1.
    pub(super) number: usize,
    pub(super) path: Source,
    /// A template of the attachment's name. The default is the file's name.
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

    /// Builds the file of one row from its bytes, or from cached base64. The error is a sentence
    /// fragment.
    fn own(&self, name: String, bytes: &[u8], data: Option<Arc<str>>) -> Result<OwnFile, String> {
        OwnFile::new((name, self.content_type.as_deref()), self.cid.clone(), bytes, data)
    }
}

/// Why a row's files cannot be attached.
#[derive(Debug)]
pub(crate) enum Trouble {
    /// The row or its files are the cause, so the row cannot be sent.
    Row(RenderError),
    /// The process or the machine is the cause, for example a lack of memory.
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

/// Attaches files to rows and caches their content.
#[derive(Debug, Default)]
pub(super) struct RowFiles {
    directory: PathBuf,
    files: Vec<RowFile>,
    /// The bytes that the attachments of all rows add to a message.
    shared: u64,
    /// The files that are never attached.
    private: Inodes,
    known: Mutex<HashMap<(usize, String), PlannedFile>>,
    kept: Mutex<Kept>,
}

/// A cache of the most recently used files as base64, by their SHA-256 hashes.
#[derive(Debug, Default)]
struct Kept {
    files: HashMap<String, (Arc<str>, u64)>,
    bytes: usize,
    clock: u64,
}

/// Locks a mutex. Entries are added and removed whole, so the data is valid even after a panic in
/// another thread.
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

    /// Returns the files of a row with their paths. A file whose path renders to an empty text is
    /// left out.
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
                beneath::check(path, ATTACH_DIR)
                    .map_err(|why| refuse(templates, &template, &why.what))?;
                let is_twice = |(known, _): &(&RowFile, _)| known.cid == file.cid;
                if file.cid.is_some() && named.iter().any(is_twice) {
                    let what = "another attachment of this row has the same cid";
                    return Err(refuse(templates, &template, what));
                }
                named.push((file, path.to_owned()));
            }
        }
        Ok(named)
    }

    /// Returns the name under which a file is attached.
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

    /// Reads a file and computes its size and hash. `room` is the number of bytes that the message
    /// may still grow by.
    fn read(&self, path: &str, room: u64) -> Result<(Vec<u8>, PlannedFile), Refused> {
        let most = room / LINE.1 * LINE.0;
        let file = beneath::open(&self.directory, path, ATTACH_DIR)?;
        let about = file.metadata().map_err(|why| Refused::of(&why.to_string()))?;
        if let Some(what) = self.private.find(&self.directory.join(path), &about) {
            return Err(Refused::of(&format!("it is {what}, and mailbatch never attaches that")));
        }
        let bytes = beneath::read(file, most)?;
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
                    // Some content types do not accept every content, so the part is built once to
                    // check it.
                    file.own(name, &bytes, None).map_err(|why| refused(&why))?;
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

    /// Reads the files of a row. If `planned` is given, the files must be those that were planned.
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
                Some(data) => file.own(name, &[], Some(data)),
                None => {
                    let (bytes, found) = self.read(&path, room).map_err(|why| {
                        let was = if planned.is_some() {
                            ", but it was good when the run was planned"
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
                    let own = file.own(name, &bytes, None);
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

/// Returns the number of bytes that a file of this size adds to a message.
fn in_a_message(size: u64) -> u64 {
    size.div_ceil(LINE.0) * LINE.1
}

fn refuse(templates: &Templates, template: &str, why: &str) -> RenderError {
    RenderError::of(template, templates.line(template), why)
}

impl Message {
    /// Whether the message has attachments that differ for each row.
    pub(crate) fn has_row_files(&self) -> bool {
        !self.row_files.files.is_empty()
    }

    /// Never attaches these files to a row: they contain secrets, or addresses of other recipients.
    pub(crate) fn never_attach(&mut self, files: &OwnFiles) {
        let Some(directory) = self.attach_dir() else {
            return;
        };
        let private = files.inodes();
        if let Some((path, what)) = private.first_below(directory) {
            self.odd.push(format!(
                "attach_dir contains {}, {what}: rows can name every other file in that directory, too; use a directory that contains only attachments",
                path.shown()
            ));
        }
        self.row_files.private = private;
    }

    /// The directory of the rows' files. `None` if no row has files.
    pub(crate) fn attach_dir(&self) -> Option<&Path> {
        self.has_row_files().then_some(self.row_files.directory.as_path())
    }

    /// Returns the files of a row, with their sizes and hashes, in the form that the ledger stores.
    /// `None` if the row has none.
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

    /// Reads the files of a planned row. `planned` is the form that the ledger stores.
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
            let what = "the row's planned files cannot be read back from the ledger";
            Trouble::Row(RenderError::of("attachments", None, what))
        };
        let planned = planned_file::decode(planned).ok_or_else(damaged)?;
        self.row_files.attach(&self.templates, &Row::new(index, fields), Some(&planned))
    }

    /// Reads the files of a row that was not planned.
    pub(super) fn attach_now(
        &self,
        index: &Arc<ColumnIndex>,
        fields: &Fields,
    ) -> Result<Attached, RenderError> {
        let row = Row::new(index, fields);
        self.row_files.attach(&self.templates, &row, None).map_err(Trouble::into_error)
    }
}
