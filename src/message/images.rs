//! Inline images: files that HTML shows by `cid:` URLs (RFC 2392). They are sent together with the
//! HTML in a multipart/related part (RFC 2387).

use std::collections::HashSet;
use std::path::{Path, PathBuf};

use crate::model::error::{Error, Result};
use crate::model::shown::Shown;

use super::attachment::{self, Attachment};
use super::cid::{found, references};
use super::frozen::Frozen;
use super::includes;
use super::keys::AttachmentKey;
use super::template::Source;

/// Returns the Content-IDs of a message's files that its templates show. Markdown may write the
/// others in another way than its HTML, and what no template shows is sent to every row.
pub(super) fn shown(frozen: &Frozen) -> HashSet<String> {
    let is_plain =
        |cid: &str| cid.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-._@".contains(&byte));
    let cids = frozen.attachments.iter().filter_map(|file| file.cid.as_deref());
    let cids: HashSet<&str> = cids.filter(|cid| is_plain(cid)).collect();
    if cids.is_empty() {
        return HashSet::new();
    }
    let bodies = frozen.body.templates().into_iter().map(|(_, source)| source);
    let included = frozen.includes.iter().map(|include| &include.source);
    let shown = bodies.chain(included).flat_map(|source| references(&source.text));
    shown.filter(|cid| cids.contains(cid)).map(str::to_owned).collect()
}

/// Returns the path of the file in the message's folder that an identifier names. `None` if the
/// identifier is not a file name.
pub(super) fn beside(directory: &Path, id: &str) -> Option<PathBuf> {
    (attachment::is_cid(id) && !id.contains('/') && id != "." && id != "..")
        .then(|| directory.join(id))
}

/// Whether a file is in a folder after all links are resolved.
fn is_in(directory: &Path, file: &Path) -> bool {
    let directory = if directory.as_os_str().is_empty() { Path::new(".") } else { directory };
    let real = file.canonicalize().ok().zip(directory.canonicalize().ok());
    real.is_some_and(|(file, directory)| file.starts_with(directory))
}

/// Adds the files that the bodies show by `cid:` and that are not listed as attachments. They are
/// searched in `directory`, the folder of the message file. Returns warnings.
pub(super) fn add(
    (attachments, files): (&mut Vec<Attachment>, &mut Vec<PathBuf>),
    bodies: &[&Source],
    known: &[&str],
    directory: Option<&Path>,
) -> Result<Vec<String>> {
    let mut ids: HashSet<&str> = known.iter().copied().collect();
    let mut own = attachments.iter().filter_map(|file| file.cid.as_deref());
    if let Some(id) = own.find(|id| !ids.insert(*id)) {
        return Err(Error::usage(format!("attachments: two have cid = \"{id}\""))
            .hint("give each attachment a different cid"));
    }
    let mut referred = Vec::new();
    for source in bodies {
        for (at, id) in found(&source.text) {
            let place = includes::place("message", source, at);
            let refused = |what: &str| {
                Error::refused(format!("{place}: cid:{id} {what}")).hint(
                    "put the image into the folder of the message file, or list it with its path: attachments = [{ path = \"img/logo.png\", cid = \"logo.png\" }]",
                )
            };
            referred.push(id);
            if known.contains(&id) || attachments.iter().any(|file| file.cid.as_deref() == Some(id))
            {
                continue;
            }
            if id.contains('{') {
                return Err(refused(
                    "has a value in it; write a fixed cid, and let a template choose the path of the attachment with this cid",
                ));
            }
            let path = directory.and_then(|directory| beside(directory, id));
            let Some(path) = path.filter(|path| path.exists()) else {
                return Err(refused("refers to no file"));
            };
            if !directory.is_some_and(|directory| is_in(directory, &path)) {
                return Err(refused("refers to a link that leads out of the message's folder"));
            }
            let key = AttachmentKey {
                path: path.clone(),
                name: None,
                content_type: None,
                cid: Some(id.to_owned()),
            };
            let file = Attachment::load(&key, Path::new("")).map_err(|why| {
                why.hint(format!("{place} refers to {} by cid:{id}", path.shown()))
            })?;
            if file.bytes() == 0 {
                return Err(refused("refers to a file that is empty"));
            }
            if !file.content_type.starts_with("image/") {
                return Err(refused("refers to a file that is not an image"));
            }
            attachments.push(file);
            files.push(path);
        }
    }
    let ids =
        attachments.iter().filter_map(|file| file.cid.as_deref()).chain(known.iter().copied());
    let unused = ids.filter(|id| !referred.contains(id));
    Ok(unused
        .map(|id| format!("the HTML does not show the attachment with cid = \"{id}\""))
        .collect())
}

#[cfg(test)]
mod tests {
    use super::*;

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

    #[test]
    fn an_image_has_an_id_of_its_own_and_content() {
        let directory = tempfile::tempdir().expect("a directory");
        let at = |name: &str| directory.path().join(name);
        std::fs::write(at("hollow.png"), "").expect("written");
        let source =
            |text: &str| Source { text: text.to_owned(), file: None, line: 0, places: Vec::new() };
        let file = |cid: &str| Attachment {
            name: "a.png".to_owned(),
            content_type: "image/png".to_owned(),
            data: "eA==".to_owned(),
            cid: Some(cid.to_owned()),
        };
        let add = |files: &[&str], known: &[&str], body: &str| {
            let mut files: Vec<_> = files.iter().map(|cid| file(cid)).collect();
            add((&mut files, &mut Vec::new()), &[&source(body)], known, Some(directory.path()))
                .map_err(|why| why.to_string())
        };
        let shows = "<img src=cid:a>";
        assert_eq!(add(&["a"], &[], shows), Ok(vec![]));
        for (files, known) in [(&["a", "a"][..], &[][..]), (&["a"], &["a"])] {
            let why = add(files, known, shows).expect_err("two");
            assert!(why.contains("two have cid"), "{why}");
        }
        std::fs::write(at(".env"), "SECRET=1").expect("written");
        std::os::unix::fs::symlink("/etc/passwd", at("l1nk.png")).expect("a link");
        for (body, says) in [
            ("<img src=cid:hollow.png>", "is empty"),
            ("x\n<img src=cid:.env>", "message:1: cid:.env refers to a file that is not an image"),
            ("<img src=cid:l1nk.png>", "leads out of the message's folder"),
        ] {
            let why = add(&[], &[], body).expect_err(body);
            assert!(why.contains(says), "{why}");
        }
    }
}
