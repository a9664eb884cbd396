//! Renders the body of a message for a row: from its templates to the text part and HTML part.

use std::collections::HashMap;
use std::sync::{Arc, OnceLock};

use super::body::{Body, named};
use super::piece::{Piece, Values};
use super::placeholders::Placeholders;
use super::prepared::HTML;
use super::recorder::Fixed;
use super::row::Row;
use super::template::{
    BODY_FILE, HTML_BODY, MARKDOWN_BODY, Print, RenderError, TEXT_BODY, Templates,
};
use super::variants::{Part, Variant, Variants};
use super::{confined, markdown, preheader};

/// The most characters of a body's name that an error quotes.
const LONGEST_NAME: usize = 80;

impl Body {
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
            Makes::HtmlWithText => {
                Variant { text: text(Placeholders::text_of(pieces)?), html: html(own) }
            }
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

    /// Whether the HTML may show the file with this Content-ID.
    pub(super) fn shows(&self, cid: &str) -> bool {
        self.html_part().is_some_and(|(part, values)| {
            part.shows(cid) || values.contain("cid:") || values.contain("CID:")
        })
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
