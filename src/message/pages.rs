//! Turns the text of a message file into the templates of a body, depending on the file's format.

use crate::model::error::Result;

use super::body::{Body, Format};
use super::confined::Folder;
use super::mapped::Mapped;
use super::template::Source;
use super::{inline, mjml};

/// A message file, or another file that contains a body.
pub(super) struct Page<'p> {
    /// The folder outside of which no file is read. `name` is the file's path below this folder.
    pub(super) folder: &'p Folder,
    pub(super) name: &'p str,
    /// The file's name in errors.
    pub(super) shown: String,
    pub(super) body: &'p str,
    /// The line on which the body begins.
    pub(super) line: u32,
    pub(super) inline_css: Option<bool>,
}

impl Page<'_> {
    /// Returns the body. Warnings are added to `odd`.
    pub(super) fn body(&self, format: Format, odd: &mut Vec<String>) -> Result<Body> {
        let shown = &self.shown;
        let source = || Source::new(self.body, Some(shown.clone()), self.line);
        let without = |html| Ok(Body::Html { html, text: None });
        match format {
            Format::Html => without(inlined(source(), self.inline_css, odd)?),
            Format::Mjml => without(self.mjml(shown, odd)?),
            Format::Text | Format::Markdown => {
                if self.inline_css == Some(true) {
                    odd.push(format!(
                        "{shown}: `inline_css` has no effect here, because the body is neither HTML nor MJML"
                    ));
                }
                Ok(if format == Format::Text {
                    Body::Text(source())
                } else {
                    Body::Markdown(source())
                })
            }
        }
    }

    fn mjml(&self, shown: &str, odd: &mut Vec<String>) -> Result<Source> {
        let page = mjml::render((shown, self.name), (self.body, self.line), self.folder)?;
        odd.extend(page.odd);
        let mut html = page.html;
        if !page.css.text.trim().is_empty() {
            html = note(inline::inline(shown, &html, Some(&page.css))?, odd);
        }
        if self.inline_css == Some(true) {
            html = note(inline::inline(shown, &html, None)?, odd);
        }
        Ok(generated(html, Some(shown.to_owned()), self.line))
    }
}

/// Inlines the CSS of HTML if `inline_css` is true.
pub(super) fn inlined(
    source: Source,
    inline_css: Option<bool>,
    odd: &mut Vec<String>,
) -> Result<Source> {
    if inline_css != Some(true) {
        return Ok(source);
    }
    let shown = source.file.clone().unwrap_or_else(|| "message.html".to_owned());
    let html = Mapped::of(&source.text, source.line);
    let html = note(inline::inline(&shown, &html, None)?, odd);
    Ok(generated(html, source.file, source.line))
}

fn note((html, notes): (Mapped, Vec<String>), odd: &mut Vec<String>) -> Mapped {
    odd.extend(notes);
    html
}

fn generated(html: Mapped, file: Option<String>, line: u32) -> Source {
    let places = html.places_of_tags();
    Source { text: html.text, file, line, places }
}
