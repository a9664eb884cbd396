//! Files that templates include, import or extend. They are read from the message's folder when the
//! message is loaded, and frozen with it.
//!
//! The rule it keeps: a template names files only by constant texts. A missing file or an include
//! cycle is therefore found before any row is rendered, and no row can choose a file.

use minijinja::machinery::{Token, tokenize};
use minijinja::syntax::SyntaxConfig;
use serde::{Deserialize, Serialize};

use crate::model::error::{Error, Result};

use super::confined::{self, Folder};
use super::mapped;
use super::template::Source;

/// The greatest depth of nested includes.
const DEEPEST: usize = 16;

/// An included file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Include {
    /// The path below the message's folder.
    pub(super) name: String,
    pub(super) source: Source,
}

/// Collects the files that templates include.
pub(super) struct Gathered<'f> {
    /// `None` if the message has no file, so that nothing can be included.
    folder: Option<&'f Folder>,
    files: Vec<Include>,
    /// The chain of files that are being read, each included by the one before it.
    reading: Vec<String>,
}

/// A file name in a template, with its statement and offset.
struct Name {
    /// `None` if the name is not a constant text.
    text: Option<String>,
    statement: String,
    at: usize,
    may_be_missing: bool,
}

impl<'f> Gathered<'f> {
    /// Continues with files that were collected before.
    pub(super) fn new(folder: Option<&'f Folder>, files: Vec<Include>) -> Self {
        Self { folder, files, reading: Vec::new() }
    }

    /// Returns the files in the order in which they were read.
    pub(super) fn files(self) -> Vec<Include> {
        self.files
    }

    /// Reads the files that a template includes, directly and indirectly. `what` names the template
    /// in errors if it is not in a file.
    pub(super) fn add(&mut self, what: &str, source: &Source) -> Result<()> {
        for name in names(&source.text) {
            self.include(what, source, &name)?;
        }
        Ok(())
    }

    fn include(&mut self, what: &str, source: &Source, written: &Name) -> Result<()> {
        let statement = &written.statement;
        let refuse =
            |why: String| Error::refused(format!("{}: {why}", place(what, source, written.at)));
        let Some(text) = &written.text else {
            return Err(refuse(format!("the name after `{statement}` is not a constant text"))
                .hint("write one file name in quotes, and choose between files with {% if %}"));
        };
        let tag = format!("{{% {statement} {text:?} %}}");
        let Some(folder) = self.folder else {
            return Err(refuse(format!(
                "{tag}: the message has no file, so it has no folder from which files can be included"
            ))
            .hint("put the message into a file: `file` under [message], or --message FILE"));
        };
        let below = "name a file in the folder of the message, or below it";
        let name = confined::joined("", text).ok_or_else(|| {
            refuse(format!("{tag}: it is not below the message's folder")).hint(below)
        })?;
        if name.to_ascii_lowercase().ends_with(".mjml") {
            return Err(refuse(format!("{tag}: MJML is rendered before templates are"))
                .hint("include the file with <mj-include> in an MJML message"));
        }
        if self.reading.contains(&name) {
            let chain = [self.reading.join(" -> "), name.clone()].join(" -> ");
            return Err(refuse(format!("{tag}: {name} includes itself ({chain})"))
                .hint("remove one of these tags"));
        }
        if self.files.iter().any(|file| file.name == name)
            || (written.may_be_missing && !folder.has(&name))
        {
            return Ok(());
        }
        if self.reading.len() >= DEEPEST {
            return Err(refuse(format!("{tag}: includes are nested more than {DEEPEST} deep"))
                .hint("include these files from the message itself"));
        }
        let text = folder.read(&name).map_err(|why| {
            let hint = confined::hint(&why, below);
            refuse(format!("{tag}: {why}")).hint(hint)
        })?;
        let shown = folder.path().join(&name).to_string_lossy().into_owned();
        let included = Source::new(&text, Some(shown), 1);
        self.reading.push(name.clone());
        self.add(what, &included)?;
        self.reading.pop();
        self.files.push(Include { name, source: included });
        Ok(())
    }
}

/// Returns the place of an offset of a template, as errors name it.
pub(super) fn place(what: &str, source: &Source, at: usize) -> String {
    let own = source.file.as_deref().unwrap_or(what);
    if !source.places.is_empty() {
        return match mapped::find(&source.places, &source.text, at) {
            Some((file, line)) => format!("{}:{line}", file.unwrap_or(own)),
            None => own.to_owned(),
        };
    }
    let before = source.text.get(..at).unwrap_or_default();
    let lines = before.bytes().filter(|byte| *byte == b'\n').count();
    format!("{own}:{}", source.line.saturating_add(u32::try_from(lines).unwrap_or(u32::MAX)))
}

/// Returns the file names in a template's statements. Syntax errors are ignored here and reported
/// when the template is compiled.
fn names(template: &str) -> Vec<Name> {
    let tokens: Vec<_> = tokenize(template, false, SyntaxConfig::default())
        .map_while(std::result::Result::ok)
        .collect();
    let mut names = Vec::new();
    for (number, (token, span)) in tokens.iter().enumerate() {
        let Token::BlockStart = token else { continue };
        let Some((Token::Ident(statement), _)) = tokens.get(number + 1) else { continue };
        if !matches!(*statement, "include" | "import" | "from" | "extends") {
            continue;
        }
        let text = match tokens.get(number + 2) {
            Some((Token::Str(text), _)) => Some((*text).to_owned()),
            Some((Token::String(text), _)) => Some(text.to_string()),
            _ => None,
        };
        let is_alone = matches!(
            tokens.get(number + 3),
            Some((
                Token::BlockEnd | Token::Ident("ignore" | "with" | "without" | "as" | "import"),
                _
            ))
        );
        names.push(Name {
            text: text.filter(|_| is_alone),
            statement: (*statement).to_owned(),
            at: span.start_offset as usize,
            may_be_missing: matches!(tokens.get(number + 3), Some((Token::Ident("ignore"), _))),
        });
    }
    names
}

#[cfg(test)]
mod tests {
    use super::*;

    fn gathered(files: &[(&str, &str)], template: &str) -> Result<Vec<String>> {
        let dir = tempfile::tempdir().expect("a directory");
        for (name, text) in files {
            let path = dir.path().join(name);
            std::fs::create_dir_all(path.parent().expect("a folder")).expect("made");
            std::fs::write(path, text).expect("written");
        }
        let folder = Folder::at(dir.path());
        let mut gathered = Gathered::new(Some(&folder), Vec::new());
        gathered.add("body", &Source::new(template, Some("welcome.html".to_owned()), 5))?;
        Ok(gathered.files().into_iter().map(|file| file.name).collect())
    }

    #[test]
    fn files_are_found_with_those_that_they_include() {
        let files = [
            ("footer.html", "{% include 'parts/legal.html' %}"),
            ("parts/legal.html", "{% from \"macros.html\" import m %}"),
            ("macros.html", "{% macro m() %}{% endmacro %}"),
            ("base.html", "{% block a %}{% endblock %}"),
        ];
        let template = "{% extends './base.html' %}\n{% include \"footer.html\" without context %}{% import 'macros.html' as m %}\
            {% include 'gone.html' ignore missing %}{% raw %}{% include 'raw.html' %}{% endraw %}{# {% include 'note.html' %} #}{{ include }}";
        assert_eq!(
            gathered(&files, template).expect("found"),
            ["base.html", "macros.html", "parts/legal.html", "footer.html"]
        );
    }

    #[test]
    fn what_cannot_be_included_is_refused_with_its_place() {
        let files = [
            ("a.html", "x\n{% include 'b.html' %}"),
            ("b.html", "{% include 'a.html' %}"),
            ("self.html", "{% include 'self.html' %}"),
            ("x.mjml", "<mjml></mjml>"),
        ];
        for (template, says) in [
            (
                "\n{% include 'gone.html' %}",
                "welcome.html:6: {% include \"gone.html\" %}: No such file",
            ),
            (
                "{% include name %}",
                "welcome.html:5: the name after `include` is not a constant text",
            ),
            ("{% include 'a' ~ b %}", "not a constant text"),
            ("{% include ['a.html', 'b.html'] %}", "not a constant text"),
            ("{% extends 'a.html' if b else 'c.html' %}", "not a constant text"),
            ("{% include '../a.html' %}", "it is not below the message's folder"),
            ("{% include '/etc/passwd' %}", "it is not below the message's folder"),
            ("{% include 'x.mjml' %}", "MJML is rendered before templates are"),
            ("{% include 'self.html' %}", "self.html includes itself (self.html -> self.html)"),
            ("{% import 'a.html' as a %}", "a.html includes itself (a.html -> b.html -> a.html)"),
            ("{% include '' %}", "its name is empty"),
        ] {
            let why = gathered(&files, template).expect_err(template).to_string();
            assert!(why.contains(says) && why.contains("hint: "), "{template}: {why}");
        }
        let chain: Vec<(String, String)> = (0..40)
            .map(|n| (format!("{n}.html"), format!("{{% include '{}.html' %}}", n + 1)))
            .collect();
        let files: Vec<(&str, &str)> =
            chain.iter().map(|(a, b)| (a.as_str(), b.as_str())).collect();
        let why = gathered(&files, "{% include '0.html' %}").expect_err("too deep").to_string();
        assert!(why.contains("16.html") && why.contains("nested more than 16"), "{why}");
        let why = Gathered::new(None, Vec::new())
            .add("subject", &Source::new("{% include 'a' %}", None, 1));
        let why = why.expect_err("refused").to_string();
        assert!(why.starts_with("subject:1: ") && why.contains("has no folder"), "{why}");
    }
}
