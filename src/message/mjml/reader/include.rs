//! Handles `<mj-include>`, and collects the CSS that is written into `style` attributes.

use crate::model::error::Result;

use super::super::output::{Role, Source};
use super::Reader;
use crate::message::confined;
use crate::message::start_tag::StartTag;

/// The greatest depth of nested includes.
const DEEPEST: usize = 16;

impl Reader<'_> {
    /// Collects the CSS of an `<mj-style>` with `inline="inline"`. Returns false if the element
    /// must also be written into the head.
    pub(super) fn style(&mut self, text: &str, tag: &StartTag) -> Result<bool> {
        let is_inline = tag.attributes.iter().any(|attribute| {
            attribute.name == "inline" && &text[attribute.value.clone()] == "inline"
        });
        if !is_inline || tag.is_empty {
            return Ok(false);
        }
        let (end, _) = self.content(text, tag.end, tag)?;
        Ok(self.inline(text, tag.end, end))
    }

    /// Collects CSS. Returns false if it contains at-rules. These cannot be inlined, so the CSS is
    /// also written into the head.
    fn inline(&mut self, css: &str, from: usize, to: usize) -> bool {
        let source = &self.sources[self.source()];
        let name = (self.source() > 0).then_some(source.name.as_str());
        let lines = u32::try_from(source.lines(from)).unwrap_or(u32::MAX);
        let line = source.line.saturating_add(lines);
        self.css.push_from(&css[from..to], name, line);
        self.css.push("\n");
        !css[from..to].contains('@')
    }

    /// Reads a file at the place of its `<mj-include>`. Returns the offset after that element.
    pub(super) fn include(&mut self, text: &str, at: usize, tag: &StartTag) -> Result<usize> {
        let value = |name: &str| {
            let attribute = tag.attributes.iter().find(|attribute| attribute.name == name)?;
            Some(&text[attribute.value.clone()])
        };
        if let Some(attribute) =
            tag.attributes.iter().find_map(|attribute| attribute.template.as_ref())
        {
            return Err(self
                .error(attribute.start, "a template tag cannot be in <mj-include>")
                .hint(
                    "write a fixed file name, and choose between files with {% if %} around <mj-include>",
                ));
        }
        let path = value("path").unwrap_or_default();
        let source = &self.sources[self.source()];
        let refuse = |what: String| {
            self.error(at, format!("<mj-include path={path:?}>: {what}")).hint(confined::hint(
                &what,
                "name a file in the folder of the message, or below it",
            ))
        };
        let name = confined::joined(&source.name, path)
            .ok_or_else(|| refuse("it is not below the message's folder".to_owned()))?;
        if self.reading.iter().any(|source| self.sources[*source].name == name) {
            return Err(refuse(format!("{name} includes itself")));
        }
        if self.reading.len() > DEEPEST {
            return Err(refuse(format!("includes are nested more than {DEEPEST} deep")));
        }
        let content = self.folder.read(&name).map_err(refuse)?;
        let kind = value("type").unwrap_or("mjml").to_owned();
        let is_inline = value("css-inline") == Some("inline");
        let end = match tag.is_empty {
            true => tag.end,
            false => self.content(text, at, tag)?.1,
        };
        let shown = self.folder.path().join(&name).to_string_lossy().into_owned();
        let included = Source::new(shown, name, content, 1);
        match kind.as_str() {
            "mjml" => self.add(included)?,
            "html" => self.add_whole(included, "mj-raw", false),
            "css" => self.add_whole(included, "mj-style", is_inline),
            other => {
                return Err(self
                    .error(at, format!("<mj-include type={other:?}> is not known"))
                    .hint("the types are mjml, html and css"));
            }
        }
        Ok(end)
    }

    /// Writes a whole file as the content of one element.
    fn add_whole(&mut self, source: Source, element: &str, is_inline: bool) {
        let text = source.text.clone();
        self.sources.push(source);
        self.reading.push(self.sources.len() - 1);
        let was_moving = self.is_moving;
        self.is_moving |= element == "mj-style" && !self.is_in_head();
        let is_blank = text.trim().is_empty();
        if !is_blank && (!is_inline || !self.inline(&text, 0, text.len())) {
            self.write(&format!("<{element}>"), 0);
            let role = if element == "mj-raw" { Role::Raw } else { Role::Content };
            self.token(role, 0, text.len());
            self.write(&format!("</{element}>"), text.len());
        }
        self.is_moving = was_moving;
        self.reading.pop();
    }
}
