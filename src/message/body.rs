//! The body of a message as it is stored in the ledger: its templates.

use std::borrow::Cow;

use serde::{Deserialize, Serialize};

use crate::model::error::{Error, Result};

use super::elements;
use super::template::{BODY_FILE, HTML_BODY, MARKDOWN_BODY, OF, Source, TEXT_BODY, Templates};

/// The format of a message file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Format {
    Text,
    Markdown,
    Html,
    Mjml,
}

/// The templates of a body. HTML may have a separate text; Markdown produces both parts.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "snake_case")]
pub(super) enum Body {
    Text(Source),
    Markdown(Source),
    Html {
        html: Source,
        text: Option<Source>,
    },
    /// One body for each file that the template `name` can select. Since version 2.
    Chosen {
        folder: String,
        name: Source,
        bodies: Vec<(String, Body)>,
    },
}

impl Body {
    /// Whether the body, or any of the bodies that rows choose from, has HTML.
    pub(super) fn has_html(&self) -> bool {
        match self {
            Self::Chosen { bodies, .. } => bodies.iter().any(|(_, body)| body.has_html()),
            body => !matches!(body, Self::Text(_)),
        }
    }

    /// Adds the templates to `templates` and compiles them.
    pub(super) fn compile(&self, templates: &mut Templates) -> Result<()> {
        if let Self::Chosen { name, .. } = self {
            templates.add(BODY_FILE, name)?;
        }
        for body in self.each() {
            let Self::Html { html, text: None } = body else { continue };
            // The HTML is part of every message, so HTML that is too large is refused before
            // rendering.
            let what = html.file.as_deref().filter(|_| matches!(self, Self::Chosen { .. }));
            let what = what.unwrap_or(HTML_BODY);
            let refused = |why| {
                Error::refused(format!("{what}: {why}"))
                    .hint("use fewer elements in the message, or write it in Markdown")
            };
            elements::bounded(&html.text).map_err(refused)?;
        }
        self.templates().into_iter().try_for_each(|(name, source)| {
            match source.text.ends_with('\n') {
                // The engine removes one line break from the end of a template. For HTML, one is
                // added, so that every byte of the file is kept.
                true if name.starts_with(HTML_BODY) => {
                    let text = format!("{}\n", source.text);
                    templates.add(&name, &Source { text, ..source.clone() })
                }
                _ => templates.add(&name, source),
            }
        })
    }

    /// The HTML templates of all bodies.
    pub(super) fn html_mut(&mut self) -> Vec<&mut Source> {
        match self {
            Self::Html { html, .. } => vec![html],
            Self::Chosen { bodies, .. } => {
                bodies.iter_mut().flat_map(|(_, body)| body.html_mut()).collect()
            }
            Self::Text(_) | Self::Markdown(_) => Vec::new(),
        }
    }

    /// The bodies that a row can get.
    fn each(&self) -> impl Iterator<Item = &Self> {
        let (own, chosen) = match self {
            Self::Chosen { bodies, .. } => (None, bodies.as_slice()),
            body => (Some(body), [].as_slice()),
        };
        own.into_iter().chain(chosen.iter().map(|(_, body)| body))
    }

    /// The templates of all bodies with their names.
    pub(super) fn templates(&self) -> Vec<(Cow<'static, str>, &Source)> {
        match self {
            Self::Chosen { bodies, .. } => {
                let each = bodies.iter().flat_map(|(file, body)| {
                    let own = body.templates().into_iter();
                    own.map(move |(name, source)| (named(&name, Some(file)), source))
                });
                each.collect()
            }
            Self::Text(source) => vec![(TEXT_BODY.into(), source)],
            Self::Markdown(source) => vec![(MARKDOWN_BODY.into(), source)],
            Self::Html { html, text } => {
                let text = text.iter().map(|text| (TEXT_BODY.into(), text));
                std::iter::once((HTML_BODY.into(), html)).chain(text).collect()
            }
        }
    }
}

/// Returns the name of a body's template. `file` is set if rows choose the body.
pub(super) fn named(name: &str, file: Option<&str>) -> Cow<'static, str> {
    match file {
        Some(file) => format!("{name}{OF}{file}").into(),
        None => name.to_owned().into(),
    }
}
