//! Handles template tags and comments between elements.

use crate::message::start_tag::{self, Wrong};
use crate::message::tags;
use crate::model::error::Result;

use super::super::output::{Role, Stretch};
use super::Reader;

/// Elements that may contain only certain other elements. A template tag between these is refused.
const ELEMENTS_ONLY: [&str; 6] = [
    "mj-attributes",
    "mj-social",
    "mj-navbar",
    "mj-accordion",
    "mj-accordion-element",
    "mj-carousel",
];
/// Statements without output, which are allowed in the head.
const SILENT: [&str; 4] = ["set", "import", "from", "do"];

impl Reader<'_> {
    /// Handles a template tag between elements.
    pub(super) fn tag(&mut self, text: &str, at: usize) -> Result<usize> {
        let tag = tags::at(text, at).map_err(|why| self.wrong(Wrong::UnclosedTemplate(why.0)))?;
        let Some(tag) = tag else { return Ok(self.copy(text, at, at + 1)) };
        let (end, shown) = (tag.range.end, &text[tag.range.clone()]);
        if tag.kind == tags::Kind::Comment {
            return Ok(end);
        }
        let is_silent = tag.kind == tags::Kind::Block
            && SILENT.contains(&tags::word(shown))
            && start_tag::nesting(shown) == 0;
        match self.parent() {
            None => {
                let stretch =
                    Stretch { role: Role::Between, source: self.source(), range: at..end };
                if self.has_root { &mut self.below } else { &mut self.above }.push(stretch);
            }
            Some("mjml") => {
                return Err(self
                    .error(at, "a template tag cannot be between <mj-head> and <mj-body>")
                    .hint("put it above <mjml>, or into <mj-body>"));
            }
            Some("mj-head") if !is_silent => {
                return Err(self
                    .error(at, "only {% set %} and {% import %} can be between the elements of <mj-head>")
                    .hint("put other template tags into <mj-raw>, <mj-style>, <mj-title> or <mj-preview>"));
            }
            Some(parent) if ELEMENTS_ONLY.contains(&parent) => {
                return Err(self
                    .error(
                        at,
                        format!("a template tag cannot be between the elements of <{parent}>"),
                    )
                    .hint(format!(
                        "put it around the whole <{parent}>, or into the values of its attributes"
                    )));
            }
            Some(_) => self.raw(Role::Between, at, end),
        }
        Ok(end)
    }

    /// Writes a token inside `<mj-raw>`, which MJML outputs unchanged.
    fn raw(&mut self, role: Role, at: usize, end: usize) {
        self.write("<mj-raw>", at);
        self.token(role, at, end);
        self.write("</mj-raw>", at);
    }

    pub(super) fn comment(&mut self, text: &str, at: usize) -> Result<usize> {
        let Some(end) = text[at + 4..].find("-->").map(|end| at + 4 + end + 3) else {
            return Err(self
                .error(at, "this comment is not closed")
                .hint("write --> where it ends"));
        };
        let has_tags = tags::all(&text[at..end])
            .map_err(|why| self.wrong(Wrong::UnclosedTemplate(at + why.0)))?
            .iter()
            .any(|tag| tag.kind != tags::Kind::Comment);
        match self.parent() {
            Some(parent) if parent != "mjml" && !ELEMENTS_ONLY.contains(&parent) => {
                if parent == "mj-head" && has_tags {
                    return Err(self
                        .error(at, "a comment with template tags cannot be between the elements of <mj-head>")
                        .hint("write it as {# ... #}"));
                }
                self.raw(Role::Between, at, end);
            }
            _ if has_tags => {
                return Err(self
                    .error(at, "MJML drops this comment together with its template tags")
                    .hint("write it as {# ... #}"));
            }
            _ => {}
        }
        Ok(end)
    }
}
