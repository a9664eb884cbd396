//! The body of a message: its templates, and the text part and HTML part that they produce for a
//! row.

use std::borrow::Cow;
use std::collections::{HashMap, HashSet};
use std::sync::{Arc, OnceLock};

use serde::{Deserialize, Serialize};

use crate::model::error::{Error, Result};

use super::markdown;
use super::piece::{As, Piece, Values, push_text};
use super::prepared::HTML;
use super::recorder::Fixed;
use super::row::Row;
use super::template::{
    BODY_FILE, HTML_BODY, MARKDOWN_BODY, OF, Print, RenderError, Source, TEXT_BODY, Templates,
};
use super::variants::{Part, Variant, Variants};
use super::{confined, derived, elements, preheader};

/// The most characters of a body's name that an error quotes.
const LONGEST_NAME: usize = 80;

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

    /// Returns the renderers of all bodies.
    pub(super) fn printers(&self, has_preheader: bool) -> Printers {
        let variants = Arc::new(match self {
            Self::Chosen { .. } => Variants::of_many(),
            _ => Variants::default(),
        });
        match self {
            Self::Chosen { folder, name, bodies } => {
                let mut number = 0;
                let printers = bodies.iter().map(|(file, body)| {
                    number += 2;
                    (
                        file.clone(),
                        body.own_printers(Some(file), number, (&variants, has_preheader)),
                    )
                });
                let by_name = printers.collect();
                Printers::Chosen { folder: folder.clone(), template: name.text.clone(), by_name }
            }
            own => Printers::Own(own.own_printers(None, 0, (&variants, has_preheader))),
        }
    }

    /// Returns the renderers of one body, with the text part first. `file` is set if rows choose
    /// the body.
    fn own_printers(
        &self,
        file: Option<&str>,
        number: u32,
        (variants, has_preheader): (&Arc<Variants>, bool),
    ) -> Vec<Printer> {
        let printer = |name, number, makes| Printer {
            name: named(name, file).into_owned(),
            number,
            makes,
            has_preheader,
            plain: OnceLock::new(),
            variants: Arc::clone(variants),
        };
        match self {
            Self::Text(_) => vec![printer(TEXT_BODY, number, Makes::Text)],
            Self::Markdown(_) => vec![printer(MARKDOWN_BODY, number, Makes::Markdown)],
            Self::Html { text: None, .. } => vec![printer(HTML_BODY, number, Makes::HtmlWithText)],
            Self::Html { text: Some(_), .. } => {
                vec![
                    printer(TEXT_BODY, number, Makes::Text),
                    printer(HTML_BODY, number + 1, Makes::Html),
                ]
            }
            // A chosen body never contains another choice.
            Self::Chosen { .. } => Vec::new(),
        }
    }
}

/// Returns the name of a body's template. `file` is set if rows choose the body.
fn named(name: &str, file: Option<&str>) -> Cow<'static, str> {
    match file {
        Some(file) => format!("{name}{OF}{file}").into(),
        None => name.to_owned().into(),
    }
}

/// The renderers of a body, or of all bodies that rows choose from.
#[derive(Debug)]
pub(super) enum Printers {
    Own(Vec<Printer>),
    Chosen { folder: String, template: String, by_name: HashMap<String, Vec<Printer>> },
}

impl Printers {
    /// Returns the renderers of the body for a row.
    pub(super) fn of(
        &self,
        templates: &Templates,
        row: &Row<'_>,
    ) -> Result<&[Printer], RenderError> {
        let (folder, template, by_name) = match self {
            Self::Own(printers) => return Ok(printers),
            Self::Chosen { folder, template, by_name } => (folder, template, by_name),
        };
        let name = templates.render(BODY_FILE, row)?;
        let refused = |why: String| {
            let shown: String = name.escape_debug().take(LONGEST_NAME).collect();
            let message = format!("`{template}` gives {shown:?}, {why}", shown = shown);
            RenderError::of(BODY_FILE, templates.line(BODY_FILE), message)
        };
        let clean = confined::clean(&name).map_err(|why| refused(format!("which {why}")))?;
        let found = by_name.get(&clean);
        found.map(Vec::as_slice).ok_or_else(|| {
            refused(format!("which is not among the {} bodies in {folder}", by_name.len()))
        })
    }
}

/// The parts that a template's output becomes. `HtmlWithText` also derives the text part.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Makes {
    Text,
    Html,
    HtmlWithText,
    Markdown,
}

/// Renders one template of a body and caches its variants.
#[derive(Debug)]
pub(super) struct Printer {
    name: String,
    /// Distinguishes the template's variants in a cache that several templates share.
    number: u32,
    makes: Makes,
    /// Whether a preheader is inserted into the HTML.
    has_preheader: bool,
    /// The only variant of a plain template, built when it is first needed.
    plain: OnceLock<Arc<Variant>>,
    variants: Arc<Variants>,
}

impl Printer {
    fn print(
        &self,
        templates: &Templates,
        row: &Row<'_>,
        preheader: Option<&str>,
    ) -> Result<Sheet, RenderError> {
        let (variant, mut values) = match templates.print(&self.name, row)? {
            Print::Plain(values) => (self.plain(templates)?, values),
            Print::Recorded(fixed, values) => {
                let make = |fixed: &Fixed| self.variant(&templates.pieces(&self.name, fixed));
                (self.variants.get(fixed.of_template(self.number), make)?, values)
            }
        };
        preheader.into_iter().for_each(|html| values.push(html));
        Ok(Sheet { variant, values })
    }

    /// Returns the error that `print` would return for this row, without building the parts.
    pub(super) fn probe(&self, templates: &Templates, row: &Row<'_>) -> Result<(), RenderError> {
        match templates.probe(&self.name, row)? {
            Some(fixed) if self.makes == Makes::HtmlWithText => {
                let check = |fixed: &Fixed| {
                    Placeholders::new(&templates.pieces(&self.name, fixed)).bounded_html().map(drop)
                };
                self.variants.check(&fixed.of_template(self.number), check)
            }
            _ => Ok(()),
        }
    }

    fn plain(&self, templates: &Templates) -> Result<Arc<Variant>, RenderError> {
        if let Some(variant) = self.plain.get() {
            return Ok(Arc::clone(variant));
        }
        let variant = Arc::new(self.variant(templates.plain_pieces(&self.name))?);
        Ok(Arc::clone(self.plain.get_or_init(|| variant)))
    }

    fn variant(&self, pieces: &[Piece]) -> Result<Variant, RenderError> {
        let placed = |pieces| match self.has_preheader {
            true => preheader::with_place(pieces),
            false => pieces,
        };
        let html = |pieces| Some(Part::new(HTML, placed(pieces)));
        let text = |pieces| Some(Part::new("plain", pieces));
        let own = pieces.to_vec();
        Ok(match self.makes {
            Makes::Text => Variant { text: text(own), html: None },
            Makes::Html => Variant { text: None, html: html(own) },
            Makes::HtmlWithText => Variant { text: text(text_of(pieces)?), html: html(own) },
            Makes::Markdown => Variant {
                text: text(markdown::to_text(pieces)),
                html: html(markdown::to_html(pieces)),
            },
        })
    }
}

/// The output of one template for one row.
struct Sheet {
    variant: Arc<Variant>,
    values: Values,
}

/// The body of one row.
pub(super) struct Printed(Vec<Sheet>);

impl Printed {
    /// Renders the templates for a row.
    pub(super) fn new(
        printers: &[Printer],
        templates: &Templates,
        row: &Row<'_>,
        preheader: Option<&str>,
    ) -> Result<Self, RenderError> {
        let sheets = printers.iter().map(|printer| printer.print(templates, row, preheader));
        sheets.collect::<Result<_, _>>().map(Self)
    }

    fn text_part(&self) -> Option<(&Part, &Values)> {
        self.0.iter().find_map(|sheet| Some((sheet.variant.text.as_ref()?, &sheet.values)))
    }

    fn html_part(&self) -> Option<(&Part, &Values)> {
        self.0.iter().find_map(|sheet| Some((sheet.variant.html.as_ref()?, &sheet.values)))
    }

    pub(super) fn text(&self) -> String {
        self.text_part().map(|(part, values)| part.fill(values)).unwrap_or_default()
    }

    pub(super) fn html(&self) -> Option<String> {
        self.html_part().map(|(part, values)| part.fill(values))
    }

    pub(super) fn has_html(&self) -> bool {
        self.html_part().is_some()
    }

    /// Appends the MIME part of the text.
    pub(super) fn push_text(&self, out: &mut Vec<u8>) {
        if let Some((part, values)) = self.text_part() {
            part.push(out, values);
        }
    }

    /// Appends the MIME part of the HTML.
    pub(super) fn push_html(&self, out: &mut Vec<u8>) {
        if let Some((part, values)) = self.html_part() {
            part.push(out, values);
        }
    }

    /// The approximate size of the parts in bytes.
    pub(super) fn usual_size(&self) -> usize {
        let parts = self.text_part().into_iter().chain(self.html_part());
        parts.map(|(part, _)| part.usual_size()).sum()
    }
}

/// HTML in which a placeholder stands for each value.
struct Placeholders {
    html: String,
    open: char,
    close: char,
}

impl Placeholders {
    /// A placeholder is a number between two private-use characters. Both characters must not occur
    /// in the HTML, directly or as a numeric reference.
    fn new(pieces: &[Piece]) -> Self {
        let mut held = HashSet::new();
        for piece in pieces {
            if let Piece::Text(text) = piece {
                held.extend(text.chars().filter(|c| *c >= '\u{e000}'));
                held.extend(text.split("&#").skip(1).filter_map(referred));
            }
        }
        let mut free = private().filter(|c| !held.contains(c));
        // HTML within the limits of `elements` cannot contain all private-use characters.
        let (open, close) = free.next().zip(free.next()).unwrap_or(('\u{f8f0}', '\u{f8f1}'));
        let mut html = String::new();
        for piece in pieces {
            match piece {
                Piece::Text(text) => html.push_str(text),
                Piece::Slot(place, _) => html.push_str(&format!("{open}{place}{close}")),
            }
        }
        Self { html, open, close }
    }

    /// Returns the HTML, or an error if it is too large to derive a text part.
    fn bounded_html(&self) -> Result<&str, RenderError> {
        elements::bounded(&self.html).map_err(|why| RenderError::of(HTML_BODY, None, why))?;
        Ok(&self.html)
    }

    /// Splits a text derived from the HTML into pieces, with a slot for each placeholder.
    fn pieces_of(&self, text: &str) -> Vec<Piece> {
        let (mut pieces, mut rest) = (Vec::new(), text);
        while let Some((before, behind)) = rest.split_once(self.open) {
            push_text(&mut pieces, before);
            let (place, after) = behind.split_once(self.close).unwrap_or((behind, ""));
            pieces.extend(place.parse().ok().map(|place| Piece::Slot(place, As::Line)));
            rest = after;
        }
        push_text(&mut pieces, rest);
        pieces
    }
}

/// The private-use characters, with the least used ones first.
fn private() -> impl Iterator<Item = char> {
    let numbers = (0xf8f0..=0xf8ff).chain(0xe000..=0xf8ef).chain(0xf_0000..=0xf_fffd);
    numbers.filter_map(char::from_u32)
}

/// Returns the character of a numeric reference. `text` is the text after its `&#`.
fn referred(text: &str) -> Option<char> {
    let (radix, digits) = match text.strip_prefix(['x', 'X']) {
        Some(digits) => (16, digits),
        None => (10, text),
    };
    let end = digits.find(|c: char| !c.is_digit(radix)).unwrap_or(digits.len());
    u32::from_str_radix(&digits[..end], radix).ok().and_then(char::from_u32)
}

/// Derives the text part from HTML.
fn text_of(pieces: &[Piece]) -> Result<Vec<Piece>, RenderError> {
    let placeholders = Placeholders::new(pieces);
    let text = derived::text_of(placeholders.bounded_html()?);
    Ok(placeholders.pieces_of(&text))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn html_gives_text_with_its_links() {
        let html = "<html><head><title>t</title><style>p{}</style></head><body><h1>Hi</h1><p>Zoë &amp; co</p>\
                    <table><tr><td><a href=\"https://acme.example/x\">Shop</a></td></tr></table></body></html>";
        assert_eq!(derived::text_of(html), "Hi\n\nZoë & co\n\nShop <https://acme.example/x>");
    }
}
