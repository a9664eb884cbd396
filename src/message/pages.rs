//! Turns the text of a message file into the templates of a body, depending on the file's format.

use crate::model::error::Result;

use super::body::{Body, Format};
use super::confined::Folder;
use super::includes::Include;
use super::inline::{self, File};
use super::mapped::Mapped;
use super::mjml;
use super::template::Source;

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
            Format::Html => without(source()),
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
            let file = File { name: None, shown, html: &html };
            let (inlined, notes) = inline::inline(&[file], 1, Some(&page.css))?;
            odd.extend(notes);
            html = inlined.into_iter().next().unwrap_or_default();
        }
        Ok(generated(html, Some(shown.to_owned()), self.line))
    }
}

/// Inlines the CSS of HTML bodies, also into the files that they include.
pub(super) fn inline_css(
    body: &mut Body,
    includes: &mut [Include],
    odd: &mut Vec<String>,
) -> Result<()> {
    let mut pages = body.html_mut();
    let count = pages.len();
    let own = pages.iter().map(|source| (None, &**source));
    let included = includes.iter().map(|include| (Some(include.name.as_str()), &include.source));
    let all: Vec<(Option<&str>, &Source)> = own.chain(included).collect();
    let texts: Vec<Mapped> = all
        .iter()
        .map(|(_, source)| match source.places.as_slice() {
            [] => Mapped::of(&source.text, source.line),
            places => Mapped { text: source.text.clone(), places: places.to_vec() },
        })
        .collect();
    let files = all.iter().zip(&texts).map(|((name, source), html)| File {
        name: *name,
        shown: source.file.as_deref().unwrap_or("message.html"),
        html,
    });
    let (inlined, notes) = inline::inline(&files.collect::<Vec<_>>(), count, None)?;
    odd.extend(notes);
    let included = includes.iter_mut().map(|include| &mut include.source);
    for ((number, source), html) in pages.drain(..).chain(included).enumerate().zip(inlined) {
        if number < count || html.text != source.text {
            *source = generated(html, source.file.take(), source.line);
        }
    }
    Ok(())
}

fn generated(html: Mapped, file: Option<String>, line: u32) -> Source {
    let places = html.places_of_tags();
    Source { text: html.text, file, line, places }
}
