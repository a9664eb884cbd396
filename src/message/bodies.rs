//! Finds the body of a message: in the message file, in a file that `body` names, or in the keys
//! `html` and `text`.

use std::path::Path;

use crate::model::error::{Error, Result};
use crate::model::shown::Shown;

use super::body::Body;
use super::choice::{Chooser, Choosing};
use super::confined::Folder;
use super::file::MessageFile;
use super::keys::MessageKeys;
use super::pages::Page;
use super::template::Source;

/// The places where a body can be written, other than the message file itself.
pub(super) struct Given<'a> {
    /// The path of the message file.
    pub(super) path: Option<&'a Path>,
    /// The folder that `body` is relative to if there is no message file.
    pub(super) body_folder: Option<&'a Path>,
    /// The place where `body` is written, for errors.
    pub(super) place: String,
    pub(super) body: Option<Source>,
    pub(super) html: Option<Source>,
    pub(super) text: Option<Source>,
}

/// Returns the body, and the folder that included files are read from.
pub(super) fn load(
    file: Option<MessageFile>,
    keys: &MessageKeys,
    given: Given<'_>,
    odd: &mut Vec<String>,
) -> Result<(Body, Option<Folder>)> {
    let path = given.path;
    let folder = path.map(|path| Folder::at(path.parent().unwrap_or(Path::new(""))));
    match (file, folder) {
        (Some(file), Some(folder)) if file.keys.body.is_none() => {
            if given.body.is_some() {
                odd.push(
                    "`body` under [message] is ignored, because the message file contains a body"
                        .to_owned(),
                );
            }
            let path = path.unwrap_or(Path::new(""));
            let page = Page {
                folder: &folder,
                name: &path.file_name().unwrap_or_default().to_string_lossy(),
                shown: path.shown(),
                body: &file.body,
                line: file.body_line,
                inline_css: keys.inline_css,
            };
            let body = page.body(file.format, odd)?;
            Ok((body, Some(folder)))
        }
        (_, folder) => match &given.body {
            Some(template) => {
                let own = folder.as_ref().map(|folder| folder.path().to_owned());
                let base = own.or_else(|| given.body_folder.map(Path::to_owned));
                let base = base.unwrap_or_default();
                chosen((template, &given), &base, folder, keys.inline_css, odd)
            }
            None => Ok((inline(given)?, folder)),
        },
    }
}

/// Returns the body from the files that `body` can name.
fn chosen(
    (template, given): (&Source, &Given<'_>),
    base: &Path,
    folder: Option<Folder>,
    inline_css: Option<bool>,
    odd: &mut Vec<String>,
) -> Result<(Body, Option<Folder>)> {
    if given.html.is_some() || given.text.is_some() {
        odd.push(
            "`html` and `text` under [message] are ignored, because `body` names a file".to_owned(),
        );
    }
    let choosing = Choosing::of(&template.text, base).map_err(|why| {
        Error::usage(format!("{}: {why}", given.place))
            .hint("write it as body = \"emails/{{ locale }}.html\"")
    })?;
    let canonical = |path: &Path| path.canonicalize().ok();
    let below = folder.as_ref().and_then(|folder| {
        let inner = canonical(&choosing.folder)?;
        let inner = inner.strip_prefix(canonical(folder.path())?).ok()?.to_str()?.to_owned();
        Some(if inner.is_empty() { inner } else { inner + "/" })
    });
    let (root, below) = match (folder, below) {
        (Some(folder), Some(below)) => (folder, below),
        _ => (Folder::at(&choosing.folder), String::new()),
    };
    let chooser = Chooser { choosing: &choosing, root: &root, below, inline_css };
    let body = chooser.body(&given.place, template, odd)?;
    Ok((body, Some(root)))
}

/// Returns the body from the keys `html` and `text`.
fn inline(given: Given<'_>) -> Result<Body> {
    match (given.html, given.text) {
        (Some(html), text) => Ok(Body::Html { html, text }),
        (None, Some(text)) => Ok(Body::Text(text)),
        (None, None) => Err(Error::usage("the message has no body")
            .hint("name a message file (--message FILE, or `file` under [message] in mailbatch.toml), or set `text` or `html` there")),
    }
}
