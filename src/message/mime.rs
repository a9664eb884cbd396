//! The bytes of one mail: a header block of our own over parts that are encoded once.
//!
//! Lines end in CRLF and are at most 998 bytes long, and equal input gives equal bytes.

use super::body::Printed;
use super::ident::boundary;

/// More bytes than a multipart's own lines have.
const FRAME: usize = 512;

/// Appends a message. `headers` ends in CRLF and holds neither MIME-Version nor Content-Type;
/// `attachments` are encoded parts.
pub(super) fn assemble(
    out: &mut Vec<u8>,
    headers: &str,
    body: &Printed,
    attachments: &[Vec<u8>],
    message_id: &str,
) {
    let attached: usize = attachments.iter().map(|part| part.len() + FRAME).sum();
    // At once: growing by and by copies what is there each time.
    out.reserve(headers.len() + body.usual_size() + 2 * FRAME + attached);
    out.extend_from_slice(headers.as_bytes());
    out.extend_from_slice(b"MIME-Version: 1.0\r\n");
    if attachments.is_empty() {
        return push_body(out, body, message_id);
    }
    let boundary = begin(out, message_id, "mixed");
    push_line(out, &boundary, "");
    push_body(out, body, message_id);
    for attachment in attachments {
        push_line(out, &boundary, "");
        out.extend_from_slice(attachment);
    }
    push_line(out, &boundary, "--");
}

fn push_body(out: &mut Vec<u8>, body: &Printed, message_id: &str) {
    if !body.has_html() {
        return body.push_text(out);
    }
    let boundary = begin(out, message_id, "alternative");
    push_line(out, &boundary, "");
    body.push_text(out);
    push_line(out, &boundary, "");
    body.push_html(out);
    push_line(out, &boundary, "--");
}

/// Appends a multipart's header block.
fn begin(out: &mut Vec<u8>, message_id: &str, subtype: &str) -> String {
    let boundary = boundary(message_id, subtype);
    for text in ["Content-Type: multipart/", subtype, ";\r\n boundary=\"", &boundary, "\"\r\n\r\n"]
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
