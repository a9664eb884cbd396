//! The bytes of one mail: a header block of our own over parts that are encoded once.
//!
//! Lines end in CRLF and are at most 998 bytes long, and equal input gives equal bytes.

use super::body::Printed;
use super::ident::boundary;

/// More bytes than a multipart's own lines have.
const FRAME: usize = 512;

/// The encoded files of a message.
pub(super) struct Files<'a> {
    /// What the HTML shows.
    pub(super) inline: &'a [Vec<u8>],
    pub(super) attached: &'a [Vec<u8>],
}

/// Appends a message. `headers` ends in CRLF and holds neither MIME-Version nor Content-Type.
pub(super) fn assemble(
    out: &mut Vec<u8>,
    headers: &str,
    body: &Printed,
    files: &Files<'_>,
    message_id: &str,
) {
    let parts = files.inline.iter().chain(files.attached);
    let attached: usize = parts.map(|part| part.len() + FRAME).sum();
    // At once: growing by and by copies what is there each time.
    out.reserve(headers.len() + body.usual_size() + 2 * FRAME + attached);
    out.extend_from_slice(headers.as_bytes());
    out.extend_from_slice(b"MIME-Version: 1.0\r\n");
    if files.attached.is_empty() {
        return push_body(out, body, files.inline, message_id);
    }
    let boundary = begin(out, message_id, "mixed");
    push_line(out, &boundary, "");
    push_body(out, body, files.inline, message_id);
    push_parts(out, &boundary, files.attached);
}

/// Appends files, and the end of the multipart that they are in.
fn push_parts(out: &mut Vec<u8>, boundary: &str, files: &[Vec<u8>]) {
    for file in files {
        push_line(out, boundary, "");
        out.extend_from_slice(file);
    }
    push_line(out, boundary, "--");
}

fn push_body(out: &mut Vec<u8>, body: &Printed, inline: &[Vec<u8>], message_id: &str) {
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
fn push_html(out: &mut Vec<u8>, body: &Printed, inline: &[Vec<u8>], message_id: &str) {
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
