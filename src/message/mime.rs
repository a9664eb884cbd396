//! The bytes of one mail: a header block of our own over parts that are encoded once.
//!
//! Lines end in CRLF and are at most 998 bytes long, and equal input gives equal bytes.

use std::borrow::Cow;

use super::body::Printed;
use super::ident::boundary;
use super::row_files::{Attached, OwnFile};

/// More bytes than a multipart's own lines have.
const FRAME: usize = 512;

/// The most bytes of a line of base64 (RFC 2045 section 6.8).
const LINE: usize = 76;

/// The encoded files of a message.
pub(super) struct Files<'a> {
    /// What the HTML shows.
    pub(super) inline: Vec<FilePart<'a>>,
    pub(super) attached: Vec<FilePart<'a>>,
}

/// The part of a file.
pub(super) enum FilePart<'a> {
    Whole(Cow<'a, [u8]>),
    /// Headers with the empty line behind them, and the bytes in base64.
    Base64(&'a [u8], &'a str),
}

impl<'a> FilePart<'a> {
    /// The part of a row's file.
    pub(super) fn of(file: &'a OwnFile) -> Self {
        match &file.head {
            Some(head) => Self::Base64(head, &file.data),
            // It was made once when the file was read.
            None => {
                let part = file.attachment().part().map(|part| part.formatted());
                Self::Whole(part.unwrap_or_default().into())
            }
        }
    }

    fn len(&self) -> usize {
        match self {
            Self::Whole(part) => part.len(),
            Self::Base64(head, data) => head.len() + data.len() + data.len() / 32,
        }
    }

    fn push(&self, out: &mut Vec<u8>) {
        match self {
            Self::Whole(part) => out.extend_from_slice(part),
            Self::Base64(head, data) => {
                out.extend_from_slice(head);
                for line in data.as_bytes().chunks(LINE) {
                    out.extend_from_slice(line);
                    out.extend_from_slice(b"\r\n");
                }
            }
        }
    }
}

/// The parts of the files that the HTML shows, or of the others: those of all rows, then the row's
/// own.
pub(super) fn parts<'a>(
    shared: &'a [Vec<u8>],
    own: &'a Attached,
    is_inline: bool,
) -> Vec<FilePart<'a>> {
    let own = own.0.iter().filter(|file| file.cid.is_some() == is_inline);
    let shared = shared.iter().map(|part| FilePart::Whole(part.into()));
    shared.chain(own.map(FilePart::of)).collect()
}

/// Appends a message. `headers` ends in CRLF and holds neither MIME-Version nor Content-Type.
pub(super) fn assemble(
    out: &mut Vec<u8>,
    headers: &str,
    body: &Printed,
    files: &Files<'_>,
    message_id: &str,
) {
    let parts = files.inline.iter().chain(&files.attached);
    let attached: usize = parts.map(|part| part.len() + FRAME).sum();
    // At once: growing by and by copies what is there each time.
    out.reserve(headers.len() + body.usual_size() + 2 * FRAME + attached);
    out.extend_from_slice(headers.as_bytes());
    out.extend_from_slice(b"MIME-Version: 1.0\r\n");
    if files.attached.is_empty() {
        return push_body(out, body, &files.inline, message_id);
    }
    let boundary = begin(out, message_id, "mixed");
    push_line(out, &boundary, "");
    push_body(out, body, &files.inline, message_id);
    push_parts(out, &boundary, &files.attached);
}

/// Appends files, and the end of the multipart that they are in.
fn push_parts(out: &mut Vec<u8>, boundary: &str, files: &[FilePart<'_>]) {
    for file in files {
        push_line(out, boundary, "");
        file.push(out);
    }
    push_line(out, boundary, "--");
}

fn push_body(out: &mut Vec<u8>, body: &Printed, inline: &[FilePart<'_>], message_id: &str) {
    if !body.has_html() {
        return body.push_text(out);
    }
    let boundary = begin(out, message_id, "alternative");
    push_line(out, &boundary, "");
    body.push_text(out);
    push_line(out, &boundary, "");
    push_html(out, body, inline, message_id);
    push_line(out, &boundary, "--");
}

/// Appends the HTML, with what it shows where there is some.
fn push_html(out: &mut Vec<u8>, body: &Printed, inline: &[FilePart<'_>], message_id: &str) {
    if inline.is_empty() {
        return body.push_html(out);
    }
    let boundary = begin(out, message_id, "related");
    push_line(out, &boundary, "");
    body.push_html(out);
    push_parts(out, &boundary, inline);
}

/// Appends a multipart's header block.
fn begin(out: &mut Vec<u8>, message_id: &str, subtype: &str) -> String {
    let boundary = boundary(message_id, subtype);
    // RFC 2387 section 3.1 wants the type of the first part.
    let root = if subtype == "related" { "; type=\"text/html\"" } else { "" };
    for text in
        ["Content-Type: multipart/", subtype, root, ";\r\n boundary=\"", &boundary, "\"\r\n\r\n"]
    {
        out.extend_from_slice(text.as_bytes());
    }
    boundary
}

/// Appends the line before a part, or behind the last one.
fn push_line(out: &mut Vec<u8>, boundary: &str, end: &str) {
    for text in ["--", boundary, end, "\r\n"] {
        out.extend_from_slice(text.as_bytes());
    }
}
