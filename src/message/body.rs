//! Bodies: from the templates of a message to its text part and its HTML part.

use serde::{Deserialize, Serialize};

use crate::model::error::{Error, Result};

use super::elements;
use super::markdown;
use super::row::Row;
use super::template::{HTML_BODY, MARKDOWN_BODY, RenderError, Source, TEXT_BODY, Templates};

/// The columns at which text made from HTML is wrapped.
const TEXT_WIDTH: usize = 78;

/// What a message file's body is written in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Format {
    Text,
    Markdown,
    Html,
}

/// The body's templates. Markdown stands alone; HTML may have a text of its own beside it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "snake_case")]
pub(super) enum Body {
    Text(Source),
    Markdown(Source),
    Html { html: Source, text: Option<Source> },
}

/// A rendered body.
pub(super) struct Parts {
    pub(super) text: String,
    pub(super) html: Option<String>,
}

impl Body {
    /// Compiles the templates.
    pub(super) fn compile(&self, templates: &mut Templates) -> Result<()> {
        if let Self::Html { html, text: None } = self {
            // The file's HTML is in each message, so it is refused before any of them is made.
            let refused = |why| {
                Error::refused(format!("{HTML_BODY}: {why}"))
                    .hint("lay the message out with fewer elements, or write it in Markdown")
            };
            elements::bounded(&html.text).map_err(refused)?;
        }
        self.templates().try_for_each(|(name, source)| templates.add(name, source))
    }

    /// The templates with their names.
    pub(super) fn templates(&self) -> impl Iterator<Item = (&'static str, &Source)> {
        let (first, second) = match self {
            Self::Text(source) => ((TEXT_BODY, source), None),
            Self::Markdown(source) => ((MARKDOWN_BODY, source), None),
            Self::Html { html, text } => {
                ((HTML_BODY, html), text.as_ref().map(|text| (TEXT_BODY, text)))
            }
        };
        std::iter::once(first).chain(second)
    }

    /// Finds whatever `render` would refuse but for HTML of which no text can be made.
    pub(super) fn probe(&self, templates: &Templates, row: &Row<'_>) -> Result<(), RenderError> {
        self.templates().try_for_each(|(name, _)| templates.probe(name, row))
    }

    /// Renders both parts.
    pub(super) fn render(
        &self,
        templates: &Templates,
        row: &Row<'_>,
    ) -> Result<Parts, RenderError> {
        Ok(match self {
            Self::Text(_) => Parts { text: templates.render(TEXT_BODY, row)?, html: None },
            Self::Markdown(_) => {
                let rendered = templates.render(MARKDOWN_BODY, row)?;
                Parts {
                    text: markdown::to_text(&rendered),
                    html: Some(markdown::to_html(&rendered)),
                }
            }
            Self::Html { text, .. } => {
                let html = templates.render(HTML_BODY, row)?;
                let text = if text.is_some() {
                    templates.render(TEXT_BODY, row)?
                } else {
                    html_to_text(&html)?
                };
                Parts { text, html: Some(html) }
            }
        })
    }
}

fn html_to_text(html: &str) -> Result<String, RenderError> {
    elements::bounded(html).map_err(|why| RenderError::of(HTML_BODY, None, why))?;
    html2text::config::plain()
        .allow_width_overflow()
        .no_table_borders()
        .no_link_wrapping()
        .string_from_read(html.as_bytes(), TEXT_WIDTH)
        .map_err(|_| RenderError::of(HTML_BODY, None, "no text part can be made of this HTML"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn html_gives_text_with_its_links() {
        let html = "<html><head><title>t</title><style>p{}</style></head><body><h1>Hi</h1><p>Zoë &amp; co</p>\
                    <table><tr><td><a href=\"https://acme.example/x\">Shop</a></td></tr></table></body></html>";
        let text = html_to_text(html).expect("text");
        assert!(text.contains("Zoë & co") && text.contains("https://acme.example/x"), "{text}");
        assert!(!text.contains('<') && !text.contains("p{}"), "{text}");
    }
}
