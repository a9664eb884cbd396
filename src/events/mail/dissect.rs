//! Splits a message into its header, its texts, its machine-readable reports and the returned
//! message.
//!
//! The declared Content-Type alone is not trusted, because gateways rename parts, truncate messages
//! and nest reports in forwards. Depth and size are limited: of a message that exceeds the limits,
//! only a part is read.

use bytes::Bytes;

use super::addresses::unescaped;
use super::headers::fields;
use super::mime::{self, Part, decoded, header_of};
use super::origin;
use super::parts::Parts;

/// The maximum number of nested messages to read.
const MOST_NESTED: usize = 6;

/// The maximum length of text to read from one message. A report about 100,000 recipients fits.
const MOST_TEXT: usize = 32 << 20;

/// The maximum length of an HTML part to read, because converting HTML to text is slow.
const MOST_HTML: usize = 256 << 10;

impl Parts {
    /// Splits a message. Returns `None` if it does not begin with a header.
    pub(super) fn of(raw: &Bytes) -> Option<Self> {
        let mut parts = Self { header: fields(&decoded(header_of(raw))), ..Self::default() };
        if parts.header.is_empty() {
            return None;
        }
        let mut cut = mime::cut(raw);
        parts.subject = cut
            .subject
            .take()
            .unwrap_or_else(|| parts.get("subject").unwrap_or_default().to_owned());
        // Only a mail system's message is split at a boundary that its header does not declare. If
        // a person quotes a report, it stays part of the text.
        if matches!(cut.parts.as_slice(), [part] if part.kind == "text")
            && origin::is_from_mail_system(&parts)
            && let Some(whole) = mime::with_lost_boundary(&cut.parts[0].body)
        {
            cut = mime::cut(&whole);
        }
        parts.report_type = cut.report_type;
        parts.is_cut_short = cut.is_cut_short;
        let mut left = MOST_TEXT;
        for part in &cut.parts {
            parts.sort(part, &mut left);
        }
        if parts.texts.is_empty()
            && parts.statuses.is_empty()
            && parts.complaints.is_empty()
            && parts.nested.is_empty()
        {
            // No part could be read as its declared type, so the whole body is read as text.
            parts.texts.push(cut_to(decoded(&raw[header_of(raw).len()..]), &mut left));
        }
        Some(parts)
    }

    /// Stores the header of the first returned message.
    fn returned(&mut self, header: &str) {
        if self.original.is_empty() {
            self.original = fields(header);
        }
    }

    /// Stores a part according to its type. `left` is how many more bytes of text may be read.
    fn sort(&mut self, part: &Part, left: &mut usize) {
        let text = |left: &mut usize| cut_to(unescaped(&part.text()), left);
        match (part.kind.as_str(), part.subtype.as_str()) {
            ("message", "rfc822" | "global") => {
                let header = decoded(header_of(&part.body));
                if fields(&header).is_empty() {
                    self.texts.push(text(left));
                    return;
                }
                self.returned(&header);
                if self.nested.len() < MOST_NESTED {
                    self.nested.push(part.body.clone());
                }
            }
            // These parts have no length limit, because a machine-readable report may be long.
            (_, "delivery-status" | "global-delivery-status" | "x-delivery-status") => {
                self.statuses.push(unescaped(&part.text()))
            }
            (_, "feedback-report") => self.complaints.push(text(left)),
            (_, "disposition-notification" | "global-disposition-notification") => {
                self.receipts.push(text(left))
            }
            (_, "rfc822-headers" | "global-headers" | "partial" | "rfc822") => {
                self.returned(&decoded(&part.body))
            }
            ("text", "html") => {
                let html: String = part.text().chars().take(MOST_HTML).collect();
                let text = mail_parser::decoders::html::html_to_text(&with_breaks(&html));
                self.texts.push(cut_to(unescaped(&text), left));
            }
            ("text" | "message", _) => self.texts.push(text(left)),
            _ => {}
        }
    }
}

/// Adds a line break before each HTML block. The HTML converter omits it after an inline element,
/// as in `<a>ann@example.com</a><p>No`.
fn with_breaks(html: &str) -> String {
    const BLOCKS: [&str; 6] = ["p", "div", "tr", "table", "ul", "li"];
    let is_block = |tag: &str| BLOCKS.iter().any(|name| tag.eq_ignore_ascii_case(name));
    let mut out = String::with_capacity(html.len() + 64);
    for (number, piece) in html.split('<').enumerate() {
        if number > 0 {
            let tag = piece.split(|c: char| !c.is_ascii_alphanumeric()).next().unwrap_or_default();
            out.push_str(if is_block(tag) { "<br><" } else { "<" });
        }
        out.push_str(piece);
    }
    out
}

fn cut_to(mut text: String, left: &mut usize) -> String {
    let end = text.floor_char_boundary(*left);
    text.truncate(end);
    *left -= end;
    text
}
