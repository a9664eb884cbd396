//! Inline images: what `cid:` in a body refers to (RFC 2392), which goes with the HTML in one
//! multipart/related (RFC 2387).

use std::path::{Path, PathBuf};

use crate::model::error::{Error, Result};
use crate::model::shown::Shown;

use super::attachment::{self, Attachment};
use super::keys::AttachmentKey;
use super::template::Source;

/// What a body refers to by `cid:`, in order and each once: in an attribute, in `url(…)` of CSS, and
/// in an image of Markdown. A tag of the template is part of it.
pub(super) fn references(body: &str) -> Vec<&str> {
    let lower = body.to_ascii_lowercase();
    let mut found = Vec::new();
    for (at, scheme) in lower.match_indices("cid:") {
        let before = body[..at].trim_end_matches(['"', '\'', '<']).trim_end();
        if !before.ends_with(['=', '(']) {
            continue;
        }
        let id = &body[at + scheme.len()..];
        let ends = |c: char| c.is_whitespace() || "\"'()<>".contains(c);
        let tag = id.find("{{").zip(id.find("}}")).map_or(0, |(_, end)| end);
        let plain = id.find(ends).unwrap_or(id.len());
        let id = if tag > 0 && id.find("{{").is_some_and(|open| open < plain) {
            &id[..tag + 2]
        } else {
            &id[..plain]
        };
        if !found.contains(&id) {
            found.push(id);
        }
    }
    found
}

/// The file beside the message that an identifier names; `None` where it cannot be the name of one.
pub(super) fn beside(directory: &Path, id: &str) -> Option<PathBuf> {
    (attachment::is_cid(id) && !id.contains('/') && id != "." && id != "..")
        .then(|| directory.join(id))
}

/// Adds the files beside the message that its bodies refer to and that no attachment is. `directory`
/// is where they are, if the body stands in a file. The second value is what is odd.
pub(super) fn add(
    attachments: &mut Vec<Attachment>,
    bodies: &[&Source],
    known: &[&str],
    directory: Option<&Path>,
) -> Result<Vec<String>> {
    let mut referred = Vec::new();
    for source in bodies {
        for id in references(&source.text) {
            let place = source.file.as_deref().unwrap_or("message");
            let refused = |what: &str| {
                Error::refused(format!("{place}: cid:{id} {what}")).hint(
                    "put the image beside the message, or name it with its file: attachments = [{ path = \"img/logo.png\", cid = \"logo.png\" }]",
                )
            };
            referred.push(id);
            if known.contains(&id) || attachments.iter().any(|file| file.cid.as_deref() == Some(id))
            {
                continue;
            }
            if id.contains('{') {
                return Err(refused(
                    "has a value in it; a column can choose the file of an attachment with a cid of its own",
                ));
            }
            let path = directory.and_then(|directory| beside(directory, id));
            let Some(path) = path.filter(|path| path.exists()) else {
                return Err(refused("refers to no file"));
            };
            let key = AttachmentKey {
                path: path.clone(),
                name: None,
                content_type: None,
                cid: Some(id.to_owned()),
            };
            let file = Attachment::load(&key, Path::new("")).map_err(|why| {
                why.hint(format!("{place} refers to {} by cid:{id}", path.shown()))
            })?;
            attachments.push(file);
        }
    }
    let ids =
        attachments.iter().filter_map(|file| file.cid.as_deref()).chain(known.iter().copied());
    let unused = ids.filter(|id| !referred.contains(id));
    Ok(unused
        .map(|id| format!("nothing in the message shows the attachment with cid = \"{id}\""))
        .collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn references_are_found_where_a_body_makes_them() {
        for (body, expected) in [
            ("<img src=\"cid:logo.png\"><img src='CID:logo.png'>", &["logo.png"][..]),
            ("<td background=cid:a@b style=\"background:url('cid:c.png')\">", &["a@b", "c.png"]),
            ("![x](cid:d.png) ![y](<cid:e.png> \"t\")", &["d.png", "e.png"]),
            ("<img src = \"cid:{{ brand }}\">", &["{{ brand }}"]),
            ("say cid:none, acid:none, href=\"https://x.example/cid:none\"", &[]),
        ] {
            assert_eq!(references(body), expected, "{body}");
        }
    }

    #[test]
    fn an_id_is_the_name_of_a_file_beside_the_message_or_none() {
        let beside = |id| beside(Path::new("/m"), id);
        assert_eq!(beside("logo.png"), Some("/m/logo.png".into()));
        for id in
            ["", ".", "..", "../x", "a/b", "/etc/passwd", "a b", "ü.png", "a>b", &"x".repeat(201)]
        {
            assert_eq!(beside(id), None, "{id}");
        }
    }
}
