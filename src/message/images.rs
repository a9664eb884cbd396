//! Inline images: files that HTML shows by `cid:` URLs (RFC 2392). They are sent together with the
//! HTML in a multipart/related part (RFC 2387).

use std::collections::HashSet;
use std::path::{Path, PathBuf};

use crate::model::error::{Error, Result};
use crate::model::shown::Shown;

use super::attachment::{self, Attachment};
use super::frozen::Frozen;
use super::includes;
use super::keys::AttachmentKey;
use super::reserved::without_tags;
use super::template::Source;

/// Returns the identifiers of all `cid:` URLs in a body, each once and in order. They are searched
/// in attributes, in `url(…)` in CSS, and in Markdown images. A template tag in an identifier is
/// part of it.
pub(super) fn references(body: &str) -> Vec<&str> {
    found(body).into_iter().map(|(_, id)| id).collect()
}

/// The most bytes before a `cid:` URL that are read to find out what it is part of.
const BEFORE: usize = 4096;

/// As `references`, with the offset of each URL.
fn found(body: &str) -> Vec<(usize, &str)> {
    let lower = body.to_ascii_lowercase();
    let (mut found, mut known) = (Vec::new(), HashSet::new());
    for (at, scheme) in lower.match_indices("cid:") {
        let from = (at.saturating_sub(BEFORE)..at).find(|from| body.is_char_boundary(*from));
        let before = before_value(&body[from.unwrap_or(at)..at]);
        let is_next = || before.ends_with(',') && is_in_srcset(before);
        if !before.ends_with(['=', '(']) && !is_next() {
            continue;
        }
        let id = &body[at + scheme.len()..];
        let plain = id.find(ends_value).unwrap_or(id.len());
        let id = match id[..plain].find("{{").and_then(|_| id.find("}}")) {
            Some(end) => &id[..end + 2],
            None => match id[..plain].find("{%") {
                Some(statement) if statement > 0 && is_behind(&id[statement..]) => &id[..statement],
                _ => &id[..plain],
            },
        };
        // A comma ends an image of a `srcset`.
        let id = id.trim_end_matches(',');
        if known.insert(id) {
            found.push((at, id));
        }
    }
    found
}

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

/// Whether a text ends inside the value of a `srcset` or `imagesrcset` attribute.
fn is_in_srcset(text: &str) -> bool {
    let lower = text.to_ascii_lowercase();
    let Some(at) = lower.rfind("srcset") else {
        return false;
    };
    let value = text[at + "srcset".len()..].trim_start().strip_prefix('=').map(str::trim_start);
    let Some(value) = value else { return false };
    match value.chars().next() {
        Some(quote @ ('"' | '\'')) => !without_tags(&value[1..]).contains(quote),
        _ => false,
    }
}

fn ends_value(c: char) -> bool {
    c.is_whitespace() || "\"'()<>".contains(c)
}

/// Whether only template statements follow an identifier, up to the end of the attribute's value or
/// another `cid:` URL.
fn is_behind(text: &str) -> bool {
    let mut text = text;
    while let Some(statement) = text.strip_prefix("{%") {
        text = statement.split_once("%}").map_or("", |(_, behind)| behind);
    }
    text.is_empty()
        || text.starts_with(ends_value)
        || text.get(..4).is_some_and(|scheme| scheme.eq_ignore_ascii_case("cid:"))
}

/// Removes the beginning of an attribute's value or of `url(…)` from the end of a text: blanks,
/// quotes, template statements, and `cid:` URLs in other branches of a condition.
fn before_value(text: &str) -> &str {
    let mut text = text;
    loop {
        let ends = |c: char| c.is_whitespace() || "\"'<".contains(c);
        let without = text.trim_end_matches(ends);
        let Some(statement) = without.strip_suffix("%}") else { return without };
        text = statement.rsplit_once("{%").map_or("", |(before, _)| before);
        // A `cid:` URL in another branch of the condition.
        let other = text.rsplit(ends_value).next().unwrap_or_default();
        if other.get(..4).is_some_and(|scheme| scheme.eq_ignore_ascii_case("cid:")) {
            text = &text[..text.len() - other.len()];
        }
    }
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
    fn references_are_found_where_a_body_makes_them() {
        for (body, expected) in [
            ("<img src=\"cid:logo.png\"><img src='CID:logo.png'>", &["logo.png"][..]),
            ("<td background=cid:a@b style=\"background:url('cid:c.png')\">", &["a@b", "c.png"]),
            ("![x](cid:d.png) ![y](<cid:e.png> \"t\")", &["d.png", "e.png"]),
            ("<img src = \"cid:{{ brand }}\">", &["{{ brand }}"]),
            ("<img src=\" cid:a.png\">", &["a.png"]),
            (
                "<img src=\"{% if x == '=' %} cid:a.png{% else %}cid:b.png{% endif %}\">",
                &["a.png", "b.png"],
            ),
            ("<img src=cid:a{% if x %}-b{% endif %}.png>", &["a{%"]),
            (
                "<img src=a.png srcset=\"cid:a.png 1x, cid:b.png 2x,\n CID:c.png, cid:d.png 4x\">",
                &["a.png", "b.png", "c.png", "d.png"],
            ),
            ("<source SRCSET = 'x.png{% if y == \"a\" %}, cid:e.png 2x{% endif %}'>", &["e.png"]),
            ("<p srcset='x'>a, cid:none</p> srcset: x, cid:none", &[]),
            ("{% if x %}say cid:none{% endif %} \"cid:none\"", &[]),
            ("say cid:none, acid:none, href=\"https://x.example/cid:none\"", &[]),
        ] {
            assert_eq!(references(body), expected, "{body}");
        }
    }

    #[test]
    fn many_references_are_found_in_time_that_grows_with_them() {
        let body = "<img src=\"cid:l.png\">\n".repeat(100_000);
        assert_eq!(references(&body), ["l.png"]);
        assert_eq!(references(&("%} =\"cid:".repeat(20_000) + "%}")), ["%}"]);
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
