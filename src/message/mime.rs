//! Assembles the bytes of one mail: the header block, then parts that are already encoded.
//!
//! Lines end in CRLF and have at most 998 bytes. Equal input gives equal bytes.

use std::borrow::Cow;

use super::ident::boundary;
use super::own_file::OwnFile;
use super::printer::Printed;
use super::row_files::Attached;

/// An upper limit for the bytes of a multipart's header block and boundary lines.
const FRAME: usize = 512;

/// The most bytes of a line of base64 (RFC 2045 section 6.8).
const LINE: usize = 76;

/// The encoded files of a message.
pub(super) struct Files<'a> {
    /// The files that the HTML shows, such as images.
    pub(super) inline: Vec<FilePart<'a>>,
    pub(super) attached: Vec<FilePart<'a>>,
}

/// The MIME part of a file.
pub(super) enum FilePart<'a> {
    Whole(Cow<'a, [u8]>),
    /// The headers with the empty line after them, and the content in base64 on one line.
    Base64(&'a [u8], &'a str),
}

impl<'a> FilePart<'a> {
    /// Returns the MIME part of a file that belongs to one row.
    pub(super) fn of(file: &'a OwnFile) -> Self {
        match &file.head {
            Some(head) => Self::Base64(head, &file.data),
            // The same part was built without an error when the file was read.
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

/// Returns the MIME parts of the inline files or of the attached files: first the files of all
/// rows, then the row's own files.
pub(super) fn parts<'a>(
    shared: impl Iterator<Item = &'a Vec<u8>>,
    own: &'a Attached,
    is_inline: bool,
) -> Vec<FilePart<'a>> {
    let own = own.0.iter().filter(|file| file.cid.is_some() == is_inline);
    let shared = shared.map(|part| FilePart::Whole(part.into()));
    shared.chain(own.map(FilePart::of)).collect()
}

/// Appends a message. `headers` ends in CRLF and contains neither MIME-Version nor Content-Type.
pub(super) fn assemble(
    out: &mut Vec<u8>,
    headers: &str,
    body: &Printed,
    files: &Files<'_>,
    message_id: &str,
) {
    let parts = files.inline.iter().chain(&files.attached);
    let attached: usize = parts.map(|part| part.len() + FRAME).sum();
    // Reserved in one step: a buffer that grows repeatedly copies its content each time.
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

/// Appends files as parts of a multipart, and the line that ends the multipart.
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

/// Appends the HTML, together with its inline files if there are any.
fn push_html(out: &mut Vec<u8>, body: &Printed, inline: &[FilePart<'_>], message_id: &str) {
    if inline.is_empty() {
        return body.push_html(out);
    }
    let boundary = begin(out, message_id, "related");
    push_line(out, &boundary, "");
    body.push_html(out);
    push_parts(out, &boundary, inline);
}

/// Appends a multipart's header block and returns its boundary.
fn begin(out: &mut Vec<u8>, message_id: &str, subtype: &str) -> String {
    let boundary = boundary(message_id, subtype);
    // RFC 2387 section 3.1 requires the type of the root part.
    let root = if subtype == "related" { "; type=\"text/html\"" } else { "" };
    for text in
        ["Content-Type: multipart/", subtype, root, ";\r\n boundary=\"", &boundary, "\"\r\n\r\n"]
    {
        out.extend_from_slice(text.as_bytes());
    }
    boundary
}

/// Appends the boundary line before a part. With the `end` of `--`, appends the line after the last
/// part.
fn push_line(out: &mut Vec<u8>, boundary: &str, end: &str) {
    for text in ["--", boundary, end, "\r\n"] {
        out.extend_from_slice(text.as_bytes());
    }
}
