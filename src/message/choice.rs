//! Bodies that each row chooses by a template, such as `body = "emails/{{ locale }}.html"`.
//!
//! The rule it keeps: every file that the template can name is read when the message is loaded, and
//! is frozen with it. A row that names no such file is refused.

use std::path::{Path, PathBuf};

use crate::model::error::{Error, Result};
use crate::model::shown::Shown;

use super::body::{Body, Format};
use super::confined::{self, Folder, MOST_FILES};
use super::file;
use super::keys::MessageKeys;
use super::pages::Page;
use super::tags;
use super::template::Source;

/// The most directory entries that are examined.
const MOST_ENTRIES: usize = 20_000;

/// A path template, split into a fixed folder and the template of a name in that folder.
#[derive(Debug)]
pub(super) struct Choosing {
    /// The folder, which contains no template tags.
    pub(super) folder: PathBuf,
    /// The template of the file's path below the folder.
    pub(super) name: String,
    format: Format,
    /// The fixed text at the beginning and the end of `name`, and the number of subfolders in it.
    before: String,
    after: String,
    depth: usize,
}

impl Choosing {
    /// Splits a path template. The path is relative to `base`.
    pub(super) fn of(template: &str, base: &Path) -> std::result::Result<Self, String> {
        let found = tags::all(template).map_err(|_| "has a template tag that is not closed")?;
        let fixed_end = found.first().map_or(template.len(), |tag| tag.range.start);
        let at = template[..fixed_end].rfind('/').map_or(0, |at| at + 1);
        let (folder, name) = template.split_at(at);
        let format = file::format_of(Path::new(name)).map_err(|_| {
            "does not end in .html, .mjml, .md or .txt, so the format of its files is not known"
        })?;
        let last_end = found.last().map_or(at, |tag| tag.range.end);
        let (mut outside, mut done) = (String::new(), at);
        for tag in &found {
            outside.push_str(&template[done..tag.range.start]);
            done = tag.range.end;
        }
        outside.push_str(&template[done..]);
        Ok(Self {
            folder: base.join(folder),
            name: name.to_owned(),
            format,
            before: template[at..fixed_end].to_owned(),
            after: template[last_end..].to_owned(),
            depth: outside.matches('/').count(),
        })
    }

    /// Returns the names of all files that the template can name, sorted.
    pub(super) fn names(&self) -> std::result::Result<Vec<String>, String> {
        let (mut names, mut entries) = (Vec::new(), 0);
        let mut folders = vec![(self.folder.clone(), String::new(), 0)];
        while let Some((folder, prefix, depth)) = folders.pop() {
            let listed =
                std::fs::read_dir(&folder).map_err(|why| format!("{}: {why}", folder.shown()))?;
            for entry in listed {
                let entry = entry.map_err(|why| format!("{}: {why}", folder.shown()))?;
                entries += 1;
                if entries > MOST_ENTRIES {
                    return Err(format!(
                        "{} has more than {MOST_ENTRIES} entries",
                        self.folder.shown()
                    ));
                }
                // A template's output is UTF-8, so it cannot name this file.
                let Ok(own) = entry.file_name().into_string() else { continue };
                let name = format!("{prefix}{own}");
                if depth < self.depth && entry.path().is_dir() {
                    folders.push((entry.path(), format!("{name}/"), depth + 1));
                } else if self.can_name(&name) && !entry.path().is_dir() {
                    names.push(name);
                }
            }
        }
        names.sort_unstable();
        match names.len() {
            0 => Err(format!("no file in {} matches {}", self.folder.shown(), self.name)),
            n if n > MOST_FILES => Err(format!(
                "more than {MOST_FILES} files in {} match {}",
                self.folder.shown(),
                self.name
            )),
            _ => Ok(names),
        }
    }

    fn can_name(&self, name: &str) -> bool {
        let (before, after) = (&self.before, &self.after);
        let is_constant = *before == self.name;
        (is_constant && name == self.name)
            || (!is_constant
                && name.len() >= before.len() + after.len()
                && name.starts_with(before.as_str())
                && name.ends_with(after.as_str()))
    }
}

/// The settings for reading all bodies that rows choose from.
pub(super) struct Chooser<'c> {
    pub(super) choosing: &'c Choosing,
    /// The folder outside of which no file is read. `below` is the path from `root` to the bodies'
    /// folder, either empty or ending in `/`.
    pub(super) root: &'c Folder,
    pub(super) below: String,
    pub(super) inline_css: Option<bool>,
}

impl Chooser<'_> {
    /// Reads all bodies. `place` is where the template is written, for errors.
    pub(super) fn body(&self, place: &str, source: &Source, odd: &mut Vec<String>) -> Result<Body> {
        let hint = "put the bodies into a separate folder and name it, as in body = \"emails/{{ locale }}.html\"";
        let names = self
            .choosing
            .names()
            .map_err(|why| Error::refused(format!("{place}: {why}")).hint(hint))?;
        let mut bodies = Vec::with_capacity(names.len());
        for name in names {
            let body = self.one(&name, odd)?;
            bodies.push((name, body));
        }
        let folder = self.choosing.folder.shown();
        let name = Source { text: self.choosing.name.clone(), ..source.clone() };
        Ok(Body::Chosen { folder, name, bodies })
    }

    fn one(&self, name: &str, odd: &mut Vec<String>) -> Result<Body> {
        let format = self.choosing.format;
        let file = self.read(name, format)?;
        let own = format!("{}{name}", self.below);
        let page = Page {
            folder: self.root,
            name: &own,
            shown: self.shown(name),
            body: &file.body,
            line: file.body_line,
            inline_css: self.inline_css,
        };
        let mut body = page.body(format, odd)?;
        if let Body::Html { text, .. } = &mut body {
            let stem = name.rsplit_once('.').map_or(name, |(stem, _)| stem);
            let beside = format!("{stem}.txt");
            if self.root.has(&format!("{}{beside}", self.below)) {
                let file = self.read(&beside, Format::Text)?;
                *text = Some(Source::new(&file.body, Some(self.shown(&beside)), file.body_line));
            }
        }
        Ok(body)
    }

    fn shown(&self, name: &str) -> String {
        self.choosing.folder.join(name).shown()
    }

    fn read(&self, name: &str, format: Format) -> Result<file::MessageFile> {
        let shown = self.shown(name);
        let text = self.root.read(&format!("{}{name}", self.below)).map_err(|why| {
            Error::refused(format!("{shown}: {why}")).hint(confined::hint(
                &why,
                "mailbatch reads every file that `body` can name: fix this file, or move it to another folder",
            ))
        })?;
        let file = file::parse(&shown, format, text.as_bytes())?;
        if file.keys != MessageKeys::default() || file.body_line > 1 {
            return Err(Error::refused(format!(
                "{shown}: remove the front matter: a body that rows choose has no front matter"
            ))
            .hint("move the keys to the message file, or to [message] in mailbatch.toml"));
        }
        Ok(file)
    }
}

/// The name of a message whose body is in the configuration.
pub(super) const INLINE: &str = "inline";

/// Returns the name of a message: the name of its file without the suffix. For a path template,
/// this is the last part of the path that has text apart from values, such as `emails` for
/// `emails/{{ locale }}.html`.
pub(crate) fn name_of(path: &Path) -> String {
    let text = path.to_string_lossy();
    let found = match tags::all(&text) {
        Ok(found) if !found.is_empty() => found,
        _ => {
            let stem = path.file_stem().map(|stem| stem.to_string_lossy().into_owned());
            return stem.unwrap_or_else(|| INLINE.to_owned());
        }
    };
    let first = found.first().map_or(0, |tag| tag.range.start);
    let mut fixed = text.clone().into_owned();
    for tag in found.into_iter().rev() {
        // A part with conditions has no single text.
        let mark = if tag.kind == tags::Kind::Print { VALUE } else { CONDITION };
        fixed.replace_range(tag.range, mark);
    }
    let stem = fixed.rsplit_once('.').map_or(fixed.as_str(), |(stem, _)| stem);
    // The parts from the folder above the first value on.
    let above = text[..first].matches('/').count().saturating_sub(1);
    let parts = stem.split('/').skip(above).filter(|part| !part.contains(CONDITION));
    let parts = parts.map(|part| {
        let part = part.split(VALUE).map(|text| text.trim_matches(|c: char| !c.is_alphanumeric()));
        part.filter(|text| !text.is_empty()).collect::<Vec<_>>().join("-")
    });
    parts.filter(|part| !part.is_empty()).last().unwrap_or_else(|| INLINE.to_owned())
}

/// Characters that stand for a value and for a condition. Paths do not contain them.
const VALUE: &str = "\u{1}";
const CONDITION: &str = "\u{2}";

#[cfg(test)]
mod tests {
    use super::*;

    fn names(template: &str, files: &[&str]) -> std::result::Result<Vec<String>, String> {
        let dir = tempfile::tempdir().expect("a directory");
        for name in files {
            let path = dir.path().join(name);
            std::fs::create_dir_all(path.parent().expect("a folder")).expect("made");
            std::fs::write(path, "x").expect("written");
        }
        Choosing::of(template, dir.path())?.names()
    }

    #[test]
    fn the_files_that_a_template_can_name_are_found_and_no_others() {
        let files = [
            "emails/de.html",
            "emails/de.txt",
            "emails/en.html",
            "emails/news-en.html",
            "emails/old/fr.html",
            "emails/de/welcome.html",
            "emails/en/welcome.html",
            "emails/en/other.html",
            "emails/x.mjml",
            "top.html",
        ];
        for (template, expected) in [
            ("emails/{{ locale }}.html", &["de.html", "en.html", "news-en.html"][..]),
            ("emails/news-{{ locale }}.html", &["news-en.html"]),
            ("emails/{{ locale }}/welcome.html", &["de/welcome.html", "en/welcome.html"]),
            (
                "emails/{% if vip %}en{% else %}de{% endif %}.html",
                &["de.html", "en.html", "news-en.html"],
            ),
            ("emails/{{ kind }}.mjml", &["x.mjml"]),
            ("emails/de.html", &["de.html"]),
            ("{{ name }}.html", &["top.html"]),
        ] {
            assert_eq!(names(template, &files).expect(template), expected, "{template}");
        }
        for (template, says) in [
            ("emails/{{ locale }}", "does not end in .html"),
            ("emails/{{ locale }}.docx", "does not end in .html"),
            ("emails/{{ locale .html", "not closed"),
            ("emails/{{ locale }}.md", "no file in"),
            ("gone/{{ locale }}.md", "No such file"),
        ] {
            let why = names(template, &files).expect_err(template);
            assert!(why.contains(says), "{template}: {why}");
        }
    }

    #[test]
    fn a_message_has_the_name_of_its_file_or_of_what_is_fixed_in_it() {
        for (path, expected) in [
            ("/ws/welcome.md", "welcome"),
            ("/ws/emails/{{ locale }}.html", "emails"),
            ("/ws/emails/welcome-{{ locale }}.html", "welcome"),
            ("/ws/emails/{{ locale }}/renewal.html", "renewal"),
            ("/ws/emails/{{ a }}_x_{{ b | default('y/z') }}.html", "x"),
            ("emails/{% if vip %}gold{% else %}plain{% endif %}.html", "emails"),
            ("{{ a }}/{{ b }}.html", "inline"),
            ("{{ locale }}.html", "inline"),
            ("a.b/{{ locale }}.v2.html", "v2"),
        ] {
            assert_eq!(name_of(Path::new(path)), expected, "{path}");
        }
    }
}
