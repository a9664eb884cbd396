//! Reads the keys and files of a message. Every error names the key and where to set it.

use std::path::{Path, PathBuf};

use crate::model::address::Address;
use crate::model::error::{Error, Result};
use crate::model::shown::Shown;

use super::attachment::{self, Attachment};
use super::bodies::{self, Given};
use super::choice;
use super::confined::Folder;
use super::file;
use super::frozen::{Frozen, VERSION};
use super::header::{self, NameError};
use super::includes::Gathered;
use super::keys::{AttachmentKey, MessageKeys};
use super::places::Places;
use super::row_files::RowFile;
use super::source::MessageSource;
use super::template::Source;
use super::{images, pages};

/// A message read from its sources, but not compiled.
pub(super) struct Loaded {
    pub(super) frozen: Frozen,
    /// Warnings about settings that are valid but probably not intended.
    pub(super) odd: Vec<String>,
    /// The files read so far, except those that `folder` read.
    pub(super) files: Vec<PathBuf>,
    /// The folder that included files are read from.
    pub(super) folder: Option<Folder>,
}

/// Reads the message with the files that its bodies include. Files that other templates include are
/// added when those templates are compiled.
pub(super) fn load(source: &MessageSource) -> Result<Loaded> {
    let file = source.file.as_deref().map(file::read).transpose()?;
    let places = Places::new(source, file.as_ref());
    let front = file.as_ref().map(|file| file.keys.clone()).unwrap_or_default();
    let Attachments { shared: mut attachments, row_files, directory: attach_dir, mut files } =
        attachments(source, &front, &places)?;
    files.extend(source.file.clone());
    let keys = source.flags.clone().over(front).over(source.inline.clone());

    let from = places.mailbox(
        "from",
        places.required("from", keys.from.as_deref(), "from = \"Acme <news@acme.example>\"")?,
    )?;
    let kind =
        places.required("kind", keys.kind, "kind = \"marketing\" or kind = \"transactional\"")?;
    let subject = places.required("subject", keys.subject.as_deref(), "subject = \"...\"")?;
    if subject.trim().is_empty() {
        return Err(Error::usage(format!("{}: the subject is empty", places.at("subject"))));
    }
    let reply_to = places.reply_to(keys.reply_to.as_deref())?;
    let envelope_sender = match keys.envelope_sender.as_deref() {
        None => from.address.clone(),
        Some(text) => envelope_sender(text).map_err(|why| {
            Error::usage(format!("{}: {why}", places.at("envelope_sender")))
                .hint("write an address such as bounces@acme.example, or bounce+{token}@acme.example to identify the recipient of each bounce")
        })?,
    };
    let mut headers: Vec<(String, Source)> = Vec::new();
    for (name, value) in &keys.headers.0 {
        let key = format!("headers.{name}");
        check_header(&places.at(&key), name)?;
        if headers.iter().any(|(known, _)| known.eq_ignore_ascii_case(name)) {
            return Err(Error::usage(format!("{}: the header is set twice", places.at(&key))));
        }
        headers.push((name.clone(), places.source(&key, value)));
    }
    let known = [
        ("list_id", "List-Id", keys.list_id.is_some()),
        ("feedback_id", "Feedback-ID", keys.feedback_id.is_some()),
    ];
    for (key, name, _) in known.into_iter().filter(|(_, _, is_set)| *is_set) {
        if headers.iter().any(|(known, _)| known.eq_ignore_ascii_case(name)) {
            return Err(Error::usage(format!(
                "{}: the header {name} is set under `headers` as well",
                places.at(key)
            ))
            .hint("remove it from `headers`"));
        }
    }
    let mut odd = Vec::new();
    if file.is_some() && (keys.html.is_some() || keys.text.is_some()) {
        odd.push("`html` and `text` under [message] are ignored, because the message file contains the body".to_owned());
    }
    let given = |key: &str, text: &Option<String>| {
        let text = text.as_deref().filter(|text| !text.trim().is_empty());
        text.map(|text| places.source(key, text))
    };
    let given = Given {
        path: source.file.as_deref(),
        body_folder: source.body_folder.as_deref(),
        place: places.at("body"),
        body: given("body", &keys.body),
        html: given("html", &keys.html),
        text: given("text", &keys.text),
    };
    let (mut body, folder) = bodies::load(file, &keys, given, &mut odd)?;
    let mut included = Gathered::new(folder.as_ref(), Vec::new());
    for (name, source) in body.templates() {
        included.add(&name, source)?;
    }
    let mut includes = included.files();
    if keys.inline_css == Some(true) {
        pages::inline_css(&mut body, &mut includes, &mut odd)?;
    }
    let bodies: Vec<&Source> = body
        .templates()
        .into_iter()
        .map(|(_, source)| source)
        .chain(includes.iter().map(|include| &include.source))
        .collect();
    let directory = folder.as_ref().map(Folder::path);
    let row_ids: Vec<&str> = row_files.iter().filter_map(|file| file.cid.as_deref()).collect();
    let has_cid = !row_ids.is_empty() || attachments.iter().any(|file| file.cid.is_some());
    if body.has_html() {
        odd.extend(images::add((&mut attachments, &mut files), &bodies, &row_ids, directory)?);
    } else if has_cid {
        return Err(Error::usage(format!(
            "{}: an attachment has a cid, but the message has no HTML to show it in",
            places.at("attachments")
        ))
        .hint("remove `cid` to attach the file"));
    }
    let preheader = keys.preheader.as_deref().filter(|text| !text.trim().is_empty());
    if preheader.is_some() && !body.has_html() {
        odd.push("`preheader` is not used, because the message has no HTML".to_owned());
    }
    let frozen = Frozen {
        v: VERSION,
        name: source
            .path()
            .map_or_else(|| choice::INLINE.to_owned(), |path| choice::name_of(&path)),
        kind,
        from: from.to_string(),
        reply_to,
        envelope_sender: envelope_sender.to_string(),
        subject: places.source("subject", subject),
        to_name: keys.to_name.as_deref().map(|text| places.source("to_name", text)),
        unsubscribe_url: keys
            .unsubscribe_url
            .as_deref()
            .map(|text| places.source("unsubscribe_url", text)),
        unsubscribe_mailto: places.unsubscribe_mailto(keys.unsubscribe_mailto.as_deref())?,
        list_id: places.list_id(keys.list_id.as_deref())?,
        feedback_id: places.feedback_id(keys.feedback_id.as_deref())?,
        headers,
        preheader: preheader
            .filter(|_| body.has_html())
            .map(|text| places.source("preheader", text)),
        body,
        row_files,
        attach_dir,
        attachments,
        includes,
    };
    Ok(Loaded { frozen, odd, files, folder })
}

/// The attachments of all rows (`shared`) with their files, the attachments that differ for each
/// row, and the directory of the latter.
struct Attachments {
    shared: Vec<Attachment>,
    row_files: Vec<RowFile>,
    directory: Option<String>,
    files: Vec<PathBuf>,
}

fn attachments(
    source: &MessageSource,
    front: &MessageKeys,
    places: &Places<'_>,
) -> Result<Attachments> {
    let beside = source.file.as_deref().and_then(Path::parent).unwrap_or(Path::new(""));
    let (keys, directory) =
        match (&source.flags.attachments, &front.attachments, &source.inline.attachments) {
            (Some(keys), _, _) => (keys.as_slice(), Path::new("")),
            (None, Some(keys), _) => (keys.as_slice(), beside),
            (None, None, Some(keys)) => (keys.as_slice(), Path::new("")),
            (None, None, None) => (&[][..], Path::new("")),
        };
    let of_rows = keys.iter().zip(1..).filter(|(key, _)| key.is_template());
    let row_files = of_rows.map(|(key, number)| row_file(key, number, places));
    let row_files = row_files.collect::<Result<Vec<_>>>()?;
    let shared: Vec<_> = keys.iter().filter(|key| !key.is_template()).collect();
    let files = shared.iter().map(|key| directory.join(&key.path)).collect();
    let shared = shared.into_iter().map(|key| Attachment::load(key, directory));
    let shared = shared.collect::<Result<Vec<_>>>()?;
    let attach_dir = match (&front.attach_dir, &source.inline.attach_dir) {
        (Some(path), _) => Some(beside.join(path)),
        (None, path) => path.clone(),
    };
    let directory = match attach_dir {
        _ if row_files.is_empty() => None,
        Some(path) => Some(attach_dir_of(&path, places)?),
        None => {
            return Err(Error::usage(format!(
                "{}: a path that is a template needs `attach_dir`, the directory of its files",
                places.at("attachments")
            ))
            .hint("add attach_dir = \"invoices\"; the paths are then relative to that directory"));
        }
    };
    Ok(Attachments { shared, row_files, directory, files })
}

/// Returns the path of `attach_dir` with all links resolved.
fn attach_dir_of(path: &Path, places: &Places<'_>) -> Result<String> {
    let refused = |what: &str| {
        Error::refused(format!("{}: {}: {what}", places.at("attach_dir"), path.shown()))
            .hint("name the directory of the attachments, relative to the file that sets this key")
    };
    let whole = path.canonicalize().map_err(|why| refused(&why.to_string()))?;
    if !whole.is_dir() {
        return Err(refused("it is not a directory"));
    }
    whole.into_os_string().into_string().map_err(|_| refused("its path is not UTF-8"))
}

fn row_file(key: &AttachmentKey, number: usize, places: &Places<'_>) -> Result<RowFile> {
    let shown = key.path.shown();
    let path = key.path.to_str().ok_or_else(|| {
        Error::usage(format!("{}: the path {shown} is not UTF-8", places.at("attachments")))
    })?;
    if key.cid.as_deref().is_some_and(|cid| !attachment::is_cid(cid)) {
        return Err(attachment::bad_cid(&shown));
    }
    let content_type = key.content_type.clone();
    // An invalid content type fails for every row, so it is checked once here.
    let any = Attachment {
        name: "x".to_owned(),
        content_type: content_type.clone().unwrap_or_else(|| "text/plain".to_owned()),
        data: String::new(),
        cid: None,
    };
    any.part().map_err(|why| Error::usage(format!("attachment {shown}: {why}")))?;
    let source = |text: &str| places.source("attachments", text);
    Ok(RowFile {
        number,
        path: source(path),
        name: key.name.as_deref().map(source),
        content_type,
        cid: key.cid.clone(),
    })
}

fn check_header(place: &str, name: &str) -> Result<()> {
    match header::check_name(name) {
        Ok(()) => Ok(()),
        Err(NameError::Syntax) => {
            Err(Error::usage(format!("{place}: {name:?} cannot be the name of a header"))
                .hint("use letters, digits and hyphens, as in X-Campaign"))
        }
        Err(NameError::Owned(instead)) => {
            let error = Error::usage(format!("{place}: the header {name} cannot be set"));
            Err(match instead {
                Some(key) => error.hint(format!("set `{key}` instead")),
                None => error.hint("remove it: mailbatch or a mail server writes this header"),
            })
        }
    }
}

/// Parses an envelope sender. If it contains `{token}`, it must be a valid address with a token of
/// 24 letters and digits in its place.
fn envelope_sender(text: &str) -> std::result::Result<Address, String> {
    let sample = text.replacen("{token}", "0123456789abcdef01234567", 1);
    if sample.contains(['{', '}']) {
        return Err(
            "contains { or }; only {token} has a meaning, and it may occur only once".to_owned()
        );
    }
    let named = Address::parse(&sample).map_err(|why| why.to_string())?;
    if text.contains("{token}") && !named.local().contains("0123456789abcdef01234567") {
        return Err("has {token} in its domain".to_owned());
    }
    let address = Address::parse(text).map_err(|why| why.to_string())?;
    // After any other character, the token could not be separated from the text around it.
    match address.local().split_once("{token}") {
        Some((before, after))
            if !(before.is_empty() || before.ends_with(['+', '-', '=', '.', '_']))
                || !after.is_empty() =>
        {
            Err("has {token} where it is not the end of the local part after +, -, =, . or _"
                .to_owned())
        }
        _ => Ok(address),
    }
}
