//! A message taken apart: its own header, what people are meant to read, the reports of machines, the returned message.
//!
//! Nothing here trusts the Content-Type alone: gateways rename parts, cut messages in the middle and nest reports in forwards. Depth and
//! amount are bounded, so a message made to be expensive is read in part.

use mail_parser::{Message, MessageParser, MimeHeaders, PartType};

use super::headers::{self, fields};

/// Messages within messages are followed this far.
const DEEPEST: usize = 6;

/// How much text of one message is looked at.
const MOST_TEXT: usize = 1 << 20;

/// A message taken apart.
#[derive(Debug, Default)]
pub(super) struct Parts {
    /// Its header fields, names lowercased, unfolded and with encoded words decoded in `subject`.
    pub(super) header: Vec<(String, String)>,
    pub(super) subject: String,
    /// `report-type` of a multipart/report, lowercased.
    pub(super) report_type: String,
    /// What people are meant to read, in order.
    pub(super) texts: Vec<String>,
    /// message/delivery-status and the like.
    pub(super) statuses: Vec<String>,
    /// message/feedback-report.
    pub(super) complaints: Vec<String>,
    /// There is a message/disposition-notification.
    pub(super) is_receipt: bool,
    /// The header of the returned message.
    pub(super) original: Vec<(String, String)>,
    /// Messages in it, as they are; a forward may hold a report.
    pub(super) nested: Vec<Vec<u8>>,
}

impl Parts {
    /// Takes a message apart; `None` when there is no header to begin with.
    pub(super) fn of(raw: &[u8]) -> Option<Self> {
        let message = MessageParser::default().parse(raw)?;
        let mut parts = Self { header: fields(&decoded(header_of(raw))), ..Self::default() };
        if parts.header.is_empty() {
            return None;
        }
        parts.subject = message.subject().map_or_else(|| parts.get("subject").unwrap_or_default().to_owned(), str::to_owned);
        if let Some(kind) = message.content_type()
            && kind.ctype().eq_ignore_ascii_case("multipart")
        {
            parts.report_type = kind.attribute("report-type").unwrap_or_default().trim().to_ascii_lowercase();
        }
        parts.walk(&message);
        if parts.texts.is_empty() && parts.statuses.is_empty() && parts.complaints.is_empty() && parts.nested.is_empty() {
            // A boundary that never comes, or a declared encoding that is not kept: the body is taken as it stands.
            parts.texts.push(decoded(&raw[header_of(raw).len()..]));
        }
        Some(parts)
    }

    /// The first value of a header field; `name` in lowercase.
    pub(super) fn get(&self, name: &str) -> Option<&str> {
        headers::get(&self.header, name)
    }

    /// Keeps the header of the first message that was returned.
    fn returned(&mut self, header: &str) {
        if self.original.is_empty() {
            self.original = fields(header);
        }
    }

    fn walk(&mut self, message: &Message<'_>) {
        let mut left = MOST_TEXT;
        for part in message.parts.iter().take(1_000) {
            let (kind, subtype) = match part.content_type() {
                Some(kind) => (kind.ctype().to_ascii_lowercase(), kind.subtype().unwrap_or_default().to_ascii_lowercase()),
                None => ("text".to_owned(), "plain".to_owned()),
            };
            match (&part.body, subtype.as_str()) {
                (PartType::Multipart(_), _) => {}
                (PartType::Message(inner), _) => {
                    let raw = inner.raw_message();
                    self.returned(&decoded(header_of(raw)));
                    if self.nested.len() < DEEPEST {
                        self.nested.push(raw.to_vec());
                    }
                }
                (_, "delivery-status" | "global-delivery-status" | "x-delivery-status") => {
                    self.statuses.push(cut(decoded(part.contents()), &mut left))
                }
                (_, "feedback-report") => self.complaints.push(cut(decoded(part.contents()), &mut left)),
                (_, "disposition-notification" | "global-disposition-notification") => self.is_receipt = true,
                (_, "rfc822-headers" | "global-headers" | "partial") | (PartType::Binary(_) | PartType::InlineBinary(_), "rfc822") => {
                    self.returned(&decoded(part.contents()));
                }
                (PartType::Html(html), _) => {
                    let html: String = html.chars().take(MOST_TEXT / 4).collect();
                    let text = mail_parser::decoders::html::html_to_text(&html);
                    self.texts.push(cut(text, &mut left));
                }
                (PartType::Text(text), _) => {
                    let text = if part.is_encoding_problem { decoded(text.as_bytes()) } else { text.clone().into_owned() };
                    self.texts.push(cut(text, &mut left));
                }
                (PartType::Binary(bytes) | PartType::InlineBinary(bytes), _) if kind == "text" || kind == "message" => {
                    self.texts.push(cut(decoded(bytes), &mut left));
                }
                _ => {}
            }
        }
    }
}

/// The bytes of the header, up to the first empty line.
pub(super) fn header_of(raw: &[u8]) -> &[u8] {
    let mut at = 0;
    for line in raw.split_inclusive(|b| *b == b'\n') {
        if line.iter().all(u8::is_ascii_whitespace) && at > 0 {
            return &raw[..at];
        }
        at += line.len();
    }
    raw
}

/// Bytes as text: UTF-8 where they are, otherwise byte by byte, in which addresses and codes can still be read.
pub(super) fn decoded(bytes: &[u8]) -> String {
    match std::str::from_utf8(bytes) {
        Ok(text) => text.to_owned(),
        Err(e) if e.error_len().is_none() || e.valid_up_to() > bytes.len() / 2 => String::from_utf8_lossy(bytes).into_owned(),
        Err(_) => encoding_rs::mem::decode_latin1(bytes).into_owned(),
    }
}

fn cut(mut text: String, left: &mut usize) -> String {
    let mut end = text.len().min(*left);
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    text.truncate(end);
    *left -= end;
    text
}
