//! A message prepared for a run: everything that is the same for all recipients encoded once, for
//! messages of plain templates.
//!
//! The rule it keeps: the bytes are those of `mime::assemble`; where they might not be, `assemble`
//! returns `None` and the caller uses `mime::assemble`.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use lettre::message::header::ContentType;
use lettre::message::{MultiPart, MultiPartBuilder, SinglePart};

use super::body::Body;
use super::ident::boundary;
use super::markdown::{self, Shape};
use super::plain::{Piece, Plain};
use super::prepared::PreparedPart;
use super::row::Row;
use super::template::{Escape, HTML_BODY, MARKDOWN_BODY, TEXT_BODY, Templates};

/// Values of one Markdown message come in few combinations of shapes; more than this many are
/// converted one by one.
const MOST_SHAPES: usize = 64;

/// More bytes than a line with a boundary has.
const BOUNDARY_LINE: usize = 64;

/// A prepared message.
#[derive(Debug)]
pub(super) struct Skeleton {
    text: PreparedPart,
    html: Html,
    attachments: Vec<Vec<u8>>,
    mixed: Frame,
    alternative: Frame,
    /// The most bytes of what is neither header nor text nor HTML.
    fixed: usize,
}

#[derive(Debug)]
enum Html {
    None,
    Own(PreparedPart),
    /// The HTML that Markdown becomes depends on the shapes of the values and on nothing else of
    /// them.
    OfMarkdown(Cache),
}

/// The HTML parts of a Markdown message by the shapes of its values.
type Cache = Mutex<HashMap<Vec<Shape>, Option<Arc<PreparedPart>>>>;

/// A multipart's header block around its boundary.
#[derive(Debug)]
struct Frame {
    before: Vec<u8>,
    after: Vec<u8>,
}

impl Frame {
    fn new(multipart: MultiPartBuilder) -> Self {
        let placeholder = boundary("", "");
        let empty = multipart.boundary(placeholder.as_str()).build().formatted();
        let at = memchr::memmem::find(&empty, placeholder.as_bytes())
            .expect("a multipart names its boundary");
        let end = memchr::memmem::find(&empty, b"\r\n\r\n").expect("a header block has an end") + 4;
        Self { before: empty[..at].to_vec(), after: empty[at + placeholder.len()..end].to_vec() }
    }

    fn push_head(&self, out: &mut Vec<u8>, boundary: &str) {
        out.extend_from_slice(&self.before);
        out.extend_from_slice(boundary.as_bytes());
        out.extend_from_slice(&self.after);
    }
}

fn push_boundary(out: &mut Vec<u8>, boundary: &str, end: &str) {
    out.extend_from_slice(b"--");
    out.extend_from_slice(boundary.as_bytes());
    out.extend_from_slice(end.as_bytes());
    out.extend_from_slice(b"\r\n");
}

impl Skeleton {
    /// Prepares a message; `None` where a template is not plain or the text part has to be made
    /// from the HTML.
    pub(super) fn new(
        body: &Body,
        templates: &Templates,
        attachments: &[SinglePart],
    ) -> Option<Self> {
        let part = |plain: &Plain, escape, content_type| {
            PreparedPart::new(plain.pieces(), escape, &content_type)
        };
        let (text, html) = match body {
            Body::Text(_) => (
                part(templates.plain(TEXT_BODY)?, Escape::None, ContentType::TEXT_PLAIN)?,
                Html::None,
            ),
            Body::Html { text: None, .. } => return None,
            Body::Html { text: Some(_), .. } => {
                let html = part(templates.plain(HTML_BODY)?, Escape::Html, ContentType::TEXT_HTML)?;
                (
                    part(templates.plain(TEXT_BODY)?, Escape::None, ContentType::TEXT_PLAIN)?,
                    Html::Own(html),
                )
            }
            Body::Markdown(source) => {
                if markdown::has_marks(&source.text) {
                    return None;
                }
                (
                    part(templates.plain(MARKDOWN_BODY)?, Escape::None, ContentType::TEXT_PLAIN)?,
                    Html::OfMarkdown(Mutex::default()),
                )
            }
        };
        let attachments: Vec<Vec<u8>> = attachments.iter().map(SinglePart::formatted).collect();
        let (mixed, alternative) =
            (Frame::new(MultiPart::mixed()), Frame::new(MultiPart::alternative()));
        let fixed = [&mixed, &alternative]
            .iter()
            .map(|frame| frame.before.len() + frame.after.len())
            .sum::<usize>()
            + attachments.iter().map(Vec::len).sum::<usize>()
            + (6 + attachments.len()) * BOUNDARY_LINE;
        Some(Self { text, html, attachments, mixed, alternative, fixed })
    }

    /// Appends the message: `headers`, MIME-Version and what follows it. Returns false where it has
    /// to be built whole.
    pub(super) fn assemble(
        &self,
        out: &mut Vec<u8>,
        headers: &str,
        templates: &Templates,
        row: &Row<'_>,
        message_id: &str,
    ) -> bool {
        let Some((text_values, html_values, html)) = self.values(templates, row) else {
            return false;
        };
        let html_size = html.as_ref().map_or(0, |html| html.part().usual_size());
        // At once: growing by and by copies what is there each time.
        out.reserve(headers.len() + self.text.usual_size() + html_size + self.fixed);
        out.extend_from_slice(headers.as_bytes());
        out.extend_from_slice(b"MIME-Version: 1.0\r\n");
        let content = |out: &mut Vec<u8>| match &html {
            None => self.text.push(out, &text_values),
            Some(html) => {
                let boundary = boundary(message_id, "alternative");
                self.alternative.push_head(out, &boundary);
                push_boundary(out, &boundary, "");
                if !self.text.push(out, &text_values) {
                    return false;
                }
                push_boundary(out, &boundary, "");
                let is_done = html.part().push(out, &html_values);
                push_boundary(out, &boundary, "--");
                is_done
            }
        };
        if self.attachments.is_empty() {
            return content(out);
        }
        let boundary = boundary(message_id, "mixed");
        self.mixed.push_head(out, &boundary);
        push_boundary(out, &boundary, "");
        let is_done = content(out);
        for attachment in &self.attachments {
            push_boundary(out, &boundary, "");
            out.extend_from_slice(attachment);
        }
        push_boundary(out, &boundary, "--");
        is_done
    }

    /// The values of the text part and of the HTML part, and that part.
    fn values<'a>(
        &'a self,
        templates: &Templates,
        row: &Row<'a>,
    ) -> Option<(Vec<&'a str>, Vec<&'a str>, Option<Prepared<'a>>)> {
        let (text_name, html_name) = if matches!(self.html, Html::OfMarkdown(_)) {
            (MARKDOWN_BODY, MARKDOWN_BODY)
        } else {
            (TEXT_BODY, HTML_BODY)
        };
        let text_values = templates.plain(text_name)?.values(row)?;
        let (html_values, html) = match &self.html {
            Html::None => (Vec::new(), None),
            Html::Own(part) => {
                (templates.plain(html_name)?.values(row)?, Some(Prepared::Own(part)))
            }
            Html::OfMarkdown(cache) => {
                let part = of_markdown(cache, templates.plain(html_name)?, &text_values)?;
                (text_values.clone(), Some(Prepared::Shared(part)))
            }
        };
        Some((text_values, html_values, html))
    }
}

/// A part of the skeleton's own or one of the cache.
enum Prepared<'a> {
    Own(&'a PreparedPart),
    Shared(Arc<PreparedPart>),
}

impl Prepared<'_> {
    fn part(&self) -> &PreparedPart {
        match self {
            Self::Own(part) => part,
            Self::Shared(part) => part,
        }
    }
}

fn of_markdown(cache: &Cache, plain: &Plain, values: &[&str]) -> Option<Arc<PreparedPart>> {
    let shapes =
        values.iter().map(|value| markdown::shape_of(value)).collect::<Option<Vec<Shape>>>()?;
    // Entries are added whole, so a panic elsewhere leaves nothing half done.
    let mut cache = cache.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(known) = cache.get(&shapes) {
        return known.clone();
    }
    if cache.len() >= MOST_SHAPES {
        return None;
    }
    let pieces: Vec<Piece> = markdown::html_pieces(plain.pieces(), &shapes);
    let part = PreparedPart::new(&pieces, Escape::Html, &ContentType::TEXT_HTML).map(Arc::new);
    cache.insert(shapes, part.clone());
    part
}
