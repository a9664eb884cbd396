//! Renders MJML bodies to HTML. This happens once, when the message is loaded, before any template
//! is rendered.
//!
//! The rules it keeps: template tags, and the content of elements that contain HTML, appear in the
//! output unchanged, or the message is refused. No file outside the message's folder is read, and
//! nothing is downloaded.

use mrml::prelude::parser::{Error as ParseError, ParserOptions, Span};
use mrml::prelude::render::RenderOptions;

use crate::model::error::{Error, Result};

use super::confined::Folder;
use super::mapped::Mapped;

mod output;
mod reader;

use output::Protected;
use reader::Reader;

/// The result of rendering an MJML file.
pub(super) struct Page {
    pub(super) html: Mapped,
    /// CSS to be written into the `style` attributes of the HTML.
    pub(super) css: Mapped,
    /// Warnings about attributes that MJML ignores.
    pub(super) odd: Vec<String>,
}

/// Renders an MJML body. `shown` is the file's name in errors, and `name` is its path below
/// `folder`.
pub(super) fn render(
    (shown, name): (&str, &str),
    (body, line): (&str, u32),
    folder: &Folder,
) -> Result<Page> {
    let protected = Reader::read((shown, name), (body, line), folder)?;
    let parsed = mrml::parse_with_options(&protected.text, &ParserOptions::default())
        .map_err(|why| unparsable(&protected, &why))?;
    let warnings = parsed.warnings.iter();
    let odd = warnings
        .map(|warning| {
            let place = protected.shown_place(warning.span.start);
            format!("{place}: MJML ignores this attribute, which this element does not have")
        })
        .collect();
    let rendered = parsed.element.render(&RenderOptions::default()).map_err(|why| {
        Error::refused(format!("{shown}: MJML cannot be rendered: {why}"))
            .hint("see the elements and attributes at https://documentation.mjml.io")
    })?;
    Ok(Page { html: protected.restored(&rendered)?, css: protected.css, odd })
}

/// Returns the error for MJML that mrml cannot parse.
fn unparsable(protected: &Protected, why: &ParseError) -> Error {
    let at = |position: &Span| protected.shown_place(position.start);
    let named = |position: &Span| {
        let text = protected.text.get(position.start..).unwrap_or_default();
        let name = text.trim_start_matches(['<', '/']);
        let end = name.find(|c: char| !c.is_ascii_alphanumeric() && c != '-');
        format!("`{}`", &name[..end.unwrap_or(name.len()).min(40)])
    };
    let elements = "see the elements at https://documentation.mjml.io, and put HTML into <mj-raw> or <mj-text>";
    let (place, what, hint) = match why {
        ParseError::UnexpectedElement { position, .. } => {
            (at(position), format!("the element {} is not known here", named(position)), elements)
        }
        ParseError::UnexpectedToken { position, .. } => {
            (at(position), "this text or element is not allowed here".to_owned(), elements)
        }
        ParseError::MissingAttribute { name, position, .. } => {
            (at(position), format!("the attribute `{name}` is missing"), elements)
        }
        ParseError::InvalidAttribute { position, .. }
        | ParseError::InvalidFormat { position, .. } => {
            (at(position), "the value of this attribute is not valid".to_owned(), elements)
        }
        ParseError::ParserError { source, .. } => {
            let pos = source.pos();
            let at = protected.offset(pos.row as usize, pos.col as usize);
            let hint = "close every element and every quote";
            (protected.shown_place(at), "this is not well-formed MJML".to_owned(), hint)
        }
        _ => (protected.shown_place(protected.text.len()), why.to_string(), elements),
    };
    Error::refused(format!("{place}: {what}")).hint(hint)
}

#[cfg(test)]
mod tests;
